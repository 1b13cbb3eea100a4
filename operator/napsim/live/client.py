"""Requests to one API server over kept-alive connections: raw bytes in, raw bytes or one typed decode out.

No retries here (the writer and the informers have them) and no model of the objects.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar
from urllib.parse import urlencode

import msgspec

import napsim
from napsim.controllers.resources import PODS, Resource
from napsim.live.credentials import CredentialError
from napsim.live.errors import ApiError, Gone, TransportError, error_from_answer
from napsim.live.kubeconfig import ConnectionConfig
from napsim.live.transport import Stream, Transport

T = TypeVar("T")

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"

REQUEST_TIMEOUT_SECONDS: Final = 30.0
WATCH_TIMEOUT_SECONDS: Final = 240
WATCH_GRACE_SECONDS: Final = 15.0  # by then the API server must have ended a watch that was to end
_LIST_RESTARTS: Final = 5
_NO_ANSWER: Final = 0  # the code an observer is told when no answer came


class Observer(Protocol):
    """Told of every request: Kubernetes verb, resource (``pods/eviction`` for subresources), HTTP code, seconds.

    ``code`` is 0 if no answer came. A watch is told once, when its answer begins.
    """

    def __call__(self, verb: str, resource: str, code: int, seconds: float, /) -> None: ...


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int = 0


class ListPage(msgspec.Struct, Generic[T], frozen=True):
    """One page of a chunked LIST."""

    metadata: ListMeta = ListMeta()
    items: list[T] = []


class Preconditions(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    uid: str = ""
    resource_version: str = ""


class DeleteOptions(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """meta/v1 DeleteOptions. ``grace_period_seconds`` None leaves the object's own."""

    preconditions: Preconditions | None = None
    grace_period_seconds: int | None = None


def _nobody(verb: str, resource: str, code: int, seconds: float, /) -> None:
    """The observer of a client that nobody observes."""


