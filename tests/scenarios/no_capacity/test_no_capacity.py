"""A replacement that gets no capacity."""

from __future__ import annotations

from tests.scenarios.answers import at, forecast, pool

CAPACITY = at("2026-03-05 12:00")


def test_no_pod_is_evicted_while_there_is_no_capacity() -> None:
    instants = [eviction.at for workload in forecast(__file__).workloads for eviction in workload.evictions]
    assert len(instants) == 4
    assert min(instants) > CAPACITY


def test_what_was_begun_without_capacity_is_rolled_back() -> None:
    given_up = [moment.at for moment in forecast(__file__).timeline if moment.kind == "CommandRolledBack"]
    assert given_up
    assert max(given_up) < CAPACITY


def test_the_rollout_finishes_once_there_is_capacity() -> None:
    found = pool(forecast(__file__))
    assert found.finished_at is not None
    assert at("2026-03-05 12:51") < found.finished_at < at("2026-03-05 12:55")  # an hour after the last refusal
    assert found.replaced == 4
