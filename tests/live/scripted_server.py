"""A small HTTP server that does on cue what a real API server does rarely."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from napsim.live.client import Client
from napsim.live.kubeconfig import ConnectionConfig

Json = dict[str, Any]
Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middle() -> float:
    """Jitter that is none."""
    return 0.0


@dataclass
class Seen:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        content: Json = json.loads(self.body)
        return content


@dataclass
class ScriptedServer:
    """Plays ``steps``, one for each request, and ``watches`` apart from them; then answers 500, or an open watch."""

    steps: deque[Step] = field(default_factory=deque)
    watches: deque[Step] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    address: str = ""

    def connection(self) -> ConnectionConfig:
        return ConnectionConfig(self.address, None, None, "default", "a scripted server")

    def client(self) -> Client:
        return Client(self.connection())

    def watch_versions(self) -> list[str]:
        """The resourceVersions that watches began from."""
        return [seen.query["resourceVersion"] for seen in self.seen if "watch" in seen.query]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), body))
        if "watch" in request.query:
            step = self.watches.popleft() if self.watches else open_watch()
        else:
            step = self.steps.popleft() if self.steps else failing(500, "InternalError", "the script is over")
        return await step(request)


Server = TypeVar("Server", bound=ScriptedServer)


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Server]:
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(steps: Iterable[Step] = (), watches: Iterable[Step] = ()) -> AsyncIterator[ScriptedServer]:
    async with running(ScriptedServer(deque(steps), deque(watches))) as server:
        yield server


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario; fails after three minutes."""

    async def bounded() -> None:
        async with asyncio.timeout(180):
            await scenario()

    asyncio.run(bounded())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; fails after two minutes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 120
    while True:
        if condition():
            return
        assert loop.time() < deadline, "what was waited for did not come"
        await asyncio.sleep(0.005)


# --- answers ----------------------------------------------------------------------------------------------------------


def answering(content: Json, code: int = 200) -> Step:
    async def step(_: web.Request) -> web.StreamResponse:
        return web.json_response(content, status=code)

    return step


def failing(
    code: int, reason: str, message: str = "no", *, retry_after: int | None = None, cause: str | None = None
) -> Step:
    status: Json = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code}
    if cause is not None:
        status["details"] = {"causes": [{"reason": cause, "message": "The disruption budget web needs 5"}]}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    async def step(_: web.Request) -> web.StreamResponse:
        return web.json_response(status, status=code, headers=headers)

    return step


def hanging_up() -> Step:
    """The connection breaks before an answer."""

    async def step(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return step


def listing(*items: Json, version: int, proceed: str = "") -> Step:
    return answering({"metadata": {"resourceVersion": str(version), "continue": proceed}, "items": list(items)})


def streaming(*pieces: bytes, pause_seconds: float = 0.0, end: bool = True) -> Step:
    """A watch that sends those pieces, one write each, and then ends, or stays open and silent."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(pause_seconds)
        if not end:
            await asyncio.sleep(60)
        return response

    return step


def open_watch(*pieces: bytes) -> Step:
    return streaming(*pieces, end=False)


def breaking(*pieces: bytes) -> Step:
    """A watch that sends those pieces, and then its connection is reset."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    return step


# --- objects ----------------------------------------------------------------------------------------------------------


def pod(name: str, version: int, *, uid: str = "", **metadata: object) -> Json:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
            **metadata,
        },
    }


def event(kind: str, item: Json) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


def expired() -> bytes:
    status = {"kind": "Status", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410}
    return event("ERROR", {**status, "message": "too old resource version: 1 (100)"})
