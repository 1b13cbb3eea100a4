"""The ``inPlace`` node provider: Nodes that are there play those of a NodePool, one NodeClaim after another.

What is written on a Node is decided in ``core.inplace``, who may play in ``core.adoption``; here is when, by the
virtual clock, and for whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest, NodePoolEntry
from napsim.controllers.reports import Conditions, Reports
from napsim.controllers.state import ClusterState
from napsim.core import inplace
from napsim.core.actions import IDLE, Action, CreateNodeClaim, DeleteNodeClaim, Event, Plan
from napsim.core.adoption import PASSING, AdoptionReason, AdoptionVerdict, Applicant, judge
from napsim.core.clock import begun
from napsim.core.definitions import node_image_version_of
from napsim.core.drift import Offering
from napsim.core.inplace import Adoption, adoption_of, record_of, since, stands_for, wanted_pool
from napsim.core.lifecycle import Launch, created_at
from napsim.core.nodeclasses import image_for, unreadable
from napsim.core.objects import Node, NodeClaim, Quantity, is_true
from napsim.core.release import RELEASED
from napsim.core.requirements import label_requirements

ADOPTED_NODES: Final = "in_place"  # label ``reason`` of karpenter_nodeclaims_created_total
_SUPERSEDED: Final = "superseded"
_AGENT: Final = {names.AKS_ROLE: "agent"}
_NO_TIME: Final = timedelta(0)
_REPEAT_SECONDS: Final = 3600.0


class InPlaceProvider(msgspec.Struct, frozen=True):
    """Answers for NodeClaims that stand for Nodes that are there. All instants are virtual."""

    state: ClusterState
    declared: Declared

    def launch(self, claim: NodeClaim, adoption: Adoption, now: datetime) -> Launch:
        """The Node as it runs, or given the image of its class; or why not."""
        ready_at = begun(created_at(claim, now), now) + self._time("launch", claim, adoption)
        node = self.state.nodes.get(adoption.node)
        if node is None:
            message = f"Node {adoption.node!r} of annotation {names.ADOPTS} does not exist"
            return Launch(ready_at, failure="insufficient_capacity", message=message)
        entry = self.declared.node_classes.get(claim.spec.node_class_ref.name)
        problem = unreadable(entry.state, names.IMAGES_READY) if entry else "its NodeClass is missing"
        image = image_for(entry.state.images, label_requirements(claim.metadata.labels)) if entry else None
        if problem or image is None:
            message = problem or f"no compatible images found for Node {node.name}"
            return Launch(ready_at, failure="nodeclass_not_ready", message=message)
        return Launch(
            ready_at,
            adoption.image or image.id,
            _texts(node.status.capacity),
            _texts(node.status.allocatable),
            provider_id=node.spec.provider_id or f"napsim-in-place://{node.name}",
        )

    def _time(self, step: str, claim: NodeClaim, adoption: Adoption) -> timedelta:
        """A Node that is taken as it runs takes no time."""
        return _NO_TIME if adoption.image else self.declared.settings.timings.draw(step, claim.name)

    def advance(self, claim: NodeClaim, adoption: Adoption, node: Node, now: datetime) -> Plan:
        """The next step of a launched claim."""
        entry = self.declared.node_classes.get(claim.spec.node_class_ref.name)
        offered = {**(entry.node_labels() if entry else {}), **_AGENT}
        clothes = inplace.dressed(node, claim, node_image_version_of(claim.status.image_id), offered)
        registered_from = since(claim, names.LAUNCHED, now) + self._time("registration", claim, adoption)
        registered = since(claim, names.REGISTERED_CONDITION, now)
        initialized_from = registered + self._time("initialization", claim, adoption)
        return inplace.advance(claim, node, clothes, registered_from, initialized_from, now)

    def offerings(self, claim: NodeClaim) -> dict[str, tuple[Offering, ...]]:
        """What there is, as drift sees it: the Node, whatever it says that it is."""
        labels = claim.metadata.labels
        offering = Offering(labels.get(names.ZONE, ""), labels.get(names.CAPACITY_TYPE, ""))
        return {labels.get(names.INSTANCE_TYPE, ""): (offering,)}


class InPlaceNodes(msgspec.Struct, frozen=True):
    """Takes Nodes that opt in, and lets go of those that do not any more."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock

    def plan(self, node: Node, claim: NodeClaim | None) -> Plan | None:
        """What there is to do for a Node beside what is done for any; None: go on as with any other."""
        if claim is None:
            return self._vacant(node, self.clock.now()) if node.name in self.state.in_place else None
        adoption = adoption_of(claim)
        if adoption is None:
            return None
        if not self._stays(node, claim):
            return Plan(tuple(self._release(node, claim)))
        if claim.deleting:
            return None if stands_for(claim, node) else IDLE
        record = record_of(node)
        if record is not None and record.generation > adoption.generation:
            return Plan((DeleteNodeClaim(claim, _SUPERSEDED),))
        return None if is_true(claim.status.conditions, names.INITIALIZED_CONDITION) else IDLE

    def _stays(self, node: Node, claim: NodeClaim) -> bool:
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        if wanted_pool(node) != pool or not self.declared.has_pool(pool):
            return False
        entry = self.declared.pools.get(pool)
        return entry is None or not entry.pool.deleting

    def _release(self, node: Node, claim: NodeClaim) -> Iterator[Action]:
        """Without a drain: nothing is replaced."""
        if not claim.deleting:
            yield DeleteNodeClaim(claim, RELEASED)
        yield inplace.released(node)
        if names.IN_PLACE in node.metadata.annotations:
            pool = claim.metadata.labels.get(names.NODEPOOL, "")
            yield _said(
                node, "Released", f"The Node plays NodePool {pool} no more; everything napsim wrote is taken off"
            )

    def _vacant(self, node: Node, now: datetime) -> Plan:
        """A Node without a claim: it is taken, taken again, kept waiting, or let go."""
        pool = wanted_pool(node)
        verdict = judge(Applicant(node, pool, self.declared.home(pool)), now)
        if verdict.claim is not None:
            said = "; ".join(
                (f"NodeClaim {verdict.claim.name} stands for the Node in NodePool {pool}", *verdict.remarks)
            )
            return Plan((CreateNodeClaim(verdict.claim, ADOPTED_NODES), _said(node, "Adopted", said)))
        actions: list[Action] = []
        if pool:
            actions.append(_said(node, "AdoptionRefused", f"{verdict.reason}: {verdict.message}", warning=True))
        if names.IN_PLACE in node.metadata.annotations and not self._may_pass(verdict, pool):
            actions.append(inplace.released(node))
        return Plan(tuple(actions))

    def _may_pass(self, verdict: AdoptionVerdict, pool: str) -> bool:
        unusable = verdict.reason is AdoptionReason.NODEPOOL_NOT_FOUND and self.declared.has_pool(pool)
        return unusable or verdict.reason in PASSING


