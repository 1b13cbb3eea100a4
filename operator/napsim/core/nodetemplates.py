"""What a NodePool can launch: instance types with their offerings, less what DaemonSets take of them.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/scheduling/nodeclaimtemplate.go``, the preparation of pools in
``scheduler.go``, ``pkg/utils/nodepool/nodepool.go`` (their order) and ``pkg/cloudprovider/types.go`` (prices).
Fails closed: a label that no instance type here has counts as absent, also where Azure has it (docs/fidelity.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, Protocol

import msgspec

from napsim.api import names
from napsim.core.daemons import Daemon
from napsim.core.instancetypes import INSTANCE_TYPES, ON_DEMAND, InstanceType
from napsim.core.nodeclasses import class_label
from napsim.core.nodepools import NodePool, region_of
from napsim.core.objects import Taint, Toleration
from napsim.core.podshapes import HostPort, PodShape, untolerated
from napsim.core.requirements import (
    DOES_NOT_EXIST,
    AllowedValues,
    Requirements,
    disjoint,
    incompatible,
    label_requirements,
    narrowed,
    requirements_of,
)
from napsim.core.resources import Resources, amounts, subtract, total

MAX_INSTANCE_TYPES: Final = 600
SPOT: Final = "spot"
SPOT_SHARE: Final = 0.7  # of the on-demand price; used only to order offerings
WINDOWS_BUILD: Final = "node.kubernetes.io/windows-build"
_LABELS_OF_TYPES: Final = frozenset(key for item in INSTANCE_TYPES.values() for key in item.labels())
_PLACES: Final = frozenset({names.ZONE, names.REGION, names.CAPACITY_TYPE})
WELL_KNOWN: Final = _LABELS_OF_TYPES | _PLACES | {names.NODEPOOL, WINDOWS_BUILD}
"""Labels that a new node will have one value of, whether or not its pool says which."""


class PricedOffering(msgspec.Struct, frozen=True):
    """Where and how an instance type can be had now, in USD per hour."""

    zone: str
    capacity_type: str
    usd_per_hour: float


def offerings_of(item: InstanceType, zones: Iterable[str]) -> tuple[PricedOffering, ...]:
    """The instance type in every zone, on demand and as spot."""
    prices = {ON_DEMAND: item.usd_per_hour, SPOT: item.usd_per_hour * SPOT_SHARE}
    return tuple(PricedOffering(zone, kind, price) for zone in zones for kind, price in prices.items())


class Option(msgspec.Struct, frozen=True, eq=False):
    """An instance type as a pool would launch it. ``free`` is what it leaves to pods once its DaemonSets run."""

    type: InstanceType
    requirements: Requirements
    capacity: Resources
    free: Resources
    overhead: Resources
    ports: tuple[HostPort, ...]
    offerings: tuple[PricedOffering, ...]

    def price(self, requirements: Requirements) -> float:
        """US dollars an hour of the cheapest offering that meets the requirements; infinite when none does."""
        return min((item.usd_per_hour for item in self.offered(requirements)), default=float("inf"))

    def offered(self, requirements: Requirements) -> list[PricedOffering]:
        """The offerings that meet the requirements."""
        zone, region = requirements.get(names.ZONE), requirements.get(names.REGION)
        kind = requirements.get(names.CAPACITY_TYPE)
        return [
            item
            for item in self.offerings
            if (zone is None or zone.allows(item.zone))
            and (region is None or region.allows(region_of(item.zone)))
            and (kind is None or kind.allows(item.capacity_type))
        ]

    def meets(self, requirements: Requirements) -> bool:
        """Whether the labels of the instance type are among those that the requirements allow."""
        return not disjoint(self.requirements, requirements)


class Refusal(Protocol):
    """Why not; the text is made when it is asked for."""

    def __str__(self) -> str: ...


class Fit(msgspec.Struct, frozen=True):
    """What a new node would be with a pod on it."""

    requirements: Requirements
    options: Sequence[Option]
    requests: Resources


Answer = Fit | Refusal


class NodeTemplate(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A pool, ready to launch. ``options`` are the instance types that its own requirements leave.

    ``preferred`` is the type that is taken alone wherever it is large enough (a pool that leaves the size open).
    """

    pool: NodePool
    requirements: Requirements
    options: tuple[Option, ...]
    limits: Resources
    preferred: str = ""
    universe: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    remembered: dict[PodShape, Answer] = msgspec.field(default_factory=dict)  # kept by the scheduler

    @property
    def name(self) -> str:
        return self.pool.name

    @cached_property
    def taints(self) -> tuple[Taint, ...]:
        return self.pool.spec.template.spec.taints

    @cached_property
    def avoids(self) -> bool:
        """Whether it has a taint that pods only wish to avoid."""
        return any(taint.effect == "PreferNoSchedule" for taint in self.taints)

    def domains(self, key: str, tolerations: tuple[Toleration, ...] | None) -> frozenset[str]:
        """The values of a label that its nodes may have; none when the tolerations matter and do not reach."""
        if tolerations is not None and untolerated(tolerations, self.taints):
            return frozenset()
        return self.universe.get(key, frozenset())


