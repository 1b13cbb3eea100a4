"""The places that pods may be put on, kept as objects change: what simulations of scheduling look at.

Policy (design, section 7): one update an event. A place is a Node with its NodeClaim, or a NodeClaim whose Node is on
its way. What of a pod cannot be followed (its node affinity, its volumes) is kept as a sentence, and the pod still
takes its room: fails closed, as nobody can say where else it may go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.clusterview import ClusterView
from napsim.core.daemons import Daemon, of_daemon_set
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.objects import DaemonSet, Node, NodeClaim, Pod
from napsim.core.podshapes import PodShape
from napsim.core.resources import Resources
from napsim.core.targets import NODES, Target, basis_of, target_of
from napsim.core.volumes import NO_NEEDS, Storage, claim_keys, needs

Amounts = tuple[Resources, Resources]
"""Capacity and allocatable."""
_UNKNOWN: Final[Amounts] = ({}, {})


def of_size(claim: NodeClaim) -> Amounts:
    """What the size that the claim's labels name offers; nothing for one that is not known."""
    size = INSTANCE_TYPES.get(claim.metadata.labels.get(names.INSTANCE_TYPE, ""))
    return (size.capacity(), size.allocatable()) if size else _UNKNOWN


class Places(msgspec.Struct):
    """Fed by ``ClusterState``. ``expected``: a claim's amounts as long as neither it nor its Node says them.

    ``unfollowed``: pods (by key) of which something cannot be followed, and what.
    """

    storage: Storage
    expected: Callable[[NodeClaim], Amounts] = of_size
    view: ClusterView = msgspec.field(default_factory=ClusterView)
    unfollowed: dict[str, str] = msgspec.field(default_factory=dict)
    _usage: dict[str, Counter[str]] = msgspec.field(default_factory=dict)
    _targets: dict[str, Target] = msgspec.field(default_factory=dict)  # all that are in the view, by key
    _key_of: dict[str, str] = msgspec.field(default_factory=dict)  # Node -> key of its place
    _bases: dict[str, object] = msgspec.field(default_factory=dict)  # key of a Node's place -> what its target is of
    _users: dict[str, set[str]] = msgspec.field(default_factory=dict)  # claim of a volume -> bound pods with it
    _daemons: dict[str, Daemon] = msgspec.field(default_factory=dict)  # DaemonSet -> what it runs

    # --- questions ----------------------------------------------------------------------------------------------------

    def usage(self, pool: str) -> Mapping[str, int]:
        """What the nodes of the pool have between them, those on their way out included, and their number."""
        return self._usage.get(pool, Counter())

    def users(self, volume_claim: str) -> tuple[str, ...]:
        """The bound pods with that PersistentVolumeClaim (``namespace/name``)."""
        return tuple(sorted(self._users.get(volume_claim, ())))

    def shape_of(self, pod: Pod) -> PodShape | str:
        """What a pending pod asks for; a sentence when that cannot be followed."""
        wanted = needs(pod, self.storage)
        if wanted.problem:
            return wanted.problem
        try:
            return self.view.shapes.of(pod, wanted.requirements)
        except ValueError as fault:
            return str(fault)

    # --- nodes --------------------------------------------------------------------------------------------------------

    def put_node(self, node: Node, claim: NodeClaim | None, *, marked: bool) -> None:
        """The Node as it is, with its claim. ``marked``: it is on its way out, and takes no pods."""
        expected = _UNKNOWN if claim is None else self._expected(node, claim)
        before, basis = self._key_of.get(node.name), (marked, expected, basis_of(node, claim))
        if before is not None and self._bases.get(before) == basis:
            return
        target = target_of(node, claim, *expected)
        if before is not None and before != target.key:
            self._remove(before)
        self._key_of[node.name] = target.key
        self._put(target, marked)
        self._bases[target.key] = basis

    def _expected(self, node: Node, claim: NodeClaim) -> Amounts:
        return _UNKNOWN if node.metadata.labels.get(names.INITIALIZED) == "true" else self.expected(claim)

    def remove_node(self, name: str) -> None:
        """The Node is gone."""
        key = self._key_of.pop(name, None)
        if key is not None:
            self._remove(key)

    def put_claim(self, claim: NodeClaim) -> None:
        """A claim whose Node is not there yet, or not any more."""
        self._put(target_of(None, claim, *self.expected(claim)), claim.deleting)

    def remove_claim(self, name: str) -> None:
        """The claim is gone, or stands for no node."""
        target = self._targets.get(name)
        if target is not None and target.claim_name == name:
            self._remove(name)

    def _put(self, target: Target, marked: bool) -> None:
        self._bases.pop(target.key, None)
        before = self._targets.get(target.key)
        if before is None or before.pool != target.pool or before.capacity != target.capacity:
            if before is not None:
                self._use(before, -1)
            self._use(target, 1)
        self._targets[target.key] = target
        self.view.put(target, marked=marked)

    def _remove(self, key: str) -> None:
        self._bases.pop(key, None)
        target = self._targets.pop(key, None)
        if target is not None:
            self._use(target, -1)
            self.view.remove(key)

    def _use(self, target: Target, sign: int) -> None:
        used = self._usage.setdefault(target.pool, Counter())
        used[NODES] += sign
        for resource, amount in target.capacity.items():
            used[resource] += sign * amount

    # --- pods ---------------------------------------------------------------------------------------------------------

    def bind(self, pod: Pod) -> None:
        """A pod is on a Node, or a pod there has changed, or what its volumes ask for has."""
        wanted = needs(pod, self.storage) if pod.spec.volumes else NO_NEEDS
        problem = wanted.problem
        try:
            self.view.bind(pod, wanted.requirements)
        except ValueError as fault:
            problem = str(fault)
            self.view.bind(replace(pod, spec=replace(pod.spec, affinity=None)), wanted.requirements)
        if pod.spec.volumes:
            for _, key in claim_keys(pod):
                self._users.setdefault(key, set()).add(pod.key)
        if problem:
            self.unfollowed[pod.key] = problem
        elif self.unfollowed:
            self.unfollowed.pop(pod.key, None)

    def bind_alike(self, pods: Mapping[str, Pod]) -> None:
        """Pods, by key, of one template that come to one Node together, and were on none."""
        first = next(iter(pods.values()))
        if first.spec.volumes or first.spec.affinity is not None:
            for pod in pods.values():
                self.bind(pod)
        else:
            self.view.bind_alike(pods)

    def leave(self, pod: Pod) -> None:
        """A pod on a Node is asked to go, and nothing else of it has changed."""
        self.view.leave(pod.key)

    def unbind(self, pod: Pod) -> None:
        """A pod is gone, or on no Node."""
        key = pod.key
        self.view.unbind(key)
        if self.unfollowed:
            self.unfollowed.pop(key, None)
        if pod.spec.volumes:
            self._let_go_of_volumes(pod)

    def _let_go_of_volumes(self, pod: Pod) -> None:
        for _, key in claim_keys(pod):
            users = self._users.get(key)
            if users is not None:
                users.discard(pod.key)
                if not users:
                    del self._users[key]

    # --- what concerns all nodes --------------------------------------------------------------------------------------

    def on_daemon_set(self, old: DaemonSet | None, new: DaemonSet | None) -> str:
        """A DaemonSet came, changed or went. What of it cannot be followed; it then counts as it was, or not at all."""
        if old is not None and new is not None and old.spec == new.spec:
            return ""
        try:
            daemon = of_daemon_set(new, self.view.shapes) if new is not None else None
        except ValueError as fault:
            return str(fault)
        key = (new or old).key  # type: ignore[union-attr]  # one of the two is always there
        if daemon is None:
            self._daemons.pop(key, None)
        else:
            self._daemons[key] = daemon
        self.view.set_daemons(self._daemons[name] for name in sorted(self._daemons))
        return ""

    def on_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        """The namespace has these labels; None: it is gone."""
        if self.view.namespaces.get(name) != labels:
            self.view.set_namespace(name, labels)
