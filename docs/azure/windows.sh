# Nodes get new images on Sunday nights, from 2027 on.
az aks maintenanceconfiguration add --resource-group shop --cluster-name prod \
  --name aksManagedNodeOSUpgradeSchedule --schedule-type Weekly --interval-weeks 1 --day-of-week Sunday \
  --start-date 2027-01-03 --start-time 01:00 --duration 4
