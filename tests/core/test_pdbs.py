"""PodDisruptionBudgets: karpenter.md 19.7."""

from __future__ import annotations

import msgspec
import pytest

from napsim.api import names
from napsim.core.clock import WALL_CLOCK
from napsim.core.objects import LabelSelector, Pod, PodDisruptionBudget, SelectorRequirement, Toleration
from napsim.core.pdbs import (
    PdbIndex,
    first_blocked,
    is_currently_reschedulable,
    is_fully_blocking,
    room_made,
    selects,
)
from tests.core.examples import NOW, pdb, pod

A, B = pod("a", labels={"app": "a"}), pod("b", labels={"app": "b"})
UNREADY = pod("a", ready="False")


def held(*pods: Pod, by: tuple[PodDisruptionBudget, ...]) -> tuple[str, ...] | None:
    blocked = first_blocked(pods, PdbIndex(by), WALL_CLOCK, NOW)
    return blocked.pdbs if blocked else None


@pytest.mark.parametrize(
    ("pods", "pdbs", "expected"),
    [
        pytest.param((UNREADY,), (pdb(min_available="100%", always_allow=True),), None, id="karpenter:P01"),
        pytest.param((UNREADY,), (pdb(min_available="100%"),), ("default/b",), id="unready-without-that-policy"),
        pytest.param((A,), (pdb(always_allow=True),), ("default/b",), id="that-policy-and-ready"),
        pytest.param((pod(ready=""),), (pdb(always_allow=True),), ("default/b",), id="that-policy-and-no-condition"),
        pytest.param((A,), (pdb(labels={"app": "b"}),), None, id="karpenter:P03"),
        pytest.param((A, pod("c")), (pdb(min_available="100%"),), ("default/b",), id="karpenter:P04"),
        pytest.param((A, pod("c")), (pdb(max_unavailable="0%"),), ("default/b",), id="karpenter:P05"),
        pytest.param((A, pod("c")), (pdb(max_unavailable=0),), ("default/b",), id="karpenter:P06"),
        pytest.param((B, A), (pdb(min_available="100%"),), ("default/b",), id="karpenter:P08"),
        pytest.param((B, A), (pdb(max_unavailable="0%"),), ("default/b",), id="karpenter:P09"),
        pytest.param(
            (B, A), (pdb("x", allowed=1), pdb("y", allowed=1)), ("default/x", "default/y"), id="karpenter:P11"
        ),
        pytest.param((A, pod("c")), (pdb(allowed=1),), None, id="two-pods-under-one-that-allows-one"),
    ],
)
def test_whether_the_pods_of_a_node_may_be_evicted(
    pods: tuple[Pod, ...], pdbs: tuple[PodDisruptionBudget, ...], expected: tuple[str, ...] | None
) -> None:
    assert held(*pods, by=pdbs) == expected


@pytest.mark.parametrize(
    "exempt",
    [
        pytest.param(pod(owner="Node"), id="mirror"),
        pytest.param(pod(tolerations=(Toleration(operator="Exists"),)), id="tolerant"),
        pytest.param(pod(phase="Failed"), id="terminal"),
        pytest.param(pod(deleted_at=NOW), id="terminating"),
        pytest.param(pod(annotations={names.DO_NOT_DISRUPT: "true"}), id="protected"),
    ],
)
def test_only_evictable_pods_are_checked(exempt: Pod) -> None:
    assert held(exempt, by=(pdb(),)) is None


@pytest.mark.parametrize(("allowed", "blocked"), [(-1, True), (0, True), (1, False)])
def test_a_pdb_blocks_when_it_allows_none(allowed: int, blocked: bool) -> None:
    assert (held(A, by=(pdb(allowed=allowed),)) is not None) is blocked


