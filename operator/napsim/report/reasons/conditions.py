"""The conditions of every kind, in the order in which they come about."""

from __future__ import annotations

from typing import Final

from napsim.api import names
from napsim.core.drift import DriftReason
from napsim.core.nodeclasses import AWAITING_MESSAGE, AWAITING_REASON
from napsim.report.reasons.explanations import Explanation, OfCondition

_CLAIM: Final = ("NodeClaim",)
_POOL: Final = ("NodePool",)
_CLASS: Final = ("AKSNodeClass",)
_CLUSTER: Final = ("NodeAutoProvisioning",)
_DECLARED: Final = ("NodeAutoProvisioning", "MaintenanceConfiguration", "NodeImage")
_LAUNCH: Final = "karpenter: pkg/controllers/nodeclaim/lifecycle/launch.go"
_REGISTRATION: Final = "karpenter: pkg/controllers/nodeclaim/lifecycle/registration.go"
_INITIALIZATION: Final = "karpenter: pkg/controllers/nodeclaim/lifecycle/initialization.go"
_TERMINATION: Final = "karpenter: pkg/controllers/node/termination/controller.go"
_LIVENESS: Final = "karpenter: pkg/controllers/nodeclaim/lifecycle/liveness.go"
_QUEUE: Final = "karpenter: pkg/controllers/disruption/queue.go"
_VALIDATION: Final = "karpenter: pkg/controllers/nodepool/validation"
_READINESS: Final = "karpenter: pkg/controllers/nodepool/readiness"
_REGISTRATION_HEALTH: Final = "karpenter: pkg/controllers/nodepool/registrationhealth"
_ROOT: Final = "operatorpkg: status/condition_set.go"
_NOT_DECIDED: Final = "Nobody has decided on it yet."
_LOOK_AT_NAMED: Final = "Look at the condition that the message names."
_STARTING: Final = "`kubectl describe node`: what its kubelet waits for. Such a NodeClaim is not given up by itself."
_DRIFT: Final = "karpenter: pkg/controllers/nodeclaim/disruption/drift.go"
_AZURE_DRIFT: Final = "azure: pkg/cloudprovider/drift.go"
_AZURE_VERSION: Final = "azure: pkg/controllers/nodeclass/status/kubernetesversion.go"
_AZURE_IMAGES: Final = "azure: pkg/controllers/nodeclass/status/images.go"
_PROGRESS: Final = "Nothing: the node is replaced. `napsim why NODE` says what it waits for."

