"""Draining a node: which pods are evicted now, which deleted for lack of time, and what is still waited for.

Mirrors karpenter v1.14.0 ``pkg/controllers/node/termination/terminator/terminator.go``. Tiers come strictly one after
another; pods past their share of the termination grace period are deleted whatever their tier, PDBs and do-not-disrupt
bypassed. A do-not-disrupt pod is never evicted, yet waited for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.core.clock import Timeline, earliest
from napsim.core.objects import Pod
from napsim.core.pods import is_active, is_critical, is_waited_for, lasting, owned_by, protection, stuck_from

MINIMUM_DRAIN: Final = timedelta(seconds=5)
_SHORTEST_GRACE_SECONDS: Final = 1  # that a pod is deleted with
_TICK: Final = timedelta(milliseconds=1)  # "later than" on the resolution of a fast clock


def tier_of(pod: Pod) -> int:
    """When its turn is: 0 any other pod, 1 a DaemonSet's, 2 a critical one, 3 a DaemonSet's critical one."""
    return 2 * is_critical(pod) + owned_by(pod, "DaemonSet")


class Expiring(msgspec.Struct, frozen=True):
    """A pod to be deleted now, with what is left of the node's grace in real seconds: the kubelet counts them."""

    pod: Pod
    grace_seconds: int


class Drain(msgspec.Struct, frozen=True):
    """What a look at a draining node says. ``wake_at`` (virtual) is when time alone changes it: a share of the grace
    period ends, a protection, or the patience with a pod that does not terminate.
    """

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
    tiers = [tier_of(pod) for pod in waited]
    first = min(tiers)
    tier = (pod for pod, its in zip(waited, tiers, strict=True) if its == first)
    turn = [pod for pod in tier if is_active(pod) and pod.metadata.uid not in deleted]
    guards = [protection(pod, timeline, now) for pod in turn]
    evict = tuple(pod for pod, guard in zip(turn, guards, strict=True) if not guard.active)  # waited for: evictable
    stuck = (timeline.virtual(at) for at in stuck_from(waited, now_real))
    freed = (guard.until for guard in guards)
    return Drain(evict, expiring, len(waited), earliest(_next_share(waited, deadline, now), *stuck, *freed))


def _grace(pod: Pod) -> timedelta:
    return lasting(pod.spec.termination_grace_period_seconds)


def _expiring(
    waited: tuple[Pod, ...], deadline: datetime | None, timeline: Timeline, now: datetime
) -> tuple[Expiring, ...]:
    if deadline is None:
        return ()
    left_seconds = max(int((deadline - now).total_seconds() / timeline.factor), _SHORTEST_GRACE_SECONDS)
    late = (pod for pod in waited if _is_late(pod, deadline, timeline, now))
    return tuple(Expiring(pod, left_seconds) for pod in late)


def _is_late(pod: Pod, deadline: datetime, timeline: Timeline, now: datetime) -> bool:
    """A pod that is terminating is late only if another deletion could make it shorter."""
    if pod.metadata.deletion_timestamp is None:
        return is_active(pod) and now > deadline - _grace(pod)
    ends_late = timeline.virtual(pod.metadata.deletion_timestamp) >= deadline + _TICK
    return ends_late and pod.metadata.deletion_grace_period_seconds != _SHORTEST_GRACE_SECONDS


def _next_share(waited: tuple[Pod, ...], deadline: datetime | None, now: datetime) -> datetime | None:
    """The next instant at which a pod's share of the grace period ends."""
    if deadline is None:
        return None
    ends = (deadline - _grace(pod) + _TICK for pod in waited if not pod.deleting)
    return earliest(*(at for at in ends if at > now))
