"""A TCP proxy on the loopback between an operator and the API server, that plays a bad network.

It passes bytes on as they are (TLS ends at the API server) and can cut every connection, refuse new ones, hold
everything back in silence, or delay it: all of it, or what watches tell. What was held back for a client that has hung
up meanwhile is dropped, as a network does with packets whose sender does not send them again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import yaml

T = TypeVar("T")
_CHUNK_BYTES: Final = 1 << 16
_DO_SECONDS: Final = 180.0
_ANSWER_SECONDS: Final = 1.0  # what comes longer after what was sent last is no answer: a watch tells it


@dataclass(slots=True)
class Faults:
    """What the proxy has done, so that a test can tell that its fault happened."""

    connections: int = 0
    cut: int = 0
    refused: int = 0
    held: int = 0  # chunks that had to wait for the end of a silence
    late: int = 0  # chunks of watches that lagged


@dataclass(slots=True)
class _Asked:
    """Of one connection: when the client said something last, by the loop's clock."""

    at: float


class Proxy:
    """Use as a context manager; ``kubeconfig`` writes the file that leads a client through it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.faults = Faults()
        self.delay_seconds = 0.0
        self.watches_lag_seconds = 0.0
        self._document = yaml.safe_load(kubeconfig.read_text())
        (cluster,) = self._document["clusters"]
        self._cluster = cluster["cluster"]
        target = urlsplit(self._cluster["server"])
        self._target = (target.hostname, target.port)
        self._folder = kubeconfig.parent
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._refusing = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(lambda: asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._passing.set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self) -> Path:
        """The cluster's kubeconfig with the proxy in place of the server; the certificate is still the server's."""
        cluster = {**self._cluster, "server": f"https://127.0.0.1:{self.port}", "tls-server-name": self._target[0]}
        document = {**self._document, "clusters": [{**self._document["clusters"][0], "cluster": cluster}]}
        path = self._folder / f"kubeconfig-{self.port}.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    # --- faults -------------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Break every connection that there is now."""
        self._now(self._cut)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Nothing gets through, in either direction, and nobody is told; afterwards what was held back is passed on."""
        self._now(self._passing.clear)
        try:
            yield
        finally:
            self._now(self._passing.set)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Break every connection, and every new one as soon as it is made."""
        self._refusing = True
        self.cut()
        try:
            yield
        finally:
            self._refusing = False

    # --- in the proxy's own thread ------------------------------------------------------------------------------------

    def _now(self, change: Callable[[], None]) -> None:
        """Have the proxy's loop do something, and wait until it is done."""

        async def done() -> None:
            change()

        self._do(done)

    def _do(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(job(), self._loop).result(timeout=_DO_SECONDS)

    async def _close(self) -> None:
        self._server.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    def _cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()
            self.faults.cut += 1

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.faults.connections += 1
        if self._refusing:
            self.faults.refused += 1
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            with suppress(OSError):
                await self._connect(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        asked = _Asked(self._loop.time())
        ways = [
            asyncio.ensure_future(self._relay(reader, far_writer, lambda: self._note(asked))),
            asyncio.ensure_future(self._relay(far_reader, writer, lambda: self._late(asked))),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()

    def _note(self, asked: _Asked) -> float:
        asked.at = self._loop.time()
        return 0.0

    def _late(self, asked: _Asked) -> float:
        """Seconds by which what the server says now is to come later."""
        if not self.watches_lag_seconds or self._loop.time() - asked.at < _ANSWER_SECONDS:
            return 0.0
        self.faults.late += 1
        return self.watches_lag_seconds

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lag_seconds: Callable[[], float]
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if not self._passing.is_set():
                self.faults.held += 1
                await self._passing.wait()
                if reader.at_eof() or reader.exception() is not None:
                    return
            if seconds := self.delay_seconds + lag_seconds():
                await asyncio.sleep(seconds)
            writer.write(data)
            await writer.drain()
