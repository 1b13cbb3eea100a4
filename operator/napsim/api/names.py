"""Every label, annotation, taint, finalizer, condition type and API group that napsim reads or writes.

Karpenter's keys are those of karpenter v1.14.0 ``pkg/apis/v1/labels.go`` and ``taints.go``; the Azure provider's are
those of karpenter-provider-azure ``pkg/apis/v1beta1/labels.go``. Ours live under ``napsim.dev``.
"""

from __future__ import annotations

from typing import Final

# API groups and versions
KARPENTER_GROUP: Final = "karpenter.sh"
KARPENTER_VERSION: Final = "v1"
AZURE_GROUP: Final = "karpenter.azure.com"
AZURE_VERSION: Final = "v1beta1"
NAPSIM_GROUP: Final = "napsim.dev"
NAPSIM_VERSION: Final = "v1alpha1"

# Karpenter: labels
NODEPOOL: Final = "karpenter.sh/nodepool"
REGISTERED: Final = "karpenter.sh/registered"
INITIALIZED: Final = "karpenter.sh/initialized"
CAPACITY_TYPE: Final = "karpenter.sh/capacity-type"
DO_NOT_SYNC_TAINTS: Final = "karpenter.sh/do-not-sync-taints"
EXCLUDE_FROM_LOAD_BALANCERS: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
EXCLUDE_FROM_LOAD_BALANCERS_VALUE: Final = "karpenter"

# Karpenter: annotations (DO_NOT_DISRUPT is read on Nodes and Pods)
DO_NOT_DISRUPT: Final = "karpenter.sh/do-not-disrupt"
NODEPOOL_HASH: Final = "karpenter.sh/nodepool-hash"
NODEPOOL_HASH_VERSION: Final = "karpenter.sh/nodepool-hash-version"
TERMINATION_TIMESTAMP: Final = "karpenter.sh/nodeclaim-termination-timestamp"

# Karpenter: taints and finalizer
DISRUPTED_TAINT: Final = "karpenter.sh/disrupted"
UNREGISTERED_TAINT: Final = "karpenter.sh/unregistered"
TERMINATION_FINALIZER: Final = "karpenter.sh/termination"

# Azure provider
AKSNODECLASS_HASH: Final = "karpenter.azure.com/aksnodeclass-hash"
AKSNODECLASS_HASH_VERSION: Final = "karpenter.azure.com/aksnodeclass-hash-version"
AKS_MACHINE: Final = "karpenter.azure.com/aks-machine-resource-id"
KUBELET_IDENTITY: Final = "kubernetes.azure.com/kubelet-identity-client-id"
NODECLASS_TERMINATION_FINALIZER: Final = "karpenter.azure.com/termination"
HYPERV_GENERATION: Final = "karpenter.azure.com/sku-hyperv-generation"
AKSNODECLASS: Final = "karpenter.azure.com/aksnodeclass"
AKS_NODE_CLASS: Final = "AKSNodeClass"  # the kind
NODE_IMAGE_VERSION: Final = "kubernetes.azure.com/node-image-version"
OS_SKU: Final = "kubernetes.azure.com/os-sku"
OS_SKU_EFFECTIVE: Final = "kubernetes.azure.com/os-sku-effective"
OS_SKU_REQUESTED: Final = "kubernetes.azure.com/os-sku-requested"
FIPS_ENABLED: Final = "kubernetes.azure.com/fips_enabled"
ARTIFACT_STREAMING: Final = "kubernetes.azure.com/artifactstreaming-enabled"
AKS_MODE: Final = "kubernetes.azure.com/mode"
AKS_ROLE: Final = "kubernetes.azure.com/role"
AGENT_POOL: Final = "kubernetes.azure.com/agentpool"
ACCELERATOR: Final = "kubernetes.azure.com/accelerator"
LIVE_PATCH_GOLDEN: Final = "kubernetes.azure.com/live-patching-golden-timestamp"  # annotations of Nodes
LIVE_PATCH_CURRENT: Final = "kubernetes.azure.com/live-patching-current-timestamp"

