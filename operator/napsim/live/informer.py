"""A local copy of one collection of the API server, kept by LIST and WATCH, that tells of every change exactly once.

What client-go's reflector and store do (tools/cache/reflector.go), at about 10 µs an event: each watch line is decoded
once, straight into the typed object. The copy also takes in the answers to our own writes at once (``apply_local``,
``forget_local``), and then ignores their late echo in the watch, so that a decision never rests on a state that we
ourselves have already changed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from napsim.controllers.resources import Resource
from napsim.core.objects import KubeObject, ObjectMeta
from napsim.live.backoff import Backoff
from napsim.live.client import WATCH_TIMEOUT_SECONDS, Client, ListPage
from napsim.live.errors import ApiError, Gone, Status, TransportError, error_from_status

log: Final = logging.getLogger(__name__)

T = TypeVar("T", bound=KubeObject)

_SHORT_WATCH_SECONDS: Final = 1.0
_LONG_WATCH_SECONDS: Final = 10.0  # it worked, even if there was nothing to tell
_INITIAL_SECONDS: Final = 0.2
_LIMIT_SECONDS: Final = 30.0

# The API server writes `{"type":"ADDED","object":{...}}` with the type first, so one byte tells what a line is.
_TYPE_AT: Final = len(b'{"type":"')
_ADDED, _MODIFIED, _DELETED, _BOOKMARK = (ord(letter) for letter in "AMDB")


class _Event(msgspec.Struct, Generic[T], frozen=True):
    object: T


class _Bookmark(msgspec.Struct, frozen=True):
    object: KubeObject


class _ErrorEvent(msgspec.Struct, frozen=True):
    object: Status


@dataclass(slots=True)
class InformerCounts:
    """What an informer has been through, for metrics."""

    events: int = 0
    lists: int = 0
    watches: int = 0
    failures: int = 0
    undecodable: int = 0


class Informer(Generic[T]):
    """Keeps ``store`` (key -> object) equal to the collection and calls ``on_change(old, new)`` for each difference.

    ``old`` is None for an addition, ``new`` is None for a deletion. Calls come synchronously, in order, after the store
    was brought up to date; an exception from ``on_change`` ends ``run``, because a change must not get lost silently.
    ``keep`` restricts the copy to objects it is true for: one for which it turns false is told as deleted.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        kind: type[T],
        on_change: Callable[[T | None, T | None], None],
        *,
        jitter: Callable[[], float],
        namespace: str = "",
        selectors: Mapping[str, str] | None = None,
        keep: Callable[[T], bool] | None = None,
        page_size: int = 500,
        resync_seconds: float = 0.0,
        watch_seconds: int = WATCH_TIMEOUT_SECONDS,
        silence_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store: dict[str, T] = {}
        self.synced = asyncio.Event()
        self.last_contact = 0.0
        self.counts = InformerCounts()
        self._client = client
        self._resource = resource
        self._on_change = on_change
        self._jitter = jitter
        self._namespace = namespace
        self._selectors = selectors
        self._keep = keep
        self._page_size = page_size
        self._resync_seconds = resync_seconds
        self._watch_seconds = watch_seconds
        self._silence_seconds = silence_seconds
        self._monotonic = monotonic
        self._backoff = Backoff(jitter, initial_seconds=_INITIAL_SECONDS, limit_seconds=_LIMIT_SECONDS)
        self._version = 0  # everything up to this resourceVersion has been told; 0: a LIST is due
        self._listed_at = 0.0
        self._forgotten: dict[str, str] = {}  # key -> uid of what we deleted and the watch has not told yet
        self._passed_over: set[str] = set()  # keys that the LIST under way has, in a form that is not understood
        self._decode_event: Callable[[bytes], _Event[T]] = msgspec.json.Decoder(_Event[kind]).decode  # type: ignore[valid-type]  # the type is a value here
        self._decode_object = msgspec.json.Decoder(kind).decode
        self._decode_page: Callable[[bytes], ListPage[T]] = msgspec.json.Decoder(ListPage[kind]).decode  # type: ignore[valid-type]  # the type is a value here

    @property
    def resource_version(self) -> int:
        """Every change up to this one is in ``store`` and was told; 0 before the first LIST and while one is due."""
        return self._version

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """List, watch, and recover, until cancelled."""
        while True:
            try:
                if not self._version or self._resync_due():
                    await self._list()
                await self._watch()
                self._backoff.reset()
            except Gone as error:
                log.info("%s: listing again: %s", self._resource.plural, error)
                self._version = 0
                await self._pause()
            except (ApiError, TransportError, TimeoutError) as error:
                self.counts.failures += 1
                log.warning("%s: %s", self._resource.plural, error)
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self._backoff.next())

    def _resync_due(self) -> bool:
        return bool(self._resync_seconds) and self._monotonic() - self._listed_at >= self._resync_seconds

    async def _list(self) -> None:
        """Compare the whole collection with the store. Changes are told page by page, deletions at the end."""
        self.counts.lists += 1
        listed: set[str] = set()
        self._passed_over.clear()
        version = 0
        pages = self._client.list_pages(
            self._resource,
            self._page,
            namespace=self._namespace,
            selectors=self._selectors,
            limit=self._page_size,
        )
        async with aclosing(pages):
            async for page in pages:
                self.last_contact = self._monotonic()
                version = int(page.metadata.resource_version)
                for item in page.items:
                    listed.add(item.key)
                    self._meet(item)
        listed |= self._passed_over
        for key, old in sorted(self.store.items()):
            if key not in listed and int(old.metadata.resource_version) <= version:
                self._remove(key)
        self._forgotten = {key: uid for key, uid in self._forgotten.items() if key in listed}
        self._version = version
        self._listed_at = self._monotonic()
        self.synced.set()

    async def _watch(self) -> None:
        """Follow the collection until the API server ends the watch in its own time."""
        self.counts.watches += 1
        started = self._monotonic()
        events_before = self.counts.events
        version_before = self._version
        try:
            await self._client.watch(
                self._resource,
                str(self._version),
                self._take,
                namespace=self._namespace,
                selectors=self._selectors,
                timeout_seconds=self._watch_length(),
                silence_seconds=self._silence_seconds,
            )
        finally:
            if self._monotonic() - started >= _LONG_WATCH_SECONDS:
                self._backoff.reset()
        heard = self.counts.events != events_before or self._version != version_before
        if not heard and self._monotonic() - started < _SHORT_WATCH_SECONDS:
            raise TransportError("the watch ended as soon as it began", ambiguous=False)

    def _watch_length(self) -> int:
        """In [1/2, 1] of the configured length, so that watches do not end all at once; never past the next resync."""
        longest = min(self._watch_seconds, self._resync_seconds or self._watch_seconds)
        return max(1, int(longest / 2 * (1 + self._jitter())))

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _take(self, lines: list[bytes]) -> None:
        """Bring the store up to date with the lines of a watch, in order. Raises what an ERROR event says."""
        self.last_contact = self._monotonic()
        if lines:
            self._backoff.reset()
        decode = self._decode_event
        for line in lines:
            if not line:
                continue
            letter = line[_TYPE_AT]
            if letter == _BOOKMARK:
                bookmark = msgspec.json.decode(line, type=_Bookmark)
                self._version = int(bookmark.object.metadata.resource_version)
                continue
            if letter not in (_ADDED, _MODIFIED, _DELETED):
                status = msgspec.json.decode(line, type=_ErrorEvent).object
                raise error_from_status(status.code, status)
            self.counts.events += 1
            try:
                item = decode(line).object
            except msgspec.ValidationError as error:
                self._skip(line, error)
                continue
            if letter == _DELETED:
                self._leave(item)
            else:
                self._meet(item)
            self._version = int(item.metadata.resource_version)

    def _skip(self, line: bytes, error: msgspec.ValidationError) -> None:
        """An object that does not fit our types: what we knew of it stands, and the watch goes on after it."""
        metadata = msgspec.json.decode(line, type=_Bookmark).object.metadata
        self._complain(metadata, error)
        self._version = int(metadata.resource_version)

    def _complain(self, metadata: ObjectMeta, error: msgspec.ValidationError) -> None:
        self.counts.undecodable += 1
        name = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
        log.warning("%s %s is not understood and stays as it was known: %s", self._resource.kind, name, error)

    def _page(self, body: bytes) -> ListPage[T]:
        """A page, typed; if one of its objects does not fit, the others of it."""
        try:
            return self._decode_page(body)
        except msgspec.ValidationError:
            raw = msgspec.json.decode(body, type=ListPage[msgspec.Raw])
        items: list[T] = []
        for text in raw.items:
            try:
                items.append(self._decode_object(text))
            except msgspec.ValidationError as error:
                known = msgspec.json.decode(text, type=KubeObject)
                self._complain(known.metadata, error)
                self._passed_over.add(known.key)
        return ListPage(raw.metadata, items)

    # --- the store ----------------------------------------------------------------------------------------------------

    def _meet(self, new: T) -> None:
        """Take in one state of an object, unless the store has a later one, or we have deleted that very object."""
        metadata = new.metadata
        key = new.key
        old = self.store.get(key)
        if old is not None:
            if int(old.metadata.resource_version) >= int(metadata.resource_version):
                return
            if old.metadata.uid != metadata.uid:
                self._remove(key)
                old = None
        elif self._forgotten and self._forgotten.get(key) == metadata.uid:
            return
        if self._keep is not None and not self._keep(new):
            if old is not None:
                self._remove(key)
            return
        self.store[key] = new
        self._on_change(old, new)

    def _leave(self, last: T) -> None:
        """The watch told a deletion (or that the object left the selection); a successor of that name stays."""
        key = last.key
        if self._forgotten.get(key) == last.metadata.uid:
            del self._forgotten[key]
        old = self.store.get(key)
        if old is not None and int(old.metadata.resource_version) <= int(last.metadata.resource_version):
            self._remove(key)

    def _remove(self, key: str) -> None:
        old = self.store.pop(key)
        self._on_change(old, None)

    # --- our own writes -----------------------------------------------------------------------------------------------

    def apply_local(self, item: T) -> None:
        """Take in the answer to our own create or patch, if it is news. Tells ``on_change`` before it returns.

        An answer not later than what the watch has told is no news: if its object is not in the store by then, it has
        been deleted since, and must not come back.
        """
        if item.key in self.store or int(item.metadata.resource_version) > self._version:
            self._meet(item)

    def apply_answer(self, body: bytes) -> T:
        """``apply_local`` of an answer's JSON; returns the object. Raises msgspec.ValidationError."""
        item = self._decode_object(body)
        self.apply_local(item)
        return item

    def forget_local(self, key: str, uid: str) -> None:
        """Our own write made that object vanish: tell its deletion now, and ignore what the watch still has of it."""
        old = self.store.get(key)
        if old is not None and old.metadata.uid == uid:
            self._forgotten[key] = uid
            self._remove(key)
