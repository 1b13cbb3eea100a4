"""The events of every kind, Karpenter's and napsim's."""

from __future__ import annotations

from typing import Final

from napsim.api import names
from napsim.core.story import BLOCKED_FOR, Told
from napsim.report.reasons.explanations import Explanation, OfEvent

_CLUSTER: Final = ("NodeAutoProvisioning",)
_POOLS: Final = ("NodeAutoProvisioning", "NodePool")
_NODE: Final = ("Node",)
_CLAIM: Final = ("NodeClaim",)
_BOTH: Final = ("Node", "NodeClaim")
_POD: Final = ("Pod",)
_CLASS: Final = ("AKSNodeClass",)
_DISRUPTION: Final = "karpenter: pkg/controllers/disruption/events/events.go"
_LIFECYCLE: Final = "karpenter: pkg/controllers/nodeclaim/lifecycle/events.go"
_TERMINATOR: Final = "karpenter: pkg/controllers/node/termination/terminator"
_MINUTES: Final = int(BLOCKED_FOR.total_seconds() // 60)
_WHY: Final = "`napsim why NODE` names the edit that would let it go."

# What is told of a rollout as a whole.
_STORY: Final = (
    OfEvent(
        ("NodeAutoProvisioning", "NodeImage"),
        Explanation(
            Told.IMAGE_SEEN, "202602.13.0 is published (…); …",
            "A newer image than the one in use is there, and what it waits for.",
        ),
    ),
    OfEvent(
        ("NodeAutoProvisioning", "MaintenanceConfiguration"),
        Explanation(Told.WINDOW_OPENED, "… is open, closes …", "From here on images are picked up."),
    ),
    OfEvent(
        ("NodeAutoProvisioning", "NodeImage", "AKSNodeClass"),
        Explanation(
            Told.IMAGE_PICKED_UP, "default: 202601.27.0 to 202602.13.0 (WindowOpen: the maintenance window is open)",
            "An AKSNodeClass adopts an image, by the rule in brackets. A warning where the 90-day rule forced it.",
            "Nothing; the rules are listed below.",
        ),
    ),
    OfEvent(
        _CLUSTER,
        Explanation(
            Told.ROLLOUT_STARTED, "nodes to be replaced: 12 of pool default, …", "The first nodes have drifted.",
            "`napsim watch`.",
        ),
    ),
    OfEvent(
        _POOLS,
        Explanation(
            Told.NODES_BLOCKED, "pool default: …: pdb prevents pod evictions (…), since …",
            f"Nodes have been kept from being replaced for {_MINUTES} minutes (virtual).", _WHY,
        ),
        warning=True,
    ),
    OfEvent(_POOLS, Explanation(Told.NODES_UNBLOCKED, "pool default: …: no longer …", "What blocked them is over.")),
    OfEvent(
        _CLUSTER,
        Explanation(
            Told.ROLLOUT_FINISHED, "16 nodes replaced in 5h48m, at most 2 disrupted at once",
            "Every node is on the target.",
        ),
    ),
    OfEvent(
        ("NodeAutoProvisioning", "MaintenanceConfiguration"),
        Explanation(
            Told.WINDOW_CLOSED, "… is closed: … is over; nodes that drift go on being replaced",
            "No image is picked up any more. What was picked up goes on rolling out.",
            "Nothing. To keep nodes from being replaced then, a budget.",
        ),
    ),
    OfEvent(
        _CLUSTER,
        Explanation(
            Told.WINDOW_MISSED, "…: … is over and nothing was picked up; … still waits",
            "The window closed while a newer image waited: the list of images was older than it (72 hours).",
            "A longer window, or one that comes more often: `napsim windows`, rule NAP203.",
        ),
        warning=True,
    ),
    OfEvent(
        _CLUSTER, Explanation("KubernetesUpgraded", "Kubernetes goes from … to …",
        "The played control plane upgrades."),
    ),
    OfEvent(
        _CLUSTER,
        Explanation(
            "KubernetesUpgradeWaits", "the upgrade of Kubernetes from … to … waits (upgradeChannel …): …",
            "`spec.kubernetesVersion` is newer, and aksManagedAutoUpgradeSchedule holds it.",
            "Wait for that window; `napsim windows` says when.",
        ),
    ),
    OfEvent(
        _CLUSTER,
        Explanation(
            "ChannelChanged", "The node OS channel … becomes … by … at the latest; …",
            "`spec.nodeOSUpgradeChannel` was changed; AKS takes up to a day.",
        ),
    ),
)  # fmt: skip

_CLASSES: Final = (
    OfEvent(
        _CLASS,
        Explanation(
            "ImageHeld", "202602.13.0 (2404gen2containerd): …",
            "A newer image is on the list and not adopted: the window is closed, until when.",
            "`napsim why image/VERSION`.",
        ),
    ),
    OfEvent(
        _CLASS,
        Explanation(
            "ImagePickUpFailed", "checking maintenance window, …",
            "Whether images may be picked up cannot be told: `status.images` stays as it is.",
            "Correct what the message names, mostly the ConfigMap upcoming-maintenance-window.",
            "azure: pkg/controllers/nodeclass/status/images.go",
        ),
        warning=True,
    ),
)  # fmt: skip

_COMMANDS: Final = (
    OfEvent(
        ("Node", "NodeClaim", "NodePool"),
        Explanation(
            "DisruptionBlocked", "the message of a verdict below, with a capital letter",
            "The node may not be disrupted now; of a NodePool: its budgets allow none.",
            f"Look the message up under “Why a node is not disrupted”; {_WHY}", _DISRUPTION,
        ),
    ),
    OfEvent(
        _CLAIM,
        Explanation("DisruptionLaunching", "Launching NodeClaim: Drifted", "It replaces another.", source=_DISRUPTION),
    ),
    OfEvent(
        _CLAIM,
        Explanation(
            "DisruptionWaitingReadiness", "Waiting on readiness to continue disruption",
            "The node that it replaces stays until this one is initialized.",
            "Nothing; where it lasts, see conditions Launched, Registered, Initialized.", _DISRUPTION,
        ),
    ),
    OfEvent(
        _BOTH,
        Explanation(
            "DisruptionTerminating", "Disrupting Node: Drifted", "Replacements are ready: the node is deleted.",
            source=_DISRUPTION,
        ),
    ),
    OfEvent(
        _NODE,
        Explanation(
            "CommandRolledBack", "Command Drifted of … is rolled back: …; 1 of 1 replacements not initialized",
            "The replacement did not come up within ten minutes, or vanished. The taint is off again.",
            "Look at the replacement's NodeClaim and events; it is tried again.",
        ),
        warning=True,
    ),
    OfEvent(
        _NODE,
        Explanation(
            "InvalidCommand", f"Annotation {names.COMMAND} was not written by napsim and is taken off: …",
            "Somebody else wrote the annotation.", "Leave the annotations of napsim.dev alone.",
        ),
        warning=True,
    ),
)  # fmt: skip

_ENDS: Final = (
    OfEvent(
        _NODE,
        Explanation(
            "FailedDraining", "Failed to drain node, 3 pods are waiting to be evicted",
            "Pods are waited for. Karpenter says this on every drain, also on one that goes well.",
            "Nothing, unless it goes on: then `napsim why NODE`.", _TERMINATOR,
        ),
        warning=True,
    ),
    OfEvent(
        _NODE,
        Explanation(
            "AwaitingVolumeDetachment", "Awaiting deletion of bound volumeattachments (…)",
            "VolumeAttachments of drained pods are left.", "Wait; `kubectl get volumeattachments`.", _TERMINATOR,
        ),
    ),
    OfEvent(
        _BOTH,
        Explanation(
            "TerminationGracePeriodExpiring", "All pods will be deleted by …",
            "The NodePool's terminationGracePeriod runs: after it pods are deleted, whatever their PDB says.",
            "Nothing; a longer terminationGracePeriod gives them more time.", _TERMINATOR,
        ),
        warning=True,
    ),
    OfEvent(
        _CLAIM,
        Explanation(
            names.DRAINED, "Status condition transitioned, Type: Drained, Status: Unknown -> True, Reason: Drained",
            "The drain is over.", source="operatorpkg: status/controller.go",
        ),
    ),
    OfEvent(
        _POD,
        Explanation(
            "Evicted", "Evicted pod: Drifted", "The Eviction API let it go: its node is drained.",
            "Nothing; the reason is the disruption's, Forceful Termination of a deleted NodeClaim, or NodeOSUpgrade.",
            _TERMINATOR,
        ),
    ),
    OfEvent(
        _POD,
        Explanation(
            "Disrupted", "Deleting the pod to accommodate the terminationTime of the node, …",
            "The terminationGracePeriod is nearly over: the pod is deleted, past its PDB.",
            "A PDB that lets it go in time, or a longer terminationGracePeriod.", _TERMINATOR,
        ),
    ),
    OfEvent(
        _CLAIM,
        Explanation(
            "NodeLeftAlone", "Node … is left alone: napsim did not make it, and deletes only what it made",
            "The NodeClaim of a Node of somebody else's was deleted: the Node stays.",
            "To have it played in place: `napsim adopt`; else delete the Node yourself.",
        ),
        warning=True,
    ),
)  # fmt: skip

_LAUNCHES: Final = (
    OfEvent(
        _CLAIM,
        Explanation(
            "InsufficientCapacityError", "NodeClaim … event: unable to allocate resources in the selected zone (…) …",
            "There is no capacity: the NodeClaim is deleted, and its size is not requested again there for an hour.",
            "More zones, sizes or capacity types in the NodePool; here `spec.failures` NoCapacity asks for it.",
            _LIFECYCLE,
        ),
        warning=True,
    ),
    OfEvent(
        _CLAIM,
        Explanation(
            "NodeClassNotReady", "NodeClaim … event: …", "Its AKSNodeClass is not Ready: the NodeClaim is deleted.",
            "`kubectl describe aksnodeclass`: which of its conditions is not True.", _LIFECYCLE,
        ),
        warning=True,
    ),
    OfEvent(
        _CLAIM,
        Explanation(
            "InvalidAnnotation",
            "Annotation … '…': allowed is an instant with its zone, such as 2026-02-15T01:00:00Z; …",
            "Somebody wrote an instant that cannot be read; it is put right.", "Leave these annotations alone.",
        ),
        warning=True,
    ),
    OfEvent(
        _POD,
        Explanation(
            "FailedScheduling", "Failed to schedule pod, …",
            "The pod is pending, and no NodePool could launch a node for it.",
            "The message says what does not fit, pool by pool: requirements, taints, size, limits.",
            "karpenter: pkg/controllers/provisioning/scheduling/events.go",
        ),
        warning=True,
    ),
    OfEvent(
        ("Pod", "DaemonSet"),
        Explanation(
            "UnknownPlacement",
            "Where else the pod may go cannot be followed, and its node is not disrupted for drift: …",
            "A rule of the pod is one that napsim cannot judge; it errs on the side of leaving the node.",
            "The message names the field; see docs/fidelity.md.",
        ),
        warning=True,
    ),
    OfEvent(
        _POD,
        Explanation(
            "DoNotDisruptUntil", f"The {names.DO_NOT_DISRUPT} grace period will elapse at …",
            "The pod keeps its node from being disrupted until then.",
            "Wait, or take the annotation off.", _DISRUPTION,
        ),
    ),
    OfEvent(
        _POD,
        Explanation(
            "DoNotDisruptGracePeriodElapsed",
            f"The {names.DO_NOT_DISRUPT} grace period has elapsed, pod is now disruptable",
            "The annotation's duration is over.", source=_DISRUPTION,
        ),
    ),
    OfEvent(
        _POD,
        Explanation(
            "InvalidDoNotDisruptAnnotation", f"Invalid {names.DO_NOT_DISRUPT} annotation: …, ignoring annotation",
            "The value is neither true nor a duration: the pod is not protected.",
            'Write `"true"`, or a duration such as `"4h"`.', _DISRUPTION,
        ),
        warning=True,
    ),
)  # fmt: skip

_IN_PLACE: Final = (
    OfEvent(
        _NODE,
        Explanation(
            "Adopted", "NodeClaim … stands for the Node in NodePool …",
            "The Node plays a node of that pool from here on.",
            f"Nothing; to let it go, take label {names.PLAYS_NODEPOOL} off.",
        ),
    ),
    OfEvent(
        _NODE,
        Explanation(
            "AdoptionRefused", "NodePoolNotFound: …",
            "The Node asks for a pool and is not taken; the reason comes first.",
            "Look the reason up under “Why a Node is not adopted”.",
        ),
        warning=True,
    ),
    OfEvent(
        _NODE,
        Explanation(
            "ReplacedInPlace", "Node image … is replaced by …, in place", "The same Node is back, with the new image.",
        ),
    ),
    OfEvent(
        _NODE,
        Explanation(
            "Released", "The Node plays NodePool … no more; everything napsim wrote is taken off",
            "The label was taken off, or the pool has gone.",
        ),
    ),
    OfEvent(
        _NODE,
        Explanation(
            "OSUpgradeBegan", "Node is cordoned and drained, to be reimaged from … to …",
            "A node of an AKS agent pool (`spec.agentPools.mode: Play`) is upgraded.",
        ),
    ),
    OfEvent(_NODE, Explanation("OSUpgraded", "Node is reimaged from … to …", "It is done, and uncordoned.")),
    OfEvent(
        _NODE,
        Explanation(
            "LivePatched", "Security patch is put on live, nothing is drained: … is …",
            "Channel SecurityPatch: the node's label changes, its pods stay.",
        ),
    ),
    OfEvent(
        _NODE,
        Explanation(
            "OSUpgradePrevented", "The upgrade to … is given up: …", "The drain did not end within `drainTimeout`.",
            "Let the PodDisruptionBudgets that the message names allow an eviction; with `catchUp` it is made up for.",
        ),
        warning=True,
    ),
    OfEvent(
        _NODE,
        Explanation(
            "OSUpgradeEnded", "The upgrade to … ends unfinished: …",
            "The Node is not to be upgraded any more; it is as it was, and what was evicted stays evicted.",
        ),
    ),
)  # fmt: skip

EVENTS: Final = (*_STORY, *_CLASSES, *_COMMANDS, *_ENDS, *_LAUNCHES, *_IN_PLACE)
