"""Names of a snapshot replaced by hashes: the same name gives the same hash, with the same salt, everywhere.

Kept are Kubernetes' own words and keys, those of Karpenter, its providers, AKS and napsim, resource amounts, zones,
instance types and image versions, and the resources of known vendors' devices (``nvidia.com/gpu``). Everything else
that people choose is replaced: names, namespaces, label keys and values, names of other resources, types of other
conditions with their reasons, kinds of other owners and node classes, paths, client ids. Whole numbers stay where a
requirement compares (``Gt``). Messages, subnets, tags, commands in flight and what a status tells people of other
objects are left out.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    "k8s.aws",  # other providers of Karpenter
    "k8s.gcp",
    "k8s.alibabacloud",
    "kwok.sh",
    "eks.amazonaws.com",
)
# Keys whose values are everybody's words. Of all other keys the values are replaced: they may name anything.
_SPEAKING_DOMAINS: Final = (
    "karpenter.sh", "karpenter.azure.com", "napsim.dev", "kwok.x-k8s.io", "topology.kubernetes.io",
    "node.kubernetes.io", "beta.kubernetes.io", "failure-domain.beta.kubernetes.io", "karpenter.k8s.aws",
)  # fmt: skip
_SPEAKING: Final = frozenset({
    names.ARCH, names.OS, names.AKS_MODE, names.AKS_ROLE, names.OS_SKU, names.OS_SKU_EFFECTIVE, names.OS_SKU_REQUESTED,
    names.NODE_IMAGE_VERSION, names.FIPS_ENABLED, names.ARTIFACT_STREAMING,
})  # fmt: skip
_NAMED_BY: Final = frozenset({
    names.NODEPOOL, names.AKSNODECLASS, names.AKS_MACHINE, names.PLAYS_NODEPOOL, names.REPLACES,
})  # fmt: skip
_CLASS: Final = "nodeclass"  # how the keys end by which every provider of Karpenter labels its nodes with their class
_PLAIN_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage", "storage", "pods", "nodes"})
_RESOURCE_FAMILIES: Final = ("hugepages-", "attachable-volumes-")
# Of devices, as their vendors' own plugins name them. Other names below the same domains are an operator's.
_DEVICES: Final = re.compile(
    r"nvidia\.com/(gpu|pgpu)(\.shared)?|nvidia\.com/mig-[0-9]+g\.[0-9]+gb(\.shared)?|amd\.com/gpu"
    r"|gpu\.intel\.com/(i915|xe)(_monitoring)?|sgx\.intel\.com/(epc|enclave|provision)|habana\.ai/gaudi"
    r"|aws\.amazon\.com/neuron(core|device)?|google\.com/tpu|devices\.kubevirt\.io/(kvm|tun|vhost-net|sev)"
)
_AMOUNTS: Final = frozenset({"requests", "limits", "capacity", "allocatable", "overhead", "resources"})
# Of Nodes and Pods, those of the Node Problem Detector that AKS installs, of Karpenter and napsim.
_CONDITIONS: Final = frozenset({
    "Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable",
    "PodScheduled", "PodReadyToStartContainers", "ContainersReady", "DisruptionTarget", "DisruptionAllowed",
    "PodResizePending", "PodResizeInProgress", "AllContainersRestarting",
    "ContainerRuntimeProblem", "FilesystemCorruptionProblem", "FrequentContainerdRestart", "FrequentDockerRestart",
    "FrequentKubeletRestart", "FrequentUnregisterNetDevice", "KernelDeadlock", "KubeletProblem", "ReadonlyFilesystem",
    "VMEventScheduled",
    names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION, names.DRIFTED, names.CONSOLIDATABLE,
    names.DRAINED, names.VOLUMES_DETACHED, names.INSTANCE_TERMINATING, names.DISRUPTION_REASON, "ConsistentStateFound",
    "Empty", "Expired", names.VALIDATION_SUCCEEDED, names.NODECLASS_READY, names.NODE_REGISTRATION_HEALTHY,
    names.KUBERNETES_VERSION_READY, names.IMAGES_READY, names.SUBNETS_READY, names.LOCAL_DNS_READY,
    names.NOT_YET_HONOURED, names.ROLLED_OUT, names.PRE_SPUN_CAPACITY,
})  # fmt: skip
_OWNERS: Final = frozenset({
    "ReplicaSet", "StatefulSet", "DaemonSet", "Deployment", "ReplicationController", "Job", "CronJob", "Node", "Pod",
})  # fmt: skip
_GROUPS: Final = frozenset({"", "apps", "batch", "policy", "autoscaling", "extensions"})
_COMPARISONS: Final = frozenset({"Gt", "Lt", "Gte", "Lte"})
_NAMES: Final = frozenset({
    "name", "namespace", "uid", "nodeName", "claimName", "volumeName", "persistentVolumeName", "storageClassName",
    "nominatedNodeName", "generateName",
})  # fmt: skip
_LABELS: Final = frozenset({"labels", "matchLabels", "nodeSelector"})
_KEYS: Final = frozenset({"matchLabelKeys", "mismatchLabelKeys"})
_LISTED: Final = frozenset({"namespaces", "nodePools"})  # the latter of failures that are played
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
        self._compared: frozenset[str] = frozenset()
        self._fields = self._by_name()

    def of(self, name: str) -> str:
        """A valid Kubernetes name; the empty text stays so."""
        if not name:
            return name
        return f"x{hashlib.blake2b(name.encode(), key=self._salt, digest_size=6).hexdigest()}"

    def manifests(self, manifests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """A whole cluster. Hashes of templates follow the names in them: what was not drifted by them is not now."""
        self._compared = frozenset(_compared(manifests))
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
        if manifest["kind"] == "Pod" and _is_numbered(manifest["metadata"]):
            replaced["metadata"]["name"] = self._numbered(manifest["metadata"]["name"])
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
        type_, replaced = self._fields.get(key, (object, self._part))
        return replaced(value) if isinstance(value, type_) else self._part(value)

    def _by_name(self) -> Mapping[str, tuple[type | tuple[type, ...], Callable[[Any], Any]]]:
        """Fields that are not what their parts are: of which type, and what becomes of them."""
        many = (list, tuple)
        return {
            **dict.fromkeys(_NAMES, (str, self.of)),
            **dict.fromkeys(_LABELS, (Mapping, self._labels)),
            "annotations": (Mapping, self._annotations),
            **dict.fromkeys(_AMOUNTS, (Mapping, self._amounts)),
            "conditions": (many, lambda items: [self._condition(item) for item in items]),
            "ownerReferences": (many, lambda items: [self._owner(item) for item in items]),
            "nodeClassRef": (Mapping, self._class),
            "message": (object, lambda _: ""),  # a required field of conditions
            "topologyKey": (str, self._key),
            **dict.fromkeys(_KEYS, (many, lambda keys: [self._key(key) for key in keys])),
            **dict.fromkeys(_LISTED, (many, lambda listed: [self.of(name) for name in listed])),
            "zone": (str, self._dns_zone),
            "path": (str, lambda path: f"/{self.of(path)}"),  # of a volume of a node
            "kubeletIdentity": (str, self._client_id),
            "providerID": (str, lambda text: f"azure:///{self.of(text)}" if text else text),
            "priorityClassName": (str, lambda name: name if name.startswith(_SYSTEM) else self.of(name)),
        }

    def _labels(self, labels: Mapping[str, Any]) -> dict[str, Any]:
        return {self._key(label): self._value(label, text) for label, text in labels.items()}

    def _annotations(self, annotations: Mapping[str, Any]) -> dict[str, Any]:
        return self._labels({key: text for key, text in annotations.items() if key not in _COMMANDS})

    def _amounts(self, amounts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is any value
        """By resource; what a container has is ``resources`` too, of amounts."""
        if any(isinstance(amount, Mapping) for amount in amounts.values()):
            return self._part(amounts)
        return {self._resource(name): amount for name, amount in amounts.items()}

    def _dns_zone(self, zone: str) -> str:
        return zone if zone == "." or zone.endswith("cluster.local") else self.of(zone)

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
        if not key or _is_public(key):
            return key
        domain, slash, name = key.rpartition("/")
        return f"{self.of(domain)}{slash}{self.of(name)}"

    def _value(self, key: str, text: str) -> str:
        if key == names.KUBELET_IDENTITY:
            return self._client_id(text)
        if key == names.STATEFUL_SET_POD:
            return self._numbered(text)
        if key in self._compared and text.isascii() and text.isdigit():
            return text
        domain = key.partition("/")[0] if "/" in key else ""
        speaks = key in _SPEAKING or domain in _SPEAKING_DOMAINS
        return text if speaks and key not in _NAMED_BY and not key.endswith(_CLASS) else self.of(text)

    def _numbered(self, name: str) -> str:
        """A pod of a StatefulSet: its place in it stays, as by that its controller knows it."""
        of, dash, number = name.rpartition("-")
        return f"{self.of(of)}{dash}{number}" if number.isdigit() else self.of(name)

    def _client_id(self, text: str) -> str:
        """A client id, which the label of a Node and the cluster's settings have to agree in."""
        return (
            str(uuid.UUID(hashlib.blake2b(text.encode(), key=self._salt, digest_size=16).hexdigest())) if text else ""
        )

    # --- words that are a program's, or somebody's ----------------------------------------------------------------

    def _resource(self, name: str) -> str:
        kept = name in _PLAIN_RESOURCES or name.startswith(_RESOURCE_FAMILIES) or _DEVICES.fullmatch(name)
        return name if kept else self._key(name)

    def _condition(self, condition: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is any value
        type_ = condition.get("type")
        found = self._part(condition)
        if not isinstance(type_, str) or type_ in _CONDITIONS or _is_public(type_):
            return found
        return {
            **found,
            "type": self.of(type_),
            **({"reason": self.of(condition["reason"])} if "reason" in found else {}),
        }

    def _owner(self, owner: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is any value
        group, slash, version = str(owner.get("apiVersion", "")).rpartition("/")
        found, known = self._part(owner), group in _GROUPS or _is_domain(group)
        if not known:
            found["apiVersion"] = f"{self.of(group)}{slash}{version}"
        if not known and found.get("kind") not in _OWNERS:
            found["kind"] = self.of(found.get("kind", ""))
        return found

    def _class(self, reference: Mapping[str, Any]) -> dict[str, Any]:
        """Its label on nodes is ``<group>/<kind in lower case>``: the key of a label and the reference agree."""
        found: dict[str, Any] = self._part(reference)
        if "group" in found and not _is_domain(str(found["group"])):
            found["group"] = self.of(str(found["group"]))
            found["kind"] = self.of(str(found.get("kind", "")).lower())
        return found


def _compared(value: object) -> Iterator[str]:
    """The keys whose values a requirement compares as numbers."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _compared(item)
    elif isinstance(value, Mapping):
        if value.get("operator") in _COMPARISONS and isinstance(value.get("key"), str):
            yield str(value["key"])
        for item in value.values():
            yield from _compared(item)


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


def _is_numbered(metadata: Mapping[str, Any]) -> bool:
    owners = metadata.get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("kind") == "StatefulSet" for owner in owners)


def _is_public(key: str) -> bool:
    return _is_domain(key.partition("/")[0]) if "/" in key else False


def _is_domain(domain: str) -> bool:
    return any(domain == public or domain.endswith(f".{public}") for public in _PUBLIC)
