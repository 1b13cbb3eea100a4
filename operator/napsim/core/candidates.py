"""May this node be disrupted for drift? An ordered list of named checks; the first that blocks is the verdict.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/types.go`` and ``pkg/controllers/state/statenode.go``. Fails
closed: what is not known (no NodeClaim, no pool) blocks. Checks 10 to 12 are ignored for the eventual class (drift)
when the NodeClaim has a ``terminationGracePeriod``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.clock import Timeline
from napsim.core.instances import node_name
from napsim.core.objects import Node, NodeClaim, Pod, condition
from napsim.core.pdbs import PdbIndex, first_blocked
from napsim.core.pods import is_active, protection
from napsim.core.reasons import ALLOWED, Reason, Verdict, waits_for_node, waits_for_nodepool, waits_for_pdb

DISRUPTED_CLASS_EVENTUAL: Final = "eventual"
DISRUPTED_CLASS_GRACEFUL: Final = "graceful"


class Candidate(msgspec.Struct, frozen=True):
    """A node as the checks see it. ``pods`` are all pods bound to it, in a stable order."""

    claim: NodeClaim | None
    node: Node | None
    pods: tuple[Pod, ...] = ()
    in_queue: bool = False
    marked_for_deletion: bool = False
    nominated_until: datetime | None = None
    nodepool_found: bool = True
    hindrance: str = ""  # why a replacement in place cannot end the drift
    disruption_class: str = DISRUPTED_CLASS_EVENTUAL

    @property
    def node_name(self) -> str:
        return self.node.name if self.node else ""

    @property
    def nodepool(self) -> str:
        labels = self.node.metadata.labels if self.node else {}
        return labels.get(names.NODEPOOL, "")


class Surroundings(msgspec.Struct, frozen=True):
    """What the checks need beside the candidate itself. ``now`` is virtual."""

    pdbs: PdbIndex
    timeline: Timeline
    now: datetime


Check = Callable[[Candidate, Surroundings], Verdict | None]


def _blocked(reason: Reason, message: str, *waits_for: str, published: bool = True) -> Verdict:
    return Verdict(reason, message, None, waits_for, published)


def _queued(candidate: Candidate, _: Surroundings) -> Verdict | None:
    if not candidate.in_queue:
        return None
    message = "candidate is already being disrupted"
    return _blocked(Reason.ALREADY_DISRUPTED, message, waits_for_node(candidate.node_name), published=False)


def _managed(candidate: Candidate, _: Surroundings) -> Verdict | None:
    if candidate.claim is not None:
        return None
    message = "node isn't managed by karpenter"
    return _blocked(Reason.NOT_MANAGED, message, waits_for_node(candidate.node_name), published=False)


def _has_node(candidate: Candidate, _: Surroundings) -> Verdict | None:
    if candidate.node is not None:
        return None
    assert candidate.claim is not None
    expected = candidate.claim.status.node_name or node_name(candidate.claim.name)
    return _blocked(Reason.NO_NODE, "nodeclaim does not have an associated node", waits_for_node(expected))


def _initialized(candidate: Candidate, _: Surroundings) -> Verdict | None:
    assert candidate.node is not None
    if candidate.node.metadata.labels.get(names.INITIALIZED) == "true":
        return None
    return _blocked(Reason.NOT_INITIALIZED, "node isn't initialized", waits_for_node(candidate.node_name))


def _not_deleting(candidate: Candidate, _: Surroundings) -> Verdict | None:
    if not candidate.marked_for_deletion:
        return None
    message = "node is deleting or marked for deletion"
    return _blocked(Reason.DELETING, message, waits_for_node(candidate.node_name))


def _not_nominated(candidate: Candidate, around: Surroundings) -> Verdict | None:
    until = candidate.nominated_until
    if until is None or around.now >= until:
        return None
    return Verdict(Reason.NOMINATED, "node is nominated for a pending pod", until)


def _node_not_protected(candidate: Candidate, _: Surroundings) -> Verdict | None:
    assert candidate.node is not None
    if candidate.node.metadata.annotations.get(names.DO_NOT_DISRUPT) != "true":
        return None
    message = f'disruption is blocked through the "{names.DO_NOT_DISRUPT}" annotation'
    return _blocked(Reason.NODE_DO_NOT_DISRUPT, message, waits_for_node(candidate.node_name))


def _has_nodepool_label(candidate: Candidate, _: Surroundings) -> Verdict | None:
    if candidate.nodepool:
        return None
    message = f"node doesn't have required label (label={names.NODEPOOL})"
    return _blocked(Reason.NO_NODEPOOL_LABEL, message, waits_for_node(candidate.node_name))


def _nodepool_found(candidate: Candidate, _: Surroundings) -> Verdict | None:
    if candidate.nodepool_found:
        return None
    message = f"nodepool not found (NodePool={candidate.nodepool})"
    return _blocked(Reason.NODEPOOL_NOT_FOUND, message, waits_for_nodepool(candidate.nodepool))


def _replaceable(candidate: Candidate, _: Surroundings) -> Verdict | None:
    """Policy: a real Node is not drained when it would come back as it was."""
    if not candidate.hindrance:
        return None
    waits = (waits_for_node(candidate.node_name), waits_for_nodepool(candidate.nodepool))
    return _blocked(Reason.NOT_REPLACEABLE_IN_PLACE, candidate.hindrance, *waits)


def _pods_not_protected(candidate: Candidate, around: Surroundings) -> Verdict | None:
    for pod in candidate.pods:
        if is_active(pod) and (held := protection(pod, around.timeline, around.now)).active:
            message = f'pod has "{names.DO_NOT_DISRUPT}" annotation (Pod={pod.key})'
            waits = (waits_for_node(candidate.node_name),)
            return Verdict(Reason.POD_DO_NOT_DISRUPT, message, held.until, waits)
    return None


def _pdbs_allow(candidate: Candidate, around: Surroundings) -> Verdict | None:
    blocked = first_blocked(candidate.pods, around.pdbs, around.timeline, around.now)
    if blocked is None:
        return None
    waits = (waits_for_node(candidate.node_name), *(waits_for_pdb(key) for key in blocked.pdbs))
    listed = " ".join(blocked.pdbs)
    if blocked.conflict:
        message = f"eviction does not support multiple PDBs (PodDisruptionBudget(s)=[{listed}])"
        return _blocked(Reason.MULTIPLE_PDBS, message, *waits)
    return _blocked(Reason.PDB, f"pdb prevents pod evictions (PodDisruptionBudget=[{listed}])", *waits)


# In Karpenter's order. A check may rely on all before it.
NODE_CHECKS: Final[tuple[Check, ...]] = (
    _queued,
    _managed,
    _has_node,
    _initialized,
    _not_deleting,
    _not_nominated,
    _node_not_protected,
    _has_nodepool_label,
    _nodepool_found,
    _replaceable,
)
POD_CHECKS: Final[tuple[Check, ...]] = (_pods_not_protected, _pdbs_allow)


def check(candidate: Candidate, around: Surroundings) -> Verdict:
    """The first verdict that blocks, else Allowed."""
    checks = NODE_CHECKS if ignores_pod_blockers(candidate) else NODE_CHECKS + POD_CHECKS
    for item in checks:
        if (verdict := item(candidate, around)) is not None:
            return verdict
    return ALLOWED


def ignores_pod_blockers(candidate: Candidate) -> bool:
    """Drift (eventual) with a terminationGracePeriod goes past protected pods and exhausted PDBs."""
    has_grace = candidate.claim is not None and bool(candidate.claim.spec.termination_grace_period)
    return has_grace and candidate.disruption_class == DISRUPTED_CLASS_EVENTUAL


OrderKey = tuple[int, int, int, str]
DRAWS: Final = 2**48


def order_key(claim: NodeClaim, *, empty: bool, seed: int, last: bool = False) -> OrderKey:
    """Whose turn is first: empty nodes, then the second of ``Drifted``'s transition, ties by a draw from the seed.

    ``last`` (policy): behind all others, for the node that the operator itself runs on.

    Karpenter leaves ties undefined (unstable sort over one-second times); here the seed decides, so that a run repeats.
    """
    drifted = condition(claim.status.conditions, names.DRIFTED)
    since = drifted.last_transition_time if drifted else None
    second = int(since.timestamp()) if since else 0
    return (2 if last else 0 if empty else 1, second, _drawn(f"{seed}/{claim.name}"), claim.name)


def origin(seed: int, pool: str, left: int) -> int:
    """From which draw on equals are taken while so many candidates of the pool are left.

    Karpenter collects its candidates anew for each pass, from a map: equals come in another order each time
    (v1.14.0 ``GetCandidates`` in ``pkg/controllers/disruption/helpers.go``). Taken in one order throughout, nodes that
    stand in each other's way would be far from one another in it more often than they are.
    """
    return _drawn(f"{seed}/{pool}/{left}")


def _drawn(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())
