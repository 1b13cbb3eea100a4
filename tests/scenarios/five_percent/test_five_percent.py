"""Five per cent of ten nodes."""

from __future__ import annotations

from datetime import timedelta

from tests.scenarios.answers import forecast, pool


def test_a_percentage_is_rounded_up_to_one_node_at_a_time() -> None:
    found = pool(forecast(__file__))
    assert found.nodes == found.replaced == 10
    assert (found.most_disrupting, found.allowed_then) == (1, 1)


def test_ten_nodes_one_after_another_take_more_than_ten_minutes() -> None:
    found = pool(forecast(__file__))
    (rollout,) = found.rollouts
    assert rollout.done_at is not None
    assert timedelta(minutes=10) < rollout.done_at - rollout.picked_up_at < timedelta(minutes=20)
