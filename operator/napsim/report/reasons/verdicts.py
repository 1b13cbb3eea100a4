"""Why a node is not disrupted: every reason of a verdict. What to do is what a forecast says at its end (remedies)."""

from __future__ import annotations

from typing import Final

from napsim.core.reasons import Reason
from napsim.report.reasons.explanations import NOTHING, Explanation
from napsim.report.remedies import remedies

_CANDIDATES: Final = "karpenter: pkg/controllers/state/statenode.go"
_TYPES: Final = "karpenter: pkg/controllers/disruption/types.go"
_PODS: Final = "karpenter: pkg/controllers/state/statenode.go, pkg/utils/pdb/pdb.go"
_QUEUE: Final = "karpenter: pkg/controllers/disruption/queue.go"
_TERMINATION: Final = "karpenter: pkg/controllers/node/termination/controller.go"
_HELPERS: Final = "karpenter: pkg/controllers/disruption/helpers.go"
_OURS: Final = "napsim"
_NO_PLACE: Final = (
    'Pods of the node would find no place. With "would schedule against uninitialized …" they would come to a node that'
    " is not ready yet: that passes once it is."
)

# Reason: message, meaning, what else to do where remedies says nothing, source.
_SAID: Final[dict[Reason, tuple[str, str, str, str]]] = {
    Reason.ALLOWED: ("", "Nothing stands in the way.", NOTHING, _OURS),
    Reason.ALREADY_DISRUPTED: (
        "candidate is already being disrupted", "A command has the node.", "Nothing: wait for the command.", _TYPES,
    ),
    Reason.NOT_MANAGED: (
        "node isn't managed by karpenter", "The Node has no NodeClaim.",
        "Nothing; `napsim adopt` has a Node played in place.", _TYPES,
    ),
    Reason.NO_NODE: (
        "nodeclaim does not have an associated node", "The NodeClaim has no Node, or none yet.",
        "See conditions Launched and Registered of the NodeClaim.", _CANDIDATES,
    ),
    Reason.NOT_INITIALIZED: ("node isn't initialized", "Label karpenter.sh/initialized is missing.", "", _CANDIDATES),
    Reason.DELETING: (
        "node is deleting or marked for deletion", "The node is on its way out.", NOTHING, _CANDIDATES,
    ),
    Reason.NOMINATED: (
        "node is nominated for a pending pod", "A pending pod is to be put there.", "Wait: it ends after 20 s.",
        _CANDIDATES,
    ),
    Reason.NODE_DO_NOT_DISRUPT: (
        'disruption is blocked through the "karpenter.sh/do-not-disrupt" annotation', "The Node is protected.",
        "", _CANDIDATES,
    ),
    Reason.NO_NODEPOOL_LABEL: (
        "node doesn't have required label (label=karpenter.sh/nodepool)", "Somebody took the label off.",
        "Put the label back, or delete the NodeClaim.", _CANDIDATES,
    ),
    Reason.NODEPOOL_NOT_FOUND: ("nodepool not found (NodePool=…)", "The NodePool was deleted.", "", _TYPES),
    Reason.NOT_REPLACEABLE_IN_PLACE: (
        "a replacement in place would not end the drift: …",
        "A Node played in place has labels that the pool rules out: it would come back as it was.",
        "Change the Node's labels, or the requirements of the NodePool.", _OURS,
    ),
    Reason.POD_DO_NOT_DISRUPT: (
        'pod has "karpenter.sh/do-not-disrupt" annotation (Pod=…)', "A pod on the node is protected.", "", _PODS,
    ),
    Reason.PDB: (
        "pdb prevents pod evictions (PodDisruptionBudget=[…])", "The PDB of a pod allows no disruption.", "", _PODS,
    ),
    Reason.MULTIPLE_PDBS: (
        "eviction does not support multiple PDBs (PodDisruptionBudget(s)=[…])", "Several PDBs select one pod.", "",
        _PODS,
    ),
    Reason.BUDGET: (
        "No allowed disruptions for disruption reason Drifted due to blocking budget",
        "The NodePool's budgets allow none now.", "", "karpenter: pkg/controllers/disruption/drift.go",
    ),
    Reason.CLUSTER_NOT_SYNCED: (
        "", "A NodeClaim waits for its launch: nothing else starts meanwhile.",
        "Nothing, unless it lasts: see condition Launched of the NodeClaims.",
        "karpenter: pkg/controllers/disruption/controller.go",
    ),
    Reason.SURGE_LIMIT: (
        "resource usage of … exceeds limit of … (NodePool=…)",
        "A replacement comes before its node goes, and the NodePool is above its limits.", "", _HELPERS,
    ),
    Reason.UNSCHEDULABLE: (
        "Not all pods would schedule, …",
        _NO_PLACE,
        "", _HELPERS,
    ),
    Reason.WAITING_READINESS: (
        "Waiting on readiness to continue disruption", "A replacement is not initialized yet.", "", _QUEUE,
    ),
    Reason.COMMAND_TIMEOUT: (
        "command reached timeout", "Replacements took ten minutes or more: the command was rolled back.", "", _QUEUE,
    ),
    Reason.REPLACEMENT_DELETED: (
        "replacement was deleted", "A replacement vanished before it was initialized: the command was rolled back.",
        "Nothing: it is tried again. Find out who deletes NodeClaims.", _QUEUE,
    ),
    Reason.DRAINING: (
        "Failed to drain node, … pods are waiting to be evicted", "Pods are waited for.", "", _TERMINATION,
    ),
    Reason.AWAITING_VOLUME_DETACHMENT: (
        "Awaiting deletion of bound volumeattachments (…)", "VolumeAttachments of drained pods are left.",
        "Wait; `kubectl get volumeattachments`. A terminationGracePeriod of the NodeClaim ends the wait.",
        _TERMINATION,
    ),
}  # fmt: skip


def _remedy(reason: Reason, otherwise: str) -> str:
    """In a forecast's words, where it has some."""
    for found in remedies((reason,)):
        return f"{found[:1].upper()}{found[1:]}."
    return otherwise


VERDICTS: Final = tuple(
    Explanation(str(reason), message, meaning, _remedy(reason, otherwise), source)
    for reason, (message, meaning, otherwise, source) in _SAID.items()
)
