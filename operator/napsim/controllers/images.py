"""The status of NodeImages: when published, how old, how many nodes run them, whose new nodes get them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest, node_image_version, published_image
from napsim.controllers.reports import Finding, Reports
from napsim.controllers.resources import NODE_IMAGES
from napsim.controllers.state import ClusterState
from napsim.core.clock import parse_rfc3339, rfc3339
from napsim.core.definitions import DEFINITIONS
from napsim.core.images import supersedes
from napsim.core.versions import version_date
from napsim.core.windows import describe_instant


class ImageReporter(msgspec.Struct):
    """``report`` brings all of them up to date."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    reports: Reports

    async def report(self) -> None:
        in_use, sizes = nodes_by_version(self.state), nodes_by_pool(self.state)
        for name in sorted(self.declared.images):
            manifest = self.declared.images[name]
            wanted = self._status(manifest, in_use.get(node_image_version(manifest), Counter()), sizes)
            await self.reports.write(NODE_IMAGES, manifest, manifest.get("status", {}), wanted)

    def _status(self, manifest: Manifest, nodes: Counter[str], sizes: Counter[str]) -> dict[str, Any]:
        spec, now = manifest["spec"], self.clock.now()
        published = parse_rfc3339(spec["publishedAt"])
        built = version_date(spec["version"])
        classes = self._classes(spec["definition"], spec["version"])
        findings = _findings(spec["definition"])
        self.reports.warn(manifest, findings)
        return {
            "observedGeneration": manifest["metadata"].get("generation", 0),
            "publishedAt": rfc3339(published),
            "published": describe_instant(published.replace(microsecond=0)),
            # A version may be dated after the cluster's clock: nothing is younger than new.
            "age": f"{max((now - built).days, 0)}d" if built else None,
            "state": self._state(manifest, published <= now),
            "nodes": nodes.total(),
            "nodePools": ", ".join(f"{pool or 'none'} {nodes[pool]}/{sizes[pool]}" for pool in sorted(nodes)),
            "nodeClasses": classes,
            "conditions": self.reports.mind(self.reports.ready(manifest, ()), manifest, findings),
        }

    def _state(self, manifest: Manifest, published: bool) -> str:
        if not published:
            return "Upcoming"
        name, definition, now = manifest["metadata"]["name"], manifest["spec"]["definition"], self.clock.now()
        mine, kind = published_image(manifest), self.declared.settings.pickup.kind
        rivals = (
            published_image(other)
            for key, other in self.declared.images.items()
            if key != name and other["spec"]["definition"] == definition
        )
        if any(rival.published_at <= now and supersedes(rival, mine, kind) for rival in rivals):
            return "Superseded"
        return "Latest"

    def _classes(self, definition: str, version: str) -> list[str]:
        ending = f"/images/{definition}/versions/{version}"
        return [
            name
            for name, entry in sorted(self.declared.node_classes.items())
            if any(image.id.endswith(ending) for image in entry.state.images)
        ]


def nodes_by_version(state: ClusterState) -> dict[str, Counter[str]]:
    """How many nodes of each pool run each image version (the label's value)."""
    found: dict[str, Counter[str]] = {}
    for node in state.nodes.values():
        labels = node.metadata.labels
        found.setdefault(labels.get(names.NODE_IMAGE_VERSION, ""), Counter())[labels.get(names.NODEPOOL, "")] += 1
    return found


def nodes_by_pool(state: ClusterState) -> Counter[str]:
    """How many nodes each pool has."""
    return Counter(node.metadata.labels.get(names.NODEPOOL, "") for node in state.nodes.values())


def _findings(definition: str) -> list[Finding]:
    if definition in DEFINITIONS:
        return []
    message = (
        f"spec.definition {definition!r}: no AKSNodeClass selects it; those that can be are {', '.join(DEFINITIONS)}"
    )
    return [("UnknownDefinition", message)]
