"""Other words that napsim gives for what it does: rules of pick-up, links, agent pools, adoption, failures."""

from __future__ import annotations

from typing import Final

from napsim.core.adoption import AdoptionReason
from napsim.core.channels import UpgradeReason
from napsim.core.failures import FailureKind
from napsim.core.pickup import PickupRule
from napsim.report.reasons.explanations import NOTHING, Explanation

_IMAGES: Final = "azure: pkg/controllers/nodeclass/status/images.go"
_NINETY: Final = "AKS: node auto-provisioning, the 90-day rule"
_CHANNELS: Final = "AKS: node OS upgrade channels"
_LAUNCH: Final = "karpenter: pkg/controllers/nodeclaim/lifecycle"

PICKUPS: Final = (
    Explanation(
        PickupRule.NEW_NODE_CLASS, "the AKSNodeClass had no images yet", "A new class takes the latest at once.",
        NOTHING, _IMAGES,
    ),
    Explanation(
        PickupRule.KUBERNETES_UPGRADE, "Kubernetes was upgraded to …", "The images of the new version, at once.",
        "To hold it, hold the upgrade of Kubernetes.", _IMAGES,
    ),
    Explanation(
        PickupRule.IMAGES_WERE_NOT_READY, "ImagesReady was …",
        "The images could not be read before: the latest, at once.",
        NOTHING, _IMAGES,
    ),
    Explanation(
        PickupRule.CATALOGUE_SWITCHED, "the node OS channel now lists another catalogue",
        "Not played: by upstream's open pull request 1821 the node OS channel would choose NAP's catalogue too.",
        NOTHING, "azure: pull request 1821",
    ),
    Explanation(
        PickupRule.NO_WINDOW, "no maintenance window is defined, so images are adopted at any time",
        "Nothing gates it.",
        "Apply an aksManagedNodeOSUpgradeSchedule.", _IMAGES,
    ),
    Explanation(PickupRule.WINDOW_OPEN, "the maintenance window is open", "The usual way.", NOTHING, _IMAGES),
    Explanation(
        PickupRule.NEW_DEFINITION, "no image of this definition was held", "The class selects another definition now.",
        NOTHING, _IMAGES,
    ),
    Explanation(
        PickupRule.DEFINITION_GONE, "the AKSNodeClass selects no image of this definition any more",
        "`imageFamily`, `fipsMode` or `spec.imageGallery` was changed.", NOTHING, _IMAGES,
    ),
    Explanation(
        PickupRule.IMAGE_EXPIRED, "… is of …, more than 90 days ago",
        "The window does not count for an image this old.",
        "Windows that come more often; NAP203 and NAP204 tell.", _NINETY,
    ),
    Explanation(
        PickupRule.MALFORMED_IMAGE_VERSION, "the age of version '…' cannot be told",
        "A version without a date counts as too old.", "Name versions as AKS does: 202602.13.0.", _NINETY,
    ),
    Explanation(
        PickupRule.SIG_REQUIRED_FOR_FIPS, "FIPS images exist in the shared image gallery only",
        "The list is emptied: nothing is launched.", "`spec.imageGallery: Shared`, or no FIPS.", _IMAGES,
    ),
)  # fmt: skip

LINKS: Final = (
    Explanation(
        "ListCache", "the list was read …, before it was published, and is kept for 72 hours",
        "Images are listed at most every 72 hours.",
        "Wait; `spec.listCacheDuration` shortens it here, and `napsim why` prints the edit.", _IMAGES,
    ),
    Explanation(
        "NotPublished", "it is not published yet", "The NodeImage's `publishedAt` is to come.",
        "Wait, or publish it sooner.",
    ),
    Explanation(
        "NotSelected", "no AKSNodeClass selects images of …", "No node will ever run it.",
        "Choose `spec.imageFamily` of a class that does.",
    ),
    Explanation(
        "NodeClassMissing", "there is no AKSNodeClass …", "The node's class is gone: its drift cannot be told.",
        "Apply the AKSNodeClass.",
    ),
    Explanation(
        "ImageUnknown", "its label names no image: '…'",
        "Label kubernetes.azure.com/node-image-version of a Node of an agent pool cannot be read.",
        "Give the Node the label that AKS gives it: AKSUbuntu-2404gen2containerd-202602.13.0.",
    ),
    Explanation(
        "Ignored", "… lets agent pools be: spec.agentPools.mode is Ignore",
        "Nodes of AKS agent pools are left alone.",
        "`spec.agentPools.mode: Play`, where they are to be drained and upgraded.",
    ),
    Explanation(
        "NeverTouched", "… never touches it: …", "A Node of a control plane, or of a real cloud.",
        "Nothing; rehearse on a test cluster.",
    ),
)  # fmt: skip

