"""What az says, word for word, when a maintenance configuration is wrong.

Mirrors azure-cli 2.91.0, ``acs/maintenanceconfiguration.py`` and ``_validators.py``; tests/azure/test_azurecli.py holds
them to that program.
"""

from __future__ import annotations

from typing import Final

NAME: Final = (
    "--config-name must be one of default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule, not {name}"
)
DEFAULT_NEEDS: Final = (
    "Please specify --weekday and --start-hour, or --schedule-type Weekly with --day-of-week, --start-time, and"
    " --duration for default maintenance configuration, or use --config-file instead."
)
DEFAULT_NO_SCHEDULE_TYPE: Final = "--schedule-type is not supported for default maintenance configuration."
DEFAULT_BOTH_FORMS: Final = (
    "--weekday and --start-hour cannot be used together with --schedule-type for default maintenance configuration."
)
DEFAULT_NOT_WEEKLY: Final = "--schedule-type for default maintenance configuration must be Weekly."
DEFAULT_INTERVAL: Final = (
    "--interval-weeks cannot be specified for default maintenance configuration; the interval is always 1 week."
)
DEFAULT_EXCESS: Final = "{options} cannot be used for default maintenance configuration."
DEFAULT_DAY: Final = (
    "--day-of-week is required for default maintenance configuration when --schedule-type Weekly is specified."
)
OTHERS_WITH_WEEKDAY: Final = "--weekday and --start-hour are only applicable to default maintenance configuration."
NO_START_TIME: Final = "Please specify --start-time for maintenance window."
NO_DURATION: Final = "Please specify --duration for maintenance window."
SCHEDULE_TYPE: Final = "--schedule-type must be one of Daily, Weekly, AbsoluteMonthly or RelativeMonthly."
MISSING: Final = {
    "Daily": "Please specify --interval-days when using daily schedule.",
    "Weekly": "Please specify --interval-weeks and --day-of-week when using weekly schedule.",
    "AbsoluteMonthly": ("Please specify --interval-months and --day-of-month when using absolute monthly schedule."),
    "RelativeMonthly": (
        "Please specify --interval-months, --day-of-week and --week-index when using relative monthly schedule."
    ),
}
EXCESS: Final = {
    "Daily": (
        "--interval-weeks, --interval-months, --day-of-week, --day-of-month and --week-index cannot be used for Daily"
        " schedule."
    ),
    "Weekly": "--interval-months, --day-of-month and --week-index cannot be used for Weekly schedule.",
    "AbsoluteMonthly": (
        "--interval-days, --interval-weeks, --day-of-week and --week-index cannot be used for AbsoluteMonthly schedule."
    ),
    "RelativeMonthly": (
        "--interval-days, --interval-weeks and --day-of-month cannot be used for RelativeMonthly schedule."
    ),
}
UTC_OFFSET: Final = '--utc-offset must be in format: "+/-HH:mm". For example, "+05:30" and "-12:00".'
START_DATE: Final = '--start-date must be in format: "yyyy-MM-dd". For example, "2023-01-01".'
START_TIME: Final = '--start-time must be in format "HH:mm". For example, "09:30" and "17:00".'
NOT_ALLOWED: Final = "'{value}' is not a valid value for '{option}'. Allowed values: {allowed}."
OFFSET_FORM: Final = r"[+-]\d{2}:\d{2}"
DATE_FORM: Final = r"\d{4}-\d{2}-\d{2}"
TIME_FORM: Final = r"\d{2}:\d{2}"

KINDS: Final = {
    "daily": "Daily",
    "weekly": "Weekly",
    "absoluteMonthly": "AbsoluteMonthly",
    "relativeMonthly": "RelativeMonthly",
}
"""The kinds of schedule: their names in REST, and those of ``--schedule-type`` and azurerm's ``frequency``."""
REST_KINDS: Final = {theirs: ours for ours, theirs in KINDS.items()}
