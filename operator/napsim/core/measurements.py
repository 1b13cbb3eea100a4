"""How long the steps of nodes and pods took, as a cluster's own objects and events tell.

Policy: napsim's own. Conditions are dated to the second, so a step of less than that shows as 0 or 1 s.

| Step | From | To |
|---|---|---|
| launch | NodeClaim created | its condition Launched |
| registration | Launched | Registered |
| initialization | Registered | Initialized |
| detach | event Drained of a NodeClaim | event RemovingNode of its Node |
| podStart | condition PodScheduled of a pod | Ready |

A pod that turned ready an hour or more after it was bound has lost its readiness in between, and does not count; those
of DaemonSets are waited for by nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.api.scalars import write_duration
from napsim.core.instances import node_name
from napsim.core.lifecycle import created_at
from napsim.core.objects import NodeClaim, Pod, condition
from napsim.core.pods import owned_by
from napsim.core.timings import STEPS

MEASURED_STEPS: Final = (*STEPS, "podStart")
MOST_VALUES: Final = 50
_LOST_READINESS: Final = timedelta(hours=1)
_MILESTONES: Final = (names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION)


@dataclass(frozen=True, slots=True)
class Said:
    """An event about a NodeClaim or a Node."""

    kind: str
    name: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Measurement:
    """One step: how long it took each time, in seconds, ascending."""

    step: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return self.quantile(0.5)

    @property
    def p95(self) -> float:
        """Seconds."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float:
        """The least number of seconds that so large a share (0..1) does not exceed."""
        return self.seconds[max(math.ceil(share * len(self.seconds)) - 1, 0)]

    def values(self) -> tuple[float, ...]:
        """All, or as many quantiles as a timing may have values."""
        if len(self.seconds) <= MOST_VALUES:
            return self.seconds
        return tuple(self.quantile((position + 0.5) / MOST_VALUES) for position in range(MOST_VALUES))

    def timing(self) -> Mapping[str, object]:
        """As ``spec.timings`` takes it: what was measured, one value as likely as another."""
        shown = [_duration(value) for value in self.values()]
        if len(set(shown)) == 1:
            return {"fixed": shown[0]}
        return {"distribution": "observed", "values": shown}


def _duration(seconds: float) -> str:
    return write_duration(timedelta(milliseconds=round(seconds * 1000)))


def measured(claims: Iterable[NodeClaim], pods: Iterable[Pod], events: Iterable[Said]) -> tuple[Measurement, ...]:
    """Every step that was seen at least once, in the order of a node's life."""
    found: dict[str, list[float]] = {step: [] for step in MEASURED_STEPS}
    for claim in claims:
        for step, seconds in _of_claim(claim):
            found[step].append(seconds)
    found["detach"] += _detached(tuple(events))
    found["podStart"] += [took for took in map(_started, pods) if took is not None]
    return tuple(Measurement(step, tuple(sorted(seconds))) for step, seconds in found.items() if seconds)


def _of_claim(claim: NodeClaim) -> Iterator[tuple[str, float]]:
    """Up to the first step that has not ended, or is dated before the one before it."""
    created = claim.metadata.creation_timestamp
    since = created_at(claim, created) if created is not None else None
    for step, type_ in zip(STEPS, _MILESTONES, strict=False):
        reached = condition(claim.status.conditions, type_)
        at = reached.last_transition_time if reached is not None and reached.status == "True" else None
        if since is None or at is None or at < since:
            return
        yield step, (at - since).total_seconds()
        since = at


def _detached(events: Sequence[Said]) -> Iterator[float]:
    gone = {event.name: event.at for event in events if (event.kind, event.reason) == ("Node", "RemovingNode")}
    for event in events:
        if (event.kind, event.reason) == ("NodeClaim", names.DRAINED):
            at = gone.get(node_name(event.name)) or gone.get(event.name)
            if at is not None and at >= event.at:
                yield (at - event.at).total_seconds()


def _started(pod: Pod) -> float | None:
    bound, ready = (condition(pod.status.conditions, type_) for type_ in ("PodScheduled", names.READY))
    if bound is None or ready is None or ready.status != "True" or owned_by(pod, "DaemonSet"):
        return None
    since, at = bound.last_transition_time, ready.last_transition_time
    if since is None or at is None or not timedelta(0) <= at - since < _LOST_READINESS:
        return None
    return (at - since).total_seconds()
