"""When an eviction that a PodDisruptionBudget refused is tried again.

Mirrors karpenter v1.14.0 ``pkg/controllers/node/termination/terminator/eviction.go``: of each pod on its own, 0.1 s
after the first refusal and after twice as long each time, up to 10 s. Whether there is room meanwhile makes no
difference, so that a pod can wait up to 10 s for nothing.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_COMPARED: Final = 100  # of those who wait longest: there may be thousands, and each change of their PDB asks


@dataclass(frozen=True, slots=True)
class Retries:
    """``first``: from the first refusal to the next try; the time doubles with each, up to ``longest``. Above 0."""

    first: timedelta
    longest: timedelta

    def next_at(self, refused_at: datetime, now: datetime) -> datetime:
        """The first try after ``now`` of a pod that was refused at ``refused_at`` for the first time.

        Tries themselves take no time: each is that far from the first refusal, however many of them were left out.
        """
        at, wait = refused_at, self.first
        while at <= now:
            if wait >= self.longest:
                return at + self.longest * ((now - at) // self.longest + 1)
            at, wait = at + wait, wait * 2
        return at

    def turns(
        self, waiting: Iterable[tuple[str, datetime]], room: int | None, now: datetime
    ) -> list[tuple[datetime, str]]:
        """Who of those that wait comes first when there is room for so many (None: for any), and when.

        ``waiting``: pods, and when each was refused for the first time.
        """
        tries = ((self.next_at(refused_at, now), number, pod) for number, (pod, refused_at) in enumerate(waiting))
        found = sorted(tries) if room is None else heapq.nsmallest(room, itertools.islice(tries, max(room, _COMPARED)))
        return [(at, pod) for at, _, pod in found]


KARPENTER: Final = Retries(first=timedelta(milliseconds=100), longest=timedelta(seconds=10))
