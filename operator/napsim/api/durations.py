"""Go durations, as Kubernetes manifests write them (``1h30m``, ``720h``, ``90s``).

Mirrors the accepted forms of Go ``time.ParseDuration`` that the CRD patterns of Karpenter let through: a sequence of
decimal numbers, each with a unit, without blanks. ``Never`` is not a duration; the fields that allow it say so.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

_UNIT_MICROSECONDS: Final = {
    "ns": 0.001,
    "us": 1.0,
    "µs": 1.0,
    "μs": 1.0,
    "ms": 1_000.0,
    "s": 1_000_000.0,
    "m": 60_000_000.0,
    "h": 3_600_000_000.0,
}
_LONGEST_MICROSECONDS: Final = (2**63 - 1) / 1000
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[-+]?(?:{_PART.pattern})+")


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> timedelta:
    """``text`` as a timedelta (resolution one microsecond; Go's is one nanosecond).

    Raises ValueError naming the text when it is no Go duration.
    """
    if text in ("0", "+0", "-0"):
        return timedelta(0)
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 30s, 15m or 1h30m")
    micros = sum(float(number) * _UNIT_MICROSECONDS[unit] for number, unit in _PART.findall(text))
    if micros > _LONGEST_MICROSECONDS:
        raise ValueError(f"{text!r} is longer than 292 years, the longest duration that Go knows")
    return timedelta(microseconds=-micros if text.startswith("-") else micros)


def format_duration(duration: timedelta) -> str:
    """``duration`` as Go's ``Duration.String`` writes it from one second up: ``1h30m0s``, ``10m0s``, ``53m20s``."""
    sign = "-" if duration < timedelta(0) else ""
    size = abs(duration)
    minutes, seconds = divmod(size.days * 86_400 + size.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{size.microseconds:06d}".rstrip("0").rstrip(".")
    tail = f"{seconds}{fraction}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{tail}"
    return f"{sign}{minutes}m{tail}" if minutes else f"{sign}{tail}"
