"""What docs/lint.md lists is what there is. What its commands show: tests/docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.lint.configuration import configuration_of
from napsim.lint.rules import RULES
from tests.lint.examples import linted, pool

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/lint.md").read_text("utf-8")


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
