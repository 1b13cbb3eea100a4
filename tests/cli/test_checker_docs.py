"""What docs/checker.md lists is what there is. What its commands show: tests/docs."""

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
VERIFIED = next(line for line in PAGE.splitlines() if line.startswith("napsim budgets --") and "--verify" in line)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


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
