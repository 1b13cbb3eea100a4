"""Terraform as HCL and as `terraform show -json`: what is read, and what is named with file and line."""

from __future__ import annotations

import json
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from napsim.azure import formats, hcl
from napsim.azure.imports import Expression, Imports
from napsim.reading.sources import Text
from tests.azure.windows import NODE_OS, WINDOW, specs

AUTO = "aksManagedAutoUpgradeSchedule"
TYPE = "Microsoft.ContainerService/managedClusters/maintenanceConfigurations@2025-09-01"
CLUSTER = """\
# the cluster
resource "azurerm_kubernetes_cluster" "main" {
  name                      = "prod"
  location                  = azurerm_resource_group.main.location
  automatic_upgrade_channel = "patch"

  default_node_pool {
    node_count = var.nodes
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 2
    duration    = 6
    day_of_week = "Tuesday"
    start_time  = "22:30"
    utc_offset  = "+02:00"
    start_date  = "2026-03-03T00:00:00Z"

    not_allowed {
      start = "2026-12-21T00:00:00Z"
      end   = "2027-01-03T00:00:00Z"
    }
  }

  maintenance_window {
    allowed {
      day   = "Sunday"
      hours = [1, 2]
    }
  }
}
"""
SPECS: list[dict[str, Any]] = [
    {"configName": "default", "timeInWeek": [{"day": "Sunday", "hourSlots": [1, 2]}]},
    {"configName": NODE_OS, "maintenanceWindow": WINDOW},
    {"upgradeChannel": "patch"},
]


def read(text: str, file: str = "main.tf") -> Imports:
    found = Imports()
    formats.read(found, Text(file, text))
    return found


def told(found: Imports) -> list[tuple[int, str, str]]:
    return [(it.line, it.field, it.message) for it in found.mistakes]


def shown(resource: dict[str, Any], key: str = "values") -> str:
    """A state, the resource in a module of it."""
    root = {"child_modules": [{"address": "module.aks", "resources": [{"mode": "managed", **resource}]}]}
    return json.dumps({"format_version": "1.0", key: {"root_module": root}})


def test_a_cluster_of_azurerm_is_its_windows_and_channels() -> None:
    assert specs(read(CLUSTER)) == specs(read(CLUSTER, "(stdin)")) == SPECS


def test_the_older_names_of_the_channels_are_read_too() -> None:
    older = 'resource "azurerm_kubernetes_cluster" "c" {\nautomatic_channel_upgrade = "rapid"\n'
    assert specs(read(older + 'node_os_channel_upgrade = "None"\n}')) == [
        {"upgradeChannel": "rapid", "nodeOSUpgradeChannel": "None"}
    ]


@pytest.mark.parametrize("key", ["values", "planned_values"])
def test_a_state_and_a_plan_are_read_with_their_modules(key: str) -> None:
    window = {
        "frequency": "RelativeMonthly", "interval": 1, "duration": 4, "day_of_week": "Monday", "day_of_month": 0,
        "week_index": "Last", "start_time": "01:00", "utc_offset": "", "start_date": None, "not_allowed": [],
    }  # fmt: skip
    values = {
        "name": "prod", "automatic_upgrade_channel": None, "node_os_upgrade_channel": "NodeImage",
        "maintenance_window": [], "maintenance_window_auto_upgrade": [window], "maintenance_window_node_os": [],
    }  # fmt: skip
    resource = {"address": "module.aks.azurerm_kubernetes_cluster.c", "type": "azurerm_kubernetes_cluster"}
    relative = {"relativeMonthly": {"intervalMonths": 1, "weekIndex": "Last", "dayOfWeek": "Monday"}}
    assert specs(read(shown({**resource, "values": values}, key), "plan.json")) == [
        {
            "configName": AUTO,
            "maintenanceWindow": {"schedule": relative, "durationHours": 4, "startTime": "01:00"},
        },
        {"nodeOSUpgradeChannel": "NodeImage"},
    ]
    wrong = read(shown({**resource, "values": {"maintenance_window_node_os": [{**window, "interval": 9}]}}), "s.json")
    (mistake,) = wrong.mistakes
    assert (mistake.object, mistake.field) == (resource["address"], "maintenance_window_node_os[0].interval")


