"""The kinds napsim talks to the API server about, and where they live there."""

from __future__ import annotations

from typing import Final

import msgspec

from napsim.api import names


class Resource(msgspec.Struct, frozen=True):
    """One resource of the API: group ("" for core), version, plural and kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of a collection (no ``name``; all namespaces if no ``namespace``), an object or its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace:
            root = f"{root}/namespaces/{namespace}"
        if not name:
            return f"{root}/{self.plural}"
        return f"{root}/{self.plural}/{name}/{subresource}" if subresource else f"{root}/{self.plural}/{name}"


NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
PODS: Final = Resource("", "v1", "pods", "Pod", namespaced=True)
PERSISTENT_VOLUME_CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", namespaced=True)
PERSISTENT_VOLUMES: Final = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
STORAGE_CLASSES: Final = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
DAEMON_SETS: Final = Resource("apps", "v1", "daemonsets", "DaemonSet", namespaced=True)
VOLUME_ATTACHMENTS: Final = Resource("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", namespaced=False)
POD_DISRUPTION_BUDGETS: Final = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", namespaced=True)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event", namespaced=True)
NODE_CLAIMS: Final = Resource(
    names.KARPENTER_GROUP, names.KARPENTER_VERSION, "nodeclaims", "NodeClaim", namespaced=False
)
NODE_POOLS: Final = Resource(names.KARPENTER_GROUP, names.KARPENTER_VERSION, "nodepools", "NodePool", namespaced=False)
AKS_NODE_CLASSES: Final = Resource(
    names.AZURE_GROUP, names.AZURE_VERSION, "aksnodeclasses", "AKSNodeClass", namespaced=False
)
MAINTENANCE_CONFIGURATIONS: Final = Resource(
    names.NAPSIM_GROUP, names.NAPSIM_VERSION, "maintenanceconfigurations", "MaintenanceConfiguration", namespaced=False
)
NODE_IMAGES: Final = Resource(names.NAPSIM_GROUP, names.NAPSIM_VERSION, "nodeimages", "NodeImage", namespaced=False)
NODE_AUTO_PROVISIONINGS: Final = Resource(
    names.NAPSIM_GROUP, names.NAPSIM_VERSION, "nodeautoprovisionings", "NodeAutoProvisioning", namespaced=False
)
