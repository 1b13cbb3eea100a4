"""What the operator knows of the cluster: indexes and counters are what a recount from scratch would give."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napsim.api import names
from napsim.controllers.state import ClusterState, is_marked, node_count
from napsim.core.budgets import PoolCount, count
from napsim.core.objects import Node, NodeClaim, Pod
from napsim.core.pods import is_provisionable, is_terminal, requests
from napsim.core.resources import total
from tests.core.examples import NOW, claim, node, pdb, pod, true

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
    state.on_claim(None, claim("d", provider_id="", deleted_at=NOW))
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


def test_one_pod_stands_for_each_daemon_set() -> None:
    state = ClusterState()
    for number in range(3):
        state.on_pod(None, pod(f"d{number}", owner="DaemonSet", node=f"n{number}"))
    state.on_pod(None, pod("p"))
    assert len(list(state.daemon_pods())) == 1


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
        assert state.unlaunched == {
            item.name for item in self.claims.values() if not item.status.provider_id and not item.deleting
        }
        pools = Counter(item.metadata.labels[names.NODEPOOL] for item in self.claims.values())
        assert {pool: len(members) for pool, members in state.claims_of_pool.items()} == pools
        replaces = {item.name: item.metadata.annotations.get(names.REPLACES) for item in self.claims.values()}
        assert {new for members in state.replacements.values() for new in members} == {
            new for new, old in replaces.items() if old
        }
        assert {new for new, old in replaces.items() if old in self.claims} <= state.seen

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


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=30, deadline=timedelta(seconds=5))


def test_a_node_is_marked_by_a_command_or_by_what_becomes_of_its_claim() -> None:
    assert not is_marked(node(), claim())
    assert is_marked(node(annotations={names.COMMAND: "{}"}), claim())
    assert is_marked(node(), claim(deleted_at=NOW))
    assert is_marked(node(), claim(conditions=true(names.INSTANCE_TERMINATING)))
    assert is_marked(node(deleted_at=NOW), None)
    assert not is_marked(node(deleted_at=NOW), claim())
