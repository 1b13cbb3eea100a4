"""The scheduling simulation: room, requirements, taints, DaemonSets, limits, weights, and the texts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from napsim.api import names
from napsim.core.daemons import daemon_of
from napsim.core.nodepools import NodePool
from napsim.core.nodetemplates import in_order, template_of
from napsim.core.objects import Pod, Requirement
from napsim.core.podshapes import PodShapes
from napsim.core.reasons import Reason
from napsim.core.requirements import requirements_of
from napsim.core.simulation import Simulation, moving, own_labels, placement, provision, simulate, waiting, wanted
from napsim.core.targets import target_of
from tests.core.clusters import (
    AMD64,
    FAMILY_D,
    ON_DEMAND_ONLY,
    ZONES,
    Cluster,
    a_claim,
    a_node,
    a_pod,
    a_pool,
    a_template,
    instance_type,
    node_affinity,
    one_of,
)

D_POOL = a_template(a_pool(FAMILY_D, AMD64, ON_DEMAND_ONLY))
TAINT = {"key": "t", "value": "v", "effect": "NoSchedule"}
TOLERATED = [{"key": "t", "operator": "Exists"}]
AVOIDED = {"key": "t", "value": "v", "effect": "PreferNoSchedule"}


def first_types(found: Simulation) -> list[str]:
    return [node.options[0].type.name for node in found.new_nodes]


# --- nodes that are there -------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:X15")
def test_a_node_whose_pods_have_room_elsewhere_goes_without_replacement() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pods=[a_pod("p", node="a")], pools=[D_POOL])
    found = cluster.without("a")
    assert found.verdict.allowed
    assert found.placed == {"default/p": "b"}
    assert found.new_nodes == ()


@pytest.mark.row("karpenter:X14")
def test_a_node_whose_pods_have_no_room_elsewhere_is_replaced() -> None:
    cluster = Cluster(a_node("a"), pods=[a_pod("p", node="a")], pools=[D_POOL])
    found = cluster.without("a")
    assert found.verdict.allowed
    assert [node.pods for node in found.new_nodes] == [("default/p",)]


@pytest.mark.row("karpenter:X16")
def test_an_empty_node_goes_without_replacement() -> None:
    found = Cluster(a_node("a"), pools=[D_POOL]).without("a")
    assert found.verdict.allowed
    assert found.new_nodes == ()


def test_several_new_nodes_replace_one_that_none_could_replace_alone() -> None:
    small = a_template(a_pool(instance_type("Standard_D2s_v5"), ON_DEMAND_ONLY))
    pods = [a_pod(f"p{number}", "1500m", node="a") for number in range(3)]
    found = Cluster(a_node("a", "8"), pods=pods, pools=[small]).without("a")
    assert found.verdict.allowed
    assert [node.pods for node in found.new_nodes] == [("default/p0",), ("default/p1",), ("default/p2",)]


@pytest.mark.row("karpenter:X04")
def test_a_node_stays_while_one_of_its_pods_fits_nowhere() -> None:
    pods = [a_pod("big", "150", node="a"), a_pod("small", node="a")]
    found = Cluster(a_node("a", "200"), pods=pods, pools=[D_POOL]).without("a")
    assert found.verdict.reason is Reason.UNSCHEDULABLE
    assert found.verdict.message == (
        "not all pods would schedule, default/big => no instance type has enough resources, requirements="
        "karpenter.azure.com/sku-family In [D], karpenter.sh/capacity-type In [on-demand],"
        ' karpenter.sh/nodepool In [default], kubernetes.io/arch In [amd64], resources={"cpu":"150","pods":"1"} '
    )
    assert found.verdict.waits_for == ("room",)


def test_errors_of_pods_that_had_no_room_before_block_nobody() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pods=[a_pod("p", node="a")], pools=[D_POOL])
    found = cluster.without("a", a_pod("huge", "150"))
    assert found.verdict.allowed
    assert set(found.refused) == {"default/huge"}


def test_five_pods_are_named_and_the_others_counted() -> None:
    def message(number: int) -> str:
        pods = [a_pod(f"p{position}", "150", node="a") for position in range(number)]
        return Cluster(a_node("a", "2000"), pods=pods).without("a").verdict.message

    def named(last: int) -> str:
        error = "nodepool requirements filtered out all available instance types"
        return "not all pods would schedule, " + "".join(f"default/p{each} => {error} " for each in range(last))

    assert message(4) == named(4)
    assert message(5) == named(5) + " and 0 other(s)"
    assert message(7) == named(5) + " and 2 other(s)"


def test_a_candidate_on_its_way_out_is_none() -> None:
    cluster = Cluster(a_node("a"))
    cluster.add(a_node("b"), marked=True)
    found = cluster.without("b")
    assert (found.verdict.reason, found.verdict.published) == (Reason.DELETING, False)


@pytest.mark.parametrize(
    ("pod", "node", "fits"),
    [
        pytest.param(a_pod("p"), a_node("n", taints=[TAINT]), False, id="taint"),
        pytest.param(a_pod("p", tolerations=TOLERATED), a_node("n", taints=[TAINT]), True, id="tolerated"),
        pytest.param(a_pod("p"), a_node("n", taints=[AVOIDED]), False, id="taint-to-avoid-that-no-pool-has"),
        pytest.param(a_pod("p", nodeSelector={"x": "1"}), a_node("n", labels={"x": "2"}), False, id="another-label"),
        pytest.param(a_pod("p", nodeSelector={"x": "1"}), a_node("n", labels={"x": "1"}), True, id="the-label"),
        pytest.param(a_pod("p", nodeSelector={"x": "1"}), a_node("n"), False, id="no-label"),
        pytest.param(
            a_pod("p", affinity=node_affinity(one_of("x", "1", operator="NotIn"))), a_node("n"), True, id="not-in"
        ),
        pytest.param(
            a_pod("p", affinity=node_affinity(one_of("x", "3", operator="Gt"))),
            a_node("n", labels={"x": "4"}),
            True,
            id="greater",
        ),
        pytest.param(
            a_pod("p", nodeSelector={"beta.kubernetes.io/arch": "amd64"}), a_node("n"), True, id="a-key-of-old"
        ),
        pytest.param(a_pod("p", nodeSelector={names.HOSTNAME: "n"}), a_node("n"), True, id="its-hostname"),
        pytest.param(a_pod("p", nodeSelector={names.HOSTNAME: "m"}), a_node("n"), False, id="another-hostname"),
        pytest.param(a_pod("p", "4"), a_node("n", "3999m"), False, id="a-millicore-short"),
        pytest.param(a_pod("p", "4"), a_node("n", "4"), True, id="just-fits"),
        pytest.param(a_pod("p"), a_node("n", pods=0), False, id="no-pod-more"),
        pytest.param(a_pod("p", requests={"nvidia.com/gpu": "1"}), a_node("n"), False, id="no-such-resource"),
        pytest.param(
            a_pod("p", requests={"nvidia.com/gpu": "1"}), a_node("n", more={"nvidia.com/gpu": "1"}), True, id="gpu"
        ),
    ],
)
def test_which_node_takes_a_pod(pod: Pod, node: Any, fits: bool) -> None:
    assert bool(Cluster(node).provision(pod).placed) is fits


def test_nodes_are_filled_in_the_order_of_their_names_initialized_ones_first() -> None:
    cluster = Cluster(a_node("c", "1"), a_node("a", "1", initialized=False), a_node("b", "1"))
    found = cluster.provision(*[a_pod(f"p{number}") for number in range(3)])
    assert found.placed == {"default/p0": "b", "default/p1": "c", "default/p2": "a"}


def test_pods_are_placed_by_cpu_then_memory_then_age_then_uid() -> None:
    pods = [
        a_pod("young", created="2026-03-02T09:00:00Z"),
        a_pod("old"),
        a_pod("older-by-uid-b"),
        a_pod("fat", memory="1Gi"),
        a_pod("big", "2"),
    ]
    nodes = [a_node(f"n{number}", "2", pods=1) for number in range(5)]
    found = Cluster(*nodes).provision(*pods)
    by_node = {node: pod.removeprefix("default/") for pod, node in found.placed.items()}
    assert [by_node[f"n{number}"] for number in range(5)] == ["big", "fat", "old", "older-by-uid-b", "young"]


def test_the_view_is_left_as_it_was() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pods=[a_pod("p", "3", node="a")], pools=[D_POOL])
    first = cluster.without("a")
    assert cluster.without("a").placed == first.placed
    assert cluster.provision(*[a_pod(f"q{number}", "4") for number in range(2)]).placed == {"default/q0": "b"}


# --- nodes on their way, and leaving --------------------------------------------------------------------------------


def test_a_pod_that_would_wait_for_a_node_to_be_initialized_blocks_its_own() -> None:
    cluster = Cluster(a_node("a"), a_node("x", initialized=False), pods=[a_pod("p", node="a")], pools=[D_POOL])
    found = cluster.without("a")
    reason = "would schedule against uninitialized nodeclaim/x, node/x"
    assert found.verdict.message == f"not all pods would schedule, default/p => {reason} "
    assert found.verdict.waits_for == ("node:x", "room")


def test_a_claim_without_a_node_counts_as_one_on_its_way() -> None:
    cluster = Cluster(a_node("a"), pods=[a_pod("p", node="a")])
    cluster.view.put(target_of(None, a_claim("default-abcde")))
    assert cluster.without("a").refused == {"default/p": "would schedule against uninitialized nodeclaim/default-abcde"}


def test_pods_of_leaving_nodes_may_wait_for_a_node_to_be_initialized() -> None:
    cluster = Cluster(a_node("b"), a_node("x", initialized=False), pods=[a_pod("p", "4", node="a")])
    cluster.add(a_node("a"), marked=True)
    cluster.run(a_pod("q", "4", node="b"))
    found = cluster.without("b")
    assert found.placed["default/p"] == "x"
    assert set(found.refused) == {"default/q"}


def test_what_a_leaving_node_needs_is_not_there_for_others() -> None:
    cluster = Cluster(a_node("b"), a_node("c"), pods=[a_pod("p", "3", node="a"), a_pod("q", "3", node="b")])
    cluster.add(a_node("a"), marked=True)
    assert "default/q" in cluster.without("b").refused


@pytest.mark.parametrize(
    ("taints", "registered", "fits"),
    [
        ([{"key": "startup", "effect": "NoSchedule"}], True, True),
        ([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}], True, True),
        ([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}], True, True),
        ([{"key": names.UNREGISTERED_TAINT, "effect": "NoExecute"}], False, True),
        ([{"key": "other", "effect": "NoSchedule"}], True, False),
        ([{"key": "other", "effect": "NoSchedule"}], False, True),
    ],
    ids=["startup", "not-ready", "not-ready-NoExecute", "unregistered", "its-own", "its-own-before-it-registered"],
)
def test_taints_of_a_starting_node_do_not_count(taints: list[Any], registered: bool, fits: bool) -> None:
    cluster = Cluster()
    claim = a_claim("c", startupTaints=[{"key": "startup", "effect": "NoSchedule"}])
    cluster.add(a_node("n", taints=taints, initialized=False, registered=registered), claim)
    assert bool(cluster.provision(a_pod("p")).placed) is fits


def test_until_the_kubelet_reports_the_claim_says_what_there_is() -> None:
    cluster = Cluster()
    cluster.add(a_node("n", "0", initialized=False), a_claim("c", "8"))
    assert cluster.provision(a_pod("p", "8")).placed == {"default/p": "c"}
    cluster.add(a_node("n", "0"), a_claim("c", "8"))
    assert cluster.provision(a_pod("p", "8")).placed == {}


def test_nodes_that_karpenter_does_not_manage_take_pods_too() -> None:
    cluster = Cluster(a_node("a"), pods=[a_pod("p", node="a")])
    cluster.add(a_node("system", pool="", registered=False, initialized=False), managed=False)
    assert cluster.without("a").placed == {"default/p": "system"}


# --- DaemonSets -----------------------------------------------------------------------------------------------------


def daemons(*pods: Pod) -> list[Any]:
    shapes = PodShapes()
    return [daemon_of(pod, shapes) for pod in pods]


def test_room_for_daemons_that_are_still_to_come_is_kept() -> None:
    cluster = Cluster(a_node("n", "4"))
    cluster.view.set_daemons(daemons(a_pod("d", "1", owner="DaemonSet")))
    assert cluster.provision(a_pod("p", "3500m")).placed == {}
    assert cluster.provision(a_pod("p", "3")).placed == {"default/p": "n"}
    cluster.run(a_pod("d", "1", node="n", owner="DaemonSet"))
    assert cluster.provision(a_pod("p", "3")).placed == {"default/p": "n"}


@pytest.mark.parametrize(
    ("daemon", "type_"),
    [
        (a_pod("d", "500m", owner="DaemonSet"), "Standard_D4as_v5"),
        (a_pod("d", "500m", owner="DaemonSet", nodeSelector={names.ARCH: "arm64"}), "Standard_D2as_v5"),
        (a_pod("d", "500m", owner="DaemonSet", affinity=node_affinity(
            one_of(names.ARCH, "arm64"), one_of(names.ARCH, "amd64"))), "Standard_D4as_v5"),
        (a_pod("d", "500m", owner="DaemonSet", affinity=node_affinity(
            preferred=[one_of(names.ARCH, "arm64")])), "Standard_D4as_v5"),
        (a_pod("d", "500m", owner="DaemonSet", nodeSelector={"unknown": "x"}), "Standard_D2as_v5"),
        (a_pod("d", "500m", owner="DaemonSet", nodeSelector={
            names.INSTANCE_TYPE: "Standard_D4as_v5"}), "Standard_D2as_v5"),
    ],
    ids=["everywhere", "other-arch", "second-term", "a-wish-does-not-matter", "unknown-label", "other-size"],
)  # fmt: skip
def test_daemons_count_on_every_new_node_that_they_run_on(daemon: Pod, type_: str) -> None:
    template = a_template(a_pool(FAMILY_D, AMD64, ON_DEMAND_ONLY), daemons(daemon))
    assert first_types(Cluster(pools=[template]).provision(a_pod("p", "1500m"))) == [type_]


def test_a_new_node_is_asked_for_its_daemons_too() -> None:
    template = a_template(a_pool(FAMILY_D), daemons(a_pod("d", "500m", owner="DaemonSet")))
    (node,) = Cluster(pools=[template]).provision(a_pod("p", "1")).new_nodes
    assert node.requests == {"cpu": 1500, "pods": 2}


# --- new nodes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "size"),
    [
        ("1", "Standard_D2as_v5"),
        ("1900m", "Standard_D2as_v5"),
        ("1901m", "Standard_D4as_v5"),
        ("60", "Standard_D64as_v5"),
    ],
)
def test_the_cheapest_size_that_is_large_enough_is_first(cpu: str, size: str) -> None:
    found = Cluster(pools=[D_POOL]).provision(a_pod("p", cpu))
    (node,) = found.new_nodes
    assert node.options[0].type.name == size
    prices = [option.type.usd_per_hour for option in node.options]
    assert prices == sorted(prices)


def test_the_preferred_size_is_taken_alone_where_it_is_large_enough() -> None:
    usual = a_template(a_pool(AMD64), preferred="Standard_D4s_v5")
    many = Cluster(pools=[usual]).provision(*[a_pod(f"p{number}", "2") for number in range(4)])
    assert first_types(many) == ["Standard_D4s_v5"] * 4
    assert first_types(Cluster(pools=[usual]).provision(a_pod("p", "7"))) == ["Standard_F8s_v2"]
    chosen = a_template(a_pool(FAMILY_D, AMD64), preferred="Standard_D4s_v5")
    assert first_types(Cluster(pools=[chosen]).provision(a_pod("p", "1"))) == ["Standard_D2as_v5"]


def test_pods_share_a_new_node_the_emptiest_first() -> None:
    pool = a_template(a_pool(instance_type("Standard_D4s_v5")))
    pods = [a_pod("big", "3"), a_pod("mid", "2"), a_pod("s1", "500m"), a_pod("s2", "500m"), a_pod("s3", "500m")]
    found = Cluster(pools=[pool]).provision(*pods)
    assert [node.pods for node in found.new_nodes] == [
        ("default/big", "default/s1"),
        ("default/mid", "default/s2", "default/s3"),
    ]


def test_of_new_nodes_with_equally_many_pods_the_one_that_got_one_last_is_first() -> None:
    pool = a_template(a_pool(instance_type("Standard_D4s_v5")))
    small = [a_pod(f"s{number}", "100m") for number in range(3)]
    found = Cluster(pools=[pool]).provision(a_pod("big", "2100m"), a_pod("mid", "2"), *small)
    assert [node.pods for node in found.new_nodes] == [
        ("default/big", "default/s0"),
        ("default/mid", "default/s1", "default/s2"),
    ]


@pytest.mark.parametrize(
    ("weights", "chosen"),
    [({"a": 10, "b": 20}, "b"), ({"a": 20, "b": 10}, "a"), ({"a": 0, "b": 0}, "b")],
    ids=["b-is-heavier", "a-is-heavier", "the-last-by-name"],
)
def test_the_heaviest_pool_that_takes_the_pod_is_used(weights: dict[str, int], chosen: str) -> None:
    pools = [a_template(a_pool(FAMILY_D, name=name, weight=weight)) for name, weight in weights.items()]
    assert [node.pool.name for node in Cluster(pools=pools).provision(a_pod("p")).new_nodes] == [chosen]


def test_static_pools_and_pools_without_instance_types_launch_nothing() -> None:
    static = a_template(a_pool(FAMILY_D, replicas=2))
    none = a_template(a_pool(instance_type("Standard_Nothing"), name="none"))
    assert in_order([static, none]) == ()


def test_a_requirement_of_a_pool_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="Sometimes"):
        a_template(a_pool({"key": names.ARCH, "operator": "Sometimes", "values": []}))


@pytest.mark.parametrize(
    ("values", "capacity_type"),
    [(["spot"], "spot"), (["on-demand"], "on-demand"), (["spot", "on-demand"], "spot"), (None, "on-demand")],
)
def test_spot_is_taken_where_the_pool_names_it(values: list[str] | None, capacity_type: str) -> None:
    named = [one_of(names.CAPACITY_TYPE, *values)] if values else []
    (node,) = Cluster(pools=[a_template(a_pool(FAMILY_D, *named))]).provision(a_pod("p")).new_nodes
    assert placement(node, {}).capacity_type == capacity_type


def test_new_nodes_go_where_the_fewest_are_and_where_the_pod_may_be() -> None:
    (node,) = Cluster(pools=[D_POOL]).provision(a_pod("p")).new_nodes
    assert placement(node, {ZONES[0]: 2, ZONES[1]: 1, ZONES[2]: 1}).zone == ZONES[1]
    (node,) = Cluster(pools=[D_POOL]).provision(a_pod("p", nodeSelector={names.ZONE: ZONES[2]})).new_nodes
    assert placement(node, {ZONES[2]: 9}).zone == ZONES[2]


# --- limits ---------------------------------------------------------------------------------------------------------


def limited(**limits: str) -> NodePool:
    return a_pool(instance_type("Standard_D4s_v5"), limits=limits)


@pytest.mark.parametrize(
    ("limits", "nodes", "refusal"),
    [
        pytest.param({"cpu": "8"}, 1, "", id="room-for-one-more"),
        pytest.param({"cpu": "7"}, 1, "all available instance types exceed limits for nodepool", id="cpu"),
        pytest.param({"nodes": "1"}, 1, "node limits have been exhausted for nodepool", id="nodes"),
        pytest.param({"nodes": "1"}, 2, "all available instance types exceed limits for nodepool", id="nodes-above"),
        pytest.param({"nodes": "2"}, 1, "", id="a-node-left"),
        pytest.param({"memory": "1Gi"}, 0, "all available instance types exceed limits for nodepool", id="memory"),
    ],
)
def test_limits_of_a_pool(limits: dict[str, str], nodes: int, refusal: str) -> None:
    there = [a_node(f"n{number}", "4", taints=[TAINT]) for number in range(nodes)]
    found = Cluster(*there, pools=[a_template(limited(**limits))]).provision(a_pod("p"))
    assert found.refused == ({"default/p": f"{refusal} (NodePool=default)"} if refusal else {})
    assert len(found.new_nodes) == (0 if refusal else 1)


def test_the_limits_are_measured_without_the_candidate() -> None:
    cluster = Cluster(a_node("a"), pods=[a_pod("p", node="a")], pools=[a_template(limited(cpu="4"))])
    assert len(cluster.without("a").new_nodes) == 1


def test_what_is_launched_counts_as_its_largest_option() -> None:
    pool = a_pool(one_of(names.INSTANCE_TYPE, "Standard_D2s_v5", "Standard_D4s_v5"), limits={"cpu": "7"})
    found = Cluster(pools=[a_template(pool)]).provision(*[a_pod(f"p{number}", "1900m") for number in range(4)])
    assert [[option.type.vcpus for option in node.options] for node in found.new_nodes] == [[4], [2]]
    assert found.refused == {"default/p3": "all available instance types exceed limits for nodepool (NodePool=default)"}


# --- texts ----------------------------------------------------------------------------------------------------------

PINNED = a_pool(instance_type("Standard_D4s_v5"), ON_DEMAND_ONLY)
REQUIREMENTS = (
    "requirements=karpenter.sh/capacity-type In [on-demand], karpenter.sh/nodepool In [default]{},"
    " node.kubernetes.io/instance-type In [Standard_D4s_v5]"
)


@pytest.mark.parametrize(
    ("pod", "text"),
    [
        pytest.param(
            a_pod("p", nodeSelector={"zone": "1"}),
            'incompatible requirements, label "zone" does not have known values'
            ' (typo of "topology.kubernetes.io/zone"?)',
            id="label-guess",
        ),
        pytest.param(
            a_pod("p", nodeSelector={"team": "1"}),
            'incompatible requirements, label "team" does not have known values',
            id="label",
        ),
        pytest.param(
            a_pod("p", nodeSelector={"x.io/arch": "1"}),
            'incompatible requirements, label "x.io/arch" does not have known values (typo of "kubernetes.io/arch"?)',
            id="label-ending",
        ),
        pytest.param(
            a_pod("p", nodeSelector={names.NODEPOOL: "other"}),
            "incompatible requirements, key karpenter.sh/nodepool, karpenter.sh/nodepool In [other] not in"
            " karpenter.sh/nodepool In [default]",
            id="another-pool",
        ),
        pytest.param(
            a_pod("p", nodeSelector={names.ARCH: "arm64"}),
            "no instance type met all requirements, "
            + REQUIREMENTS.format(", kubernetes.io/arch In [arm64]")
            + ', resources={"cpu":"1","pods":"1"}',
            id="arch",
        ),
        pytest.param(
            a_pod("p", "1500m", memory="100Gi"),
            "no instance type has enough resources, "
            + REQUIREMENTS.format("")
            + ', resources={"cpu":"1500m","memory":"100Gi","pods":"1"}',
            id="room",
        ),
        pytest.param(
            a_pod("p", "1M"),
            "no instance type has enough resources, "
            + REQUIREMENTS.format("")
            + ', resources={"cpu":"1000000","pods":"1"} (CPU request >= 1 Million, m vs M typo?)',
            id="m-or-M",
        ),
        pytest.param(
            a_pod("p", nodeSelector={names.ZONE: "mars-1"}),
            "no instance type met the scheduling requirements or had a required offering, "
            + REQUIREMENTS.format("")
            + ', topology.kubernetes.io/zone In [mars-1], resources={"cpu":"1","pods":"1"}',
            id="zone",
        ),
        pytest.param(
            a_pod("p", "200", nodeSelector={names.ZONE: "mars-1"}),
            "no instance type met the scheduling requirements or had enough resources or had a required offering, "
            + REQUIREMENTS.format("")
            + ', topology.kubernetes.io/zone In [mars-1], resources={"cpu":"200","pods":"1"}',
            id="everything",
        ),
    ],
)
def test_why_no_pool_takes_a_pod(pod: Pod, text: str) -> None:
    found = Cluster(pools=[a_template(PINNED)]).provision(pod)
    assert found.refused == {"default/p": text}


def test_a_taint_is_named_with_its_value() -> None:
    pool = a_pool(FAMILY_D, taints=[TAINT, {"key": "u", "effect": "NoExecute"}])
    found = Cluster(pools=[a_template(pool)]).provision(a_pod("p"))
    assert found.refused["default/p"] == (
        "did not tolerate taint (taint=t=v:NoSchedule); did not tolerate taint (taint=u:NoExecute)"
    )


def test_every_pool_says_why_the_heaviest_first() -> None:
    tainted = a_template(a_pool(FAMILY_D, name="tainted", taints=[TAINT], weight=50))
    full = a_template(a_pool(FAMILY_D, name="full", limits={"cpu": "0"}))
    found = Cluster(pools=[full, tainted]).provision(a_pod("p"))
    assert found.refused["default/p"] == (
        "did not tolerate taint (taint=t=v:NoSchedule);"
        " all available instance types exceed limits for nodepool (NodePool=full)"
    )


def test_daemons_are_in_the_resources_of_the_text() -> None:
    template = a_template(PINNED, daemons(a_pod("d", "500m", owner="DaemonSet", memory="512Mi")))
    found = Cluster(pools=[template]).provision(a_pod("p", "5", memory="512Mi"))
    assert found.refused["default/p"].endswith('resources={"cpu":"5500m","memory":"1Gi","pods":"2"}')


# --- minValues ------------------------------------------------------------------------------------------------------

MANY_SIZES = {"key": names.INSTANCE_TYPE, "operator": "Exists", "minValues": 3}


def test_a_node_keeps_as_many_instance_types_as_min_values_asks_for() -> None:
    sizes = one_of(names.INSTANCE_TYPE, "Standard_D2s_v5", "Standard_D4s_v5", "Standard_D8s_v5")
    pool = a_template(a_pool({**sizes, "minValues": 2}))
    pods = [a_pod(f"p{number}", "1500m") for number in range(3)]
    found = Cluster(pools=[pool]).provision(*pods)
    assert [len(node.pods) for node in found.new_nodes] == [2, 1]
    assert [len(node.options) for node in found.new_nodes] == [2, 3]


def test_a_pod_that_leaves_too_few_instance_types_is_refused() -> None:
    sizes = one_of(names.INSTANCE_TYPE, "Standard_D2s_v5", "Standard_D4s_v5", "Standard_D8s_v5")
    found = Cluster(pools=[a_template(a_pool({**sizes, "minValues": 2}))]).provision(a_pod("p", "6"))
    assert found.refused["default/p"] == (
        "minValues requirement is not met for label(s) (label(s)=[node.kubernetes.io/instance-type]),"
        " requirements=karpenter.sh/nodepool In [default], node.kubernetes.io/instance-type In"
        ' [Standard_D2s_v5 Standard_D4s_v5 Standard_D8s_v5] minValues 2, resources={"cpu":"6","pods":"1"}'
    )


def test_a_pool_that_never_reaches_its_min_values_launches_nothing() -> None:
    assert in_order([a_template(a_pool(instance_type("Standard_D2s_v5"), MANY_SIZES))]) == ()


def test_min_values_hold_among_the_cheapest_that_are_passed_on() -> None:
    cluster = Cluster(pools=[a_template(a_pool(FAMILY_D, MANY_SIZES))])
    mover = waiting(a_pod("p"), cluster.view.shapes.of(a_pod("p")))
    assert len(provision(cluster.view, cluster.templates, [mover], most_types=3).new_nodes) == 1
    found = provision(cluster.view, cluster.templates, [mover], most_types=2)
    assert found.new_nodes == ()
    assert found.refused["default/p"] == (
        "pod didn’t schedule because NodePool couldn’t meet minValues requirements, validating minValues, minValues"
        " requirement is not met for label(s) (label(s)=[node.kubernetes.io/instance-type]) (NodePool=default)"
    )


# --- zones that a pool does not have --------------------------------------------------------------------------------


def test_a_pool_without_zones_launches_nothing() -> None:
    assert in_order([template_of(a_pool(FAMILY_D), (), ZONES, (), 110, 128)]) == ()
    assert in_order([a_template(a_pool(FAMILY_D, one_of(names.ZONE, "mars-1")))]) == ()


# --- what is launched, and what nobody can place ----------------------------------------------------------------------


def test_a_node_to_launch_says_its_pool_its_requests_and_the_labels_that_its_pods_select() -> None:
    team, tier = one_of("team", operator="Exists"), one_of("tier", "4", operator="Gt")
    pool = a_template(a_pool(FAMILY_D, AMD64, team, tier, labels={"cost": "high"}))
    cluster = Cluster(pools=[pool])
    (node,) = cluster.provision(a_pod("p", nodeSelector={"team": "red"}, memory="1Gi")).new_nodes
    placed = wanted(node, {ZONES[0]: 1})
    assert (placed.nodepool, placed.zone) == ("default", ZONES[1])
    assert placed.labels == {"team": "red", "tier": "5"}, "the pool's own it gets anyway"
    assert placed.requests == {"cpu": "1", "memory": "1024Mi", "pods": "1"}


@pytest.mark.parametrize(
    ("requirement", "label"),
    [
        pytest.param(one_of("k", "b", "a"), {"k": "a"}, id="the-first-of-those-allowed"),
        pytest.param(one_of("k", operator="Exists"), {"k": "0"}, id="any"),
        pytest.param(one_of("k", "0", "1", operator="NotIn"), {"k": "2"}, id="any-but"),
        pytest.param(one_of("k", "7", operator="Gte"), {"k": "7"}, id="at-least"),
        pytest.param(one_of("k", operator="DoesNotExist"), {}, id="none"),
        pytest.param(one_of(names.ARCH, "arm64"), {}, id="well-known"),
    ],
)
def test_the_labels_that_requirements_alone_give_a_node(requirement: dict[str, Any], label: dict[str, str]) -> None:
    (made,) = msgspec.convert([requirement], list[Requirement])
    assert own_labels(requirements_of([made])) == label


def test_a_pod_that_nobody_can_place_keeps_its_node_and_is_named() -> None:
    cluster = Cluster(a_node("a"), a_node("b"), pods=[a_pod("p", node="a")], pools=[D_POOL])
    movers = moving(cluster.on("a"), cluster.view)
    found = simulate(cluster.view, cluster.templates, "a", movers, hopeless={"default/q": "its volume is lost"})
    assert found.placed == {"default/p": "b"}
    assert found.verdict.reason is Reason.UNSCHEDULABLE
    assert found.verdict.message == "not all pods would schedule, default/q => its volume is lost "


def test_equal_pods_fill_one_node_after_another() -> None:
    """Initialized ones first; what is left over shares a new one."""
    pods = [a_pod(f"p{number}", created=f"2026-03-02T08:00:{number:02d}Z") for number in range(10)]
    cluster = Cluster(a_node("a", "3"), a_node("b", "4"), a_node("0", "2", initialized=False), pools=[D_POOL])
    found = cluster.provision(*pods)
    assert list(found.placed.values()) == ["a"] * 3 + ["b"] * 4 + ["0"] * 2
    assert [node.pods for node in found.new_nodes] == [("default/p9",)]
