"""What a pod is to a disruption: who owns it, whether it is waited for, evicted, protected, placed again.

Mirrors karpenter v1.14.0 ``pkg/utils/pod/scheduling.go``. Predicates over one pod; none reads a clock.

| Predicate | True when |
|---|---|
| active | neither terminal (Succeeded, Failed) nor terminating |
| waited for | not terminal, does not tolerate the disrupted taint, not stuck terminating, not a mirror pod |
| stuck terminating | more than a minute past its deletion timestamp |
| drainable | does not tolerate the taint, not stuck terminating, not a mirror pod |
| evictable | active, does not tolerate the taint, not a mirror pod, no active do-not-disrupt |
| reschedulable | active (or terminating and of a StatefulSet), not of a DaemonSet, not a mirror pod |
| provisionable | unbound, marked unschedulable, not preempting, not of a DaemonSet, not a mirror pod |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import parse_duration
from napsim.core.clock import Timeline
from napsim.core.objects import OwnerReference, Pod, Taint, Toleration, condition
from napsim.core.resources import PODS, Resources, amounts, largest, total

CRITICAL_PRIORITY_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})
DISRUPTED: Final = Taint(key=names.DISRUPTED_TAINT, effect="NoSchedule")
STUCK_AFTER: Final = timedelta(minutes=1)
ENDED: Final = ("Succeeded", "Failed")
_MOST_SECONDS: Final = 2**63 // 10**9  # of a Go duration: 292 years
_VERSIONS: Final = {"DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "Node": "v1"}


class Protection(msgspec.Struct, frozen=True):
    """What ``karpenter.sh/do-not-disrupt`` on a pod means now.

    ``until`` is the virtual instant at which it ends by itself; None while ``active`` means for ever.
    ``invalid`` says what is wrong with the annotation (which is then ignored).
    """

    active: bool
    until: datetime | None = None
    elapsed: bool = False
    invalid: str = ""


UNPROTECTED: Final = Protection(active=False)


def owner(pod: Pod) -> OwnerReference | None:
    """The controlling owner."""
    for reference in pod.metadata.owner_references:
        if reference.controller:
            return reference
    return None


def owned_by(pod: Pod, kind: str) -> bool:
    """Whether an owner is of that kind of Kubernetes' own: another group may have one of the same name.

    Mirrors karpenter v1.14.0 ``IsOwnedBy`` in ``pkg/utils/pod/scheduling.go``.
    """
    for reference in pod.metadata.owner_references:
        if reference.kind == kind and reference.api_version == _VERSIONS[kind]:
            return True
    return False


def lasting(seconds: int) -> timedelta:
    """So many seconds as a pod's spec may say, where 64 bits are allowed; 292 years for more than that."""
    return timedelta(seconds=min(seconds, _MOST_SECONDS))


def is_terminal(pod: Pod) -> bool:
    return pod.status.phase in ENDED


