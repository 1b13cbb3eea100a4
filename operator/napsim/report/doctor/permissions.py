"""What the operator has to be allowed to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from napsim.api import names
from napsim.core.published_windows import CONFIG_MAP


@dataclass(frozen=True, slots=True)
class Permission:
    """A verb on a resource (``pods/eviction`` for a subresource), in one namespace and on one object where given."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """As ``kubectl auth can-i`` takes it."""
        resource, _, subresource = self.resource.partition("/")
        kind = f"{resource}.{self.group}" if self.group else resource
        parts = [self.verb, f"{kind}/{self.name}" if self.name else kind]
        parts += [f"--subresource={subresource}"] if subresource else []
        return " ".join([*parts, *([f"--namespace={self.namespace}"] if self.namespace else [])])


_FOLLOW: Final = ("list", "watch")


def _of(verbs: tuple[str, ...], group: str, *resources: str) -> tuple[Permission, ...]:
    return tuple(Permission(verb, group, resource) for resource in resources for verb in verbs)


# In the order of what napsim does: read, decide, write statuses, replace nodes, lead.
REQUIRED: Final = (
    *_of(_FOLLOW, "", "nodes", "pods", "persistentvolumeclaims", "persistentvolumes", "namespaces"),
    *_of(_FOLLOW, "apps", "daemonsets"),
    *_of(_FOLLOW, "policy", "poddisruptionbudgets"),
    *_of(_FOLLOW, "storage.k8s.io", "volumeattachments", "storageclasses"),
    *_of(_FOLLOW, names.KARPENTER_GROUP, "nodepools", "nodeclaims"),
    *_of(_FOLLOW, names.AZURE_GROUP, "aksnodeclasses"),
    *_of(_FOLLOW, names.NAPSIM_GROUP, "maintenanceconfigurations", "nodeimages", "nodeautoprovisionings"),
    *_of(("patch",), names.KARPENTER_GROUP, "nodepools", "nodepools/status"),
    *_of(("patch",), names.AZURE_GROUP, "aksnodeclasses", "aksnodeclasses/status"),
    *_of(
        ("patch",),
        names.NAPSIM_GROUP,
        "maintenanceconfigurations/status",
        "nodeimages/status",
        "nodeautoprovisionings/status",
    ),
    *_of(("create", "patch", "delete"), names.KARPENTER_GROUP, "nodeclaims"),
    *_of(("patch",), names.KARPENTER_GROUP, "nodeclaims/status"),
    *_of(("create", "patch", "delete"), "", "nodes"),
    *_of(("create",), "", "pods/eviction"),
    *_of(("create",), "events.k8s.io", "events"),
)


DELETE_PODS: Final = Permission("delete", "", "pods")
"""Needed where a NodePool has a terminationGracePeriod: pods that outlast it are deleted."""


# What takes the place of REQUIRED where the operator only drives another provider.
DRIVING: Final = (
    *_of(_FOLLOW, names.NAPSIM_GROUP, "maintenanceconfigurations", "nodeautoprovisionings"),
    *_of(("patch",), names.NAPSIM_GROUP, "maintenanceconfigurations/status", "nodeautoprovisionings/status"),
    *_of(("create",), "events.k8s.io", "events"),
)


def reading_window(namespace: str) -> tuple[Permission, ...]:
    """What it takes to follow the ConfigMap with a published window."""
    return tuple(Permission(verb, "", "configmaps", namespace, CONFIG_MAP) for verb in _FOLLOW)


def writing_window(namespace: str) -> tuple[Permission, ...]:
    """What it takes to keep that ConfigMap; a request to create has no name yet."""
    create = Permission("create", "", "configmaps", namespace)
    return (create, *reading_window(namespace), Permission("patch", "", "configmaps", namespace, CONFIG_MAP))


def leadership(namespace: str, lease: str) -> tuple[Permission, ...]:
    """What it takes to lead by a Lease; a request to create has no name yet."""
    group, leases = "coordination.k8s.io", "leases"
    named = (Permission(verb, group, leases, namespace, lease) for verb in ("get", "patch"))
    return (Permission("create", group, leases, namespace), *named)
