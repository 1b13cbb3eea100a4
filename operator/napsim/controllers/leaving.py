"""The pods of nodes on their way out, as every simulation of scheduling needs them: they take room elsewhere first.

Mirrors karpenter v1.14.0 ``CurrentlyReschedulablePods`` of the nodes marked for deletion, in
``pkg/controllers/provisioning/provisioner.go`` and ``pkg/controllers/disruption/helpers.go``. Kept from one simulation
to the next: asked again are only pods that have changed, or whose protection has ended, and all when a
PodDisruptionBudget has changed. A drain takes pods one by one: each step costs that pod, not all that are left.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Final

import msgspec

from napsim.core.clock import Timeline, earliest
from napsim.core.clusterview import ClusterView
from napsim.core.objects import Pod
from napsim.core.outlook import NOBODY, Own, own_of
from napsim.core.pdbs import PdbIndex, is_currently_reschedulable
from napsim.core.pods import is_reschedulable, protection
from napsim.core.simulation import moving
from napsim.core.topology import Mover

_BY_TURN: Final = attrgetter("turn")


class Moving(msgspec.Struct, frozen=True):
    """Pods that need room elsewhere, by turn. ``until`` (virtual): others may join them then as time passes, alone.

    ``own``: the same as an outlook asks for them, of a candidate's pods.
    """

    movers: tuple[Mover, ...] = ()
    until: datetime | None = None
    own: Own = NOBODY


def pods_moving(pods: Iterable[Pod], view: ClusterView, pdbs: PdbIndex, timeline: Timeline, now: datetime) -> Moving:
    """Those of the pods of a candidate that are currently reschedulable."""
    found = [_moving(pod, view, pdbs, timeline, now, displaced=False) for pod in pods]
    movers = (mover for mover, _ in found if mover is not None)
    return Moving(tuple(sorted(movers, key=_BY_TURN)), earliest(*(until for _, until in found)))


def _moving(
    pod: Pod, view: ClusterView, pdbs: PdbIndex, timeline: Timeline, now: datetime, *, displaced: bool
) -> tuple[Mover | None, datetime | None]:
    """The pod, if it is currently reschedulable; and when time may change that it is not."""
    if not is_reschedulable(pod):
        return None, None
    if not is_currently_reschedulable(pod, pdbs, timeline, now):
        return None, protection(pod, timeline, now).until
    return next(iter(moving((pod,), view, displaced=displaced)), None), None


class MovingPods(msgspec.Struct):
    """The same for candidates, kept by Node until its pods change. ``known`` are found by ``of``."""

    known: dict[str, Moving] = msgspec.field(default_factory=dict)

    def on_pods(self, node: str) -> None:
        """The pods of the Node have changed, or what they ask for."""
        self.known.pop(node, None)

    def on_pdbs(self) -> None:
        """Which pods PodDisruptionBudgets hold back for good may have changed."""
        self.known.clear()

    def of(
        self, node: str, pods: Iterable[Pod], view: ClusterView, pdbs: PdbIndex, timeline: Timeline, now: datetime
    ) -> Moving:
        """Its pods that need room elsewhere."""
        known = self.known.get(node)
        if known is None or (known.until is not None and known.until <= now):
            found = pods_moving(pods, view, pdbs, timeline, now)
            known = self.known[node] = Moving(found.movers, found.until, own_of(found.movers))
        return known


class _LeavingNode(msgspec.Struct):
    """Its pods that need room elsewhere, and those that may as time passes, by key; and those that have changed."""

    movers: dict[str, Mover] = msgspec.field(default_factory=dict)
    until: dict[str, datetime] = msgspec.field(default_factory=dict)
    changed: set[str] = msgspec.field(default_factory=set)
    unknown: bool = True  # nothing is known yet, or not any more

    def take_due(self, pods: Mapping[str, Pod], now: datetime) -> Collection[str]:
        """The pods that have to be asked about, some of which may be gone."""
        due = {*self.changed, *(key for key, until in self.until.items() if until <= now)}
        if self.unknown:
            due.update(self.movers, pods)
        self.changed.clear()
        self.unknown = False
        return due


class Leaving(msgspec.Struct):
    """The nodes on their way out, by name. Whoever keeps it says what has changed."""

    _nodes: dict[str, _LeavingNode] = msgspec.field(default_factory=dict)
    _stale: set[str] = msgspec.field(default_factory=set)  # those of which something has changed
    _timed: set[str] = msgspec.field(default_factory=set)  # those where time alone may change something
    _sorted: list[Mover] = msgspec.field(default_factory=list)  # of all nodes, by turn
    _all: Moving | None = None
    _news: bool = False

    def __contains__(self, node: str) -> bool:
        return node in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, node: str) -> None:
        if node not in self._nodes:
            self._nodes[node] = _LeavingNode()
            self._stale.add(node)
            self._all = None
            self._news = True

    def discard(self, node: str) -> None:
        gone = self._nodes.pop(node, None)
        if gone is not None:
            for mover in gone.movers.values():
                self._take_out(mover)
            self._stale.discard(node)
            self._timed.discard(node)
            self._all = None

    def take_news(self) -> bool:
        """Whether a node has come since this was asked last."""
        news, self._news = self._news, False
        return news

    def on_pods(self, node: str, pod: str = "") -> None:
        """The pod of the Node, by key, has changed; any of them where that is not said."""
        known = self._nodes.get(node)
        if known is not None:
            if pod:
                known.changed.add(pod)
            else:
                known.unknown = True
            self._stale.add(node)
            self._all = None

    def on_pdbs(self) -> None:
        """Which pods PodDisruptionBudgets hold back for good may have changed."""
        for node in self._nodes:
            self.on_pods(node)

    def moving(
        self,
        pods_on: Callable[[str], Mapping[str, Pod]],
        candidates: MovingPods,
        view: ClusterView,
        pdbs: PdbIndex,
        timeline: Timeline,
        now: datetime,
    ) -> Moving:
        """Their pods that need room elsewhere, in the order in which they are placed.

        ``pods_on``: a Node's, by key. ``candidates``: what was known of it before it was to leave.
        """
        if self._all is not None and (self._all.until is None or now < self._all.until):
            return self._all
        for name in self._stale | self._timed:
            known, pods = self._nodes[name], pods_on(name)
            if known.unknown and not known.movers:
                self._take_over(known, candidates.known.get(name))
            for key in known.take_due(pods, now):
                pod = pods.get(key)
                found = _moving(pod, view, pdbs, timeline, now, displaced=True) if pod is not None else (None, None)
                self._put(known, key, *found)
            (self._timed.add if known.until else self._timed.discard)(name)
        self._stale.clear()
        until = (min(self._nodes[name].until.values()) for name in self._timed)
        self._all = Moving(tuple(self._sorted), earliest(*until))
        return self._all

    def _take_over(self, node: _LeavingNode, before: Moving | None) -> None:
        """What is known of a candidate holds as long as its pods have not changed; now they may wait for nodes."""
        if before is None or before.until is not None:
            return
        for item in before.movers:
            mover = Mover(item.key, item.namespace, item.labels, item.shape, item.turn, displaced=True)
            self._put(node, item.key, mover, None)
        node.unknown = False

    def _put(self, node: _LeavingNode, key: str, mover: Mover | None, until: datetime | None) -> None:
        before = node.movers.pop(key, None)
        if before is not None:
            self._take_out(before)
        if mover is not None:
            node.movers[key] = mover
            insort(self._sorted, mover, key=_BY_TURN)
        if until is not None:
            node.until[key] = until
        else:
            node.until.pop(key, None)

    def _take_out(self, mover: Mover) -> None:
        del self._sorted[bisect_left(self._sorted, mover.turn, key=_BY_TURN)]
