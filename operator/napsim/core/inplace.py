"""A Node that plays NAP nodes one after another: what is written on it, and how it is taken off again.

Policy: ``NodeAutoProvisioning.spec.nodeProvider.kind: inPlace``. The Node stays for ever; its NodeClaims come and go,
one a generation. A replacement ends one claim after its drain and begins the next with the image of that moment.

| Step | What is written on the Node, in one patch |
|---|---|
| adopted | labels and taints of the claim, ``karpenter.sh/registered``, the record of what was there before |
| initialized | ``karpenter.sh/initialized``; the disrupted taint goes |
| given back | the record's next generation; both labels and the command go, the disrupted taint stays |
| released | everything as it was before the first adoption |

Nothing but these patches carries the state, so that an operator killed at any instant goes on from the API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import parse_duration
from napsim.core.actions import IDLE, Action, Event, PatchNode, PatchNodeClaim, Plan, SetNodeClaimStatus
from napsim.core.clock import begun
from napsim.core.lifecycle import blocker
from napsim.core.objects import Condition, Node, NodeClaim, Taint, condition, is_true
from napsim.core.pods import DISRUPTED
from napsim.core.termination import with_deadline

_NO_EXECUTE: Final = "NoExecute"
_OUT_OF_USE: Final[Mapping[str, str | None]] = {names.REGISTERED: None, names.INITIALIZED: None, names.DRIFT: None}


class Record(msgspec.Struct, frozen=True, rename={"from_image": "from", "to_image": "to"}):
    """Annotation ``napsim.dev/in-place`` of a Node. Images are values of the label node-image-version.

    ``labels`` holds, by key, what napsim's labels said before (None: they were not there), ``taints`` what napsim
    added, as ``key:effect``.
    """

    generation: int = 1
    from_image: str = ""
    to_image: str = ""
    labels: dict[str, str | None] = {}
    taints: tuple[str, ...] = ()


class Adoption(msgspec.Struct, frozen=True, omit_defaults=True):
    """Annotation ``napsim.dev/adopts`` of a NodeClaim. ``image`` is set where the Node is taken over as it runs."""

    node: str
    generation: int
    kubernetes: str = ""  # what the node counts as running: a real kubelet cannot be upgraded in play
    image: str = ""


_UNREADABLE: Final = Adoption("", 0)


def record_of(node: Node) -> Record | None:
    """What napsim wrote on the Node; None when it wrote nothing, or somebody else wrote over it."""
    text = node.metadata.annotations.get(names.IN_PLACE)
    try:
        return msgspec.json.decode(text, type=Record) if text else None
    except msgspec.DecodeError:
        return None


def adoption_of(claim: NodeClaim) -> Adoption | None:
    """Which Node the claim stands for; None for a claim of another provider.

    An annotation that nobody can read still tells that the claim is none of the fake nodes'; it names no Node.
    """
    text = claim.metadata.annotations.get(names.ADOPTS)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Adoption)
    except msgspec.DecodeError:
        return _UNREADABLE


def wanted_pool(node: Node) -> str:
    """The NodePool that the Node opts in to; empty when it does not."""
    return node.metadata.labels.get(names.PLAYS_NODEPOOL, "")


def stands_for(claim: NodeClaim, node: Node) -> bool:
    """Whether the Node is still the claim's: neither given back nor released, nor never taken."""
    record, adoption = record_of(node), adoption_of(claim)
    return record is not None and adoption is not None and record.generation == adoption.generation


def is_tainted(node: Node) -> bool:
    return any(taint.key == names.DISRUPTED_TAINT for taint in node.spec.taints)


def is_being_replaced(node: Node) -> bool:
    """From the disrupted taint of one claim to the initialization of the next, the Node counts as disrupting."""
    return names.IN_PLACE in node.metadata.annotations and is_tainted(node)


# --- what is written -------------------------------------------------------------------------------------------------


