"""``MaintenanceConfiguration`` (napsim.dev/v1alpha1): when AKS may maintain, and NAP may pick images up.

The spec is that of the REST resource ``maintenanceConfigurations`` and of Azure Service Operator's kind, with
``configName`` for the AKS name (object names are lower case) and one extension, ``timeZone``. Bounds: REST stable
2026-05-01; offsets within 14 hours and 00:00 to 23:59, as the preview resource ``maintenanceWindows`` has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, JsonValue

from napsim.api import names
from napsim.api.base import KubeObject, Model, Rule
from napsim.api.conditions import Conditions
from napsim.api.kinds import Column, Kind
from napsim.api.scalars import Check, Date, Instant, Int32, Int64, TimeOfDay, UtcOffset, matching, parse_offset

Weekday = Literal["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
WeekIndex = Literal["First", "Second", "Third", "Fourth", "Last"]

DEFAULT: Final = "default"
AUTO_UPGRADE: Final = "aksManagedAutoUpgradeSchedule"
NODE_OS: Final = "aksManagedNodeOSUpgradeSchedule"
CONFIG_NAMES: Final = (DEFAULT, AUTO_UPGRADE, NODE_OS)
# What public texts call them, in lower case: only the first of each list is right, and only in its own spelling.
SPELLINGS: Final = {
    DEFAULT: ("default",),
    AUTO_UPGRADE: (
        "aksmanagedautoupgradeschedule",
        "aksmanagedclusterautoupgradeschedule",
        "autoupgradeschedule",
        "aksmanagedautoupgrade",
    ),
    NODE_OS: (
        "aksmanagednodeosupgradeschedule",
        "aksmanagednodeosautoupgradeschedule",
        "nodeosupgradeschedule",
        "aksmanagednodeosupgrade",
    ),
}
CONFIG_NAME_MESSAGE: Final = f"configName must be one of {', '.join(CONFIG_NAMES)}"


def _explain_config_name(name: str) -> str:
    for right, spellings in SPELLINGS.items():
        if name.lower() in spellings:
            return f"{CONFIG_NAME_MESSAGE}; {name} should be {right}"
    return f"{CONFIG_NAME_MESSAGE}, not {name}"


def _explain_config_name_cel() -> str:
    """The same in CEL. A map of spellings would be shorter, but the API server takes its look-up for too expensive."""
    tail = "', not ' + self"
    for right, spellings in SPELLINGS.items():
        tail = f"(self.lowerAscii() in {list(spellings)} ? '; ' + self + ' should be {right}' : {tail})"
    return f"'{CONFIG_NAME_MESSAGE}' + {tail}"


ConfigName = Annotated[
    str,
    Field(max_length=64),
    Check(
        CONFIG_NAME_MESSAGE,
        f"self in [{', '.join(repr(name) for name in CONFIG_NAMES)}]",
        lambda name: name in CONFIG_NAMES,
        _explain_config_name,
        _explain_config_name_cel(),
    ),
]
TimeZone = Annotated[
    str,
    Field(max_length=64),
    matching(
        "[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*",
        "timeZone must be a name of the IANA time zone database. For example, Europe/Berlin",
    ),
]


class DailySchedule(Model):
    """Every day, or every so many days."""

    interval_days: Int32 = Field(ge=1, le=7, description="Every so many days, counted from startDate.")


class WeeklySchedule(Model):
    """One day of the week, every week or every so many weeks."""

    interval_weeks: Int32 = Field(
        ge=1, le=4, description="Every so many weeks, counted from the week that holds startDate."
    )
    day_of_week: Weekday = Field(description="The day of the week on which the window starts.")


class AbsoluteMonthlySchedule(Model):
    """One date of the month, every month or every so many months."""

    interval_months: Int32 = Field(ge=1, le=6, description="Every so many months, counted from startDate's month.")
    day_of_month: Int32 = Field(ge=1, le=31, description="The day of the month; months that lack it have no window.")


class RelativeMonthlySchedule(Model):
    """A day such as the last Sunday of the month, every month or every so many months."""

    interval_months: Int32 = Field(ge=1, le=6, description="Every so many months, counted from startDate's month.")
    week_index: WeekIndex = Field(description="Which one of the month's days of that name.")
    day_of_week: Weekday = Field(description="The day of the week on which the window starts.")


class Schedule(Model):
    """How the window recurs: exactly one of the four."""

    daily: DailySchedule | None = Field(default=None, description="Every so many days.")
    weekly: WeeklySchedule | None = Field(default=None, description="A day of the week, every so many weeks.")
    absolute_monthly: AbsoluteMonthlySchedule | None = Field(
        default=None, description="A date of the month, every so many months."
    )
    relative_monthly: RelativeMonthlySchedule | None = Field(
        default=None, description="A day such as the last Sunday of the month, every so many months."
    )

    RULES: ClassVar = (
        Rule(
            "exactly one of daily, weekly, absoluteMonthly and relativeMonthly must be set",
            "[has(self.daily), has(self.weekly), has(self.absoluteMonthly), has(self.relativeMonthly)]"
            ".filter(isSet, isSet).size() == 1",
            lambda self: (
                sum(
                    kind is not None for kind in (self.daily, self.weekly, self.absolute_monthly, self.relative_monthly)
                )
                == 1
            ),
        ),
    )


_END_BEFORE_START: Final = "end must not be before start"


class DateSpan(Model):
    """Days without a window, the first and the last included, in the zone of the window."""

    start: Date = Field(description="The first day, yyyy-MM-dd.")
    end: Date = Field(description="The last day, yyyy-MM-dd; it is included.")

    RULES: ClassVar = (Rule(_END_BEFORE_START, "self.end >= self.start", lambda self: self.end >= self.start, "end"),)


class TimeSpan(Model):
    """A span of time."""

    start: Instant = Field(description="The first instant, RFC 3339.")
    end: Instant = Field(description="The instant after the last, RFC 3339.")

    RULES: ClassVar = (Rule(_END_BEFORE_START, "self.end >= self.start", lambda self: self.end >= self.start, "end"),)


class MaintenanceWindow(Model):
    """A window that recurs."""

    schedule: Schedule = Field(description="How the window recurs: exactly one of the four kinds.")
    duration_hours: Int32 = Field(ge=4, le=24, description="How long the window stays open, in hours.")
    utc_offset: UtcOffset = Field(
        default=timedelta(0),
        description="The offset under which startTime, startDate and notAllowedDates are read, such as +02:00. No DST.",
    )
    start_date: Date | None = Field(
        default=None, description="No window before this day, yyyy-MM-dd. Absent: the day the object was created."
    )
    start_time: TimeOfDay = Field(description="The time of day at which the window opens, HH:mm from 00:00 to 23:59.")
    not_allowed_dates: tuple[DateSpan, ...] = Field(
        default=(),
        max_length=100,
        description="Days cut out of the windows; the recurrence goes on counting over them.",
    )


HourSlot = Annotated[Int32, Field(ge=0, le=23)]


class TimeInWeek(Model):
    """Hours of one weekday, in UTC. The form of configuration default before there were windows."""

    day: Weekday = Field(description="The day of the week. The same day twice means both sets of hours.")
    hour_slots: tuple[HourSlot, ...] = Field(
        default=(), max_length=24, description="Hours of the day in UTC: 1 is 01:00 to 02:00. Absent: the whole day."
    )


_NO_DST_BESIDE_A_ZONE: Final = "utcOffset must be left out (or +00:00) beside timeZone, which decides the offset"


class MaintenanceConfigurationSpec(Model):
    """When maintenance may happen."""

    config_name: ConfigName = Field(
        description=(
            "The configuration's name in AKS. aksManagedNodeOSUpgradeSchedule: node OS upgrades and NAP's image"
            " pick-up; aksManagedAutoUpgradeSchedule: cluster upgrades; default: weekly AKS releases."
        )
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description=(
            "IANA time zone, such as Europe/Berlin, under which the window is read, daylight saving time included."
            " napsim's extension: AKS knows fixed offsets only. Not together with utcOffset."
        ),
    )
    maintenance_window: MaintenanceWindow | None = Field(default=None, description="The window, and how it recurs.")
    time_in_week: tuple[TimeInWeek, ...] = Field(
        default=(), max_length=100, description="Hours of the week, for default only; maintenanceWindow wins over it."
    )
    not_allowed_time: tuple[TimeSpan, ...] = Field(
        default=(), max_length=100, description="Spans of time without maintenance, beside timeInWeek."
    )

    RULES: ClassVar = (
        Rule(
            "maintenanceWindow must be set (default may have timeInWeek instead)",
            "has(self.maintenanceWindow)"
            " || (self.configName == 'default' && has(self.timeInWeek) && size(self.timeInWeek) > 0)",
            lambda self: (
                self.maintenance_window is not None or (self.config_name == DEFAULT and bool(self.time_in_week))
            ),
        ),
        Rule(
            "timeInWeek is for configuration default only; use maintenanceWindow",
            "self.configName == 'default' || !has(self.timeInWeek) || size(self.timeInWeek) == 0",
            lambda self: self.config_name == DEFAULT or not self.time_in_week,
            "timeInWeek",
        ),
        Rule(
            _NO_DST_BESIDE_A_ZONE,
            "!has(self.timeZone) || !has(self.maintenanceWindow)"
            " || self.maintenanceWindow.utcOffset in ['+00:00', '-00:00']",
            lambda self: (
                self.time_zone is None
                or self.maintenance_window is None
                or self.maintenance_window.utc_offset == parse_offset("+00:00")
            ),
            "timeZone",
        ),
    )


class Window(Model):
    """One opening of the window: open strictly between start and end."""

    start: Instant = Field(description="When it opens, UTC.")
    end: Instant = Field(description="When it closes, UTC.")
    utc: str = Field(default="", description="The same for people, in UTC: Sun 2026-02-15 01:00-05:00.")
    local: str = Field(default="", description="The same for people, in the configuration's zone.")


class CutOut(Model):
    """Part of a window that is blocked."""

    start: Instant = Field(description="When the blocked part begins, UTC.")
    end: Instant = Field(description="When the blocked part ends, UTC.")
    reason: str = Field(description="What blocks it: notAllowedDates 2026-12-21 to 2027-01-03.")


class EffectiveConfiguration(Model):
    """What holds until a change counts, one lead time after it was made."""

    generation: Int64 = Field(description="The metadata.generation whose spec this is.")
    since: Instant = Field(description="From when on it holds, on the cluster's virtual clock.")
    spec: Mapping[str, JsonValue] = Field(description="The spec that holds.")


class MaintenanceConfigurationStatus(Model):
    """When the window is open. All times are on the cluster's virtual clock."""

    observed_generation: Int64 = Field(default=0, description="The metadata.generation the status was computed from.")
    state: str | None = Field(default=None, description="OPEN or closed.")
    changes: str | None = Field(default=None, description="When the state changes next, for people.")
    changes_at: Instant | None = Field(
        default=None, description="When the state changes next, UTC; absent means never."
    )
    window: str | None = Field(default=None, description="The current or next window, for people.")
    zone: str | None = Field(default=None, description="The zone the window is read in: an IANA name, or UTC+02:00.")
    schedule: str | None = Field(default=None, description="The recurrence in words: every 2 weeks on Sunday.")
    start_date: Date | None = Field(
        default=None, description="The start date that counts where the spec has none; written once, never recomputed."
    )
    current: Window | None = Field(default=None, description="The window that is open now.")
    next: Window | None = Field(default=None, description="The window that opens next.")
    following: tuple[Window, ...] = Field(default=(), max_length=5, description="The five windows after next.")
    cut_out: tuple[CutOut, ...] = Field(
        default=(), max_length=100, description="What is cut out of the windows of a year, and why; the first twenty."
    )
    effective: EffectiveConfiguration | None = Field(
        default=None, description="The configuration that holds now: the one before, while a change does not count yet."
    )
    pending_until: Instant | None = Field(
        default=None, description="From when on the last change counts; absent when it does."
    )
    lead_time_warning: str | None = Field(
        default=None, description="Says that a change came too close to a window to count for it."
    )
    conditions: Conditions = Field(
        default=(), description="Ready; NotYetHonoured with the fields that have no effect; Findings: what to mind."
    )


