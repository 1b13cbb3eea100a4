"""The ConfigMap ``upcoming-maintenance-window``: how a window is published to the Azure provider, and read there.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/controllers/nodeclass/status/images.go, for reading: a window
that is not there fails open, one that is there by half or does not parse is an error. Its writer is not public; what
``published`` writes is a policy: the current window of each configuration, or else its next one. It is due again when
that window ends.

| Key | Holds |
|---|---|
| ``<channel>-start`` | when the window begins, RFC 3339 |
| ``<channel>-end`` | when it ends |

A channel is the AKS name of a configuration. The provider reads that of the node OS alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from napsim.core.clock import earliest, rfc3339
from napsim.core.configurations import NODE_OS
from napsim.core.lead_times import Effective, gate
from napsim.core.pickup import NO_WINDOW, Window
from napsim.core.windows import RESOLUTION, WindowReason, WindowVerdict, describe
from napsim.core.windows import Window as Span

CONFIG_MAP: Final = "upcoming-maintenance-window"
# What Go's time.RFC3339 takes: an hour of one digit too, any fraction of a second, a zone, and no leap second.
_RFC3339: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?P<hour>[0-9]{1,2}):(?P<rest>[0-9]{2}:[0-9]{2})(?P<fraction>[.,][0-9]+)?"
    r"(?P<zone>Z|[+-](?:[01][0-9]|2[0-4]):[0-5][0-9])"
)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_NEVER: Final = Span(_LAST, _LAST)


# --- writing ----------------------------------------------------------------------------------------------------------


class Published(msgspec.Struct, frozen=True):
    """What the ConfigMap holds, and when (virtual) it is to be written anew; None when time alone changes nothing."""

    data: Mapping[str, str]
    wake_at: datetime | None = None


def published(in_force: Mapping[str, Effective], now: datetime, closed: Collection[str] = ()) -> Published:
    """The data for what is in force, by AKS name. What is open at all times has no keys, as its reader fails open.

    A window that never ends is published with the last second of the year 9999. A configuration that never opens again
    begins and ends there, and so does what ``closed`` names: without keys it would be read as open.
    """
    data = {f"{channel}-{bound}": rfc3339(_LAST) for channel in closed for bound in ("start", "end")}
    wakes: list[datetime | None] = []
    for channel in sorted(in_force):
        found = gate(in_force[channel], now)
        wakes.append(in_force[channel].takes_effect_at)
        window = found.window or (None if found.open else _NEVER)
        if window is not None:
            data[f"{channel}-start"] = rfc3339(window.start)
            data[f"{channel}-end"] = rfc3339(min(window.until, _LAST))
            wakes.append(found.window.end if found.window else None)
    return Published(data, earliest(*wakes))


# --- reading ----------------------------------------------------------------------------------------------------------


def read(data: Mapping[str, str] | None, now: datetime, *, namespace: str, channel: str = NODE_OS) -> Window:
    """The window at ``now`` as the provider reads it; ``data`` is None without a ConfigMap.

    ``namespace`` is the provider's SYSTEM_NAMESPACE, blanks around it aside; without one nothing is read.
    """
    found = _span(data, channel) if namespace.strip() else None
    if found is None:
        return NO_WINDOW
    if isinstance(found, str):
        return Window(open=False, error=found)
    if found.start >= found.until or now >= found.until:
        return Window(open=False)
    return Window(open=found.start < now, changes_at=found.until if found.start < now else found.start)


def verdict(
    data: Mapping[str, str] | None, now: datetime, *, namespace: str, channel: str = NODE_OS
) -> WindowVerdict | None:
    """The same for a status; None where nothing is said of the channel, so that what holds without a window does."""
    found = _span(data, channel) if namespace.strip() else None
    if found is None:
        return None
    name = f"ConfigMap {namespace.strip()}/{CONFIG_MAP}"
    if isinstance(found, str):
        return WindowVerdict(False, WindowReason.UNREADABLE, f"{name}: {found}", None, None, None)
    if found.start >= found.until or now >= found.until:
        message = f"{name} has no further window until it is written anew"
        return WindowVerdict(False, WindowReason.NO_FURTHER_WINDOW, message, None, None, None)
    if found.contains(now):
        message = f"{name} is open: {describe(found)}"
        return WindowVerdict(True, WindowReason.OPEN, message, found, found.end, found.end)
    opens_at = found.start + RESOLUTION
    message = f"{name} is closed; next window: {describe(found)}"
    return WindowVerdict(False, WindowReason.CLOSED, message, found, opens_at, opens_at)


def _span(data: Mapping[str, str] | None, channel: str) -> Span | str | None:
    """The window of a channel; None where there is none, and in the provider's words what is wrong with one."""
    start_text, end_text = (data or {}).get(f"{channel}-start", ""), (data or {}).get(f"{channel}-end", "")
    if not start_text and not end_text:
        return None
    if not start_text or not end_text:
        return f"unexpected state, with incomplete maintenance window data for channel {channel}"
    start, end = _parsed(start_text), _parsed(end_text)
    if start is None:
        return _not_parsed("start", start_text, channel)
    return _not_parsed("end", end_text, channel) if end is None else Span(start, end)


def _not_parsed(what: str, text: str, channel: str) -> str:
    error = f"error parsing maintenance window {what} time for channel {channel}"
    return f'{error}, parsing time "{text}": it is no RFC 3339 time'


def _parsed(text: str) -> datetime | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    fraction = (match["fraction"] or "")[1:7]
    try:
        local = datetime.fromisoformat(f"{match['day']}T{match['hour']:0>2}:{match['rest']}")
        zone = match["zone"].replace("Z", "+00:00")
        return datetime.fromisoformat(f"{local.isoformat()}.{fraction.ljust(6, '0')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):  # a month 13, an offset of 24:00, the edges of the calendar
        return None
