"""What would have to change where a rollout does not finish, by the reason that a node is blocked for.

Policy: ours. Each sentence names a field to look at, and follows from what ends the verdict (core/README.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from napsim.core.reasons import Reason

# A NodeClaim keeps the one that it was created with, and a change of the template makes the whole pool drift.
_GRACE: Final = (
    "a terminationGracePeriod in the NodePool's template ends such a wait by force, but only for nodes that are created"
    " after it was set"
)
_UNDISTURBED: Final = "remove the annotation karpenter.sh/do-not-disrupt, or let it end by giving it a duration"

_REMEDIES: Final[dict[str, str]] = {
    Reason.PDB: (
        "let the PodDisruptionBudget allow a disruption: more replicas, a smaller minAvailable, or maxUnavailable of 1"
        f" or more; {_GRACE}"
    ),
    Reason.MULTIPLE_PDBS: "let one PodDisruptionBudget alone select the pod: with several, eviction is refused",
    Reason.POD_DO_NOT_DISRUPT: f"{_UNDISTURBED}; {_GRACE}",
    Reason.NODE_DO_NOT_DISRUPT: f"on the Node, {_UNDISTURBED}",
    Reason.BUDGET: (
        "change the NodePool's spec.disruption.budgets so that they allow a node at some time: of all budgets that are"
        " active, the strictest decides"
    ),
    Reason.SURGE_LIMIT: "raise spec.limits of the NodePool: a replacement is launched before the old node goes",
    Reason.UNSCHEDULABLE: (
        "make room for the pods of the node: an instance type that is large enough, zones and labels that their"
        " constraints allow, higher limits"
    ),
    Reason.WAITING_READINESS: "find out why the replacement is not ready: capacity, instance type, startup taints",
    Reason.COMMAND_TIMEOUT: (
        "find out why replacements are not ready in time: no capacity, no launch within 5 minutes, startup taints that"
        " stay, nodes that do not register"
    ),
    Reason.DRAINING: f"let the pods leave that the drain waits for (napsim why NODE names them); {_GRACE}",
    Reason.NOT_INITIALIZED: "let the node become ready, or delete it: one that is not initialized is never replaced",
    "NotReady": (
        "repair or delete the nodes that are not ready: budgets count them as disrupted, so that fewer others may go"
    ),
    "NodeClassMissing": "apply the AKSNodeClass that spec.template.spec.nodeClassRef of the NodePool names",
    Reason.NODEPOOL_NOT_FOUND: (
        "apply the NodePool that the Node's label names, and the class that it refers to, or delete the Node"
    ),
    "MaintenanceWindow": (
        "open the maintenance window more often or for longer (the list of images can be 72 hours old, so that an image"
        " can miss a window), or let the forecast go on until the next one (--until)"
    ),
    "ImageList": (
        "let the forecast go on (--until): the list of images is kept for a while (on AKS for 72 hours), and the image"
        " can be picked up once it is read anew"
    ),
}
LATER: Final = "let the forecast go on (--until): nothing blocks the nodes that are left, it ends too early for them"


def remedies(reasons: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each reason that something can be done about, in order, each once."""
    found = (_REMEDIES.get(reason) for reason in reasons)
    return tuple(dict.fromkeys(remedy for remedy in found if remedy))
