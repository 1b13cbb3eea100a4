"""Events: what is said, how often, and that nothing waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from napsim.controllers.resources import NODES
from napsim.core.objects import Node, ObjectMeta
from napsim.live.events import Event, Recorder, Regarding
from tests.live.scripted_server import ScriptedServer, Step, answering, failing, hanging_up, run, serving, until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NODE = Regarding("v1", "Node", "general-x7", uid="uid-1")
BLOCKED = Event(NODE, "DisruptionBlocked", "Node isn't initialized", "Disrupt")


async def at_once(_seconds: float) -> None:
    """Nothing more important is under way."""


def leading() -> bool:
    return True


@asynccontextmanager
async def recording(
    *steps: Step, fence: Callable[[], bool] = leading, monotonic: Callable[[], float] = time.monotonic
) -> AsyncIterator[tuple[ScriptedServer, Recorder]]:
    async with serving(steps or [answering({}, 201)] * 100) as server, server.client() as client:
        recorder = Recorder(
            client, instance="napsim-0", fence=fence, stand_back=at_once, now=lambda: NOON, monotonic=monotonic
        )
        task = asyncio.create_task(recorder.run())
        try:
            yield server, recorder
        finally:
            task.cancel()


def test_an_event_is_written_with_all_that_the_api_asks_for() -> None:
    async def scenario() -> None:
        async with recording() as (server, recorder):
            assert recorder.record(BLOCKED, NOON)
            assert await recorder.flush(5) == 0
            (seen,) = server.seen
            assert seen.path == "/apis/events.k8s.io/v1/namespaces/default/events"
            body = seen.json
            assert body["metadata"]["name"].startswith("general-x7.")
            assert body | {"metadata": None} == {
                "apiVersion": "events.k8s.io/v1",
                "kind": "Event",
                "metadata": None,
                "eventTime": "2026-01-01T12:00:00.000000Z",
                "type": "Normal",
                "reason": "DisruptionBlocked",
                "action": "Disrupt",
                "note": "Node isn't initialized",
                "regarding": {"apiVersion": "v1", "kind": "Node", "name": "general-x7", "uid": "uid-1"},
                "reportingController": "karpenter",
                "reportingInstance": "napsim-0",
            }

    run(scenario)


def test_an_event_about_a_namespaced_object_lives_in_its_namespace() -> None:
    async def scenario() -> None:
        async with recording() as (server, recorder):
            pod = Regarding("v1", "Pod", "web-1", "shop", "uid-2")
            recorder.record(Event(pod, "Evicted", "Evicted pod: Drifted", "Evict", reporting_controller="napsim"), NOON)
            await recorder.flush(5)
            assert server.seen[0].path == "/apis/events.k8s.io/v1/namespaces/shop/events"
            assert server.seen[0].json["reportingController"] == "napsim"

    run(scenario)


def test_regarding_is_taken_from_an_object() -> None:
    node = Node(metadata=ObjectMeta(name="general-x7", uid="uid-1"))
    assert Regarding.of(NODES, node) == NODE


@pytest.mark.parametrize(
    ("second", "after_seconds", "said"),
    [
        (BLOCKED, 119, 1),
        (BLOCKED, 120, 2),
        (replace(BLOCKED, note="another sentence"), 1, 1),
        (replace(BLOCKED, reason="DisruptionTerminating"), 1, 2),
        (replace(BLOCKED, regarding=Regarding("v1", "Node", "general-x7", uid="uid-2")), 1, 2),
        (replace(BLOCKED, dedupe=("web", "shop")), 1, 2),
    ],
    ids=[
        "within two minutes",
        "after two minutes",
        "another note",
        "another reason",
        "another object",
        "values of its own",
    ],
)
def test_the_same_reason_and_values_are_said_once_in_two_minutes(second: Event, after_seconds: int, said: int) -> None:
    async def scenario() -> None:
        async with recording() as (server, recorder):
            recorder.record(BLOCKED, NOON)
            assert recorder.record(second, NOON + timedelta(seconds=after_seconds)) is (said == 2)
            await recorder.flush(5)
            assert len(server.seen) == said
            assert recorder.counts.repeated == 2 - said

    run(scenario)


def test_a_shorter_memory_is_honoured() -> None:
    async def scenario() -> None:
        async with recording() as (server, recorder):
            event = replace(BLOCKED, dedupe_for=timedelta(minutes=1))
            recorder.record(event, NOON)
            recorder.record(event, NOON + timedelta(seconds=60))
            await recorder.flush(5)
            assert len(server.seen) == 2

    run(scenario)


def test_an_event_with_a_name_of_its_own_that_exists_was_told_by_somebody_before_us() -> None:
    async def scenario() -> None:
        async with recording(failing(409, "AlreadyExists")) as (server, recorder):
            recorder.record(replace(BLOCKED, name="general-x7.000018"), NOON)
            assert await recorder.flush(5) == 0
            assert server.seen[0].json["metadata"]["name"] == "general-x7.000018"
            assert (recorder.counts.sent, recorder.counts.repeated, recorder.counts.failed) == (0, 1, 0)

    run(scenario)


def test_events_with_names_of_their_own_are_not_held_to_the_limit_of_an_object() -> None:
    """There is one for each fact; the facts are few."""

    async def scenario() -> None:
        async with recording(*[answering({}, 201)] * 60) as (server, recorder):
            for number in range(50):
                recorder.record(replace(BLOCKED, dedupe=(str(number),)), NOON)
            named = [replace(BLOCKED, dedupe=(f"n{number}",), name=f"general-x7.{number}") for number in range(30)]
            assert all(recorder.record(event, NOON) for event in named)
            await recorder.flush(5)
            assert len(server.seen) == 25 + 30

    run(scenario)


def test_repetitions_are_counted_in_a_series_where_asked_for() -> None:
    async def scenario() -> None:
        event = replace(BLOCKED, aggregate=True)
        async with recording() as (server, recorder):
            recorder.record(event, NOON)
            await until(lambda: recorder.counts.sent == 1)
            for seconds in range(1, 6):
                assert recorder.record(event, NOON + timedelta(seconds=seconds))
            await recorder.flush(5)
            first, second = server.seen
            assert (first.method, second.method) == ("POST", "PATCH")
            assert second.path.endswith(first.json["metadata"]["name"])
            assert second.json["series"]["count"] == 6

    run(scenario)


def test_one_object_cannot_fill_the_log() -> None:
    async def scenario() -> None:
        moment = 0.0
        async with recording(*[answering({}, 201)] * 60, monotonic=lambda: moment) as (server, recorder):
            for number in range(40):
                recorder.record(replace(BLOCKED, dedupe=(str(number),)), NOON)
            assert recorder.counts.dropped == {"spam": 15}
            moment = 300.0
            assert recorder.record(replace(BLOCKED, dedupe=("later",)), NOON)
            assert not recorder.record(replace(BLOCKED, dedupe=("still later",)), NOON)
            await recorder.flush(5)
            assert len(server.seen) == 26

    run(scenario)


def test_the_queue_is_bounded_and_recording_never_waits() -> None:
    async def scenario() -> None:
        async with recording() as (_, recorder):
            for number in range(2100):
                recorder.record(replace(BLOCKED, regarding=Regarding("v1", "Node", f"n{number}")), NOON)
            assert recorder.counts.dropped == {"queue": 100}

    run(scenario)


@pytest.mark.parametrize("trouble", [failing(403, "Forbidden"), failing(404, "NotFound"), hanging_up()])
def test_an_event_that_cannot_be_written_is_counted_and_the_next_one_goes_on(trouble: Step) -> None:
    async def scenario() -> None:
        async with recording(trouble, answering({}, 201)) as (_, recorder):
            recorder.record(BLOCKED, NOON)
            recorder.record(replace(BLOCKED, reason="Other"), NOON)
            await recorder.flush(5)
            assert recorder.counts.failed == 1
            assert recorder.counts.sent == 1

    run(scenario)


def test_nothing_is_written_without_leadership() -> None:
    async def scenario() -> None:
        async with recording(fence=lambda: False) as (server, recorder):
            recorder.record(BLOCKED, NOON)
            await recorder.flush(5)
            assert not server.seen
            assert recorder.counts.dropped == {"fence": 1}

    run(scenario)


def test_a_flush_ends_in_time_and_tells_what_is_left() -> None:
    async def scenario() -> None:
        async def never(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(60)
            return web.Response()

        async with recording(never) as (_, recorder):
            for number in range(6):  # four are in flight, two wait behind them
                recorder.record(replace(BLOCKED, dedupe=(str(number),)), NOON)
            assert await recorder.flush(0.2) == 2
            assert not recorder.record(replace(BLOCKED, dedupe=("late",)), NOON)
            assert recorder.counts.dropped == {"shutdown": 3}

    run(scenario)


def test_events_stand_back_behind_other_writes() -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def until_free(_seconds: float) -> None:
            await gate.wait()

        async with serving([answering({}, 201)]) as server, server.client() as client:
            recorder = Recorder(client, instance="i", fence=leading, stand_back=until_free)
            task = asyncio.create_task(recorder.run())
            recorder.record(BLOCKED, NOON)
            await asyncio.sleep(0.05)
            assert not server.seen
            gate.set()
            await until(lambda: recorder.counts.sent == 1)
            task.cancel()

    run(scenario)


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_a_note_is_cut_to_1024_bytes(letter: str) -> None:
    async def scenario() -> None:
        async with recording() as (server, recorder):
            recorder.record(replace(BLOCKED, note=letter * 3000), NOON)
            await recorder.flush(5)
            note = server.seen[0].json["note"]
            assert len(note.encode()) <= 1024
            assert note.endswith(letter + "...")

    run(scenario)


def test_a_long_name_leaves_room_for_the_suffix() -> None:
    async def scenario() -> None:
        async with recording() as (server, recorder):
            recorder.record(replace(BLOCKED, regarding=Regarding("v1", "Node", "n" * 253)), NOON)
            recorder.record(replace(BLOCKED, regarding=Regarding("v1", "Node", "n" * 252 + "m")), NOON)
            await recorder.flush(5)
            first, second = (seen.json["metadata"]["name"] for seen in server.seen)
            assert len(first) == len(second) == 253
            assert first != second

    run(scenario)


def test_what_was_said_long_ago_is_forgotten() -> None:
    async def scenario() -> None:
        async with recording() as (_, recorder):
            for number in range(5000):
                regarding = Regarding("v1", "Node", f"n{number}")
                recorder.record(Event(regarding, "R", "n", "A"), NOON + timedelta(minutes=number))
                recorder._queue.clear()
            assert len(recorder._series) < 4200

    run(scenario)
