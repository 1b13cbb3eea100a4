"""How specs of maintenance configurations are read (planned-maintenance 2, 3.2, 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.configuration_specs import ConfigurationError, FieldError, from_spec
from napsim.core.configurations import (
    ALL_HOURS,
    AUTO_UPGRADE,
    DEFAULT,
    NODE_OS,
    Configuration,
    MaintenanceWindow,
    NotAllowedDates,
    NotAllowedTime,
    Settings,
    TimeInWeek,
)
from napsim.core.recurrence import AbsoluteMonthly, Daily, RelativeMonthly, Schedule, Weekday, WeekIndex, Weekly

CREATED = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
WEEKLY: Mapping[str, object] = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}


def spec(**fields: object) -> dict[str, object]:
    """The Learn article's example with some fields of its window replaced; None takes one out."""
    window = {
        "schedule": deepcopy(WEEKLY),
        "startDate": "2025-01-01",
        "startTime": "01:00",
        "durationHours": 4,
        "utcOffset": "+00:00",
    }
    window |= fields
    return {"maintenanceWindow": {key: value for key, value in window.items() if value is not None}}


def read(given: Mapping[str, object], name: str = NODE_OS) -> Configuration:
    return from_spec(name, given, CREATED)


def read_window(**fields: object) -> MaintenanceWindow:
    window = read(spec(**fields)).window
    assert window is not None
    return window


def errors(given: Mapping[str, object], name: str = NODE_OS) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read(given, name)
    return [str(error) for error in refused.value.errors]


def test_the_rest_resources_own_example_is_read_field_by_field() -> None:
    given = {
        "maintenanceWindow": {
            "schedule": {
                "weekly": {"dayOfWeek": "Tuesday", "intervalWeeks": 2},
                "absoluteMonthly": None,
                "daily": None,
                "relativeMonthly": None,
            },
            "startDate": "2026-03-03",
            "startTime": "22:30",
            "durationHours": 6,
            "utcOffset": "+02:00",
            "notAllowedDates": [{"start": "2026-12-21", "end": "2027-01-03"}],
        },
        "notAllowedTime": None,
        "timeInWeek": None,
    }
    assert read(given) == Configuration(
        NODE_OS,
        MaintenanceWindow(
            Weekly(2, Weekday.TUESDAY),
            6,
            date(2026, 3, 3),
            time(22, 30),
            timedelta(hours=2),
            None,
            (NotAllowedDates(date(2026, 12, 21), date(2027, 1, 3)),),
        ),
    )


@pytest.mark.row("pm:3.2")
def test_a_file_with_and_one_without_the_properties_level_say_the_same() -> None:
    assert read({"properties": spec()}) == read(spec())


def test_a_time_zone_may_stand_beside_the_window_or_in_it() -> None:
    beside = read(spec() | {"timeZone": "Europe/Berlin"})
    assert beside == read(spec(timeZone="Europe/Berlin"))
    assert beside.window is not None
    assert beside.window.time_zone == "Europe/Berlin"


def test_an_offset_beside_a_time_zone_is_refused() -> None:
    allowed = "must be absent or +00:00 beside timeZone Europe/Berlin, which decides the offset"
    refused = errors(spec(utcOffset="+02:00") | {"timeZone": "Europe/Berlin"})
    assert refused == [f'{W}.utcOffset: Invalid value: "+02:00": {allowed}']
    assert errors(spec() | {"timeZone": "Berlin"}) == [f'spec.timeZone: Invalid value: "Berlin": {ZONE}']


@pytest.mark.row("pm:4")
def test_an_azure_service_operator_spec_may_carry_its_own_fields() -> None:
    given = spec() | {"azureName": NODE_OS, "owner": {"name": "aks"}, "operatorSpec": {}}
    assert read(given) == read(spec())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"daily": {"intervalDays": 2}}, Daily(2)),
        ({"weekly": {"intervalWeeks": 4, "dayOfWeek": "Tuesday"}}, Weekly(4, Weekday.TUESDAY)),
        ({"absoluteMonthly": {"intervalMonths": 2, "dayOfMonth": 15}}, AbsoluteMonthly(2, 15)),
        (
            {"relativeMonthly": {"intervalMonths": 1, "dayOfWeek": "Wednesday", "weekIndex": "Third"}},
            RelativeMonthly(1, WeekIndex.THIRD, Weekday.WEDNESDAY),
        ),
    ],
)
def test_each_kind_of_schedule_is_read(given: Mapping[str, object], expected: Schedule) -> None:
    assert read_window(schedule=given).schedule == expected


