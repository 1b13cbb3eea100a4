"""What a run cost and how far it went: requests per replaced node, evictions by answer, the most at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from tests.e2e.auditor.log import OPERATOR
from tests.e2e.auditor.record import Record, Request
from tests.e2e.auditor.timeline import NOTHING, Standing


@dataclass(frozen=True, slots=True)
class Peak:
    """The most nodes of a pool that were in a state at once, and when first (real time, UTC)."""

    nodes: int = 0
    instant: datetime | None = None

    def or_more(self, nodes: int, instant: datetime) -> Peak:
        return Peak(nodes, instant) if nodes > self.nodes else self


@dataclass(frozen=True, slots=True)
class PoolPeaks:
    """The most disrupting, and the most alive, of one pool; and how it stood at the end."""

    disrupting: Peak = Peak()
    alive: Peak = Peak()
    last: Standing = NOTHING


def pool_peaks(record: Record, *, since: datetime | None = None) -> dict[str, PoolPeaks]:
    """The peaks by pool from ``since`` on (real time)."""
    peaks: dict[str, PoolPeaks] = {}
    for change in record.timeline.changes:
        if change.pool and (since is None or change.instant >= since):
            standing, before = change.standing, peaks.get(change.pool, PoolPeaks())
            peaks[change.pool] = PoolPeaks(
                before.disrupting.or_more(standing.disrupting, change.instant),
                before.alive.or_more(standing.alive, change.instant),
                standing,
            )
    return peaks


def replaced(record: Record, *, since: datetime | None = None) -> int:
    """How many nodes that had been initialized went away from ``since`` on (real time)."""
    entries = record.timeline.milestones.values()
    return sum(1 for entry in entries if entry.initialized and entry.gone and (since is None or entry.gone >= since))


def requests_of(record: Record, product: str = OPERATOR) -> Counter[Request]:
    """The requests of one product, by verb and resource."""
    return Counter({request: count for request, count in record.requests.items() if request.agent == product})


def by_agent(record: Record) -> Counter[str]:
    counts: Counter[str] = Counter()
    for request, count in record.requests.items():
        counts[request.agent] += count
    return counts


def evictions_by_code(record: Record) -> Counter[int]:
    return Counter(eviction.code for eviction in record.evictions)
