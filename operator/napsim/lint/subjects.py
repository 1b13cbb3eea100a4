"""What rules are about: the documents of an input as typed values, and how they belong together.

A rule sees the whole input, since a PodDisruptionBudget alone is neither right nor wrong. Only documents that the API
server would take are here: what is wrong with the others is a finding already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePath
from typing import Final, Generic, TypeVar

import msgspec

from napsim.api import names
from napsim.api.nodeautoprovisioning import NodeAutoProvisioning, NodeAutoProvisioningSpec
from napsim.api.scalars import parse_date, parse_instant
from napsim.controllers.settings import Settings, from_spec
from napsim.core.budgets import Budget
from napsim.core.configuration_specs import from_spec as configuration_of
from napsim.core.configurations import Configuration
from napsim.core.nodepools import NodePool, budgets_of
from napsim.core.objects import Node, Pod, PodDisruptionBudget, PodTemplate
from napsim.core.pdbs import selects
from napsim.lint.layout import Layout
from napsim.reading.kinds import KINDS, WORKLOADS, is_known
from napsim.reading.sources import Document, Place

T = TypeVar("T")
_Key = tuple[str, str, str]  # kind, namespace, name

NODE_POOL: Final = "NodePool"
CONFIGURATION: Final = "MaintenanceConfiguration"
_DEFAULT_NAMESPACE: Final = "default"
# Groups whose objects make no pods that a selector could mean, besides those of Kubernetes itself.
_OURS: Final = ("karpenter.sh", "karpenter.azure.com", "karpenter.k8s.aws", "napsim.dev")
_KUBERNETES: Final = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions"})
_MAKERS: Final = frozenset({"Job", "CronJob", "ReplicationController"})


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A document, and the value it was read as."""

    document: Document
    value: T

    @property
    def folder(self) -> str:
        return folder_of(self.document)


@dataclass(frozen=True, slots=True)
class Pool:
    """A NodePool. ``budgets`` are in order; the CRD's default where none are written."""

    document: Document
    pool: NodePool
    budgets: tuple[Budget, ...]
    nodes: int | None  # where something says how many there are

    @property
    def written(self) -> bool:
        """Whether somebody wrote the budgets down."""
        return self.pool.spec.disruption.budgets is not None


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of the spec of a workload."""

    replicas: int | None = None
    template: PodTemplate = PodTemplate()


@dataclass(frozen=True, slots=True)
class Workload:
    """What makes pods of one template. ``replicas``: None where an autoscaler, or nobody, says how many."""

    document: Document
    kind: str
    name: str
    namespace: str
    template: PodTemplate
    replicas: int | None


@dataclass(frozen=True, slots=True)
class Subjects:
    """The typed documents of one input. ``zone`` is the reader's IANA time zone, where somebody told it."""

    now: datetime
    zone: str = ""
    pools: tuple[Pool, ...] = ()
    configurations: tuple[Read[Configuration], ...] = ()
    settings: tuple[Read[NodeAutoProvisioningSpec], ...] = ()
    pdbs: tuple[Read[PodDisruptionBudget], ...] = ()
    workloads: tuple[Workload, ...] = ()
    selected: Mapping[Place, tuple[Workload, ...]] = field(default_factory=dict)  # by each PodDisruptionBudget
    nodes: tuple[Read[Node], ...] = ()
    classes: tuple[Document, ...] = ()
    strangers: frozenset[str] = frozenset()  # namespaces with objects that may make pods in ways unknown here
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of each file
    layout: Layout = field(default_factory=Layout)
    windows_unknown: bool = False  # there are configurations that cannot be used

    def settings_near(self, document: Document) -> Settings:
        """The settings that hold for a document: the only ones that may be of its cluster; else every default."""
        return from_spec(self.spec_near(document))

    def spec_near(self, document: Document) -> NodeAutoProvisioningSpec:
        """The same as it is written."""
        near = [item.value for item in self.settings if self.layout.together(item.document, document)]
        return near[0] if len(near) == 1 else NodeAutoProvisioningSpec()

    def configurations_near(self, document: Document, name: str) -> list[Read[Configuration]]:
        """Those of that name which may be of the same cluster."""
        return [
            it for it in self.configurations if it.value.name == name and self.layout.together(it.document, document)
        ]

    def pools_near(self, document: Document) -> list[Pool]:
        """Those that may be of the same cluster."""
        return [pool for pool in self.pools if self.layout.together(pool.document, document)]

    def nodes_near(self, document: Document) -> list[Read[Node]]:
        """Those that may be of the same cluster."""
        return [node for node in self.nodes if self.layout.together(node.document, document)]


