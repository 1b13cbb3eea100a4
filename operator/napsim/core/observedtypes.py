"""Instance types of other providers, as far as a cluster's own nodes show them: labels, zones, and what pods can have.

Policy: ours, for forecasts of clusters whose node classes are not Azure's. What no node shows does not exist: a pool
launches only types, zones and architectures that are there. Prices are not known: the smaller type is the cheaper one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.instancetypes import DEFAULT_MAX_PODS, GIB, InstanceType
from napsim.core.objects import Node
from napsim.core.resources import CPU, MEMORY, Resources, amounts

_USD_PER_VCPU: Final = 0.03
_USD_PER_GIB: Final = 0.004
# What nodes of one type differ in, or have from their pool, their place or their life.
_NOT_OF_THE_TYPE: Final = frozenset(
    {
        names.HOSTNAME, names.ZONE, names.REGION, names.CAPACITY_TYPE, names.NODEPOOL, names.REGISTERED,
        names.INITIALIZED, names.NODE_IMAGE_VERSION, names.DRIFT,
    }
)  # fmt: skip


class ObservedType(InstanceType, frozen=True):
    """An instance type with what its nodes have; as pairs, so that equal ones are one."""

    seen_labels: tuple[tuple[str, str], ...] = ()
    seen_capacity: tuple[tuple[str, int], ...] = ()
    seen_allocatable: tuple[tuple[str, int], ...] = ()

    def labels(self) -> dict[str, str]:
        return dict(self.seen_labels)

    def capacity(self, max_pods: int = DEFAULT_MAX_PODS, os_disk_gb: int = 128) -> Resources:  # noqa: ARG002 - see below
        """As nodes show it: the arguments are what a class of Azure's says."""
        return dict(self.seen_capacity)

    def allocatable(self, max_pods: int = DEFAULT_MAX_PODS, os_disk_gb: int = 128) -> Resources:  # noqa: ARG002 - see below
        """The same of what is left for pods."""
        return dict(self.seen_allocatable)


class Observed(msgspec.Struct, frozen=True):
    """The types by name, and the zones in which there are nodes, in order."""

    types: Mapping[str, ObservedType] = {}
    zones: tuple[str, ...] = ()


def observed(nodes: Iterable[Node], pool_labels: Iterable[str] = ()) -> Observed:
    """What the nodes show. ``pool_labels``: keys that nodes have from their pools, not from their type."""
    by_type: dict[str, list[Node]] = {}
    zones: set[str] = set()
    for node in nodes:
        name, zone = (node.metadata.labels.get(key, "") for key in (names.INSTANCE_TYPE, names.ZONE))
        if name and zone and node.status.allocatable:
            by_type.setdefault(name, []).append(node)
            zones.add(zone)
    left_out = _NOT_OF_THE_TYPE | frozenset(pool_labels)
    return Observed({name: _type_of(name, alike, left_out) for name, alike in by_type.items()}, tuple(sorted(zones)))


def _type_of(name: str, nodes: list[Node], left_out: frozenset[str]) -> ObservedType:
    """Of nodes that differ, the least of each resource: no pod is placed that would not fit."""
    labels = set(nodes[0].metadata.labels.items()).intersection(*(node.metadata.labels.items() for node in nodes[1:]))
    own = tuple(sorted((key, value) for key, value in labels if key not in left_out))
    capacity = _least(amounts(node.status.capacity) for node in nodes)
    vcpus, gib = capacity.get(CPU, 0) / 1000, capacity.get(MEMORY, 0) / GIB
    return ObservedType(
        name=name,
        family="",
        version="",
        vcpus=int(vcpus),
        memory_gib=gib,
        usd_per_hour=round(vcpus * _USD_PER_VCPU + gib * _USD_PER_GIB, 4),
        arch=dict(own).get(names.ARCH, ""),
        hyperv_generations=(),
        seen_labels=own,
        seen_capacity=tuple(sorted(capacity.items())),
        seen_allocatable=tuple(sorted(_least(amounts(node.status.allocatable) for node in nodes).items())),
    )


def _least(found: Iterable[Resources]) -> Resources:
    each = list(found)
    return {key: min(item.get(key, 0) for item in each) for key in each[0]}
