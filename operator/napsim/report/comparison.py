"""What one rollout came to, as it was forecast and as it was: the same facts side by side. Instants are virtual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from napsim.report.forecast import Forecast
from napsim.report.journal import Journal
from napsim.report.times import full, span

_LABEL: Final = 24
_CELL: Final = 22
_NEVER: Final = "not"


@dataclass(frozen=True, slots=True)
class Course:
    """``most``: of each pool, the most nodes disrupted at once. ``evicted``: pods, by the Eviction API."""

    picked_up_at: datetime | None
    finished_at: datetime | None
    replaced: int
    most: Mapping[str, int]
    evicted: int


def course_of(forecast: Forecast) -> Course:
    """As it was forecast."""
    picked = [rollout.picked_up_at for pool in forecast.pools for rollout in pool.rollouts]
    return Course(
        min(picked, default=None),
        forecast.finished_at,
        sum(pool.replaced for pool in forecast.pools),
        {pool.name: pool.most_disrupting for pool in forecast.pools},
        sum(workload.evicted for workload in forecast.workloads),
    )


def course_seen(journal: Journal, evicted: int) -> Course:
    """As it was, by what was seen of it."""
    picked_up_at = journal.pickups[0].at if journal.pickups else None
    return Course(picked_up_at, journal.finished_at, journal.replaced, journal.most, evicted)


def compared(forecast: Course, actual: Course) -> Iterator[str]:
    """A table, at most 80 columns wide."""
    yield f"{'':{_LABEL}}{'forecast':<{_CELL}}actual"
    yield _instants("picked up at", forecast.picked_up_at, actual.picked_up_at)
    yield _instants("finished at", forecast.finished_at, actual.finished_at)
    yield _numbers("nodes replaced", forecast.replaced, actual.replaced)
    for pool in sorted({*forecast.most, *actual.most}):
        yield _numbers(f"most at once, {pool}", forecast.most.get(pool, 0), actual.most.get(pool, 0))
    yield _numbers("pods evicted", forecast.evicted, actual.evicted)


def _instants(name: str, forecast: datetime | None, actual: datetime | None) -> str:
    told, was = (full(at) if at is not None else _NEVER for at in (forecast, actual))
    apart = ""
    if forecast is not None and actual is not None and told != was:
        length = span(abs(actual - forecast))
        apart = f"  {length} {'later' if actual > forecast else 'earlier'}"
    return _row(name, told, f"{was}{apart}")


def _numbers(name: str, forecast: int, actual: int) -> str:
    apart = f"  {actual - forecast:+d}" if actual != forecast else ""
    return _row(name, str(forecast), f"{actual}{apart}")


def _row(name: str, forecast: str, actual: str) -> str:
    return f"{name:<{_LABEL}}{forecast:<{_CELL}}{actual}"
