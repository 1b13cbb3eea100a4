"""What az prints and takes in a file, and Azure Service Operator's manifests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from napsim.azure import formats
from napsim.azure.imports import Imports
from napsim.reading.sources import Text
from tests.azure.windows import NODE_OS, WINDOW, specs

CLUSTER = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/c"
ID = f"{CLUSTER}/maintenanceConfigurations/{NODE_OS}"
SPEC = {"configName": NODE_OS, "maintenanceWindow": WINDOW}
WITH_NULLS = WINDOW | {"schedule": {**WINDOW["schedule"], "absoluteMonthly": None, "daily": None}}
SERVERS: dict[str, Any] = {"id": ID, "resourceGroup": "rg", "systemData": None, "type": None}
SHOWN: dict[str, Any] = {
    **SERVERS,
    "name": NODE_OS,
    "maintenanceWindow": WITH_NULLS,
    "notAllowedTime": None,
    "timeInWeek": None,
}
ASO: dict[str, Any] = {
    "apiVersion": "containerservice.azure.com/v20260501",
    "kind": "MaintenanceConfiguration",
    "metadata": {"name": "windows", "namespace": "clusters"},
    "spec": {"azureName": NODE_OS, "owner": {"name": "prod"}, "maintenanceWindow": WINDOW},
}


def read(given: Any, file: str = "given.json", name: str = "") -> Imports:
    found = Imports()
    text = given if isinstance(given, str) else json.dumps(given, indent=1)
    formats.read(found, Text(file, text), name)
    return found


SHAPES: dict[str, Any] = {
    "show": SHOWN,
    "list": [SHOWN],
    "the REST API": {"value": [{**SERVERS, "properties": {"maintenanceWindow": WITH_NULLS}}]},
    "an id alone": {"id": ID, "properties": {"maintenanceWindow": WINDOW}},
    "Azure Service Operator": ASO,
    "show --output yaml": (
        f"name: {NODE_OS}\nmaintenanceWindow:\n  schedule:\n    weekly: {{intervalWeeks: 2, dayOfWeek: Tuesday}}\n"
        "    daily: null\n  startDate: '2026-03-03'\n  startTime: 22:30\n  durationHours: 6\n  utcOffset: +02:00\n"
        "  notAllowedDates:\n  - {start: '2026-12-21', end: '2027-01-03'}\ntimeInWeek: null\n"
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_the_same_configuration(shape: Any) -> None:
    assert specs(read(shape, "given.yaml")) == [SPEC]


@pytest.mark.parametrize("shape", [{"maintenanceWindow": WINDOW}, {"properties": {"maintenanceWindow": WINDOW}}])
def test_a_config_file_has_its_name_from_the_option_or_from_its_own(shape: dict[str, Any]) -> None:
    assert specs(read(shape, name=NODE_OS)) == specs(read(shape, f"folder/{NODE_OS}.json")) == [SPEC]
    (mistake,) = read(shape).mistakes
    assert (mistake.field, mistake.message.partition(":")[0]) == ("name", "a file for --config-file has no name")
    (mistake,) = read(SHOWN, name="default").mistakes
    assert mistake.message == "--name says default"


def test_object_names_are_those_of_the_examples() -> None:
    names = [{**SHOWN, "name": name} for name in (NODE_OS, "aksManagedAutoUpgradeSchedule")]
    slots = {"name": "default", "timeInWeek": [{"day": "Monday", "hourSlots": [0, 1]}], "notAllowedTime": []}
    found = read([*names, slots])
    assert [manifest["metadata"]["name"] for manifest in found.judged()] == [
        "aks-managed-node-os-upgrade-schedule",
        "aks-managed-auto-upgrade-schedule",
        "default",
    ]
    assert specs(found)[2] == {"configName": "default", "timeInWeek": slots["timeInWeek"]}


def test_the_upgrade_channels_of_a_cluster_are_settings() -> None:
    profile = {"nodeOsUpgradeChannel": "SecurityPatch", "upgradeChannel": "patch"}
    channels = {"upgradeChannel": "patch", "nodeOSUpgradeChannel": "SecurityPatch"}
    shown = read({"name": "prod", "location": "westeurope", "autoUpgradeProfile": profile})
    assert specs(shown) == specs(read(profile)) == [channels]
    assert [note.message for note in shown.notes] == ["of a cluster autoUpgradeProfile alone is read"]
    cluster = {**ASO, "kind": "ManagedCluster", "spec": {"location": "westeurope", "autoUpgradeProfile": channels}}
    assert specs(read(cluster)) == [channels]
    none = read({"upgradeChannel": None, "nodeOSUpgradeChannel": None})
    assert (specs(none), [note.message for note in none.notes]) == ([], ["no upgrade channel is set"])
    (mistake,) = read({"nodeOsUpgradeChannel": "Unspecified"}).mistakes
    assert (mistake.field, mistake.value) == ("nodeOsUpgradeChannel", "Unspecified")


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    window = {**WINDOW, "durationHours": 3, "dayOfWeek": "Monday", "startTime": "25:00"}
    given = [{**SHOWN, "maintenanceWindow": window}, {**SHOWN, "maintenanceWindowId": "/x", "colour": "red"}, 7]
    found = read(given)
    assert [(it.field, it.value) for it in found.mistakes] == [
        ("maintenanceWindow.durationHours", 3),
        ("maintenanceWindow.startTime", "25:00"),
        ("maintenanceWindow.dayOfWeek", None),
        ("maintenanceWindowId", "/x"),
        ("colour", None),
        ("", 7),
    ]
    lines = json.dumps(given, indent=1).splitlines()
    shown = [lines[it.line - 1].strip() for it in found.mistakes]
    names = ["durationHours", "startTime", "dayOfWeek", "maintenanceWindowId", "colour"]
    assert [line.partition(":")[0].strip('"') for line in shown] == [*names, "7"]


def test_one_configuration_twice_is_a_mistake() -> None:
    found = read([SHOWN, SHOWN])
    found.judged()
    (mistake,) = found.mistakes
    assert mistake.message == f"a cluster has one configuration {NODE_OS}, and given.json:2 has it too"


def test_azure_service_operator_needs_the_name_that_aks_reads() -> None:
    lower = {**ASO, "metadata": {"name": NODE_OS.lower()}, "spec": {"maintenanceWindow": WINDOW}}
    (mistake,) = read(lower).mistakes
    assert mistake.field == "metadata.name"
    assert f"{NODE_OS.lower()} should be {NODE_OS}" in mistake.message
    assert mistake.message.endswith("say it with spec.azureName")
    default = {**ASO, "metadata": {"name": "default"}, "spec": {"timeInWeek": [{"day": "Monday"}]}}
    assert specs(read(default)) == [{"configName": "default", "timeInWeek": [{"day": "Monday"}]}]


def test_what_is_left_out_of_azure_service_operators_manifests_is_said() -> None:
    (note,) = read(ASO).notes
    assert note.field == "spec.owner"
    other = read({**ASO, "kind": "ManagedClustersAgentPool"})
    assert [note.message for note in other.notes] == ["is not read: it says nothing of maintenance"]
    assert [it.field for it in read({**ASO, "spec": {**ASO["spec"], "properties": {}}}).mistakes] == ["spec.properties"]
    assert [it.field for it in read({**ASO, "spec": None}).mistakes] == ["spec"]
