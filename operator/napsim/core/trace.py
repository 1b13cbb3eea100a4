"""What was decided and what came of it, as records: one format, JSON lines, for live and simulated runs alike.

Policy: napsim's own. A record follows from two states of an object, or from one decision; never from who looked. So
two runs of one story give the same records, and ``diff`` of two traces shows the first that differs.

| Kind | Object | When |
|---|---|---|
| PickedUp | AKSNodeClass | it adopts another image; ``details``: definition, from, to |
| Drifted | NodeClaim | its condition turns True; reason is the condition's |
| CommandStarted, CommandRolledBack | Node | the record of a command comes, or goes while the node stays |
| ClaimCreated, ClaimLaunched, ClaimRegistered, ClaimInitialized | NodeClaim | it is there, a condition turns True |
| ClaimDeleted, ClaimDrained, ClaimGone | NodeClaim | it is asked to go, with why; its Node is drained; it is no more |
| NodeJoined, NodeGone | Node | it is there, it is no more |
| PodEvicted, PodDeleted | Pod | the eviction is granted; it is deleted for lack of time |
| Blocked, Unblocked | NodeClaim | a candidate is set aside, or is so no more; ``wake_at`` is when that ends by itself |
| WindowOpened, WindowClosed | MaintenanceConfiguration | images may be picked up from now on, or may not |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.clock import rfc3339
from napsim.core.objects import Condition, Node, NodeClaim, condition
from napsim.core.pickup import Pickup
from napsim.core.reasons import Reason, Verdict
from napsim.core.windows import WindowVerdict


class RecordKind(StrEnum):
    """See the table above."""

    PICKED_UP = "PickedUp"
    DRIFTED = "Drifted"
    COMMAND_STARTED = "CommandStarted"
    COMMAND_ROLLED_BACK = "CommandRolledBack"
    CLAIM_CREATED = "ClaimCreated"
    CLAIM_LAUNCHED = "ClaimLaunched"
    CLAIM_REGISTERED = "ClaimRegistered"
    CLAIM_INITIALIZED = "ClaimInitialized"
    CLAIM_DELETED = "ClaimDeleted"
    CLAIM_DRAINED = "ClaimDrained"
    CLAIM_GONE = "ClaimGone"
    NODE_JOINED = "NodeJoined"
    NODE_GONE = "NodeGone"
    POD_EVICTED = "PodEvicted"
    POD_DELETED = "PodDeleted"
    BLOCKED = "Blocked"
    UNBLOCKED = "Unblocked"
    WINDOW_OPENED = "WindowOpened"
    WINDOW_CLOSED = "WindowClosed"


_NOTHING: Final[Mapping[str, str]] = {}


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that happened. ``at`` and ``wake_at`` are virtual; ``object`` is ``Kind/name`` or ``Kind/ns/name``."""

    at: datetime
    kind: RecordKind
    object: str
    reason: str = ""
    message: str = ""
    wake_at: datetime | None = None
    details: Mapping[str, str] = msgspec.field(default_factory=dict)


def line(record: Record) -> str:
    """The record as one line of JSON, without the line's end. Keys in a fixed order, empty ones left out."""
    written = {
        "at": rfc3339(record.at),
        "kind": str(record.kind),
        "object": record.object,
        "reason": record.reason,
        "message": record.message,
        "wakeAt": rfc3339(record.wake_at) if record.wake_at else "",
        "details": dict(sorted(record.details.items())),
    }
    return msgspec.json.encode({key: value for key, value in written.items() if value}).decode()


_MILESTONES: Final = (
    (names.LAUNCHED, RecordKind.CLAIM_LAUNCHED),
    (names.REGISTERED_CONDITION, RecordKind.CLAIM_REGISTERED),
    (names.INITIALIZED_CONDITION, RecordKind.CLAIM_INITIALIZED),
    (names.DRAINED, RecordKind.CLAIM_DRAINED),
)


