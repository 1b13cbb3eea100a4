"""What the log says was written: the state of Nodes, NodeClaims and Leases after each write, in the order of etcd.

A line is logged when its request ends, so lines of concurrent requests stand in any order. The ``resourceVersion`` of
the answer is etcd's revision, one sequence for all kinds, and orders writes exactly. A removal answers with no new
revision: it is put at the earliest place the log allows (after all that ended before the request came in, and after
every other write of the object), so that what is reported as too much was too much in every order there is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Final, Literal

import msgspec

from tests.e2e.auditor.log import Agent, AuditEvent, LogError, agent

NODEPOOL: Final = "karpenter.sh/nodepool"
INITIALIZED: Final = "karpenter.sh/initialized"
DISRUPTED_TAINT: Final = "karpenter.sh/disrupted"
UNREGISTERED_TAINT: Final = "karpenter.sh/unregistered"
DISRUPTION_REASON: Final = "DisruptionReason"
INSTANCE_TERMINATING: Final = "InstanceTerminating"
IN_PLACE: Final = "napsim.dev/in-place"
REPLACES: Final = "napsim.dev/replaces"
COMMAND: Final = "napsim.dev/command"
IMAGE_VERSION: Final = "kubernetes.azure.com/node-image-version"
NODE_LEASES: Final = "kube-node-lease"

Kind = Literal["nodes", "nodeclaims", "leases"]
KINDS: Final[dict[str, Kind]] = {"nodes": "nodes", "nodeclaims": "nodeclaims", "leases": "leases"}


@dataclass(frozen=True, slots=True)
class NodeState:
    """A Node after a write, as far as rules look at it. ``in_place``: it stays, and its NodeClaims come and go.

    ``replacements``: what its command wants launched for it, for its pods may need several.
    """

    name: str
    uid: str
    pool: str = ""
    owner: str = ""
    provider_id: str = ""
    image: str = ""
    initialized: bool = False
    ready: bool = False
    disrupted: bool = False
    unregistered: bool = False
    deleting: bool = False
    in_place: bool = False
    cordoned: bool = False
    replacements: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClaimState:
    """A NodeClaim after a write. ``true`` holds the types of its conditions whose status is True."""

    name: str
    uid: str
    pool: str = ""
    node: str = ""
    provider_id: str = ""
    replaces: str = ""
    reason: str = ""
    deleting: bool = False
    true: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LeaseState:
    """A Lease after a write; ``holder`` is empty once it was released."""

    name: str
    uid: str
    holder: str = ""
    acquired: str = ""


State = NodeState | ClaimState | LeaseState


@dataclass(frozen=True, slots=True)
class Write:
    """One write of one object; ``state`` is None where the object was gone afterwards. ``revision`` 0: not known."""

    kind: Kind
    name: str
    uid: str
    verb: str
    agent: Agent
    received: datetime
    completed: datetime
    revision: int
    state: State | None


# --- the bodies ------------------------------------------------------------------------------------------------------


class _Body(msgspec.Struct, rename="camel", gc=False):
    """Base of the bodies decoded here."""


class _Owner(_Body):
    kind: str = ""
    name: str = ""


class _Meta(_Body):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: tuple[str, ...] | None = None
    owner_references: tuple[_Owner, ...] | None = None


class _Condition(_Body):
    type: str
    status: str = ""
    reason: str = ""


class _Taint(_Body):
    key: str


class _Spec(_Body):
    taints: tuple[_Taint, ...] | None = None
    provider_id: str = msgspec.field(default="", name="providerID")
    unschedulable: bool = False
    holder_identity: str | None = None
    acquire_time: str | None = None


class _Status(_Body):
    conditions: tuple[_Condition, ...] | None = None
    node_name: str = ""
    provider_id: str = msgspec.field(default="", name="providerID")


class _Details(_Body):
    name: str = ""
    uid: str = ""


class _Object(_Body):
    """Any of the three kinds, or a list of one of them."""

    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status | None = None
    items: tuple[_Object, ...] = ()


class _StatusAnswer(_Body):
    """A ``Status``: the answer to a deletion that removed the object."""

    details: _Details = msgspec.field(default_factory=_Details)


class _Kind(_Body):
    kind: str = ""


_KIND_DECODER: Final = msgspec.json.Decoder(_Kind)
_STATUS_DECODER: Final = msgspec.json.Decoder(_StatusAnswer)
_OBJECT_DECODER: Final = msgspec.json.Decoder(_Object)


# --- one event to its writes -----------------------------------------------------------------------------------------


def writes_of(event: AuditEvent) -> Iterator[Write]:
    """The writes of Nodes, NodeClaims and Leases that an event stands for: none, one, or one per object of a list.

    A patch or deletion answered 404 says that the object is gone. Leases of nodes are left out.
    Raises LogError where the audit policy kept the answer's body back.
    """
    kind = KINDS.get(event.object_ref.resource)
    ref = event.object_ref
    if kind is None or not event.written or ref.namespace == NODE_LEASES or ref.subresource not in ("", "status"):
        return
    if event.code == 404 and event.verb != "create":
        yield _removal(event, kind, event.key, "")
    if not event.succeeded:
        return
    body = bytes(event.response_object)
    if not body:
        raise LogError(
            f"{event.verb} {event.resource} {event.key} at {event.stage_timestamp.isoformat()} has no responseObject: "
            f"the audit policy must log {kind} at level RequestResponse"
        )
    if _KIND_DECODER.decode(body).kind == "Status":
        yield _removal(event, kind, event.key, _STATUS_DECODER.decode(body).details.uid)
        return
    answer = _OBJECT_DECODER.decode(body)
    if event.verb == "deletecollection":
        yield from (_collected(event, kind, item) for item in answer.items)
    else:
        yield _write(event, kind, answer)


def _write(event: AuditEvent, kind: Kind, answer: _Object) -> Write:
    meta = answer.metadata
    name = f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
    revision = int(meta.resource_version or 0)
    if meta.deletion_timestamp and not meta.finalizers:
        return _removal(event, kind, name, meta.uid, revision)
    return _made(event, kind, name, meta.uid, revision, _state(kind, name, answer))


def _collected(event: AuditEvent, kind: Kind, item: _Object) -> Write:
    """An object that a deletecollection listed as it was before: deleting if something holds it, else gone."""
    if not item.metadata.finalizers:
        return _removal(event, kind, item.metadata.name, item.metadata.uid, int(item.metadata.resource_version or 0))
    item.metadata.deletion_timestamp = event.stage_timestamp.isoformat()
    return _made(event, kind, item.metadata.name, item.metadata.uid, 0, _state(kind, item.metadata.name, item))


def _removal(event: AuditEvent, kind: Kind, name: str, uid: str, revision: int = 0) -> Write:
    return _made(event, kind, name, uid, revision, None)


def _made(event: AuditEvent, kind: Kind, name: str, uid: str, revision: int, state: State | None) -> Write:
    return Write(
        kind=kind,
        name=name,
        uid=uid,
        verb=event.verb,
        agent=agent(event.user_agent),
        received=event.request_received_timestamp,
        completed=event.stage_timestamp,
        revision=revision,
        state=state,
    )


def _state(kind: Kind, name: str, answer: _Object) -> State:
    if kind == "nodes":
        return _node(answer)
    if kind == "nodeclaims":
        return _claim(answer)
    spec = answer.spec
    return LeaseState(name, answer.metadata.uid, spec.holder_identity or "", spec.acquire_time or "")


def _node(answer: _Object) -> NodeState:
    meta = answer.metadata
    labels = meta.labels or {}
    taints = {taint.key for taint in answer.spec.taints or ()}
    return NodeState(
        name=meta.name,
        uid=meta.uid,
        pool=labels.get(NODEPOOL, ""),
        owner=next((owner.name for owner in meta.owner_references or () if owner.kind == "NodeClaim"), ""),
        provider_id=answer.spec.provider_id,
        image=labels.get(IMAGE_VERSION, ""),
        initialized=labels.get(INITIALIZED) == "true",
        ready="Ready" in _true(answer),
        disrupted=DISRUPTED_TAINT in taints,
        unregistered=UNREGISTERED_TAINT in taints,
        deleting=meta.deletion_timestamp is not None,
        in_place=IN_PLACE in (meta.annotations or {}),
        cordoned=answer.spec.unschedulable,
        replacements=_replacements((meta.annotations or {}).get(COMMAND, "")),
    )


class _Wanted(msgspec.Struct):
    name: str


class _Command(msgspec.Struct):
    replacements: tuple[_Wanted, ...] = ()


def _replacements(command: str) -> frozenset[str]:
    if not command:
        return frozenset()
    return frozenset(wanted.name for wanted in msgspec.json.decode(command, type=_Command).replacements)


def _claim(answer: _Object) -> ClaimState:
    meta = answer.metadata
    status = answer.status or _Status()
    return ClaimState(
        name=meta.name,
        uid=meta.uid,
        pool=(meta.labels or {}).get(NODEPOOL, ""),
        node=status.node_name,
        provider_id=status.provider_id,
        replaces=(meta.annotations or {}).get(REPLACES, ""),
        reason=_reason(status),
        deleting=meta.deletion_timestamp is not None,
        true=_true(answer),
    )


def _reason(status: _Status) -> str:
    """Why the claim is being disrupted; empty while it is not."""
    given = (c for c in status.conditions or () if c.type == DISRUPTION_REASON and c.status == "True")
    return next((condition.reason for condition in given), "")


def _true(answer: _Object) -> frozenset[str]:
    conditions = (answer.status.conditions if answer.status else None) or ()
    return frozenset(condition.type for condition in conditions if condition.status == "True")


# --- the order -------------------------------------------------------------------------------------------------------


def in_order(writes: Iterable[Write]) -> list[Write]:
    """The writes as etcd took them; those of unknown revision at the earliest place that the log allows."""
    logged = sorted(writes, key=lambda write: write.completed)
    known = [write for write in logged if write.state is not None and write.revision]
    ended = [write.completed for write in known]
    highest = list(accumulate((write.revision for write in known), max))
    last: dict[str, int] = {}
    for write in known:
        last[write.uid] = max(last.get(write.uid, 0), write.revision)

    def place(write: Write) -> tuple[int, int, datetime]:
        if write.state is not None and write.revision:
            return (write.revision, 0, write.completed)
        before = bisect_right(ended, write.received)
        floor = highest[before - 1] if before else 0
        return (max(floor, write.revision, last.get(write.uid, 0) if write.uid else 0), 1, write.completed)

    return sorted(logged, key=place)
