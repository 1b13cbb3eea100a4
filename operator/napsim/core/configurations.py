"""Maintenance configurations as values: what is decided on. ``configuration_specs`` reads them from a spec.

Policy: ``MaintenanceConfiguration.spec`` (the REST resource's and Azure Service Operator's shape, plus ``timeZone``).
Where AKS documents nothing, the choice made is a field of ``Settings`` or is said at the field it concerns. A time zone
is looked up in the tz database (the machine's, else that of the ``tzdata`` package): a table, the same for every call.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from .recurrence import Daily, Recurrence, Schedule, Weekday

NODE_OS: Final = "aksManagedNodeOSUpgradeSchedule"
AUTO_UPGRADE: Final = "aksManagedAutoUpgradeSchedule"
DEFAULT: Final = "default"
NAMES: Final = (DEFAULT, AUTO_UPGRADE, NODE_OS)
ALL_HOURS: Final = tuple(range(24))
MIN_DURATION_HOURS: Final = 4
MAX_DURATION_HOURS: Final = 24


class Settings(msgspec.Struct, frozen=True):
    """The choices that no source decides and that are settings. Lead times: from a change to when it counts."""

    first_day_of_week: Weekday = Weekday.SUNDAY
    clamp_short_months: bool = False
    lead_time: timedelta = timedelta(minutes=15)
    node_os_lead_time: timedelta = timedelta(minutes=30)

    def lead_time_of(self, name: str) -> timedelta:
        return self.node_os_lead_time if name == NODE_OS else self.lead_time


DEFAULT_SETTINGS: Final = Settings()


class NotAllowedDates(msgspec.Struct, frozen=True):
    """Local days on which nothing is open, ``end`` included."""

    start: date
    end: date


class NotAllowedTime(msgspec.Struct, frozen=True):
    """A span (aware datetimes, end excluded) in which nothing is open: the legacy form of ``default``."""

    start: datetime
    end: datetime


class TimeInWeek(msgspec.Struct, frozen=True):
    """Hours of a weekday, in UTC: slots 0 and 1 are 00:00 to 02:00."""

    day: Weekday
    hour_slots: tuple[int, ...] = ALL_HOURS


class MaintenanceWindow(msgspec.Struct, frozen=True):
    """A recurring window. ``start_date`` and ``start_time`` are local.

    Local means the fixed ``utc_offset``, without daylight saving time; or ``time_zone`` (IANA, an extension), which
    replaces it and follows the clocks. ``duration_hours`` are elapsed hours in both. ``not_allowed_dates`` are local
    days.
    """

    schedule: Schedule
    duration_hours: int
    start_date: date
    start_time: time
    utc_offset: timedelta = timedelta(0)
    time_zone: str | None = None
    not_allowed_dates: tuple[NotAllowedDates, ...] = ()

    @property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.time_zone) if self.time_zone else timezone(self.utc_offset)

    @property
    def duration(self) -> timedelta:
        return timedelta(hours=self.duration_hours)

    @property
    def seamless(self) -> bool:
        """Whether each occurrence lasts until the next, by design: every day, all day."""
        return isinstance(self.schedule, Daily) and self.duration_hours >= 24 * self.schedule.interval_days


class Configuration(msgspec.Struct, frozen=True):
    """One maintenance configuration. ``time_in_week`` counts only without a ``window``, ``not_allowed_time`` always.

    ``assumption`` says what was assumed when nobody wrote this configuration (the fallback schedule), else it is empty.
    """

    name: str
    window: MaintenanceWindow | None = None
    time_in_week: tuple[TimeInWeek, ...] = ()
    not_allowed_time: tuple[NotAllowedTime, ...] = ()
    settings: Settings = DEFAULT_SETTINGS
    assumption: str = ""

    @property
    def zone(self) -> tzinfo:
        return self.window.zone if self.window else UTC

    @property
    def lead_time(self) -> timedelta:
        return self.settings.lead_time_of(self.name)

    @property
    def recurrence(self) -> Recurrence | None:
        """The days of the window; None for a legacy configuration."""
        if self.window is None:
            return None
        choices = self.settings
        window = self.window
        return Recurrence(window.schedule, window.start_date, choices.first_day_of_week, choices.clamp_short_months)
