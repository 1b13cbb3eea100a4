"""docs/metrics.md is what the table of metrics says."""

from __future__ import annotations

from pathlib import Path

from napsim.api.metrics import METRICS
from napsim.report.metrics_page import page

PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def test_what_is_committed_is_what_is_generated() -> None:
    assert PAGE.read_text() == page(), "run `make metrics`"


def test_every_metric_has_its_row() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    for metric in METRICS:
        (row,) = [row for row in rows if row.startswith(f"| `{metric.name}` |")]
        assert metric.help in row
        assert ("virtual" in row.split("|")[4]) is metric.virtual
