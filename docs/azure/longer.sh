# The same night for eight hours. What is not given again is gone: add and update send the same.
az aks maintenanceconfiguration update --resource-group shop --cluster-name prod \
  --name aksManagedNodeOSUpgradeSchedule --schedule-type Weekly --interval-weeks 1 --day-of-week Sunday \
  --start-date 2027-01-03 --start-time 01:00 --duration 8
