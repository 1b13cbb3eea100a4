"""Names of a snapshot replaced by hashes: the same name gives the same hash, with the same salt, everywhere.

Kept are Kubernetes' own words and keys, those of Karpenter, AKS and napsim, resource amounts, zones, instance types and
image versions. Everything else that people choose is replaced: names, namespaces, label keys and values. Messages,
subnets, tags, commands in flight and what a status tells people of other objects are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from napsim.api import names
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash

_PUBLIC: Final = (
    "kubernetes.io",
    "k8s.io",
    "karpenter.sh",
    "karpenter.azure.com",
    "napsim.dev",
    "kubernetes.azure.com",
)
# Keys whose values are everybody's words. Of all other keys the values are replaced: they may name anything.
_SPEAKING_DOMAINS: Final = (
    "karpenter.sh", "karpenter.azure.com", "napsim.dev", "kwok.x-k8s.io", "topology.kubernetes.io",
    "node.kubernetes.io", "beta.kubernetes.io", "failure-domain.beta.kubernetes.io",
)  # fmt: skip
_SPEAKING: Final = frozenset({
    names.ARCH, names.OS, names.AKS_MODE, names.AKS_ROLE, names.OS_SKU, names.OS_SKU_EFFECTIVE, names.OS_SKU_REQUESTED,
    names.NODE_IMAGE_VERSION,
})  # fmt: skip
_NAMED_BY: Final = frozenset({
    names.NODEPOOL, names.AKSNODECLASS, names.AKS_MACHINE, names.PLAYS_NODEPOOL, names.REPLACES,
})  # fmt: skip
_NAMES: Final = frozenset({
    "name", "namespace", "uid", "nodeName", "claimName", "volumeName", "persistentVolumeName", "storageClassName",
    "nominatedNodeName", "generateName",
})  # fmt: skip
_LABELS: Final = frozenset({"labels", "matchLabels", "nodeSelector"})
_LEFT_OUT: Final = frozenset({"tags", "vnetSubnetID", "userData", "disruptedPods", "display"})
_OF_A_TERM: Final = frozenset({
    "key", "operator", "value", "values", "effect", "tolerationSeconds", "minValues", "timeAdded",
})  # fmt: skip
_COMMANDS: Final = (names.COMMAND, names.ADOPTS, names.IN_PLACE)
_OWN_NAMES: Final = frozenset({"NodeAutoProvisioning", "MaintenanceConfiguration", "NodeImage"})
_SYSTEM: Final = ("system-",)
_HASHED_AS: Final = frozenset({names.NODEPOOL_HASH, names.AKSNODECLASS_HASH})
# What of a status a forecast reads. The rest names nodes and pools, in lists of its own and in sentences.
_STATUS_READ: Final[Mapping[str, frozenset[str]]] = {
    "NodeAutoProvisioning": frozenset({"clock"}),
    "NodeImage": frozenset(),
}


class Pseudonyms:
    """The hashes of one salt. Without one, who guesses a name can confirm it."""

    def __init__(self, salt: str = "") -> None:
        self._salt = salt.encode()[:64]

    def of(self, name: str) -> str:
        """A valid Kubernetes name; the empty text stays so."""
        if not name:
            return name
        return f"x{hashlib.blake2b(name.encode(), key=self._salt, digest_size=6).hexdigest()}"

    def manifests(self, manifests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """A whole cluster. Hashes of templates follow the names in them: what was not drifted by them is not now."""
        replaced = [self.manifest(manifest) for manifest in manifests]
        hashes = dict(_hashes(manifests, replaced))
        for manifest in replaced:
            annotations = manifest["metadata"].get("annotations", {})
            for key in _HASHED_AS & annotations.keys():
                found = annotations[key]
                annotations[key] = hashes.get((key, found)) or self._number(found)
        return replaced

    def _number(self, text: str) -> str:
        return str(int(self.of(text)[1:], 16))

    def manifest(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """One object."""
        replaced: dict[str, Any] = self._part(_abridged(manifest))
        if manifest["kind"] in _OWN_NAMES:
            replaced["metadata"]["name"] = manifest["metadata"]["name"]
        if manifest["kind"] == "MaintenanceConfiguration":
            replaced["spec"] = manifest["spec"]
        return replaced

    def _part(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any value
        if isinstance(value, list | tuple):
            return [self._part(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if isinstance(value.get("key"), str) and value.keys() <= _OF_A_TERM:
            return self._term(value)
        return {key: self._field(key, item) for key, item in value.items() if key not in _LEFT_OUT}

    def _field(self, key: str, value: Any) -> Any:  # noqa: ANN401 - JSON is any value
        if key in _LABELS and isinstance(value, Mapping):
            return {self._key(label): self._value(label, text) for label, text in value.items()}
        if key == "annotations" and isinstance(value, Mapping):
            kept = {label: text for label, text in value.items() if label not in _COMMANDS}
            return {self._key(label): self._value(label, text) for label, text in kept.items()}
        if key == "message":  # a required field of conditions
            return ""
        if key == "topologyKey":
            return self._key(value)
        if key in {"matchLabelKeys", "mismatchLabelKeys"}:
            return [self._key(label) for label in value]
        if key in {"namespaces", "nodePools"}:  # the latter of failures that are played
            return [self.of(name) for name in value]
        if key == "zone" and isinstance(value, str):  # of a local DNS
            return value if value == "." or value.endswith("cluster.local") else self.of(value)
        if key == "providerID" and value:
            return f"azure:///{self.of(value)}"
        if key == "priorityClassName" and isinstance(value, str):
            return value if value.startswith(_SYSTEM) else self.of(value)
        if key in _NAMES and isinstance(value, str):
            return self.of(value)
        return self._part(value)

    def _term(self, term: Mapping[str, Any]) -> dict[str, Any]:
        """A requirement, taint or toleration: of the last, all but the key may be absent."""
        key = term["key"]
        replaced = {**term, "key": self._key(key)}
        if "values" in term:
            replaced["values"] = [self._value(key, text) for text in term["values"]]
        if isinstance(term.get("value"), str):
            replaced["value"] = self._value(key, term["value"])
        return replaced

    def _key(self, key: str) -> str:
        return key if not key or _is_public(key) else self.of(key)

    def _value(self, key: str, text: str) -> str:
        domain = key.partition("/")[0] if "/" in key else ""
        speaks = key in _SPEAKING or domain in _SPEAKING_DOMAINS
        return text if speaks and key not in _NAMED_BY else self.of(text)


def _hashes(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[tuple[str, str], str]]:
    """By annotation and hash as it was: what it is with the names replaced."""
    for old, new in zip(before, after, strict=True):
        if old["kind"] == "NodePool":
            pair = (nodepool_hash(item["spec"]["template"]) for item in (old, new))
            yield (names.NODEPOOL_HASH, next(pair)), next(pair)
        elif old["kind"] == "AKSNodeClass":
            pair = (aksnodeclass_hash(item.get("spec", {})) for item in (old, new))
            yield (names.AKSNODECLASS_HASH, next(pair)), next(pair)


def _abridged(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    read = _STATUS_READ.get(manifest["kind"])
    if read is None or "status" not in manifest:
        return manifest
    return {**manifest, "status": {key: item for key, item in manifest["status"].items() if key in read}}


def _is_public(key: str) -> bool:
    domain = key.partition("/")[0] if "/" in key else ""
    return any(domain == public or domain.endswith(f".{public}") for public in _PUBLIC)
