"""The queue of keys to reconcile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from napsim.controllers.clock import VirtualClock
from napsim.controllers.executor import Retry
from napsim.core.clock import Timeline
from napsim.live.clock import wall_clock
from napsim.live.workqueue import Workqueue
from napsim.live.writer import NotLeader

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Looks:
    """A reconciler that notes its keys and does on cue what ``script`` says for each."""

    def __init__(self, clock: VirtualClock, workers: int = 4) -> None:
        self.keys: list[str] = []
        self.at: list[datetime] = []
        self.running: set[str] = set()
        self.most = 0
        self.clock = clock
        self.script: Callable[[str], Awaitable[datetime | None]] = self.nothing
        self.queue = Workqueue("test", self.reconcile, clock, lambda: 0.0, workers=workers)

    async def nothing(self, key: str) -> datetime | None:
        return None

    async def reconcile(self, key: str) -> datetime | None:
        assert key not in self.running
        self.keys.append(key)
        self.at.append(self.clock.now())
        self.running.add(key)
        self.most = max(self.most, len(self.running))
        try:
            return await self.script(key)
        finally:
            self.running.discard(key)

    async def until_idle(self) -> None:
        while not self.queue.idle:  # noqa: ASYNC110 - the queue tells nobody that it is idle
            await asyncio.sleep(0)

    async def until(self, looks: int) -> None:
        async with asyncio.timeout(5):
            while len(self.keys) < looks:  # noqa: ASYNC110 - plain polling is easier to read here
                await asyncio.sleep(0.0005)


def fast() -> VirtualClock:
    """A second lasts a millisecond."""
    return VirtualClock(wall_clock, Timeline(wall_clock(), NOW, 1000.0))


def run(scenario: Callable[[Looks], Awaitable[None]], workers: int = 4) -> None:
    async def main() -> None:
        looks = Looks(fast(), workers)
        looks.queue.resume()
        await scenario(looks)
        looks.queue.pause()
        await looks.queue.drain()

    asyncio.run(main())


def test_a_key_that_is_waiting_is_looked_at_once() -> None:
    async def scenario(looks: Looks) -> None:
        for key in ("a", "b", "a"):
            looks.queue.add(key)
        await looks.until_idle()
        assert looks.keys == ["a", "b"]

    run(scenario)


def test_a_key_that_changes_while_it_is_looked_at_is_looked_at_once_more_and_never_twice_at_a_time() -> None:
    async def scenario(looks: Looks) -> None:
        gate = asyncio.Event()

        async def hold(key: str) -> datetime | None:
            await gate.wait()
            return None

        looks.script = hold
        looks.queue.add("a")
        await looks.until(1)
        for _ in range(3):
            looks.queue.add("a")
        assert len(looks.queue) == 1
        gate.set()
        await looks.until_idle()
        assert looks.keys == ["a", "a"]

    run(scenario)


def test_no_more_keys_are_looked_at_at_a_time_than_there_are_workers() -> None:
    async def scenario(looks: Looks) -> None:
        async def slow(key: str) -> datetime | None:
            await asyncio.sleep(0.001)
            return None

        looks.script = slow
        for number in range(7):
            looks.queue.add(str(number))
        await looks.until_idle()
        assert looks.most == 2
        assert looks.keys == [str(number) for number in range(7)]

    run(scenario, workers=2)


def test_a_key_comes_back_at_the_virtual_instant_that_its_look_named() -> None:
    async def scenario(looks: Looks) -> None:
        due = NOW + 30 * SECOND

        async def once(key: str) -> datetime | None:
            return due if len(looks.keys) == 1 else None

        looks.script = once
        looks.queue.add("a")
        await looks.until(2)
        assert looks.at[1] >= due

    run(scenario)


def test_of_two_instants_the_earlier_one_counts() -> None:
    async def scenario(looks: Looks) -> None:
        looks.queue.add_at("a", NOW + timedelta(days=300))
        looks.queue.add_at("b", NOW + 20 * SECOND)
        looks.queue.add_at("a", NOW + 10 * SECOND)
        looks.queue.add_at("a", NOW + timedelta(days=200))
        await looks.until(2)
        assert looks.keys == ["a", "b"]

    run(scenario)


def test_an_instant_that_has_passed_is_now() -> None:
    async def scenario(looks: Looks) -> None:
        looks.queue.add_at("a", NOW - SECOND)
        await looks.until(1)
        assert looks.keys == ["a"]

    run(scenario)


def test_a_clock_that_is_turned_wakes_those_whose_time_has_come() -> None:
    async def scenario(looks: Looks) -> None:
        looks.queue.add_at("a", NOW + timedelta(days=300))
        looks.clock.turn(Timeline(wall_clock(), NOW + timedelta(days=300), 1.0))
        await looks.until(1)
        assert looks.keys == ["a"]

    run(scenario)


@pytest.mark.parametrize("trouble", [Retry("conflict"), NotLeader("fenced")], ids=["Retry", "NotLeader"])
def test_what_is_ordinary_is_tried_again_without_ado(trouble: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(looks: Looks) -> None:
        async def fail_once(key: str) -> datetime | None:
            if len(looks.keys) == 1:
                raise trouble
            return None

        looks.script = fail_once
        looks.queue.add("a")
        await looks.until(2)
        assert looks.queue.failures == 0

    run(scenario)
    assert not [
        record for record in caplog.records if record.levelno > logging.INFO and record.name.startswith("napsim")
    ]


def test_a_fault_is_logged_counted_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(looks: Looks) -> None:
        async def fail_once(key: str) -> datetime | None:
            if len(looks.keys) == 1:
                raise KeyError(key)
            return None

        looks.script = fail_once
        looks.queue.add("a")
        await looks.until(2)
        assert looks.queue.failures == 1

    run(scenario)
    assert "test a: failed" in caplog.text


def test_a_change_does_not_wait_for_a_retry() -> None:
    async def scenario(looks: Looks) -> None:
        async def fail_once(key: str) -> datetime | None:
            if len(looks.keys) == 1:
                raise Retry("conflict")
            return None

        looks.script = fail_once
        looks.queue.add("a")
        await looks.until_idle()
        looks.queue.add("a")
        await looks.until_idle()
        assert looks.keys == ["a", "a"]

    run(scenario)


def test_while_paused_nothing_runs_and_what_was_pending_is_forgotten() -> None:
    async def scenario(looks: Looks) -> None:
        looks.queue.add("ready")
        looks.queue.add_at("later", NOW + SECOND)
        looks.queue.pause()
        looks.queue.add("while paused")
        looks.queue.add_at("while paused", NOW)
        await asyncio.sleep(0.005)
        looks.queue.resume()
        await asyncio.sleep(0.005)
        looks.queue.add("ready")
        await looks.until_idle()
        assert looks.keys[-1] == "ready"
        assert set(looks.keys) == {"ready"}

    run(scenario)


def test_what_is_active_at_a_pause_ends_by_itself_and_does_not_come_back() -> None:
    async def scenario(looks: Looks) -> None:
        gate = asyncio.Event()

        async def hold(key: str) -> datetime | None:
            await gate.wait()
            raise Retry("conflict") if key == "fails" else LookupError(key)

        looks.script = hold
        looks.queue.add("fails")
        looks.queue.add("breaks")
        await looks.until(2)
        looks.queue.add("fails")
        looks.queue.pause()
        gate.set()
        await looks.queue.drain()
        looks.queue.resume()
        await asyncio.sleep(0.06)
        assert sorted(looks.keys) == ["breaks", "fails"]

    run(scenario)
