"""What the benchmark runs: one pool of full nodes, ten pods on each, ten Deployments with one budget for each."""

from __future__ import annotations

from typing import Final

from tests.bench.api import Body

POOL: Final = "bench"
NAMESPACE: Final = "default"
INSTANCE_TYPE: Final = "Standard_D4s_v5"
PODS_PER_NODE: Final = 10
DEPLOYMENTS: Final = 10
POD_CPU: Final = "380m"  # ten of them, and no eleventh, in the 3860m that AKS leaves of four processors
DEFINITIONS: Final = ("2204gen2containerd", "2204containerd", "2204gen2arm64containerd")
PUBLISHED: Final = "2026-01-01T00:00:00Z"

NODES: Final = "/api/v1/nodes"
PODS: Final = "/api/v1/pods"
CLAIMS: Final = "/apis/karpenter.sh/v1/nodeclaims"
POOLS: Final = "/apis/karpenter.sh/v1/nodepools"
NODE_CLASSES: Final = "/apis/karpenter.azure.com/v1beta1/aksnodeclasses"
IMAGES: Final = "/apis/napsim.dev/v1alpha1/nodeimages"
SETTINGS: Final = "/apis/napsim.dev/v1alpha1/nodeautoprovisionings"
DEFINED: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WORKLOADS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
BUDGETS: Final = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"


def version(rollout: int) -> str:
    """The image version of the rollout of that number, each newer than the one before."""
    return f"2026{rollout + 1:02d}.01.0"


def images(rollout: int) -> list[Body]:
    """The objects that publish a version, one for each definition that the node class selects."""
    return [
        {
            "apiVersion": "napsim.dev/v1alpha1",
            "kind": "NodeImage",
            "metadata": {"name": f"{definition}-{version(rollout)}".lower()},
            "spec": {"osSKU": "Ubuntu2204", "definition": definition, "version": version(rollout)},
        }
        for definition in DEFINITIONS
    ]


def settings() -> Body:
    """Nodes that start and go at once, no image that expires, no list of images that is kept: only the work is left."""
    at_once = {"fixed": "0s"}
    return {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeAutoProvisioning",
        "metadata": {"name": "default"},
        "spec": {
            "imageExpiry": {"enabled": False},
            "listCacheDuration": "1s",
            "timings": dict.fromkeys(("launch", "registration", "initialization", "detach"), at_once),
        },
    }


def node_class() -> Body:
    return {
        "apiVersion": "karpenter.azure.com/v1beta1",
        "kind": "AKSNodeClass",
        "metadata": {"name": POOL},
        "spec": {"imageFamily": "Ubuntu2204"},
    }


def node_pool(budget: str) -> Body:
    requirements = {
        "node.kubernetes.io/instance-type": INSTANCE_TYPE,
        "karpenter.sh/capacity-type": "on-demand",
        "kubernetes.io/arch": "amd64",
    }
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": POOL},
        "spec": {
            "disruption": {"consolidateAfter": "Never", "budgets": [{"nodes": budget}]},
            "template": {
                "spec": {
                    "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": POOL},
                    "expireAfter": "Never",
                    "requirements": [
                        {"key": key, "operator": "In", "values": [value]} for key, value in requirements.items()
                    ],
                }
            },
        },
    }


def deployment(number: int, replicas: int) -> Body:
    labels = {"app": f"app{number:02d}"}
    container = {"name": "app", "image": "app", "resources": {"requests": {"cpu": POD_CPU}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": labels["app"]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def pod_disruption_budget(number: int) -> Body:
    labels = {"app": f"app{number:02d}"}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": labels["app"]},
        "spec": {"maxUnavailable": "25%", "selector": {"matchLabels": labels}},
    }
