"""``kubectl wait`` and ``kubectl describe``: when a rollout is over, and what happened, in order, each thing once."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import manifests as m
from tests.e2e.kubectl import WAIT_SECONDS, kubectl
from tests.e2e.rehearsal import NEW, OLD, Rehearsal, rehearsal

NODES = 4
PUBLISHED = "2026-02-01T00:00:00Z"
# Minutes of the test before the window opens, and while it is open; fast where nothing else is to happen.
SLOW, FAST = 60, 600
LONG = f"{WAIT_SECONDS:g}s"
NEW_IMAGE = f"nodeimage/2204gen2containerd-{NEW}"
MESSAGE = "pdb prevents pod evictions (PodDisruptionBudget=[default/ledger])"
FIRST = "ImagePickedUp"  # what the pool was filled with
STORY = [
    "ImageSeen",
    "WindowOpened",
    "ImagePickedUp",
    "RolloutStarted",
    "NodesBlocked",
    "NodesUnblocked",
    "RolloutFinished",
    "WindowClosed",
]


@dataclass(slots=True)
class Told:
    """What was seen on the way, for the tests that follow."""

    world: Rehearsal
    waited_before: subprocess.CompletedProcess[str]
    condition_while_waiting: m.Manifest
    wait_too_early: subprocess.CompletedProcess[str]
    versions_when_waited: dict[str, int]


def wait_for_rollout(world: Rehearsal, timeout: str) -> subprocess.CompletedProcess[str]:
    return kubectl(
        world.cluster, "wait", "--for=condition=RolledOut", "nap/default", f"--timeout={timeout}", check=False
    )


def rolled_out(world: Rehearsal) -> m.Manifest:
    found: m.Manifest = next(item for item in world.nap()["conditions"] if item["type"] == "RolledOut")
    return found


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """A rollout from the image's publication to the end of the window; one node is blocked for a while."""
    with rehearsal() as world:
        world.apply(m.nap(factor=SLOW), m.window(), m.node_class(), m.image(OLD, PUBLISHED), m.pool())
        world.apply(m.deployment("web", NODES * 10 - 1), m.deployment("ledger", 1), m.pdb("ledger", maxUnavailable=0))
        world.operator()
        world.eventually(f"{NODES} nodes on {OLD}", lambda: world.versions() == {OLD: NODES})
        world.eventually("the window is in force", lambda: "closed" in world.nap().get("window", ""))
        before = wait_for_rollout(world, LONG)

        world.apply(m.image(NEW))
        kubectl(world.cluster, "wait", "--for=jsonpath={.status.state}=Latest", NEW_IMAGE, f"--timeout={LONG}")
        condition, early = rolled_out(world), wait_for_rollout(world, "1s")
        world.apply(m.nap(factor=FAST))
        world.eventually("the window opens", lambda: bool(world.events("WindowOpened")))
        world.apply(m.nap(factor=SLOW))
        world.eventually("the node is said to be blocked", lambda: bool(world.events("NodesBlocked")))
        world.patch("pdb", "ledger", '{"spec": {"maxUnavailable": 1}}', "--namespace=default")
        waited = wait_for_rollout(world, LONG)
        assert waited.returncode == 0, waited.stderr + world.story()
        versions = dict(world.versions())
        world.eventually("the end is told", lambda: bool(world.events("RolloutFinished")))
        world.apply(m.nap(factor=FAST))
        world.until_virtual("2026-02-15T05:05:00Z")
        world.eventually("the end of the window is told", lambda: bool(world.events("WindowClosed")))
        world.apply(m.nap(factor=SLOW))
        yield Told(world, before, condition, early, versions)


def reasons_told(world: Rehearsal, kind: str, name: str) -> list[str]:
    """The reasons of the events that ``kubectl describe`` shows, from above to below."""
    shown = kubectl(world.cluster, "describe", kind, name).stdout
    *_, events = re.split(r"^Events:\s*$", shown, flags=re.MULTILINE)
    rows = [line.split() for line in events.splitlines() if line.startswith("  ")]
    return [row[1] for row in rows if row[0] in {"Normal", "Warning"}]


def test_kubectl_wait_is_done_at_once_where_nothing_waits(told: Told) -> None:
    assert told.waited_before.returncode == 0, told.waited_before.stderr
    assert "condition met" in told.waited_before.stdout


def test_kubectl_wait_waits_for_an_image_that_waits_for_its_window(told: Told) -> None:
    condition = told.condition_while_waiting
    assert (condition["status"], condition["reason"]) == ("False", "WaitingForWindow")
    assert NEW in condition["message"]
    assert told.wait_too_early.returncode != 0
    assert "timed out" in told.wait_too_early.stderr


def test_kubectl_wait_ends_when_every_node_is_on_the_new_image(told: Told) -> None:
    """Begun before the last node was replaced, after the pick-up: never true in between."""
    assert told.versions_when_waited == {NEW: NODES}


def test_describe_tells_the_story_in_order(told: Told) -> None:
    reasons = [reason for reason in reasons_told(told.world, "nap", "default") if reason in STORY]
    assert reasons == [FIRST, *STORY]


def test_the_story_names_the_image_the_rule_and_the_budget_in_the_way(told: Told) -> None:
    notes = {
        event["reason"]: event["note"]
        for reason in STORY
        for event in told.world.events(reason)
        if event["regarding"]["kind"] == "NodeAutoProvisioning"
    }
    assert notes["ImageSeen"].startswith(
        f"{NEW} is published (2204gen2containerd); node-os: closed, opens Sun 2026-02-15"
    )
    assert notes["WindowOpened"] == "node-os is open, closes Sun 2026-02-15 05:00 UTC"
    picked_up = f"2204gen2containerd: {OLD} to {NEW} (WindowOpen: the maintenance window is open)"
    assert notes["ImagePickedUp"] == f"default: {picked_up}"
    assert re.fullmatch(r"nodes to be replaced: \d of pool default", notes["RolloutStarted"])
    assert MESSAGE in notes["NodesBlocked"]
    assert f"no longer {MESSAGE}" in notes["NodesUnblocked"]
    assert re.fullmatch(
        rf"{NODES} nodes replaced in (\d+h)?\d+m, at most [12] disrupted at once", notes["RolloutFinished"]
    )
    assert "Sun 2026-02-15 01:00–05:00 UTC is over" in notes["WindowClosed"]


def test_describe_of_a_window_and_of_an_image_tell_their_parts(told: Told) -> None:
    assert reasons_told(told.world, "mc", "node-os") == ["WindowOpened", "WindowClosed"]
    assert reasons_told(told.world, *NEW_IMAGE.split("/")) == ["ImageSeen", "ImagePickedUp"]


def test_an_operator_that_starts_in_the_middle_tells_nothing_twice(told: Told) -> None:
    world = told.world
    world.operators[0].kill()
    world.operator("two")
    world.eventually("it leads", lambda: _holder(world) == "two")
    reports = world.nap()["clock"]["now"]
    world.patch("nodepool", "default", '{"metadata": {"labels": {"seen": "by-two"}}}')
    world.apply(m.deployment("late", 10))
    world.eventually("it reports", lambda: world.nap()["clock"]["now"] > reports)
    world.eventually("and goes on to the end", lambda: world.nap()["progress"]["summary"] == "5/5")

    reasons = [reason for reason in reasons_told(world, "nap", "default") if reason in STORY]
    assert reasons == [FIRST, *STORY]


def _holder(world: Rehearsal) -> str:
    leases = [item for item in world.items("leases", "--all-namespaces") if "napsim" in item["metadata"]["name"]]
    return next((item["spec"].get("holderIdentity") or "" for item in leases), "")
