"""What az says of a mistake, word for word: of a command with options, and beside our own words of a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from napsim.azure import formats
from napsim.azure.imports import Imports, Manifest
from napsim.reading.sources import Text

NODE_OS = "aksManagedNodeOSUpgradeSchedule"
WEEKLY = "--schedule-type Weekly --interval-weeks 1 --day-of-week Sunday"
WINDOW = "--start-time 01:00 --duration 4"
MONTHLY = "--schedule-type AbsoluteMonthly --interval-months 1 --day-of-month 15"
RELATIVE = "--schedule-type RelativeMonthly --interval-months 1 --day-of-week Monday --week-index Last"

DEFAULT_NEEDS = (
    "Please specify --weekday and --start-hour, or --schedule-type Weekly with --day-of-week, --start-time, and"
    " --duration for default maintenance configuration, or use --config-file instead."
)
DEFAULT_BOTH = (
    "--weekday and --start-hour cannot be used together with --schedule-type for default maintenance configuration."
)
DEFAULT_INTERVAL = (
    "--interval-weeks cannot be specified for default maintenance configuration; the interval is always 1 week."
)
NO_SUCH_TYPE = (
    "'Hourly' is not a valid value for '--schedule-type'. Allowed values: Daily, Weekly, AbsoluteMonthly,"
    " RelativeMonthly."
)
DAILY_EXCESS = (
    "--interval-weeks, --interval-months, --day-of-week, --day-of-month and --week-index cannot be used for Daily"
    " schedule."
)
MONTHLY_EXCESS = (
    "--interval-days, --interval-weeks, --day-of-week and --week-index cannot be used for AbsoluteMonthly schedule."
)
# Of planned-maintenance.md, section 3.3: what is wrong, the command, what az says.
COMMANDS = (
    (
        "name",
        f"-n nightly {WEEKLY} {WINDOW}",
        f"--config-name must be one of default, aksManagedAutoUpgradeSchedule or {NODE_OS}, not nightly",
    ),
    (
        "default without weekday",
        "-n default --start-hour 1",
        DEFAULT_NEEDS,
    ),
    (
        "default without hour",
        "-n default --weekday Monday",
        DEFAULT_NEEDS,
    ),
    (
        "default, both forms",
        f"-n default --weekday Monday --start-hour 1 --schedule-type Weekly --day-of-week Sunday {WINDOW}",
        DEFAULT_BOTH,
    ),
    (
        "default, not weekly",
        f"-n default {MONTHLY} {WINDOW}",
        "--schedule-type for default maintenance configuration must be Weekly.",
    ),
    (
        "default, interval",
        f"-n default {WEEKLY} {WINDOW}",
        DEFAULT_INTERVAL,
    ),
    (
        "default, excess",
        f"-n default --schedule-type Weekly --day-of-week Sunday --week-index Last --interval-days 1 {WINDOW}",
        "--interval-days, --week-index cannot be used for default maintenance configuration.",
    ),
    (
        "default, missing",
        f"-n default --schedule-type Weekly {WINDOW}",
        "--day-of-week is required for default maintenance configuration when --schedule-type Weekly is specified.",
    ),
    (
        "the others with weekday or hour",
        f"-n {NODE_OS} --weekday Monday {WEEKLY} {WINDOW}",
        "--weekday and --start-hour are only applicable to default maintenance configuration.",
    ),
    (
        "no such type",
        f"-n {NODE_OS} --schedule-type Hourly {WINDOW}",
        NO_SUCH_TYPE,
    ),
    (
        "no such week",
        f"-n {NODE_OS} {RELATIVE} --week-index fifth {WINDOW}",
        "'fifth' is not a valid value for '--week-index'. Allowed values: First, Second, Third, Fourth, Last.",
    ),
    ("no start time", f"-n {NODE_OS} {WEEKLY} --duration 4", "Please specify --start-time for maintenance window."),
    ("no duration", f"-n {NODE_OS} {WEEKLY} --start-time 01:00", "Please specify --duration for maintenance window."),
    (
        "schedule type",
        f"-n {NODE_OS} {WINDOW}",
        "--schedule-type must be one of Daily, Weekly, AbsoluteMonthly or RelativeMonthly.",
    ),
    (
        "Daily, missing",
        f"-n {NODE_OS} --schedule-type Daily {WINDOW}",
        "Please specify --interval-days when using daily schedule.",
    ),
    (
        "Daily, excess",
        f"-n {NODE_OS} --schedule-type Daily --interval-days 1 --week-index First {WINDOW}",
        DAILY_EXCESS,
    ),
    (
        "Weekly, missing",
        f"-n {NODE_OS} --schedule-type Weekly --interval-weeks 1 {WINDOW}",
        "Please specify --interval-weeks and --day-of-week when using weekly schedule.",
    ),
    (
        "Weekly, excess",
        f"-n {NODE_OS} {WEEKLY} --day-of-month 3 {WINDOW}",
        "--interval-months, --day-of-month and --week-index cannot be used for Weekly schedule.",
    ),
    (
        "AbsoluteMonthly, missing",
        f"-n {NODE_OS} --schedule-type AbsoluteMonthly --day-of-month 3 {WINDOW}",
        "Please specify --interval-months and --day-of-month when using absolute monthly schedule.",
    ),
    (
        "AbsoluteMonthly, excess",
        f"-n {NODE_OS} {MONTHLY} --interval-days 2 {WINDOW}",
        MONTHLY_EXCESS,
    ),
    (
        "RelativeMonthly, missing",
        f"-n {NODE_OS} --schedule-type RelativeMonthly --interval-months 1 --week-index Last {WINDOW}",
        "Please specify --interval-months, --day-of-week and --week-index when using relative monthly schedule.",
    ),
    (
        "RelativeMonthly, excess",
        f"-n {NODE_OS} {RELATIVE} --interval-weeks 1 {WINDOW}",
        "--interval-days, --interval-weeks and --day-of-month cannot be used for RelativeMonthly schedule.",
    ),
    (
        "offset",
        f"-n {NODE_OS} {WEEKLY} {WINDOW} --utc-offset 2",
        '--utc-offset must be in format: "+/-HH:mm". For example, "+05:30" and "-12:00".',
    ),
    (
        "date",
        f"-n {NODE_OS} {WEEKLY} {WINDOW} --start-date 3.1.2026",
        '--start-date must be in format: "yyyy-MM-dd". For example, "2023-01-01".',
    ),
    (
        "time",
        f"-n {NODE_OS} {WEEKLY} --duration 4 --start-time 1:00",
        '--start-time must be in format "HH:mm". For example, "09:30" and "17:00".',
    ),
)


def read(text: str, file: str = "add.sh", name: str = "") -> Imports:
    found = Imports()
    formats.read(found, Text(file, text), name)
    return found


def command(options: str) -> str:
    return f"az aks maintenanceconfiguration add -g rg --cluster-name prod {options}\n"


def one(found: Imports) -> Manifest:
    assert found.mistakes == []
    (manifest,) = found.judged()
    return manifest


@pytest.mark.parametrize(("options", "says"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_a_command_is_refused_as_az_refuses_it(options: str, says: str) -> None:
    assert [mistake.message for mistake in read(command(options)).mistakes] == [says]


def test_of_several_mistakes_all_are_told_and_the_first_is_the_one_that_az_prints() -> None:
    found = read("# windows\n" + command(f"-n {NODE_OS} --weekday Monday --schedule-type Daily"))
    assert [(it.line, it.message.split()[-2]) for it in found.mistakes] == [
        (2, "maintenance"),
        (2, "daily"),
        (2, "maintenance"),
        (2, "maintenance"),
    ]
    assert found.mistakes[0].message.startswith("--weekday and --start-hour are only applicable")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (f"{WEEKLY} {WINDOW}", "the following arguments are required: --name/-n"),
        (f"-n {NODE_OS} {WEEKLY} {WINDOW} --utc-offset -08:00", "expected one argument"),  # must be attached
        (f"-n {NODE_OS} {WEEKLY} --start-time 01:00 --duration four", "invalid int value: 'four'"),
        (f"-n {NODE_OS} {WEEKLY} {WINDOW} --colour red", "unrecognized arguments: --colour red"),
        (f"-n {NODE_OS} {WEEKLY} --start-time 01:00 --duration $HOURS", "a variable of the shell: write its value"),
        (f"-n $NAME {WEEKLY} {WINDOW}", "a variable of the shell: write its value"),
        (f"-n {NODE_OS} {WEEKLY} --start-time 01:00 --duration 3", "must be greater than or equal to 4"),
        (f"-n {NODE_OS} {WEEKLY} --start-time 24:00 --duration 4", "from 00:00 to 23:59"),
        (
            f"-n {NODE_OS} {WINDOW} --schedule-type Weekly --interval-weeks 1 --day-of-week Caturday",
            "(the server refuses it)",
        ),
        ("-n default --start-hour 3 --weekday Caturday", "(the server refuses it)"),
        (f"-n {NODE_OS} {WINDOW} --schedule-type AbsoluteMonthly --interval-months 1 --day-of-month x", "the server"),
        (f"-n {NODE_OS} --config-file windows.json", f"give it to napsim import az, with --name {NODE_OS}"),
        (f"-n '{NODE_OS} {WEEKLY}", "not a shell command: No closing quotation"),
    ],
)
def test_what_else_is_wrong_with_a_command_is_told_too(options: str, says: str) -> None:
    (mistake,) = read(command(options)).mistakes
    assert says in mistake.message


def test_a_command_may_go_over_lines_and_be_one_of_several_and_spell_values_as_az_allows() -> None:
    text = "set -e; cd x && if ! az aks maintenanceconfiguration update --cluster-name prod -g $group \\\n"
    text += f"  --name={NODE_OS} --dur 6 \\\n"
    text += "  --schedule-type relativemonthly --interval-months 2 --week-index last --day-of-week MONDAY \\\n"
    text += "  --start-time 22:30 --utc-offset=-08:00 --start-date 2026-01-15 | tee log  # reviewed\n"
    text += "  then exit 1; fi\n"
    text += "az aks maintenanceconfiguration list -g rg --cluster-name prod\n"
    spec = one(read(text))["spec"]
    assert spec["maintenanceWindow"] == {
        "durationHours": 6,
        "startTime": "22:30",
        "startDate": "2026-01-15",
        "utcOffset": "-08:00",
        "schedule": {"relativeMonthly": {"intervalMonths": 2, "dayOfWeek": "Monday", "weekIndex": "Last"}},
    }


def test_powershell_has_another_sign_for_a_command_that_goes_on() -> None:
    text = f"az aks maintenanceconfiguration add `\n  -n {NODE_OS} `\n  {WEEKLY} {WINDOW}\n"
    assert one(read(text, "windows.ps1")) == one(read(text.replace(" `", " \\"), "windows.sh"))


def test_default_takes_an_hour_of_a_day_and_since_2026_a_weekly_schedule() -> None:
    hour = one(read(command("-n default --weekday monday --start-hour 1")))
    assert hour["spec"] == {"configName": "default", "timeInWeek": [{"day": "Monday", "hourSlots": [1]}]}
    weekly = read(command(f"-n default --schedule-type Weekly --day-of-week Sunday {WINDOW}"))
    assert one(weekly)["spec"]["maintenanceWindow"]["schedule"] == {
        "weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}
    }
    (note,) = weekly.notes
    assert "--schedule-type is not supported for default maintenance configuration." in note.message


def test_beside_a_file_az_ignores_every_option_and_that_is_said() -> None:
    body = json.dumps({"properties": {"timeInWeek": [{"day": "Friday"}]}})
    script = f"cat > d.json <<'EOF'\n{body}\nEOF\n" + command("-n default --config-file d.json --start-hour 3")
    found = read(script)
    assert one(found)["spec"] == {"configName": "default", "timeInWeek": [{"day": "Friday"}]}
    assert [note.message for note in found.notes] == ["az ignores --start-hour beside --config-file"]


def test_az_does_not_take_a_file_by_its_content() -> None:
    (mistake,) = read(command("-n default --config-file @default.json")).mistakes
    assert mistake.message == "az takes what is in the file for the path of one: write it without @"


# --- a file ----------------------------------------------------------------------------------------------------------


def body(**changes: Any) -> str:
    weekly = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    window = {"schedule": weekly, "durationHours": 4, "startTime": "01:00", **changes}
    kept = {key: value for key, value in window.items() if value is not None}
    return json.dumps({"properties": {"maintenanceWindow": kept}}, indent=1)


FILES: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"startTime": None}, "startTime", "Please specify --start-time for maintenance window."),
    ({"durationHours": None}, "durationHours", "Please specify --duration for maintenance window."),
    ({"schedule": {}}, "schedule", "--schedule-type must be one of Daily, Weekly, AbsoluteMonthly or RelativeMonthly."),
    (
        {"schedule": None},
        "schedule",
        "--schedule-type must be one of Daily, Weekly, AbsoluteMonthly or RelativeMonthly.",
    ),
    (
        {"schedule": {"daily": {}}},
        "schedule.daily.intervalDays",
        "Please specify --interval-days when using daily schedule.",
    ),
    (
        {"schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday", "dayOfMonth": 3}}},
        "schedule.weekly.dayOfMonth",
        "--interval-months, --day-of-month and --week-index cannot be used for Weekly schedule.",
    ),
    (
        {"utcOffset": "2"},
        "utcOffset",
        '--utc-offset must be in format: "+/-HH:mm". For example, "+05:30" and "-12:00".',
    ),
    ({"startDate": "soon"}, "startDate", '--start-date must be in format: "yyyy-MM-dd". For example, "2023-01-01".'),
    ({"startTime": "1:00"}, "startTime", '--start-time must be in format "HH:mm". For example, "09:30" and "17:00".'),
)


@pytest.mark.parametrize(("changes", "field", "says"), FILES, ids=[f"{row[1]} {row[0]}" for row in FILES])
def test_the_same_mistake_in_a_file_is_told_in_both_words(changes: dict[str, Any], field: str, says: str) -> None:
    (mistake,) = read(body(**changes), "x.json", NODE_OS).mistakes
    assert mistake.field == f"properties.maintenanceWindow.{field}"
    assert mistake.message.endswith(f"(az: {says})")


def test_what_az_leaves_to_the_server_has_our_words_alone() -> None:
    (mistake,) = read(body(utcOffset="+15:00"), "x.json", NODE_OS).mistakes
    assert "(az:" not in mistake.message
    assert mistake.value == "+15:00"


def test_a_name_that_aks_does_not_read_is_told_with_the_one_that_is_meant() -> None:
    (mistake,) = read(body(), "x.json", "aksManagedClusterAutoUpgradeSchedule").mistakes
    assert "should be aksManagedAutoUpgradeSchedule" in mistake.message
    assert mistake.message.endswith("not aksManagedClusterAutoUpgradeSchedule)")


def test_a_file_without_the_level_that_azure_has_is_read_with_a_note() -> None:
    flat = json.dumps({"timeInWeek": [{"day": "Friday"}]})
    found = read(flat, "default.json")
    assert one(found)["spec"] == {"configName": "default", "timeInWeek": [{"day": "Friday"}]}
    (note,) = found.notes
    assert "Azure's fields are below `properties`" in note.message
    shown = json.dumps({"name": "default", "resourceGroup": "rg", "timeInWeek": [{"day": "Friday"}]})
    assert read(shown).notes == [], "what az shows has no such level"


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (
            {"daily": {"intervalDays": 1}},
            "not weekly (az: --schedule-type for default maintenance configuration must be Weekly.)",
        ),
        ({"weekly": {"intervalWeeks": 2, "dayOfWeek": "Sunday"}}, f"not every week (az: {DEFAULT_INTERVAL})"),
    ],
    ids=["daily", "every second week"],
)
def test_a_file_for_default_that_is_not_weekly_is_read_with_a_note(schedule: dict[str, Any], says: str) -> None:
    found = read(body(schedule=schedule), "default.json")
    assert one(found)["spec"]["configName"] == "default"
    assert [note.message for note in found.notes] == [f"of default AKS is said to refuse what is {says}"]
