"""Discrete events on virtual time: whatever happens at one instant, in the order in which it was asked for.

Policy (design, section 5): ties are broken by a sequence number, nothing by chance. What is due while the cluster is
stopped happens when it runs again, in the order in which it was due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Final, TypeVar

MOST_AT_ONE_INSTANT: Final = 20_000_000
_LEAST: Final = timedelta(microseconds=1)
Argument = TypeVar("Argument")
Call = tuple[Callable[[Any], None], Any]
"""What is called, and with what."""


class Stuck(Exception):
    """The same instant went on and on: two parties answer each other without end."""


class Kernel:
    """``now`` is the virtual instant (aware, UTC). ``soon`` and ``at`` ask for a call; ``run`` makes them.

    What is asked for by instant stands in one line for each instant: only instants are sorted.
    """

    __slots__ = (
        "_frozen_until", "_instants", "_leaps_to", "_line", "_line_at", "_lines", "_on_instant", "_ready", "_until",
        "now", "steps",
    )  # fmt: skip

    def __init__(self, start: datetime) -> None:
        self.now = start
        self.steps = 0
        self._instants: list[datetime] = []  # a heap: those that have a line
        self._lines: dict[datetime, list[Call]] = {}
        self._line: list[Call] = []  # of the instant that has come, the next one last
        self._line_at = start
        self._ready: deque[Call] = deque()
        self._frozen_until: datetime | None = None
        self._leaps_to: datetime | None = None
        self._until = start
        self._on_instant: Callable[[], bool] = _never

    def soon(self, call: Callable[[Argument], None], argument: Argument) -> None:
        """At this instant, after what was asked for before."""
        self._ready.append((call, argument))

    def at(self, when: datetime, call: Callable[[Argument], None], argument: Argument) -> None:
        """At that instant; at this one if it has passed."""
        when = max(when, self.now)
        line = self._lines.get(when)
        if line is None:
            self._lines[when] = [(call, argument)]
            heappush(self._instants, when)
        else:
            line.append((call, argument))

    def freeze(self, until: datetime) -> None:
        """Nothing more happens before that instant."""
        self._frozen_until = until if self._frozen_until is None else max(until, self._frozen_until)

    @property
    def next_at(self) -> datetime | None:
        """When something happens next; None when nothing does."""
        if self._ready:
            return self.now
        due = self._line_at if self._line else self._instants[0] if self._instants else None
        if due is None:
            return self._leaps_to
        if self._leaps_to is not None:
            due = min(due, self._leaps_to)
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
        return min(steps, (self._instants[0] - self.now - _LEAST) // step) if self._instants else steps

    def _is_idle_up_to(self, to: datetime) -> bool:
        if self._ready or self._line or (self._frozen_until is not None and self.now < self._frozen_until):
            return False
        return not self._instants or self._instants[0] > to

    def _finish_instant(self) -> None:
        """Calls until nothing is due now; what they ask for at this instant included. A call may leap on."""
        ready, steps = self._ready, 0
        while True:
            while ready:
                call, argument = ready.popleft()
                call(argument)
                steps += 1
                if steps > MOST_AT_ONE_INSTANT:
                    raise Stuck(
                        f"{self.now.isoformat()}: more than {MOST_AT_ONE_INSTANT} calls at one instant, last {call!r}"
                    )
            if self._frozen_until is not None and self.now < self._frozen_until:
                break
            if not self._line:
                if not self._instants or self._instants[0] > self.now:
                    break
                self._line_at = heappop(self._instants)
                self._line = self._lines.pop(self._line_at)
                self._line.reverse()
            ready.append(self._line.pop())
        self.steps += steps


def _never() -> bool:
    """Nothing ends."""
    return False
