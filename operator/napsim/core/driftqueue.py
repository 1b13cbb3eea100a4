"""Whose turn is next in a pool: drifted candidates in order, the blocked ones set aside until what blocks them changes.

Policy (design, section 7): a blocked candidate is not asked again until something it was blocked by changes; an index
leads from the change (``pdb:ns/name``, ``node:name``, an instant) to those who wait for it. Order is that of
``candidates.order_key``; among equals it is a ring that can be turned. What an operation costs grows with the
candidates no faster than what moving them in memory does, or with those that a change concerns.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from napsim.core.candidates import DRAWS, OrderKey
from napsim.core.reasons import Verdict


class DriftQueue:
    """The drifted candidates of one pool, by the name of their NodeClaim."""

    __slots__ = ("_blocked", "_free", "_keys", "_origin", "_waiters", "_wakes")

    def __init__(self) -> None:
        self._keys: dict[str, OrderKey] = {}
        self._free: list[OrderKey] = []  # of those that are not set aside, in order
        self._origin = 0  # the draw from which on equals are taken
        self._blocked: dict[str, Verdict] = {}
        self._waiters: dict[str, set[str]] = {}
        self._wakes: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        """All names in order, blocked ones included."""
        return iter(sorted(self._keys, key=self.turn_of))

    @property
    def blocked(self) -> Mapping[str, Verdict]:
        """Who is set aside, and why."""
        return MappingProxyType(self._blocked)

    def verdict_of(self, name: str) -> Verdict | None:
        """Why the candidate is set aside; None when it is not."""
        return self._blocked.get(name)

    @property
    def wake_at(self) -> datetime | None:
        """The next instant at which a block ends by itself."""
        while self._wakes and not self._is_due_later(*self._wakes[0]):
            heapq.heappop(self._wakes)
        return self._wakes[0][0] if self._wakes else None

    def _is_due_later(self, at: datetime, name: str) -> bool:
        verdict = self._blocked.get(name)
        return verdict is not None and verdict.wake_at == at

    def put(self, name: str, key: OrderKey) -> None:
        """Add a candidate, or give it another place."""
        old = self._keys.get(name)
        if old == key:
            return
        self._keys[name] = key
        if name not in self._blocked:
            if old is not None:
                self._take_out(old)
            insort(self._free, key)

    def discard(self, name: str) -> None:
        """Take a candidate out; nothing happens when it is not there."""
        key = self._keys.get(name)
        if key is None:
            return
        if name not in self._blocked:
            self._take_out(key)
        self._unblock(name)
        del self._keys[name]

    def _take_out(self, key: OrderKey) -> None:
        del self._free[bisect_left(self._free, key)]

    def turn(self, origin: int) -> None:
        """From now on equals are taken from that draw on (see ``order_key``), around to the last before it."""
        self._origin = origin

    def turn_of(self, name: str) -> OrderKey:
        """The place of a candidate that is there, as the ring stands."""
        group, second, draw, own = self._keys[name]
        return group, second, (draw - self._origin) % DRAWS, own

    def first(self) -> str | None:
        """The candidate whose turn it is: the first that is not set aside."""
        if not self._free:
            return None
        first = self._free[0]
        at = bisect_left(self._free, (*first[:2], self._origin, ""))
        turned = self._free[at] if at < len(self._free) else first
        return (turned if turned[:2] == first[:2] else first)[3]

    def block(self, name: str, verdict: Verdict) -> None:
        """Set a candidate aside until ``release`` names what it waits for, or ``verdict.wake_at`` has come."""
        if name not in self._keys:
            return
        if name not in self._blocked:
            self._take_out(self._keys[name])
        self._unblock(name)
        self._blocked[name] = verdict
        for token in verdict.waits_for:
            self._waiters.setdefault(token, set()).add(name)
        if verdict.wake_at is not None:
            heapq.heappush(self._wakes, (verdict.wake_at, name))

    def waits_for(self, token: str) -> bool:
        """Whether anybody who is set aside waits for it."""
        return token in self._waiters

    def release(self, token: str) -> bool:
        """Something changed: whoever waits for it is asked again. True when anybody was."""
        released = tuple(self._waiters.get(token, ()))
        for name in released:
            self._restore(name)
        return bool(released)

    def release_due(self, now: datetime) -> bool:
        """Time passed: whoever's block has ended is asked again. True when anybody's had."""
        released = False
        while (at := self.wake_at) is not None and at <= now:
            self._restore(heapq.heappop(self._wakes)[1])
            released = True
        return released

    def _restore(self, name: str) -> None:
        self._unblock(name)
        insort(self._free, self._keys[name])

    def _unblock(self, name: str) -> None:
        verdict = self._blocked.pop(name, None)
        for token in verdict.waits_for if verdict else ():
            waiting = self._waiters.get(token)
            if waiting is not None:
                waiting.discard(name)
                if not waiting:
                    del self._waiters[token]
