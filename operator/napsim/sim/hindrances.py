"""What keeps a pool from being on the newest image at the end: a sentence for each cause.

Policy: ours. The sentences add up: a node is in one of them alone, and replacements on their way in are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.budgets import UNLIMITED, Allowance
from napsim.core.images import PublishedImage
from napsim.core.objects import is_true
from napsim.core.reasons import Reason
from napsim.sim.simulator import Simulator

NOT_READY: Final = "NotReady"
"""Nodes that are not ready take up the budget. No verdict says so: whoever waits for a budget is not judged."""
WINDOW_CLOSED: Final = "MaintenanceWindow"
NOT_LISTED: Final = "ImageList"
"""What keeps a class from an image. No verdict says so either: nodes drift only once the class has it."""
CLASS_MISSING: Final = "NodeClassMissing"
"""Its nodes do not drift, and get no image."""


class Hindrance(msgspec.Struct, frozen=True):
    """``told``: a sentence. ``reason``: by which something can be done; None: time, or a blocked node has it."""

    told: str
    reason: str | None = None


def hindrances(simulator: Simulator, pool: str) -> Iterator[Hindrance]:
    """All of one pool, now. Blocked nodes have their reasons in the recorder."""
    entry = simulator.declared.pools.get(pool)
    reference = entry.pool.spec.template.spec.node_class_ref.name if entry is not None else ""
    waiting: dict[str, list[PublishedImage]] = {}
    for image in simulator.waiting(reference):
        waiting.setdefault(image.full_version, []).append(image)
    for _, images in sorted(waiting.items()):
        yield _not_adopted(simulator, reference, images)
    if simulator.lacks_class(pool):
        yield Hindrance(f"there is no NodeClass {reference}: its nodes keep the image that they have", CLASS_MISSING)
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
        told = f"replacements given up {_plural(len(given_up), 'time')} in a row, the last at {_minute(given_up[-1])}"
        yield Hindrance(told, Reason.COMMAND_TIMEOUT)


def _not_adopted(simulator: Simulator, node_class: str, images: Sequence[PublishedImage]) -> Hindrance:
    """Of images of one version. The list of images is asked first: what it does not have, no window lets in."""
    now, cache, version = simulator.kernel.now, simulator.declared.cache_of(node_class), images[0].full_version
    if cache is not None and not any(image in cache.images for image in images):
        anew = cache.filled_at + simulator.declared.settings.pickup.cache_duration
        told = f"{version} is published, but the list of images was read before that; it is read anew {_minute(anew)}"
        return Hindrance(told, NOT_LISTED)
    window = simulator.windows.pickup_window(now)
    if window.open:
        return Hindrance(f"{version} is published and about to be picked up")
    until = f" until {_minute(window.changes_at)}" if window.changes_at else ""
    return Hindrance(f"{version} is published, but the maintenance window is closed{until}", WINDOW_CLOSED)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _to_come(simulator: Simulator, pool: str, count: int, arriving: int) -> Hindrance:
    at, entry = simulator.kernel.now, simulator.declared.pools.get(pool)
    allowance = simulator.disruption.allowance(entry, at) if entry is not None else Allowance(0)
    told = f"{_plural(count, 'node')} still to be replaced; at the end {_budgets(allowance.allowed)}"
    if allowance.errors:
        return Hindrance(f"{told}: {'; '.join(allowance.errors)}", Reason.BUDGET)
    if silent := _silent(simulator, pool, allowance.allowed):
        return Hindrance(f"{told}, and {_plural(silent, 'node')} {'is' if silent == 1 else 'are'} not ready", NOT_READY)
    static = entry.pool if entry is not None and entry.pool.is_static and not arriving else None
    full = static is not None and not simulator.disruption.static_room(static)  # for what is on its way there was room
    return Hindrance(told, Reason.SURGE_LIMIT if full else None)


def _budgets(allowed: int) -> str:
    return "no budget restricts that" if allowed == UNLIMITED else f"the budgets allow {allowed} at once"


def _silent(simulator: Simulator, pool: str, allowed: int) -> int:
    """Nodes that are not ready, where they take up what the budgets allow: those count as disrupted."""
    if simulator.state.count(pool).disrupting_nodes < max(allowed, 1):
        return 0
    claims = (simulator.state.claims[name] for name in simulator.state.claims_of_pool.get(pool, ()))
    nodes = map(simulator.state.node_of, claims)
    return sum(node is not None and not is_true(node.status.conditions, names.READY) for node in nodes)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
