"""The one writer: every change napsim makes to the cluster goes through here, events and the leader's Lease excepted.

Each call checks the fence (leadership) right before each attempt, keeps the order of writes to one object, bounds the
requests in flight, retries what is worth retrying, and gives an ``Outcome``: refusals are values. Writes are patches
with preconditions, never read-modify-PUT. Attempts are short (``attempt_seconds``), so that one sent just before
leadership ended is over before the next leader can begin.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from napsim.controllers.resources import PODS, Resource
from napsim.live.backoff import Backoff
from napsim.live.client import JSON_PATCH, MERGE_PATCH, Client, DeleteOptions, Preconditions
from napsim.live.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    EvictionBlocked,
    Invalid,
    NotFound,
    ServerError,
    Throttled,
    TransportError,
    Unauthorized,
)

ATTEMPT_SECONDS: Final = 5.0
GIVE_UP_SECONDS: Final = 30.0
REQUESTS_IN_FLIGHT: Final = 16
_FIRST_RETRY_SECONDS: Final = 0.1
_LONGEST_RETRY_SECONDS: Final = 5.0

# kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go answers 500 for this, and retrying cannot help
_SEVERAL_BUDGETS: Final = "more than one PodDisruptionBudget"
# apiserver v0.36 answers 422 with this text and no cause for a JSON-patch whose test does not hold or whose path is not
# there, and 422 with the field metadata.uid for a merge-patch meant for another object of that name
_DOES_NOT_APPLY: Final = "the server rejected our request due to an error in our request"
_UID_FIELD: Final = "metadata.uid"


class NotLeader(Exception):
    """The fence is down: nothing was written by this attempt."""


class OutcomeKind(StrEnum):
    """How a write ended."""

    APPLIED = "Applied"
    CONFLICT = "Conflict"  # the object is not the one, or not in the state, that the write was meant for
    NOT_FOUND = "NotFound"
    ALREADY_EXISTS = "AlreadyExists"
    REJECTED = "Rejected"  # by validation, admission or RBAC: the same request will fail again
    BLOCKED = "Blocked"  # an eviction that a PodDisruptionBudget forbids now
    THROTTLED = "Throttled"  # 429 of the API server until we gave up
    UNAVAILABLE = "Unavailable"  # no answer, or 5xx, until we gave up; the write may have been carried out


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one write.

    ``body`` is the API server's answer to a write that was applied (the object's JSON, or a Status). ``removed``: the
    object does not exist any more, as far as the answer tells. ``retry_after_seconds``: the API server's wish, else 0.
    """

    kind: OutcomeKind
    message: str = ""
    body: bytes = b""
    removed: bool = False
    retry_after_seconds: float = 0.0
    attempts: int = 1

    @property
    def applied(self) -> bool:
        return self.kind is OutcomeKind.APPLIED


