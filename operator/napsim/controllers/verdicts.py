"""May a drifted node be disrupted now, budgets and the room for its pods aside; and what is said of it.

The decision is ``core.candidates``; here is what it is asked with. The events are those of karpenter v1.14.0
``pkg/controllers/disruption/events/events.go`` and ``pkg/utils/pod/events.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.counts import is_marked
from napsim.controllers.declared import Declared
from napsim.controllers.state import ClusterState
from napsim.core.actions import Event
from napsim.core.adoption import hindrances
from napsim.core.candidates import Candidate, Surroundings, check
from napsim.core.clock import rfc3339
from napsim.core.inplace import adoption_of
from napsim.core.objects import Node, NodeClaim, Pod, is_true
from napsim.core.pods import Protection, protection, requests, tolerates_all, tolerates_disrupted
from napsim.core.reasons import ALLOWED, Reason, Verdict
from napsim.core.resources import amounts, fits, subtract

_AGAIN_AFTER: Final = timedelta(seconds=10)
_INVALID_ANNOTATION: Final = "InvalidDoNotDisruptAnnotation"


class Verdicts(msgspec.Struct):
    """For one node at a time."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    _passed: dict[str, tuple[NodeClaim, Node | None]] = msgspec.field(default_factory=dict)  # as they were then

    def forget(self, claim: str) -> None:
        """The claim is no candidate any more."""
        self._passed.pop(claim, None)

    def of(self, claim: NodeClaim, own_pod: str, now: datetime) -> Verdict:
        """May the claim's node be disrupted for drift now? ``own_pod``: the operator's, as namespace/name."""
        node = self.state.node_of(claim)
        free = node is not None and self.state.hold_nothing(node.name)
        if free and self.passes_again(claim, node, now) and self._can_launch(claim):
            return self._own_pod_stays(node, own_pod, now) or ALLOWED
        pods = self.state.pods_on(node.name) if node is not None and not free else ()
        found = check(self._candidate(claim, node, pods), Surroundings(self.state.pdbs, self.clock.timeline, now))
        if not found.allowed:
            return found
        if adoption_of(claim) is None:
            self._passed[claim.name] = (claim, node)
        return self._own_pod_stays(node, own_pod, now) or found

    def passes_again(self, claim: NodeClaim, node: Node | None, now: datetime) -> bool:
        """Whether claim and Node are those that passed before; what pods and pools say aside."""
        passed = self._passed.get(claim.name)
        if passed is None or passed[0] is not claim or passed[1] is not node:
            return False
        nominated_until = self.state.nominated.get(claim.name)
        return nominated_until is None or now >= nominated_until

    def _can_launch(self, claim: NodeClaim) -> bool:
        return self.declared.can_launch(claim.metadata.labels.get(names.NODEPOOL, ""))

    def candidate(self, claim: NodeClaim) -> Candidate:
        """The claim's node as the checks see it."""
        node = self.state.node_of(claim)
        return self._candidate(claim, node, self.state.pods_on(node.name) if node else ())

    def _candidate(self, claim: NodeClaim, node: Node | None, pods: tuple[Pod, ...]) -> Candidate:
        return Candidate(
            claim=claim,
            node=node,
            pods=pods,
            in_queue=node is not None and node.name in self.state.commands,
            marked_for_deletion=node is not None and is_marked(node, claim),
            nominated_until=self.state.nominated.get(claim.name),
            nodepool_found=self._can_launch(claim),
            hindrance=self._hindrance(claim, node),
        )

    def _own_pod_stays(self, node: Node | None, own_pod: str, now: datetime) -> Verdict | None:
        """Policy: the operator does not drain itself off a node for ever. Where its pod fits nowhere else, nobody
        would bring the node back."""
        own = self.state.pods.get(own_pod)
        if node is None or own is None or own.spec.node_name != node.name or tolerates_disrupted(own):
            return None
        others = (other for other in self.state.nodes.values() if other.name != node.name and _is_open(other))
        if any(self.has_room(other, (own,)) for other in others):
            return None
        message = f"Not all pods would schedule, {own.key} is the operator's and fits on no other Node"
        return Verdict(Reason.UNSCHEDULABLE, message, now + self.clock.timeline.patience(_AGAIN_AFTER))

    def has_room(self, node: Node, pods: Iterable[Pod]) -> bool:
        """Whether the node has room for one of the pods now: selector, taints, resources."""
        free = amounts(node.status.allocatable)
        subtract(free, self.state.used_on(node.name))
        return any(
            pod.spec.node_selector.items() <= node.metadata.labels.items()
            and tolerates_all(pod, node.spec.taints)
            and fits(requests(pod), free)
            for pod in pods
        )

    def _hindrance(self, claim: NodeClaim, node: Node | None) -> str:
        home = self.declared.home(claim.metadata.labels.get(names.NODEPOOL, "")) if adoption_of(claim) else None
        problems = hindrances(node, home) if node is not None and home is not None else ()
        return f"a replacement in place would not end the drift: {'; '.join(problems)}" if problems else ""

    def protection_events(self, node: Node | None, now: datetime) -> Iterator[Event]:
        """What the do-not-disrupt annotations of its pods mean, where that is not simply for ever."""
        for pod in self.state.pods_on(node.name) if node and not self.state.hold_nothing(node.name) else ():
            said = _protection_said(protection(pod, self.clock.timeline, now))
            if said is not None:
                reason, message = said
                type_: Literal["Normal", "Warning"] = "Warning" if reason == _INVALID_ANNOTATION else "Normal"
                yield Event("Pod", pod.name, pod.metadata.uid, reason, message, type_, pod.metadata.namespace)


def _protection_said(held: Protection) -> tuple[str, str] | None:
    if held.invalid:
        return _INVALID_ANNOTATION, f"Invalid {names.DO_NOT_DISRUPT} annotation: {held.invalid}, ignoring annotation"
    if held.until is not None:
        message = f"The {names.DO_NOT_DISRUPT} grace period will elapse at {rfc3339(held.until)}"
        return "DoNotDisruptUntil", message
    if held.elapsed:
        message = f"The {names.DO_NOT_DISRUPT} grace period has elapsed, pod is now disruptable"
        return "DoNotDisruptGracePeriodElapsed", message
    return None


def blocked_events(claim: NodeClaim, node: Node | None, verdict: Verdict) -> Iterator[Event]:
    """The verdict, on the claim and on its Node."""
    if not verdict.published:
        return
    message = (verdict.message[:1].upper() + verdict.message[1:]).replace("Nodepool ", "NodePool ", 1)  # as Karpenter
    yield Event("NodeClaim", claim.name, claim.metadata.uid, "DisruptionBlocked", message)
    if node is not None:
        yield Event("Node", node.name, node.metadata.uid, "DisruptionBlocked", message)


def _is_open(node: Node) -> bool:
    return not node.spec.unschedulable and is_true(node.status.conditions, names.READY)


def is_joining(claim: NodeClaim, node: Node | None) -> bool:
    """Whether its Node has joined and is not initialized yet. One that is played in place was there before."""
    if node is None or claim.deleting or adoption_of(claim) is not None:
        return False
    return node.metadata.labels.get(names.INITIALIZED) != "true"
