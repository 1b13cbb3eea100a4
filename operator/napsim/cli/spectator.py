"""Views of a simulated cluster while it is simulated: what ``napsim watch`` would show of it.

The status of NodeAutoProvisioning is the operator's own, reported whenever somebody looks. Nothing is decided by it.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from napsim.core.actions import Event
from napsim.core.clock import parse_rfc3339
from napsim.core.objects import KubeObject, ObjectMeta
from napsim.report import observed
from napsim.report.assembly import MOST_EVENTS, is_shown, view_of
from napsim.report.observed import Observed
from napsim.report.view import Clock, View
from napsim.sim.queues import step
from napsim.sim.simulator import Simulator

_MOST_KEPT: Final = 4 * MOST_EVENTS
Kind = TypeVar("Kind", bound=KubeObject)


class Cluster:
    """One simulated cluster as it is now. ``name`` is for people."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        self._simulator = simulator
        self._name = name
        self._events: dict[tuple[str, ...], observed.Event] = {}
        self._decoded: dict[tuple[str, str], tuple[str, KubeObject]] = {}
        images = (manifest["spec"] for manifest in simulator.manifests.of("NodeImage"))
        self._published = sorted(parse_rfc3339(spec["publishedAt"]) for spec in images)
        simulator.hands.on_event = self._keep

    @property
    def now(self) -> datetime:
        """The virtual instant up to which things have happened."""
        return self._simulator.kernel.now

    @property
    def news(self) -> tuple[int, ...]:
        """How much has happened so far of what may be seen in a view: records, changes of pools, images published."""
        recorder = self._simulator.recorder
        steps = sum(len(course.steps) for course in recorder.pools.values())
        return len(recorder.trace), steps, bisect_right(self._published, self.now)

    @property
    def nodes(self) -> int:
        return len(self._simulator.cluster.nodes.objects)

    def view(self, at: datetime, speed: float) -> View:
        """At a virtual instant, up to which nothing more happens; the clock runs ``speed`` times as fast as real."""
        simulator = self._simulator
        step(simulator.rollout.report())
        found = Observed(
            nodes=simulator.cluster.nodes.objects,
            claims=simulator.cluster.claims.objects,
            pools={name: entry.pool for name, entry in simulator.declared.pools.items()},
            classes=self._all("AKSNodeClass", observed.NodeClass),
            images=self._all("NodeImage", observed.NodeImage),
            windows=self._all("MaintenanceConfiguration", observed.MaintenanceConfiguration),
            nap=self._all("NodeAutoProvisioning", observed.NodeAutoProvisioning),
            events={"/".join(key): event for key, event in self._events.items() if is_shown(event)},
        )
        return replace(view_of(found, at, self._name), clock=Clock(at, speed))

    def _all(self, kind: str, type_: type[Kind]) -> dict[str, Kind]:
        """The objects of a kind, decoded anew where they have changed."""
        made: dict[str, Kind] = {}
        for manifest in self._simulator.manifests.of(kind):
            name, version = manifest["metadata"]["name"], manifest["metadata"]["resourceVersion"]
            known = self._decoded.get((kind, name))
            if known is None or known[0] != version:
                decoded = msgspec.json.decode(msgspec.json.encode(manifest), type=type_)
                known = self._decoded[kind, name] = (version, decoded)
            assert isinstance(known[1], type_)
            made[name] = known[1]
        return made

    def _keep(self, event: Event) -> None:
        """As the API server has it: the same again within two minutes is counted."""
        now = self.now
        key = (event.kind, event.namespace, event.name, event.reason, event.dedupe or event.message)
        known = self._events.pop(key, None)
        again = known is not None and known.at is not None and now - known.at < timedelta(seconds=event.dedupe_seconds)
        self._events[key] = observed.Event(
            metadata=ObjectMeta(name=event.name, namespace=event.namespace, creation_timestamp=now),
            regarding=observed.Regarding(event.kind, event.name, event.namespace),
            reason=event.reason,
            note=event.message,
            type=event.type,
            reporting_controller=event.controller,
            event_time=now,
            series=observed.Series(known.count + 1, now) if known is not None and again else None,
        )
        if len(self._events) > _MOST_KEPT:
            del self._events[next(iter(self._events))]
