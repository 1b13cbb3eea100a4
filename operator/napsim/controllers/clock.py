"""The cluster's clock: virtual time over whatever tells the real one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.termination import Instant


class VirtualClock:
    """Virtual now, by a timeline that may be exchanged. ``on_turn`` are told when it is (sleepers must wake)."""

    def __init__(self, real: Callable[[], datetime], timeline: Timeline = WALL_CLOCK) -> None:
        self.timeline = timeline
        self.real = real
        self.on_turn: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return self.timeline.virtual(self.real())

    def instant(self) -> Instant:
        """Both clocks at this moment."""
        real = self.real()
        return Instant(self.timeline.virtual(real), real, self.timeline)

    def real_seconds_until(self, virtual: datetime) -> float:
        """Real seconds to sleep until a virtual instant; 0 when it has come."""
        return max((self.timeline.real(virtual) - self.real()).total_seconds(), 0.0)

    def turn(self, timeline: Timeline) -> None:
        if timeline != self.timeline:
            self.timeline = timeline
            for wake in self.on_turn:
                wake()
