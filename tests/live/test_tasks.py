"""The jobs of whoever leads."""

from __future__ import annotations

import asyncio
import logging

import pytest

from napsim.live.tasks import Tasks

LOG = logging.getLogger("napsim.live.of-a-test")


def test_all_of_them_are_over_when_they_were_ended() -> None:
    ended: list[str] = []

    async def job(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def scenario() -> None:
        tasks = Tasks(LOG, "a test")
        for name in ("one", "other"):
            tasks.begin(job(name))
        await asyncio.sleep(0)
        await tasks.end()
        assert sorted(ended) == ["one", "other"]
        await tasks.end()

    asyncio.run(scenario())


def test_one_that_fails_is_told_of_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("no such thing")

    async def scenario() -> None:
        tasks, done = Tasks(LOG, "a test"), asyncio.Event()

        async def goes_on() -> None:
            await asyncio.sleep(0.01)
            done.set()

        tasks.begin(fails())
        tasks.begin(goes_on())
        await asyncio.wait_for(done.wait(), 60)

    asyncio.run(scenario())
    (record,) = caplog.records
    assert (record.name, record.levelname) == (LOG.name, "ERROR")
    assert record.getMessage() == "a task of a test ended"
    assert record.exc_info is not None
    assert "no such thing" in str(record.exc_info[1])
