"""What docs/sweep.md lists is what there is. What it shows: tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.cli.variations import FIELDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sweep.md").read_text("utf-8")


def test_every_option_and_every_field_with_a_short_name_is_on_the_page() -> None:
    shown = CliRunner().invoke(app, ["sweep", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert {"--vary", "--dask", "--plot"} < options
    assert [name for name in (*options, *(field for _, field in FIELDS)) if f"`{name}" not in PAGE] == []
