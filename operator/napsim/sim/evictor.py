"""Evicts the pods of draining nodes: each asked for at once, and again when a PDB that held it back makes room.

So does ``live``, whose retries by the clock are left out: nothing but a change can let a pod go. With ``apart`` pods
are asked for one after another. Karpenter's own retries are ``retrying``'s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from napsim.controllers.state import ClusterState
from napsim.core.actions import EvictPod
from napsim.core.objects import Pod
from napsim.core.pace import NOTHING
from napsim.core.pods import ready_status
from napsim.sim.evictions import Answer, Disruptions
from napsim.sim.kernel import Kernel


class Evictor:
    """``controllers.Evictions``. ``on_evicted`` is told of each pod that was let go."""

    def __init__(
        self, kernel: Kernel, state: ClusterState, api: Disruptions, on_evicted: Callable[[Pod], None]
    ) -> None:
        self.kernel = kernel
        self.state = state
        self.api = api
        self.on_evicted = on_evicted
        self.apart = NOTHING  # two evictions, where they do not come at once: one control plane answers them all
        self._next = kernel.now  # when the next pod is asked for
        self._wanted: dict[str, str] = {}  # pod -> uid
        self._waiting: dict[str, dict[str, None]] = {}  # PDB -> pods that it holds back, in order
        self._held: dict[str, tuple[str, ...]] = {}  # pod -> PDBs
        self._queued: set[str] = set()

    def ask(self, action: EvictPod) -> None:
        """Evict this very pod as soon as its PDB allows."""
        key, uid = action.pod.key, action.pod.metadata.uid
        if self._wanted.get(key) != uid:
            self._wanted[key] = uid
            if self.apart:
                self._enqueue_after_others(action.pod)
            else:
                self._enqueue(key)

    def _enqueue_after_others(self, pod: Pod) -> None:
        """After those that are asked for already."""
        self._next = max(self._next, self.kernel.now) + self.apart
        if pod.key not in self._queued:
            self._queued.add(pod.key)
            self.kernel.at(self._next, self._attempt, pod.key)

    def holds_back_for(self, pdb: str) -> bool:
        """Whether pods wait for that PDB."""
        return pdb in self._waiting

    def wants(self, pod: Pod) -> bool:
        return self._wanted.get(pod.key) == pod.metadata.uid

    def on_pod(self, pod: Pod) -> None:
        key = pod.key
        if self._wanted.get(key) == pod.metadata.uid:
            del self._wanted[key]
        if self._held:
            self._release(key)

    def on_pdb(self, key: str, room: int | None) -> None:
        """As many of the pods it held back as it has room for now are tried again, all if None."""
        waiting = self._waiting.get(key)
        if waiting:
            for pod in tuple(itertools.islice(waiting, room)):
                self._release(pod)
                self._enqueue(pod)

    def on_change(self, old: Pod | None, new: Pod | None) -> None:
        """A pod that is held back is not ready any more, or is again: other rules hold for it."""
        if (
            self._held
            and old is not None
            and new is not None
            and new.key in self._held
            and ready_status(old) != ready_status(new)
        ):
            self._release(new.key)
            self._enqueue(new.key)

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """The same of many."""
        if self._held and old is not None:
            for key, pod in new.items():
                self.on_change(old[key], pod)

    def _release(self, pod: str) -> None:
        for pdb in self._held.pop(pod, ()):
            waiting = self._waiting[pdb]
            waiting.pop(pod, None)
            if not waiting:
                del self._waiting[pdb]

    def _enqueue(self, pod: str) -> None:
        if pod not in self._queued:
            self._queued.add(pod)
            self.kernel.soon(self._attempt, pod)

    def _attempt(self, key: str) -> None:
        self._queued.discard(key)
        pod, uid = self.state.pods.get(key), self._wanted.get(key)
        node = self.state.nodes.get(pod.spec.node_name) if pod is not None else None
        if pod is None or node is None or pod.deleting or pod.metadata.uid != uid or not self.state.is_draining(node):
            self._wanted.pop(key, None)
            return
        answer = self.api.evict(key, pod.metadata.uid)
        if answer is Answer.EVICTED:
            self.on_evicted(pod)
            return
        pdbs = self.api.pdbs_of(key)
        self._held[key] = pdbs
        for pdb in pdbs:
            self._waiting.setdefault(pdb, {})[key] = None
