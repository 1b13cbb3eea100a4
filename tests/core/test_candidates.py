"""Candidate filters, karpenter.md 8 and 19.6, and whose turn is first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.candidates import (
    DISRUPTED_CLASS_EVENTUAL,
    DISRUPTED_CLASS_GRACEFUL,
    DRAWS,
    Candidate,
    Surroundings,
    check,
    order_key,
    origin,
)
from napsim.core.clock import WALL_CLOCK
from napsim.core.objects import Condition, Node, Pod, PodDisruptionBudget
from napsim.core.pdbs import PdbIndex
from napsim.core.reasons import Reason, Verdict
from tests.core.examples import NOW, claim, node, pdb, pod

GRACEFUL, EVENTUAL = DISRUPTED_CLASS_GRACEFUL, DISRUPTED_CLASS_EVENTUAL
SECOND = timedelta(seconds=1)
HELD = {names.DO_NOT_DISRUPT: "true"}
FULL = pdb(max_unavailable=0)
BASE = {names.NODEPOOL: "default", names.REGISTERED: "true", names.INITIALIZED: "true"}
FINE = Candidate(claim(), node(), (pod(),))

# The strings of karpenter.md 8, by row.
STRINGS = {
    1: "candidate is already being disrupted",
    2: "node isn't managed by karpenter",
    3: "nodeclaim does not have an associated node",
    4: "node isn't initialized",
    5: "node is deleting or marked for deletion",
    6: "node is nominated for a pending pod",
    7: 'disruption is blocked through the "karpenter.sh/do-not-disrupt" annotation',
    8: "node doesn't have required label (label=karpenter.sh/nodepool)",
    9: "nodepool not found (NodePool=default)",
    10: 'pod has "karpenter.sh/do-not-disrupt" annotation (Pod=default/p)',
    11: "pdb prevents pod evictions (PodDisruptionBudget=[default/b])",
    12: "eviction does not support multiple PDBs (PodDisruptionBudget(s)=[default/b default/c])",
}
REASONS = {
    1: Reason.ALREADY_DISRUPTED,
    2: Reason.NOT_MANAGED,
    3: Reason.NO_NODE,
    4: Reason.NOT_INITIALIZED,
    5: Reason.DELETING,
    6: Reason.NOMINATED,
    7: Reason.NODE_DO_NOT_DISRUPT,
    8: Reason.NO_NODEPOOL_LABEL,
    9: Reason.NODEPOOL_NOT_FOUND,
    10: Reason.POD_DO_NOT_DISRUPT,
    11: Reason.PDB,
    12: Reason.MULTIPLE_PDBS,
}


def verdict(candidate: Candidate, *pdbs: PodDisruptionBudget) -> Verdict:
    return check(candidate, Surroundings(PdbIndex(pdbs), WALL_CLOCK, NOW))


def with_pods(*pods: Pod, class_: str, grace: str = "") -> Candidate:
    return Candidate(claim(grace=grace), node(), pods, disruption_class=class_)


def with_node(node_: Node) -> Candidate:
    return replace(FINE, node=node_)


@pytest.mark.parametrize(
    ("candidate", "pdbs", "row"),
    [
        pytest.param(with_pods(pod(annotations=HELD), class_=GRACEFUL), (), 10, id="karpenter:C01"),
        pytest.param(with_pods(pod(annotations=HELD, owner="DaemonSet"), class_=GRACEFUL), (), 10, id="karpenter:C03"),
        pytest.param(with_pods(pod(annotations=HELD, owner="Node"), class_=GRACEFUL), (), 10, id="static-pod"),
        pytest.param(with_pods(pod(annotations=HELD), class_=EVENTUAL, grace="300s"), (), 0, id="karpenter:C04"),
        pytest.param(with_pods(pod(), class_=EVENTUAL, grace="300s"), (FULL,), 0, id="pdb-eventual-with-grace"),
        pytest.param(
            with_pods(pod(annotations=HELD), class_=EVENTUAL, grace="0s"), (), 0, id="grace-of-nothing-is-grace"
        ),
        pytest.param(with_pods(pod(annotations=HELD), class_=GRACEFUL, grace="300s"), (), 10, id="karpenter:C06"),
        pytest.param(with_pods(pod(), class_=GRACEFUL, grace="300s"), (pdb(),), 11, id="karpenter:C07"),
        pytest.param(with_pods(pod(annotations=HELD), class_=EVENTUAL), (), 10, id="karpenter:C08"),
        pytest.param(with_pods(pod(), class_=EVENTUAL), (pdb(),), 11, id="karpenter:C09"),
        pytest.param(
            with_pods(
                pod("x", annotations=HELD, phase="Succeeded"),
                pod("y", annotations=HELD, phase="Failed"),
                class_=GRACEFUL,
            ),
            (),
            0,
            id="karpenter:C11",
        ),
        pytest.param(replace(with_node(node(annotations=HELD)), disruption_class=GRACEFUL), (), 7, id="karpenter:C12"),
        pytest.param(with_node(node(annotations={names.DO_NOT_DISRUPT: "false"})), (), 0, id="karpenter:X08"),
        pytest.param(with_node(node(annotations=HELD)), (), 7, id="karpenter:X07"),
        pytest.param(with_pods(pod(), class_=GRACEFUL), (FULL,), 11, id="karpenter:C14"),
        pytest.param(with_pods(pod(owner="DaemonSet"), class_=GRACEFUL), (FULL,), 11, id="karpenter:C15"),
        pytest.param(
            with_pods(pod("x", phase="Succeeded"), pod("y", phase="Failed"), class_=GRACEFUL),
            (FULL,),
            0,
            id="karpenter:C17",
        ),
        pytest.param(
            with_pods(pod(), class_=EVENTUAL), (pdb("c", allowed=1), pdb("b", allowed=1)), 12, id="several-pdbs"
        ),
        pytest.param(replace(FINE, claim=None), (), 2, id="karpenter:C19"),
        pytest.param(replace(FINE, node=None), (), 3, id="karpenter:C20"),
        pytest.param(replace(FINE, marked_for_deletion=True), (), 5, id="karpenter:C22,C23"),
        pytest.param(with_node(node(labels={names.NODEPOOL: "default"})), (), 4, id="karpenter:C24"),
        pytest.param(with_node(node(labels={names.INITIALIZED: "true"})), (), 8, id="karpenter:C25"),
        pytest.param(replace(FINE, nodepool_found=False), (), 9, id="karpenter:C26"),
        pytest.param(with_node(node(labels=BASE | {names.ZONE: "z-1"})), (), 0, id="karpenter:C27"),
        pytest.param(with_node(node(labels=BASE | {names.CAPACITY_TYPE: "spot"})), (), 0, id="karpenter:C28"),
        pytest.param(with_node(node(labels=BASE | {names.INSTANCE_TYPE: "unknown"})), (), 0, id="karpenter:C30"),
        pytest.param(replace(FINE, in_queue=True), (), 1, id="karpenter:C31"),
        pytest.param(replace(FINE, nominated_until=NOW + SECOND), (), 6, id="nominated"),
        pytest.param(replace(FINE, nominated_until=NOW), (), 0, id="nominated-until-now"),
        pytest.param(with_node(node(ready=False)), (), 0, id="a-node-that-is-not-ready"),
        pytest.param(FINE, (), 0, id="nothing-in-the-way"),
    ],
)
def test_candidate_filters(candidate: Candidate, pdbs: tuple[PodDisruptionBudget, ...], row: int) -> None:
    found = verdict(candidate, *pdbs)
    assert found.allowed is (row == 0)
    assert (found.reason, found.message) == (REASONS[row], STRINGS[row]) if row else (Reason.ALLOWED, "")
    assert found.published is (row not in (1, 2))


def test_the_filters_are_asked_in_karpenter_s_order() -> None:
    everything = Candidate(
        None,
        None,
        (pod(annotations=HELD),),
        in_queue=True,
        marked_for_deletion=True,
        nominated_until=NOW + SECOND,
        nodepool_found=False,
    )
    cures = [
        replace(everything, in_queue=False),
        replace(everything, in_queue=False, claim=claim()),
        replace(everything, in_queue=False, claim=claim(), node=node(labels={}, annotations=HELD)),
    ]
    uninitialized = cures[-1]
    cures.append(replace(uninitialized, node=node(labels={names.INITIALIZED: "true"}, annotations=HELD)))
    cures.append(replace(cures[-1], marked_for_deletion=False))
    cures.append(replace(cures[-1], nominated_until=None))
    cures.append(replace(cures[-1], node=node(labels={names.INITIALIZED: "true"})))
    cures.append(replace(cures[-1], node=node()))
    cures.append(replace(cures[-1], nodepool_found=True))
    cures.append(replace(cures[-1], pods=(pod(),)))
    found = [verdict(item, pdb()).reason for item in (everything, *cures)]
    assert found == [REASONS[row] for row in range(1, 12)]


@pytest.mark.parametrize(
    ("candidate", "pdbs", "waits_for"),
    [
        pytest.param(replace(FINE, node=None), (), ("node:aks-c",), id="the-node-that-will-come"),
        pytest.param(with_node(node(labels={})), (), ("node:n",), id="initialization"),
        pytest.param(replace(FINE, nodepool_found=False), (), ("nodepool:default",), id="the-pool"),
        pytest.param(FINE, (pdb(),), ("node:n", "pdb:default/b"), id="the-pdb-or-the-pods"),
        pytest.param(FINE, (pdb("b"), pdb("c")), ("node:n", "pdb:default/b", "pdb:default/c"), id="any-of-the-pdbs"),
        pytest.param(with_node(node(annotations=HELD)), (), ("node:n",), id="the-annotation"),
    ],
)
def test_a_block_says_what_it_waits_for(
    candidate: Candidate, pdbs: tuple[PodDisruptionBudget, ...], waits_for: tuple[str, ...]
) -> None:
    assert verdict(candidate, *pdbs).waits_for == waits_for


def test_a_block_that_ends_by_itself_says_when() -> None:
    held = pod(annotations={names.DO_NOT_DISRUPT: "2m"})
    found = verdict(replace(FINE, pods=(held,)))
    assert found.wake_at == NOW + timedelta(minutes=2)
    assert verdict(replace(FINE, nominated_until=NOW + SECOND)).wake_at == NOW + SECOND


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [pytest.param(0, Reason.POD_DO_NOT_DISRUPT, id="just-started"), pytest.param(3, Reason.ALLOWED, id="3-min-later")],
)
@pytest.mark.row("karpenter:X11")
def test_a_duration_blocks_until_it_is_over(minutes: int, reason: Reason) -> None:
    held = replace(FINE, pods=(pod(annotations={names.DO_NOT_DISRUPT: "2m"}),))
    assert check(held, Surroundings(PdbIndex(), WALL_CLOCK, NOW + timedelta(minutes=minutes))).reason is reason


def test_every_block_but_a_nomination_is_tied_to_a_change_or_an_instant() -> None:
    cases = [
        replace(FINE, in_queue=True),
        replace(FINE, claim=None),
        replace(FINE, node=None),
        replace(FINE, nodepool_found=False),
        replace(FINE, marked_for_deletion=True),
        replace(FINE, nominated_until=NOW + SECOND),
        with_node(node(labels={})),
        with_node(node(annotations=HELD)),
        replace(FINE, pods=(pod(annotations=HELD),)),
    ]
    for found in map(verdict, cases):
        assert found.waits_for or found.wake_at, found


def drifted(name: str, seconds: int) -> tuple[str, tuple[int, int, int, str]]:
    condition = Condition(names.DRIFTED, "True", "ImageDrift", "ImageDrift", NOW + seconds * SECOND)
    return name, order_key(claim(name, conditions=(condition,)), empty=name.startswith("empty"), seed=7)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(drifted("empty", 3600), drifted("full", 0), id="karpenter:X17"),
        pytest.param(drifted("a", 0), drifted("b", 3600), id="karpenter:X20"),
        pytest.param(drifted("z", 0), drifted("a", 1), id="a-second-earlier"),
    ],
)
def test_whose_turn_is_first(one: tuple[str, tuple[int, ...]], other: tuple[str, tuple[int, ...]]) -> None:
    assert one[1] < other[1]


def test_within_a_second_the_seed_decides() -> None:
    claims = [claim(f"c{number}", conditions=(Condition(names.DRIFTED, "True", "", "", NOW),)) for number in range(20)]

    def order(seed: int) -> list[str]:
        return [item.name for item in sorted(claims, key=lambda item: order_key(item, empty=False, seed=seed))]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1) != sorted(order(1))


def test_where_equals_begin_depends_on_the_seed_the_pool_and_how_many_are_left() -> None:
    found = {origin(seed, pool, left) for seed in (1, 2) for pool in ("a", "b") for left in range(20)}
    assert len(found) == 80
    assert all(0 <= draw < DRAWS for draw in found)
    assert origin(1, "a", 5) == origin(1, "a", 5)


def test_a_claim_that_is_not_drifted_comes_before_all_others() -> None:
    assert order_key(claim(), empty=False, seed=0)[1] == 0


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=8, unique=True))
def test_nodes_go_in_the_order_of_the_seconds_in_which_they_drifted(seconds: list[int]) -> None:
    keys = [drifted(f"c{second}", second) for second in seconds]
    assert [name for name, _ in sorted(keys, key=lambda item: item[1])] == [f"c{second}" for second in sorted(seconds)]


def test_a_real_node_that_would_come_back_as_it_was_is_not_drained_whatever_its_grace_period() -> None:
    hindered = replace(FINE, claim=claim(grace="5m"), hindrance="its zone is not allowed")
    found = verdict(hindered)
    assert (found.reason, found.message) == (Reason.NOT_REPLACEABLE_IN_PLACE, "its zone is not allowed")
    assert found.waits_for == ("node:n", "nodepool:default")


def test_the_operator_s_own_node_is_behind_all_others() -> None:
    own = order_key(claim("own"), empty=True, seed=7, last=True)
    assert order_key(claim("other"), empty=False, seed=7) < own
