"""`napsim import` and `napsim export` from the command line: files, standard input, notes, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.azure import hcl
from napsim.cli.main import app

ROOT = Path(__file__).parents[2]
DOCS, EXAMPLES = ROOT / "docs/azure", ROOT / "manifests/examples"
NODE_OS = "aksManagedNodeOSUpgradeSchedule"
WEEKLY = {"schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}, "startTime": "01:00", "durationHours": 4}

SPAN = {"start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"}


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)


def ours(config_name: str = NODE_OS, **spec: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "napsim.dev/v1alpha1",
            "kind": "MaintenanceConfiguration",
            "metadata": {"name": config_name.lower()},
            "spec": {"configName": config_name, "maintenanceWindow": WEEKLY, **spec},
        }
    )


def test_an_import_is_what_napsim_windows_and_kubectl_read(tmp_path: Path) -> None:
    written = tmp_path / "windows.yaml"
    assert run("import", "az", DOCS / "show.json", "-o", written).stdout == ""
    told = run("windows", written, "--at=2027-03-01T00:00:00Z", "--count=1", "--output=json").stdout
    (configuration,) = json.loads(told)["configurations"]
    assert configuration["windows"][0]["start"] == "2027-03-02T20:30:00Z"
    for text in ('"22:30"', '"2027-03-02"', '"+02:00"'):
        assert text in written.read_text(), "in quotes, as YAML of version 1.1 needs it"


def test_a_folder_may_have_nothing_but_terraform(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text((DOCS / "cluster.tf").read_text())
    hidden = tmp_path / ".terraform/modules"
    hidden.mkdir(parents=True)
    (hidden / "modules.json").write_text('{"Modules": []}')  # as `terraform init` leaves it
    done = run("import", "az", tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == run("import", "az", DOCS / "cluster.tf").stdout


def test_a_module_is_named_where_there_is_nothing_else_too(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('\nmodule "aks" {\n  source = "Azure/aks/azurerm"\n}\n')
    done = run("import", "az", tmp_path / "main.tf")
    assert done.exit_code == 2
    note, mistake = done.stderr.splitlines()
    assert note.endswith(
        "main.tf:2: module.aks: a module is not followed; `terraform show -json` prints what it comes to"
    )
    assert mistake.endswith("main.tf: there is no maintenance configuration and no upgrade channel in it")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import az {docs}/show.json", "napsim import az: {out}: cannot be written: Is a directory"),
        ("export aso {mine}", "napsim export aso: {out}: cannot be written: Is a directory"),
        ("export terraform {mine}", "napsim export terraform: {out}: cannot be written: Is a directory"),
        ("export bicep {mine}", "napsim export bicep: {out}: cannot be written: Is a directory"),
        ("export az {mine} -o {mine}", "napsim export az: {mine}: cannot be made, as a folder: File exists"),
    ],
)
def test_a_file_that_cannot_be_written_is_told(line: str, told: str, tmp_path: Path) -> None:
    mine, out = tmp_path / "mine.json", tmp_path / "out"
    mine.write_text(ours())
    out.mkdir()
    words = {"docs": DOCS, "mine": mine, "out": out}
    asked = line if " -o " in line else f"{line} -o {{out}}"
    done = run(*asked.format(**words).split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert told.format(**words) in done.stderr.splitlines()


def test_a_folder_is_read_with_its_terraform_and_mistakes_are_told_by_file() -> None:
    done = run("import", "az", DOCS)
    assert done.exit_code == 2
    assert done.stdout == ""
    mistakes = [line.split(": ")[1] for line in done.stderr.splitlines() if ": note: " not in line]
    assert [place.rpartition("/")[2] for place in mistakes] == [
        "cluster.tf:1",
        "show.json:1",
    ], "three of them have the configuration of the node OS, and the first by path is aso.yaml"
    alone = run("import", "az", DOCS / "cluster.tf", DOCS / "default.json")
    kinds = [(it["kind"], it["spec"].get("configName")) for it in yaml.safe_load_all(alone.stdout)]
    assert kinds == [
        ("MaintenanceConfiguration", "aksManagedAutoUpgradeSchedule"),
        ("MaintenanceConfiguration", NODE_OS),
        ("NodeAutoProvisioning", None),
        ("MaintenanceConfiguration", "default"),
    ]


def test_a_check_says_what_is_wrong_and_writes_nothing(tmp_path: Path) -> None:
    written = tmp_path / "windows.yaml"
    done = run("import", "az", DOCS / "aso.yaml", "--check", "--output", written)
    assert (done.exit_code, done.stdout, written.exists()) == (0, "", False)
    assert "note: " in done.stderr
    wrong = run("import", "az", "-", "--check", f"--name={NODE_OS}", given='{"maintenanceWindow": {}}')
    assert wrong.exit_code == 2
    assert "(az: Please specify --duration for maintenance window.)" in wrong.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("- 7\n", "(stdin):1: 7: must be an object"),
        ("{}}", "(stdin):1: not valid YAML"),
        ("", "(stdin): nothing came from standard input"),
        ("# nothing", "there is no maintenance configuration and no upgrade channel in it"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "there is no maintenance configuration"),
        ("az aks maintenanceconfiguration list -g rg\n", "there is no maintenance configuration"),
    ],
)
def test_what_cannot_be_read_is_told(given: str, says: str) -> None:
    done = run("import", "az", "-", given=given)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_file_that_is_not_there_is_told() -> None:
    done = run("import", "az", "absent.json")
    assert (done.exit_code, done.stderr) == (
        2,
        "napsim import az: absent.json: cannot be read: No such file or directory\n",
    )


def test_without_the_extra_terraforms_language_is_another_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(hcl, "import_module", absent)
    done = run("import", "az", DOCS / "cluster.tf")
    assert done.exit_code == 3
    assert "pip install 'napsim[terraform]'" in done.stderr
    assert run("import", "az", DOCS / "show.json").exit_code == 0


# --- export -----------------------------------------------------------------------------------------------------------


def test_files_for_az_and_the_commands_that_take_them(tmp_path: Path) -> None:
    done = run("export", "az", EXAMPLES, "--output", tmp_path / "az", "--cluster-name=prod", "--resource-group=shop")
    assert done.exit_code == 0, done.stderr
    (file,) = (tmp_path / "az").iterdir()
    assert file.name == f"{NODE_OS}.json"
    assert f"--config-file {file}" in done.stdout
    assert "--resource-group shop" in done.stdout
    script = run("export", "az", EXAMPLES).stdout
    assert run("import", "az", file).stdout in run("import", "az", "-", given=script).stdout


def test_where_options_can_say_it_all_there_is_no_file() -> None:
    window = {**WEEKLY, "utcOffset": "-08:00"}
    done = run("export", "az", "-", given=ours(maintenanceWindow=window))
    assert done.stdout.replace(" \\\n ", "") == (
        f"az aks maintenanceconfiguration add --resource-group RESOURCE_GROUP --cluster-name CLUSTER --name {NODE_OS}"
        " --schedule-type Weekly --interval-weeks 1 --day-of-week Sunday --duration=4 --start-time=01:00"
        " --utc-offset=-08:00\n"
    )


def test_a_day_of_the_month_is_written_as_a_file_and_what_the_cluster_has_is_updated() -> None:
    monthly = {**WEEKLY, "schedule": {"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 15}}}
    done = run("export", "az", "-", "--update", given=ours(maintenanceWindow=monthly))
    file, _, command = done.stdout.partition("EOF\naz ")
    assert '"dayOfMonth": 15' in file
    assert command.startswith("aks maintenanceconfiguration update ")
    assert command.endswith(f" --config-file {NODE_OS}.json\n")


def test_what_napsim_has_and_azure_has_not_is_refused_or_noted() -> None:
    zone = run("export", "bicep", "-", given=ours(timeZone="Europe/Berlin"))
    assert zone.exit_code == 2
    assert "spec.timeZone: 'Europe/Berlin': AKS has no time zones: write utcOffset instead" in zone.stderr
    twice = ours() + "\n---\n" + ours().replace('"name": "', '"name": "other-')
    assert "AKS has one of that name, and (stdin):1 is it too" in run("export", "aso", "-", given=twice).stderr
    noted = run("export", "aso", EXAMPLES).stderr
    assert "left out, as they are napsim's own: listCacheDuration" in noted
    assert "'2026-01-01': is in the past: AKS is said to refuse it" in noted
    monthly = {"schedule": {"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 1}}}
    default = run("export", "az", "-", given=ours("default", maintenanceWindow={**WEEKLY, **monthly}))
    assert "(az: --schedule-type for default maintenance configuration must be Weekly.)" in default.stderr


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (ours("default"), "spec.maintenanceWindow"),
        (ours(notAllowedTime=[SPAN]), "spec.notAllowedTime"),
    ],
)
def test_what_azurerm_cannot_say_azapi_can(given: str, field: str) -> None:
    refused = run("export", "terraform", "-", given=given)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{field}: azurerm's maintenance_window" in refused.stderr
    written = run("export", "terraform", "-", "--form=azapi", given=given)
    back = run("import", "az", "-", given=written.stdout)
    assert yaml.safe_load(back.stdout)["spec"] == json.loads(given)["spec"]


def test_hours_that_are_not_written_are_all_hours_of_the_day() -> None:
    given = ours("default", maintenanceWindow=None, timeInWeek=[{"day": "Monday"}])
    (line,) = [line for line in run("export", "terraform", "-", given=given).stdout.splitlines() if "hours" in line]
    assert line.split("= ")[1] == str(list(range(24)))


@pytest.mark.parametrize("form", ["az", "aso", "terraform", "bicep"])
def test_no_configuration_is_a_mistake(form: str) -> None:
    done = run("export", form, "-", given="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert done.exit_code == 2
    mistake, beginning = done.stderr.splitlines()
    assert mistake == f"napsim export {form}: -: there is no MaintenanceConfiguration in it"
    assert "napsim examples --write" in beginning


def test_bicep_is_children_of_the_cluster() -> None:
    text = run("export", "bicep", EXAMPLES, "--cluster-name=prod", "--api-version=2025-09-01").stdout
    head, configuration, channels = text.split("\n\n")
    assert head == (
        "resource cluster 'Microsoft.ContainerService/managedClusters@2025-09-01' existing = {\n  name: 'prod'\n}"
    )
    first, parent, name, properties, *_ = configuration.splitlines()
    assert first == (
        f"resource {NODE_OS} 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations@2025-09-01' = {{"
    )
    assert (parent, name, properties) == ("  parent: cluster", f"  name: '{NODE_OS}'", "  properties: {")
    assert channels.splitlines()[1:] == ["var autoUpgradeProfile = {", "  nodeOSUpgradeChannel: 'NodeImage'", "}"]


def test_every_format_has_a_command() -> None:
    shown = run("export", "--help").stdout
    assert [name for name in ("az", "aso", "terraform", "bicep") if f" {name} " not in shown] == []
