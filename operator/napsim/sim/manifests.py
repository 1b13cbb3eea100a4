"""Objects of the low-count kinds, as the API server keeps them: defaults filled in, merge patches, a generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from napsim.api.defaults import Tree, defaults
from napsim.api.registry import kind_of
from napsim.core.clock import rfc3339
from napsim.sim.cluster import Versions, uid_of

Manifest = dict[str, Any]
DECLARED: Final = (
    "NodeAutoProvisioning",
    "MaintenanceConfiguration",
    "NodeImage",
    "AKSNodeClass",
    "NodePool",
)  # settings first: what comes after is read by them
_SERVERS: Final = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")


class Manifests:
    """By kind and name. ``now`` is the virtual instant."""

    def __init__(self, versions: Versions, now: Callable[[], datetime]) -> None:
        self._versions = versions
        self._now = now
        self._objects: dict[tuple[str, str], Manifest] = {}

    def get(self, kind: str, name: str) -> Manifest | None:
        """A copy of it."""
        found = self._objects.get((kind, name))
        return _copy_of(found) if found is not None else None

    def of(self, kind: str) -> list[Manifest]:
        """All of a kind, as they are: to be looked at, not to be changed."""
        return [manifest for (of_kind, _), manifest in self._objects.items() if of_kind == kind]

    def apply(self, given: Mapping[str, Any], created: datetime | None = None) -> Manifest:
        """Create the object, or make it what is given (its status stays). Returns a copy of it.

        ``created``: since when it has been there, if not since now.
        """
        manifest = defaulted(given)
        kind, metadata = manifest["kind"], manifest.setdefault("metadata", {})
        old = self._objects.get((kind, metadata["name"]))
        if old is None:
            at = rfc3339(created or self._now())
            fresh = {"uid": uid_of(kind, metadata["name"], at), "generation": 1, "creationTimestamp": at}
            manifest["metadata"] = {**fresh, **metadata}
        else:
            kept = {key: old["metadata"][key] for key in _SERVERS if key in old["metadata"]}
            annotations = {**old["metadata"].get("annotations", {}), **(metadata.get("annotations") or {})}
            changed = old.get("spec") != manifest.get("spec")
            generation = old["metadata"]["generation"] + changed
            manifest["metadata"] = {**metadata, **kept, "annotations": annotations, "generation": generation}
            manifest["status"] = old.get("status", {})
        manifest["metadata"]["resourceVersion"] = self._versions.next()
        self._objects[kind, metadata["name"]] = manifest
        return _copy_of(manifest)

    def delete(self, kind: str, name: str) -> Manifest | None:
        """Ask it to go: None when it is gone, else a copy of what waits for its finalizers. Raises KeyError."""
        manifest = self._objects[kind, name]
        if not manifest["metadata"].get("finalizers"):
            del self._objects[kind, name]
            return None
        if "deletionTimestamp" not in manifest["metadata"]:
            manifest["metadata"]["deletionTimestamp"] = rfc3339(self._now())
            manifest["metadata"]["generation"] += 1
        manifest["metadata"]["resourceVersion"] = self._versions.next()
        return _copy_of(manifest)

    def patch(self, kind: str, name: str, changes: Mapping[str, Any]) -> Manifest:
        """RFC 7386. A copy of the object as it is then; without its last finalizer it is gone. Raises KeyError."""
        manifest = self._objects[kind, name]
        before = manifest.get("spec")
        patched: Manifest = merged(manifest, changes)
        metadata = patched["metadata"]
        metadata["resourceVersion"] = self._versions.next()
        metadata["generation"] += patched.get("spec") != before
        self._objects[kind, name] = patched
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            del self._objects[kind, name]
        return _copy_of(patched)

    def __contains__(self, identity: tuple[str, str]) -> bool:
        return identity in self._objects


def merged(old: Any, changes: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """``old`` with a merge patch applied; None removes, lists are replaced."""
    if not isinstance(changes, Mapping):
        return _copied(changes)
    result = dict(old) if isinstance(old, Mapping) else {}
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _copy_of(manifest: Mapping[str, Any]) -> Manifest:
    return {key: _copied(value) for key, value in manifest.items()}


def _copied(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Of JSON nothing but objects and lists can change, so that this takes half of what ``deepcopy`` does."""
    if isinstance(value, dict):
        return _copy_of(value)
    return [_copied(item) for item in value] if isinstance(value, list) else value


def defaulted(manifest: Mapping[str, Any]) -> Manifest:
    """A copy with the defaults of its CRD filled in, as the API server stores it."""
    kind = kind_of(manifest)
    result = _copy_of(manifest)
    if kind is not None:
        _fill(result, defaults()[kind.name])
    return result


def _fill(value: Any, tree: Tree) -> None:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        for name, part in tree.get("properties", {}).items():
            if name not in value and "default" in part:
                value[name] = _copied(part["default"])
            if name in value:
                _fill(value[name], part)
    elif isinstance(value, list):
        for item in value:
            _fill(item, tree.get("items", {}))
