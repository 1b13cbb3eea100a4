"""Bearer tokens: fixed, read from a file that rotates, or obtained from an exec credential plugin.

``header`` is asked for every request, so it only looks at a cached string and one number; ``refresh`` does the reading
and the subprocess, and is awaited only when ``header`` has nothing that is still good.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec

from napsim.live.clock import wall_clock

_REREAD_SECONDS: Final = 60.0  # client-go transport/token_source.go: files are read again once a minute
_EXPIRY_LEEWAY: Final = timedelta(seconds=30)
_LEAST: Final = timedelta(seconds=1)  # a new token is sent, however soon it ends: only the API server's clock counts
_EXEC_TIMEOUT_SECONDS: Final = 60.0
_EXEC_API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class CredentialError(Exception):
    """No token could be had; the message says from where and why."""


def bearer(token: str, where: str) -> str:
    """The header's value. Raises CredentialError for a token that no header can have."""
    if not (token.isascii() and token.isprintable()):
        raise CredentialError(f"{where}: the token has characters that no HTTP header can have")
    return f"Bearer {token}"


class Credentials(Protocol):
    """A source of ``Authorization`` headers."""

    def header(self) -> str | None:
        """The header's value while it is good, else None: then ``refresh`` is due."""

    async def refresh(self) -> None:
        """Get a new token. Raises CredentialError."""

    def reject(self) -> None:
        """The API server answered 401: what is cached is not good any more."""


@dataclass(slots=True)
class StaticToken:
    """A token that never changes."""

    token: str = field(repr=False)

    def header(self) -> str | None:
        return f"Bearer {self.token}"

    async def refresh(self) -> None:
        """Nothing to renew."""

    def reject(self) -> None:
        """Nothing to forget: the 401 reaches the caller."""


@dataclass(slots=True)
class FileToken:
    """A token in a file that somebody else rotates (the kubelet, for service accounts)."""

    path: Path
    monotonic: Callable[[], float] = time.monotonic
    _header: str | None = field(default=None, init=False, repr=False)
    _reread_at: float = field(default=0.0, init=False)

    def header(self) -> str | None:
        return self._header if self.monotonic() < self._reread_at else None

    async def refresh(self) -> None:
        try:
            token = self.path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialError(f"{self.path}: cannot be read: {error}") from error
        if not token:
            raise CredentialError(f"{self.path}: is empty")
        self._header = bearer(token, str(self.path))
        self._reread_at = self.monotonic() + _REREAD_SECONDS

    def reject(self) -> None:
        self._reread_at = 0.0


class _ExecStatus(msgspec.Struct, rename="camel"):
    token: str = ""
    expiration_timestamp: datetime | None = None
    client_certificate_data: str = ""


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _ExecStatus | None = None


@dataclass(slots=True)
class ExecToken:
    """A token from an exec credential plugin (kubelogin, aws, gke...), asked again when it expires.

    Plugins that answer with a client certificate alone are refused with a message, not ignored.
    """

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    where: str
    now: Callable[[], datetime] = wall_clock
    _header: str | None = field(default=None, init=False, repr=False)
    _good_until: datetime | None = field(default=None, init=False)
    _running: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    @classmethod
    def from_kubeconfig(cls, plugin: Mapping[str, object], directory: Path, where: str, server: str) -> ExecToken:
        """From the ``exec`` mapping of a user; a command with a slash is relative to the kubeconfig (client-go)."""
        command = str(plugin["command"])
        version = str(plugin.get("apiVersion") or "")
        if version not in _EXEC_API_VERSIONS:
            raise CredentialError(f"{where}.apiVersion: {version!r} is not one of {', '.join(_EXEC_API_VERSIONS)}")
        spec: dict[str, object] = {"interactive": False}
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = {"server": server}
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
        arguments, variables = plugin.get("args"), plugin.get("env")
        environment = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        for index, item in enumerate(variables if isinstance(variables, list) else []):
            if not isinstance(item, dict) or "name" not in item:
                raise CredentialError(f"{where}.env[{index}]: must be a mapping with a name and a value")
            environment[str(item["name"])] = str(item.get("value", ""))
        return cls(
            command=str(directory / command) if os.sep in command else command,
            arguments=tuple(str(item) for item in arguments) if isinstance(arguments, list) else (),
            environment=environment,
            where=where,
        )

    def header(self) -> str | None:
        if self._good_until is not None and self.now() >= self._good_until:
            return None
        return self._header

    async def refresh(self) -> None:
        async with self._running:
            if self.header() is None:
                self._accept(await self._run())

    def reject(self) -> None:
        self._header = None

    async def _run(self) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                self.command,
                *self.arguments,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise CredentialError(f"{self.where}: {self.command} cannot be started: {error}") from error
        try:
            async with asyncio.timeout(_EXEC_TIMEOUT_SECONDS):
                output, errors = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise CredentialError(f"{self.where}: {self.command} took over {_EXEC_TIMEOUT_SECONDS:.0f} s") from error
        if process.returncode != 0:
            said = errors.decode(errors="replace").strip()[-500:]
            raise CredentialError(f"{self.where}: {self.command} exited with {process.returncode}: {said}")
        return output

    def _accept(self, output: bytes) -> None:
        try:
            credential = msgspec.json.decode(output, type=_ExecCredential)
        except msgspec.DecodeError as error:
            raise CredentialError(f"{self.where}: {self.command} did not print an ExecCredential: {error}") from error
        status = credential.status
        if status is None or not status.token:
            certificate = status is not None and status.client_certificate_data
            gave = "only a client certificate, which is not supported" if certificate else "no status.token"
            raise CredentialError(f"{self.where}: {self.command} gave {gave}")
        self._header = bearer(status.token, f"{self.where}: {self.command}")
        expires = status.expiration_timestamp
        self._good_until = None if expires is None else max(expires - _EXPIRY_LEEWAY, self.now() + _LEAST)
