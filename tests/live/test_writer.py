"""The one writer: outcomes, retries, order, the fence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from napsim.controllers.resources import NODES, PODS
from napsim.live.writer import NotLeader, Outcome, OutcomeKind, Writer
from tests.live.scripted_server import (
    Json,
    ScriptedServer,
    Step,
    answering,
    failing,
    hanging_up,
    middle,
    pod,
    run,
    serving,
    until,
)

NODE: Json = {
    "kind": "Node",
    "metadata": {
        "name": "n",
        "uid": "u",
        "resourceVersion": "7",
        "annotations": {"napsim.dev/replaces": "m", "x": "y"},
    },
}
MANIFEST: Json = {"metadata": {"name": "n", "annotations": {"napsim.dev/replaces": "m"}}}
GONE: Json = {"kind": "Status", "status": "Success", "details": {"name": "n", "kind": "nodes", "uid": "u"}}


def leading() -> bool:
    return True


@asynccontextmanager
async def writing(
    steps: Iterable[Step],
    fence: Callable[[], bool] = leading,
    *,
    requests_in_flight: int = 16,
    attempt_seconds: float = 5.0,
    give_up_seconds: float = 30.0,
) -> AsyncIterator[tuple[ScriptedServer, Writer]]:
    async with serving(steps) as server, server.client() as client:
        yield (
            server,
            Writer(
                client,
                fence,
                jitter=middle,
                requests_in_flight=requests_in_flight,
                attempt_seconds=attempt_seconds,
                give_up_seconds=give_up_seconds,
            ),
        )


def label(writer: Writer) -> Awaitable[Outcome]:
    return writer.patch(NODES, "", "n", {"metadata": {"labels": {"a": "b"}}}, resource_version="7")


def remove(writer: Writer) -> Awaitable[Outcome]:
    return writer.delete(NODES, "", "n", uid="u")


def evict(writer: Writer) -> Awaitable[Outcome]:
    return writer.evict("default", "p", uid="u")


def make(writer: Writer) -> Awaitable[Outcome]:
    return writer.create(NODES, "", MANIFEST)


@pytest.mark.parametrize(
    ("write", "answer", "kind"),
    [
        (label, answering(NODE), OutcomeKind.APPLIED),
        (label, failing(409, "Conflict"), OutcomeKind.CONFLICT),
        (label, failing(404, "NotFound"), OutcomeKind.NOT_FOUND),
        (label, failing(422, "Invalid", "metadata.labels: Invalid value"), OutcomeKind.REJECTED),
        (label, failing(403, "Forbidden"), OutcomeKind.REJECTED),
        (make, answering(NODE, 201), OutcomeKind.APPLIED),
        (make, failing(409, "AlreadyExists"), OutcomeKind.ALREADY_EXISTS),
        (remove, answering(GONE), OutcomeKind.APPLIED),
        (remove, failing(409, "Conflict"), OutcomeKind.CONFLICT),
        (remove, failing(404, "NotFound"), OutcomeKind.NOT_FOUND),
        (evict, answering({"kind": "Status", "status": "Success"}, 201), OutcomeKind.APPLIED),
        (evict, failing(429, "TooManyRequests", cause="DisruptionBudget"), OutcomeKind.BLOCKED),
        (evict, failing(500, "InternalError", "This pod has more than one PodDisruptionBudget"), OutcomeKind.REJECTED),
    ],
)
def test_an_answer_that_lasts_is_the_outcome_of_one_request(
    write: Callable[[Writer], Awaitable[Outcome]], answer: Step, kind: OutcomeKind
) -> None:
    async def scenario() -> None:
        async with writing([answer]) as (server, writer):
            outcome = await write(writer)
            assert outcome.kind is kind
            assert outcome.attempts == 1
            assert len(server.seen) == 1
            assert list(writer.outcomes.values()) == [1]

    run(scenario)


def test_the_message_of_a_refusal_is_the_api_servers() -> None:
    async def scenario() -> None:
        async with writing([failing(422, "Invalid", "spec.replicas: must be positive")]) as (_, writer):
            assert (await label(writer)).message == "spec.replicas: must be positive"

    run(scenario)


@pytest.mark.parametrize(
    "trouble",
    [failing(429, "TooManyRequests"), failing(503, "ServiceUnavailable"), failing(401, "Unauthorized"), hanging_up()],
    ids=["429 of priority and fairness", "503", "401", "no answer"],
)
def test_what_may_pass_is_tried_again(trouble: Step) -> None:
    async def scenario() -> None:
        async with writing([trouble, trouble, answering(NODE)]) as (server, writer):
            outcome = await label(writer)
            assert outcome.applied
            assert outcome.attempts == 3
            assert len(server.seen) == 3
            assert writer.retries == {("patch", "nodes"): 2}

    run(scenario)


def test_retry_after_is_honoured() -> None:
    async def scenario() -> None:
        slept: list[float] = []
        loop = asyncio.get_running_loop()
        async with writing([failing(429, "TooManyRequests", retry_after=1), answering(NODE)]) as (_, writer):
            began = loop.time()
            assert (await label(writer)).applied
            slept.append(loop.time() - began)
        assert slept[0] >= 1.0

    run(scenario)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (failing(429, "TooManyRequests", retry_after=9), OutcomeKind.THROTTLED),
        (failing(503, "ServiceUnavailable", retry_after=9), OutcomeKind.UNAVAILABLE),
    ],
)
def test_what_does_not_pass_in_time_is_given_up_as_a_value(trouble: Step, kind: OutcomeKind) -> None:
    async def scenario() -> None:
        async with writing([trouble], give_up_seconds=5.0) as (_, writer):
            outcome = await label(writer)
            assert outcome.kind is kind
            assert outcome.retry_after_seconds == 9

    run(scenario)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    async def scenario() -> None:
        async with serving() as server:
            client = server.client()
        async with client:
            outcome = await label(Writer(client, leading, jitter=middle, give_up_seconds=0.05))
            assert outcome.kind is OutcomeKind.UNAVAILABLE

    run(scenario)


def test_an_attempt_without_an_answer_ends_in_its_time() -> None:
    async def scenario() -> None:
        async def never(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(60)
            return web.Response()

        async with writing([never, answering(NODE)], attempt_seconds=1.5) as (_, writer):
            assert (await label(writer)).attempts == 2

    run(scenario)


# --- after doubt ------------------------------------------------------------------------------------------------------


def test_a_create_whose_answer_got_lost_counts_if_the_object_is_ours() -> None:
    async def scenario() -> None:
        steps = [hanging_up(), failing(409, "AlreadyExists"), answering({"items": [NODE]})]
        async with writing(steps) as (server, writer):
            outcome = await make(writer)
            assert outcome.applied
            assert b'"u"' in outcome.body
            assert [seen.method for seen in server.seen] == ["POST", "POST", "GET"]
            listed = server.seen[-1]
            assert (listed.path, listed.query) == ("/api/v1/nodes", {"fieldSelector": "metadata.name=n"})

    run(scenario)


def test_a_create_whose_answer_got_lost_does_not_count_if_the_object_is_somebody_elses() -> None:
    async def scenario() -> None:
        theirs: Json = {"kind": "Node", "metadata": {"name": "n", "uid": "v"}}
        async with writing(
            [failing(500, "InternalError"), failing(409, "AlreadyExists"), answering({"items": [theirs]})]
        ) as (
            _,
            writer,
        ):
            assert (await make(writer)).kind is OutcomeKind.ALREADY_EXISTS

    run(scenario)


def test_a_create_whose_answer_got_lost_does_not_count_if_the_object_is_gone_by_now() -> None:
    async def scenario() -> None:
        steps = [hanging_up(), failing(409, "AlreadyExists"), answering({"items": []})]
        async with writing(steps) as (_, writer):
            assert (await make(writer)).kind is OutcomeKind.ALREADY_EXISTS

    run(scenario)


def test_an_object_that_is_there_without_doubt_is_not_taken_for_ours() -> None:
    async def scenario() -> None:
        throttled_first = [failing(429, "TooManyRequests"), failing(409, "AlreadyExists"), answering(NODE)]
        async with writing(throttled_first) as (server, writer):
            assert (await make(writer)).kind is OutcomeKind.ALREADY_EXISTS
            assert len(server.seen) == 2

    run(scenario)


def test_a_delete_whose_answer_got_lost_counts_if_the_object_is_gone() -> None:
    async def scenario() -> None:
        async with writing([failing(504, "Timeout"), failing(404, "NotFound")]) as (_, writer):
            outcome = await remove(writer)
            assert outcome.applied
            assert outcome.removed

    run(scenario)


# --- preconditions ----------------------------------------------------------------------------------------------------


def test_preconditions_travel_with_the_request() -> None:
    async def scenario() -> None:
        answers = [answering(NODE), answering(NODE), answering(GONE), answering(GONE, 201)]
        async with writing(answers) as (server, writer):
            await writer.patch(NODES, "", "n", {"metadata": {"labels": {"a": None}}}, uid="u", resource_version="7")
            await writer.patch_status(NODES, "", "n", {"phase": "Running"}, resource_version="7")
            await writer.delete(NODES, "", "n", uid="u", resource_version="7", grace_period_seconds=0)
            await writer.evict("default", "p", uid="w", grace_period_seconds=5)
            merge, status, delete, eviction = server.seen
            assert merge.json == {"metadata": {"labels": {"a": None}, "uid": "u", "resourceVersion": "7"}}
            assert merge.headers["Content-Type"] == "application/merge-patch+json"
            assert merge.headers["User-Agent"].startswith("napsim/")
            assert status.path == "/api/v1/nodes/n/status"
            assert status.json == {"status": {"phase": "Running"}, "metadata": {"resourceVersion": "7"}}
            assert delete.json == {"preconditions": {"uid": "u", "resourceVersion": "7"}, "gracePeriodSeconds": 0}
            assert eviction.path == "/api/v1/namespaces/default/pods/p/eviction"
            assert eviction.json["deleteOptions"] == {"preconditions": {"uid": "w"}, "gracePeriodSeconds": 5}

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "removed"),
    [
        (NODE, False),
        (NODE | {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}}, False),
        (NODE | {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
        (NODE | {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}}, False),
        (NODE | {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}}, True),
    ],
)
def test_the_answer_tells_whether_the_object_is_gone(answer: Json, removed: bool) -> None:
    async def scenario() -> None:
        async with writing([answering(answer), answering(answer)]) as (_, writer):
            assert (await label(writer)).removed is removed
            assert (await remove(writer)).removed is removed

    run(scenario)


# --- fence, order, bounds ---------------------------------------------------------------------------------------------


def test_nothing_is_sent_without_leadership() -> None:
    async def scenario() -> None:
        async with writing([answering(NODE)], fence=lambda: False) as (server, writer):
            with pytest.raises(NotLeader):
                await label(writer)
            assert not server.seen
            assert not writer.busy

    run(scenario)


def test_leadership_is_asked_for_again_before_each_attempt() -> None:
    async def scenario() -> None:
        answers = iter([True, False])
        async with writing([failing(503, "ServiceUnavailable")], fence=lambda: next(answers)) as (server, writer):
            with pytest.raises(NotLeader):
                await label(writer)
            assert len(server.seen) == 1

    run(scenario)


def test_writes_to_one_object_never_overlap_nor_overtake_each_other() -> None:
    async def scenario() -> None:
        running = 0
        order: list[int] = []

        def slow(number: int) -> Step:
            async def step(_: web.Request) -> web.StreamResponse:
                nonlocal running
                running += 1
                assert running == 1
                await asyncio.sleep(0.03 - number * 0.005)
                running -= 1
                return web.json_response(NODE)

            return step

        async with writing([slow(number) for number in range(5)]) as (server, writer):

            async def write(number: int) -> None:
                await writer.patch(NODES, "", "n", {"metadata": {"annotations": {"number": str(number)}}})
                order.append(number)

            await asyncio.gather(*(write(number) for number in range(5)))
            assert order == [0, 1, 2, 3, 4]
            sent = [seen.json["metadata"]["annotations"]["number"] for seen in server.seen]
            assert sent == ["0", "1", "2", "3", "4"]

    run(scenario)


def test_writes_to_different_objects_overlap_up_to_the_bound() -> None:
    async def scenario() -> None:
        running = most = 0

        async def slow(_: web.Request) -> web.StreamResponse:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1
            return web.json_response(NODE)

        async with writing([slow] * 12, requests_in_flight=3) as (_, writer):
            await asyncio.gather(*(writer.patch(NODES, "", f"n{number}", {}) for number in range(12)))
            assert most == 3
            assert not writer.busy

    run(scenario)


def test_an_object_whose_write_is_tried_again_holds_up_no_other() -> None:
    async def scenario() -> None:
        async with writing([failing(429, "TooManyRequests", retry_after=9)], requests_in_flight=1) as (server, writer):
            held = asyncio.create_task(writer.patch(NODES, "", "held", {}))
            await until(lambda: len(server.seen) == 1)
            server.steps.append(answering(NODE))
            assert (await writer.patch(NODES, "", "free", {})).applied
            assert not held.done()
            held.cancel()

    run(scenario)


def test_drain_waits_for_what_is_under_way_and_not_longer_than_asked() -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def gated(_: web.Request) -> web.StreamResponse:
            await gate.wait()
            return web.json_response(NODE)

        async with writing([gated]) as (_, writer):
            write = asyncio.ensure_future(label(writer))
            await until(lambda: writer.busy)
            assert not await writer.drain(0.05)
            gate.set()
            assert await writer.drain(5.0)
            assert (await write).applied

    run(scenario)


def test_a_copy_hears_of_writes_before_their_caller() -> None:
    class Copy:
        def __init__(self) -> None:
            self.heard: list[tuple[str, str]] = []

        def apply_answer(self, body: bytes) -> object:
            self.heard.append(("applied", body.decode()[:14]))
            return None

        def forget_local(self, key: str, uid: str) -> None:
            self.heard.append((key, uid))

    async def scenario() -> None:
        steps = [answering(NODE), failing(409, "Conflict"), answering(GONE), answering(pod("p", 3))]
        async with writing(steps) as (_, writer):
            copy = Copy()
            writer.mirror(NODES, copy)
            await label(writer)
            await label(writer)
            await remove(writer)
            await writer.patch(PODS, "default", "p", {})
            assert copy.heard == [("applied", '{"kind": "Node'), ("n", "u")]

    run(scenario)