def with_capacity(
    reports: Reports, conditions: Conditions, manifest: Manifest, pools: Sequence[NodePoolEntry]
) -> Conditions:
    """Condition PreSpunCapacity says of which pools a replacement cannot be launched before its node is drained.

    Absent where there is no such pool.
    """
    if not pools:
        return [item for item in conditions if item["type"] != names.PRE_SPUN_CAPACITY]
    listed = ", ".join(entry.pool.name for entry in pools)
    message = (
        f"NodePools played in place: {listed}. No node is launched for them: pods of a drained node wait for room on"
        " those that are there, and neither pending pods nor spec.replicas make NodeClaims"
    )
    return reports.with_condition(conditions, manifest, names.PRE_SPUN_CAPACITY, "False", "InPlace", message)


def _said(node: Node, reason: str, message: str, *, warning: bool = False) -> Event:
    return Event(
        "Node", node.name, node.metadata.uid, reason, message, "Warning" if warning else "Normal",
        controller="napsim", dedupe=message, dedupe_seconds=_REPEAT_SECONDS,
    )  # fmt: skip


def _texts(amounts: Mapping[str, Quantity]) -> dict[str, str]:
    """As a NodeClaim's status has them."""
    return {resource: str(quantity) for resource, quantity in amounts.items()}
