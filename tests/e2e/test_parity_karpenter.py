"""The forecast of each measured rollout of Karpenter's, with several seeds: as long, as broad, as uneven as its own.

No cluster is needed. It is here because it takes most of a minute, where unit tests take a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final

import pytest
from msgspec.structs import replace

from napsim.core.trace import RecordKind
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Applied
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.parity.rollouts import (
    DEPLOYMENTS,
    START,
    Rollout,
    changed_at,
    measured,
    middle,
    rollout,
    scene,
    with_seeds,
)

RUNS: Final = measured()
SEEDS: Final = 7
# What Karpenter's repeats with 20 nodes took, in seconds: the first of a cluster, and all with a budget of 100 %.
FIRST_AT_10: Final = (165, 169)
ANY_AT_100: Final = (70, 123)
CUT_AFTER: Final = timedelta(seconds=601)  # the run with 1,000 nodes was not waited for
BLOCKING: Final = "blk"


def forecast(name: str, before: Sequence[str] = (), seeds: int = SEEDS, **more: Any) -> list[Rollout]:
    """The rollout of that run, after those with these budgets, with its own times."""
    run = RUNS[name]
    *_, found = with_seeds(seeds, run.nodes, [*before, run.budget], run.timings, slower=run.slower, **more)
    return found


@pytest.mark.parametrize("name", ["n20-b10-trace", "n20-b10-rep1"])
def test_a_first_rollout_takes_as_long(name: str) -> None:
    """Within a fifth, where the two differ by 4 s: 0.1 s decides whether the next goes in this pass or 10 s later."""
    run, found = RUNS[name], forecast(name)
    assert FIRST_AT_10[0] * 0.8 < middle(found) < FIRST_AT_10[1] * 1.2
    assert min(item.finish for item in found) < run.rollout.finish < max(item.finish for item in found)
    assert all(item.most in (run.rollout.most - 1, run.rollout.most) for item in found)


@pytest.mark.parametrize(
    ("name", "before"),
    [("n20-b100-trace", ["10%"]), ("n20-b100-rep1", ["10%", "10%"]), ("n20-b100-rep2", ["10%", "10%", "100%"])],
    ids=["second", "third", "fourth"],
)
def test_a_later_one_is_within_the_spread_of_karpenter_s_own_repeats(name: str, before: list[str]) -> None:
    found = forecast(name, before)
    assert ANY_AT_100[0] <= middle(found) <= ANY_AT_100[1]
    assert all(ANY_AT_100[0] * 0.5 < item.finish < ANY_AT_100[1] * 1.1 for item in found)
    assert all(4 <= item.most <= 9 for item in found)


def test_a_second_one_with_the_same_budget_takes_less_than_the_first() -> None:
    run = RUNS["n20-b10-rep1"]
    first, second = with_seeds(SEEDS, 20, ["10%", "10%"], run.timings, slower=run.slower)
    assert middle(second) == pytest.approx(120, rel=0.15)
    assert middle(second) < middle(first)


def test_a_machine_without_time_to_spare_makes_a_first_rollout_faster() -> None:
    """Karpenter's only one at 100 % ran beside the provisioning of 1,000 nodes: its loop took twice as long, and more.

    So nodes start while it judges, and more candidates pass. It was a fast one of what the forecast holds possible.
    """
    run, busy = RUNS["n20-b100-fresh"], forecast("n20-b100-fresh")
    (quiet,) = with_seeds(SEEDS, run.nodes, [run.budget], run.timings)
    assert run.slower > 2
    assert min(item.finish for item in busy) < run.rollout.finish < max(item.finish for item in busy)
    assert middle(busy) == pytest.approx(run.rollout.finish, rel=0.3)
    assert middle(quiet) > middle(busy)


@pytest.mark.parametrize(
    ("name", "before", "off"),
    [("n100-b100", ["10%"], 0.15), ("n300-b10", [], 0.1), ("n300-b100-defqps", ["10%"], 0.15)],
    ids=["n100-b100", "n300-b10", "n300-b100"],
)
def test_larger_clusters(name: str, before: list[str], off: float) -> None:
    """Each was measured once; the 300 nodes at 100 % another time, which took 526 s instead of 572."""
    run, (found,) = RUNS[name], forecast(name, before, 1)
    assert found.finish == pytest.approx(run.rollout.finish, rel=off)
    assert abs(found.most - run.rollout.most) <= 1
    assert abs(found.polls - run.rollout.polls) <= 3


def test_the_first_ten_minutes_of_a_thousand_nodes() -> None:
    """The loop is what takes the time. Karpenter's took half as long again while another run was beside it."""
    run = RUNS["n1000-b10"]
    cut = replace(scene(run.nodes, [run.budget], run.timings), until=changed_at(0, 0) + CUT_AFTER)
    starts = seconds(simulate(cut, pods_in_trace=False), RecordKind.COMMAND_STARTED)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert median(gaps) == pytest.approx(median(run.rollout.gaps), rel=0.2)
    assert len(starts) == pytest.approx(len(run.rollout.starts), rel=0.3)


