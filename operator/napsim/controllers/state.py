"""What the operator knows of the cluster: the informers' objects, and the indexes and counters decisions ask for.

One update per event (design, section 7): which pods are on a node, which claim belongs to which Node, how many nodes of
a pool count against its budgets. Nothing here is rollout state: all of it is rebuilt from the API server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from napsim.api import names
from napsim.controllers.counts import Contribution, contribution_of, is_marked
from napsim.controllers.leaving import Leaving, MovingPods
from napsim.controllers.places import Places
from napsim.core import commands, inplace
from napsim.core.agentpools import AgentPools
from napsim.core.agentpools import is_draining as is_reimaged_next
from napsim.core.budgets import PoolCount
from napsim.core.objects import (
    KubeObject,
    Node,
    NodeClaim,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    StorageClass,
)
from napsim.core.objects import VolumeAttachment as Attachment
from napsim.core.pdbs import Budgets, PdbIndex
from napsim.core.pods import is_provisionable, is_terminal, requests
from napsim.core.resources import Resources, total
from napsim.core.volumes import Storage

Stored = TypeVar("Stored", bound=KubeObject)

_NO_PODS: Mapping[str, Pod] = {}
_NO_BUDGETS = Budgets(True)


@dataclass(slots=True)
class ClusterState:
    """Objects by key, with indexes. Fed by ``on_*`` with (old, new) as the informers tell it."""

    nodes: dict[str, Node] = field(default_factory=dict)
    claims: dict[str, NodeClaim] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    pending: dict[str, Pod] = field(default_factory=dict)
    pdbs: PdbIndex = field(default_factory=PdbIndex)
    volume_claims: dict[str, PersistentVolumeClaim] = field(default_factory=dict)
    volumes: dict[str, PersistentVolume] = field(default_factory=dict)
    storage_classes: dict[str, StorageClass] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    unlaunched: set[str] = field(default_factory=set)  # claims without a provider id, on their way out or not
    replacements: dict[str, set[str]] = field(default_factory=dict)  # claim -> claims that replace it
    commands: set[str] = field(default_factory=set)  # Nodes with a disruption command in flight
    seen: set[str] = field(default_factory=set)  # replacements that were seen to exist, while what they replace does
    claims_of_pool: dict[str, set[str]] = field(default_factory=dict)
    deleting_of_pool: dict[str, set[str]] = field(default_factory=dict)  # those of them that are on their way out
    claims_of_class: dict[str, set[str]] = field(default_factory=dict)
    agent_pools: AgentPools = field(default_factory=AgentPools)
    in_place: set[str] = field(default_factory=set)  # Nodes that opt in to a pool, or still carry what napsim wrote
    places: Places = field(init=False)
    moving: MovingPods = field(default_factory=MovingPods)
    leaving: Leaving = field(default_factory=Leaving)  # marked Nodes whose replacements, if any, exist
    nominated: dict[str, datetime] = field(default_factory=dict)  # claim -> virtual instant up to which
    zone_use: Counter[str] = field(default_factory=Counter)  # claims in each zone
    shifts: int = 0  # grows when pending pods change, PodDisruptionBudgets, or what volumes rest on
    _awaited: dict[str, set[str]] = field(default_factory=dict)  # Node -> replacements of its command not seen yet
    _adopting: dict[str, set[str]] = field(default_factory=dict)  # Node -> claims that stand for it, in place
    _seen_for: dict[str, set[str]] = field(default_factory=dict)  # claim -> those of ``seen`` that (were to) replace it
    _pods_on: dict[str, dict[str, Pod]] = field(default_factory=dict)
    _used_on: dict[str, Resources] = field(default_factory=dict)
    _ordered_on: dict[str, tuple[Pod, ...]] = field(default_factory=dict)
    _budgets_on: dict[str, Budgets] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)  # Nodes of which one of the three is known
    _claim_by_provider: dict[str, str] = field(default_factory=dict)
    _node_by_provider: dict[str, str] = field(default_factory=dict)
    _contributions: dict[str, Contribution] = field(default_factory=dict)
    _counts: dict[str, PoolCount] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places = Places(Storage(self.volume_claims, self.volumes, self.storage_classes))

    # --- lookups ------------------------------------------------------------------------------------------------------

    def pods_on(self, node: str) -> tuple[Pod, ...]:
        """All pods bound to the node, by key."""
        pods = self._ordered_on.get(node)
        if pods is None:
            bound = self._pods_on.get(node)
            if not bound:
                return ()
            self._asked.add(node)
            pods = self._ordered_on[node] = tuple(bound[key] for key in sorted(bound))
        return pods

    def bound_to(self, node: str) -> Iterable[Pod]:
        """All pods bound to the node, in no order."""
        return self._pods_on.get(node, _NO_PODS).values()

    def by_key_on(self, node: str) -> Mapping[str, Pod]:
        """The same by key."""
        return self._pods_on.get(node, _NO_PODS)

    def hold_nothing(self, node: str) -> bool:
        """Whether no pod of the node is protected, and no PodDisruptionBudget holds one back. False: look at each."""
        budgets = self.budgets_on(node)
        return budgets.known and budgets.keys <= self.pdbs.with_room

    def budgets_on(self, node: str) -> Budgets:
        """The PodDisruptionBudgets of the pods on the node; they change with the pods, or with what a PDB selects."""
        budgets = self._budgets_on.get(node)
        if budgets is None:
            bound = self._pods_on.get(node)
            if not bound:
                return _NO_BUDGETS
            self._asked.add(node)
            budgets = self._budgets_on[node] = self.pdbs.of_all(bound.values())
        return budgets

    def used_on(self, node: str) -> Resources:
        """What the pods of the node have reserved."""
        used = self._used_on.get(node)
        if used is None:
            bound = self._pods_on.get(node, _NO_PODS)
            self._asked.add(node)
            used = self._used_on[node] = total(requests(pod) for pod in bound.values() if not is_terminal(pod))
        return used

    def node_of(self, claim: NodeClaim) -> Node | None:
        """The claim's Node."""
        if names.ADOPTS in claim.metadata.annotations and (adoption := inplace.adoption_of(claim)) is not None:
            return self.nodes.get(adoption.node)
        status = claim.status
        name = self._node_by_provider.get(status.provider_id) if status.provider_id else None
        return self.nodes.get(name or status.node_name)

    def claim_of(self, node: Node) -> NodeClaim | None:
        """The Node's claim; of several that stand for it in place, the one of its generation, else the oldest."""
        if self._adopting and (adopting := self._adopting.get(node.name)):
            claims = [self.claims[name] for name in sorted(adopting)]
            return next((claim for claim in claims if inplace.stands_for(claim, node)), claims[0])
        name = self._claim_by_provider.get(node.spec.provider_id)
        return self.claims.get(name) if name else None

    def being_succeeded(self) -> Iterator[tuple[str, set[str]]]:
        """Claims that are there, with those that were seen to replace them."""
        return iter(self._seen_for.items())

    def count(self, pool: str) -> PoolCount:
        """The nodes of the pool that budgets are measured against."""
        return self._counts.get(pool, PoolCount())

    def is_draining(self, node: Node) -> bool:
        """Whether pods are to leave the Node: it, or the claim it is in place of, is deleted, or it is reimaged."""
        if node.metadata.deletion_timestamp is not None or is_reimaged_next(node):
            return True
        claim = self.claim_of(node) if node.name in self._adopting else None
        return claim is not None and claim.deleting and inplace.stands_for(claim, node)

    def being_replaced(self, pool: str) -> Iterator[Node]:
        """Nodes of the pool, in place, that are between two claims."""
        for name in self.in_place:
            node = self.nodes[name]
            if node.metadata.labels.get(names.NODEPOOL) == pool and inplace.is_being_replaced(node):
                yield node

    @property
    def changes_of_room(self) -> int:
        """Grows with everything but pools and classes that can change where pods find room."""
        return self.places.view.changes + self.shifts

    # --- updates ------------------------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and old.spec.node_name and (new is None or old.spec.node_name != new.spec.node_name):
            self._unbind(old)
        if new is None:
            assert old is not None
            key = old.key
            self.pods.pop(key, None)
            if self.pending:
                self.shifts += self.pending.pop(key, None) is not None
            self.places.unbind(old)
            return
        key, node = new.key, new.spec.node_name
        if old is not None and (not node or old.metadata.uid != new.metadata.uid):
            self.places.unbind(old)
        self.pods[key] = new
        if node:
            self._on_bound(key, node, old, new)
        if not node and is_provisionable(new):
            self.shifts += self.pending.get(key) is not new
            self.pending[key] = new
        elif self.pending and self.pending.pop(key, None) is not None:
            self.shifts += 1

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """Pods, by key, of one template that changed in the same way: they came, on no Node, or stay where they are, or
        come to one Node, from none. Neither has any ended, nor is it on its way out.
        """
        first = next(iter(new.values()))
        self.pods.update(new)
        node = first.spec.node_name
        if node:
            self._pods_on.setdefault(node, {}).update(new)
            for key in new:
                self._on_pods(node, key)
            if old is None or not next(iter(old.values())).spec.node_name:
                self.places.bind_alike(new)
        if is_provisionable(first):
            self.shifts += len(new)
            self.pending.update(new)
        else:
            self.shifts += sum(self.pending.pop(key, None) is not None for key in new)

    def _on_bound(self, key: str, node: str, old: Pod | None, new: Pod) -> None:
        bound = self._pods_on.get(node)
        if bound is None:
            bound = self._pods_on[node] = {}
        bound[key] = new
        self._on_pods(node, key)
        if old is None or not _asks_alike(old, new):
            self.places.bind(new)
        elif new.metadata.deletion_timestamp is not old.metadata.deletion_timestamp and new.deleting != old.deleting:
            (self.places.leave if new.deleting else self.places.bind)(new)

    def _unbind(self, pod: Pod) -> None:
        node = pod.spec.node_name
        bound = self._pods_on.get(node)
        if bound is not None:
            bound.pop(pod.key, None)
            self._on_pods(node, pod.key)
            if not bound:
                del self._pods_on[node]

    def _on_pods(self, node: str, pod: str) -> None:
        """A pod of the node has changed: what is known of all that are there is not so any more."""
        if node in self._asked:
            self._asked.discard(node)
            self._used_on.pop(node, None)
            self._ordered_on.pop(node, None)
            self._budgets_on.pop(node, None)
        self._forget_movers(node, pod)

    def on_node(self, old: Node | None, new: Node | None) -> None:
        moved = old is not None and (new is None or old.spec.provider_id != new.spec.provider_id)
        if old is not None and moved and self._node_by_provider.get(old.spec.provider_id) == old.name:
            del self._node_by_provider[old.spec.provider_id]
        if new is None:
            assert old is not None
            self.nodes.pop(old.name, None)
            self._used_on.pop(old.name, None)
            self.moving.on_pods(old.name)
            self.commands.discard(old.name)
            self.in_place.discard(old.name)
            self._awaited.pop(old.name, None)
            claim = self.claim_of(old)
            self._look_at(old.name)
            if claim is not None:
                self._place(claim.name)
            return
        self.nodes[new.name] = new
        self._await(old, new)
        (self.commands.add if names.COMMAND in new.metadata.annotations else self.commands.discard)(new.name)
        plays = inplace.wanted_pool(new) or names.IN_PLACE in new.metadata.annotations
        (self.in_place.add if plays else self.in_place.discard)(new.name)
        if new.spec.provider_id:
            self._node_by_provider[new.spec.provider_id] = new.name
        self._look_at(new.name)

    def _await(self, old: Node | None, new: Node) -> None:
        """The replacements of the Node's command, as long as they are not there."""
        text = new.metadata.annotations.get(names.COMMAND)
        if old is not None and old.metadata.annotations.get(names.COMMAND) == text:
            return
        wanted = _replacements(new) - self.seen
        if wanted:
            self._awaited[new.name] = wanted
        else:
            self._awaited.pop(new.name, None)

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None:
        alike = old is not None and new is not None and _is_linked_alike(old, new)
        if old is not None and new is not None and alike:
            del self.claims[old.name]  # the last that changed comes last
            self.claims[new.name] = new
            self._meet(new)
        else:
            if old is not None:
                self._unlink(old)
            if new is not None:
                self._link(new)
        if old is not None and new is None:
            gone = self._seen_for.pop(old.name, set())
            self.seen -= {name for name in gone if not self._stands_for_another(name)}
            self.nominated.pop(old.name, None)
        seen = (new,) if alike else (old, new)  # a claim that is linked as it was has the Node that it had
        nodes = [self.node_of(claim) for claim in seen if claim is not None]
        for name in dict.fromkeys(node.name for node in nodes if node is not None):
            self._look_at(name)
        self._place((new or old).name)  # type: ignore[union-attr]  # one of the two is always there

    def _stands_for_another(self, name: str) -> bool:
        """Whether a claim is by now said to replace one that is there."""
        claim = self.claims.get(name)
        return claim is not None and claim.metadata.annotations.get(names.REPLACES, "") in self.claims

    def _unlink(self, claim: NodeClaim) -> None:
        self.claims.pop(claim.name, None)
        self.unlaunched.discard(claim.name)
        self._use_zone(claim, -1)
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
        self._use_zone(claim, 1)
        if claim.status.provider_id:
            self._claim_by_provider[claim.status.provider_id] = claim.name
        else:
            self.unlaunched.add(claim.name)
        for index, key in self._memberships(claim):
            index.setdefault(key, set()).add(claim.name)
        self._meet(claim)

    def _meet(self, claim: NodeClaim) -> None:
        """What replaces the claim has been seen, and the claim by what it replaces."""
        self._see(claim.name, self.replacements.get(claim.name, set()))
        replaced = claim.metadata.annotations.get(names.REPLACES, "")
        if replaced in self.claims:
            self._see(replaced, {claim.name})
            self._is_there(self.claims[replaced], claim.name)

    def _use_zone(self, claim: NodeClaim, number: int) -> None:
        self.zone_use[claim.metadata.labels.get(names.ZONE, "")] += number

    def _is_there(self, replaced: NodeClaim, replacement: str) -> None:
        node = self.node_of(replaced)
        awaited = self._awaited.get(node.name) if node is not None else None
        if node is not None and awaited is not None:
            awaited.discard(replacement)
            if not awaited:
                del self._awaited[node.name]
                self._look_at(node.name)

    def _see(self, replaced: str, replacements: set[str]) -> None:
        if replacements:
            self.seen |= replacements
            self._seen_for.setdefault(replaced, set()).update(replacements)

    def _memberships(self, claim: NodeClaim) -> Iterator[tuple[dict[str, set[str]], str]]:
        if pool := claim.metadata.labels.get(names.NODEPOOL):
            yield self.claims_of_pool, pool
            if claim.deleting:
                yield self.deleting_of_pool, pool
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
        if old is None or new is None or old.spec != new.spec:
            self.shifts += 1
            self._budgets_on.clear()
            self.leaving.on_pdbs()
            self.moving.on_pdbs()

    def on_volume_claim(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        keep(self.volume_claims, old, new)
        self._bind_again((new or old).key)  # type: ignore[union-attr]  # one of the two is always there

    def on_volume(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        keep(self.volumes, old, new)
        name = (new or old).name  # type: ignore[union-attr]  # one of the two is always there
        for key, claim in self.volume_claims.items():
            if claim.spec.volume_name == name:
                self._bind_again(key)

    def on_storage_class(self, old: StorageClass | None, new: StorageClass | None) -> None:
        keep(self.storage_classes, old, new)
        name = (new or old).name  # type: ignore[union-attr]  # one of the two is always there
        for key, claim in self.volume_claims.items():
            if claim.spec.storage_class_name == name and not claim.spec.volume_name:
                self._bind_again(key)

    def _bind_again(self, volume_claim: str) -> None:
        """What the volumes of pods ask for may have changed."""
        self.shifts += 1
        for key in self.places.users(volume_claim):
            self.places.bind(self.pods[key])
            self._forget_movers(self.pods[key].spec.node_name, key)

    def _forget_movers(self, node: str, pod: str) -> None:
        self.leaving.on_pods(node, pod)
        self.moving.on_pods(node)

    def on_attachment(self, old: Attachment | None, new: Attachment | None) -> None:
        keep(self.attachments, old, new)

    # --- what follows from a Node and its claim -----------------------------------------------------------------------

    def _look_at(self, node_name: str) -> None:
        node = self.nodes.get(node_name)
        claim = self.claim_of(node) if node is not None else None
        self._recount(node_name, node, claim)
        if node is None:
            self.leaving.discard(node_name)
            self.places.remove_node(node_name)
            return
        marked = is_marked(node, claim) or inplace.is_being_replaced(node)
        self.places.put_node(node, claim, marked=marked)
        leaves = marked and node_name not in self.in_place and node_name not in self._awaited
        (self.leaving.add if leaves else self.leaving.discard)(node_name)

    def _place(self, name: str) -> None:
        """A claim without a Node is a place too, unless it stands for a Node that stays."""
        claim = self.claims.get(name)
        node = self.node_of(claim) if claim is not None else None
        if claim is None or inplace.adoption_of(claim) is not None:
            if node is None or self.claim_of(node) is not claim:
                self.places.remove_claim(name)
        elif node is None:
            self.places.put_claim(claim)

    # --- budget counters ----------------------------------------------------------------------------------------------

    def _recount(self, node_name: str, node: Node | None, claim: NodeClaim | None) -> None:
        before, after = self._contributions.get(node_name), contribution_of(node, claim)
        if before == after:
            return
        if before is not None:
            del self._contributions[node_name]
            self._shift(before.pool, -before.total, -before.disrupting)
        if after is not None:
            self._contributions[node_name] = after
            self._shift(after.pool, after.total, after.disrupting)

    def _shift(self, pool: str, nodes: int, disrupting: int) -> None:
        count = self.count(pool)
        self._counts[pool] = PoolCount(count.total_nodes + nodes, count.disrupting_nodes + disrupting)


def _is_linked_alike(old: NodeClaim, new: NodeClaim) -> bool:
    """Whether a claim is in the indexes where it was: most changes are of conditions alone."""
    return (
        old.metadata.labels == new.metadata.labels
        and old.metadata.annotations == new.metadata.annotations
        and old.status.provider_id == new.status.provider_id
        and old.status.node_name == new.status.node_name
        and old.spec.node_class_ref == new.spec.node_class_ref
        and old.deleting == new.deleting
    )


def _asks_alike(old: Pod, new: Pod) -> bool:
    """Whether nothing of a pod has changed that scheduling asks for: its spec and labels are those it had."""
    before, after = old.metadata, new.metadata
    return (
        old.spec is new.spec
        and before.labels is after.labels
        and before.uid == after.uid
        and (old.status is new.status or is_terminal(old) == is_terminal(new))
    )


def keep(store: dict[str, Stored], old: Stored | None, new: Stored | None) -> None:
    """Put the new state of an object into ``store``, or take the old one out."""
    if new is not None:
        store[new.key] = new
    elif old is not None:
        store.pop(old.key, None)


def _replacements(node: Node) -> set[str]:
    """Of the Node's command; none where nobody can read it."""
    try:
        command = commands.recorded(node)
    except msgspec.DecodeError:
        return set()
    return {item.name for item in command.replacements} if command else set()
