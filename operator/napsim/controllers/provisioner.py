"""Makes NodeClaims: for pods that wait, or will have to, in dynamic pools, and up to ``replicas`` in static ones.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/provisioner.go`` and ``controller.go`` (pending pods, and those
of nodes that are marked; batches: 1 s without a new one, 10 s at most) and ``pkg/controllers/static``. What is on its
way counts as room, so that a round that is repeated makes nothing twice.
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
from napsim.controllers.replacements import exceeded_limit
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.state import ClusterState
from napsim.core.actions import CreateNodeClaim, DeleteNodeClaim, Event
from napsim.core.nodepools import Placement, claim_name, new_claim
from napsim.core.objects import Pod
from napsim.core.provisioning import Offer
from napsim.core.resources import amounts
from napsim.core.simulation import NewNode, Simulation, wanted

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
    _scheduling: Scheduling = field(init=False)

    def __post_init__(self) -> None:
        self._scheduling = Scheduling(self.state, self.declared, self.clock)

    def on_pending(self) -> None:
        """A pod could not be scheduled, or will have to leave: wait whether more come, then look at all of them."""
        now = self.clock.now()
        self._batch_from = self._batch_from or now
        self._last_pod = now
        self.wake(now + BATCH_IDLE)

    @property
    def waits_for_more(self) -> bool:
        """Whether pods have come and the batch is still open: the next look is not like the last one."""
        return self._batch_from is not None

    async def reconcile(self, _: str) -> datetime | None:
        now = self.clock.now()
        if self._batch_from is not None and self._last_pod is not None:
            due = min(self._last_pod + BATCH_IDLE, self._batch_from + BATCH_MAXIMUM)
            if now < due:
                return due
        self._batch_from = None
        self.unplaced = {}
        if not self.state.pending and not self.state.leaving:
            return None
        found = self._scheduling.provision(now)
        self._tell(found)
        self._scheduling.nominate(found, now)
        await self.executor.carry_out(list(self._claims(found, now)))
        return self.clock.timeline.virtual(self.clock.real() + LOOK_AGAIN) if self.state.pending else None

    def _tell(self, found: Simulation) -> None:
        """Who fits nowhere. Pods that kube-scheduler refuses for their volumes are named, but not in events."""
        played = "".join(f"; {entry.pool.name}: played in place" for entry in self.declared.in_place_pools())
        self.unplaced = {key: reason + played for key, reason in found.refused.items()}
        for key, reason in self.unplaced.items():
            self.executor.record(_failed(self.state.pods[key], reason))
        self.unplaced.update(self._scheduling.pending().ignored)

    def _claims(self, found: Simulation, now: datetime) -> Iterator[CreateNodeClaim]:
        """None for a pool that is above its limits already; its pods stay pending and are looked at again."""
        use = Counter(self.state.zone_use)
        for item in found.new_nodes:
            limits = amounts(item.pool.spec.limits)
            if limits and exceeded_limit(self.state.places.usage(item.pool.name), limits):
                continue
            placed = wanted(item, use)
            use[placed.zone] += 1
            yield self._claim(item, placed, now)

    def _claim(self, item: NewNode, placed: Placement, now: datetime) -> CreateNodeClaim:
        entry = self.declared.pools[item.pool.name]
        identity = [item.pool.name, *sorted(self.state.pods[key].metadata.uid for key in item.pods)]
        while (name := claim_name(*identity)) in self.state.claims:
            identity.append("again")  # other pods took the room that was made for these
        return self._new(entry, name, placed, now, "provisioned")

    def _new(self, entry: NodePoolEntry, name: str, placed: Placement, now: datetime, reason: str) -> CreateNodeClaim:
        size = self.declared.size(placed.instance_type)
        assert size is not None  # it was one of the pool's
        claim = new_claim(
            entry.pool, entry.template, name, placed, size, placed.requests, now,
            class_hash=self.declared.class_hash(entry.pool.spec.template.spec.node_class_ref.name),
            template_hash=entry.hash,
        )  # fmt: skip
        return CreateNodeClaim(claim, reason)

    # --- static pools -------------------------------------------------------------------------------------------------

    async def reconcile_pool(self, name: str) -> datetime | None:
        """Create what is missing to ``replicas``, delete what is too much. Replacements of a command do not count.

        Returns when (virtual) to look again: when what could not be had can be asked for again.
        """
        entry = self.declared.pools.get(name)
        if entry is None or entry.pool.spec.replicas is None or entry.pool.deleting:
            return None
        if self.declared.is_in_place(entry):
            return None  # as many as opt in: none can be made, and none is too much
        claims, leaving = (index.get(name, set()) for index in (self.state.claims_of_pool, self.state.deleting_of_pool))
        stand_ins = self._stand_ins(claims)
        missing = entry.pool.spec.replicas - (len(claims) - len(leaving) - len(stand_ins))
        if missing > 0:
            return await self._grow(entry, missing)
        if missing < 0:
            spare = [self.state.claims[item] for item in claims - leaving - stand_ins]
            spare.sort(key=lambda claim: (len(self._pods(claim.name)), claim.name))
            await self.executor.carry_out(DeleteNodeClaim(claim, "replicas") for claim in spare[:-missing])
        return None

    def _stand_ins(self, claims: set[str]) -> set[str]:
        """Of the claims of a pool, those that replace one under a command. No walk over all: a pool may be large."""
        found: set[str] = set()
        for replaced, by in self.state.being_succeeded():
            if self._is_under_command(replaced):
                found.update(name for name in by if name in claims and self._replaces(name, replaced))
        return found

    def _replaces(self, name: str, replaced: str) -> bool:
        claim = self.state.claims[name]
        return not claim.deleting and claim.metadata.annotations.get(names.REPLACES) == replaced

    def _is_under_command(self, replaced: str) -> bool:
        claim = self.state.claims.get(replaced)
        node = self.state.node_of(claim) if claim and not claim.deleting else None
        return node is not None and node.name in self.state.commands

    def _pods(self, claim: str) -> tuple[Pod, ...]:
        node = self.state.node_of(self.state.claims[claim])
        return self.state.pods_on(node.name) if node else ()

    async def _grow(self, entry: NodePoolEntry, missing: int) -> datetime | None:
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        if node_class is None or not node_class.ready or entry.faults:
            return None
        offer = self.declared.offer(entry)
        if not offer.types or not offer.zones:
            return None
        zones, again_at = self._open_zones(offer)
        await self.executor.carry_out(self._static_claims(entry, offer, zones, missing) if zones else ())
        return again_at

    def _open_zones(self, offer: Offer) -> tuple[tuple[str, ...], datetime | None]:
        """The zones in which the offered size was not refused lately; if there are none, when there may be one."""
        now, size = self.clock.now(), offer.types[0].name
        refused = self.declared.unavailable.at(now)
        zones = tuple(zone for zone in offer.zones if (size, zone, offer.capacity_type) not in refused)
        return zones, None if zones else self.declared.unavailable.next_end(now)

    def _static_claims(
        self, entry: NodePoolEntry, offer: Offer, zones: tuple[str, ...], missing: int
    ) -> Iterator[CreateNodeClaim]:
        now, use = self.clock.now(), Counter(self.state.zone_use)
        slot = 0
        for _ in range(missing):
            zone = min(zones, key=lambda item: (use[item], item))
            use[zone] += 1
            while (name := claim_name(entry.pool.name, entry.pool.metadata.uid, str(slot))) in self.state.claims:
                slot += 1
            slot += 1
            size = offer.types[0]
            yield self._new(entry, name, Placement(size.name, zone, offer.capacity_type), now, "replicas")


def _failed(pod: Pod, reason: str) -> Event:
    message = f"Failed to schedule pod, {reason}"
    return Event("Pod", pod.name, pod.metadata.uid, "FailedScheduling", message, "Warning", pod.metadata.namespace)
