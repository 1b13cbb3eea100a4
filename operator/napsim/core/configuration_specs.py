"""How the spec of a ``MaintenanceConfiguration`` is read: a configuration, or every error in the spec.

Policy: ``MaintenanceConfiguration.spec`` (the REST resource's and Azure Service Operator's shape, plus ``timeZone``),
with the bounds of the REST description. A spec that breaks a rule is refused as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from .configurations import (
    ALL_HOURS,
    AUTO_UPGRADE,
    DEFAULT,
    DEFAULT_SETTINGS,
    MAX_DURATION_HOURS,
    MIN_DURATION_HOURS,
    NAMES,
    NODE_OS,
    Configuration,
    MaintenanceWindow,
    NotAllowedDates,
    NotAllowedTime,
    Settings,
    TimeInWeek,
)
from .recurrence import AbsoluteMonthly, Daily, RelativeMonthly, Schedule, Weekday, WeekIndex, Weekly

# Names that circulate in documentation and are wrong.
_MEANT: Final = {
    "aksmanagedclusterautoupgradeschedule": AUTO_UPGRADE,
    "autoupgradeschedule": AUTO_UPGRADE,
    "aksmanagednodeosautoupgradeschedule": NODE_OS,
} | {name.lower(): name for name in NAMES}

_MAX_OFFSET: Final = timedelta(hours=14)
_OFFSET: Final = re.compile(r"([+-])([0-9]{2}):([0-5][0-9])")
_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
_WEEKDAYS: Final = {Weekday((day + 6) % 7).label: Weekday((day + 6) % 7) for day in range(7)}
_WEEK_INDEXES: Final = {index.value: index for index in WeekIndex}
# Besides what is read: what Azure Service Operator's manifests, `az … show` and configuration files carry.
_TOP_LEVEL: Final = (
    "maintenanceWindow",
    "timeInWeek",
    "notAllowedTime",
    "timeZone",
    "configName",
    "azureName",
    "owner",
    "operatorSpec",
    "id",
    "name",
    "resourceGroup",
    "systemData",
    "type",
)

T = TypeVar("T")


class FieldError(msgspec.Struct, frozen=True):
    """One rule broken by one field. ``value`` is None for a field that is missing."""

    field: str
    value: object
    allowed: str

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.field}: Required value: must be {self.allowed}"
        return f"{self.field}: Invalid value: {json.dumps(self.value, default=str)}: must be {self.allowed}"


class ConfigurationError(ValueError):
    """A spec that was refused, with all the errors in it."""

    def __init__(self, name: str, errors: Sequence[FieldError]) -> None:
        self.name = name
        self.errors = tuple(errors)
        super().__init__(f"maintenance configuration {name!r}: " + "; ".join(str(error) for error in errors))


def from_spec(
    name: str,
    spec: Mapping[str, object],
    created_at: datetime,
    stored_start_date: date | None = None,
    settings: Settings = DEFAULT_SETTINGS,
) -> Configuration:
    """The configuration that ``spec`` (JSON types; null is absent) describes, under its AKS name ``name``.

    A ``properties`` level around the spec, as in files for ``az``, is accepted; ``timeZone`` may stand beside the
    window, as in our kind, or in it. Without ``startDate`` the window starts on ``stored_start_date``; without that, on
    the local day of ``created_at``, which the caller then has to store (``configuration.window.start_date``), so that
    it is never computed again.
    Raises ConfigurationError with every error found.
    """
    errors: list[FieldError] = []
    _check_name(name, errors)
    inner = spec.get("properties")
    top = _Section("properties", inner, errors) if isinstance(inner, Mapping) else _Section("spec", spec, errors)
    top.only(_TOP_LEVEL)
    time_zone = _time_zone(top)
    section = top.section("maintenanceWindow")
    window = _window(section, time_zone, created_at, stored_start_date) if section else None
    time_in_week = tuple(filter(None, (_time_in_week(entry) for entry in top.sections("timeInWeek"))))
    not_allowed = tuple(filter(None, (_not_allowed_time(entry) for entry in top.sections("notAllowedTime"))))
    _check_presence(name, top)
    if errors:
        raise ConfigurationError(name, errors)
    return Configuration(name, window, time_in_week, not_allowed, settings)


def _check_name(name: str, errors: list[FieldError]) -> None:
    if name not in NAMES:
        meant = _MEANT.get(name.lower())
        hint = f" ({meant} is meant, probably)" if meant else ""
        errors.append(FieldError("spec.configName", name, f"one of {', '.join(NAMES)}{hint}"))


def _check_presence(name: str, top: _Section) -> None:
    window, legacy = top.fields.get("maintenanceWindow"), top.fields.get("timeInWeek")
    if window is None and not legacy:
        top.refuse("maintenanceWindow", "given" + (", or timeInWeek" if name == DEFAULT else ""))
    elif window is None and name != DEFAULT:
        top.refuse("timeInWeek", f"absent: it is for {DEFAULT} alone, {name} takes maintenanceWindow")
    elif window is None and top.fields.get("timeZone") is not None:
        top.refuse("timeZone", "absent beside timeInWeek alone, whose hours are UTC")


class _Section(msgspec.Struct, frozen=True):
    """One object of the spec: where it is, what it holds, and the list its errors go to."""

    path: str
    fields: Mapping[str, object]
    errors: list[FieldError]

    def refuse(self, key: str, allowed: str) -> None:
        self.errors.append(FieldError(f"{self.path}.{key}", self.fields.get(key), allowed))

    def only(self, allowed: Sequence[str]) -> None:
        """Refuses unknown fields: a misspelt one would otherwise be ignored without a word."""
        for key in self.fields:
            if key not in allowed:
                known = ", ".join(allowed)
                self.errors.append(FieldError(f"{self.path}.{key}", self.fields[key], f"absent; known fields: {known}"))

    def integer(self, key: str, low: int, high: int) -> int | None:
        value = self.fields.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.refuse(key, f"an integer from {low} to {high}")
        return None

    def choice(self, key: str, options: Mapping[str, T]) -> T | None:
        value = self.fields.get(key)
        if isinstance(value, str) and value in options:
            return options[value]
        self.refuse(key, f"one of {', '.join(options)}")
        return None

    def text(self, key: str, parse: Callable[[str], T | None], allowed: str) -> T | None:
        value = self.fields.get(key)
        parsed = parse(value) if isinstance(value, str) else None
        if parsed is None:
            self.refuse(key, allowed)
        return parsed

    def section(self, key: str) -> _Section | None:
        value = self.fields.get(key)
        if isinstance(value, Mapping):
            return _Section(f"{self.path}.{key}", value, self.errors)
        if value is not None:
            self.refuse(key, "an object")
        return None

    def sections(self, key: str) -> list[_Section]:
        """The objects of a list; an absent list is an empty one."""
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
            self.refuse(key, "a list of objects")
            return []
        return [_Section(f"{self.path}.{key}[{index}]", entry, self.errors) for index, entry in enumerate(value)]


def _time_zone(section: _Section) -> str | None:
    return _optional(section, "timeZone", _to_zone, "the name of an IANA time zone, such as Europe/Berlin")


def _window(
    section: _Section, outer_zone: str | None, created_at: datetime, stored_start_date: date | None
) -> MaintenanceWindow | None:
    section.only(("schedule", "durationHours", "startDate", "startTime", "utcOffset", "timeZone", "notAllowedDates"))
    schedule = _schedule(section)
    duration = section.integer("durationHours", MIN_DURATION_HOURS, MAX_DURATION_HOURS)
    start_time = section.text("startTime", _to_time, "a time from 00:00 to 23:59, in quotes")
    offset = _optional(
        section, "utcOffset", _to_offset, "an offset from -14:00 to +14:00, such as +05:30"
    ) or timedelta(0)
    time_zone = _time_zone(section) or outer_zone
    if time_zone and offset:
        section.refuse("utcOffset", f"absent or +00:00 beside timeZone {time_zone}, which decides the offset")
    start_date = _optional(section, "startDate", _to_date, "a date such as 2026-02-05")
    blocked = tuple(filter(None, (_not_allowed_dates(entry) for entry in section.sections("notAllowedDates"))))
    if schedule is None or duration is None or start_time is None:
        return None
    zone = ZoneInfo(time_zone) if time_zone else timezone(offset)
    start_date = start_date or stored_start_date or created_at.astimezone(zone).date()
    return MaintenanceWindow(schedule, duration, start_date, start_time, offset, time_zone, blocked)


def _optional(section: _Section, key: str, parse: Callable[[str], T | None], allowed: str) -> T | None:
    return None if section.fields.get(key) is None else section.text(key, parse, allowed)


def _schedule(window: _Section) -> Schedule | None:
    allowed = f"an object with exactly one of {', '.join(_KINDS)}"
    section = window.section("schedule")
    if section is None:
        if window.fields.get("schedule") is None:
            window.refuse("schedule", allowed)
        return None
    section.only(tuple(_KINDS))
    given = [kind for kind in _KINDS if section.fields.get(kind) is not None]
    if len(given) != 1:
        window.refuse("schedule", allowed)
        return None
    kind = section.section(given[0])
    return _KINDS[given[0]](kind) if kind else None


def _daily(section: _Section) -> Schedule | None:
    section.only(("intervalDays",))
    interval = section.integer("intervalDays", 1, 7)
    return None if interval is None else Daily(interval)


def _weekly(section: _Section) -> Schedule | None:
    section.only(("intervalWeeks", "dayOfWeek"))
    interval = section.integer("intervalWeeks", 1, 4)
    weekday = section.choice("dayOfWeek", _WEEKDAYS)
    return None if interval is None or weekday is None else Weekly(interval, weekday)


def _absolute_monthly(section: _Section) -> Schedule | None:
    section.only(("intervalMonths", "dayOfMonth"))
    interval = section.integer("intervalMonths", 1, 6)
    day = section.integer("dayOfMonth", 1, 31)
    return None if interval is None or day is None else AbsoluteMonthly(interval, day)


def _relative_monthly(section: _Section) -> Schedule | None:
    section.only(("intervalMonths", "weekIndex", "dayOfWeek"))
    interval = section.integer("intervalMonths", 1, 6)
    index = section.choice("weekIndex", _WEEK_INDEXES)
    weekday = section.choice("dayOfWeek", _WEEKDAYS)
    return None if interval is None or index is None or weekday is None else RelativeMonthly(interval, index, weekday)


_KINDS: Final[dict[str, Callable[[_Section], Schedule | None]]] = {
    "daily": _daily,
    "weekly": _weekly,
    "absoluteMonthly": _absolute_monthly,
    "relativeMonthly": _relative_monthly,
}


def _time_in_week(section: _Section) -> TimeInWeek | None:
    """Without hour slots: every hour of the day. An empty list is absent, as it is in the requests that tools send."""
    section.only(("day", "hourSlots"))
    weekday = section.choice("day", _WEEKDAYS)
    given = section.fields.get("hourSlots")
    slots = ALL_HOURS if given is None or given == [] else given
    valid = isinstance(slots, list | tuple) and all(type(slot) is int and 0 <= slot <= 23 for slot in slots)
    if not valid:
        section.refuse("hourSlots", "a list of integers from 0 to 23")
    if weekday is None or not isinstance(slots, list | tuple) or not valid:
        return None
    return TimeInWeek(weekday, tuple(sorted(set(slots))))


def _not_allowed_dates(section: _Section) -> NotAllowedDates | None:
    section.only(("start", "end"))
    start, end = (section.text(key, _to_date, "a date such as 2026-12-23") for key in ("start", "end"))
    if start is None or end is None:
        return None
    if end < start:
        section.refuse("end", f"on or after start ({start})")
    return NotAllowedDates(start, end)


def _not_allowed_time(section: _Section) -> NotAllowedTime | None:
    section.only(("start", "end"))
    allowed = "an RFC 3339 date-time such as 2026-12-23T00:00:00Z"
    start, end = (section.text(key, _to_instant, allowed) for key in ("start", "end"))
    if start is None or end is None:
        return None
    if end < start:
        section.refuse("end", f"not before start ({start.isoformat()})")
    return NotAllowedTime(start, end)


def _to_time(text: str) -> time | None:
    return time.fromisoformat(text) if _TIME.fullmatch(text) else None


def _to_offset(text: str) -> timedelta | None:
    """``-00:00`` is ``+00:00``; 14 hours is the most, as in the shared maintenance windows of AKS (preview)."""
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if size > _MAX_OFFSET:
        return None
    return -size if match[1] == "-" else size


def _to_zone(text: str) -> str | None:
    try:
        return ZoneInfo(text).key
    except (KeyError, OSError, ValueError):  # unknown; a folder of zones; a path outside the database
        return None


def _to_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _to_instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _DATE_TIME.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
