"""The main job: windows, pick-up, drift, replacement, on a real API server with the operator as its own process."""

from __future__ import annotations

import pytest

from tests.e2e import manifests as m
from tests.e2e.auditor.statistics import replaced
from tests.e2e.rehearsal import DRIFT, NEW, OLD, Rehearsal, after

NODES = 4
SLOW, FAST = 60, 600
PUBLISHED = "2026-02-01T00:00:00Z"
NONE: list[m.Manifest] = [{"nodes": "0"}]


def settle(
    world: Rehearsal, *extra: m.Manifest, nodes: int = NODES, budgets: list[m.Manifest] | None = None, **nap: object
) -> None:
    """A pool full of nodes on the old image, the window's configuration in force for long: on a clock on which the
    five hours before the window opens are as many minutes."""
    world.apply(
        m.nap(SLOW, **nap),  # type: ignore[arg-type]  # the settings of one test
        m.window(),
        m.node_class(),
        m.image(OLD, PUBLISHED),
        m.pool(budgets=budgets),
        m.deployment("web", nodes * 10),
        m.pdb("web", maxUnavailable="25%"),
        *extra,
    )
    world.operator()
    world.eventually(f"{nodes} nodes on {OLD}", lambda: world.versions() == {OLD: nodes})
    world.eventually("the window's configuration is in force", lambda: "closed" in world.nap().get("window", ""))


@pytest.mark.row("nap:P5", "nap:P8", "pm:7.3-goes-on", "pm:7.2-did-it-run")
def test_an_image_waits_for_its_window_and_the_rollout_goes_on_after_the_window_closes(world: Rehearsal) -> None:
    settle(world)
    world.apply(m.image(NEW))

    world.steadily("nothing changes while the window is closed", lambda: world.versions() == {OLD: NODES}, seconds=4)
    assert world.virtual_now().isoformat() < "2026-02-15T01:00"

    world.apply(m.nap(FAST))
    world.eventually(f"all nodes on {NEW}", lambda: world.versions() == {NEW: NODES})
    (pickup,) = [item for item in world.nap()["pickups"] if item.get("to") == NEW]
    assert pickup["rule"] == "WindowOpen"
    assert "2026-02-15T01:00:00" < pickup["at"] < "2026-02-15T05:00"
    world.eventually("the rollout is over", lambda: world.nap()["phase"] == "RolledOut")
    record = world.assert_sound({"default": "2"}, {"default": NODES})
    assert replaced(record) == NODES


def test_settings_that_come_last_turn_the_clock_for_all_that_was_there_before(world: Rehearsal) -> None:
    """Nothing goes on counting by the wall clock: not the image's date, not the change of the configuration."""
    window = m.window()
    del window["spec"]["maintenanceWindow"]["startDate"]
    world.apply(m.node_class(), m.image(OLD), window)
    world.operator()
    world.eventually("the image is dated", lambda: "publishedAt" in world.items("nodeimages")[0].get("status", {}))
    world.eventually("the change waits", lambda: "pendingUntil" in world.items("mc")[0].get("status", {}))

    world.apply(m.nap(SLOW), m.pool(replicas=1))
    world.eventually("a node is made", lambda: world.versions() == {OLD: 1})
    world.eventually(
        "the image is dated anew", lambda: world.items("nodeimages")[0]["status"]["publishedAt"] < "2026-02-15"
    )
    world.eventually("the configuration counts", lambda: "closed" in world.nap().get("window", ""))
    assert world.virtual_now().isoformat() < "2026-02-15T01:00"


@pytest.mark.row("nap:X10", "nap:X13", "pm:7.3-goes-on")
def test_a_rollout_goes_on_when_the_window_closes_and_new_nodes_get_the_adopted_image(world: Rehearsal) -> None:
    """Slow instances stretch the rollout past the end of the window: more than an hour each, one after another."""
    slow = {"launch": {"fixed": "1m"}, "registration": {"fixed": "45m"}, "initialization": {"fixed": "20m"}}
    settle(world, budgets=[{"nodes": "1"}])
    world.apply(m.nap(2 * FAST, timings=slow), m.image(NEW))
    world.until_virtual("2026-02-15T05:00:00Z")
    world.eventually("the window is closed again", lambda: "closed" in world.nap()["window"])
    assert world.versions()[OLD] > 0

    world.apply(m.deployment("late", 10))
    world.eventually("every node on the adopted image", lambda: world.versions() == {NEW: NODES + 1})
    world.assert_sound({"default": "1"}, {"default": NODES + 1})