@pytest.mark.parametrize(
    ("offset", "minutes"),
    [
        pytest.param(None, 0, id="pm:5.1-default-offset"),
        pytest.param("+05:30", 330, id="+05:30"),
        pytest.param("-08:00", -480, id="-08:00"),
        pytest.param("-00:00", 0, id="pm:5.2-offsets-minus-zero"),
        pytest.param("+14:00", 840, id="pm:5.2-offsets-fourteen-hours"),
        pytest.param("-14:00", -840, id="pm:5.2-offsets-minus-fourteen-hours"),
    ],
)
def test_an_offset_is_read(offset: str | None, minutes: int) -> None:
    assert read_window(utcOffset=offset).utc_offset == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"utcOffset": "+00:00"}, date(2026, 11, 21), id="pm:5.2-start-date-absent"),
        pytest.param({"utcOffset": "+01:30"}, date(2026, 11, 22), id="pm:5.2-start-date-absent-under-the-offset"),
        pytest.param({"timeZone": "Asia/Tokyo"}, date(2026, 11, 22), id="in-the-time-zone"),
    ],
)
def test_without_a_start_date_it_is_the_local_day_of_creation(fields: dict[str, object], expected: date) -> None:
    assert read_window(startDate=None, **fields).start_date == expected


@pytest.mark.row("pm:5.2-start-date-absent-stored")
def test_a_stored_start_date_is_never_computed_again() -> None:
    stored = date(2025, 5, 5)
    for fields, expected in ((spec(startDate=None), stored), (spec(), date(2025, 1, 1))):
        window = from_spec(NODE_OS, fields, CREATED, stored).window
        assert window is not None
        assert window.start_date == expected


@pytest.mark.row("pm:5.2-start-date-in-the-past")
def test_a_start_date_in_the_past_is_kept() -> None:
    assert read_window(startDate="2015-02-03").start_date == date(2015, 2, 3)


@pytest.mark.row("pm:2-timeInWeek")
def test_the_legacy_form_of_default_is_read() -> None:
    given = {
        "timeInWeek": [
            {"day": "Monday", "hourSlots": [2, 1, 1]},
            {"day": "Sunday"},
            {"day": "Friday", "hourSlots": []},
        ],
        "notAllowedTime": [{"start": "2026-12-23T00:00:00+02:00", "end": "2027-01-03T12:00:00.5Z"}],
    }
    assert read(given, DEFAULT) == Configuration(
        DEFAULT,
        None,
        (TimeInWeek(Weekday.MONDAY, (1, 2)), TimeInWeek(Weekday.SUNDAY, ALL_HOURS), TimeInWeek(Weekday.FRIDAY)),
        (NotAllowedTime(datetime(2026, 12, 22, 22, tzinfo=UTC), datetime(2027, 1, 3, 12, 0, 0, 500_000, tzinfo=UTC)),),
    )


@pytest.mark.row("pm:5.2-default-with-both")
def test_default_may_carry_both_forms() -> None:
    found = read(spec() | {"timeInWeek": [{"day": "Monday"}]}, DEFAULT)
    assert found.window is not None
    assert found.time_in_week == (TimeInWeek(Weekday.MONDAY),)


def test_settings_go_into_the_configuration() -> None:
    settings = Settings(first_day_of_week=Weekday.MONDAY, lead_time=timedelta(hours=24))
    assert from_spec(NODE_OS, spec(), CREATED, settings=settings).settings is settings