class LocalCopy(Protocol):
    """What the writer tells of its own writes (an informer)."""

    def apply_answer(self, body: bytes) -> object: ...

    def forget_local(self, key: str, uid: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Write:
    """One write: what it is called in metrics, which object it is about, and how to send it."""

    verb: str
    resource: Resource
    namespace: str
    name: str
    send: Callable[[], Awaitable[bytes]]
    subresource: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def label(self) -> str:
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


class _AnswerDetails(msgspec.Struct, frozen=True):
    uid: str = ""


class _AnswerMeta(msgspec.Struct, frozen=True, rename="camel"):
    uid: str = ""
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int = 0
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Answer(msgspec.Struct, frozen=True):
    kind: str = ""
    metadata: _AnswerMeta = _AnswerMeta()
    details: _AnswerDetails | None = None

    @property
    def uid(self) -> str:
        return self.metadata.uid or (self.details.uid if self.details else "")

    @property
    def removed(self) -> bool:
        """A Status answers a deletion that is complete; else the object tells whether anything still holds it."""
        held = self.metadata.finalizers or self.metadata.deletion_grace_period_seconds
        return self.kind == "Status" or (self.metadata.deletion_timestamp is not None and not held)


_decode_answer: Final = msgspec.json.Decoder(_Answer).decode

_FINAL: Final[dict[type[ApiError], OutcomeKind]] = {
    Conflict: OutcomeKind.CONFLICT,
    NotFound: OutcomeKind.NOT_FOUND,
    AlreadyExists: OutcomeKind.ALREADY_EXISTS,
    EvictionBlocked: OutcomeKind.BLOCKED,
}
_RETRIED: Final = (Throttled, ServerError, Unauthorized)


class Writer:
    """Writes on behalf of the leader. ``fence`` says whether we still lead; ``jitter`` gives numbers in [0, 1).

    All methods raise NotLeader; ``namespace`` is "" for cluster-scoped resources.
    """

    def __init__(
        self,
        client: Client,
        fence: Callable[[], bool],
        *,
        jitter: Callable[[], float],
        requests_in_flight: int = REQUESTS_IN_FLIGHT,
        attempt_seconds: float = ATTEMPT_SECONDS,
        give_up_seconds: float = GIVE_UP_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outcomes: Counter[tuple[str, str, OutcomeKind]] = Counter()  # (verb, resource, kind) -> writes
        self.retries: Counter[tuple[str, str]] = Counter()  # (verb, resource) -> attempts after the first
        self._client = client
        self._fence = fence
        self._jitter = jitter
        self._slots = asyncio.Semaphore(requests_in_flight)
        self._attempt_seconds = attempt_seconds
        self._give_up_seconds = give_up_seconds
        self._monotonic = monotonic
        self._turns: dict[tuple[str, str], _Turns] = {}
        self._copies: dict[str, LocalCopy] = {}
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def mirror(self, resource: Resource, copy: LocalCopy) -> None:
        """Tell ``copy`` of every applied write to that resource, before the write's caller hears of it."""
        self._copies[resource.plural] = copy

    @property
    def busy(self) -> bool:
        """Whether any write waits or is in flight."""
        return self._pending > 0

    async def drain(self, within_seconds: float) -> bool:
        """Wait for the writes under way; whether all were done in time."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    # --- the writes ---------------------------------------------------------------------------------------------------

    async def create(self, resource: Resource, namespace: str, manifest: Mapping[str, object]) -> Outcome:
        """Create an object with a name of its own (no ``generateName``).

        If an attempt got no answer and the next one finds the object there with our labels and annotations, the first
        one was carried out: Applied.
        """
        metadata = _mapping(manifest, "metadata")
        name = str(metadata["name"])
        body = msgspec.json.encode(manifest)

        async def send() -> bytes:
            return await self._client.create(resource, namespace, body, timeout_seconds=self._attempt_seconds)

        async def ours() -> bytes | None:
            found = await self._client.find(resource, namespace, name, timeout_seconds=self._attempt_seconds)
            return found if found is not None and _carries(_decode_answer(found), metadata) else None

        write = _Write("create", resource, namespace, name, send)
        return await self._in_turn(write, {OutcomeKind.ALREADY_EXISTS: ours})

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        changes: Mapping[str, object],
        *,
        uid: str = "",
        resource_version: str = "",
        subresource: str = "",
    ) -> Outcome:
        """Merge-patch (RFC 7386: null deletes, lists are replaced).

        Conflict unless the object has the ``uid`` and ``resource_version``, where given. Lists should be patched only
        with a ``resource_version``: they are replaced as a whole.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {field: value for field, value in wanted.items() if value}
        if preconditions:
            changes = {**changes, "metadata": {**_mapping(changes, "metadata"), **preconditions}}
        body = msgspec.json.encode(changes)
        return await self._patch(resource, namespace, name, body, MERGE_PATCH, subresource)

    async def patch_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        status: Mapping[str, object],
        *,
        uid: str = "",
        resource_version: str = "",
    ) -> Outcome:
        """Merge-patch of ``status`` through the subresource."""
        return await self.patch(
            resource,
            namespace,
            name,
            {"status": status},
            uid=uid,
            resource_version=resource_version,
            subresource="status",
        )

    async def patch_json(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, object]],
        *,
        subresource: str = "",
    ) -> Outcome:
        """JSON-patch (RFC 6902); Conflict if a ``test`` does not hold or a path is not there."""
        body = msgspec.json.encode(operations)
        return await self._patch(resource, namespace, name, body, JSON_PATCH, subresource)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str = "",
        grace_period_seconds: int | None = None,
    ) -> Outcome:
        """Delete that very object (Conflict if another has its name now). ``removed`` tells whether it is gone already.

        NotFound after an attempt that got no answer is Applied.
        """
        options = DeleteOptions(Preconditions(uid, resource_version), grace_period_seconds)

        async def send() -> bytes:
            return await self._client.delete(resource, namespace, name, options, timeout_seconds=self._attempt_seconds)

        async def gone() -> bytes | None:
            return msgspec.json.encode({"kind": "Status", "details": {"uid": uid}})

        return await self._in_turn(_Write("delete", resource, namespace, name, send), {OutcomeKind.NOT_FOUND: gone})

    async def evict(self, namespace: str, name: str, *, uid: str, grace_period_seconds: int | None = None) -> Outcome:
        """Evict that very pod; Blocked while a PodDisruptionBudget forbids it (asked once: ask again when you will)."""
        options = DeleteOptions(Preconditions(uid), grace_period_seconds)

        async def send() -> bytes:
            return await self._client.evict(namespace, name, options, timeout_seconds=self._attempt_seconds)

        return await self._in_turn(_Write("evict", PODS, namespace, name, send, "eviction"), {})

    async def _patch(
        self, resource: Resource, namespace: str, name: str, body: bytes, content_type: str, subresource: str
    ) -> Outcome:
        async def send() -> bytes:
            return await self._client.patch(
                resource,
                namespace,
                name,
                body,
                content_type=content_type,
                subresource=subresource,
                timeout_seconds=self._attempt_seconds,
            )

        return await self._in_turn(_Write("patch", resource, namespace, name, send, subresource), {})

    # --- order, attempts, outcome -------------------------------------------------------------------------------------

    async def _in_turn(self, write: _Write, after_doubt: _AfterDoubt) -> Outcome:
        """Carry out a write after those to the same object that came before it."""
        place = (write.resource.plural, write.key)
        turns = self._turns.get(place)
        if turns is None:
            turns = self._turns[place] = _Turns()
        turns.users += 1
        self._pending += 1
        self._idle.clear()
        try:
            async with turns.lock:
                outcome = await self._carry_out(write, after_doubt)
                self._tell(write, outcome)
        finally:
            turns.users -= 1
            if not turns.users:
                del self._turns[place]
            self._pending -= 1
            if not self._pending:
                self._idle.set()
        self.outcomes[write.verb, write.label, outcome.kind] += 1
        return outcome

    async def _carry_out(self, write: _Write, after_doubt: _AfterDoubt) -> Outcome:
        """Attempts until one has an answer that lasts, or ``give_up_seconds`` are over."""
        deadline = self._monotonic() + self._give_up_seconds
        backoff = Backoff(self._jitter, _FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)
        doubtful = False
        attempts = 0
        while True:
            attempts += 1
            try:
                outcome = await self._attempt(write, after_doubt if doubtful else {})
                return outcome if attempts == 1 else replace(outcome, attempts=attempts)
            except (ApiError, TransportError) as error:
                doubtful |= isinstance(error, ServerError) or (isinstance(error, TransportError) and error.ambiguous)
                wished = error.retry_after_seconds if isinstance(error, ApiError) else 0.0
                delay = wished + backoff.next()  # spread, lest all who were told the same come back at once
                if self._monotonic() + delay > deadline:
                    kind = OutcomeKind.THROTTLED if isinstance(error, Throttled) else OutcomeKind.UNAVAILABLE
                    return Outcome(kind, str(error), retry_after_seconds=wished, attempts=attempts)
            self.retries[write.verb, write.label] += 1
            await asyncio.sleep(delay)

    async def _attempt(self, write: _Write, after_doubt: _AfterDoubt) -> Outcome:
        """One request. Raises ApiError or TransportError for what is worth another attempt, NotLeader at the fence."""
        async with self._slots:
            if not self._fence():
                raise NotLeader(f"{write.verb} {write.label} {write.key}: not the leader (any more)")
            try:
                body = await write.send()
            except ApiError as error:
                outcome = _final(error)
                if outcome is None:
                    raise
                settle = after_doubt.get(outcome.kind)
                found = await settle() if settle is not None else None
                if found is None:
                    return outcome
                body = found
        return Outcome(OutcomeKind.APPLIED, body=body, removed=_removed(write, body))

    def _tell(self, write: _Write, outcome: Outcome) -> None:
        copy = self._copies.get(write.resource.plural)
        if copy is None or not outcome.applied or write.verb == "evict":
            return
        if outcome.removed:
            copy.forget_local(write.key, _decode_answer(outcome.body).uid)
        else:
            copy.apply_answer(outcome.body)


