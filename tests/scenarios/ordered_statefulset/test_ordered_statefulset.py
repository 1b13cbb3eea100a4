"""A StatefulSet whose members start one after another."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from tests.scenarios.answers import blocked, forecast, pool


def test_a_member_is_evicted_only_once_the_one_before_is_ready() -> None:
    (db,) = forecast(__file__).workloads
    assert db.name == "shop/StatefulSet/db"
    instants = [eviction.at for eviction in db.evictions]
    assert len(instants) == 3
    assert all(later - earlier >= timedelta(minutes=10) for earlier, later in pairwise(instants))


def test_the_disruption_budget_holds_back_what_the_pool_would_allow() -> None:
    found = forecast(__file__)
    assert found.finishes
    assert blocked(found, "PodDisruptionBudget")
    assert pool(found).most_disrupting < 3