UPGRADES: Final = (
    Explanation(UpgradeReason.WINDOW, "… is open: …", "Upgrades may begin.", NOTHING, _CHANNELS),
    Explanation(UpgradeReason.CLOSED, "… is closed; next window: …", "They may not.", "Wait for the window.",
    _CHANNELS),
    Explanation(
        UpgradeReason.CADENCE, "due since …; next on …", "Without a window the channel's cadence holds.", NOTHING,
        _CHANNELS,
    ),
    Explanation(
        UpgradeReason.CHANNEL, "channel None: …", "The channel upgrades nothing.", "Choose another channel.", _CHANNELS,
    ),
    Explanation(
        UpgradeReason.STOPPED, "the cluster is stopped: nothing can run", "It is in a span of `agentPools.stopped`.",
        "Wait for its end.", _CHANNELS,
    ),
    Explanation(
        UpgradeReason.MISSED, "the cluster was stopped when the window began: it is missed",
        "This window does not count.",
        "Wait for the next window.", _CHANNELS,
    ),
    Explanation(
        UpgradeReason.URGENT, "urgent maintenance does not wait for a window",
        "A span of `agentPools.urgentMaintenance`.",
        NOTHING, _CHANNELS,
    ),
    Explanation(
        UpgradeReason.CATCH_UP, "made up for outside the window: it was prevented inside it",
        "A drain was given up; it is tried again outside the window.",
        "`agentPools.catchUp: false` for what holds since April 2026.",
        _CHANNELS,
    ),
    Explanation(
        UpgradeReason.PREVENTED, "a drain was given up: …; tried again from …", "It is not tried again for a day.",
        "Let the PodDisruptionBudget allow an eviction.", _CHANNELS,
    ),
    Explanation(
        UpgradeReason.CHANGED, "the channel was changed to one that reimages nodes",
        "The change of channel reimages nodes.", NOTHING, _CHANNELS,
    ),
)  # fmt: skip

ADOPTIONS: Final = (
    Explanation(AdoptionReason.ADOPTED, "NodeClaim …", "The Node plays a node of the pool."),
    Explanation(
        AdoptionReason.NOT_OPTED_IN, "the Node has no label napsim.dev/nodepool", "Nobody asked for it.",
        "`napsim adopt NODE --pool POOL`.",
    ),
    Explanation(
        AdoptionReason.CONTROL_PLANE, "the Node is of the control plane (…)", "Such a Node is never taken.",
        "Take another Node.",
    ),
    Explanation(
        AdoptionReason.CLOUD_NODE, "spec.providerID '…' is a real cloud's; taken are Nodes of …",
        "A Node of a real cloud is never taken: it would be drained.", "Use a test cluster: kind, k3d, minikube.",
    ),
    Explanation(AdoptionReason.DELETING, "the Node is being deleted", "It is on its way out.", "Wait."),
    Explanation(AdoptionReason.HAS_NODECLAIM, "the Node has NodeClaim …", "It is taken already.", NOTHING),
    Explanation(
        AdoptionReason.OTHER_KARPENTER,
        "the Node has label karpenter.sh/nodepool=…, which napsim did not write: it is another Karpenter's",
        "Another Karpenter's.",
        "Leave it, or take the label off when that Karpenter is gone.",
    ),
    Explanation(
        AdoptionReason.NODEPOOL_NOT_FOUND, "there is no usable NodePool '…'", "The pool is missing, or cannot be used.",
        "Apply the NodePool, or correct the label.",
    ),
    Explanation(
        AdoptionReason.NODEPOOL_DELETING, "NodePool … is being deleted", "It takes no Node any more.",
        "Name another pool.",
    ),
    Explanation(
        AdoptionReason.NODEPOOL_NOT_IN_PLACE,
        "NodePool … has fake nodes: neither its annotation napsim.dev/node-provider nor …", "Its nodes are fake ones.",
        "Annotation napsim.dev/node-provider: inPlace on the NodePool, or `spec.nodeProvider.kind: inPlace`.",
    ),
    Explanation(
        AdoptionReason.NO_INSTANCE_TYPE, "no instance type or no zone meets the requirements of NodePool …",
        "No size and zone that there are meet them.",
        "Set `spec.nodeProvider.instanceType`, or widen the pool's requirements.",
    ),
    Explanation(
        AdoptionReason.REQUIREMENTS, "the Node's labels do not meet the requirements of NodePool …: …",
        "Labels of the Node are ruled out by the pool's requirements.",
        "Change the Node's labels, or the requirements.",
    ),
    Explanation(
        AdoptionReason.NODECLASS_NOT_READY, "what the class waits for", "Its AKSNodeClass is missing or not Ready.",
        "`kubectl describe aksnodeclass`.",
    ),
    Explanation(
        AdoptionReason.NO_IMAGE, "the AKSNodeClass of NodePool … has no image for it",
        "No image fits its architecture.",
        "Apply NodeImages of that architecture.",
    ),
)  # fmt: skip

FAILURES: Final = (
    Explanation(
        FailureKind.NO_CAPACITY, "unable to allocate resources in the selected zone (…) …",
        "A launch is refused: event InsufficientCapacityError.", "More zones, sizes or capacity types.", _LAUNCH,
    ),
    Explanation(
        FailureKind.LAUNCH_FAILS, "creating instance, the cloud provider answered with an error",
        "Launched is Unknown, LaunchFailed; given up after 5 minutes.", NOTHING, _LAUNCH,
    ),
    Explanation(
        FailureKind.NEVER_REGISTERS, "", "The Node does not join; given up after 15 minutes.", NOTHING, _LAUNCH,
    ),
    Explanation(
        FailureKind.NEVER_INITIALIZES, "", "Initialized is Unknown, KnownEphemeralTaintsExist; the node stays.",
        "Delete the NodeClaim.", _LAUNCH,
    ),
    Explanation(
        FailureKind.STARTUP_TAINT_STAYS, "", "Initialized is Unknown, StartupTaintsExist; the node stays.",
        "Take the taint off, or delete the NodeClaim.", _LAUNCH,
    ),
    Explanation(
        FailureKind.NODE_FAILS, "Kubelet stopped posting node status.",
        "An initialized Node turns NotReady: it counts against the budgets of its pool.", NOTHING, _LAUNCH,
    ),
    Explanation(
        FailureKind.INSTANCE_GONE, "Kubelet stopped posting node status.",
        "The cloud does not know the instance: the NodeClaim goes within two minutes, without a drain.", NOTHING,
        _LAUNCH,
    ),
)  # fmt: skip
