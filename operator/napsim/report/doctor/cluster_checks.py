"""Is this an API server that napsim works with, and a cluster whose nodes it may delete?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from napsim.api.compatibility import OLDEST_KUBERNETES, supported
from napsim.core.adoption import LOCAL_PROVIDERS
from napsim.core.objects import Node
from napsim.core.versions import at_least
from napsim.report.doctor.findings import Seen, error, ok, warning
from napsim.report.doctor.readings import Manifest, Readings

_AZURE: Final = "azure"
_LOCAL: Final = (*LOCAL_PROVIDERS, "napsim")
_AKS_CLUSTER: Final = "kubernetes.azure.com/cluster"  # on every node of AKS, never on one of ours
_PART_OF: Final = "app.kubernetes.io/part-of"
# What says who else made a CustomResourceDefinition: labels and annotations.
_OWNERS: Final = (
    "app.kubernetes.io/managed-by",
    "addonmanager.kubernetes.io/mode",
    "kubernetes.azure.com/managedby",
    "meta.helm.sh/release-name",
    "helm.toolkit.fluxcd.io/name",
    "controller-gen.kubebuilder.io/version",
)
_APPLY: Final = "napsim crds | kubectl apply --server-side -f -"
_TAKE_OVER: Final = "napsim crds | kubectl apply --server-side --force-conflicts -f -"
_SHOWN: Final = 3


def api_server(readings: Readings) -> Iterable[Seen]:
    """Reached (or nothing else would be checked), ready, and not older than the oldest supported minor."""
    if readings.ready:
        yield warning(f"the API server is not ready: {readings.ready}", fix="kubectl get --raw '/readyz?verbose'")
    if not at_least(readings.server_version, *OLDEST_KUBERNETES):
        seen = f"Kubernetes {readings.server_version or 'of unknown version'}; supported is {supported()}"
        yield error(seen, fix="use a newer cluster, for example that of: napsim cluster create")
    elif not readings.ready:
        yield ok(f"{readings.server_version}, ready")


# --- somebody else's cluster ------------------------------------------------------------------------------------------


def not_a_real_cluster(readings: Readings) -> Iterable[Seen]:
    """No node is a machine of a cloud: napsim deletes nodes, or plays that they were replaced."""
    azure = [node.name for node in readings.nodes if _scheme(node) == _AZURE or _AKS_CLUSTER in node.metadata.labels]
    if azure:
        seen = (
            f"this looks like a real AKS cluster, where NAP or people own the nodes ({_listed(azure)}): "
            "do not run napsim here"
        )
        return [error(seen, f"Node/{azure[0]}", "kubectl config use-context <a test cluster>")]
    clouds = {scheme: node.name for node in readings.nodes if (scheme := _scheme(node)) not in _LOCAL}
    return [
        warning(
            f"spec.providerID {scheme}:// is a real cloud's: napsim is for test clusters whose nodes nobody needs",
            f"Node/{name}",
            "kubectl config use-context <a test cluster>",
        )
        for scheme, name in sorted(clouds.items())
    ] or [ok(f"{len(readings.nodes)} nodes, none of a cloud")]


def no_other_karpenter(readings: Readings) -> Iterable[Seen]:
    """No other program acts on NodePools and NodeClaims."""
    found = [
        error(
            f"a Karpenter is deployed ({item.app}): two programs would act on the same NodePools",
            f"Deployment/{item.key}",
            f"kubectl scale --namespace {item.metadata.namespace} deployment {item.name} --replicas 0",
        )
        for item in readings.deployments
        if item.app.startswith("karpenter") and item.spec.replicas > 0
    ]
    found += [
        error(
            f"a Karpenter leads: {lease.spec.holder_identity} holds its Lease; two programs would act on the same "
            "NodePools",
            f"Lease/{lease.key}",
            "use another cluster, or stop that Karpenter first",
        )
        for lease in readings.rivals
        if lease.spec.holder_identity and lease.is_fresh(readings.real)
    ]
    return found or [ok("none is deployed, none holds its Lease")]


def _scheme(node: Node) -> str:
    return node.spec.provider_id.partition(":")[0]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


# --- CustomResourceDefinitions ----------------------------------------------------------------------------------------


def _pairs(readings: Readings) -> Iterator[tuple[Manifest, Manifest | None]]:
    """Each definition as shipped, and as it is in the cluster."""
    there = {item["metadata"]["name"]: item for item in readings.crds}
    for shipped in readings.shipped:
        yield shipped, there.get(shipped["metadata"]["name"])


def crds_installed(readings: Readings) -> Iterable[Seen]:
    """All six kinds are there."""
    missing = [_crd(shipped) for shipped, there in _pairs(readings) if there is None]
    return [error("is not installed", name, _APPLY) for name in missing] or [ok(f"{len(readings.shipped)} are there")]


def crds_established(readings: Readings) -> Iterable[Seen]:
    """The API server serves them under their names."""
    found = []
    for shipped, there in _pairs(readings):
        if there is None:
            continue
        conditions = {item["type"]: item for item in there.get("status", {}).get("conditions", ())}
        for type_ in ("NamesAccepted", "Established"):
            condition = conditions.get(type_, {"status": "Unknown"})
            if condition["status"] != "True":
                seen = f"{type_} is {condition['status']}: {condition.get('message', 'nothing was said')}"
                fix = f"kubectl describe crd {shipped['metadata']['name']}"
                found.append(error(seen, _crd(shipped), fix))
    return found or [ok("all that are there are served")]


def crds_owned(readings: Readings) -> Iterable[Seen]:
    """They are napsim's own, and not those of a real Karpenter or NAP."""
    found = []
    for shipped, there in _pairs(readings):
        if there is None:
            continue
        stored = set(there.get("status", {}).get("storedVersions", ()))
        foreign = sorted(stored - {item["name"] for item in shipped["spec"]["versions"]})
        if there["metadata"].get("labels", {}).get(_PART_OF) != "napsim":
            seen = f"belongs to somebody else ({_owner(there)}): this looks like a cluster with a real Karpenter or NAP"
            fix = f"if it is a test cluster and that one is gone: {_TAKE_OVER}"
            found.append(error(seen, _crd(shipped), fix))
        elif foreign:
            seen = f"objects are stored in version {', '.join(foreign)}, which napsim does not have"
            found.append(error(seen, _crd(shipped), f"delete that kind's objects and its CRD, then: {_APPLY}"))
    return found or [ok("all that are there are napsim's")]


