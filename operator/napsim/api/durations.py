"""Go durations, as Kubernetes manifests write them (``1h30m``, ``720h``, ``90s``).

Mirrors the accepted forms of Go ``time.ParseDuration`` that the CRD patterns of Karpenter let through: a sequence of
decimal numbers, each with a unit, without blanks. ``Never`` is not a duration; the fields that allow it say so.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

_UNIT_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST_NANOSECONDS: Final = 2**63 - 1
_DIGITS: Final = 19  # of the longest number of nanoseconds: more are too long before the point, too little after it
_ONE: Final = 10**_DIGITS
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[-+]?(?:{_PART.pattern})+")


@lru_cache(maxsize=4096)
def parse_nanoseconds(text: str) -> int:
    """``text`` in nanoseconds, Go's resolution; what is smaller is cut off, number by number, as Go does.

    Raises ValueError naming the text when it is no Go duration.
    """
    if text in ("0", "+0", "-0"):
        return 0
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 30s, 15m or 1h30m")
    size = sum(_nanoseconds(number, _UNIT_NANOSECONDS[unit]) for number, unit in _PART.findall(text))
    if size > _LONGEST_NANOSECONDS:
        raise ValueError(f"{text!r} is longer than 292 years, the longest duration that Go knows")
    return -size if text.startswith("-") else size


def _nanoseconds(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    if len(whole.lstrip("0")) > _DIGITS:
        return _LONGEST_NANOSECONDS + 1
    counted = fraction[:_DIGITS].ljust(_DIGITS, "0")
    return int(whole or 0) * unit + int(counted) * unit // _ONE


def parse_duration(text: str) -> timedelta:
    """``text`` as a timedelta. Its resolution is one microsecond: what is between two counts as the longer one.

    Raises ValueError naming the text when it is no Go duration.
    """
    size = parse_nanoseconds(text)
    microseconds = -(-abs(size) // 1_000)
    return timedelta(microseconds=-microseconds if size < 0 else microseconds)


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
