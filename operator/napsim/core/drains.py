"""Draining a node: which pods are evicted now, which deleted for lack of time, and what is still waited for.

Mirrors karpenter v1.14.0 ``pkg/controllers/node/termination/terminator/terminator.go``. Tiers come strictly one after
another; pods past their share of the termination grace period are deleted whatever their tier, PDBs and do-not-disrupt
bypassed. A do-not-disrupt pod is never evicted, yet waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from napsim.core.clock import Timeline, earliest
from napsim.core.objects import Pod
from napsim.core.pods import is_active, is_critical, is_evictable, is_waited_for, owned_by, protection

MINIMUM_DRAIN: Final = timedelta(seconds=5)

Tier = Callable[[Pod], bool]
TIERS: Final[tuple[Tier, ...]] = (
    lambda pod: not is_critical(pod) and not owned_by(pod, "DaemonSet"),
    lambda pod: not is_critical(pod) and owned_by(pod, "DaemonSet"),
    lambda pod: is_critical(pod) and not owned_by(pod, "DaemonSet"),
    lambda pod: is_critical(pod) and owned_by(pod, "DaemonSet"),
)


@dataclass(frozen=True, slots=True)
class Expiring:
    """A pod to be deleted now, with what is left of the node's grace in real seconds: the kubelet counts them."""

    pod: Pod
    grace_seconds: int


@dataclass(frozen=True, slots=True)
class Drain:
    """What a look at a draining node says. ``wake_at`` is virtual."""

    evict: tuple[Pod, ...] = ()
    delete: tuple[Expiring, ...] = ()
    waiting: int = 0
    wake_at: datetime | None = None

    @property
    def done(self) -> bool:
        return not self.waiting


def drain(
    pods: tuple[Pod, ...], deadline: datetime | None, timeline: Timeline, now: datetime, now_real: datetime
) -> Drain:
    """Look at the pods of a node being drained. ``deadline`` (virtual) is the termination timestamp, if it has one."""
    waited = tuple(pod for pod in pods if is_waited_for(pod, now_real))
    if not waited:
        return Drain()
    expiring = _expiring(waited, deadline, timeline, now)
    deleted = {item.pod.metadata.uid for item in expiring}
    tier = next(tuple(pod for pod in waited if belongs(pod)) for belongs in TIERS if any(map(belongs, waited)))
    evict = tuple(pod for pod in tier if pod.metadata.uid not in deleted and is_evictable(pod, timeline, now))
    return Drain(evict, expiring, len(waited), _wake(waited, deadline, timeline, now))


def _grace(pod: Pod) -> timedelta:
    return timedelta(seconds=pod.spec.termination_grace_period_seconds)


def _expiring(
    waited: tuple[Pod, ...], deadline: datetime | None, timeline: Timeline, now: datetime
) -> tuple[Expiring, ...]:
    if deadline is None:
        return ()
    left_seconds = max(int((deadline - now).total_seconds() / timeline.factor), 1)
    late = (pod for pod in waited if _is_late(pod, deadline, timeline, now))
    return tuple(Expiring(pod, left_seconds) for pod in late)


def _is_late(pod: Pod, deadline: datetime, timeline: Timeline, now: datetime) -> bool:
    if pod.deleting:
        assert pod.metadata.deletion_timestamp is not None
        return timeline.virtual(pod.metadata.deletion_timestamp) > deadline
    return is_active(pod) and now > deadline - _grace(pod)


def _wake(waited: tuple[Pod, ...], deadline: datetime | None, timeline: Timeline, now: datetime) -> datetime | None:
    """The next instant at which time alone changes the answer: a pod's share of the grace ends, a protection ends."""
    tick = timedelta(milliseconds=1)
    shares = (deadline - _grace(pod) + tick for pod in waited if deadline is not None and not pod.deleting)
    ends = (protection(pod, timeline, now).until for pod in waited)
    return earliest(*(at for at in (*shares, *ends) if at is not None and at > now))
