"""The fallback schedule of a cluster without a maintenance configuration, as an explicit assumption.

AKS publishes no algorithm; its documents speak of random times. Policy: ``NodeAutoProvisioning.spec`` chooses between
open at all times (what the provider's code does: ``windows.verdict(None, now)``) and the draw here.
"""

from __future__ import annotations

from datetime import date, time
from hashlib import sha256
from typing import Final

from .configurations import MIN_DURATION_HOURS, NODE_OS, Configuration, MaintenanceWindow
from .recurrence import Weekday, Weekly

_GRID_MINUTES: Final = 15
_SLOTS_PER_DAY: Final = 24 * 60 // _GRID_MINUTES
_LONG_AGO: Final = date(1970, 1, 1)  # with an interval of one week the anchor does not matter


def fallback_weekly(seed: int | str) -> Configuration:
    """One window of 4 h a week, at a weekday and quarter of an hour (UTC) drawn from ``seed``: one seed, one draw."""
    drawn = int.from_bytes(sha256(f"napsim fallback schedule {seed}".encode()).digest())
    weekday, slot = Weekday(drawn % 7), drawn // 7 % _SLOTS_PER_DAY
    start = time(*divmod(slot * _GRID_MINUTES, 60))
    window = MaintenanceWindow(Weekly(1, weekday), MIN_DURATION_HOURS, _LONG_AGO, start)
    assumption = (
        f"assumed fallback schedule (seed {seed}): weekly, {weekday.label} {start:%H:%M} UTC, {MIN_DURATION_HOURS} h; "
        "AKS publishes no algorithm"
    )
    return Configuration(NODE_OS, window, assumption=assumption)