W = "spec.maintenanceWindow"
TIME = "must be a time from 00:00 to 23:59, in quotes"
OFFSET = "must be an offset from -14:00 to +14:00, such as +05:30"
HOURS = "must be an integer from 4 to 24"
ZONE = "must be the name of an IANA time zone, such as Europe/Berlin"
KINDS = "must be an object with exactly one of daily, weekly, absoluteMonthly, relativeMonthly"
WEEKDAYS = "must be one of Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday"
INSTANT = "must be an RFC 3339 date-time such as 2026-12-23T00:00:00Z"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"startTime": "24:00"}, f'{W}.startTime: Invalid value: "24:00": {TIME}', id="pm:5.2-24:00"),
        pytest.param({"startTime": "1:00"}, f'{W}.startTime: Invalid value: "1:00": {TIME}', id="one-digit"),
        pytest.param({"startTime": "01:00\n"}, f'{W}.startTime: Invalid value: "01:00\\n": {TIME}', id="newline"),
        pytest.param({"startTime": 1350}, f"{W}.startTime: Invalid value: 1350: {TIME}", id="unquoted-time"),
        pytest.param({"startTime": None}, f"{W}.startTime: Required value: {TIME}", id="no-time"),
        pytest.param({"durationHours": 3}, f"{W}.durationHours: Invalid value: 3: {HOURS}", id="pm:1-four-hours"),
        pytest.param({"durationHours": 25}, f"{W}.durationHours: Invalid value: 25: {HOURS}", id="25-hours"),
        pytest.param({"durationHours": True}, f"{W}.durationHours: Invalid value: true: {HOURS}", id="boolean"),
        pytest.param({"durationHours": "4"}, f'{W}.durationHours: Invalid value: "4": {HOURS}', id="text"),
        pytest.param({"durationHours": None}, f"{W}.durationHours: Required value: {HOURS}", id="pm:2-required"),
        pytest.param(
            {"utcOffset": "+14:15"}, f'{W}.utcOffset: Invalid value: "+14:15": {OFFSET}', id="pm:5.2-offsets-beyond-14h"
        ),
        pytest.param({"utcOffset": "+01:60"}, f'{W}.utcOffset: Invalid value: "+01:60": {OFFSET}', id="minutes"),
        pytest.param({"utcOffset": "01:00"}, f'{W}.utcOffset: Invalid value: "01:00": {OFFSET}', id="no-sign"),
        pytest.param({"timeZone": "Mars/Base"}, f'{W}.timeZone: Invalid value: "Mars/Base": {ZONE}', id="zone"),
        pytest.param({"timeZone": "Europe"}, f'{W}.timeZone: Invalid value: "Europe": {ZONE}', id="zone-folder"),
        pytest.param({"timeZone": "/etc/x"}, f'{W}.timeZone: Invalid value: "/etc/x": {ZONE}', id="zone-path"),
        pytest.param({"timeZone": ""}, f'{W}.timeZone: Invalid value: "": {ZONE}', id="zone-empty"),
        pytest.param(
            {"startDate": "2026-02-30"},
            f'{W}.startDate: Invalid value: "2026-02-30": must be a date such as 2026-02-05',
            id="no-such-day",
        ),
        pytest.param(
            {"startDate": "20260205"},
            f'{W}.startDate: Invalid value: "20260205": must be a date such as 2026-02-05',
            id="compact-date",
        ),
        pytest.param({"schedule": None}, f"{W}.schedule: Required value: {KINDS}", id="no-schedule"),
        pytest.param({"schedule": {}}, f"{W}.schedule: Invalid value: {{}}: {KINDS}", id="pm:2-no-kind"),
        pytest.param({"schedule": "weekly"}, f'{W}.schedule: Invalid value: "weekly": must be an object', id="not-one"),
        pytest.param(
            {"schedule": {"daily": {"intervalDays": 1}, "weekly": None, "absoluteMonthly": {}}},
            f"{W}.schedule: Invalid value: "
            f'{{"daily": {{"intervalDays": 1}}, "weekly": null, "absoluteMonthly": {{}}}}: {KINDS}',
            id="pm:5.2-two-settings-of-one-kind",
        ),
        pytest.param(
            {"schedule": {"daily": {"intervalDays": 8}}},
            f"{W}.schedule.daily.intervalDays: Invalid value: 8: must be an integer from 1 to 7",
            id="pm:2-intervalDays",
        ),
        pytest.param(
            {"schedule": {"weekly": {"intervalWeeks": 5, "dayOfWeek": "Sunday"}}},
            f"{W}.schedule.weekly.intervalWeeks: Invalid value: 5: must be an integer from 1 to 4",
            id="pm:2-intervalWeeks",
        ),
        pytest.param(
            {"schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "sunday"}}},
            f'{W}.schedule.weekly.dayOfWeek: Invalid value: "sunday": {WEEKDAYS}',
            id="pm:2-dayOfWeek",
        ),
        pytest.param(
            {"schedule": {"absoluteMonthly": {"intervalMonths": 0, "dayOfMonth": 1}}},
            f"{W}.schedule.absoluteMonthly.intervalMonths: Invalid value: 0: must be an integer from 1 to 6",
            id="pm:2-intervalMonths",
        ),
        pytest.param(
            {"schedule": {"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 32}}},
            f"{W}.schedule.absoluteMonthly.dayOfMonth: Invalid value: 32: must be an integer from 1 to 31",
            id="pm:2-dayOfMonth",
        ),
        pytest.param(
            {"schedule": {"relativeMonthly": {"intervalMonths": 1, "weekIndex": "Fifth", "dayOfWeek": "Monday"}}},
            f'{W}.schedule.relativeMonthly.weekIndex: Invalid value: "Fifth": '
            "must be one of First, Second, Third, Fourth, Last",
            id="pm:5.1-no-fifth",
        ),
        pytest.param(
            {"schedule": {"relativeMonthly": {"intervalMonths": 1, "weekIndex": "First"}}},
            f"{W}.schedule.relativeMonthly.dayOfWeek: Required value: {WEEKDAYS}",
            id="pm:2-all-fields-of-the-kind",
        ),
        pytest.param(
            {"schedule": {"daily": {"intervalDays": 1, "dayOfWeek": "Sunday"}}},
            f'{W}.schedule.daily.dayOfWeek: Invalid value: "Sunday": must be absent; known fields: intervalDays',
            id="field-of-another-kind",
        ),
        pytest.param(
            {"notAllowedDates": [{"start": "2026-12-23", "end": "2026-12-22"}]},
            f'{W}.notAllowedDates[0].end: Invalid value: "2026-12-22": must be on or after start (2026-12-23)',
            id="pm:5.2-end-before-start",
        ),
        pytest.param(
            {"notAllowedDates": [{"start": "2026-12-23"}]},
            f"{W}.notAllowedDates[0].end: Required value: must be a date such as 2026-12-23",
            id="pm:2-notAllowedDates-end",
        ),
        pytest.param(
            {"notAllowedDates": {"start": "2026-12-23"}},
            f'{W}.notAllowedDates: Invalid value: {{"start": "2026-12-23"}}: must be a list of objects',
            id="not-a-list",
        ),
    ],
)
def test_a_window_is_refused_with_field_value_and_what_is_allowed(fields: dict[str, object], expected: str) -> None:
    assert errors(spec(**fields)) == [expected]


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        pytest.param({}, NODE_OS, "spec.maintenanceWindow: Required value: must be given", id="nothing"),
        pytest.param(
            {}, DEFAULT, "spec.maintenanceWindow: Required value: must be given, or timeInWeek", id="nothing-default"
        ),
        pytest.param(
            {"timeInWeek": [{"day": "Monday"}]},
            AUTO_UPGRADE,
            'spec.timeInWeek: Invalid value: [{"day": "Monday"}]: must be absent: it is for default alone, '
            "aksManagedAutoUpgradeSchedule takes maintenanceWindow",
            id="legacy-form-of-another-name",
        ),
        pytest.param(
            {"timeInWeek": [{"day": "Monday"}], "timeZone": "Europe/Berlin"},
            DEFAULT,
            'spec.timeZone: Invalid value: "Europe/Berlin": '
            "must be absent beside timeInWeek alone, whose hours are UTC",
            id="pm:5.1-hour-slots-are-utc",
        ),
        pytest.param(
            {"timeInWeek": [{"day": "Monday", "hourSlots": [24]}]},
            DEFAULT,
            "spec.timeInWeek[0].hourSlots: Invalid value: [24]: must be a list of integers from 0 to 23",
            id="pm:2-hourSlots",
        ),
        pytest.param(
            {"timeInWeek": [{"day": "Monday", "hourSlots": 0}]},
            DEFAULT,
            "spec.timeInWeek[0].hourSlots: Invalid value: 0: must be a list of integers from 0 to 23",
            id="one-slot-without-a-list",
        ),
        pytest.param(
            spec() | {"notAllowedTime": [{"start": "2026-12-23T00:00:00", "end": "2026-12-24T00:00:00Z"}]},
            DEFAULT,
            f'spec.notAllowedTime[0].start: Invalid value: "2026-12-23T00:00:00": {INSTANT}',
            id="date-time-without-zone",
        ),
        pytest.param(
            spec() | {"notAllowedTime": [{"start": "2026-12-23T00:00:00Z", "end": "2026-12-22T00:00:00Z"}]},
            DEFAULT,
            'spec.notAllowedTime[0].end: Invalid value: "2026-12-22T00:00:00Z": '
            "must be not before start (2026-12-23T00:00:00+00:00)",
            id="span-end-before-start",
        ),
    ],
)
def test_a_spec_is_refused(given: Mapping[str, object], name: str, expected: str) -> None:
    assert errors(given, name) == [expected]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("aksManagedClusterAutoUpgradeSchedule", AUTO_UPGRADE, id="pm:10-names-cluster"),
        pytest.param("autoUpgradeSchedule", AUTO_UPGRADE, id="pm:10-names-short"),
        pytest.param("AKSManagedNodeOSAutoUpgradeSchedule", NODE_OS, id="pm:3.3-fleet-page"),
        pytest.param("aksmanagednodeosupgradeschedule", NODE_OS, id="pm:2.1-case-matters"),
    ],
)
def test_a_wrong_name_that_circulates_is_refused_naming_the_right_one(name: str, meant: str) -> None:
    [error] = errors(spec(), name)
    assert error.startswith(f'spec.configName: Invalid value: "{name}": must be one of default, ')
    assert error.endswith(f"({meant} is meant, probably)")


