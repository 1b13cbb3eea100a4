"""Short phrases about parts of a view; the frame and the plain lines say the same things in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from napsim.report.times import full, short, span, zone_of
from napsim.report.view import Blocked, Clock, Phase, PickUp, Pool, Rollout, View, Waiting, Window

ROLLOUT: Final = {
    Rollout.ROLLED_OUT: "rolled out",
    Rollout.WAITING_FOR_WINDOW: "waiting for the window",
    Rollout.ROLLING_OUT: "rolling out",
    Rollout.BLOCKED: "blocked",
}
RAN_OUT: Final = "terminationGracePeriod of their nodes ran out"  # whatever PDBs and do-not-disrupt say
_SHOWN: Final = (Phase.DRIFTED, Phase.BLOCKED, Phase.DISRUPTING, Phase.DRAINING, Phase.LAUNCHING)


def times(factor: float) -> str:
    """How many times as fast: ``600``, ``1.5``, ``1,000,000``."""
    return f"{factor:,.10g}"


def clock(found: Clock, zone_name: str) -> str:
    """``Sun 2026-02-15 02:14 UTC ×600`` and, where the window is read in another zone, the local time."""
    text = f"{full(found.now)} UTC ×{times(found.factor)}" if found.factor != 1 else f"{full(found.now)} UTC"
    zone = zone_of(zone_name)
    if zone.utcoffset(found.now) == UTC.utcoffset(found.now):
        return text
    return f"{text}   {short(found.now, found.now, zone)} {zone_name}"


def window(found: Window, now: Clock) -> str:
    """``closes Sun 05:00 UTC, in 2h46m (06:00 Europe/Berlin)``; why it is as it is, where nothing will change it."""
    if found.changes_at is None:
        return found.message or "and stays so"
    verb = "until its change counts" if found.pending else "closes" if found.open else "opens"
    text = f"{verb} {short(found.changes_at, now.now)} UTC, in {span(found.changes_at - now.now)}"
    zone = zone_of(found.zone)
    if zone.utcoffset(found.changes_at) != UTC.utcoffset(found.changes_at):
        text += f" ({short(found.changes_at, now.now, zone)} {found.zone})"
    return text


def budget(pool: Pool) -> str:
    """``2 of 3``: nodes disrupted now, of those that the budgets allow."""
    return f"{pool.disrupting} of {'unlimited' if pool.allowed is None else pool.allowed}"


def phases(pool: Pool) -> str:
    """``6 drifted, 2 disrupting``: where the nodes are that are not done; empty when all are."""
    counts = ((pool.count(phase), phase) for phase in _SHOWN)
    return ", ".join(f"{count} {phase}" for count, phase in counts if count)


def budget_change(pool: Pool, now: Clock) -> str:
    """What is special about the budget now; empty for a plain one that allows something."""
    if pool.error:
        return f"budget allows nothing: {pool.error}"
    if pool.allowed not in (0, None):
        return ""
    what = "no budget restricts now" if pool.allowed is None else "budget allows nothing now"
    return f"{what}; changes {short(pool.changes_at, now.now)} UTC" if pool.changes_at else what


def since(blocked: Blocked, now: Clock) -> str:
    """``since Sun 01:10, 1h04m``."""
    if blocked.since is None:
        return ""
    return f"since {short(blocked.since, now.now)}, {span(now.now - blocked.since)}"


def waiting(found: Waiting, now: Clock, *, window_open: bool) -> str:
    """Which image is not picked up yet, and what for."""
    if not window_open:
        what = "waits for the window"
    elif found.listed_at is not None:
        what = f"waits until images are listed again, {short(found.listed_at, now.now)}"
    else:
        what = "is about to be picked up"
    return f"{found.version} {what}; published {short(found.published_at, now.now)} ({found.definition})"


def finish(view: View) -> str:
    """``about Sun 07:30 UTC, in 2h10m, without 1 blocked node``; empty while there is no forecast."""
    at, now = view.estimated_finish, view.clock.now
    if at is None:
        return ""
    blocked = view.count(Phase.BLOCKED)
    when = f"about {short(at, now)} UTC, in {span(at - now)}" if at > now else f"was to be {short(at, now)} UTC"
    return f"{when}, without {plural(blocked, 'blocked node')}" if blocked else when


def together(pickups: Iterable[PickUp]) -> list[tuple[PickUp, ...]]:
    """Those that differ in nothing but the definition: one pick-up to the eye."""
    same: dict[tuple[object, ...], list[PickUp]] = {}
    for item in pickups:
        same.setdefault((item.at, item.node_class, item.from_version, item.to_version, item.rule), []).append(item)
    return [tuple(items) for items in same.values()]


def pick_up(same: Sequence[PickUp]) -> str:
    """``default: 202601.27.0 → 202602.13.0 (WindowOpen), 2404gen2containerd`` of pick-ups that belong together."""
    found = same[0]
    versions = " → ".join(version for version in (found.from_version, found.to_version or "none") if version)
    what = found.definition if len(same) == 1 else plural(len(same), "definition")
    return f"{found.node_class}: {versions} ({found.rule}), {what}"


def rollout(view: View) -> str:
    """``rolling out, 37/120 updated``."""
    return f"{ROLLOUT[view.rollout]}, {view.updated}/{view.total} updated" if view.total else "no nodes"


def opens(at: datetime | None, zone: tzinfo) -> str:
    """When the schedules of budgets that allow none leave room; None: not within a year."""
    return "the budgets allow none within a year" if at is None else f"the budgets allow some from {full(at, zone)}"


def plural(count: int, noun: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
