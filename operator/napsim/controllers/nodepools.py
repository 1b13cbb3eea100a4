"""Reconciles NodePools: the hash, the status, and the size of static ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.api.nodeautoprovisioning import NODE_PROVIDERS
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, NodeClassEntry, NodePoolEntry
from napsim.controllers.emptiness import WHEN_EMPTY
from napsim.controllers.executor import Executor
from napsim.controllers.inplace import with_capacity
from napsim.controllers.provisioner import Provisioner
from napsim.controllers.registrations import Registrations
from napsim.controllers.reports import Finding, Reports
from napsim.controllers.resources import NODE_POOLS
from napsim.controllers.settings import Settings
from napsim.controllers.state import ClusterState
from napsim.core.actions import PatchNodeClaim
from napsim.core.budgets import DRIFTED, allowed_by_reason
from napsim.core.hash_migration import NODEPOOL_KEYS, migrate_hash
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.objects import NodeClaim
from napsim.core.resources import amounts, format_amount, total

log: Final = logging.getLogger(__name__)

_NEVER_CONSOLIDATES: Final = "Never"
_UNDERUTILIZED: Final = "spec.disruption.consolidationPolicy (Underutilized)"
_INVALID_BUDGET: Final = "InvalidBudget"
_INVALID_PROVIDER: Final = "InvalidNodeProvider"
_TOO_FEW: Final = "ReplicasNotReached"
_NO_FAILURES: Final = "FailuresNotPlayed"
_NO_TYPES: Final = "NoCompatibleInstanceTypes"


_Found = tuple[NodePoolEntry, NodeClassEntry, Settings, list[Finding]]


class NodePoolController(msgspec.Struct):
    """``reconcile(name)`` writes annotations and status; the status only as often as the caller asks."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    executor: Executor
    reports: Reports
    provisioner: Provisioner
    registrations: Registrations
    on_written: Callable[[str, str], None]  # kind, name: what rests on the pool is to be looked at
    _found: dict[str, _Found] = msgspec.field(default_factory=dict)
    _logged: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)  # NodePool -> errors of its budgets

    async def reconcile(self, name: str) -> datetime | None:
        entry = self.declared.pools.get(name)
        if entry is None:
            return None
        await self._migrate_hash(entry)
        return await self.provisioner.reconcile_pool(name)

    async def _migrate_hash(self, entry: NodePoolEntry) -> None:
        name = entry.pool.name
        migration = migrate_hash(NODEPOOL_KEYS, entry.pool.metadata.annotations, self._claims(name), entry.hash)
        for claim, written in migration.claims.items():
            await self.executor.carry_out((PatchNodeClaim(self.state.claims[claim], annotations=written),))
        if migration.owner:
            changes = {"metadata": {"annotations": dict(migration.owner)}}
            self.declared.take(await self.executor.patch(NODE_POOLS, name, changes), self.clock.now())
            self.on_written(NODE_POOLS.kind, name)

    def _claims(self, pool: str) -> Iterator[NodeClaim]:
        """By name; nothing is walked unless somebody asks for the first."""
        for name in sorted(self.state.claims_of_pool.get(pool, ())):
            yield self.state.claims[name]

    async def report(self, name: str) -> None:
        """Bring the status up to date."""
        entry = self.declared.pools.get(name)
        if entry is None:
            return
        old = entry.manifest.get("status", {})
        claims = [self.state.claims[item] for item in self.state.claims_of_pool.get(name, ())]
        held = total((*(amounts(claim.status.capacity) for claim in claims), {"nodes": len(claims)}))
        findings = self._findings(entry)
        self.reports.warn(entry.manifest, findings)
        wanted = {
            "nodes": sum(self.state.node_of(claim) is not None for claim in claims),
            "nodeClassObservedGeneration": self.registrations.class_generation(entry),
            "resources": {key: format_amount(key, value) for key, value in sorted(held.items())},
            "conditions": self.reports.mind(self._conditions(entry), entry.manifest, findings),
        }
        await self.reports.write(NODE_POOLS, entry.manifest, old, wanted)

    def _conditions(self, entry: NodePoolEntry) -> list[dict[str, Any]]:
        manifest, reports = entry.manifest, self.reports
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        ready, faults = node_class is not None and node_class.ready, entry.faults
        old = manifest.get("status", {}).get("conditions", ())
        reason = "NodePoolValidationFailed" if faults else names.VALIDATION_SUCCEEDED
        status, problem = "False" if faults else "True", "; ".join(faults)
        conditions = reports.with_condition(old, manifest, names.VALIDATION_SUCCEEDED, status, reason, problem)
        status = "True" if ready else "False"
        reason, problem = (names.NODECLASS_READY, "") if ready else self._class_problem(entry)
        conditions = reports.with_condition(conditions, manifest, names.NODECLASS_READY, status, reason, problem)
        health = self.registrations.condition(entry)
        conditions = reports.with_condition(
            conditions, manifest, health.type, health.status, health.reason, health.message
        )
        lagging = {names.VALIDATION_SUCCEEDED: bool(faults), names.NODECLASS_READY: not ready}
        message = ", ".join(f"{type_}=False" for type_, lags in lagging.items() if lags)
        status, reason = ("False", "UnhealthyDependents") if message else ("True", "Ready")
        conditions = reports.root(conditions, manifest, status, reason, message)
        played = (entry,) if self.declared.is_in_place(entry) else ()
        conditions = with_capacity(reports, conditions, manifest, played)
        return reports.honoured(conditions, manifest, _unhonoured(entry))

    def _class_problem(self, entry: NodePoolEntry) -> tuple[str, str]:
        reference, known = entry.pool.spec.template.spec.node_class_ref.name, sorted(self.declared.node_classes)
        if reference in known:
            return "NodeClassNotReady", f"NodeClass {reference} is not ready"
        there_are = f"there are {', '.join(known)}" if known else "there is none"
        field = "spec.template.spec.nodeClassRef.name"
        return "NodeClassNotFound", f"{field} {reference!r}: no AKSNodeClass of this name; {there_are}"

    def _findings(self, entry: NodePoolEntry) -> list[Finding]:
        """What is wrong with a pool that is in use. Kept as long as nothing that it follows from changes."""
        name, settings = entry.pool.name, self.declared.settings
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        provided = self._provider_findings(entry)
        if node_class is None:
            return [*provided, *self._budget_findings(entry), self._class_problem(entry)]
        known = self._found.get(name)
        if known is not None and known[0] is entry and known[1] is node_class and known[2] is settings:
            return [*provided, *known[3]]
        found = self._budget_findings(entry)
        offer = self.declared.offer(entry)
        if (not offer.types or not offer.zones) and not self.declared.is_in_place(entry):
            found.append((_NO_TYPES, self._no_types(entry)))
        self._found[name] = (entry, node_class, settings, found)
        return [*provided, *found]

    def _provider_findings(self, entry: NodePoolEntry) -> list[Finding]:
        said, found = entry.pool.metadata.annotations.get(names.NODE_PROVIDER, ""), []
        if said and said not in NODE_PROVIDERS:
            allowed, instead = " or ".join(NODE_PROVIDERS), self.declared.settings.node_provider
            text = (
                f"annotation {names.NODE_PROVIDER} {said!r}: allowed is {allowed}; {instead} is taken, as the cluster's"
            )
            found.append((_INVALID_PROVIDER, text))
        nodes, wanted = self.state.count(entry.pool.name).total_nodes, entry.pool.spec.replicas or 0
        if self.declared.is_in_place(entry) and wanted > nodes:
            text = f"spec.replicas {wanted}: {nodes} Nodes play the pool in place, and none is made"
            found.append((_TOO_FEW, text))
        failures = self.declared.settings.failures.items
        if self.declared.is_in_place(entry) and any(entry.pool.name in item.node_pools for item in failures):
            text = "spec.failures of NodeAutoProvisioning names the pool: Nodes that play it in place have none of them"
            found.append((_NO_FAILURES, text))
        return found

    def _budget_findings(self, entry: NodePoolEntry) -> list[Finding]:
        name, errors = entry.pool.name, allowed_by_reason(entry.budgets, DRIFTED, 0, self.clock.now()).errors
        if errors and self._logged.get(name) != errors:  # once, where upstream says it at every pass
            log.error("detected disruption budget errors: NodePool %s: %s", name, "; ".join(errors))
        self._logged[name] = errors
        ending = "no node of the pool is disrupted until this is corrected"
        return [(_INVALID_BUDGET, f"spec.disruption.{error}; {ending}") for error in errors]

    def _no_types(self, entry: NodePoolEntry) -> str:
        requirements = (
            f"{item.key} {item.operator} [{', '.join(item.values)}]"
            for item in entry.pool.spec.template.spec.requirements
        )
        zones = ", ".join(self.declared.settings.zones)
        return (
            "NodePool requirements filtered out all compatible available instance types: "
            f"spec.template.spec.requirements {'; '.join(requirements)}; there are zones {zones} "
            f"and instance types {', '.join(INSTANCE_TYPES)}"
        )


def _unhonoured(entry: NodePoolEntry) -> tuple[str, ...]:
    """Nodes are deleted when they are empty, but never consolidated for being underutilized."""
    disruption = entry.pool.spec.disruption
    if entry.pool.is_static or disruption.consolidate_after == _NEVER_CONSOLIDATES:
        return ()
    return () if disruption.consolidation_policy == WHEN_EMPTY else (_UNDERUTILIZED,)
