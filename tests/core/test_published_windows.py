"""The ConfigMap of the Azure provider: what is read of it, and what is written into it (nap.md 3, 16.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.configurations import AUTO_UPGRADE, NODE_OS, Configuration, MaintenanceWindow, NotAllowedDates
from napsim.core.lead_times import Effective, gate
from napsim.core.pickup import NO_WINDOW, PickupRule, Window, pick_up
from napsim.core.published_windows import published, read, verdict
from napsim.core.recurrence import Daily, Schedule, Weekday, Weekly
from napsim.core.windows import WindowReason
from tests.core.instants import at
from tests.core.test_pickup import NEW, OLD, SETTINGS, entries, node_class, versions

NOW = datetime(2025, 1, 8, 12, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
CHANNEL = "for channel aksManagedNodeOSUpgradeSchedule"


def config_map(start: str | datetime, end: str | datetime, channel: str = NODE_OS) -> dict[str, str]:
    texts = [item if isinstance(item, str) else item.isoformat() for item in (start, end)]
    return {f"{channel}-start": texts[0], f"{channel}-end": texts[1]}


def seen(data: Mapping[str, str] | None, now: datetime = NOW, namespace: str = "kube-system") -> Window:
    return read(data, now, namespace=namespace)


@pytest.mark.parametrize(
    ("data", "namespace", "adopted"),
    [
        pytest.param(None, "kube-system", NEW, id="nap:P4"),
        pytest.param({}, "kube-system", NEW, id="nap:P6"),
        pytest.param(config_map(NOW + HOUR, NOW + 2 * HOUR), "", NEW, id="nap:P11"),
        pytest.param(config_map(NOW + HOUR, NOW + 2 * HOUR), "  ", NEW, id="nap:P11-blank"),
        pytest.param(config_map("", ""), "kube-system", NEW, id="nap:P6-empty-values"),
        pytest.param(
            config_map(NOW + HOUR, NOW + 2 * HOUR, AUTO_UPGRADE), "kube-system", NEW, id="nap:P6-another-channel"
        ),
        pytest.param(config_map(NOW + HOUR, NOW + 2 * HOUR), "kube-system", OLD, id="nap:P5"),
        pytest.param(config_map(NOW - HOUR, NOW + HOUR), " kube-system ", NEW, id="nap:P8"),
        pytest.param(config_map(NOW + HOUR, NOW - HOUR), "kube-system", OLD, id="start-after-end"),
        pytest.param(config_map(NOW - 2 * HOUR, NOW - HOUR), "kube-system", OLD, id="nap:3-in-the-past"),
        pytest.param(config_map(NOW, NOW + HOUR), "kube-system", OLD, id="nap:X7-start"),
        pytest.param(config_map(NOW - HOUR, NOW), "kube-system", OLD, id="nap:X7-end"),
        pytest.param(
            config_map("2025-01-08T12:30:00+01:00", "2025-01-08T13:30:00.5+01:00"), "kube-system", NEW, id="offsets"
        ),
    ],
)
def test_what_is_adopted_under_a_published_window(data: Mapping[str, str], namespace: str, adopted: str) -> None:
    found = pick_up(node_class(entries(OLD)), entries(NEW), seen(data, namespace=namespace), SETTINGS, NOW)
    assert versions(found.images) == [adopted] * 3
    assert found.error == ""


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(
            config_map("2025-01-08T11:00:00Z", "invalid-timestamp"),
            f"error parsing maintenance window end time {CHANNEL}",
            id="nap:P10",
        ),
        pytest.param(
            config_map("2025-01-08 11:00", "2025-01-08T13:00:00Z"),
            f"error parsing maintenance window start time {CHANNEL}",
            id="nap:P10-start",
        ),
        pytest.param(
            config_map("2025-13-08T11:00:00Z", "2025-01-08T13:00:00Z"),
            f"error parsing maintenance window start time {CHANNEL}",
            id="nap:P10-month-13",
        ),
        pytest.param(
            config_map("2025-01-08T11:00:00Z", ""),
            f"unexpected state, with incomplete maintenance window data {CHANNEL}",
            id="nap:P10-half",
        ),
    ],
)
def test_what_cannot_be_read_is_an_error_that_keeps_the_images(data: Mapping[str, str], error: str) -> None:
    window = seen(data)
    found = pick_up(node_class(entries(OLD)), entries(NEW), window, SETTINGS, NOW)
    assert versions(found.images) == [OLD] * 3
    assert found.error.startswith("checking maintenance window, ")
    assert error in found.error


@pytest.mark.parametrize(
    "start",
    ["2025-01-08T9:30:00Z", "2025-01-08T09:30:00,5Z", "2025-01-08T15:15:00.5+05:45", "2025-01-08T09:00:00-00:30"],
)
def test_an_instant_is_read_as_go_reads_it(start: str) -> None:
    assert seen(config_map(start, "2025-01-08T13:00:00Z")).open
    assert not seen(config_map(start, "2025-01-08T13:00:00Z"), NOW - 3 * HOUR).open


@pytest.mark.row("nap:X12")
def test_a_new_class_takes_its_images_whatever_is_wrong_with_the_window() -> None:
    found = pick_up(node_class(), entries(NEW), seen(config_map("x", "y")), SETTINGS, NOW)
    assert versions(found.images) == [NEW] * 3
    assert {change.rule for change in found.changes} == {PickupRule.NEW_NODE_CLASS}


# --- writing ----------------------------------------------------------------------------------------------------------


SUNDAYS = Weekly(1, Weekday.SUNDAY)


def configure(
    name: str = NODE_OS, schedule: Schedule = SUNDAYS, hours: int = 4, *blocked: NotAllowedDates
) -> Configuration:
    window = MaintenanceWindow(schedule, hours, date(2025, 1, 1), time(1), not_allowed_dates=blocked)
    return Configuration(name, window)


SUNDAY = {f"{NODE_OS}-start": "2025-01-12T01:00:00Z", f"{NODE_OS}-end": "2025-01-12T05:00:00Z"}
NEXT_SUNDAY = {f"{NODE_OS}-start": "2025-01-19T01:00:00Z", f"{NODE_OS}-end": "2025-01-19T05:00:00Z"}


@pytest.mark.parametrize(
    ("now", "data"),
    [
        pytest.param("2025-01-08T12:00", SUNDAY, id="the-next"),
        pytest.param("2025-01-12T01:00", SUNDAY, id="it-begins"),
        pytest.param("2025-01-12T04:59:59", SUNDAY, id="the-current"),
        pytest.param("2025-01-12T05:00", NEXT_SUNDAY, id="pm:5.2-configmap-rolls-on"),
    ],
)
def test_the_current_window_is_published_or_else_the_next(now: str, data: Mapping[str, str]) -> None:
    found = published({NODE_OS: Effective(configure())}, at(now))
    assert found.data == data
    assert found.wake_at == datetime.fromisoformat(data[f"{NODE_OS}-end"])


@pytest.mark.row("pm:5.1-three-configurations")
def test_each_configuration_has_keys_of_its_own_and_the_provider_reads_that_of_the_node_os() -> None:
    sunday, always = configure(), configure(AUTO_UPGRADE, Daily(1), 24)
    found = published({AUTO_UPGRADE: Effective(always), NODE_OS: Effective(sunday)}, NOW)
    assert set(found.data) == {f"{name}-{bound}" for name in (NODE_OS, AUTO_UPGRADE) for bound in ("start", "end")}
    assert found.data[f"{AUTO_UPGRADE}-end"] == "9999-12-31T23:59:59Z"
    assert not seen(found.data).open
    assert read(found.data, NOW, namespace="n", channel=AUTO_UPGRADE).open


def test_what_never_opens_again_is_read_as_closed_and_not_as_missing() -> None:
    """Without keys the provider would fail open."""
    never = configure(NODE_OS, Daily(1), 24, NotAllowedDates(date(2025, 1, 1), date.max))
    found = published({NODE_OS: Effective(never)}, NOW)
    assert found.data == config_map("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z")
    assert found.wake_at is None
    assert seen(found.data) == Window(open=False)


def test_what_is_open_at_all_times_for_want_of_a_configuration_has_no_keys() -> None:
    assert published({NODE_OS: Effective(None)}, NOW).data == {}
    assert published({}, NOW).wake_at is None


def test_a_change_that_is_waiting_is_published_when_it_counts() -> None:
    daily = configure(NODE_OS, Daily(1))
    state = Effective(configure(), daily, NOW + HOUR)
    assert published({NODE_OS: state}, NOW).data == SUNDAY
    assert published({NODE_OS: state}, NOW).wake_at == NOW + HOUR
    assert published({NODE_OS: Effective(daily)}, NOW + HOUR).data[f"{NODE_OS}-start"] == "2025-01-09T01:00:00Z"


@given(st.integers(0, 14 * 86_400), st.sampled_from([configure(), configure(NODE_OS, Daily(2), 24)]))
def test_what_is_published_reads_as_the_verdict_until_it_is_to_be_written_anew(
    seconds: int, configuration: Configuration
) -> None:
    now = NOW + seconds * timedelta(seconds=1)
    state = Effective(configuration)
    found = published({NODE_OS: state}, now)
    for instant in (now, *(found.wake_at - step for step in (HOUR, TICK) if found.wake_at)):
        if instant >= now:
            assert seen(found.data, instant).open is gate(state, instant).open
    window = seen(found.data, now)
    assert window.changes_at is not None
    assert window.changes_at >= now


# --- what a status says of it -----------------------------------------------------------------------------------------


SPAN = config_map("2025-01-12T01:00:00Z", "2025-01-12T05:00:00Z")


@pytest.mark.parametrize(
    ("data", "now", "reason", "message"),
    [
        pytest.param(
            SPAN, "2025-01-12T01:00", WindowReason.CLOSED,
            "is closed; next window: Sun 2025-01-12 01:00–05:00 UTC", id="nap:X7-start-told",
        ),
        pytest.param(
            SPAN, "2025-01-12T01:00:01", WindowReason.OPEN,
            "is open: Sun 2025-01-12 01:00–05:00 UTC", id="nap:P8-told",
        ),
        pytest.param(
            SPAN, "2025-01-12T05:00", WindowReason.NO_FURTHER_WINDOW,
            "has no further window until it is written anew", id="nap:3-in-the-past-told",
        ),
        pytest.param(
            config_map("x", "y"), "2025-01-12T01:00", WindowReason.UNREADABLE,
            f': error parsing maintenance window start time {CHANNEL}, parsing time "x": it is no RFC 3339 time',
            id="nap:P10-told",
        ),
    ],
)  # fmt: skip
def test_a_status_names_the_config_map_and_says_how_it_stands(
    data: Mapping[str, str], now: str, reason: WindowReason, message: str
) -> None:
    found = verdict(data, at(now), namespace=" kube-system ")
    assert found is not None
    assert found.reason is reason
    assert found.message.startswith("ConfigMap kube-system/upcoming-maintenance-window")
    assert found.message.endswith(message)
    assert found.open is seen(data, at(now)).open


@pytest.mark.parametrize(
    ("data", "namespace"),
    [(None, "kube-system"), ({}, "kube-system"), (config_map(NOW, NOW, AUTO_UPGRADE), "kube-system"), (SPAN, " ")],
    ids=["no-config-map", "no-data", "another-channel", "no-namespace"],
)
def test_where_the_config_map_says_nothing_a_status_leaves_it_out(
    data: Mapping[str, str] | None, namespace: str
) -> None:
    assert verdict(data, NOW, namespace=namespace) is None
    assert seen(data, namespace=namespace) == NO_WINDOW


@given(st.integers(-86_400, 86_400), st.integers(-86_400, 86_400))
def test_status_and_pick_up_agree_and_wake_at_the_same_instant(start: int, end: int) -> None:
    second = timedelta(seconds=1)
    data = config_map(NOW + start * second, NOW + end * second)
    window, told = seen(data), verdict(data, NOW, namespace="kube-system")
    assert told is not None
    assert told.open is window.open
    wakes = told.wake_at is not None and told.wake_at - (TICK if not told.open else timedelta(0))
    assert (wakes or None) == window.changes_at


@given(st.one_of(st.text(), st.datetimes().map(lambda value: value.isoformat() + "Z")), st.text())
def test_any_text_is_read_or_an_error(start: str, end: str) -> None:
    found = seen(config_map(start, end))
    assert not found.open or found == NO_WINDOW or found.changes_at is not None
