"""``napsim windows`` from the command line: in both times, what cuts and moves them, names, mistakes, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from napsim.cli.answers import local_zone
from napsim.cli.main import app
from napsim.report.marked import WIDTH
from tests.manifests import documents

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "manifests/examples"
AT = "--at=2026-03-20T00:00:00Z"  # a Friday
BERLIN = "--time-zone=Europe/Berlin"
NODE_OS = "aksManagedNodeOSUpgradeSchedule"
WEEKLY = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["windows", *map(str, arguments)], input=given)


def configuration(name: str = "night", config_name: str = NODE_OS, **changes: Any) -> dict[str, Any]:
    """Sundays from 01:00 for four hours; ``spec`` goes around the window, all else into it."""
    beside = changes.pop("spec", {})
    window = {"schedule": WEEKLY, "startTime": "01:00", "durationHours": 4, "startDate": "2026-01-01", **changes}
    return {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "MaintenanceConfiguration",
        "metadata": {"name": name},
        "spec": {"configName": config_name, "maintenanceWindow": window, **beside},
    }


def told(*options: str, given: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    done = run("-", *(options or (AT, BERLIN)), "--output=json", given=documents(*given))
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def shown(*options: str, given: tuple[dict[str, Any], ...]) -> str:
    """The text, as one line."""
    done = run("-", *(options or (AT, BERLIN)), given=documents(*given))
    assert done.exit_code == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    return " ".join(done.stdout.split())


def test_the_next_windows_are_told_in_utc_and_on_the_clocks_of_the_reader() -> None:
    done = run(EXAMPLES, AT, BERLIN, "--count=3")
    assert done.exit_code == 0
    rows = [line for line in done.stdout.splitlines() if line.startswith("    Sun")]
    assert [row.split("  ")[2].strip() for row in rows[:3]] == [
        "Sun 2026-03-22 01:00–05:00",
        "Sun 2026-03-29 01:00–05:00",
        "Sun 2026-04-05 01:00–05:00",
    ]
    assert [row[41:] for row in rows[:3]] == [
        "Sun 2026-03-22 02:00–06:00",
        "Sun 2026-03-29 03:00–07:00",
        "Sun 2026-04-05 03:00–07:00",
    ]


def test_as_many_windows_as_are_asked_for() -> None:
    (found,) = told(AT, BERLIN, "--count=52", given=(configuration(),))["configurations"]
    assert len(found["windows"]) == 52
    text = run("-", AT, BERLIN, "--count=52", given=documents(configuration())).stdout
    assert sum(line.startswith("    Sun 20") and "UTC+" not in line for line in text.splitlines()) == 52


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (
            "2026-03-20T00:00:00Z",
            "closed, opens Sun 2026-03-22 01:00 UTC, in 2d1h (Sun 2026-03-22 02:00 Europe/Berlin)",
        ),
        (
            "2026-03-22T02:30:00Z",
            "OPEN, closes Sun 2026-03-22 05:00 UTC, in 2h30m (Sun 2026-03-22 06:00 Europe/Berlin)",
        ),
    ],
)
def test_whether_it_is_open_now_and_until_when(at: str, state: str) -> None:
    assert state in shown(f"--at={at}", BERLIN, given=(configuration(),))


def test_what_is_cut_out_is_told_in_the_words_of_the_status() -> None:
    given = configuration(notAllowedDates=[{"start": "2026-03-29", "end": "2026-04-04"}])
    (found,) = told(given=(given,))["configurations"]
    assert [it["message"] for it in found["cutOuts"]] == [
        "notAllowedDates[0] (2026-03-29 to 2026-04-04) cuts out Sun 2026-03-29 01:00–05:00 UTC wholly"
    ]
    assert [it["start"] for it in found["windows"]][:2] == ["2026-03-22T01:00:00Z", "2026-04-05T01:00:00Z"]


def test_that_a_freeze_holds_a_window_closed_now_is_told() -> None:
    given = configuration(notAllowedDates=[{"start": "2026-03-29", "end": "2026-04-04"}])
    text = shown("--at=2026-03-29T02:00:00Z", BERLIN, given=(given,))
    assert "is closed by notAllowedDates[0] (2026-03-29 to 2026-04-04); next window: Sun 2026-04-05 01:00–05:00" in text


def test_the_legacy_form_and_its_blocked_times_are_told() -> None:
    spec = {
        "configName": "default",
        "timeInWeek": [{"day": "Monday", "hourSlots": [1, 2, 3, 4, 5]}],
        "notAllowedTime": [{"start": "2026-03-23T03:00:00Z", "end": "2026-03-23T12:00:00Z"}],
    }
    text = shown(given=({**configuration("weekly"), "spec": spec},))
    assert "default: the weekly releases of AKS; NAP's pick-up of images does not depend on it" in text
    assert "Mon 2026-03-23 01:00–03:00 Mon 2026-03-23 02:00–04:00" in text
    assert "notAllowedTime[0] (2026-03-23T03:00:00Z to 2026-03-23T12:00:00Z) cuts out a part of" in text
    assert f"! there is no {NODE_OS}: no maintenance configuration is in force: images are picked up as soon" in text


def test_a_fixed_offset_moves_with_the_clocks_of_the_reader() -> None:
    (found,) = told(given=(configuration(utcOffset="+01:00"),))["configurations"]
    assert [it.split(": from then on ")[1] for it in found["clocks"]] == [
        "1h later by these clocks",
        "1h earlier by these clocks",
    ]
    assert (found["windows"][0]["local"], found["windows"][1]["reader"]) == (
        "Sun 2026-03-22 01:00–05:00 UTC+01:00",
        "Sun 2026-03-29 01:00 UTC+01:00 – Sun 2026-03-29 06:00 UTC+02:00 (Europe/Berlin)",
    )


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("02:30", ["the clocks skip 02:30, so it starts at 03:30", "02:30 comes twice, the first one counts"]),
        ("01:00", ["so it ends at 06:00 instead of 05:00", "so it ends at 04:00 instead of 05:00"]),
    ],
)
def test_what_the_clocks_do_to_a_window_that_follows_them_is_told_for_a_year(start: str, said: list[str]) -> None:
    given = configuration(startTime=start, spec={"timeZone": "Europe/Berlin"})
    (found,) = told(given=(given,))["configurations"]
    for text in said:
        assert any(text in note for note in found["clocks"]), text
    assert [it["reason"] for it in found["findings"]] == ["TimeZoneExtension"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("aksManagedNodeOSAutoUpgradeSchedule", NODE_OS),
        ("aksManagedClusterAutoUpgradeSchedule", "aksManagedAutoUpgradeSchedule"),
        ("AKSManagedNodeOSUpgradeSchedule", NODE_OS),
    ],
)
def test_a_name_that_aks_refuses_is_a_mistake_with_the_right_one(name: str, meant: str) -> None:
    done = run("-", given=documents(configuration(config_name=name)))
    assert done.exit_code == 2
    assert f"(stdin):1: MaintenanceConfiguration/night: spec.configName: '{name}'" in done.stderr
    assert f"{name} should be {meant}" in done.stderr


def test_of_several_of_one_name_the_first_counts_and_the_others_are_not_read() -> None:
    answer = told(given=(configuration("b"), configuration("a", startTime="22:00")))
    assert [(it["name"], it["read"]) for it in answer["configurations"]] == [("b", False), ("a", True)]
    warned = [it["warnings"][0] for it in answer["configurations"]]
    assert [it["reason"] for it in warned] == ["SeveralOfOneName"] * 2
    assert (
        warned[0]["message"]
        == f"a, b all are configuration {NODE_OS}, of which AKS has one: a counts, this one does not"
    )
    assert "but AKS does not read it" in shown(given=(configuration("b"), configuration("a")))


def test_a_change_that_would_come_too_late_for_the_next_window_is_told() -> None:
    text = shown("--at=2026-03-22T00:45:00Z", BERLIN, given=(configuration(),))
    assert "a change counts 30m later" in text
    assert "if it is applied now: changed Sun 2026-03-22 00:45 UTC; a change counts 30m0s later" in text


def test_settings_of_the_cluster_count() -> None:
    settings = {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeAutoProvisioning",
        "metadata": {"name": "default"},
        "spec": {"leadTimes": {"nodeOS": "45m"}, "recurrence": {"shortMonths": "LastDay"}},
    }
    monthly = configuration(schedule={"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 31}})
    (found,) = told(given=(settings, monthly))["configurations"]
    assert found["leadTimeSeconds"] == 45 * 60
    assert [it["start"][:10] for it in found["windows"]][:2] == ["2026-03-31", "2026-04-30"]


def test_without_a_start_date_it_is_said_from_where_it_is_counted() -> None:
    every_other = {"weekly": {"intervalWeeks": 2, "dayOfWeek": "Sunday"}}
    (found,) = told(given=(configuration(schedule=every_other, startDate=None),))["configurations"]
    assert [it["reason"] for it in found["findings"]] == ["WeeklyAnchorRestsOnOneObservation", "NoStartDate"]
    kept = configuration(schedule=every_other, startDate=None)
    kept["metadata"]["creationTimestamp"] = "2026-03-10T00:00:00Z"
    (found,) = told(given=(kept,))["configurations"]
    assert [it["reason"] for it in found["findings"]] == ["WeeklyAnchorRestsOnOneObservation"]
    assert found["windows"][0]["start"] == "2026-03-22T01:00:00Z"


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"startTime": "22:00"}, "Sun 2026-03-22 22:00 – Mon 02:00"),
        ({"startTime": "20:00"}, "Sun 2026-03-22 20:00–24:00"),
        ({"schedule": {"daily": {"intervalDays": 1}}, "durationHours": 24}, "from Thu 2026-01-01 01:00 on"),
    ],
)
def test_a_window_fits_a_column_however_long_it_is(changes: dict[str, Any], row: str) -> None:
    assert f"{row} {row}" in shown(AT, "--time-zone=Etc/UTC", given=(configuration(**changes),))


def test_a_kind_of_the_same_name_in_another_group_is_named_and_left_out() -> None:
    foreign = {**configuration("aso"), "apiVersion": "containerservice.azure.com/v1api20250801"}
    answer = told(given=(configuration(), foreign))
    assert len(answer["configurations"]) == 1
    (note,) = answer["notes"]
    assert note.startswith("(stdin):3: MaintenanceConfiguration/aso of containerservice.azure.com/v1api20250801 is")
    assert note.endswith("another kind, and is not read")


def test_the_window_is_told_to_gate_the_pick_up_alone() -> None:
    assert "The window gates the pick-up of images, not disruption: nodes go on being replaced" in shown(
        given=(configuration(),)
    )


def test_every_mistake_is_told_with_its_place_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: napsim.dev/v1alpha1\nkind: MaintenanceConfiguration\nmetadata: {name: a}\nspec:\n"
        "  configName: default\n  maintenanceWindow:\n    startTime: 25:00\n"
        "    durationHours: 3\n    schedule: {}\n"
    )
    done = run(tmp_path, "-", given="{")
    assert done.exit_code == 2
    mistakes = done.stderr.splitlines()
    for place, what in (
        (7, "spec.maintenanceWindow.startTime"),
        (8, "durationHours"),
        (9, "exactly one"),
    ):
        assert any(f"a.yaml:{place}: " in line and what in line for line in mistakes), what
    assert any("(stdin)" in line and "not valid YAML" in line for line in mistakes)


def test_a_time_zone_that_there_is_not_is_a_mistake() -> None:
    done = run("-", given=documents(configuration(spec={"timeZone": "Europe/Berln"})))
    assert done.exit_code == 2
    assert "no such zone in the IANA time zone database; did you mean Europe/Berlin?" in done.stderr


def test_settings_that_cannot_hold_are_a_mistake() -> None:
    spec = {"clock": {"start": "1800-01-01T00:00:00Z"}}
    settings = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning", "metadata": {"name": "default"}}
    done = run("-", given=documents({**settings, "spec": spec}, configuration()))
    assert done.exit_code == 2
    assert "NodeAutoProvisioning/default: spec.clock.start: 1800" in done.stderr


def test_objects_that_get_their_names_later_are_never_the_same() -> None:
    unnamed = {**configuration(), "metadata": {"generateName": "night-"}}
    found = told(given=(unnamed, {**unnamed, "spec": configuration(startTime="03:00")["spec"]}))["configurations"]
    assert [(it["name"], it["windows"][0]["start"][11:16]) for it in found] == [
        ("night-", "01:00"),
        ("night-", "03:00"),
    ]


def test_without_a_configuration_there_is_no_answer() -> None:
    done = run("-", given="{}")
    assert done.exit_code == 2
    assert "there is no MaintenanceConfiguration in it" in done.stderr


@pytest.mark.parametrize(
    "option",
    [
        "--at=today",
        "--at=9999-12-31T00:00:00Z",
        "--at=1969-12-31T00:00:00Z",
        "--count=0",
        "--count=367",
        "--time-zone=Mars/Olympus",
    ],
)
def test_wrong_usage_is_exit_code_2(option: str) -> None:
    assert run(EXAMPLES, option).exit_code == 2


# --- the time zone of the machine -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Tokyo", "Asia/Tokyo"),
        ("CET-1CEST", "UTC"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
    ],
)
def test_the_variable_tz_goes_before_the_machine_s_file(variable: str, zone: str, tmp_path: Path) -> None:
    assert local_zone({"TZ": variable}, tmp_path / "localtime") == zone


def test_where_the_machine_s_file_leads_is_its_time_zone(tmp_path: Path) -> None:
    target = tmp_path / "zoneinfo/America/New_York"
    target.parent.mkdir(parents=True)
    target.touch()
    (tmp_path / "localtime").symlink_to(target)
    assert local_zone({}, tmp_path / "localtime") == "America/New_York"
    assert local_zone({}, tmp_path / "none") == "UTC"


def test_a_calendar_named_dash_goes_to_standard_output_alone() -> None:
    done = run("-", "--ics=-", given=documents(configuration()))
    assert done.stdout.startswith("BEGIN:VCALENDAR")
    assert done.stderr
    assert run("-", "--ics=-", "-o", "json", given=documents(configuration())).exit_code == 2
