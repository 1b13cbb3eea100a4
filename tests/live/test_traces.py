"""The operator's trace: what is written, when, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from napsim.core.actions import DeleteNodeClaim
from napsim.core.objects import NodeClaim, ObjectMeta
from napsim.core.reasons import Reason, Verdict
from napsim.core.trace import Record, RecordKind, parsed
from napsim.live.traces import Trace, TraceFile, TraceUnwritable

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
PDB = Verdict(Reason.PDB, "pdb prevents pod evictions (PodDisruptionBudget=[shop/web])")


def told(story: Callable[[Trace], Awaitable[None]]) -> list[tuple[str, str, str]]:
    """What is written of a story."""
    found: list[Record] = []

    async def run() -> None:
        await story(Trace(found.extend, lambda: NOON))
        await asyncio.sleep(0)

    asyncio.run(run())
    return [(str(record.kind), record.object, record.reason) for record in found]


def test_a_refusal_is_told_once() -> None:
    async def story(trace: Trace) -> None:
        trace.on_blocked("a", "aks-a", PDB)
        trace.on_unblocked("a")  # asked anew, with the same answer
        trace.on_blocked("a", "aks-a", PDB)

    assert told(story) == [("Blocked", "NodeClaim/a", "PodDisruptionBudget")]


def test_another_refusal_is_told_and_so_is_its_end() -> None:
    async def story(trace: Trace) -> None:
        trace.on_blocked("a", "aks-a", PDB)
        trace.on_blocked("a", "aks-a", Verdict(Reason.UNSCHEDULABLE, "no room for p"))
        trace.on_blocked("a", "aks-a", Verdict(Reason.UNSCHEDULABLE, "no room for q"))
        trace.on_unblocked("a")

    assert told(story) == [
        ("Blocked", "NodeClaim/a", "PodDisruptionBudget"),
        ("Blocked", "NodeClaim/a", "NotAllPodsWouldSchedule"),
        ("Unblocked", "NodeClaim/a", "NotAllPodsWouldSchedule"),
    ]


def test_who_was_not_blocked_is_not_told_of() -> None:
    async def story(trace: Trace) -> None:
        trace.on_unblocked("a")

    assert told(story) == []


def test_claims_tell_of_themselves() -> None:
    claim = NodeClaim(ObjectMeta("a", labels={"karpenter.sh/nodepool": "default"}))

    async def story(trace: Trace) -> None:
        trace.on_claim(None, claim)
        trace.on_claim_deleted(DeleteNodeClaim(claim, "drifted"))
        trace.on_claim(claim, None)

    assert told(story) == [
        ("ClaimCreated", "NodeClaim/a", ""),
        ("ClaimDeleted", "NodeClaim/a", "drifted"),
        ("ClaimGone", "NodeClaim/a", ""),
    ]


RECORD = Record(NOON, RecordKind.CLAIM_GONE, "NodeClaim/a")


def test_lines_are_appended_at_the_end_of_a_turn(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("before\n")

    async def run() -> None:
        file = TraceFile(path)
        file.write((RECORD,))
        file.write((RECORD,))
        assert path.read_text() == "before\n"
        await asyncio.sleep(0)
        assert path.read_text().count("\n") == 3
        file.close()

    asyncio.run(run())
    assert [parsed(line) for line in path.read_text().splitlines()[1:]] == [RECORD, RECORD]


def test_a_trace_that_cannot_be_written_any_more_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        file = TraceFile(tmp_path / "trace.jsonl")
        reading = os.open(tmp_path / "trace.jsonl", os.O_RDONLY)
        file._file = reading
        file.write((RECORD,))
        await asyncio.sleep(0)
        file.write((RECORD,))
        await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    (said,) = caplog.messages
    assert "ends here: it cannot be written" in said


def test_a_trace_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceUnwritable, match=f"{tmp_path}: cannot be written: Is a directory"):
        TraceFile(tmp_path)
