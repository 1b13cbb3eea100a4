"""Which nodes pending pods need, and what replaces a node: the scheduling simulation in its simple form.

Mirrors the shape of karpenter v1.14.0 ``pkg/controllers/provisioning/scheduling``: pods by size, first into room that
is there or on its way, then into new nodes of the heaviest pool that takes them; a new node is as large as what was
put on it needs. Fails closed: a pod that fits nowhere is named with the reason. A drifted node is replaced by one of
the same shape. Node selectors, taints and resources are honoured; affinity, topology spread and volumes are not
looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from napsim.api import names
from napsim.core.instancetypes import ON_DEMAND, InstanceType
from napsim.core.nodepools import NodePool, Placement, region_of
from napsim.core.objects import Node, Pod, Taint
from napsim.core.pods import requests, tolerates_all
from napsim.core.requirements import requirements_of, unmet
from napsim.core.resources import CPU, MEMORY, Resources, fits, subtract, total

_SKU: Final = "karpenter.azure.com/sku-"
_PLACES: Final = frozenset({names.ZONE, names.REGION})
_NOT_OF_THE_SIZE: Final = _PLACES | {names.CAPACITY_TYPE}


@dataclass(slots=True)
class Room:
    """Free capacity that pods may use: a node, or one on its way. ``free`` shrinks while pods are placed."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    free: Resources


@dataclass(frozen=True, slots=True)
class Offer:
    """A pool, with the sizes its requirements allow (preferred, then cheapest, first) and where it may launch."""

    pool: NodePool
    types: tuple[InstanceType, ...]
    zones: tuple[str, ...]
    capacity_type: str
    overhead: Resources  # of the DaemonSets
    max_pods: int
    os_disk_gb: int
    preferred_type: str = ""  # taken alone wherever it is large enough


@dataclass(frozen=True, slots=True)
class NewNode:
    """A NodeClaim to create for these pods."""

    pool: NodePool
    placement: Placement
    instance_type: InstanceType
    pods: tuple[Pod, ...]
    requests: Resources


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a round of provisioning came to."""

    new_nodes: tuple[NewNode, ...] = ()
    placed: Mapping[str, str] = field(default_factory=dict)  # pod key -> node or claim with room for it
    unplaced: Mapping[str, str] = field(default_factory=dict)  # pod key -> why


@dataclass(slots=True)
class _Bin:
    offer: Offer
    types: tuple[InstanceType, ...]
    zones: tuple[str, ...]
    load: Resources
    pods: list[Pod]


_Shape = tuple[object, ...]


@dataclass(slots=True)
class _Seen:
    """How many of the rooms, and of the new nodes, the pods of one shape have found too small in this round."""

    rooms: int = 0
    bins: int = 0


def offer_of(
    pool: NodePool,
    types: Iterable[InstanceType],
    zones: Sequence[str],
    preferred_type: str,
    overhead: Resources,
    max_pods: int,
    os_disk_gb: int,
) -> Offer:
    """What the pool can launch. Raises ValueError when its requirements cannot be read.

    A pool whose requirements say nothing of the size gets ``preferred_type`` where that is allowed and large enough.
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
        overhead,
        max_pods,
        os_disk_gb,
        preferred,
    )


def _place(zone: str) -> dict[str, str]:
    return {names.ZONE: zone, names.REGION: region_of(zone)}


def same_shape(node: Node) -> Placement:
    """A replacement like the node itself."""
    labels = node.metadata.labels
    return Placement(
        labels.get(names.INSTANCE_TYPE, ""), labels.get(names.ZONE, ""), labels.get(names.CAPACITY_TYPE, ON_DEMAND)
    )


def schedule(
    pending: Sequence[Pod], rooms: Sequence[Room], offers: Sequence[Offer], zone_use: Mapping[str, int]
) -> Schedule:
    """Find room for pending pods. ``offers`` in order of preference; ``zone_use`` counts nodes by zone."""
    bins: list[_Bin] = []
    placed: dict[str, str] = {}
    unplaced: dict[str, str] = {}
    seen: dict[_Shape, _Seen] = {}
    for pod in sorted(pending, key=_by_size):
        wanted = requests(pod)
        past = seen.setdefault(_shape(pod, wanted), _Seen())
        room = _first_room(pod, wanted, rooms, past)
        if room is not None:
            subtract(room.free, wanted)
            placed[pod.key] = room.name
        elif not _fill(pod, wanted, bins, past):
            reason = _open(pod, wanted, bins, offers)
            if reason:
                unplaced[pod.key] = reason
    use = dict(zone_use)
    return Schedule(tuple(_close(item, use) for item in bins), placed, unplaced)