def test_room_on_other_nodes_is_used_first() -> None:
    """Seven pods a node: six nodes go without a replacement, two by two at Karpenter's polls; fourteen are replaced."""
    run = RUNS["n20-b10-slack70"]
    fewer = [Applied(START + timedelta(seconds=20), made.deployment(f"app-{each}", 14)) for each in range(DEPLOYMENTS)]
    found = forecast("n20-b10-slack70", events=fewer)
    assert min(item.finish for item in found) < run.rollout.finish < max(item.finish for item in found)
    assert middle(found) == pytest.approx(run.rollout.finish, rel=0.2)
    for item in found:
        assert item.most == run.rollout.most == 2
        assert [round(gap, -1) for gap in item.gaps[:5]] == [round(gap, -1) for gap in run.rollout.gaps[:5]]


def test_where_instances_take_half_a_minute() -> None:
    slow = {"launch": {"fixed": "35ms"}, "registration": {"fixed": "30030ms"}, "initialization": {"fixed": "0s"}}
    (found,) = with_seeds(SEEDS, 20, ["100%"], slow)
    assert all(item.finish == pytest.approx(643, rel=0.05) for item in found)
    assert all(item.most == 2 for item in found)


def test_a_static_pool_goes_two_by_two() -> None:
    run, (found,) = RUNS["static-n20-b10"], forecast("static-n20-b10", seeds=1, replicas=20)
    assert found.finish == pytest.approx(run.rollout.finish, rel=0.1)
    assert [round(gap / 11) for gap in found.gaps] == [round(gap / 11) for gap in run.rollout.gaps]
    assert found.most == run.rollout.most == 2


def test_a_static_pool_at_100_percent_goes_at_once() -> None:
    """All 200 pods at once: what sets the pace is the machine, of which the run had three quarters of a core."""
    run, found = RUNS["static-n20-b100"], forecast("static-n20-b100", replicas=20, cores=0.75)
    assert all(item.most == run.rollout.most == 20 for item in found)
    assert all(max(item.starts) - min(item.starts) < 0.2 for item in found)
    assert min(item.finish for item in found) == pytest.approx(run.rollout.finish, rel=0.1)
    assert middle(found) == pytest.approx(run.rollout.finish, rel=0.25)


# --- what blocks ------------------------------------------------------------------------------------------------------


def blocking_pdb(available: int) -> dict[str, Any]:
    return made.pdb(BLOCKING, minAvailable=available)


def with_three_more(pdb: dict[str, Any], *events: Applied, **pod: Any) -> Outcome:
    """Three small pods more, on three nodes, with that PDB."""
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "5m"}}}
    spread = {
        "topologyKey": "kubernetes.io/hostname",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": BLOCKING}},
    }
    three = made.deployment(BLOCKING, 3, containers=[container], topologySpreadConstraints=[spread], **pod)
    run = RUNS["blk-pdb"]
    made_of = scene(run.nodes, [run.budget], run.timings, others=[three, pdb], events=events)
    return simulate(replace(made_of, until=changed_at(0, 0) + timedelta(minutes=8)), pods_in_trace=False)


def seconds(outcome: Outcome, kind: RecordKind) -> list[float]:
    return [(item.at - changed_at(0, 0)).total_seconds() for item in outcome.trace if item.kind is kind]


def test_a_pdb_without_room_holds_three_nodes_until_it_has_some() -> None:
    relaxed = Applied(changed_at(0, 0) + timedelta(seconds=245), blocking_pdb(2))
    outcome = with_three_more(blocking_pdb(3), relaxed)
    starts = seconds(outcome, RecordKind.COMMAND_STARTED)
    before = [at for at in starts if at < 245]
    assert len(before) == 17
    assert before[-1] == pytest.approx(146, rel=0.25)
    assert 245 < starts[17] < 256  # the next poll
    assert outcome.finished_at is not None
    assert (outcome.finished_at - changed_at(0, 0)).total_seconds() == pytest.approx(267, rel=0.08)
    held = [item for item in outcome.blocked if item.until is not None and item.since < relaxed.at <= item.until]
    assert [item.reason for item in held] == ["PodDisruptionBudget"] * 3


def test_a_pod_that_is_not_to_be_disrupted_holds_its_node() -> None:
    outcome = with_three_more(blocking_pdb(0), annotations={"karpenter.sh/do-not-disrupt": "true"})
    starts = seconds(outcome, RecordKind.COMMAND_STARTED)
    assert len(starts) == 17
    assert 117 * 0.85 < starts[-1] < 146 * 1.15  # two of Karpenter's runs went past three such nodes
    assert outcome.finished_at is None
    held = {item.node_claim for item in outcome.blocked if item.reason == "PodDoNotDisrupt"}
    assert len(held) == 3


def test_a_pdb_that_gets_tight_after_the_decision_holds_the_drain() -> None:
    """The command is not taken back, one of the budget is used, and others go on with the rest."""
    free = with_three_more(blocking_pdb(2))
    on = {record.object for record in free.trace if record.kind is RecordKind.COMMAND_STARTED}
    assert len(on) == 20
    tight_at = changed_at(0, 0) + timedelta(seconds=seconds(free, RecordKind.COMMAND_STARTED)[3])
    tight = [Applied(tight_at, blocking_pdb(3)), Applied(tight_at + timedelta(seconds=120), blocking_pdb(2))]
    outcome = with_three_more(blocking_pdb(2), *tight)
    found = rollout(outcome, changed_at(0, 0), outcome.ended_at + timedelta(seconds=1))
    assert outcome.finished_at is not None
    assert len(found.starts) == 20
    assert found.finish < 300