@pytest.mark.parametrize(
    ("pod_", "pdbs", "expected"),
    [
        pytest.param(A, (pdb(min_available="100%", allowed=1),), False, id="karpenter:P12"),
        pytest.param(A, (pdb(max_unavailable="0%", allowed=1),), False, id="karpenter:P13"),
        pytest.param(A, (pdb(max_unavailable=0, allowed=1),), False, id="karpenter:P14"),
        pytest.param(A, (), True, id="karpenter:P16"),
        pytest.param(pod(annotations={names.DO_NOT_DISRUPT: "true"}), (), False, id="karpenter:P17"),
        pytest.param(UNREADY, (pdb(min_available="100%"),), False, id="karpenter:P19"),
        pytest.param(UNREADY, (pdb(min_available="100%", always_allow=True),), True, id="unready-and-always-allowed"),
        pytest.param(A, (pdb(allowed=0, min_available=1),), True, id="merely-exhausted"),
        pytest.param(A, (pdb("x", allowed=1), pdb("y", allowed=1)), False, id="conflict"),
        pytest.param(
            pod(deleted_at=NOW, owner="StatefulSet"),
            (pdb(max_unavailable=0),),
            True,
            id="terminating-of-a-stateful-set",
        ),
        pytest.param(pod(owner="DaemonSet"), (), False, id="daemon"),
    ],
)
def test_whether_capacity_is_found_in_advance(pod_: Pod, pdbs: tuple[PodDisruptionBudget, ...], expected: bool) -> None:
    assert is_currently_reschedulable(pod_, PdbIndex(pdbs), WALL_CLOCK, NOW) is expected


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (pdb(max_unavailable=0), True),
        (pdb(max_unavailable="0%"), True),
        (pdb(max_unavailable=1), False),
        (pdb(min_available="100%"), True),
        (pdb(min_available="99%"), False),
        (pdb(min_available=3), False),
        (pdb(), False),
    ],
)
def test_what_is_fully_blocking_whatever_the_replicas(budget: PodDisruptionBudget, expected: bool) -> None:
    assert is_fully_blocking(budget) is expected


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [
        ("In", ("a", "b"), True),
        ("In", ("b",), False),
        ("NotIn", ("b",), True),
        ("NotIn", ("a",), False),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
    ],
)
def test_a_selector_s_expressions(operator: str, values: tuple[str, ...], matches: bool) -> None:
    selector = LabelSelector(match_expressions=(SelectorRequirement("app", operator, values),))
    assert selects(selector, {"app": "a"}) is matches
    absent = LabelSelector(match_expressions=(SelectorRequirement("other", operator, values),))
    assert selects(absent, {"app": "a"}) is (operator in ("NotIn", "DoesNotExist"))


def test_no_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selects(None, {"app": "a"})
    assert selects(LabelSelector(), {})


def test_a_pdb_reaches_no_further_than_its_namespace() -> None:
    elsewhere = msgspec.structs.replace(pdb(), metadata=msgspec.structs.replace(pdb().metadata, namespace="other"))
    assert held(A, by=(elsewhere,)) is None


def test_a_pdb_that_changed_counts_as_it_is_now_and_one_that_is_gone_no_more() -> None:
    index = PdbIndex((pdb(allowed=0),))
    index.put(pdb(allowed=1))
    assert first_blocked((A,), index, WALL_CLOCK, NOW) is None
    found = index.get("default/b")
    assert found is not None
    assert found.status.disruptions_allowed == 1
    index.remove(found)
    index.remove(found)
    assert index.get("default/b") is None
    assert index.matching(A) == []


def generation(budget: PodDisruptionBudget, spec: int, observed: int) -> PodDisruptionBudget:
    metadata = msgspec.structs.replace(budget.metadata, generation=spec)
    status = msgspec.structs.replace(budget.status, observed_generation=observed)
    return msgspec.structs.replace(budget, metadata=metadata, status=status)


@pytest.mark.parametrize(
    ("old", "new", "room"),
    [
        pytest.param(pdb(allowed=0), pdb(allowed=2), 2, id="it allows two"),
        pytest.param(pdb(allowed=2), pdb(allowed=0), 0, id="it allows none"),
        pytest.param(None, pdb(allowed=0), None, id="it is new: two PDBs on one pod allow nothing"),
        pytest.param(pdb(allowed=0), None, None, id="it is gone"),
        pytest.param(generation(pdb(), 1, 1), generation(pdb(), 2, 2), None, id="it selects others, perhaps"),
        pytest.param(generation(pdb(), 2, 1), generation(pdb(), 2, 1), None, id="its status is of before the edit"),
        pytest.param(generation(pdb(), 2, 1), generation(pdb(allowed=1), 2, 2), 1, id="its status has caught up"),
    ],
)
def test_how_many_pods_the_change_of_a_pdb_may_let_go(
    old: PodDisruptionBudget | None, new: PodDisruptionBudget | None, room: int | None
) -> None:
    assert room_made(old, new) == room
