"""Which configurations are in force when an operator begins to lead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.reports import Reports
from napsim.controllers.windows import WindowController
from napsim.core.clock import Timeline
from napsim.core.configurations import AUTO_UPGRADE, DEFAULT, NODE_OS
from napsim.core.maintenance import status_report
from napsim.core.objects import ConfigMap, ObjectMeta
from napsim.core.pickup import NO_WINDOW
from napsim.core.published_windows import CONFIG_MAP

WEDNESDAY = datetime(2026, 2, 11, 12, tzinfo=UTC)


def configuration(name: str, config_name: str, **window: Any) -> dict[str, Any]:
    weekly = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    spec = {"startDate": "2026-01-01", "startTime": "01:00", "durationHours": 4, "schedule": weekly, **window}
    metadata = {"name": name, "uid": name, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "MaintenanceConfiguration",
        "metadata": {**metadata, "resourceVersion": "1"},
        "spec": {"configName": config_name, "maintenanceWindow": spec},
    }


def test_every_configuration_holds_before_any_status_is_written() -> None:
    """Else images would be judged as if there were no window, while the status of another one is being written."""
    declared = Declared()
    clock = VirtualClock(lambda: WEDNESDAY, Timeline(WEDNESDAY, WEDNESDAY))
    windows = WindowController(declared, clock, cast(Reports, None))
    assert declared.take(configuration("auto-upgrade", "aksManagedAutoUpgradeSchedule"), WEDNESDAY)
    assert declared.take(configuration("node-os", "aksManagedNodeOSUpgradeSchedule"), WEDNESDAY)
    assert windows.verdict(WEDNESDAY).open

    windows.adopt()

    assert set(windows.in_force) == {"auto-upgrade", "node-os"}
    assert not windows.verdict(WEDNESDAY).open


def test_what_was_seen_before_the_clock_was_set_counts_from_now_on() -> None:
    """Months ahead on the wall clock: neither the change nor the day it starts may wait for that."""
    declared = Declared()
    clock = VirtualClock(lambda: WEDNESDAY, Timeline(WEDNESDAY, WEDNESDAY))
    windows = WindowController(declared, clock, cast(Reports, None))
    seen = configuration("node-os", "aksManagedNodeOSUpgradeSchedule")
    del seen["spec"]["maintenanceWindow"]["startDate"]
    seen["status"] = {
        "observedGeneration": 1,
        "pendingUntil": "2026-11-21T09:30:00Z",
        "startDate": "2026-11-21",
    }
    assert declared.take(seen, WEDNESDAY)

    windows.adopt()

    state = windows.in_force["node-os"]
    assert state.takes_effect_at == WEDNESDAY + timedelta(minutes=30)
    assert state.pending is not None
    assert state.pending.window is not None
    assert state.pending.window.start_date == WEDNESDAY.date()


# --- which of them governs --------------------------------------------------------------------------------------------


def controller(*manifests: dict[str, Any], data: dict[str, str] | None = None, **spec: Any) -> WindowController:
    declared = Declared()
    clock = VirtualClock(lambda: WEDNESDAY, Timeline(WEDNESDAY, WEDNESDAY))
    windows = WindowController(declared, clock, Reports(declared, clock, cast(Executor, None)), "kube-system")
    metadata = {"name": "default", "uid": "nap", "generation": 1, "resourceVersion": "1"}
    nap = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning", "metadata": metadata, "spec": spec}
    for manifest in (nap, *manifests):
        assert declared.take(manifest, WEDNESDAY)
    if data is not None:
        windows.config_map = ConfigMap(ObjectMeta(CONFIG_MAP, "kube-system"), data)
    windows.adopt()
    return windows


def channel(start: str, end: str, name: str = NODE_OS) -> dict[str, str]:
    return {f"{name}-start": start, f"{name}-end": end}


NODE_OS_SUNDAYS = configuration("node-os", NODE_OS)
NOW_OPEN = channel("2026-02-11T11:00:00Z", "2026-02-11T15:00:00Z")
NOW_CLOSED = channel("2026-02-12T11:00:00Z", "2026-02-12T15:00:00Z")
HALF = {f"{NODE_OS}-start": "2026-02-11T11:00:00Z"}
PUBLISHED = "ConfigMap kube-system/upcoming-maintenance-window"
SEEDED = {"fallback": {"mode": "SeededWeekly"}}
NEVER = {"fallback": {"mode": "None"}}


@pytest.mark.parametrize(
    ("windows", "source", "is_open"),
    [
        pytest.param(controller(), "", True, id="nothing"),
        pytest.param(controller(data={}), "", True, id="an-empty-config-map"),
        pytest.param(controller(data=NOW_CLOSED), PUBLISHED, False, id="a-config-map-that-is-closed"),
        pytest.param(controller(data=NOW_OPEN), PUBLISHED, True, id="a-config-map-that-is-open"),
        pytest.param(controller(data=HALF), PUBLISHED, False, id="half-a-window"),
        pytest.param(controller(data=channel("x", "y", AUTO_UPGRADE)), "", True, id="another-channel"),
        pytest.param(controller(NODE_OS_SUNDAYS, data=NOW_OPEN), "node-os", False, id="a-configuration-beside-it"),
        pytest.param(controller(NODE_OS_SUNDAYS, data=HALF), "node-os", False, id="a-configuration-beside-half-a-one"),
        pytest.param(
            controller(configuration("auto", AUTO_UPGRADE), data=NOW_OPEN), PUBLISHED, True, id="another-configuration"
        ),
        pytest.param(controller(data=NOW_OPEN, **NEVER), PUBLISHED, True, id="it-counts-before-a-fallback-of-never"),
        pytest.param(controller(data=NOW_OPEN, **SEEDED), PUBLISHED, True, id="it-counts-before-a-drawn-fallback"),
        pytest.param(controller(data={}, **NEVER), "", False, id="without-a-window-the-fallback-counts"),
        pytest.param(controller(data={}, **SEEDED), "", False, id="without-a-window-the-drawn-one-counts"),
    ],
)
def test_a_configuration_counts_before_the_config_map_and_that_before_the_fallback(
    windows: WindowController, source: str, is_open: bool
) -> None:
    assert windows.source(WEDNESDAY) == source
    assert windows.verdict(WEDNESDAY).open is is_open
    assert windows.pickup_window(WEDNESDAY).open is is_open
    assert bool(windows.pickup_window(WEDNESDAY).error) is bool(windows.problem(WEDNESDAY))


def just_made() -> dict[str, Any]:
    """A first configuration of the node OS, made at the instant of the tests: it counts half an hour later."""
    made = configuration("node-os", NODE_OS)
    made["metadata"]["creationTimestamp"] = "2026-02-11T12:00:00Z"
    return made


COUNTS_AT = WEDNESDAY + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("windows", "source", "is_open"),
    [
        pytest.param(controller(just_made()), "", True, id="nothing-else"),
        pytest.param(controller(just_made(), data=NOW_CLOSED), PUBLISHED, False, id="a-config-map-that-is-closed"),
        pytest.param(controller(just_made(), data=NOW_OPEN), PUBLISHED, True, id="a-config-map-that-is-open"),
        pytest.param(controller(just_made(), data=HALF), PUBLISHED, False, id="half-a-window"),
        pytest.param(controller(just_made(), **NEVER), "", False, id="a-fallback-of-never"),
        pytest.param(controller(just_made(), **SEEDED), "", False, id="a-drawn-fallback"),
    ],
)
def test_until_a_first_configuration_counts_what_governed_before_does(
    windows: WindowController, source: str, is_open: bool
) -> None:
    assert windows.source(WEDNESDAY) == source
    assert windows.verdict(WEDNESDAY).open is is_open
    assert windows.pickup_window(WEDNESDAY).open is is_open
    assert windows.verdict(WEDNESDAY).wake_at == COUNTS_AT
    assert windows.verdict(WEDNESDAY).told_until == COUNTS_AT
    assert windows.pickup_window(WEDNESDAY).changes_at == COUNTS_AT


@pytest.mark.parametrize("fallback", [{}, SEEDED, NEVER])
def test_until_then_what_is_published_is_the_fallback_too(fallback: dict[str, Any]) -> None:
    made = controller(just_made(), **fallback).publication(WEDNESDAY)
    assert made.data == controller(**fallback).publication(WEDNESDAY).data
    assert made.wake_at == COUNTS_AT


def test_half_a_window_holds_pick_up_and_says_why() -> None:
    windows = controller(data=HALF)
    error = f"unexpected state, with incomplete maintenance window data for channel {NODE_OS}"
    assert windows.pickup_window(WEDNESDAY).error == error
    assert windows.problem(WEDNESDAY) == f"{PUBLISHED}: {error}"
    assert controller(data=NOW_CLOSED).problem(WEDNESDAY) == ""


def test_where_no_system_namespace_is_known_the_config_map_is_not_read() -> None:
    windows = controller(data=NOW_CLOSED)
    windows.namespace = ""
    assert windows.verdict(WEDNESDAY).open
    assert windows.pickup_window(WEDNESDAY) == NO_WINDOW


def said(windows: WindowController, name: str) -> dict[str, str]:
    """Condition -> message, of the status that would be written for a configuration."""
    manifest = windows.declared.windows[name]
    report = status_report(windows.in_force[name], WEDNESDAY)
    return {item["type"]: item["message"] for item in windows._conditions(manifest, report)}


@pytest.mark.parametrize(
    ("config_name", "named"),
    [(NODE_OS, False), (AUTO_UPGRADE, False), (DEFAULT, True)],
)
def test_of_the_three_only_that_of_the_weekly_releases_is_without_effect(config_name: str, named: bool) -> None:
    found = said(controller(configuration("it", config_name), upgradeChannel="stable"), "it")
    assert ("NotYetHonoured" in found) is named


@pytest.mark.parametrize(("upgrade_channel", "idle"), [("none", True), ("node-image", True), ("rapid", False)])
def test_a_window_for_upgrades_that_nothing_makes_says_so(upgrade_channel: str, idle: bool) -> None:
    auto = configuration("auto", AUTO_UPGRADE)
    found = said(controller(auto, upgradeChannel=upgrade_channel), "auto")
    assert (f"upgradeChannel {upgrade_channel} upgrades nothing by itself" in found.get("Findings", "")) is idle
