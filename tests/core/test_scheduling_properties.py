"""The scheduling simulation on whole clusters: against a naive scheduler, and one sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.api import names
from napsim.core import scheduler
from napsim.core.objects import Node, Pod
from napsim.core.pods import requests, tolerates
from napsim.core.podshapes import host_ports
from napsim.core.resources import CPU, PODS, fits, total
from napsim.core.simulation import Simulation
from tests.core.clusters import (
    AMD64,
    FAMILY_D,
    ZONES,
    Cluster,
    a_node,
    a_pod,
    a_pool,
    a_template,
    affinity,
    spread,
    term,
)

TAINT = {"key": "t", "value": "v", "effect": "NoSchedule"}
POOLS = (
    a_template(a_pool(FAMILY_D, AMD64, name="plain", limits={"cpu": "40"})),
    a_template(a_pool(FAMILY_D, name="tainted", weight=9, taints=[TAINT])),
)

KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"nodeSelector": {names.ZONE: ZONES[1]}},
    {"tolerations": [{"key": "t", "operator": "Exists"}]},
    {"ports": [80]},
    {"topologySpreadConstraints": [spread()]},
    {"topologySpreadConstraints": [spread(names.HOSTNAME, 2)]},
    {"affinity": affinity("podAntiAffinity", term())},
    {"affinity": affinity("podAntiAffinity", term(names.ZONE, "b"))},
    {"affinity": affinity("podAffinity", term(names.ZONE))},
)
NODES = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "4"]), st.sampled_from(ZONES), st.booleans(), st.sampled_from([True, True, False])
    ),
    max_size=6,
)
PODS_ = st.lists(
    st.tuples(st.sampled_from(["500m", "1", "2"]), st.sampled_from(KINDS), st.sampled_from("ab")), max_size=8
)
BOUND = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.sampled_from("ab")), max_size=5)


def nodes_of(drawn: Sequence[tuple[str, str, bool, bool]]) -> list[Node]:
    return [
        a_node(f"n{number}", cpu, zone=zone, taints=[TAINT] if tainted else [], initialized=initialized)
        for number, (cpu, zone, tainted, initialized) in enumerate(drawn)
    ]


def pods_of(drawn: Sequence[tuple[str, dict[str, Any], str]]) -> list[Pod]:
    return [a_pod(f"p{number}", cpu, labels={"app": app}, **kind) for number, (cpu, kind, app) in enumerate(drawn)]


def bound_of(drawn: Sequence[tuple[int, dict[str, Any], str]], nodes: Sequence[Node]) -> list[Pod]:
    return [
        a_pod(f"there{number}", "100m", node=nodes[where].name, labels={"app": app}, **kind)
        for number, (where, kind, app) in enumerate(drawn)
        if where < len(nodes)
    ]


# --- a naive scheduler ----------------------------------------------------------------------------------------------


@dataclass
class Naive:
    """Looks at every node for every pod, and counts all pods anew each time. No new nodes, no wishes."""

    nodes: list[Node]
    bound: list[Pod]
    where: dict[str, str] = field(default_factory=dict)

    def solve(self, pods: Sequence[Pod]) -> dict[str, str]:
        self.nodes.sort(key=lambda node: (names.INITIALIZED not in node.metadata.labels, node.name))
        queue = sorted(pods, key=lambda pod: (-requests(pod)[CPU], pod.metadata.uid))
        progress = True
        while progress:
            progress = False
            for pod in [pod for pod in queue if pod.key not in self.where]:
                node = next((node for node in self.nodes if self.takes(pod, node, pods)), None)
                if node is not None:
                    self.where[pod.key] = node.name
                    progress = True
        return self.where

    def on(self, node: Node, pods: Sequence[Pod]) -> list[Pod]:
        there = [pod for pod in self.bound if pod.spec.node_name == node.name]
        return there + [pod for pod in pods if self.where.get(pod.key) == node.name]

    def takes(self, pod: Pod, node: Node, pods: Sequence[Pod]) -> bool:
        labels, there = node.metadata.labels, self.on(node, pods)
        if not all(tolerates(pod.spec.tolerations, taint) for taint in node.spec.taints):
            return False
        if any(labels.get(key) != value for key, value in pod.spec.node_selector.items()):
            return False
        if sum(requests(each)[CPU] for each in [*there, pod]) > int(node.status.allocatable["cpu"]) * 1000:
            return False
        ports = {port for each in there for port in host_ports(each)}
        if ports & set(host_ports(pod)):
            return False
        return self.respects(pod, node, pods)

    def respects(self, pod: Pod, node: Node, pods: Sequence[Pod]) -> bool:
        where = {node.name: self.on(node, pods) for node in self.nodes}

        def count(key: str, app: str) -> Counter[str]:
            found: Counter[str] = Counter({each.metadata.labels[key]: 0 for each in self.nodes})
            for each in self.nodes:
                found[each.metadata.labels[key]] += sum(one.metadata.labels["app"] == app for one in where[each.name])
            return found

        labels, own = node.metadata.labels, pod.metadata.labels["app"]
        for rule in pod.spec.topology_spread_constraints:
            counts = count(rule.topology_key, "a")
            fewest = 0 if rule.topology_key == names.HOSTNAME else min(counts.values())
            if counts[labels[rule.topology_key]] + (own == "a") - fewest > rule.max_skew:
                return False
        for key, app in avoided(pod):
            if count(key, app)[labels[key]]:
                return False
        for other in self.nodes:
            for each in where[other.name]:
                for key, app in avoided(each):
                    if app == own and other.metadata.labels[key] == labels[key]:
                        return False
        for key, app in wanted(pod):
            counts = count(key, app)
            if not counts[labels[key]] and not (own == app and not any(counts.values())):
                return False
        return True


def avoided(pod: Pod) -> list[tuple[str, str]]:
    rules = pod.spec.affinity.pod_anti_affinity if pod.spec.affinity else None
    return [(item.topology_key, app_of(item)) for item in rules.required] if rules else []


def wanted(pod: Pod) -> list[tuple[str, str]]:
    rules = pod.spec.affinity.pod_affinity if pod.spec.affinity else None
    return [(item.topology_key, app_of(item)) for item in rules.required] if rules else []


def app_of(item: Any) -> str:
    app: str = item.label_selector.match_labels["app"]
    return app


@settings(max_examples=150)
@given(NODES, BOUND, PODS_)
def test_on_nodes_that_are_there_it_places_pods_as_a_naive_scheduler_does(nodes: Any, bound: Any, pods: Any) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    there = bound_of(bound, made)
    assert Cluster(*made, pods=there).provision(*pending).placed == Naive(made, there).solve(pending)


@settings(max_examples=100)
@given(NODES, BOUND, PODS_, BOUND)
def test_with_seats_counted_for_every_rule_about_hostnames_it_does_so_too(
    nodes: Any, bound: Any, pods: Any, later: Any
) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    there = bound_of(bound, made)
    cluster = Cluster(*made, pods=there)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler, "_MANY_HOSTS", 1)
        cluster.provision(*pending)
        changed = bound_of(later, made)
        cluster.run(*changed)
        now = list({pod.key: pod for pod in (*there, *changed)}.values())
        assert cluster.provision(*pending).placed == Naive(made, now).solve(pending)


# --- one sentence each ----------------------------------------------------------------------------------------------


@given(NODES, BOUND, PODS_)
def test_every_pod_is_placed_put_on_a_new_node_or_refused_with_a_reason(nodes: Any, bound: Any, pods: Any) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    found = Cluster(*made, pods=bound_of(bound, made), pools=POOLS).provision(*pending)
    new = [pod for node in found.new_nodes for pod in node.pods]
    assert sorted([*found.placed, *new, *found.refused]) == [pod.key for pod in pending]
    assert all(found.refused.values())


@given(NODES, BOUND, PODS_)
def test_no_node_gets_more_than_it_has_nor_a_port_twice(nodes: Any, bound: Any, pods: Any) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    there = bound_of(bound, made)
    found = Cluster(*made, pods=there, pools=POOLS).provision(*pending)
    by_key = {pod.key: pod for pod in pending}
    for node in made:
        on = [by_key[key] for key, where in found.placed.items() if where == node.name]
        on += [pod for pod in there if pod.spec.node_name == node.name and on]
        if on:
            assert sum(requests(pod)[CPU] for pod in on) <= int(node.status.allocatable["cpu"]) * 1000
    for new in found.new_nodes:
        ports = [port for key in new.pods for port in host_ports(by_key[key])]
        assert len(ports) == len(set(ports))
        assert all(fits(total(requests(by_key[key]) for key in new.pods), option.free) for option in new.options)


@given(PODS_)
def test_a_new_node_is_one_that_each_of_its_pods_may_be_on(pods: Any) -> None:
    pending = pods_of(pods)
    by_key = {pod.key: pod for pod in pending}
    for new in Cluster(pools=POOLS).provision(*pending).new_nodes:
        zones = {offering.zone for option in new.options for offering in option.offered(new.requirements)}
        for pod in (by_key[key] for key in new.pods):
            assert zones <= {pod.spec.node_selector.get(names.ZONE, zone) for zone in zones}
            assert all(tolerates(pod.spec.tolerations, taint) for taint in new.pool.spec.template.spec.taints)


@given(PODS_)
def test_a_pool_never_launches_more_than_its_limits_allow(pods: Any) -> None:
    found = Cluster(pools=POOLS).provision(*pods_of(pods))
    plain = [node for node in found.new_nodes if node.pool.name == "plain"]
    assert sum(max(option.capacity[CPU] for option in node.options) for node in plain) <= 40_000


def essence(found: Simulation) -> tuple[Any, ...]:
    new = [(node.pool.name, node.pods, [option.type.name for option in node.options]) for node in found.new_nodes]
    return dict(found.placed), new, dict(found.refused), found.verdict


@given(NODES, BOUND, PODS_, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_told_changes_nothing(nodes: Any, bound: Any, pods: Any, random: Any) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    there = bound_of(bound, made)
    first = essence(Cluster(*made, pods=there, pools=POOLS).provision(*pending))
    for items in (made, there, pending):
        random.shuffle(items)
    assert essence(Cluster(*made, pods=there, pools=reversed(POOLS)).provision(*pending)) == first


@given(NODES, BOUND, PODS_)
def test_a_second_look_comes_to_the_same(nodes: Any, bound: Any, pods: Any) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    cluster = Cluster(*made, pods=bound_of(bound, made), pools=POOLS)
    first = essence(cluster.provision(*pending))
    if made:
        cluster.without(made[0].name, *pending)
    assert essence(cluster.provision(*pending)) == first


@given(NODES, st.lists(st.sampled_from(["500m", "1", "2"]), max_size=8), st.sampled_from(["1", "2", "4"]))
def test_one_node_more_leaves_no_plain_pod_without_a_place_that_had_one(nodes: Any, cpus: Any, more: str) -> None:
    made = nodes_of(nodes)
    pods = [a_pod(f"p{number}", cpu) for number, cpu in enumerate(cpus)]
    before = len(Cluster(*made).provision(*pods).placed)
    assert len(Cluster(*made, a_node("z", more)).provision(*pods).placed) >= before


@settings(max_examples=25)
@given(NODES, BOUND, PODS_, st.lists(st.integers(0, 5), max_size=4))
def test_a_view_that_followed_events_equals_one_that_was_built_anew(
    nodes: Any, bound: Any, pods: Any, changed: list[int]
) -> None:
    made, pending = nodes_of(nodes), pods_of(pods)
    there = bound_of(bound, made)
    cluster = Cluster(*made, pods=there, pools=POOLS)
    cluster.provision(*pending)
    final = dict(enumerate(made))
    for number in changed:
        if number in final:
            final[number] = a_node(f"n{number}", "2", zone=ZONES[2], labels={"x": "1"})
            cluster.add(final[number])
            cluster.view.unbind(f"default/there{number}")
            there = [pod for pod in there if pod.name != f"there{number}"]
    anew = Cluster(*final.values(), pods=there, pools=POOLS)
    assert essence(cluster.provision(*pending)) == essence(anew.provision(*pending))


@pytest.mark.parametrize("kind", KINDS)
def test_a_candidate_that_may_go_has_a_place_for_each_of_its_pods(kind: dict[str, Any]) -> None:
    pods = [a_pod(f"p{number}", node="n0", **kind) for number in range(3)]
    cluster = Cluster(*nodes_of([("4", ZONES[0], False, True), ("2", ZONES[1], False, True)]), pods=pods, pools=POOLS)
    found = cluster.without("n0")
    new = [pod for node in found.new_nodes for pod in node.pods]
    assert found.verdict.allowed is (sorted([*found.placed, *new]) == [pod.key for pod in pods])
    assert "n0" not in found.placed.values()


def test_pods_are_counted_as_one_each() -> None:
    assert requests(a_pod("p"))[PODS] == 1
