"""Which Nodes are of an agent pool, and the index of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.agentpools import STRAYS, AgentPools, Phase, Record, Shape, is_draining, pool_of, record_of, shape_of
from napsim.core.objects import Node, NodeStatus, Taint
from tests.core.agents import NEW, OLD, SUNDAY, agent, label, with_record

HOUR = timedelta(hours=1)


def annotated(item: Node, **annotations: str) -> Node:
    return replace(item, metadata=replace(item.metadata, annotations=annotations))


@pytest.mark.parametrize(
    ("item", "pool"),
    [
        pytest.param(agent(), "a", id="a-worker"),
        pytest.param(agent(pool=""), "", id="no-agent-pool"),
        pytest.param(agent(labels={names.NODEPOOL: "default"}), "", id="a-node-of-nap"),
        pytest.param(agent(labels={names.PLAYS_NODEPOOL: "default"}), "", id="one-that-opted-in-to-a-nodepool"),
        pytest.param(annotated(agent(), **{names.IN_PLACE: "{}"}), "", id="one-that-plays-a-nodepool"),
    ],
)
def test_a_node_is_of_an_agent_pool_unless_it_is_or_wants_to_be_a_nodepool_s(item: Node, pool: str) -> None:
    assert pool_of(item) == pool


@pytest.mark.parametrize(
    ("item", "shape"),
    [
        (agent(), Shape(label(OLD), "Ubuntu", False)),
        (agent(labels={names.OS_SKU: "AzureLinux"}), Shape(label(OLD), "AzureLinux", False)),
        (
            agent(labels={names.OS_SKU: "Ubuntu", names.OS_SKU_EFFECTIVE: "Ubuntu2204"}),
            Shape(label(OLD), "Ubuntu2204", False),
        ),
        (agent(labels={names.OS: "windows"}), Shape(label(OLD), "Windows", False)),
        (agent(labels={names.ACCELERATOR: "nvidia"}), Shape(label(OLD), "Ubuntu", True)),
        (replace(agent(), status=NodeStatus({"nvidia.com/gpu": "1"})), Shape(label(OLD), "Ubuntu", True)),
        (replace(agent(), status=NodeStatus({"nvidia.com/gpu": "0"})), Shape(label(OLD), "Ubuntu", False)),
    ],
)
def test_operating_system_and_gpus_are_read_from_the_node(item: Node, shape: Shape) -> None:
    assert shape_of(item) == shape


def test_a_record_reads_as_it_was_written_and_one_of_somebody_else_s_is_none() -> None:
    item = with_record(agent(), Phase.DRAINING, SUNDAY, cordoned=True)
    assert record_of(item) == Record(
        Phase.DRAINING, label(OLD), label(NEW), SUNDAY, SUNDAY, cordoned=True, original=label(OLD)
    )
    assert is_draining(item)
    assert record_of(annotated(agent(), **{names.OS_UPGRADE: "yes"})) is None
    assert not is_draining(agent())


def test_a_heartbeat_is_no_news_and_a_change_of_image_is() -> None:
    index, item = AgentPools(), agent()
    assert index.put(None, item) == ("a",)
    beat = replace(item, status=NodeStatus(conditions=()))
    assert index.put(item, beat) == ()
    assert index.put(beat, agent(version=NEW)) == ("a",)
    assert index.put(agent(version=NEW), agent(version=NEW, pool="b")) == ("a", "b")
    assert index.put(agent(version=NEW, pool="b"), None) == ("b",)
    assert index.pools == {}


def test_a_node_that_leaves_its_pool_half_way_is_not_forgotten() -> None:
    index, item = AgentPools(), with_record(agent(), Phase.DRAINING, SUNDAY)
    index.put(None, item)
    assert index.pool_with("a-0") == "a"
    left = with_record(agent(labels={names.NODEPOOL: "default"}), Phase.DRAINING, SUNDAY)
    assert index.put(item, left) == (STRAYS, "a")
    assert index.pools[STRAYS].under_way == {"a-0"}
    done = with_record(agent(labels={names.NODEPOOL: "default"}), Phase.DONE, SUNDAY)
    assert index.put(left, done) == (STRAYS,)
    assert index.pools == {}


def test_a_node_that_is_never_to_be_touched_is_let_go_half_way() -> None:
    index = AgentPools()
    assert index.put(None, with_record(agent(labels={names.CONTROL_PLANE: ""}), Phase.DRAINING, SUNDAY)) == (STRAYS,)
    assert index.put(None, with_record(agent(labels={names.CONTROL_PLANE: ""}), Phase.DONE, SUNDAY)) == (STRAYS, "a")
    assert "control plane" in index.pools["a"].barred["a-0"]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (agent(labels={names.CONTROL_PLANE: ""}), "the Node is of the control plane"),
        (replace(agent(), spec=replace(agent().spec, provider_id="azure:///vm")), "'azure:///vm' is a real cloud's"),
        (
            replace(agent(), spec=replace(agent().spec, taints=(Taint(names.MASTER, "NoSchedule"),))),
            "the Node is of the control plane",
        ),
    ],
    ids=["control-plane", "real-cloud", "tainted-control-plane"],
)
def test_a_node_that_may_be_a_real_one_is_counted_and_never_offered(item: Node, why: str) -> None:
    index = AgentPools()
    index.put(None, item)
    pool = index.pools["a"]
    assert (pool.size, pool.shapes) == (1, {})
    assert why in pool.barred["a-0"]
    index.put(item, None)
    assert index.pools == {}


def test_nodes_are_told_by_the_age_of_their_image_on_the_clock_that_it_is_known_on() -> None:
    index = AgentPools()
    index.put(None, agent("made"))
    index.put(None, with_record(agent("reimaged"), Phase.DONE, SUNDAY, imaged=SUNDAY))
    pool = index.pools["a"]
    assert (pool.older_than(SUNDAY + HOUR, SUNDAY)[0], pool.older_than(SUNDAY, SUNDAY)[0]) == (2, 1)
    assert list(pool.older_than(SUNDAY, SUNDAY)[1]) == ["made"]


_ITEMS = st.builds(
    lambda name, pool, version, phase: (
        agent(name, version, pool=pool)
        if phase is None
        else with_record(agent(name, version, pool=pool), phase, SUNDAY)
    ),
    st.sampled_from(("x", "y", "z")),
    st.sampled_from(("a", "b")),
    st.sampled_from((OLD, NEW)),
    st.sampled_from((None, *Phase)),
)


@given(st.lists(st.tuples(_ITEMS, st.booleans()), max_size=20))
def test_the_index_is_what_one_made_anew_would_be(changes: list[tuple[Node, bool]]) -> None:
    index, there = AgentPools(), dict[str, Node]()
    for item, gone in changes:
        old = there.pop(item.name, None)
        if not gone:
            there[item.name] = item
        elif old is None:
            continue
        index.put(old, None if gone else item)
    anew = AgentPools()
    for item in there.values():
        anew.put(None, item)
    assert set(index.pools) == set(anew.pools)
    for name, pool in anew.pools.items():
        other = index.pools[name]
        assert (other.shapes, other.under_way, other.prevented) == (pool.shapes, pool.under_way, pool.prevented)
        assert other.size == pool.size
