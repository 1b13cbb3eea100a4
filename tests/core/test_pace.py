"""How long Karpenter's loop takes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from napsim.core.pace import MEASURED


@pytest.mark.parametrize(("nodes", "before", "each"), [(20, 38, 15), (100, 150, 41), (300, 430, 107)])
def test_a_pass_and_each_further_candidate_take_longer_with_more_nodes(nodes: int, before: float, each: float) -> None:
    assert MEASURED.of_pass(nodes) / timedelta(milliseconds=1) == pytest.approx(before, rel=0.05)
    assert MEASURED.of_simulation(nodes) / timedelta(milliseconds=1) == pytest.approx(each, rel=0.05)
