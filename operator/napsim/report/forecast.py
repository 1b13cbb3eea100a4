"""A forecast as one document: what ``napsim simulate --output json`` writes, and what every other form is made from.

Version ``napsim.dev/forecast/v1`` (docs/forecast-schema.json). Fields are added within a version; one that goes or
changes its meaning makes a new one. All instants are RFC 3339 in UTC, all lengths of time are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from napsim.api import names
from napsim.report.parts import Part, indented

SCHEMA: Final = "napsim.dev/forecast/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Step(Part, frozen=True):
    """How a pool stands from ``at`` on. ``versions``: nodes by image version."""

    at: Instant
    nodes: int
    disrupting: int
    allowed: int
    versions: dict[str, int]


class Rollout(Part, frozen=True):
    """One image version in one pool: published, picked up by its class, first node disrupted, last node replaced."""

    version: str
    published_at: Instant | None
    picked_up_at: Instant
    rule: str
    forced: bool
    first_disrupted_at: Instant | None
    done_at: Instant | None


class Pool(Part, frozen=True):
    """One NodePool. ``finished_at``: since when all its nodes are on the newest image; null: they are not at the end.

    ``unfinished`` says why not, and ``remedies`` what would have to change. ``allowed_then`` is the budget at the
    instant of the most disruptions. With another ``node_class_kind`` than AKSNodeClass images are not known, and nodes
    have come to what they are to be when they are as the NodePool asks.
    """

    name: str
    node_class: str
    nodes: int
    finished_at: Instant | None
    replaced: int
    most_disrupting: int
    most_disrupting_at: Instant | None
    allowed_then: int | None
    rollouts: tuple[Rollout, ...] = ()
    unfinished: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    node_class_kind: str = names.AKS_NODE_CLASS


class Moment(Part, frozen=True):
    """One thing that happens. ``kind`` is that of a trace's record, or Published, or that of an event."""

    at: Instant
    kind: str
    object: str
    node_pool: str = ""
    reason: str = ""
    message: str = ""
    details: Mapping[str, str] = {}


class Blocked(Part, frozen=True):
    """A drifted node that cannot go. ``until`` is null where it still cannot at the end."""

    node: str
    node_pool: str
    reason: str
    message: str
    since: Instant
    until: Instant | None


class BudgetWait(Part, frozen=True):
    """Drifted nodes of one pool, the most at once, that wait for a disruption budget that allows none.

    ``reason`` is always BlockingBudget, and ``message`` says which budgets. ``until`` is null where they wait at the
    end; only then ``opens_at`` is told, when schedules leave room (null: not within a year).
    """

    node_pool: str
    nodes: int
    reason: str
    message: str
    since: Instant
    until: Instant | None
    opens_at: Instant | None


class Eviction(Part, frozen=True):
    """So many pods of one workload at one instant."""

    at: Instant
    pods: int


class Workload(Part, frozen=True):
    """What was done to the pods of one controller. ``days`` on which it lost pods; ``deleted`` bypassed PDBs."""

    name: str
    evicted: int
    deleted: int
    days: int
    most_in_an_hour: int
    evictions: tuple[Eviction, ...] = ()


class Window(Part, frozen=True):
    """A maintenance window as it was played. ``until`` is null where it is open at the end."""

    configuration: str
    since: Instant
    until: Instant | None


class Pending(Part, frozen=True):
    """A pod that is on no node at the end, and why."""

    pod: str
    reason: str


class Quantiles(Part, frozen=True):
    """Of many runs half are at or below ``p50``, nine of ten at or below ``p90``, all at or below ``worst``."""

    p50: float
    p90: float
    worst: float


class Runs(Part, frozen=True):
    """Many seeds. ``finish`` in seconds from the start, of the runs that finish; null where none does."""

    count: int
    seeds: tuple[int, int]
    finished: int
    finish: Quantiles | None
    most_disrupting: Quantiles
    evicted: Quantiles


class Forecast(Part, frozen=True, kw_only=True):
    """The whole answer. ``finished_at`` is null where the rollout is not over by ``ended_at``."""

    schema: Literal["napsim.dev/forecast/v1"] = SCHEMA
    name: str
    start: Instant
    until: Instant
    ended_at: Instant
    time_zone: str
    seed: int
    finished_at: Instant | None
    pools: tuple[Pool, ...]
    timeline: tuple[Moment, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    budget_waits: tuple[BudgetWait, ...] = ()
    workloads: tuple[Workload, ...] = ()
    windows: tuple[Window, ...] = ()
    pending: tuple[Pending, ...] = ()
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    runs: Runs | None = None

    @property
    def finishes(self) -> bool:
        return self.finished_at is not None

    @property
    def goal(self) -> str:
        """What nodes come to, in words; of another provider's classes images are not known."""
        kinds = {pool.node_class_kind for pool in self.pools}
        return "as their NodePools ask" if kinds and names.AKS_NODE_CLASS not in kinds else "on the newest image"

    def length_of(self, block: Blocked | BudgetWait) -> timedelta:
        """How long they could not go, up to the end at most."""
        return (block.until or self.ended_at) - block.since


def document(forecast: Forecast) -> str:
    """The forecast as JSON, indented, without the last line's end."""
    return indented(forecast)


def schema() -> str:
    """The JSON Schema of ``document``."""
    made = msgspec.json.schema(Forecast)
    return msgspec.json.format(msgspec.json.encode(made, order="deterministic"), indent=2).decode() + "\n"
