"""Why something has not moved: the links from a published image to an evicted pod, each with what stands there.

Policy: the order and the words are ours; what each link says is decided where the operator decides it. A chain is a
value: what is asked for it, and with which state, is in ``controllers.chains``.

| Link | Asks |
|---|---|
| Published | is there a newer image than the one that is run? |
| Listed | does the list of images, which is kept for 72 hours, have it? |
| Channel | of a node of an agent pool: does the node OS channel bring it? |
| Window | may images be picked up now, and by which configuration? |
| Age | is what is held so old that the window does not count? |
| Adopted | does the AKSNodeClass hold it: do new nodes get it? |
| Drift | is the NodeClaim something else than what is asked for? |
| Synced | does no NodeClaim wait for its launch, so that a disruption may start? |
| Candidate | may this node go: its state, its pods, their PodDisruptionBudgets? |
| Budget | do the budgets of the NodePool leave room for one more node now? |
| Turn | whose turn is it? |
| Room | do its pods find room elsewhere? |
| Command | is its replacement ready? |
| Drain | have its pods left? |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class LinkName(StrEnum):
    """See the table above, in this order."""

    PUBLISHED = "Published"
    LISTED = "Listed"
    CHANNEL = "Channel"
    WINDOW = "Window"
    AGE = "Age"
    ADOPTED = "Adopted"
    DRIFT = "Drift"
    SYNCED = "Synced"
    CANDIDATE = "Candidate"
    BUDGET = "Budget"
    TURN = "Turn"
    ROOM = "Room"
    COMMAND = "Command"
    DRAIN = "Drain"


class Standing(StrEnum):
    """How a link stands. Only what ``blocks`` can be the first that does."""

    PASSES = "passes"
    BLOCKS = "blocks"
    UNKNOWN = "unknown"  # cannot be told from what is known here
    AHEAD = "ahead"  # nothing is to be judged there yet


class Edit(msgspec.Struct, frozen=True):
    """One change that ends one block. ``patch`` is a JSON merge patch of the object, where it is an edit of one.

    ``command`` does the same with kubectl. ``effect`` says what it comes to, and its price where it has one.
    """

    effect: str
    command: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    patch: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Link(msgspec.Struct, frozen=True):
    """One link at one instant. ``until`` (virtual, aware UTC) is when it changes by itself; None: time never does that.

    ``reason`` is a value of the enum that the decision speaks in (``core.reasons`` and others); empty if it has none.
    ``details`` are what it rests on, a line each.
    """

    name: LinkName
    standing: Standing
    message: str
    reason: str = ""
    until: datetime | None = None
    details: tuple[str, ...] = ()
    edit: Edit | None = None


class Held(msgspec.Struct, frozen=True):
    """Nodes of a pool whose chains are blocked by the same link for the same reason; ``nodes`` by name."""

    nodes: tuple[str, ...]
    link: Link | None


class Chain(msgspec.Struct, frozen=True):
    """The answer for one object. ``moved``: there is nothing to wait for, and ``message`` says so.

    ``stands_for``: of several nodes, the one whose links these are. ``held``: all nodes that are concerned, by what
    blocks them first (None: nothing).
    """

    kind: str
    name: str
    message: str
    links: tuple[Link, ...]
    moved: bool = False
    stands_for: str = ""
    held: tuple[Held, ...] = ()

    @property
    def first(self) -> Link | None:
        """The first link that blocks, in the order of the links."""
        return first_block(self.links)


def first_block(links: tuple[Link, ...]) -> Link | None:
    """The first that blocks."""
    return next((link for link in links if link.standing is Standing.BLOCKS), None)
