"""``napsim sweep``: forecasts over ranges, the front of those worth choosing from, a table and a plot."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from napsim.cli import executors
from napsim.cli.executors import DaskCluster, Unreachable
from napsim.cli.main import app
from napsim.cli.sweep import swept
from napsim.reading.sources import read
from napsim.report.marked import WIDTH
from napsim.report.sweep import Against, Point, Sweep, document, with_front
from napsim.report.sweep_lines import lines, sparkline
from napsim.report.sweep_plot import page, svg
from napsim.sim.composition import Asked
from tests.cli.serial import Serial

ROOT = Path(__file__).parents[2]
WEEKEND = ROOT / "tests/scenarios/weekend_budget"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["sweep", *map(str, arguments)], env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.fixture(scope="module")
def told() -> Sweep:
    documents, mistakes = read([str(WEEKEND)], str)
    always = "pool/default:spec.disruption.budgets[0].duration=168h"
    return swept(documents, mistakes, [always, "pool/default:budget=1,5"], Asked(NOW), Against.NODES, 1, Serial())


def test_each_combination_is_a_forecast_in_the_order_of_its_values(told: Sweep) -> None:
    assert told.varied == ("pool/default:spec.disruption.budgets[0].duration", "pool/default:budget")
    assert [it.values for it in told.points] == [("168h", "1"), ("168h", "5")]
    assert [it.nodes for it in told.points] == [1, 5]
    first, second = (it.finish_seconds for it in told.points)
    assert first is not None
    assert second is not None
    assert second < first
    assert told.start == datetime(2026, 3, 2, tzinfo=UTC)


def point(finish: float | None, nodes: int, pods: int = 0) -> Point:
    return Point(
        values=(f"{finish}/{nodes}",),
        runs=1,
        finished=1,
        finish_seconds=finish,
        nodes=nodes,
        pods=pods,
        hour=0,
        blocked=0,
    )


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([point(10, 5), point(20, 3), point(30, 1)], [True, True, True]),
        ([point(10, 5), point(20, 5), point(30, 6)], [True, False, False]),
        ([point(10, 5), point(10, 5)], [True, True]),
        ([point(None, 0), point(30, 9)], [False, True]),
        ([point(10, 5), point(10, 4)], [False, True]),
    ],
)
def test_on_the_front_is_what_nothing_beats_in_both_respects(points: list[Point], front: list[bool]) -> None:
    assert [it.front for it in with_front(points, Against.NODES)] == front


def test_what_finish_is_weighed_against_can_be_chosen() -> None:
    points = [point(10, 1, pods=9), point(20, 5, pods=2)]
    assert [it.front for it in with_front(points, Against.NODES)] == [True, False]
    assert [it.front for it in with_front(points, Against.PODS)] == [True, True]


@pytest.mark.parametrize(
    ("values", "drawn"), [([1.0, 2.0, 3.0], "▁▅█"), ([3.0, None, 1.0], "█×▁"), ([2.0, 2.0], "▁▁"), ([None], "×")]
)
def test_a_sparkline_goes_from_the_lowest_to_the_highest(values: list[float | None], drawn: str) -> None:
    assert sparkline(values) == drawn


def test_the_table_names_the_front_and_fits_a_terminal(told: Sweep) -> None:
    text = [line.text for line in lines(told)]
    assert max(map(len, text)) <= WIDTH
    assert [line.split()[-2:] for line in text if line.startswith("*")][:2] == [["168h", "5"], ["168h", "1"]]
    assert any(re.search("quickest finish +█▁", line) for line in text)


def test_the_plot_has_every_point_and_loads_nothing(told: Sweep) -> None:
    drawn = ET.fromstring(svg(told))  # noqa: S314 - our own file
    kinds = [it.tag.rpartition("}")[2] for it in drawn.iter() if it.get("class") in {"point", "front"}]
    assert kinds == ["rect", "rect"]
    whole = page(told)
    assert svg(told).partition("\n")[2].strip() in whole
    assert not re.search(r"(src|href)=|url\(|@import", whole)
    assert whole.count("<tr") == 3


def test_as_json_it_is_the_documented_document(told: Sweep) -> None:
    found = json.loads(document(told))
    assert (found["schema"], found["against"], len(found["points"])) == ("napsim.dev/sweep/v1", "nodes", 2)
    assert found["points"][0]["finishSeconds"] > found["points"][1]["finishSeconds"]


def test_values_that_are_not_allowed_are_mistakes_with_the_combination() -> None:
    done = run(WEEKEND, "--vary=pool/default:budget=1,many")
    assert done.exit_code == 2
    assert "'many'" in done.stderr
    assert "(with pool/default:budget=many)" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Missing option '--vary'"),
        (("--vary=pool/other:budget=1",), "NodePool/other is not in the input; there are default"),
        (("--vary=pool/default:budget=1", "--plot=x.png"), "must end in .svg or .html"),
        (("--vary=pool/default",), "must be TARGET:FIELD=VALUES"),
        (("--vary=pool/default:budget=1", "--against=cost"), "'nodes', 'pods', 'hour'"),
    ],
)
def test_wrong_usage_is_exit_code_2(options: tuple[str, ...], said: str) -> None:
    done = run(WEEKEND, *options)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_the_command_writes_a_plot_and_exit_code_1_says_that_none_finishes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("napsim.cli.executors.LocalProcesses.results", Serial.results)
    plot = tmp_path / "plot.svg"
    closed = "--vary=pool/default:spec.disruption.budgets[1].duration=120h"
    done = run(WEEKEND, closed, "--until=2026-03-06T00:00:00Z", f"--plot={plot}", "--runs=2")
    assert done.exit_code == 1, done.stderr
    assert "none of them finishes by the end" in done.stdout
    assert " 0/2 " in done.stdout
    assert plot.read_text().startswith("<?xml")


# --- where it runs ----------------------------------------------------------------------------------------------------


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Unreachable, match="pip install 'napsim\\[dask\\]'"):
        list(DaskCluster("tcp://127.0.0.1:8786").results(abs, [1]))


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({}, "the scheduler has no workers; start one: dask worker"),
        ({"tcp://a": "0.0.1"}, "workers have napsim 0.0.1, and this is"),
    ],
)
def test_workers_must_be_there_and_have_the_same_version(versions: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreachable, match=said):
        executors._check_versions("tcp://a", versions)
