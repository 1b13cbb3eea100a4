"""The scheduling simulation: topology spread, affinity and anti-affinity, host ports, volumes, and wishes given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from napsim.api import names
from napsim.core.daemons import daemon_of
from napsim.core.objects import PersistentVolume, PersistentVolumeClaim, Pod, StorageClass
from napsim.core.podshapes import PodShapes
from napsim.core.simulation import Simulation, placement, provision, waiting
from napsim.core.volumes import Storage, needs, unschedulable
from tests.core.clusters import (
    AMD64,
    FAMILY_D,
    ON_DEMAND_ONLY,
    ZONES,
    Cluster,
    a_node,
    a_pod,
    a_pool,
    a_template,
    affinity,
    instance_type,
    node_affinity,
    one_of,
    spread,
    term,
)

D_POOL = a_template(a_pool(FAMILY_D, AMD64, ON_DEMAND_ONLY))
SMALL = a_template(a_pool(instance_type("Standard_D2s_v5")))


def three_zones() -> Cluster:
    """Two nodes in each of three zones: a1, a2, b1, b2, c1, c2."""
    nodes = [a_node(f"{letter}{n}", zone=zone) for letter, zone in zip("abc", ZONES, strict=True) for n in (1, 2)]
    return Cluster(*nodes)


def many(number: int, **more: Any) -> list[Pod]:
    return [a_pod(f"p{position}", **more) for position in range(number)]


def zones_of(found: Simulation) -> list[str]:
    return [placement(node, {}).zone for node in found.new_nodes]


# --- spread ---------------------------------------------------------------------------------------------------------


def test_pods_that_spread_over_zones_go_to_one_zone_after_the_other() -> None:
    found = three_zones().provision(*many(6, topologySpreadConstraints=[spread()]))
    assert list(found.placed.values()) == ["a1", "b1", "c1", "a1", "b1", "c1"]


def test_pods_that_are_there_count_for_the_spread() -> None:
    cluster = three_zones()
    cluster.run(*(a_pod(f"there{number}", node="a1") for number in range(2)))
    found = cluster.provision(*many(3, topologySpreadConstraints=[spread()]))
    assert list(found.placed.values()) == ["b1", "c1", "b1"]


@pytest.mark.parametrize(
    "there",
    [
        a_pod("there", node="a1", labels={"app": "other"}),
        a_pod("there", node="a1", namespace="elsewhere"),
    ],
    ids=["other-labels", "other-namespace"],
)
def test_only_selected_pods_count_for_the_spread(there: Pod) -> None:
    cluster = three_zones()
    cluster.run(there)
    assert cluster.provision(*many(1, topologySpreadConstraints=[spread()])).placed == {"default/p0": "a1"}


def test_pods_that_move_do_not_count_where_they_are() -> None:
    cluster = three_zones()
    cluster.run(
        a_pod("p", node="a1", topologySpreadConstraints=[spread()]), a_pod("q", node="b1"), a_pod("r", node="c1")
    )
    assert cluster.without("a1").placed == {"default/p": "a2"}


def test_a_zone_that_only_the_candidate_is_in_does_not_count() -> None:
    cluster = Cluster(a_node("a", zone=ZONES[0]), a_node("b", zone=ZONES[1]))
    cluster.run(*(a_pod(f"p{number}", node="a", topologySpreadConstraints=[spread()]) for number in range(2)))
    assert cluster.without("a").placed == {"default/p0": "b", "default/p1": "b"}
    cluster.add(a_node("c", "0", zone=ZONES[0]))
    assert cluster.without("a").placed == {"default/p0": "b"}


def test_a_skew_of_two_lets_one_zone_get_ahead_by_two() -> None:
    found = three_zones().provision(*many(3, topologySpreadConstraints=[spread(skew=2)]))
    assert list(found.placed.values()) == ["a1", "a1", "b1"]


def test_spread_over_hosts_counts_a_host_that_could_be_launched_as_empty() -> None:
    found = Cluster(a_node("a"), a_node("b"), pools=[D_POOL]).provision(
        *many(3, topologySpreadConstraints=[spread(names.HOSTNAME)])
    )
    assert found.placed == {"default/p0": "a", "default/p1": "b"}
    assert [node.pods for node in found.new_nodes] == [("default/p2",)]


def test_new_nodes_are_spread_over_zones() -> None:
    found = Cluster(pools=[D_POOL]).provision(*many(3, topologySpreadConstraints=[spread()]))
    assert sorted(zones_of(found)) == list(ZONES)


def test_a_zone_that_a_pod_may_not_be_in_does_not_count_for_its_spread() -> None:
    wanted = node_affinity(one_of(names.ZONE, ZONES[0], ZONES[1]))
    found = three_zones().provision(*many(4, affinity=wanted, topologySpreadConstraints=[spread()]))
    assert list(found.placed.values()) == ["a1", "b1", "a1", "b1"]


def test_with_fewer_domains_than_min_domains_the_fewest_count_as_none() -> None:
    cluster = Cluster(a_node("a", zone=ZONES[0]), a_node("b", zone=ZONES[1]))
    found = cluster.provision(*many(3, topologySpreadConstraints=[spread(minDomains=3)]))
    assert found.placed == {"default/p0": "a", "default/p1": "b"}


@pytest.mark.parametrize(("policy", "placed"), [("Ignore", 1), ("Honor", 2)])
def test_zones_behind_a_taint_count_as_the_policy_says(policy: str, placed: int) -> None:
    taint = [{"key": "t", "effect": "NoSchedule"}]
    cluster = Cluster(a_node("a", zone=ZONES[0]), a_node("b", zone=ZONES[1], taints=taint))
    found = cluster.provision(*many(2, topologySpreadConstraints=[spread(nodeTaintsPolicy=policy)]))
    assert len(found.placed) == placed


def test_match_label_keys_count_only_pods_of_the_same_revision() -> None:
    cluster = three_zones()
    cluster.run(a_pod("old", node="a1", labels={"app": "a", "rev": "1"}))
    rule = spread(matchLabelKeys=["rev"])
    found = cluster.provision(a_pod("new", labels={"app": "a", "rev": "2"}, topologySpreadConstraints=[rule]))
    assert found.placed == {"default/new": "a1"}
    found = cluster.provision(a_pod("new", labels={"app": "a", "rev": "1"}, topologySpreadConstraints=[rule]))
    assert found.placed == {"default/new": "b1"}


def test_nodes_without_the_label_take_no_pod_that_spreads_by_it() -> None:
    cluster = Cluster(a_node("a"), a_node("b", labels={"rack": "1"}))
    assert cluster.provision(*many(1, topologySpreadConstraints=[spread("rack")])).placed == {"default/p0": "b"}


def test_an_unsatisfiable_spread_is_told_with_its_counts() -> None:
    pool = a_template(a_pool(FAMILY_D, one_of(names.ZONE, ZONES[0])))
    cluster = Cluster(a_node("b", "0", zone=ZONES[1]), pools=[pool])
    found = cluster.provision(*many(2, topologySpreadConstraints=[spread()]))
    assert found.refused["default/p1"] == (
        "unsatisfiable topology constraint for topology spread, key=topology.kubernetes.io/zone (counts ="
        " westeurope-1: 1, westeurope-2: 0, podDomains = topology.kubernetes.io/zone Exists, nodeDomains ="
        " topology.kubernetes.io/zone In [westeurope-1]"
    )


# --- affinity -------------------------------------------------------------------------------------------------------


def test_a_pod_goes_where_the_pods_are_that_it_wants() -> None:
    cluster = three_zones()
    cluster.run(a_pod("db", node="b2", labels={"app": "db"}))
    assert cluster.provision(a_pod("p", affinity=affinity("podAffinity", term(app="db")))).placed == {"default/p": "b2"}
    wanted = affinity("podAffinity", term(names.ZONE, "db"))
    assert cluster.provision(a_pod("p", affinity=wanted)).placed == {"default/p": "b1"}


def test_pods_that_want_each_other_start_anywhere_and_stay_together() -> None:
    wanted = affinity("podAffinity", term(names.ZONE))
    found = three_zones().provision(*many(3, cpu="3", affinity=wanted))
    assert found.placed == {"default/p0": "a1", "default/p1": "a2"}
    assert "pod affinity" not in found.refused["default/p2"]
    new = Cluster(pools=[SMALL]).provision(*many(3, cpu="1500m", affinity=wanted))
    assert len(set(zones_of(new))) == 1
    assert len(new.new_nodes) == 3


def test_a_pod_that_wants_others_which_are_nowhere_has_no_place() -> None:
    found = Cluster(a_node("a"), pools=[D_POOL]).provision(a_pod("p", affinity=affinity("podAffinity", term(app="db"))))
    assert found.refused["default/p"].startswith(
        "unsatisfiable topology constraint for pod affinity, key=kubernetes.io/"
    )


def test_a_pod_waits_in_the_same_round_for_the_one_it_wants() -> None:
    db = a_pod("db", "500m", labels={"app": "db"})
    found = Cluster(a_node("a")).provision(a_pod("p", "2", affinity=affinity("podAffinity", term(app="db"))), db)
    assert found.placed == {"default/db": "a", "default/p": "a"}
    assert found.refused == {}


@pytest.mark.parametrize(
    ("more", "placed"),
    [
        ({"namespaces": ["data"]}, True),
        ({"namespaceSelector": {"matchLabels": {"kind": "data"}}}, True),
        ({"namespaceSelector": {}}, True),
        ({}, False),
        ({"namespaceSelector": {"matchLabels": {"kind": "other"}}}, False),
    ],
    ids=["named", "selected", "all", "its-own", "not-selected"],
)
def test_affinity_across_namespaces(more: Mapping[str, Any], placed: bool) -> None:
    cluster = Cluster(a_node("a"))
    cluster.view.set_namespace("data", {"kind": "data"})
    cluster.run(a_pod("db", node="a", namespace="data", labels={"app": "db"}))
    found = cluster.provision(a_pod("p", affinity=affinity("podAffinity", term(app="db", **more))))
    assert bool(found.placed) is placed


# --- anti-affinity --------------------------------------------------------------------------------------------------

ALONE = affinity("podAntiAffinity", term())
ALONE_IN_ZONE = affinity("podAntiAffinity", term(names.ZONE))


def test_pods_that_avoid_each_other_take_a_node_each() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pools=[D_POOL])
    found = cluster.provision(*many(4, affinity=ALONE))
    assert found.placed == {"default/p0": "a", "default/p1": "b"}
    assert [node.pods for node in found.new_nodes] == [("default/p2",), ("default/p3",)]


def test_hosts_that_a_rule_has_left_nothing_on_are_passed_over_at_once() -> None:
    nodes = [a_node(f"n{number:03d}") for number in range(100)]
    cluster = Cluster(*nodes, pods=[a_pod(f"there{number:03d}", node=f"n{number:03d}") for number in range(99)])
    pod = a_pod("p", affinity=ALONE)
    rule = cluster.view.shapes.of(pod).repels[0]
    assert cluster.provision(pod).placed == {"default/p": "n099"}
    seat = cluster.view.seat(rule, False)
    full, empty = cluster.view.place("n000"), cluster.view.place("n099")
    assert full is not None
    assert empty is not None
    assert (full.free[seat], empty.free[seat]) == (0, 1)
    assert cluster.provision(pod).placed == {"default/p": "n099"}
    cluster.view.unbind("default/there050")
    assert cluster.provision(pod, a_pod("q", affinity=ALONE)).placed == {"default/p": "n050", "default/q": "n099"}


def test_a_node_that_is_partly_filled_keeps_its_seats() -> None:
    hosts = [f"n{number:02d}" for number in range(40)]
    cluster = Cluster(a_node("a"), *(a_node(host, "1500m") for host in hosts))
    cluster.run(*(a_pod(f"{host}-{number}", "100m", node=host) for host in hosts for number in range(2)))
    spreading: dict[str, Any] = {"topologySpreadConstraints": [spread(names.HOSTNAME, 2)]}
    pods = [a_pod("q1", "3"), a_pod("q2", "1200m", **spreading), a_pod("q3", "1100m"), a_pod("q4", "500m", **spreading)]
    found = cluster.provision(*pods)
    assert found.placed == {"default/q1": "a", "default/q3": "n00", "default/q4": "a"}
    assert set(found.refused) == {"default/q2"}


def test_nodes_to_be_launched_are_different_hosts() -> None:
    pool = a_template(a_pool(instance_type("Standard_D4s_v5")))
    alone = [a_pod(f"s{number}", "500m", affinity=ALONE) for number in range(2)]
    found = Cluster(pools=[pool]).provision(
        a_pod("b0", "3", labels={"app": "b"}), a_pod("b1", "3", labels={"app": "b"}), *alone
    )
    assert [node.pods for node in found.new_nodes] == [("default/b0", "default/s0"), ("default/b1", "default/s1")]


def test_pods_that_avoid_each_other_take_a_zone_each() -> None:
    found = three_zones().provision(*many(4, affinity=ALONE_IN_ZONE))
    assert found.placed == {"default/p0": "a1", "default/p1": "b1", "default/p2": "c1"}


def test_a_new_node_whose_zone_is_open_blocks_every_zone_it_may_be_in() -> None:
    found = Cluster(pools=[D_POOL]).provision(*many(2, affinity=ALONE_IN_ZONE))
    assert len(found.new_nodes) == 1
    assert found.refused["default/p1"].startswith(
        "unsatisfiable topology constraint for pod anti-affinity, key=topology"
    )


def test_a_pod_that_is_there_keeps_away_those_it_avoids() -> None:
    cluster = Cluster(a_node("a"), a_node("b"))
    cluster.run(a_pod("hermit", node="a", labels={"app": "h"}, affinity=affinity("podAntiAffinity", term(app="a"))))
    assert cluster.provision(a_pod("p")).placed == {"default/p": "b"}
    assert cluster.provision(a_pod("p", labels={"app": "other"})).placed == {"default/p": "a"}


def test_a_wish_to_be_alone_keeps_nobody_away() -> None:
    cluster = Cluster(a_node("a"))
    wish = affinity("podAntiAffinity", preferred=[term(app="a")])
    cluster.run(a_pod("hermit", node="a", labels={"app": "h"}, affinity=wish))
    assert cluster.provision(a_pod("p")).placed == {"default/p": "a"}


def test_the_candidates_own_pods_do_not_keep_themselves_away() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pods=[a_pod("p", node="a", affinity=ALONE_IN_ZONE)])
    assert cluster.without("a").placed == {"default/p": "b"}


def test_pods_on_their_way_out_do_not_count_but_still_keep_others_away() -> None:
    gone = {"app": "a"}
    leaving = a_pod("old", node="a", labels=gone)
    metadata = msgspec.structs.replace(leaving.metadata, deletion_timestamp=leaving.metadata.creation_timestamp)
    cluster = Cluster(a_node("a"))
    cluster.run(msgspec.structs.replace(leaving, metadata=metadata))
    assert cluster.provision(a_pod("p", affinity=ALONE)).placed == {"default/p": "a"}
    hermit = a_pod("old", node="a", labels={"app": "h"}, affinity=affinity("podAntiAffinity", term(app="a")))
    cluster.run(msgspec.structs.replace(hermit, metadata=metadata))
    assert cluster.provision(a_pod("p")).placed == {}


# --- host ports -----------------------------------------------------------------------------------------------------


def test_a_port_of_a_node_is_taken_once() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pools=[D_POOL])
    cluster.run(a_pod("there", node="a", ports=[80]))
    found = cluster.provision(*many(2, ports=[80]), a_pod("q", ports=[81]))
    assert found.placed == {"default/p0": "b", "default/q": "a"}
    assert [node.pods for node in found.new_nodes] == [("default/p1",)]


def test_a_daemons_port_is_taken_on_every_new_node() -> None:
    daemons = [daemon_of(a_pod("d", "100m", ports=[80], owner="DaemonSet"), PodShapes())]
    found = Cluster(pools=[a_template(a_pool(FAMILY_D), daemons)]).provision(a_pod("p", ports=[80]))
    assert found.refused["default/p"] == (
        "checking host port usage, pod hostport conflicts with existing hostport configuration"
        " (pod-hostport-ip=0.0.0.0, pod-hostport-port=80, pod-hostport-protocol=TCP,"
        " existing-hostport-ip=0.0.0.0, existing-hostport-port=80, existing-hostport-protocol=TCP)"
    )


# --- volumes --------------------------------------------------------------------------------------------------------


def disk(**spec: Any) -> PersistentVolume:
    key = "topology.disk.csi.azure.com/zone"
    terms = [{"matchExpressions": [one_of(key, ZONES[1]), one_of(names.HOSTNAME, "n")][: 2 if spec else 1]}]
    affinity_ = {"required": {"nodeSelectorTerms": terms}}
    return msgspec.convert({"metadata": {"name": "v"}, "spec": {"nodeAffinity": affinity_, **spec}}, PersistentVolume)


def a_volume_claim(volume: str = "", class_: str = "", bound: bool = True, **status: str) -> PersistentVolumeClaim:
    annotations = {"pv.kubernetes.io/bind-completed": "yes"} if bound else {}
    spec = {"volumeName": volume, "storageClassName": class_}
    metadata = {"name": "data", "namespace": "default", "annotations": annotations}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status}, PersistentVolumeClaim)


def a_class(*zones: str, mode: str = "WaitForFirstConsumer") -> StorageClass:
    topologies = [{"matchLabelExpressions": [{"key": names.ZONE, "values": list(zones)}]}] if zones else []
    manifest = {"metadata": {"name": "c"}, "allowedTopologies": topologies, "volumeBindingMode": mode}
    return msgspec.convert(manifest, StorageClass)


MOUNTED: list[dict[str, Any]] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
EPHEMERAL: list[dict[str, Any]] = [{"name": "data", "ephemeral": {}}]


def storage(
    claim: PersistentVolumeClaim | None, volume: PersistentVolume | None = None, class_: StorageClass | None = None
) -> Storage:
    claims = {"default/data": claim, "default/p-data": claim} if claim else {}
    return Storage(claims, {"v": volume} if volume else {}, {"c": class_} if class_ else {})


@pytest.mark.parametrize(
    ("pod", "kept", "zone"),
    [
        pytest.param(a_pod("p", volumes=MOUNTED), storage(a_volume_claim("v"), disk()), "b", id="zone-of-the-disk"),
        pytest.param(
            a_pod("p", volumes=MOUNTED), storage(a_volume_claim("v"), disk(local={"path": "/x"})), "b", id="local-path"
        ),
        pytest.param(
            a_pod("p", volumes=MOUNTED), storage(a_volume_claim(class_="c"), None, a_class(ZONES[2])), "c", id="class"
        ),
        pytest.param(a_pod("p", volumes=MOUNTED), storage(a_volume_claim(class_="c"), None, a_class()), "a", id="any"),
        pytest.param(a_pod("p", volumes=EPHEMERAL), storage(a_volume_claim("v"), disk()), "b", id="ephemeral"),
        pytest.param(
            a_pod("p", node="x", volumes=EPHEMERAL), storage(a_volume_claim("v"), disk()), "a", id="ephemeral-moves"
        ),
        pytest.param(a_pod("p", volumes=[{"name": "tmp"}]), storage(None), "a", id="no-claim"),
    ],
)
def test_volumes_decide_on_the_zone(pod: Pod, kept: Storage, zone: str) -> None:
    found = needs(pod, kept)
    assert found.problem == ""
    cluster = three_zones()
    mover = waiting(pod, cluster.view.shapes.of(pod, found.requirements))
    assert provision(cluster.view, (), [mover]).placed == {"default/p": f"{zone}1"}
    new = provision(Cluster().view, (D_POOL,), [mover]).new_nodes
    assert placement(new[0], {}).zone == ZONES["abc".index(zone)]


def test_a_zone_of_a_volume_that_no_pool_has_is_told() -> None:
    pool = a_template(a_pool(FAMILY_D, one_of(names.ZONE, ZONES[0])))
    pod = a_pod("p", volumes=MOUNTED)
    cluster = Cluster(pools=[pool])
    mover = waiting(pod, cluster.view.shapes.of(pod, needs(pod, storage(a_volume_claim("v"), disk())).requirements))
    assert provision(cluster.view, cluster.templates, [mover]).refused["default/p"] == (
        "incompatible volume requirements, key topology.kubernetes.io/zone, topology.kubernetes.io/zone In"
        " [westeurope-2] not in topology.kubernetes.io/zone In [westeurope-1]"
    )


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        (storage(None), 'persistentvolumeclaim "default/data" not found'),
        (storage(a_volume_claim("v")), 'persistentvolume "v" not found'),
        (storage(a_volume_claim(class_="c")), 'storageclass "c" not found'),
    ],
)
def test_claims_that_cannot_be_followed_are_named(kept: Storage, text: str) -> None:
    pod = a_pod("p", volumes=MOUNTED)
    assert text in needs(pod, kept).problem
    assert text in unschedulable(pod, kept)


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        (storage(a_volume_claim("v"), disk()), ""),
        (storage(a_volume_claim(class_="c"), None, a_class()), ""),
        (storage(a_volume_claim("v", phase="Lost"), disk()), "bound to non-existent persistentvolume"),
        (storage(a_volume_claim("v", bound=False), disk()), "pvc is considered unbound"),
        (storage(a_volume_claim()), "unbound pvc must define a storage class"),
        (storage(a_volume_claim(class_="c"), None, a_class(mode="Immediate")), "immediate volume binding mode"),
    ],
    ids=["bound", "first-consumer", "lost", "not-bound-yet", "no-class", "immediate"],
)
def test_pending_pods_whose_claims_are_in_the_way_are_left_alone(kept: Storage, text: str) -> None:
    found = unschedulable(a_pod("p", volumes=MOUNTED), kept)
    assert text in found
    assert bool(found) is bool(text)


# --- wishes ---------------------------------------------------------------------------------------------------------


def test_wishes_are_kept_as_long_as_they_can_be() -> None:
    cluster = three_zones()
    wish = node_affinity(preferred=[one_of(names.ZONE, ZONES[1])])
    found = cluster.provision(*many(5, cpu="2", affinity=wish))
    assert list(found.placed.values()) == ["b1", "b1", "b2", "b2", "a1"]


def test_a_new_node_comes_before_a_wish_is_given_up() -> None:
    cluster = Cluster(a_node("a", zone=ZONES[0]), pools=[D_POOL])
    wish = node_affinity(preferred=[one_of(names.ZONE, ZONES[1])])
    assert zones_of(cluster.provision(a_pod("p", affinity=wish))) == [ZONES[1]]


def test_alternatives_of_the_required_affinity_are_tried_in_order() -> None:
    wanted = node_affinity(one_of("x", "1"), one_of(names.ZONE, ZONES[2]))
    assert three_zones().provision(a_pod("p", affinity=wanted)).placed == {"default/p": "c1"}


def test_wishes_are_given_up_in_upstreams_order_until_the_pod_fits() -> None:
    cluster = Cluster(a_node("n", labels={"a": "1"}))
    impossible = one_of("x", "1")
    everything = {
        **node_affinity(impossible, one_of("a", "1"), preferred=[impossible, one_of("a", "1")]),
        **affinity("podAffinity", preferred=[term(app="nobody")]),
        **affinity("podAntiAffinity", preferred=[term(app="a")]),
    }
    cluster.run(a_pod("there", node="n"))
    pod = a_pod("p", affinity=everything, topologySpreadConstraints=[spread("x", when="ScheduleAnyway")])
    shapes = cluster.view.shapes
    shape, steps = shapes.of(pod), []
    while (relaxed := shapes.relaxed(shape, tolerate_prefer_no_schedule=True)) is not None:
        before, after = shape.demands, relaxed.demands
        steps.append(next(name for name in FIELDS if getattr(before, name) != getattr(after, name)))
        shape = relaxed
    assert steps == [
        "node_terms",
        "preferred_affinity",
        "preferred_anti_affinity",
        "preferred_nodes",
        "preferred_nodes",
        "spread",
        "tolerations",
    ]
    assert cluster.provision(pod).placed == {"default/p": "n"}


FIELDS = (
    "node_terms", "preferred_affinity", "preferred_anti_affinity", "preferred_nodes", "spread", "tolerations",
)  # fmt: skip


def test_a_taint_to_avoid_is_avoided_only_as_long_as_there_is_another_way() -> None:
    avoided = a_template(
        a_pool(FAMILY_D, taints=[{"key": "t", "effect": "PreferNoSchedule"}], weight=9, name="avoided")
    )
    plain = a_template(a_pool(FAMILY_D, name="plain"))
    assert [node.pool.name for node in Cluster(pools=[avoided, plain]).provision(a_pod("p")).new_nodes] == ["plain"]
    assert [node.pool.name for node in Cluster(pools=[avoided]).provision(a_pod("p")).new_nodes] == ["avoided"]


def test_schedule_anyway_spreads_as_long_as_that_goes() -> None:
    wish = [spread(when="ScheduleAnyway")]
    found = Cluster(a_node("a", zone=ZONES[0]), a_node("b", "1", zone=ZONES[1])).provision(
        *many(4, topologySpreadConstraints=wish)
    )
    assert list(found.placed.values()) == ["a", "b", "a", "a"]


# --- shapes ---------------------------------------------------------------------------------------------------------


def test_equal_pods_share_one_shape_and_equal_rules_one_rule() -> None:
    shapes = PodShapes()
    one, two = (shapes.of(a_pod(name, topologySpreadConstraints=[spread()])) for name in "ab")
    assert one is two
    other = shapes.of(a_pod("c", "2", topologySpreadConstraints=[spread()]))
    assert other is not one
    assert other.rules == one.rules


@pytest.mark.parametrize(
    "other",
    [
        a_pod("p", "2"),
        a_pod("p", namespace="other"),
        a_pod("p", nodeSelector={"a": "1"}),
        a_pod("p", tolerations=[{"key": "t"}]),
        a_pod("p", ports=[80]),
        a_pod("p", affinity=ALONE),
        a_pod("p", overhead={"cpu": "1"}),
    ],
    ids=["requests", "namespace", "selector", "tolerations", "ports", "affinity", "overhead"],
)
def test_pods_that_ask_for_something_else_do_not(other: Pod) -> None:
    shapes = PodShapes()
    assert shapes.of(a_pod("p")) is not shapes.of(other)
