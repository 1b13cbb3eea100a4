"""The status of the rollout: when it begins and ends, what is told of it, and how an operator started anew goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.disruption import Disruption
from napsim.controllers.reports import Reports
from napsim.controllers.resources import Resource
from napsim.controllers.rollout import RolloutReporter
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core.actions import Event
from napsim.core.clock import rfc3339
from napsim.core.images import ListCache
from napsim.core.objects import Condition, Node, NodeClaim, NodeClassRef
from napsim.core.pickup import ImageChange, Pickup, PickupRule, list_key
from napsim.core.reasons import Reason, Verdict
from napsim.live.executor import Executor
from tests.core.examples import claim, node, true

SUNDAY = datetime(2026, 2, 15, 1, 0, 10, 123456, tzinfo=UTC)
OLD, NEW = "202601.27.0", "202602.13.0"
DEFINITION = "2204gen2containerd"
HASH = "napsim-test-hash"
MINUTE = timedelta(minutes=1)


def image_id(version: str) -> str:
    return f"/CommunityGalleries/AKSUbuntu-1/images/{DEFINITION}/versions/{version}"


def member(name: str, version: str, *conditions: str) -> NodeClaim:
    """A claim of pool default on an image."""
    made = claim(name, conditions=true(names.INITIALIZED_CONDITION, *conditions))
    status = msgspec.structs.replace(made.status, image_id=image_id(version))
    spec = msgspec.structs.replace(made.spec, node_class_ref=NodeClassRef(name="default"))
    return msgspec.structs.replace(made, spec=spec, status=status)


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    result = {key: value for key, value in old.items() if changes.get(key, value) is not None}
    for key, value in changes.items():
        if isinstance(value, Mapping):
            result[key] = merged(result.get(key, {}), value)
        elif value is not None:
            result[key] = value
    return result


@dataclass
class World:
    """A reporter over objects in memory. The executor is stood in for."""

    real: datetime = SUNDAY
    said: list[Event] = field(default_factory=list)
    patches: list[dict[str, Any]] = field(default_factory=list)
    state: ClusterState = field(default_factory=ClusterState)
    declared: Declared = field(default_factory=Declared)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(lambda: self.real)
        executor = cast(Executor, self)
        reports = Reports(self.declared, self.clock, executor)
        windows = WindowController(self.declared, self.clock, reports)
        disruption = Disruption(
            self.state, self.declared, self.clock, executor, lambda _: None, lambda *_: None, self.refresh
        )
        self.rollout = RolloutReporter(self.state, self.declared, windows, disruption, self.clock, reports)
        self.apply("napsim.dev/v1alpha1", "NodeAutoProvisioning", {})
        reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
        template = {"spec": {"requirements": [], "nodeClassRef": reference}}
        disrupts = {"consolidateAfter": "Never", "budgets": [{"nodes": "2"}]}
        self.apply("karpenter.sh/v1", "NodePool", {"disruption": disrupts, "template": template})
        self.adopt_image(OLD)

    def record(self, event: Event) -> None:
        self.said.append(event)

    async def refresh(self, _: str) -> None:
        raise AssertionError("no command is started here")

    async def patch_status(self, resource: Resource, name: str, changes: dict[str, Any]) -> dict[str, Any]:
        manifest = self.declared.manifest(resource.kind, name)
        assert manifest is not None
        self.patches.append(changes)
        return {"metadata": manifest["metadata"], "status": merged(manifest.get("status", {}), changes)}

    # what the test does

    def apply(self, api_version: str, kind: str, spec: dict[str, Any], status: dict[str, Any] | None = None) -> None:
        metadata = {"name": "default", "uid": kind, "resourceVersion": "1", "generation": 1}
        manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
        assert self.declared.take(manifest | ({"status": status} if status else {}), self.real), self.declared.problems

    def adopt_image(self, version: str) -> None:
        status = {"images": [{"id": image_id(version), "requirements": []}]}
        self.apply("karpenter.azure.com/v1beta1", "AKSNodeClass", {"imageFamily": "Ubuntu2204"}, status)

    def put(self, item: NodeClaim) -> None:
        known = self.state.claims.get(item.name)
        self.state.on_claim(known, item)
        if known is None:
            self.state.on_node(None, self._node(item))

    def _node(self, item: NodeClaim) -> Node:
        return node(item.name, labels={names.NODEPOOL: "default", names.INITIALIZED: "true"})

    def gone(self, name: str) -> None:
        item = self.state.claims[name]
        self.state.on_claim(item, None)
        self.rollout.was_replaced(item)

    def pick_up(self, rule: PickupRule = PickupRule.WINDOW_OPEN) -> None:
        message = f"{DEFINITION}: {OLD} to {NEW} ({rule}: …)"
        change = ImageChange(DEFINITION, image_id(OLD), image_id(NEW), rule, message)
        found = Pickup((), (), self.real, changes=(change,))
        asyncio.run(self.rollout.picked_up("default", found, self.real))

    def report(self) -> dict[str, Any]:
        asyncio.run(self.rollout.report())
        return self.status

    @property
    def status(self) -> dict[str, Any]:
        assert self.declared.nap is not None
        status: dict[str, Any] = self.declared.nap["status"]
        return status

    def rolled_out(self) -> tuple[str, str]:
        (found,) = [item for item in self.status["conditions"] if item["type"] == "RolledOut"]
        return found["status"], found["reason"]

    def told(self) -> list[str]:
        return [event.reason for event in self.said if event.kind == "NodeAutoProvisioning"]


@pytest.fixture
def world() -> World:
    """Three nodes on the old image; the rollout that brought them there is over."""
    made = World()
    for number in range(3):
        made.put(member(f"n-{number}", OLD))
    made.report()
    assert made.rolled_out() == ("True", "AllNodesOnTarget")
    return made


def drift(world: World) -> None:
    for name in sorted(world.state.claims):
        world.put(member(name, OLD, names.DRIFTED))


# --- condition RolledOut ----------------------------------------------------------------------------------------------


def test_without_nodes_nothing_is_rolled_out() -> None:
    made = World()
    made.report()
    assert made.rolled_out() == ("False", "NoNodes")


def test_from_the_write_of_a_pick_up_on_the_rollout_is_not_over(world: World) -> None:
    world.pick_up()
    assert world.rolled_out() == ("False", "ImagePickedUp")
    world.adopt_image(NEW)
    status = world.report()
    assert world.rolled_out() == ("False", "NodesOffTarget"), "no node is marked yet"
    assert status["progress"]["summary"] == "0/3"
    drift(world)
    world.report()
    assert world.rolled_out() == ("False", "NodesOffTarget")


def test_the_rollout_is_over_when_every_node_is_on_the_target(world: World) -> None:
    world.pick_up()
    world.adopt_image(NEW)
    for name in sorted(world.state.claims):
        world.put(member(name, NEW))
    status = world.report()
    assert world.rolled_out() == ("True", "AllNodesOnTarget")
    assert status["phase"] == "RolledOut"


@pytest.mark.parametrize("key", [names.AKSNODECLASS_HASH, names.NODEPOOL_HASH])
def test_an_edit_that_nodes_do_not_follow_yet_counts_before_they_are_marked(world: World, key: str) -> None:
    item = world.state.claims["n-0"]
    version = f"{key}-version"
    metadata = msgspec.structs.replace(
        item.metadata, annotations={**item.metadata.annotations, key: "another", version: names.HASH_VERSION}
    )
    world.put(msgspec.structs.replace(item, metadata=metadata))
    assert world.report()["progress"]["summary"] == "2/3"
    assert world.rolled_out() == ("False", "NodesOffTarget")


# --- beginning and end ------------------------------------------------------------------------------------------------


def roll(world: World) -> None:
    """All three nodes replaced, one every ten minutes."""
    world.pick_up()
    world.adopt_image(NEW)
    drift(world)
    world.report()
    for number in range(3):
        world.real += 10 * MINUTE
        world.put(member(f"n-{number}", OLD, names.DRIFTED, names.DISRUPTION_REASON))
        world.gone(f"n-{number}")
        world.put(member(f"new-{number}", NEW))
        world.report()


def test_a_rollout_is_counted_and_timed(world: World) -> None:
    began = world.real
    roll(world)
    summary, (pool,) = world.status["summary"], world.status["pools"]
    assert (summary["replaced"], pool["replaced"], pool["activeSeconds"]) == (3, 3, 30 * 60)
    assert summary["startedAt"] == rfc3339(began)
    assert summary["finishedAt"] == rfc3339(began + 30 * MINUTE)
    assert world.status["finish"] == "finished Sun 2026-02-15 01:30:10 UTC"
    assert world.told() == ["ImagePickedUp", "RolloutStarted", "RolloutFinished"]
    names_of_events = [event.event_name for event in world.said if event.kind == "NodeAutoProvisioning"]
    assert names_of_events == sorted(names_of_events)


def test_a_node_that_went_for_being_empty_was_not_replaced(world: World) -> None:
    world.pick_up()
    emptied = (*true(names.INITIALIZED_CONDITION), Condition(names.DISRUPTION_REASON, "True", "Empty"))
    world.put(claim("empty", conditions=emptied))
    world.gone("empty")
    assert world.report()["summary"]["replaced"] == 0


def test_what_budgets_allow_is_told_for_every_reason(world: World) -> None:
    (pool,) = world.report()["pools"]
    assert pool["allowances"] == {"drifted": 2, "empty": 2, "underutilized": 2}


def test_a_forecast_appears_with_the_second_node_and_the_first_one_is_kept(world: World) -> None:
    world.pick_up()
    world.adopt_image(NEW)
    for number in range(3, 6):
        world.put(member(f"n-{number}", OLD))
    drift(world)
    assert world.report()["finish"] == "unknown"
    estimates = []
    for number in range(3):
        world.real += (10 + 10 * number) * MINUTE
        world.put(member(f"n-{number}", OLD, names.DRIFTED, names.DISRUPTION_REASON))
        world.gone(f"n-{number}")
        estimates.append(world.report().get("estimatedFinish"))
    assert estimates == [None, "2026-02-15T02:35:00Z", "2026-02-15T03:05:00Z"]
    assert world.status["finish"] == "about Sun 2026-02-15 03:05 UTC"
    assert world.status["summary"]["firstEstimate"] == estimates[1]


def test_nodes_that_drift_after_the_end_begin_another_rollout(world: World) -> None:
    roll(world)
    world.real += 60 * MINUTE
    for name in sorted(world.state.claims):
        world.put(member(name, NEW, names.DRIFTED))
    summary = world.report()["summary"]
    assert (summary["replaced"], summary.get("finishedAt")) == (0, None)
    assert summary["startedAt"] == rfc3339(world.real)
    assert world.told()[3:] == ["RolloutStarted"]


def test_a_second_pick_up_in_the_middle_belongs_to_the_same_rollout(world: World) -> None:
    world.pick_up()
    world.adopt_image(NEW)
    drift(world)
    began = world.report()["summary"]["startedAt"]
    world.real += 60 * MINUTE
    world.pick_up(PickupRule.IMAGE_EXPIRED)
    assert world.report()["summary"]["startedAt"] == began


# --- the story --------------------------------------------------------------------------------------------------------


def test_a_pick_up_forced_by_age_is_a_warning(world: World) -> None:
    world.pick_up(PickupRule.IMAGE_EXPIRED)
    (event,) = [item for item in world.said if item.reason == "ImagePickedUp"]
    assert event.type == "Warning"
    assert event.message == f"default: {DEFINITION}: {OLD} to {NEW} (ImageExpired: …)"


def test_definitions_that_come_from_different_versions_are_told_apart(world: World) -> None:
    steps = [("2204gen2containerd", OLD), ("2204gen2arm64containerd", OLD), ("2204containerd", "202601.10.0")]
    changes = tuple(
        ImageChange(definition, image_id(old), image_id(NEW), PickupRule.WINDOW_OPEN, f"{definition}: {old} to {NEW}")
        for definition, old in steps
    )
    asyncio.run(world.rollout.picked_up("default", Pickup((), (), world.real, changes=changes), world.real))
    assert [item.message for item in world.said if item.reason == "ImagePickedUp"] == [
        f"default: 2204gen2arm64containerd: {OLD} to {NEW}, and 2204gen2containerd",
        f"default: 2204containerd: 202601.10.0 to {NEW}",
    ]


def blocked(world: World) -> None:
    world.pick_up()
    world.adopt_image(NEW)
    drift(world)
    queue = world.rollout.disruption
    for name in sorted(world.state.claims):
        queue.on_claim(world.state.claims[name], name)
    queue.queues["default"].block("n-1", Verdict(Reason.PDB, "pdb prevents pod evictions"))
    queue.blocked_since["n-1"] = world.real
    world.report()


def test_a_short_block_is_not_told_and_a_long_one_with_its_end(world: World) -> None:
    blocked(world)
    assert "NodesBlocked" not in world.told()
    world.real += 15 * MINUTE
    assert world.rollout.due(), "time alone makes it worth telling"
    world.report()
    assert world.told()[-1] == "NodesBlocked"
    (of_pool,) = (event for event in world.said if event.kind == "NodePool")
    assert (of_pool.name, of_pool.reason) == ("default", "NodesBlocked")
    assert "n-1: pdb prevents pod evictions, since " in of_pool.message
    (of_rollout,) = (it for it in world.said if (it.kind, it.reason) == ("NodeAutoProvisioning", "NodesBlocked"))
    assert of_rollout.name == of_pool.name
    assert of_rollout.event_name != of_pool.event_name, "both are called default, and their events are in one namespace"
    queue = world.rollout.disruption
    queue.queues["default"].discard("n-1")
    world.report()
    assert world.told()[-1] == "NodesBlocked", "it may only not have been looked at again"
    del queue.blocked_since["n-1"]
    world.report()
    assert world.told()[-1] == "NodesUnblocked"


def test_an_operator_started_anew_goes_on_and_names_its_events_as_the_one_before(world: World) -> None:
    blocked(world)
    world.real += 20 * MINUTE
    world.report()
    again = World(real=world.real, state=world.state)
    again.apply("napsim.dev/v1alpha1", "NodeAutoProvisioning", {}, world.status)
    again.rollout.adopt()
    blocked_since = again.rollout.disruption.blocked_since["n-1"]
    assert blocked_since == world.rollout.disruption.blocked_since["n-1"].replace(microsecond=0), "as the status has it"
    again.adopt_image(NEW)
    status = again.report()
    assert status["summary"]["startedAt"] == world.status["summary"]["startedAt"]
    before = {event.event_name for event in world.said}
    assert {event.event_name for event in again.said if event.reason != "NodesUnblocked"} <= before
    assert "NodesUnblocked" not in again.told(), "nobody has looked at the node again yet"


def test_what_is_older_than_the_events_of_its_time_is_not_told_again(world: World) -> None:
    roll(world)
    again = World(real=world.real + 90 * MINUTE, state=world.state)
    again.apply("napsim.dev/v1alpha1", "NodeAutoProvisioning", {}, world.status)
    again.adopt_image(NEW)
    again.rollout.adopt()
    again.report()
    assert again.told() == []


# --- windows ----------------------------------------------------------------------------------------------------------


def wait_in_a_window(world: World) -> None:
    """The window is open until 05:00, and a newer image is published."""
    weekly = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    times = {"schedule": weekly, "startDate": "2026-01-01", "startTime": "01:00", "durationHours": 4}
    spec = {"configName": "aksManagedNodeOSUpgradeSchedule", "maintenanceWindow": times}
    world.apply("napsim.dev/v1alpha1", "MaintenanceConfiguration", spec)
    created = {"creationTimestamp": "2026-01-01T00:00:00Z"}
    cast(dict[str, Any], world.declared.windows["default"]["metadata"]).update(created)
    world.rollout.windows.adopt()
    image = {"osSKU": "Ubuntu2204", "definition": DEFINITION, "version": NEW, "publishedAt": "2026-02-15T00:30:00Z"}
    world.apply("napsim.dev/v1alpha1", "NodeImage", image)
    state = world.declared.node_classes["default"].state
    key = list_key(state, world.declared.settings.pickup)
    world.declared.caches[key] = ListCache(world.real, key, ())
    world.report()


def test_a_window_that_closes_while_an_image_waits_is_missed_once(world: World) -> None:
    wait_in_a_window(world)
    assert world.rolled_out() == ("False", "WaitingForWindow")
    assert world.status["phase"] == "WaitingForWindow"
    assert world.told() == ["ImageSeen", "WindowOpened"]
    world.real = datetime(2026, 2, 15, 5, 1, tzinfo=UTC)
    assert world.rollout.due()
    for _ in range(3):
        world.report()
        world.real += MINUTE
    assert world.told() == ["ImageSeen", "WindowOpened", "WindowClosed", "WindowMissed"]
    assert world.rollout.missed == {"default": 1}
    (event,) = [item for item in world.said if item.reason == "WindowMissed"]
    assert event.type == "Warning"
    assert NEW in event.message
    (told,) = [item.reason for item in world.said if item.kind == "NodeImage"]
    assert told == "ImageSeen"
    assert [item.reason for item in world.said if item.kind == "MaintenanceConfiguration"] == [
        "WindowOpened",
        "WindowClosed",
    ]


def test_a_window_in_which_something_was_picked_up_is_not_missed(world: World) -> None:
    wait_in_a_window(world)
    world.real += MINUTE
    world.pick_up()
    world.real = datetime(2026, 2, 15, 5, 1, tzinfo=UTC)
    world.report()
    assert "WindowMissed" not in world.told()
    assert not world.rollout.missed
