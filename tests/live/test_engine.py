"""What the engine goes on with when the API server does not answer, or refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from napsim.controllers.controllers import Dirty
from napsim.controllers.executor import Retry
from napsim.core.clock import Timeline
from napsim.live import engine as module
from napsim.live.client import Client
from napsim.live.engine import Engine
from napsim.live.errors import TransportError
from napsim.live.metrics import Metrics
from tests.live.scripted_server import run, until

NOW = datetime(2026, 2, 15, 2, tzinfo=UTC)


class Versions:
    """A client that is asked for the API server's version, and for nothing else."""

    def __init__(self, *answers: str | TransportError) -> None:
        self.answers = list(answers)

    async def get_path(self, _path: str) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        return b'{"gitVersion": "v%s"}' % answer.encode()


def made(client: object = None) -> Engine:
    engine = Engine(cast(Client, client), lambda: True, "test", lambda: 0.5, Metrics())
    engine.clock.real = lambda: NOW
    engine.clock.turn(Timeline(NOW, NOW, 600.0))
    return engine


def test_the_version_is_asked_for_again_after_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VERSION_EVERY", timedelta(0))
    monkeypatch.setattr(module, "_VERSION_SECONDS", 0.0)

    async def scenario() -> None:
        engine = made(Versions(TransportError("connection refused", ambiguous=False), "1.35.2"))
        following = asyncio.create_task(engine._follow_version())
        await until(lambda: engine.declared.server_version == "1.35.2" or following.done())
        assert not following.done() or isinstance(following.exception(), IndexError)  # the script is over
        assert engine.declared.server_version == "1.35.2"
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    run(scenario)


class Refused:
    """What writes a status and is refused, once."""

    def __init__(self) -> None:
        self.reports = 0

    async def report(self) -> None:
        self.reports += 1
        if self.reports == 1:
            raise Retry("Conflict")

    def due(self) -> bool:
        return False


def test_a_status_that_could_not_be_written_is_written_with_a_later_report(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        engine = made()
        rollout, pools, images = Refused(), Refused(), Refused()
        for part, stub in (("rollout", rollout), ("images", images)):
            monkeypatch.setattr(engine, part, stub)
        monkeypatch.setattr(engine, "_report_pools", pools.report)
        engine.dirty = Dirty(nap=True, pools=True, images=True)
        for _ in range(3 * module._SELDOM):
            await engine._report()
        assert [stub.reports for stub in (rollout, pools, images)] == [2, 2, 2]
        assert engine.report_failures == 3
        assert engine.dirty == Dirty()

    run(scenario)
