"""Emptiness: nodes on which no pod has to be placed again are deleted, before anything else is disrupted.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/emptiness.go`` and ``validation.go``, the pod events and the
condition Consolidatable of ``pkg/controllers/nodeclaim/podevents`` and ``pkg/controllers/nodeclaim/disruption``, and
the costs of ``pkg/utils/disruption``. One pass takes all empty nodes that the budgets for ``Empty`` allow, of all
pools, in one decision and without replacements; what it takes uses the budgets of every reason. Fails closed: a node
that is not known to have been quiet for ``consolidateAfter`` is left alone.

| | Rule |
|---|---|
| pod event | a pod is bound to the node, ends, or begins to terminate; not of a DaemonSet; one in 10 s counts |
| quiet | initialized, and ``consolidateAfter`` has passed since the last pod event, without one since that |
| Consolidatable | quiet; never in a pool with ``consolidateAfter: Never``; left as it is in a static pool |
| empty | no reschedulable pod, but for those that cost nothing to move (a very low priority or deletion cost) |
| order | the dearest instance first |
| taken | empties in their order, while their pool has budget left |
| validated | 15 s later, each by itself: still Consolidatable, empty, a candidate, and within a budget of that moment |
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import parse_duration
from napsim.core.actions import IDLE, Plan, SetNodeClaimStatus
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool
from napsim.core.nodetemplates import SPOT, SPOT_SHARE
from napsim.core.objects import Condition, NodeClaim, Pod, condition, is_true
from napsim.core.pods import is_reschedulable, is_terminal, owned_by

VALIDATION_DELAY: Final = timedelta(seconds=15)
"""Between a decision and its start: what is not empty any more by then stays."""
DEDUPE: Final = timedelta(seconds=10)
"""After a pod event, no other of the same node counts for so long."""
_NEVER: Final = "Never"
_COSTS: Final = (-10.0, 10.0)
_DELETION_COST_UNIT: Final = 2.0**27
_PRIORITY_UNIT: Final = 2.0**25
_QUIET: Final = Condition(type=names.CONSOLIDATABLE, status="True", reason=names.CONSOLIDATABLE)


# --- Quiet ----------------------------------------------------------------------------------------------------------


def consolidate_after(pool: NodePool) -> timedelta | None:
    """How long a node of the pool has to be quiet before it may go; None: it never may (a static pool, or Never)."""
    written = pool.spec.disruption.consolidate_after
    return None if pool.is_static or written == _NEVER else parse_duration(written)


def is_pod_event(old: Pod | None, new: Pod | None) -> bool:
    """Whether a change of a pod counts for its node; a pod that is gone has counted when it began to terminate."""
    if new is None or not new.spec.node_name:
        return False
    if old is not None and old.spec.node_name and not (new.deleting and not old.deleting):
        ended = is_terminal(new) and not is_terminal(old)
        if not ended:
            return False
    return not owned_by(new, "DaemonSet")


def last_pod_event(before: datetime | None, now: datetime) -> datetime | None:
    """The time of a pod event at ``now`` in whole seconds; None when it does not count, so soon after the one before.

    All instants are virtual.
    """
    if before is not None and now - before < DEDUPE:
        return None
    return now.replace(microsecond=0)


class Quiet(msgspec.Struct, frozen=True):
    """Whether condition Consolidatable is True. ``wake_at`` is when time alone makes it so; None: it does not."""

    consolidatable: bool
    wake_at: datetime | None = None


def quiet(claim: NodeClaim, after: timedelta | None, last_event: datetime | None, now: datetime) -> Quiet:
    """Condition Consolidatable of a claim at ``now``; all instants are virtual.

    ``after`` is the pool's ``consolidateAfter``, None for Never. ``last_event``: the last pod event, None: there was
    none.
    """
    initialized = condition(claim.status.conditions, names.INITIALIZED_CONDITION)
    if after is None or initialized is None or initialized.status != "True":
        return Quiet(False)
    if not after:
        return Quiet(True)
    since = last_event or initialized.last_transition_time
    if since is None:
        return Quiet(False)
    due = since + after
    return Quiet(True) if now >= due else Quiet(False, due)


def watch(claim: NodeClaim, pool: NodePool, seen: datetime | None, now: datetime) -> Plan:
    """Bring ``lastPodEventTime`` and Consolidatable up to date, in one change. ``seen``: a pod event since the last.

    Nothing is written about pods of a pool whose nodes never go for being empty, and nothing at all in a static one.
    """
    if pool.is_static:
        return IDLE
    after, known = consolidate_after(pool), claim.status.last_pod_event_time
    last = max((at for at in (known, seen) if at is not None), default=None)
    found = quiet(claim, after, last, now)
    news = last if after is not None and last != known else None
    add = (_QUIET,) if found.consolidatable and not is_true(claim.status.conditions, names.CONSOLIDATABLE) else ()
    marked = condition(claim.status.conditions, names.CONSOLIDATABLE) is not None
    remove = (names.CONSOLIDATABLE,) if marked and not found.consolidatable else ()
    if news is None and not add and not remove:
        return Plan((), found.wake_at)
    return Plan((SetNodeClaimStatus(claim, now, add, remove, last_pod_event_time=news),), found.wake_at)


# --- Empty ----------------------------------------------------------------------------------------------------------


def eviction_cost(pod: Pod) -> float:
    """What it costs to move the pod: 1, more or less by its deletion cost and priority, between -10 and 10."""
    try:
        deletion_cost = float(pod.metadata.annotations.get(names.POD_DELETION_COST, "0"))
    except ValueError:
        deletion_cost = 0.0
    lowest, highest = _COSTS
    cost = 1.0 + deletion_cost / _DELETION_COST_UNIT + pod.spec.priority / _PRIORITY_UNIT
    return min(max(cost, lowest), highest)


def is_empty(pods: Iterable[Pod]) -> bool:
    """No pod has to be placed again that would cost anything: DaemonSets, static pods and ended ones do not count."""
    return not any(is_reschedulable(pod) and eviction_cost(pod) > 0 for pod in pods)


# --- The decision ---------------------------------------------------------------------------------------------------

OrderKey = tuple[float, str, str]


class EmptyNode(msgspec.Struct, frozen=True):
    """A candidate that is empty, by its NodeClaim."""

    claim: str
    nodepool: str


class Validated(msgspec.Struct, frozen=True):
    """What is left of a decision, in the order of the candidates. ``failed``: what the metric counts of the rest."""

    claims: tuple[str, ...] = ()
    failed: int = 0


def order_key(claim: NodeClaim, seed: int) -> OrderKey:
    """Whose turn is first: the dearest instance; an unknown one costs nothing. Ties by a draw from the seed.

    Karpenter leaves ties undefined (unstable sort); here the seed decides, so that a run repeats.
    """
    labels = claim.metadata.labels
    size = INSTANCE_TYPES.get(labels.get(names.INSTANCE_TYPE, ""))
    share = SPOT_SHARE if labels.get(names.CAPACITY_TYPE) == SPOT else 1.0
    draw = hashlib.blake2b(f"{seed}/{claim.name}".encode(), digest_size=6).hexdigest()
    return (-size.usd_per_hour * share if size else 0.0, draw, claim.name)


def decide(candidates: Iterable[EmptyNode], remaining: Mapping[str, int]) -> tuple[str, ...]:
    """The NodeClaims of those that go now, in one command.

    ``candidates`` come in their order, ``remaining`` is what each pool's budgets have left.
    """
    left = dict(remaining)
    taken: list[str] = []
    for candidate in candidates:
        if left.get(candidate.nodepool, 0) > 0:
            left[candidate.nodepool] -= 1
            taken.append(candidate.claim)
    return tuple(taken)


def validate(claims: Collection[str], candidates: Iterable[EmptyNode], remaining: Mapping[str, int]) -> Validated:
    """A decision for ``claims`` after ``VALIDATION_DELAY``, by what is a candidate and what budgets have left by then.

    A claim that is none any more is dropped, and counted only where none is left; one that a budget refuses is counted.
    """
    still = [candidate for candidate in candidates if candidate.claim in claims]
    if not still:
        return Validated((), len(claims))
    kept = decide(still, remaining)
    return Validated(kept, len(still) - len(kept))
