"""Discrete events on virtual time: whatever happens at one instant, in the order in which it was asked for.

Policy (design, section 5): ties are broken by a sequence number, nothing by chance. What is due while the cluster is
stopped happens when it runs again, in the order in which it was due.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

MOST_AT_ONE_INSTANT: Final = 20_000_000
_LEAST: Final = timedelta(microseconds=1)
Argument = TypeVar("Argument")


class Stuck(Exception):
    """The same instant went on and on: two parties answer each other without end."""


class Kernel:
    """``now`` is the virtual instant (aware, UTC). ``soon`` and ``at`` ask for a call; ``run`` makes them."""

    __slots__ = ("_frozen_until", "_heap", "_leaps_to", "_on_instant", "_ready", "_sequence", "_until", "now", "steps")

    def __init__(self, start: datetime) -> None:
        self.now = start
        self.steps = 0
        self._sequence = 0
        self._heap: list[tuple[datetime, int, Callable[[Any], None], Any]] = []
        self._ready: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._frozen_until: datetime | None = None
        self._leaps_to: datetime | None = None
        self._until = start
        self._on_instant: Callable[[], bool] = _never

    def soon(self, call: Callable[[Argument], None], argument: Argument) -> None:
        """At this instant, after what was asked for before."""
        self._ready.append((call, argument))

    def at(self, when: datetime, call: Callable[[Argument], None], argument: Argument) -> None:
        """At that instant; at this one if it has passed."""
        self._sequence += 1
        heapq.heappush(self._heap, (max(when, self.now), self._sequence, call, argument))

    def freeze(self, until: datetime) -> None:
        """Nothing more happens before that instant."""
        self._frozen_until = until if self._frozen_until is None else max(until, self._frozen_until)

    @property
    def next_at(self) -> datetime | None:
        """When something happens next; None when nothing does."""
        if self._ready:
            return self.now
        if not self._heap:
            return self._leaps_to
        due = self._heap[0][0] if self._leaps_to is None else min(self._heap[0][0], self._leaps_to)
        return due if self._frozen_until is None else max(due, self._frozen_until)

    def run(self, until: datetime, on_instant: Callable[[], bool]) -> None:
        """Everything up to ``until``, it included. ``on_instant`` is asked once an instant is over: True ends it there.

        Raises Stuck.
        """
        self._until, self._on_instant = until, on_instant
        while True:
            self._finish_instant()
            if on_instant():
                return
            due = self.next_at
            if due is None or due > until:
                self.now = max(self.now, until)
                return
            self.now = due

    def leap(self, to: datetime) -> bool:
        """Within a call: be at that instant at once, where nothing happens before it or at it. False: something may."""
        if to > self._until or not self._is_idle_up_to(to):
            return False
        self._leaps_to = to
        is_over = self._on_instant()
        self._leaps_to = None
        if is_over or not self._is_idle_up_to(to):
            return False
        self.now = to
        return True

    def leap_on(self, step: timedelta, most: int) -> int:
        """Within a call: leap by a step, so many times at most; how often it went.

        Once the first has gone nothing is there to happen: ``on_instant`` is not asked of those between.
        """
        if most <= 0 or not self.leap(self.now + step):
            return 0
        more = min(most - 1, self.calm(step))
        self.now += step * more
        return more + 1

    def calm(self, step: timedelta) -> int:
        """How many such steps there are before anything happens that is known of now. ``step`` is positive."""
        if not self._is_idle_up_to(self.now):
            return 0
        steps = (self._until - self.now) // step
        return min(steps, (self._heap[0][0] - self.now - _LEAST) // step) if self._heap else steps

    def _is_idle_up_to(self, to: datetime) -> bool:
        if self._ready or (self._frozen_until is not None and self.now < self._frozen_until):
            return False
        return not self._heap or self._heap[0][0] > to

    def _finish_instant(self) -> None:
        """Calls until nothing is due now; what they ask for at this instant included. A call may leap on."""
        ready, heap, steps = self._ready, self._heap, 0
        while True:
            while ready:
                call, argument = ready.popleft()
                call(argument)
                steps += 1
                if steps > MOST_AT_ONE_INSTANT:
                    raise Stuck(
                        f"{self.now.isoformat()}: more than {MOST_AT_ONE_INSTANT} calls at one instant, last {call!r}"
                    )
            if not heap or heap[0][0] > self.now or (self._frozen_until is not None and self.now < self._frozen_until):
                break
            _, _, call, argument = heapq.heappop(heap)
            ready.append((call, argument))
        self.steps += steps


def _never() -> bool:
    """Nothing ends."""
    return False
