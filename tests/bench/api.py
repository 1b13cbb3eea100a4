"""A bare client of an API server: aiohttp, JSON, and nothing that thinks."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from napsim.live.kubeconfig import load_connection

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
REQUEST_SECONDS: Final = 60.0

Body = dict[str, Any]


class Refused(Exception):
    """An answer that was not expected."""

    def __init__(self, method: str, path: str, code: int, answer: bytes) -> None:
        super().__init__(f"{method} {path}: {code} {answer[:300].decode(errors='replace')}")
        self.code = code


class Api:
    """One API server, as an async context manager. ``sent`` counts the requests that were answered."""

    def __init__(self, kubeconfig: Path, agent: str) -> None:
        self._connection = load_connection(kubeconfig)
        self._agent = agent
        self._session: aiohttp.ClientSession | None = None
        self.sent = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._connection.tls or True, limit=0),
            headers={"User-Agent": self._agent},
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def answer(
        self, method: str, path: str, body: Body | None = None, *, content: str = JSON, accept: str = JSON
    ) -> tuple[int, bytes]:
        """The code and the body of whatever the API server says."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept} | ({"Content-Type": content} if data else {})
        url = self._connection.server + path
        async with self._session.request(method, url, data=data, headers=headers) as response:
            self.sent += 1
            return response.status, await response.read()

    async def request(
        self, method: str, path: str, body: Body | None = None, *, content: str = JSON, accept: str = JSON
    ) -> Body:
        """The object answered. Raises Refused for every code from 300 on."""
        code, answer = await self.answer(method, path, body, content=content, accept=accept)
        if code >= 300:
            raise Refused(method, path, code, answer)
        decoded: Body = json.loads(answer)
        return decoded

    async def patch(self, path: str, body: Body) -> Body:
        return await self.request("PATCH", path, body, content=MERGE_PATCH)

    async def items(self, path: str, *, accept: str = JSON) -> list[Body]:
        """A whole collection from the API server's cache."""
        found: list[Body] = (await self.request("GET", f"{path}?resourceVersion=0", accept=accept))["items"]
        return found
