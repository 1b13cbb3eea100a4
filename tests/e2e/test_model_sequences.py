"""The in-memory cluster of forecasts against a real one: drawn sequences of requests, answers and states the same.

The sequences of an example run at once. HYPOTHESIS_PROFILE=search draws other ones.

What the disruption controller sees only some time in the next 30 s is left out: StatefulSets that are scaled, where
that makes no pod; pods that leave a PDB by their labels; several PDBs of one pod.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from napsim.cluster import Cluster, create_cluster, delete_cluster
from tests.e2e.model.comparison import differences
from tests.e2e.model.objects import DB, WEB, becomes, controller, node, pdb, pod, replica_set, stateful_set
from tests.e2e.model.requests import Delete, Evict, Patch, Pick, Request
from tests.e2e.ownership import unused_name

AT_ONCE: Final = 8
LENGTH: Final = 14
_batches = iter(range(1_000_000))
_LONE: Final = ("lone", "other")

WHICH = st.sampled_from(("", "", "", "its own", "another"))
PODS = st.one_of(
    st.builds(
        Pick, st.sampled_from((WEB, DB)), st.sampled_from(("ready", "ready", "unready", "any")), st.integers(0, 2)
    ),
    st.sampled_from(("a", "b", "db-0", "nobody")),
)
SHARES = st.one_of(st.integers(0, 6), st.sampled_from(("0%", "1%", "25%", "33%", "34%", "50%", "67%", "99%", "100%")))
LIMITS = st.sampled_from(("minAvailable", "maxUnavailable"))
SELECTORS: Final[tuple[dict[str, Any], ...]] = (
    {},
    *({"matchLabels": {"app": app}} for app in ("web", "db", "lone")),
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "lone"]}]},
    {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
    {"matchLabels": {"app": "db"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]},
    {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
)
BUDGETS = st.builds(
    lambda namespace, selector, kind, value, policy: pdb(
        namespace=namespace, selector=selector, unhealthyPodEvictionPolicy=policy, **{kind: value}
    ),
    st.sampled_from(("", "", "", "other")),
    st.sampled_from(SELECTORS),
    LIMITS,
    SHARES,
    st.sampled_from((None, None, "IfHealthyBudget", "AlwaysAllow")),
)
CHANGES = st.one_of(
    st.builds(lambda name, ready: becomes(name, ready=ready), PODS, st.booleans()),
    st.builds(
        lambda name, phase: becomes(name, ready=False, phase=phase),
        PODS,
        st.sampled_from(("Pending", "Succeeded", "Failed")),
    ),
    st.builds(lambda replicas: replica_set(replicas=replicas), st.integers(0, 5)),
    st.builds(
        lambda name, app, ready: pod(name, app, ready=ready),
        st.sampled_from(("a", "b")),
        st.sampled_from(_LONE),
        st.sampled_from((None, True, False)),
    ),
)
GOING = st.one_of(
    st.builds(Evict, PODS, WHICH),
    st.builds(Evict, PODS),
    st.builds(
        lambda name, *rest: Delete("Pod", name, *rest), PODS, st.sampled_from((None, None, 0, 5, 60)), WHICH, WHICH
    ),
    st.just(Delete("PodDisruptionBudget", "guard")),
)
REQUESTS = st.one_of(BUDGETS, CHANGES, GOING, st.builds(Evict, st.builds(Pick, st.just(WEB), st.just("ready"))))


@st.composite
def sequences(draw: st.DrawFn) -> tuple[Request, ...]:
    """A ReplicaSet, a StatefulSet and two pods of nobody's, of which some are ready, and what is asked then."""
    ready = draw(st.integers(1, 4))
    beginning: tuple[Request, ...] = (
        replica_set(replicas=draw(st.integers(2, 4))),
        stateful_set(replicas=2),
        *(becomes(Pick(WEB, "unready")) for _ in range(ready)),
        becomes("db-0"),
        *(pod(name, "lone", ready=draw(st.booleans())) for name in "ab"),
        draw(BUDGETS),
    )
    return beginning + tuple(draw(st.lists(REQUESTS, min_size=LENGTH, max_size=LENGTH)))