class MaintenanceConfiguration(KubeObject):
    """A maintenance configuration of AKS: when nodes may get new images, and when clusters are upgraded."""

    api_version: Literal["napsim.dev/v1alpha1"] = "napsim.dev/v1alpha1"
    kind: Literal["MaintenanceConfiguration"] = "MaintenanceConfiguration"
    spec: MaintenanceConfigurationSpec = Field(description="When maintenance may happen.")
    status: MaintenanceConfigurationStatus = Field(
        default=MaintenanceConfigurationStatus.model_construct(), description="When the window is open."
    )


MAINTENANCE_CONFIGURATION: Final = Kind(
    model=MaintenanceConfiguration,
    group=names.NAPSIM_GROUP,
    version=names.NAPSIM_VERSION,
    plural="maintenanceconfigurations",
    short_names=("mc",),
    categories=("napsim",),
    columns=(
        Column("Config", ".spec.configName", description="Name in AKS."),
        Column("State", ".status.state", description="OPEN or closed, now on the cluster's clock."),
        Column("Changes", ".status.changes", description="When that changes."),
        Column("Window", ".status.window", description="The current or next window."),
        Column("Zone", ".status.zone", description="The zone the window is read in."),
        Column("Schedule", ".status.schedule", wide=True, description="How the window recurs."),
        Column("Next", ".status.next.utc", wide=True, description="The window that opens next, in UTC."),
        Column("Warning", ".status.leadTimeWarning", wide=True, description="A change that came too late."),
    ),
)
