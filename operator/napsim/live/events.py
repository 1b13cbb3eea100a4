"""Kubernetes Events, kept cheap and harmless.

Deduplicated as Karpenter v1.14.0 does (pkg/events/recorder.go: by reason and values, for 2 minutes), held to
client-go's limit per object (tools/record/events_cache.go: 25, then one per 5 minutes), queued without ever waiting,
and sent a few at a time behind the writer's work. Fails open: an event that cannot be written is counted and logged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from napsim.controllers.resources import EVENTS, Resource
from napsim.core.objects import KubeObject
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.errors import AlreadyExists, ApiError, TransportError

log: Final = logging.getLogger(__name__)

KARPENTER: Final = "karpenter"
DEDUPE: Final = timedelta(minutes=2)

_QUEUE_LENGTH: Final = 2000
_BURST: Final = 25
_REFILL_SECONDS: Final = 300.0
_NOTE_LENGTH: Final = 1024  # validation of events.k8s.io/v1 counts bytes
_NAME_LENGTH: Final = 253
_SEND_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 0.02  # behind other writes, but never starved: 50 events a second whatever goes on
_AT_ONCE: Final = 4
_BACKLOG: Final = 100  # events behind which the writer's work no longer comes first
_PRUNE_AT: Final = 4096

EventType = Literal["Normal", "Warning"]


class Regarding(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The object an event is about."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    @classmethod
    def of(cls, resource: Resource, item: KubeObject) -> Regarding:
        metadata = item.metadata
        return cls(resource.api_version, resource.kind, metadata.name, metadata.namespace, metadata.uid)


@dataclass(frozen=True, slots=True)
class Event:
    """What to say. ``dedupe``: the values that, with the reason, make it the same event again; by default the object.

    ``reporting_controller`` is ``karpenter`` for Karpenter's own reasons, ``napsim`` for ours.
    """

    regarding: Regarding
    reason: str
    note: str
    action: str
    type: EventType = "Normal"
    reporting_controller: str = KARPENTER
    dedupe: tuple[str, ...] = ()
    dedupe_for: timedelta = DEDUPE
    aggregate: bool = False
    name: str = ""  # of the event itself, where it follows from what it tells: the API server then has it once

    @property
    def key(self) -> tuple[str, ...]:
        return (self.reason, *(self.dedupe or (self.regarding.uid or self.regarding.name,)))


@dataclass(slots=True)
class _Series:
    """An event that was queued, and how often it was said again since."""

    event: Event
    name: str
    until: datetime
    at: datetime
    count: int = 1
    queued: bool = True
    created: bool = False


@dataclass(slots=True)
class _Allowance:
    """Token bucket of one object."""

    tokens: float
    filled_at: float


@dataclass(slots=True)
class RecorderCounts:
    """What became of events, for metrics."""

    sent: int = 0
    repeated: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # by why: queue, spam, fence, shutdown
    failed: int = 0


class Recorder:
    """Takes events at once (``record``) and writes them when there is time (``run``).

    ``instance`` is the reportingInstance; ``fence`` drops what would be written without leadership; ``stand_back``
    waits, for so many seconds at most, until more important writes are done (the writer's ``drain``).
    """

    def __init__(
        self,
        client: Client,
        *,
        instance: str,
        fence: Callable[[], bool],
        stand_back: Callable[[float], Awaitable[object]],
        send_seconds: float = _SEND_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.counts = RecorderCounts()
        self._client = client
        self._instance = instance
        self._fence = fence
        self._stand_back = stand_back
        self._send_seconds = send_seconds
        self._monotonic = monotonic
        self._now = now
        self._series: dict[tuple[str, ...], _Series] = {}
        self._allowances: dict[str, _Allowance] = {}
        self._queue: deque[_Series] = deque()
        self._wanted = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closing = False
        self._number = 0

    def record(self, event: Event, now: datetime) -> bool:
        """Queue an event unless it was said lately; whether it will be written. ``now`` is the clock of ``dedupe_for``.

        Never waits and never raises for what the API server thinks.
        """
        known = self._series.get(event.key)
        if known is not None and now < known.until:
            self.counts.repeated += 1
            return event.aggregate and self._repeat(known)
        if self._closing or len(self._queue) >= _QUEUE_LENGTH:
            self.counts.dropped["shutdown" if self._closing else "queue"] += 1
            return False
        if not event.name and not self._allowed(event.regarding.uid or event.regarding.name):
            self.counts.dropped["spam"] += 1
            return False
        if len(self._series) >= _PRUNE_AT:
            self._prune(now)
        series = _Series(event, event.name or self._name(event.regarding), now + event.dedupe_for, self._now())
        self._series[event.key] = series
        self._enqueue(series)
        return True

    async def run(self) -> None:
        """Write what is queued, until cancelled."""
        while True:
            while self._queue:
                hurried = self._closing or len(self._queue) > _BACKLOG
                await self._stand_back(0.0 if hurried else _PATIENCE_SECONDS)
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _AT_ONCE))]
                for series in batch:
                    series.queued = False
                await asyncio.gather(*(self._write(series) for series in batch))
            self._drained.set()
            self._wanted.clear()
            await self._wanted.wait()

    async def flush(self, within_seconds: float) -> int:
        """Write what is left, in time, and take no more; the number of events that were left over."""
        self._closing = True
        try:
            async with asyncio.timeout(within_seconds):
                await self._drained.wait()
        except TimeoutError:
            self.counts.dropped["shutdown"] += len(self._queue)
        return len(self._queue)

    # --- queue --------------------------------------------------------------------------------------------------------

    def _enqueue(self, series: _Series) -> None:
        series.queued = True
        self._queue.append(series)
        self._drained.clear()
        self._wanted.set()

    def _repeat(self, series: _Series) -> bool:
        """Count a repetition; it is written once with the latest count, not once each."""
        series.count += 1
        if series.created and not series.queued and not self._closing:
            self._enqueue(series)
        return True

    def _allowed(self, uid: str) -> bool:
        moment = self._monotonic()
        allowance = self._allowances.get(uid)
        if allowance is None:
            allowance = self._allowances[uid] = _Allowance(_BURST, moment)
        allowance.tokens = min(_BURST, allowance.tokens + (moment - allowance.filled_at) / _REFILL_SECONDS)
        allowance.filled_at = moment
        if allowance.tokens < 1:
            return False
        allowance.tokens -= 1
        return True

    def _prune(self, now: datetime) -> None:
        """Forget what is over: keys past their time, and objects that have not been heard of for a refill."""
        self._series = {key: series for key, series in self._series.items() if now < series.until}
        heard_after = self._monotonic() - _REFILL_SECONDS
        self._allowances = {uid: item for uid, item in self._allowances.items() if item.filled_at > heard_after}

    def _name(self, regarding: Regarding) -> str:
        """``<object>.<nanoseconds in hex>`` as client-go names events, made unique by a number."""
        self._number += 1
        suffix = f".{time_ns(self._now()) + self._number:x}"
        return regarding.name[: _NAME_LENGTH - len(suffix)].rstrip(".-") + suffix

    # --- wire ---------------------------------------------------------------------------------------------------------

    async def _write(self, series: _Series) -> None:
        """Create the event, or bring its series up to date. Failures are counted: an event is never worth an error."""
        if not self._fence():
            self.counts.dropped["fence"] += 1
            return
        namespace = series.event.regarding.namespace or "default"
        try:
            if series.created:
                body = msgspec.json.encode({"series": self._repetitions(series)})
                await self._client.patch(EVENTS, namespace, series.name, body, timeout_seconds=self._send_seconds)
            else:
                body = msgspec.json.encode(self._manifest(series, namespace))
                await self._client.create(EVENTS, namespace, body, timeout_seconds=self._send_seconds)
                series.created = True
            self.counts.sent += 1
        except AlreadyExists:
            self.counts.repeated += 1  # told by an operator before us
        except (ApiError, TransportError) as error:
            self.counts.failed += 1
            log.warning("event %s on %s not written: %s", series.event.reason, series.event.regarding.name, error)

    def _manifest(self, series: _Series, namespace: str) -> dict[str, object]:
        event = series.event
        manifest: dict[str, object] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": series.name, "namespace": namespace},
            "eventTime": micro_time(series.at),
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": shortened(event.note),
            "regarding": event.regarding,
            "reportingController": event.reporting_controller,
            "reportingInstance": self._instance[:128],
        }
        if series.count > 1:
            manifest["series"] = self._repetitions(series)
        return manifest

    def _repetitions(self, series: _Series) -> dict[str, object]:
        return {"count": series.count, "lastObservedTime": micro_time(self._now())}


def shortened(note: str) -> str:
    """The note within the API server's limit, cut with an ellipsis."""
    encoded = note.encode()
    if len(encoded) <= _NOTE_LENGTH:
        return note
    return encoded[: _NOTE_LENGTH - 3].decode(errors="ignore") + "..."


def micro_time(moment: datetime) -> str:
    """meta/v1 MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch, to the microsecond."""
    return int(moment.timestamp() * 1_000_000) * 1000
