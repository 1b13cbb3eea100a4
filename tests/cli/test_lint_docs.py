"""What docs/lint.md shows and lists is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.lint.configuration import configuration_of
from napsim.lint.rules import RULES
from tests.lint.examples import linted, pool

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/lint.md").read_text("utf-8")
COMMANDS: Final = re.findall(r"^napsim (lint (?:manifests|--explain).*)$", PAGE, re.MULTILINE)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_on_the_page_answers(command: str) -> None:
    done = CliRunner().invoke(app, shlex.split(command, comments=True))
    assert done.exit_code == 0, done.stderr


def test_the_answer_that_is_shown_is_the_answer_that_is_given() -> None:
    ((command, shown),) = re.findall(r"```\n\$ napsim (lint [^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert CliRunner().invoke(app, shlex.split(command)).stdout == shown


def test_every_option_is_on_the_page() -> None:
    shown = CliRunner().invoke(app, ["lint", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert {"--fix", "--explain"} < options
    assert [option for option in options if f"`{option}" not in PAGE] == []


def test_the_page_says_how_many_rules_there_are() -> None:
    assert f"[{len(RULES)} rules](rules/README.md)" in PAGE


def test_the_settings_and_the_comment_that_are_shown_do_what_is_said() -> None:
    (settings,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert configuration_of(settings).severity("NAP111") == "info"
    (comment,) = re.findall(r"# napsim: ignore.*", PAGE)
    assert linted(pool(f'\n      {comment}\n      - nodes: "0"')).findings == ()
