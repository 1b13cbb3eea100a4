"""Makes NodeClaims: for pending pods in dynamic pools, and up to ``replicas`` in static ones.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/provisioner.go`` (batches: 1 s without a new pod, 10 s at most)
and ``pkg/controllers/static``. What is on its way counts as room, so that a round that is repeated makes nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.controllers.executor import Executor
from napsim.controllers.state import ClusterState, is_marked
from napsim.core.actions import CreateNodeClaim, DeleteNodeClaim, Event
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool, Placement, claim_name, new_claim
from napsim.core.objects import Pod
from napsim.core.pods import requests
from napsim.core.provisioning import NewNode, Offer, Room, schedule
from napsim.core.resources import CPU, MEMORY, PODS, Resources, amounts, format_amount, subtract, total

BATCH_IDLE: Final = timedelta(seconds=1)
BATCH_MAXIMUM: Final = timedelta(seconds=10)
LOOK_AGAIN: Final = timedelta(seconds=10)  # real: while pods are pending, what keeps them so is the scheduler's work


@dataclass(slots=True)
class Provisioner:
    """``reconcile`` looks at all pending pods; ``reconcile_pool`` keeps one static pool at its size."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    executor: Executor
    wake: Callable[[datetime], None]
    unplaced: dict[str, str] = field(default_factory=dict)  # pod -> why it fits nowhere
    _batch_from: datetime | None = None
    _last_pod: datetime | None = None

    def on_pending(self) -> None:
        """A pod could not be scheduled: wait whether more come, then look at all of them."""
        now = self.clock.now()
        self._batch_from = self._batch_from or now
        self._last_pod = now
        self.wake(now + BATCH_IDLE)

    async def reconcile(self, _: str) -> datetime | None:
        now = self.clock.now()
        if self._batch_from is not None and self._last_pod is not None:
            due = min(self._last_pod + BATCH_IDLE, self._batch_from + BATCH_MAXIMUM)
            if now < due:
                return due
        self._batch_from = None
        pending = list(self.state.pending.values())
        self.unplaced = {}
        if not pending:
            return None
        offers = self.declared.offers(self._overhead())
        found = schedule(pending, list(self._rooms()), offers, self._zone_use())
        played = "".join(f"; {entry.pool.name}: played in place" for entry in self.declared.in_place_pools())
        self.unplaced = {key: reason + played for key, reason in found.unplaced.items()}
        for key, reason in self.unplaced.items():
            self.executor.record(_failed(self.state.pending[key], reason))
        await self.executor.carry_out(self._claim(item, now) for item in self._within_limits(found.new_nodes))
        return self.clock.timeline.virtual(self.clock.real() + LOOK_AGAIN)

    def _claim(self, wanted: NewNode, now: datetime) -> CreateNodeClaim:
        entry = self.declared.pools[wanted.pool.name]
        identity = [wanted.pool.name, *sorted(pod.metadata.uid for pod in wanted.pods)]
        while (name := claim_name(*identity)) in self.state.claims:
            identity.append("again")  # other pods took the room that was made for these
        return self._new(entry, name, wanted, now, "provisioned")

    def _new(self, entry: NodePoolEntry, name: str, wanted: NewNode, now: datetime, reason: str) -> CreateNodeClaim:
        asked = {key: format_amount(key, wanted.requests[key]) for key in (CPU, MEMORY) if wanted.requests.get(key)}
        claim = new_claim(
            entry.pool, entry.template, name, wanted.placement, wanted.instance_type, asked, now,
            class_hash=self.declared.class_hash(entry.pool.spec.template.spec.node_class_ref.name),
        )  # fmt: skip
        return CreateNodeClaim(claim, reason)

    # --- room ---------------------------------------------------------------------------------------------------------

    def _rooms(self) -> Iterator[Room]:
        """Nodes that stay, and nodes on their way, in the order of their names."""
        for name in sorted(self.state.claims):
            claim = self.state.claims[name]
            node = self.state.node_of(claim)
            if claim.deleting or (node is not None and is_marked(node, claim)):
                continue
            initialized = node is not None and node.metadata.labels.get(names.INITIALIZED) == "true"
            free = self._capacity(claim.metadata.labels, claim.spec.node_class_ref.name, dict(claim.status.allocatable))
            if node is not None:
                subtract(free, self.state.used_on(node.name))
            taints = node.spec.taints if node is not None and initialized else claim.spec.taints
            yield Room(name, node.metadata.labels if node else claim.metadata.labels, taints, free)

    def _capacity(self, labels: dict[str, str], node_class: str, allocatable: dict[str, str | int]) -> Resources:
        if allocatable:
            return amounts(allocatable)
        size = INSTANCE_TYPES.get(labels.get(names.INSTANCE_TYPE, ""))
        entry = self.declared.node_classes.get(node_class)
        return size.allocatable(entry.max_pods, entry.os_disk_gb) if size and entry else {}

    def _overhead(self) -> Resources:
        return total(requests(pod) for pod in self.state.daemon_pods())

    def _zone_use(self) -> Counter[str]:
        return Counter(claim.metadata.labels.get(names.ZONE, "") for claim in self.state.claims.values())

    def _within_limits(self, wanted: tuple[NewNode, ...]) -> Iterator[NewNode]:
        """Drop the nodes that would take a pool above its limits; the pods stay pending and are looked at again."""
        used: dict[str, Resources] = {}
        for item in wanted:
            pool = item.pool
            limits = amounts(pool.spec.limits)
            if pool.name not in used:
                used[pool.name] = self._used_by(pool)
            after = total((used[pool.name], item.instance_type.capacity(), {"nodes": 1}))
            if all(after.get(key, 0) <= limit for key, limit in limits.items()):
                used[pool.name] = after
                yield item
            else:
                reason = f"{pool.name}: limits would be exceeded"
                self.unplaced |= {pod.key: reason for pod in item.pods}
                for pod in item.pods:
                    self.executor.record(_failed(pod, reason))

    def _used_by(self, pool: NodePool) -> Resources:
        claims = [self.state.claims[name] for name in self.state.claims_of_pool.get(pool.name, ())]
        return total((*(amounts(claim.status.capacity) for claim in claims), {"nodes": len(claims), PODS: 0}))

    # --- static pools -------------------------------------------------------------------------------------------------

    async def reconcile_pool(self, name: str) -> None:
        """Create what is missing to ``replicas``, delete what is too much. Replacements of a command do not count."""
        entry = self.declared.pools.get(name)
        if entry is None or entry.pool.spec.replicas is None or entry.pool.deleting:
            return
        if self.declared.is_in_place(entry):
            return  # as many as opt in: none can be made, and none is too much
        alive = [self.state.claims[item] for item in sorted(self.state.claims_of_pool.get(name, ()))]
        alive = [claim for claim in alive if not claim.deleting]
        stand_ins = [claim for claim in alive if self._stands_in(claim.metadata.annotations.get(names.REPLACES, ""))]
        missing = entry.pool.spec.replicas - (len(alive) - len(stand_ins))
        if missing > 0:
            await self._grow(entry, missing)
        elif missing < 0:
            spare = [claim for claim in alive if claim not in stand_ins]
            spare.sort(key=lambda claim: (len(self._pods(claim.name)), claim.name))
            await self.executor.carry_out(DeleteNodeClaim(claim, "replicas") for claim in spare[:-missing])

    def _stands_in(self, replaced: str) -> bool:
        claim = self.state.claims.get(replaced)
        node = self.state.node_of(claim) if claim and not claim.deleting else None
        return node is not None and node.name in self.state.commands

    def _pods(self, claim: str) -> tuple[Pod, ...]:
        node = self.state.node_of(self.state.claims[claim])
        return self.state.pods_on(node.name) if node else ()

    async def _grow(self, entry: NodePoolEntry, missing: int) -> None:
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        if node_class is None or not node_class.ready:
            return
        offer = self.declared.offer(entry, node_class, {})
        if not offer.types or not offer.zones:
            return
        await self.executor.carry_out(self._static_claims(entry, offer, missing))

    def _static_claims(self, entry: NodePoolEntry, offer: Offer, missing: int) -> Iterator[CreateNodeClaim]:
        now, use = self.clock.now(), self._zone_use()
        slot = 0
        for _ in range(missing):
            zone = min(offer.zones, key=lambda item: (use[item], item))
            use[zone] += 1
            while (name := claim_name(entry.pool.name, entry.pool.metadata.uid, str(slot))) in self.state.claims:
                slot += 1
            slot += 1
            size = offer.types[0]
            placement = Placement(size.name, zone, offer.capacity_type)
            yield self._new(entry, name, NewNode(entry.pool, placement, size, (), {}), now, "replicas")


def _failed(pod: Pod, reason: str) -> Event:
    message = f"Failed to schedule pod, {reason}"
    return Event("Pod", pod.name, pod.metadata.uid, "FailedScheduling", message, "Warning", pod.metadata.namespace)
