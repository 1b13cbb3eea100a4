"""What the operator knows of the cluster: indexes and counters are what a recount from scratch would give."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napsim.api import names
from napsim.controllers.counts import is_marked, node_count
from napsim.controllers.state import ClusterState
from napsim.core.budgets import PoolCount, count
from napsim.core.clock import Timeline
from napsim.core.clusterview import ClusterView
from napsim.core.commands import drift_command, recorded
from napsim.core.nodepools import Placement
from napsim.core.objects import (
    DaemonSet,
    DaemonSetSpec,
    Node,
    NodeClaim,
    NodeSelector,
    NodeSelectorTerm,
    ObjectMeta,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
    Pod,
    PodTemplate,
    Requirement,
    Volume,
    VolumeClaimSource,
    VolumeNodeAffinity,
)
from napsim.core.pods import is_provisionable, is_terminal, requests
from napsim.core.resources import Resources, total
from tests.core.examples import NOW, claim, node, pdb, pod, true

encode = msgspec.json.encode
INITIALIZED = {names.NODEPOOL: "default", names.INITIALIZED: "true"}


def test_a_node_belongs_to_the_claim_with_its_provider_id() -> None:
    state = ClusterState()
    state.on_node(None, node("n", of="c"))
    assert state.claim_of(node("n", of="c")) is None
    state.on_claim(None, claim("c"))
    assert state.claim_of(state.nodes["n"]) == claim("c")
    assert state.node_of(claim("c")) == node("n", of="c")
    assert state.node_of(claim("d", provider_id="")) is None


def test_a_node_that_took_over_a_provider_id_keeps_it_when_the_other_goes() -> None:
    state = ClusterState()
    state.on_node(None, node("old", of="c"))
    state.on_node(None, node("new", of="c"))
    state.on_node(state.nodes["old"], None)
    found = state.node_of(claim("c"))
    assert found is not None
    assert found.name == "new"


def test_pods_are_listed_by_key_and_their_requests_added_up_without_the_terminal() -> None:
    state = ClusterState()
    for item in (pod("b", requests={"cpu": "1"}), pod("a", requests={"cpu": "500m"}), pod("z", phase="Failed")):
        state.on_pod(None, item)
    assert [item.name for item in state.pods_on("n")] == ["a", "b", "z"]
    assert state.used_on("n") == {"cpu": 1500, "pods": 2}
    state.on_pod(pod("b", requests={"cpu": "1"}), pod("b", requests={"cpu": "1"}, phase="Succeeded"))
    assert state.used_on("n")["cpu"] == 500
    assert state.pods_on("elsewhere") == ()
    assert state.used_on("elsewhere") == {}


def test_a_pending_pod_is_pending_until_it_is_bound_or_gone() -> None:
    state = ClusterState()
    waiting = pod("p", node="", unschedulable=True)
    state.on_pod(None, waiting)
    assert set(state.pending) == {"default/p"}
    state.on_pod(waiting, pod("p"))
    assert not state.pending
    state.on_pod(pod("p"), None)
    assert not state.pods


def test_a_claim_waits_for_its_launch_until_it_has_a_provider_id_or_goes() -> None:
    state = ClusterState()
    fresh = claim("c", provider_id="")
    state.on_claim(None, fresh)
    assert state.unlaunched == {"c"}
    state.on_claim(fresh, claim("c"))
    assert not state.unlaunched
    refused = claim("d", provider_id="", deleted_at=NOW)
    state.on_claim(None, refused)
    assert state.unlaunched == {"d"}, "one on its way out is waited for, too"
    state.on_claim(refused, None)
    assert not state.unlaunched


def replacement(name: str = "new", *conditions: str) -> NodeClaim:
    return claim(name, conditions=true(*conditions), annotations={names.REPLACES: "old"})


def test_a_replacement_stays_seen_while_what_it_replaces_is_there_even_when_it_is_gone() -> None:
    state = ClusterState()
    state.on_claim(None, claim("old"))
    state.on_claim(None, replacement())
    assert state.replacements == {"old": {"new"}}
    state.on_claim(replacement(), None)
    assert state.seen == {"new"}
    assert not state.replacements


def test_after_a_start_a_replacement_is_seen_whichever_of_the_two_is_listed_first() -> None:
    state = ClusterState()
    state.on_claim(None, replacement())
    assert not state.seen
    state.on_claim(None, claim("old"))
    assert state.seen == {"new"}


def test_nothing_is_left_of_a_replacement_when_both_are_history() -> None:
    state = ClusterState()
    state.on_claim(None, claim("old"))
    state.on_claim(None, replacement())
    state.on_claim(claim("old"), None)
    assert not state.seen
    state.on_claim(replacement(), replacement("new", names.INITIALIZED_CONDITION))
    assert not state.seen
    state.on_claim(replacement(), None)
    assert not state.seen
    assert not state.replacements
    assert not state._seen_for


def test_a_claim_is_a_place_before_its_node_is_there_and_while_it_is_gone() -> None:
    state = ClusterState()
    owner = claim("c", labels={names.INSTANCE_TYPE: "Standard_D4s_v5"})
    state.on_claim(None, owner)
    view = state.places.view
    assert free(view, "c")["cpu"] == 3860, "as its size says"
    state.on_node(None, node("n", of="c", allocatable={"cpu": "3", "pods": "9"}))
    assert free(view, "c") == {"cpu": 3000, "pods": 9}
    assert view.place("n") is None, "it is one place"
    state.on_node(state.nodes["n"], None)
    assert free(view, "c")["cpu"] == 3860
    state.on_claim(owner, None)
    assert view.place("c") is None


def free(view: ClusterView, key: str) -> Resources:
    place = view.place(key)
    assert place is not None
    return place.free


def test_a_place_follows_its_node_also_after_it_was_taken_by_a_claim_and_back() -> None:
    state = ClusterState()
    made, there = claim("c"), node("n", of="c")
    state.on_claim(None, made)
    state.on_node(None, there)
    first = state.places.view.place("c")
    state.on_node(there, None)
    gone = state.places.view.place("c")
    assert first is not None
    assert gone is not None
    assert (first.target.node_name, gone.target.node_name) == ("n", "")
    state.on_node(None, there)
    back = state.places.view.place("c")
    assert back is not None
    assert back.target == first.target
    state.on_node(there, there)
    assert state.places.usage("default")["nodes"] == 1


def test_a_node_without_a_claim_is_a_place_of_its_own_name() -> None:
    state = ClusterState()
    state.on_node(None, node("n", of="c", allocatable={"cpu": "3", "pods": "9"}))
    state.on_pod(None, pod("p", node="n", requests={"cpu": "1"}))
    assert free(state.places.view, "n") == {"cpu": 2000, "pods": 8}
    state.on_claim(None, claim("c"))
    assert state.places.view.place("n") is None
    assert free(state.places.view, "c") == {"cpu": 2000, "pods": 8}
    state.on_claim(claim("c"), None)
    assert free(state.places.view, "n") == {"cpu": 2000, "pods": 8}


def test_the_pods_of_a_marked_node_leave_once_its_replacements_exist() -> None:
    state = ClusterState()
    state.on_claim(None, claim("c"))
    taken = {names.COMMAND: encode(drift_command(claim("c"), (Placement("s", "z", "on-demand"),), NOW)).decode()}
    item = node("n", of="c", annotations=taken)
    state.on_node(None, item)
    assert "n" not in state.leaving, "capacity would be made twice"
    command = recorded(item)
    assert command is not None
    state.on_claim(None, claim(command.replacements[0].name, annotations={names.REPLACES: "c"}))
    assert "n" in state.leaving
    assert state.leaving.take_news()
    assert not state.leaving.take_news()
    state.on_node(item, node("n", of="c"))
    assert "n" not in state.leaving


def test_what_the_pods_of_leaving_nodes_ask_for_follows_the_pods_the_pdbs_and_time() -> None:
    state = ClusterState()
    state.on_node(None, node("n", of="c", deleted_at=NOW))
    state.on_pod(None, pod("p", node="n"))
    state.on_pod(None, pod("q", node="n", annotations={names.DO_NOT_DISRUPT: "5m"}))

    def moving(at: datetime = NOW) -> list[str]:
        view, timeline = state.places.view, Timeline(NOW, NOW, 1.0)
        found = state.leaving.moving(state.by_key_on, state.moving, view, state.pdbs, timeline, at)
        return [mover.key for mover in found.movers]

    assert moving() == ["default/p"]
    assert moving(NOW + timedelta(minutes=5)) == ["default/p", "default/q"]
    state.on_pdb(None, pdb("held", max_unavailable=0))
    assert moving() == []
    state.on_pdb(pdb("held", max_unavailable=0), None)
    assert moving() == ["default/p"]
    state.on_pod(pod("p", node="n"), None)
    assert moving() == []


def test_a_daemon_set_takes_room_of_every_node_before_its_pod_is_there() -> None:
    state = ClusterState()
    state.on_node(None, node("n", allocatable={"cpu": "4", "pods": "9"}))
    runs = PodTemplate(spec=pod(requests={"cpu": "1"}).spec)
    item = DaemonSet(ObjectMeta(name="d", namespace="default"), DaemonSetSpec(runs))
    assert state.places.on_daemon_set(None, item) == ""
    assert free(state.places.view, "n") == {"cpu": 3000, "pods": 8}
    before = state.changes_of_room
    assert state.places.on_daemon_set(item, msgspec.structs.replace(item, metadata=ObjectMeta(name="d"))) == ""
    assert state.changes_of_room == before, "its status is nothing to nodes"
    state.places.on_daemon_set(item, None)
    assert free(state.places.view, "n") == {"cpu": 4000, "pods": 9}


def test_a_pod_follows_its_volume_when_claim_and_volume_change() -> None:
    state = ClusterState()
    state.on_node(None, node("n"))
    bare = pod("p", node="n")
    spec = msgspec.structs.replace(bare.spec, volumes=(Volume("data", VolumeClaimSource("data")),))
    state.on_pod(None, msgspec.structs.replace(bare, spec=spec))
    meta = ObjectMeta(name="data", namespace="default")
    bound = PersistentVolumeClaim(meta, PersistentVolumeClaimSpec(volume_name="disk"))
    assert "not found" in state.places.unfollowed["default/p"]
    state.on_volume_claim(None, bound)
    assert 'persistentvolume "disk" not found' in state.places.unfollowed["default/p"]
    state.on_volume(None, disk_in("westeurope-2"))
    assert state.places.unfollowed == {}
    assert volume_zone(state) == {"westeurope-2"}
    state.on_volume(disk_in("westeurope-2"), disk_in("westeurope-3"))
    assert volume_zone(state) == {"westeurope-3"}


def disk_in(zone: str) -> PersistentVolume:
    term = NodeSelectorTerm((Requirement(names.ZONE, "In", (zone,)),))
    return PersistentVolume(ObjectMeta(name="disk"), PersistentVolumeSpec(VolumeNodeAffinity(NodeSelector((term,)))))


def volume_zone(state: ClusterState) -> frozenset[str]:
    found = state.places.view.bound("default/p")
    assert found is not None
    return found.shape.volumes[names.ZONE].values


def test_commands_are_the_nodes_that_carry_one() -> None:
    state = ClusterState()
    taken = node(annotations={names.COMMAND: "{}"})
    state.on_node(None, taken)
    assert state.commands == {"n"}
    state.on_node(taken, node())
    assert not state.commands
    state.on_node(node(), taken)
    state.on_node(taken, None)
    assert not state.commands


def test_pdbs_come_change_and_go() -> None:
    state = ClusterState()
    state.on_pdb(None, pdb(allowed=0))
    state.on_pdb(pdb(allowed=0), pdb(allowed=1))
    found = state.pdbs.get("default/b")
    assert found is not None
    assert found.status.disruptions_allowed == 1
    state.on_pdb(found, None)
    assert state.pdbs.get("default/b") is None


def test_what_counts_against_a_budget_follows_every_change() -> None:
    state = ClusterState()
    state.on_claim(None, claim("c"))
    state.on_node(None, node("n", labels={names.NODEPOOL: "default"}))
    assert state.count("default") == PoolCount(0, 0)
    state.on_node(node("n", labels={names.NODEPOOL: "default"}), node("n", labels=INITIALIZED))
    assert state.count("default") == PoolCount(1, 0)
    state.on_node(node("n", labels=INITIALIZED), node("n", labels=INITIALIZED, ready=False))
    assert state.count("default") == PoolCount(1, 1)
    state.on_claim(claim("c"), claim("c", deleted_at=NOW))
    state.on_node(node("n"), node("n", labels=INITIALIZED))
    assert state.count("default") == PoolCount(1, 1)
    state.on_claim(claim("c"), claim("c", deleted_at=NOW, conditions=true(names.INSTANCE_TERMINATING)))
    assert state.count("default") == PoolCount(0, 0)


CLAIMS, POOLS = ["c0", "c1", "c2"], ["one", "two"]


class AnyHistory(RuleBasedStateMachine):
    """Counters and indexes equal a recount from scratch after any sequence of events."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ClusterState()
        self.nodes: dict[str, Node] = {}
        self.claims: dict[str, NodeClaim] = {}
        self.pods: dict[str, Pod] = {}

    @rule(
        name=st.sampled_from(CLAIMS),
        pool=st.sampled_from(POOLS),
        launched=st.booleans(),
        deleting=st.booleans(),
        terminating=st.booleans(),
        replaces=st.sampled_from(["", *CLAIMS]),
    )
    def a_claim(self, name: str, pool: str, launched: bool, deleting: bool, terminating: bool, replaces: str) -> None:
        new = claim(
            name,
            labels={names.NODEPOOL: pool},
            provider_id=None if launched else "",
            deleted_at=NOW if deleting else None,
            conditions=true(*([names.INSTANCE_TERMINATING] if terminating else [])),
            annotations={names.REPLACES: replaces} if replaces and replaces != name else {},
        )
        self.state.on_claim(self.claims.get(name), new)
        self.claims[name] = new

    @rule(
        name=st.sampled_from(CLAIMS),
        pool=st.sampled_from(POOLS),
        initialized=st.booleans(),
        ready=st.booleans(),
        taken=st.booleans(),
        deleting=st.booleans(),
    )
    def a_node(self, name: str, pool: str, initialized: bool, ready: bool, taken: bool, deleting: bool) -> None:
        labels = {names.NODEPOOL: pool, **({names.INITIALIZED: "true"} if initialized else {})}
        annotations = {names.COMMAND: "{}"} if taken else {}
        new = node(
            f"n-{name}",
            of=name,
            labels=labels,
            ready=ready,
            annotations=annotations,
            deleted_at=NOW if deleting else None,
        )
        self.state.on_node(self.nodes.get(new.name), new)
        self.nodes[new.name] = new

    @rule(
        name=st.sampled_from(["p0", "p1", "p2"]),
        on=st.sampled_from(["", "n-c0", "n-c1"]),
        phase=st.sampled_from(["Running", "Succeeded"]),
        unschedulable=st.booleans(),
        cpu=st.sampled_from(["1", "2"]),
    )
    def a_pod(self, name: str, on: str, phase: str, unschedulable: bool, cpu: str) -> None:
        new = pod(name, node=on, phase=phase, unschedulable=unschedulable, requests={"cpu": cpu})
        self.state.on_pod(self.pods.get(new.key), new)
        self.pods[new.key] = new

    @rule(kind=st.sampled_from(["claim", "node", "pod"]), position=st.integers(0, 2))
    def one_goes(self, kind: str, position: int) -> None:
        if kind == "claim" and position < len(self.claims):
            self.state.on_claim(self.claims.pop(sorted(self.claims)[position]), None)
        elif kind == "node" and position < len(self.nodes):
            self.state.on_node(self.nodes.pop(sorted(self.nodes)[position]), None)
        elif kind == "pod" and position < len(self.pods):
            self.state.on_pod(self.pods.pop(sorted(self.pods)[position]), None)

    @rule(name=st.sampled_from(["n-c0", "n-c1", "n-c2"]))
    def is_asked_for_its_room(self, name: str) -> None:
        self.state.used_on(name)

    def owner(self, item: Node) -> NodeClaim | None:
        return next((one for one in self.claims.values() if one.status.provider_id == item.spec.provider_id), None)

    @invariant()
    def the_counters_are_right(self) -> None:
        for pool in POOLS:
            mine = [item for item in self.nodes.values() if item.metadata.labels[names.NODEPOOL] == pool]
            assert self.state.count(pool) == count(node_count(item, self.owner(item)) for item in mine)

    @invariant()
    def the_indexes_are_right(self) -> None:
        state = self.state
        assert state.commands == {
            item.name for item in self.nodes.values() if names.COMMAND in item.metadata.annotations
        }
        assert state.unlaunched == {item.name for item in self.claims.values() if not item.status.provider_id}
        pools = Counter(item.metadata.labels[names.NODEPOOL] for item in self.claims.values())
        assert {pool: len(members) for pool, members in state.claims_of_pool.items()} == pools
        leaving = {(item.metadata.labels[names.NODEPOOL], item.name) for item in self.claims.values() if item.deleting}
        assert {(pool, name) for pool, members in state.deleting_of_pool.items() for name in members} == leaving
        replaces = {item.name: item.metadata.annotations.get(names.REPLACES) for item in self.claims.values()}
        assert {new for members in state.replacements.values() for new in members} == {
            new for new, old in replaces.items() if old
        }
        standing = {(old, new) for new, old in replaces.items() if old in self.claims}
        assert {new for _, new in standing} <= state.seen
        assert standing <= {(old, new) for old, by in state.being_succeeded() for new in by}

    @invariant()
    def the_places_are_right(self) -> None:
        """As if everything had come at once: what is free where, and what pools have between them."""
        anew = ClusterState()
        for owner in self.claims.values():
            anew.on_claim(None, owner)
        for item in self.nodes.values():
            anew.on_node(None, item)
        for one in self.pods.values():
            anew.on_pod(None, one)
        keys = {*self.claims, *self.nodes}
        assert {key: place_of(self.state, key) for key in keys} == {key: place_of(anew, key) for key in keys}
        for pool in POOLS:
            ours, theirs = self.state.places, anew.places
            assert +Counter(ours.usage(pool)) == +Counter(theirs.usage(pool))
            assert +Counter(ours.view.capacity(pool)) == +Counter(theirs.view.capacity(pool))
        assert {name for name in self.nodes if name in self.state.leaving} == {
            name for name in self.nodes if name in anew.leaving
        }
        assert +self.state.zone_use == +anew.zone_use

    @invariant()
    def the_pods_are_right(self) -> None:
        for name in ("n-c0", "n-c1"):
            mine = [item for _, item in sorted(self.pods.items()) if item.spec.node_name == name]
            assert list(self.state.pods_on(name)) == mine
            assert self.state.used_on(name) == total(requests(item) for item in mine if not is_terminal(item))
        assert set(self.state.pending) == {key for key, item in self.pods.items() if is_provisionable(item)}

    @invariant()
    def nothing_is_kept_of_what_is_gone(self) -> None:
        if not self.claims:
            assert not self.state.seen
            assert not self.state._seen_for
        assert self.state.claims == self.claims
        assert self.state.nodes == self.nodes


def place_of(state: ClusterState, key: str) -> tuple[object, ...] | None:
    place = state.places.view.place(key)
    return None if place is None else (place.target, place.marked, place.free if place.alike else None)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=20, stateful_step_count=30)


def test_a_node_is_marked_by_a_command_or_by_what_becomes_of_its_claim() -> None:
    assert not is_marked(node(), claim())
    assert is_marked(node(annotations={names.COMMAND: "{}"}), claim())
    assert is_marked(node(), claim(deleted_at=NOW))
    assert is_marked(node(), claim(conditions=true(names.INSTANCE_TERMINATING)))
    assert is_marked(node(deleted_at=NOW), None)
    assert not is_marked(node(deleted_at=NOW), claim())
