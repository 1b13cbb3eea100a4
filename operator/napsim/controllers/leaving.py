"""The pods of nodes on their way out, as every simulation of scheduling needs them: they take room elsewhere first.

Mirrors karpenter v1.14.0 ``CurrentlyReschedulablePods`` of the nodes marked for deletion, in
``pkg/controllers/provisioning/provisioner.go`` and ``pkg/controllers/disruption/helpers.go``. Kept from one simulation
to the next: asked again are only nodes whose pods have changed, all when a PodDisruptionBudget has, or at an instant at
which a protection ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from napsim.core.clock import Timeline, earliest
from napsim.core.clusterview import ClusterView
from napsim.core.objects import Pod
from napsim.core.outlook import NOBODY, Own, own_of
from napsim.core.pdbs import PdbIndex, is_currently_reschedulable
from napsim.core.pods import is_reschedulable, protection
from napsim.core.simulation import moving
from napsim.core.topology import Mover


@dataclass(frozen=True, slots=True)
class Moving:
    """Pods that need room elsewhere, by turn. ``until`` (virtual): others may join them then as time passes, alone.

    ``own``: the same as an outlook asks for them, of a candidate's pods.
    """

    movers: tuple[Mover, ...] = ()
    until: datetime | None = None
    own: Own = NOBODY


def pods_moving(
    pods: Iterable[Pod], view: ClusterView, pdbs: PdbIndex, timeline: Timeline, now: datetime, *, displaced: bool
) -> Moving:
    """Those of the pods of a node that are currently reschedulable."""
    movable = [pod for pod in pods if is_reschedulable(pod)]
    ready = [pod for pod in movable if is_currently_reschedulable(pod, pdbs, timeline, now)]
    until = earliest(*(protection(pod, timeline, now).until for pod in movable)) if len(ready) < len(movable) else None
    return Moving(tuple(sorted(moving(ready, view, displaced=displaced), key=attrgetter("turn"))), until)


@dataclass(slots=True)
class MovingPods:
    """The same for candidates, kept by Node until its pods change."""

    _known: dict[str, Moving] = field(default_factory=dict)

    def on_pods(self, node: str) -> None:
        """The pods of the Node have changed, or what they ask for."""
        self._known.pop(node, None)

    def on_pdbs(self) -> None:
        """Which pods PodDisruptionBudgets hold back for good may have changed."""
        self._known.clear()

    def known(self, node: str) -> Moving | None:
        """Its pods as they were found last; None when they have changed since."""
        return self._known.get(node)

    def of(
        self, node: str, pods: Iterable[Pod], view: ClusterView, pdbs: PdbIndex, timeline: Timeline, now: datetime
    ) -> Moving:
        """Its pods that need room elsewhere."""
        known = self._known.get(node)
        if known is None or _is_over(known, now):
            found = pods_moving(pods, view, pdbs, timeline, now, displaced=False)
            known = self._known[node] = Moving(found.movers, found.until, own_of(found.movers))
        return known


@dataclass(slots=True)
class Leaving:
    """The nodes on their way out, by name. Whoever keeps it says what has changed."""

    _nodes: set[str] = field(default_factory=set)
    _known: dict[str, Moving] = field(default_factory=dict)
    _all: Moving | None = None
    _news: bool = False

    def __contains__(self, node: str) -> bool:
        return node in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, node: str) -> None:
        if node not in self._nodes:
            self._nodes.add(node)
            self._all = None
            self._news = True

    def discard(self, node: str) -> None:
        if node in self._nodes:
            self._nodes.discard(node)
            self._known.pop(node, None)
            self._all = None

    def take_news(self) -> bool:
        """Whether a node has come since this was asked last."""
        news, self._news = self._news, False
        return news

    def on_pods(self, node: str) -> None:
        """The pods of the Node have changed."""
        if self._known.pop(node, None) is not None:
            self._all = None

    def on_pdbs(self) -> None:
        """Which pods PodDisruptionBudgets hold back for good may have changed."""
        self._known.clear()
        self._all = None

    def moving(
        self,
        pods_on: Callable[[str], Iterable[Pod]],
        view: ClusterView,
        pdbs: PdbIndex,
        timeline: Timeline,
        now: datetime,
    ) -> Moving:
        """Their pods that need room elsewhere, in the order in which they are placed."""
        if self._all is not None and not _is_over(self._all, now):
            return self._all
        for name in self._nodes:
            known = self._known.get(name)
            if known is None or _is_over(known, now):
                self._known[name] = pods_moving(pods_on(name), view, pdbs, timeline, now, displaced=True)
        parts = self._known.values()
        movers = sorted((mover for part in parts for mover in part.movers), key=attrgetter("turn"))
        self._all = Moving(tuple(movers), earliest(*(part.until for part in parts)))
        return self._all


def _is_over(known: Moving, now: datetime) -> bool:
    return known.until is not None and known.until <= now
