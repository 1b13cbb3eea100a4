"""Specs of MaintenanceConfigurations as hypothesis draws them: all that AKS has a field for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, get_args

from hypothesis import strategies as st

from napsim.api.maintenanceconfiguration import AUTO_UPGRADE, DEFAULT, NODE_OS, Weekday, WeekIndex

Spec = dict[str, Any]
WEEKDAYS: Final = st.sampled_from(get_args(Weekday))
_DAYS: Final = st.dates(date(2024, 1, 1), date(2027, 12, 31))
_MONTHS: Final = st.integers(1, 6)
SCHEDULES: Final = st.one_of(
    st.fixed_dictionaries({"daily": st.fixed_dictionaries({"intervalDays": st.integers(1, 7)})}),
    st.fixed_dictionaries(
        {"weekly": st.fixed_dictionaries({"intervalWeeks": st.integers(1, 4), "dayOfWeek": WEEKDAYS})}
    ),
    st.fixed_dictionaries(
        {"absoluteMonthly": st.fixed_dictionaries({"intervalMonths": _MONTHS, "dayOfMonth": st.integers(1, 31)})}
    ),
    st.fixed_dictionaries(
        {
            "relativeMonthly": st.fixed_dictionaries(
                {"intervalMonths": _MONTHS, "weekIndex": st.sampled_from(get_args(WeekIndex)), "dayOfWeek": WEEKDAYS}
            )
        }
    ),
)


def _span(begin: date, days: int) -> dict[str, str]:
    return {"start": begin.isoformat(), "end": (begin + timedelta(days=days)).isoformat()}


_BLOCKED: Final = st.lists(st.builds(_span, _DAYS, st.integers(0, 20)), min_size=1, max_size=3)
WINDOWS: Final = st.fixed_dictionaries(
    {
        "schedule": SCHEDULES,
        "durationHours": st.integers(4, 24),
        "startTime": st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59)),
    },
    optional={
        "startDate": _DAYS.map(date.isoformat),
        "utcOffset": st.sampled_from(("+00:00", "-00:00", "+05:30", "-08:00", "+14:00")),
        "notAllowedDates": _BLOCKED,
    },
)
SLOTS: Final = st.lists(
    st.fixed_dictionaries({"day": WEEKDAYS, "hourSlots": st.lists(st.integers(0, 23), min_size=1, max_size=4)}),
    min_size=1,
    max_size=3,
)
SPANS: Final = st.lists(
    st.builds(lambda span: {key: f"{day}T06:30:00Z" for key, day in span.items()}, st.builds(_span, _DAYS, st.just(2))),
    min_size=1,
    max_size=2,
)
RECURRING: Final = st.fixed_dictionaries(
    {"configName": st.sampled_from((AUTO_UPGRADE, NODE_OS)), "maintenanceWindow": WINDOWS}
)
HOURS: Final = st.fixed_dictionaries(
    {"configName": st.just(DEFAULT), "timeInWeek": SLOTS}, optional={"notAllowedTime": SPANS}
)
ANY: Final = st.one_of(
    RECURRING,
    HOURS,
    st.fixed_dictionaries({"configName": st.just(DEFAULT), "maintenanceWindow": WINDOWS, "timeInWeek": SLOTS}),
    st.fixed_dictionaries({"configName": st.just(NODE_OS), "maintenanceWindow": WINDOWS, "notAllowedTime": SPANS}),
)
CHANNELS: Final = st.fixed_dictionaries(
    {},
    optional={
        "upgradeChannel": st.sampled_from(("none", "patch", "stable", "rapid")),
        "nodeOSUpgradeChannel": st.sampled_from(("None", "Unmanaged", "SecurityPatch", "NodeImage")),
    },
)


def manifest(kind: str, spec: Mapping[str, Any], name: str = "default") -> dict[str, Any]:
    return {"apiVersion": "napsim.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
