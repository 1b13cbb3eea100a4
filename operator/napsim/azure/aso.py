"""Azure Service Operator's manifests: MaintenanceConfiguration and ManagedCluster of containerservice.azure.com.

Its versions from v1api20240901 to v20260501 have the same fields. The spec is the REST resource's without the level
``properties``, with ``azureName`` and ``owner`` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from napsim.azure.exports import Exports, Target
from napsim.azure.imports import CHANNELS, OBJECT_NAMES, Imports, Origin, joined, unknown_fields, yaml_text
from napsim.azure.rest import body
from napsim.reading.sources import Document

GROUP: Final = "containerservice.azure.com"
VERSION: Final = "v1api20240901"
_ASIDE: Final = ("azureName", "owner", "operatorSpec")


def is_of(manifest: object) -> bool:
    """Whether a document is a manifest of Azure Service Operator for AKS."""
    return isinstance(manifest, Mapping) and str(manifest.get("apiVersion", "")).startswith(f"{GROUP}/")


def read(found: Imports, document: Document) -> None:
    """What a manifest of the group says of maintenance; other kinds of it are noted."""
    origin = Origin(document, document.named)
    manifest, kind = document.manifest, str(document.manifest.get("kind"))
    spec = manifest.get("spec")
    if kind not in {"MaintenanceConfiguration", "ManagedCluster"}:
        found.notes.append(origin.mistake("kind", kind, "is not read: it says nothing of maintenance"))
    elif not isinstance(spec, Mapping):
        found.mistakes.append(origin.mistake("spec", None, "Required value: spec must be set"))
    elif kind == "MaintenanceConfiguration":
        _configuration(found, origin, manifest, spec)
    else:
        _cluster(found, origin, spec)


def _configuration(found: Imports, origin: Origin, manifest: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Without ``azureName`` the operator takes the name of the object, which is lower case."""
    metadata = manifest.get("metadata")
    own = metadata.get("name") if isinstance(metadata, Mapping) else ""
    given = {key: value for key, value in spec.items() if key not in _ASIDE}
    before = len(found.mistakes)
    body(found, origin, str(spec.get("azureName") or own or ""), "spec", given)
    for index in range(before, len(found.mistakes)):
        it = found.mistakes[index]
        if it.field == "name":
            field = "spec.azureName" if spec.get("azureName") else "metadata.name"
            hint = "" if spec.get("azureName") else "; say it with spec.azureName"
            found.mistakes[index] = origin.mistake(field, it.value, it.message + hint)
    for key in ("owner", "operatorSpec"):
        if spec.get(key):
            found.notes.append(origin.mistake(f"spec.{key}", None, "left out: a configuration here has no cluster"))


def _cluster(found: Imports, origin: Origin, spec: Mapping[str, Any]) -> None:
    profile = spec.get("autoUpgradeProfile")
    if not isinstance(profile, Mapping):
        found.notes.append(origin.mistake("spec", None, "no autoUpgradeProfile: nothing is read"))
        return
    at = "spec.autoUpgradeProfile"
    found.mistakes += unknown_fields(origin, at, profile, CHANNELS)
    if set(spec) - {"autoUpgradeProfile"}:
        found.notes.append(origin.mistake("", None, f"of a cluster {at} alone is read"))
    found.channels(origin, {key: profile.get(key) for key in CHANNELS}, {key: joined(at, key) for key in CHANNELS})


def written(exports: Exports, target: Target, namespace: str = "default") -> str:
    """The configurations as manifests of Azure Service Operator, and the channels as a part of its ManagedCluster.

    The version is the first one that has the kind, which later ones of Azure Service Operator serve too.
    """
    owner = {"name": target.cluster}
    manifests = [
        _manifest("MaintenanceConfiguration", OBJECT_NAMES[it.name], namespace)
        | {"spec": {"azureName": it.name, "owner": owner, **it.properties}}
        for it in exports.configurations
    ]
    if exports.channels:
        cluster = _manifest("ManagedCluster", target.cluster, namespace)
        manifests.append(cluster | {"spec": {"autoUpgradeProfile": exports.channels}})
    return "---\n".join(yaml_text(manifest) for manifest in manifests)


def _manifest(kind: str, name: str, namespace: str) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": {"name": name, "namespace": namespace}}
