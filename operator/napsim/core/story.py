"""The story of a rollout as facts: what happened, when (virtual), once each.

Policy: the events of ``NodeAutoProvisioning``, ``MaintenanceConfiguration`` and ``NodeImage``. A fact is told once
however often it is found, also by an operator that starts in the middle: its instant and ``key`` follow from what the
API server holds, and the name of its event follows from them. The names sort as the facts happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final

import msgspec

from napsim.core.clock import EPOCH
from napsim.core.configurations import Configuration
from napsim.core.windows import Window, describe, describe_instant, windows

BLOCKED_FOR: Final = timedelta(minutes=15)
"""A node that is blocked for less is not worth a word: PDBs let go and take hold all the time while pods move."""
MOST_NAMED: Final = 5
_MICROSECOND: Final = timedelta(microseconds=1)


class Told(StrEnum):
    """Reasons of the events that tell the story, in the order in which they follow each other at one instant."""

    IMAGE_SEEN = "ImageSeen"
    WINDOW_OPENED = "WindowOpened"
    IMAGE_PICKED_UP = "ImagePickedUp"
    ROLLOUT_STARTED = "RolloutStarted"
    NODES_BLOCKED = "NodesBlocked"
    NODES_UNBLOCKED = "NodesUnblocked"
    ROLLOUT_FINISHED = "RolloutFinished"
    WINDOW_CLOSED = "WindowClosed"
    WINDOW_MISSED = "WindowMissed"


_ORDER: Final = tuple(Told)


class Fact(msgspec.Struct, frozen=True):
    """``key`` is what makes it another fact than one with the same reason at the same instant."""

    at: datetime
    reason: Told
    message: str
    key: str = ""
    warning: bool = False

    def event_name(self, about: str) -> str:
        """The name of its event on the object ``about``: sorts by instant, then by the order of ``Told``."""
        stamp = (self.at - EPOCH) // _MICROSECOND * 1000 + _ORDER.index(self.reason)
        digest = hashlib.sha256(f"{self.reason}/{self.key}".encode()).hexdigest()[:8]
        return f"{about[:200]}.{stamp:016x}.{digest}"


class Cause(msgspec.Struct, frozen=True):
    """What blocks some nodes of a pool: ``since`` is when it began to block the first of them."""

    nodepool: str
    reason: str
    message: str
    since: datetime
    nodes: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.nodepool, self.message


def window_edges(configuration: Configuration, after: datetime, until: datetime) -> Iterator[tuple[Window, bool]]:
    """The openings (True) and closings (False) in (after, until], in order."""
    near = takewhile(lambda window: window.start <= until, windows(configuration, after))
    for window in near:
        if window.start > after:
            yield window, True
        if window.until <= until:
            yield window, False


def window_fact(name: str, window: Window, *, opened: bool) -> Fact:
    """An opening or closing of the configuration ``name``."""
    if opened:
        closes = f"closes {describe_instant(window.end)}" if window.end else "without an end"
        return Fact(window.start, Told.WINDOW_OPENED, f"{name} is open, {closes}", name)
    message = f"{name} is closed: {describe(window)} is over; nodes that drift go on being replaced"
    return Fact(window.until, Told.WINDOW_CLOSED, message, name)


def window_missed(name: str, window: Window, versions: Iterable[str]) -> Fact:
    """The window closed while images waited, and nothing was picked up."""
    message = f"{name}: {describe(window)} is over and nothing was picked up; {_listed(versions)} still waits"
    return Fact(window.until, Told.WINDOW_MISSED, message, name, warning=True)


def image_seen(version: str, definitions: Iterable[str], at: datetime, window: str) -> Fact:
    """A newer image than the one adopted is published."""
    return Fact(at, Told.IMAGE_SEEN, f"{version} is published ({_listed(definitions)}); {window}", version)


def nodes_blocked(cause: Cause) -> Fact:
    """Told when the cause has lasted for ``BLOCKED_FOR``."""
    message = f"pool {cause.nodepool}: {_listed(cause.nodes)}: {cause.message}, since {describe_instant(cause.since)}"
    return Fact(cause.since + BLOCKED_FOR, Told.NODES_BLOCKED, message, "/".join(cause.key), warning=True)


def nodes_unblocked(cause: Cause, now: datetime) -> Fact:
    """A cause that was told is over."""
    message = f"pool {cause.nodepool}: {_listed(cause.nodes)}: no longer {cause.message}"
    return Fact(now, Told.NODES_UNBLOCKED, message, "/".join((*cause.key, cause.since.isoformat())))


def rollout_started(at: datetime, drifted: dict[str, int]) -> Fact:
    """The first nodes drift: pool → how many."""
    pools = ", ".join(f"{count} of pool {name}" for name, count in sorted(drifted.items()) if count)
    return Fact(at, Told.ROLLOUT_STARTED, f"nodes to be replaced: {pools}")


def rollout_finished(at: datetime, started: datetime | None, replaced: int, most: int) -> Fact:
    """All nodes are on the target."""
    took = f" in {_span(at - started)}" if started else ""
    return Fact(at, Told.ROLLOUT_FINISHED, f"{replaced} nodes replaced{took}, at most {most} disrupted at once")


def _span(length: timedelta) -> str:
    minutes = round(length / timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m"


def _listed(items: Iterable[str]) -> str:
    """``a, b and 3 more``."""
    found = sorted(set(items))
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more