_NODE_CLAIMS: Final = (
    OfCondition(
        _CLAIM, names.LAUNCHED, "True",
        Explanation(names.LAUNCHED, "", "The provider has made the instance.", source=_LAUNCH),
    ),
    OfCondition(
        _CLAIM, names.LAUNCHED, "Unknown",
        Explanation(
            "LaunchFailed", "the provider's error",
            "The launch failed and is tried again; after 5 minutes the NodeClaim is given up.",
            "With `spec.failures` it is what was asked for: end the failure. Else read the message.", _LAUNCH,
        ),
    ),
    OfCondition(
        _CLAIM, names.REGISTERED_CONDITION, "True",
        Explanation(names.REGISTERED_CONDITION, "", "Its Node has joined.", source=_REGISTRATION),
    ),
    OfCondition(
        _CLAIM, names.REGISTERED_CONDITION, "Unknown",
        Explanation(
            "NodeNotFound", "Node not registered with cluster",
            "The instance is there, its Node is not yet; after 15 minutes the NodeClaim is given up.",
            "Wait for `spec.nodeProvider` to let it join; `spec.failures` NeverRegisters keeps it from that.",
            _REGISTRATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INITIALIZED_CONDITION, "True",
        Explanation(
            names.INITIALIZED_CONDITION, "", "The Node takes pods: a replacement counts from here.",
            source=_INITIALIZATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INITIALIZED_CONDITION, "Unknown",
        Explanation(
            "NodeNotFound", "Node not registered with cluster", "There is no Node yet.",
            "See Registered.", _INITIALIZATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INITIALIZED_CONDITION, "Unknown",
        Explanation(
            "NodeNotReady", "Node status is NotReady", "The Node has joined and its kubelet is not Ready.",
            _STARTING, _INITIALIZATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INITIALIZED_CONDITION, "Unknown",
        Explanation(
            "StartupTaintsExist", 'StartupTaint "…" still exists',
            "A taint of the NodePool's `startupTaints` has not been taken off.",
            "Let what the taint waits for come up (a DaemonSet, mostly), or take the taint out of the NodePool.",
            _INITIALIZATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INITIALIZED_CONDITION, "Unknown",
        Explanation(
            "KnownEphemeralTaintsExist", 'KnownEphemeralTaint "…" still exists',
            "A taint that Kubernetes itself takes off, such as not-ready, is still there.",
            "`kubectl describe node`: why it is not ready, or which cloud controller is missing.", _INITIALIZATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INITIALIZED_CONDITION, "Unknown",
        Explanation(
            "ResourceNotRegistered", 'Resource "…" was requested but not registered',
            "The Node does not offer a resource that it was launched for, such as a GPU.",
            "Let the device plugin register it, or ask for another instance type.", _INITIALIZATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.READY, "True",
        Explanation(names.READY, "", "Launched, Registered and Initialized are True.", source=_ROOT),
    ),
    OfCondition(
        _CLAIM, names.READY, "Unknown",
        Explanation(
            "ReconcilingDependents", "Initialized=Unknown, …", "At least one of the three is Unknown, none False.",
            _LOOK_AT_NAMED, _ROOT,
        ),
    ),
    OfCondition(
        _CLAIM, names.READY, "False",
        Explanation(
            "UnhealthyDependents", "Launched=False, …", "At least one of the three is False.",
            _LOOK_AT_NAMED, _ROOT,
        ),
    ),
    OfCondition(
        _CLAIM, names.CONSOLIDATABLE, "True",
        Explanation(
            names.CONSOLIDATABLE, "",
            "No pod has come or gone for `consolidateAfter`: when the node is empty it may go.",
            "Nothing; `consolidateAfter: Never` keeps empty nodes.",
            "karpenter: pkg/controllers/nodeclaim/disruption/consolidation.go",
        ),
    ),
)  # fmt: skip

# Reason of Drifted: what it means, what to do.
_DRIFTS: Final = {
    DriftReason.NODE_POOL_DRIFTED: (
        "The NodePool's template was changed: its hash is not the NodeClaim's.",
        f"{_PROGRESS} To keep the nodes, take the change back.", _DRIFT,
    ),
    DriftReason.REQUIREMENTS_DRIFTED: (
        "The NodeClaim's labels do not meet the NodePool's requirements any more.",
        f"{_PROGRESS} To keep the node, widen `spec.template.spec.requirements` again.", _DRIFT,
    ),
    DriftReason.INSTANCE_TYPE_NOT_FOUND: (
        "The instance type, or its offer in this zone and capacity type, is not there any more.", _PROGRESS, _DRIFT,
    ),
    DriftReason.NODE_CLASS_DRIFT: (
        "The AKSNodeClass was changed: its hash is not the NodeClaim's.",
        f"{_PROGRESS} To keep the nodes, take the change back.", _AZURE_DRIFT,
    ),
    DriftReason.K8S_VERSION_DRIFT: (
        "The AKSNodeClass has a newer Kubernetes version than the node. No window gates it.", _PROGRESS, _AZURE_DRIFT,
    ),
    DriftReason.KUBELET_IDENTITY_DRIFT: (
        "The cluster's kubelet identity is another one than the node's.", _PROGRESS, _AZURE_DRIFT,
    ),
    DriftReason.IMAGE_DRIFT: (
        "The node's image is not among `status.images` of its AKSNodeClass: a newer one was picked up.",
        _PROGRESS, _AZURE_DRIFT,
    ),
    DriftReason.CLUSTER_CONFIG_DRIFT: (
        "After a change of the cluster's configuration AKS asks for the node to be made anew. Never found here.",
        _PROGRESS, _AZURE_DRIFT,
    ),
}  # fmt: skip
_DRIFTED: Final = tuple(
    OfCondition(_CLAIM, names.DRIFTED, "True", Explanation(str(reason), str(reason), meaning, remedy, source))
    for reason, (meaning, remedy, source) in _DRIFTS.items()
)

_LEAVING: Final = (
    OfCondition(
        _CLAIM, names.DISRUPTION_REASON, "True",
        Explanation(
            "Drifted", "Drifted", "A command replaces the node because it has drifted.",
            "Nothing: the replacement comes first.", _QUEUE,
        ),
    ),
    OfCondition(
        _CLAIM, names.DISRUPTION_REASON, "True",
        Explanation(
            "Empty", "Empty", "A command deletes the node because it is empty.",
            "Nothing; to keep it, `consolidateAfter: Never` or a budget with reason Empty.",
            _QUEUE,
        ),
    ),
    OfCondition(
        _CLAIM, names.DRAINED, "Unknown",
        Explanation(
            "Draining", "", "Pods of the leaving node are evicted, in four tiers.",
            "`napsim why NODE`: which pod is waited for, and which PodDisruptionBudget holds it.", _TERMINATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.DRAINED, "True",
        Explanation(names.DRAINED, "", "No pod is waited for any more.", source=_TERMINATION),
    ),
    OfCondition(
        _CLAIM, names.VOLUMES_DETACHED, "Unknown",
        Explanation(
            "AwaitingVolumeDetachment", "", "VolumeAttachments of drained pods are left.",
            "Wait; `kubectl get volumeattachments`. A terminationGracePeriod of the NodeClaim ends the wait.",
            _TERMINATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.VOLUMES_DETACHED, "True",
        Explanation(names.VOLUMES_DETACHED, "", "No attachment is left.", source=_TERMINATION),
    ),
    OfCondition(
        _CLAIM, names.VOLUMES_DETACHED, "False",
        Explanation(
            "TerminationGracePeriodElapsed", "", "The terminationGracePeriod is over: attachments were not waited for.",
            "Nothing; where data matters, a longer terminationGracePeriod.", _TERMINATION,
        ),
    ),
    OfCondition(
        _CLAIM, names.INSTANCE_TERMINATING, "True",
        Explanation(
            names.INSTANCE_TERMINATING, "", "The provider removes the instance.",
            source="karpenter: pkg/controllers/nodeclaim/lifecycle/controller.go",
        ),
    ),
)  # fmt: skip

_NODE_POOLS: Final = (
    OfCondition(
        _POOL, names.VALIDATION_SUCCEEDED, "True",
        Explanation(names.VALIDATION_SUCCEEDED, "", "The pool is valid.",
        source=_VALIDATION),
    ),
    OfCondition(
        _POOL, names.VALIDATION_SUCCEEDED, "False",
        Explanation(
            "NodePoolValidationFailed", "spec.template.spec.taints[…]: duplicate taint Key/Effect pair …",
            "Something is wrong that the API server does not see; nothing is launched for the pool.",
            "Correct the field that the message names.", _VALIDATION,
        ),
    ),
    OfCondition(
        _POOL, names.NODECLASS_READY, "True",
        Explanation(names.NODECLASS_READY, "", "Its AKSNodeClass is Ready.",
        source=_READINESS),
    ),
    OfCondition(
        _POOL, names.NODECLASS_READY, "False",
        Explanation(
            "NodeClassNotReady", "NodeClass … is not ready",
            "Its AKSNodeClass is there and not Ready: nothing is launched.",
            "`kubectl describe aksnodeclass`: which of its conditions is not True.",
            _READINESS,
        ),
    ),
    OfCondition(
        _POOL, names.NODECLASS_READY, "False",
        Explanation(
            "NodeClassNotFound", "spec.template.spec.nodeClassRef.name '…': no AKSNodeClass of this name; there are …",
            "The AKSNodeClass that it names is not there: nothing is launched, nothing drifts.",
            "Apply the AKSNodeClass, or name one that is there.", _READINESS,
        ),
    ),
    OfCondition(
        _POOL, names.NODE_REGISTRATION_HEALTHY, "True",
        Explanation(
            names.NODE_REGISTRATION_HEALTHY, "", "Fewer than two of its last four NodeClaims failed to register.",
            source=_REGISTRATION_HEALTH,
        ),
    ),
    OfCondition(
        _POOL, names.NODE_REGISTRATION_HEALTHY, "False",
        Explanation(
            "RegistrationFailed", "Failed to register node",
            "Two of its last four nodes were launched and never joined.",
            "Look at what keeps Nodes from joining: image, network, bootstrap; here `spec.failures` NeverRegisters.",
            _LIVENESS,
        ),
    ),
    OfCondition(
        _POOL, names.NODE_REGISTRATION_HEALTHY, "False",
        Explanation(
            "LaunchFailed", "the provider's error", "Two of its last four nodes could not be launched.",
            "Read the message; here `spec.failures` LaunchFails asks for it.",
            _LIVENESS,
        ),
    ),
    OfCondition(
        _POOL, names.NODE_REGISTRATION_HEALTHY, "Unknown",
        Explanation(
            AWAITING_REASON, AWAITING_MESSAGE,
            "The pool or its class was changed, and no node has been tried since; the pool can be Ready.",
            source=_REGISTRATION_HEALTH,
        ),
    ),
    OfCondition(
        _POOL, names.READY, "True",
        Explanation(names.READY, "", "ValidationSucceeded and NodeClassReady are True.", source=_ROOT),
    ),
    OfCondition(
        _POOL, names.READY, "False",
        Explanation(
            "UnhealthyDependents", "NodeClassReady=False, …", "One of the two is False: nothing is launched.",
            _LOOK_AT_NAMED, _ROOT,
        ),
    ),
    OfCondition(
        ("NodePool", "NodeAutoProvisioning"), names.PRE_SPUN_CAPACITY, "False",
        Explanation(
            "InPlace", "NodePools played in place: …",
            "Real Nodes play the pool: pods of a drained node wait for room on those that are there.",
            "Nothing; with provider kwok replacements come first.",
        ),
    ),
)  # fmt: skip

_NODE_CLASSES: Final = (
    *(
        OfCondition(_CLASS, type_, "True", Explanation(type_, "", meaning, source=source))
        for type_, meaning, source in (
            (names.KUBERNETES_VERSION_READY, "`status.kubernetesVersion` may be read.",
            _AZURE_VERSION),
            (names.IMAGES_READY, "`status.images` may be read: new nodes get them.",
            _AZURE_IMAGES),
            (names.SUBNETS_READY, "Always True here: there is no cloud.",
            "azure: pkg/controllers/nodeclass/status/subnet.go"),
            (names.VALIDATION_SUCCEEDED, "Always True here: there is no cloud.",
            "azure: pkg/controllers/nodeclass/status/validation.go"),
            (names.LOCAL_DNS_READY, "Always True here: there is no cloud.",
            "azure: pkg/controllers/nodeclass/status/localdns.go"),
        )
    ),
    OfCondition(
        _CLASS, names.IMAGES_READY, "False",
        Explanation(
            "ImagesNotFound", "ImageSelectors did not match any Images",
            "No published NodeImage is of a definition that the class selects: nothing is launched.",
            "Apply NodeImages of its family (`napsim doctor` names the definitions), or change `spec.imageFamily`.",
            _AZURE_IMAGES,
        ),
    ),
    OfCondition(
        _CLASS, names.IMAGES_READY, "False",
        Explanation(
            "SIGRequiredForFIPS", "FIPS images require UseSIG to be enabled, …",
            "`spec.fipsMode` asks for images that the community gallery does not have.",
            "`spec.imageGallery: Shared` of NodeAutoProvisioning, as AKS has it, or no FIPS.",
            _AZURE_IMAGES,
        ),
    ),
    OfCondition(
        _CLASS, names.IMAGES_READY, "False",
        Explanation(
            "KubernetesUpgrade", "Performing kubernetes upgrade, need to get latest images",
            "The API server has a newer version: the latest images are taken, whatever the window says.",
            "Nothing: it passes at the next look.", _AZURE_VERSION,
        ),
    ),
    OfCondition(
        _CLASS, "each of these", "Unknown",
        Explanation(AWAITING_REASON, AWAITING_MESSAGE, _NOT_DECIDED, "Start the operator, or wait a second.", _ROOT),
    ),
    OfCondition(
        _CLASS, names.READY, "True",
        Explanation(names.READY, "", "All of these are True at the object's generation.", source=_ROOT),
    ),
    OfCondition(
        _CLASS, names.READY, "Unknown",
        Explanation(
            "ReconcilingDependents", "ImagesReady=Unknown, …", "One of them is Unknown, or of an older generation.",
            "Wait; if it stays, look at the condition that the message names.", _ROOT,
        ),
    ),
    OfCondition(
        _CLASS, names.READY, "False",
        Explanation(
            "UnhealthyDependents", "ImagesReady=False, …", "One of them is False: nothing is launched.",
            _LOOK_AT_NAMED, _ROOT,
        ),
    ),
)  # fmt: skip

_CLUSTERS: Final = (
    OfCondition(
        _CLUSTER, names.ROLLED_OUT, "True",
        Explanation(
            "AllNodesOnTarget", "14 of 14 nodes are on the target",
            "Every node runs what its class asks for, and nothing newer waits.",
        ),
    ),
    OfCondition(
        _CLUSTER, names.ROLLED_OUT, "False",
        Explanation(
            "NodesOffTarget", "11 of 14 nodes are on the target", "A rollout is under way.",
            "`napsim watch`, and `napsim why pool/NAME` where it stands still.",
        ),
    ),
    OfCondition(
        _CLUSTER, names.ROLLED_OUT, "False",
        Explanation(
            "WaitingForWindow", "14 of 14 nodes are on the target, but … is published and waits to be picked up",
            "A newer image is published, and the window (or the list of images, kept for 72 hours) holds it.",
            "`napsim windows`: when it opens; `napsim why image/VERSION`: what holds it.",
        ),
    ),
    OfCondition(
        _CLUSTER, names.ROLLED_OUT, "False",
        Explanation("ImagePickedUp", "default: 202601.27.0 to 202602.13.0 (…)",
        "An image was picked up this moment: nodes are about to drift."),
    ),
    OfCondition(
        _CLUSTER, names.ROLLED_OUT, "False",
        Explanation(
            "NoNodes", "0 of 0 nodes are on the target", "There is no node of a NodePool.",
            "Apply a NodePool, and pods or `spec.replicas`.",
        ),
    ),
    OfCondition(
        _CLUSTER, names.READY, "True",
        Explanation("Driving", "… is kept up to date", "Drive mode: the ConfigMap is what the windows say."),
    ),
    OfCondition(
        _CLUSTER, names.READY, "False",
        Explanation(
            "DriveNeedsWallClock", "spec.clock: Invalid value: …: in drive mode factor must be 1 and start absent, …",
            "Drive mode: the provider reads the ConfigMap by the wall clock.", "Take `spec.clock` out.",
        ),
    ),
    OfCondition(
        _CLUSTER, names.READY, "False",
        Explanation(
            "ConfigMapOfAnother", "… has no label …, so somebody else keeps it, and it is left as it is: …",
            "Drive mode: the ConfigMap is AKS's or somebody's own.", "Delete it, or give it the label.",
        ),
    ),
    OfCondition(
        _CLUSTER, names.READY, "False",
        Explanation(
            "ConfigMapRefused", "…: what the API server answered", "Drive mode: the ConfigMap could not be written.",
            "Mostly permissions (docs/rbac.md). It is tried again.",
        ),
    ),
)  # fmt: skip

_EVERYWHERE: Final = (
    OfCondition(
        _DECLARED, names.READY, "True", Explanation(names.READY, "", "The object is in use."),
    ),
    OfCondition(
        (*_DECLARED, "NodePool", "AKSNodeClass"), names.READY, "False",
        Explanation(
            "InvalidSpec", "spec.…: what is wrong, and what is allowed",
            "The object cannot be used; the last good state of it stands in, if there was one.",
            "Correct the fields that the message names; `napsim lint FILE` shows their lines.",
        ),
    ),
    OfCondition(
        ("NodeAutoProvisioning", "MaintenanceConfiguration", "NodePool"), names.NOT_YET_HONOURED, "True",
        Explanation(
            "FieldsWithoutEffect", "accepted, but without effect in this version: spec.…",
            "The manifest is right, and napsim does not play these fields.",
            "Nothing; bear it in mind when you compare with production.",
        ),
    ),
)  # fmt: skip

CONDITIONS: Final = (*_NODE_CLAIMS, *_DRIFTED, *_LEAVING, *_NODE_POOLS, *_NODE_CLASSES, *_CLUSTERS, *_EVERYWHERE)
