"""Whole simulations of small clusters."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from napsim.core.trace import RecordKind
from napsim.sim.cluster import Store
from napsim.sim.evictor import Evictor
from napsim.sim.kernel import Kernel
from napsim.sim.outcome import Outcome
from napsim.sim.queues import PollingQueue, WorkQueue
from napsim.sim.recorder import TOLD
from napsim.sim.retrying import RetryingEvictor
from napsim.sim.scenario import Applied, Deleted, NodeFailed, Stopped
from napsim.sim.scheduling import Scheduling
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim.scenarios import NEW, OLD, OPENS, START, cluster, daemon_set, images, kinds, scenario, settings, shop
from tests.sim.scenarios import stateful_set as stateful


def versions(outcome: Outcome, pool: str = "default") -> dict[str, int]:
    """Nodes by image version at the end."""
    found = next(item for item in outcome.pools if item.name == pool)
    return {version.rsplit("-", 1)[-1]: count for version, count in found.steps[-1].versions}


class TestARollout:
    def test_begins_when_the_window_opens_and_ends_with_all_nodes_on_the_new_image(self) -> None:
        outcome = simulate(scenario(cluster(shop())))
        assert versions(outcome) == {NEW: 4}
        assert outcome.pick_ups[0].at - OPENS < timedelta(seconds=1)
        assert outcome.finished_at == outcome.ended_at
        assert OPENS < outcome.ended_at < OPENS + timedelta(minutes=10)

    def test_starts_with_the_nodes_that_the_pods_need_on_the_image_of_the_start(self) -> None:
        outcome = simulate(scenario(cluster(shop())))
        first = outcome.pools[0].steps[0]
        assert first.at == START
        assert [(version.rsplit("-", 1)[-1], count) for version, count in first.versions] == [(OLD, 4)]

    def test_is_over_at_the_start_where_all_nodes_are_on_the_newest_image_then(self) -> None:
        only_old = [it for it in cluster(shop()) if it["metadata"]["name"] != images()[1]["metadata"]["name"]]
        assert simulate(scenario(only_old, days=1)).finished_at == START

    def test_never_disrupts_more_than_the_budget_allows(self) -> None:
        outcome = simulate(scenario(cluster(shop(), [{"nodes": "1"}])))
        assert outcome.pools[0].most_disrupting == 1
        assert outcome.most_disrupting == 1
        assert {step.allowed for step in outcome.pools[0].steps} == {1}

    def test_evicts_every_pod_of_a_replaced_node(self) -> None:
        outcome = simulate(scenario(cluster(shop())))
        assert [(item.name, item.evicted, item.deleted) for item in outcome.workloads] == [
            ("default/Deployment/web", 40, 0)
        ]
        assert kinds(outcome)[RecordKind.POD_EVICTED] == 40
        assert not outcome.unplaced

    def test_has_one_record_for_each_step_of_each_replacement(self) -> None:
        counts = kinds(simulate(scenario(cluster(shop()))))
        assert {kind: counts[kind] for kind in RecordKind if counts[kind] == 4} == {
            RecordKind.DRIFTED: 4,
            RecordKind.COMMAND_STARTED: 4,
            RecordKind.CLAIM_CREATED: 4,
            RecordKind.CLAIM_LAUNCHED: 4,
            RecordKind.CLAIM_REGISTERED: 4,
            RecordKind.CLAIM_INITIALIZED: 4,
            RecordKind.CLAIM_DELETED: 4,
            RecordKind.CLAIM_DRAINED: 4,
            RecordKind.CLAIM_GONE: 4,
            RecordKind.NODE_JOINED: 4,
            RecordKind.NODE_GONE: 4,
        }

    def test_of_a_static_pool_needs_no_pods(self) -> None:
        manifests = [settings(), made.window(), made.node_class(), made.pool(replicas=3), *images()]
        assert versions(simulate(scenario(manifests))) == {NEW: 3}

    def test_goes_on_for_as_long_as_it_is_told_to(self) -> None:
        outcome = simulate(scenario(cluster(shop()), ends_early=False, days=2))
        assert outcome.ended_at == START + timedelta(days=2)
        assert outcome.finished_at is not None
        assert outcome.finished_at < OPENS + timedelta(minutes=10)

    def test_tells_why_nodes_are_taken(self) -> None:
        """Those that expire are replaced by others, and all are deleted with their NodePool."""
        pool = made.pool(expireAfter="3h")
        gone = Deleted(START + timedelta(hours=4), "NodePool", pool["metadata"]["name"])
        manifests = [settings(), made.window(), made.node_class(), pool, *shop(), images()[0]]
        outcome = simulate(scenario(manifests, days=1, events=(gone,), ends_early=False))
        assert [why for _, why in outcome.pools[0].taken] == ["Expired"] * 4 + ["Deleted"] * 4
        drifted = simulate(scenario(cluster(shop()))).pools[0].taken
        assert [why for _, why in drifted] == ["Drifted"] * 4

    def test_tells_of_the_window(self) -> None:
        outcome = simulate(scenario(cluster(shop()), ends_early=False, days=2))
        told = [(item.kind, item.at.replace(microsecond=0)) for item in outcome.trace if "Window" in item.kind]
        assert told == [
            (RecordKind.WINDOW_OPENED, OPENS),
            (RecordKind.WINDOW_CLOSED, OPENS + timedelta(hours=4)),
        ]

    def test_tells_how_far_it_is(self) -> None:
        told: list[Any] = []
        simulate(scenario(cluster(shop()), ends_early=False, days=2), told.append)
        assert told == sorted(told)
        assert len(told) >= 2


class TestWhatStandsInTheWay:
    def test_a_pdb_without_room_blocks_the_node_and_is_named(self) -> None:
        lone = [made.deployment("ledger", 1), made.pdb("ledger", minAvailable=1)]
        outcome = simulate(scenario(cluster(lone)))
        (pool,) = outcome.pools
        (blocked,) = outcome.blocked
        assert pool.finished_at is None
        assert pool.unfinished == ("1 node blocked: pdb prevents pod evictions (PodDisruptionBudget=[default/ledger])",)
        assert (blocked.reason, blocked.until) == ("PodDisruptionBudget", None)
        assert outcome.ended_at == START + timedelta(days=3)

    def test_a_pdb_that_is_relaxed_lets_the_node_go(self) -> None:
        lone = [made.deployment("ledger", 1), made.pdb("ledger", minAvailable=1)]
        relaxed = Applied(OPENS + timedelta(hours=10), made.pdb("ledger", minAvailable=0))
        outcome = simulate(scenario(cluster(lone), [relaxed]))
        (blocked,) = outcome.blocked
        assert blocked.until is not None
        assert timedelta(0) <= blocked.until - relaxed.at <= timedelta(seconds=10)
        assert versions(outcome) == {NEW: 1}

    def test_a_pdb_that_is_deleted_lets_the_node_go(self) -> None:
        lone = [made.deployment("ledger", 1), made.pdb("ledger", minAvailable=1)]
        gone = Deleted(OPENS + timedelta(hours=10), "PodDisruptionBudget", "ledger", "default")
        assert versions(simulate(scenario(cluster(lone), [gone]))) == {NEW: 1}

    def test_a_termination_grace_period_ends_what_a_pdb_holds(self) -> None:
        lone = [made.deployment("ledger", 1), made.pdb("ledger", minAvailable=1)]
        outcome = simulate(scenario(cluster(lone, terminationGracePeriod="1h")))
        (workload,) = outcome.workloads
        assert (workload.evicted, workload.deleted) == (0, 1)
        (told,) = (item for item in outcome.trace if item.kind is RecordKind.POD_DELETED)
        assert timedelta(hours=1) <= told.at - OPENS < timedelta(hours=1, minutes=5)

    def test_of_a_definition_that_was_published_after_the_window_waits_under_a_version_that_is_held(self) -> None:
        later = (OPENS + timedelta(hours=6)).isoformat()
        gen1 = [
            made.image(version, at, "2204containerd") for version, at in ((OLD, "2026-01-11T00:00:00Z"), (NEW, later))
        ]
        (pool,) = simulate(scenario([*cluster(shop(20)), *gen1])).pools
        assert (pool.finished_at, pool.waits) == (None, True)
        assert pool.unfinished == (
            f"{NEW} is published, but the maintenance window is closed until 2026-02-22 01:00 UTC",
        )

    def test_a_window_that_does_not_open_leaves_the_image_waiting(self) -> None:
        outcome = simulate(scenario(cluster(shop()), days=0.1))
        (cause,) = outcome.pools[0].unfinished
        assert cause == f"{NEW} is published, but the maintenance window is closed until {OPENS:%Y-%m-%d %H:%M} UTC"

    def test_a_budget_of_nothing_leaves_the_nodes_to_be_replaced(self) -> None:
        outcome = simulate(scenario(cluster(shop(), [{"nodes": "0"}])))
        (cause,) = outcome.pools[0].unfinished
        assert cause == "4 nodes still to be replaced; at the end the budgets allow 0 at once"


class TestWhatHappensMeanwhile:
    def test_pods_of_a_node_that_falls_silent_are_made_anew_elsewhere(self) -> None:
        failed = NodeFailed(START + timedelta(hours=1), None, node_pool="default")
        outcome = simulate(scenario(cluster(shop(10), [{"nodes": "0"}]), [failed], days=0.2))
        assert not outcome.unplaced
        assert outcome.pools[0].steps[-1].nodes >= 2

    def test_a_node_that_comes_back_counts_again(self) -> None:
        failed = NodeFailed(START + timedelta(hours=1), START + timedelta(hours=1, minutes=3), node_pool="default")
        outcome = simulate(scenario(cluster(shop(10)), [failed], days=0.2))
        assert [step.disrupting for step in outcome.pools[0].steps] == [0, 1, 0]

    def test_a_drain_of_a_silent_node_goes_on_a_minute_past_the_grace_period_of_its_pods(self) -> None:
        """Karpenter takes them for stuck then. The node falls silent before it is drained, for good."""
        failed = NodeFailed(OPENS + timedelta(seconds=30), None, node_pool="default", count=4)
        outcome = simulate(scenario(cluster(shop(40, maxUnavailable="100%"), [{"nodes": "100%"}]), [failed]))
        assert versions(outcome) == {NEW: 4}
        gone = max(item.at for item in outcome.trace if item.kind is RecordKind.NODE_GONE)
        asked = max(item.at for item in outcome.trace if item.kind is RecordKind.POD_EVICTED)
        assert timedelta(minutes=1) < gone - asked < timedelta(minutes=2)

    def test_nothing_happens_while_the_cluster_is_stopped(self) -> None:
        stopped = Stopped(OPENS - timedelta(hours=1), OPENS + timedelta(hours=2))
        outcome = simulate(scenario(cluster(shop()), [stopped]))
        assert outcome.pick_ups[0].at >= stopped.until
        assert all(not stopped.at < item.at < stopped.until for item in outcome.trace)
        assert versions(outcome) == {NEW: 4}

    def test_what_an_event_does_not_find_is_named(self) -> None:
        at = START + timedelta(hours=1)
        events = (
            NodeFailed(at, None, node="nope"),
            NodeFailed(at, at + timedelta(minutes=2), node_pool="default", count=3),
            NodeFailed(at, at + timedelta(minutes=2), node_pool="default", count=1),
            Deleted(at, "PodDisruptionBudget", "nope", "shop"),
            Deleted(at, "NodePool", "nope"),
        )
        assert simulate(scenario(cluster(shop(10)), events, days=0.1)).problems == (
            "Event of 2026-02-14T21:00:00Z: Node/nope to fail, and there is none then.",
            "Event of 2026-02-14T21:00:00Z: 3 of NodePool/default to fail, and there is 1 then.",
            "Event of 2026-02-14T21:00:00Z: PodDisruptionBudget/shop/nope to be deleted, and there is none then.",
            "Event of 2026-02-14T21:00:00Z: NodePool/nope to be deleted, and there is none then.",
        )

    def test_a_workload_that_grows_gets_nodes(self) -> None:
        grown = Applied(START + timedelta(hours=1), made.deployment("web", 60))
        outcome = simulate(scenario(cluster(shop()), [grown], days=0.2))
        assert outcome.pools[0].steps[-1].nodes == 6
        assert not outcome.unplaced

    def test_a_pool_that_is_deleted_takes_its_nodes_along(self) -> None:
        gone = Deleted(START + timedelta(hours=1), "NodePool", "default")
        outcome = simulate(scenario(cluster([made.deployment("web", 10)]), [gone], days=0.2))
        assert outcome.pools[0].steps[-1].nodes == 0
        assert len(outcome.unplaced) == 10

    def test_an_image_published_later_starts_another_rollout(self) -> None:
        later = Applied(START + timedelta(days=1), made.image("202603.01.0", (START + timedelta(days=2)).isoformat()))
        outcome = simulate(scenario(cluster(shop(10)), [later], days=9))
        assert [item.to_version for item in outcome.pick_ups] == [NEW, "202603.01.0"]
        assert versions(outcome) == {"202603.01.0": 1}

    def test_a_manifest_that_cannot_be_used_is_named(self) -> None:
        broken = Applied(START + timedelta(hours=1), made.window(durationHours=2))
        outcome = simulate(scenario(cluster(shop(10)), [broken], days=0.2))
        assert any("durationHours" in text for text in outcome.problems)


class TestWorkloads:
    def test_a_stateful_set_is_rolled_pod_by_pod(self) -> None:
        outcome = simulate(scenario(cluster([stateful("db", 20), made.pdb("db", maxUnavailable=1)])))
        assert versions(outcome) == {NEW: 2}
        assert {count for _, count in outcome.workloads[0].evictions} == {1}

    def test_a_daemon_set_has_a_pod_on_every_node(self) -> None:
        outcome = simulate(scenario(cluster([*shop(), daemon_set("agent")])))
        evicted = {item.name: item.evicted for item in outcome.workloads}
        assert evicted["default/DaemonSet/agent"] >= 4
        assert not outcome.unplaced

    @pytest.mark.parametrize("grace", [0, 1, 120])
    def test_a_pod_goes_within_its_grace_period(self, grace: int) -> None:
        pods = made.deployment("web", 10, terminationGracePeriodSeconds=grace)
        assert versions(simulate(scenario(cluster([pods])))) == {NEW: 1}


class TestUpstreamsPace:
    """Karpenter looks again a second after a command, and every simulation of scheduling takes it some time."""

    @staticmethod
    def records(**timings: str) -> dict[RecordKind, list[timedelta]]:
        """When each kind of record is told, since the window opens."""
        fast = {name: {"fixed": timings.get(name, "100ms")} for name in ("launch", "registration", "initialization")}
        manifests = [settings(timings=fast), *cluster(shop(60), [{"nodes": "100%"}])[1:]]
        found: dict[RecordKind, list[timedelta]] = {}
        for item in simulate(scenario(manifests)).trace:
            found.setdefault(item.kind, []).append(item.at - OPENS)
        return found

    def at(self, kind: RecordKind, **timings: str) -> list[timedelta]:
        return self.records(**timings)[kind]

    def test_commands_start_a_second_apart_at_least(self) -> None:
        started = self.at(RecordKind.COMMAND_STARTED)
        assert len(started) == 6
        assert all(later - earlier >= timedelta(seconds=1) for earlier, later in itertools.pairwise(started))

    def test_a_command_is_looked_at_once_a_second_and_the_first_comes_at_a_poll(self) -> None:
        """When Karpenter polls, nobody knows: it follows from the seed."""
        found = self.records()
        started = found[RecordKind.COMMAND_STARTED][0]
        assert timedelta(0) < started < timedelta(seconds=11)
        assert found[RecordKind.CLAIM_DELETED][0] - started == timedelta(seconds=2)  # initialized after 1.1 s

    @pytest.mark.parametrize(("registration", "seconds"), [("0s", 1.0), ("20s", 20.0)])
    def test_a_node_is_registered_a_second_after_the_launch_at_the_earliest(
        self, registration: str, seconds: float
    ) -> None:
        found = self.records(registration=registration)
        took = found[RecordKind.CLAIM_REGISTERED][0] - found[RecordKind.CLAIM_LAUNCHED][0]
        assert took.total_seconds() == pytest.approx(seconds)

    def test_candidates_are_refused_one_after_another(self) -> None:
        refused = self.at(RecordKind.BLOCKED, initialization="40s")
        (first, second, *_) = refused
        assert timedelta(milliseconds=5) < second - first < timedelta(milliseconds=20)

    def test_the_next_goes_at_the_next_poll_after_the_replacement_is_initialized(self) -> None:
        first, second, *_ = self.at(RecordKind.COMMAND_STARTED, initialization="25s")
        assert timedelta(seconds=25) < second - first < timedelta(seconds=36)


def test_a_brief_trace_has_what_reports_tell_of_and_leaves_all_else_as_it_is() -> None:
    told = scenario(cluster(shop(20)))
    whole, brief = simulate(told), simulate(told, brief_trace=True)
    assert brief.trace == tuple(record for record in whole.trace if record.kind in TOLD)
    assert brief.trace
    assert replace(brief, trace=()) == replace(whole, trace=())


def test_going_on_at_once_where_nothing_else_happens_gives_what_suspending_each_time_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = scenario(cluster(shop(60), [{"nodes": "100%"}]))
    leaping = simulate(told)
    monkeypatch.setattr(Kernel, "leap", lambda *_: False)
    suspending = simulate(told)
    assert leaping.steps < suspending.steps
    assert replace(leaping, steps=0) == replace(suspending, steps=0)


@pytest.mark.parametrize("pdb", [{"maxUnavailable": "25%"}, {"minAvailable": 30}, {"minAvailable": "75%"}])
def test_pods_that_change_alike_come_to_what_they_come_to_one_by_one(
    monkeypatch: pytest.MonkeyPatch, pdb: dict[str, Any]
) -> None:
    others = [made.deployment("api", 25), stateful("store", 12), daemon_set("agent"), made.pdb("store", minAvailable=9)]
    told = scenario(cluster([*shop(45, **pdb), *others], [{"nodes": "50%"}]))
    together = simulate(told)
    monkeypatch.setattr(Store, "create_alike", lambda store, items: [store.create(item) for item in items])
    monkeypatch.setattr(Store, "update_alike", lambda store, new: [store.update(item) for item in new.values()])
    monkeypatch.setattr(Scheduling, "_room", lambda *_: ("", 0))
    one_by_one = simulate(told)
    assert together.steps < one_by_one.steps
    assert len(together.trace) > 200
    assert replace(together, steps=0) == replace(one_by_one, steps=0)


@pytest.mark.parametrize("pdb", [{"maxUnavailable": "25%"}, {"minAvailable": 30}, {"maxUnavailable": 1}])
def test_one_write_of_a_pdb_where_pods_wait_for_it_comes_to_what_two_do(
    monkeypatch: pytest.MonkeyPatch, pdb: dict[str, Any]
) -> None:
    others = [stateful("store", 12), made.pdb("store", minAvailable=9)]
    told = scenario(cluster([*shop(45, **pdb), *others], [{"nodes": "50%"}]))
    one = simulate(told)
    monkeypatch.setattr(RetryingEvictor, "holds_back_for", Evictor.holds_back_for)
    two = simulate(told)
    assert len(one.trace) > 100
    assert replace(one, steps=0) == replace(two, steps=0)


def test_looks_that_would_be_in_vain_are_left_out_and_nothing_comes_out_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "300"}}}
    unplaceable = made.deployment("huge", 1, containers=[container])
    told = scenario(cluster([*shop(20), unplaceable]), days=0.25)
    skipping = simulate(told)
    monkeypatch.setattr(PollingQueue, "_ring", WorkQueue._ring)
    polling = simulate(told)
    assert len(skipping.unplaced) == 1
    assert polling.steps > skipping.steps + 1000
    assert replace(skipping, steps=0) == replace(polling, steps=0)
