"""The state of an AKSNodeClass that decisions rest on: its selected images, its conditions, and when they may be read.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/apis/v1beta1/aksnodeclass_status.go. Reading fails closed: a
condition that is not True, or True for an older generation, gives no images and no version.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.definitions import ImageSelection
from napsim.core.objects import Condition, NodeClassRef, Requirement, condition
from napsim.core.requirements import Requirements, disjoint, requirements_of

AWAITING_REASON: Final = "AwaitingReconciliation"
AWAITING_MESSAGE: Final = "object is awaiting reconciliation"


def is_foreign(reference: NodeClassRef) -> bool:
    """Whether the class is another provider's than Azure's: nothing is known of its images."""
    return bool(reference.group) and (reference.group, reference.kind) != (names.AZURE_GROUP, names.AKS_NODE_CLASS)


def class_label(reference: NodeClassRef) -> str:
    """The label of nodes and claims that names their class (karpenter v1.14.0 ``NodeClassLabelKey``)."""
    return f"{reference.group}/{reference.kind.lower()}" if is_foreign(reference) else names.AKSNODECLASS


class StatusImage(msgspec.Struct, frozen=True):
    """An entry of ``status.images``: the full id, and what an instance type must be to boot it."""

    id: str
    requirements: tuple[Requirement, ...] = ()


class NodeClassState(msgspec.Struct, frozen=True):
    """What is read of an AKSNodeClass. ``hash`` and ``hash_version`` are its annotations, None where missing.

    ``foreign``: the kind of another provider's class, for which this one stands in a forecast; empty for Azure's own.
    """

    name: str
    generation: int = 0
    selection: ImageSelection = msgspec.field(default_factory=ImageSelection)
    images: tuple[StatusImage, ...] = ()
    kubernetes_version: str = ""
    conditions: tuple[Condition, ...] = ()
    hash: str | None = None
    hash_version: str | None = None
    deleting: bool = False
    foreign: str = ""


def unreadable(state: NodeClassState, condition_type: str) -> str:
    """Why what ``condition_type`` stands for may not be read from the status; empty when it may."""
    found = condition(state.conditions, condition_type)
    status, message = (found.status, found.message) if found else ("Unknown", AWAITING_MESSAGE)
    if status != "True" or found is None:
        return f"NodeClass condition {condition_type}, is in Ready={status}, {message}"
    if found.observed_generation != state.generation:
        return (
            f"NodeClass condition {condition_type} ObservedGeneration {found.observed_generation} does not match the "
            f"NodeClass Generation {state.generation}"
        )
    return ""


def unreadable_kubernetes_version(state: NodeClassState) -> str:
    """Why the Kubernetes version may not be read from the status; empty when it may."""
    problem = unreadable(state, names.KUBERNETES_VERSION_READY)
    return problem or ("" if state.kubernetes_version else "NodeClass KubernetesVersion is uninitialized")


def with_condition(
    conditions: tuple[Condition, ...], new: Condition, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """``conditions`` with ``new`` set for ``generation``; ``lastTransitionTime`` moves only when the status does.

    The given tuple itself comes back when nothing changes.
    """
    old = condition(conditions, new.type)
    since = old.last_transition_time if old is not None and old.status == new.status else now
    stamped = Condition(new.type, new.status, new.reason, new.message, since, generation)
    if old is None:
        return (*conditions, stamped)
    return conditions if old == stamped else tuple(stamped if item is old else item for item in conditions)


def ready_condition(state: NodeClassState, dependents: Iterable[str], now: datetime) -> Condition:
    """The root condition ``Ready`` out of the conditions it depends on.

    A False one at the current generation makes it False (``UnhealthyDependents``); otherwise anything that is not True
    at the current generation makes it Unknown (``ReconcilingDependents``).
    """
    lagging = []
    healthy = True
    for dependent in dependents:
        found = condition(state.conditions, dependent)
        status = found.status if found and found.observed_generation == state.generation else "Unknown"
        if status != "True":
            lagging.append(f"{dependent}={status}")
            healthy = healthy and status != "False"
    message = ", ".join(lagging)
    if not lagging:
        new = Condition(names.READY, "True", names.READY)
    elif healthy:
        new = Condition(names.READY, "Unknown", "ReconcilingDependents", message)
    else:
        new = Condition(names.READY, "False", "UnhealthyDependents", message)
    return next(
        item for item in with_condition(state.conditions, new, state.generation, now) if item.type == names.READY
    )


def image_for(images: Iterable[StatusImage], instance_type: Requirements) -> StatusImage | None:
    """The first status image that an instance type can boot, by priority; None when there is none."""
    return next((image for image in images if not disjoint(instance_type, requirements_of(image.requirements))), None)
