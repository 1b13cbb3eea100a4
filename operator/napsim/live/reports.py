"""Writes statuses of the low-count kinds: only what differs, with conditions that say what is wrong and what is not honoured.

The kinds are read through Kopf, which tells of changes; they are written here, through the one writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.actions import Event
from napsim.core.clock import rfc3339
from napsim.live.clock import VirtualClock
from napsim.live.declared import Declared, Manifest
from napsim.live.executor import Executor, difference
from napsim.live.resources import Resource
from napsim.live.workqueue import Retry

_INVALID: Final = "InvalidSpec"
Conditions = list[dict[str, Any]]


@dataclass(slots=True)
class Reports:
    """One for all kinds."""

    declared: Declared
    clock: VirtualClock
    executor: Executor

    async def write(
        self, resource: Resource, manifest: Manifest, old: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Bring the status from ``old`` to ``wanted`` (None: absent); what is not named stays. Returns the status then."""
        changes = difference({key: old[key] for key in wanted if key in old}, {k: v for k, v in wanted.items() if v is not None})
        if not changes:
            return old
        name = manifest["metadata"]["name"]
        outcome = await self.executor.writer.patch_status(resource, "", name, changes)
        if not outcome.applied:
            raise Retry(f"status of {resource.kind} {name}: {outcome.kind} {outcome.message}")
        answer: dict[str, Any] = msgspec.json.decode(outcome.body)
        if isinstance(manifest, dict):
            manifest["metadata"], manifest["status"] = answer["metadata"], answer.get("status", {})
        status: Mapping[str, Any] = answer.get("status", {})
        return status

    async def problems(self, resource: Resource, manifest: Manifest) -> None:
        """Say in status and event what is wrong with an object; the last good state of it stands."""
        name = manifest["metadata"]["name"]
        faults = self.declared.problems.get((resource.kind, name), ())
        if not faults:
            return
        message = "; ".join(faults)
        old = manifest.get("status", {})
        conditions = self.with_condition(old.get("conditions", ()), manifest, names.READY, "False", _INVALID, message)
        await self.write(resource, manifest, old, {"conditions": conditions})
        uid = manifest["metadata"].get("uid", "")
        self.executor.record(Event(resource.kind, name, uid, _INVALID, message, "Warning", controller="napsim", dedupe=message))

    def ready(self, manifest: Manifest, not_honoured: Iterable[str] = ()) -> Conditions:
        """The conditions of an object that is in use."""
        old = manifest.get("status", {}).get("conditions", ())
        conditions = self.with_condition(old, manifest, names.READY, "True", "Ready", "")
        return self.honoured(conditions, manifest, not_honoured)

    def honoured(self, conditions: Iterable[Mapping[str, Any]], manifest: Manifest, not_honoured: Iterable[str]) -> Conditions:
        """Condition NotYetHonoured names the fields that are accepted and have no effect yet; absent when there are none."""
        listed = ", ".join(not_honoured)
        kept = [dict(item) for item in conditions]
        if not listed:
            return [item for item in kept if item["type"] != names.NOT_YET_HONOURED]
        message = f"accepted, but without effect in this version: {listed}"
        return self.with_condition(kept, manifest, names.NOT_YET_HONOURED, "True", "FieldsWithoutEffect", message)

    def with_condition(
        self,
        conditions: Iterable[Mapping[str, Any]],
        manifest: Manifest,
        type_: str,
        status: str,
        reason: str,
        message: str,
    ) -> Conditions:
        """``conditions`` with one set; its transition time (virtual) moves only when its status does."""
        kept = [dict(item) for item in conditions]
        old = next((item for item in kept if item["type"] == type_), None)
        since = old["lastTransitionTime"] if old and old["status"] == status else rfc3339(self.clock.now())
        new = {
            "type": type_,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
            "observedGeneration": manifest["metadata"].get("generation", 0),
        }
        if old is None:
            return [*kept, new]
        return [new if item is old else item for item in kept]
