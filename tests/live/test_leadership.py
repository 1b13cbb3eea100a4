"""Leader election, against an in-memory Lease with real compare-and-swap."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from napsim.live.client import Client
from napsim.live.leadership import Elector, LeaseTimings
from tests.live.scripted_server import Json, ScriptedServer, failing, middle, run, running, until

QUICK = LeaseTimings(duration=6.0, renew_deadline=4.0, retry_period=0.05)  # seconds that a machine may lose
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class LeaseServer(ScriptedServer):
    """One Lease; ``cut_off`` names user agents whose requests fail."""

    lease: Json | None = None
    version: int = 0
    cut_off: set[str] = field(default_factory=set)
    writes: list[Json] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers["User-Agent"] in self.cut_off:
            return await failing(503, "ServiceUnavailable")(request)
        if request.method == "GET":
            if self.lease is None:
                return await failing(404, "NotFound")(request)
            return web.json_response(self.lease)
        body = json.loads(await request.read())
        if request.method == "POST":
            if self.lease is not None:
                return await failing(409, "AlreadyExists")(request)
            return self._store(body, {})
        assert self.lease is not None
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            return await failing(409, "Conflict")(request)
        return self._store(body, self.lease["spec"])

    def _store(self, body: Json, spec: Json) -> web.StreamResponse:
        self.version += 1
        self.writes.append(body["spec"])
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": {**spec, **body["spec"]}}
        return web.json_response(self.lease)

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""


@asynccontextmanager
async def electing(
    *identities: str, timings: LeaseTimings = QUICK, monotonic: Callable[[], float] = time.monotonic
) -> AsyncIterator[Any]:
    """A server and one elector per identity, whose user agent is its identity."""
    async with running(LeaseServer()) as server:
        clients = [await Client(server.connection(), user_agent=name).__aenter__() for name in identities]
        try:
            yield (
                server,
                *(
                    Elector(
                        client,
                        namespace="kube-system",
                        name="napsim",
                        identity=identity,
                        jitter=middle,
                        timings=timings,
                        monotonic=monotonic,
                        now=lambda: NOON,
                    )
                    for client, identity in zip(clients, identities, strict=True)
                ),
            )
        finally:
            for client in clients:
                await client.close()


def test_the_first_one_creates_the_lease_and_leads() -> None:
    async def scenario() -> None:
        async with electing("a") as (server, elector):
            assert not elector.is_leader()
            await elector.acquire()
            assert elector.is_leader()
            assert elector.holder == "a"
            assert server.lease["spec"] == {
                "holderIdentity": "a",
                "leaseDurationSeconds": 6,
                "acquireTime": "2026-01-01T12:00:00.000000Z",
                "renewTime": "2026-01-01T12:00:00.000000Z",
                "leaseTransitions": 0,
            }

    run(scenario)


def test_a_leader_that_renews_keeps_the_lease_from_others() -> None:
    async def scenario() -> None:
        async with electing("a", "b") as (server, first, second):
            await first.acquire()
            holding = asyncio.create_task(first.hold())
            waiting = asyncio.create_task(second.acquire())
            await until(lambda: len(server.writes) > 30)
            assert first.is_leader()
            assert not second.is_leader()
            assert not waiting.done()
            assert server.holder == "a"
            holding.cancel()
            waiting.cancel()

    run(scenario)


def test_a_leader_that_is_cut_off_steps_down_before_another_starts() -> None:
    async def scenario() -> None:
        async with electing("a", "b") as (server, first, second):
            await first.acquire()
            holding = asyncio.create_task(first.hold())
            waiting = asyncio.create_task(second.acquire())
            await until(lambda: len(server.writes) > 3)
            server.cut_off.add("a")
            while not second.is_leader():
                assert not (first.is_leader() and second.is_leader())
                await asyncio.sleep(0.005)
            assert first.lost.is_set()
            assert holding.done()
            await waiting
            assert server.lease["spec"]["leaseTransitions"] == 1
            assert second.transitions == 1

    run(scenario)


def test_leadership_ends_with_the_deadline_even_if_nobody_runs() -> None:
    async def scenario() -> None:
        moment = 100.0

        def monotonic() -> float:
            return moment

        async with electing("a", timings=LeaseTimings(), monotonic=monotonic) as (_, elector):
            await elector.acquire()
            moment = 109.9
            assert elector.is_leader()
            moment = 110.0
            assert not elector.is_leader()

    run(scenario)


def test_a_lease_given_back_is_taken_at_once() -> None:
    async def scenario() -> None:
        slow = LeaseTimings(duration=60.0, renew_deadline=40.0, retry_period=0.05)
        async with electing("a", "b", timings=slow) as (server, first, second):
            await first.acquire()
            await first.release()
            assert not first.is_leader()
            assert server.holder == ""
            await second.acquire()
            assert second.is_leader()
            assert server.lease["spec"]["leaseTransitions"] == 1

    run(scenario)


def test_a_lease_that_somebody_took_from_us_is_noticed() -> None:
    async def scenario() -> None:
        async with electing("a") as (server, elector):
            await elector.acquire()
            holding = asyncio.create_task(elector.hold())
            server.lease["metadata"]["resourceVersion"] = "999"
            server.lease["spec"]["holderIdentity"] = "b"
            await holding
            assert elector.lost.is_set()
            assert not elector.is_leader()
            assert elector.holder == "b"

    run(scenario)


def test_a_renewal_whose_answer_got_lost_does_not_cost_leadership() -> None:
    async def scenario() -> None:
        async with electing("a") as (server, elector):
            await elector.acquire()
            holding = asyncio.create_task(elector.hold())
            server.lease["metadata"]["resourceVersion"] = "999"
            server.version = 999
            await until(lambda: server.version > 1005)
            assert elector.is_leader()
            holding.cancel()

    run(scenario)


def test_of_many_that_start_at_once_one_leads() -> None:
    async def scenario() -> None:
        async with electing("a", "b", "c", "d") as (_, *electors):
            tasks = [asyncio.create_task(elector.acquire()) for elector in electors]
            await until(lambda: any(elector.is_leader() for elector in electors))
            await asyncio.sleep(0.2)
            assert sum(elector.is_leader() for elector in electors) == 1
            for task in tasks:
                task.cancel()

    run(scenario)


@pytest.mark.parametrize(("duration", "deadline", "retry"), [(10, 10, 2), (15, 2, 2), (15, 10, 0)])
def test_timings_that_allow_two_leaders_are_refused(duration: float, deadline: float, retry: float) -> None:
    with pytest.raises(ValueError, match="duration > renew_deadline > retry_period > 0"):
        LeaseTimings(duration, deadline, retry)
