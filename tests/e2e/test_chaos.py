"""The operator killed at random instants: the next one goes on from what the API server holds, and nothing else."""

from __future__ import annotations

import logging
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from tests.e2e import inflight
from tests.e2e.auditor.log import AuditEvent, agent
from tests.e2e.auditor.record import NO_WORK
from tests.e2e.rehearsal import NEW, OperatorProcess, Rehearsal

log: Final = logging.getLogger(__name__)

NODES: Final = 12
KILLS: Final = 20
LONGEST_WORK_SECONDS: Final = 1.2
SHORT: Final = ("--lease-seconds", "3")  # each life waits for the end of the lease before
# The kills that come in a state of a command; the others come at a random instant after the life's first act.
IN_STATE: Final = {2: "tainted", 4: "launching", 6: "draining", 8: "tainted", 10: "launching", 12: "draining"}


def test_a_rollout_survives_twenty_kills_of_the_operator(world: Rehearsal) -> None:
    seed = int(os.environ.get("NAPSIM_CHAOS_SEED", random.randrange(1 << 32)))
    log.warning("the instants are drawn with NAPSIM_CHAOS_SEED=%d", seed)  # shown when the test fails
    draw = random.Random(seed)
    inflight.declare(world, NODES)
    operator = world.operator("life-0", *SHORT)
    inflight.settle(world, NODES)
    inflight.publish(world)
    inflight.until_in_flight(world)

    kills: list[datetime] = []
    began = 0
    for number in range(1, KILLS + 1):
        if number in IN_STATE:
            kills.append(inflight.freeze_in_flight(world, operator, IN_STATE[number]))
        else:
            until_it_acts(world, operator, began)
            time.sleep(draw.uniform(0.0, LONGEST_WORK_SECONDS))
            kills.append(datetime.now(UTC))
        operator.kill()
        began = world.cluster.audit_log.stat().st_size
        operator = world.operator(f"life-{number}", *SHORT)
        inflight.until_logged(world, operator, "leading: lease")

    inflight.finish(world, NODES)
    record = inflight.assert_sound(world, NODES)
    met = inflight.met(record, kills)
    log.warning("of %d kills, so many found commands in each state: %s", KILLS, dict(met))
    assert met["any"] >= KILLS // 2
    assert min(met["tainted"], met["launching"], met["draining"]) >= 2
    lives = {act.agent.identity for act in record.acts}
    assert len(lives) >= KILLS // 2, "most lives did something before they ended"


def until_it_acts(world: Rehearsal, operator: OperatorProcess, began: int) -> None:
    """It has written something, by the audit log from that byte on; or there is nothing left to do."""

    def over() -> bool:
        return world.versions() == {NEW: NODES} and not world.disrupted()

    world.eventually(
        f"{operator.identity} acts", lambda: acted(world.cluster.audit_log, began, operator.identity) or over()
    )


def acted(log: Path, began: int, identity: str) -> bool:
    with log.open("rb") as file:
        file.seek(began)
        lines = [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
    events = (msgspec.json.decode(line, type=AuditEvent) for line in lines if identity.encode() in line)
    return any(
        event.written and event.succeeded and event.object_ref.resource not in NO_WORK
        for event in events
        if agent(event.user_agent).identity == identity
    )
