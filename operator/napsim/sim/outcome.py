"""What a simulation came to: values, for reports to render. All instants are virtual, aware, in UTC.

What there are hundreds of thousands of in a long forecast is a struct, which the garbage collector passes by.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from napsim.core.trace import Record


class PoolStep(msgspec.Struct, frozen=True, gc=False):
    """How a pool stands from ``at`` on. ``versions``: nodes by image version, the oldest version first."""

    at: datetime
    nodes: int
    disrupting: int
    allowed: int
    versions: tuple[tuple[str, int], ...]


class PoolOutcome(msgspec.Struct, frozen=True):
    """``finished_at``: since when all nodes are on the newest image, without any that drifts or is on its way.

    None: they are not at the end, and ``unfinished`` says why, a sentence for each cause. ``reasons`` are those of
    causes that no blocked node has; ``waits``: a published image is not picked up. ``taken``: for each node that
    was taken, when and why: the command's reason, or what its NodeClaim was deleted for.
    """

    name: str
    finished_at: datetime | None
    unfinished: tuple[str, ...]
    steps: tuple[PoolStep, ...]
    most_disrupting: int
    most_disrupting_at: datetime | None
    replaced: int
    reasons: tuple[str, ...] = ()
    waits: bool = False
    taken: tuple[tuple[datetime, str], ...] = ()


class WorkloadOutcome(msgspec.Struct, frozen=True):
    """What was done to the pods of one controller (``namespace/Kind/name``), or to a pod without one.

    ``evictions``: instants and how many then; ``deleted`` for lack of time, PDBs bypassed.
    """

    name: str
    evicted: int
    deleted: int
    evictions: tuple[tuple[datetime, int], ...]


class BlockedInterval(msgspec.Struct, frozen=True, gc=False):
    """A drifted node that could not go, from ``since`` to ``until`` (None: at the end it still could not)."""

    node: str
    node_claim: str
    node_pool: str
    reason: str
    message: str
    since: datetime
    until: datetime | None
    wake_at: datetime | None


class BudgetWait(msgspec.Struct, frozen=True, gc=False):
    """Drifted nodes of one pool whose budgets allow none, from ``since`` to ``until`` (None: at the end still so).

    ``nodes``: the most that waited at once; ``message``: which budgets. ``opens_at``: when the schedules of those that
    hold at the end leave room; None: not within a year.
    """

    node_pool: str
    nodes: int
    message: str
    since: datetime
    until: datetime | None
    opens_at: datetime | None


class PickUp(msgspec.Struct, frozen=True):
    """A class adopts an image. ``forced``: not by an open window, but by the 90-day rule or the like."""

    at: datetime
    node_class: str
    definition: str
    from_version: str
    to_version: str
    rule: str
    message: str
    forced: bool


class UnplacedPod(msgspec.Struct, frozen=True):
    """A pod that is on no node at the end, and why."""

    pod: str
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """The whole run. ``steps`` are calls of the kernel: what it cost, not what it did."""

    started_at: datetime
    ended_at: datetime
    seed: int
    pools: tuple[PoolOutcome, ...]
    workloads: tuple[WorkloadOutcome, ...]
    blocked: tuple[BlockedInterval, ...]
    budget_waits: tuple[BudgetWait, ...]
    pick_ups: tuple[PickUp, ...]
    unplaced: tuple[UnplacedPod, ...]
    problems: tuple[str, ...]
    trace: tuple[Record, ...]
    most_disrupting: int
    most_disrupting_at: datetime | None
    steps: int

    @property
    def finished_at(self) -> datetime | None:
        """When the last pool was done; None when one is not."""
        ends = [pool.finished_at for pool in self.pools]
        return max((at for at in ends if at is not None), default=self.started_at) if None not in ends else None

    @property
    def forced(self) -> tuple[PickUp, ...]:
        return tuple(item for item in self.pick_ups if item.forced)
