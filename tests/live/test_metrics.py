"""What is counted as it happens: nodes and claims that come and go, and how the values are served."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from prometheus_client import generate_latest

from napsim.api import names
from napsim.api.metrics import BY_NAME, METRICS, Metric
from napsim.core.actions import DeleteNodeClaim
from napsim.core.clock import Timeline
from napsim.core.objects import Condition, Node, NodeClaim, NodeClaimStatus, ObjectMeta
from napsim.live.metrics import Metrics, Read, Sample, StateCollector

NOON = datetime(2026, 2, 15, 12, tzinfo=UTC)
CLOCK = Timeline(NOON, NOON, 60.0)
LABELS = {names.NODEPOOL: "default", names.ZONE: "westeurope-1", names.CAPACITY_TYPE: "on-demand"}


def claim(*conditions: str, deleted: datetime | None = None) -> NodeClaim:
    metadata = ObjectMeta(name="default-x", uid="claim-1", labels=LABELS, deletion_timestamp=deleted)
    found = tuple(Condition(type=item, status="True", last_transition_time=NOON) for item in conditions)
    return NodeClaim(metadata=metadata, status=NodeClaimStatus(conditions=found))


def node(deleted: datetime | None = None, **labels: str) -> Node:
    annotations = {names.INSTANCE_CREATED_AT: "2026-02-14T12:00:00Z"}
    metadata = ObjectMeta(
        name="aks-x", uid="node-1", labels=LABELS | labels, annotations=annotations, deletion_timestamp=deleted
    )
    return Node(metadata=metadata)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_node_counts_as_created_when_it_registers_and_as_drained_when_it_is() -> None:
    metrics = Metrics()
    new, registered = claim(), claim(names.REGISTERED_CONDITION)
    drained = claim(names.REGISTERED_CONDITION, names.DRAINED)
    for old, later in ((None, new), (new, registered), (registered, registered), (registered, drained)):
        metrics.lifecycles.on_claim(old, later, CLOCK, NOON)
    assert value(metrics, "karpenter_nodes_created_total", nodepool="default", zone="westeurope-1") == 1
    assert value(metrics, "karpenter_nodes_drained_total", nodepool="default") == 1


@pytest.mark.parametrize(("reason", "counted"), [("drifted", 1), ("insufficient_capacity", 1), ("node_deleted", None)])
def test_a_claim_that_goes_with_the_node_somebody_deleted_is_not_disrupted(reason: str, counted: int | None) -> None:
    metrics = Metrics()
    metrics.on_disrupted(DeleteNodeClaim(claim(), reason))
    labels = {"reason": reason, "nodepool": "default", "capacity_type": "on-demand"}
    assert value(metrics, "karpenter_nodeclaims_disrupted_total", **labels) == counted


def test_a_claim_that_goes_is_counted_with_the_virtual_time_it_took() -> None:
    metrics = Metrics()
    old, deleting = claim(), claim(deleted=NOON)
    metrics.lifecycles.on_claim(old, deleting, CLOCK, NOON)
    metrics.lifecycles.on_claim(deleting, None, CLOCK, NOON + timedelta(minutes=4))
    labels = {"nodepool": "default", "capacity_type": "on-demand", "zone": "westeurope-1"}
    assert value(metrics, "karpenter_nodeclaims_terminated_total", **labels) == 1
    name = "karpenter_nodeclaims_termination_duration_seconds"
    assert value(metrics, f"{name}_sum", nodepool="default") == 240
    assert value(metrics, f"{name}_bucket", nodepool="default", le="128.0") == 0
    assert value(metrics, f"{name}_bucket", nodepool="default", le="256.0") == 1


def test_a_command_for_empty_nodes_is_one_decision_and_one_for_each_pool() -> None:
    metrics = Metrics()
    metrics.on_emptied(("a", "b"))
    metrics.on_invalidated(3)
    labels = {"decision": "delete", "reason": "empty", "consolidation_type": "empty"}
    assert value(metrics, "karpenter_voluntary_disruption_decisions_total", **labels) == 1
    for pool in ("a", "b"):
        name = "karpenter_voluntary_disruption_decisions_by_nodepool_total"
        assert value(metrics, name, nodepool=pool, **labels) == 1
    assert value(metrics, "karpenter_voluntary_disruption_failed_validations_total", consolidation_type="empty") == 3


def test_the_evaluation_of_a_reason_is_timed() -> None:
    metrics = Metrics()
    metrics.on_evaluated("Drifted", "", 0.12)
    metrics.on_evaluated("Empty", "empty", 61.0)
    name = "karpenter_voluntary_disruption_decision_evaluation_duration_seconds"
    drifted, empty = {"reason": "drifted", "consolidation_type": ""}, {"reason": "empty", "consolidation_type": "empty"}
    assert value(metrics, f"{name}_sum", **drifted) == 0.12
    assert value(metrics, f"{name}_bucket", le="0.1", **drifted) == 0
    assert value(metrics, f"{name}_bucket", le="0.15", **drifted) == 1
    assert value(metrics, f"{name}_bucket", le="60.0", **empty) == 0
    assert value(metrics, f"{name}_count", **empty) == 1


def turned(*conditions: Condition) -> NodeClaim:
    return msgspec.structs.replace(claim(), status=NodeClaimStatus(conditions=conditions))


def condition_value(metrics: Metrics, name: str, status: str, **labels: str) -> float | None:
    of = {"type": names.DRIFTED, "status": status, "nodepool": "default", "nodeclass": ""}
    return value(metrics, f"operator_nodeclaim_status_condition_{name}", **of, **labels)


def test_a_condition_that_turns_is_counted_with_the_virtual_time_it_stood() -> None:
    metrics = Metrics()
    drifted = Condition(names.DRIFTED, "True", "ImageDrift", "", NOON)
    doubtful = Condition(names.DRIFTED, "Unknown", "Asked", "", NOON + timedelta(seconds=90))
    course = (turned(), turned(drifted), turned(drifted), turned(doubtful), turned())
    for old, new in zip((None, *course), (*course, None), strict=True):
        metrics.on_claim(old, new, CLOCK, NOON + timedelta(seconds=100))
    assert condition_value(metrics, "transitions_total", "True", reason="ImageDrift") == 1
    assert condition_value(metrics, "transitions_total", "Unknown", reason="Asked") == 1
    assert condition_value(metrics, "transition_seconds_sum", "True") == 90
    assert condition_value(metrics, "transition_seconds_sum", "Unknown") == 10, "until it was taken off"
    assert condition_value(metrics, "transition_seconds_count", "True") == 1


def test_a_claim_that_is_first_seen_has_turned_nothing() -> None:
    metrics = Metrics()
    metrics.on_claim(None, claim(names.REGISTERED_CONDITION), CLOCK, NOON)
    assert b"operator_nodeclaim_status_condition_transitions_total{" not in generate_latest(metrics.registry)


def test_a_deletion_that_began_before_we_led_is_timed_by_its_stamp() -> None:
    """10 real seconds are 10 minutes on this clock."""
    metrics = Metrics()
    deleting = claim(deleted=NOON)
    metrics.lifecycles.on_claim(deleting, None, CLOCK, CLOCK.virtual(NOON + timedelta(seconds=10)))
    assert value(metrics, "karpenter_nodeclaims_termination_duration_seconds_sum", nodepool="default") == 600


def test_a_node_that_goes_is_counted_with_its_age_and_the_end_of_its_instance() -> None:
    metrics = Metrics()
    leaving = claim(names.INSTANCE_TERMINATING)
    metrics.lifecycles.on_node(node(), node(deleted=NOON), leaving, CLOCK, NOON)
    metrics.lifecycles.on_node(node(deleted=NOON), None, leaving, CLOCK, NOON + timedelta(seconds=30))
    assert value(metrics, "karpenter_nodes_terminated_total", nodepool="default", zone="westeurope-1") == 1
    assert value(metrics, "karpenter_nodes_termination_duration_seconds_sum", nodepool="default") == 30
    assert value(metrics, "karpenter_nodes_lifetime_duration_seconds_sum", nodepool="default") == 86430
    instance = "karpenter_nodeclaims_instance_termination_duration_seconds"
    assert value(metrics, f"{instance}_sum", nodepool="default") == 30


def test_nodes_of_no_pool_do_not_count() -> None:
    metrics = Metrics()
    stranger = msgspec.structs.replace(node(), metadata=ObjectMeta(name="control-plane", uid="u"))
    metrics.lifecycles.on_node(stranger, None, None, CLOCK, NOON)
    assert b"karpenter_nodes_terminated_total{" not in generate_latest(metrics.registry)


def test_watches_are_counted_but_not_timed() -> None:
    metrics = Metrics()
    metrics.observe("watch", "nodes", 200, 290.0)
    metrics.observe("patch", "nodes", 200, 0.003)
    assert value(metrics, "napsim_api_requests_total", verb="watch", resource="nodes", code="200") == 1
    assert value(metrics, "napsim_api_request_seconds_count", verb="patch") == 1
    assert value(metrics, "napsim_api_request_seconds_count", verb="watch") is None


def test_what_is_read_at_a_scrape_is_served_with_the_types_of_the_table() -> None:
    metrics = Metrics()
    calls: list[str] = []

    def read() -> list[Sample]:
        return [Sample("napsim_pickups_total", 2, ("default", "WindowOpen")), Sample("napsim_clock_factor", 600)]

    def on_loop(reading: Read) -> list[Sample]:
        calls.append("read")
        return reading()

    metrics.registry.register(StateCollector(read, on_loop))
    assert not calls, "nothing is read when it is registered"
    text = generate_latest(metrics.registry).decode()
    assert 'napsim_pickups_total{nodeclass="default",rule="WindowOpen"} 2.0' in text
    assert "# TYPE napsim_pickups_total counter" in text
    assert "# TYPE napsim_clock_factor gauge" in text
    assert calls


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_prometheus_conventions(metric: Metric) -> None:
    assert metric.name.startswith(("karpenter_", "operator_", "napsim_"))
    assert metric.name.endswith("_total") is (metric.type == "counter")
    assert (metric.type == "histogram") is bool(metric.buckets)
    assert metric.help.endswith(".")
    if metric.name.endswith("_seconds"):
        assert metric.unit in {"seconds", "Unix seconds"}


def test_the_table_has_every_name_once() -> None:
    assert len(BY_NAME) == len(METRICS)
