"""A forecast of what Karpenter itself was measured at: one rollout of each sort. All of them: tests/e2e."""

from __future__ import annotations

import pytest

from tests.parity.rollouts import Measured, Rollout, measured, played, scene

RUNS = measured()
FULL = ("n20-b10-trace", "n20-b10-rep1", "n20-b100-fresh", "n20-b100-trace", "n20-b100-rep1", "n20-b100-rep2")
SLOW_START = {"launch": {"fixed": "35ms"}, "registration": {"fixed": "30030ms"}, "initialization": {"fixed": "0s"}}


def is_a_gap_of_karpenters(gap: float) -> bool:
    """A second after a command, or at the next poll after that; plus what it takes to judge the candidates."""
    return 1 < gap < 2.2 or 10 < gap < 12


@pytest.fixture(scope="module")
def rollouts() -> list[Rollout]:
    """On a fresh cluster with a budget of 10 %, then with one of 100 %."""
    return played(scene(20, ["10%", "100%"], RUNS["n20-b10-trace"].timings), 2)


@pytest.mark.parametrize("run", FULL)
def test_karpenter_looks_a_second_after_a_command_or_at_its_poll(run: str) -> None:
    assert all(map(is_a_gap_of_karpenters, RUNS[run].rollout.gaps))


def test_a_forecast_looks_when_karpenter_does(rollouts: list[Rollout]) -> None:
    assert all(is_a_gap_of_karpenters(gap) for found in rollouts for gap in found.gaps)


def test_the_first_command_comes_at_the_next_poll(rollouts: list[Rollout]) -> None:
    assert all(0 < found.starts[0] < 10.5 for found in rollouts)


def test_a_first_rollout_waits_for_most_of_its_replacements(rollouts: list[Rollout]) -> None:
    run: Measured = RUNS["n20-b10-trace"]
    assert rollouts[0].finish == pytest.approx(run.rollout.finish, rel=0.25)
    assert abs(rollouts[0].polls - run.rollout.polls) <= 4
    assert rollouts[0].most == run.rollout.most == 3


def test_a_later_rollout_waits_for_few(rollouts: list[Rollout]) -> None:
    """The pods of a node are of one age by then, so that fewer candidates are refused."""
    assert 40 < rollouts[1].finish < 123  # Karpenter's own took 70 to 106 s
    assert rollouts[1].polls <= 8
    assert 4 <= rollouts[1].most <= 9


def test_where_instances_take_half_a_minute_they_come_one_after_another() -> None:
    (found,) = played(scene(20, ["100%"], SLOW_START), 1)
    assert found.finish == pytest.approx(643, rel=0.05)
    assert found.most == 2
    assert all(gap == pytest.approx(31.6, abs=0.6) for gap in found.gaps)
