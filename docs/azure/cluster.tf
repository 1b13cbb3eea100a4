resource "azurerm_kubernetes_cluster" "prod" {
  name                      = "prod"
  resource_group_name       = azurerm_resource_group.shop.name
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"

  maintenance_window_auto_upgrade {
    frequency   = "RelativeMonthly"
    interval    = 1
    week_index  = "First"
    day_of_week = "Saturday"
    start_time  = "06:00"
    utc_offset  = "+02:00"
    duration    = 8
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "01:00"
    duration    = 4

    not_allowed {
      start = "2027-12-21T00:00:00Z"
      end   = "2028-01-03T00:00:00Z"
    }
  }
}
