"""Why something may or may not happen: one enum, used unchanged in conditions, events, metrics, logs and reports.

A decision is a ``Verdict``: a value with a reason, a message and, where known, the instant it ends. "Blocked" is never
an exception. ``waits_for`` names what the verdict rests on, so that a change leads to the verdicts it can alter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace


class Reason(StrEnum):
    """Documented in ``operator/napsim/core/README.md``; Karpenter's own words where it has one."""

    ALLOWED = "Allowed"
    # Candidate filters, in Karpenter's order (pkg/controllers/disruption/types.go)
    ALREADY_DISRUPTED = "AlreadyBeingDisrupted"
    NOT_MANAGED = "NotManaged"
    NO_NODE = "NoNode"
    NOT_INITIALIZED = "NotInitialized"
    DELETING = "Deleting"
    NOMINATED = "Nominated"
    NODE_DO_NOT_DISRUPT = "NodeDoNotDisrupt"
    NO_NODEPOOL_LABEL = "NoNodePoolLabel"
    NODEPOOL_NOT_FOUND = "NodePoolNotFound"
    NOT_REPLACEABLE_IN_PLACE = "NotReplaceableInPlace"  # ours
    POD_DO_NOT_DISRUPT = "PodDoNotDisrupt"
    PDB = "PodDisruptionBudget"
    MULTIPLE_PDBS = "MultiplePodDisruptionBudgets"
    # The pool, the cluster, the simulation
    BUDGET = "BlockingBudget"
    CLUSTER_NOT_SYNCED = "ClusterStateNotSynced"
    SURGE_LIMIT = "SurgeLimit"
    UNSCHEDULABLE = "NotAllPodsWouldSchedule"
    # Commands and replacements
    WAITING_READINESS = "WaitingOnReadiness"
    COMMAND_TIMEOUT = "CommandTimeout"
    REPLACEMENT_DELETED = "ReplacementDeleted"
    # Drain
    DRAINING = "Draining"
    AWAITING_VOLUME_DETACHMENT = "AwaitingVolumeDetachment"


class Verdict(msgspec.Struct, frozen=True):
    """One decision. ``wake_at`` (virtual UTC) is when it ends by itself; None when only a change can end it."""

    reason: Reason
    said: str | Callable[[], str] = ""
    """The message, or what makes it: of a candidate that is refused again and again, nobody asks for most of them."""
    wake_at: datetime | None = None
    waits_for: tuple[str, ...] = ()
    published: bool = True  # whether Karpenter says it in an event

    @property
    def allowed(self) -> bool:
        return self.reason is Reason.ALLOWED

    @property
    def message(self) -> str:
        return self.said if isinstance(self.said, str) else self.said()

    def told(self) -> Verdict:
        """The same with its message made, as it is worth keeping."""
        return self if isinstance(self.said, str) else replace(self, said=self.said())


ALLOWED = Verdict(Reason.ALLOWED)


def waits_for_node(name: str) -> str:
    return f"node:{name}"


def waits_for_pdb(key: str) -> str:
    return f"pdb:{key}"


def waits_for_nodepool(name: str) -> str:
    return f"nodepool:{name}"
