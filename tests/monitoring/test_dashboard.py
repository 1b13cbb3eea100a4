"""The Grafana dashboard: its queries parse, and read metrics that exist by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from napsim.api.metrics import OURS
from tests.monitoring.conftest import ROOT, Promtool
from tests.monitoring.expressions import kept, references
from tests.monitoring.series import labels_of

DASHBOARD: dict[str, Any] = json.loads((ROOT / "charts/napsim/files/dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VARIABLES = {item["name"]: item for item in DASHBOARD["templating"]["list"]}
WIDTH = 24


def queries() -> Iterator[tuple[str, str, str]]:
    """Panel, expression and legend."""
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def test_panels_have_ids_of_their_own_and_titles() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    assert all(panel["title"] for panel in PANELS)


def test_panels_neither_overlap_nor_leave_the_grid() -> None:
    cells = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < WIDTH


def test_every_panel_asks_the_data_source_that_is_chosen() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    sources = [item["datasource"] for panel in PANELS for item in (panel, *panel.get("targets", ())) if "expr" in item]
    assert sources
    assert {item["uid"] for item in sources} == {"${datasource}"}


def test_promtool_parses_every_query(promtool: Promtool, tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:query{number}", "expr": _filled(expression)}
        for number, (_, expression, _) in enumerate(queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def _filled(expression: str) -> str:
    """As Grafana sends it."""
    filled = expression.replace("$__rate_interval", "5m").replace("$nodepool", ".*")
    assert "$" not in filled
    return filled


def test_every_query_reads_metrics_that_exist_by_labels_that_they_have() -> None:
    expressions = [(title, expression) for title, expression, _ in queries()]
    expressions.append(("variable nodepool", VARIABLES["nodepool"]["query"]["query"]))
    for title, expression in expressions:
        found = list(references(_filled(expression) if "label_values" not in expression else expression))
        assert found, title
        for reference in found:
            assert reference.labels <= labels_of(reference.metric), (title, reference)
        labels = frozenset[str]().union(*(labels_of(item.metric) for item in found))
        assert kept(expression) <= labels, title


def test_legends_name_labels_that_the_query_keeps() -> None:
    for title, expression, legend in queries():
        named = set(re.findall(r"\{\{(\w+)\}\}", legend))
        (first, *_) = references(_filled(expression))
        available = kept(expression) or labels_of(first.metric)
        assert named <= available, title


def test_nearly_all_of_our_metrics_are_shown() -> None:
    shown = {reference.metric for _, expression, _ in queries() for reference in references(_filled(expression))}
    hidden = {metric.name for metric in OURS if not shown & set(metric.series)}
    assert hidden == {
        "napsim_build_info",
        "napsim_clock_factor",
        "napsim_nodes_replaced",
        "napsim_rollout_started_timestamp_seconds",
        "napsim_rollout_finished_timestamp_seconds",
        "napsim_rollout_first_estimate_timestamp_seconds",
    }
