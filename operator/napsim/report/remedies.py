"""What would have to change where a rollout does not finish, by the reason that a node is blocked for.

Policy: ours. Each sentence names a field to look at, and follows from what ends the verdict (core/README.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from napsim.core.reasons import Reason

_UNDISTURBED: Final = "remove the annotation karpenter.sh/do-not-disrupt, or let it end by giving it a duration"
_GRACE: Final = "a terminationGracePeriod in the NodePool's template would end the wait by force"

_REMEDIES: Final[dict[str, str]] = {
    Reason.PDB: (
        "let the PodDisruptionBudget allow a disruption: more replicas, a smaller minAvailable, or maxUnavailable of 1"
        f" or more; {_GRACE}"
    ),
    Reason.MULTIPLE_PDBS: "let one PodDisruptionBudget alone select the pod: with several, eviction is refused",
    Reason.POD_DO_NOT_DISRUPT: f"{_UNDISTURBED}; {_GRACE}",
    Reason.NODE_DO_NOT_DISRUPT: f"on the Node, {_UNDISTURBED}",
    Reason.BUDGET: (
        "let the NodePool's spec.disruption.budgets allow a node at some time: every budget that is active counts, and"
        " the smallest holds"
    ),
    Reason.SURGE_LIMIT: "raise spec.limits of the NodePool: a replacement is launched before the old node goes",
    Reason.UNSCHEDULABLE: (
        "make room for the pods of the node: an instance type that is large enough, zones and labels that their"
        " constraints allow, higher limits"
    ),
    Reason.WAITING_READINESS: "let replacements become ready: capacity in the zone, the instance type, startup taints",
    Reason.COMMAND_TIMEOUT: (
        "let replacements become ready in time: capacity, a launch within 5 minutes, startup taints, registration"
    ),
    Reason.DRAINING: f"let the pods that are waited for leave; {_GRACE}",
    Reason.NOT_INITIALIZED: "let the node become ready, or delete it: one that is not initialized is never replaced",
    "NotReady": (
        "let the nodes that are not ready come back, or delete them: budgets count them as disrupted, and leave that"
        " much less to others"
    ),
    Reason.NODEPOOL_NOT_FOUND: "apply the NodePool that the Node's label names, or delete the Node",
}
WINDOW: Final = (
    "let the maintenance window open: a newer image exists and the class has not picked it up; longer or more frequent"
    " windows meet a list of images that is up to 72 hours old"
)
LATER: Final = "let the forecast go on: nothing stands in the way of the nodes that are left, but its end"


def remedies(reasons: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each reason that something can be done about, in order, each once."""
    found = (_REMEDIES.get(reason) for reason in reasons)
    return tuple(dict.fromkeys(remedy for remedy in found if remedy))
