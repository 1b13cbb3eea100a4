"""A refusal without a simulation is the simulation's own, to the letter; and where none is said, that is no harm."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

import pytest

from napsim.core.nodetemplates import NodeTemplate
from napsim.core.outlook import Outlook, Own, Refused, asked, own_of
from napsim.core.simulation import WAITS_FOR_ROOM, moving
from tests.core.clusters import AMD64, FAMILY_D, Cluster, a_node, a_pod, a_pool, a_template, affinity, term

LARGE: Final = ("1500m", "1", "700m")  # of two, three or five a node is full
KINDS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"tolerations": [{"key": "t", "operator": "Exists"}]},
    {"ports": [80]},
    {"affinity": affinity("podAntiAffinity", term())},
)


def pool(**spec: Any) -> NodeTemplate:
    return a_template(a_pool(FAMILY_D, AMD64, **spec))


POOL: Final = pool()


def drawn(seed: int, kinds: int) -> Cluster:
    """Six nodes: full ones, one or two that leave, one or two on their way; pods as old as they happen to be."""
    some = random.Random(seed)
    coming = some.sample(range(6), 2)
    cluster = Cluster(pools=[POOL])
    for number in range(6):
        initialized = number not in coming
        marked = initialized and some.random() < 0.3
        cluster.add(a_node(f"n{number}", initialized=initialized), marked=marked)
        cpu = some.choice(LARGE)
        for pod in range(some.randint(2, 5) if initialized else 0):
            created = f"2026-03-02T08:{some.randint(0, 59):02d}:00Z"
            node, kind = f"n{number}", some.choice(KINDS[:kinds])
            cluster.run(a_pod(f"p{number}{pod}", cpu, node=node, created=created, **kind))
    return cluster


def outlook(cluster: Cluster) -> Outlook:
    return Outlook(cluster.view, cluster.templates, moving(cluster.on(*cluster.marked), cluster.view, displaced=True))


def own(cluster: Cluster, node: str) -> Own:
    return own_of(sorted(moving(cluster.on(node), cluster.view), key=lambda mover: mover.turn))


@pytest.mark.parametrize(("kinds", "least"), [(1, 40), (2, 1), (4, 0)])
def test_what_is_refused_without_a_simulation_is_refused_by_it_with_the_same_words(kinds: int, least: int) -> None:
    said = 0
    for seed in range(30):
        cluster = drawn(seed, kinds)
        simulated = {f"n{number}": cluster.without(f"n{number}").verdict for number in range(6)}
        looked = outlook(cluster)
        for node, verdict in simulated.items():
            refusal = looked.refusal(node, own(cluster, node))
            said += refusal is not None
            assert refusal is None or refusal.told() == verdict
    assert said >= least


def test_nothing_is_said_while_it_is_not_known_that_a_node_would_be_launched() -> None:
    cluster = Cluster(a_node("full"), a_node("coming", "1", initialized=False), pools=[pool(limits={"cpu": "1"})])
    cluster.run(*(a_pod(f"p{number}", node="full") for number in range(3)))
    assert "limit" in cluster.without("full").verdict.message
    assert outlook(cluster).refusal("full", own(cluster, "full")) is None


def test_what_was_refused_says_the_same_once_the_cluster_has_changed() -> None:
    said = 0
    for seed in range(10):
        cluster = drawn(seed, 1)
        looked = outlook(cluster)
        owns = {f"n{number}": own(cluster, f"n{number}") for number in range(6) if f"n{number}" not in cluster.marked}
        names = [node for node in owns if looked.refused([node], [asked(owns[node])])]
        verdicts = {node: cluster.without(node).verdict for node in names}
        refused = Refused(looked, names, [asked(owns[node]) for node in names])
        tokens = {*looked.waited_for(), WAITS_FOR_ROOM}
        for number in range(6):
            cluster.view.remove(f"n{number}")
        for node in names:
            verdict = refused.verdict(node).told()
            assert verdict == verdicts[node]
            assert set(verdict.waits_for) <= tokens
        said += len(names)
    assert said > 10


@pytest.mark.parametrize("kinds", [1, 2])
def test_who_was_asked_before_is_refused_where_somebody_is_who_was_not(kinds: int) -> None:
    refused, others = 0, 0
    for seed in range(60):
        cluster = drawn(seed, kinds)
        candidates = {f"n{number}": asked(own(cluster, f"n{number}")) for number in range(6)}
        for other in (1, 2):  # asked with other pods that move, and so with another that waits
            looked = outlook(cluster)
            for node, before in candidates.items():
                if node not in cluster.marked:
                    says = looked.refusal(node, before.own) is not None
                    assert looked.refused([node], [before]) == looked.refused([node], [asked(before.own)]) == says
                    refused += says
                    others += not says
            left = [pod for pod in cluster.pods.values() if pod.spec.node_name in cluster.marked]
            for pod in left[::other]:
                cluster.view.unbind(pod.key)
    assert refused > 50
    assert others > 10


def test_candidates_with_room_of_their_own_share_an_answer_unless_it_is_used() -> None:
    """``first`` has room for one of the pods that leave: gone, it makes the second wait for the node that comes."""
    cluster = Cluster(a_node("first"), a_node("second"), a_node("leaves"), a_node("tomorrow", initialized=False))
    cluster.add(a_node("leaves"), marked=True)
    cluster.run(a_pod("f", "3", node="first"), a_pod("s", "3", node="second"), a_pod("l", "500m", node="leaves"))
    looked = outlook(cluster)
    for node in ("first", "second"):
        refused = looked.refusal(node, own(cluster, node))
        assert (refused is None) is cluster.without(node).verdict.allowed
        assert refused is None or refused.told() == cluster.without(node).verdict
