"""Coming to lead in order to take everything off, and leaving so that nobody writes it anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from napsim.core.release import Step
from napsim.live.client import Client
from napsim.live.leadership import Elector
from napsim.live.release import OperatorLeads, Reign, Release
from tests.core.examples import node
from tests.live.scripted_server import answering, failing, listing, run, serving, until
from tests.live.test_executor import stored
from tests.live.test_leadership import LeaseServer, electing

KEEP_SECONDS = 60


@asynccontextmanager
async def led_by_old() -> AsyncIterator[tuple[LeaseServer, Elector, Client, Elector]]:
    """An operator that lives and renews, and a release that wants to lead."""
    async with electing("old", "new") as (server, old, new):
        await old.acquire()
        holding = asyncio.ensure_future(old.hold())
        async with Client(server.connection(), user_agent="new") as client:
            try:
                yield server, old, client, new
            finally:
                holding.cancel()


def test_where_an_operator_leads_nothing_is_done_without_being_asked_to() -> None:
    async def scenario() -> None:
        async with led_by_old() as (server, old, client, new):
            with pytest.raises(OperatorLeads, match="old"):
                async with Reign("kube-system", "napsim", 0.3).over(client, new, "new"):
                    raise AssertionError("it must not come to lead")
            assert old.is_leader()
            assert server.holder == "old"

    run(scenario)


def test_a_lease_taken_over_is_led_by_one_alone_and_kept_afterwards() -> None:
    async def scenario() -> None:
        async with led_by_old() as (server, old, client, new):
            reign = Reign("kube-system", "napsim", 5, take_over=True, keep_seconds=KEEP_SECONDS)
            async with reign.over(client, new, "new"):
                assert not old.is_leader(), "it has ceased before anything is written"
                assert new.is_leader()
                assert server.holder == "new"
            assert server.lease is not None
            assert server.lease["spec"]["leaseDurationSeconds"] == KEEP_SECONDS
            assert server.holder == "new", "nobody leads until it has run out"

    run(scenario)


def test_a_lease_that_nobody_holds_is_led_at_once_and_given_back() -> None:
    async def scenario() -> None:
        async with electing("new") as (server, new), Client(server.connection(), user_agent="new") as client:
            async with Reign("kube-system", "napsim", 5, take_over=True).over(client, new, "new"):
                assert server.holder == "new"
            await until(lambda: server.holder == "")

    run(scenario)


def test_rounds_go_on_until_nothing_is_left_and_each_step_is_told_once() -> None:
    nothing, gone = listing(version=1), {"kind": "Status"}
    left = stored(node("fake", finalizers=()))

    async def scenario() -> None:
        told: list[Step] = []
        steps = [
            listing(left, version=1), failing(404, "NotFound"), nothing, failing(409, "Conflict"),
            listing(left, version=2), failing(404, "NotFound"), nothing, answering(gone),
            nothing, failing(404, "NotFound"), nothing,
        ]  # fmt: skip
        async with serving(steps) as server, server.client() as client:
            assert await Release(client, False, told.append).carry_out(lambda: True, "me") == ()
            deletions = [request.path for request in server.seen if request.method == "DELETE"]
            assert deletions == ["/api/v1/nodes/fake"] * 2
        assert [(step.kind, step.name) for step in told] == [("Node", "fake")]

    run(scenario)
