"""Conditions of NodeClaims as metrics: how many there are in each status, for how long, and how they turn.

Mirrors the status metrics of operatorpkg, by which karpenter v1.14.0 serves ``operator_nodeclaim_status_condition_*``.
Policy: a series for each pool and class, not for each NodeClaim: sums of counts and maxima of times are the same.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Counter, Histogram

from napsim.api import names
from napsim.core.objects import Condition, NodeClaim

Labels = tuple[str, ...]

COUNT: Final = "operator_nodeclaim_status_condition_count"
CURRENT: Final = "operator_nodeclaim_status_condition_current_status_seconds"
TRANSITIONS: Final = "operator_nodeclaim_status_condition_transitions_total"
TRANSITION: Final = "operator_nodeclaim_status_condition_transition_seconds"


@dataclass(slots=True)
class StatusConditions:
    """``on_claim`` takes every change, as the informer tells it, while this process leads."""

    transitions: Counter
    seconds: Histogram

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None, now: datetime) -> None:
        """``now`` is virtual."""
        if old is None or new is None or old.status.conditions == new.status.conditions:
            return
        before = {item.type: item for item in old.status.conditions}
        after = {item.type: item for item in new.status.conditions}
        of = _of(new)
        for item in after.values():
            if item.type not in before or before[item.type].status != item.status:
                self.transitions.labels(item.type, item.status, item.reason, *of).inc()
        for item in before.values():
            if item.type not in after or after[item.type].status != item.status:
                ended = after[item.type].last_transition_time if item.type in after else None
                self._left(item, ended or now, of)

    def _left(self, item: Condition, ended: datetime, of: Labels) -> None:
        if item.last_transition_time is not None:
            took = (ended - item.last_transition_time).total_seconds()
            self.seconds.labels(item.type, item.status, *of).observe(max(took, 0.0))


def standing(claims: Iterable[NodeClaim], now: datetime) -> Iterator[tuple[str, float, Labels]]:
    """Metric, value and label values of all that stand now; ``now`` is virtual."""
    counts: Count[Labels] = Count()
    longest: dict[Labels, float] = {}
    for claim in claims:
        of = _of(claim)
        for item in claim.status.conditions:
            key = (item.type, item.status, item.reason, *of)
            counts[key] += 1
            if item.last_transition_time is not None:
                age = (now - item.last_transition_time).total_seconds()
                longest[key] = max(longest.get(key, 0.0), age)
    yield from ((COUNT, float(count), key) for key, count in sorted(counts.items()))
    yield from ((CURRENT, age, key) for key, age in sorted(longest.items()))


def _of(claim: NodeClaim) -> Labels:
    return claim.metadata.labels.get(names.NODEPOOL, ""), claim.spec.node_class_ref.name
