"""Jobs that go on beside the queues for as long as somebody leads: begun one by one, ended together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """One that fails ends alone: ``log`` has its error, as that of a task of ``whose``."""

    def __init__(self, log: logging.Logger, whose: str) -> None:
        self._log = log
        self._whose = whose
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, job: Coroutine[Any, Any, None]) -> None:
        """Needs an event loop that runs."""
        task = asyncio.get_running_loop().create_task(job)
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Cancel all of them, and wait until they are over."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a task of %s ended", self._whose, exc_info=error)