def test_an_unknown_name_gets_the_allowed_ones() -> None:
    [error] = errors(spec(), "nightly")
    assert error.endswith(f"must be one of {DEFAULT}, {AUTO_UPGRADE}, {NODE_OS}")


def test_a_misspelt_field_is_not_ignored() -> None:
    [error] = errors(spec() | {"notAllowedTimes": []})
    assert error.startswith(
        "spec.notAllowedTimes: Invalid value: []: must be absent; known fields: maintenanceWindow, "
    )
    [error] = errors({"properties": spec(starttime="01:00")})
    assert error.startswith('properties.maintenanceWindow.starttime: Invalid value: "01:00": must be absent; known')


def test_all_errors_of_a_spec_come_at_once() -> None:
    given = spec(durationHours=2, startTime="x", utcOffset="x", notAllowedDates=[{}], schedule={"daily": {}})
    with pytest.raises(ConfigurationError) as refused:
        read(given, "mine")
    assert [error.field for error in refused.value.errors] == [
        "spec.configName",
        f"{W}.schedule.daily.intervalDays",
        f"{W}.durationHours",
        f"{W}.startTime",
        f"{W}.utcOffset",
        f"{W}.notAllowedDates[0].start",
        f"{W}.notAllowedDates[0].end",
    ]
    assert str(refused.value).startswith("maintenance configuration 'mine': spec.configName: ")
    assert all(str(error) in str(refused.value) for error in refused.value.errors)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Sunday", "01:00", "2026-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["daily", "intervalDays", "start", "end", "day", "hourSlots"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["schedule", "durationHours", "startTime", "startDate", "utcOffset", "timeZone", "notAllowedDates"]
        ),
        json_values,
    ),
    json_values,
    json_values,
)
def test_any_json_is_read_or_refused_with_field_errors(
    window: dict[str, object], time_in_week: object, not_allowed_time: object
) -> None:
    given = {"maintenanceWindow": window, "timeInWeek": time_in_week, "notAllowedTime": not_allowed_time}
    errors: tuple[FieldError, ...] = ()
    found: Configuration | None = None
    try:
        found = read(given, DEFAULT)
    except ConfigurationError as refused:
        errors = refused.errors
    assert (found is None) is bool(errors)
    assert all(error.field.startswith("spec.") for error in errors)