def dressed(node: Node, claim: NodeClaim, image_version: str, offered: Mapping[str, str]) -> PatchNode:
    """Make the Node the claim's. ``offered`` are labels that it gets where it has none of that key.

    Taints that would end pods at once are left out unless the Node has just been drained.
    """
    record, adoption = record_of(node) or Record(), adoption_of(claim)
    current = node.metadata.labels
    welcome = {key: value for key, value in offered.items() if key not in current or key in record.labels}
    wanted = {**welcome, **claim.metadata.labels, names.NODE_IMAGE_VERSION: image_version}
    before = {
        key: record.labels.get(key, current.get(key))
        for key, value in wanted.items()
        if key in record.labels or current.get(key) != value
    }
    put_back = {key: value for key, value in record.labels.items() if key not in wanted}
    taints = tuple(taint for taint in claim.spec.taints if is_tainted(node) or taint.effect != _NO_EXECUTE)
    new = _with_images(record, current.get(names.NODE_IMAGE_VERSION, ""), image_version)
    new = msgspec.structs.replace(
        new, generation=adoption.generation if adoption else 1, labels=before, taints=_added(node, record, taints)
    )
    gone, kept = _without(node, set(record.taints) - {_text(taint) for taint in taints})
    return PatchNode(
        node,
        labels={**put_back, **wanted, names.REGISTERED: "true"},
        annotations={names.IN_PLACE: _encoded(new)},
        add_taints=(*kept, *taints),
        remove_taints=gone,
    )


def _with_images(record: Record, before: str, now: str) -> Record:
    if before == now:
        return record if record.to_image else msgspec.structs.replace(record, to_image=now)
    return msgspec.structs.replace(record, from_image=before, to_image=now)


def _added(node: Node, record: Record, taints: tuple[Taint, ...]) -> tuple[str, ...]:
    present = {_text(taint) for taint in node.spec.taints} - set(record.taints)
    return tuple(text for taint in taints if (text := _text(taint)) not in present)


def _without(node: Node, texts: set[str]) -> tuple[tuple[str, ...], tuple[Taint, ...]]:
    """Keys to remove, and the taints of the same keys that stay all the same: patches remove taints by key."""
    keys = {taint.key for taint in node.spec.taints if _text(taint) in texts}
    kept = tuple(taint for taint in node.spec.taints if taint.key in keys and _text(taint) not in texts)
    return tuple(sorted(keys)), kept


def _text(taint: Taint) -> str:
    return f"{taint.key}:{taint.effect}"