def is_active(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in ENDED


def is_mirror(pod: Pod) -> bool:
    return names.MIRROR_POD in pod.metadata.annotations or owned_by(pod, "Node")


def is_critical(pod: Pod) -> bool:
    return pod.spec.priority_class_name in CRITICAL_PRIORITY_CLASSES


def tolerates(tolerations: tuple[Toleration, ...], taint: Taint) -> bool:
    """Kubernetes' rule: key, value and effect match; with Exists an empty key matches all; no effect is all effects."""
    return bool(tolerations) and any(_tolerates(toleration, taint) for toleration in tolerations)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    equal = toleration.operator in ("", "Equal")
    return equal and bool(toleration.key) and toleration.value == taint.value


def tolerates_all(pod: Pod, taints: tuple[Taint, ...]) -> bool:
    """Whether the pod may be scheduled onto a node with these taints (PreferNoSchedule never forbids)."""
    return all(taint.effect == "PreferNoSchedule" or tolerates(pod.spec.tolerations, taint) for taint in taints)


def tolerates_disrupted(pod: Pod) -> bool:
    return tolerates(pod.spec.tolerations, DISRUPTED)


def is_stuck_terminating(pod: Pod, now_real: datetime) -> bool:
    """``now_real`` is the wall clock: the deletion timestamp is the API server's, and so is the kubelet's grace."""
    deletion = pod.metadata.deletion_timestamp
    return deletion is not None and now_real - deletion > STUCK_AFTER


def stuck_from(pods: Iterable[Pod], now_real: datetime) -> Iterator[datetime]:
    """The instants to come (real) from which pods are stuck terminating: nothing tells of them but the clock."""
    for pod in pods:
        if pod.metadata.deletion_timestamp is not None and not is_stuck_terminating(pod, now_real):
            yield pod.metadata.deletion_timestamp + STUCK_AFTER + timedelta(microseconds=1)


def protection(pod: Pod, timeline: Timeline, now: datetime) -> Protection:
    """The do-not-disrupt annotation of the pod at ``now`` (virtual).

    A duration counts from the pod's start time; without one the pod is protected.
    """
    value = pod.metadata.annotations.get(names.DO_NOT_DISRUPT)
    if value is None:
        return UNPROTECTED
    if value == "true":
        return Protection(active=True)
    try:
        duration = parse_duration(value)
    except ValueError:
        return Protection(active=False, invalid=f"{value!r} is neither true nor a duration")
    if duration <= timedelta(0):
        return Protection(active=False, invalid=f"the duration must be positive, not {value}")
    if pod.status.start_time is None:
        return Protection(active=True)
    until = timeline.virtual(pod.status.start_time) + duration
    return Protection(active=True, until=until) if now < until else Protection(active=False, elapsed=True)


def is_evictable(pod: Pod, timeline: Timeline, now: datetime) -> bool:
    return (
        is_active(pod)
        and not tolerates_disrupted(pod)
        and not is_mirror(pod)
        and not protection(pod, timeline, now).active
    )


def is_waited_for(pod: Pod, now_real: datetime) -> bool:
    return not (is_terminal(pod) or tolerates_disrupted(pod) or is_stuck_terminating(pod, now_real) or is_mirror(pod))


def is_drainable(pod: Pod, now_real: datetime) -> bool:
    """Whether a drain takes the pod off its node, so that its volumes are waited for."""
    return not (tolerates_disrupted(pod) or is_stuck_terminating(pod, now_real) or is_mirror(pod))


def is_reschedulable(pod: Pod) -> bool:
    alive = is_active(pod) or (pod.deleting and owned_by(pod, "StatefulSet"))
    return alive and not owned_by(pod, "DaemonSet") and not is_mirror(pod)


def is_provisionable(pod: Pod) -> bool:
    if pod.spec.node_name or pod.deleting or pod.status.nominated_node_name or is_terminal(pod):
        return False
    scheduled = condition(pod.status.conditions, "PodScheduled")
    unschedulable = scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable"
    return unschedulable and not owned_by(pod, "DaemonSet") and not is_mirror(pod)


def ready_status(pod: Pod) -> str:
    """``True``, ``False``, ``Unknown``, or empty when the condition is not there."""
    found = condition(pod.status.conditions, "Ready")
    return found.status if found else ""


def requests(pod: Pod) -> Resources:
    """What the scheduler reserves for the pod, one for ``pods`` included.

    The larger of (all containers and sidecars) and (each init container with the sidecars before it), plus overhead.
    """
    running = total(amounts(container.resources.requests) for container in pod.spec.containers)
    sidecars: Resources = {}
    peaks: list[Resources] = []
    for container in pod.spec.init_containers:
        wanted = amounts(container.resources.requests)
        if container.restart_policy == "Always":
            sidecars = total((sidecars, wanted))
        else:
            peaks.append(total((sidecars, wanted)))
    result = total((largest((total((running, sidecars)), *peaks)), amounts(pod.spec.overhead)))
    result[PODS] = 1
    return result
