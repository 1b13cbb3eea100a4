"""Single requests: what is sent, and which error comes of which answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from napsim.controllers.resources import EVENTS, NODE_CLAIMS, NODES, PODS
from napsim.core.objects import Pod
from napsim.live.client import Client, ListPage
from napsim.live.credentials import FileToken, StaticToken
from napsim.live.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    EvictionBlocked,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServerError,
    Throttled,
    TransportError,
    Unauthorized,
    error_from_answer,
)
from tests.live.scripted_server import Step, answering, failing, hanging_up, listing, pod, run, serving


def status(code: int, reason: str, **details: object) -> bytes:
    body: dict[str, object] = {
        "kind": "Status",
        "status": "Failure",
        "message": "so it is",
        "reason": reason,
        "code": code,
    }
    return msgspec.json.encode(body | ({"details": details} if details else {}))


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (400, status(400, "BadRequest"), BadRequest),
        (401, status(401, "Unauthorized"), Unauthorized),
        (403, status(403, "Forbidden"), Forbidden),
        (404, status(404, "NotFound"), NotFound),
        (409, status(409, "Conflict"), Conflict),
        (409, status(409, "AlreadyExists"), AlreadyExists),
        (410, status(410, "Expired"), Gone),
        (410, status(410, "Gone"), Gone),
        (422, status(422, "Invalid"), Invalid),
        (429, status(429, "TooManyRequests", retryAfterSeconds=1), Throttled),
        (429, status(429, "TooManyRequests", causes=[{"reason": "DisruptionBudget"}]), EvictionBlocked),
        (429, b"Too many requests, please try again later.\n", Throttled),
        (500, status(500, "InternalError"), ServerError),
        (504, status(504, "Timeout"), ServerError),
        (418, b"teapot", ApiError),
    ],
)
def test_the_error_follows_reason_and_code(code: int, body: bytes, kind: type[ApiError]) -> None:
    error = error_from_answer(code, body, None)
    assert type(error) is kind
    assert error.code == code
    assert error.message


@pytest.mark.parametrize(
    ("header", "details", "seconds"), [("3", {}, 3.0), (None, {"retryAfterSeconds": 10}, 10.0), (None, {}, 0.0)]
)
def test_how_long_to_wait_is_taken_from_header_or_status(
    header: str | None, details: dict[str, object], seconds: float
) -> None:
    assert error_from_answer(429, status(429, "TooManyRequests", **details), header).retry_after_seconds == seconds


def test_causes_name_their_fields() -> None:
    causes = [{"reason": "FieldValueInvalid", "message": "must be positive", "field": "spec.replicas"}]
    assert error_from_answer(422, status(422, "Invalid", causes=causes), None).causes[0].field == "spec.replicas"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (NODES.path(), "/api/v1/nodes"),
        (NODES.path("", "n", "status"), "/api/v1/nodes/n/status"),
        (PODS.path("shop"), "/api/v1/namespaces/shop/pods"),
        (NODE_CLAIMS.path("", "c"), "/apis/karpenter.sh/v1/nodeclaims/c"),
        (EVENTS.path("shop", "e"), "/apis/events.k8s.io/v1/namespaces/shop/events/e"),
    ],
)
def test_resources_know_their_paths(path: str, wanted: str) -> None:
    assert path == wanted


def test_requests_are_observed_with_verb_resource_and_code() -> None:
    async def scenario() -> None:
        told: list[tuple[str, str, int]] = []
        steps = [answering({}), answering({}), failing(404, "NotFound"), answering({}, 201)]

        def enough(_lines: list[bytes]) -> None:
            raise LookupError("enough")

        def observe(verb: str, resource: str, code: int, seconds: float) -> None:
            assert seconds >= 0
            told.append((verb, resource, code))

        async with serving(steps) as server, Client(server.connection(), observe=observe) as client:
            await client.get(NODES, "", "n")
            await client.patch(NODES, "", "n", b"{}", subresource="status")
            with pytest.raises(NotFound):
                await client.delete(NODES, "", "n")
            await client.evict("default", "p")
            with pytest.raises(LookupError, match="enough"):
                await client.watch(PODS, "1", enough)
        async with client:
            with pytest.raises(TransportError):
                await client.get(NODES, "", "n")
        assert told == [
            ("get", "nodes", 200),
            ("patch", "nodes/status", 200),
            ("delete", "nodes", 404),
            ("create", "pods/eviction", 201),
            ("watch", "pods", 200),
            ("get", "nodes", 0),
        ]

    run(scenario)


def test_no_header_is_sent_that_is_not_needed() -> None:
    async def scenario() -> None:
        async with serving([answering({})]) as server, server.client() as client:
            await client.get(NODES, "", "n")
            assert sorted(server.seen[0].headers) == ["Accept", "Host", "User-Agent"]

    run(scenario)


def test_a_connection_that_breaks_leaves_doubt_and_one_that_never_was_does_not() -> None:
    async def scenario() -> None:
        async with serving([hanging_up()]) as server, server.client() as client:
            with pytest.raises(TransportError) as broken:
                await client.patch(NODES, "", "n", b"{}")
        async with server.client() as client:
            with pytest.raises(TransportError) as refused:
                await client.patch(NODES, "", "n", b"{}")
        assert broken.value.ambiguous
        assert not refused.value.ambiguous

    run(scenario)


def test_a_token_goes_along_and_a_401_has_it_read_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "token"
        path.write_text("one")
        steps: list[Step] = [answering({}), failing(401, "Unauthorized"), answering({})]
        async with serving(steps) as server:
            connection = replace(server.connection(), credentials=FileToken(path))
            async with Client(connection) as client:
                await client.get(NODES, "", "n")
                path.write_text("two")
                with pytest.raises(Unauthorized):
                    await client.get(NODES, "", "n")
                await client.get(NODES, "", "n")
            sent = [seen.headers["Authorization"] for seen in server.seen]
            assert sent == ["Bearer one", "Bearer one", "Bearer two"]

    run(scenario)


def test_a_token_that_cannot_be_had_is_a_transport_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving() as server:
            connection = replace(server.connection(), credentials=FileToken(tmp_path / "none"))
            async with Client(connection) as client:
                with pytest.raises(TransportError, match="cannot be read") as caught:
                    await client.get(NODES, "", "n")
                assert not caught.value.ambiguous

    run(scenario)


def test_a_list_is_whole_even_if_its_token_expires_on_the_way() -> None:
    async def scenario() -> None:
        steps = [
            listing(pod("a", 1), version=5, proceed="t"),
            failing(410, "Expired"),
            listing(pod("a", 1), version=6, proceed="u"),
            listing(pod("b", 2), version=6),
        ]
        async with serving(steps) as server, server.client() as client:
            items = await client.list_all(PODS, Pod, namespace="default", selectors={"labelSelector": "a in (b,c)"})
            assert [item.name for item in items] == ["a", "b"]
            assert server.seen[0].query["labelSelector"] == "a in (b,c)"
            assert server.seen[0].path == "/api/v1/namespaces/default/pods"

    run(scenario)


def test_a_list_that_never_comes_to_its_end_is_an_error() -> None:
    async def scenario() -> None:
        async with serving([failing(410, "Expired")] * 9) as server, server.client() as client:
            with pytest.raises(Gone):
                await client.list_all(PODS, Pod)
            assert len(server.seen) == 5

    run(scenario)


def test_pages_are_asked_for_with_the_callers_version_once() -> None:
    async def scenario() -> None:
        decode = msgspec.json.Decoder(ListPage[Pod]).decode
        async with (
            serving([listing(version=5, proceed="t"), listing(version=5)]) as server,
            server.client() as client,
        ):
            async for _ in client.list_pages(PODS, decode, limit=7, resource_version="4"):
                pass
            assert [seen.query for seen in server.seen] == [
                {"limit": "7", "resourceVersion": "4"},
                {"limit": "7", "continue": "t"},
            ]

    run(scenario)


def test_requests_may_overlap_and_each_gets_its_own_answer() -> None:
    async def scenario() -> None:
        async with serving([answering({"number": number}) for number in range(50)]) as server:
            connection = replace(server.connection(), credentials=StaticToken("t"))
            async with Client(connection) as client:
                answers = await asyncio.gather(*(client.get(NODES, "", f"n{number}") for number in range(50)))
            got = [msgspec.json.decode(answer)["number"] for answer in answers]
            assert sorted(got) == list(range(50))
            asked = [seen.path.rpartition("/")[2] for seen in server.seen]
            assert [asked[number] for number in got] == [f"n{number}" for number in range(50)]

    run(scenario)


def test_a_closed_client_says_so() -> None:
    async def scenario() -> None:
        async with serving() as server:
            with pytest.raises(RuntimeError, match="not open"):
                await server.client().get(NODES, "", "n")

    run(scenario)
