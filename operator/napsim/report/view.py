"""What a live view of a cluster's rollout shows, as values. All times are on the cluster's virtual clock, UTC.

The field names are those of ``napsim watch --output json``.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec


class Phase(StrEnum):
    """Where one node is. A node is in one phase: the first that holds, in this order from the bottom up."""

    CURRENT = "current"  # runs, and is not drifted
    LAUNCHING = "launching"  # not initialized yet
    DISRUPTING = "disrupting"  # tainted; its replacement is on the way
    DRAINING = "draining"  # its NodeClaim is being deleted
    BLOCKED = "blocked"  # drifted, and something stands in the way
    DRIFTED = "drifted"  # drifted, and waits for its turn


class Rollout(StrEnum):
    """Where the cluster as a whole is; the words are those of NodeAutoProvisioning's status."""

    ROLLED_OUT = "RolledOut"
    WAITING_FOR_WINDOW = "WaitingForWindow"
    ROLLING_OUT = "RollingOut"
    BLOCKED = "Blocked"


class Clock(msgspec.Struct, frozen=True):
    """``now`` and how many times faster than the wall clock it runs."""

    now: datetime
    factor: float


class Window(msgspec.Struct, frozen=True):
    """A maintenance configuration, or what holds without one (``name`` is empty then).

    ``state`` is ``OPEN``, ``closed``, or ``unknown`` while nobody has evaluated it. ``zone`` is an IANA name, ``UTC``
    or ``UTC+02:00``. ``message`` is a warning or an explanation, where there is one. ``pending``: at ``changes_at`` a
    change of the configuration begins to count, whatever that makes of the state.
    """

    name: str
    config_name: str
    state: str
    changes_at: datetime | None = None
    zone: str = "UTC"
    message: str = ""
    pending: bool = False

    @property
    def open(self) -> bool:
        return self.state == "OPEN"


class Group(msgspec.Struct, frozen=True):
    """Nodes of a pool that run the same image version and are in the same phase; ``version`` is empty if unknown."""

    version: str
    phase: Phase
    nodes: int


class Pool(msgspec.Struct, frozen=True):
    """A NodePool. ``total`` counts NodeClaims, ``updated`` those whose node runs and is not drifted.

    ``disrupting`` and ``allowed`` are what Karpenter compares for drift: ``allowed`` None is unlimited. ``changes_at``
    is when a scheduled budget begins or ends next; ``error`` is why a budget allows nothing. ``most`` is the most nodes
    disrupted at once so far, as far as napsim has recorded it.
    """

    name: str
    groups: tuple[Group, ...]
    total: int
    updated: int
    disrupting: int
    allowed: int | None
    changes_at: datetime | None = None
    error: str = ""
    most: int = 0

    def count(self, *phases: Phase) -> int:
        """How many nodes are in one of the phases."""
        return sum(group.nodes for group in self.groups if group.phase in phases)


class Blocked(msgspec.Struct, frozen=True):
    """A drifted node that cannot be replaced now. ``since`` None: unknown; ``until`` None: until something changes."""

    node: str
    pool: str
    reason: str
    message: str
    since: datetime | None
    until: datetime | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A published image that a node class has not picked up. ``listed_at``: before then nobody looks for images."""

    node_class: str
    definition: str
    version: str
    published_at: datetime
    adopted: str
    listed_at: datetime | None = None


class PickUp(msgspec.Struct, frozen=True):
    """An image version that a node class adopted, and the rule that let it."""

    at: datetime
    node_class: str
    definition: str
    from_version: str
    to_version: str
    rule: str
    reason: str


class Event(msgspec.Struct, frozen=True):
    """An event about a node, a claim, a pool or one of napsim's kinds."""

    at: datetime
    about: str
    reason: str
    message: str
    warning: bool
    count: int


# How a note begins that says that nobody leads.
NO_OPERATOR: Final = "no operator runs"


class View(msgspec.Struct, frozen=True):
    """One frame. ``versions`` are all image versions known, the oldest first; ``notes`` are what the viewer must know.

    ``windows`` has the one that governs pick-up first; ``pickups`` and ``events`` have the newest first.
    ``estimated_finish`` is napsim's forecast for the nodes that are not blocked; None while there is none.
    """

    cluster: str
    clock: Clock
    rollout: Rollout
    windows: tuple[Window, ...]
    pools: tuple[Pool, ...]
    blocked: tuple[Blocked, ...]
    waiting: tuple[Waiting, ...]
    pickups: tuple[PickUp, ...]
    events: tuple[Event, ...]
    versions: tuple[str, ...]
    notes: tuple[str, ...] = ()
    estimated_finish: datetime | None = None

    @property
    def total(self) -> int:
        return sum(pool.total for pool in self.pools)

    @property
    def updated(self) -> int:
        return sum(pool.updated for pool in self.pools)

    @property
    def window(self) -> Window | None:
        """The window that governs pick-up."""
        return self.windows[0] if self.windows else None

    def count(self, *phases: Phase) -> int:
        """How many nodes of all pools are in one of the phases."""
        return sum(pool.count(*phases) for pool in self.pools)
