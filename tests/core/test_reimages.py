"""What an OS upgrade writes on a Node, step by step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import Event, EvictPod, Plan
from napsim.core.agentpools import Phase, Record, record_of
from napsim.core.channels import Means
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.objects import Node, Pod
from napsim.core.osupgrades import AgentPoolSettings, Step
from napsim.core.pdbs import PdbIndex
from napsim.core.reimages import UnderWay, advance, begin, leaves, let_go, patched_live, released
from napsim.core.release import steps
from tests.core.agents import NEW, OLD, SUNDAY, agent, applied, kinds, label
from tests.core.examples import pdb, pod

MINUTE = timedelta(minutes=1)
STEP = Step(Means.REIMAGE, label(OLD), label(NEW))
SETTINGS = AgentPoolSettings(play=True)
PDBS = PdbIndex((pdb(),))


def recorded(item: Node) -> Record:
    record = record_of(item)
    assert record is not None
    return record


def going_on(item: Node, *pods: Pod, minutes: float = 0, timeline: Timeline = WALL_CLOCK, moved: float = 0) -> Plan:
    moved_at = SUNDAY + moved * MINUTE
    state = UnderWay(item, recorded(item), pods, 2 * MINUTE, moved_at)
    return advance(state, SETTINGS, PDBS, timeline, SUNDAY + minutes * MINUTE)


def reasons(plan: Plan) -> list[str]:
    return [action.reason for action in plan.actions if isinstance(action, Event)]


def test_a_node_is_cordoned_drained_reimaged_and_put_back_to_use() -> None:
    item = applied(agent(), begin(agent(), STEP, SUNDAY, SUNDAY))
    assert (item.spec.unschedulable, recorded(item).phase) == (True, Phase.DRAINING)
    assert item.metadata.labels[names.NODE_IMAGE_VERSION] == label(OLD)
    plan = going_on(item, pod(), pod("d", owner="DaemonSet"))
    (eviction,) = plan.actions
    assert isinstance(eviction, EvictPod)
    assert (eviction.pod.name, eviction.pdbs, plan.wake_at) == ("p", ("default/b",), SUNDAY + 30 * MINUTE)
    assert going_on(item, pod(deleted_at=SUNDAY)).actions == (), "it is on its way"

    plan = going_on(item, pod("d", owner="DaemonSet"), minutes=5)
    item = applied(item, plan)
    assert (recorded(item).phase, plan.wake_at) == (Phase.REIMAGING, SUNDAY + 7 * MINUTE)
    assert going_on(item, minutes=6) == Plan((), SUNDAY + 7 * MINUTE)
    plan = going_on(item, minutes=7)
    item = applied(item, plan)
    assert (item.spec.unschedulable, item.metadata.labels[names.NODE_IMAGE_VERSION]) == (False, label(NEW))
    assert (recorded(item).phase, recorded(item).imaged) == (Phase.DONE, SUNDAY + 7 * MINUTE)
    assert reasons(plan) == ["OSUpgraded"]


@pytest.mark.row("pm:8-live-patch")
def test_a_live_patch_writes_one_label_and_what_aks_notes_of_it() -> None:
    step = Step(Means.LIVE_PATCH, label(OLD), label(f"{OLD}-2026.02.10"))
    plan = patched_live(agent(), step, SUNDAY, SUNDAY)
    item = applied(agent(), plan)
    assert item.spec == agent().spec
    assert item.metadata.labels == {**agent().metadata.labels, names.NODE_IMAGE_VERSION: label(f"{OLD}-2026.02.10")}
    assert item.metadata.annotations[names.LIVE_PATCH_CURRENT] == "20260210T000000Z"
    assert (kinds(plan), recorded(item).imaged) == (["PatchNode", "Event"], None)
    reimaged = applied(item, begin(item, STEP, SUNDAY, SUNDAY))
    for minutes in (10, 20):
        reimaged = applied(reimaged, going_on(reimaged, minutes=minutes))
    assert names.LIVE_PATCH_CURRENT not in reimaged.metadata.annotations
    assert recorded(reimaged).original == label(OLD)


@pytest.mark.parametrize("cordoned", [False, True])
def test_a_drain_that_takes_too_long_is_given_up_and_the_node_is_as_it_was(cordoned: bool) -> None:
    found = agent(cordoned=cordoned)
    item = applied(found, begin(found, STEP, SUNDAY, SUNDAY))
    assert kinds(going_on(item, pod(), minutes=29.9)) == ["EvictPod"]
    plan = going_on(item, pod(), pod("q"), pod("r"), pod("s"), minutes=30)
    item = applied(item, plan)
    assert (recorded(item).phase, item.spec.unschedulable) == (Phase.PREVENTED, cordoned)
    assert recorded(item).message == (
        "pods are left after the drain timeout: default/p, default/q, default/r and 1 more"
    )
    assert reasons(plan) == ["OSUpgradePrevented"]


def test_on_a_fast_clock_a_drain_goes_on_while_pods_go() -> None:
    """Kubelets and controllers that make a PDB whole again work in real time: ten seconds are 100 minutes here."""
    fast = Timeline(SUNDAY, SUNDAY, 600)
    item = applied(agent(), begin(agent(), STEP, SUNDAY, SUNDAY))
    assert kinds(going_on(item, pod(), minutes=99, timeline=fast)) == ["EvictPod"]
    assert kinds(going_on(item, pod(), minutes=100, timeline=fast)) == ["PatchNode", "Event"]
    assert kinds(going_on(item, pod(), minutes=100, timeline=fast, moved=50)) == ["EvictPod"]
    assert kinds(going_on(item, pod(), minutes=30, moved=29)) == ["PatchNode", "Event"], "not on a real one"


def test_a_node_that_somebody_uncordons_while_it_is_drained_is_cordoned_again() -> None:
    item = applied(agent(), begin(agent(), STEP, SUNDAY, SUNDAY))
    item = replace(item, spec=replace(item.spec, unschedulable=False))
    assert kinds(going_on(item, pod())) == ["PatchNode", "EvictPod"]


def test_pods_leave_as_kubectl_drain_has_it() -> None:
    assert leaves(pod(annotations={names.DO_NOT_DISRUPT: "true"})), "that is Karpenter's"
    assert leaves(pod(deleted_at=SUNDAY))
    assert not leaves(pod(owner="DaemonSet"))
    assert not leaves(pod(owner="Node"))
    assert not leaves(pod(phase="Succeeded"))


def test_a_node_that_is_let_go_half_way_is_as_it_was_but_for_its_pods() -> None:
    item = applied(agent(), begin(agent(), STEP, SUNDAY, SUNDAY))
    plan = let_go(item, recorded(item), "agent pools are ignored")
    item = applied(item, plan)
    assert (item.spec.unschedulable, recorded(item).phase) == (False, Phase.DONE)
    assert item.metadata.labels[names.NODE_IMAGE_VERSION] == label(OLD)
    assert reasons(plan) == ["OSUpgradeEnded"]


@pytest.mark.parametrize("steps_done", [0, 1, 2])
def test_release_puts_the_node_back(steps_done: int) -> None:
    item = applied(agent(), begin(agent(), STEP, SUNDAY, SUNDAY))
    for number in range(steps_done):
        item = applied(item, going_on(item, minutes=10 * number))
    assert recorded(item).phase is (Phase.DRAINING, Phase.REIMAGING, Phase.DONE)[steps_done]
    after = applied(item, Plan((released(item),)))
    assert after == agent()
    (step,) = steps([item], [])
    assert applied(item, Plan(step.actions)) == agent()
    assert steps([after], []) == (), "done again, it comes to an end"