def claim_records(old: NodeClaim | None, new: NodeClaim | None, at: datetime) -> Iterator[Record]:
    """What a change of a NodeClaim tells."""
    item = new or old
    assert item is not None
    name = f"NodeClaim/{item.name}"
    if old is None:
        annotations = item.metadata.annotations
        replaces = {"replaces": annotations[names.REPLACES]} if names.REPLACES in annotations else {}
        pool = item.metadata.labels.get(names.NODEPOOL, "")
        yield Record(at, RecordKind.CLAIM_CREATED, name, details={"nodePool": pool, **replaces})
    if new is None:
        yield Record(at, RecordKind.CLAIM_GONE, name)
        return
    before = old.status.conditions if old is not None else ()
    if before is new.status.conditions:
        return
    for type_, kind in _MILESTONES:
        if _turned_true(before, new.status.conditions, type_):
            image = {"image": new.status.image_id} if kind is RecordKind.CLAIM_LAUNCHED else _NOTHING
            yield Record(at, kind, name, details=image)
    if drifted := _turned_true(before, new.status.conditions, names.DRIFTED):
        yield Record(at, RecordKind.DRIFTED, name, drifted.reason)


def _turned_true(old: tuple[Condition, ...], new: tuple[Condition, ...], type_: str) -> Condition | None:
    now = condition(new, type_)
    if now is None or now.status != "True":
        return None
    was = condition(old, type_)
    return None if was is not None and was.status == "True" else now


def node_records(old: Node | None, new: Node | None, at: datetime) -> Iterator[Record]:
    """What a change of a Node tells."""
    item = new or old
    assert item is not None
    name = f"Node/{item.name}"
    if old is None:
        version = item.metadata.labels.get(names.NODE_IMAGE_VERSION, "")
        yield Record(at, RecordKind.NODE_JOINED, name, details={"imageVersion": version})
    before = old.metadata.annotations.get(names.COMMAND) if old is not None else None
    after = new.metadata.annotations.get(names.COMMAND) if new is not None else None
    if before is None and after is not None:
        yield _command(at, RecordKind.COMMAND_STARTED, item, after)
    elif before is not None and after is None and new is not None:
        yield _command(at, RecordKind.COMMAND_ROLLED_BACK, item, before)
    if new is None:
        yield Record(at, RecordKind.NODE_GONE, name)


def _command(at: datetime, kind: RecordKind, node: Node, text: str) -> Record:
    """Not read as a command: somebody else may have written it."""
    name, pool = f"Node/{node.name}", node.metadata.labels.get(names.NODEPOOL)
    details = {"nodePool": pool} if pool else {}
    try:
        written = msgspec.json.decode(text, type=_Command)
    except msgspec.DecodeError:
        return Record(at, kind, name, details=details)
    replacements = " ".join(item.name for item in written.replacements)
    return Record(at, kind, name, written.reason, details=details | {"replacements": replacements})


def pickup_records(node_class: str, pickup: Pickup, at: datetime) -> Iterator[Record]:
    """What a class that adopts other images tells."""
    for change in pickup.changes:
        details = {"definition": change.definition, "from": change.from_version, "to": change.to_version}
        name = f"AKSNodeClass/{node_class}"
        yield Record(at, RecordKind.PICKED_UP, name, str(change.rule), change.message, details=details)


def window_record(name: str, verdict: WindowVerdict, at: datetime) -> Record:
    """A window opens or closes."""
    kind = RecordKind.WINDOW_OPENED if verdict.open else RecordKind.WINDOW_CLOSED
    return Record(at, kind, f"MaintenanceConfiguration/{name}", wake_at=verdict.wake_at)


def blocked_record(claim: str, node: str, verdict: Verdict, at: datetime) -> Record:
    """A candidate is set aside."""
    name, details = f"NodeClaim/{claim}", {"node": node}
    return Record(at, RecordKind.BLOCKED, name, str(verdict.reason), verdict.message, verdict.wake_at, details)


def unblocked_record(claim: str, verdict: Verdict, at: datetime) -> Record:
    """It is so no more."""
    return Record(at, RecordKind.UNBLOCKED, f"NodeClaim/{claim}", str(verdict.reason))


def is_same(one: Verdict, other: Verdict) -> bool:
    """Which pods have no room changes with every look; that there is none does not."""
    return one.reason is other.reason and (one.reason is Reason.UNSCHEDULABLE or one.message == other.message)


class _Replacement(msgspec.Struct, frozen=True):
    name: str = ""


class _Command(msgspec.Struct, frozen=True):
    reason: str = ""
    replacements: tuple[_Replacement, ...] = ()


def parsed(text: str) -> Record:
    """The record that a line of a trace holds. Raises ValueError, which says what is wrong with it."""
    try:
        found = msgspec.json.decode(text, type=Record)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if found.at.tzinfo is None:
        raise ValueError("at must be an instant with its zone, such as 2026-02-15T01:00:00Z")
    return found
