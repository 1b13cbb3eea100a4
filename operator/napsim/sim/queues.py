"""The queues that call the controllers, on virtual time: what ``live``'s do in an event loop, without one.

A controller's coroutine never waits here, because whatever it asks of its shell is answered at once.
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from napsim.controllers.controllers import Reconcile
from napsim.controllers.executor import Retry
from napsim.sim.kernel import Kernel

FIRST_RETRY: Final = timedelta(milliseconds=50)
LAST_RETRY: Final = timedelta(seconds=15)
_MOST_DOUBLINGS: Final = 9
Answer = TypeVar("Answer")


class Suspended(Exception):
    """A controller waited for something: in a simulation nothing would ever wake it."""


def finish(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine that does not wait. Raises what it raises, and Suspended."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("Answer", end.value)
    coroutine.close()
    raise Suspended(f"{coroutine!r} waits for something, which nothing in a simulation ends")


class WorkQueue:
    """One controller's keys, each at most once in line. ``Retry`` is another try after a back-off that doubles."""

    __slots__ = ("_due", "_kernel", "_queued", "_reconcile", "_retries", "looks", "name", "paused")

    def __init__(self, name: str, reconcile: Reconcile, kernel: Kernel) -> None:
        self.name = name
        self.paused = False
        self.looks = 0
        self._reconcile = reconcile
        self._kernel = kernel
        self._queued: set[str] = set()
        self._due: dict[str, datetime] = {}
        self._retries: dict[str, int] = {}

    @property
    def idle(self) -> bool:
        return not self._queued

    def add(self, key: str) -> None:
        if key not in self._queued and not self.paused:
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
        self.looks += 1
        try:
            again_at = finish(cast("Coroutine[Any, Any, datetime | None]", self._reconcile(key)))
        except Retry:
            doublings = self._retries.get(key, 0)
            self._retries[key] = min(doublings + 1, _MOST_DOUBLINGS)
            self._kernel.at(self._kernel.now + min(FIRST_RETRY * 2**doublings, LAST_RETRY), self.add, key)
            return
        if self._retries:
            self._retries.pop(key, None)
        if again_at is not None:
            self.add_at(key, again_at)