# Kubernetes
ARCH: Final = "kubernetes.io/arch"
OS: Final = "kubernetes.io/os"
HOSTNAME: Final = "kubernetes.io/hostname"
INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"
ZONE: Final = "topology.kubernetes.io/zone"
REGION: Final = "topology.kubernetes.io/region"
CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
MASTER: Final = "node-role.kubernetes.io/master"  # what it was called before Kubernetes 1.24
MIRROR_POD: Final = "kubernetes.io/config.mirror"
POD_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
STATEFUL_SET_POD: Final = "statefulset.kubernetes.io/pod-name"
NOT_READY_TAINT: Final = "node.kubernetes.io/not-ready"
UNREACHABLE_TAINT: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE_TAINT: Final = "node.kubernetes.io/unschedulable"

# KWOK: a Node with this annotation is played by the kwok controller
KWOK_NODE: Final = "kwok.x-k8s.io/node"
KWOK_NODE_VALUE: Final = "fake"

# napsim: labels
DRIFT: Final = "napsim.dev/drift"
PLAYS_NODEPOOL: Final = "napsim.dev/nodepool"  # Node: opts in to playing a node of this NodePool, in place

# napsim: annotations. Times are RFC 3339 in UTC on the cluster's virtual clock.
CREATED_AT: Final = "napsim.dev/created-at"  # NodeClaim: virtual instant of creation
COMMAND: Final = "napsim.dev/command"  # Node: the disruption command in flight (JSON), written with the disrupted taint
REPLACES: Final = "napsim.dev/replaces"  # NodeClaim: name of the NodeClaim it replaces
INSTANCE_CREATED_AT: Final = "napsim.dev/instance-created-at"  # Node: virtual instant of its creation by the provider
FAILED: Final = "napsim.dev/failed"  # Node: KWOK plays it NotReady; the kind of failure, and what its condition says
FAILED_AT: Final = "napsim.dev/failed-at"  # Node: virtual instant since which it has failed
IN_PLACE: Final = "napsim.dev/in-place"  # Node: its images old and new, and what release puts back (JSON)
OS_UPGRADE: Final = "napsim.dev/os-upgrade"  # Node of an agent pool: its OS upgrade, under way or the last one (JSON)
ADOPTS: Final = "napsim.dev/adopts"  # NodeClaim: the Node that it stands for, in place (JSON)
SNAPSHOT: Final = "napsim.dev/snapshot"  # Scenario: written by napsim snapshot, and gives way to one of yours
NODE_PROVIDER: Final = "napsim.dev/node-provider"  # NodePool: kwok or inPlace, instead of spec.nodeProvider.kind

# Condition types of NodeClaims
LAUNCHED: Final = "Launched"
REGISTERED_CONDITION: Final = "Registered"
INITIALIZED_CONDITION: Final = "Initialized"
READY: Final = "Ready"
DRIFTED: Final = "Drifted"
DRAINED: Final = "Drained"
VOLUMES_DETACHED: Final = "VolumesDetached"
INSTANCE_TERMINATING: Final = "InstanceTerminating"
DISRUPTION_REASON: Final = "DisruptionReason"
CONSOLIDATABLE: Final = "Consolidatable"

# Condition types of NodePools, AKSNodeClasses and napsim's own kinds
VALIDATION_SUCCEEDED: Final = "ValidationSucceeded"
NODECLASS_READY: Final = "NodeClassReady"
NODE_REGISTRATION_HEALTHY: Final = "NodeRegistrationHealthy"
KUBERNETES_VERSION_READY: Final = "KubernetesVersionReady"
IMAGES_READY: Final = "ImagesReady"
SUBNETS_READY: Final = "SubnetsReady"
LOCAL_DNS_READY: Final = "LocalDNSReady"
NOT_YET_HONOURED: Final = "NotYetHonoured"
ROLLED_OUT: Final = "RolledOut"
PRE_SPUN_CAPACITY: Final = "PreSpunCapacity"

HASH_VERSION: Final = "v3"
MAX_INT32: Final = 2147483647  # "unbounded" in Karpenter's budgets
