"""Writes statuses of the low-count kinds: only what differs, with conditions that say what is wrong.

The kinds are read through Kopf, which tells of changes; they are written here, through the one writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.executor import Executor
from napsim.controllers.patches import difference
from napsim.controllers.resources import Resource
from napsim.core.actions import Event
from napsim.core.clock import rfc3339

_INVALID: Final = "InvalidSpec"
_FINDINGS: Final = "Findings"
_MOST_CHARACTERS: Final = 2000  # of a message; what does not fit is counted
Conditions = list[dict[str, Any]]
Finding = tuple[str, str]  # reason, message
Inspect = Callable[[str, str], Sequence[Finding]]
"""What else there is to mind of an object, by kind and name. It follows from what people declared alone."""


def _nothing(_kind: str, _name: str) -> Sequence[Finding]:
    return ()


class Reports(msgspec.Struct):
    """One for all kinds."""

    declared: Declared
    clock: VirtualClock
    executor: Executor
    inspect: Inspect = _nothing

    async def write(
        self, resource: Resource, manifest: Manifest, old: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Bring the status from ``old`` to ``wanted`` (None: absent); what is not named stays. Returns the new one."""
        changes = difference(
            {key: old[key] for key in wanted if key in old}, {k: v for k, v in wanted.items() if v is not None}
        )
        if not changes:
            return old
        name = manifest["metadata"]["name"]
        answer = await self.executor.patch_status(resource, name, changes)
        status: Mapping[str, Any] = answer.get("status", {})
        if isinstance(manifest, dict):
            manifest["status"] = status
            if self.declared.answered(manifest, answer):  # else the edit would be taken for an echo when it is told
                manifest["metadata"] = answer["metadata"]
        return status

    async def problems(self, resource: Resource, manifest: Manifest) -> None:
        """Say in status and event what is wrong with an object; the last good state of it stands."""
        name = manifest["metadata"]["name"]
        faults = self.declared.problems.get((resource.kind, name), ())
        if not faults:
            return
        old = manifest.get("status", {})
        conditions = self.root(old.get("conditions", ()), manifest, "False", _INVALID, "")
        await self.write(resource, manifest, old, {"conditions": conditions})
        self.warn(manifest, ((_INVALID, "; ".join(faults)),))

    def warn(self, manifest: Manifest, findings: Iterable[Finding]) -> None:
        """Say it in Warning events."""
        kind, name, uid = manifest["kind"], manifest["metadata"]["name"], manifest["metadata"].get("uid", "")
        for reason, message in findings:
            self.executor.record(
                Event(kind, name, uid, reason, message, "Warning", controller="napsim", dedupe=message)
            )

    def ready(self, manifest: Manifest, not_honoured: Iterable[str] = ()) -> Conditions:
        """The conditions of an object that is in use."""
        old = manifest.get("status", {}).get("conditions", ())
        return self.honoured(self.root(old, manifest, "True", "Ready", ""), manifest, not_honoured)

    def root(
        self, conditions: Iterable[Mapping[str, Any]], manifest: Manifest, status: str, reason: str, message: str
    ) -> Conditions:
        """Condition Ready: as given, but False while the object cannot be used and an earlier state of it stands in."""
        faults = self.declared.problems.get((manifest["kind"], manifest["metadata"]["name"]), ())
        if faults:
            status, reason, message = "False", _INVALID, "; ".join(faults)
        return self.with_condition(conditions, manifest, names.READY, status, reason, message)

    def mind(
        self, conditions: Iterable[Mapping[str, Any]], manifest: Manifest, findings: Sequence[Finding]
    ) -> Conditions:
        """Condition Findings tells what to mind of an object that is in use; absent when there is nothing."""
        kept = [dict(item) for item in conditions]
        every = [*findings, *self.inspect(manifest["kind"], manifest["metadata"]["name"])]
        if not every:
            return [item for item in kept if item["type"] != _FINDINGS]
        message = bounded([text for _, text in every])
        return self.with_condition(kept, manifest, _FINDINGS, "True", every[0][0], message)

    def honoured(
        self, conditions: Iterable[Mapping[str, Any]], manifest: Manifest, not_honoured: Iterable[str]
    ) -> Conditions:
        """Condition NotYetHonoured names the fields that are accepted without effect; absent when there are none."""
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


def bounded(texts: Sequence[str], most: int = _MOST_CHARACTERS) -> str:
    """The texts in one, whole as far as they fit; then how many more there are. The first is cut if it must be."""
    fitting, length = 0, -len("; ")
    for text in texts:
        length += len("; ") + len(text)
        if length > most:
            break
        fitting += 1
    shown, more = texts[: max(fitting, 1)], len(texts) - max(fitting, 1)
    return "; ".join(text[:most] for text in shown) + (f"; and {more} more" if more else "")