NODES = st.sampled_from(("@n1", "@n2"))
TAINTS = st.sampled_from(((), (), ("NoSchedule",), ("NoExecute",), ("PreferNoSchedule",)))
TOLERATIONS = st.sampled_from((
    [], [], [{"key": "t", "operator": "Exists"}], [{"key": "t", "operator": "Exists", "effect": "NoSchedule"}],
))  # fmt: skip
AGENT: Final = controller("DaemonSet", "agent", None, pod={"node": ""})
KEEPER: Final = controller("DaemonSet", "keeper", None, pod={"node": "", "tolerations": [{"operator": "Exists"}]})
ON_NODES = st.one_of(
    st.builds(Pick, st.sampled_from((WEB, "DaemonSet/agent", "DaemonSet/keeper"))),
    st.builds(Pick, st.just(WEB), st.just("ready"), st.integers(0, 1)),
    st.just("a"),
)


def here(host: str, tolerations: list[Any]) -> dict[str, Any]:
    """Pods that one node may take."""
    return {"node": "", "nodeSelector": {"kubernetes.io/hostname": host}, "tolerations": tolerations}


NODE_REQUESTS = st.one_of(
    st.builds(
        lambda name, effects: Patch(
            "Node", name, {"spec": {"taints": [{"key": "t", "effect": effect} for effect in effects]}}
        ),
        NODES,
        TAINTS,
    ),
    st.builds(lambda name, cordoned: Patch("Node", name, {"spec": {"unschedulable": cordoned}}), NODES, st.booleans()),
    st.builds(
        lambda name, effects: node(name, taints=[{"key": "t", "effect": effect} for effect in effects]), NODES, TAINTS
    ),
    st.builds(
        lambda replicas, host, of: replica_set(replicas=replicas, **here(host, of)),
        st.integers(0, 3), NODES, TOLERATIONS,
    ),
    st.sampled_from((AGENT, KEEPER)),
    st.builds(lambda host, of: pod("a", "lone", ready=None, **here(host, of)), NODES, TOLERATIONS),
    st.builds(Evict, ON_NODES),
    st.builds(lambda name: Delete("Pod", name), st.one_of(ON_NODES, st.sampled_from(("db-0", "db-1")))),
    st.builds(lambda app, kind, value: pdb(app=app, **{kind: value}), st.sampled_from(("web", "db")), LIMITS, SHARES),
    st.just(Delete("PodDisruptionBudget", "guard")),
    st.just(Delete("DaemonSet", "agent")),
    st.just(Delete("ReplicaSet", "web")),
)  # fmt: skip


@st.composite
def on_nodes(draw: st.DrawFn) -> tuple[Request, ...]:
    """Nodes that come, are tainted and cordoned, and pods that only one of them may take.

    Pods of a StatefulSet are deleted, not evicted: here they are back so soon, under their names, that the disruption
    controller may take them for those whose eviction it has granted. DaemonSets are under no PDB: whether one was
    looked at before their pods came is chance.
    """
    beginning = (node("@n1"), stateful_set(replicas=2, **here("@n1", [])))
    return (*beginning, *draw(st.lists(NODE_REQUESTS, min_size=LENGTH, max_size=LENGTH)))


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    made = create_cluster(unused_name(), disable_qps_limits=True)
    yield made
    delete_cluster(made.name)


DRAWN = settings(
    max_examples=2,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
)


def batches(sequence: st.SearchStrategy[tuple[Request, ...]]) -> st.SearchStrategy[list[tuple[Request, ...]]]:
    return st.lists(sequence, min_size=AT_ONCE, max_size=AT_ONCE)


def told_apart(cluster: Cluster, batch: list[tuple[Request, ...]]) -> str:
    """The first difference of each sequence."""
    cases = {str(position): requests for position, requests in enumerate(batch)}
    return "\n\n".join(filter(None, differences(cluster, cases, f"b{next(_batches)}x").values()))


@DRAWN
@given(batch=batches(sequences()))
def test_evictions_and_deletions_are_answered_as_by_a_real_cluster(
    own_cluster: Cluster, batch: list[tuple[Request, ...]]
) -> None:
    assert not (told := told_apart(own_cluster, batch)), told


@DRAWN
@given(batch=batches(on_nodes()))
def test_pods_are_on_the_nodes_on_which_a_real_cluster_has_them(
    own_cluster: Cluster, batch: list[tuple[Request, ...]]
) -> None:
    assert not (told := told_apart(own_cluster, batch)), told
