"""Which NodeClaims registered and which were given up: what NodeRegistrationHealthy of their NodePool rests on.

As upstream, the outcomes are kept in memory, and begin anew from the condition when the operator does.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from napsim.api import names
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.core.actions import Action, DeleteNodeClaim, SetNodeClaimStatus
from napsim.core.lifecycle import GIVEN_UP
from napsim.core.objects import Condition, NodeClaim, is_true
from napsim.core.registration_health import (
    UNKNOWN,
    Outcomes,
    after_giving_up,
    after_registration,
    outcomes_of,
    with_outcome,
)


class _Record(msgspec.Struct):
    pool_uid: str
    generations: tuple[int, int]  # of the NodePool and of its AKSNodeClass
    condition: Condition
    outcomes: Outcomes


class Registrations(msgspec.Struct):
    """``note`` what was done for a claim; ``condition`` is the NodePool's."""

    declared: Declared
    _records: dict[str, _Record] = msgspec.field(default_factory=dict)  # NodePool -> what is remembered
    _counted: dict[str, str] = msgspec.field(default_factory=dict)  # NodeClaim -> uid of the one whose end was counted

    def note(self, claim: NodeClaim, actions: Iterable[Action]) -> None:
        """What was carried out for a claim: it registered, or was given up."""
        for action in actions:
            if isinstance(action, SetNodeClaimStatus) and is_true(action.conditions, names.REGISTERED_CONDITION):
                self._count(claim, registered=True)
            elif isinstance(action, DeleteNodeClaim) and action.reason in GIVEN_UP:
                self._count(claim, registered=False)

    def forget(self, claim: str) -> None:
        """The claim is gone."""
        self._counted.pop(claim, None)

    def condition(self, entry: NodePoolEntry) -> Condition:
        """NodeRegistrationHealthy of the NodePool now."""
        return self._record(entry).condition

    def class_generation(self, entry: NodePoolEntry) -> int:
        """The generation of the pool's AKSNodeClass; 0 when there is none."""
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        return node_class.metadata.generation if node_class else 0

    def _count(self, claim: NodeClaim, *, registered: bool) -> None:
        entry = self.declared.pools.get(claim.metadata.labels.get(names.NODEPOOL, ""))
        if entry is None or self._counted.get(claim.name) == claim.metadata.uid:
            return
        self._counted[claim.name] = claim.metadata.uid
        record = self._record(entry)
        record.outcomes = with_outcome(record.outcomes, registered=registered)
        if registered:
            record.condition = after_registration(record.outcomes, record.condition)
        else:
            record.condition = after_giving_up(record.outcomes, record.condition, claim)

    def _record(self, entry: NodePoolEntry) -> _Record:
        uid, generations = entry.pool.metadata.uid, (entry.pool.metadata.generation, self.class_generation(entry))
        known = self._records.get(entry.pool.name)
        if known is None or known.pool_uid != uid:
            known = self._records[entry.pool.name] = self._written(entry, uid)
        if known.generations != generations:
            known = self._records[entry.pool.name] = _Record(uid, generations, UNKNOWN, ())
        return known

    def _written(self, entry: NodePoolEntry, uid: str) -> _Record:
        """What the status of the NodePool says."""
        status = entry.manifest.get("status", {})
        found = next((item for item in status.get("conditions", ()) if item["type"] == UNKNOWN.type), None)
        if found is None:
            return _Record(uid, (0, 0), UNKNOWN, ())
        generations = (found.get("observedGeneration", 0), status.get("nodeClassObservedGeneration", 0))
        written = Condition(UNKNOWN.type, found["status"], found["reason"], found.get("message", ""))
        return _Record(uid, generations, written, outcomes_of(found["status"]))
