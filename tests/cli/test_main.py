"""The root of the command line."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

import napsim
from napsim.cli.main import COMMANDS, app


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["version"])
    assert (result.exit_code, result.stdout.strip()) == (0, napsim.__version__)


def test_the_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from napsim.cli.main import app\n"
        "print(CliRunner().invoke(app, ['--help']).stdout)\n"
        "print(sorted(name for name in sys.modules if name.startswith('napsim.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(command in shown for command in COMMANDS)
    assert shown.splitlines()[-1] == "['napsim.cli', 'napsim.cli.main']"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_loaded(command: str) -> None:
    assert isinstance(import_module(f"napsim.cli.{COMMANDS[command][0]}").app, typer.Typer)
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["no-such-command"]).exit_code == 2
