"""When a refused eviction is tried again: 0.1 s after the first refusal, twice as long each time, up to 10 s."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.retries import KARPENTER

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def tries(until: datetime) -> list[datetime]:
    """All of them, one by one."""
    found, wait = [NOON], KARPENTER.first
    while found[-1] <= until:
        found.append(found[-1] + wait)
        wait = min(wait * 2, KARPENTER.longest)
    return found


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0, 0.1), (0.05, 0.1), (0.1, 0.3), (0.5, 0.7), (6, 6.3), (6.3, 12.7), (12.7, 22.7), (30, 32.7), (1000, 1002.7)],
)
def test_the_next_try_is_the_first_that_comes(now: float, expected: float) -> None:
    assert KARPENTER.next_at(NOON, after(now)) == after(expected)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(minutes=5)))
def test_tries_that_are_left_out_count(waited: timedelta) -> None:
    now = NOON + waited
    assert KARPENTER.next_at(NOON, now) == next(at for at in tries(now) if at > now)


def test_whoever_is_due_first_gets_the_room_and_among_equals_who_waits_longest() -> None:
    waiting = [("a", after(0)), ("b", after(3)), ("c", after(0))]
    assert KARPENTER.turns(waiting, 1, after(5)) == [(after(6.1), "b")]
    assert KARPENTER.turns(waiting, 2, after(5)) == [(after(6.1), "b"), (after(6.3), "a")]
    assert [pod for _, pod in KARPENTER.turns(waiting, None, after(5))] == ["b", "a", "c"]
