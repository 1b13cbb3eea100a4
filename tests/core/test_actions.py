"""Actions: what they make of Nodes and NodeClaims."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.api import names
from napsim.core.actions import (
    PatchNode,
    PatchNodeClaim,
    SetNodeClaimStatus,
    merged,
    patched_claim,
    patched_node,
    set_condition,
    with_status,
)
from napsim.core.objects import Condition, Taint, condition
from napsim.core.pods import DISRUPTED
from tests.core.examples import NOW, claim, node, true

LATER = NOW + timedelta(hours=1)
KEYS, VALUES = st.sampled_from(["a", "b", "c", "d/e"]), st.text(max_size=3)
TAINTS = st.lists(
    st.builds(Taint, st.sampled_from(["a", "b", names.DISRUPTED_TAINT]), st.sampled_from(["NoSchedule", "NoExecute"])),
    unique=True,
    max_size=4,
).map(tuple)


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, st.none() | VALUES))
def test_merging_sets_what_has_a_value_and_removes_what_has_none(
    old: dict[str, str], changes: dict[str, str | None]
) -> None:
    new = merged(old, changes)
    assert {key: new.get(key) for key in changes} == changes
    assert {key: value for key, value in new.items() if key not in changes} == {
        key: value for key, value in old.items() if key not in changes
    }


def test_a_patch_changes_nothing_but_what_it_names() -> None:
    before = node(labels={"a": "1"}, annotations={"b": "2"}, taints=(Taint("t", "NoSchedule"),))
    assert patched_node(before, PatchNode(before)) == before


@given(TAINTS, TAINTS, st.sets(st.sampled_from(["a", "b"])))
def test_taints_are_added_once_and_removed_by_key(
    had: tuple[Taint, ...], added: tuple[Taint, ...], removed: set[str]
) -> None:
    before = node(taints=had)
    patch = PatchNode(before, add_taints=added, remove_taints=tuple(sorted(removed)))
    after = patched_node(before, patch)
    identities = [(taint.key, taint.effect) for taint in after.spec.taints]
    assert len(identities) == len(set(identities))
    assert set(added) <= set(after.spec.taints)
    assert {taint for taint in after.spec.taints if taint not in added} == {
        taint for taint in had if taint.key not in removed and taint not in added
    }
    assert set(patched_node(after, patch).spec.taints) == set(after.spec.taints)


def test_a_taint_that_is_there_keeps_its_time() -> None:
    dated = Taint(DISRUPTED.key, DISRUPTED.effect, time_added=NOW)
    before = node(taints=(dated,))
    assert patched_node(before, PatchNode(before, add_taints=(DISRUPTED,))).spec.taints == (dated,)


@pytest.mark.parametrize(
    ("had", "add", "remove", "expected"),
    [
        ((), "x", "", ("x",)),
        (("x",), "x", "", ("x",)),
        (("x", "y"), "", "x", ("y",)),
        (("y",), "x", "y", ("x",)),
        ((), "", "x", ()),
    ],
)
def test_finalizers_are_added_once_and_removed(
    had: tuple[str, ...], add: str, remove: str, expected: tuple[str, ...]
) -> None:
    before, held = node(finalizers=had), claim(finalizers=had)
    assert (
        patched_node(before, PatchNode(before, add_finalizer=add, remove_finalizer=remove)).metadata.finalizers
        == expected
    )
    patch = PatchNodeClaim(held, add_finalizer=add, remove_finalizer=remove)
    assert patched_claim(held, patch).metadata.finalizers == expected


def test_a_node_is_cordoned_and_uncordoned_by_a_word_and_left_as_it_is_without() -> None:
    cordoned = patched_node(node(), PatchNode(node(), unschedulable=True))
    assert cordoned.spec.unschedulable
    assert patched_node(cordoned, PatchNode(cordoned, labels={"a": "1"})).spec.unschedulable
    assert patched_node(cordoned, PatchNode(cordoned, unschedulable=False)) == node()


def test_a_claim_s_annotations_and_labels_are_merged() -> None:
    before = claim(annotations={"a": "1"}, labels={"l": "1"})
    after = patched_claim(before, PatchNodeClaim(before, annotations={"a": None, "b": "2"}, labels={"l": "2"}))
    assert "a" not in after.metadata.annotations
    assert after.metadata.annotations["b"] == "2"
    assert after.metadata.labels["l"] == "2"


@pytest.mark.parametrize(
    ("old", "new", "moves"), [("True", "True", False), ("True", "False", True), ("Unknown", "True", True)]
)
def test_a_transition_time_moves_only_with_the_status(old: str, new: str, moves: bool) -> None:
    conditions = set_condition((Condition("X", old, "a", "", NOW),), Condition("X", new, "b", "why"), LATER, 3)
    assert conditions == (Condition("X", new, "b", "why", LATER if moves else NOW, 3),)


def test_a_new_condition_comes_last_and_an_old_one_keeps_its_place() -> None:
    conditions = set_condition(true("A", "B"), Condition("C", "True"), NOW, 0)
    assert [item.type for item in conditions] == ["A", "B", "C"]
    assert [item.type for item in set_condition(conditions, Condition("A", "False"), NOW, 0)] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("conditions", "status", "message"),
    [
        ((), "Unknown", "Launched=Unknown, Registered=Unknown, Initialized=Unknown"),
        (true("Launched", "Registered"), "Unknown", "Initialized=Unknown"),
        (true("Launched", "Registered", "Initialized"), "True", ""),
        ((Condition("Launched", "False"),), "False", "Launched=False, Registered=Unknown, Initialized=Unknown"),
    ],
)
def test_ready_sums_up_the_three_steps(conditions: tuple[Condition, ...], status: str, message: str) -> None:
    held = claim(conditions=conditions)
    ready = condition(with_status(held, SetNodeClaimStatus(held, NOW)).status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.message) == (status, message)


def test_a_status_sets_what_it_names_and_leaves_the_rest() -> None:
    held = claim(conditions=true("Drifted", "DisruptionReason"))
    change = SetNodeClaimStatus(held, NOW, remove=("DisruptionReason",), node_name="n", capacity={"cpu": "4"})
    status = with_status(held, change).status
    assert [item.type for item in status.conditions] == ["Drifted", "Ready"]
    assert (status.node_name, status.capacity, status.provider_id) == ("n", {"cpu": "4"}, "napsim://c")


def test_a_status_that_was_set_is_set() -> None:
    held = claim()
    change = SetNodeClaimStatus(held, NOW, true("Launched"), node_name="n")
    once = with_status(held, change)
    assert with_status(once, SetNodeClaimStatus(once, LATER, true("Launched"), node_name="n")) == once
