"""A disruption command: which node, which replacements, and how it goes on from there.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/queue.go``. Where Karpenter keeps commands in memory, napsim
writes them on the Node (annotation ``napsim.dev/command``) in the same patch as the disrupted taint, so that an
operator killed at any instant goes on where it was and never launches a replacement twice: replacements have names
that follow from the command.

Order of a start: taint and record in one patch, ``DisruptionReason`` on the claim, then the replacements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from napsim.api import names
from napsim.core.actions import IDLE, Action, DeleteNodeClaim, Event, PatchNode, Plan, SetNodeClaimStatus
from napsim.core.clock import Timeline
from napsim.core.nodepools import Placement, claim_name
from napsim.core.objects import Condition, Node, NodeClaim, condition, is_true
from napsim.core.pods import DISRUPTED

DRIFTED_REASON: Final = "Drifted"
EMPTY_REASON: Final = "Empty"
MINIMUM_TIMEOUT: Final = timedelta(minutes=10)
MAXIMUM_TIMEOUT: Final = timedelta(hours=1)
TIMEOUT_PER_CANDIDATE: Final = timedelta(milliseconds=80)


class Replacement(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A NodeClaim to be launched before the old one is deleted. What else it says is as in ``Placement``."""

    name: str
    instance_type: str
    zone: str
    capacity_type: str
    nodepool: str = ""
    labels: dict[str, str] = {}
    requests: dict[str, str] = {}

    @property
    def placement(self) -> Placement:
        where = (self.instance_type, self.zone, self.capacity_type)
        return Placement(*where, self.nodepool, self.labels, self.requests)


class Command(msgspec.Struct, frozen=True, rename="camel"):
    """What is written on the Node. ``started_at`` is virtual."""

    reason: str
    started_at: Annotated[datetime, msgspec.Meta(tz=True)]
    replacements: tuple[Replacement, ...] = ()


class Progress(msgspec.Struct, frozen=True):
    """A command after a look: actions now, replacements to create, and whether it is over."""

    plan: Plan = IDLE
    create: tuple[Replacement, ...] = ()
    failure: str = ""  # set when the command is rolled back
    uninitialized: int = 0
    completed: bool = False


def recorded(node: Node) -> Command | None:
    """The command in flight on the node. Raises msgspec.ValidationError when somebody else wrote the annotation."""
    text = node.metadata.annotations.get(names.COMMAND)
    return _command(text) if text else None


@lru_cache(maxsize=4096)
def _command(text: str) -> Command:
    """A command is read at every look at its node, and by whoever tells of it."""
    return msgspec.json.decode(text, type=Command)


def _nobody(_: str) -> bool:
    return False


def drift_command(
    claim: NodeClaim, placements: tuple[Placement, ...], now: datetime, taken: Callable[[str], bool] = _nobody
) -> Command:
    """Replace ``claim`` because it drifted. Names follow from the claim's uid, the instant and the position.

    ``taken`` says whether another claim has a name: of five letters two are alike among a few thousand.
    """
    identity = (claim.metadata.uid, now.isoformat())
    replacements = tuple(_replacement(claim, item, (*identity, str(at)), taken) for at, item in enumerate(placements))
    return Command(DRIFTED_REASON, now, replacements)


def _replacement(
    claim: NodeClaim, item: Placement, identity: tuple[str, ...], taken: Callable[[str], bool]
) -> Replacement:
    own = claim.metadata.labels.get(names.NODEPOOL, "")
    pool = item.nodepool or own
    while taken(name := claim_name(pool, *identity)):
        identity = (*identity, "again")
    return Replacement(
        name,
        item.instance_type,
        item.zone,
        item.capacity_type,
        "" if pool == own else pool,
        dict(item.labels),
        dict(item.requests),
    )


def empty_command(now: datetime) -> Command:
    """Delete nodes because they are empty; the same on each of them. Nothing replaces them."""
    return Command(EMPTY_REASON, now)


def start(command: Command, node: Node) -> PatchNode:
    """The first action: from here on the node consumes budget."""
    text = msgspec.json.encode(command).decode()
    return PatchNode(node, annotations={names.COMMAND: text}, add_taints=(DISRUPTED,))


def replaces(claim: NodeClaim) -> bool:
    """Whether the claim is under a command that replaces it; a node that goes for being empty is not replaced."""
    why = condition(claim.status.conditions, names.DISRUPTION_REASON)
    return why is not None and why.status == "True" and why.reason != EMPTY_REASON