def folder_of(document: Document) -> str:
    return str(PurePath(document.file).parent)


def namespace_of(document: Document) -> str:
    """Of a document of any namespaced kind, also one that is not known here; ``default`` where none is written."""
    metadata = document.manifest.get("metadata")
    return str((metadata.get("namespace") if isinstance(metadata, dict) else None) or _DEFAULT_NAMESPACE)


def subjects_of(
    documents: Iterable[Document],
    now: datetime,
    zone: str = "",
    lines: Mapping[str, Sequence[str]] | None = None,
    refused: Iterable[Document] = (),
) -> Subjects:
    """The documents, all of which the API server would take, as values. Raises ConfigurationError for one it would not.

    ``refused`` are those that it would not: what they were meant to be is not known.
    """
    kinds: dict[str, list[Document]] = {kind: [] for kind in KINDS}
    others: list[Document] = []
    for document in documents:
        (kinds[str(document.manifest["kind"])] if is_known(document.manifest) else others).append(document)
    settings = tuple(Read(it, NodeAutoProvisioning.parse(it.manifest).spec) for it in kinds["NodeAutoProvisioning"])
    nodes = tuple(Read(it, msgspec.convert(it.manifest, Node)) for it in kinds["Node"])
    counted = Counter(node.value.metadata.labels.get(names.NODEPOOL, "") for node in nodes)
    refused = list(refused)
    layout = Layout.of([*(it for kind in kinds.values() for it in kind), *others, *refused])
    found = Subjects(now, zone, settings=settings, nodes=nodes, lines=lines or {}, layout=layout)
    pdbs = tuple(Read(it, msgspec.convert(it.manifest, PodDisruptionBudget)) for it in kinds["PodDisruptionBudget"])
    workloads = tuple(_workloads(kinds, others))
    return replace(
        found,
        pools=tuple(_pool(document, counted) for document in kinds[NODE_POOL]),
        configurations=tuple(Read(it, configuration(it, found)) for it in kinds[CONFIGURATION]),
        pdbs=pdbs,
        workloads=workloads,
        selected=_selection(pdbs, workloads, layout),
        classes=tuple(kinds["AKSNodeClass"]),
        strangers=frozenset(namespace_of(it) for it in (*refused, *others) if _makes_pods(it)),
        windows_unknown=any(document.manifest.get("kind") == CONFIGURATION for document in refused),
    )


def configuration(document: Document, found: Subjects) -> Configuration:
    """The configuration of a document as it is written. Raises ConfigurationError."""
    spec, metadata = document.manifest["spec"], document.manifest["metadata"]
    created, stored = metadata.get("creationTimestamp"), (document.manifest.get("status") or {}).get("startDate")
    return configuration_of(
        spec["configName"],
        spec,
        parse_instant(created) if created else found.now,
        parse_date(stored) if stored else None,
        found.settings_near(document).windows,
    )


def _pool(document: Document, counted: Mapping[str, int]) -> Pool:
    pool = msgspec.convert(_without_nulls(document.manifest), NodePool)
    status = (document.manifest.get("status") or {}).get("nodes")
    nodes = counted.get(pool.name) or status or pool.spec.replicas
    return Pool(document, pool, tuple(Budget.from_spec(spec) for spec in budgets_of(pool)), nodes)