BODY = {"properties": {"maintenanceWindow": WINDOW}}
BODY_HCL = """{
    properties = {
      maintenanceWindow = {
        schedule        = { weekly = { intervalWeeks = 2, dayOfWeek = "Tuesday" } }
        startDate       = "2026-03-03", startTime = "22:30"
        "durationHours" : 6
        utcOffset       = "+02:00"
        notAllowedDates = [{ start = "2026-12-21", end = "2027-01-03" }]
      }
    }
  }"""


@pytest.mark.parametrize("body", [BODY_HCL, f"jsonencode({BODY_HCL})"], ids=["object", "jsonencode"])
def test_azapi_has_the_body_of_the_rest_api(body: str) -> None:
    text = f'resource "azapi_resource" "w" {{\n  type = "{TYPE}"\n  name = "{NODE_OS}"\n  body = {body}\n}}\n'
    assert specs(read(text)) == [SPECS[1]]


@pytest.mark.parametrize("body", [BODY, json.dumps(BODY)], ids=["object", "text"])
def test_azapi_in_a_state_has_its_body_as_an_object_or_as_a_text(body: object) -> None:
    values = {"type": TYPE.lower(), "name": NODE_OS, "body": body}
    resource = {"address": "azapi_resource.w", "type": "azapi_resource", "values": values}
    assert specs(read(shown(resource), "state.json")) == [SPECS[1]]


def test_what_is_no_literal_is_named_where_it_stands_all_at_once() -> None:
    text = (
        CLUSTER.replace("= 6", "= var.hours").replace('"2027-01', '"${local.year}-01').replace("[1, 2]", "[1, var.h]")
    )
    text = text.replace('"patch"', 'var.on ? "patch" : null')
    text += f'resource "azapi_resource" "w" {{\n  type = "{TYPE}"\n  name = local.name\n  body = file("w.json")\n}}\n'
    found = read(text)
    assert [(line, field, message.partition(":")[0]) for line, field, message in told(found)] == [
        (29, "maintenance_window[0].allowed[0].hours[1]", "var.h"),
        (14, "maintenance_window_node_os[0].duration", "var.hours"),
        (22, "maintenance_window_node_os[0].not_allowed[0].end", '"${local.year}-01-03T00'),
        (5, "automatic_upgrade_channel", 'var.on ? "patch" '),
        (35, "name", "local.name"),
        (36, "body", 'file("w.json")'),
    ]
    assert all("terraform show -json" in it.message for it in found.mistakes)


NEVER = 'not_allowed {\nstart = "2026-01-02"\nend = "2026-01-01"\n}'
DYNAMIC = 'dynamic "not_allowed" {\nfor_each = var.x\ncontent {}\n}'


@pytest.mark.parametrize(
    ("inserted", "line", "field", "message"),
    [
        ('color = "red"', 12, "maintenance_window_node_os[0].color", "unknown field; known are frequency, interval"),
        ("interval = 0", 12, "maintenance_window_node_os[0].interval", "Required value"),
        ("interval = 9", 12, "maintenance_window_node_os[0].interval", "must be less than or equal to 4"),
        ("interval = 1.5", 12, "maintenance_window_node_os[0].interval", "must be of type integer"),
        ('frequency = "Hourly"', 12, "maintenance_window_node_os[0].frequency", "must be one of Daily, Weekly"),
        ("frequency = local.f", 12, "maintenance_window_node_os[0].frequency", "local.f: "),
        ('start_date = "soon"', 12, "maintenance_window_node_os[0].start_date", "must be of type date"),
        (NEVER, 14, "maintenance_window_node_os[0].not_allowed[0].end", "end must not be before"),
        ("not_allowed = var.x", 12, "maintenance_window_node_os[0].not_allowed", "var.x: "),
        ("not_allowed = 3", 12, "maintenance_window_node_os[0].not_allowed", "must be blocks"),
        (DYNAMIC, 12, "maintenance_window_node_os[0].not_allowed", 'dynamic "not_allowed": '),
    ],
)  # fmt: skip
def test_a_mistake_in_a_block_is_told_of_the_field_that_was_written(
    inserted: str, line: int, field: str, message: str
) -> None:
    rest = {
        "frequency": '"Weekly"', "interval": "1", "duration": "4", "day_of_week": '"Sunday"', "start_time": '"01:00"',
    }  # fmt: skip
    lines = [f"{key} = {value}" for key, value in rest.items() if not inserted.startswith(f"{key} =")]
    block = "\n".join(["maintenance_window_node_os {", inserted, *lines, "}"])
    found = read("\n" * 9 + f'resource "azurerm_kubernetes_cluster" "c" {{\n{block}\n}}\n')
    ((at, where, what),) = told(found)
    assert (at, where) == (line, field)
    assert what.startswith(message)


