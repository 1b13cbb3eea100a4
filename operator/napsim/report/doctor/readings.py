"""What ``napsim doctor`` has read of a cluster, as one value. ``real`` is the wall clock, in UTC, and the only clock.

What people have applied is here as the operator reads it (``problems``: what it could not read, and why) and, where a
check looks at the object itself, as it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.adoption import Home
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.configurations import DEFAULT_SETTINGS, Settings
from napsim.core.definitions import GalleryKind
from napsim.core.images import Catalogue
from napsim.core.nodeclasses import NodeClassState
from napsim.core.nodepools import NodePool
from napsim.core.objects import KubeObject, Node, NodeClaim, Pod, PodDisruptionBudget, Value
from napsim.core.provisioning import Offer
from napsim.report.observed import Lease, NodeAutoProvisioning

Manifest = Mapping[str, Any]
OPERATOR: Final = "napsim"
"""The name of the operator's Lease, and its Deployment's label app.kubernetes.io/name."""
NAME_LABEL: Final = "app.kubernetes.io/name"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
VERSION_LABEL: Final = "app.kubernetes.io/version"


class Container(Value, frozen=True):
    name: str = ""
    image: str = ""
    args: tuple[str, ...] = ()


class PodTemplateSpec(Value, frozen=True):
    service_account_name: str = "default"
    containers: tuple[Container, ...] = ()


class PodTemplate(Value, frozen=True):
    spec: PodTemplateSpec = PodTemplateSpec()


class DeploymentSpec(Value, frozen=True):
    replicas: int = 1
    template: PodTemplate = PodTemplate()


class DeploymentStatus(Value, frozen=True):
    ready_replicas: int = 0


class Deployment(KubeObject, frozen=True):
    """apps/v1 Deployment, as far as it tells which program runs in it."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()

    @property
    def app(self) -> str:
        return self.metadata.labels.get(NAME_LABEL) or self.metadata.labels.get("app", "")

    @property
    def is_operator(self) -> bool:
        """Whether it is napsim itself, and nothing that the chart installs beside it."""
        return self.app == OPERATOR and self.metadata.labels.get(COMPONENT_LABEL, "operator") == "operator"

    @property
    def is_kwok(self) -> bool:
        """Whether it is KWOK: by its own manifest, or by napsim's chart."""
        return "kwok-controller" in (self.app, self.name) or self.metadata.labels.get(COMPONENT_LABEL) == "kwok"


@dataclass(frozen=True, slots=True)
class Readings:
    """``absent`` names what the API server does not serve, ``unread`` (with why) what it did not let us read.

    ``version`` is napsim's own. ``ready`` is what is wrong with the API server's readiness, empty if nothing.
    ``shipped`` are the CustomResourceDefinitions of this version. ``allowed`` says of each permission (as
    ``kubectl auth can-i`` takes it) whether the operator's ServiceAccount has it; empty where that was not asked.
    """

    real: datetime
    server: str = ""
    version: str = ""
    server_version: str = ""
    ready: str = ""
    crds: tuple[Manifest, ...] = ()
    shipped: tuple[Manifest, ...] = ()
    nodes: tuple[Node, ...] = ()
    claims: tuple[NodeClaim, ...] = ()
    pods: tuple[Pod, ...] = ()
    pdbs: tuple[PodDisruptionBudget, ...] = ()
    leases: tuple[Lease, ...] = ()
    rivals: tuple[Lease, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    pools: Mapping[str, NodePool] = field(default_factory=dict)
    classes: Mapping[str, NodeClassState] = field(default_factory=dict)
    offers: Mapping[str, Offer] = field(default_factory=dict)
    homes: Mapping[str, Home] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=Catalogue)
    problems: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    kubernetes_version: str = ""
    fallback_mode: str = "AlwaysOpen"
    gallery: GalleryKind = GalleryKind.CIG
    window_settings: Settings = DEFAULT_SETTINGS
    service_account: str = ""
    allowed: Mapping[str, bool] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)

    def of_kind(self, kind: str) -> tuple[Manifest, ...]:
        """The low-count objects of a kind, by name."""
        found = (item for item in self.manifests if item["kind"] == kind)
        return tuple(sorted(found, key=lambda item: str(item["metadata"]["name"])))

    @property
    def provisioning(self) -> NodeAutoProvisioning | None:
        """NodeAutoProvisioning ``default``."""
        found = next((item for item in self.of_kind("NodeAutoProvisioning") if _name(item) == "default"), None)
        return None if found is None else msgspec.convert(found, NodeAutoProvisioning)

    @property
    def provider(self) -> str:
        """``kwok`` or ``inPlace``."""
        for item in self.of_kind("NodeAutoProvisioning"):
            return str(item["spec"].get("nodeProvider", {}).get("kind", "kwok"))
        return "kwok"

    @property
    def in_place_pools(self) -> frozenset[str]:
        """The pools whose nodes are real ones, replaced in place."""
        return frozenset(name for name, home in self.homes.items() if home.in_place)

    @property
    def timeline(self) -> Timeline:
        """The cluster's clock, by the status of NodeAutoProvisioning; the wall clock without one."""
        nap = self.provisioning
        clock = nap.status.clock if nap else None
        return Timeline(clock.anchor_real, clock.anchor_virtual, clock.factor) if clock else WALL_CLOCK

    @property
    def now(self) -> datetime:
        """The instant on the cluster's clock."""
        return self.timeline.virtual(self.real)

    @property
    def operators(self) -> tuple[Deployment, ...]:
        """The Deployments that are napsim."""
        return tuple(item for item in self.deployments if item.is_operator)

    @property
    def claimed(self) -> frozenset[str]:
        """The names of the Nodes that have a NodeClaim."""
        by_provider = {node.spec.provider_id: node.name for node in self.nodes if node.spec.provider_id}
        found = (claim.status.node_name or by_provider.get(claim.status.provider_id, "") for claim in self.claims)
        return frozenset(name for name in found if name)

    def pods_on(self, nodes: frozenset[str]) -> tuple[Pod, ...]:
        return tuple(pod for pod in self.pods if pod.spec.node_name in nodes)

    def pool_of(self, node: str) -> str:
        """The pool of a Node, by its label; empty without one."""
        return next((item.metadata.labels.get(names.NODEPOOL, "") for item in self.nodes if item.name == node), "")


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])
