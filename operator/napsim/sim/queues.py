"""The queues that call the controllers, on virtual time: what ``live``'s do in an event loop, without one.

Whatever a controller asks of its shell is answered at once; it waits for nothing but a ``Pause``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Generator
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from napsim.controllers.controllers import Reconcile
from napsim.controllers.executor import Retry
from napsim.sim.kernel import Kernel

FIRST_RETRY: Final = timedelta(milliseconds=50)
LAST_RETRY: Final = timedelta(seconds=15)
_MOST_DOUBLINGS: Final = 9
Answer = TypeVar("Answer")


class Suspended(Exception):
    """A controller waited for something: in a simulation nothing would ever wake it."""


class Pause:
    """Awaited, it suspends a controller for a while of virtual time."""

    __slots__ = ("duration",)

    def __init__(self, duration: timedelta) -> None:
        self.duration = duration

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


def step(coroutine: Coroutine[Any, Any, Answer]) -> Answer | Pause:
    """Run a coroutine to its end, or to its next pause. Raises what it raises, and Suspended."""
    try:
        paused = coroutine.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    if isinstance(paused, Pause):
        return paused
    coroutine.close()
    raise Suspended(f"{coroutine!r} waits for something, which nothing in a simulation ends")


class WorkQueue:
    """One controller's keys, each at most once in line. ``Retry`` is another try after a back-off that doubles."""

    __slots__ = ("_active", "_again", "_due", "_kernel", "_queued", "_reconcile", "_retries", "name", "paused")

    def __init__(self, name: str, reconcile: Reconcile, kernel: Kernel) -> None:
        self.name = name
        self.paused = False
        self._reconcile = reconcile
        self._kernel = kernel
        self._queued: set[str] = set()
        self._active: set[str] = set()  # keys that are being looked at, in a pause
        self._again: set[str] = set()  # those of them that are to be looked at once more
        self._due: dict[str, datetime] = {}
        self._retries: dict[str, int] = {}

    @property
    def idle(self) -> bool:
        return not self._queued and not self._active

    def add(self, key: str) -> None:
        if key in self._queued:
            return
        if key in self._active:
            self._again.add(key)
        elif not self.paused:
            self._queued.add(key)
            self._kernel.soon(self._work, key)

    def add_at(self, key: str, at: datetime) -> None:
        due = self._due.get(key)
        if self.paused or (due is not None and due <= at):
            return
        self._due[key] = at
        self._kernel.at(at, self._ring, (key, at))

    def _ring(self, timer: tuple[str, datetime]) -> None:
        key, at = timer
        if self._due.get(key) == at:
            del self._due[key]
            self.add(key)

    def _work(self, key: str) -> None:
        self._queued.discard(key)
        look: Any = self._reconcile(key)  # a coroutine: no controller returns another awaitable
        self._go_on((key, look))

    def _go_on(self, look: tuple[str, Coroutine[Any, Any, datetime | None]]) -> None:
        """From the beginning, or from the last pause on."""
        key, coroutine = look
        try:
            again_at = step(coroutine)
        except Retry:
            doublings = self._retries.get(key, 0)
            self._retries[key] = min(doublings + 1, _MOST_DOUBLINGS)
            self._kernel.at(self._kernel.now + min(FIRST_RETRY * 2**doublings, LAST_RETRY), self.add, key)
            self._ended(key)
            return
        if isinstance(again_at, Pause):
            self._active.add(key)
            self._kernel.at(self._kernel.now + again_at.duration, self._go_on, look)
            return
        if self._retries:
            self._retries.pop(key, None)
        if again_at is not None:
            self.add_at(key, again_at)
        self._ended(key)

    def _ended(self, key: str) -> None:
        if key in self._active:
            self._active.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)


class PollingQueue(WorkQueue):
    """Of a controller that looks every so often whether something has changed: a look in vain is left out.

    ``version`` is another whenever a look could come out differently; None: time alone may change that. The instants of
    the looks that are left stay where they were.
    """

    __slots__ = ("_asleep", "_looked", "_version")

    def __init__(self, name: str, reconcile: Reconcile, kernel: Kernel, version: Callable[[], int | None]) -> None:
        super().__init__(name, reconcile, kernel)
        self._version = version
        self._looked: dict[str, tuple[datetime, int | None]] = {}  # key -> when, and what the version was after it
        self._asleep: dict[str, tuple[datetime, timedelta]] = {}  # key -> a look that was left out, and the interval

    def _ring(self, timer: tuple[str, datetime]) -> None:
        key, at = timer
        looked_at, version = self._looked.get(key, (at, None))
        in_vain = version is not None and version == self._version()
        if self._due.get(key) == at and in_vain and at > looked_at:
            del self._due[key]
            self._asleep[key] = (at, at - looked_at)
        else:
            super()._ring(timer)

    def _work(self, key: str) -> None:
        self._asleep.pop(key, None)
        super()._work(key)
        self._looked[key] = (self._kernel.now, self._version())

    def wake(self) -> None:
        """Called once an instant is over: looks that are not in vain any more happen when they would have."""
        if not self._asleep:
            return
        now, version = self._kernel.now, self._version()
        for key in list(self._asleep):
            if version is None or version != self._looked[key][1]:
                at, interval = self._asleep.pop(key)
                self.add_at(key, at + interval * max(math.ceil((now - at) / interval), 1))
