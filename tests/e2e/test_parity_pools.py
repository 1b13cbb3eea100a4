"""Eight pools at once, each with something in its way: the same from the operator on a real API server and a forecast.

Nodes are drifted, and held by budgets of nothing, when the snapshot is taken: whose turn is first is known by then, and
nothing that is slow before makes a difference. What is done afterwards, both get, at the instant at which it was done.

| Pool | Nodes | What happens |
|---|---|---|
| timed | 3 | a budget of nothing ends by its schedule, then two at once |
| narrow | 3 | the same, then one at a time |
| idle | 2 | one is empty, and goes; a minute later a budget lets drift have the other |
| static | 2 | replaced without a simulation, one at a time |
| held | 1 | a PodDisruptionBudget blocks it until that is gone |
| lost | 1 | its replacement never registers: the command is given up after ten minutes, and begins again |
| edited | 1 | its NodePool is edited while the window is closed |
| aged | 1 | its image is older than 90 days: a newer one is picked up while the window is closed |
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

import pytest

from napsim.api.scalars import write_instant
from napsim.core.trace import RecordKind
from napsim.sim.composition import Asked
from napsim.sim.scenario import Applied, Deleted, Event
from tests.e2e import manifests as m
from tests.e2e.commands import napsim
from tests.e2e.parity import FACTOR, LIVE, NO_ROOM, NOMINATED, PODS, STEPS, Twice, running, story, told_twice
from tests.e2e.rehearsal import OLD, POOL, SATURDAY_EVENING, Rehearsal, rehearsal

SIZES: Final = {"timed": 3, "narrow": 3, "idle": 2, "held": 1, "lost": 1, "edited": 1, "aged": 1}  # of a pod each
REPLICAS: Final = 2
ALL: Final = {**SIZES, "static": REPLICAS}
DRIFTED: Final = tuple(pool for pool in ALL if pool not in ("edited", "aged"))  # before the snapshot
AFTER: Final = {"timed": "2", "narrow": "1", "idle": "1", "held": "1", "lost": "1", "static": "1"}
OLDER: Final = "202510.06.0"
NEWER: Final = "202602.12.0"
OPENS_IN: Final = timedelta(minutes=3)  # 12 s of the wall clock
LASTS: Final = timedelta(minutes=13)  # the ten that a command may take, and some; at 15 its NodeClaim would go


def pool(name: str, budgets: list[m.Manifest], revision: int = 0) -> m.Manifest:
    manifest = m.pool(
        name,
        budgets,
        replicas=REPLICAS if name == "static" else None,
        node_class="aged" if name == "aged" else "default",
    )
    manifest["spec"]["template"]["metadata"] = {"annotations": {"revision": str(revision)}}
    if name == "idle":
        manifest["spec"]["disruption"] |= {"consolidateAfter": "30s", "consolidationPolicy": "WhenEmpty"}
    return manifest


def workloads() -> list[m.Manifest]:
    """Each pod fills a node; one of the two of pool idle is of a Deployment of its own."""
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "3500m"}}}
    counts = {**SIZES, "idle": 1, "leaving": 1}
    return [
        m.deployment(app, count, nodeSelector={POOL: "idle" if app == "leaving" else app}, containers=[container])
        for app, count in counts.items()
    ]


def image_2404(version: str, published_at: str) -> m.Manifest:
    made = m.image(version, published_at, "2404gen2containerd")
    made["spec"]["osSKU"] = "Ubuntu2404"
    return made


def cluster() -> list[m.Manifest]:
    """A window that is closed until Sunday."""
    timings = {step: {"fixed": f"{seconds}s"} for step, seconds in STEPS.items()}
    zero = {"nodeOS": "0s", "others": "0s"}
    return [
        m.nap(FACTOR, SATURDAY_EVENING, listCacheDuration="30s", timings=timings, seed=5, leadTimes=zero),
        m.window(),
        m.image(OLD, "2026-01-28T00:00:00Z"),
        image_2404(OLDER, "2025-10-07T00:00:00Z"),
        m.node_class(),
        m.node_class("aged", imageFamily="Ubuntu2404"),
        *(pool(name, [{"nodes": "0"}]) for name in ALL),
        *workloads(),
        m.pdb("held", minAvailable=1),
    ]


def drifted(made: Rehearsal) -> bool:
    """As many as are to be, and the empty node is known to be empty."""
    claims = [
        {it["type"]: it["status"] for it in claim.get("status", {}).get("conditions", ())}
        for claim in made.items("nodeclaims")
    ]
    marked: int = sum(conditions.get("Drifted") == "True" for conditions in claims)
    empty: int = sum(conditions.get("Consolidatable") == "True" for conditions in claims)
    return marked == sum(ALL[name] for name in DRIFTED) and empty >= 1


def prepare(made: Rehearsal) -> None:
    """Nodes, then drift; budgets of nothing keep them."""
    made.apply(*cluster())
    made.eventually("all nodes are there", lambda: all(made.versions(it).total() == ALL[it] for it in ALL), 150)
    made.eventually("all pods run", lambda: running(made) == sum(SIZES.values()), 60)
    made.apply(*(pool(name, [{"nodes": "0"}], 1) for name in DRIFTED))
    made.patch("deployment", "leaving", '{"spec": {"replicas": 0}}', "--namespace=default")
    failing = [{"kind": "NeverRegisters", "nodePools": ["lost"]}]
    made.patch("nodeautoprovisioning", "default", json.dumps({"spec": {"failures": failing}}))
    made.eventually("all are drifted, and one is empty", lambda: drifted(made), 90)


def budgets(pool: str, now: datetime, opens: datetime) -> list[m.Manifest]:
    """Nothing until then; where a node is empty, drift gets nothing for a minute more.

    Emptiness and drift of one pass each look at budgets: one that opened for both could open between the two.
    """
    later = [{**scheduled(now, opens + timedelta(minutes=1)), "reasons": ["Drifted"]}] if pool == "idle" else []
    return [scheduled(now, opens), *later, {"nodes": AFTER[pool]}]


def scheduled(now: datetime, opens: datetime) -> m.Manifest:
    """A budget of nothing that holds now and ends at ``opens``, a whole minute."""
    begins = now.replace(second=0, microsecond=0)
    minutes = round((opens - begins).total_seconds() / 60)
    return {"nodes": "0", "schedule": f"{begins.minute} {begins.hour} * * *", "duration": f"{minutes}m"}


def go(made: Rehearsal) -> tuple[list[Event], datetime]:
    """What is done after the snapshot, when; and when budgets open."""
    now = made.virtual_now()
    opens = (now + OPENS_IN).replace(second=0, microsecond=0)
    changes = [
        *(pool(name, budgets(name, now, opens), 1) for name in AFTER),
        pool("edited", [{"nodes": "1"}], 1),
        pool("aged", [{"nodes": "1"}]),
        image_2404(NEWER, write_instant(opens - timedelta(minutes=1))),
    ]
    made.apply(*changes)
    at = made.virtual_now()
    made.until_virtual(write_instant(opens + timedelta(minutes=2)))
    made.delete("pdb", "held", "--namespace=default")
    deleted = Deleted(made.virtual_now(), "PodDisruptionBudget", "held", "default")
    made.until_virtual(write_instant(opens + LASTS))
    return [*(Applied(at, change) for change in changes), deleted], opens


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Twice, datetime]:
    """And when budgets open."""
    files = tmp_path_factory.mktemp("traces")
    with rehearsal() as made:
        operator = made.operator("one", f"--trace={files / LIVE}")
        prepare(made)
        snapshot = napsim("snapshot", f"--kubeconfig={made.cluster.kubeconfig}").stdout
        events, opens = go(made)
        operator.stop()
    return told_twice(files, snapshot, Asked(opens, until=opens + LASTS), PODS, events), opens


@pytest.fixture
def twice(played: tuple[Twice, datetime]) -> Twice:
    return played[0]


@pytest.fixture
def opens(played: tuple[Twice, datetime]) -> datetime:
    return played[1]


@pytest.mark.parametrize("pool", ALL)
def test_the_same_nodes_of_a_pool_go_in_the_same_order_for_the_same_reasons(twice: Twice, pool: str) -> None:
    live, played = twice.both(RecordKind.COMMAND_STARTED, pool=pool)
    assert story(live) == story(played)
    assert len(live) == ALL[pool]


def test_the_empty_node_goes_first_and_drift_takes_the_other_when_its_own_budget_opens(
    twice: Twice, opens: datetime
) -> None:
    for started in twice.both(RecordKind.COMMAND_STARTED, pool="idle"):
        assert [it.reason for it in started] == ["Empty", "Drifted"]
        assert started[1].at >= opens + timedelta(minutes=1)


@pytest.mark.parametrize("pool", AFTER)
def test_nothing_goes_before_the_budget_of_nothing_ends(twice: Twice, opens: datetime, pool: str) -> None:
    for started in twice.both(RecordKind.COMMAND_STARTED, pool=pool):
        assert started[0].at >= opens


def test_an_image_past_90_days_is_picked_up_while_the_window_is_closed(twice: Twice) -> None:
    live, played = twice.both(RecordKind.PICKED_UP, RecordKind.WINDOW_OPENED)
    assert story(live) == story(played)
    assert [(it.object, it.reason) for it in live] == [("AKSNodeClass/aged", "ImageExpired")]


def test_an_edit_makes_nodes_drift_while_the_window_is_closed(twice: Twice) -> None:
    live, played = twice.both(RecordKind.DRIFTED)
    assert sorted(story(live)) == sorted(story(played))
    assert [it.reason for it in live] == ["NodePoolDrifted", "ImageDrift"]


def test_a_pdb_blocks_its_node_until_it_is_gone(twice: Twice) -> None:
    for told in twice.both(RecordKind.BLOCKED, RecordKind.UNBLOCKED):
        held = [it for it in told if it.reason == "PodDisruptionBudget"]
        assert [it.kind for it in held] == [RecordKind.BLOCKED, RecordKind.UNBLOCKED]
        assert held[0].message == "pdb prevents pod evictions (PodDisruptionBudget=[default/held])"


def test_a_command_whose_claim_never_registers_is_given_up_after_ten_minutes(twice: Twice) -> None:
    live, played = twice.both(RecordKind.COMMAND_ROLLED_BACK)
    assert story(live) == story(played)
    for records in (live, played):
        assert [it.details["nodePool"] for it in records] == ["lost"]
    for started, ended in zip(twice.both(RecordKind.COMMAND_STARTED, pool="lost"), (live, played), strict=True):
        assert abs(ended[0].at - started[0].at - timedelta(minutes=10)) < twice.tolerance


def test_they_end_at_the_same_time(twice: Twice) -> None:
    live, played = twice.both(RecordKind.CLAIM_GONE)
    assert {it.object for it in live} == {it.object for it in played}
    assert abs(live[-1].at - played[-1].at) < twice.tolerance


def test_trace_diff_finds_no_difference(twice: Twice) -> None:
    """But for who had no room when: a moment decides whether a candidate is looked at before a node is initialized.

    And for who was nominated for a pod: where a budget of nothing held the node since, that stood at the snapshot.
    """
    passing = [f"--ignore={kind}={reason}" for kind in ("Blocked", "Unblocked") for reason in (NO_ROOM, NOMINATED)]
    options = (f"--tolerance={twice.tolerance.total_seconds():g}s", *passing, "--output=json")
    done = napsim("trace", "diff", *twice.files, *options)
    assert (done.returncode, json.loads(done.stdout)["same"]) == (0, True), done.stdout + done.stderr
