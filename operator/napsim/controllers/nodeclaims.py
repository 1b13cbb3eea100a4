"""Reconciles a NodeClaim: its launch, registration, initialization, drift, expiry, and its half of a termination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import parse_duration
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.emptiness import PodEvents
from napsim.controllers.executor import Executor
from napsim.controllers.inplace import InPlaceProvider
from napsim.controllers.provider import KwokProvider
from napsim.controllers.registrations import Registrations
from napsim.controllers.state import ClusterState
from napsim.core import inplace, lifecycle
from napsim.core.actions import (
    IDLE,
    Action,
    CreateNode,
    DeleteNodeClaim,
    Event,
    PatchNode,
    PatchNodeClaim,
    Plan,
    SetNodeClaimStatus,
    merged,
)
from napsim.core.clock import earliest, parse_rfc3339, rfc3339
from napsim.core.drift import ConditionEdit, DriftVerdict, InstanceTypes, ProviderView, drift_condition, drift_of
from napsim.core.failures import NEVER
from napsim.core.inplace import adoption_of
from napsim.core.instances import failed, gone_since, is_failed
from napsim.core.objects import Node, NodeClaim, condition, is_true
from napsim.core.termination import forgotten_instance, lost_instance, of_claim

_FRESH: Final = timedelta(seconds=3)  # deletion timestamps are in whole seconds, which a fast clock makes minutes of


@dataclass(slots=True)
class NodeClaimController:
    """``reconcile(name)`` carries out the next steps of a NodeClaim and says when (virtual) to look again."""

    state: ClusterState
    declared: Declared
    provider: KwokProvider
    in_place: InPlaceProvider
    clock: VirtualClock
    executor: Executor
    _missing_since: dict[str, datetime] = field(default_factory=dict)  # claim -> real instant its Node was missed
    _type_found_at: dict[str, datetime] = field(default_factory=dict)
    pod_events: PodEvents = field(init=False)
    registrations: Registrations = field(init=False)

    def __post_init__(self) -> None:
        self.pod_events = PodEvents(self.declared)
        self.registrations = Registrations(self.declared)

    async def reconcile(self, name: str) -> datetime | None:
        claim = self.state.claims.get(name)
        if claim is None:
            self._missing_since.pop(name, None)
            self._type_found_at.pop(name, None)
            self.pod_events.noted.pop(name, None)
            self.registrations.forget(name)
            return None
        unreadable = tuple(self._put_right(claim))
        if unreadable:
            await self.executor.carry_out(unreadable)
            return None
        node = self.state.node_of(claim)
        now = self.clock.now()
        plan = self._leaving(claim, node, now) if claim.deleting else self._alive(claim, node, now)
        await self.executor.carry_out(plan.actions)
        self.registrations.note(claim, plan.actions)
        return plan.wake_at

    def _leaving(self, claim: NodeClaim, node: Node | None, now: datetime) -> Plan:
        deleted_at = self._deleted_at(claim, now)
        if adoption_of(claim) is not None:
            return inplace.of_claim(claim, node, deleted_at)
        return of_claim(claim, node, deleted_at, self.provider.detach(claim.name), now)

    def _deleted_at(self, claim: NodeClaim, now: datetime) -> datetime:
        """When the claim was deleted, on the cluster's clock: just now, unless nobody led for a while."""
        deletion = claim.metadata.deletion_timestamp
        if deletion is None or self.clock.real() - deletion < _FRESH:
            return now
        return min(self.clock.timeline.virtual(deletion), now)

    def _put_right(self, claim: NodeClaim) -> Iterator[Action]:
        """Instants in annotations that somebody else wrote and nobody can read: named, and replaced or taken off."""
        for key in (names.CREATED_AT, names.TERMINATION_TIMESTAMP):
            text = claim.metadata.annotations.get(key)
            if text is None or _is_instant(text):
                continue
            created = claim.metadata.creation_timestamp if key == names.CREATED_AT else None
            value = rfc3339(self.clock.timeline.virtual(created)) if created else None
            allowed = "allowed is an instant with its zone, such as 2026-02-15T01:00:00Z"
            message = f"Annotation {key} {text!r}: {allowed}; it is {f'set to {value}' if value else 'taken off'}"
            uid = claim.metadata.uid
            yield Event("NodeClaim", claim.name, uid, "InvalidAnnotation", message, "Warning", "", "napsim", key)
            yield PatchNodeClaim(claim, annotations={key: value})

    def _alive(self, claim: NodeClaim, node: Node | None, now: datetime) -> Plan:
        if (
            names.TERMINATION_FINALIZER not in claim.metadata.finalizers
            or names.CREATED_AT not in claim.metadata.annotations
        ):
            return Plan((self._adopt(claim, now),))
        expiry = self._expiry(claim, now)
        if expiry is not None and now >= expiry:
            return Plan((DeleteNodeClaim(claim, "expired"),))
        if not is_true(claim.status.conditions, names.LAUNCHED):
            plan = lifecycle.launch(claim, self._launched(claim, now), self.clock.timeline, now)
            return Plan(plan.actions, earliest(plan.wake_at, expiry))
        if lost := self._lost(claim, node):
            return lost
        if node is None and not self._has_joined(claim):
            plan = self._join(claim, now)
        else:
            plan = self._advance(claim, node, now)
        if node is not None and not plan.actions and adoption_of(claim) is None:
            plan = self._broken(claim, node, plan.wake_at, now)
        if plan.actions:
            return Plan(plan.actions, earliest(plan.wake_at, expiry))
        drift, quiet = self._drift(claim, node, now), self.pod_events.plan(claim, now)
        at = earliest(plan.wake_at, drift.wake_at, quiet.wake_at, expiry)
        return Plan(drift.actions or quiet.actions, at)  # one status at a time: each is written over the last

    def _broken(self, claim: NodeClaim, node: Node, wake_at: datetime | None, now: datetime) -> Plan:
        """The node fails, comes back, or has lost its instance."""
        if not self.declared.settings.failures.items and not is_failed(node):
            return Plan((), wake_at)
        lost = lost_instance(claim, node, now)
        if lost.actions or node.deleting or gone_since(node) is not None:
            return Plan(lost.actions, earliest(lost.wake_at, wake_at))
        outage = self.provider.breakdown(claim, now)
        marks: dict[str, str | None] = {names.FAILED: None, names.FAILED_AT: None}
        change = outage.begins if outage is not None else NEVER
        if outage is not None and outage.begins <= now:
            marks, change = failed(outage), outage.ends
        at = earliest(wake_at, change if change < NEVER else None)
        if merged(node.metadata.annotations, marks) == node.metadata.annotations:
            return Plan((), at)
        return Plan((PatchNode(node, annotations=marks),), at)

    def _has_joined(self, claim: NodeClaim) -> bool:
        return is_true(claim.status.conditions, names.REGISTERED_CONDITION) or adoption_of(claim) is not None

    def _launched(self, claim: NodeClaim, now: datetime) -> lifecycle.Launch:
        adoption = adoption_of(claim)
        if adoption is not None:
            return self.in_place.launch(claim, adoption, now)
        answer = self.provider.launch(claim, now)
        if answer.sold_out and now >= answer.ready_at:
            self.declared.unavailable.mark(claim.metadata.labels, now)
        return answer

    def _advance(self, claim: NodeClaim, node: Node | None, now: datetime) -> Plan:
        if (adoption := adoption_of(claim)) is not None:
            return self.in_place.advance(claim, adoption, node, now) if node is not None else IDLE
        looked_at = self.provider.registered_from(claim, now)
        registered = is_true(claim.status.conditions, names.REGISTERED_CONDITION)
        if node is not None and now < looked_at and not registered:
            return Plan((), looked_at)
        return lifecycle.advance(claim, node, self.provider.start(claim, node, now), self.clock.timeline, now)

    def _adopt(self, claim: NodeClaim, now: datetime) -> Action:
        """A claim that somebody else made: it gets the finalizer, and its age on the cluster's clock."""
        created = claim.metadata.creation_timestamp
        since = min(self.clock.timeline.virtual(created), now) if created else now
        annotations = {names.CREATED_AT: rfc3339(since)} if names.CREATED_AT not in claim.metadata.annotations else {}
        return PatchNodeClaim(claim, annotations=annotations, add_finalizer=names.TERMINATION_FINALIZER)

    def _expiry(self, claim: NodeClaim, now: datetime) -> datetime | None:
        after = claim.spec.expire_after
        if after in ("", "Never"):
            return None
        return lifecycle.created_at(claim, now) + parse_duration(after)

    def _join(self, claim: NodeClaim, now: datetime) -> Plan:
        """The instance's Node joins when its registration time has passed."""
        due = self.provider.node_due(claim, now)
        given_up = lifecycle.advance(claim, None, None, self.clock.timeline, now)
        if given_up.actions:
            return given_up
        if now < due:
            return Plan((), earliest(due, given_up.wake_at))
        return Plan((CreateNode(self.provider.node(claim, now)),), given_up.wake_at)

    def _lost(self, claim: NodeClaim, node: Node | None) -> Plan | None:
        """A Node that vanished; the informers may be behind for a moment, so it has to stay away for a while."""
        real = self.clock.real()
        if node is not None or not self._has_joined(claim):
            self._missing_since.pop(claim.name, None)
            return None
        since = self._missing_since.setdefault(claim.name, real)
        gone: Sequence[Action] = forgotten_instance(claim, node, real - since)
        wait = timedelta(0) if gone else timedelta(seconds=10) - (real - since)
        return Plan(tuple(gone), self.clock.timeline.virtual(real + wait) if wait else None)

    # --- drift --------------------------------------------------------------------------------------------------------

    def _drift(self, claim: NodeClaim, node: Node | None, now: datetime) -> Plan:
        verdict = self.drift(claim, node, now)
        if verdict.instance_type_found_at is not None:
            self._type_found_at[claim.name] = verdict.instance_type_found_at
        return Plan((*self._mark(claim, verdict, now), *_label(node, claim, verdict)), verdict.wake_at)

    def drift(self, claim: NodeClaim, node: Node | None, now: datetime) -> DriftVerdict:
        """Whether the claim has drifted. Nothing is written or remembered."""
        pool = self.declared.pools.get(claim.metadata.labels.get(names.NODEPOOL, ""))
        node_class = self.declared.node_classes.get(claim.spec.node_class_ref.name)
        offerings, played = self.declared.offerings, node
        if (adoption := adoption_of(claim)) is not None:
            offerings = self.in_place.offerings(claim)
            played = _running(node, adoption.kubernetes) if node is not None else None
        types = InstanceTypes(offerings, lifecycle.created_at(claim, now), self._type_found_at.get(claim.name))
        return drift_of(
            claim, pool.view if pool else None, node_class.state if node_class else None, (played,) if played else (),
            types, now, ProviderView(self.declared.settings.kubelet_identity),
        )  # fmt: skip

    def _mark(self, claim: NodeClaim, verdict: DriftVerdict, now: datetime) -> tuple[Action, ...]:
        edit = drift_condition(claim, verdict, now)
        if edit is ConditionEdit.UNCHANGED:
            return ()
        if edit is ConditionEdit.REMOVE:
            return (SetNodeClaimStatus(claim, now, remove=(names.DRIFTED,)),)
        return (SetNodeClaimStatus(claim, now, (edit,)),)


def _label(node: Node | None, claim: NodeClaim, verdict: DriftVerdict) -> tuple[Action, ...]:
    """The Node shows the reason too, so that ``kubectl get nodes -L napsim.dev/drift`` tells."""
    if node is None:
        return ()
    drifted = condition(claim.status.conditions, names.DRIFTED)
    kept = drifted.reason if drifted and drifted.status == "True" else ""
    wanted = kept if verdict.keeps_condition else str(verdict.reason)
    if node.metadata.labels.get(names.DRIFT, "") == wanted:
        return ()
    return (PatchNode(node, labels={names.DRIFT: wanted or None}),)


def _running(node: Node, kubernetes: str) -> Node:
    """The Node as it counts: a real kubelet stays what it is when its node is played on another version."""
    info = msgspec.structs.replace(node.status.node_info, kubelet_version=kubernetes)
    return msgspec.structs.replace(node, status=msgspec.structs.replace(node.status, node_info=info))


def _is_instant(text: str) -> bool:
    try:
        parse_rfc3339(text)
    except ValueError:
        return False
    return True
