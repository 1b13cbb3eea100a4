"""When an eviction that a PodDisruptionBudget refused is tried again.

Mirrors karpenter v1.14.0 ``pkg/controllers/node/termination/terminator/eviction.go``: of each pod on its own, 0.1 s
after the first refusal and after twice as long each time, up to 10 s. Whether there is room meanwhile makes no
difference, so that a pod can wait up to 10 s for nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

import msgspec

_COMPARED: Final = 100  # of those who wait longest: there may be thousands, and each change of their PDB asks
_AT: Final = itemgetter(0)
_REFUSED_AT: Final = itemgetter(1)


class Retries(msgspec.Struct, frozen=True):
    """``first``: from the first refusal to the next try; the time doubles with each, up to ``longest``. Above 0."""

    first: timedelta
    longest: timedelta

    def next_at(self, refused_at: datetime, now: datetime) -> datetime:
        """The first try after ``now`` of a pod that was refused at ``refused_at`` for the first time.

        Tries themselves take no time: each is that far from the first refusal, however many of them were left out.
        """
        doubling, waited = _doubling(self.first, self.longest), now - refused_at
        if waited < doubling[-1]:
            return refused_at + doubling[bisect_right(doubling, waited)]
        return refused_at + doubling[-1] + self.longest * ((waited - doubling[-1]) // self.longest + 1)

    def turns(
        self, waiting: Iterable[tuple[str, datetime]], room: int | None, now: datetime
    ) -> list[tuple[datetime, str]]:
        """Who of those that wait comes first when there is room for so many (None: for any), and when.

        ``waiting``: pods, and when each was refused for the first time.
        """
        compared = islice(waiting, None if room is None else max(room, _COMPARED))
        known, tries = dict[datetime, datetime](), list[tuple[datetime, str]]()
        for refused_at, pods in groupby(compared, _REFUSED_AT):  # pods of one node are refused at few instants
            at = known.get(refused_at)
            if at is None:
                at = known[refused_at] = self.next_at(refused_at, now)
            tries += [(at, pod) for pod, _ in islice(pods, room)]
        if len(known) > 1:
            tries.sort(key=_AT)  # those of one instant stay as they wait
        return tries[:room]


@cache
def _doubling(first: timedelta, longest: timedelta) -> tuple[timedelta, ...]:
    """The refusal and the tries after it, from the refusal on, as long as the time between them doubles."""
    at, wait, found = timedelta(), first, [timedelta()]
    while wait < longest:
        at, wait = at + wait, wait * 2
        found.append(at)
    return tuple(found)


KARPENTER: Final = Retries(first=timedelta(milliseconds=100), longest=timedelta(seconds=10))
