"""The kinds that decisions read: karpenter's, the provider's, napsim's, and those of Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DEFAULT_NAMESPACE: Final = "default"

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "NodePool": ("karpenter.sh/v1",),
    "NodeClaim": ("karpenter.sh/v1",),
    "AKSNodeClass": ("karpenter.azure.com/v1beta1", "karpenter.azure.com/v1alpha2"),
    "MaintenanceConfiguration": ("napsim.dev/v1alpha1",),
    "NodeImage": ("napsim.dev/v1alpha1",),
    "NodeAutoProvisioning": ("napsim.dev/v1alpha1",),
    "Deployment": ("apps/v1",),
    "ReplicaSet": ("apps/v1",),
    "StatefulSet": ("apps/v1",),
    "DaemonSet": ("apps/v1",),
    "PodDisruptionBudget": ("policy/v1",),
    "Pod": ("v1",),
    "Node": ("v1",),
    "Namespace": ("v1",),
    "PersistentVolumeClaim": ("v1",),
    "PersistentVolume": ("v1",),
    "StorageClass": ("storage.k8s.io/v1",),
    "VolumeAttachment": ("storage.k8s.io/v1",),
}
"""Each with its ``apiVersion``s. Others are ignored, with a note."""
WORKLOADS: Final = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
"""Those that have a template of pods."""
NAMESPACED: Final = frozenset({
    *WORKLOADS, "PodDisruptionBudget", "Pod", "PersistentVolumeClaim",
})  # fmt: skip


def is_known(manifest: object) -> bool:
    """Whether it is an object that decisions read: a kind of that name in another group is another kind."""
    return isinstance(manifest, dict) and manifest.get("apiVersion") in KINDS.get(str(manifest.get("kind")), ())


def namespace_of(manifest: Mapping[str, Any]) -> str:
    """Where none is written ``default``; empty for a kind that has none. For a manifest with metadata."""
    if manifest.get("kind") not in NAMESPACED:
        return ""
    return str(manifest["metadata"].get("namespace") or _DEFAULT_NAMESPACE)