def timeout(queued_candidates: int) -> timedelta:
    """clamp(80 ms for each queued candidate, 10 min, 1 h)."""
    return min(max(TIMEOUT_PER_CANDIDATE * queued_candidates, MINIMUM_TIMEOUT), MAXIMUM_TIMEOUT)


def advance(
    command: Command,
    node: Node,
    claim: NodeClaim,
    replacements: Mapping[str, NodeClaim],
    launched_before: frozenset[str],
    queued: int,
    timeline: Timeline,
    now: datetime,
    *,
    ready_before: frozenset[str] = frozenset(),
) -> Progress:
    """The next step of a command. ``launched_before`` are names that this process has seen exist.

    ``ready_before`` are those that it has seen initialized: they are never checked again.

    A replacement that was seen and is gone is unrecoverable (``replacement was deleted``). One that was never seen is
    created, again if need be: its name makes that safe.
    """
    if claim.deleting:
        return Progress(completed=True)
    strangers = [item for item in command.replacements if not _replaces(replacements.get(item.name), claim)]
    if strangers:
        return _failed(node, claim, f"NodeClaim {strangers[0].name} is no replacement", len(strangers), now)
    to_check = (item for item in command.replacements if item.name not in ready_before)
    waiting = [item for item in to_check if not is_initialized(replacements.get(item.name))]
    missing = [item for item in waiting if item.name not in replacements]
    deadline = command.started_at + timeline.patience(timeout(queued))
    if waiting and any(item.name in launched_before for item in missing):
        return _failed(node, claim, "replacement was deleted", len(waiting), now)
    if waiting and now >= deadline:
        return _failed(node, claim, "command reached timeout", len(waiting), now)
    marks = _marks(command, claim, now)
    if waiting:
        said = [said for item in waiting for said in _waiting_events(replacements.get(item.name), command.reason)]
        return Progress(Plan((*marks, *said), deadline), tuple(missing))
    return Progress(Plan((*marks, *_terminate(command, node, claim))), completed=True)


def _replaces(replacement: NodeClaim | None, claim: NodeClaim) -> bool:
    """Whether a NodeClaim under a replacement's name is one; among thousands, another may have drawn the same name."""
    return replacement is None or replacement.metadata.annotations.get(names.REPLACES) == claim.name


def is_initialized(claim: NodeClaim | None) -> bool:
    return claim is not None and is_true(claim.status.conditions, names.INITIALIZED_CONDITION)


def _marks(command: Command, claim: NodeClaim, now: datetime) -> list[Action]:
    if is_true(claim.status.conditions, names.DISRUPTION_REASON):
        return []
    mark = Condition(type=names.DISRUPTION_REASON, status="True", reason=command.reason, message=command.reason)
    return [SetNodeClaimStatus(claim, now, (mark,))]


def _waiting_events(replacement: NodeClaim | None, reason: str) -> list[Event]:
    if replacement is None:
        return []
    kind, name, uid = "NodeClaim", replacement.name, replacement.metadata.uid
    return [
        Event(kind, name, uid, "DisruptionLaunching", f"Launching NodeClaim: {reason}"),
        Event(kind, name, uid, "DisruptionWaitingReadiness", "Waiting on readiness to continue disruption"),
    ]


def _terminate(command: Command, node: Node, claim: NodeClaim) -> list[Action]:
    reason = "DisruptionTerminating"
    return [
        DeleteNodeClaim(claim, command.reason.lower()),
        Event("Node", node.name, node.metadata.uid, reason, f"Disrupting Node: {command.reason}"),
        Event("NodeClaim", claim.name, claim.metadata.uid, reason, f"Disrupting NodeClaim: {command.reason}"),
    ]


def _failed(node: Node, claim: NodeClaim, failure: str, uninitialized: int, now: datetime) -> Progress:
    """Roll back: taint, record and condition go; replacements stay (liveness removes those that never come up)."""
    return Progress(Plan(heal(node, claim, now)), failure=failure, uninitialized=uninitialized)


def heal(node: Node, claim: NodeClaim | None, now: datetime) -> tuple[Action, ...]:
    """Take the marks of a command off a node that has none (any more)."""
    actions: list[Action] = []
    if claim is not None and is_true(claim.status.conditions, names.DISRUPTION_REASON):
        actions.append(SetNodeClaimStatus(claim, now, remove=(names.DISRUPTION_REASON,)))
    tainted = any(taint.key == names.DISRUPTED_TAINT for taint in node.spec.taints)
    if tainted or names.COMMAND in node.metadata.annotations:
        remove = (names.DISRUPTED_TAINT,) if tainted else ()
        actions.append(PatchNode(node, annotations={names.COMMAND: None}, remove_taints=remove))
    return tuple(actions)
