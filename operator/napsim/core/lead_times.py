"""Which configuration holds while a change of it is fresh.

Policy: a change (a creation too) counts one lead time after it was made: 30 min for the node OS
configuration, 15 min for the others, both ``configurations.Settings``. Until then the earlier configuration holds, and
none at all means open at all times.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from napsim.api.durations import format_duration

from .clock import earliest
from .configurations import Configuration
from .window_findings import Finding, FindingReason
from .windows import WindowVerdict, describe, describe_instant, verdict, windows


class Effective(msgspec.Struct, frozen=True):
    """The configuration in force (None: open at all times) and, while ``takes_effect_at`` is set, what follows it."""

    configuration: Configuration | None
    pending: Configuration | None = None
    takes_effect_at: datetime | None = None


def effective(old: Configuration | None, new: Configuration | None, changed_at: datetime, now: datetime) -> Effective:
    """What holds at ``now`` after a change from ``old`` to ``new`` at ``changed_at``; None is no configuration.

    A change that is made while another one waits replaces it: ``old`` stays what was in force before both.
    """
    named = new or old
    if named is None or old == new:
        return Effective(new)
    takes_effect_at = changed_at + named.lead_time
    return Effective(new) if now >= takes_effect_at else Effective(old, new, takes_effect_at)


def gate(state: Effective, now: datetime) -> WindowVerdict:
    """The verdict of what is in force; it wakes, and may say something else, at the end of the lead time as well."""
    return until(verdict(state.configuration, now), state.takes_effect_at)


def until(found: WindowVerdict, pending_at: datetime | None) -> WindowVerdict:
    """The same verdict, which something that counts from ``pending_at`` on may end."""
    return replace(
        found, wake_at=earliest(found.wake_at, pending_at), told_until=earliest(found.told_until, pending_at)
    )


def lead_time_warning(configuration: Configuration, changed_at: datetime, now: datetime) -> Finding | None:
    """A warning while a window of the changed configuration is near that begins before the change counts."""
    takes_effect_at = changed_at + configuration.lead_time
    window = next(windows(configuration, changed_at), None)
    if window is None or window.start >= takes_effect_at or now >= (window.end or takes_effect_at):
        return None
    missed = window.until <= takes_effect_at
    message = (
        f"changed {describe_instant(changed_at)}; a change counts {format_duration(configuration.lead_time)} later, "
        f"so the window {describe(window)} "
        + ("does not count" if missed else f"counts only from {describe_instant(takes_effect_at)}")
    )
    return Finding(FindingReason.LEAD_TIME_TOO_SHORT, message)
