"""The cluster's clock, running: the one place of the live shell that reads the time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.termination import Instant


def wall_clock() -> datetime:
    return datetime.now(UTC)


class VirtualClock:
    """Virtual now, by a timeline that may be exchanged. ``on_turn`` are told when it is (sleepers must wake)."""

    def __init__(self, timeline: Timeline = WALL_CLOCK, real: Callable[[], datetime] = wall_clock) -> None:
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
