"""What the operator knows of the cluster: the informers' objects, and the indexes and counters decisions ask for.

One update per event (design, section 7): which pods are on a node, which claim belongs to which Node, how many nodes of
a pool count against its budgets. Nothing here is rollout state: all of it is rebuilt from the API server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from napsim.api import names
from napsim.core import inplace
from napsim.core.budgets import NodeCount, PoolCount, contribution
from napsim.core.objects import KubeObject, Node, NodeClaim, PersistentVolumeClaim, Pod, PodDisruptionBudget, is_true
from napsim.core.objects import VolumeAttachment as Attachment
from napsim.core.pdbs import PdbIndex
from napsim.core.pods import is_provisionable, is_terminal, requests
from napsim.core.resources import Resources, total

Stored = TypeVar("Stored", bound=KubeObject)

_NO_PODS: Mapping[str, Pod] = {}


@dataclass(slots=True)
class _Contribution:
    pool: str
    total: int
    disrupting: int


@dataclass(slots=True)
class ClusterState:
    """Objects by key, with indexes. Fed by ``on_*`` with (old, new) as the informers tell it."""

    nodes: dict[str, Node] = field(default_factory=dict)
    claims: dict[str, NodeClaim] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    pending: dict[str, Pod] = field(default_factory=dict)
    pdbs: PdbIndex = field(default_factory=PdbIndex)
    volume_claims: dict[str, PersistentVolumeClaim] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    unlaunched: set[str] = field(default_factory=set)  # claims without a provider id
    replacements: dict[str, set[str]] = field(default_factory=dict)  # claim -> claims that replace it
    commands: set[str] = field(default_factory=set)  # Nodes with a disruption command in flight
    seen: set[str] = field(default_factory=set)  # replacements that were seen to exist, while what they replace does
    claims_of_pool: dict[str, set[str]] = field(default_factory=dict)
    claims_of_class: dict[str, set[str]] = field(default_factory=dict)
    in_place: set[str] = field(default_factory=set)  # Nodes that opt in to a pool, or still carry what napsim wrote
    _adopting: dict[str, set[str]] = field(default_factory=dict)  # Node -> claims that stand for it, in place
    _seen_for: dict[str, set[str]] = field(default_factory=dict)  # claim -> those of ``seen`` that (were to) replace it
    _pods_on: dict[str, dict[str, Pod]] = field(default_factory=dict)
    _used_on: dict[str, Resources] = field(default_factory=dict)
    _claim_by_provider: dict[str, str] = field(default_factory=dict)
    _node_by_provider: dict[str, str] = field(default_factory=dict)
    _contributions: dict[str, _Contribution] = field(default_factory=dict)
    _counts: dict[str, PoolCount] = field(default_factory=dict)

    # --- lookups ------------------------------------------------------------------------------------------------------

    def pods_on(self, node: str) -> tuple[Pod, ...]:
        """All pods bound to the node, by key."""
        bound = self._pods_on.get(node, _NO_PODS)
        return tuple(bound[key] for key in sorted(bound))

    def bound_to(self, node: str) -> Iterable[Pod]:
        """All pods bound to the node, in no order."""
        return self._pods_on.get(node, _NO_PODS).values()

    def used_on(self, node: str) -> Resources:
        """What the pods of the node have reserved."""
        used = self._used_on.get(node)
        if used is None:
            bound = self._pods_on.get(node, _NO_PODS)
            used = self._used_on[node] = total(requests(pod) for pod in bound.values() if not is_terminal(pod))
        return used

    def node_of(self, claim: NodeClaim) -> Node | None:
        """The claim's Node."""
        adoption = inplace.adoption_of(claim)
        if adoption is not None:
            return self.nodes.get(adoption.node)
        name = self._node_by_provider.get(claim.status.provider_id) if claim.status.provider_id else None
        return self.nodes.get(name or claim.status.node_name)

    def claim_of(self, node: Node) -> NodeClaim | None:
        """The Node's claim; of several that stand for it in place, the one of its generation, else the oldest."""
        adopting = self._adopting.get(node.name)
        if adopting:
            claims = [self.claims[name] for name in sorted(adopting)]
            return next((claim for claim in claims if inplace.stands_for(claim, node)), claims[0])
        name = self._claim_by_provider.get(node.spec.provider_id)
        return self.claims.get(name) if name else None

    def count(self, pool: str) -> PoolCount:
        """The nodes of the pool that budgets are measured against."""
        return self._counts.get(pool, PoolCount())

    def is_draining(self, node: Node) -> bool:
        """Whether pods are to leave the Node: it is deleted, or the claim that it is in place of."""
        if node.deleting:
            return True
        claim = self.claim_of(node) if node.name in self._adopting else None
        return claim is not None and claim.deleting and inplace.stands_for(claim, node)

    def being_replaced(self, pool: str) -> Iterator[Node]:
        """Nodes of the pool, in place, that are between two claims."""
        for name in self.in_place:
            node = self.nodes[name]
            if node.metadata.labels.get(names.NODEPOOL) == pool and inplace.is_being_replaced(node):
                yield node

    def daemon_pods(self) -> Iterator[Pod]:
        """One pod for each DaemonSet that has any."""
        seen: set[str] = set()
        for bound in self._pods_on.values():
            for pod in bound.values():
                for reference in pod.metadata.owner_references:
                    if reference.kind == "DaemonSet" and reference.uid not in seen:
                        seen.add(reference.uid)
                        yield pod

    # --- updates ------------------------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None:
            self._unbind(old)
        if new is None:
            assert old is not None
            self.pods.pop(old.key, None)
            self.pending.pop(old.key, None)
            return
        self.pods[new.key] = new
        if new.spec.node_name:
            self._pods_on.setdefault(new.spec.node_name, {})[new.key] = new
            self._used_on.pop(new.spec.node_name, None)
        if is_provisionable(new):
            self.pending[new.key] = new
        else:
            self.pending.pop(new.key, None)

    def _unbind(self, pod: Pod) -> None:
        bound = self._pods_on.get(pod.spec.node_name)
        if bound is not None:
            bound.pop(pod.key, None)
            self._used_on.pop(pod.spec.node_name, None)
            if not bound:
                del self._pods_on[pod.spec.node_name]

    def on_node(self, old: Node | None, new: Node | None) -> None:
        moved = old is not None and (new is None or old.spec.provider_id != new.spec.provider_id)
        if old is not None and moved and self._node_by_provider.get(old.spec.provider_id) == old.name:
            del self._node_by_provider[old.spec.provider_id]
        if new is None:
            assert old is not None
            self.nodes.pop(old.name, None)
            self._used_on.pop(old.name, None)
            self.commands.discard(old.name)
            self.in_place.discard(old.name)
            self._recount(old.name)
            return
        self.nodes[new.name] = new
        (self.commands.add if names.COMMAND in new.metadata.annotations else self.commands.discard)(new.name)
        plays = inplace.wanted_pool(new) or names.IN_PLACE in new.metadata.annotations
        (self.in_place.add if plays else self.in_place.discard)(new.name)
        if new.spec.provider_id:
            self._node_by_provider[new.spec.provider_id] = new.name
        self._recount(new.name)

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None:
        if old is not None:
            self._unlink(old)
        if new is not None:
            self._link(new)
        elif old is not None:
            gone = self._seen_for.pop(old.name, set())
            self.seen -= {name for name in gone if not self._stands_for_another(name)}
        for claim in (old, new):
            node = self.node_of(claim) if claim else None
            if node is not None:
                self._recount(node.name)

    def _stands_for_another(self, name: str) -> bool:
        """Whether a claim is by now said to replace one that is there."""
        claim = self.claims.get(name)
        return claim is not None and claim.metadata.annotations.get(names.REPLACES, "") in self.claims

    def _unlink(self, claim: NodeClaim) -> None:
        self.claims.pop(claim.name, None)
        self.unlaunched.discard(claim.name)
        if self._claim_by_provider.get(claim.status.provider_id) == claim.name:
            del self._claim_by_provider[claim.status.provider_id]
        for index, key in self._memberships(claim):
            members = index.get(key)
            if members is not None:
                members.discard(claim.name)
                if not members:
                    del index[key]

    def _link(self, claim: NodeClaim) -> None:
        self.claims[claim.name] = claim
        if claim.status.provider_id:
            self._claim_by_provider[claim.status.provider_id] = claim.name
        elif not claim.deleting:
            self.unlaunched.add(claim.name)
        for index, key in self._memberships(claim):
            index.setdefault(key, set()).add(claim.name)
        self._see(claim.name, self.replacements.get(claim.name, set()))
        replaced = claim.metadata.annotations.get(names.REPLACES, "")
        if replaced in self.claims:
            self._see(replaced, {claim.name})

    def _see(self, replaced: str, replacements: set[str]) -> None:
        if replacements:
            self.seen |= replacements
            self._seen_for.setdefault(replaced, set()).update(replacements)

    def _memberships(self, claim: NodeClaim) -> Iterator[tuple[dict[str, set[str]], str]]:
        if pool := claim.metadata.labels.get(names.NODEPOOL):
            yield self.claims_of_pool, pool
        if claim.spec.node_class_ref.name:
            yield self.claims_of_class, claim.spec.node_class_ref.name
        if replaced := claim.metadata.annotations.get(names.REPLACES):
            yield self.replacements, replaced
        if (adoption := inplace.adoption_of(claim)) is not None:
            yield self._adopting, adoption.node

    def on_pdb(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None:
        if new is not None:
            self.pdbs.put(new)
        elif old is not None:
            self.pdbs.remove(old)

    def on_volume_claim(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        keep(self.volume_claims, old, new)

    def on_attachment(self, old: Attachment | None, new: Attachment | None) -> None:
        keep(self.attachments, old, new)

    # --- budget counters ----------------------------------------------------------------------------------------------

    def _recount(self, node_name: str) -> None:
        before = self._contributions.pop(node_name, None)
        if before is not None:
            self._shift(before.pool, -before.total, -before.disrupting)
        node = self.nodes.get(node_name)
        pool = node.metadata.labels.get(names.NODEPOOL, "") if node else ""
        if node is None or not pool:
            return
        if inplace.is_being_replaced(node):
            one, disrupting = 1, 1
        else:
            one, disrupting = contribution(node_count(node, self.claim_of(node)))
        if one:
            self._contributions[node_name] = _Contribution(pool, one, disrupting)
            self._shift(pool, one, disrupting)

    def _shift(self, pool: str, nodes: int, disrupting: int) -> None:
        count = self.count(pool)
        self._counts[pool] = PoolCount(count.total_nodes + nodes, count.disrupting_nodes + disrupting)


def keep(store: dict[str, Stored], old: Stored | None, new: Stored | None) -> None:
    """Put the new state of an object into ``store``, or take the old one out."""
    if new is not None:
        store[new.key] = new
    elif old is not None:
        store.pop(old.key, None)


def is_marked(node: Node, claim: NodeClaim | None) -> bool:
    """Marked for deletion: taken by a command, or on its way out (karpenter's statenode.go)."""
    if names.COMMAND in node.metadata.annotations:
        return True
    if claim is None:
        return node.deleting
    return claim.deleting or is_true(claim.status.conditions, names.INSTANCE_TERMINATING)


def node_count(node: Node, claim: NodeClaim | None) -> NodeCount:
    """The node as budgets count it."""
    return NodeCount(
        managed=claim is not None,
        initialized=node.metadata.labels.get(names.INITIALIZED) == "true",
        instance_terminating=claim is not None and is_true(claim.status.conditions, names.INSTANCE_TERMINATING),
        ready=is_true(node.status.conditions, names.READY),
        marked_for_deletion=is_marked(node, claim),
    )
