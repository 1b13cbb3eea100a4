"""The disruption loop on whole clusters: what no pass ever does, and what never matters to it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.api import names
from napsim.controllers.counts import node_count
from napsim.core.budgets import DRIFTED, Budget, allowed_by_reason, count
from tests.controllers.test_disruption import World, filling
from tests.core.examples import NOW, pdb, pod

POOLS: Final = ("a", "b")
BUDGETS: Final = st.lists(
    st.sampled_from([
        {"nodes": "100%"}, {"nodes": "40%"}, {"nodes": "1"}, {"nodes": "2"}, {"nodes": "0"},
        {"nodes": "0", "schedule": "30 9 * * *", "duration": "1h"}, {"nodes": "0", "reasons": ["Empty"]},
        {"nodes": "1", "schedule": "*/2 * * * *", "duration": "1m"},
        {"nodes": "1", "schedule": "@dailyx", "duration": "1h"},
    ]),
    max_size=2,
)  # fmt: skip
HELD: Final = {names.DO_NOT_DISRUPT: "true"}
PODS: Final[Mapping[str, Any]] = {
    "empty": lambda on: (),
    "full": lambda on: (filling(on),),
    "held": lambda on: (filling(on, annotations=HELD),),
    "for a minute": lambda on: (filling(on, annotations={names.DO_NOT_DISRUPT: "1m"}),),
    "guarded": lambda on: (filling(on, labels={"app": "guarded"}),),
    "free": lambda on: (filling(on, labels={"app": "free"}),),
    "large": lambda on: (pod(f"p-{on}", node=on, requests={"cpu": "150"}),),
}
NODES: Final = st.lists(
    st.tuples(
        st.sampled_from(POOLS),
        st.none() | st.integers(0, 2),
        st.sampled_from(sorted(PODS)),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def cluster(budgets: Mapping[str, Sequence[Mapping[str, Any]]], nodes: Sequence[Any], order: Sequence[int]) -> World:
    """The same cluster, told of in that order."""
    here = World()
    for pool in POOLS:
        here.pool(pool, budgets[pool])
    here.state.on_pdb(None, pdb("guarded", labels={"app": "guarded"}))
    here.state.on_pdb(None, pdb("free", labels={"app": "free"}, allowed=1))
    for number in order:
        pool, drifted, kind, ready, graceful = nodes[number]
        name = f"n{number}"
        here.node(name, *PODS[kind](name), pool=pool, drifted=drifted, ready=ready, grace="5m" if graceful else "")
    return here


@settings(max_examples=30)
@given(st.tuples(BUDGETS, BUDGETS), NODES, st.lists(st.integers(0, 60), max_size=3))
def test_no_pass_disrupts_more_than_the_budgets_allow_at_its_instant(pairs: Any, nodes: Any, minutes: Any) -> None:
    budgets = dict(zip(POOLS, pairs, strict=True))
    here = cluster(budgets, nodes, range(len(nodes)))
    for passed in (0, *minutes):
        here.real = NOW + timedelta(minutes=passed)
        for _ in range(4):
            before = {pool: here.state.count(pool).disrupting_nodes for pool in POOLS}
            here.look()
            for pool in POOLS:
                counted = here.state.count(pool)
                read = [Budget.from_spec(item) for item in budgets[pool]]
                allowed = allowed_by_reason(read, DRIFTED, counted.total_nodes, here.real).allowed
                assert counted.disrupting_nodes <= max(allowed, before[pool])
                own = (item for item in here.state.nodes.values() if item.metadata.labels.get(names.NODEPOOL) == pool)
                assert counted == count(node_count(item, here.state.claim_of(item)) for item in own)
            here.replace_all()


@settings(max_examples=30)
@given(st.tuples(BUDGETS, BUDGETS), NODES, st.randoms(use_true_random=False))
def test_the_order_in_which_a_cluster_is_told_of_changes_nothing_that_the_loop_does(
    pairs: Any, nodes: Any, shuffled: random.Random
) -> None:
    budgets = dict(zip(POOLS, pairs, strict=True))
    order = list(range(len(nodes)))
    shuffled.shuffle(order)
    one, other = cluster(budgets, nodes, range(len(nodes))), cluster(budgets, nodes, order)

    assert one.run(6) == other.run(6)
    assert one.decided == other.decided
    assert _blocked(one) == _blocked(other)


@settings(max_examples=30)
@given(st.tuples(BUDGETS, BUDGETS), NODES)
def test_once_a_pass_finds_nothing_to_do_another_does_not_either(pairs: Any, nodes: Any) -> None:
    here = cluster(dict(zip(POOLS, pairs, strict=True)), nodes, range(len(nodes)))
    here.run(12)
    taken, blocked = list(here.taken), _blocked(here)
    here.run(2)

    assert here.taken == taken
    assert _blocked(here) == blocked
    assert all(verdict[1] for verdict in blocked.values()), "every block says what can end it"


def _blocked(here: World) -> dict[str, tuple[str, Any]]:
    return {
        name: (verdict.message, verdict.waits_for or verdict.wake_at)
        for queue in here.disruption.queues.values()
        for name, verdict in queue.blocked.items()
    }
