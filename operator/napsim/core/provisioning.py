"""What a pool offers whose nodes are made whatever pods there are: static pools, and Nodes that play one in place.

Mirrors karpenter v1.14.0 ``pkg/controllers/static``: a node of the first instance type that the pool allows. Nodes that
are made for pods are decided in ``simulation``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.instancetypes import ON_DEMAND, InstanceType
from napsim.core.nodepools import NodePool, Placement, region_of
from napsim.core.objects import Node
from napsim.core.requirements import requirements_of, unmet

_SKU: Final = "karpenter.azure.com/sku-"
_PLACES: Final = frozenset({names.ZONE, names.REGION})
_NOT_OF_THE_SIZE: Final = _PLACES | {names.CAPACITY_TYPE}


class Offer(msgspec.Struct, frozen=True):
    """A pool, with the sizes its requirements allow (preferred, then cheapest, first) and where it may launch."""

    pool: NodePool
    types: tuple[InstanceType, ...]
    zones: tuple[str, ...]
    capacity_type: str


def offer_of(pool: NodePool, types: Iterable[InstanceType], zones: Sequence[str], preferred_type: str) -> Offer:
    """What the pool can launch. Raises ValueError when its requirements cannot be read.

    A pool whose requirements say nothing of the size gets ``preferred_type`` where that is allowed.
    """
    wanted = requirements_of(pool.spec.template.spec.requirements)
    by_type = {key: allowed for key, allowed in wanted.items() if key not in _NOT_OF_THE_SIZE}
    extra = {**pool.spec.template.metadata.labels, names.NODEPOOL: pool.name}
    fitting = [item for item in types if not unmet({**item.labels(), **extra}, by_type)]
    free_choice = not any(key == names.INSTANCE_TYPE or key.startswith(_SKU) for key in wanted)
    preferred = preferred_type if free_choice else ""
    places = {key: allowed for key, allowed in wanted.items() if key in _PLACES}
    allowed_zones = [zone for zone in zones if not unmet(_place(zone), places)]
    capacity = wanted.get(names.CAPACITY_TYPE)
    spot_only = capacity is not None and not capacity.allows(ON_DEMAND)
    return Offer(
        pool,
        tuple(sorted(fitting, key=lambda item: (item.name != preferred, item.usd_per_hour, item.name))),
        tuple(allowed_zones),
        "spot" if spot_only else ON_DEMAND,
    )


def _place(zone: str) -> dict[str, str]:
    return {names.ZONE: zone, names.REGION: region_of(zone)}


def same_shape(node: Node) -> Placement:
    """A replacement like the node itself."""
    labels = node.metadata.labels
    return Placement(
        labels.get(names.INSTANCE_TYPE, ""), labels.get(names.ZONE, ""), labels.get(names.CAPACITY_TYPE, ON_DEMAND)
    )
