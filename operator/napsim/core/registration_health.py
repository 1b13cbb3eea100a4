"""Whether the nodes of a NodePool come up: condition ``NodeRegistrationHealthy``, apart from the pool's Ready.

Mirrors karpenter v1.14.0 ``pkg/state/nodepoolhealth/tracker.go``, and those who use it: ``liveness.go`` and
``registration.go`` in ``pkg/controllers/nodeclaim/lifecycle/``, ``pkg/controllers/nodepool/registrationhealth``.

| What happens | Condition |
|---|---|
| a claim registers, and fewer than two of the last four did not | True |
| a claim is given up (launch or registration timeout), and two of the last four did not register | False |
| generation of the NodePool or of its AKSNodeClass changes | Unknown, and nothing is remembered |
"""

from __future__ import annotations

from typing import Final

from napsim.api import names
from napsim.core.objects import Condition, NodeClaim, condition, is_true

REMEMBERED: Final = 4
UNHEALTHY_FROM: Final = 2
Outcomes = tuple[bool, ...]
"""Whether the last claims registered, oldest first."""

UNKNOWN: Final = Condition(
    names.NODE_REGISTRATION_HEALTHY, "Unknown", "AwaitingReconciliation", "object is awaiting reconciliation"
)
_HEALTHY: Final = Condition(names.NODE_REGISTRATION_HEALTHY, "True", names.NODE_REGISTRATION_HEALTHY)


def outcomes_of(status: str) -> Outcomes:
    """What a condition of that status says of the outcomes before: all that is left of them after a restart."""
    return {"True": (True,), "False": (False,) * UNHEALTHY_FROM}.get(status, ())


def with_outcome(outcomes: Outcomes, *, registered: bool) -> Outcomes:
    return (*outcomes, registered)[-REMEMBERED:]


def after_registration(outcomes: Outcomes, current: Condition) -> Condition:
    """The condition once a claim has registered; ``outcomes`` include it."""
    return _HEALTHY if _is_healthy(outcomes) else current


def after_giving_up(outcomes: Outcomes, current: Condition, claim: NodeClaim) -> Condition:
    """The condition once a claim was given up; ``outcomes`` include it."""
    if _is_healthy(outcomes) or current.status == "False":
        return current
    launched = condition(claim.status.conditions, names.LAUNCHED)
    if is_true(claim.status.conditions, names.LAUNCHED):
        return Condition(names.NODE_REGISTRATION_HEALTHY, "False", "RegistrationFailed", "Failed to register node")
    reason, message = (launched.reason, launched.message) if launched else (UNKNOWN.reason, UNKNOWN.message)
    return Condition(names.NODE_REGISTRATION_HEALTHY, "False", reason, message)


def _is_healthy(outcomes: Outcomes) -> bool:
    return outcomes.count(False) < UNHEALTHY_FROM
