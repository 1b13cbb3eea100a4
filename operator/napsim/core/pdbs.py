"""PodDisruptionBudgets: may the pods of a node be evicted, and which budget forbids it?

Mirrors karpenter v1.14.0 ``pkg/utils/pdb/pdb.go``. Fails closed: a PDB whose status the disruption controller has not
written yet allows nothing. Checks are independent per pod: two pods under a PDB that allows one do not block a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.clock import Timeline
from napsim.core.objects import LabelSelector, Pod, PodDisruptionBudget, SelectorRequirement
from napsim.core.pods import (
    is_active,
    is_evictable,
    is_mirror,
    is_reschedulable,
    protection,
    ready_status,
    tolerates_disrupted,
)

_REMEMBERED: Final = 20_000  # answers kept for each namespace: the pods of a StatefulSet have labels of their own


class Blocked(msgspec.Struct, frozen=True):
    """A pod that may not be evicted now, and the PDBs (``namespace/name``) that say so; several PDBs are a conflict."""

    pod: Pod
    pdbs: tuple[str, ...]

    @property
    def conflict(self) -> bool:
        return len(self.pdbs) > 1


def selects(selector: LabelSelector | None, labels: dict[str, str]) -> bool:
    """``policy/v1``: a missing selector selects nothing, an empty one everything in the namespace."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(_matches(requirement, labels) for requirement in selector.match_expressions)


