"""What docs/azure.md says of az and of options is what there is. Its other commands: tests/docs and tests/e2e."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.azure import commands
from napsim.azure.imports import Imports
from napsim.cli.main import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/azure.md").read_text("utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", PAGE.partition("## The workflow of AKS")[2], re.DOTALL)
EXAMPLES = sorted((ROOT / "docs/azure").iterdir())


def run(command: str, given: str = "") -> Result:
    return CliRunner().invoke(app, shlex.split(command, comments=True)[1:], input=given)


def commands_of(blocks: list[str], program: str) -> Iterator[str]:
    for line in "".join(blocks).replace("\\\n", " ").splitlines():
        if line.startswith(f"{program} "):
            yield line


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the repository's examples, and with what the workflow has written so far."""
    monkeypatch.chdir(tmp_path)
    for name in ("docs", "manifests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_is_read(path: Path) -> None:
    done = run(f"napsim import az {path}")
    assert done.exit_code == 0, done.stderr
    assert {item["kind"] for item in yaml.safe_load_all(done.stdout)} <= {
        "MaintenanceConfiguration",
        "NodeAutoProvisioning",
    }


def test_what_the_workflow_does_in_aks_is_what_az_takes_and_what_the_examples_are() -> None:
    told = list(commands_of(SHELL, "az"))
    assert [line.split()[3] for line in told] == ["add", "show", "update", "list", "delete"]
    found = Imports()
    for line in told:
        commands.read(found, "docs/azure.md", line)
    assert found.mistakes == []
    by_page = [manifest["spec"] for _, manifest in found.manifests]
    scripts = [f"{ROOT}/docs/azure/{name}.sh" for name in ("windows", "longer")]
    by_file = [yaml.safe_load(run(f"napsim import az {script}").stdout) for script in scripts]
    assert by_page == [manifest["spec"] for manifest in by_file]


def test_each_command_of_napsim_in_the_workflow_runs(in_a_folder: Path) -> None:
    told = list(commands_of(SHELL, "napsim"))
    assert len(told) == 5
    for command in told:
        done = run(command)
        assert done.exit_code == 0, f"{command}: {done.stderr}"


@pytest.mark.parametrize("command", ["import az", "export az", "export aso", "export terraform", "export bicep"])
def test_every_option_is_on_the_page(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "400", "TERM": "dumb"}).stdout
    options = set(re.findall(r" (--[a-z-]+)  ", shown)) - {"--help"}
    assert "--output" in options
    assert [option for option in options if f"{option}" not in PAGE] == []
