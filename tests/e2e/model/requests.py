"""Requests to an API server as values, and what it answers. Names are those of a world: see ``named``.

In manifests a text that begins with ``@`` belongs to the world, so that worlds share one cluster: ``@n1`` is its node
``n1``. An object without a namespace is in the world's own; ``other`` is another one of the world's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

Manifest = dict[str, Any]
Which = Literal["", "its own", "another"]
"""Of a precondition: none, the one that the object has, or one that it has not."""
NAMESPACED: Final = frozenset({"Pod", "PodDisruptionBudget", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"})
ANOTHER_UID: Final = "00000000-0000-4000-8000-000000000000"
ANOTHER_VERSION: Final = "999999999"
OBJECT: Final = "<name>"
UID: Final = "<uid>"


@dataclass(frozen=True, slots=True)
class Pick:
    """The n-th of a controller's pods, in the order of what is to be seen of them: generated names differ.

    ``which``: all, or those that are ready, or not, and not on their way out.
    """

    controller: str
    which: Literal["any", "ready", "unready"] = "any"
    n: int = 0


@dataclass(frozen=True, slots=True)
class Create:
    """POST. A status goes in with it (a second request to a real server)."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Apply:
    """``kubectl apply``: created, or made this."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Patch:
    """A merge patch (RFC 7386) of the object, or of its status."""

    kind: str
    name: str | Pick
    changes: Manifest
    status: bool = False
    version: Which = ""


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """A JSON patch (RFC 6902): operations, each with ``op``, ``path`` and, but for ``remove``, ``value``.

    A value ``its own`` of a test of ``/metadata/uid`` is the object's uid.
    """

    kind: str
    name: str | Pick
    operations: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE, with preconditions."""

    kind: str
    name: str | Pick
    grace_seconds: int | None = None
    uid: Which = ""
    version: Which = ""


@dataclass(frozen=True, slots=True)
class Evict:
    """POST of an Eviction, with a precondition."""

    name: str | Pick
    uid: Which = ""


Request = Create | Apply | Patch | JsonPatch | Delete | Evict


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP code, and the reason of the Status where it is an error.

    Of evictions and JSON patches also what the Status says, with ``OBJECT`` and ``UID`` for the names and the uids that
    differ, and its causes (reason, message).
    """

    code: int
    reason: str = ""
    message: str = ""
    causes: tuple[tuple[str, str], ...] = ()


def namespaces(requests: Iterable[Request]) -> tuple[str, ...]:
    """Those that the requests are about, the world's own first."""
    made = (request.manifest["metadata"] for request in requests if isinstance(request, Create | Apply))
    return ("", *sorted({metadata.get("namespace", "") for metadata in made} - {""}))


def named(value: Any, world: str) -> Any:
    """A manifest, or a part of it, with the world's own names and namespaces."""
    if isinstance(value, dict):
        filled = {key: named(part, world) for key, part in value.items()}
        if filled.get("kind") in NAMESPACED and isinstance(filled.get("metadata"), dict):
            filled["metadata"]["namespace"] = namespace(str(filled["metadata"].get("namespace", "")), world)
        return filled
    if isinstance(value, list):
        return [named(part, world) for part in value]
    return f"{world}-{value[1:]}".rstrip("-") if isinstance(value, str) and value.startswith("@") else value


def with_uid(operation: Manifest, uid: str) -> Manifest:
    """An operation of a JSON patch, the uid filled in where the object's own is meant."""
    return {**operation, "value": uid} if operation.get("value") == "its own" else operation


def namespace(name: str, world: str) -> str:
    """The world's own for an empty name."""
    return f"{world}-{name}" if name else world
