"""Pages and calendars of windows and budgets: what is drawn where, in words too, and nothing from elsewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import msgspec
import pytest
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.report.budget_calendar import Allowed, BudgetCalendar
from napsim.report.budget_page import meaning
from napsim.report.week_page import Meaning, Part, drawing, page

EXAMPLES = Path(__file__).parents[2] / "manifests/examples"
BERLIN = ZoneInfo("Europe/Berlin")
SOME = Meaning("some", "3", "3 at once")


class Drawn(HTMLParser):
    """The parts of a page: style, left and width in per cent, label; and whether all tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, float, float, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        its = {name: value or "" for name, value in attrs}
        if its.get("class", "").startswith("part"):
            left, width = (float(it) for it in re.findall(r"[\d.]+", its["style"]))
            self.parts.append((its["class"].removeprefix("part "), left, width, its["aria-label"]))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """``<meta/>`` is closed as it stands."""


def drawn(start: str, end: str, zone: ZoneInfo = BERLIN) -> list[tuple[str, float, float, str]]:
    since, until = (datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (start, end))
    part = Part(since, until, SOME)
    return Drawn(drawing([part], zone, str(zone), "")).parts


def test_a_part_is_cut_at_the_midnights_of_the_reader() -> None:
    found = drawn("2026-11-02T20:00", "2026-11-04T11:00")
    assert [(left, round(left + width)) for _, left, width, _ in found] == [(87.5, 100), (0, 100), (0, 50)]
    assert found[0][3] == "Mon 2026-11-02 21:00 Europe/Berlin = Mon 2026-11-02 20:00 UTC, for 3h: 3 at once"


def test_an_hour_that_the_clocks_skip_stays_empty() -> None:
    found = drawn("2026-03-28T23:00", "2026-03-29T22:00")
    assert [(round(left, 1), round(left + width, 1)) for _, left, width, _ in found] == [(0, 8.3), (12.5, 100)]


def test_an_hour_that_the_clocks_repeat_is_drawn_in_two_halves() -> None:
    found = drawn("2026-10-24T22:00", "2026-10-25T23:00")
    assert [(style, round(left * 0.24), round((left + width) * 0.24)) for style, left, width, _ in found] == [
        ("some", 0, 2),
        ("some first", 2, 3),
        ("some again", 2, 3),
        ("some", 3, 24),
    ]


@pytest.mark.parametrize(
    ("allowed", "style", "words"),
    [
        (0, "none", "none"),
        (2, "some", "2 at once"),
        (6, "more", "6 at once"),
        (10, "all", "10 at once, which is all"),
        ("unlimited", "unlimited", "UNLIMITED"),
    ],
)
def test_each_level_has_a_style_and_words(allowed: Allowed, style: str, words: str) -> None:
    found = meaning(allowed, 10)
    assert (found.style, found.words) == (style, words)


def test_text_of_a_page_is_no_markup() -> None:
    part = Part(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), Meaning("some", "<b>", '"<i>'))
    text = page("<x>", [drawing([part], BERLIN, "Europe/Berlin", "<y>")])
    assert not re.search(r"<(b|i|x|y)>", text.replace("<b>Berlin</b>", ""))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for command in ("budgets", "windows"):
        places = (f"--html={folder / command}.html", f"--ics={folder / command}.ics")
        options = ("--at=2026-12-10T00:00:00Z", "--time-zone=Europe/Berlin", "--output=json", *places)
        done = CliRunner().invoke(app, [command, str(EXAMPLES), *options])
        assert done.exit_code == 0, done.stderr
        (folder / f"{command}.json").write_text(done.stdout)
    return folder


@pytest.mark.parametrize("command", ["budgets", "windows"])
def test_a_page_needs_nothing_from_elsewhere(command: str, files: Path) -> None:
    text = (files / f"{command}.html").read_text()
    found = Drawn(text)
    assert found.open == []
    assert not re.search(r"(src|href)=|url\(|@import|https?://", text)
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert {left + width <= 100.01 for _, left, width, _ in found.parts} == {True}


def test_the_hours_drawn_are_those_of_the_answer(files: Path) -> None:
    calendar = msgspec.json.decode((files / "budgets.json").read_bytes(), type=BudgetCalendar)
    told = sum(it.seconds for pool in calendar.pools for course in pool.courses for it in course.levels) / 3600
    shown = sum(width for _, _, width, _ in Drawn((files / "budgets.html").read_text()).parts) * 0.24
    assert shown == pytest.approx(told, rel=1e-3)


def test_windows_are_drawn_open_and_what_is_cut_out_is_drawn_too(files: Path) -> None:
    styles = [style for style, *_ in Drawn((files / "windows.html").read_text()).parts]
    assert (styles.count("open"), styles.count("cut")) == (5, 2)


def entries(file: Path) -> list[dict[str, Any]]:
    return [dict(it) for it in icalendar.Calendar.from_ical(file.read_bytes()).walk("VEVENT")]


def test_calendars_have_an_entry_for_each_window_and_for_each_stretch_that_allows_something(files: Path) -> None:
    windows, budgets = (entries(files / f"{name}.ics") for name in ("windows", "budgets"))
    assert [it["DTSTART"].dt.isoformat() for it in windows][:3] == [
        "2026-12-13T01:00:00+00:00",
        "2026-12-20T01:00:00+00:00",
        "2027-01-10T01:00:00+00:00",
    ]
    summaries = {str(it["SUMMARY"]) for it in budgets}
    assert "default: up to 10 at once (Drifted, Underutilized)" in summaries
    assert all(it["DTEND"].dt - it["DTSTART"].dt > timedelta(0) for it in budgets)
    assert len({str(it["UID"]) for it in (*windows, *budgets)}) == len(windows) + len(budgets)


def test_a_file_that_cannot_be_written_is_exit_code_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["windows", str(EXAMPLES), f"--html={tmp_path / 'none' / 'x.html'}"])
    assert done.exit_code == 2
    assert "cannot be written: No such file" in done.stderr
