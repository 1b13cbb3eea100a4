"""The root of the command line."""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from napsim.cli.loading import loading
from napsim.cli.main import COMMANDS, app

ROOT = Path(__file__).parents[2]


def test_the_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from napsim.cli.main import app\n"
        "print(CliRunner().invoke(app, ['--help']).stdout)\n"
        "print(sorted(name for name in sys.modules if name.startswith('napsim.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(command in shown for command in COMMANDS)
    headings = [shown.index(text) for text in ("From manifests", "simulate ", "On a test cluster", "demo ", "Other")]
    assert headings == sorted(headings)
    assert shown.splitlines()[-1] == "['napsim.cli', 'napsim.cli.endings', 'napsim.cli.loading', 'napsim.cli.main']"


def test_no_garbage_is_looked_for_while_modules_are_loaded_and_it_is_afterwards() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()


def test_the_program_loads_nothing_before_it_says_so() -> None:
    code = "import sys, napsim.__main__; print({'typer', 'napsim.cli'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_loaded(command: str) -> None:
    assert isinstance(import_module(f"napsim.cli.{COMMANDS[command][0]}").app, typer.Typer)
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["no-such-command"]).exit_code == 2


@pytest.mark.process
def test_what_cannot_be_written_is_told() -> None:
    command = [sys.executable, "-m", "napsim", "examples"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "napsim: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.process
def test_an_answer_that_goes_nowhere_is_none_less() -> None:
    closed = 'exec "$0" -m napsim budgets manifests/examples >&-'
    done = subprocess.run(["sh", "-c", closed, sys.executable], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def helps() -> dict[str, str]:
    """The help of every command and sub-command, by what one types for it, as one line."""
    found = {}
    for command, (module, _) in COMMANDS.items():
        group = get_command(import_module(f"napsim.cli.{module}").app)
        below = list(getattr(group, "commands", ()))
        for words in [[command], *([command, name] for name in below)]:
            shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
            found[" ".join(words)] = " ".join(shown.stdout.split())
    return found


def test_every_command_has_an_example_in_its_help() -> None:
    shown = helps()
    groups = {command.split()[0] for command in shown if " " in command}
    lacking = [command for command, text in shown.items() if "Example" not in text and command.split()[0] not in groups]
    lacking += [
        group for group in groups if not any("Example" in shown[name] for name in shown if name.startswith(group))
    ]
    assert lacking == []
