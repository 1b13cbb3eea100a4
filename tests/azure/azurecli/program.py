"""The real az, logged in to the Resource Manager of this machine and to nothing else."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hack import azurecli
from tests.azure.azurecli.resourcemanager import ResourceManager

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
CLOUD: Final = "rehearsal"
_VERSION: Final = re.findall(r"^azure-cli-core==(\S+)", azurecli.PINNED.read_text(), re.MULTILINE)[0]
# az asks its makers for the newest version, unless it knows its own, and with --help unless it has just asked.
_KNOWN_VERSIONS: Final = {"versions": {"core": {"local": _VERSION}}, "check_time": "9999-01-01 00:00:00.0"}


@dataclass(frozen=True, slots=True)
class Said:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """What az says is wrong, its first line; empty where nothing is."""
        first = self.err.partition("\n")[0]
        return first.removeprefix("ERROR: ") if self.code else ""

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """az, as a program for a shell and as a process that takes one command after the other."""

    folder: Path
    variables: dict[str, str]
    process: subprocess.Popen[str]

    def run(self, *arguments: str) -> Said:
        """One command, by the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(arguments), file=self.process.stdin, flush=True)
        return Said(**json.loads(self.process.stdout.readline()))

    def shell(self, script: str, folder: Path) -> Said:
        """A script of somebody who has az and napsim, by bash, in a folder."""
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=folder, env=self.variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def connections(self) -> set[str]:
        """The hosts that any az talked to, or wanted to."""
        return set(_connections(self.folder).read_text().splitlines())


@contextmanager
def command_line(folder: Path, manager: ResourceManager) -> Iterator[CommandLine]:
    """Installs az, unless the user's cache has it, and logs it in."""
    environment = azurecli.environment()
    variables = _variables(folder, environment / "bin", manager)
    command = [environment / "bin/python", HERE / "commands.py"]
    with subprocess.Popen(
        command, env=variables, cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        az = CommandLine(folder, variables, process)
        _log_in(az, manager)
        yield az
        assert process.stdin is not None
        process.stdin.close()


def _log_in(az: CommandLine, manager: ResourceManager) -> None:
    endpoints = ("resource-manager", "active-directory", "active-directory-resource-id")
    options = [word for endpoint in endpoints for word in (f"--endpoint-{endpoint}", manager.address)]
    for command in (
        ["cloud", "register", "--name", CLOUD, "--skip-endpoint-discovery", *options],
        ["cloud", "set", "--name", CLOUD],
        ["login", "--identity"],
    ):
        said = az.run(*command)
        assert said.code == 0, said.err


def _variables(folder: Path, programs: Path, manager: ResourceManager) -> dict[str, str]:
    """All that az gets to know of this machine: no proxy, no account, no folder of the user."""
    (folder / "bin").mkdir()
    napsim = folder / "bin/napsim"
    python = f"PYTHONPATH={shlex.quote(str(ROOT / 'operator'))} exec {shlex.quote(sys.executable)}"
    napsim.write_text(f'#!/bin/sh\n{python} -m napsim "$@"\n')
    napsim.chmod(0o755)
    _connections(folder).touch()
    (folder / "azure").mkdir()
    (folder / "azure/versionCheck.json").write_text(json.dumps(_KNOWN_VERSIONS))
    return {
        "PATH": f"{folder / 'bin'}:{programs}:/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(HERE / "loopback"),
        "CONNECTIONS": str(_connections(folder)),
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_NO_COLOR": "yes",
        "REQUESTS_CA_BUNDLE": str(manager.certificate),
        "IDENTITY_ENDPOINT": manager.identity,
        "IDENTITY_HEADER": "none",
    }


def _connections(folder: Path) -> Path:
    return folder / "connections"
