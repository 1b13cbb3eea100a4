"""Reconciles AKSNodeClasses: the Kubernetes version, the pick-up of images, the hash, and the conditions that tell."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, NodeClassEntry
from napsim.controllers.executor import Executor
from napsim.controllers.reports import Reports
from napsim.controllers.resources import AKS_NODE_CLASSES
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core.actions import Event, PatchNodeClaim
from napsim.core.clock import earliest, rfc3339
from napsim.core.hash_migration import AKSNODECLASS_KEYS, migrate_hash
from napsim.core.nodeclasses import (
    AWAITING_MESSAGE,
    AWAITING_REASON,
    NodeClassState,
    ready_condition,
    with_condition,
)
from napsim.core.objects import Condition, Requirement, condition
from napsim.core.pickup import NodeClassPass, Pickup, next_list_key, reconcile

log: Final = logging.getLogger(__name__)

_FAILED: Final = "ImagePickUpFailed"
_DEPENDENTS: Final = (
    names.KUBERNETES_VERSION_READY,
    names.IMAGES_READY,
    names.SUBNETS_READY,
    names.VALIDATION_SUCCEEDED,
    names.LOCAL_DNS_READY,
)
_UNKNOWN: Final = tuple(Condition(type_, "Unknown", AWAITING_REASON, AWAITING_MESSAGE) for type_ in _DEPENDENTS)


class NodeClassController(msgspec.Struct):
    """``reconcile(name)``. ``on_pickup`` records what was picked up before the class shows it."""

    state: ClusterState
    declared: Declared
    windows: WindowController
    clock: VirtualClock
    executor: Executor
    reports: Reports
    on_pickup: Callable[[str, Pickup, datetime], Awaitable[None]]
    on_written: Callable[[str, str], None]  # kind, name: what rests on the class is to be looked at

    async def reconcile(self, name: str) -> datetime | None:
        entry = self.declared.node_classes.get(name)
        if entry is None or entry.state.foreign:
            return None
        if entry.state.deleting:
            await self._let_go(entry)
            return None
        await self._migrate_hash(entry)
        entry = self.declared.node_classes.get(name, entry)  # as it was answered, with its hash
        now = self.clock.now()
        found = self.look(entry, now)
        if found.cache is not None:
            self.declared.caches[found.cache.key] = found.cache
        if found.pickup.changes:
            await self.on_pickup(name, found.pickup, now)
        await self._write(entry, self._complete(found.state, now))
        self._say(entry, found.pickup)
        at = found.pickup.requeue if found.pickup.error else None
        return earliest(found.pickup.wake_at, at)

    def look(self, entry: NodeClassEntry, now: datetime) -> NodeClassPass:
        """What a pass comes to now. Nothing is written or remembered."""
        version, settings = self.declared.kubernetes_version, self.declared.settings.pickup
        key = next_list_key(entry.state, version, settings, now)
        cache = self.declared.caches.get(key) if key is not None else None
        window = self.windows.pickup_window(now)
        return reconcile(entry.state, version, self.declared.catalogue, cache, window, settings, now)

    async def _let_go(self, entry: NodeClassEntry) -> None:
        """Upstream's finalizer goes once no claim refers to the class."""
        finalizers = entry.metadata.finalizers
        if names.NODECLASS_TERMINATION_FINALIZER not in finalizers or self.state.claims_of_class.get(
            entry.metadata.name
        ):
            return
        kept = [item for item in finalizers if item != names.NODECLASS_TERMINATION_FINALIZER]
        await self._patch(entry, {"metadata": {"finalizers": kept}}, entry.metadata.resource_version)

    async def _migrate_hash(self, entry: NodeClassEntry) -> None:
        claims = [self.state.claims[name] for name in sorted(self.state.claims_of_class.get(entry.metadata.name, ()))]
        migration = migrate_hash(AKSNODECLASS_KEYS, entry.metadata.annotations, claims, entry.hash)
        for name, written in migration.claims.items():
            await self.executor.carry_out((PatchNodeClaim(self.state.claims[name], annotations=written),))
        if migration.owner:
            await self._patch(entry, {"metadata": {"annotations": dict(migration.owner)}})

    async def _patch(self, entry: NodeClassEntry, changes: dict[str, Any], version: str = "") -> None:
        name = entry.metadata.name
        self.declared.take(await self.executor.patch(AKS_NODE_CLASSES, name, changes, version), self.clock.now())
        self.on_written(AKS_NODE_CLASSES.kind, name)

    def _complete(self, state: NodeClassState, now: datetime) -> NodeClassState:
        """What this cluster always has: a subnet that exists, a class that is valid, DNS that can be local.

        A condition that nobody has decided on is Unknown.
        """
        conditions = state.conditions
        for unknown in _UNKNOWN:
            if condition(conditions, unknown.type) is None:
                conditions = with_condition(conditions, unknown, state.generation, now)
        for type_ in (names.SUBNETS_READY, names.VALIDATION_SUCCEEDED, names.LOCAL_DNS_READY):
            conditions = with_condition(conditions, Condition(type_, "True", type_), state.generation, now)
        state = replace(state, conditions=conditions)
        ready = ready_condition(state, _DEPENDENTS, now)
        return replace(state, conditions=with_condition(conditions, ready, state.generation, now))

    async def _write(self, entry: NodeClassEntry, state: NodeClassState) -> None:
        old = entry.manifest.get("status", {})
        wanted = {
            "images": [_image(item.id, item.requirements) for item in state.images],
            "kubernetesVersion": state.kubernetes_version,
            "conditions": [_condition(item) for item in state.conditions],
        }
        if all(old.get(key) == value for key, value in wanted.items()):
            return
        await self.reports.write(AKS_NODE_CLASSES, entry.manifest, old, wanted)
        self.declared.take(entry.manifest, self.clock.now())
        self.on_written(AKS_NODE_CLASSES.kind, entry.metadata.name)

    def _say(self, entry: NodeClassEntry, pickup: Pickup) -> None:
        name, uid = entry.metadata.name, entry.metadata.uid
        for change in pickup.changes:
            log.info("new available images updated for nodeclass %s: %s", name, change.message)
            self.executor.record(
                Event(
                    "AKSNodeClass",
                    name,
                    uid,
                    "ImagePickedUp",
                    change.message,
                    controller="napsim",
                    dedupe=change.message,
                )
            )
        for message in _held(pickup):
            self.executor.record(
                Event("AKSNodeClass", name, uid, "ImageHeld", message, controller="napsim", dedupe=message)
            )
        if pickup.error:
            log.warning("nodeclass %s: %s", name, pickup.error)
            self.reports.warn(entry.manifest, ((_FAILED, pickup.error),))


def _held(pickup: Pickup) -> list[str]:
    """For each newer image that is not adopted, what it waits for; definitions that wait alike are one."""
    waiting: dict[tuple[str, str], list[str]] = {}
    for image in pickup.held:
        waiting.setdefault((image.latest, image.message), []).append(image.definition)
    return [f"{latest} ({', '.join(sorted(found))}): {message}" for (latest, message), found in waiting.items()]


def _image(image_id: str, requirements: Iterable[Requirement]) -> dict[str, Any]:
    listed = [{"key": item.key, "operator": item.operator, "values": list(item.values)} for item in requirements]
    return {"id": image_id, "requirements": listed}


def _condition(item: Condition) -> dict[str, Any]:
    return {
        "type": item.type,
        "status": item.status,
        "reason": item.reason,
        "message": item.message,
        "lastTransitionTime": rfc3339(item.last_transition_time) if item.last_transition_time else None,
        "observedGeneration": item.observed_generation,
    }
