"""What docs/checker.md shows and lists is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.core.budget_levels import BudgetFinding

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/checker.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [line for line in PAGE.splitlines() if re.match(r"napsim (windows|budgets) (manifests|--)", line)]
VERIFIED = next(line for line in COMMANDS if "--verify" in line)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != VERIFIED])
def test_each_command_on_the_page_answers(command: str) -> None:
    done = CliRunner().invoke(app, shlex.split(command, comments=True)[1:])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("text", [PAGE, README], ids=["page", "README"])
def test_the_answer_that_is_shown_is_the_answer_that_is_given(text: str) -> None:
    ((command, block),) = re.findall(r"```\n\$ napsim (budgets [^\n]*)\n(.*?)```", text, re.DOTALL)
    printed = CliRunner().invoke(app, shlex.split(command)).stdout.splitlines()
    shown = [line for line in block.splitlines() if line and line != "  …"]
    assert len(shown) > 10
    assert [line for line in shown if line not in printed] == []


def test_every_finding_about_budgets_is_listed() -> None:
    listed = re.findall(r"^\| `([A-Z]\w+)` \| ", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(BudgetFinding)


def test_the_budgets_that_a_wish_is_said_to_give_are_those_that_it_gives() -> None:
    printed = CliRunner().invoke(app, shlex.split(VERIFIED)[1:]).stdout
    (shown,) = re.findall(r"```yaml\n(# Disruption only .*?)```", PAGE, re.DOTALL)
    assert printed.startswith(shown)
    assert "# Verified, minute by minute: all as wished." in printed


@pytest.mark.parametrize("command", ["windows", "budgets", "diff"])
def test_every_option_is_on_the_page(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert {"--at", "--time-zone", "--output"} < options
    options.discard("--forecast")  # what goes without saying
    assert [option for option in options if f"`{option}" not in PAGE and f"{option} " not in PAGE] == []
