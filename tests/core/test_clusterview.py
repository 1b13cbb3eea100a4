"""The cluster view follows events: free capacity, topology counts, limits, nodes alike."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from napsim.api import names
from napsim.core.daemons import daemon_of, of_daemon_set
from napsim.core.objects import DaemonSet, Pod
from napsim.core.targets import NODES, target_of
from tests.core.clusters import ZONES, Cluster, a_claim, a_node, a_pod, affinity, spread, term


def free_cpu(cluster: Cluster, key: str = "n") -> int:
    place = cluster.view.place(key)
    assert place is not None
    return place.free["cpu"]


def zones(cluster: Cluster, pod: Pod) -> dict[str, int]:
    (rule,) = cluster.view.shapes.of(pod).rules
    return dict(cluster.view.counts(rule))


def test_a_pod_takes_what_it_asks_for_until_it_is_gone() -> None:
    cluster = Cluster(a_node("n"))
    cluster.run(a_pod("p", node="n"))
    assert free_cpu(cluster) == 3000
    cluster.run(a_pod("p", node="n"), a_pod("p", "2", node="n"))
    assert free_cpu(cluster) == 2000
    cluster.view.unbind("default/p")
    cluster.view.unbind("default/p")
    assert free_cpu(cluster) == 4000


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_takes_nothing(phase: str) -> None:
    cluster = Cluster(a_node("n"), pods=[a_pod("p", node="n")])
    pod = a_pod("p", node="n")
    cluster.run(msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, phase=phase)))
    assert free_cpu(cluster) == 4000


def test_what_is_free_is_the_same_however_pods_came_and_went() -> None:
    node = a_node("n", more={"gpu": "2"})
    cluster = Cluster(node)
    cluster.view.set_daemons([daemon_of(a_pod("agent", "500m"), cluster.view.shapes)])
    pods = [
        a_pod("plain", node="n"),
        a_pod("gpu", node="n", requests={"gpu": "1"}),
        a_pod("odd", node="n", requests={"example.com/none": "1"}),
        a_pod("agent", "500m", node="n", owner="DaemonSet"),
    ]
    place = cluster.view.place("n")
    assert place is not None
    empty = place.free
    cluster.run(*pods)
    built = Cluster(pods=pods)
    built.view.set_daemons(cluster.view.daemons)
    built.add(node)
    anew = built.view.place("n")
    assert anew is not None
    assert place.free == anew.free
    for pod in pods:
        cluster.view.unbind(pod.key)
    assert place.free == empty


def test_a_pod_that_is_asked_to_go_takes_its_room_and_counts_no_more() -> None:
    asking = a_pod("p", topologySpreadConstraints=[spread()])
    cluster = Cluster(a_node("n"), pods=[a_pod("a", node="n"), a_pod("b", node="n")])
    assert zones(cluster, asking) == {ZONES[0]: 2}
    before = cluster.view.changes
    cluster.view.leave("default/a")
    assert zones(cluster, asking) == {ZONES[0]: 1}
    assert free_cpu(cluster) == 2000
    assert cluster.view.changes > before
    before = cluster.view.changes
    cluster.view.leave("default/a")
    cluster.view.leave("default/nobody")
    assert cluster.view.changes == before


def test_pods_may_be_known_before_their_node_and_outlive_it() -> None:
    cluster = Cluster(pods=[a_pod("p", node="n")])
    cluster.add(a_node("n"))
    assert free_cpu(cluster) == 3000
    cluster.view.remove("n")
    cluster.view.remove("n")
    assert cluster.view.place("n") is None
    cluster.add(a_node("n"))
    assert free_cpu(cluster) == 3000


def test_a_rule_counts_pods_by_domain_and_follows_pods_and_nodes() -> None:
    asking = a_pod("p", topologySpreadConstraints=[spread()])
    cluster = Cluster(a_node("n"), a_node("m", zone=ZONES[1]), pods=[a_pod("a", node="n"), a_pod("b", node="m")])
    assert zones(cluster, asking) == {ZONES[0]: 1, ZONES[1]: 1}
    cluster.run(a_pod("c", node="m"), a_pod("d", node="m", labels={"app": "other"}))
    assert zones(cluster, asking) == {ZONES[0]: 1, ZONES[1]: 2}
    cluster.view.unbind("default/a")
    assert zones(cluster, asking) == {ZONES[1]: 2}
    cluster.add(a_node("m", zone=ZONES[2]))
    assert zones(cluster, asking) == {ZONES[2]: 2}
    cluster.view.remove("m")
    assert zones(cluster, asking) == {}


def test_pods_on_nodes_that_leave_still_count() -> None:
    cluster = Cluster(a_node("n"), pods=[a_pod("a", node="n")])
    cluster.add(a_node("n"), marked=True)
    assert zones(cluster, a_pod("p", topologySpreadConstraints=[spread()])) == {ZONES[0]: 1}


def test_a_spread_counts_only_nodes_that_its_pod_may_be_on() -> None:
    cluster = Cluster(a_node("n", labels={"x": "1"}), a_node("m", zone=ZONES[1]))
    cluster.run(a_pod("a", node="n"), a_pod("b", node="m"))
    rule = spread()
    assert zones(cluster, a_pod("p", nodeSelector={"x": "1"}, topologySpreadConstraints=[rule])) == {ZONES[0]: 1}
    ignoring = {**rule, "nodeAffinityPolicy": "Ignore"}
    both = zones(cluster, a_pod("p", nodeSelector={"x": "1"}, topologySpreadConstraints=[ignoring]))
    assert both == {ZONES[0]: 1, ZONES[1]: 1}


def test_required_anti_affinity_is_known_by_domain_as_long_as_the_pod_is_there() -> None:
    cluster = Cluster(a_node("n"))
    cluster.run(a_pod("h", node="n", affinity=affinity("podAntiAffinity", term(names.ZONE))))
    assert [dict(counts) for counts in cluster.view.repelling().values()] == [{ZONES[0]: 1}]
    cluster.view.unbind("default/h")
    assert cluster.view.repelling() == {}


def test_what_a_pool_has_is_summed_over_the_nodes_that_stay() -> None:
    cluster = Cluster(a_node("a"), a_node("b", "8"), a_node("c", pool="other"))
    assert (cluster.view.capacity("default")["cpu"], cluster.view.capacity("default")[NODES]) == (12_000, 2)
    cluster.add(a_node("b", "8"), marked=True)
    assert (cluster.view.capacity("default")["cpu"], cluster.view.capacity("default")[NODES]) == (4_000, 1)
    assert cluster.view.capacity("none") == {}


@pytest.mark.parametrize("counted", [False, True], ids=["no rule counts", "a rule counts"])
def test_a_node_that_changes_is_as_one_that_was_put_as_it_is(counted: bool) -> None:
    tainted = [{"key": "t", "effect": "NoSchedule"}]
    states = [
        (a_node("n", initialized=False, taints=tainted), False),
        (a_node("n", taints=tainted), False),
        (a_node("n"), False),
        (a_node("n", "8", labels={"x": "1"}), False),
        (a_node("n", "8", zone=ZONES[1], labels={"x": "2"}), False),
        (a_node("n", "8", zone=ZONES[1], taints=tainted), True),
        (a_node("n", "8", zone=ZONES[1]), True),
        (a_node("n", "8", zone=ZONES[1]), False),
    ]
    asking = a_pod("p", topologySpreadConstraints=[spread()])

    def standing(cluster: Cluster) -> tuple[object, ...]:
        place = cluster.view.place("n")
        assert place is not None
        groups = [(item.initialized, item.taints, item.labels, len(item.fit)) for item in cluster.view.alike()]
        sums = {resource: amount for resource, amount in cluster.view.capacity("default").items() if amount}
        free = place.free if place.alike is not None else None
        return place.target, place.marked, free, groups, sums, zones(cluster, asking) if counted else {}

    changing = Cluster(states[0][0], pods=[a_pod("a", node="n")])
    for node, marked in states:
        before = changing.view.changes
        changing.add(node, marked=marked)
        anew = Cluster(pods=[a_pod("a", node="n")])
        anew.add(node, marked=marked)
        assert standing(changing) == standing(anew)
        assert changing.view.changes > before or node is states[0][0]
    changing.view.unbind("default/a")
    assert free_cpu(changing) == 8000


def test_nodes_are_alike_until_a_pod_asks_for_a_label_that_tells_them_apart() -> None:
    cluster = Cluster(*(a_node(f"n{number}", labels={"x": str(number % 2)}) for number in range(4)))
    assert len(list(cluster.view.alike())) == 1
    assert cluster.provision(a_pod("p", nodeSelector={"x": "1"})).placed == {"default/p": "n1"}
    assert len(list(cluster.view.alike())) == 2


def test_a_namespace_that_gets_other_labels_is_counted_anew() -> None:
    wanted = affinity("podAffinity", term(app="db", namespaceSelector={"matchLabels": {"kind": "data"}}))
    asking = a_pod("p", affinity=wanted)
    cluster = Cluster(a_node("n"), pods=[a_pod("db", node="n", namespace="data", labels={"app": "db"})])
    assert zones(cluster, asking) == {}
    cluster.view.set_namespace("data", {"kind": "data"})
    assert zones(cluster, asking) == {"n": 1}
    cluster.view.set_namespace("data", None)
    assert zones(cluster, asking) == {}


def test_a_daemon_set_is_what_its_template_says() -> None:
    manifest = {
        "metadata": {"name": "d", "namespace": "kube-system"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [{"resources": {"requests": {"cpu": "250m"}}}],
                    "nodeSelector": {names.ARCH: "amd64"},
                    "tolerations": [{"operator": "Exists"}],
                }
            }
        },
    }
    cluster = Cluster(
        a_node("n", taints=[{"key": "t", "effect": "NoExecute"}]), a_node("m", labels={names.ARCH: "arm64"})
    )
    cluster.view.set_daemons([of_daemon_set(msgspec.convert(manifest, DaemonSet), cluster.view.shapes)])
    assert (free_cpu(cluster), free_cpu(cluster, "m")) == (3750, 4000)


def test_room_for_daemons_follows_the_daemon_sets() -> None:
    cluster = Cluster(a_node("n"))
    pod = a_pod("d", owner="DaemonSet")
    cluster.view.set_daemons([daemon_of(pod, cluster.view.shapes)])
    assert free_cpu(cluster) == 3000
    cluster.run(a_pod("d", node="n", owner="DaemonSet"))
    assert free_cpu(cluster) == 3000
    cluster.view.set_daemons([])
    assert free_cpu(cluster) == 3000
    cluster.view.unbind("default/d")
    assert free_cpu(cluster) == 4000


# --- targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "claim", "expected"),
    [
        (a_node("n"), None, ("n", "n", True)),
        (a_node("n"), a_claim("c"), ("c", "n", True)),
        (a_node("n", registered=False, initialized=False), a_claim("c"), ("c", "c", False)),
        (a_node("n", initialized=False), a_claim("c"), ("c", "n", False)),
        (None, a_claim("c"), ("c", "c", False)),
    ],
    ids=["unmanaged", "initialized", "unregistered", "registered", "no-node"],
)
def test_who_speaks_for_a_node(node: Any, claim: Any, expected: tuple[str, str, bool]) -> None:
    target = target_of(node, claim)
    assert (target.key, target.name, target.initialized) == expected
    assert target.hostname == target.name


def test_a_claim_that_has_reported_nothing_yet_is_what_is_expected_of_it() -> None:
    claim = msgspec.structs.replace(a_claim("c"), status=type(a_claim("c").status)())
    assert target_of(None, claim, {"cpu": 4000}, {"cpu": 3860}).allocatable == {"cpu": 3860}


def test_a_target_is_of_something() -> None:
    with pytest.raises(ValueError, match="not neither"):
        target_of(None, None)


def test_keys_of_old_are_read_as_todays() -> None:
    labels = {"failure-domain.beta.kubernetes.io/zone": "old", "beta.kubernetes.io/instance-type": "D2"}
    target = target_of(a_node("n", labels=labels), None)
    assert (target.labels[names.ZONE], target.labels[names.INSTANCE_TYPE]) == (ZONES[0], "D2")