def _by_size(pod: Pod) -> tuple[int, int, str]:
    wanted = requests(pod)
    return (-wanted.get(CPU, 0), -wanted.get(MEMORY, 0), pod.key)


def _shape(pod: Pod, wanted: Resources) -> _Shape:
    """What decides where a pod fits: pods of one shape fit in the same places."""
    tolerations = tuple((item.key, item.operator, item.value, item.effect) for item in pod.spec.tolerations)
    return tuple(sorted(wanted.items())), tuple(sorted(pod.spec.node_selector.items())), tolerations


def _first_room(pod: Pod, wanted: Resources, rooms: Sequence[Room], past: _Seen) -> Room | None:
    """The first that fits. Room only shrinks in a round, so nobody looks again where one of his shape did not fit."""
    while past.rooms < len(rooms):
        if _fits_room(pod, wanted, rooms[past.rooms]):
            return rooms[past.rooms]
        past.rooms += 1
    return None


def _fits_room(pod: Pod, wanted: Resources, room: Room) -> bool:
    selected = all(room.labels.get(key) == value for key, value in pod.spec.node_selector.items())
    return selected and fits(wanted, room.free) and tolerates_all(pod, room.taints)


def _selects(pod: Pod, offer: Offer, item: InstanceType) -> bool:
    labels = {
        **item.labels(),
        **offer.pool.spec.template.metadata.labels,
        names.NODEPOOL: offer.pool.name,
        names.CAPACITY_TYPE: offer.capacity_type,
    }
    return all(labels.get(key) == value for key, value in pod.spec.node_selector.items() if key not in _PLACES)


def _selected_zones(pod: Pod, zones: tuple[str, ...]) -> tuple[str, ...]:
    selected = {key: value for key, value in pod.spec.node_selector.items() if key in _PLACES}
    return tuple(zone for zone in zones if selected.items() <= _place(zone).items())


def _large_enough(offer: Offer, types: tuple[InstanceType, ...], load: Resources) -> tuple[InstanceType, ...]:
    return tuple(item for item in types if fits(load, item.allocatable(offer.max_pods, offer.os_disk_gb)))


def _fill(pod: Pod, wanted: Resources, bins: list[_Bin], past: _Seen) -> bool:
    """Put the pod on the first new node that can still be large enough for it; new nodes too only fill up."""
    while past.bins < len(bins):
        if _joins(pod, wanted, bins[past.bins]):
            return True
        past.bins += 1
    return False


def _joins(pod: Pod, wanted: Resources, item: _Bin) -> bool:
    if not tolerates_all(pod, item.offer.pool.spec.template.spec.taints):
        return False
    load = total((item.load, wanted))
    types = tuple(t for t in _large_enough(item.offer, item.types, load) if _selects(pod, item.offer, t))
    zones = _selected_zones(pod, item.zones)
    if not types or not zones:
        return False
    item.load, item.types, item.zones = load, types, zones
    item.pods.append(pod)
    return True


def _open(pod: Pod, wanted: Resources, bins: list[_Bin], offers: Sequence[Offer]) -> str:
    """Open a new node for the pod; the text says why no pool takes it, empty when one did."""
    problems = []
    for offer in offers:
        problem, types = _acceptance(pod, wanted, offer)
        if types:
            zones = _selected_zones(pod, offer.zones)
            bins.append(_Bin(offer, types, zones, total((offer.overhead, wanted)), [pod]))
            return ""
        problems.append(f"{offer.pool.name}: {problem}")
    return "; ".join(problems) or "there is no dynamic NodePool"


def _acceptance(pod: Pod, wanted: Resources, offer: Offer) -> tuple[str, tuple[InstanceType, ...]]:
    if not offer.zones:
        return "its requirements leave no zone", ()
    if not _selected_zones(pod, offer.zones):
        return "it launches in no zone that the pod selects", ()
    if not tolerates_all(pod, offer.pool.spec.template.spec.taints):
        return "did not tolerate its taints", ()
    selected = tuple(item for item in offer.types if _selects(pod, offer, item))
    if not selected:
        return "no instance type has the labels that the pod selects", ()
    large = _large_enough(offer, selected, total((offer.overhead, wanted)))
    preferred = tuple(item for item in large if item.name == offer.preferred_type)
    return "no instance type is large enough", preferred or large


def _close(item: _Bin, zone_use: dict[str, int]) -> NewNode:
    chosen = item.types[0]
    zone = min(item.zones, key=lambda name: (zone_use.get(name, 0), name))
    zone_use[zone] = zone_use.get(zone, 0) + 1
    placement = Placement(chosen.name, zone, item.offer.capacity_type)
    return NewNode(item.offer.pool, placement, chosen, tuple(item.pods), item.load)
