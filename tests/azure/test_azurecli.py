"""The real az, against a Resource Manager of this machine: what docs/azure.md says of it, what napsim writes for it.

What az sends is read back by `napsim import`, and is what napsim's own command beside it makes of the same.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from hack import azurecli
from napsim.azure.commands import FIELDS_OF
from napsim.cli.main import app
from tests.azure import drawn
from tests.azure.azurecli.program import CommandLine, Said, command_line
from tests.azure.azurecli.resourcemanager import ResourceManager, resource, resource_manager
from tests.azure.test_messages import COMMANDS, NODE_OS, command, read
from tests.docs.blocks import ROOT, Block, Run, blocks_of

PAGE = "docs/azure.md"
HERE = "tests/azure/test_azurecli.py"
AUTO = "aksManagedAutoUpgradeSchedule"
ADD = "az aks maintenanceconfiguration add: "
Spec = dict[str, Any]
# What `az aks update` looks at, whatever it is to change.
CLUSTER: Spec = {
    "location": "westeurope",
    "identity": {"type": "SystemAssigned"},
    "properties": {
        "agentPoolProfiles": [{"name": "system", "mode": "System", "count": 1}],
        "identityProfile": {"kubeletidentity": {"objectId": "22222222-2222-2222-2222-222222222222"}},
        "networkProfile": {"outboundType": "loadBalancer"},
    },
}


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResourceManager]:
    with resource_manager(tmp_path_factory.mktemp("arm")) as found:
        yield found


@pytest.fixture(scope="module")
def az(tmp_path_factory: pytest.TempPathFactory, manager: ResourceManager) -> Iterator[CommandLine]:
    with command_line(tmp_path_factory.mktemp("az"), manager) as found:
        yield found


@pytest.fixture(autouse=True)
def cluster(manager: ResourceManager) -> str:
    """The id of the one cluster that there is, without a configuration."""
    manager.empty()
    path = resource("shop", "prod")
    manager.keep(path, json.loads(json.dumps(CLUSTER)))
    return path


def napsim(*words: object, given: str = "") -> str:
    """What a command of napsim prints."""
    done = CliRunner().invoke(app, list(map(str, words)), input=given)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def imported(given: str, *words: str) -> list[Spec]:
    """The specs that `napsim import az` reads in a text, by the names of the configurations."""
    specs = [it["spec"] for it in yaml.safe_load_all(napsim("import", "az", "-", *words, given=given))]
    return sorted(specs, key=lambda spec: str(spec.get("configName")))


def listed(manager: ResourceManager) -> list[Spec]:
    """The same of what Azure has now."""
    return imported(json.dumps(manager.below("shop", "prod")))


def change(az: CommandLine, *options: str, verb: str = "add") -> Said:
    return az.run("aks", "maintenanceconfiguration", verb, "-g", "shop", "--cluster-name", "prod", *options)


# --- the page ---------------------------------------------------------------------------------------------------------


def theirs() -> list[Block]:
    return [it for it in blocks_of(PAGE) if it.marking.run is Run.ELSEWHERE and it.marking.why == HERE]


def test_the_commands_of_the_page_do_in_azure_what_those_beside_them_do_here(
    az: CommandLine, manager: ResourceManager, tmp_path: Path
) -> None:
    create, show, update, every, delete = (block.text for block in theirs())
    first, longer = (imported((ROOT / f"docs/azure/{name}.sh").read_text()) for name in ("windows", "longer"))
    assert az.shell(create, tmp_path).code == 0
    assert listed(manager) == first
    assert imported(json.dumps(manager.put[resource("shop", "prod", NODE_OS)]), "--name", NODE_OS) == first
    assert imported(az.shell(show, tmp_path).out) == first
    assert az.shell(update, tmp_path).code == 0
    assert longer != first
    assert listed(manager) == longer
    assert imported(az.shell(every, tmp_path).out) == longer
    assert az.shell(delete, tmp_path).code == 0
    assert manager.below("shop", "prod") == {"value": []}


def test_the_scripts_beside_the_page_are_its_commands() -> None:
    create, _, update, _, _ = (block.text for block in theirs())
    for block, name in ((create, "windows"), (update, "longer")):
        script = (ROOT / f"docs/azure/{name}.sh").read_text()
        assert shlex.split(block) == shlex.split(script, comments=True)


def test_what_the_page_pipes_into_napsim_is_what_az_prints(
    az: CommandLine, manager: ResourceManager, cluster: str, tmp_path: Path
) -> None:
    (piped,) = [block.text for block in blocks_of(PAGE) if "az aks show" in block.text]
    shown = json.loads((ROOT / "docs/azure/show.json").read_text())
    window = {"maintenanceWindow": shown["maintenanceWindow"]}
    manager.keep(resource("shop", "prod", NODE_OS), {"properties": json.loads(json.dumps(window))})
    channels = {"upgradeChannel": "patch", "nodeOSUpgradeChannel": "NodeImage"}
    manager.kept[cluster]["properties"]["autoUpgradeProfile"] = channels
    assert change(az, "-n", NODE_OS, verb="show").json() == shown
    lines = [line for line in piped.splitlines() if line.startswith("az ")]
    done = az.shell("\n".join(lines), tmp_path)
    assert done.code == 0, done.err
    written = [yaml.safe_load((tmp_path / f"{name}.yaml").read_text())["spec"] for name in ("windows", "channels")]
    assert written == [*imported(json.dumps(shown)), channels]


# --- what napsim writes -----------------------------------------------------------------------------------------------


def window(schedule: Spec, **others: Any) -> Spec:
    return {"maintenanceWindow": {"schedule": schedule, "durationHours": 6, "startTime": "22:30", **others}}


WEEKLY: Spec = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
FORTNIGHTLY: Spec = {"weekly": {"intervalWeeks": 2, "dayOfWeek": "Saturday"}}
DAILY: Spec = {"daily": {"intervalDays": 2}}
ABSOLUTE: Spec = {"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 15}}
RELATIVE: Spec = {"relativeMonthly": {"intervalMonths": 2, "dayOfWeek": "Monday", "weekIndex": "Last"}}
HOUR: Spec = {"timeInWeek": [{"day": "Friday", "hourSlots": [0]}]}
HOURS: Spec = {"timeInWeek": [{"day": "Saturday", "hourSlots": [1, 2]}, {"day": "Sunday"}]}
NEVER: Spec = {"notAllowedTime": [{"start": "2027-12-21T06:30:00Z", "end": "2028-01-03T00:00:00Z"}]}
HOLIDAYS: Spec = {"notAllowedDates": [{"start": "2027-12-21", "end": "2028-01-03"}]}
# What the three configurations of a cluster are: that of Kubernetes, that of the nodes' images, default.
CLUSTERS: dict[str, tuple[Spec, Spec, Spec]] = {
    "options": (window(DAILY, utcOffset="-08:00"), window(WEEKLY, startDate="2027-01-03", utcOffset="+05:30"), HOUR),
    "options, monthly": (window(RELATIVE, startDate="2027-01-31"), window(ABSOLUTE), {**HOURS, **NEVER}),
    "files": (window(FORTNIGHTLY, **HOLIDAYS), window(ABSOLUTE, utcOffset="-03:00", **HOLIDAYS), window(WEEKLY)),
}
CHANNELS: Spec = {"upgradeChannel": "stable", "nodeOSUpgradeChannel": "SecurityPatch"}


def exported(specs: Sequence[Spec], *options: str, channels: Spec | None = None) -> str:
    """The script that `napsim export az` makes of manifests."""
    manifests = [drawn.manifest("MaintenanceConfiguration", spec, f"mc-{at}") for at, spec in enumerate(specs)]
    if channels:
        manifests.append(drawn.manifest("NodeAutoProvisioning", channels))
    text = yaml.safe_dump_all(manifests)
    return napsim("export", "az", "-", "--cluster-name=prod", "--resource-group=shop", *options, given=text)


@pytest.mark.parametrize(("name", "folder"), [*((name, "") for name in CLUSTERS), ("options", "windows")])
def test_the_commands_that_napsim_writes_bring_its_manifests_to_azure(
    az: CommandLine, manager: ResourceManager, tmp_path: Path, name: str, folder: str
) -> None:
    named = zip((AUTO, NODE_OS, "default"), CLUSTERS[name], strict=True)
    specs = [{"configName": of, **spec} for of, spec in named]
    into = ["--output", str(tmp_path / folder)] if folder else []
    done = az.shell(exported(specs, *into, channels=CHANNELS), tmp_path)
    assert done.code == 0, done.err
    assert listed(manager) == specs
    for form in ("json", "yaml"):
        shown = change(az, "--output", form, verb="list").out.replace("+00:00'", "Z'").replace('+00:00"', 'Z"')
        assert imported(shown) == specs, "az writes the Z of notAllowedTime as an offset"
    assert imported(az.run("aks", "show", "-g", "shop", "-n", "prod").out) == [CHANNELS]


def test_add_is_for_what_the_cluster_has_not_and_update_for_what_it_has(
    az: CommandLine, manager: ResourceManager, tmp_path: Path
) -> None:
    before, after = ({"configName": NODE_OS, **window(schedule)} for schedule in (WEEKLY, RELATIVE))
    add, update = exported([before]), exported([after], "--update")
    assert f"Maintenance configuration '{NODE_OS}' doesn't exist" in az.shell(update, tmp_path).err
    assert manager.below("shop", "prod") == {"value": []}
    assert az.shell(add, tmp_path).code == 0
    assert f"Maintenance configuration '{NODE_OS}' already exists" in az.shell(add, tmp_path).err
    assert listed(manager) == [before]
    assert az.shell(update, tmp_path).code == 0
    assert listed(manager) == [after]


def test_the_day_of_a_month_goes_as_a_text_from_an_option_which_is_why_a_file_is_written(
    az: CommandLine, manager: ResourceManager
) -> None:
    options = "--schedule-type AbsoluteMonthly --interval-months 1 --day-of-month 15 --start-time 01:00 --duration 4"
    assert change(az, "-n", NODE_OS, *options.split()).code == 0
    sent = manager.put[resource("shop", "prod", NODE_OS)]["properties"]["maintenanceWindow"]["schedule"]
    assert sent == {"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": "15"}}


def test_a_file_goes_as_it_is_which_is_why_one_without_properties_has_a_note(
    az: CommandLine, manager: ResourceManager, tmp_path: Path
) -> None:
    (tmp_path / "flat.json").write_text(json.dumps(HOURS))
    assert change(az, "-n", "default", "--config-file", str(tmp_path / "flat.json"), "--start-hour", "3").code == 0
    assert manager.put[resource("shop", "prod", "default")] == HOURS
    assert change(az, "-n", NODE_OS, "--config-file", f"@{tmp_path / 'flat.json'}").code != 0


# --- what az says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "says"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_az_says_what_napsim_says_in_its_name(
    az: CommandLine, manager: ResourceManager, options: str, says: str
) -> None:
    said = change(az, *shlex.split(options))
    assert said.refusal.removeprefix(ADD) == says
    assert manager.put == {}


def test_every_option_of_az_is_known(az: CommandLine) -> None:
    shown = az.run("aks", "maintenanceconfiguration", "add", "--help").out
    options = set(re.findall(r"^ {4}(--[a-z-]+) .*:", shown, re.MULTILINE)) - {"--help"}
    assert options > {"--config-file", *VALUES, "--query"}
    unknown = "unrecognized arguments"
    told = {option: [it.message for it in read(command(f"-n default {option}")).mistakes] for option in options}
    assert [option for option, messages in told.items() if any(unknown in message for message in messages)] == []


@pytest.mark.parametrize("verb", ["create", "update"])
def test_the_options_of_the_channels_are_those_of_az(az: CommandLine, verb: str) -> None:
    shown = az.run("aks", verb, "--help").out
    for option in ("--auto-upgrade-channel", "--node-os-upgrade-channel"):
        assert len(re.findall(rf"^ {{4}}{option} .*:", shown, re.MULTILINE)) == 1


VALUES: dict[str, tuple[str, ...]] = {
    "--weekday": ("Monday", "friday", "Caturday"),
    "--start-hour": ("3", "x", "25"),
    "--schedule-type": ("Daily", "weekly", "AbsoluteMonthly", "RelativeMonthly", "Yearly"),
    "--start-date": ("2027-01-03", "3.1.2027"),
    "--start-time": ("01:00", "1:00", "25:00"),
    "--utc-offset": ("+02:00", "-08:00", "2"),
    "--duration": ("4", "30", "y"),
    "--interval-days": ("1", "9"),
    "--interval-weeks": ("1", "2"),
    "--interval-months": ("1", "7"),
    "--day-of-week": ("Sunday", "sunday"),
    "--day-of-month": ("3", "40"),
    "--week-index": ("Last", "first", "Fifth"),
}


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """Options of a window or an hour, most of them right, some left out, some that do not belong."""
    kind = draw(st.sampled_from([*FIELDS_OF, ""]))
    right = (
        ["--schedule-type", *FIELDS_OF[kind], "--start-time", "--duration"] if kind else ["--weekday", "--start-hour"]
    )
    options = {option: VALUES[option][0] for option in right} | ({"--schedule-type": kind} if kind else {})
    for option in draw(st.lists(st.sampled_from(right), max_size=1)):
        options.pop(option, None)
    for option in draw(st.lists(st.sampled_from(list(VALUES)), max_size=2)):
        options[option] = draw(st.sampled_from(VALUES[option]))
    name = draw(st.sampled_from(("default", AUTO, NODE_OS, "nightly")))
    return [f"--name={name}", *(f"{option}={value}" for option, value in draw(st.permutations(list(options.items()))))]


@settings(max_examples=60, deadline=None)
@given(options=commands())
def test_any_command_is_taken_or_refused_as_az_does(
    az: CommandLine, manager: ResourceManager, options: list[str]
) -> None:
    manager.empty()
    said, found = change(az, *options), read(command(shlex.join(options)))
    told = [mistake.message for mistake in found.mistakes]
    if said.code:
        assert told[0] == said.refusal.removeprefix(ADD)
        return
    assert [message for message in told if not message.endswith("(the server refuses it)")] == []
    (body,) = manager.put.values()
    (manifest,) = found.judged()
    assert spelled({"configName": manifest["spec"]["configName"], **body["properties"]}) == spelled(manifest["spec"])


def spelled(value: Any) -> Any:
    """In one case and without empty lists; numbers as texts: az sends days as they are written."""
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items() if inner != []}
    return [spelled(inner) for inner in value] if isinstance(value, list) else str(value).lower()


# --- the machine ------------------------------------------------------------------------------------------------------


def test_the_packages_of_az_are_those_that_it_asks_for(az: CommandLine) -> None:
    (site,) = azurecli.environment().glob("lib/python3*/site-packages")
    installed = {canonicalize_name(it.metadata["Name"]): it for it in distributions(path=[str(site)])}
    asked = [Requirement(line) for it in installed.values() for line in it.requires or []]
    there = [it for it in asked if canonicalize_name(it.name) in installed and (not it.marker or it.marker.evaluate())]
    assert {"azure-cli-core", "azure-mgmt-containerservice", "azure-core", "msal"} <= {it.name for it in there}
    assert [str(it) for it in there if not it.specifier.contains(installed[canonicalize_name(it.name)].version)] == []
    version = az.run("version").json()
    assert version["azure-cli"] == installed[canonicalize_name("azure-cli")].version


def test_nothing_leaves_the_machine(az: CommandLine, tmp_path: Path) -> None:
    assert change(az, verb="list").code == 0
    assert az.connections() == {"127.0.0.1"}
    noted = tmp_path / "connections"
    there = (
        f"CONNECTIONS={shlex.quote(str(noted))} python -c 'import socket; socket.create_connection((\"192.0.2.1\", 9))'"
    )
    assert "PermissionError: socket.getaddrinfo of 192.0.2.1" in az.shell(there, tmp_path).err
    assert noted.read_text() == "192.0.2.1\n"