def template_of(
    pool: NodePool,
    types: Iterable[InstanceType],
    zones: Sequence[str],
    daemons: Sequence[Daemon],
    max_pods: int,
    os_disk_gb: int,
    preferred: str = "",
) -> NodeTemplate:
    """What the pool can launch. Raises ValueError when its requirements cannot be read.

    ``preferred`` counts only where the pool's requirements leave the size open.
    """
    wanted = requirements_of(pool.spec.template.spec.requirements)
    requirements = narrowed(wanted, label_requirements(_labels(pool)))
    made = (_option(pool, requirements, item, zones, daemons, max_pods, os_disk_gb) for item in types)
    every = tuple(made)
    options = tuple(item for item in every if item.meets(requirements) and item.offered(requirements))
    if missed_min_values(options, requirements):
        options = ()
    leaves_open = not any(key == names.INSTANCE_TYPE or "/sku-" in key for key in wanted)
    universe = _universe(requirements, every)
    limits = amounts(pool.spec.limits)
    return NodeTemplate(pool, requirements, options, limits, preferred if leaves_open else "", universe)


def _labels(pool: NodePool) -> dict[str, str]:
    reference = pool.spec.template.spec.node_class_ref
    own = {**pool.spec.template.metadata.labels, names.NODEPOOL: pool.name}
    return {**own, class_label(reference): reference.name} if reference.name else own


def _option(
    pool: NodePool,
    requirements: Requirements,
    item: InstanceType,
    zones: Sequence[str],
    daemons: Sequence[Daemon],
    max_pods: int,
    os_disk_gb: int,
) -> Option:
    own = _type_requirements(item, zones)
    running = [daemon for daemon in daemons if _runs(daemon, pool.spec.template.spec.taints, requirements, own)]
    overhead = total(daemon.requests for daemon in running)
    free = item.allocatable(max_pods, os_disk_gb)
    subtract(free, overhead)
    ports = tuple(port for daemon in running for port in daemon.ports)
    capacity = item.capacity(max_pods, os_disk_gb)
    return Option(item, own, capacity, free, overhead, ports, offerings_of(item, zones))


def _type_requirements(item: InstanceType, zones: Sequence[str]) -> dict[str, AllowedValues]:
    labels = item.labels()
    return {
        **{key: DOES_NOT_EXIST for key in _LABELS_OF_TYPES if key not in labels},
        WINDOWS_BUILD: DOES_NOT_EXIST,
        **label_requirements(labels),
        names.ZONE: AllowedValues(frozenset(zones)),
        names.REGION: AllowedValues(frozenset(map(region_of, zones))),
        names.CAPACITY_TYPE: AllowedValues(frozenset({ON_DEMAND, SPOT})),
    }


def _runs(daemon: Daemon, taints: Iterable[Taint], pool: Requirements, item: Requirements) -> bool:
    return daemon.tolerates(taints) and any(
        not incompatible(pool, wanted, WELL_KNOWN) and not disjoint(item, wanted) for wanted in daemon.alternatives
    )


def _universe(requirements: Requirements, options: Iterable[Option]) -> dict[str, frozenset[str]]:
    """Values of labels that nodes of the pool may have: of its own requirements, and of every type within them."""
    found: dict[str, set[str]] = {}
    for source in (requirements, *(narrowed(requirements, item.requirements) for item in options)):
        for key, allowed in source.items():
            if not allowed.complement:
                found.setdefault(key, set()).update(allowed.values)
    return {key: frozenset(values) for key, values in found.items()}


def in_order(templates: Iterable[NodeTemplate]) -> tuple[NodeTemplate, ...]:
    """Dynamic pools that have instance types: the heaviest first, then the last by name."""
    usable = [item for item in templates if item.options and not item.pool.is_static and not item.pool.deleting]
    by_name = sorted(usable, key=lambda item: item.name, reverse=True)
    return tuple(sorted(by_name, key=lambda item: -item.pool.spec.weight))


def missed_min_values(options: Iterable[Option], requirements: Requirements) -> tuple[str, ...]:
    """The keys whose ``minValues`` the instance types do not reach between them."""
    wanted = {key: allowed.min_values for key, allowed in requirements.items() if allowed.min_values is not None}
    if not wanted:
        return ()
    listed = list(options)
    return tuple(sorted(key for key, least in wanted.items() if len(_values(listed, key)) < least))


def _values(options: Iterable[Option], key: str) -> set[str]:
    return {value for item in options if key in item.requirements for value in item.requirements[key].values}


def by_price(options: Iterable[Option], requirements: Requirements) -> list[Option]:
    """The cheapest first; ties by name."""
    return sorted(options, key=lambda item: (item.price(requirements), item.type.name))
