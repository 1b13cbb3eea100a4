"""Questions of planned-maintenance.md 5 to 8 that concern several modules at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from napsim.core.configuration_specs import ConfigurationError, from_spec
from napsim.core.configurations import AUTO_UPGRADE, DEFAULT, NODE_OS, Configuration, MaintenanceWindow
from napsim.core.definitions import GalleryKind, definitions_for
from napsim.core.images import Catalogue, ListKey, PublishedImage
from napsim.core.lead_times import Effective, effective
from napsim.core.maintenance import status_report
from napsim.core.pickup import PickupRule, Window, reconcile
from napsim.core.recurrence import Daily, Schedule, Weekday, Weekly
from napsim.core.windows import upcoming, verdict
from tests.core.test_pickup import NEW, NOW, OLD, SETTINGS, TRIPLE, entries, node_class, published, versions

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
SUNDAYS = Weekly(1, Weekday.SUNDAY)
ALL = (NODE_OS, AUTO_UPGRADE, DEFAULT)
SPEC = {"schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}, "startTime": "01:00", "durationHours": 4}


def configure(name: str = NODE_OS, schedule: Schedule = SUNDAYS) -> Configuration:
    return Configuration(name, MaintenanceWindow(schedule, 4, date(2025, 1, 1), time(1), timedelta(hours=1)))


def starts(configuration: Configuration, after: str, count: int = 2) -> list[str]:
    now = datetime.fromisoformat(after).replace(tzinfo=UTC)
    return [f"{window.start:%m-%d %H:%M}" for window in upcoming(configuration, now, count)]


def refused(**fields: object) -> str:
    with pytest.raises(ConfigurationError) as error:
        from_spec(NODE_OS, {"maintenanceWindow": SPEC | fields}, NOW)
    return str(error.value)


@pytest.mark.row("pm:5.1-offset-is-fixed")
def test_an_offset_is_the_same_in_summer_and_winter_unless_a_time_zone_is_named() -> None:
    fixed = configure()
    assert fixed.window is not None
    berlin = replace(fixed, window=replace(fixed.window, time_zone="Europe/Berlin"))
    assert starts(fixed, "2026-03-21") == ["03-22 00:00", "03-29 00:00"]
    assert starts(fixed, "2026-07-04") == ["07-05 00:00", "07-12 00:00"]
    assert starts(berlin, "2026-07-04") == ["07-04 23:00", "07-11 23:00"]


@pytest.mark.row("pm:5.1-one-day-of-week")
@pytest.mark.parametrize("days", [["Saturday", "Sunday"], "Saturday,Sunday", "Weekend"])
def test_a_weekly_schedule_has_exactly_one_day(days: object) -> None:
    said = refused(schedule={"weekly": {"intervalWeeks": 1, "dayOfWeek": days}})
    assert "schedule.weekly.dayOfWeek: Invalid value" in said
    assert "must be one of Sunday, Monday" in said


@pytest.mark.row("pm:5.1-duration")
@pytest.mark.parametrize(("hours", "fine"), [(3, False), (4, True), (24, True), (25, False)])
def test_a_window_lasts_four_to_twenty_four_hours(hours: int, fine: bool) -> None:
    if fine:
        found = from_spec(NODE_OS, {"maintenanceWindow": SPEC | {"durationHours": hours}}, NOW)
        assert found.window is not None
        assert found.window.duration == hours * HOUR
    else:
        assert "durationHours" in refused(durationHours=hours)


@pytest.mark.row("pm:5.1-three-configurations")
def test_the_window_of_one_configuration_says_nothing_about_the_others() -> None:
    at = datetime(2026, 3, 1, 1, tzinfo=UTC)  # a Sunday
    found = {name: verdict(configure(name, SUNDAYS if name == NODE_OS else Daily(7)), at).open for name in ALL}
    assert found == {NODE_OS: True, AUTO_UPGRADE: False, DEFAULT: False}


@pytest.mark.row("pm:5.3-all-three", "pm:5.3-longer-than-a-week")
@pytest.mark.parametrize("name", ALL)
def test_each_configuration_may_block_a_whole_year(name: str) -> None:
    spec = SPEC | {"startDate": "2025-06-01", "notAllowedDates": [{"start": "2026-01-01", "end": "2026-12-31"}]}
    found = from_spec(name, {"maintenanceWindow": spec}, NOW)
    assert starts(found, "2025-12-29") == ["01-03 01:00", "01-10 01:00"]
    assert verdict(found, datetime(2026, 6, 7, 2, tzinfo=UTC)).open is False


@pytest.mark.row("pm:7.2-which")
@pytest.mark.parametrize("name", ALL)
def test_each_configuration_says_its_windows_and_whether_it_is_open(name: str) -> None:
    report = status_report(Effective(configure(name)), datetime(2026, 3, 1, 1, tzinfo=UTC))
    assert (report.state, report.changes) == ("OPEN", "closes Sun 2026-03-01 04:00 UTC")
    assert [shown.utc for shown in report.following[:1]] == ["Sun 2026-03-08 00:00–04:00 UTC"]
    assert [shown.local for shown in report.following[:1]] == ["Sun 2026-03-08 01:00–05:00 UTC+01:00"]


@pytest.mark.row("pm:7.2-another-kind")
def test_a_configuration_may_become_one_of_another_kind() -> None:
    old, new = configure(), configure(NODE_OS, Daily(1))
    changed_at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    before = effective(old, new, changed_at, changed_at + 29 * MINUTE)
    after = effective(old, new, changed_at, changed_at + 30 * MINUTE)
    assert (before.configuration, before.pending) == (old, new)
    assert (after.configuration, after.takes_effect_at) == (new, None)


@pytest.mark.row("pm:7.3-second-image")
def test_a_second_image_is_picked_up_in_the_same_window_when_the_list_is_made_anew() -> None:
    newer = "202503.02.0"
    catalogue = Catalogue([*published(NEW), *published(newer, at=NOW + HOUR)])
    window = Window(open=True, changes_at=NOW + 4 * HOUR)
    first = reconcile(node_class(entries(OLD)), "1.33.2", catalogue, None, window, SETTINGS, NOW)
    kept = reconcile(first.state, "1.33.2", catalogue, first.cache, window, SETTINGS, NOW + 2 * HOUR)
    anew = reconcile(first.state, "1.33.2", catalogue, None, window, SETTINGS, NOW + 2 * HOUR)
    assert [versions(found.state.images)[0] for found in (first, kept, anew)] == [NEW, NEW, newer]
    assert {change.rule for change in anew.pickup.changes} == {PickupRule.WINDOW_OPEN}


@pytest.mark.row("pm:7.3-goes-on")
def test_what_was_picked_up_stays_when_the_window_closes_so_that_replacement_goes_on() -> None:
    catalogue = Catalogue(published(NEW))
    opened = reconcile(node_class(entries(OLD)), "1.33.2", catalogue, None, Window(open=True), SETTINGS, NOW)
    closed = reconcile(opened.state, "1.33.2", catalogue, opened.cache, Window(open=False), SETTINGS, NOW + 5 * HOUR)
    assert closed.state is opened.state


@pytest.mark.row("pm:8-kubernetes")
def test_a_new_image_leaves_the_kubernetes_version_alone() -> None:
    catalogue = Catalogue(published(NEW))
    before = node_class(entries(OLD))
    found = reconcile(before, before.kubernetes_version, catalogue, None, Window(open=True), SETTINGS, NOW)
    assert versions(found.state.images) == [NEW] * len(TRIPLE)
    assert found.state.kubernetes_version == before.kubernetes_version


@pytest.mark.row("pm:8-no-downgrade")
def test_the_shared_gallery_s_latest_is_never_older_than_what_was_listed_before() -> None:
    """A version that is published late and sorts below the latest does not become it, as SIG compares versions."""
    late = [PublishedImage(TRIPLE[0], "202501.01.0", "Ubuntu2204", NOW + DAY)]
    key = ListKey(definitions_for(node_class().selection, "1.33.2", GalleryKind.SIG), "1.33.2", GalleryKind.SIG)
    catalogue = Catalogue([*published(NEW), *late])
    assert {image.version for image in catalogue.latest(key, NOW + 2 * DAY)} == {NEW}
