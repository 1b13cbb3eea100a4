"""``azurerm_kubernetes_cluster``: its three maintenance windows and two channels, to and from the REST resource.

Mirrors terraform-provider-azurerm (August 2026). It keeps dates as RFC 3339 and sends the day alone; numbers that are 0
and texts that are empty are absent; fields that a ``frequency`` does not need are ignored. Version 3 of it has other
names for the channels, which are read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from napsim.api.maintenanceconfiguration import AUTO_UPGRADE, DEFAULT, NODE_OS
from napsim.azure import messages
from napsim.azure.imports import NOT_LITERAL, TOLD, Expression, Imports, Origin, unknown_fields

BLOCKS: Final = {
    DEFAULT: "maintenance_window",
    AUTO_UPGRADE: "maintenance_window_auto_upgrade",
    NODE_OS: "maintenance_window_node_os",
}
CHANNELS: Final = {
    "automatic_upgrade_channel": "upgradeChannel",
    "node_os_upgrade_channel": "nodeOSUpgradeChannel",
    "automatic_channel_upgrade": "upgradeChannel",
    "node_os_channel_upgrade": "nodeOSUpgradeChannel",
}
READ: Final = (*BLOCKS.values(), *CHANNELS)
# The fields of a window, with those of REST; `frequency` says which of the schedule's are read.
FIELDS: Final = {
    "duration": "durationHours",
    "start_time": "startTime",
    "utc_offset": "utcOffset",
}
SCHEDULES: Final[Mapping[str, Mapping[str, str]]] = {
    "Daily": {"interval": "intervalDays"},
    "Weekly": {"interval": "intervalWeeks", "day_of_week": "dayOfWeek"},
    "AbsoluteMonthly": {"interval": "intervalMonths", "day_of_month": "dayOfMonth"},
    "RelativeMonthly": {"interval": "intervalMonths", "week_index": "weekIndex", "day_of_week": "dayOfWeek"},
}
_OF_SCHEDULE: Final = tuple(dict.fromkeys(field for fields in SCHEDULES.values() for field in fields))
_WINDOW: Final = ("frequency", *_OF_SCHEDULE, *FIELDS, "start_date", "not_allowed")
_DATE_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](.*)")
_MIDNIGHT: Final = re.compile(r"00:00:00(\.0+)?([Zz]|[+-]\d{2}:\d{2})")


def read(found: Imports, origin: Origin, values: Mapping[str, Any]) -> None:
    """The windows and channels of one cluster, whose attributes are ``values``."""
    for name, block in BLOCKS.items():
        _window(found, origin, name, block, values.get(block))
    given = {field: values[field] for field in CHANNELS if values.get(field) not in (None, "")}
    places = {CHANNELS[field]: field for field in given}
    found.channels(origin, {CHANNELS[field]: value for field, value in given.items()}, places)


def _window(found: Imports, origin: Origin, name: str, block: str, listed: object) -> None:
    if listed is None or listed == []:
        return
    if not isinstance(listed, list) or len(listed) != 1:
        found.mistakes.append(origin.mistake(block, None, "must be one block"))
        return
    at, value = f"{block}[0]", listed[0]
    if not isinstance(value, Mapping):
        found.mistakes.append(origin.mistake(block, None, f"{value}: {NOT_LITERAL}"))
    elif name == DEFAULT:
        _Block(found, origin, at, value).hours()
    else:
        _Block(found, origin, at, value).recurring(name)


class _Block:
    """One block: what it says as a spec, and where each field of that was written."""

    def __init__(self, found: Imports, origin: Origin, at: str, given: Mapping[str, Any]) -> None:
        self._found = found
        self._origin = origin
        self._at = at
        self._given: dict[str, Any] = {
            key: _number(key, value) for key, value in given.items() if value not in (None, "", [])
        }
        self._places: dict[str, str] = {"": at}

    def hours(self) -> None:
        """``maintenance_window``: hours of the week, and spans of time without any."""
        self._known(("allowed", "not_allowed"))
        spec: dict[str, object] = {"configName": DEFAULT}
        slots = [
            self._renamed(f"timeInWeek[{index}]", f"{self._at}.allowed[{index}]", block, _ALLOWED)
            for index, block in self._blocks("allowed")
        ]
        spans = [
            self._renamed(f"notAllowedTime[{index}]", f"{self._at}.not_allowed[{index}]", block, _SPAN)
            for index, block in self._blocks("not_allowed")
        ]
        spec |= {key: value for key, value in (("timeInWeek", slots), ("notAllowedTime", spans)) if value}
        self._places |= {"timeInWeek": f"{self._at}.allowed", "notAllowedTime": f"{self._at}.not_allowed"}
        self._found.configuration(self._origin, spec, self._places)

    def recurring(self, name: str) -> None:
        """The windows of the other two configurations."""
        self._known(_WINDOW)
        window = {ours: self._given[field] for field, ours in FIELDS.items() if field in self._given}
        self._places |= {f"maintenanceWindow.{ours}": f"{self._at}.{field}" for field, ours in FIELDS.items()}
        self._places |= {"maintenanceWindow": self._at}
        window |= self._schedule()
        if "start_date" in self._given:
            window["startDate"] = self._day("start_date", self._given["start_date"])
            self._places["maintenanceWindow.startDate"] = f"{self._at}.start_date"
        days = [self._days(index, block) for index, block in self._blocks("not_allowed")]
        if days:
            window["notAllowedDates"] = days
        self._found.configuration(self._origin, {"configName": name, "maintenanceWindow": window}, self._places)

    def _known(self, known: Sequence[str]) -> None:
        self._found.mistakes += unknown_fields(self._origin, self._at, self._given, known)

    def _schedule(self) -> dict[str, object]:
        """The schedule of the block's ``frequency``; what that does not need is noted, as azurerm does not send it."""
        at, frequency = "maintenanceWindow.schedule", self._given.get("frequency")
        self._places[at] = f"{self._at}.frequency"
        if isinstance(frequency, Expression):
            return {"schedule": frequency}
        if not isinstance(frequency, str) or frequency not in SCHEDULES:
            told = f"must be one of {', '.join(SCHEDULES)}"
            self._found.mistakes.append(self._origin.mistake(f"{self._at}.frequency", frequency, told))
            return {"schedule": TOLD}
        fields = SCHEDULES[frequency]
        kind = messages.REST_KINDS[frequency]
        for field in _OF_SCHEDULE:
            if self._given.get(field) and field not in fields:
                told = f"azurerm does not send it with frequency {frequency}: left out"
                self._found.notes.append(self._origin.mistake(f"{self._at}.{field}", self._given[field], told))
        self._places |= {f"{at}.{kind}.{ours}": f"{self._at}.{field}" for field, ours in fields.items()}
        read = {ours: self._given[field] for field, ours in fields.items() if self._given.get(field)}
        return {"schedule": {kind: read}}

    def _days(self, index: int, block: Mapping[str, Any]) -> dict[str, object]:
        ours, theirs = f"maintenanceWindow.notAllowedDates[{index}]", f"not_allowed[{index}]"
        read = self._renamed(ours, f"{self._at}.{theirs}", block, _SPAN)
        return {key: self._day(f"{theirs}.{key}", value) for key, value in read.items()}

    def _day(self, field: str, value: object) -> object:
        """The day of an RFC 3339 date-time as it is written; that its time is not sent is noted."""
        found = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return value
        if not _MIDNIGHT.fullmatch(found[2]):
            told = f"azurerm sends {found[1]} alone"
            self._found.notes.append(self._origin.mistake(f"{self._at}.{field}", value, told))
        return found[1]

    def _blocks(self, key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        listed = self._given.get(key, [])
        for index, block in enumerate(listed if isinstance(listed, list) else [listed]):
            if isinstance(block, Mapping):
                yield index, block
            else:
                told = f"{block}: {NOT_LITERAL}" if isinstance(block, Expression) else "must be blocks"
                self._found.mistakes.append(self._origin.mistake(f"{self._at}.{key}", None, told))

    def _renamed(
        self, ours: str, theirs: str, block: Mapping[str, Any], fields: Mapping[str, str]
    ) -> dict[str, object]:
        self._found.mistakes += unknown_fields(self._origin, theirs, block, tuple(fields))
        self._places[ours] = theirs
        self._places |= {f"{ours}.{fields[key]}": f"{theirs}.{key}" for key in fields}
        return {fields[key]: value for key, value in block.items() if key in fields}


_NUMBERS: Final = ("interval", "duration", "day_of_month")


def _number(field: str, value: object) -> object:
    """Terraform takes a number in quotes for the number."""
    return int(value) if field in _NUMBERS and isinstance(value, str) and value.isdecimal() else value


_ALLOWED: Final = {"day": "day", "hours": "hourSlots"}
_SPAN: Final = {"start": "start", "end": "end"}