def _encoded(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def put_to_use(node: Node) -> PatchNode:
    """The Node is initialized: its last patch of a replacement."""
    excluded = node.metadata.labels.get(names.EXCLUDE_FROM_LOAD_BALANCERS) == names.EXCLUDE_FROM_LOAD_BALANCERS_VALUE
    labels: dict[str, str | None] = {names.INITIALIZED: "true"}
    if excluded:
        labels[names.EXCLUDE_FROM_LOAD_BALANCERS] = None
    return PatchNode(node, labels=labels, remove_taints=(names.DISRUPTED_TAINT,) if is_tainted(node) else ())


def given_back(node: Node) -> PatchNode:
    """The end of one claim's time on the Node; the next claim is of the next generation."""
    record = record_of(node) or Record()
    record = msgspec.structs.replace(record, generation=record.generation + 1)
    return PatchNode(
        node,
        labels=_OUT_OF_USE,
        annotations={names.IN_PLACE: _encoded(record), names.COMMAND: None},
        add_taints=(DISRUPTED,),
    )


def released(node: Node, *, opt_out: bool = False) -> PatchNode:
    """Take off everything that napsim wrote. ``opt_out`` takes the label off, too, that opted the Node in."""
    record = record_of(node) or Record()
    labels: dict[str, str | None] = {**_OUT_OF_USE, names.NODEPOOL: None, **record.labels}
    if node.metadata.labels.get(names.EXCLUDE_FROM_LOAD_BALANCERS) == names.EXCLUDE_FROM_LOAD_BALANCERS_VALUE:
        labels[names.EXCLUDE_FROM_LOAD_BALANCERS] = None
    if opt_out:
        labels[names.PLAYS_NODEPOOL] = None
    ours = set(record.taints) | ({_text(DISRUPTED)} if is_marked_by_us(node) else set())
    gone, kept = _without(node, ours)
    annotations = dict.fromkeys((names.IN_PLACE, names.COMMAND))
    return PatchNode(node, labels=labels, annotations=annotations, add_taints=kept, remove_taints=gone)


def is_marked_by_us(node: Node) -> bool:
    """Whether anything on the Node is napsim's."""
    return names.IN_PLACE in node.metadata.annotations or names.COMMAND in node.metadata.annotations


# --- the claim's way -------------------------------------------------------------------------------------------------


def advance(
    claim: NodeClaim,
    node: Node,
    clothes: PatchNode,
    registered_from: datetime,
    initialized_from: datetime,
    now: datetime,
) -> Plan:
    """The next step of a launched claim: register, then initialize. All instants are virtual.

    A kubelet that registers anew makes a Node without our labels, and anybody can write over the record: it is dressed
    again.
    """
    if is_true(claim.status.conditions, names.REGISTERED_CONDITION):
        if names.REGISTERED not in node.metadata.labels or not stands_for(claim, node):
            return Plan((clothes,))
        return _initialize(claim, node, initialized_from, now)
    if now < registered_from:
        return Plan((), registered_from)
    registered = Condition(type=names.REGISTERED_CONDITION, status="True", reason=names.REGISTERED_CONDITION)
    status = SetNodeClaimStatus(claim, now, (registered,), node_name=node.name)
    if names.REGISTERED in node.metadata.labels and stands_for(claim, node):
        return Plan((status,))
    return Plan((clothes, status))


def _initialize(claim: NodeClaim, node: Node, due: datetime, now: datetime) -> Plan:
    ready = names.INITIALIZED in node.metadata.labels
    if ready and is_true(claim.status.conditions, names.INITIALIZED_CONDITION):
        return IDLE
    if now < due:
        return Plan((), due)
    waiting = blocker(claim, node, {names.DISRUPTED_TAINT})
    actions: list[Action] = []
    if waiting is None and not ready:
        actions = [put_to_use(node), *_told(node)]
    type_ = names.INITIALIZED_CONDITION
    new = waiting or Condition(type=type_, status="True", reason=type_)
    old = condition(claim.status.conditions, type_)
    if old is None or (
        old.status != "True" and (old.status, old.reason, old.message) != (new.status, new.reason, new.message)
    ):
        actions.append(SetNodeClaimStatus(claim, now, (new,)))
    return Plan(tuple(actions))


def _told(node: Node) -> tuple[Event, ...]:
    record = record_of(node)
    if record is None or not is_tainted(node):
        return ()
    message = f"Node image {record.from_image or record.to_image} is replaced by {record.to_image}, in place"
    return (
        Event("Node", node.name, node.metadata.uid, "ReplacedInPlace", message, controller="napsim", dedupe=message),
    )


def of_claim(claim: NodeClaim, node: Node | None, deleted_at: datetime) -> Plan:
    """The claim's half of its end: record the deadline of the drain, and let go when the Node is not its any more.

    Mirrors ``termination.of_claim``, but that the Node is never deleted. ``deleted_at`` is virtual.
    """
    if node is None or not stands_for(claim, node):
        if names.TERMINATION_FINALIZER not in claim.metadata.finalizers:
            return IDLE
        return Plan((PatchNodeClaim(claim, remove_finalizer=names.TERMINATION_FINALIZER),))
    grace = claim.spec.termination_grace_period
    if not grace or names.TERMINATION_TIMESTAMP in claim.metadata.annotations:
        return IDLE
    return Plan(tuple(with_deadline(claim, node, deleted_at + parse_duration(grace))))


def since(claim: NodeClaim, type_: str, now: datetime) -> datetime:
    """When a condition of the claim came about (virtual)."""
    found = condition(claim.status.conditions, type_)
    return begun(found.last_transition_time, now) if found and found.last_transition_time else now
