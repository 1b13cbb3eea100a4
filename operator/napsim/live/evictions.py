"""Evicts the pods of draining nodes, each as often as it takes.

Mirrors karpenter v1.14.0 ``pkg/controllers/node/termination/terminator/eviction.go``: a UID precondition, back-off
per pod while a PodDisruptionBudget forbids it (``core.retries``). An eviction that the PDB's status says will be
refused is not sent: of upstream's tries only the first after the PDB has room is made. The pod is looked at again when
the PDB changes, and after a while in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from napsim.api import names
from napsim.controllers.executor import Retry
from napsim.controllers.state import ClusterState
from napsim.core.actions import Event, EvictPod
from napsim.core.agentpools import is_draining as is_reimaged_next
from napsim.core.objects import Pod, PodDisruptionBudget, condition
from napsim.core.pdbs import blocks
from napsim.core.retries import KARPENTER
from napsim.core.termination import failed_draining
from napsim.live.executor import Executor
from napsim.live.writer import OutcomeKind

_CODES = {
    OutcomeKind.APPLIED: "200",
    OutcomeKind.NOT_FOUND: "404",
    OutcomeKind.CONFLICT: "409",
    OutcomeKind.BLOCKED: "429",
    OutcomeKind.THROTTLED: "429",
}
_ASK_EVERY = 5


@dataclass(slots=True)
class Evictions:
    """``ask`` for an eviction as often as you like; ``reconcile(pod)`` is one attempt."""

    state: ClusterState
    executor: Callable[[], Executor]
    enqueue: Callable[[str], None]
    on_answer: Callable[[str], None]  # HTTP code
    on_evicted: Callable[[str], None]  # disruption reason
    now: Callable[[], datetime]  # virtual
    _wanted: dict[str, str] = field(default_factory=dict)  # pod key -> uid
    _waiting: dict[str, dict[str, None]] = field(default_factory=dict)  # pdb -> pods it holds back, in order
    _sent: set[str] = field(default_factory=set)  # uids of pods whose eviction was granted
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)  # pdb -> whose eviction is under way
    _held: dict[str, int] = field(default_factory=dict)  # uid -> how often it was held back unasked
    _refused_at: dict[str, datetime] = field(default_factory=dict)  # pod -> when its PDB held it back first
    _next_try: dict[str, datetime] = field(default_factory=dict)  # pod -> when it goes, now that there is room

    def ask(self, action: EvictPod) -> None:
        """Evict this very pod as soon as its PDB allows."""
        if self._wanted.get(action.pod.key) != action.pod.metadata.uid:
            self._wanted[action.pod.key] = action.pod.metadata.uid
            self.enqueue(action.pod.key)

    def wants(self, pod: Pod) -> bool:
        """Whether that very pod is to be evicted and has not been yet."""
        return self._wanted.get(pod.key) == pod.metadata.uid

    def on_pdb(self, key: str, room: int | None) -> None:
        """A PDB changed: as many of the pods it held back as it has room for now have their next try, all if None.

        Waking all of them at each of its changes would cost the square of their number.
        """
        waiting, now = self._waiting.get(key, {}), self.now()
        refused = ((pod, self._refused_at.get(pod, now)) for pod in waiting)
        for at, pod in KARPENTER.turns(refused, room, now):
            del waiting[pod]
            self._next_try[pod] = at
            self.enqueue(pod)

    def forget(self) -> None:
        """Leadership is lost: what is still wanted will be asked for again."""
        for memory in (self._wanted, self._waiting, self._sent, self._held, self._refused_at, self._next_try):
            memory.clear()

    async def reconcile(self, key: str) -> datetime | None:
        """One attempt, one after another for the pods of one PodDisruptionBudget.

        The API server counts each eviction in the PDB's status. Of those that come at once all but one run into a
        conflict there, again and again, until they time out (kubernetes v1.36 ``pkg/registry/core/pod/storage/
        eviction.go``: 20 steps from half a second on), and what was counted for them is lost for two minutes.
        """
        pod = self.state.pods.get(key)
        pdbs = self.state.pdbs.matching(pod) if pod else ()
        if not pdbs:
            return await self._attempt(key)
        async with self._turns.setdefault(pdbs[0].key, asyncio.Lock()):
            return await self._attempt(key)

    async def _attempt(self, key: str) -> datetime | None:
        pod = self.state.pods.get(key)
        node = self.state.nodes.get(pod.spec.node_name) if pod else None
        if (
            pod is None
            or pod.deleting
            or pod.metadata.uid != self._wanted.get(key)
            or node is None
            or not self.state.is_draining(node)
        ):
            for memory in (self._wanted, self._refused_at, self._next_try):
                memory.pop(key, None)
            return None
        if pod.metadata.uid in self._sent:
            return None
        blocked = blocks(pod, self.state.pdbs.matching(pod))
        if blocked is not None and not blocked.conflict:
            if not self._asks_anyway(pod):
                self._hold(pod, blocked.pdbs)
        elif (at := self._try_at(key)) > self.now():
            return at
        reserved = self._reserve(pod)
        outcome = await self.executor().writer.evict(pod.metadata.namespace, pod.name, uid=pod.metadata.uid)
        self.on_answer(_CODES.get(outcome.kind, "500"))
        if outcome.kind is OutcomeKind.APPLIED:
            self._sent.add(pod.metadata.uid)  # until it is seen to go: nobody asks twice in between
            self._evicted(pod)
            return None
        if outcome.kind is not OutcomeKind.BLOCKED:
            self._give_back(reserved)
        if outcome.kind not in (OutcomeKind.NOT_FOUND, OutcomeKind.CONFLICT):
            refused = outcome.kind in (OutcomeKind.BLOCKED, OutcomeKind.THROTTLED)
            self._hold(pod, tuple(pdb.key for pdb in self.state.pdbs.matching(pod)), said=refused)
        self._wanted.pop(key, None)
        return None

    def on_pod(self, pod: Pod) -> None:
        """The pod is gone or on its way out."""
        self._sent.discard(pod.metadata.uid)
        self._held.pop(pod.metadata.uid, None)
        self._refused_at.pop(pod.key, None)
        self._next_try.pop(pod.key, None)
        if self.wants(pod):
            del self._wanted[pod.key]
        for pdb in self.state.pdbs.matching(pod):
            self._waiting.get(pdb.key, {}).pop(pod.key, None)

    def _try_at(self, key: str) -> datetime:
        """When upstream tries it: at once, or the first time after its PDB has room again."""
        now = self.now()
        if key not in self._refused_at:
            return now
        return self._next_try.setdefault(key, KARPENTER.next_at(self._refused_at[key], now))

    def _asks_anyway(self, pod: Pod) -> bool:
        """Every so often, whatever the PDB's status says: we may have reserved more than the API server counts."""
        held = self._held.get(pod.metadata.uid, 0) + 1
        self._held[pod.metadata.uid] = held
        return held % _ASK_EVERY == 0

    def _hold(self, pod: Pod, pdbs: tuple[str, ...], *, said: bool = True) -> None:
        """Not now. Raises Retry; the PDB's next change comes first, if it does.

        ``said``: whether a PDB was what the answer was about. More than one for a pod always is: the API server then
        answers 500. Any other error is tried again without a word about PDBs.
        """
        for pdb in pdbs:
            self._waiting.setdefault(pdb, {})[pod.key] = None
        self._next_try.pop(pod.key, None)
        if said or len(pdbs) > 1:
            self._refused_at.setdefault(pod.key, self.now())
        node = self.state.nodes.get(pod.spec.node_name)
        if node is not None and (said or len(pdbs) > 1):
            several = "eviction does not support multiple PDBs" if len(pdbs) > 1 else "evicting pod violates a PDB"
            self.executor().record(failed_draining(node, f"{several} (Pod={pod.key})"))
        raise Retry(f"pod {pod.key} is held back by {', '.join(pdbs) or 'the API server'}")

    def _reserve(self, pod: Pod) -> tuple[PodDisruptionBudget, ...]:
        """Count the eviction against the PDB before its status does, so that the next pod does not ask in vain."""
        reserved = tuple(pdb for pdb in self.state.pdbs.matching(pod) if pdb.status.disruptions_allowed > 0)
        for pdb in reserved:
            self.state.pdbs.put(_with_allowed(pdb, pdb.status.disruptions_allowed - 1))
        return reserved

    def _give_back(self, reserved: tuple[PodDisruptionBudget, ...]) -> None:
        """The eviction did not come about; a status that came in since then knows better."""
        for before in reserved:
            pdb = self.state.pdbs.get(before.key)
            if pdb is not None and pdb.metadata.resource_version == before.metadata.resource_version:
                self.state.pdbs.put(_with_allowed(pdb, pdb.status.disruptions_allowed + 1))

    def _evicted(self, pod: Pod) -> None:
        node = self.state.nodes.get(pod.spec.node_name)
        claim = self.state.claim_of(node) if node else None
        why = condition(claim.status.conditions, names.DISRUPTION_REASON) if claim else None
        upgraded = node is not None and is_reimaged_next(node)
        reason = why.reason if why else "NodeOSUpgrade" if upgraded else "Forceful Termination"
        event = Event(
            "Pod", pod.name, pod.metadata.uid, "Evicted", f"Evicted pod: {reason}", namespace=pod.metadata.namespace
        )
        self.executor().record(event)
        self.on_evicted(reason)


def _with_allowed(pdb: PodDisruptionBudget, allowed: int) -> PodDisruptionBudget:
    status = msgspec.structs.replace(pdb.status, disruptions_allowed=allowed)
    return msgspec.structs.replace(pdb, status=status)
