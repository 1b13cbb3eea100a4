"""The cluster's virtual clock as a value: which virtual instant belongs to which real one.

Policy: ``NodeAutoProvisioning.spec.clock`` (factor, start). Recorded in ``status.clock``, so that an operator that is
started again reads the same time as the one before it. Times are aware UTC datetimes.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
PATIENCE_REAL: Final = timedelta(seconds=10)  # what kubelet, KWOK and scheduler may take at least, on any clock


class Timeline(msgspec.Struct, frozen=True):
    """A straight line through (anchor_real, anchor_virtual) with slope ``factor`` (virtual seconds per real second)."""

    anchor_real: datetime = EPOCH
    anchor_virtual: datetime = EPOCH
    factor: float = 1.0

    def virtual(self, real: datetime) -> datetime:
        """The virtual instant of a real one. Instants before the anchor extend the same line backwards."""
        if self is WALL_CLOCK and real.tzinfo is UTC:
            return real
        return self.anchor_virtual + (real - self.anchor_real) * self.factor

    def real(self, virtual: datetime) -> datetime:
        """The real instant of a virtual one; datetime.max (UTC) when it lies beyond what a datetime can hold."""
        try:
            return self.anchor_real + (virtual - self.anchor_virtual) / self.factor
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def patience(self, limit: timedelta) -> timedelta:
        """A virtual time limit on what others do in real time: never shorter than ten real seconds.

        Up to factor 60 Karpenter's limits of 5 to 15 minutes are hardly touched; above, a node that is merely starting
        would be given up.
        """
        return max(limit, PATIENCE_REAL * self.factor)

    def turned(self, real: datetime, factor: float) -> Timeline:
        """The same virtual instant at ``real``, going on at another speed."""
        return Timeline(real, self.virtual(real), factor)


WALL_CLOCK: Final = Timeline()


def begun(recorded: datetime, now: datetime) -> datetime:
    """When something began, both virtual: as recorded, or long ago where that lies ahead.

    Then the clock was turned back since, and what is waited for from there on would never come.
    """
    return recorded if recorded <= now else EPOCH


def tick_from(first: datetime, every: timedelta, at: datetime) -> datetime:
    """The first tick at or after an instant, of those that are ``every`` apart from the ``first`` one on."""
    return first + every * max(math.ceil((at - first) / every), 0)


def earliest(*instants: datetime | None) -> datetime | None:
    """The first of the instants that are given; None when none is."""
    first = None
    for instant in instants:
        if instant is not None and (first is None or instant < first):
            first = instant
    return first


def rfc3339(instant: datetime) -> str:
    """``2026-02-15T01:00:00Z``; milliseconds are kept when there are any."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    text = instant.isoformat(timespec="milliseconds" if instant.microsecond >= 1000 else "seconds")
    return text.removesuffix("+00:00") + "Z"


@lru_cache(maxsize=16384)
def parse_rfc3339(text: str) -> datetime:
    """An aware UTC datetime. Raises ValueError naming the text when it has no zone or is no date-time.

    So it does of one that UTC has none of, at the ends of the calendar.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-02-15T01:00:00Z")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the years 1 to 9999 in UTC") from None
