"""Asks the scheduling simulation: which pods take part, and what is remembered of its answers.

Mirrors karpenter v1.14.0 ``SimulateScheduling`` in ``pkg/controllers/disruption/helpers.go``, and ``Schedule`` and
``GetPendingPods`` in ``pkg/controllers/provisioning/provisioner.go``: pending pods, the pods of nodes on their way out,
and those of a candidate. Fails closed: a pod of which something cannot be followed blocks the node it is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import is_not
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.leaving import Moving
from napsim.controllers.state import ClusterState
from napsim.core.clock import earliest
from napsim.core.nodetemplates import NodeTemplate
from napsim.core.objects import Node, NodeClaim
from napsim.core.outlook import Outlook
from napsim.core.podshapes import PodShape
from napsim.core.simulation import Simulation, provision, simulate, waiting
from napsim.core.topology import Mover
from napsim.core.volumes import unschedulable

NOMINATED_FOR: Final = timedelta(seconds=20)  # twice the longest batch of pending pods


class Pending(msgspec.Struct, frozen=True):
    """Pods that wait for room, and those (by key) that no room would help, with the reason. ``ignored`` is not told."""

    movers: tuple[Mover, ...] = ()
    refused: Mapping[str, str] = msgspec.field(default_factory=dict)
    ignored: Mapping[str, str] = msgspec.field(default_factory=dict)


_Basis = tuple[int, Moving, Pending, tuple[NodeTemplate, ...]]


class Scheduling(msgspec.Struct):
    """Simulations over the cluster as it is known. Instants are virtual.

    ``still``: nothing but time has gone on since ``without`` was asked last; whoever asks knows, and says so.
    """

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    still: bool = False
    _pending: tuple[int, Pending] = (-1, Pending())
    _outlook: tuple[_Basis, Outlook] | None = None

    @property
    def templates(self) -> tuple[NodeTemplate, ...]:
        """What can be launched now."""
        made = self.declared.templates(self.state.places.view.daemons)
        return self.declared.unavailable.left_of(made, self.clock.now())

    def without(self, claim: NodeClaim, node: Node, now: datetime) -> Simulation:
        """What if the claim's Node were gone? A verdict that time alone can change says when."""
        state, view = self.state, self.state.places.view
        pods, timeline = state.bound_to(node.name), self.clock.timeline
        own = state.moving.of(node.name, pods, view, state.pdbs, timeline, now)
        until = self.declared.unavailable.next_end(now)
        if self.still and until is None and self._outlook is not None and self._outlook[0][1].until is None:
            (_, leaving, _, _), outlook = self._outlook
        else:
            leaving = self._leaving(now)
            outlook = self._seen(leaving)
        if not (own.until is leaving.until is None):
            until = earliest(own.until, leaving.until, until)
        if not state.places.unfollowed and (refusal := outlook.refusal(claim.name, own.own)) is not None:
            return Simulation(verdict=refusal if until is None else msgspec.structs.replace(refusal, wake_at=until))
        movers = [*leaving.movers, *self.pending().movers, *own.movers]
        hopeless = self._hopeless(movers)
        found = simulate(view, self.templates, claim.name, _but(movers, hopeless), hopeless=hopeless)
        if found.verdict.allowed or until is None:
            return found
        return replace(found, verdict=msgspec.structs.replace(found.verdict, wake_at=until))

    @property
    def outlook(self) -> Outlook | None:
        """What ``without`` was asked with last: it holds where nothing but time has gone on (``is_timeless``)."""
        return self._outlook[1] if self._outlook is not None else None

    def is_timeless(self, now: datetime) -> bool:
        """Whether nothing but time has gone on since ``without`` was asked last, and time alone changes nothing."""
        if not self.still or self.state.places.unfollowed or self._outlook is None:
            return False
        return self._outlook[0][1].until is None and self.declared.unavailable.next_end(now) is None

    def _seen(self, leaving: Moving) -> Outlook:
        """What can be said without a simulation."""
        basis = (self.state.changes_of_room, leaving, self.pending(), self.templates)
        known = self._outlook
        if known is None or known[0][0] != basis[0] or any(map(is_not, known[0][1:], basis[1:])):
            movers = (*leaving.movers, *basis[2].movers)
            known = self._outlook = (basis, Outlook(self.state.places.view, basis[3], movers))
        return known[1]

    def provision(self, now: datetime) -> Simulation:
        """Room for everything that waits, or will have to."""
        pending, leaving = self.pending(), self._leaving(now).movers
        hopeless = self._hopeless(leaving)
        found = provision(self.state.places.view, self.templates, [*_but(leaving, hopeless), *pending.movers])
        return replace(found, refused={**found.refused, **hopeless, **pending.refused})

    def nominate(self, found: Simulation, now: datetime) -> None:
        """Nodes that are there and are to get pods are not disrupted meanwhile."""
        self.state.nominated.update(dict.fromkeys(found.placed.values(), now + NOMINATED_FOR))

    def _leaving(self, now: datetime) -> Moving:
        state = self.state
        view, timeline = state.places.view, self.clock.timeline
        return state.leaving.moving(state.by_key_on, state.moving, view, state.pdbs, timeline, now)

    def _hopeless(self, movers: list[Mover] | tuple[Mover, ...]) -> Mapping[str, str]:
        unfollowed = self.state.places.unfollowed
        if not unfollowed:
            return {}
        return {mover.key: unfollowed[mover.key] for mover in movers if mover.key in unfollowed}

    def pending(self) -> Pending:
        """Pods that wait for room; made anew only when they, or what their volumes rest on, have changed."""
        if self._pending[0] != self.state.shifts:
            self._pending = (self.state.shifts, self._read_pending())
        return self._pending[1]

    def _read_pending(self) -> Pending:
        movers: list[Mover] = []
        refused: dict[str, str] = {}
        ignored: dict[str, str] = {}
        for pod in self.state.pending.values():
            if why := unschedulable(pod, self.state.places.storage):
                ignored[pod.key] = f"ignoring pod, {why}"
                continue
            shape = self.state.places.shape_of(pod)
            if isinstance(shape, PodShape):
                movers.append(waiting(pod, shape))
            else:
                refused[pod.key] = shape
        return Pending(tuple(movers), refused, ignored)


def _but(movers: list[Mover] | tuple[Mover, ...], hopeless: Mapping[str, str]) -> list[Mover]:
    return [mover for mover in movers if mover.key not in hopeless] if hopeless else list(movers)
