"""Disruption budgets: one rollout over pools with budgets of every form, judged by the auditor from the audit log.

All pools of a cluster roll out at the same time, and each test looks at its own. The auditor finds at no instant more
disrupted nodes than allowed; what a test adds is the other half, that so many really were disrupted at once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.auditor import BudgetNeverExceeded, NoDoubleWork, NothingLeaked, Record
from tests.e2e.auditor.statistics import pool_peaks
from tests.e2e.auditor.timeline import Milestones
from tests.e2e.rehearsal import DRIFT, NEW, OLD, POOL, UNFORESEEABLE_SECONDS, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
BROKEN: Final = "61 * * * *"
ACTIVE_MINUTES: Final = 6
PATIENCE_SECONDS: Final = 240.0
FACTOR: Final = 20
TIMINGS: Final = {
    "launch": {"fixed": "40s"},
    "registration": {"fixed": "20s"},
    "initialization": {"fixed": "2s"},
    "detach": {"fixed": "2s"},
}  # a replacement takes 3 s, most of them to be launched: long enough to see who waits for whom, and far from half a
# minute, after which a command is given up on that clock

DYNAMIC: Final = {"tenth": (12, [{"nodes": "10%"}])}
STATIC: Final[dict[str, tuple[int, list[m.Manifest]]]] = {
    "zero": (2, [{"nodes": "0"}]),
    "empty-only": (3, [{"nodes": "0", "reasons": ["Empty"]}]),
    "drifted-too": (2, [{"nodes": "0", "reasons": ["Drifted"]}, {"nodes": "100%"}]),
    "several": (4, [{"nodes": "75%"}, {"nodes": "3"}, {"nodes": "1", "reasons": ["Drifted"]}]),
    "broken": (2, [{"nodes": "100%"}, {"nodes": "1", "schedule": BROKEN, "duration": "1h", "reasons": ["Empty"]}]),
    "roomy": (6, [{"nodes": "4"}]),
    "limited": (4, [{"nodes": "100%"}]),
    "scheduled": (6, []),  # gets its schedule when the clock's time is known
}
NODES: Final = {name: nodes for name, (nodes, _) in (DYNAMIC | STATIC).items()}
STAYING: Final = ("zero", "drifted-too", "broken")
GOING: Final = tuple(name for name in NODES if name not in STAYING)


@dataclass(slots=True)
class Rollout:
    """The cluster, and when (virtual) the scheduled budget is active."""

    world: Rehearsal
    active_from: datetime
    active_until: datetime

    def done(self, pool: str) -> Record:
        """What happened, once every node of the pool is new and the pool at rest at its size."""
        size = NODES[pool]
        self.world.eventually(f"{pool} on {NEW}", lambda: self.world.versions(pool) == {NEW: size}, PATIENCE_SECONDS)
        self.world.eventually(f"{pool} at rest", lambda: len(self.claims(pool)) == size, PATIENCE_SECONDS)
        return self.world.record()

    def claims(self, pool: str) -> list[m.Manifest]:
        return self.world.claims(pool)

    def allowed_by_schedule(self, _pool: str, _reason: str, _total: int, at: datetime) -> int | None:
        return 1 if self.active_from <= at < self.active_until else None

    def violations(self, record: Record, pool: str, budget: str | Callable[..., int | None]) -> str:
        rule = BudgetNeverExceeded({pool: budget}, self.world.virtual_line(), UNFORESEEABLE_SECONDS)
        return "\n".join(map(str, rule.check(record)))


@pytest.fixture(scope="module")
def rollout() -> Iterator[Rollout]:
    """All pools full of old nodes, and then a new image; there is no window, so it is picked up at once.

    Static pools get their budgets when all of their nodes have drifted, so that one pass sees all of them.
    """
    with rehearsal() as world:
        world.apply(m.nap(FACTOR, listCacheDuration="30s"), m.node_class(), m.image(OLD, PUBLISHED))
        world.apply(*(m.pool(name, budgets) for name, (_, budgets) in DYNAMIC.items()), *map(_filling, DYNAMIC))
        world.apply(*(_static(name, [{"nodes": "0"}]) for name in STATIC))
        world.operator()
        world.eventually("all nodes are there", lambda: all(_full(world, name) for name in NODES), PATIENCE_SECONDS)
        world.apply(m.nap(FACTOR, listCacheDuration="30s", timings=TIMINGS), m.image(NEW))
        drifted = {"ImageDrift"}
        world.eventually(
            "they drift", lambda: all(_drifts(world, name) == drifted for name in STATIC), PATIENCE_SECONDS
        )
        active_from = world.virtual_now().replace(second=0, microsecond=0)
        daily = {"schedule": f"{active_from.minute} {active_from.hour} * * *", "duration": f"{ACTIVE_MINUTES}m"}
        budgets = {name: budgets for name, (_, budgets) in STATIC.items()} | {"scheduled": [{"nodes": "1", **daily}]}
        world.apply(*(_static(name, budgets[name]) for name in STATIC))
        yield Rollout(world, active_from, active_from + timedelta(minutes=ACTIVE_MINUTES))


def _static(name: str, budgets: list[m.Manifest]) -> m.Manifest:
    pool = m.pool(name, budgets, replicas=NODES[name])
    if name == "limited":
        pool["spec"]["limits"] = {"nodes": str(NODES[name] + 2)}
    return pool


def _filling(pool: str) -> m.Manifest:
    """A deployment of which each pod fills a node of the pool."""
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "3500m"}}}
    return m.deployment(pool, NODES[pool], nodeSelector={POOL: pool}, containers=[container])


def _full(world: Rehearsal, pool: str) -> bool:
    return world.versions(pool) == {OLD: NODES[pool]}


def _entries(record: Record, pool: str) -> list[Milestones]:
    """The milestones of the nodes that were replaced, in the order of their turn."""
    entries = [item for item in record.timeline.milestones.values() if item.pool == pool and item.tainted]
    return sorted(entries, key=lambda item: str(item.tainted))


def _stand_ins(record: Record, pool: str) -> list[Milestones]:
    return [item for item in record.timeline.milestones.values() if item.pool == pool and item.replaces]


# --- numbers and percentages -----------------------------------------------------------------------------------------


def test_ten_percent_of_twelve_nodes_are_two_at_once(rollout: Rollout) -> None:
    record = rollout.done("tenth")
    assert not rollout.violations(record, "tenth", "10%")
    assert pool_peaks(record)["tenth"].disrupting.nodes == 2, "rounded up, and used"


def test_a_dynamic_pool_starts_one_command_at_a_time(rollout: Rollout) -> None:
    """The next one starts when the replacement of the one before has been launched, with budget left or not."""
    record = rollout.done("tenth")
    launched = {item.replaces: item.launched for item in _stand_ins(record, "tenth")}
    gone = _entries(record, "tenth")
    assert len(gone) == NODES["tenth"]
    for earlier, later in itertools.pairwise(gone):
        assert str(later.tainted) > str(launched[earlier.claim])


@pytest.mark.row("karpenter:E04", "nap:E4")
def test_a_budget_of_zero_keeps_drifted_nodes(rollout: Rollout) -> None:
    for other in GOING:
        rollout.done(other)
    record = rollout.world.record()
    assert rollout.world.versions("zero") == {OLD: NODES["zero"]}
    assert _drifts(rollout.world, "zero") == {"ImageDrift"}
    assert pool_peaks(record)["zero"].disrupting.nodes == 0
    assert _says(rollout.world, "zero", "No allowed disruptions for disruption reason Drifted due to blocking budget")


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_scheduled_budget_restricts_only_while_it_is_active(rollout: Rollout) -> None:
    record = rollout.done("scheduled")
    assert not rollout.violations(record, "scheduled", rollout.allowed_by_schedule)

    to_virtual = rollout.world.virtual_line()
    changes = [item for item in record.timeline.changes if item.pool == "scheduled" and item.chosen]
    inside = [item for item in changes if to_virtual(item.instant) < rollout.active_until]
    outside = [item for item in changes if to_virtual(item.instant) >= rollout.active_until]
    assert max(item.standing.disrupting for item in inside) == 1, "while active it allows one"
    assert max(item.standing.disrupting for item in outside) > 1, "outside nothing limits"


@pytest.mark.row("karpenter:R10")
def test_a_schedule_that_cannot_be_read_allows_nothing_and_is_named(rollout: Rollout) -> None:
    """The broken budget is for another reason, and another budget would allow all: it fails closed nevertheless."""
    world = rollout.world
    for other in GOING:
        rollout.done(other)
    assert world.versions("broken") == {OLD: NODES["broken"]}
    assert _drifts(world, "broken") == {"ImageDrift"}
    assert pool_peaks(world.record())["broken"].disrupting.nodes == 0
    (pool,) = [item for item in world.nap()["pools"] if item["name"] == "broken"]
    assert (pool["allowed"], pool["drifted"]) == (0, NODES["broken"])

    def named(text: str) -> bool:
        return "budgets[1]" in text and BROKEN in text and "minute" in text

    conditions = world.get("nodepool", "broken")["status"]["conditions"]
    assert [item["type"] for item in conditions if named(item["message"])], conditions
    assert [item for item in world.events("InvalidBudget") if named(item["note"])]


# --- reasons and several budgets -------------------------------------------------------------------------------------


def test_a_zero_for_empty_nodes_does_not_hold_back_drift(rollout: Rollout) -> None:
    record = rollout.done("empty-only")
    assert pool_peaks(record)["empty-only"].disrupting.nodes == NODES["empty-only"], "no budget for drift, no limit"


def test_a_zero_for_drifted_nodes_does(rollout: Rollout) -> None:
    for other in GOING:
        rollout.done(other)
    assert rollout.world.versions("drifted-too") == {OLD: NODES["drifted-too"]}
    assert pool_peaks(rollout.world.record())["drifted-too"].disrupting.nodes == 0


def test_of_several_budgets_the_smallest_counts(rollout: Rollout) -> None:
    record = rollout.done("several")
    assert not rollout.violations(record, "several", "1")
    assert len(_entries(record, "several")) == NODES["several"]


# --- static pools ----------------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:S01")
def test_a_static_pool_starts_several_commands_in_one_pass_and_keeps_its_size(rollout: Rollout) -> None:
    record = rollout.done("roomy")
    assert not rollout.violations(record, "roomy", "4")
    assert pool_peaks(record)["roomy"].disrupting.nodes == 4

    first = _entries(record, "roomy")[:4]
    launched = min(str(item.launched) for item in _stand_ins(record, "roomy"))
    assert all(str(item.tainted) < launched for item in first), "all four before any of their replacements"
    assert _least(record, "roomy") == NODES["roomy"], "never fewer nodes than replicas"


@pytest.mark.row("karpenter:S06")
def test_a_static_pool_keeps_below_its_limit(rollout: Rollout) -> None:
    """Four may go, but the limit leaves room for two replacements beside the four nodes."""
    record = rollout.done("limited")
    assert pool_peaks(record)["limited"].disrupting.nodes == 2
    assert _most_claims(record, "limited") == NODES["limited"] + 2
    assert len(_entries(record, "limited")) == NODES["limited"]


# --- all of them -----------------------------------------------------------------------------------------------------


def test_the_whole_rollout_is_sound(rollout: Rollout) -> None:
    for pool in GOING:
        rollout.done(pool)
    rollout.world.await_rest(NODES)
    record = rollout.world.record()
    budgets: dict[str, Any] = {
        "tenth": "10%",
        "zero": "0",
        "scheduled": rollout.allowed_by_schedule,
        "drifted-too": "0",
        "several": "1",
        "broken": "0",
        "roomy": "4",
    }
    rules = (
        BudgetNeverExceeded(budgets, rollout.world.virtual_line(), UNFORESEEABLE_SECONDS),
        NoDoubleWork(),
        NothingLeaked(NODES),
    )
    found = [str(item) for rule in rules for item in rule.check(record)]
    assert not found, "\n".join(found)


def _drifts(world: Rehearsal, pool: str) -> set[str]:
    nodes = world.items("nodes", f"--selector={POOL}={pool}")
    return {node["metadata"]["labels"].get(DRIFT, "") for node in nodes}


def _says(world: Rehearsal, pool: str, message: str) -> bool:
    blocked = world.events("DisruptionBlocked")
    return any(item["regarding"]["name"] == pool and re.fullmatch(message, item["note"]) for item in blocked)


def _least(record: Record, pool: str) -> int:
    """The fewest initialized nodes of the pool, from when it was full on; those being drained still count."""
    totals = [item.standing.total for item in record.timeline.changes if item.pool == pool]
    return min(totals[totals.index(NODES[pool]) :])


def _most_claims(record: Record, pool: str) -> int:
    """The most NodeClaims of the pool that existed at once."""
    entries = [item for item in record.timeline.milestones.values() if item.pool == pool]
    born = [str(item.created) for item in entries]
    return max(sum(1 for it in entries if str(it.created) <= at and not (it.gone and str(it.gone) < at)) for at in born)
