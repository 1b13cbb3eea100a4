"""The same story twice: played by the operator on a real API server, and by a simulation of a snapshot of it.

Three pools at once: full nodes with a budget and a PodDisruptionBudget, a node that a PodDisruptionBudget holds, and a
static pool. The operator writes its trace, the simulation its own, and ``napsim trace diff`` compares them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from napsim.core.timings import Distribution
from napsim.core.trace import RecordKind
from napsim.sim.composition import Asked
from napsim.sim.scenario import PodTimings
from tests.e2e import manifests as m
from tests.e2e.commands import napsim
from tests.e2e.parity import LIVE, Twice, running, story, told_twice
from tests.e2e.rehearsal import NEW, OLD, POOL, Rehearsal, rehearsal

FACTOR: Final = 2.0
SLOW: Final = 0.5  # while all are marked as drifted: within one second, if that takes less than two
QUICK: Final = 10.0  # while nothing but the time until the image is published passes
OPENS: Final = datetime(2026, 2, 15, 1, 0, tzinfo=UTC)
PUBLISHED: Final = OPENS - timedelta(seconds=10)
TOLERANCE: Final = timedelta(seconds=60)  # 30 s of the wall clock: what requests take on a machine that is busy
FAST: Final = {
    "launch": {"fixed": "2s"},
    "registration": {"fixed": "6s"},
    "initialization": {"fixed": "3s"},
    "detach": {"fixed": "2s"},
}
AT_ONCE: Final = {"nodeOS": "0s", "others": "0s"}  # the window counts from its creation on
PODS: Final = PodTimings(Distribution(low=0.8), Distribution(low=2.0))  # KWOK's, on that clock
ROLLED_OUT: Final = {"default": 3, "quiet": 1, "static": 2}
# Nothing goes before all that drift are marked: whose turn is first does not rest on which mark was written first.
MARKED_BY: Final = {"nodes": "0", "schedule": "50 0 * * *", "duration": "11m"}
RUNS: Final = 3


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Twice, m.Manifest]:
    """Played anew where a machine that is busy took more than a second of the clock to mark the nodes of a pool.

    And what ``napsim timings`` said of the cluster at the end.
    """
    runs = (played_twice(tmp_path_factory.mktemp("traces")) for _ in range(RUNS))
    found = next((it for it in runs if is_comparable(it[0])), None)
    assert found is not None, f"in none of {RUNS} runs all of a pool that drifted were marked within one second"
    return found


def is_comparable(twice: Twice) -> bool:
    """Whether all of a pool were marked in one second, by which turns go: in a forecast that takes no time."""
    marks = (it for it in twice.live if it.kind is RecordKind.DRIFTED)
    seconds = {(it.object.rpartition("-")[0], it.at.replace(microsecond=0)) for it in marks}
    return len(seconds) == len(ROLLED_OUT)


@pytest.fixture
def twice(played: tuple[Twice, m.Manifest]) -> Twice:
    return played[0]


@pytest.fixture
def timings(played: tuple[Twice, m.Manifest]) -> m.Manifest:
    return played[1]


def played_twice(files: Path) -> tuple[Twice, m.Manifest]:
    with rehearsal() as made:
        made.apply(*cluster())
        operator = made.operator("one", f"--trace={files / LIVE}")
        made.eventually("all nodes are there", lambda: nodes(made, OLD) == {"default": 3, "quiet": 2, "static": 2})
        made.eventually("all pods run", lambda: running(made) == 8)
        snapshot = napsim("snapshot", f"--kubeconfig={made.cluster.kubeconfig}").stdout
        assert made.virtual_now() < PUBLISHED, "the snapshot has to be from before the rollout"
        made.patch("nodeautoprovisioning", "default", json.dumps({"spec": {"clock": {"factor": QUICK}}}))
        made.until_virtual((PUBLISHED - timedelta(seconds=30)).isoformat())
        for factor, until in ((FACTOR, OPENS - timedelta(seconds=3)), (SLOW, OPENS + timedelta(seconds=4))):
            made.patch("nodeautoprovisioning", "default", json.dumps({"spec": {"clock": {"factor": factor}}}))
            made.until_virtual(until.isoformat())
        made.patch("nodeautoprovisioning", "default", json.dumps({"spec": {"clock": {"factor": FACTOR}}}))
        made.eventually("the rollout is over", lambda: is_over(made))
        timings = napsim("timings", f"--kubeconfig={made.cluster.kubeconfig}", "--output=json")
        operator.stop()
    asked = Asked(OPENS, until=OPENS + timedelta(minutes=10))
    return told_twice(files, snapshot, asked, PODS), json.loads(timings.stdout)


def cluster() -> list[m.Manifest]:
    """A window that opens five minutes after the start, an image that is published right before it."""
    large, half = (
        {"name": "main", "image": "fake", "resources": {"requests": {"cpu": cpu}}} for cpu in ("3500m", "1900m")
    )
    lone = [m.deployment(name, 1, nodeSelector={POOL: "quiet"}, containers=[large]) for name in ("ledger", "free")]
    return [
        m.nap(
            factor=FACTOR,
            start="2026-02-15T00:55:00Z",
            listCacheDuration="30s",
            timings=FAST,
            seed=3,
            leadTimes=AT_ONCE,
        ),
        m.window(),
        m.image(OLD, "2026-01-28T00:00:00Z"),
        m.image(NEW, PUBLISHED.isoformat()),
        m.node_class(),
        m.pool("default", [{"nodes": "2"}, MARKED_BY]),
        m.pool("quiet", [{"nodes": "2"}, MARKED_BY]),
        m.pool("static", [{"nodes": "1"}, MARKED_BY], replicas=2),
        m.deployment("web", 6, nodeSelector={POOL: "default"}, containers=[half]),
        m.pdb("web", maxUnavailable="40%"),
        *lone,
        m.pdb("ledger", minAvailable=1),
    ]


def nodes(made: Rehearsal, version: str) -> dict[str, int]:
    return {pool: count for pool in ROLLED_OUT if (count := made.versions(pool)[version])}


def is_over(made: Rehearsal) -> bool:
    """All are new but the one that is held, and none is on its way out, or will be."""
    return nodes(made, NEW) == ROLLED_OUT and nodes(made, OLD) == {"quiet": 1} and not leaving(made)


def leaving(made: Rehearsal) -> bool:
    return any("deletionTimestamp" in claim["metadata"] for claim in made.items("nodeclaims"))


@pytest.mark.parametrize("kind", [RecordKind.WINDOW_OPENED, RecordKind.PICKED_UP])
def test_images_are_picked_up_for_the_same_reason_at_the_same_time(twice: Twice, kind: RecordKind) -> None:
    (live,), (played,) = twice.both(kind)
    assert (live.object, live.reason, live.message) == (played.object, played.reason, played.message)
    assert live.details == played.details
    assert abs(live.at - played.at) < TOLERANCE


@pytest.mark.parametrize(("pool", "count"), ROLLED_OUT.items())
def test_the_same_nodes_of_a_pool_go_in_the_same_order(twice: Twice, pool: str, count: int) -> None:
    live, played = twice.both(RecordKind.COMMAND_STARTED)
    started = [[it for it in records if it.details["nodePool"] == pool] for records in (live, played)]
    assert story(started[0]) == story(started[1])
    assert len(started[0]) == count


def test_the_same_nodes_are_blocked_for_the_same_reasons(twice: Twice) -> None:
    live, played = twice.both(RecordKind.BLOCKED)
    held = [[it.message for it in records if it.reason == "PodDisruptionBudget"] for records in (live, played)]
    assert held[0] == held[1] == ["pdb prevents pod evictions (PodDisruptionBudget=[default/ledger])"]
    assert {it[1:3] for it in story(live)} == {it[1:3] for it in story(played)}


def test_they_end_at_the_same_time(twice: Twice) -> None:
    live, played = twice.both(RecordKind.CLAIM_GONE)
    assert {record.object for record in live} == {record.object for record in played}
    assert abs(live[-1].at - played[-1].at) < TOLERANCE


def test_trace_diff_finds_no_difference(twice: Twice) -> None:
    options = (f"--tolerance={TOLERANCE.total_seconds():g}s", "--output=json")
    done = napsim("trace", "diff", *twice.files, *options)
    assert (done.returncode, json.loads(done.stdout)["same"]) == (0, True), done.stdout + done.stderr


def test_timings_tells_what_nodes_took(timings: m.Manifest) -> None:
    found = {step["step"]: step for step in timings["steps"]}
    assert set(found) == {"launch", "registration", "initialization"}
    assert {step["count"] for step in found.values()} == {7}
    assert found["launch"]["median"] == pytest.approx(2, abs=2)
    assert found["registration"]["median"] == pytest.approx(6, abs=4)
    assert "clock of its own" in timings["notes"][0]
