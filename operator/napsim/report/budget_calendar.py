"""What budgets allow over a span, as one document: what ``napsim budgets`` writes, as JSON and as lines of a terminal.

Version ``napsim.dev/budgets/v1`` (docs/checker.md). Fields are added within a version; one that goes or changes its
meaning makes a new one. Instants are RFC 3339 in UTC, lengths of time are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from string import ascii_letters
from typing import Annotated, Final, Literal

import msgspec

from napsim.report.day_strips import Block, Symbol, strips
from napsim.report.facts import BUDGET_IS_NO_SPEED, BUDGET_RESTRICTS_WHILE_ACTIVE, WINDOW_GATES_PICK_UP
from napsim.report.marked import WIDTH, Mark, Marked, Tone, headed, shortened, unbroken, wrapped
from napsim.report.parts import Part, indented
from napsim.report.phrases import plural
from napsim.report.times import full, span, zone_of

SCHEMA: Final = "napsim.dev/budgets/v1"
UNLIMITED: Final = "unlimited"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Allowed = int | Literal["unlimited"]

_MOST_DAYS: Final = timedelta(days=32)  # drawn day by day
_SCHEDULE: Final = re.compile(r"\(.*\)$")  # at the end of a budget in words
_NOT_TOLD: Final = 2**31  # above every number of nodes
_LEGEND_INDENT: Final = " " * 15


class Stretch(Part, frozen=True):
    """So many nodes may be disrupting at once from ``start`` to ``end``, which is excluded."""

    start: Instant
    end: Instant
    allowed: Allowed


class Level(Part, frozen=True):
    """How long one level holds within the span. ``at_least``: the longest stretch goes on beyond the span."""

    allowed: Allowed
    seconds: float
    longest_from: Instant
    longest_seconds: float
    at_least: bool


class Finding(Part, frozen=True):
    """What is worth minding."""

    reason: str
    message: str


class Course(Part, frozen=True):
    """What is allowed for these reasons, for which it is the same."""

    reasons: tuple[str, ...]
    levels: tuple[Level, ...]
    stretches: tuple[Stretch, ...]
    findings: tuple[Finding, ...] = ()


class Pool(Part, frozen=True):
    """One NodePool. ``budgets`` in words, as the operator says them; ``nodes_from`` says where the number is from."""

    name: str
    file: str
    line: int
    nodes: int
    nodes_from: str
    assumed: bool
    budgets: tuple[str, ...]
    courses: tuple[Course, ...]


class BudgetCalendar(Part, frozen=True, kw_only=True):
    """The whole answer: the span, the zone of the reader, the pools."""

    schema: Literal["napsim.dev/budgets/v1"] = SCHEMA
    start: Instant
    end: Instant
    time_zone: str
    pools: tuple[Pool, ...]
    notes: tuple[str, ...] = ()


def document(calendar: BudgetCalendar) -> str:
    """The calendar as JSON, indented, without the last line's end."""
    return indented(calendar)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines(calendar: BudgetCalendar) -> Iterator[Marked]:
    """The whole calendar for a terminal."""
    page = _Page(calendar)
    yield Marked(f"Budgets from {full(calendar.start)} to {full(calendar.end)} UTC", Tone.HEADING)
    yield from wrapped(page.clocks, Tone.ASIDE, "")
    for pool in calendar.pools:
        yield Marked()
        yield from page.pool(pool)
    yield Marked()
    for fact in (BUDGET_RESTRICTS_WHILE_ACTIVE, WINDOW_GATES_PICK_UP, BUDGET_IS_NO_SPEED):
        yield from wrapped(fact, indent="")
    for note in calendar.notes:
        yield from wrapped(f"- {note}", Tone.ASIDE, "")


def _words(allowed: Allowed, nodes: int) -> str:
    if allowed == UNLIMITED:
        return "UNLIMITED"
    if allowed == 0:
        return "none"
    return f"{allowed} (all)" if allowed >= nodes else str(allowed)


def _unbroken(schedule: re.Match[str]) -> str:
    return unbroken(schedule[0])


def _tone(allowed: Allowed) -> Tone:
    return Tone.BAD if allowed == UNLIMITED else Tone.PLAIN


def _rank(allowed: Allowed) -> int:
    return allowed if isinstance(allowed, int) else _NOT_TOLD


