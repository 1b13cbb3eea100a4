"""Keys to be reconciled: each at most once at a time, at once or at a virtual instant, again later when it failed.

What client-go's ``util/workqueue`` does (add while active means once more afterwards; rate-limited retries per key), in
one event loop, with delays on the cluster's virtual clock.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from napsim.controllers.clock import VirtualClock
from napsim.controllers.executor import Retry
from napsim.live.backoff import Backoff
from napsim.live.writer import NotLeader

log: Final = logging.getLogger(__name__)

Reconcile = Callable[[str], Awaitable[datetime | None]]

_FIRST_RETRY_SECONDS: Final = 0.05
_LAST_RETRY_SECONDS: Final = 15.0


class Workqueue:
    """``reconcile(key)`` returns the virtual instant to look at the key again, or None.

    ``Retry`` asks for another try after a back-off and is ordinary (a conflict); so is ``NotLeader``, until the queue
    is paused for it. Any other exception is logged with its traceback, counted in ``failures`` and retried the same
    way. Nothing runs while the queue is paused.
    """

    def __init__(
        self, name: str, reconcile: Reconcile, clock: VirtualClock, jitter: Callable[[], float], *, workers: int = 32
    ) -> None:
        self.name = name
        self.failures = 0
        self._reconcile = reconcile
        self._clock = clock
        self._jitter = jitter
        self.last_retry_seconds = _LAST_RETRY_SECONDS
        self._workers = workers
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._active: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._due: dict[str, datetime] = {}
        self._timers: list[tuple[datetime, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._retries: dict[str, Backoff] = {}
        self._retry_timers: dict[str, asyncio.TimerHandle] = {}
        self._paused = True
        clock.on_turn.append(self._arm)

    def __len__(self) -> int:
        return len(self._ready) + len(self._active)

    @property
    def idle(self) -> bool:
        """Nothing is ready or active; timers may be pending."""
        return not self._ready and not self._active

    def resume(self) -> None:
        self._paused = False
        self._arm()
        self._start()

    def pause(self) -> None:
        """Forget everything that is pending; what is active ends by itself."""
        self._paused = True
        self._ready.clear()
        self._queued.clear()
        self._again.clear()
        self._due.clear()
        self._timers.clear()
        self._retries.clear()
        for handle in (self._timer, *self._retry_timers.values()):
            if handle is not None:
                handle.cancel()
        self._timer = None
        self._retry_timers.clear()

    async def drain(self) -> None:
        """Wait for what is active, after a pause."""
        if self._active:
            await asyncio.gather(*self._active.values(), return_exceptions=True)

    def add(self, key: str) -> None:
        """Look at the key as soon as a worker is free; a key that is being looked at is looked at once more."""
        if self._paused:
            return
        if key in self._active:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._start()

    def add_at(self, key: str, at: datetime) -> None:
        """Look at the key at a virtual instant, or earlier if it was to be looked at earlier anyway."""
        due = self._due.get(key)
        if self._paused or (due is not None and due <= at):
            return
        self._due[key] = at
        heapq.heappush(self._timers, (at, key))
        if self._timers[0] == (at, key):
            self._arm()

    def _arm(self) -> None:
        """One timer of the event loop, for the earliest key."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        if self._timers and not self._paused:
            delay = min(self._clock.real_seconds_until(self._timers[0][0]), 3600.0)
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            at, key = heapq.heappop(self._timers)
            if self._due.get(key) == at:
                del self._due[key]
                self.add(key)
        self._arm()

    def _start(self) -> None:
        while self._ready and len(self._active) < self._workers and not self._paused:
            key = self._ready.popleft()
            self._queued.discard(key)
            self._active[key] = asyncio.get_running_loop().create_task(self._work(key), name=f"{self.name}/{key}")

    async def _work(self, key: str) -> None:
        self._again.discard(key)  # what was asked for before the look begins, it sees
        try:
            again_at = await self._reconcile(key)
        except (Retry, NotLeader) as retry:
            log.debug("%s %s: again: %s", self.name, key, retry)
            self._retry(key)
        except Exception:
            self.failures += 1
            log.exception("%s %s: failed", self.name, key)
            self._retry(key)
        else:
            self._retries.pop(key, None)
            if again_at is not None:
                self.add_at(key, again_at)
        finally:
            self._active.pop(key, None)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            self._start()

    def _retry(self, key: str) -> None:
        if self._paused:
            return
        backoff = self._retries.setdefault(
            key, Backoff(self._jitter, initial_seconds=_FIRST_RETRY_SECONDS, limit_seconds=self.last_retry_seconds)
        )
        pending = self._retry_timers.pop(key, None)
        if pending is not None:
            pending.cancel()
        self._retry_timers[key] = asyncio.get_running_loop().call_later(backoff.next(), self._retry_now, key)

    def _retry_now(self, key: str) -> None:
        self._retry_timers.pop(key, None)
        self.add(key)