@pytest.mark.row("nap:F6")
def test_an_image_older_than_ninety_days_is_replaced_in_a_closed_window(world: Rehearsal) -> None:
    settle(world, start="2026-04-26T20:00:00Z")
    # 202601.27.0 is of 27 January; it is 90 days old on 27 April at 00:00, a Monday: the window opens on Sunday alone.
    world.apply(m.nap(FAST), m.image(NEW))
    world.eventually(f"all nodes on {NEW}", lambda: world.versions() == {NEW: NODES})
    (pickup,) = [item for item in world.nap()["pickups"] if item.get("to") == NEW]
    assert pickup["rule"] == "ImageExpired"
    assert pickup["at"] >= "2026-04-27T00:00:00"
    assert "90 days" in pickup["reason"]
    assert NEW in world.nap()["forced"]
    world.assert_sound({"default": "2"}, {"default": NODES})


@pytest.mark.row("nap:F7")
def test_without_the_ninety_day_rule_an_old_image_stays_until_the_window(world: Rehearsal) -> None:
    settle(world, start="2026-04-26T21:30:00Z", imageExpiry={"enabled": False})
    world.apply(m.nap(FAST, imageExpiry={"enabled": False}), m.image(NEW))
    world.until_virtual("2026-04-27T02:00:00Z")
    assert world.versions() == {OLD: NODES}
    assert not world.nap().get("forced")


@pytest.mark.row("nap:P1")
def test_a_new_node_class_gets_the_latest_image_in_a_closed_window(world: Rehearsal) -> None:
    settle(world, listCacheDuration="30s")
    world.apply(m.image(NEW))
    world.eventually("the image is known", lambda: _states(world)[NEW] == "Latest")
    # The list of images is one for all classes with the same definitions: half a virtual minute, half a second, old.
    world.steadily("the class that is there waits", lambda: world.versions() == {OLD: NODES}, seconds=3)
    world.apply(m.node_class("fresh"), m.pool("fresh", replicas=1, node_class="fresh"))

    world.eventually(f"the fresh pool on {NEW}", lambda: world.versions("fresh") == {NEW: 1})
    assert world.versions() == {OLD: NODES}
    rules = {item["nodeClass"]: item["rule"] for item in world.nap()["pickups"] if item.get("to") == NEW}
    assert rules == {"fresh": "NewNodeClass"}


@pytest.mark.row("nap:X1")
def test_a_kubernetes_upgrade_goes_past_the_window(world: Rehearsal) -> None:
    settle(world, budgets=NONE)
    world.apply(m.image(NEW))
    world.steadily("nothing changes before the upgrade", lambda: world.versions() == {OLD: NODES}, seconds=2)
    world.patch("nodeautoprovisioning", "default", '{"spec": {"kubernetesVersion": "1.36.9"}}')

    world.eventually("nodes drift for their Kubernetes version", lambda: _drifts(world) == {"K8sVersionDrift"})
    world.apply(m.pool())
    world.eventually(f"all nodes on {NEW}", lambda: world.versions() == {NEW: NODES})
    (pickup,) = [item for item in world.nap()["pickups"] if item.get("to") == NEW]
    assert pickup["rule"] == "KubernetesUpgrade"
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in world.items("nodes")} == {"v1.36.9"}


@pytest.mark.row("nap:X2")
def test_an_edit_of_the_node_class_drifts_its_nodes_and_keeps_the_old_image_in_a_closed_window(
    world: Rehearsal,
) -> None:
    settle(world, start="2026-02-13T00:00:00Z", budgets=NONE)
    world.apply(m.image(NEW))
    before = {node["metadata"]["name"] for node in world.items("nodes")}
    world.patch("aksnodeclass", "default", '{"spec": {"osDiskSizeGB": 256}}')

    world.eventually("nodes drift for their class", lambda: _drifts(world) == {"NodeClassDrift"})
    world.apply(m.pool())
    world.eventually(
        "all nodes are replaced",
        lambda: (
            not before & {node["metadata"]["name"] for node in world.items("nodes")}
            and world.versions() == {OLD: NODES}
        ),
    )
    assert world.virtual_now().isoformat() < after("2026-02-15T01:00:00Z")


def _states(world: Rehearsal) -> dict[str, str]:
    """The state of each image, by version."""
    return {item["spec"]["version"]: item.get("status", {}).get("state", "") for item in world.items("nodeimages")}


def _drifts(world: Rehearsal) -> set[str]:
    labels = [node["metadata"]["labels"].get(DRIFT) for node in world.items("nodes")]
    return {label for label in labels if label}