def _matches(requirement: SelectorRequirement, labels: dict[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case _:
            return value is None


class Budgets(msgspec.Struct, frozen=True):
    """Some pods together: none is protected, and these PDBs (``namespace/name``) hold them. Not ``known``: ask each."""

    known: bool
    keys: frozenset[str] = frozenset()


_LOOK_AT_EACH: Final = Budgets(False)


class PdbIndex:
    """The PDBs of the cluster by namespace: which of them match a pod. Asked once for all pods of the same labels."""

    __slots__ = ("_by_label", "_by_namespace", "_selecting", "with_room", "without_room")

    def __init__(self, pdbs: Iterable[PodDisruptionBudget] = ()) -> None:
        self.with_room: set[str] = set()  # keys of those that allow a disruption
        self.without_room: set[str] = set()  # of the others
        self._by_namespace: dict[str, dict[str, PodDisruptionBudget]] = {}
        self._selecting: dict[str, dict[frozenset[tuple[str, str]], tuple[str, ...]]] = {}  # namespace, labels -> names
        self._by_label: dict[
            str, dict[tuple[str, str] | None, list[str]]
        ] = {}  # namespace, one label asked for -> names
        for pdb in pdbs:
            self.put(pdb)

    def put(self, pdb: PodDisruptionBudget) -> None:
        known = self._by_namespace.setdefault(pdb.metadata.namespace, {})
        before = known.get(pdb.name)
        known[pdb.name] = pdb
        has_room = pdb.status.disruptions_allowed > 0
        (self.with_room.add if has_room else self.with_room.discard)(pdb.key)
        (self.without_room.discard if has_room else self.without_room.add)(pdb.key)
        if before is None or before.spec.selector != pdb.spec.selector:
            self._forget(pdb.metadata.namespace)

    def remove(self, pdb: PodDisruptionBudget) -> None:
        self._by_namespace.get(pdb.metadata.namespace, {}).pop(pdb.name, None)
        self.with_room.discard(pdb.key)
        self.without_room.discard(pdb.key)
        self._forget(pdb.metadata.namespace)

    def _forget(self, namespace: str) -> None:
        self._selecting.pop(namespace, None)
        self._by_label.pop(namespace, None)

    def get(self, key: str) -> PodDisruptionBudget | None:
        namespace, _, name = key.partition("/")
        return self._by_namespace.get(namespace, {}).get(name)

    def matching(self, pod: Pod) -> list[PodDisruptionBudget]:
        """All PDBs that select the pod, by name."""
        candidates = self._by_namespace.get(pod.metadata.namespace)
        if not candidates:
            return []
        known = self._selecting.setdefault(pod.metadata.namespace, {})
        labels = frozenset(pod.metadata.labels.items())
        selecting = known.get(labels)
        if selecting is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            named = self._with_label_of(pod, candidates)
            found = (name for name in named if selects(candidates[name].spec.selector, pod.metadata.labels))
            selecting = known[labels] = tuple(sorted(found))
        return [candidates[name] for name in selecting]

    def _with_label_of(self, pod: Pod, candidates: Mapping[str, PodDisruptionBudget]) -> Iterator[str]:
        """The PDBs that ask for a label that the pod has, or for none: each is under one label that it asks for."""
        namespace = pod.metadata.namespace
        by_label = self._by_label.get(namespace)
        if by_label is None:
            by_label = self._by_label[namespace] = {}
            for name, pdb in candidates.items():
                wanted = pdb.spec.selector.match_labels if pdb.spec.selector is not None else {}
                by_label.setdefault(min(wanted.items(), default=None), []).append(name)
        for label in (None, *pod.metadata.labels.items()):
            yield from by_label.get(label, ())

    def of_all(self, pods: Iterable[Pod]) -> Budgets:
        """What time and the statuses of PDBs aside says whether pods may be evicted."""
        found: set[str] = set()
        for pod in pods:
            if names.DO_NOT_DISRUPT in pod.metadata.annotations:
                return _LOOK_AT_EACH
            if not is_active(pod) or tolerates_disrupted(pod) or is_mirror(pod):
                continue
            matching = self.matching(pod)
            if len(matching) > 1:
                return _LOOK_AT_EACH
            if matching:
                found.add(matching[0].key)
        return Budgets(True, frozenset(found))


def room_made(old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> int | None:
    """How many of the pods that a PDB held back may go after its change; None: any of them, it is another or gone."""
    if old is None or new is None or old.metadata.generation != new.metadata.generation:
        return None
    settled = new.status.observed_generation >= new.metadata.generation
    return max(new.status.disruptions_allowed, 0) if settled else None


def is_fully_blocking(pdb: PodDisruptionBudget) -> bool:
    """``maxUnavailable`` 0 or 0%, or ``minAvailable`` 100%. An integer equal to the replicas is not recognised."""
    if pdb.spec.max_unavailable is not None:
        return str(pdb.spec.max_unavailable) in ("0", "0%")
    return pdb.spec.min_available == "100%"


def _always_allows(pdb: PodDisruptionBudget, pod: Pod) -> bool:
    return pdb.spec.unhealthy_pod_eviction_policy == "AlwaysAllow" and ready_status(pod) == "False"


def blocks(pod: Pod, matching: list[PodDisruptionBudget]) -> Blocked | None:
    """Whether the PDBs that match an evictable pod forbid its eviction now."""
    if not matching:
        return None
    if len(matching) > 1:
        return Blocked(pod, tuple(pdb.key for pdb in matching))
    (pdb,) = matching
    if _always_allows(pdb, pod):
        return None
    return Blocked(pod, (pdb.key,)) if pdb.status.disruptions_allowed <= 0 else None


def first_blocked(pods: Iterable[Pod], index: PdbIndex, timeline: Timeline, now: datetime) -> Blocked | None:
    """The first evictable pod, in the given order, that its PDBs hold back; None when all may go."""
    for pod in pods:
        if is_evictable(pod, timeline, now) and (blocked := blocks(pod, index.matching(pod))):
            return blocked
    return None


def is_currently_reschedulable(pod: Pod, index: PdbIndex, timeline: Timeline, now: datetime) -> bool:
    """Whether capacity is found for the pod in advance: reschedulable, and not protected, fully blocked or in conflict.

    PDBs matter to evictable pods only: one that is terminating already goes whatever they say.
    """
    if not is_reschedulable(pod) or protection(pod, timeline, now).active:
        return False
    if not is_evictable(pod, timeline, now):
        return True
    matching = index.matching(pod)
    return len(matching) <= 1 and not any(is_fully_blocking(pdb) and not _always_allows(pdb, pod) for pdb in matching)
