"""What the status of a maintenance configuration says: its windows, what is cut out, when that changes, what to mind.

Policy: ``MaintenanceConfiguration.status``. Every text is a function of the values beside it: the same configuration at
the same instant gives the same report. Instants are UTC; local texts are under the configuration's offset or time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from .clock import earliest
from .configurations import Configuration
from .lead_times import Effective, gate, lead_time_warning
from .window_findings import FINDINGS, WARNINGS, Finding, FindingReason, clock_notes
from .windows import Cutout, Window, WindowVerdict, cutouts, describe, describe_instant, upcoming, windows

FOLLOWING_COUNT: Final = 5
CUTOUT_HORIZON: Final = timedelta(days=366)
CUTOUT_LIMIT: Final = 20


class ShownWindow(msgspec.Struct, frozen=True):
    """A window with its texts in UTC and under the configuration's own offset or time zone."""

    window: Window
    utc: str
    local: str


class ShownCutout(msgspec.Struct, frozen=True):
    cutout: Cutout
    message: str


class StatusReport(msgspec.Struct, frozen=True):
    """All that the status of one MaintenanceConfiguration says.

    Windows, ``open`` and ``changes_at`` are those of what is in force; the checks are those of the configuration as it
    is written (``takes_effect_at`` is set while the two differ). ``changes_at`` is the bound of the current or next
    window, or when a pending change counts; ``wake_at`` is when to make the report again. ``more_cutouts`` says that
    the list was cut.
    """

    open: bool
    state: str
    reason: str
    message: str
    window: ShownWindow | None
    changes_at: datetime | None
    changes: str
    following: tuple[ShownWindow, ...]
    cutouts: tuple[ShownCutout, ...]
    more_cutouts: bool
    warnings: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    takes_effect_at: datetime | None
    wake_at: datetime | None


def status_report(state: Effective, now: datetime, changed_at: datetime | None = None) -> StatusReport:
    """The report at ``now``. ``changed_at`` is when the configuration was last changed, where that is known."""
    found = gate(state, now)
    written = state.pending if state.takes_effect_at else state.configuration
    ahead = upcoming(written, now, 1 + FOLLOWING_COUNT)
    holds = state.configuration
    shown = _shown(holds, ahead if holds is written else upcoming(holds, now, 1 + FOLLOWING_COUNT))
    listed, more = _cutouts(state.configuration, now)
    return StatusReport(
        open=found.open,
        state="OPEN" if found.open else "closed",
        reason=found.reason,
        message=found.message,
        window=shown[0] if shown else None,
        changes_at=earliest(_changes_at(found), state.takes_effect_at),
        changes=_changes(found, state.takes_effect_at),
        following=shown[1:],
        cutouts=listed,
        more_cutouts=more,
        warnings=_warnings(written, ahead, now, changed_at),
        findings=_findings(state, written, ahead, now),
        takes_effect_at=state.takes_effect_at,
        wake_at=earliest(found.wake_at, found.told_until, _lead_ends(written, changed_at, now)),
    )


def _shown(configuration: Configuration | None, ahead: tuple[Window, ...]) -> tuple[ShownWindow, ...]:
    if configuration is None:
        return ()
    zone = configuration.zone
    return tuple(ShownWindow(window, describe(window), describe(window, zone)) for window in ahead)


def _changes_at(found: WindowVerdict) -> datetime | None:
    if found.window is None:
        return None
    return found.window.end if found.open else found.window.start


def _changes(found: WindowVerdict, takes_effect_at: datetime | None) -> str:
    """``closes Sun 2025-01-05 05:00 UTC``, ``opens …``, ``never``: for a printer column. A change may come first."""
    at = _changes_at(found)
    if takes_effect_at is not None and (at is None or takes_effect_at <= at):
        return f"change counts {describe_instant(takes_effect_at)}"
    return "never" if at is None else f"{'closes' if found.open else 'opens'} {describe_instant(at)}"


def _cutouts(configuration: Configuration | None, now: datetime) -> tuple[tuple[ShownCutout, ...], bool]:
    if configuration is None:
        return (), False
    span = Window(now, now + CUTOUT_HORIZON)
    found = list(islice(cutouts(configuration, span), CUTOUT_LIMIT + 1))
    listed = tuple(ShownCutout(cutout, describe_cutout(cutout)) for cutout in found[:CUTOUT_LIMIT])
    return listed, len(found) > CUTOUT_LIMIT


def describe_cutout(cutout: Cutout) -> str:
    """``notAllowedDates[0] (2026-12-21 to 2027-01-03) cuts out Sun 2026-12-27 01:00–05:00 UTC wholly``."""
    by, span = f"{cutout.exclusion.field} ({cutout.exclusion.text})", describe(cutout.occurrence)
    if cutout.whole:
        return f"{by} cuts out {span} wholly"
    left = "; ".join(describe(piece) for piece in cutout.left) or "nothing"
    return f"{by} cuts out a part of {span}; left: {left}"


def same_name(name: str, objects: Sequence[str], configuration: str) -> str:
    """What is said of ``name``, one of several objects (in order) that are the same configuration of AKS."""
    counts = "it counts" if objects[0] == name else f"{objects[0]} counts, this one does not"
    return f"{', '.join(objects)} all are configuration {configuration}, of which AKS has one: {counts}"


def _warnings(
    written: Configuration | None, ahead: tuple[Window, ...], now: datetime, changed_at: datetime | None
) -> tuple[Finding, ...]:
    if written is None:
        return ()
    lead = lead_time_warning(written, changed_at, now) if changed_at else None
    checked = (check(written, ahead) for check in WARNINGS)
    return tuple(finding for finding in (lead, *checked) if finding is not None)


def _findings(
    state: Effective, written: Configuration | None, ahead: tuple[Window, ...], now: datetime
) -> tuple[Finding, ...]:
    found: list[Finding | None] = [_pending(state), _no_configuration(state)]
    if written is not None:
        found += [check(written, ahead) for check in FINDINGS]
        notes = clock_notes(written, Window(now, ahead[-1].end)) if ahead else ()
        found += [Finding(FindingReason.CLOCK_CHANGE, note.message) for note in notes]
    return tuple(finding for finding in found if finding is not None)


def _pending(state: Effective) -> Finding | None:
    if state.takes_effect_at is None:
        return None
    what = "the earlier configuration holds" if state.configuration else "there is no configuration: open at all times"
    return Finding(
        FindingReason.CHANGE_PENDING,
        f"the change counts from {describe_instant(state.takes_effect_at)}; until then {what}",
    )


def _no_configuration(state: Effective) -> Finding | None:
    if state.configuration is not None:
        return None
    message = "no maintenance configuration is in force: images are picked up as soon as they are seen"
    return Finding(FindingReason.NO_CONFIGURATION, message)


def _lead_ends(written: Configuration | None, changed_at: datetime | None, now: datetime) -> datetime | None:
    """When the warning about the lead time goes."""
    if written is None or changed_at is None or lead_time_warning(written, changed_at, now) is None:
        return None
    return next(windows(written, changed_at)).end or changed_at + written.lead_time
