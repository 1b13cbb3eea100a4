"""Everything that one pass over an audit log keeps: writes, what operators did, evictions, deletions, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tests.e2e.auditor.log import Agent, AuditEvent, AuditLog, LogError, TornLine, agent, rotated
from tests.e2e.auditor.timeline import Timeline, replay
from tests.e2e.auditor.writes import Write, writes_of

NO_WORK: Final = frozenset(
    {"leases", "tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}
)


@dataclass(frozen=True, slots=True)
class Act:
    """A write by an operator that the API server accepted. ``received`` is when the request came in (real, UTC)."""

    agent: Agent
    verb: str
    resource: str
    name: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Eviction:
    """A request to evict a pod and the code it was answered: 201 evicted, 404 gone, 409 conflict, 429 refused."""

    agent: Agent
    pod: str
    code: int
    instant: datetime


@dataclass(frozen=True, slots=True)
class PodDeletion:
    """A pod deleted by an operator past the Eviction API, with the grace it was left (None: the pod's own)."""

    agent: Agent
    pod: str
    grace_seconds: int | None
    instant: datetime


class Request(NamedTuple):
    """One kind of request, to be counted. ``agent`` is a product, without version and instance."""

    agent: str
    verb: str
    resource: str


@dataclass(slots=True)
class Record:
    """What the log says happened, ready to be checked. Requests are counted between the two instants only."""

    timeline: Timeline = field(default_factory=Timeline)
    acts: list[Act] = field(default_factory=list)
    evictions: list[Eviction] = field(default_factory=list)
    pod_deletions: list[PodDeletion] = field(default_factory=list)
    requests: Counter[Request] = field(default_factory=Counter)
    refused: Counter[tuple[Request, int]] = field(default_factory=Counter)
    torn: tuple[TornLine, ...] = ()
    lines: int = 0


def read(
    log: Path, *, since: datetime | None = None, until: datetime | None = None, torn_lines_allowed: int = 0
) -> Record:
    """Read ``log`` and what was rotated out of it.

    ``since`` and ``until`` (real time) bound what is counted as requests, acts, evictions and deletions; the time line
    is always that of the whole log, since a state rests on all writes before it. A killed API server may tear one line;
    say with ``torn_lines_allowed`` how many were to be expected. Raises LogError when there are more, when the log
    holds no write of a Node or NodeClaim, or when the policy kept their bodies back.
    """
    source = AuditLog(rotated(log))
    record = Record()
    writes: list[Write] = []
    for event in source.events():
        writes.extend(writes_of(event))
        if (since is None or event.request_received_timestamp >= since) and (
            until is None or event.request_received_timestamp < until
        ):
            _count(event, record)
    if len(source.torn) > torn_lines_allowed:
        raise LogError(f"{len(source.torn)} lines are no audit events, the first: {source.torn[0]}")
    if not any(write.kind != "leases" for write in writes):
        raise LogError(f"{log} holds no write of a Node or NodeClaim in {source.lines} lines: nothing can be concluded")
    record.timeline = replay(writes)
    record.torn, record.lines = tuple(source.torn), source.lines
    record.acts.sort(key=lambda act: act.received)
    return record


def _count(event: AuditEvent, record: Record) -> None:
    who = agent(event.user_agent)
    request = Request(who.product, event.verb, event.resource)
    record.requests[request] += 1
    if event.code >= 400:
        record.refused[request, event.code] += 1
    if event.resource == "pods/eviction" and event.verb == "create":
        record.evictions.append(Eviction(who, event.key, event.code, event.stage_timestamp))
    if not who.is_operator or not event.written or not event.succeeded:
        return
    if event.object_ref.resource not in NO_WORK:
        record.acts.append(Act(who, event.verb, event.resource, event.key, event.request_received_timestamp))
    if event.resource == "pods" and event.verb == "delete":
        record.pod_deletions.append(PodDeletion(who, event.key, _grace(event), event.stage_timestamp))


class _DeleteOptions(msgspec.Struct, rename="camel"):
    grace_period_seconds: int | None = None


def _grace(event: AuditEvent) -> int | None:
    body = bytes(event.request_object)
    return msgspec.json.decode(body, type=_DeleteOptions).grace_period_seconds if body else None


def milestones(timeline: Timeline) -> Iterator[dict[str, object]]:
    """Every claim's milestones, oldest first, as JSON takes them."""
    entries = sorted(timeline.milestones.values(), key=lambda entry: (str(entry.created), entry.claim))
    return (msgspec.to_builtins(entry) for entry in entries)
