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
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from napsim.core.clock import earliest, rfc3339
from napsim.core.configurations import NODE_OS
from napsim.core.lead_times import Effective, gate
from napsim.core.pickup import NO_WINDOW, Window

CONFIG_MAP: Final = "upcoming-maintenance-window"
# What Go's time.RFC3339 takes: any fraction of a second, a zone, and no leap second.
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?P<hours>[0-9]{2}):[0-9]{2}:[0-9]{2}(?P<fraction>[.,][0-9]+)?"
    r"(?P<zone>Z|[+-](?:[01][0-9]|2[0-4]):[0-5][0-9])"
)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Published:
    """What the ConfigMap holds, and when (virtual) it is to be written anew; None when time alone changes nothing."""

    data: Mapping[str, str]
    wake_at: datetime | None = None


def published(in_force: Mapping[str, Effective], now: datetime) -> Published:
    """The data for the configurations in force, by AKS name. One that has no window (any more) has no keys.

    A window that never ends is published with the last second of the year 9999.
    """
    data: dict[str, str] = {}
    wakes: list[datetime | None] = []
    for channel in sorted(in_force):
        found = gate(in_force[channel], now)
        wakes.append(in_force[channel].takes_effect_at)
        if found.window is not None:
            data[f"{channel}-start"] = rfc3339(found.window.start)
            data[f"{channel}-end"] = rfc3339(min(found.window.until, _LAST))
            wakes.append(found.window.end)
    return Published(data, earliest(*wakes))


def read(data: Mapping[str, str] | None, now: datetime, *, namespace: str, channel: str = NODE_OS) -> Window:
    """The window at ``now`` as the provider reads it; ``data`` is None without a ConfigMap.

    ``namespace`` is the provider's SYSTEM_NAMESPACE, blanks around it aside; without one nothing is read.
    """
    if not namespace.strip() or not data:
        return NO_WINDOW
    start_text, end_text = data.get(f"{channel}-start", ""), data.get(f"{channel}-end", "")
    if not start_text and not end_text:
        return NO_WINDOW
    if not start_text or not end_text:
        return _unreadable(f"unexpected state, with incomplete maintenance window data for channel {channel}")
    start, end = _parsed(start_text), _parsed(end_text)
    for what, text, instant in (("start", start_text, start), ("end", end_text, end)):
        if instant is None:
            error = f"error parsing maintenance window {what} time for channel {channel}"
            return _unreadable(f'{error}, parsing time "{text}": it is no RFC 3339 time')
    assert start is not None
    assert end is not None
    if start >= end or now >= end:
        return Window(open=False)
    return Window(open=start < now, changes_at=end if start < now else start)


def _unreadable(error: str) -> Window:
    return Window(open=False, error=error)


def _parsed(text: str) -> datetime | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    fraction = (match["fraction"] or "")[1:7]
    try:
        local = datetime.fromisoformat(text[:19])
        zone = match["zone"].replace("Z", "+00:00")
        return datetime.fromisoformat(f"{local.isoformat()}.{fraction.ljust(6, '0')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):  # a month 13, an offset of 24:00, the edges of the calendar
        return None
