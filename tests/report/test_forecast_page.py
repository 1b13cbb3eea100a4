"""The page of a forecast, and the numbers that it draws: whole, on its own, small however many nodes there are.

How it looks and works in a browser is tested in ``tests/e2e/test_page.py``.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from napsim.api.names import MAX_INT32
from napsim.report import forecast_series
from napsim.report.forecast import Forecast, Moment, Pool, Step
from napsim.report.forecast_months import Day, days_of, months
from napsim.report.forecast_page import page
from napsim.report.forecast_series import MOST_EVENTS, UNLIMITED, Series, charts, versions_of
from tests.report.forecasts import FINISHED, NEW, OLD, POOL, UNFINISHED, at

FEW = 600
VOID = {"meta", "link", "input", "br", "rect", "line"}


class Outline(HTMLParser):
    """Raises AssertionError at a tag that closes another than the one that is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert not found.open
    return found


def data(text: str) -> Any:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forecast", [FINISHED, UNFINISHED])
def test_the_page_is_well_formed_and_asks_nobody_for_anything(forecast: Forecast) -> None:
    text = page(forecast)
    assert outline(text).tags.count("script") == 2
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|img|iframe|script src)|@import|fetch\(|XMLHttpRequest|import\(", text)
    assert "default-src 'none'" in text


def test_the_same_forecast_gives_the_same_page() -> None:
    assert page(FINISHED) == page(FINISHED)


def test_names_from_a_cluster_are_text_and_never_markup() -> None:
    bad = '</script><script>alert("1")</script>'
    moment = Moment(at=at(3), kind="Applied", object=bad, message="${data}")
    named = msgspec.structs.replace(FINISHED, name=bad, assumptions=("a & b",), timeline=(moment,))
    text = page(named)
    assert "<script>alert" not in text
    assert outline(text).tags.count("script") == 2
    assert data(text)["events"][0][2:] == [bad, "${data}"]


@pytest.mark.parametrize(
    ("forecast", "told"),
    [
        (FINISHED, "✓ All nodes are on the newest image"),
        (FINISHED, "1 (1 allowed), Sun 2026-03-08 02:00"),
        (UNFINISHED, "✗ Not all nodes are on the newest image by Mon 2026-03-30 00:00."),
        (UNFINISHED, "→ let the PodDisruptionBudget allow a disruption"),
        (UNFINISHED, "<td>n1</td><td>Sun 2026-03-08 01:00</td><td>21d23h, still so at the end</td>"),
        (UNFINISHED, "9 of 10 runs finish; the charts show the first."),
    ],
)
def test_what_it_comes_to_is_there_without_any_script(forecast: Forecast, told: str) -> None:
    assert told in page(forecast).split('<script id="data"')[0]


# --- the numbers ------------------------------------------------------------------------------------------------------


def counts(series: Series, instant: float, versions: tuple[str, ...]) -> tuple[int, int, dict[str, int]]:
    """Used, allowed and nodes by version, as a reader of the changes sees them at an instant."""
    running: dict[str, int] = {}
    used = allowed = 0
    for since, change in zip(series.at, series.changes, strict=True):
        if since <= instant:
            used, allowed, *pairs = change
            running |= {versions[index]: nodes for index, nodes in zip(pairs[::2], pairs[1::2], strict=True)}
    return used, allowed, {version: nodes for version, nodes in running.items() if nodes}


def test_the_changes_of_a_pool_add_up_to_its_steps() -> None:
    drawn = charts(FINISHED)
    assert drawn.versions == versions_of([POOL]) == (OLD, NEW)
    for step in POOL.steps:
        instant = (step.at - FINISHED.start).total_seconds()
        assert counts(drawn.pools[0], instant, drawn.versions) == (step.disrupting, step.allowed, step.versions)


def test_no_limit_is_told_as_one() -> None:
    steps = (msgspec.structs.replace(POOL.steps[0], allowed=MAX_INT32),)
    free = msgspec.structs.replace(FINISHED, pools=(msgspec.structs.replace(POOL, steps=steps),))
    assert charts(free).pools[0].changes[0][:2] == (0, UNLIMITED)


def crowded(steps: int) -> Pool:
    """A node is disrupted at every other step; at one of them all three are."""
    made = [
        Step(at=at(2) + timedelta(seconds=800 * number), nodes=3, disrupting=number % 2, allowed=1, versions={OLD: 3})
        for number in range(steps)
    ]
    made[steps // 3] = msgspec.structs.replace(made[steps // 3], disrupting=3, allowed=3)
    return msgspec.structs.replace(POOL, steps=tuple(made))


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_series, "MOST_STEPS", FEW)
    monkeypatch.setattr(forecast_series, "MOST_SPANS", FEW // 6)


@pytest.mark.usefixtures("few_steps")
def test_many_steps_are_merged_and_neither_the_most_nor_the_end_is_lost() -> None:
    drawn = charts(msgspec.structs.replace(FINISHED, ended_at=at(30), pools=(crowded(3 * FEW),)))
    (series,) = drawn.pools
    assert series.merged == 3
    assert FEW / 4 < len(series.at) <= FEW * 1.1
    assert max(change[0] for change in series.changes) == 3
    assert next(change[1] for change in series.changes if change[0] == 3) == 3
    assert series.changes[-1][0] == 1


@pytest.mark.usefixtures("few_steps")
def test_merged_steps_last_no_longer_than_they_did() -> None:
    """What is before a long pause does not go on through it."""
    early, late = crowded(2 * FEW).steps, at(25)
    quiet = Step(at=early[-1].at + timedelta(seconds=1), nodes=3, disrupting=0, allowed=1, versions={OLD: 3})
    steps = (*early, quiet, Step(at=late, nodes=3, disrupting=1, allowed=1, versions={OLD: 3}))
    drawn = charts(
        msgspec.structs.replace(FINISHED, ended_at=at(30), pools=(msgspec.structs.replace(POOL, steps=steps),))
    )
    between = (late - FINISHED.start).total_seconds() - 1
    assert counts(drawn.pools[0], between, drawn.versions)[0] == 0


def test_thousands_of_events_alike_are_few_rows_and_the_page_stays_small() -> None:
    started = tuple(
        Moment(at=at(8) + timedelta(seconds=2 * number), kind="CommandStarted", object="NodePool/p", node_pool="p")
        for number in range(2 * MOST_EVENTS)
    )
    rows = charts(msgspec.structs.replace(FINISHED, timeline=started, windows=())).events
    assert [(row.what, row.why) for row in rows] == [("node taken ×8000", "the last 4h26m later")]


def test_what_is_shown_first_is_the_time_in_which_things_happen() -> None:
    long = msgspec.structs.replace(FINISHED, ended_at=at(2) + timedelta(days=200))
    since, until = charts(long).opens_at
    assert since < 6 * 86400 + 3600 < until < 8 * 86400
    assert charts(FINISHED).opens_at[1] == FINISHED.pools[0].steps[-1].at.timestamp() - FINISHED.start.timestamp()


def test_local_clocks_follow_a_change_of_the_clocks() -> None:
    spring = msgspec.structs.replace(FINISHED, ended_at=at(30))
    offsets = [(offset.seconds, offset.name) for offset in charts(spring).offsets]
    assert offsets == [(3600, "CET"), (7200, "CEST")]
    changed = FINISHED.start.timestamp() + charts(spring).offsets[1].at
    assert datetime.fromtimestamp(changed, UTC) == at(29, 1)


# --- the calendar -----------------------------------------------------------------------------------------------------


def test_days_of_the_calendar_are_local_ones_and_tell_what_happens() -> None:
    days = days_of(FINISHED)
    assert sorted(days) == [date(2026, 3, 3), date(2026, 3, 8)]
    sunday = days[date(2026, 3, 8)]
    assert list(sunday.told()) == [
        "window open for 4 h",
        "picked up: 202602.13.0",
        "3 nodes taken",
        "6 pods evicted",
        "done: 202602.13.0 in default",
    ]
    assert sunday.signs == "▼ 3 ✓"


def test_a_window_over_midnight_counts_on_both_days() -> None:
    window = msgspec.structs.replace(FINISHED.windows[0], since=at(8, 22), until=at(9, 2))
    days = days_of(msgspec.structs.replace(FINISHED, windows=(window,), timeline=(), workloads=(), pools=()))
    assert days == {date(2026, 3, 8): Day(timedelta(hours=1)), date(2026, 3, 9): Day(timedelta(hours=3))}


def test_a_calendar_has_every_month_up_to_fifteen() -> None:
    assert months(FINISHED).count("<caption>March 2026") == 1
    long = months(msgspec.structs.replace(FINISHED, ended_at=FINISHED.start + timedelta(days=800)))
    assert long.count("<caption>") == 15
    assert "12 more months not shown" in long


# --- budgets that are waited for --------------------------------------------------------------------------------------


def test_nodes_that_wait_for_a_budget_are_one_bar_a_row_of_the_table_and_an_event_each_time() -> None:
    text = page(UNFINISHED)
    found = data(text)
    told = [
        (found["names"][what], found["names"][why], found["names"][by]) for _, what, why, by, _, _ in found["budgets"]
    ]
    assert told == [
        ("3 nodes", "BlockingBudget", "budgets[1]: 0 (0 9 * * * for 8h)"),
        ("2 nodes", "BlockingBudget", "budgets[1]: 0 (0 9 * * * for 8h)"),
        (
            "4000 nodes",
            "BlockingBudget",
            "budgets[0]: 0 (0 0 * * mon for 120h); the budgets allow some from Tue 2026-03-31 00:00",
        ),
    ]
    assert [row[3] for row in found["events"] if row[1] == "nodes wait for a budget"][-1].startswith("4000 nodes: budg")
    assert "4000 nodes blocked by a disruption budget" in text
    row = text[text.index("<td>4000</td><td>Mon 2026-03-09 00:00</td><td>21d, still so at the end</td>") :]
    assert "mon for 120h); the budgets allow some from Tue 2026-03-31 00:00</td>" in row


def test_the_shortest_of_very_many_waits_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_series, "MOST_BUDGET_WAITS", 1)
    found = charts(UNFINISHED)
    assert [found.names[item.what] for item in found.budgets] == ["4000 nodes"]
    assert "2 of 3 times that nodes waited for a budget, the shortest" in found.left_out
