"""Simulations in which instances fail, as NodeAutoProvisioning says: the same failures as in a cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from napsim.core.trace import RecordKind
from napsim.sim.outcome import Outcome
from napsim.sim.simulation import simulate
from napsim.sim.simulator import Simulator
from tests.e2e import manifests as made
from tests.sim.scenarios import NEW, OPENS, images, kinds, scenario, settings, shop

HOUR = timedelta(hours=1)


def run(*failures: dict[str, Any], seed: int = 0, **more: Any) -> Outcome:
    base = [settings(failures=list(failures), seed=seed), made.window(), made.node_class()]
    return simulate(scenario([*base, made.pool(budgets=[{"nodes": "2"}]), *images(), *shop()], **more))


def versions(outcome: Outcome) -> dict[str, int]:
    return {version.rsplit("-", 1)[-1]: count for version, count in outcome.pools[0].steps[-1].versions}


def test_without_capacity_commands_are_rolled_back_until_there_is_some() -> None:
    failure = {"kind": "NoCapacity", "from": OPENS.isoformat(), "until": (OPENS + 2 * HOUR).isoformat()}
    outcome = run(failure)
    assert versions(outcome) == {NEW: 4}
    assert outcome.finished_at is not None
    assert outcome.finished_at > OPENS + 2 * HOUR
    assert outcome.pools[0].most_disrupting <= 2
    assert 3 <= kinds(outcome)[RecordKind.COMMAND_ROLLED_BACK] <= 12, "each zone is asked for once an hour, not again"
    assert not outcome.unplaced


def test_nodes_that_never_join_are_replaced_by_others() -> None:
    outcome = run({"kind": "NeverRegisters", "share": 0.4, "from": OPENS.isoformat()}, seed=3)
    assert versions(outcome) == {NEW: 4}
    assert kinds(outcome)[RecordKind.COMMAND_ROLLED_BACK] > 0
    assert outcome.finished_at is not None
    assert outcome.finished_at > OPENS + timedelta(minutes=10)


def test_a_machine_that_is_gone_takes_its_pods_along_and_they_come_back_elsewhere() -> None:
    before = OPENS - HOUR
    gone = {"kind": "InstanceGone", "from": before.isoformat(), "until": (before + HOUR / 60).isoformat(), "share": 0.5}
    outcome = run(gone, seed=1)
    assert versions(outcome) == {NEW: 4}
    assert not outcome.unplaced
    left = [record for record in outcome.trace if record.kind is RecordKind.NODE_GONE and record.at < OPENS]
    assert 1 <= len(left) <= 3
    evicted = [record for record in outcome.trace if record.kind is RecordKind.POD_EVICTED and record.at < OPENS]
    assert evicted == []


def test_nodes_that_fail_for_a_while_are_kept() -> None:
    before = OPENS - HOUR
    outcome = run({"kind": "NodeFails", "from": before.isoformat(), "lasts": "3m", "until": OPENS.isoformat()})
    assert versions(outcome) == {NEW: 4}
    assert not [record for record in outcome.trace if record.kind is RecordKind.NODE_GONE and record.at < OPENS]


def test_the_same_seed_meets_the_same_failures() -> None:
    def trace(seed: int) -> list[object]:
        failures = ({"kind": "NeverRegisters", "share": 0.5}, {"kind": "LaunchFails", "share": 0.3, "lasts": "2m"})
        return list(run(*failures, seed=seed).trace)

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)


def test_a_static_pool_is_back_at_its_size_after_a_command_that_was_given_up_and_begins_another() -> None:
    """The node that joins too late for its command is one too many, and leaves no room under the limit."""
    late = {"registration": {"fixed": "14m"}}
    pool = made.pool("fixed", [{"nodes": "1"}], replicas=2)
    pool["spec"]["limits"] = {"nodes": "3"}
    base = [settings(timings=late), made.window(), made.node_class(), pool, *images()]
    outcome = simulate(scenario(base))
    assert kinds(outcome)[RecordKind.COMMAND_ROLLED_BACK] > 1
    assert outcome.finished_at is not None
    assert versions(outcome) == {NEW: 2}


ARM: dict[str, Any] = {"nodeSelector": {"kubernetes.io/arch": "arm64"}}
SIZES: dict[str, Any] = {
    "requirements": [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [made.SIZE, "Standard_D4ps_v5"]}
    ]
}


def without_image(*more: dict[str, Any]) -> Outcome:
    """An image is published for one architecture, and there are pods for another."""
    workloads = [made.deployment("web", 10), made.deployment("arm", 10, **ARM)]
    base = [settings(), made.window(), made.node_class(), made.pool(**SIZES), *images(), *workloads, *more]
    return simulate(scenario(base, days=0.5, ends_early=False))


def test_a_launch_without_an_image_fails_until_the_claim_is_given_up() -> None:
    """It is no want of capacity, for which a claim goes at once: the provider may be asked again."""
    outcome = without_image()
    gone = [record for record in outcome.trace if record.kind is RecordKind.CLAIM_DELETED]
    assert {record.reason for record in gone} == {"launch_timeout"}
    assert 140 <= len({record.at for record in gone}) <= 144, "every five minutes, and at once made anew"
    assert outcome.unplaced


def test_a_launch_goes_on_as_soon_as_there_is_an_image() -> None:
    at = OPENS + HOUR + timedelta(minutes=2)
    outcome = without_image(made.image(NEW, at.isoformat(), "2204gen2arm64containerd"))
    first = next(record for record in outcome.trace if record.kind is RecordKind.NODE_JOINED and record.at > at)
    assert first.details["imageVersion"].endswith(f"2204gen2arm64containerd-{NEW}")
    assert not outcome.unplaced


@pytest.mark.parametrize("kind", ["LaunchFails", "NoCapacity"])
def test_looks_at_launches_that_are_left_out_change_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a claim waits for its launch, Karpenter looks once a second whether it still does."""
    failure = {"kind": kind, "from": OPENS.isoformat(), "until": (OPENS + HOUR).isoformat(), "share": 0.5}
    left_out = run(failure, seed=2)
    monkeypatch.setattr(Simulator, "POLLS", True)
    polled = run(failure, seed=2)
    assert replace(polled, steps=0) == replace(left_out, steps=0)
    assert kinds(polled)[RecordKind.COMMAND_ROLLED_BACK] > 0
    assert polled.steps > left_out.steps
