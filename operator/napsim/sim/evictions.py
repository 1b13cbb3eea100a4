"""The eviction subresource and the disruption controller: what PodDisruptionBudgets let go.

Mirrors kubernetes v1.36 ``pkg/registry/core/pod/storage/eviction.go`` and
``pkg/controller/disruption/disruption.go``. Fails closed: a PDB whose status was not written yet allows nothing.

| Pod | PDBs | Answer |
|---|---|---|
| pending, ended or on its way out | any | 201, unasked |
| any | none | 201 |
| any | several | 500 |
| not ready | one, AlwaysAllow | 201, not counted |
| not ready | one with as many healthy pods as it wants (at least one) | 201, not counted |
| any | one that allows a disruption | 201, counted in its status |
| any | one that allows none | 429 |
| another pod than was meant (its uid) | as above | 409; what was counted stays counted for two minutes |

The controller's status follows at the instant of the change, upstream's within a moment. A pod that leaves a PDB by its
labels is seen after 30 s; upstream: some time within them, and so are a scale that changes without a pod, and all but
one of several PDBs of a pod.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

import msgspec

from napsim.core.objects import OwnerReference, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus
from napsim.core.pdbs import PdbIndex, selects
from napsim.core.pods import is_terminal, ready_status
from napsim.sim.cluster import Cluster, replace

STALE_AFTER: Final = timedelta(minutes=2)  # disruption.go: an eviction that was granted and came to nothing
RESYNC: Final = timedelta(seconds=30)  # disruption.go: every PDB is looked at that often at least
_REMEMBERED: Final = 10_000  # kinds of pods
_MOST_DISRUPTED: Final = 2000  # eviction.go: MaxDisruptedPodSize


class Answer(IntEnum):
    """HTTP codes of the eviction subresource."""

    EVICTED = 201
    NOT_FOUND = 404
    CONFLICT = 409
    BLOCKED = 429
    SEVERAL_PDBS = 500


@dataclass(slots=True)
class _Tally:
    """The pods that a PDB selects: how many, the healthy ones, and who owns how many of them."""

    pods: int = 0
    healthy: int = 0
    owners: dict[tuple[str, str], int] = field(default_factory=dict)  # (kind, namespace/name) of controllers


_Part = tuple[bool, tuple[str, str]]  # healthy, controller


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """What pods of one template share: the PDBs that select them (by key), and who owns them."""

    labels: dict[str, str]
    owners: tuple[OwnerReference, ...]
    pdbs: tuple[str, ...]
    controller: tuple[str, str]


@dataclass(slots=True)
class Disruptions:
    """Keeps the status of every PDB, and answers evictions. ``scale_of`` is the wanted size of a pod's controller."""

    cluster: Cluster
    scale_of: Callable[[str, str], int | None]  # kind, namespace/name -> spec.replicas; None: it has no scale
    identity_of: Callable[[str, str], tuple[str, str]] = lambda kind, key: (kind, key)  # ReplicaSets of one Deployment
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _parts: dict[str, _Part] = field(default_factory=dict)  # pod -> what it adds to its PDBs
    _pdbs_of: dict[str, tuple[str, ...]] = field(default_factory=dict)  # pod -> keys of the PDBs that select it
    is_waited_for: Callable[[str], bool] = lambda _: True  # whether whoever evicts holds back pods for the PDB
    _index: PdbIndex = field(default_factory=PdbIndex)
    _dirty: set[str] = field(default_factory=set)
    _kinds: dict[tuple[str, int, int], _Kind] = field(default_factory=dict)
    """By namespace, labels and owners as they are: kept, so that nothing else can come to be there."""

    # --- the subresource ----------------------------------------------------------------------------------------------

    def evict(self, key: str, uid: str) -> Answer:
        """One eviction with a precondition on the uid, and what follows from it."""
        pod = self.cluster.pods.get(key)
        if pod is None:
            return Answer.NOT_FOUND
        if not is_terminal(pod) and not pod.deleting and pod.status.phase != "Pending":
            matching = self._pdbs_of.get(key, ())
            if len(matching) == 1 and self._takes_at_once(matching[0], pod, uid):
                return Answer.EVICTED
            answer = self._permission(pod, matching)
            if answer is not Answer.EVICTED:
                return answer
        if self.cluster.delete_pod(key, uid):
            return Answer.EVICTED
        self._dirty.update(self._pdbs_of.get(key, ()))
        self._settle_all()
        return Answer.CONFLICT

    def pdbs_of(self, pod: str) -> tuple[str, ...]:
        """The PDBs that select the pod, by key."""
        return self._pdbs_of.get(pod, ())

    def _takes_at_once(self, key: str, pod: Pod, uid: str) -> bool:
        """Grant what the PDB has room for, and write its status once: as it is when its controller has seen the pod go.

        False: nothing is done, as somebody could tell it from the two writes of ``_counted`` and the controller.
        """
        pdb, tally = self.cluster.pdbs.objects[key], self._tallies[key]
        if pdb.status.disruptions_allowed <= 0 or self._dirty or pdb.deleting or self.is_waited_for(key):
            return False
        name, wanted = pod.key, self._wanted(pdb, tally)
        healthy, controller = self._parts[name]
        is_plain = uid == pod.metadata.uid and pod.spec.node_name and pod.spec.termination_grace_period_seconds > 0
        if not is_plain or not healthy or wanted is None:
            return False
        expected, desired = wanted
        allowed, generation = tally.healthy - desired, pdb.metadata.generation
        settled = PodDisruptionBudgetStatus(allowed, tally.healthy, desired, expected, generation)
        if expected <= 0 or pdb.status != settled:
            return False
        tally.healthy -= 1
        self._parts[name] = (False, controller)
        seen = replace(settled, disruptions_allowed=allowed - 1, current_healthy=tally.healthy)
        self.cluster.pdbs.change(key, pdb, replace(pdb, status=seen))
        self.cluster.delete_pod(name, uid)
        self.cluster.versions.next()  # of the write that is left out
        return True

    def _permission(self, pod: Pod, matching: tuple[str, ...]) -> Answer:
        if not matching:
            return Answer.EVICTED
        if len(matching) > 1:
            return Answer.SEVERAL_PDBS
        pdb = self.cluster.pdbs.objects[matching[0]]
        if ready_status(pod) != "True" and self._lets_unhealthy_go(pdb):
            return Answer.EVICTED
        return self._counted(pdb, pod)

    def _lets_unhealthy_go(self, pdb: PodDisruptionBudget) -> bool:
        status = pdb.status
        if pdb.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
            return True
        return status.current_healthy >= status.desired_healthy > 0

    def _counted(self, pdb: PodDisruptionBudget, pod: Pod) -> Answer:
        """One disruption less is allowed from here on, until the controller has seen the pod go."""
        status = pdb.status
        stale = status.observed_generation < pdb.metadata.generation
        if stale or status.disruptions_allowed <= 0 or len(status.disrupted_pods) > _MOST_DISRUPTED:
            return Answer.BLOCKED
        counted = replace(
            status,
            disruptions_allowed=status.disruptions_allowed - 1,
            disrupted_pods={**status.disrupted_pods, pod.name: self.cluster.kernel.now},
        )
        self.cluster.pdbs.update(replace(pdb, status=counted))
        return Answer.EVICTED

    # --- the controller -----------------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        """Count the pod in its PDBs; they are looked at once the instant's other changes are done."""
        if old is None:
            assert new is not None
            kind = self._kind_of(new)
            if kind.pdbs:
                key = new.key
                self._pdbs_of[key] = kind.pdbs
                self._take(key, kind.pdbs, (_is_healthy(new), kind.controller))
        elif new is None:
            self._leave(old.key)
            if self._dirty:
                self._settle_all()
        elif old.metadata.labels is not new.metadata.labels and old.metadata.labels != new.metadata.labels:
            self._select_anew(new)
        elif _owners_differ(old, new):
            key = new.key
            if key in self._parts:
                self._take(key, self._pdbs_of[key], (_is_healthy(new), self._kind_of(new).controller))
        elif (
            old.status is not new.status or old.metadata.deletion_timestamp is not new.metadata.deletion_timestamp
        ) and self._parts:
            key = new.key
            part = self._parts.get(key)
            if part is not None:
                self._turn(key, part, _is_healthy(new))

    def _kind_of(self, pod: Pod) -> _Kind:
        metadata = pod.metadata
        identity = (metadata.namespace, id(metadata.labels), id(metadata.owner_references))
        known = self._kinds.get(identity)
        if known is None:
            if len(self._kinds) >= _REMEMBERED:
                self._kinds.clear()
            pdbs = tuple(pdb.key for pdb in self._index.matching(pod))
            known = _Kind(metadata.labels, metadata.owner_references, pdbs, _controller(pod))
            self._kinds[identity] = known
        return known

    def _leave(self, key: str) -> tuple[str, ...]:
        """The pod is gone, or another to its PDBs, which they were."""
        before = self._pdbs_of.pop(key, ())
        if before:
            self._add(before, self._parts.pop(key), -1)
        return before

    def _select_anew(self, pod: Pod) -> None:
        before, kind = self._leave(pod.key), self._kind_of(pod)
        self._look_later(pdb for pdb in before if pdb not in kind.pdbs)
        if kind.pdbs:
            self._pdbs_of[pod.key] = kind.pdbs
            self._take(pod.key, kind.pdbs, (_is_healthy(pod), kind.controller))

    def _take(self, key: str, pdbs: tuple[str, ...], part: _Part) -> None:
        """The pod adds this to its PDBs, instead of what it added before."""
        known = self._parts.get(key)
        if known == part:
            return
        self._parts[key] = part
        if known is not None:
            self._add(pdbs, known, -1)
        self._add(pdbs, part, 1)
        if self._dirty:
            self._settle_all()

    def _turn(self, key: str, part: _Part, healthy: bool) -> None:
        """The pod is healthy from now on, or is not any more."""
        if part[0] is healthy:
            return
        self._parts[key] = (healthy, part[1])
        for pdb in self._pdbs_of[key]:
            self._tallies[pdb].healthy += 1 if healthy else -1
            self._dirty.add(pdb)
        self._settle_all()

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """Pods of one controller and with the same labels: counted at once."""
        first = next(iter(new.values()))
        part = (_is_healthy(first), _controller(first))
        if old is None:
            matching = tuple(pdb.key for pdb in self._index.matching(first))
            if matching:
                self._pdbs_of.update(dict.fromkeys(new, matching))
                self._parts.update(dict.fromkeys(new, part))
                self._add(matching, part, len(new))
                self._settle_all()
        elif _is_healthy(next(iter(old.values()))) != part[0]:
            self._turn_alike(old, new, part)

    def _turn_alike(self, old: Mapping[str, Pod], new: Mapping[str, Pod], part: _Part) -> None:
        """Their health has changed. Versions go on as if each had been written: names rest on them."""
        key = next(iter(new))
        matching, known, versions = self._pdbs_of.get(key, ()), self._parts.get(key), self.cluster.versions
        pdbs = [self.cluster.pdbs.objects[name] for name in matching]
        if known is None or any(self._wanted(pdb, self._tallies[pdb.key]) is None for pdb in pdbs):
            for name, pod in new.items():
                self.on_pod(old[name], pod)
            return
        self._parts.update(dict.fromkeys(new, part))
        self._add(matching, known, -len(new))
        self._add(matching, part, len(new))
        before = versions.number
        self._settle_all()
        versions.number += (versions.number - before) * (len(new) - 1)

    def _add(self, pdbs: tuple[str, ...], part: _Part, number: int) -> None:
        healthy, controller = part
        for key in pdbs:
            tally = self._tallies[key]
            tally.pods += number
            tally.healthy += number * healthy
            as_owned = True
            if controller[0]:
                before = tally.owners.get(controller, 0)
                left = tally.owners[controller] = before + number
                as_owned = bool(before and left)
                if not left:
                    del tally.owners[controller]
            if healthy or not as_owned or self._rests_on_more(key):
                self._dirty.add(key)

    def _rests_on_more(self, key: str) -> bool:
        """Whether the PDB's status rests on more than its healthy pods and the sizes of their controllers."""
        pdb = self.cluster.pdbs.objects.get(key)
        if pdb is None or pdb.status.disrupted_pods or pdb.status.observed_generation != pdb.metadata.generation:
            return True
        return pdb.spec.max_unavailable is None and isinstance(pdb.spec.min_available, int)

    def on_pdb(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None:
        """A PDB came, went, or selects others."""
        if old is not None and new is not None and (old.spec is new.spec or old.spec == new.spec):
            return
        item = new or old
        assert item is not None
        self._kinds.clear()
        self._forget(item.key)
        if new is None:
            self._index.remove(item)
            return
        self._index.put(new)
        self._tallies[new.key] = _Tally()
        for pod in self.cluster.pods.objects.values():
            if pod.metadata.namespace == new.metadata.namespace and selects(new.spec.selector, pod.metadata.labels):
                self._join(pod, new.key)
        self._dirty.add(new.key)
        self.cluster.kernel.soon(self._settle, None)

    def _join(self, pod: Pod, pdb: str) -> None:
        part = self._parts.setdefault(pod.key, (_is_healthy(pod), _controller(pod)))
        self._pdbs_of[pod.key] = tuple(sorted((*self._pdbs_of.get(pod.key, ()), pdb)))
        self._add((pdb,), part, 1)

    def _forget(self, pdb: str) -> None:
        if self._tallies.pop(pdb, None) is None:
            return
        self._dirty.discard(pdb)
        for pod, keys in list(self._pdbs_of.items()):
            if pdb in keys:
                left = tuple(key for key in keys if key != pdb)
                self._pdbs_of[pod] = left
                if not left:
                    del self._pdbs_of[pod], self._parts[pod]

    def on_scale(self, kind: str, key: str) -> None:
        """A controller is to have another number of pods."""
        found = ((pdb, tally) for pdb, tally in self._tallies.items() if tally.owners)
        self._dirty.update(pdb for pdb, tally in found if (kind, key) in self._scaled(tally))
        self._settle_all()

    def _look_later(self, pdbs: Iterable[str]) -> None:
        """Nobody tells the controller of it: it is seen with the next change of a pod of the PDB, or 30 s later."""
        for pdb in pdbs:
            self._dirty.discard(pdb)
            self.cluster.kernel.at(self.cluster.kernel.now + RESYNC, self._look_again, pdb)

    def _settle(self, _: None) -> None:
        self._settle_all()

    def _settle_all(self) -> None:
        while self._dirty:
            key = self._dirty.pop() if len(self._dirty) == 1 else min(self._dirty)
            self._dirty.discard(key)
            pdb = self.cluster.pdbs.objects.get(key)
            if pdb is not None and pdb.metadata.deletion_timestamp is None:
                status = self._status(key, pdb)
                if status is not pdb.status and status != pdb.status:
                    self.cluster.pdbs.change(key, pdb, replace(pdb, status=status))

    def _status(self, key: str, pdb: PodDisruptionBudget) -> PodDisruptionBudgetStatus:
        """As the controller writes it; where it cannot tell the size of a pod's owner, only that nothing is allowed.

        The status itself where nothing of it has changed.
        """
        status, tally = pdb.status, self._tallies[key]
        wanted = self._wanted(pdb, tally)
        if wanted is None:
            return replace(status, disruptions_allowed=0)
        expected, desired = wanted
        disrupted = self._still_disrupted(pdb, self.cluster.kernel.now) if status.disrupted_pods else {}
        healthy = tally.healthy - sum(self._is_counted(pdb, name) for name in disrupted) if disrupted else tally.healthy
        allowed = max(healthy - desired, 0) if expected > 0 else 0
        if (
            status.current_healthy == healthy
            and status.disruptions_allowed == allowed
            and status.expected_pods == expected
            and status.desired_healthy == desired
            and status.observed_generation == pdb.metadata.generation
            and status.disrupted_pods == disrupted
        ):
            return status
        return PodDisruptionBudgetStatus(
            disruptions_allowed=allowed,
            current_healthy=healthy,
            desired_healthy=desired,
            expected_pods=expected,
            observed_generation=pdb.metadata.generation,
            disrupted_pods=disrupted,
        )

    def _still_disrupted(self, pdb: PodDisruptionBudget, now: datetime) -> dict[str, datetime]:
        """Pods whose eviction was granted, that are not yet on their way out, and may still be."""
        found = {}
        for name, at in pdb.status.disrupted_pods.items():
            pod = self.cluster.pods.get(f"{pdb.metadata.namespace}/{name}")
            if pod is None or pod.deleting or pdb.key not in self._pdbs_of.get(pod.key, ()):
                continue
            if at + STALE_AFTER > now:
                found[name] = at
                self.cluster.kernel.at(at + STALE_AFTER, self._look_again, pdb.key)
        return found

    def _look_again(self, pdb: str) -> None:
        if pdb in self._tallies:
            self._dirty.add(pdb)
            self._settle_all()

    def _is_counted(self, pdb: PodDisruptionBudget, name: str) -> bool:
        healthy, _ = self._parts.get(f"{pdb.metadata.namespace}/{name}", (False, ("", "")))
        return healthy

    def _wanted(self, pdb: PodDisruptionBudget, tally: _Tally) -> tuple[int, int] | None:
        """Expected pods and desired healthy ones; None where a pod's controller has no scale, such as a DaemonSet."""
        most, least = pdb.spec.max_unavailable, pdb.spec.min_available
        if most is None and least is None:
            return 0, 0
        if most is None and isinstance(least, int):
            return tally.pods, least
        expected = 0
        for owner in self._scaled(tally):
            size = self.scale_of(*owner)
            if size is None:
                return None
            expected += size
        if most is not None:
            return expected, max(expected - share(most, expected), 0)
        return expected, share(str(least), expected)

    def _scaled(self, tally: _Tally) -> dict[tuple[str, str], None]:
        """What has the scale: pods of several ReplicaSets of one Deployment count once."""
        if len(tally.owners) == 1:
            return {self.identity_of(*next(iter(tally.owners))): None}
        return dict.fromkeys(self.identity_of(*owner) for owner in tally.owners)


def share(value: int | str, of: int) -> int:
    """A number, or a percentage rounded up (``GetScaledValueFromIntOrPercent``). Raises ValueError on other texts."""
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"{value!r}: must be a number or a percentage. For example, 25%")
    return math.ceil(int(value[:-1]) * of / 100)


def _owners_differ(old: Pod, new: Pod) -> bool:
    before, after = old.metadata.owner_references, new.metadata.owner_references
    return before is not after and before != after


def _is_healthy(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and ready_status(pod) == "True"


def _controller(pod: Pod) -> tuple[str, str]:
    for reference in pod.metadata.owner_references:
        if reference.controller:
            return reference.kind, f"{pod.metadata.namespace}/{reference.name}"
    return "", ""
