"""The wheel alone, installed far from any clone, has all that the commands need."""

from __future__ import annotations

import filecmp
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
import yaml
from typer.testing import CliRunner

import napsim
from hack.readme import tag_of, with_addresses
from napsim.cli.main import COMMANDS
from napsim.cli.plugin import semver
from napsim.cli.simulate import app as simulate
from tests.docs.links import links, links_in
from tests.packaging.environments import Installed, built, installed
from tests.packaging.repository import ROOT, project

PREREQUISITE_MISSING: Final = 4
NOT_EXAMINED: Final = 2
NOT_ALL_ROLLED: Final = 1
# Prints the help of every command and sub-command, under its name, and where napsim was found. Runs in the environment.
ALL_HELP: Final = """\
import contextlib, io, json, pathlib
import napsim
from typer.main import get_command
from napsim.cli.main import COMMANDS, _loaded

def helped(command, path):
    with contextlib.redirect_stdout(io.StringIO()) as told:
        command.main(["--help"], prog_name=f"napsim {path}", standalone_mode=False)
    yield path, told.getvalue()
    for name, below in getattr(command, "commands", {}).items():
        yield from helped(below, f"{path} {name}")

told = {}
for name, (module, _) in COMMANDS.items():
    told.update(helped(get_command(_loaded(f"napsim.cli.{module}").app), name))
print(json.dumps({"package": str(pathlib.Path(napsim.__file__).parent), "help": told}))
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not below the clone, wherever pytest keeps its folders."""
    with TemporaryDirectory(prefix="napsim-wheel-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def archives(folder: Path) -> tuple[Path, Path]:
    """The source archive and the wheel."""
    source, wheel = built(folder / "dist")
    return source, wheel


@pytest.fixture(scope="module")
def alone(archives: tuple[Path, Path], folder: Path) -> Installed:
    return installed(archives[1], folder)


def test_the_source_archive_builds_the_same_wheel(archives: tuple[Path, Path], folder: Path) -> None:
    source, wheel = archives
    with tarfile.open(source) as archive:
        archive.extractall(folder / "source", filter="data")
    (unpacked,) = (folder / "source").iterdir()
    (again,) = built(folder / "again", unpacked, "wheel")
    assert again.name == wheel.name == f"napsim-{napsim.__version__}-py3-none-any.whl"
    assert filecmp.cmp(again, wheel, shallow=False)


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(archives: tuple[Path, Path]) -> None:
    package = ROOT / "operator"
    files = (path for path in (package / "napsim").rglob("*") if path.is_file() and path.suffix != ".pyc")
    with zipfile.ZipFile(archives[1]) as archive:
        packed = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(packed) == sorted(str(path.relative_to(package)) for path in files)


def test_every_link_of_its_description_leads_into_the_repository_at_that_version(archives: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(archives[1]) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(archive.read(name).decode())
    addresses = [link.target for link in links_in(str(told.get_payload()))]
    inside = f"{project()['urls']['Repository']}/blob/{tag_of(napsim.__version__)}/"
    ours = [address.removeprefix(inside).partition("#")[0] for address in addresses if address.startswith(inside)]
    relative = [link for link in links(ROOT / "README.md") if link.is_relative and not link.target.startswith("#")]
    assert len(ours) == len(relative) > 20
    assert [path for path in ours if not (ROOT / path).exists()] == []
    assert [address for address in addresses if not address.startswith(("https://", "#"))] == []


@pytest.mark.parametrize("version", ["1.2.0", "1.2.0rc1", "1.2.0a2", "0.10.3b1"])
def test_the_links_of_a_release_are_to_its_tag_and_else_to_the_branch(version: str) -> None:
    assert tag_of(version) == f"v{semver(version)}"
    assert with_addresses("[a](docs/a.md#b) ![c](d.svg) [e](#e) [f](https://f)", "https://r", version) == (
        f"[a](https://r/blob/v{semver(version)}/docs/a.md#b) ![c](https://r/raw/v{semver(version)}/d.svg) "
        "[e](#e) [f](https://f)"
    )
    assert tag_of(f"{version}.dev0") == "main"


def test_nothing_is_installed_that_is_not_required(alone: Installed) -> None:
    (site,) = alone.folder.glob("lib/python3*/site-packages")
    assert distribution("pytest").version
    assert not (site / "pytest").exists()
    assert (site / "napsim/cluster/controlplane/kubernetes/go.mod").is_file()


def test_every_command_explains_itself(alone: Installed) -> None:
    answer = alone.run("python", "-I", "-c", ALL_HELP)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert Path(told["package"]).is_relative_to(alone.folder)
    assert set(COMMANDS) <= set(told["help"])
    assert "cluster create" in told["help"]
    assert all("Usage" in text for text in told["help"].values())


def test_the_programs_are_on_the_path(alone: Installed) -> None:
    answer = alone.run("napsim", "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert all(command in answer.stdout for command in COMMANDS)
    assert napsim.__version__ in alone.run("napsim", "version", "--client").stdout
    assert alone.run("kubectl-napsim", "version", "--client").returncode == 0


def test_a_forecast_of_the_examples_that_come_with_it(alone: Installed) -> None:
    (examples,) = alone.folder.glob("lib/python3*/site-packages/napsim/manifests/examples")
    answer = alone.run("napsim", "simulate", str(examples))
    assert (answer.returncode, answer.stderr) == (NOT_ALL_ROLLED, "")
    in_the_clone = CliRunner().invoke(simulate, [str(ROOT / "manifests/examples")])
    assert answer.stdout == in_the_clone.stdout


def test_the_kinds_are_those_of_the_repository(alone: Installed) -> None:
    printed = {crd["metadata"]["name"]: crd for crd in yaml.safe_load_all(alone.run("napsim", "crds").stdout)}
    committed = [yaml.safe_load(file.read_text()) for file in (ROOT / "crds").iterdir()]
    assert printed == {crd["metadata"]["name"]: crd for crd in committed}


def test_doctor_without_a_cluster_says_where_it_looked(alone: Installed) -> None:
    answer = alone.run("napsim", "doctor", KUBECONFIG=str(alone.elsewhere / "no-kubeconfig"))
    assert answer.returncode == NOT_EXAMINED
    assert "no-kubeconfig" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_cluster_without_go_says_what_to_install(alone: Installed) -> None:
    bare = f"{alone.programs}{os.pathsep}/nowhere"
    answer = alone.run("napsim", "cluster", "create", PATH=bare, NAPSIM_CACHE=str(alone.elsewhere / "cache"))
    assert answer.returncode == PREREQUISITE_MISSING
    assert "Go is not on the PATH" in answer.stderr
    assert "https://go.dev/dl" in answer.stderr
    assert "--runtime kind" in answer.stderr
    assert "Traceback" not in answer.stderr