def _without_nulls(value: object) -> object:
    """A field that is null counts as absent, as the API server takes it."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


# --- workloads --------------------------------------------------------------------------------------------------------


def _workloads(kinds: Mapping[str, Sequence[Document]], others: Iterable[Document]) -> Iterator[Workload]:
    """Those that nothing else here makes: a ReplicaSet of a Deployment and the pods of both are that Deployment."""
    scaled = dict(_scaled(others))
    known = {_key(document) for kind in WORKLOADS for document in kinds[kind]}
    for document in (document for kind in WORKLOADS for document in kinds[kind]):
        if _owner(document) in known:
            continue
        kind, namespace, name = _key(document)
        spec = msgspec.convert(document.manifest.get("spec") or {}, _Spec)
        replicas = scaled.get((kind, namespace, name), spec.replicas)
        yield Workload(document, kind, name, namespace, spec.template, replicas)
    yield from _pods(kinds["Pod"], known)


def _pods(documents: Iterable[Document], known: Collection[_Key]) -> Iterator[Workload]:
    """Pods that no workload here makes, those of one owner together."""
    owned: dict[_Key, list[tuple[Document, Pod]]] = {}
    for document in documents:
        pod, owner = msgspec.convert(document.manifest, Pod), _owner(document)
        if owner is None:
            yield _workload_of([(document, pod)], "Pod", pod.name)
        elif owner not in known and owner[0] not in {"DaemonSet", "Node"}:
            owned.setdefault(owner, []).append((document, pod))
    for (_, _, name), pods in owned.items():
        yield _workload_of(pods, "Pod", name)


def _key(document: Document) -> _Key:
    manifest = document.manifest
    return str(manifest["kind"]), namespace_of(document), str(manifest["metadata"].get("name", ""))


def _owner(document: Document) -> _Key | None:
    """What controls an object."""
    for owner in document.manifest["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("kind")), namespace_of(document), str(owner.get("name"))
    return None


def _workload_of(pods: Sequence[tuple[Document, Pod]], kind: str, name: str) -> Workload:
    document, pod = pods[0]
    template = PodTemplate(metadata=pod.metadata, spec=pod.spec)
    return Workload(document, kind, name, namespace_of(document), template, len(pods))


def _selection(
    pdbs: Iterable[Read[PodDisruptionBudget]], workloads: Iterable[Workload], layout: Layout
) -> dict[Place, tuple[Workload, ...]]:
    """What each PDB selects."""
    by_namespace: dict[str, list[Workload]] = {}
    by_label: dict[tuple[str, str, str], list[Workload]] = {}
    for workload in workloads:
        by_namespace.setdefault(workload.namespace, []).append(workload)
        for key, value in workload.template.metadata.labels.items():
            by_label.setdefault((workload.namespace, key, value), []).append(workload)
    found = {}
    for item in pdbs:
        namespace, selector = namespace_of(item.document), item.value.spec.selector
        label = next(iter(selector.match_labels.items()), None) if selector else None
        near = by_label.get((namespace, *label), []) if label else by_namespace.get(namespace, [])
        found[item.document.place] = tuple(
            workload
            for workload in near
            if selects(selector, workload.template.metadata.labels)
            and layout.together(item.document, workload.document)
        )
    return found


def _scaled(others: Iterable[Document]) -> Iterator[tuple[_Key, int | None]]:
    """What an autoscaler scales, and the fewest replicas that it leaves; None where that is not known."""
    for document in others:
        spec = document.manifest.get("spec")
        target = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
        if isinstance(spec, dict) and isinstance(target, dict):
            fewest = spec.get("minReplicas")
            known = fewest if isinstance(fewest, int) and fewest > 1 else None
            yield (str(target.get("kind", "Deployment")), namespace_of(document), str(target.get("name", ""))), known


def _makes_pods(document: Document) -> bool:
    """Whether an object of another kind may make pods: a custom resource, or a Job."""
    manifest = document.manifest
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    if group in _KUBERNETES:
        return manifest.get("kind") in (*_MAKERS, *WORKLOADS, "Pod")
    return not group.endswith(_OURS) and not group.endswith(".k8s.io")
