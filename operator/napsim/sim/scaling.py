"""Which pods of a ReplicaSet go when there are more than it wants.

Mirrors kubernetes v1.36 ``pkg/controller/controller_utils.go`` (``ActivePodsWithRanks``) and
``pkg/controller/replicaset`` (``getPodsToDelete``). Left out: restarts of containers, which nobody counts here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.core.objects import Pod, condition

_MICROSECOND: Final = timedelta(microseconds=1)
_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}
_Turn = tuple[bool, int, bool, int, int, int, str]


def surplus(active: Iterable[Pod], wanted: int, now: datetime) -> list[Pod]:
    """Those of the active pods that go, the first to go first.

    On no node before on one; pending before running; unready before ready; cheap before dear (annotation
    ``controller.kubernetes.io/pod-deletion-cost``); those on the node with the most of them; the younger ones, where
    ages that are alike count as one; then by uid.
    """
    pods = list(active)
    on_node = Counter(pod.spec.node_name for pod in pods)
    ranked = sorted(pods, key=lambda pod: _turn(pod, on_node[pod.spec.node_name], now))
    return ranked[: max(len(pods) - wanted, 0)]


def _turn(pod: Pod, beside: int, now: datetime) -> _Turn:
    ready = condition(pod.status.conditions, names.READY)
    is_ready = ready is not None and ready.status == "True"
    since = ready.last_transition_time if ready is not None and is_ready else pod.metadata.creation_timestamp
    phase = _PHASES.get(pod.status.phase, 0)
    return bool(pod.spec.node_name), phase, is_ready, _cost(pod), -beside, _age(since, now), pod.metadata.uid


def _cost(pod: Pod) -> int:
    """Fails open, as upstream: what is no number costs nothing."""
    text = pod.metadata.annotations.get(names.POD_DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def _age(since: datetime | None, now: datetime) -> int:
    """The whole part of the binary logarithm of its nanoseconds; -1 for none."""
    nanoseconds = (now - since) // _MICROSECOND * 1000 if since is not None else 0
    return nanoseconds.bit_length() - 1 if nanoseconds > 0 else -1
