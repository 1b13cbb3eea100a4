"""The cluster as scheduling needs it: free capacity by node, nodes alike, pods by topology domain.

Policy: design, section 7. A shell tells every event (``put``, ``remove``, ``bind``, ``unbind`` …) and each costs what
it changes; a simulation then asks without walking the cluster. What upstream lists anew for every candidate is kept:

| Asked | Kept |
|---|---|
| the first node with room (initialized first, then by name) | a ``FirstFit`` for each set of ``AlikeNodes`` |
| which labels tell nodes apart | those that some pod has asked for (``watch``) |
| how many pods does a topology rule count, by domain | a table for each rule, from the first time it is asked for |
| which pods repel others | a table for each required anti-affinity term of a bound pod |
| which hosts has a rule about hostnames left | seats: free capacity like cpu, once many hosts had to be passed over |
| what has a pool used of its limits | a sum for each pool, of the nodes that stay |

Nodes marked for deletion take no pods and use nothing of a limit; the pods on them still count for topology.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.alikenodes import AlikeNodes
from napsim.core.daemons import Daemon
from napsim.core.objects import Pod
from napsim.core.pods import is_terminal, owned_by
from napsim.core.podshapes import HostPort, PodShape, PodShapes
from napsim.core.requirements import Requirements
from napsim.core.resources import Resources, total
from napsim.core.targets import NODES, Target
from napsim.core.topologyrules import Rule, RuleKind

_MOST_SEATS: Final = 64  # a table of seats takes about half a megabyte at 5,000 nodes
_ALWAYS_WATCHED: Final = frozenset({names.ZONE, names.CAPACITY_TYPE, names.ARCH, names.OS, names.NODEPOOL})
_NO_PODS: Final[Mapping[str, BoundPod]] = {}
_NO_COUNTS: Final[Mapping[str, int]] = {}
_NO_REQUIREMENTS: Final[Requirements] = {}


class BoundPod(msgspec.Struct, frozen=True, gc=False):
    """A pod on a node. ``counted``: topology counts it, as it is not on its way out."""

    key: str
    node: str
    namespace: str
    labels: Mapping[str, str]
    shape: PodShape
    of_daemonset: bool
    counted: bool


class Place(msgspec.Struct):
    """A target, what its pods take, and what is left. ``alike`` is None while it takes no pods."""

    target: Target
    marked: bool
    id: str
    used: Resources = msgspec.field(default_factory=dict)
    used_by_daemons: Resources = msgspec.field(default_factory=dict)
    daemons: Resources = msgspec.field(default_factory=dict)  # what all DaemonSets that run here take
    free: Resources = msgspec.field(default_factory=dict)
    ports: dict[str, tuple[HostPort, ...]] = msgspec.field(default_factory=dict)
    alike: AlikeNodes | None = None


class ClusterView:
    """Kept by a shell, one call an event; read by simulations, which leave it as they found it."""

    def __init__(self) -> None:
        self.shapes = PodShapes()
        self.daemons: tuple[Daemon, ...] = ()
        self.namespaces: dict[str, Mapping[str, str]] = {}
        self._places: dict[str, Place] = {}
        self._by_id: dict[str, Place] = {}
        self._by_node: dict[str, Place] = {}
        self._pods: dict[str, BoundPod] = {}
        self._pods_on: dict[str, dict[str, BoundPod]] = {}
        self._alike: dict[object, AlikeNodes] = {}
        self._watched: frozenset[str] = _ALWAYS_WATCHED
        self._in_order = tuple(sorted(_ALWAYS_WATCHED))
        self._watched_for: set[PodShape] = set()
        self._counts: dict[Rule, Counter[str]] = {}
        self._repelled: dict[Rule, Counter[str]] = {}
        self._capacity: dict[str, Counter[str]] = {}
        self._seats: dict[tuple[Rule, bool], str] = {}
        self._changes = 0

    @property
    def changes(self) -> int:
        """Grows with everything that a simulation could come out differently for."""
        return self._changes

    # --- questions ----------------------------------------------------------------------------------------------------

    def place(self, key: str) -> Place | None:
        """The place with that ``Target.key``."""
        return self._places.get(key)

    def place_of(self, place_id: str) -> Place:
        """The place that a ``FirstFit`` names."""
        return self._by_id[place_id]

    def alike(self) -> Iterable[AlikeNodes]:
        """All sets of alike nodes that take pods."""
        return self._alike.values()

    def bound(self, pod: str) -> BoundPod | None:
        return self._pods.get(pod)

    def capacity(self, pool: str) -> Mapping[str, int]:
        """What the nodes of the pool that stay have between them, and their number."""
        return self._capacity.get(pool, _NO_COUNTS)

    def counts(self, rule: Rule) -> Mapping[str, int]:
        """Pods that the rule counts, by domain; only domains with any."""
        known = self._counts.get(rule)
        if known is None:
            known = self._counts[rule] = Counter()
            for pod in self._pods.values():
                if domain := self.domain(rule, pod):
                    known[domain] += 1
        return known

    def repelling(self) -> Mapping[Rule, Mapping[str, int]]:
        """Required anti-affinity of bound pods: how many pods with it are in each domain."""
        return self._repelled

    def domain(self, rule: Rule, pod: BoundPod) -> str:
        """The domain in which the rule counts the pod, empty when it does not."""
        place = self._by_node.get(pod.node)
        if place is None or not pod.counted or not rule.selects(pod.namespace, pod.labels, self.namespaces):
            return ""
        domain = place.target.labels.get(rule.key, "")
        return domain if domain and rule.counts_node(place.target.taints, place.target.labels) else ""

    def repelled_domain(self, rule: Rule, pod: BoundPod) -> str:
        """The domain from which the pod keeps those away that its anti-affinity term selects."""
        place = self._by_node.get(pod.node)
        return place.target.labels.get(rule.key, "") if place is not None else ""

    def seat(self, rule: Rule, repelling: bool) -> str:
        """The resource of which a host has one for each pod that the rule lets onto it; empty when it is not kept."""
        return self._seats.get((rule, repelling), "")

    def keep_seats(self, rule: Rule, repelling: bool) -> None:
        """From now on hosts that the rule leaves no pod are not even looked at."""
        if (rule, repelling) in self._seats or len(self._seats) >= _MOST_SEATS or rule.kind is RuleKind.AFFINITY:
            return
        self._seats[rule, repelling] = f"seats-{len(self._seats)}"
        for place in self._places.values():
            self._refresh(place)

    def _seats_left(self, hostname: str) -> Iterator[tuple[str, int]]:
        for (rule, repelling), resource in self._seats.items():
            counts = self._repelled.get(rule, _NO_COUNTS) if repelling else self.counts(rule)
            most = rule.spec.max_skew if rule.kind is RuleKind.SPREAD else 1
            yield resource, max(most - counts.get(hostname, 0), 0)

    # --- nodes --------------------------------------------------------------------------------------------------------

    def put(self, target: Target, *, marked: bool = False) -> None:
        """A node is there, or has changed. ``marked`` for deletion: it takes no pods."""
        place = self._places.get(target.key)
        if place is not None:
            if place.marked == marked and place.target == target:
                return
            if self._counts_alike(place.target, target):
                self._alter(place, target, marked)
                return
        self.remove(target.key)
        self._changes += 1
        place = Place(target, marked, f"{target.name}\x00{target.key}")
        self._places[target.key] = self._by_id[place.id] = place
        if target.node_name:
            self._by_node[target.node_name] = place
        for pod in self._on(target.node_name).values():
            self._reserve(place, pod)
            self._count(pod, 1)
        if not marked:
            self._sum(place, 1)
            self._settle(place)

    def _counts_alike(self, before: Target, after: Target) -> bool:
        """Whether the pods of a node take and count what they did: it is the same one, and no rule can tell."""
        if before.name != after.name:
            return False
        if before.node_name != after.node_name:
            return not before.node_name and after.node_name not in self._pods_on
        if not self._counts and not self._repelled:
            return True
        return before.labels == after.labels and before.taints == after.taints

    def _alter(self, place: Place, target: Target, marked: bool) -> None:
        """The same node, changed: as if it went and came back as the last."""
        self._changes += 2
        self._places[target.key] = self._places.pop(target.key)
        before, was_marked = place.target, place.marked
        sums = was_marked != marked or before.pool != target.pool or before.capacity != target.capacity
        if sums and not was_marked:
            self._sum(place, -1)
        self._unsettle(place)
        place.target, place.marked = target, marked
        if target.node_name:
            self._by_node[target.node_name] = place
        if sums and not marked:
            self._sum(place, 1)
        if not marked:
            self._settle(place)

    def remove(self, key: str) -> None:
        """The node is gone. Pods bound to it are remembered until they are unbound."""
        place = self._places.get(key)
        if place is None:
            return
        self._changes += 1
        for pod in self._on(place.target.node_name).values():
            self._count(pod, -1)
        if not place.marked:
            self._sum(place, -1)
        self._unsettle(place)
        del self._places[key], self._by_id[place.id]
        self._by_node.pop(place.target.node_name, None)

    def _sum(self, place: Place, sign: int) -> None:
        sums = self._capacity.setdefault(place.target.pool, Counter())
        sums[NODES] += sign
        for resource, amount in place.target.capacity.items():
            sums[resource] += sign * amount

    def _settle(self, place: Place) -> None:
        """Put the place among those alike."""
        target = place.target
        labels = tuple((key, target.labels[key]) for key in self._in_order if key in target.labels)
        kind = (target.initialized, target.taints, labels)
        alike = self._alike.get(kind)
        if alike is None:
            alike = self._alike[kind] = AlikeNodes(target.initialized, target.taints, dict(labels))
        place.alike = alike
        self._plan_daemons(place)
        self._refresh(place)

    def _plan_daemons(self, place: Place) -> None:
        target = place.target
        running = (item for item in self.daemons if item.runs_on(target.taints, target.labels))
        place.daemons = total(item.requests for item in running)

    def _unsettle(self, place: Place) -> None:
        alike = place.alike
        if alike is None:
            return
        alike.fit.discard(place.id)
        place.alike = None
        if not len(alike.fit):
            kind = (alike.initialized, alike.taints, tuple(alike.labels.items()))
            del self._alike[kind]

    def _refresh(self, place: Place) -> None:
        """What is free: allocatable, less the pods there, less the DaemonSets' pods that are still to come."""
        if place.alike is None:
            return
        used, there = place.used, place.used_by_daemons
        free = {resource: amount - used.get(resource, 0) for resource, amount in place.target.allocatable.items()}
        for resource, amount in place.daemons.items():
            free[resource] = free.get(resource, 0) - max(amount - there.get(resource, 0), 0)
        free.update(self._seats_left(place.target.hostname))
        place.free = free
        place.alike.fit.set(place.id, place.free)

    def _shift_free(self, place: Place, pod: BoundPod, sign: int) -> None:
        """What is free once that pod is gone, or has come: as ``_refresh`` finds it, without looking at the rest."""
        if place.alike is None:
            return
        if self._seats or pod.of_daemonset:
            self._refresh(place)
            return
        free, allocatable = dict(place.free), place.target.allocatable
        for resource, amount in pod.shape.requests.items():
            if resource in allocatable:
                free[resource] += sign * amount
        place.free = free
        place.alike.fit.change(place.id, free)

    # --- pods ---------------------------------------------------------------------------------------------------------

    def bind(self, pod: Pod, volumes: Requirements | None = None) -> None:
        """A pod is on a node, or a pod there has changed. ``volumes`` are what its volumes ask of a node.

        Raises ValueError when a term of its node affinity cannot be read.
        """
        key, node, metadata = pod.key, pod.spec.node_name, pod.metadata
        if not node or is_terminal(pod):
            self.unbind(key)
            return
        shape = self.shapes.of(pod, volumes or _NO_REQUIREMENTS)
        of_daemonset, counted = owned_by(pod, "DaemonSet"), metadata.deletion_timestamp is None
        bound = BoundPod(key, node, metadata.namespace, metadata.labels, shape, of_daemonset, counted)
        known = self._pods.get(key)
        if known is not None:
            if known == bound:
                return
            if not self._seats and known == msgspec.structs.replace(bound, counted=known.counted):
                self._recount(known, bound)
                return
            self.unbind(key)
        self._put(bound)

    def _put(self, bound: BoundPod) -> None:
        self._changes += 1
        self._pods[bound.key] = bound
        members = self._pods_on.get(bound.node)
        if members is None:
            members = self._pods_on[bound.node] = {}
        members[bound.key] = bound
        if bound.shape.repels:
            self.watch({rule.key for rule in bound.shape.repels})
        place = self._by_node.get(bound.node)
        if place is not None:
            self._reserve(place, bound)
            if self._counts or bound.shape.repels:
                self._count(bound, 1)
            self._shift_free(place, bound, -1)

    def leave(self, key: str) -> None:
        """A pod on a node is asked to go, and nothing else of it has changed: topology does not count it any more."""
        known = self._pods.get(key)
        if known is None or not known.counted:
            return
        leaving = msgspec.structs.replace(known, counted=False)
        if self._seats:
            self.unbind(key)
            self._put(leaving)
        else:
            self._recount(known, leaving)

    def bind_alike(self, pods: Mapping[str, Pod], volumes: Requirements | None = None) -> None:
        """The same for pods, by key, of one template that come to one node together, and were on none.

        Raises ValueError as ``bind`` does.
        """
        first = next(iter(pods.values()))
        shape, of_daemonset = self.shapes.of(first, volumes or {}), owned_by(first, "DaemonSet")
        node, place = first.spec.node_name, self._by_node.get(first.spec.node_name)
        self._changes += len(pods)
        if shape.repels:
            self.watch({rule.key for rule in shape.repels})
        members = self._pods_on.setdefault(node, {})
        for key, pod in pods.items():
            metadata = pod.metadata
            bound = BoundPod(key, node, metadata.namespace, metadata.labels, shape, of_daemonset, counted=True)
            self._pods[key] = members[key] = bound
            if place is not None:
                self._reserve(place, bound)
                self._count(bound, 1)
        if place is not None:
            self._refresh(place)

    def _recount(self, old: BoundPod, new: BoundPod) -> None:
        """The same pod on the same node, which topology counts from now on, or does not any more."""
        self._changes += 2  # as for one that is taken off and put on
        there = bool(self._counts or new.shape.repels) and new.node in self._by_node
        if there:
            self._count(old, -1)
        self._pods[new.key] = self._pods_on[new.node][new.key] = new
        if there:
            self._count(new, 1)

    def unbind(self, key: str) -> None:
        """A pod is gone, has ended, or is on no node."""
        pod = self._pods.pop(key, None)
        if pod is None:
            return
        self._changes += 1
        place = self._by_node.get(pod.node)
        if place is not None:
            if self._counts or pod.shape.repels:
                self._count(pod, -1)
            self._release(place, pod)
            self._shift_free(place, pod, 1)
        members = self._pods_on[pod.node]
        del members[key]
        if not members:
            del self._pods_on[pod.node]

    def _on(self, node: str) -> Mapping[str, BoundPod]:
        return self._pods_on.get(node, _NO_PODS) if node else _NO_PODS

    def _reserve(self, place: Place, pod: BoundPod) -> None:
        _shift(place.used, pod.shape.requests, 1)
        if pod.of_daemonset:
            _shift(place.used_by_daemons, pod.shape.requests, 1)
        if pod.shape.host_ports:
            place.ports[pod.key] = pod.shape.host_ports

    def _release(self, place: Place, pod: BoundPod) -> None:
        _shift(place.used, pod.shape.requests, -1)
        if pod.of_daemonset:
            _shift(place.used_by_daemons, pod.shape.requests, -1)
        if pod.shape.host_ports:
            place.ports.pop(pod.key, None)

    def _count(self, pod: BoundPod, sign: int) -> None:
        for rule, counts in self._counts.items():
            if domain := self.domain(rule, pod):
                _tally(counts, domain, sign)
        for rule in pod.shape.repels:
            if domain := self.repelled_domain(rule, pod):
                repelled = self._repelled.setdefault(rule, Counter())
                _tally(repelled, domain, sign)
                if not repelled:
                    del self._repelled[rule]

    # --- what concerns all nodes --------------------------------------------------------------------------------------

    def watch_for(self, shape: PodShape) -> None:
        """A pod of this shape is to be placed: the labels it asks for tell nodes apart."""
        if shape not in self._watched_for:
            self._watched_for.add(shape)
            self.watch(shape.label_keys)

    def watch(self, keys: Collection[str]) -> None:
        """From now on these labels tell nodes apart."""
        new = frozenset(keys) - self._watched - {names.HOSTNAME}
        if new:
            self._watched |= new
            self._in_order = tuple(sorted(self._watched))
            self._regroup()

    def _regroup(self) -> None:
        self._alike.clear()
        for place in self._places.values():
            place.alike = None
            if not place.marked:
                self._settle(place)

    def set_daemons(self, daemons: Iterable[Daemon]) -> None:
        """The DaemonSets of the cluster, all of them."""
        self._changes += 1
        self.daemons = tuple(daemons)
        for place in self._places.values():
            self._plan_daemons(place)
            self._refresh(place)

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        """A namespace has these labels; None: it is gone. What rules with a namespaceSelector count is counted anew."""
        self._changes += 1
        if labels is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = labels
        affected = {rule for rule in self._counts if rule.spec.namespace_selector is not None}
        for rule in affected:
            del self._counts[rule]
        if any(rule in affected for rule, _ in self._seats):
            for place in self._places.values():
                self._refresh(place)


def _shift(used: Resources, amounts: Mapping[str, int], sign: int) -> None:
    for resource, amount in amounts.items():
        used[resource] = used.get(resource, 0) + sign * amount


def _tally(counts: Counter[str], domain: str, sign: int) -> None:
    counts[domain] += sign
    if not counts[domain]:
        del counts[domain]
