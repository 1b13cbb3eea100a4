"""HTTP/1.1 as servers and proxies really cut it, and what happens when they do not speak it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.live.errors import TransportError
from napsim.live.transport import Answer, Transport
from tests.live.scripted_server import run, until

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"


class Stage:
    """A bare TCP server: ``answers`` are written piece by piece, one list for each request."""

    def __init__(self, answers: list[list[bytes]], *, close_after: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._answers = answers
        self._close_after = close_after

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self._answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                self.requests.append(head + (await reader.readexactly(int(length)) if length else b""))
                for piece in self._answers.pop(0):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.001)
                if self._close_after:
                    break
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def staged(*answers: list[bytes], close_after: bool = False) -> AsyncIterator[tuple[Stage, Transport]]:
    stage = Stage(list(answers), close_after=close_after)
    server = await asyncio.start_server(stage.play, "127.0.0.1", 0)
    stage.port = server.sockets[0].getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{stage.port}/prefix/", None, None, "napsim/test")
    try:
        yield stage, transport
    finally:
        transport.close()
        server.close()


async def get(transport: Transport, timeout_seconds: float = 5.0) -> Answer:
    return await transport.exchange("GET", "/x", "", None, timeout_seconds)


def exchanged(*pieces: bytes, close_after: bool = False) -> Answer:
    """What a client makes of those bytes."""
    result: list[Answer] = []

    async def scenario() -> None:
        async with staged(list(pieces), close_after=close_after) as (_, transport):
            result.append(await get(transport))

    run(scenario)
    return result[0]


def test_a_request_is_a_request_line_its_headers_and_its_body() -> None:
    async def scenario() -> None:
        async with staged([OK, b"Content-Length: 0\r\n\r\n"]) as (stage, transport):
            await transport.exchange("PATCH", "/a?b=c", "Content-Type: application/json\r\n", b"{}", 5.0)
            assert stage.requests == [
                b"PATCH /prefix/a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: napsim/test\r\n"
                b"Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                % stage.port
            ]

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "code", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello"),
        (OK + b"content-length:5\r\nX: y\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, b"hello"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: z\r\n\r\n", 200, b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno", 404, b"no"),
    ],
    ids=["sized", "other case", "no content", "chunked", "extensions and trailers", "interim", "no phrase"],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_an_answer_may_be_delimited_and_cut_in_any_way(answer: bytes, code: int, body: bytes, size: int) -> None:
    got = exchanged(*(answer[at : at + size] for at in range(0, len(answer), size)))
    assert (got.code, got.body) == (code, body)


def test_a_body_may_end_with_its_connection() -> None:
    assert exchanged(OK, b"\r\nhel", b"lo", close_after=True).body == b"hello"


def test_retry_after_is_passed_on() -> None:
    assert exchanged(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").retry_after == "7"


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_chunks_come_out_whole_however_they_are_cut(chunks: list[bytes], cuts: list[int]) -> None:
    """What was sent in chunks is what is read, wherever the network cuts the bytes."""
    text = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    pieces = [OK + b"Transfer-Encoding: chunked\r\n\r\n"]
    at = 0
    for size in cuts:
        pieces.append(text[at : at + size])
        at += size
    pieces.append(text[at:])
    assert exchanged(*pieces).body == b"".join(chunks)


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_connection_is_used_again() -> None:
    async def scenario() -> None:
        whole = [OK + b"Content-Length: 2\r\n\r\nhi"]
        async with staged(*[list(whole) for _ in range(5)]) as (stage, transport):
            for _ in range(5):
                assert (await get(transport)).body == b"hi"
            assert stage.connections == 1

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
)
def test_a_connection_that_the_server_is_done_with_is_not(answer: bytes) -> None:
    async def scenario() -> None:
        async with staged([answer], [answer]) as (stage, transport):
            assert [(await get(transport)).body for _ in range(2)] == [b"hi", b"hi"]
            assert stage.connections == 2

    run(scenario)


def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def scenario() -> None:
        whole = [OK + b"Content-Length: 2\r\n\r\nhi"]
        async with staged(list(whole), list(whole), close_after=True) as (stage, transport):
            await get(transport)
            await asyncio.sleep(0.5)
            assert (await get(transport)).body == b"hi"
            assert stage.connections == 2

    run(scenario)


def test_an_answer_that_nobody_waits_for_any_more_is_never_taken_for_another() -> None:
    async def scenario() -> None:
        slow = [*[b""] * 100, OK + b"Content-Length: 5\r\n\r\nfirst"]
        async with staged(slow, [OK + b"Content-Length: 6\r\n\r\nsecond"]) as (stage, transport):
            task = asyncio.create_task(get(transport))
            await until(lambda: bool(stage.requests))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await get(transport)).body == b"second"
            assert stage.connections == 2

    run(scenario)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "not HTTP: the answer begins b'SSH-2.0"),
        ([b"HTTP/1.1 abc\r\n\r\n"], "not HTTP"),
        ([OK + b"Content-Length: x\r\n\r\n"], "not HTTP"),
        ([OK + b"Content-Length: -1\r\n\r\n"], "not HTTP: a length of -1"),
        ([OK + b"Content-Length: 1\r\n\r\nabc"], "more than was announced"),
        ([OK + b"Transfer-Encoding: gzip\r\n\r\n"], "transfer coding b'gzip'"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], "not HTTP"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n"], "negative"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"], "a chunk is longer than it says"),
        ([b"HTTP/1.1 200 " + b"x" * 70_000], "does not end"),
    ],
)
def test_what_is_not_http_is_an_error_in_doubt(pieces: list[bytes], message: str) -> None:
    with pytest.raises(TransportError, match=message) as caught:
        exchanged(*pieces)
    assert caught.value.ambiguous


@pytest.mark.parametrize("pieces", [[b"HTTP/1.1 2"], [OK + b"Content-Length: 9\r\n\r\nhalf"], [b""]])
def test_an_answer_that_breaks_off_is_an_error_in_doubt(pieces: list[bytes]) -> None:
    with pytest.raises(TransportError, match="closed by the server") as caught:
        exchanged(*pieces, close_after=True)
    assert caught.value.ambiguous


def test_an_answer_that_does_not_come_is_an_error_in_doubt() -> None:
    async def scenario() -> None:
        async with staged([b""]) as (_, transport):
            with pytest.raises(TransportError, match=r"no answer within 0\.1 s") as caught:
                await get(transport, 0.1)
            assert caught.value.ambiguous

    run(scenario)


def test_a_server_that_does_not_listen_leaves_no_doubt() -> None:
    async def scenario() -> None:
        async with staged() as (stage, _):
            port = stage.port
        transport = Transport(f"http://127.0.0.1:{port}", None, None, "napsim/test")
        with pytest.raises(TransportError, match=f"127.0.0.1:{port}: ") as caught:
            await get(transport)
        assert not caught.value.ambiguous

    run(scenario)


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_is_read_as_it_comes_and_ends() -> None:
    async def scenario() -> None:
        pieces = [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n", b"3\r\ncde\r\n", b"0\r\n\r\n"]
        async with staged(pieces) as (_, transport):
            stream = await transport.stream("/x", "", 5.0)
            assert stream.code == 200
            assert await stream.read_all() == b"abcde"
            assert await stream.read() == b""
            stream.close()

    run(scenario)


def test_a_stream_whose_reader_is_slow_is_held_back_and_loses_nothing() -> None:
    async def scenario() -> None:
        chunk = b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
        pieces = [OK + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 24, b"0\r\n\r\n"]
        async with staged(pieces) as (_, transport):
            stream = await transport.stream("/x", "", 5.0)
            await asyncio.sleep(2)
            first = await stream.read()
            assert 6 << 20 < len(first) < 20 << 20
            assert len(first) + len(await stream.read_all()) == 24 << 20
            stream.close()

    run(scenario)


def test_a_stream_that_is_reset_gives_what_it_had_and_then_the_error() -> None:
    async def scenario() -> None:
        pieces = [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"]
        async with staged(pieces, close_after=True) as (_, transport):
            stream = await transport.stream("/x", "", 5.0)
            assert await stream.read() == b"ab"
            with pytest.raises(TransportError, match="closed by the server"):
                await stream.read()

    run(scenario)


def test_a_stream_can_be_broken_off_while_somebody_reads() -> None:
    async def scenario() -> None:
        async with staged([OK + b"Transfer-Encoding: chunked\r\n\r\n"]) as (_, transport):
            stream = await transport.stream("/x", "", 5.0)
            asyncio.get_running_loop().call_later(0.05, stream.break_off, "silent")
            with pytest.raises(TransportError, match="silent"):
                await stream.read()

    run(scenario)


def test_closing_the_transport_ends_what_is_under_way() -> None:
    async def scenario() -> None:
        async with staged([b""]) as (stage, transport):
            task = asyncio.create_task(get(transport))
            await until(lambda: bool(stage.requests))
            transport.close()
            with pytest.raises(TransportError, match="closed"):
                await task

    run(scenario)
