"""A Node that plays NAP nodes: what is written on it, and how everything comes off again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import (
    DeleteNode,
    Event,
    PatchNode,
    PatchNodeClaim,
    Plan,
    SetNodeClaimStatus,
    patched_node,
)
from napsim.core.inplace import (
    Record,
    adoption_of,
    advance,
    dressed,
    given_back,
    is_being_replaced,
    of_claim,
    put_to_use,
    record_of,
    released,
    stands_for,
)
from napsim.core.objects import Node, NodeClaim, NodeSpec, Taint
from napsim.core.pods import DISRUPTED
from tests.core.examples import NOW, claim, node, true

OLD, NEW = "AKSUbuntu-2204gen2containerd-202601.27.0", "AKSUbuntu-2204gen2containerd-202602.13.0"
MINUTE: Final = timedelta(minutes=1)
OWN: Final = {"kubernetes.io/hostname": "w", names.PLAYS_NODEPOOL: "default"}
OFFERED: Final = {names.AKS_ROLE: "agent", names.OS_SKU: "Ubuntu"}
NO_SCHEDULE, NO_EXECUTE = Taint("team", "NoSchedule", "a"), Taint("team", "NoExecute", "a")


def worker(labels: dict[str, str] | None = None, taints: tuple[Taint, ...] = (), *, ready: bool = True) -> Node:
    """A Node as its installation made it, opted in."""
    made = node("w", labels={**OWN, **(labels or {})}, taints=taints, finalizers=(), ready=ready)
    metadata = replace(made.metadata, annotations={"theirs": "1"})
    return replace(made, metadata=metadata, spec=NodeSpec("kind://docker/kind/w", taints))


def adopting(generation: int = 1, **more: object) -> NodeClaim:
    text = f'{{"node":"w","generation":{generation}}}'
    given = {"name": f"w-g{generation}", "labels": {names.NODEPOOL: "default", "env": "prod"}, **more}
    return claim(annotations={names.ADOPTS: text}, **given)  # type: ignore[arg-type]  # as claim() takes them


def put_on(item: Node, patch: PatchNode) -> Node:
    assert patch.node == item, "decided on another state"
    return patched_node(item, patch)


def in_use(generation: int = 1, image: str = OLD, start: Node | None = None) -> Node:
    first = start or worker()
    taken = put_on(first, dressed(first, adopting(generation), image, OFFERED))
    return put_on(taken, put_to_use(taken))


def test_a_node_that_is_taken_gets_the_labels_of_its_claim_and_keeps_its_own() -> None:
    taken = in_use(start=worker({names.OS_SKU: "Mine"}))
    labels = taken.metadata.labels
    assert labels[names.NODEPOOL] == "default"
    assert labels["env"] == "prod"
    assert labels[names.REGISTERED] == labels[names.INITIALIZED] == "true"
    assert labels[names.NODE_IMAGE_VERSION] == OLD
    assert labels[names.OS_SKU] == "Mine", "offered only where there is none"
    assert labels[names.AKS_ROLE] == "agent"
    assert taken.metadata.finalizers == ()
    assert taken.spec.taints == ()


@pytest.mark.parametrize(
    ("tainted", "expected"),
    [(False, {NO_SCHEDULE}), (True, {NO_SCHEDULE, NO_EXECUTE, DISRUPTED})],
    ids=["taken-as-it-runs", "drained"],
)
def test_taints_that_end_pods_come_only_after_a_drain(tainted: bool, expected: set[Taint]) -> None:
    start = worker(taints=(DISRUPTED,) if tainted else ())
    wanted = adopting(taints=(NO_SCHEDULE, NO_EXECUTE))
    assert set(put_on(start, dressed(start, wanted, OLD, {})).spec.taints) == expected


def test_a_replacement_keeps_the_old_image_and_the_new_one() -> None:
    record = record_of(in_use())
    assert record is not None
    assert (record.generation, record.from_image, record.to_image) == (1, "", OLD)
    used = in_use()
    back = put_on(used, given_back(used))
    new = put_on(back, dressed(back, adopting(2), NEW, OFFERED))
    record = record_of(new)
    assert record is not None
    assert (record.generation, record.from_image, record.to_image) == (2, OLD, NEW)
    assert new.metadata.labels[names.NODE_IMAGE_VERSION] == NEW


def test_a_node_given_back_is_out_of_use_tainted_and_of_the_next_generation() -> None:
    used = in_use()
    with_command = put_on(used, PatchNode(used, annotations={names.COMMAND: "{}"}, labels={names.DRIFT: "ImageDrift"}))
    back = put_on(with_command, given_back(with_command))
    assert is_being_replaced(back)
    assert not {names.REGISTERED, names.INITIALIZED, names.DRIFT} & back.metadata.labels.keys()
    assert names.COMMAND not in back.metadata.annotations
    assert back.metadata.labels[names.NODEPOOL] == "default", "the pool's size never changes"
    assert not stands_for(adopting(1), back)
    assert stands_for(adopting(2), back)


def test_the_last_patch_of_a_replacement_takes_the_taint_off() -> None:
    used = in_use()
    back = put_on(used, given_back(used))
    excluded = {names.EXCLUDE_FROM_LOAD_BALANCERS: names.EXCLUDE_FROM_LOAD_BALANCERS_VALUE}
    back = put_on(back, PatchNode(back, labels=excluded))
    again = put_on(back, dressed(back, adopting(2), NEW, OFFERED))
    done = put_on(again, put_to_use(again))
    assert done.spec.taints == ()
    assert not is_being_replaced(done)
    assert names.EXCLUDE_FROM_LOAD_BALANCERS not in done.metadata.labels


TEXTS = st.dictionaries(st.sampled_from(["env", names.OS_SKU, names.NODE_IMAGE_VERSION, "x"]), st.sampled_from("ab"))
TAINTS = st.lists(st.sampled_from([NO_SCHEDULE, NO_EXECUTE, Taint("other", "NoSchedule")]), unique=True).map(tuple)


@given(
    TEXTS, TAINTS, st.lists(st.sampled_from([(), (NO_SCHEDULE,), (NO_EXECUTE, NO_SCHEDULE)]), max_size=3), st.booleans()
)
def test_whatever_was_played_a_release_makes_the_node_as_it_was(
    labels: dict[str, str], taints: tuple[Taint, ...], played: list[tuple[Taint, ...]], drained: bool
) -> None:
    first = item = worker(labels, taints)
    for generation, wanted in enumerate(played, start=1):
        item = put_on(item, dressed(item, adopting(generation, taints=wanted), f"image-{generation}", OFFERED))
        item = put_on(item, put_to_use(item))
        item = put_on(item, given_back(item)) if drained or generation < len(played) else item
    assert (let_go := put_on(item, released(item))).metadata == first.metadata
    assert set(let_go.spec.taints) == set(first.spec.taints)
    assert names.PLAYS_NODEPOOL not in put_on(item, released(item, opt_out=True)).metadata.labels


def test_a_record_that_somebody_wrote_over_is_no_record() -> None:
    assert record_of(node(annotations={names.IN_PLACE: "?"})) is None
    unreadable = adoption_of(claim(annotations={names.ADOPTS: "?"}))
    assert unreadable is not None, "it is still none of the fake nodes' claims"
    assert unreadable.node == ""
    assert adoption_of(claim()) is None
    assert Record().generation == 1


# --- the claim's way ----------------------------------------------------------------------------------------------

LAUNCHED = true(names.LAUNCHED)
REGISTERED = (*LAUNCHED, *true(names.REGISTERED_CONDITION))


def look(owner: NodeClaim, item: Node, registered: timedelta = MINUTE, initialized: timedelta = 2 * MINUTE) -> Plan:
    clothes = dressed(item, owner, NEW, OFFERED)
    return advance(owner, item, clothes, NOW + registered, NOW + initialized, NOW)


def test_a_claim_waits_for_its_registration_and_its_initialization() -> None:
    assert look(adopting(conditions=LAUNCHED), worker()) == Plan((), NOW + MINUTE)
    registered = put_on(worker(), dressed(worker(), adopting(), NEW, OFFERED))
    assert look(adopting(conditions=REGISTERED), registered) == Plan((), NOW + 2 * MINUTE)


def test_registration_dresses_the_node_and_then_says_so() -> None:
    patch, status = look(adopting(conditions=LAUNCHED), worker(), timedelta(0)).actions
    assert isinstance(patch, PatchNode)
    assert isinstance(status, SetNodeClaimStatus)
    assert status.node_name == "w"
    dressed_already = put_on(worker(), patch)
    (again,) = look(adopting(conditions=LAUNCHED), dressed_already, timedelta(0)).actions
    assert again == status, "killed between the two, it goes on with the second"


def test_initialization_takes_the_taint_off_and_tells_of_the_images() -> None:
    used = in_use()
    back = put_on(used, given_back(used))
    new = put_on(back, dressed(back, adopting(2), NEW, OFFERED))
    patch, told, status = look(adopting(2, conditions=REGISTERED), new, initialized=timedelta(0)).actions
    assert isinstance(patch, PatchNode)
    assert isinstance(told, Event)
    assert OLD in told.message
    assert NEW in told.message
    assert isinstance(status, SetNodeClaimStatus)
    (again,) = look(adopting(2, conditions=REGISTERED), put_on(new, patch), initialized=timedelta(0)).actions
    assert again == status
    initialized = (*REGISTERED, *true(names.INITIALIZED_CONDITION))
    assert look(adopting(2, conditions=initialized), put_on(new, patch)) == Plan()


def test_a_node_that_is_not_ready_is_not_initialized_and_stays_tainted() -> None:
    used = in_use(start=worker(ready=False))
    back = put_on(used, given_back(used))
    new = put_on(back, dressed(back, adopting(2), NEW, OFFERED))
    (status,) = look(adopting(2, conditions=REGISTERED), new, initialized=timedelta(0)).actions
    assert isinstance(status, SetNodeClaimStatus)
    assert status.conditions[0].reason == "NodeNotReady"


def test_a_kubelet_that_registered_anew_is_dressed_again() -> None:
    owner = adopting(conditions=(*REGISTERED, *true(names.INITIALIZED_CONDITION)))
    (patch,) = look(owner, worker()).actions
    assert isinstance(patch, PatchNode)
    assert put_on(worker(), patch).metadata.labels[names.REGISTERED] == "true"


def test_a_record_that_was_written_over_is_written_anew_or_a_node_would_be_replaced_without_a_drain() -> None:
    owner = adopting(3, conditions=(*REGISTERED, *true(names.INITIALIZED_CONDITION)))
    used = in_use(3)
    broken = put_on(used, PatchNode(used, annotations={names.IN_PLACE: "?"}))
    (patch,) = look(owner, broken).actions
    assert isinstance(patch, PatchNode)
    assert stands_for(owner, put_on(broken, patch))


def test_a_deleted_claim_goes_when_its_node_is_given_back_or_gone_and_the_node_is_never_deleted() -> None:
    leaving = adopting(deleted_at=NOW)
    used = in_use()
    assert of_claim(leaving, used, NOW) == Plan()
    for other in (put_on(used, given_back(used)), put_on(used, released(used)), None):
        (action,) = of_claim(leaving, other, NOW).actions
        assert isinstance(action, PatchNodeClaim)
        assert action.remove_finalizer == names.TERMINATION_FINALIZER
    everything = (*of_claim(adopting(deleted_at=NOW, grace="5m"), used, NOW).actions,)
    assert [type(action) for action in everything] == [PatchNodeClaim, Event, Event]
    assert not [action for action in everything if isinstance(action, DeleteNode)]
