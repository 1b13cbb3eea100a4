"""Puts a scenario's objects into the cluster, and lets its events happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.api.scalars import write_instant
from napsim.core.objects import Node
from napsim.reading.kinds import WORKLOADS
from napsim.sim.cluster import NotFound
from napsim.sim.foreign import foreign_classes, instance_types
from napsim.sim.manifests import DECLARED
from napsim.sim.requests import Requests
from napsim.sim.scenario import Applied, Deleted, Event, Manifest, NodeFailed, Scenario, Stopped
from napsim.sim.simulator import SERVER_VERSION, Simulator

_ORDER: Final = (
    *DECLARED, "Namespace", "StorageClass", "PersistentVolume", "PersistentVolumeClaim", "VolumeAttachment",
    "PodDisruptionBudget", *WORKLOADS, "Node", "NodeClaim", "Pod",
)  # fmt: skip
_AGE: Final = timedelta(days=1)  # of what was declared before the scenario: longer than any lead time


class Applying:
    """``found`` puts the objects there, ``begin`` starts the scenario's own time."""

    def __init__(self, simulator: Simulator, scenario: Scenario) -> None:
        self.simulator = simulator
        self.scenario = scenario
        self.requests = Requests(simulator.cluster, simulator.workloads, simulator.api)
        self.events_left = 0
        self._publications: list[datetime] = []
        self._handlers: Mapping[type, Callable[[Any], None]] = {
            Applied: lambda event: self.apply(event.manifest),
            Deleted: self._delete,
            NodeFailed: self._fail,
            Stopped: self._stop,
        }

    # --- the beginning ------------------------------------------------------------------------------------------------

    def found(self, at: datetime) -> None:
        """All objects, in an order that does not depend on how they were given."""
        simulator = self.simulator
        simulator.settling = simulator.kubelets.settling = self.scenario.settles
        simulator.declared.server_version = SERVER_VERSION
        known = {kind: position for position, kind in enumerate(_ORDER)}
        ordered = sorted(
            (item for item in self.scenario.manifests if item["kind"] in known),
            key=lambda item: (known[item["kind"]], _key(item)),
        )
        self._take_over_classes()
        for manifest in ordered:
            self.apply(manifest, at - _AGE)
        simulator.adopt()
        cluster = simulator.cluster
        simulator.recorder.found(cluster.nodes.objects.values(), cluster.claims.objects.values())
        simulator.leading = True
        simulator.add_everything()
        for name in sorted(simulator.declared.pools):
            simulator.recorder.pool(name)

    def _take_over_classes(self) -> None:
        """Those of other providers."""
        if references := foreign_classes(self.scenario):
            self.simulator.declared.observed = instance_types(self.scenario)
            for reference in references:
                self.simulator.declared.stand_in(reference)

    def begin(self) -> None:
        """The scenario starts: what has happened so far was there before."""
        simulator, kernel = self.simulator, self.simulator.kernel
        simulator.recorder.begin()
        simulator.kubelets.timings, simulator.kubelets.settling = self.scenario.pods, False
        simulator.scheduling.apart = self.scenario.pace.pods
        if simulator.settling:
            simulator.settling = False
            manifest = simulator.manifests.get("NodeAutoProvisioning", "default")
            if manifest is not None:
                simulator.observe(manifest)
        simulator.disruption.begin(kernel.now)
        for event in self.scenario.events:
            self.events_left += 1
            kernel.at(event.at, self._happen, event)
        self._follow_images()

    def images_left(self, now: datetime) -> bool:
        """Whether an image is still to be published."""
        return bool(self._publications) and self._publications[-1] > now

    # --- events -------------------------------------------------------------------------------------------------------

    def _happen(self, event: Event) -> None:
        self.events_left -= 1
        self._handlers[type(event)](event)

    def _fail(self, event: NodeFailed) -> None:
        nodes = self.simulator.cluster.nodes.objects
        if event.node:
            chosen = [event.node]
        else:
            of_pool = (name for name in sorted(nodes) if _pool(nodes[name]) == event.node_pool)
            chosen = list(of_pool)[: event.count]
        there = [name for name in chosen if name in nodes]
        if len(there) < event.count:
            wanted = f"Node/{event.node}" if event.node else f"{event.count} of NodePool/{event.node_pool}"
            self._without_effect(f"{wanted} to fail, and there {_are(len(there))} then.")
        for name in there:
            self.simulator.kubelets.fail(name)
            if event.until is not None:
                self.simulator.kernel.at(event.until, self.simulator.kubelets.recover, name)

    def _stop(self, event: Stopped) -> None:
        """Whatever is due happens when the cluster runs again. The operator starts anew: its lists are gone."""
        self.simulator.kernel.freeze(event.until)
        self.simulator.kernel.at(event.until, self._start_anew, None)

    def _start_anew(self, _: None) -> None:
        self.simulator.declared.caches.clear()
        self.simulator.add_everything()

    def _delete(self, event: Deleted) -> None:
        if event.kind in DECLARED:
            self._delete_declared(event)
            return
        try:
            self.requests.delete(event.kind, event.namespace, event.name)
        except NotFound:
            self._miss(event)

    def _miss(self, event: Deleted) -> None:
        named = "/".join(filter(None, (event.kind, event.namespace, event.name)))
        self._without_effect(f"{named} to be deleted, and there is none then.")

    def _without_effect(self, told: str) -> None:
        """Whoever mistyped a name has to learn of it."""
        self.simulator.recorder.problem(f"Event of {write_instant(self.simulator.kernel.now)}: {told}")

    def _delete_declared(self, event: Deleted) -> None:
        """The claims of a NodePool go with it: they are owned by it."""
        simulator, kind, name = self.simulator, event.kind, event.name
        if (kind, name) not in simulator.manifests:
            self._miss(event)
            return
        before = simulator.manifests.get(kind, name)
        assert before is not None
        left = simulator.manifests.delete(kind, name)
        simulator.observe(left or before, deleted=left is None)
        if kind == "NodePool" and left is None:
            for claim in sorted(simulator.state.claims_of_pool.get(name, ())):
                simulator.cluster.claims.delete(claim)

    # --- objects ------------------------------------------------------------------------------------------------------

    def apply(self, manifest: Manifest, created: datetime | None = None) -> None:
        """What ``kubectl apply`` does. ``created``: since when it is there, if not since now."""
        kind, simulator = manifest["kind"], self.simulator
        since = created or simulator.kernel.now
        try:
            if kind in DECLARED:
                simulator.observe(simulator.manifests.apply(manifest, created))
                if kind == "NodeImage" and simulator.leading:
                    self._follow_images()
            else:
                self.requests.apply(manifest, since)
        except msgspec.ValidationError as fault:
            simulator.recorder.problem(f"{kind}/{_key(manifest)}: {fault}")

    def _follow_images(self) -> None:
        """Pools stand otherwise from the instant on at which an image is published."""
        simulator, now = self.simulator, self.simulator.kernel.now
        self._publications = sorted({image.published_at for image in simulator.declared.catalogue.images})
        for published_at in self._publications:
            if published_at > now:
                simulator.kernel.at(published_at, simulator.published, None)


def _key(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def _are(nodes: int) -> str:
    return "is 1" if nodes == 1 else f"are {nodes}" if nodes else "is none"


def _pool(node: Node) -> str:
    return node.metadata.labels.get(names.NODEPOOL, "")
