"""Reconciles NodePools: the hash, the status, and the size of static ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.actions import PatchNodeClaim
from napsim.core.hash_migration import NODEPOOL_KEYS, migrate_hash
from napsim.core.resources import amounts, format_amount, total
from napsim.live.clock import VirtualClock
from napsim.live.declared import Declared, NodePoolEntry
from napsim.live.executor import Executor
from napsim.live.provisioner import Provisioner
from napsim.live.reports import Reports
from napsim.live.resources import NODE_POOLS
from napsim.live.state import ClusterState
from napsim.live.workqueue import Retry

_NEVER_CONSOLIDATES: Final = "Never"


@dataclass(slots=True)
class NodePoolController:
    """``reconcile(name)`` writes annotations and status; the status only as often as the caller asks."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    executor: Executor
    reports: Reports
    provisioner: Provisioner
    on_written: Callable[[str, str], None]  # kind, name: what rests on the pool is to be looked at

    async def reconcile(self, name: str) -> datetime | None:
        entry = self.declared.pools.get(name)
        if entry is None:
            return None
        await self._migrate_hash(entry)
        await self.provisioner.reconcile_pool(name)
        return None

    async def _migrate_hash(self, entry: NodePoolEntry) -> None:
        name = entry.pool.name
        claims = [self.state.claims[item] for item in sorted(self.state.claims_of_pool.get(name, ()))]
        migration = migrate_hash(NODEPOOL_KEYS, entry.pool.metadata.annotations, claims, entry.hash)
        for claim, annotations in migration.claims.items():
            await self.executor.carry_out((PatchNodeClaim(self.state.claims[claim], annotations=annotations),))
        if migration.owner:
            changes = {"metadata": {"annotations": dict(migration.owner)}}
            outcome = await self.executor.writer.patch(NODE_POOLS, "", name, changes)
            if not outcome.applied:
                raise Retry(f"NodePool {name}: {outcome.kind} {outcome.message}")
            self.declared.take(msgspec.json.decode(outcome.body), self.clock.now())
            self.on_written(NODE_POOLS.kind, name)

    async def report(self, name: str) -> None:
        """Bring the status up to date."""
        entry = self.declared.pools.get(name)
        if entry is None:
            return
        old = entry.manifest.get("status", {})
        claims = [self.state.claims[item] for item in self.state.claims_of_pool.get(name, ())]
        held = total((*(amounts(claim.status.capacity) for claim in claims), {"nodes": len(claims)}))
        wanted = {
            "nodes": sum(self.state.node_of(claim) is not None for claim in claims),
            "resources": {key: format_amount(key, value) for key, value in sorted(held.items())},
            "conditions": self._conditions(entry),
        }
        await self.reports.write(NODE_POOLS, entry.manifest, old, wanted)

    def _conditions(self, entry: NodePoolEntry) -> list[dict[str, Any]]:
        manifest, reports = entry.manifest, self.reports
        reference = entry.pool.spec.template.spec.node_class_ref.name
        node_class = self.declared.node_classes.get(reference)
        ready = node_class is not None and node_class.ready
        old = manifest.get("status", {}).get("conditions", ())
        problem = "" if ready else f"NodeClass {reference} is {'not ready' if node_class else 'missing'}"
        status = "True" if ready else "False"
        conditions = reports.with_condition(
            old, manifest, names.VALIDATION_SUCCEEDED, "True", names.VALIDATION_SUCCEEDED, ""
        )
        reason = names.NODECLASS_READY if ready else "NodeClassNotReady"
        conditions = reports.with_condition(conditions, manifest, names.NODECLASS_READY, status, reason, problem)
        reason = "Ready" if ready else "UnhealthyDependents"
        message = "" if ready else f"{names.NODECLASS_READY}=False"
        conditions = reports.with_condition(conditions, manifest, names.READY, status, reason, message)
        return reports.honoured(conditions, manifest, _unhonoured(entry))


def _unhonoured(entry: NodePoolEntry) -> tuple[str, ...]:
    """Emptiness and consolidation come later; until then the policy is without effect unless it says never."""
    disruption = entry.pool.spec.disruption
    if entry.pool.is_static or disruption.consolidate_after == _NEVER_CONSOLIDATES:
        return ()
    found = ["spec.disruption.consolidationPolicy", "spec.disruption.consolidateAfter"]
    if any(item.min_values for item in entry.pool.spec.template.spec.requirements):
        found.append("spec.template.spec.requirements[].minValues")
    return tuple(found)


def versions_in_use(state: ClusterState) -> Counter[str]:
    """How many nodes run each image version."""
    return Counter(node.metadata.labels.get(names.NODE_IMAGE_VERSION, "") for node in state.nodes.values())
