"""Carrying out actions: one guarded write each."""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.executor import Retry
from napsim.controllers.patches import difference
from napsim.core.actions import (
    Action,
    CreateNode,
    CreateNodeClaim,
    DeleteNode,
    DeleteNodeClaim,
    DeletePod,
    Event,
    EvictPod,
    PatchNode,
    PatchNodeClaim,
    SetNodeClaimStatus,
    patched_node,
)
from napsim.core.objects import Condition, Node, NodeSpec, Taint
from napsim.core.pods import DISRUPTED
from napsim.live import events
from napsim.live.client import Client
from napsim.live.events import Recorder
from napsim.live.executor import Executor, NotOurs, node_operations
from napsim.live.writer import Writer
from tests.core.examples import NOW, claim, node, pod, true
from tests.live.scripted_server import Json, ScriptedServer, Step, answering, failing, middle, run, serving

TREES = st.recursive(
    st.integers(0, 3) | st.text(max_size=2) | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4)


# --- patches ------------------------------------------------------------------------------------------------------


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386, as it is written there."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


@given(OBJECTS, OBJECTS)
def test_the_merge_patch_applied_gives_the_new_object(old: Json, new: Json) -> None:
    assert merge(old, difference(old, new)) == new


@given(OBJECTS)
def test_there_is_no_patch_to_the_same(same: Json) -> None:
    assert difference(same, copy.deepcopy(same)) == {}


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
        ({}, {"a": {}}, {"a": {}}),
    ],
)
def test_a_merge_patch_is_as_small_as_it_can_be(old: Json, new: Json, patch: Json) -> None:
    assert difference(old, new) == patch


class TestFailed(Exception):
    """A ``test`` of a JSON patch does not hold."""

    __test__ = False


def apply(document: Json, operations: list[Json]) -> Json:
    """RFC 6902 as the API server does it: a test for null holds where there is nothing, a removal needs something."""
    document = copy.deepcopy(document)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        target = document
        for part in parents:
            target = target[part]
        if operation["op"] == "test":
            if target.get(last) != operation["value"]:
                raise TestFailed(operation["path"])
        elif operation["op"] == "remove":
            del target[last]
        else:
            assert operation["op"] == "add" or last in target
            target[last] = operation["value"]
    return document


def stored(item: Node) -> Json:
    """The Node as the API server keeps it: what is empty is left out."""
    plain: Json = msgspec.json.decode(msgspec.json.encode(item))
    plain.setdefault("metadata", {})
    plain.setdefault("spec", {})
    for part in (plain["metadata"], plain["spec"]):
        for key in [key for key, value in part.items() if value in ({}, [])]:
            del part[key]
    return plain


def _cordoned(item: Node, cordoned: bool) -> Node:
    return replace(item, spec=replace(item.spec, unschedulable=cordoned))


TEXTS = st.dictionaries(st.sampled_from(["a", "b/c", "d~e", "f"]), st.sampled_from(["1", "2"]), max_size=3)
TAINTS = st.lists(
    st.builds(Taint, st.sampled_from("xy"), st.sampled_from(["NoSchedule", "NoExecute"])), unique=True, max_size=3
)
NODES = st.builds(
    lambda labels, annotations, taints, finalizers, cordoned: _cordoned(
        node(labels=labels, annotations=annotations, taints=tuple(taints), finalizers=tuple(finalizers)), cordoned
    ),
    TEXTS,
    TEXTS,
    TAINTS,
    st.lists(st.sampled_from(["f/1", "f/2"]), unique=True, max_size=2),
    st.booleans(),
)


@given(NODES, NODES)
def test_the_json_patch_applied_gives_the_new_node(old: Node, new: Node) -> None:
    applied = apply(stored(old), node_operations(old, new))
    assert msgspec.convert(applied, Node) == new


@given(NODES, NODES, NODES)
def test_a_list_that_somebody_else_changed_is_never_written_over(old: Node, new: Node, meanwhile: Node) -> None:
    operations = node_operations(old, new)
    if old.spec.taints in (new.spec.taints, meanwhile.spec.taints):
        return
    changed = msgspec.structs.replace(old, spec=meanwhile.spec)
    with pytest.raises(TestFailed):
        apply(stored(changed), operations)


