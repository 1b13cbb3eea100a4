"""What keeps a pool from being on the newest image at the end: a sentence for each cause.

Policy: ours. The sentences add up: a node is in one of them alone, and replacements on their way in are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.budgets import UNLIMITED, Allowance
from napsim.core.objects import is_true
from napsim.core.reasons import Reason
from napsim.sim.simulator import Simulator

NOT_READY: Final = "NotReady"
"""Nodes that are not ready take up the budget. No verdict says so: whoever waits for a budget is not judged."""


class Hindrance(msgspec.Struct, frozen=True):
    """``told``: a sentence. ``reason``: by which something can be done; None: time, or a blocked node has it."""

    told: str
    reason: str | None = None


def hindrances(simulator: Simulator, pool: str) -> Iterator[Hindrance]:
    """All of one pool, now. Blocked nodes have their reasons in the recorder."""
    entry = simulator.declared.pools.get(pool)
    reference = entry.pool.spec.template.spec.node_class_ref.name if entry is not None else ""
    for version in simulator.waiting(reference):
        yield Hindrance(f"{version} is published and not picked up yet")
    held = simulator.recorder.still_blocked(pool)
    for message, count in sorted(held.items()):
        yield Hindrance(f"{_plural(count, 'node')} blocked: {message}")
    of_pool = {*simulator.recorder.pools[pool].unfinished, *simulator.leaving_late(pool)}
    claims = [simulator.state.claims[name] for name in of_pool]
    leaving = [claim for claim in claims if claim.deleting]
    staying = [claim for claim in claims if not claim.deleting]
    if leaving:
        drained = all(is_true(claim.status.conditions, names.DRAINED) for claim in leaving)
        yield Hindrance(f"{_plural(len(leaving), 'node')} on the way out", None if drained else Reason.DRAINING)
    drifted = sum(is_true(claim.status.conditions, names.DRIFTED) for claim in staying)
    arriving = len(staying) - drifted
    if drifted > sum(held.values()):
        yield _to_come(simulator, pool, drifted - sum(held.values()), arriving)
    if arriving:
        yield Hindrance(f"{_plural(arriving, 'replacement')} on the way in")
    if given_up := simulator.recorder.given_up(pool):
        last = given_up[-1].replace(microsecond=0).isoformat()
        told = f"replacements given up {_plural(len(given_up), 'time')} in a row, the last at {last}"
        yield Hindrance(told, Reason.COMMAND_TIMEOUT)


def _to_come(simulator: Simulator, pool: str, count: int, arriving: int) -> Hindrance:
    at, entry = simulator.kernel.now, simulator.declared.pools.get(pool)
    allowance = simulator.disruption.allowance(entry, at) if entry is not None else Allowance(0)
    told = f"{_plural(count, 'node')} to come, {_budgets(allowance.allowed)} at {at.isoformat()}"
    if allowance.errors:
        return Hindrance(f"{told}: {'; '.join(allowance.errors)}", Reason.BUDGET)
    if silent := _silent(simulator, pool, allowance.allowed):
        return Hindrance(
            f"{told}, and {_plural(silent, 'node')} that {'is' if silent == 1 else 'are'} not ready", NOT_READY
        )
    static = entry.pool if entry is not None and entry.pool.is_static and not arriving else None
    full = static is not None and not simulator.disruption.static_room(static)  # for what is on its way there was room
    return Hindrance(told, Reason.SURGE_LIMIT if full else None)


def _budgets(allowed: int) -> str:
    return "restricted by no budget" if allowed == UNLIMITED else f"of which the budgets allow {allowed} at once"


def _silent(simulator: Simulator, pool: str, allowed: int) -> int:
    """Nodes that are not ready, where they take up what the budgets allow: those count as disrupted."""
    if simulator.state.count(pool).disrupting_nodes < max(allowed, 1):
        return 0
    claims = (simulator.state.claims[name] for name in simulator.state.claims_of_pool.get(pool, ()))
    nodes = map(simulator.state.node_of, claims)
    return sum(node is not None and not is_true(node.status.conditions, names.READY) for node in nodes)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
