"""The operator's trace: the records of ``core.trace`` as lines of a file, as they happen.

What a simulation writes of the same story is the same but for the instants: here they are when the operator was told.
Evictions of single pods are left out. It costs one write for all that comes in one turn of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from napsim.core.actions import DeleteNodeClaim
from napsim.core.objects import Node, NodeClaim
from napsim.core.pickup import Pickup
from napsim.core.reasons import Verdict
from napsim.core.trace import (
    Record,
    RecordKind,
    blocked_record,
    claim_records,
    is_same,
    line,
    node_records,
    pickup_records,
    unblocked_record,
    window_record,
)
from napsim.core.windows import WindowVerdict

log: Final = logging.getLogger(__name__)


class TraceUnwritable(Exception):
    """The file cannot be opened; the text says why."""


class TraceFile:
    """Lines appended to a file. One that cannot be written any more is given up, with a word in the log."""

    def __init__(self, path: Path) -> None:
        """Raises TraceUnwritable."""
        self._path = path
        try:
            self._file: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise TraceUnwritable(f"{path}: cannot be written: {error.strerror}") from error
        self._lines: list[str] = []

    def write(self, records: Iterable[Record]) -> None:
        """At the end of this turn of the event loop."""
        lines = [line(record) + "\n" for record in records]
        if not lines or self._file is None:
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines += lines

    def flush(self) -> None:
        """Now."""
        left, self._lines = "".join(self._lines).encode(), []
        try:
            while left and self._file is not None:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            log.error("the trace %s ends here: it cannot be written: %s", self._path, error.strerror)
            self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Trace:
    """What the operator was told and decided, as records. Instants are virtual."""

    def __init__(self, write: Callable[[Iterable[Record]], None], now: Callable[[], datetime]) -> None:
        self._write = write
        self._now = now
        self._held: dict[str, Verdict] = {}
        self._released: dict[str, None] = {}

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None:
        self._write(claim_records(old, new, self._now()))

    def on_node(self, old: Node | None, new: Node | None) -> None:
        self._write(node_records(old, new, self._now()))

    def on_claim_deleted(self, action: DeleteNodeClaim) -> None:
        self._write((Record(self._now(), RecordKind.CLAIM_DELETED, f"NodeClaim/{action.claim.name}", action.reason),))

    def on_picked_up(self, node_class: str, pickup: Pickup) -> None:
        self._write(pickup_records(node_class, pickup, self._now()))

    def on_window(self, name: str, verdict: WindowVerdict) -> None:
        self._write((window_record(name, verdict, self._now()),))

    def on_blocked(self, claim: str, node: str, verdict: Verdict) -> None:
        """The same again, asked anew in between, is no news."""
        held = self._held.get(claim)
        self._released.pop(claim, None)
        if held is None or not is_same(held, verdict):
            self._held[claim] = verdict
            self._write((blocked_record(claim, node, verdict, self._now()),))

    def on_unblocked(self, claim: str) -> None:
        """It is asked anew, or gone: in the next turn of the event loop it is known what came of it."""
        if claim in self._held and claim not in self._released:
            self._released[claim] = None
            asyncio.get_running_loop().call_soon(self._let_go, claim)

    def _let_go(self, claim: str) -> None:
        if claim in self._released:
            del self._released[claim]
            self._write((unblocked_record(claim, self._held.pop(claim), self._now()),))