def test_labels_that_somebody_else_added_stay() -> None:
    old = node(labels={}, annotations={"kept": "1"})
    patch = node_operations(old, patched_node(old, PatchNode(old, labels={"new": "1"}, annotations={"mine": "1"})))
    theirs = node(labels={}, annotations={"kept": "1", "theirs": "1"})
    annotations = apply(stored(theirs), patch)["metadata"]["annotations"]
    assert {"kept": "1", "theirs": "1", "mine": "1"}.items() <= annotations.items()
    with pytest.raises(TestFailed):
        apply(stored(node(labels={"theirs": "1"})), patch)


def test_another_node_of_that_name_is_not_touched() -> None:
    (first, *_) = node_operations(node(), patched_node(node(), PatchNode(node(), add_taints=(DISRUPTED,))))
    assert first == {"op": "test", "path": "/metadata/uid", "value": "uid-n"}
    assert len(node_operations(node(), node())) == 1


# --- requests -----------------------------------------------------------------------------------------------------


class Listening(Recorder):
    """Keeps what it hears instead of writing it."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, instance="test", fence=lambda: True, stand_back=_at_once)
        self.heard: list[events.Event] = []

    def record(self, event: events.Event, now: datetime) -> bool:
        self.heard.append(event)
        return True


async def _at_once(within_seconds: float) -> bool:
    return True


class Hands:
    """An executor on a scripted server, with notes of what it told."""

    def __init__(self, server: ScriptedServer, writer: Writer, recorder: Listening) -> None:
        self.server = server
        self.recorder = recorder
        self.evicted: list[EvictPod] = []
        self.created: list[CreateNodeClaim] = []
        self.disrupted: list[DeleteNodeClaim] = []
        self.executor = Executor(
            writer, recorder, self.now, self.evicted.append, self.created.append, self.disrupted.append
        )

    def now(self) -> datetime:
        return NOW

    async def do(self, *actions: Action) -> None:
        await self.executor.carry_out(actions)


def carrying_out(steps: list[Step], scenario: Callable[[Hands], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(steps) as server, server.client() as client:
            writer = Writer(client, lambda: True, jitter=middle, give_up_seconds=0.0)
            await scenario(Hands(server, writer, Listening(client)))

    run(main)


ANSWER: Json = {"kind": "NodeClaim", "metadata": {"name": "c", "uid": "uid-c", "resourceVersion": "2"}}
HELD = claim(conditions=true(names.LAUNCHED), resource_version="7")


def test_a_status_is_patched_only_where_it_differs_and_only_on_the_state_it_was_decided_on() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(SetNodeClaimStatus(HELD, NOW, (Condition("Registered", "True", "Registered"),), node_name="n"))
        (request,) = hands.server.seen
        assert (request.method, request.path) == ("PATCH", "/apis/karpenter.sh/v1/nodeclaims/c/status")
        assert request.json["metadata"] == {"resourceVersion": "7"}
        assert set(request.json["status"]) == {"conditions", "nodeName"}
        assert [item["type"] for item in request.json["status"]["conditions"]] == ["Launched", "Registered", "Ready"]

    carrying_out([answering(ANSWER)], scenario)


def test_what_changes_nothing_asks_for_nothing() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(PatchNode(node()), PatchNodeClaim(claim(), annotations={names.DRIFT: None}))
        assert hands.server.seen == []

    carrying_out([], scenario)


def test_a_claim_s_annotations_need_its_uid_and_its_finalizers_its_version_too() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(
            PatchNodeClaim(HELD, annotations={"a": "1"}),
            PatchNodeClaim(HELD, remove_finalizer=names.TERMINATION_FINALIZER),
        )
        annotated, released = (request.json["metadata"] for request in hands.server.seen)
        assert annotated == {"annotations": {"a": "1"}, "uid": "uid-c"}
        assert released == {"finalizers": None, "uid": "uid-c", "resourceVersion": "7"}

    carrying_out([answering(ANSWER), answering(ANSWER)], scenario)


def test_a_claim_is_created_without_status_and_counted_once() -> None:
    async def scenario(hands: Hands) -> None:
        action = CreateNodeClaim(HELD, "drifted")
        await hands.do(action)
        assert "status" not in hands.server.seen[0].json
        assert hands.server.seen[0].json["kind"] == "NodeClaim"
        await hands.do(action)
        assert hands.created == [action]

    carrying_out([answering(ANSWER, 201), failing(409, "AlreadyExists")], scenario)


@pytest.mark.parametrize(
    ("step", "counted"),
    [(answering(ANSWER), True), (failing(404, "NotFound"), False), (failing(409, "Conflict"), False)],
    ids=["deleted", "gone", "another-one"],
)
def test_a_deletion_needs_the_uid_and_counts_when_it_happened(step: Step, counted: bool) -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(DeleteNodeClaim(HELD, "drifted"))
        assert hands.server.seen[0].json["preconditions"] == {"uid": "uid-c"}
        assert bool(hands.disrupted) is counted

    carrying_out([step], scenario)


@pytest.mark.parametrize(
    "foreign",
    [
        replace(node(), metadata=replace(node().metadata, annotations={})),
        replace(node(), metadata=replace(node().metadata, annotations={names.KWOK_NODE: "real"})),
        replace(node(), spec=NodeSpec(provider_id="kind://docker/kind/kind-worker")),
        replace(node(), spec=NodeSpec(provider_id="azure:///subscriptions/s/vm")),
        replace(node(), spec=NodeSpec()),
    ],
    ids=["not-of-kwok", "annotated-otherwise", "kind", "azure", "no-provider-id"],
)
def test_no_node_that_napsim_did_not_make_is_ever_deleted(foreign: Node) -> None:
    async def scenario(hands: Hands) -> None:
        with pytest.raises(NotOurs):
            await hands.do(DeleteNode(foreign))
        assert hands.server.seen == []

    carrying_out([], scenario)


def test_a_fake_node_is_deleted_by_its_uid() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(DeleteNode(node()))
        (request,) = hands.server.seen
        assert (request.method, request.path) == ("DELETE", "/api/v1/nodes/n")
        assert request.json["preconditions"] == {"uid": "uid-n"}

    carrying_out([answering({"kind": "Node", "metadata": {"name": "n", "uid": "uid-n"}})], scenario)


def test_a_pod_whose_time_is_up_is_deleted_with_what_is_left_and_it_is_said() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(DeletePod(pod(grace_seconds=60), 35))
        assert hands.server.seen[0].json["gracePeriodSeconds"] == 35
        (said,) = hands.recorder.heard
        assert "granted 35 seconds of grace-period of its 60" in said.note

    carrying_out([answering({"kind": "Pod", "metadata": {"name": "p", "uid": "uid-p"}})], scenario)


def test_evictions_are_handed_over_and_events_recorded() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(EvictPod(pod()), Event("NodeClaim", "c", "u", "R", "m"), Event("Node", "n", "u", "S", "m"))
        assert [action.pod.name for action in hands.evicted] == ["p"]
        heard = [(event.reason, event.regarding.api_version) for event in hands.recorder.heard]
        assert heard == [("R", "karpenter.sh/v1"), ("S", "v1")]

    carrying_out([], scenario)


@pytest.mark.parametrize(
    "step",
    [failing(409, "Conflict"), failing(404, "NotFound"), failing(422, "Invalid", "no"), failing(500, "InternalError")],
)
def test_at_the_first_write_that_does_not_apply_the_rest_waits(step: Step) -> None:
    async def scenario(hands: Hands) -> None:
        with pytest.raises(Retry):
            await hands.do(PatchNode(node(), labels={"a": "1"}), CreateNode(node("other")))
        assert len(hands.server.seen) == 1

    carrying_out([step], scenario)


def test_a_refusal_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(hands: Hands) -> None:
        with pytest.raises(Retry):
            await hands.do(CreateNodeClaim(HELD, "drifted"))

    with caplog.at_level(logging.WARNING):
        carrying_out([failing(403, "Forbidden", "may not create nodeclaims")], scenario)
    assert "may not create nodeclaims" in caplog.text


def test_writes_come_in_the_order_of_the_actions() -> None:
    async def scenario(hands: Hands) -> None:
        await hands.do(PatchNode(node(), add_taints=(DISRUPTED,)), DeleteNodeClaim(HELD, "drifted"))
        assert [request.method for request in hands.server.seen] == ["PATCH", "DELETE"]

    carrying_out([answering({"kind": "Node", "metadata": {"name": "n", "uid": "uid-n"}}), answering(ANSWER)], scenario)
