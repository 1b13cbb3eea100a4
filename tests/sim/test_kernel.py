"""Order of events: by instant, then in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest

from napsim.controllers.executor import Retry
from napsim.sim import kernel as kernels
from napsim.sim.kernel import Kernel, Stuck
from napsim.sim.queues import FIRST_RETRY, Pause, PollingQueue, Suspended, WorkQueue, step

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def run(kernel: Kernel, minutes: float = 60) -> None:
    kernel.run(NOON + minutes * MINUTE, lambda: False)


class TestTheKernel:
    def test_calls_by_instant_then_in_the_order_asked_for(self) -> None:
        kernel, seen = Kernel(NOON), list[str]()
        kernel.at(NOON + 2 * MINUTE, seen.append, "later")
        kernel.at(NOON + MINUTE, seen.append, "first")
        kernel.at(NOON + MINUTE, seen.append, "second")
        kernel.soon(seen.append, "now")
        run(kernel)
        assert seen == ["now", "first", "second", "later"]

    def test_an_instant_that_has_passed_is_now(self) -> None:
        kernel, at = Kernel(NOON), list[datetime]()
        kernel.at(NOON - MINUTE, lambda _: at.append(kernel.now), None)
        run(kernel)
        assert at == [NOON]

    def test_ends_at_the_last_instant_it_included(self) -> None:
        kernel, seen = Kernel(NOON), list[str]()
        kernel.at(NOON + 5 * MINUTE, seen.append, "in time")
        kernel.at(NOON + 5 * MINUTE + timedelta(microseconds=1), seen.append, "too late")
        run(kernel, 5)
        assert (seen, kernel.now) == (["in time"], NOON + 5 * MINUTE)
        assert kernel.next_at == NOON + 5 * MINUTE + timedelta(microseconds=1)

    def test_ends_where_it_is_told_to(self) -> None:
        kernel = Kernel(NOON)
        for minute in range(5):
            kernel.at(NOON + minute * MINUTE, lambda _: None, None)
        kernel.run(NOON + 60 * MINUTE, lambda: kernel.now >= NOON + 2 * MINUTE)
        assert kernel.now == NOON + 2 * MINUTE

    def test_leaps_as_often_as_nothing_is_due_up_to_the_instant_that_it_leaps_to(self) -> None:
        kernel, seen, ended = Kernel(NOON), list[tuple[int, int, datetime]](), list[datetime]()

        def leap(_: None) -> None:
            looks = kernel.calm(MINUTE)
            seen.append((looks, kernel.leap_on(MINUTE, 9), kernel.now))

        def over() -> bool:
            ended.append(kernel.now)
            return False

        kernel.at(NOON, leap, None)
        kernel.at(NOON + 3 * MINUTE, leap, None)
        kernel.at(NOON + 20 * MINUTE, leap, None)
        kernel.run(NOON + 22 * MINUTE, over)
        at = [NOON + minute * MINUTE for minute in (2, 12, 22)]
        assert seen == [(2, 2, at[0]), (16, 9, at[1]), (2, 2, at[2])]
        assert ended == [NOON + minute * MINUTE for minute in (0, 2, 3, 12, 20, 22)]

    def test_leaps_no_further_once_something_comes_up_at_the_end_of_the_instant(self) -> None:
        kernel, leapt = Kernel(NOON), list[int]()
        asked = iter([False, True])

        def over() -> bool:
            if next(asked, False):
                kernel.at(kernel.now + MINUTE, lambda _: None, None)
            return False

        kernel.at(NOON + MINUTE, lambda _: leapt.append(kernel.leap_on(2 * MINUTE, 9)), None)
        kernel.run(NOON + 60 * MINUTE, over)
        assert leapt == [0]

    def test_what_is_due_while_it_is_frozen_happens_afterwards_in_order(self) -> None:
        kernel, seen = Kernel(NOON), list[tuple[str, datetime]]()
        kernel.at(NOON + MINUTE, kernel.freeze, NOON + 10 * MINUTE)
        for minute, name in ((2, "two"), (3, "three"), (11, "eleven")):
            kernel.at(NOON + minute * MINUTE, lambda it: seen.append((it, kernel.now)), name)
        run(kernel)
        thawed = NOON + 10 * MINUTE
        assert seen == [("two", thawed), ("three", thawed), ("eleven", NOON + 11 * MINUTE)]

    def test_what_is_due_with_the_call_that_freezes_waits_with_all_that_comes_later(self) -> None:
        kernel, seen = Kernel(NOON), list[tuple[str, datetime]]()
        kernel.at(NOON + MINUTE, kernel.freeze, NOON + 10 * MINUTE)
        for minute, name in ((1, "with it"), (2, "later"), (1, "with it too")):
            kernel.at(NOON + minute * MINUTE, lambda it: seen.append((it, kernel.now)), name)
        run(kernel, 5)
        assert (seen, kernel.next_at) == ([], NOON + 10 * MINUTE)
        run(kernel)
        thawed = NOON + 10 * MINUTE
        assert seen == [("with it", thawed), ("with it too", thawed), ("later", thawed)]

    def test_a_call_asked_for_at_its_own_instant_comes_after_those_that_wait_for_it(self) -> None:
        kernel, seen = Kernel(NOON), list[str]()

        def first(name: str) -> None:
            kernel.at(kernel.now, seen.append, f"{name}, asked for by instant")
            kernel.soon(seen.append, f"{name}, asked for soon")

        kernel.at(NOON + MINUTE, first, "one")
        kernel.at(NOON + MINUTE, first, "two")
        run(kernel)
        late = ["one, asked for by instant", "two, asked for by instant"]
        assert seen == ["one, asked for soon", "two, asked for soon", *late]

    def test_nobody_leaps_while_something_waits_for_this_instant(self) -> None:
        kernel, leapt = Kernel(NOON), list[bool]()
        for _ in range(2):
            kernel.at(NOON + MINUTE, lambda _: leapt.append(kernel.leap(NOON + 2 * MINUTE)), None)
        run(kernel)
        assert leapt == [False, True]

    def test_an_instant_without_end_is_an_error_that_names_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kernels, "MOST_AT_ONE_INSTANT", 100)
        kernel = Kernel(NOON)

        def again(_: None) -> None:
            kernel.soon(again, None)

        kernel.soon(again, None)
        with pytest.raises(Stuck, match="2026-02-14T12:00:00"):
            run(kernel)


class TestAQueue:
    def test_looks_once_at_a_key_that_is_added_twice(self) -> None:
        kernel, seen = Kernel(NOON), list[str]()

        async def look(key: str) -> None:
            seen.append(key)

        queue = WorkQueue("keys", look, kernel)
        queue.add("a")
        queue.add("b")
        queue.add("a")
        assert not queue.idle
        run(kernel)
        assert seen == ["a", "b"]
        assert queue.idle

    def test_looks_again_at_the_earliest_instant_asked_for(self) -> None:
        kernel, seen = Kernel(NOON), list[datetime]()

        async def look(_: str) -> None:
            seen.append(kernel.now)

        queue = WorkQueue("keys", look, kernel)
        for minutes in (9, 3, 5):
            queue.add_at("a", NOON + minutes * MINUTE)
        run(kernel)
        assert seen == [NOON + 3 * MINUTE]

    def test_retries_after_a_back_off_that_doubles(self) -> None:
        kernel, seen = Kernel(NOON), list[timedelta]()

        async def look(_: str) -> None:
            seen.append(kernel.now - NOON)
            if len(seen) < 4:
                raise Retry("not yet")

        WorkQueue("keys", look, kernel).add("a")
        run(kernel)
        assert seen == [FIRST_RETRY * factor for factor in (0, 1, 3, 7)]

    def test_takes_nothing_while_it_is_paused(self) -> None:
        kernel, seen = Kernel(NOON), list[str]()

        async def look(key: str) -> None:
            seen.append(key)

        queue = WorkQueue("keys", look, kernel)
        queue.paused = True
        queue.add("a")
        queue.add_at("a", NOON)
        run(kernel)
        assert not seen

    def test_a_controller_that_waits_is_an_error(self) -> None:
        class Never:
            def __await__(self) -> Generator[None, None, None]:
                yield

        async def waits() -> None:
            await Never()

        with pytest.raises(Suspended):
            step(waits())

    def test_a_controller_that_pauses_goes_on_after_it_and_is_called_once_more_if_asked_meanwhile(self) -> None:
        kernel, seen = Kernel(NOON), list[tuple[str, timedelta]]()

        async def look(key: str) -> None:
            seen.append((f"{key} begins", kernel.now - NOON))
            await Pause(MINUTE)
            seen.append((f"{key} ends", kernel.now - NOON))

        queue = WorkQueue("keys", look, kernel)
        queue.add("a")
        kernel.at(NOON + MINUTE / 2, queue.add, "a")
        run(kernel, 1)
        assert not queue.idle
        run(kernel)
        assert seen == [("a begins", 0 * MINUTE), ("a ends", MINUTE), ("a begins", MINUTE), ("a ends", 2 * MINUTE)]


class TestPolling:
    @staticmethod
    def looks(changes: tuple[float, ...], polls_matter: bool = False) -> list[float]:
        """Minutes at which a controller looks that polls every ten minutes; the cluster changes at ``changes``."""
        kernel, seen, version = Kernel(NOON), list[float](), [0]

        async def look(_: str) -> datetime:
            seen.append((kernel.now - NOON) / MINUTE)
            return kernel.now + 10 * MINUTE

        queue = PollingQueue("keys", look, kernel, lambda: None if polls_matter else version[0])

        def change(_: None) -> None:
            version[0] += 1

        for minutes in changes:
            kernel.at(NOON + minutes * MINUTE, change, None)
        queue.add("a")

        def over() -> bool:
            queue.wake()
            return False

        kernel.run(NOON + 60 * MINUTE, over)
        return seen

    def test_in_vain_is_left_out(self) -> None:
        assert self.looks(()) == [0]

    def test_after_a_change_comes_when_it_would_have(self) -> None:
        assert self.looks((3, 25, 41, 42)) == [0, 10, 30, 50]

    def test_is_kept_where_time_alone_may_change_something(self) -> None:
        assert self.looks((), polls_matter=True) == [0, 10, 20, 30, 40, 50, 60]
