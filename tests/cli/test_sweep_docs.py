"""What docs/sweep.md shows and lists is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.cli.variations import FIELDS
from tests.cli.serial import Serial

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sweep.md").read_text("utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("napsim sweep tests/")]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("napsim.cli.sweep.LocalProcesses", lambda _count: Serial())


def test_the_answer_that_is_shown_is_the_answer_that_is_given() -> None:
    ((command, block),) = re.findall(r"```\n\$ napsim (sweep [^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert f"napsim {command}" == COMMANDS[0]
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == 0, done.stderr
    assert [line for line in block.splitlines() if line not in done.stdout.splitlines()] == []


def test_the_other_command_answers_too(tmp_path: Path) -> None:
    plot = tmp_path / "rollout.html"
    done = CliRunner().invoke(app, shlex.split(COMMANDS[1].replace("rollout.html", str(plot)))[1:])
    assert done.exit_code == 0, done.stderr
    assert plot.exists()


def test_every_option_and_every_field_with_a_short_name_is_on_the_page() -> None:
    shown = CliRunner().invoke(app, ["sweep", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert {"--vary", "--dask", "--plot"} < options
    assert [name for name in (*options, *(field for _, field in FIELDS)) if f"`{name}" not in PAGE] == []
