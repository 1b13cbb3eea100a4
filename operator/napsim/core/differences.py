"""What differs between two courses of time: windows that are gained and lost, budgets that hold another level.

Policy: for readers, as ``budget_levels`` is. Nothing here is about texts: two schedules that say the same in different
words do not differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .budget_levels import Course
from .windows import Window


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to ``end`` (aware UTC, ``end`` excluded), of which both are known."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Shifted:
    """A stretch in which a pool allows something else than before; None where there was, or is, no such pool."""

    start: datetime
    end: datetime
    before: int | None
    after: int | None


def within(windows: Iterable[Window], start: datetime, end: datetime) -> tuple[Span, ...]:
    """The parts of windows (in order, which do not overlap) that lie in the span."""
    found = []
    for window in windows:
        if window.start >= end:
            break
        span = Span(max(window.start, start), min(window.until, end))
        if span.start < span.end:
            found.append(span)
    return tuple(found)


def total(spans: Iterable[Span]) -> timedelta:
    return sum((span.length for span in spans), timedelta(0))


def without(spans: Iterable[Span], others: Sequence[Span]) -> Iterator[Span]:
    """What is left of ``spans`` where none of the others is. Both in order and without overlap."""
    for span in spans:
        start = span.start
        for other in others:
            if other.end <= start:
                continue
            if other.start >= span.end:
                break
            if other.start > start:
                yield Span(start, other.start)
            start = other.end
        if start < span.end:
            yield Span(start, span.end)


def shifted(before: Course | None, after: Course | None) -> tuple[Shifted, ...]:
    """The stretches in which two courses over the same span differ, joined where both keep their levels."""
    first, second = _levels(before), _levels(after)
    edges = sorted({*first, *second})
    ends = {course.stretches[-1].end for course in (before, after) if course is not None}
    found: list[Shifted] = []
    old = new = None
    for at, until in zip(edges, [*edges[1:], *ends], strict=False):
        old, new = first.get(at, old), second.get(at, new)
        if old != new:
            found.append(Shifted(at, until, old, new))
    return tuple(found)


def _levels(course: Course | None) -> dict[datetime, int]:
    """The level that holds from each instant on."""
    return {} if course is None else {item.start: item.allowed for item in course.stretches}
