"""Whose turn is next in a pool: drifted candidates in order, the blocked ones set aside until what blocks them changes.

Policy (design, section 7): a blocked candidate is not asked again until something it was blocked by changes; an index
leads from the change (``pdb:ns/name``, ``node:name``, an instant) to those who wait for it. Order is that of
``candidates.order_key``; among equals it is a ring that can be turned. What an operation costs grows with the
candidates no faster than what moving them in memory does, or with those that a change concerns.

Candidates that follow each other and are refused for the same cause are set aside and put back together
(``pass_over``): the verdict on one of them is made when somebody asks for it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Final, Protocol

from napsim.core.candidates import DRAWS, OrderKey
from napsim.core.reasons import Verdict

_NAME: Final = itemgetter(3)


class Hold(Protocol):
    """Why candidates are set aside. What it says of one stays the same, whenever it is asked."""

    def verdict(self, name: str) -> Verdict: ...


class DriftQueue:
    """The drifted candidates of one pool, by the name of their NodeClaim."""

    __slots__ = ("_blocked", "_common", "_free", "_keys", "_origin", "_over", "_runs", "_tokens", "_waiters", "_wakes")

    def __init__(self) -> None:
        self._keys: dict[str, OrderKey] = {}
        self._free: list[OrderKey] = []  # of those that are not set aside, in order
        self._origin = 0  # the draw from which on equals are taken
        self._blocked: dict[str, Verdict] = {}
        self._waiters: dict[str, set[str]] = {}
        self._wakes: list[tuple[datetime, str]] = []
        self._over: dict[str, Hold] = {}  # those that were passed over, but for those that have been looked at since
        self._runs: list[list[OrderKey]] = []  # their places
        self._common = ""  # what each of them waits for
        self._tokens: set[str] = set()  # what some of them may wait for besides

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
        self._look_at_all()
        return MappingProxyType(self._blocked)

    def verdict_of(self, name: str) -> Verdict | None:
        """Why the candidate is set aside; None when it is not."""
        self._look_at(name)
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
        self._look_at(name)
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
        self._look_at(name)
        if name not in self._blocked:
            self._take_out(key)
        self._unblock(name)
        del self._keys[name]

    def _take_out(self, key: OrderKey) -> None:
        del self._free[bisect_left(self._free, key)]

    def turn(self, origin: int) -> None:
        """From now on equals go from that draw on, then from the first up to it (``candidates.order_key``)."""
        self._origin = origin

    def turn_of(self, name: str) -> OrderKey:
        """The place of a candidate that is there, as the ring stands."""
        group, second, draw, own = self._keys[name]
        return group, second, (draw - self._origin) % DRAWS, own

    def first(self) -> str | None:
        """The candidate whose turn it is: the first that is not set aside."""
        return self._free[self._next()][3] if self._free else None

    def _next(self) -> int:
        """Where the first stands among those that are not set aside."""
        first = self._free[0]
        at = bisect_left(self._free, (*first[:2], self._origin, ""))
        return at if at < len(self._free) and self._free[at][:2] == first[:2] else 0

    def ahead(self, most: int) -> list[str]:
        """The first and those that follow it, so many at most; fewer where the ring of equals begins anew."""
        if not self._free:
            return []
        at = self._next()
        group, second = self._free[at][:2]
        end = bisect_left(self._free, (group, second + 1, -1, ""), at, min(at + most, len(self._free)))
        return list(map(_NAME, self._free[at:end]))

    def pass_over(self, names: Sequence[str], hold: Hold, common: str, tokens: Iterable[str]) -> None:
        """Set aside the first and those that follow it, in the order of ``ahead``.

        Each waits for ``common``, maybe for some of ``tokens``, and for no instant.
        """
        if common != self._common:
            self._look_at_all()
            self._common = common
        at = self._next()
        end = at + len(names)
        self._runs.append(self._free[at:end])
        del self._free[at:end]
        self._over.update(dict.fromkeys(names, hold))
        self._tokens.update(tokens)

    def _put_back(self) -> None:
        """Those that were passed over, in their places."""
        for run in self._runs:
            at = bisect_left(self._free, run[0])
            self._free[at:at] = run
            if at + len(run) < len(self._free) and self._free[at + len(run)] < run[-1]:
                self._free.sort()
        self._forget_runs()

    def _forget_runs(self) -> None:
        self._over.clear()
        self._tokens.clear()
        self._runs.clear()

    def _look_at(self, name: str) -> None:
        """From now on candidates that were passed over are set aside like any other, if this is one of them."""
        if name in self._over:
            self._look_at_all()

    def _look_at_all(self) -> None:
        for name, hold in self._over.items():
            self._hold(name, hold.verdict(name))
        self._forget_runs()

    def block(self, name: str, verdict: Verdict) -> None:
        """Set a candidate aside until ``release`` names what it waits for, or ``verdict.wake_at`` has come."""
        if name not in self._keys:
            return
        self._look_at(name)
        if name not in self._blocked:
            self._take_out(self._keys[name])
        self._unblock(name)
        self._hold(name, verdict)

    def _hold(self, name: str, verdict: Verdict) -> None:
        self._blocked[name] = verdict
        for token in verdict.waits_for:
            self._waiters.setdefault(token, set()).add(name)
        if verdict.wake_at is not None:
            heapq.heappush(self._wakes, (verdict.wake_at, name))

    def waits_for(self, token: str) -> bool:
        """Whether anybody who is set aside waits for it."""
        if self._over and token != self._common and token in self._tokens:
            self._look_at_all()
        return token in self._waiters or (bool(self._over) and token == self._common)

    def release(self, token: str) -> bool:
        """Something changed: whoever waits for it is asked again. True when anybody was."""
        put_back = bool(self._over) and token == self._common
        if put_back:
            self._put_back()
        elif token in self._tokens:
            self._look_at_all()
        released = tuple(self._waiters.get(token, ()))
        for name in released:
            self._restore(name)
        return put_back or bool(released)

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
