"""The API server's audit log, read line by line: ``audit.k8s.io/v1`` events as JSON lines, rotated files included.

A line is kept only as long as it is looked at, so a log of hundreds of megabytes costs what one line costs. Only
completed requests count (stage ``ResponseComplete``), and requests that asked for a dry run changed nothing and are
left out. Times are the API server's own (UTC, microseconds).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

OPERATOR: Final = "napsim"
COMPLETE: Final = "ResponseComplete"
STARTED: Final = "ResponseStarted"  # of a watch, whose answer is complete only when it ends
WRITE_VERBS: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})

_AGENT: Final = re.compile(r"(?P<product>[^/\s]+)[^\s(]*(?:\s+\((?P<identity>[^)]+)\))?")


class LogError(Exception):
    """The log cannot bear the conclusions asked of it; the message says which line or which policy is at fault."""


class ObjectRef(msgspec.Struct, rename="camel", gc=False):
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""


class ResponseStatus(msgspec.Struct, gc=False):
    code: int = 0


class AuditEvent(msgspec.Struct, rename="camel", gc=False):
    """One line of the log, with the fields that the auditor reads; bodies stay undecoded."""

    stage: str
    verb: str
    request_received_timestamp: datetime
    stage_timestamp: datetime
    user_agent: str = ""
    request_uri: str = msgspec.field(default="", name="requestURI")
    object_ref: ObjectRef = msgspec.field(default_factory=ObjectRef)
    response_status: ResponseStatus = msgspec.field(default_factory=ResponseStatus)
    request_object: msgspec.Raw = msgspec.Raw(b"")
    response_object: msgspec.Raw = msgspec.Raw(b"")

    @property
    def resource(self) -> str:
        """``pods``, ``pods/eviction``, or ``-`` for a path that names no resource (``/healthz``)."""
        ref = self.object_ref
        return f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource or "-"

    @property
    def key(self) -> str:
        """``namespace/name``, or the name alone for cluster-scoped objects."""
        ref = self.object_ref
        return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name

    @property
    def code(self) -> int:
        return self.response_status.code

    @property
    def succeeded(self) -> bool:
        return 200 <= self.code < 300

    @property
    def written(self) -> bool:
        """Whether the request asked to change something (dry runs never reach this point)."""
        return self.verb in WRITE_VERBS


@dataclass(frozen=True, slots=True)
class Agent:
    """Who asked: ``napsim/0.1.0 (node-a_17)`` is the product ``napsim`` and its instance ``node-a_17``."""

    product: str
    identity: str = ""

    @property
    def is_operator(self) -> bool:
        return self.product == OPERATOR

    def __str__(self) -> str:
        return f"{self.product} ({self.identity})" if self.identity else self.product


@dataclass(frozen=True, slots=True)
class TornLine:
    """A line that is no JSON: an API server killed while writing leaves one."""

    file: str
    number: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.reason}"


@dataclass(slots=True)
class AuditLog:
    """The requests of a log that came to a stage, in the order written; ``torn`` fills while they are read."""

    paths: tuple[Path, ...]
    stage: str = COMPLETE
    torn: list[TornLine] = field(default_factory=list)
    lines: int = 0

    def events(self) -> Iterator[AuditEvent]:
        decode = msgspec.json.Decoder(AuditEvent).decode
        for path in self.paths:
            with opened(path) as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        continue  # the API server is still writing this line
                    self.lines += 1
                    try:
                        event = decode(line)
                    except msgspec.MsgspecError as error:
                        self.torn.append(TornLine(path.name, number, str(error)))
                        continue
                    if event.stage == self.stage and not _is_dry_run(event):
                        yield event


def rotated(path: Path) -> tuple[Path, ...]:
    """The files of one log, oldest first: ``audit-<time of rotation>.log[.gz]``, then ``audit.log`` itself.

    Raises LogError when there is no such log.
    """
    older = sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")) + sorted(
        path.parent.glob(f"{path.stem}-*{path.suffix}.gz")
    )
    paths = (*sorted(older, key=lambda file: file.name), *([path] if path.exists() else []))
    if not paths:
        raise LogError(f"{path}: no such audit log, and no rotated part of one beside it")
    return paths


def agent(user_agent: str) -> Agent:
    """The product and the instance that a user agent names."""
    found = _AGENT.match(user_agent)
    if found is None:
        return Agent("-")
    product = found["product"]
    return Agent(product, found["identity"] or "" if product == OPERATOR else "")


def opened(path: Path) -> IO[bytes]:
    """A log file, plain or compressed, for reading."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # both read bytes


class _DeleteOptions(msgspec.Struct, rename="camel"):
    dry_run: tuple[str, ...] = ()


def _is_dry_run(event: AuditEvent) -> bool:
    if "dryRun=" in event.request_uri:
        return True
    if event.verb not in ("delete", "deletecollection") or b'"dryRun"' not in bytes(event.request_object):
        return False
    return bool(msgspec.json.decode(event.request_object, type=_DeleteOptions).dry_run)