def test_several_of_a_block_and_of_a_resource_are_named() -> None:
    twice = read(
        CLUSTER.replace("  maintenance_window {", "  maintenance_window_node_os {\n  }\n  maintenance_window {")
    )
    assert [(field, message) for _, field, message in told(twice)] == [
        ("maintenance_window_node_os", "must be one block")
    ]
    counted = read(CLUSTER.replace("  name  ", "  count = 2\n  name  "))
    assert [(line, field) for line, field, _ in told(counted)] == [(3, "count")]
    dynamic = 'resource "azurerm_kubernetes_cluster" "c" {\n  dynamic "maintenance_window" {\n    content {}\n  }\n}\n'
    assert [(line, field) for line, field, _ in told(read(dynamic))] == [(2, "maintenance_window")]


def test_what_is_left_out_is_said() -> None:
    text = CLUSTER.replace('day_of_week = "Tuesday"', 'day_of_week = "Tuesday"\n    day_of_month = 3')
    text = text.replace("2026-03-03T00:00:00Z", "2026-03-03T05:00:00Z")
    text += 'module "other" {\n  source = "./other"\n}\nresource "azurerm_kubernetes_cluster" "plain" {\n}\n'
    found = read(text)
    assert specs(found) == SPECS
    assert [(it.object, it.field, it.message) for it in found.notes] == [
        (
            "azurerm_kubernetes_cluster.main",
            "maintenance_window_node_os[0].day_of_month",
            "azurerm does not send it with frequency Weekly: left out",
        ),
        (
            "azurerm_kubernetes_cluster.main",
            "maintenance_window_node_os[0].start_date",
            "azurerm sends 2026-03-03 alone",
        ),
        ("module.other", "", "a module is not followed; `terraform show -json` prints what it comes to"),
        ("azurerm_kubernetes_cluster.plain", "", "neither windows nor upgrade channels: nothing is read"),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"a \\"b\\" \\\\ $${x} %%{y} \\u00e9\\n"', 'a "b" \\ ${x} %{y} é\n'),
        ('"a\\UFFFFFFFFb\\ud800c"', "a\ufffdb\ufffdc"),
        ("-3", -3),
        ("1.5", 1.5),
        ("(true)", True),
        ("null", None),
        ('[1, "b",\n # more\n null]', [1, "b", None]),
    ],
)
def test_literal_values_are_what_terraform_takes_them_for(written: str, value: object) -> None:
    ((block,), wrong) = hcl.blocks("x.tf", f"locals {{\n  x = {written}\n}}\n")
    assert wrong == []
    assert block.document.manifest == {"x": value}


@pytest.mark.parametrize("written", ["!true", "-var.x", "1 + 1", "<<EOT\nx\nEOT\n", '"%{ if true }x%{ endif }"', "f()"])
def test_anything_else_is_an_expression(written: str) -> None:
    ((block,), _) = hcl.blocks("x.tf", f"locals {{\n  x = {written}\n}}\n")
    assert isinstance(block.document.manifest["x"], Expression)


def test_what_is_not_hcl_is_told_with_its_line() -> None:
    (mistake,) = read("locals {\n}\n\nresource {\n  a = \n}\n").mistakes
    assert mistake.line == 5
    assert mistake.message.startswith("not valid HCL: ")


def test_terraforms_own_json_is_named_and_not_taken_for_something_else() -> None:
    (mistake,) = read(json.dumps({"resource": {"azurerm_kubernetes_cluster": {}}}), "main.tf.json").mistakes
    assert mistake.message.startswith("Terraform's JSON syntax is not read")
    assert [it.field for it in read('{"format_version": "1.0"}', "plan.json").mistakes] == ["values"]
    stored = {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "resources": []}
    (mistake,) = read(json.dumps(stored), "terraform.tfstate").mistakes
    assert mistake.message == "a state as Terraform keeps it is not read: give what `terraform show -json` prints"


def test_without_its_parser_hcl_is_refused_with_the_name_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleType:
        return import_module(f"{name}.absent" if name == "hcl2.api" else name)

    monkeypatch.setattr(hcl, "import_module", absent)
    with pytest.raises(hcl.ExtraMissing, match=r"pip install 'napsim\[terraform\]'"):
        read(CLUSTER)
