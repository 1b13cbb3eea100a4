"""Instants and spans of time in the few characters that a line of a report has for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from napsim.api.scalars import parse_offset

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def full(instant: datetime, zone: tzinfo = UTC) -> str:
    """``Sun 2026-02-15 02:14``."""
    local = instant.astimezone(zone)
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"


def short(instant: datetime, now: datetime, zone: tzinfo = UTC) -> str:
    """``Sun 02:14``; with the date when that is more than six days away, where the weekday alone would mislead."""
    if abs(instant - now) > timedelta(days=6):
        return full(instant, zone)
    local = instant.astimezone(zone)
    return f"{DAYS[local.weekday()]} {local:%H:%M}"


def span(length: timedelta) -> str:
    """``45s``, ``12m``, ``2h46m``, ``3d4h``: the two largest units; nothing is less than ``0s``."""
    seconds = max(int(length.total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if hours:
        return f"{hours}h{minutes % 60:02}m" if minutes % 60 else f"{hours}h"
    return f"{minutes}m" if minutes else f"{seconds}s"


def zone_of(name: str) -> tzinfo:
    """The zone of a status: an IANA name, ``UTC``, or ``UTC+02:00``; UTC for what this machine does not know."""
    if name.startswith("UTC"):
        offset = name.removeprefix("UTC")
        return timezone(parse_offset(offset)) if offset else UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC
