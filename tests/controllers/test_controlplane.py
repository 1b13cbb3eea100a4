"""The Kubernetes version that is played: when it is taken, what is written first, and what is said while it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from napsim.controllers.clock import VirtualClock
from napsim.controllers.controlplane import ControlPlaneController
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.reports import Reports
from napsim.controllers.resources import Resource
from napsim.controllers.windows import WindowController
from napsim.core.actions import Action, Event
from napsim.core.clock import Timeline
from tests.controllers.test_windows import WEDNESDAY, configuration

SUNDAY = datetime(2026, 2, 15, 2, tzinfo=UTC)


class Hands:
    """An executor that notes what it is given, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    async def carry_out(self, actions: Iterable[Action]) -> None:
        raise AssertionError(f"nothing is to be carried out: {actions}")

    def record(self, event: Event) -> None:
        self.done.append((event.reason, event.message))

    async def patch(
        self, resource: Resource, name: str, changes: Mapping[str, Any], resource_version: str = ""
    ) -> Mapping[str, Any]:
        raise AssertionError(f"{resource.kind} {name}: {changes} {resource_version}")

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        self.done.append(("status", changes["kubernetesVersion"]))
        metadata = {"name": name, "uid": "nap", "resourceVersion": "2", "generation": 1}
        return {"kind": resource.kind, "metadata": metadata, "status": dict(changes)}


class World:
    """A cluster that runs 1.33.2, and what its owner asks for."""

    def __init__(self, held: str = "1.33.2", window: bool = True, **spec: Any) -> None:
        self.now, self.hands, self.told = WEDNESDAY, Hands(), 0
        self.declared = Declared(server_version="1.31.0")
        clock = VirtualClock(lambda: self.now, Timeline(WEDNESDAY, WEDNESDAY))
        reports = Reports(self.declared, clock, cast(Executor, self.hands))
        self.windows = WindowController(self.declared, clock, reports)
        metadata = {"name": "default", "uid": "nap", "generation": 1, "resourceVersion": "1"}
        nap = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning", "metadata": metadata}
        assert self.declared.take({**nap, "spec": spec, "status": {"kubernetesVersion": held}}, WEDNESDAY)
        if window:
            assert self.declared.take(configuration("auto", "aksManagedAutoUpgradeSchedule"), WEDNESDAY)
        self.windows.adopt()
        self.controller = ControlPlaneController(
            self.declared, self.windows, clock, reports, cast(Executor, self.hands), self._changed
        )
        self.controller.adopt()

    def _changed(self) -> None:
        self.hands.done.append(("told", self.declared.kubernetes_version))

    def look(self) -> datetime | None:
        return asyncio.run(self.controller.reconcile("cluster"))


def test_an_upgrade_on_a_channel_waits_for_the_window_of_the_cluster() -> None:
    world = World(upgradeChannel="stable", kubernetesVersion="1.34.0")
    opens = world.look()
    assert world.declared.kubernetes_version == "1.33.2"
    assert opens == datetime(2026, 2, 15, 1, 0, 0, 1, UTC)
    message = (
        "the upgrade of Kubernetes from 1.33.2 to 1.34.0 waits (upgradeChannel stable): aksManagedAutoUpgradeSchedule "
        "is closed; next window: Sun 2026-02-15 01:00–05:00 UTC"
    )
    assert world.declared.waiting_upgrade == message
    assert world.hands.done == [("KubernetesUpgradeWaits", message)]

    world.now = opens
    assert world.look() is None
    assert world.declared.kubernetes_version == "1.34.0"
    assert world.declared.waiting_upgrade == ""


def test_it_is_written_before_anybody_acts_on_it_and_survives_the_window() -> None:
    world = World(upgradeChannel="stable", kubernetesVersion="1.34.0")
    world.now = SUNDAY
    world.look()
    assert world.hands.done == [
        ("status", "1.34.0"),
        ("KubernetesUpgraded", "Kubernetes goes from 1.33.2 to 1.34.0"),
        ("told", "1.34.0"),
    ]

    later = World(held="1.34.0", upgradeChannel="stable", kubernetesVersion="1.34.0")
    assert later.declared.kubernetes_version == "1.34.0"
    assert later.look() is None
    assert later.hands.done == []


@pytest.mark.parametrize(
    "world",
    [
        pytest.param({"upgradeChannel": "none", "kubernetesVersion": "1.34.0"}, id="a-person-does-it"),
        pytest.param({"upgradeChannel": "node-image", "kubernetesVersion": "1.34.0"}, id="the-channel-is-for-images"),
        pytest.param({"upgradeChannel": "rapid", "kubernetesVersion": "1.34.0", "window": False}, id="no-window"),
        pytest.param({"upgradeChannel": "patch", "kubernetesVersion": "1.34.0", "held": ""}, id="a-new-cluster"),
    ],
)
def test_what_no_window_schedules_is_done_at_once(world: dict[str, Any]) -> None:
    made = World(**world)
    assert made.look() is None
    assert made.declared.kubernetes_version == "1.34.0"


def test_a_version_that_is_no_upgrade_is_taken_at_once() -> None:
    made = World(upgradeChannel="stable", kubernetesVersion="1.32.0")
    made.look()
    assert made.declared.kubernetes_version == "1.32.0"


def test_what_the_api_server_says_of_itself_waits_for_nothing() -> None:
    made = World(upgradeChannel="stable")
    assert made.declared.kubernetes_version == "1.33.2", "as it was left"
    made.look()
    assert made.declared.kubernetes_version == "1.31.0"


def test_until_somebody_has_decided_the_settings_say_it() -> None:
    declared = World(held="", upgradeChannel="stable", kubernetesVersion="1.34.0").declared
    assert declared.kubernetes_version == "1.34.0"
