"""Node classes of other providers: a forecast plays what Karpenter itself does with their nodes.

| | Of such a class |
|---|---|
| drift | by the NodePool alone: its template, its requirements; what the provider calls drift (an image) is not known |
| launch | an instance type that a node of the scenario has, in a zone that has one, of no image |
| budgets, emptiness, expiry, drains, evictions | as for any other |

A class that an AKSNodeClass shares its name with is that one: NodeClaims are matched to classes by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from napsim.api import names
from napsim.core.nodeclasses import is_foreign
from napsim.core.objects import Node, NodeClassRef
from napsim.core.observedtypes import Observed, observed
from napsim.sim.scenario import Applied, Manifest, Scenario


def foreign_classes(scenario: Scenario) -> tuple[NodeClassRef, ...]:
    """The classes that are not Azure's, of NodeClaims and of NodePools, also those that are applied later; by name."""
    applied = [event.manifest for event in scenario.events if isinstance(event, Applied)]
    manifests = (*scenario.manifests, *applied)
    known = {item["metadata"]["name"] for item in manifests if item["kind"] == names.AKS_NODE_CLASS}
    found = {reference.name: reference for reference in _references(manifests) if reference.name not in known}
    return tuple(found[name] for name in sorted(found))


def _references(manifests: Iterable[Manifest]) -> Iterator[NodeClassRef]:
    for item in manifests:
        if item["kind"] not in {"NodePool", "NodeClaim"}:
            continue
        spec = item["spec"]["template"]["spec"] if item["kind"] == "NodePool" else item["spec"]
        reference = msgspec.convert(spec["nodeClassRef"], NodeClassRef)
        if is_foreign(reference):
            yield reference


def instance_types(scenario: Scenario) -> Observed:
    """What the scenario's Nodes show."""
    nodes = (msgspec.convert(item, Node) for item in scenario.manifests if item["kind"] == "Node")
    pools = (item for item in scenario.manifests if item["kind"] == "NodePool")
    labels = (key for pool in pools for key in (pool["spec"]["template"].get("metadata") or {}).get("labels") or ())
    return observed(nodes, labels)
