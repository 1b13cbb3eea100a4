"""The weekend-only budget that leaves 80 hours a week unlimited."""

from __future__ import annotations

from napsim.api.names import MAX_INT32
from tests.scenarios.answers import at, forecast, pool


def test_all_nodes_go_at_once_in_a_weeknight() -> None:
    found = pool(forecast(__file__))
    assert found.nodes == found.replaced == found.most_disrupting == 10
    assert found.allowed_then == MAX_INT32
    assert at("2026-03-04 16:00") <= (found.finished_at or at("2030-01-01")) < at("2026-03-05 08:00")
