"""The operator killed at random instants: the next one goes on from what the API server holds, and nothing else."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest

from tests.e2e import inflight
from tests.e2e.rehearsal import Rehearsal, rehearsal

log: Final = logging.getLogger(__name__)

NODES: Final = 12
KILLS: Final = 20
LONGEST_REIGN_SECONDS: Final = 1.6


@pytest.fixture
def world() -> Iterator[Rehearsal]:
    with rehearsal() as made:
        yield made


def test_a_rollout_survives_twenty_kills_of_the_operator(world: Rehearsal) -> None:
    seed = int(os.environ.get("NAPSIM_CHAOS_SEED", random.randrange(1 << 32)))
    log.warning("the instants are drawn with NAPSIM_CHAOS_SEED=%d", seed)  # shown when the test fails
    draw = random.Random(seed)
    inflight.declare(world, NODES)
    operator = world.operator("life-0")
    inflight.settle(world, NODES)
    inflight.publish(world)
    inflight.until_in_flight(world)

    kills: list[datetime] = []
    for number in range(1, KILLS + 1):
        time.sleep(draw.uniform(0.0, LONGEST_REIGN_SECONDS))
        operator.kill()
        kills.append(datetime.now(UTC))
        operator = world.operator(f"life-{number}")
        inflight.until_logged(world, operator, "leading: lease")

    inflight.finish(world, NODES)
    record = inflight.assert_sound(world, NODES)
    met = inflight.met(record, kills)
    log.warning("of %d kills, so many found commands in each state: %s", KILLS, dict(met))
    assert met["any"] >= KILLS // 2
    assert min(met["tainted"], met["launching"], met["draining"]) >= 2
    lives = {act.agent.identity for act in record.acts}
    assert len(lives) >= KILLS // 2, "most lives did something before they ended"
