"""A place that pods may be put on: a Node, or a NodeClaim whose Node is on its way.

Mirrors karpenter v1.14.0 ``pkg/controllers/state/statenode.go``: until a Node is registered its NodeClaim speaks for it
(labels, taints); until it is initialized its start-up taints and the taints of a starting node do not count, and
amounts that the kubelet has not reported yet are the NodeClaim's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.instances import EPHEMERAL_TAINTS
from napsim.core.objects import Node, NodeClaim, Taint
from napsim.core.requirements import NORMALIZED_LABELS, normalized
from napsim.core.resources import Resources, amounts

NODES: Final = "nodes"  # the resource that a limit on the number of nodes names
_NOTHING: Final[Mapping[str, int]] = {}


class Target(msgspec.Struct, frozen=True):
    """A node as scheduling sees it. ``key`` stays the same while it registers; ``name`` is what nodes are ordered by.

    ``labels`` have today's keys and always a hostname; ``taints`` are those that count now, without times.
    """

    key: str
    name: str
    node_name: str
    claim_name: str
    pool: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: Resources
    capacity: Resources
    initialized: bool

    @property
    def hostname(self) -> str:
        return self.labels[names.HOSTNAME]

    @property
    def not_initialized(self) -> str:
        """Karpenter's error for a pod that would have to wait for this node."""
        parts = [f"nodeclaim/{self.claim_name}"] if self.claim_name else []
        parts += [f"node/{self.node_name}"] if self.node_name else []
        return f"would schedule against uninitialized {', '.join(parts)}"


def target_of(
    node: Node | None,
    claim: NodeClaim | None,
    expected_capacity: Mapping[str, int] = _NOTHING,
    expected_allocatable: Mapping[str, int] = _NOTHING,
) -> Target:
    """The target that a Node, a NodeClaim or both are. What is ``expected`` holds until either reports more.

    Raises ValueError when both are None.
    """
    if node is None and claim is None:
        raise ValueError("a target is a Node, a NodeClaim or both, not neither")
    registered = node is not None and (claim is None or node.metadata.labels.get(names.REGISTERED) == "true")
    initialized = node is not None and (claim is None or node.metadata.labels.get(names.INITIALIZED) == "true")
    name = _name(node, claim, registered)
    speaker = node if node is not None and (registered or claim is None) else claim
    assert speaker is not None
    labels = _labels(speaker.metadata.labels, name)
    return Target(
        key=claim.name if claim is not None else name,
        name=name,
        node_name=node.name if node is not None else "",
        claim_name=claim.name if claim is not None else "",
        pool=labels.get(names.NODEPOOL, ""),
        labels=labels,
        taints=_taints(speaker.spec.taints, claim, initialized),
        allocatable=_amounts(node, claim, "allocatable", initialized, expected_allocatable),
        capacity=_amounts(node, claim, "capacity", initialized, expected_capacity),
        initialized=initialized,
    )


def basis_of(node: Node, claim: NodeClaim | None) -> tuple[object, ...]:
    """Whatever the target of a Node follows from, but what is expected: as long as it is equal, so is the target."""
    metadata, status = node.metadata, node.status
    own = (node.name, metadata.labels, node.spec.taints, status.allocatable, status.capacity)
    if claim is None:
        return own
    labels = metadata.labels
    if labels.get(names.REGISTERED) == "true" and labels.get(names.INITIALIZED) == "true":
        return (*own, claim.name)
    said = claim.status
    return (*own, claim.name, claim.metadata.labels, claim.spec, said.allocatable, said.capacity)


def _name(node: Node | None, claim: NodeClaim | None, registered: bool) -> str:
    if claim is not None and not registered:
        return claim.name
    return node.name if node is not None else ""


def _labels(labels: dict[str, str], name: str) -> Mapping[str, str]:
    """The very labels where they are so already, as they are of nearly every node."""
    if NORMALIZED_LABELS.keys().isdisjoint(labels.keys()):
        return labels if names.HOSTNAME in labels else {**labels, names.HOSTNAME: name}
    result = {normalized(key): value for key, value in labels.items()}
    result.update((key, value) for key, value in labels.items() if normalized(key) == key)
    result.setdefault(names.HOSTNAME, name)
    return result


def _taints(taints: tuple[Taint, ...], claim: NodeClaim | None, initialized: bool) -> tuple[Taint, ...]:
    if not taints:
        return ()
    passing: frozenset[tuple[str, str]] = frozenset()
    if claim is not None and not initialized:
        passing = EPHEMERAL_TAINTS | {(taint.key, taint.effect) for taint in claim.spec.startup_taints}
    staying = [taint for taint in taints if (taint.key, taint.effect) not in passing]
    timeless = (msgspec.structs.replace(item, time_added=None) if item.time_added else item for item in staying)
    return tuple(sorted(timeless, key=lambda taint: (taint.key, taint.effect, taint.value)))


def _amounts(
    node: Node | None, claim: NodeClaim | None, kind: str, initialized: bool, expected: Mapping[str, int]
) -> Resources:
    reported = amounts(getattr(node.status, kind)) if node is not None else {}
    if initialized:
        return reported
    promised = amounts(getattr(claim.status, kind)) if claim is not None else {}
    return {**expected, **promised, **{resource: value for resource, value in reported.items() if value}}
