"""The page of a forecast: whole, on its own, and drawn from columns however many nodes there are."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from xml.etree import ElementTree as ET

import msgspec
import pytest

from napsim.api.names import MAX_INT32
from napsim.report.forecast import Eviction, Forecast, Step, Workload
from napsim.report.forecast_charts import WIDTH, Scale, pool_chart, versions_of, workloads_chart
from napsim.report.forecast_page import page
from tests.report.forecasts import FINISHED, NEW, OLD, POOL, UNFINISHED, at

SCALE = Scale(at(2), at(30), UTC)
SVG = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>"))  # noqa: S314 - our own text


@pytest.mark.parametrize("forecast", [FINISHED, UNFINISHED])
def test_the_page_is_well_formed_and_asks_nobody_for_anything(forecast: Forecast) -> None:
    text = page(forecast)
    parsed(text)
    addresses = set(re.findall(r"https?://[^\"'\s]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|img|iframe|script src)|@import|fetch\(", text)


def test_the_same_forecast_gives_the_same_page() -> None:
    assert page(FINISHED) == page(FINISHED)


def test_names_from_a_cluster_are_text_and_never_markup() -> None:
    named = msgspec.structs.replace(FINISHED, name="<script>alert(1)</script>", assumptions=("a & b",))
    assert "<script>alert" not in page(named)
    parsed(page(named))


def test_it_tells_pools_blocked_nodes_evictions_and_events() -> None:
    told = " ".join(parsed(page(UNFINISHED)).itertext())
    assert "PodDisruptionBudget: 1 nodes, still so at the end" in told
    assert "Not all nodes are on the newest image" in told
    assert "CommandStarted" in " ".join(parsed(page(FINISHED)).itertext())
    assert "shop/Deployment/web: 6 evicted" in page(FINISHED)


def test_each_version_that_runs_is_an_area_and_windows_are_shaded() -> None:
    colours = versions_of([POOL])
    assert list(colours) == [OLD, NEW]
    chart = parsed(pool_chart(POOL, FINISHED.windows, colours, SCALE))
    titles = [polygon.findtext(f"{SVG}title") for polygon in chart.iter(f"{SVG}polygon")]
    assert titles[:2] == [OLD, NEW]
    (window,) = [rect for rect in chart.iter(f"{SVG}rect") if rect.get("class") == "window"]
    assert float(window.get("x", "0")) == pytest.approx(WIDTH * (6 + 1 / 24) / 28, abs=0.1)


def test_a_short_disruption_is_not_lost_between_columns() -> None:
    steps = (
        *POOL.steps,
        Step(at=at(20), nodes=3, disrupting=3, allowed=3, versions={NEW: 3}),
        Step(at=at(20) + timedelta(seconds=1), nodes=3, disrupting=0, allowed=3, versions={NEW: 3}),
    )
    pool = msgspec.structs.replace(POOL, steps=steps)
    assert "most disrupted at once: 3 of 3 nodes" in pool_chart(pool, (), versions_of([pool]), SCALE)


def test_an_unlimited_budget_does_not_flatten_what_is_used() -> None:
    steps = tuple(msgspec.structs.replace(step, allowed=MAX_INT32) for step in POOL.steps)
    pool = msgspec.structs.replace(POOL, steps=steps)
    chart = parsed(pool_chart(pool, (), versions_of([pool]), SCALE))
    (used,) = [polygon for polygon in chart.iter(f"{SVG}polygon") if polygon.get("class") == "used"]
    heights = {float(point.split(",")[1]) for point in used.get("points", "").split()}
    assert max(heights) - min(heights) > 30


def test_a_chart_is_as_large_for_many_steps_as_for_few() -> None:
    many = tuple(
        Step(at=at(2) + timedelta(minutes=number), nodes=3, disrupting=number % 2, allowed=1, versions={OLD: 3})
        for number in range(20_000)
    )
    pool = msgspec.structs.replace(POOL, steps=many)
    assert len(pool_chart(pool, (), versions_of([pool]), SCALE)) < 60_000


def test_evictions_of_one_column_are_one_mark() -> None:
    instants = [at(8) + timedelta(minutes=number) for number in range(30)]
    evictions = tuple(Eviction(at=instant, pods=2) for instant in instants)
    workload = Workload(name="shop/web", evicted=60, deleted=0, days=1, most_in_an_hour=60, evictions=evictions)
    chart = parsed(workloads_chart([workload], SCALE))
    marks = [rect for rect in chart.iter(f"{SVG}rect") if rect.get("class") == "evicted"]
    assert [mark.findtext(f"{SVG}title") for mark in marks] == ["shop/web: 60 evicted"]
