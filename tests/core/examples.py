"""Small objects for tests of decisions: pods, nodes, claims and PDBs with only what a test is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from napsim.api import names
from napsim.core.objects import (
    Condition,
    Container,
    LabelSelector,
    Node,
    NodeClaim,
    NodeClaimSpec,
    NodeClaimStatus,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodDisruptionBudget,
    PodDisruptionBudgetSpec,
    PodDisruptionBudgetStatus,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Taint,
    Toleration,
)

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def true(*types: str, at: datetime = NOW) -> tuple[Condition, ...]:
    return tuple(Condition(type_, "True", type_, "", at) for type_ in types)


def pod(
    name: str = "p",
    *,
    uid: str = "",
    node: str = "n",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owner: str = "ReplicaSet",
    phase: str = "Running",
    deleted_at: datetime | None = None,
    started_at: datetime | None = NOW,
    tolerations: tuple[Toleration, ...] = (),
    priority: str = "",
    grace_seconds: int = 30,
    ready: str = "True",
    requests: Mapping[str, str | int | float] | None = None,
    selector: Mapping[str, str] | None = None,
    unschedulable: bool = False,
) -> Pod:
    conditions = (Condition("Ready", ready),) if ready else ()
    if unschedulable:
        conditions = (Condition("PodScheduled", "False", "Unschedulable"),)
    version = "v1" if owner == "Node" else "apps/v1"
    owners = (OwnerReference(owner, "o", "o", controller=True, api_version=version),) if owner else ()
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace="default",
            uid=uid or f"uid-{name}",
            labels=dict(labels or {"app": "a"}),
            annotations=dict(annotations or {}),
            owner_references=owners,
            deletion_timestamp=deleted_at,
        ),
        spec=PodSpec(
            node_name=node,
            containers=(Container(ResourceRequirements(dict(requests or {}))),),
            tolerations=tolerations,
            priority_class_name=priority,
            termination_grace_period_seconds=grace_seconds,
            node_selector=dict(selector or {}),
        ),
        status=PodStatus(phase=phase, start_time=started_at, conditions=conditions),
    )


def pdb(
    name: str = "b",
    *,
    allowed: int = 0,
    labels: Mapping[str, str] | None = None,
    min_available: int | str | None = None,
    max_unavailable: int | str | None = None,
    always_allow: bool = False,
) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=PodDisruptionBudgetSpec(
            selector=LabelSelector(match_labels=dict(labels or {"app": "a"})),
            min_available=min_available,
            max_unavailable=max_unavailable,
            unhealthy_pod_eviction_policy="AlwaysAllow" if always_allow else "",
        ),
        status=PodDisruptionBudgetStatus(disruptions_allowed=allowed),
    )


def claim(
    name: str = "c",
    *,
    uid: str = "",
    conditions: tuple[Condition, ...] = (),
    grace: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    finalizers: tuple[str, ...] = (names.TERMINATION_FINALIZER,),
    deleted_at: datetime | None = None,
    provider_id: str | None = None,
    taints: tuple[Taint, ...] = (),
    startup_taints: tuple[Taint, ...] = (),
    requests: Mapping[str, str | int | float] | None = None,
    resource_version: str = "1",
) -> NodeClaim:
    return NodeClaim(
        metadata=ObjectMeta(
            name=name,
            uid=uid or f"uid-{name}",
            resource_version=resource_version,
            generation=1,
            labels={names.NODEPOOL: "default", **(labels or {})},
            annotations={names.CREATED_AT: NOW.isoformat(), **(annotations or {})},
            finalizers=finalizers,
            deletion_timestamp=deleted_at,
        ),
        spec=NodeClaimSpec(
            termination_grace_period=grace,
            taints=taints,
            startup_taints=startup_taints,
            resources=ResourceRequirements(dict(requests or {})),
        ),
        status=NodeClaimStatus(
            conditions=conditions, provider_id=f"napsim://{name}" if provider_id is None else provider_id
        ),
    )


def node(
    name: str = "n",
    *,
    of: str = "c",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    taints: tuple[Taint, ...] = (),
    finalizers: tuple[str, ...] = (names.TERMINATION_FINALIZER,),
    deleted_at: datetime | None = None,
    ready: bool = True,
    allocatable: Mapping[str, str] | None = None,
) -> Node:
    """An initialized Node of pool ``default``, of the NodeClaim ``of``: one of napsim's fake ones."""
    given = {names.NODEPOOL: "default", names.REGISTERED: "true", names.INITIALIZED: "true"}
    return Node(
        metadata=ObjectMeta(
            name=name,
            uid=f"uid-{name}",
            labels=given if labels is None else dict(labels),
            annotations={names.KWOK_NODE: names.KWOK_NODE_VALUE, **(annotations or {})},
            finalizers=finalizers,
            deletion_timestamp=deleted_at,
        ),
        spec=NodeSpec(provider_id=f"napsim://{of}", taints=taints),
        status=NodeStatus(
            conditions=(Condition("Ready", "True" if ready else "False"),), allocatable=dict(allocatable or {})
        ),
    )
