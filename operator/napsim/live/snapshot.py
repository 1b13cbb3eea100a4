"""A cluster as manifests that a forecast can start from. Reads only, and only what is listed here.

Secrets and ConfigMaps are never read. Of pods, nodes, claims, budgets and volumes only the fields that decisions rest
on are kept (``core.objects``), of workloads the pod template in the same form: no environment, no image, no command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.controllers.resources import (
    AKS_NODE_CLASSES,
    DAEMON_SETS,
    EVENTS,
    MAINTENANCE_CONFIGURATIONS,
    NAMESPACES,
    NODE_AUTO_PROVISIONINGS,
    NODE_CLAIMS,
    NODE_IMAGES,
    NODE_POOLS,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
    Resource,
)
from napsim.core.objects import (
    KubeObject,
    Node,
    NodeClaim,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PodTemplate,
    StorageClass,
    VolumeAttachment,
)
from napsim.live.client import Client, ListPage
from napsim.live.errors import Forbidden, Gone, NotFound

Manifest = dict[str, Any]
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet", namespaced=True)
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet", namespaced=True)
RESOURCES: Final = (
    NODE_AUTO_PROVISIONINGS,
    MAINTENANCE_CONFIGURATIONS,
    NODE_IMAGES,
    AKS_NODE_CLASSES,
    NODE_POOLS,
    NODE_CLAIMS,
    NODES,
    NAMESPACES,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
)
_PAGE: Final = 500
_RESTARTS: Final = 5
_OURS: Final = ("karpenter.sh/", "karpenter.azure.com/", "napsim.dev/", "kwok.x-k8s.io/")
_KEPT: Final = (*_OURS, names.POD_DELETION_COST)  # annotations that begin so
_METADATA: Final = ("name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp", "labels")
_WORKLOAD: Final = ("replicas", "selector", "podManagementPolicy", "ordinals")
_EVENT: Final = ("regarding", "reason", "eventTime", "deprecatedFirstTimestamp")
_OVER: Final = frozenset({"Succeeded", "Failed"})

Page = Callable[[Resource, int, int], None]
"""Told after each page: what is listed, how many are there so far, and of how many (as far as that is known)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects, by kind and name, and what is not among them."""

    manifests: tuple[Manifest, ...]
    notes: tuple[str, ...]


class NotAllowed(Exception):
    """What the API server refuses to list, all of it."""

    def __init__(self, refused: tuple[Resource, ...]) -> None:
        listed = ", ".join(f"{item.plural}.{item.group}" if item.group else item.plural for item in refused)
        super().__init__(f"not allowed to list {listed}")


async def taken(client: Client, told: Page, resources: Iterable[Resource] = RESOURCES) -> Snapshot:
    """Every object of these kinds. Raises NotAllowed for what is refused, ApiError and TransportError."""
    manifests: list[Manifest] = []
    notes: list[str] = []
    refused: list[Resource] = []
    for resource in resources:
        try:
            found = await _listed(client, resource, told)
        except NotFound:
            notes.append(f"{resource.kind} ({resource.api_version}) is not served here.")
        except Forbidden:
            refused.append(resource)
        else:
            manifests += filter(None, (abridged(resource, item) for item in found))
    if refused:
        raise NotAllowed(tuple(refused))
    return Snapshot(tuple(manifests), tuple(notes))


async def _listed(client: Client, resource: Resource, told: Page) -> list[Manifest]:
    """The whole collection; begun again when it went stale on the way."""
    decode = msgspec.json.Decoder(ListPage[Manifest]).decode
    for attempt in range(_RESTARTS):
        items: list[Manifest] = []
        try:
            async for page in client.list_pages(resource, decode, limit=_PAGE):
                items += page.items
                told(resource, len(items), len(items) + page.metadata.remaining_item_count)
        except Gone:
            if attempt == _RESTARTS - 1:
                raise
            continue
        return sorted(items, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    raise AssertionError("unreachable: the last attempt returns or raises")


def cluster_role() -> Manifest:
    """The ClusterRole that ``taken`` needs, exactly."""
    by_group: dict[str, list[str]] = {}
    for resource in RESOURCES:
        by_group.setdefault(resource.group, []).append(resource.plural)
    rules = [{"apiGroups": [group], "resources": plurals, "verbs": ["list"]} for group, plurals in by_group.items()]
    metadata = {"name": "napsim-snapshot"}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


# --- what is kept of an object ----------------------------------------------------------------------------------------

_READ_AS: Final[Mapping[str, type[KubeObject]]] = {
    "Node": Node,
    "Namespace": KubeObject,
    "NodeClaim": NodeClaim,
    "Pod": Pod,
    "PodDisruptionBudget": PodDisruptionBudget,
    "PersistentVolumeClaim": PersistentVolumeClaim,
    "PersistentVolume": PersistentVolume,
    "StorageClass": StorageClass,
    "VolumeAttachment": VolumeAttachment,
}


def abridged(resource: Resource, item: Mapping[str, Any]) -> Manifest | None:
    """What decisions rest on; None for what no forecast depends on: pods that are over or leaving, old ReplicaSets."""
    if resource is PODS and (item.get("status", {}).get("phase") in _OVER or "deletionTimestamp" in item["metadata"]):
        return None
    if resource is REPLICA_SETS and not item.get("spec", {}).get("replicas"):
        return None
    envelope = {"apiVersion": resource.api_version, "kind": resource.kind}
    if resource.kind in _READ_AS:
        body = msgspec.to_builtins(msgspec.convert(item, _READ_AS[resource.kind], strict=False))
        return {**envelope, **body, "metadata": _metadata(item["metadata"])}
    if resource.group == "apps":
        return {**envelope, "metadata": _metadata(item["metadata"]), "spec": _workload(item["spec"])}
    if resource is EVENTS:
        told = {key: item[key] for key in _EVENT if key in item}
        return {**envelope, "metadata": _metadata(item["metadata"]), **told}
    kept = {key: item[key] for key in ("spec", "status") if key in item}
    return {**envelope, "metadata": _metadata(item["metadata"]), **kept}


def _metadata(metadata: Mapping[str, Any]) -> Manifest:
    kept = {key: metadata[key] for key in _METADATA if key in metadata}
    annotations = {key: text for key, text in metadata.get("annotations", {}).items() if key.startswith(_KEPT)}
    finalizers = [name for name in metadata.get("finalizers", ()) if name.startswith(_OURS)]
    owners = metadata.get("ownerReferences")
    return {
        **kept,
        **({"annotations": annotations} if annotations else {}),
        **({"finalizers": finalizers} if finalizers else {}),
        **({"ownerReferences": owners} if owners else {}),
    }


def _workload(spec: Mapping[str, Any]) -> Manifest:
    kept = {key: spec[key] for key in _WORKLOAD if key in spec}
    template = msgspec.to_builtins(msgspec.convert(spec["template"], PodTemplate, strict=False))
    metadata = spec["template"].get("metadata", {})
    return {**kept, "template": {**template, "metadata": _metadata({"labels": metadata.get("labels", {}), **metadata})}}


def _of(manifest: Manifest, part: str) -> Mapping[str, Any]:
    """Empty where it is not there, or is none: files are not what an API server has looked at."""
    found = manifest.get(part)
    return found if isinstance(found, Mapping) else {}


def timeline_anchor(manifests: tuple[Manifest, ...]) -> Mapping[str, Any] | None:
    """``status.clock`` of the cluster's NodeAutoProvisioning, where napsim plays it on a clock of its own."""
    for manifest in manifests:
        if manifest.get("kind") == "NodeAutoProvisioning" and _of(manifest, "metadata").get("name") == "default":
            found: Mapping[str, Any] | None = _of(manifest, "status").get("clock")
            return found
    return None
