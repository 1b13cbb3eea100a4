"""A forecast of a large cluster, made up rather than simulated: weekly images, three pools, what is blocked, who loses
pods. The same in every run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from napsim.report.forecast import Blocked, Eviction, Forecast, Moment, Pool, Rollout, Step, Window, Workload

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
OPENS: Final = timedelta(days=3, hours=1)
WEEK: Final = timedelta(days=7)
EACH: Final = timedelta(seconds=4)  # between two nodes of a pool
REASONS: Final = ("PodDisruptionBudget", "NotAllPodsWouldSchedule")
SHARES: Final = {"default": 0.64, "spot": 0.3, "system": 0.06}
WORKLOADS: Final = 300


def image(week: int) -> str:
    return f"AKSUbuntu-2404gen2containerd-2026{week // 4 + 1:02}.{week % 4 * 7 + 1:02}.0"


def fleet(nodes: int, weeks: int) -> Forecast:
    """So many nodes, for so many weeks from March 2026 on; every node is replaced each week."""
    end = START + WEEK * weeks
    counts = {name: int(nodes * share) for name, share in SHARES.items()}
    opened = [START + OPENS + WEEK * week for week in range(weeks)]
    timeline = [moment for name, count in counts.items() for at in opened for moment in _moments(name, count, at)]
    return Forecast(
        name="fleet",
        start=START,
        until=end,
        ended_at=end,
        time_zone="Europe/Berlin",
        seed=0,
        finished_at=end - WEEK / 2,
        pools=tuple(_pool(name, count, opened) for name, count in counts.items()),
        timeline=tuple(sorted(timeline, key=lambda moment: moment.at)),
        blocked=tuple(item for name, count in counts.items() for at in opened for item in _blocked(name, count, at)),
        workloads=tuple(_workload(number, opened) for number in range(WORKLOADS)),
        windows=tuple(Window(configuration="node-os", since=at, until=at + timedelta(hours=4)) for at in opened),
    )


def _pool(name: str, count: int, opened: list[datetime]) -> Pool:
    steps = [Step(at=START, nodes=count, disrupting=0, allowed=count // 10, versions={image(0): count})]
    for week, at in enumerate(opened):
        steps += _steps(count, week, at)
    return Pool(
        name=name,
        node_class="default",
        nodes=count,
        finished_at=opened[-1] + EACH * count,
        replaced=count * len(opened),
        most_disrupting=count // 10,
        most_disrupting_at=opened[0] + EACH * (count // 10),
        allowed_then=count // 10,
        rollouts=tuple(_rollout(count, week, at) for week, at in enumerate(opened)),
        steps=tuple(steps),
    )


def _steps(count: int, week: int, at: datetime) -> Iterator[Step]:
    """One node after another, up to a tenth of them at once."""
    for done in range(1, count + 1):
        versions = {
            version: nodes for version, nodes in ((image(week), count - done), (image(week + 1), done)) if nodes
        }
        disrupting = min(done, count // 10, count - done)
        yield Step(at=at + EACH * done, nodes=count, disrupting=disrupting, allowed=count // 10, versions=versions)


def _rollout(count: int, week: int, at: datetime) -> Rollout:
    return Rollout(
        version=image(week + 1).rsplit("-", 1)[-1],
        published_at=at - timedelta(days=2),
        picked_up_at=at,
        rule="WindowOpen",
        forced=False,
        first_disrupted_at=at + EACH,
        done_at=at + EACH * count,
    )


def _moments(pool: str, count: int, at: datetime) -> Iterator[Moment]:
    yield Moment(at=at, kind="PickedUp", object="AKSNodeClass/default", reason="WindowOpen")
    for done in range(1, count + 1):
        yield Moment(at=at + EACH * done, kind="CommandStarted", object=f"NodePool/{pool}", node_pool=pool)


def _blocked(pool: str, count: int, at: datetime) -> Iterator[Blocked]:
    """Every twentieth node, for an hour."""
    for number in range(0, count, 20):
        since = at + EACH * number
        yield Blocked(
            node=f"aks-{pool}-{number:04}",
            node_pool=pool,
            reason=REASONS[number // 20 % len(REASONS)],
            message="pdb prevents pod evictions (PodDisruptionBudget=[shop/ledger])",
            since=since,
            until=since + timedelta(hours=1),
        )


def _workload(number: int, opened: list[datetime]) -> Workload:
    evictions = [
        Eviction(at=at + timedelta(minutes=minute), pods=1) for at in opened for minute in range(number % 40 + 1)
    ]
    return Workload(
        name=f"shop/Deployment/service-{number:03}",
        evicted=len(evictions),
        deleted=0,
        days=len(opened),
        most_in_an_hour=number % 40 + 1,
        evictions=tuple(evictions),
    )
