"""Drive mode: what the ConfigMap is brought to, when it is left alone, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.publication import OURS, WindowPublisher, manifest_of
from napsim.controllers.reports import Reports
from napsim.controllers.resources import Resource
from napsim.controllers.windows import WindowController
from napsim.core.actions import Action, Event
from napsim.core.configurations import AUTO_UPGRADE, NODE_OS
from napsim.core.objects import ConfigMap, ObjectMeta
from napsim.core.published_windows import CONFIG_MAP, read
from tests.controllers.test_windows import WEDNESDAY, configuration

SUNDAY = {f"{NODE_OS}-start": "2026-02-15T01:00:00Z", f"{NODE_OS}-end": "2026-02-15T05:00:00Z"}
NEXT_SUNDAY = {f"{NODE_OS}-start": "2026-02-22T01:00:00Z", f"{NODE_OS}-end": "2026-02-22T05:00:00Z"}
NEVER = {f"{NODE_OS}-start": "9999-12-31T23:59:59Z", f"{NODE_OS}-end": "9999-12-31T23:59:59Z"}


class Cluster:
    """An API server with one ConfigMap, settings and configurations, and whoever writes them."""

    def __init__(self, *windows: Mapping[str, Any], **spec: Any) -> None:
        self.now = WEDNESDAY
        self.refusal = ""
        self.writes: list[dict[str, str]] = []
        self.events: list[tuple[str, str, str]] = []
        self.status: dict[str, Any] = {}
        self.declared = Declared()
        clock = VirtualClock(lambda: self.now)
        reports = Reports(self.declared, clock, self)
        self.windows = WindowController(self.declared, clock, reports)
        self.publisher = WindowPublisher(self.declared, self.windows, clock, reports, self, "karpenter")
        metadata = {"name": "default", "uid": "nap", "generation": 3, "resourceVersion": "1"}
        nap = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning", "metadata": metadata}
        for manifest in ({**nap, "spec": spec}, *windows):
            assert self.declared.take(manifest, WEDNESDAY)
        self.windows.adopt()

    def hold(self, data: dict[str, str], **labels: str) -> None:
        self.publisher.held = ConfigMap(ObjectMeta(CONFIG_MAP, "karpenter", labels=labels), data)

    def look(self) -> datetime | None:
        return asyncio.run(self.publisher.reconcile("cluster"))

    @property
    def ready(self) -> tuple[str, str]:
        (found,) = self.status["conditions"]
        assert found["type"] == "Ready"
        return found["status"], found["reason"]

    # --- what it is asked to do -----------------------------------------------------------------------------------

    async def write(self, held: ConfigMap | None, data: Mapping[str, str]) -> str:
        assert held is self.publisher.held
        if not self.refusal:
            self.writes.append(dict(data))
            self.hold(dict(data), **OURS)
        return self.refusal

    async def carry_out(self, actions: Iterable[Action]) -> None:
        raise AssertionError(f"drive mode acts on nothing: {actions}")

    async def patch(
        self, resource: Resource, name: str, changes: Mapping[str, Any], resource_version: str = ""
    ) -> Mapping[str, Any]:
        raise AssertionError(f"drive mode changes nothing: {resource.kind} {name} {changes} {resource_version}")

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        merged = {**self.status, **changes}
        self.status = {key: value for key, value in merged.items() if value is not None}
        metadata = {"name": name, "uid": "nap", "generation": 3, "resourceVersion": "2"}
        return {"kind": resource.kind, "metadata": metadata, "status": self.status}

    def record(self, event: Event) -> None:
        self.events.append((event.kind, event.reason, event.message))


def test_the_window_is_written_once_and_anew_when_it_is_over() -> None:
    cluster = Cluster(configuration("node-os", NODE_OS))
    wakes = cluster.look()
    assert cluster.writes == [SUNDAY]
    assert wakes == datetime(2026, 2, 15, 1, 0, 0, 1, UTC), "the status says then that it is open"
    assert cluster.ready == ("True", "Driving")
    assert cluster.status["window"] == "closed, opens Sun 2026-02-15 01:00 UTC"

    cluster.now = wakes
    wakes = cluster.look()
    assert cluster.writes == [SUNDAY]
    assert wakes == datetime(2026, 2, 15, 5, tzinfo=UTC)
    assert cluster.status["window"] == "OPEN, closes Sun 2026-02-15 05:00 UTC"

    cluster.now = wakes
    cluster.look()
    assert cluster.writes == [SUNDAY, NEXT_SUNDAY]


def test_what_somebody_changed_is_put_right() -> None:
    cluster = Cluster(configuration("node-os", NODE_OS))
    cluster.hold({**SUNDAY, f"{NODE_OS}-end": "2026-02-16T05:00:00Z", "note": "longer"}, **OURS)
    cluster.look()
    assert cluster.writes == [SUNDAY]


@pytest.mark.row("pm:5.1-three-configurations")
def test_all_three_configurations_are_written_under_their_names() -> None:
    names = (NODE_OS, AUTO_UPGRADE, "default")
    cluster = Cluster(*(configuration(name.lower(), name) for name in names))
    cluster.look()
    (written,) = cluster.writes
    assert set(written) == {f"{name}-{bound}" for name in names for bound in ("start", "end")}


@pytest.mark.parametrize(
    ("fallback", "data"),
    [
        pytest.param({}, {}, id="always-open"),
        pytest.param({"fallback": {"mode": "None"}}, NEVER, id="never"),
        pytest.param(
            {"fallback": {"mode": "SeededWeekly", "seed": 1}},
            {f"{NODE_OS}-start": "2026-02-16T05:45:00Z", f"{NODE_OS}-end": "2026-02-16T09:45:00Z"},
            id="drawn",
        ),
    ],
)
def test_without_a_configuration_the_fallback_is_written(fallback: dict[str, Any], data: dict[str, str]) -> None:
    cluster = Cluster(configuration("auto", AUTO_UPGRADE), **fallback)
    cluster.look()
    (written,) = cluster.writes
    assert {key: value for key, value in written.items() if key.startswith(NODE_OS)} == data


def test_a_change_is_written_when_it_counts() -> None:
    fresh = configuration("node-os", NODE_OS)
    fresh["metadata"]["creationTimestamp"] = "2026-02-11T11:59:00Z"
    cluster = Cluster(fresh)
    assert cluster.look() == WEDNESDAY + timedelta(minutes=29)
    assert cluster.writes == [{}]


@pytest.mark.parametrize(
    ("clock", "shown"),
    [
        ({"factor": 600}, "factor 600:"),
        ({"start": "2026-02-14T20:00:00Z"}, "factor 1 and start 2026-02-14T20:00:00Z:"),
        ({"factor": 2, "start": "2026-02-14T20:00:00Z"}, "factor 2 and start 2026-02-14T20:00:00Z:"),
    ],
)
def test_on_another_clock_than_the_wall_clock_nothing_is_written(clock: dict[str, Any], shown: str) -> None:
    cluster = Cluster(configuration("node-os", NODE_OS), clock=clock)
    cluster.hold({}, **OURS)
    cluster.look()
    assert cluster.writes == []
    assert cluster.ready == ("False", "DriveNeedsWallClock")
    assert {(kind, reason) for kind, reason, _ in cluster.events} == {
        ("NodeAutoProvisioning", "DriveNeedsWallClock"),
        ("MaintenanceConfiguration", "DriveNeedsWallClock"),
    }
    assert f"spec.clock: Invalid value: {shown} in drive mode factor must be 1 and start absent" in cluster.events[0][2]


def test_a_config_map_of_somebody_else_is_left_as_it_is() -> None:
    cluster = Cluster(configuration("node-os", NODE_OS))
    cluster.hold(NEXT_SUNDAY, **{"app.kubernetes.io/managed-by": "somebody"})
    cluster.look()
    assert cluster.writes == []
    assert cluster.ready == ("False", "ConfigMapOfAnother")
    assert "ConfigMap karpenter/upcoming-maintenance-window has no label" in cluster.events[0][2]

    assert cluster.publisher.held is not None
    held = cluster.publisher.held
    cluster.hold(held.data, **OURS)
    cluster.look()
    assert cluster.writes == [SUNDAY]
    assert cluster.ready == ("True", "Driving")


def test_what_the_api_server_refuses_is_said_and_tried_again() -> None:
    cluster = Cluster(configuration("node-os", NODE_OS))
    cluster.refusal = 'namespaces "karpenter" not found'
    assert cluster.look() == WEDNESDAY + timedelta(minutes=1)
    assert cluster.ready == ("False", "ConfigMapRefused")
    assert cluster.events[0][2].endswith('upcoming-maintenance-window: namespaces "karpenter" not found')

    cluster.refusal = ""
    cluster.look()
    assert cluster.writes == [SUNDAY]
    assert cluster.ready == ("True", "Driving")


def test_without_settings_it_is_said_on_the_configurations_alone() -> None:
    cluster = Cluster(configuration("node-os", NODE_OS))
    cluster.declared.drop("NodeAutoProvisioning", "default")
    cluster.refusal = "no"
    cluster.look()
    assert [kind for kind, *_ in cluster.events] == ["MaintenanceConfiguration"]
    assert cluster.status == {}


def test_the_clock_of_a_rehearsal_does_not_stay_in_the_status() -> None:
    cluster = Cluster(configuration("node-os", NODE_OS))
    assert cluster.declared.nap is not None
    cluster.status = {"clock": {"factor": 600.0}, "phase": "RolledOut"}
    cluster.declared.nap = {**cluster.declared.nap, "status": cluster.status}
    cluster.look()
    assert "clock" not in cluster.status


def test_what_is_created_names_who_keeps_it() -> None:
    made = manifest_of("karpenter", SUNDAY)
    assert made["metadata"] == {"name": CONFIG_MAP, "namespace": "karpenter", "labels": OURS}
    assert made["data"] == SUNDAY


@pytest.mark.parametrize(
    "cluster",
    [
        Cluster(configuration("node-os", NODE_OS)),
        Cluster(configuration("node-os", NODE_OS, durationHours=24, schedule={"daily": {"intervalDays": 1}})),
        Cluster(configuration("node-os", NODE_OS, notAllowedDates=[{"start": "2026-02-15", "end": "2026-02-22"}])),
        Cluster(configuration("node-os", NODE_OS, notAllowedDates=[{"start": "2026-01-01", "end": "9999-12-31"}])),
        Cluster(configuration("auto", AUTO_UPGRADE)),
        Cluster(fallback={"mode": "SeededWeekly", "seed": 7}),
        Cluster(fallback={"mode": "None"}),
    ],
    ids=["weekly", "always", "cut-out", "never-again", "another", "drawn", "never"],
)
def test_the_provider_reads_at_any_instant_what_napsim_itself_would_go_by(cluster: Cluster) -> None:
    hours, tick = timedelta(hours=1), timedelta(microseconds=1)
    for hour in range(24 * 21):
        for now in (WEDNESDAY + hour * hours, WEDNESDAY + hour * hours + tick):
            data = cluster.windows.publication(now).data
            assert read(data, now, namespace="karpenter").open is cluster.windows.pickup_window(now).open, now
