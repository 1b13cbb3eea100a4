"""A status pass over AKSNodeClasses: what is shared between classes, what the status says, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.nodeclasses import NodeClassController
from napsim.controllers.reports import Reports
from napsim.controllers.resources import Resource
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core.actions import Action, Event
from napsim.core.configurations import NODE_OS
from napsim.core.objects import ConfigMap, ObjectMeta
from napsim.core.pickup import Pickup

START = datetime(2026, 2, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW = "202601.27.0", "202602.10.0"
TRIPLE = ("2204gen2containerd", "2204containerd", "2204gen2arm64containerd")


class World:
    """One cluster's classes and images, on Kubernetes 1.33.2, without a window."""

    def __init__(self, **spec: Any) -> None:
        self.now, self.events, self.versions = START, list[Event](), 0
        self.declared = Declared(server_version="1.33.2")
        clock = VirtualClock(lambda: self.now)
        reports = Reports(self.declared, clock, self)
        self.windows = WindowController(self.declared, clock, reports, "kube-system")
        self.controller = NodeClassController(
            ClusterState(), self.declared, self.windows, clock, self, reports, self._picked_up, lambda *_: None
        )
        self.take("napsim.dev/v1alpha1", "NodeAutoProvisioning", "default", **spec)

    def take(self, api_version: str, kind: str, name: str, **spec: Any) -> None:
        self.versions += 1
        metadata = {"name": name, "uid": name, "generation": 1, "resourceVersion": str(self.versions)}
        manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
        assert self.declared.take(manifest, self.now), self.declared.problems

    def publish(self, version: str, *definitions: str) -> None:
        for definition in definitions or TRIPLE:
            fields = {"osSKU": "Ubuntu2204", "definition": definition, "version": version}
            self.take("napsim.dev/v1alpha1", "NodeImage", f"{definition}-{version}".lower(), **fields)

    def add(self, name: str, **spec: Any) -> None:
        self.take("karpenter.azure.com/v1beta1", "AKSNodeClass", name, **({"imageFamily": "Ubuntu2204"} | spec))

    def look(self, name: str) -> set[str]:
        """The versions that the class has after a pass."""
        asyncio.run(self.controller.reconcile(name))
        return {image.id.rsplit("/", 1)[-1] for image in self.declared.node_classes[name].state.images}

    def conditions(self, name: str) -> dict[str, tuple[str, str]]:
        return {item.type: (item.status, item.reason) for item in self.declared.node_classes[name].state.conditions}

    async def _picked_up(self, name: str, pickup: Pickup, now: datetime) -> None:
        pass

    # --- what it is asked to do -----------------------------------------------------------------------------------

    async def carry_out(self, actions: Iterable[Action]) -> None:
        raise AssertionError(actions)

    def record(self, event: Event) -> None:
        self.events.append(event)

    async def patch(
        self, resource: Resource, name: str, changes: Mapping[str, Any], resource_version: str = ""
    ) -> Mapping[str, Any]:
        return self._patched(resource, name, {"metadata": changes["metadata"]})

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._patched(resource, name, {"status": changes})

    def _patched(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        self.versions += 1
        old = self.declared.manifest(resource.kind, name)
        assert old is not None
        annotations = {**old["metadata"].get("annotations", {}), **changes.get("metadata", {}).get("annotations", {})}
        metadata = {**old["metadata"], "annotations": annotations, "resourceVersion": str(self.versions)}
        return {**old, "metadata": metadata, "status": {**old.get("status", {}), **changes.get("status", {})}}


# --- the list cache ---------------------------------------------------------------------------------------------------


def test_a_second_class_of_the_same_images_gets_the_list_that_the_first_one_made() -> None:
    """The provider keeps a list for each set of definitions, not for each class."""
    world = World()
    world.publish(OLD)
    world.add("first")
    assert world.look("first") == {OLD}
    world.now += HOUR
    world.publish(NEW)
    world.add("second")
    world.add("third", imageFamily="AzureLinux")
    assert world.look("second") == {OLD}
    assert world.look("third") == set(), "another list, of which nothing is published"
    world.now = START + 72 * HOUR
    assert world.look("second") == {NEW}
    assert world.look("first") == {NEW}


def test_a_class_keeps_the_hash_that_the_pass_wrote_when_the_same_pass_writes_its_status() -> None:
    """Nobody tells of it in a forecast: what the answers said is what is known."""
    world = World()
    world.publish(OLD)
    world.add("default")
    assert world.look("default") == {OLD}
    metadata = world.declared.node_classes["default"].manifest["metadata"]
    assert set(metadata["annotations"]) == {names.AKSNODECLASS_HASH, names.AKSNODECLASS_HASH_VERSION}
    assert metadata["resourceVersion"] == str(world.versions)


def test_a_class_that_is_deleted_and_made_anew_gets_the_list_that_there_was() -> None:
    world = World()
    world.publish(OLD)
    world.add("default")
    assert world.look("default") == {OLD}
    world.now += HOUR
    world.publish(NEW)
    world.declared.drop("AKSNodeClass", "default")
    world.add("default")
    assert world.look("default") == {OLD}


def test_a_class_that_goes_to_another_family_and_back_meets_the_list_that_it_left() -> None:
    world = World()
    world.publish(OLD)
    world.publish(OLD, "2404gen2containerd")
    world.add("default")
    assert world.look("default") == {OLD}
    world.now += HOUR
    world.publish(NEW)
    world.add("default", imageFamily="Ubuntu2404")
    assert world.look("default") == {OLD}
    world.add("default")
    assert world.look("default") == {OLD}


# --- conditions -------------------------------------------------------------------------------------------------------


def test_a_class_has_all_of_the_providers_conditions() -> None:
    world = World()
    world.publish(OLD)
    world.add("default")
    world.look("default")
    types = (
        names.KUBERNETES_VERSION_READY,
        names.IMAGES_READY,
        names.SUBNETS_READY,
        names.VALIDATION_SUCCEEDED,
        names.LOCAL_DNS_READY,
        names.READY,
    )
    assert world.conditions("default") == {type_: ("True", type_) for type_ in types}


def test_what_was_never_decided_is_unknown() -> None:
    """The API server's version cannot be read, so there is no list, and nobody can tell whether images are ready."""
    world = World()
    world.declared.server_version = ""
    world.publish(OLD)
    world.add("default")
    assert world.look("default") == set()
    found = world.conditions("default")
    assert found[names.IMAGES_READY] == ("Unknown", "AwaitingReconciliation")
    assert found[names.READY] == ("Unknown", "ReconcilingDependents")


@pytest.mark.row("nap:P10")
def test_a_window_that_cannot_be_read_is_told_and_leaves_the_images_and_their_condition() -> None:
    world = World(listCacheDuration="1m")
    world.publish(OLD)
    world.add("default")
    assert world.look("default") == {OLD}
    world.now += HOUR
    world.publish(NEW)
    data = {f"{NODE_OS}-start": "2026-02-10T11:00:00Z", f"{NODE_OS}-end": "soon"}
    world.windows.config_map = ConfigMap(ObjectMeta("upcoming-maintenance-window", "kube-system"), data)
    assert world.look("default") == {OLD}
    assert world.conditions("default")[names.IMAGES_READY] == ("True", names.IMAGES_READY)
    (event,) = [item for item in world.events if item.type == "Warning"]
    assert (event.kind, event.reason) == ("AKSNodeClass", "ImagePickUpFailed")
    assert event.message.startswith("checking maintenance window, error parsing maintenance window end time")


def test_while_it_cannot_be_read_a_changed_class_cannot_launch() -> None:
    """Its condition is of the old generation: upstream reads neither images nor readiness from it."""
    world = World(listCacheDuration="1m")
    world.publish(OLD)
    world.add("default")
    world.look("default")
    world.windows.config_map = ConfigMap(ObjectMeta(), {f"{NODE_OS}-start": "2026-02-10T11:00:00Z"})
    entry = world.declared.node_classes["default"].manifest
    changed = {**entry, "metadata": {**entry["metadata"], "generation": 2}, "spec": {"osDiskSizeGB": 200}}
    assert world.declared.take(changed, world.now)
    world.look("default")
    assert world.conditions("default")[names.READY] == ("Unknown", "ReconcilingDependents")
    assert not world.declared.node_classes["default"].ready


# --- galleries --------------------------------------------------------------------------------------------------------


def test_in_the_community_gallery_the_last_one_published_is_the_latest_and_in_the_shared_one_the_newest() -> None:
    """Release notes of 202602.13.5 came after those of 202602.19.0."""
    adopted = {}
    for gallery in ("Community", "Shared"):
        world = World(imageGallery=gallery)
        world.publish("202602.19.0")
        world.now += HOUR
        world.publish("202602.13.5")
        world.add("default")
        adopted[gallery] = world.look("default")
    assert adopted == {"Community": {"202602.13.5"}, "Shared": {"202602.19.0"}}


def test_fips_images_are_in_the_shared_gallery_alone() -> None:
    for gallery, versions, condition in (
        ("Community", set(), ("False", "SIGRequiredForFIPS")),
        ("Shared", {OLD}, ("True", names.IMAGES_READY)),
    ):
        world = World(imageGallery=gallery)
        world.publish(OLD, "2204gen2fipsTLcontainerd")
        world.add("default", fipsMode="FIPS", security={"trustedLaunch": {"vtpm": True}})
        assert world.look("default") == versions
        assert world.conditions("default")[names.IMAGES_READY] == condition


def test_another_gallery_is_another_set_of_definitions_whatever_the_window_says() -> None:
    world = World(fallback={"mode": "None"})
    world.publish(OLD)
    world.add("default")
    assert world.look("default") == {OLD}
    world.now += HOUR
    world.publish(NEW)
    assert world.look("default") == {OLD}
    settings = {"fallback": {"mode": "None"}, "imageGallery": "Shared"}
    world.take("napsim.dev/v1alpha1", "NodeAutoProvisioning", "default", **settings)
    assert world.look("default") == {NEW}
    ids = [image.id for image in world.declared.node_classes["default"].state.images]
    assert all(item.startswith("/subscriptions/") for item in ids)


def test_an_image_that_is_not_adopted_yet_is_told_on_the_class_with_what_it_waits_for() -> None:
    """Where `kubectl describe aksnodeclass` shows it; once for all definitions that wait alike."""
    world = World(fallback={"mode": "None"})
    world.publish(OLD)
    world.add("default")
    assert world.look("default") == {OLD}
    world.now += HOUR
    world.publish(NEW)
    world.look("default")
    world.now = START + 72 * HOUR
    world.look("default")
    held = [item for item in world.events if item.reason == "ImageHeld"]
    assert [(item.kind, item.type, item.message.partition(")")[2]) for item in held] == [
        ("AKSNodeClass", "Normal", ": held: not listed before 2026-02-13T12:00:00Z (a list is kept for 72h0m0s)"),
        (
            "AKSNodeClass",
            "Normal",
            ": held: window closed, or until 2026-04-27T00:00:00Z, when it is 90 days old",
        ),
    ]
    assert held[0].message.startswith(f"{NEW} (2204containerd, 2204gen2arm64containerd, 2204gen2containerd)")
