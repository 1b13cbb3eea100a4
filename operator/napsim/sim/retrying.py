"""Evicts pods of draining nodes at Karpenter's pace: a pod that was refused is tried again at its own times.

Of these (``core.retries``) only the first after there is room comes to anything, so that the others are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from napsim.controllers.state import ClusterState
from napsim.core.objects import Pod
from napsim.core.pods import ready_status
from napsim.core.retries import Retries
from napsim.sim.evictions import Disruptions
from napsim.sim.evictor import Evictor
from napsim.sim.kernel import Kernel


class RetryingEvictor(Evictor):
    """Pods stay among those that a PDB holds back until their next try, which somebody else may forestall."""

    def __init__(
        self,
        kernel: Kernel,
        state: ClusterState,
        api: Disruptions,
        on_evicted: Callable[[Pod], None],
        retries: Retries,
    ) -> None:
        super().__init__(kernel, state, api, on_evicted)
        self.retries = retries
        self._refused_at: dict[str, datetime] = {}  # pod -> when it was refused for the first time

    def holds_back_for(self, pdb: str) -> bool:  # noqa: ARG002 - the name is the base's
        """Never so that one write of a PDB could be told from two: in one instant only the room that it has counts."""
        return False

    def on_pod(self, pod: Pod) -> None:
        held = self._held.get(pod.key, ())
        super().on_pod(pod)
        self._refused_at.pop(pod.key, None)
        self._leave_to_others(held)

    def on_pdb(self, key: str, room: int | None) -> None:
        """As many of those it holds back as it has room for, whoever is due first; all if None."""
        waiting = self._waiting.get(key)
        if waiting:
            refused = ((pod, self._refused_at[pod]) for pod in waiting)
            for at, pod in self.retries.turns(refused, room, self.kernel.now):
                self._enqueue_at(pod, at)

    def on_change(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and new.key in self._held and ready_status(old) != ready_status(new):
            self._enqueue_at(new.key, self.retries.next_at(self._refused_at[new.key], self.kernel.now))

    def _enqueue_at(self, pod: str, at: datetime) -> None:
        if pod not in self._queued:
            self._queued.add(pod)
            self.kernel.at(at, self._attempt, pod)

    def _attempt(self, key: str) -> None:
        held = self._held.get(key, ())
        self._release(key)
        super()._attempt(key)
        if key in self._held:
            self._refused_at.setdefault(key, self.kernel.now)
        else:
            self._refused_at.pop(key, None)
            self._leave_to_others(held)

    def _leave_to_others(self, pdbs: tuple[str, ...]) -> None:
        """Of the pods that these hold back one is gone, or does not have to go any more: the room is somebody's."""
        for key in pdbs:
            pdb = self.api.cluster.pdbs.get(key)
            if pdb is not None and pdb.status.disruptions_allowed > 0:
                self.on_pdb(key, pdb.status.disruptions_allowed)
