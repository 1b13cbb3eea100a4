"""Nodes of ordinary AKS node pools (agent pools): which Nodes are, what is written on them, and the pools by image.

Policy: ``NodeAutoProvisioning.spec.agentPools``. A Node belongs to the agent pool of its label
``kubernetes.azure.com/agentpool`` unless it is, or wants to be, a NodePool's. Fails closed: a Node of a control plane
or of a real cloud is counted, but never touched.

The state of an upgrade is on the Node alone (annotation ``napsim.dev/os-upgrade``), written in the same patch as what
it tells of, so that an operator killed at any instant goes on from the API server.

| Phase | The Node | Next |
|---|---|---|
| Draining | cordoned, its pods are evicted | Reimaging once they are gone; Prevented when the drain takes too long |
| Reimaging | cordoned and empty | Done once the reimage is over |
| Done | as it was found, on the image ``to`` | |
| Prevented | as it was found, on the image ``from`` | tried again |
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.adoption import out_of_bounds
from napsim.core.clock import EPOCH
from napsim.core.objects import Node

STRAYS: Final = ""
"""The key of Nodes that are under way, but by now of no agent pool, or never to be touched."""
_GPUS: Final = ("nvidia.com/gpu", "amd.com/gpu")


class Phase(StrEnum):
    """Where the upgrade of a Node is."""

    DRAINING = "Draining"
    REIMAGING = "Reimaging"
    DONE = "Done"
    PREVENTED = "Prevented"


UNDER_WAY: Final = (Phase.DRAINING, Phase.REIMAGING)


class Record(msgspec.Struct, frozen=True, omit_defaults=True, rename={"from_image": "from", "to_image": "to"}):
    """Annotation ``napsim.dev/os-upgrade`` of a Node. Images are values of the label node-image-version; all instants
    are virtual.

    ``begun`` is when the upgrade of the pool began, ``since`` when the phase did, ``imaged`` when it was reimaged last.
    ``cordoned``: the Node was, before. ``original`` is the image before napsim changed it first: ``napsim release``
    puts it back.
    """

    phase: Phase
    from_image: str
    to_image: str
    begun: datetime
    since: datetime
    imaged: datetime | None = None
    cordoned: bool = False
    original: str = ""
    message: str = ""

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


def record_of(node: Node) -> Record | None:
    """What napsim wrote on the Node; None when it wrote nothing, or somebody else wrote over it."""
    text = node.metadata.annotations.get(names.OS_UPGRADE)
    try:
        return msgspec.json.decode(text, type=Record) if text else None
    except msgspec.DecodeError:
        return None


def is_draining(node: Node) -> bool:
    """Whether pods are to leave the Node for an OS upgrade."""
    record = record_of(node)
    return record is not None and record.phase is Phase.DRAINING


def pool_of(node: Node) -> str:
    """The agent pool that the Node belongs to; empty for one of a NodePool, and for any other."""
    labels = node.metadata.labels
    pool = labels.get(names.AGENT_POOL, "")
    if not pool or names.NODEPOOL in labels or names.PLAYS_NODEPOOL in labels:
        return ""
    return "" if names.IN_PLACE in node.metadata.annotations else pool


class Shape(msgspec.Struct, frozen=True, order=True):
    """What decides how a Node is upgraded: nodes of one shape are equal. ``image`` is the label node-image-version."""

    image: str
    os_sku: str
    gpu: bool


def shape_of(node: Node) -> Shape:
    labels = node.metadata.labels
    gpu = names.ACCELERATOR in labels or any(node.status.capacity.get(key, "0") != "0" for key in _GPUS)
    return Shape(labels.get(names.NODE_IMAGE_VERSION, ""), _os_sku(labels), gpu)


def _os_sku(labels: dict[str, str]) -> str:
    """The label that says it most exactly, else what the gallery of the image is for."""
    said = labels.get(names.OS_SKU_EFFECTIVE) or labels.get(names.OS_SKU)
    if said:
        return said
    if labels.get(names.OS) == "windows":
        return "Windows"
    return labels.get(names.NODE_IMAGE_VERSION, "").partition("-")[0].removeprefix("AKS")


class _Member(msgspec.Struct, frozen=True):
    """A Node as its pool sees it; two equal ones are no news."""

    pool: str
    shape: Shape
    record: Record | None
    unschedulable: bool
    made: datetime  # real
    barred: str = ""  # why it is never touched


class AgentPool(msgspec.Struct):
    """The nodes of one pool. ``begun`` is when its last upgrade began (virtual; EPOCH: never)."""

    shapes: dict[Shape, list[str]] = msgspec.field(default_factory=dict)  # Nodes by name; without those never touched
    under_way: set[str] = msgspec.field(default_factory=set)
    prevented: dict[str, datetime] = msgspec.field(default_factory=dict)  # Node -> since when
    barred: dict[str, str] = msgspec.field(default_factory=dict)  # Node -> why it is never touched
    begun: datetime = EPOCH
    _shapes: dict[str, Shape] = msgspec.field(default_factory=dict)
    _imaged: list[tuple[datetime, str]] = msgspec.field(default_factory=list)  # virtual; those that were reimaged here
    _made: list[tuple[datetime, str]] = msgspec.field(default_factory=list)  # real; the others

    @property
    def size(self) -> int:
        return len(self.barred) + sum(len(nodes) for nodes in self.shapes.values())

    def add(self, name: str, member: _Member) -> None:
        if member.barred:
            self.barred[name] = member.barred
            return
        self._shapes[name] = member.shape
        insort(self.shapes.setdefault(member.shape, []), name)
        insort(*self._age(name, member))
        record = member.record
        if record is None:
            return
        self.begun = max(self.begun, record.begun)
        if record.phase in UNDER_WAY:
            self.under_way.add(name)
        elif record.phase is Phase.PREVENTED:
            self.prevented[name] = record.since

    def remove(self, name: str, member: _Member) -> None:
        self.under_way.discard(name)
        self.prevented.pop(name, None)
        if self.barred.pop(name, None) is not None:
            return
        nodes = self.shapes[self._shapes.pop(name)]
        del nodes[bisect_left(nodes, name)]
        if not nodes:
            del self.shapes[member.shape]
        ages, age = self._age(name, member)
        del ages[bisect_left(ages, age)]

    def older_than(self, virtual: datetime, real: datetime) -> tuple[int, Iterator[str]]:
        """The Nodes that have their image since before an instant, which is given on both clocks: how many, and which,
        the oldest first."""
        spans = [(ages, bisect_left(ages, (end, ""))) for ages, end in ((self._made, real), (self._imaged, virtual))]
        return sum(end for _, end in spans), (name for ages, end in spans for _, name in islice(ages, end))

    def shape(self, name: str) -> Shape:
        return self._shapes[name]

    def _age(self, name: str, member: _Member) -> tuple[list[tuple[datetime, str]], tuple[datetime, str]]:
        imaged = member.record.imaged if member.record else None
        return (self._made, (member.made, name)) if imaged is None else (self._imaged, (imaged, name))


class AgentPools(msgspec.Struct):
    """All of them, by name: one update per change of a Node, none for a heartbeat."""

    pools: dict[str, AgentPool] = msgspec.field(default_factory=dict)
    _members: dict[str, _Member] = msgspec.field(default_factory=dict)

    def put(self, old: Node | None, new: Node | None) -> tuple[str, ...]:
        """Take in a Node as it is now; returns the pools that have to be looked at for it."""
        name = (new or old).name  # type: ignore[union-attr]  # one of the two is always there
        before, after = self._members.get(name), _member(new) if new is not None else None
        if before == after:
            return ()
        if before is not None:
            self._remove(name, before)
        if after is not None:
            self._members[name] = after
            self.pools.setdefault(after.pool, AgentPool()).add(name, after)
        return tuple(sorted({member.pool for member in (before, after) if member is not None}))

    def pool_with(self, name: str) -> str | None:
        """The pool whose Node is under way, if that is one."""
        member = self._members.get(name)
        return member.pool if member and name in self.pools[member.pool].under_way else None

    def names(self) -> Iterator[str]:
        """The agent pools that there are, by name."""
        return (name for name in sorted(self.pools) if name != STRAYS)

    def _remove(self, name: str, member: _Member) -> None:
        del self._members[name]
        pool = self.pools[member.pool]
        pool.remove(name, member)
        if not pool.size:
            del self.pools[member.pool]


def _member(node: Node) -> _Member | None:
    pool, record = pool_of(node), record_of(node)
    under_way = record is not None and record.phase in UNDER_WAY
    if not pool and not under_way:
        return None
    refusal, made = out_of_bounds(node), node.metadata.creation_timestamp or EPOCH
    barred = refusal.message if refusal else ""
    if barred and under_way:
        pool, barred = STRAYS, ""
    return _Member(pool, shape_of(node), record, node.spec.unschedulable, made, barred)
