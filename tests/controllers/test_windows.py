"""Which configurations are in force when an operator begins to lead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.reports import Reports
from napsim.controllers.windows import WindowController
from napsim.core.clock import Timeline

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
