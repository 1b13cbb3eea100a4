"""Many forecasts that differ in a few values, as one document: what ``napsim sweep`` writes, and its Pareto front.

Version ``napsim.dev/sweep/v1`` (docs/sweep.md). Fields are added within a version; one that goes or changes its meaning
makes a new one. Instants are RFC 3339 in UTC, lengths of time are seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from napsim.report.parts import Part, indented

SCHEMA: Final = "napsim.dev/sweep/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Against(StrEnum):
    """What the time to finish is weighed against."""

    NODES = "nodes"
    PODS = "pods"
    HOUR = "hour"

    @property
    def words(self) -> str:
        return {
            Against.NODES: "most nodes disrupted at once",
            Against.PODS: "pods evicted",
            Against.HOUR: "most pods evicted within an hour",
        }[self]


class Point(Part, frozen=True):
    """One combination of values. ``finish_seconds`` from the start; null: not all nodes are done by the end.

    With several runs: the worst of each. ``finished`` of ``runs``. ``front``: no other point is better in one respect
    and as good in the other.
    """

    values: tuple[str, ...]
    runs: int
    finished: int
    finish_seconds: float | None
    nodes: int
    pods: int
    hour: int
    blocked: int
    front: bool = False

    def weight(self, against: Against) -> int:
        """Of the disruption."""
        return {Against.NODES: self.nodes, Against.PODS: self.pods, Against.HOUR: self.hour}[against]


class Sweep(Part, frozen=True, kw_only=True):
    """The whole answer; points in the order of their values."""

    schema: Literal["napsim.dev/sweep/v1"] = SCHEMA
    start: Instant
    until: Instant
    seed: int
    varied: tuple[str, ...]
    against: Against
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()

    @property
    def front(self) -> tuple[Point, ...]:
        """From the quickest on."""
        return tuple(sorted((it for it in self.points if it.front), key=lambda it: (_finish(it), it.values)))


def with_front(points: Sequence[Point], against: Against) -> tuple[Point, ...]:
    """The same points, those marked that no other one dominates. One that does not finish is on no front."""
    return tuple(msgspec.structs.replace(it, front=_is_on_front(it, points, against)) for it in points)


def _is_on_front(point: Point, points: Sequence[Point], against: Against) -> bool:
    return point.finish_seconds is not None and not any(_dominates(other, point, against) for other in points)


def _dominates(one: Point, other: Point, against: Against) -> bool:
    first, second = ((_finish(it), it.weight(against)) for it in (one, other))
    return first != second and first[0] <= second[0] and first[1] <= second[1]


def _finish(point: Point) -> float:
    return float("inf") if point.finish_seconds is None else point.finish_seconds


def by_finish(points: Sequence[Point], against: Against) -> Iterator[Point]:
    """From the quickest on; those that do not finish last."""
    yield from sorted(points, key=lambda it: (_finish(it), it.weight(against), it.values))


def document(sweep: Sweep) -> str:
    """The sweep as JSON, indented, without the last line's end."""
    return indented(sweep)