_AfterDoubt = Mapping[OutcomeKind, Callable[[], Awaitable[bytes | None]]]
"""What to do when, after an attempt without an answer, another one ends so: the body of a success, or None."""


class _Turns:
    """The queue before one object; asyncio's lock is first come, first served."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


def _final(error: ApiError) -> Outcome | None:
    """The outcome of an answer that another attempt would not change, or None if it may."""
    if isinstance(error, _RETRIED) and _SEVERAL_BUDGETS not in error.message:
        return None
    kind = _FINAL.get(type(error), OutcomeKind.REJECTED)
    if isinstance(error, Invalid) and _not_as_expected(error):
        kind = OutcomeKind.CONFLICT
    return Outcome(kind, error.message or str(error), retry_after_seconds=error.retry_after_seconds)


def _not_as_expected(error: Invalid) -> bool:
    """Whether what was refused is a precondition, not the change."""
    if not error.causes:
        return error.message == _DOES_NOT_APPLY
    return any(cause.field == _UID_FIELD for cause in error.causes)


def _removed(write: _Write, body: bytes) -> bool:
    return write.verb in ("delete", "patch") and _decode_answer(body).removed


def _mapping(manifest: Mapping[str, object], field: str) -> Mapping[str, object]:
    value = manifest.get(field)
    return value if isinstance(value, Mapping) else {}


def _carries(answer: _Answer, metadata: Mapping[str, object]) -> bool:
    """Whether an object has every label and annotation that we would have given it."""
    theirs = answer.metadata
    labels, annotations = _mapping(metadata, "labels"), _mapping(metadata, "annotations")
    return labels.items() <= theirs.labels.items() and annotations.items() <= theirs.annotations.items()
