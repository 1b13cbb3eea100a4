"""What changes in effect between two sets of manifests, as one document: what ``napsim diff`` writes.

Version ``napsim.dev/diff/v1`` (docs/checker.md). Fields are added within a version; one that goes or changes its
meaning makes a new one. Instants are RFC 3339 in UTC, lengths of time are seconds; ``allowed`` is a number or
``"unlimited"``. Null on one side: there was, or is, no such thing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from napsim.report.budget_calendar import Allowed
from napsim.report.parts import Part, indented

SCHEMA: Final = "napsim.dev/diff/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Change = Literal["added", "gone", "changed"]


class Field(Part, frozen=True):
    """One field that differs, as text; empty where it is not there."""

    field: str
    before: str
    after: str


class Object(Part, frozen=True):
    """One object that is new, gone, or says something else; ``effects`` are what that leads to, a sentence each."""

    kind: str
    namespace: str
    name: str
    change: Change
    file: str
    line: int
    fields: tuple[Field, ...] = ()
    effects: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))


class Count(Part, frozen=True):
    """Objects that a cluster has by itself, of which only the number is told."""

    kind: str
    added: int
    gone: int


class Span(Part, frozen=True):
    """A stretch of time; ``utc`` and ``reader`` are the same for people, in UTC and on the clocks of the reader."""

    start: Instant
    end: Instant
    utc: str
    reader: str


class Windows(Part, frozen=True):
    """One configuration of AKS: its open time within the year, and which windows, or parts of them, come and go."""

    config_name: str
    governs: str
    before_seconds: float | None
    after_seconds: float | None
    gained: tuple[Span, ...]
    lost: tuple[Span, ...]


class Level(Part, frozen=True):
    """How long within the week one level holds; null without the pool."""

    allowed: Allowed
    before_seconds: float | None
    after_seconds: float | None


class Stretch(Part, frozen=True):
    """When, for the first time, another level holds."""

    start: Instant
    end: Instant
    before: Allowed | None
    after: Allowed | None


class Budgets(Part, frozen=True):
    """What one pool allows for these reasons. ``differs_seconds`` within the year, ``first`` of it."""

    pool: str
    reasons: tuple[str, ...]
    nodes_before: int | None
    nodes_after: int | None
    levels: tuple[Level, ...]
    differs_seconds: float
    first: Stretch


class Finish(Part, frozen=True):
    """When a pool, or all of them (an empty name), is on the newest image; null: not by the end, or no such pool."""

    pool: str
    before: Instant | None
    after: Instant | None


class Risk(Part, frozen=True):
    """One thing at risk: nodes that are blocked to the end, a workload of which a pod is evicted more than once.

    Nodes are counted by pool where the forecast made them up, and named where the input has them.
    """

    name: str
    why: str


class Outlook(Part, frozen=True):
    """What both forecasts come to, from one start and seed."""

    start: Instant
    seed: int
    ended_before: Instant
    ended_after: Instant
    finish: tuple[Finish, ...]
    most_disrupting: tuple[int, int]
    evicted: tuple[int, int]
    blocked_gained: tuple[Risk, ...] = ()
    blocked_lost: tuple[Risk, ...] = ()
    evicted_twice_gained: tuple[Risk, ...] = ()
    evicted_twice_lost: tuple[Risk, ...] = ()


class Difference(Part, frozen=True, kw_only=True):
    """The whole answer. ``changed``: whether anything changes in effect."""

    schema: Literal["napsim.dev/diff/v1"] = SCHEMA
    before: str
    after: str
    start: Instant
    week_ends: Instant
    year_ends: Instant
    time_zone: str
    changed: bool
    objects: tuple[Object, ...] = ()
    counts: tuple[Count, ...] = ()
    windows: tuple[Windows, ...] = ()
    budgets: tuple[Budgets, ...] = ()
    outlook: Outlook | None = None
    notes: tuple[str, ...] = ()


def document(difference: Difference) -> str:
    """The difference as JSON, indented, without the last line's end."""
    return indented(difference)


def outlook_changes(outlook: Outlook) -> bool:
    """Whether the two forecasts differ in what is told of them."""
    risks = (outlook.blocked_gained, outlook.blocked_lost, outlook.evicted_twice_gained, outlook.evicted_twice_lost)
    pairs = (outlook.most_disrupting, outlook.evicted, *((it.before, it.after) for it in outlook.finish))
    return any(risks) or any(before != after for before, after in pairs)