def _owner(crd: Manifest) -> str:
    marks = {**crd["metadata"].get("labels", {}), **crd["metadata"].get("annotations", {})}
    return ", ".join(f"{key}={marks[key]}" for key in _OWNERS if key in marks) or "without napsim's label"


def crds_current(readings: Readings) -> Iterable[Seen]:
    """They are those of this version."""
    found = []
    for shipped, there in _pairs(readings):
        if there is not None and (where := _difference(shipped["spec"], there["spec"], "spec")):
            seen = f"is not that of napsim {readings.version}: it differs at {where}"
            found.append(warning(seen, _crd(shipped), _APPLY))
    return found or [ok(f"those that are there are of {readings.version}")]


def _difference(shipped: object, there: object, path: str) -> str:
    """Where what is there first differs; what only it has are the API server's defaults. Empty if nowhere."""
    if isinstance(shipped, dict) and isinstance(there, dict):
        parts = ((shipped[key], there.get(key), f"{path}.{key}") for key in shipped)
        found = next((inner for part in parts if (inner := _difference(*part))), "")
        extra = sorted(there.keys() - shipped.keys()) if path.endswith(".properties") else []
        return found or (f"{path}.{extra[0]}" if extra else "")
    if isinstance(shipped, list) and isinstance(there, list) and len(shipped) == len(there):
        parts = (
            (one, other, f"{path}[{index}]") for index, (one, other) in enumerate(zip(shipped, there, strict=True))
        )
        return next((inner for part in parts if (inner := _difference(*part))), "")
    return "" if shipped == there else path


def _crd(manifest: Manifest) -> str:
    return f"CustomResourceDefinition/{manifest['metadata']['name']}"
