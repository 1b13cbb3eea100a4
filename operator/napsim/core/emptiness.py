"""Emptiness: nodes on which no pod has to be placed again are deleted, before anything else is disrupted.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/emptiness.go`` and the Consolidatable condition of
``pkg/controllers/nodeclaim/disruption``. One pass takes all empty nodes that the budgets for ``Empty`` allow, in one
decision and without replacements; what it takes uses the budgets of every reason. Fails closed: a node that is not
known to have been quiet for ``consolidateAfter`` is left alone, and so are static pools.

| | Rule |
|---|---|
| Consolidatable | initialized, and ``consolidateAfter`` has passed since the last pod came or went, else since that |
| empty | Consolidatable, and none of its pods is reschedulable |
| taken | empties in their order, while their pool has budget left; after 15 s those that are still so |
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.core.objects import NodeClaim, Pod, condition
from napsim.core.pods import is_reschedulable

VALIDATION_DELAY: Final = timedelta(seconds=15)
"""Between a decision and its start: what is not empty any more by then stays."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Whether condition Consolidatable is True. ``wake_at`` is when time alone makes it so; None: it does not."""

    consolidatable: bool
    wake_at: datetime | None = None


def quiet(
    claim: NodeClaim, consolidate_after: timedelta | None, last_pod_event: datetime | None, now: datetime
) -> Quiet:
    """Condition Consolidatable of a claim at ``now``; all instants are virtual.

    ``consolidate_after`` is the pool's, None for Never. ``last_pod_event`` is when a pod last came to the node, went
    or ended; None when none did.
    """
    initialized = condition(claim.status.conditions, names.INITIALIZED_CONDITION)
    if consolidate_after is None or initialized is None or initialized.status != "True":
        return Quiet(False)
    since = last_pod_event or initialized.last_transition_time
    if since is None:
        return Quiet(False)
    due = since + consolidate_after
    return Quiet(True) if now >= due else Quiet(False, due)


def is_empty(pods: Iterable[Pod]) -> bool:
    """No pod has to be placed again: DaemonSets, static pods and pods that have ended do not count."""
    return not any(is_reschedulable(pod) for pod in pods)


@dataclass(frozen=True, slots=True)
class EmptyNode:
    """A candidate that is empty, by its NodeClaim. ``static``: its pool has ``replicas``."""

    claim: str
    nodepool: str
    static: bool = False


@dataclass(frozen=True, slots=True)
class EmptinessDecision:
    """The NodeClaims of one command, in order, and the pools whose budgets left some of theirs behind."""

    claims: tuple[str, ...] = ()
    constrained: tuple[str, ...] = ()


def decide(candidates: Iterable[EmptyNode], remaining: Mapping[str, int]) -> EmptinessDecision:
    """Which empties go now. ``candidates`` come in their order, ``remaining`` is what each pool's budgets have left."""
    left = dict(remaining)
    taken: list[str] = []
    constrained: dict[str, None] = {}
    for candidate in candidates:
        if candidate.static:
            continue
        if left.get(candidate.nodepool, 0) <= 0:
            constrained[candidate.nodepool] = None
            continue
        left[candidate.nodepool] -= 1
        taken.append(candidate.claim)
    return EmptinessDecision(tuple(taken), tuple(constrained))


def still_valid(decision: EmptinessDecision, empty: Container[str]) -> EmptinessDecision:
    """The decision after ``VALIDATION_DELAY``: without the claims that are not ``empty`` candidates any more."""
    kept = tuple(claim for claim in decision.claims if claim in empty)
    return EmptinessDecision(kept, decision.constrained)
