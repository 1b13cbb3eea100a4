"""The Node that an instance of the ``kwok`` node provider joins the cluster with.

Policy: plays what karpenter-provider-azure and the kubelet do. The Node comes with the NodeClaim's labels, taints and
startup taints, ``karpenter.sh/unregistered:NoExecute``, and, until it is initialized, the cloud provider's own
``node.cloudprovider.kubernetes.io/uninitialized:NoSchedule``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from napsim.api import names
from napsim.core.clock import parse_rfc3339, rfc3339
from napsim.core.failures import FailureKind, Outage
from napsim.core.objects import Node, NodeClaim, NodeInfo, NodeSpec, NodeStatus, ObjectMeta, Taint

_OURS: Final = "napsim://"
UNREGISTERED: Final = Taint(key=names.UNREGISTERED_TAINT, effect="NoExecute")
CLOUD_UNINITIALIZED: Final = Taint(
    key="node.cloudprovider.kubernetes.io/uninitialized", effect="NoSchedule", value="true"
)

# Taints that come and go by themselves while a node starts (karpenter v1.14.0 pkg/scheduling/taints.go).
EPHEMERAL_TAINTS: Final = frozenset(
    {
        (names.NOT_READY_TAINT, "NoSchedule"),
        (names.NOT_READY_TAINT, "NoExecute"),
        (names.UNREACHABLE_TAINT, "NoSchedule"),
        (CLOUD_UNINITIALIZED.key, CLOUD_UNINITIALIZED.effect),
        (UNREGISTERED.key, UNREGISTERED.effect),
    }
)


def node_name(claim: str) -> str:
    """NAP's nodes are called after their NodeClaim."""
    return f"aks-{claim}"


def provider_id(claim: NodeClaim) -> str:
    """Unique for ever: the NodeClaim's uid is part of it."""
    return f"{_OURS}{claim.name}/{claim.metadata.uid}"


def is_fake(node: Node) -> bool:
    """Whether the Node is one that napsim made and KWOK plays. No other is ever deleted."""
    played = node.metadata.annotations.get(names.KWOK_NODE) == names.KWOK_NODE_VALUE
    return played and node.spec.provider_id.startswith(_OURS)


def failed(outage: Outage) -> dict[str, str | None]:
    """The annotations of a Node that has failed: KWOK's stages play it NotReady while it has them."""
    text = f"{outage.kind}: {outage.message}"
    return {names.FAILED: text, names.FAILED_AT: rfc3339(outage.begins)}


def is_failed(node: Node) -> bool:
    """Whether the Node is to be played NotReady."""
    return names.FAILED in node.metadata.annotations


def gone_since(node: Node) -> datetime | None:
    """Since when (virtual) the cloud does not know the node's instance any more; None while it does."""
    recorded = node.metadata.annotations
    if not recorded.get(names.FAILED, "").startswith(f"{FailureKind.INSTANCE_GONE}:"):
        return None
    at = recorded.get(names.FAILED_AT)
    return parse_rfc3339(at) if at else None


def aks_node_of(claim: NodeClaim, image_version: str, kubernetes_version: str, extra_labels: Mapping[str, str]) -> Node:
    """The Node of a launched NodeClaim, as the provider creates it."""
    name = node_name(claim.name)
    own = {names.HOSTNAME: name, names.NODE_IMAGE_VERSION: image_version, names.AKS_ROLE: "agent"}
    return _node(claim, name, {**extra_labels, **claim.metadata.labels, **own}, kubernetes_version)


def node_of(claim: NodeClaim, kubernetes_version: str) -> Node:
    """The same of a provider that is not Azure's: the Node is called after its claim, and has its labels."""
    labels = {**claim.metadata.labels, names.HOSTNAME: claim.name}
    return _node(claim, claim.name, labels, kubernetes_version)


def _node(claim: NodeClaim, name: str, labels: Mapping[str, str], kubernetes_version: str) -> Node:
    return Node(
        metadata=ObjectMeta(name=name, labels=dict(labels), annotations={names.KWOK_NODE: names.KWOK_NODE_VALUE}),
        spec=NodeSpec(
            provider_id=claim.status.provider_id,
            taints=(*claim.spec.taints, *claim.spec.startup_taints, UNREGISTERED, CLOUD_UNINITIALIZED),
        ),
        status=NodeStatus(
            capacity={key: str(value) for key, value in claim.status.capacity.items()},
            allocatable={key: str(value) for key, value in claim.status.allocatable.items()},
            node_info=NodeInfo(kubelet_version=f"v{kubernetes_version.removeprefix('v')}"),
        ),
    )


def created_annotation(now: datetime) -> dict[str, str]:
    """When the instance came up, on the virtual clock."""
    return {names.INSTANCE_CREATED_AT: rfc3339(now)}
