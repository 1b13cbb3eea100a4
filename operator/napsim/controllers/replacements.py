"""What is launched instead of a drifted node, and whether it may go for it.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/drift.go`` (dynamic pools: what the simulation says, one
replacement, several or none) and ``staticdrift.go`` (always one). Creation fails once a pool is above its limits, not
at them: ``pkg/controllers/provisioning/provisioner.go``. Policy: a Node that is played in place comes back itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from napsim.api import names
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.state import ClusterState
from napsim.core.inplace import adoption_of
from napsim.core.newclaims import quantities
from napsim.core.nodepools import Placement
from napsim.core.objects import Node, NodeClaim
from napsim.core.provisioning import same_shape
from napsim.core.reasons import Reason, Verdict, waits_for_nodepool
from napsim.core.requirements import unmet
from napsim.core.resources import Resources, amounts, total
from napsim.core.simulation import WAITS_FOR_ROOM, NewNode, Simulation, wanted
from napsim.core.targets import NODES


class Replacements(msgspec.Struct):
    """For one candidate at a time."""

    state: ClusterState
    declared: Declared
    scheduling: Scheduling

    def simulated(self, claim: NodeClaim, node: Node, now: datetime) -> Simulation:
        """Where the pods of a candidate of a dynamic pool would go, and whether it may go."""
        if adoption_of(claim) is not None:
            return Simulation()
        found = self.scheduling.without(claim, node, now)
        held = self._above_limits(found.new_nodes) if found.verdict.allowed else None
        return found if held is None else Simulation(verdict=held)

    def placements(self, found: Simulation) -> tuple[Placement, ...]:
        """As what and where the nodes that the simulation wants are launched."""
        return tuple(wanted(item, self.state.zone_use) for item in found.new_nodes)

    def _above_limits(self, new_nodes: Iterable[NewNode]) -> Verdict | None:
        used: dict[str, Resources] = {}
        for item in new_nodes:
            limits = amounts(item.pool.spec.limits)
            so_far = used.setdefault(item.pool.name, dict(self.state.places.usage(item.pool.name)) if limits else {})
            if exceeded := exceeded_limit(so_far, limits):
                waits = (WAITS_FOR_ROOM, waits_for_nodepool(item.pool.name))
                return Verdict(Reason.SURGE_LIMIT, f"{exceeded} (NodePool={item.pool.name})", None, waits, False)
            used[item.pool.name] = total((so_far, item.options[0].capacity, {NODES: 1}))
        return None

    def static(self, entry: NodePoolEntry, claim: NodeClaim, node: Node, now: datetime) -> tuple[Placement, ...]:
        """One like the node itself; if that is not allowed any more, or was refused lately, the first of what is."""
        if adoption_of(claim) is not None:
            return ()
        shape = same_shape(node)
        size = self.declared.size(shape.instance_type)
        labels = {**(size.labels() if size else {}), names.ZONE: shape.zone, names.CAPACITY_TYPE: shape.capacity_type}
        labels |= {**entry.pool.spec.template.metadata.labels, names.NODEPOOL: entry.pool.name}
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        refused = self.declared.unavailable.at(now)
        taken = (shape.instance_type, shape.zone, shape.capacity_type) in refused
        if node_class is None or (size is not None and not taken and not unmet(labels, entry.view.requirements)):
            return (shape,)
        offer = self.declared.offer(entry)
        if not offer.types or not offer.zones:
            return (shape,)
        first, kind = offer.types[0].name, offer.capacity_type
        zone = next((zone for zone in offer.zones if (first, zone, kind) not in refused), offer.zones[0])
        return (Placement(first, zone, kind),)


def exceeded_limit(used: Mapping[str, int], limits: Mapping[str, int]) -> str:
    """The sentence for the first limit that a pool is above; empty when it is above none."""
    for resource in sorted(limits):
        if used.get(resource, 0) > limits[resource]:
            is_, most = quantities({resource: used[resource]}), quantities({resource: limits[resource]})
            return f"resource usage of {is_} exceeds limit of {most}"
    return ""
