"""Manifests that rehearsals are made of: small, whole, and adjusted by arguments."""

from __future__ import annotations

from typing import Any, Final

Manifest = dict[str, Any]
SIZE: Final = "Standard_D4s_v5"
POD_MILLICORES: Final = 380  # ten of them fill a node of that size


def nap(factor: float = 600, start: str = "2026-02-14T20:00:00Z", **spec: Any) -> Manifest:
    """The cluster's settings; fast instances, a short list cache."""
    defaults: Manifest = {
        "clock": {"factor": factor, "start": start},
        "listCacheDuration": "5m",
        "timings": {
            "launch": {"fixed": "5s"},
            "registration": {"fixed": "30s"},
            "initialization": {"fixed": "10s"},
            "detach": {"fixed": "5s"},
        },
    }
    return _object("napsim.dev/v1alpha1", "NodeAutoProvisioning", "default", defaults | spec)


def window(name: str = "node-os", start_time: str = "01:00", hours: int = 4, **more: Any) -> Manifest:
    """Every Sunday, in UTC."""
    spec = {
        "configName": "aksManagedNodeOSUpgradeSchedule",
        "maintenanceWindow": {
            "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
            "startDate": "2026-01-01",
            "startTime": start_time,
            "durationHours": hours,
            **more,
        },
    }
    return _object("napsim.dev/v1alpha1", "MaintenanceConfiguration", name, spec)


def image(version: str, published_at: str | None = None, definition: str = "2204gen2containerd") -> Manifest:
    spec = {"osSKU": "Ubuntu2204", "definition": definition, "version": version}
    name = f"{definition.lower()}-{version}"
    return _object(
        "napsim.dev/v1alpha1", "NodeImage", name, spec | ({"publishedAt": published_at} if published_at else {})
    )


def node_class(name: str = "default", **spec: Any) -> Manifest:
    return _object("karpenter.azure.com/v1beta1", "AKSNodeClass", name, {"imageFamily": "Ubuntu2204"} | spec)


def pool(
    name: str = "default",
    budgets: list[Manifest] | None = None,
    *,
    replicas: int | None = None,
    node_class: str = "default",
    **template: Any,
) -> Manifest:
    """A pool of one size; ``template`` goes into ``spec.template.spec``."""
    spec: Manifest = {
        "disruption": {"consolidateAfter": "Never", "budgets": budgets if budgets is not None else [{"nodes": "2"}]},
        "template": {
            "spec": {
                "expireAfter": "Never",
                "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": node_class},
                "requirements": [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [SIZE]}],
                **template,
            }
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return _object("karpenter.sh/v1", "NodePool", name, spec)


def deployment(name: str, replicas: int, **pod: Any) -> Manifest:
    """Pods of which ten fill a node. ``annotations`` go on the pods, anything else into their spec."""
    annotations = pod.pop("annotations", {})
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": f"{POD_MILLICORES}m"}}}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, **pod},
        },
    }
    return _object("apps/v1", "Deployment", name, spec, "default")


def pdb(name: str, app: str | None = None, **spec: Any) -> Manifest:
    selector = {"matchLabels": {"app": app or name}}
    return _object("policy/v1", "PodDisruptionBudget", name, {"selector": selector, **spec}, "default")


def _object(api_version: str, kind: str, name: str, spec: Manifest, namespace: str = "") -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