class Client:
    """One API server. Use as an async context manager; every method raises ApiError or TransportError."""

    def __init__(
        self,
        connection: ConnectionConfig,
        *,
        observe: Observer = _nobody,
        user_agent: str = f"napsim/{napsim.__version__}",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._credentials = connection.credentials
        self._observe = observe
        self._user_agent = user_agent
        self._monotonic = monotonic
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        connection = self._connection
        self._transport = Transport(connection.server, connection.tls, connection.tls_server_name, self._user_agent)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection, also those of watches."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            await asyncio.sleep(0)  # what was under way learns of it

    @property
    def origin(self) -> str:
        """Where the connection's settings came from, for messages."""
        return self._connection.origin

    # --- single objects -----------------------------------------------------------------------------------------------

    async def get(self, resource: Resource, namespace: str, name: str, *, timeout_seconds: float = 30.0) -> bytes:
        """The object as JSON; ``namespace`` is "" for cluster-scoped resources."""
        path = resource.path(namespace, name)
        return await self._request("get", resource.plural, "GET", path, timeout_seconds=timeout_seconds)

    async def find(
        self, resource: Resource, namespace: str, name: str, *, timeout_seconds: float = 30.0
    ) -> bytes | None:
        """The object as JSON, without kind and apiVersion, or None where there is none of that name.

        By a list of one: who follows a kind may list it, and needs no other right for this.
        """
        path = f"{resource.path(namespace)}?{urlencode({'fieldSelector': f'metadata.name={name}'})}"
        answer = await self._request("list", resource.plural, "GET", path, timeout_seconds=timeout_seconds)
        items = msgspec.json.decode(answer, type=ListPage[msgspec.Raw]).items
        return bytes(items[0]) if items else None

    async def get_path(self, path: str, *, timeout_seconds: float = 10.0) -> bytes:
        """What any path answers, such as ``/version`` and ``/readyz``."""
        return await self._request("get", path, "GET", path, timeout_seconds=timeout_seconds)

    async def create(
        self, resource: Resource, namespace: str, body: bytes, *, timeout_seconds: float = REQUEST_TIMEOUT_SECONDS
    ) -> bytes:
        """Create the object in ``body`` (JSON) and return what the API server made of it."""
        path = resource.path(namespace)
        return await self._request("create", resource.plural, "POST", path, body, JSON, timeout_seconds)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: bytes,
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> bytes:
        """Patch one object (or its ``subresource``)."""
        path = resource.path(namespace, name, subresource)
        label = f"{resource.plural}/{subresource}" if subresource else resource.plural
        return await self._request("patch", label, "PATCH", path, body, content_type, timeout_seconds)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        options: DeleteOptions | None = None,
        *,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> bytes:
        """Delete one object. The answer is the object (still there) or a Status (gone)."""
        body = msgspec.json.encode(options if options is not None else DeleteOptions())
        path = resource.path(namespace, name)
        return await self._request("delete", resource.plural, "DELETE", path, body, JSON, timeout_seconds)

    async def evict(
        self,
        namespace: str,
        name: str,
        options: DeleteOptions | None = None,
        *,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> bytes:
        """Ask for the eviction of a pod; EvictionBlocked while a PodDisruptionBudget forbids it."""
        eviction: dict[str, object] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        if options is not None:
            eviction["deleteOptions"] = options
        body = msgspec.json.encode(eviction)
        path = PODS.path(namespace, name, "eviction")
        return await self._request("create", "pods/eviction", "POST", path, body, JSON, timeout_seconds)

    # --- collections --------------------------------------------------------------------------------------------------

    async def list_pages(
        self,
        resource: Resource,
        decode: Callable[[bytes], ListPage[T]],
        *,
        namespace: str = "",
        selectors: Mapping[str, str] | None = None,
        limit: int = 500,
        resource_version: str = "",
    ) -> AsyncGenerator[ListPage[T], None]:
        """The collection in pages of ``limit``. Raises Gone when the API server forgot the snapshot on the way:
        then begin again. ``selectors`` are ``labelSelector`` and ``fieldSelector``."""
        parameters = {"limit": str(limit), "resourceVersion": resource_version, **(selectors or {})}
        base = resource.path(namespace)
        while True:
            path = f"{base}?{urlencode(parameters)}"
            page = decode(await self._request("list", resource.plural, "GET", path, timeout_seconds=60.0))
            yield page
            if not page.metadata.continue_:
                return
            parameters.pop("resourceVersion", None)  # must not be set with a continue token
            parameters["continue"] = page.metadata.continue_

    async def list_all(
        self, resource: Resource, kind: type[T], *, namespace: str = "", selectors: Mapping[str, str] | None = None
    ) -> list[T]:
        """The whole collection, typed; begun again when it went stale on the way."""
        decode = msgspec.json.Decoder(ListPage[kind]).decode  # type: ignore[valid-type]  # the type is a value here
        for attempt in range(_LIST_RESTARTS):
            items: list[T] = []
            try:
                async for page in self.list_pages(resource, decode, namespace=namespace, selectors=selectors):
                    items += page.items
            except Gone:
                if attempt == _LIST_RESTARTS - 1:
                    raise
                continue
            return items
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def watch(
        self,
        resource: Resource,
        resource_version: str,
        take: Callable[[list[bytes]], None],
        *,
        namespace: str = "",
        selectors: Mapping[str, str] | None = None,
        timeout_seconds: int = WATCH_TIMEOUT_SECONDS,
        silence_seconds: float = 0.0,
    ) -> None:
        """Hand batches of event lines since ``resource_version`` to ``take``; returns when the API server ends it.

        A batch is what one read brought; the first one is empty and says that the watch stands. ``take`` is called
        right from the socket, because waking a task for each event would cost more than the event. Raises ApiError for
        an answer other than 200, TransportError when the connection breaks or nothing at all came for
        ``silence_seconds``, and whatever ``take`` raises. Silence shorter than the watch is ordinary: on a quiet
        collection the API server sends no bookmark either, if it has no newer version to tell (apiserver v0.36
        pkg/storage/cacher/cache_watcher.go). So by default it is taken for an error only after the time at which the
        watch should have ended; a peer that is gone is noticed sooner, by TCP (see ``transport``).
        """
        parameters = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
            **(selectors or {}),
        }
        target = f"{resource.path(namespace)}?{urlencode(parameters)}"
        stream = await self._open_watch(resource.plural, target)
        guard = _SilenceGuard(stream, silence_seconds or timeout_seconds + WATCH_GRACE_SECONDS)
        try:
            take([])
            await stream.pump(_Lines(take, guard).feed)
        finally:
            guard.stop()
            stream.close()

    async def _open_watch(self, label: str, target: str) -> Stream:
        started = self._monotonic()
        code = _NO_ANSWER
        try:
            headers = await self._headers("")
            stream = await self._sending.stream(target, headers, REQUEST_TIMEOUT_SECONDS)
            code = stream.code
        except TransportError as error:
            raise TransportError(f"watch {label}: {error}", ambiguous=False) from error
        finally:
            self._observe("watch", label, code, self._monotonic() - started)
        if code == 200:
            return stream
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                body = await stream.read_all()
        finally:
            stream.close()
        raise self._refusal(code, body, stream.retry_after)

    # --- the wire -----------------------------------------------------------------------------------------------------

    async def _request(
        self,
        verb: str,
        label: str,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "",
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> bytes:
        started = self._monotonic()
        code = _NO_ANSWER
        try:
            headers = await self._headers(content_type)
            answer = await self._sending.exchange(method, path, headers, body, timeout_seconds)
            code = answer.code
        except TransportError as error:
            raise TransportError(f"{method} {path}: {error}", ambiguous=error.ambiguous) from error
        finally:
            self._observe(verb, label, code, self._monotonic() - started)
        if code < 300:
            return answer.body
        raise self._refusal(code, answer.body, answer.retry_after)

    @property
    def _sending(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("the client is not open: use it as an async context manager")
        return self._transport

    async def _headers(self, content_type: str) -> str:
        """The header lines of one request. Raises TransportError where no token can be had."""
        lines = f"Content-Type: {content_type}\r\n" if content_type else ""
        credentials = self._credentials
        if credentials is None:
            return lines
        header = credentials.header()
        if header is None:
            try:
                await credentials.refresh()
            except CredentialError as error:
                raise TransportError(str(error), ambiguous=False) from error
            header = credentials.header()
        return f"{lines}Authorization: {header}\r\n"

    def _refusal(self, code: int, body: bytes, retry_after: str | None) -> ApiError:
        if code == 401 and self._credentials is not None:
            self._credentials.reject()
        return error_from_answer(code, body, retry_after)


class _SilenceGuard:
    """Breaks a stream off when nothing came for a while. One timer that looks back, instead of one reset per read."""

    def __init__(self, stream: Stream, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def heard(self) -> None:
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        remaining = self._heard_at + self._seconds - self._loop.time()
        if remaining > 0:
            self._timer = self._loop.call_later(remaining, self._look)
        else:
            self._stream.break_off(f"silent for {self._seconds:g} s")


class _Lines:
    """Cuts what comes in into whole lines; a line may span any number of reads."""

    def __init__(self, take: Callable[[list[bytes]], None], guard: _SilenceGuard) -> None:
        self._take = take
        self._guard = guard
        self._pending: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        self._guard.heard()
        lines = chunk.split(b"\n")
        last = lines.pop()
        pending = self._pending
        if lines:
            if pending:
                pending.append(lines[0])
                lines[0] = b"".join(pending)
                pending.clear()
            if last:
                pending.append(last)
            self._take(lines)
        elif last:
            pending.append(last)