class _Page:
    """One calendar, on the clocks of its reader."""

    def __init__(self, calendar: BudgetCalendar) -> None:
        self._calendar = calendar
        self._zone: tzinfo = zone_of(calendar.time_zone)
        self._utc_only = calendar.time_zone == "UTC"

    @property
    def clocks(self) -> str:
        """In which time what is told."""
        if self._utc_only:
            return "Schedules of budgets are UTC, as is all that is told here."
        told = f"Schedules of budgets are UTC; days are drawn by the clocks of {self._calendar.time_zone}"
        before, after = (at.astimezone(self._zone).utcoffset() for at in (self._calendar.start, self._calendar.end))
        return f"{told}." if before == after else f"{told}, which change within this span: on them schedules then move."

    def pool(self, pool: Pool) -> Iterator[Marked]:
        yield from headed(f"NodePool/{pool.name}", f"{pool.file}:{pool.line}")
        told = f"{plural(pool.nodes, 'node')}: {pool.nodes_from}"
        yield from wrapped(told, Tone.WARNING if pool.assumed else Tone.PLAIN)
        for number, text in enumerate(pool.budgets):
            yield from wrapped(f"budgets[{number}] {_SCHEDULE.sub(_unbroken, text)}", more="    ")
        if not pool.budgets:
            yield from wrapped("no budgets")
        for course in pool.courses:
            yield Marked()
            yield from self._course(course, pool)

    def _course(self, course: Course, pool: Pool) -> Iterator[Marked]:
        title = f"  {', '.join(course.reasons)}"
        if len(course.stretches) == 1:
            allowed = course.stretches[0].allowed
            text = f"{title}: {_words(allowed, pool.nodes)}{' at once' if _rank(allowed) else ''}, throughout"
            yield Marked(text, Tone.BAD if allowed == UNLIMITED else Tone.HEADING)
        else:
            yield Marked(title, Tone.HEADING)
            yield from self._strips(course, pool)
            yield from self._stretches(course, pool)
            yield from self._levels(course, pool)
        for finding in course.findings:
            tone = Tone.BAD if finding.reason.startswith(("Unlimited", "FailsClosed")) else Tone.WARNING
            yield from wrapped(f"! {finding.message}", tone, "    ")

    def _strips(self, course: Course, pool: Pool) -> Iterator[Marked]:
        if self._calendar.end - self._calendar.start > _MOST_DAYS:
            return
        symbols = _symbols(course.levels)
        blocks = [Block(item.start, item.end, _rank(item.allowed)) for item in course.stretches]
        scale, *rows = strips(blocks, symbols, self._zone)
        yield Marked(f"    {self._zone_name:11.11}{scale.text.lstrip()}", Tone.ASIDE)
        yield from rows
        yield from _legend(course.levels, symbols, pool.nodes)
        yield Marked()

    @property
    def _zone_name(self) -> str:
        """``UTC``; of a long name the end, which says which city it is."""
        return self._calendar.time_zone.rpartition("/")[2]

    def _stretches(self, course: Course, pool: Pool) -> Iterator[Marked]:
        local = "" if self._utc_only else f"{self._calendar.time_zone:24.24}  "
        yield Marked(f"    {'FROM, UTC':22}{local}{'LASTS':10}AT ONCE", Tone.ASIDE)
        yield from shortened(self._stretch(item, pool) for item in course.stretches)
        yield Marked()

    def _stretch(self, item: Stretch, pool: Pool) -> Marked:
        local = "" if self._utc_only else f"{full(item.start, self._zone):26}"
        text = f"    {full(item.start):22}{local}{span(item.end - item.start):10}{_words(item.allowed, pool.nodes)}"
        start = len(text) - len(_words(item.allowed, pool.nodes))
        return Marked(text, Tone.PLAIN, (Mark(start, len(text), _tone(item.allowed)),))

    def _levels(self, course: Course, pool: Pool) -> Iterator[Marked]:
        whole = (self._calendar.end - self._calendar.start).total_seconds()
        yield Marked(f"    {'AT ONCE':14}{'HOURS':>8}{'SHARE':>8}  LONGEST STRETCH, UTC", Tone.ASIDE)
        for level in course.levels:
            longest = span(timedelta(seconds=level.longest_seconds))
            longest = f"at least {longest}" if level.at_least else longest
            numbers = f"{round(level.seconds / 3600, 2):>8g}{level.seconds / whole:>8.0%}"
            text = f"    {_words(level.allowed, pool.nodes):14}{numbers}  {longest} from {full(level.longest_from)}"
            yield Marked(text, _tone(level.allowed))


def _symbols(levels: Sequence[Level]) -> Mapping[int, Symbol]:
    """The number itself up to 9, else a letter: the levels of a course are as many as its budgets, and one more."""
    found: dict[int, Symbol] = {}
    letters = iter(ascii_letters)
    for level in levels:
        rank = _rank(level.allowed)
        if level.allowed == UNLIMITED:
            found[rank] = Symbol("!", Tone.BAD)
        elif rank == 0:
            found[rank] = Symbol("·", Tone.ASIDE)
        else:
            found[rank] = Symbol(str(rank) if rank < 10 else next(letters), Tone.PLAIN)
    return found


def _legend(levels: Sequence[Level], symbols: Mapping[int, Symbol], nodes: int) -> Iterator[Marked]:
    """What each symbol stands for, in as many lines as that takes."""
    text, marks = _LEGEND_INDENT, list[Mark]()
    for level in levels:
        symbol = symbols[_rank(level.allowed)]
        entry = f"{symbol.character} {_meaning(level.allowed, symbol, nodes)}"
        if len(text) + len(entry) > WIDTH:
            yield Marked(text.rstrip(), Tone.PLAIN, tuple(marks))
            text, marks = _LEGEND_INDENT, []
        marks.append(Mark(len(text), len(text) + len(entry), symbol.tone))
        text += f"{entry}   "
    yield Marked(text.rstrip(), Tone.PLAIN, tuple(marks))


def _meaning(allowed: Allowed, symbol: Symbol, nodes: int) -> str:
    if not isinstance(allowed, int) or not allowed:
        return _words(allowed, nodes)
    return "at once" if symbol.character == str(allowed) else f"{_words(allowed, nodes)} at once"
