"""What people have applied: pools, node classes, images, windows and settings, as values that decisions take.

An object that cannot be used is reported (``problems``) and the last good state of it stands: nothing that runs is
lost. The API server refuses most mistakes; what reaches us is what schema and CEL cannot see (a time zone, say).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.api.nodeautoprovisioning import NODE_PROVIDERS
from napsim.api.nodeimage import NodeImage
from napsim.api.validation import errors_of
from napsim.controllers.settings import Settings, settings_of
from napsim.core.adoption import Home
from napsim.core.budgets import Budget
from napsim.core.clock import parse_rfc3339
from napsim.core.daemons import Daemon
from napsim.core.definitions import ImageSelection, family_of
from napsim.core.drift import Offering, PoolView
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.core.images import Catalogue, ListCache, ListKey, PublishedImage
from napsim.core.instancetypes import DEFAULT_MAX_PODS, INSTANCE_TYPES, ON_DEMAND, InstanceType, amounts_of
from napsim.core.nodeclasses import NodeClassState, StatusImage, unreadable
from napsim.core.nodepools import NodePool, budgets_of, runtime_faults
from napsim.core.nodetemplates import NodeTemplate, in_order, template_of
from napsim.core.objects import Condition, NodeClaim, NodeClassRef, ObjectMeta, Requirement, is_true
from napsim.core.observedtypes import Observed
from napsim.core.pickup import list_key
from napsim.core.provisioning import Offer, offer_of
from napsim.core.requirements import requirements_of
from napsim.core.resources import Resources
from napsim.core.unavailable import UnavailableOfferings

Manifest = Mapping[str, Any]

_DECIDING: Final = ("generation", "annotations", "labels", "deletionTimestamp")

NODE_POOL: Final = "NodePool"
AKS_NODE_CLASS: Final = names.AKS_NODE_CLASS
NODE_IMAGE: Final = "NodeImage"
IN_PLACE: Final = "inPlace"
MAINTENANCE_CONFIGURATION: Final = "MaintenanceConfiguration"
NODE_AUTO_PROVISIONING: Final = "NodeAutoProvisioning"


class NodePoolEntry(msgspec.Struct, frozen=True):
    """A NodePool ready for decisions. ``template`` is ``spec.template`` as stored: what the hash is made of."""

    pool: NodePool
    template: Manifest
    hash: str
    budgets: tuple[Budget, ...]
    view: PoolView
    manifest: Manifest
    faults: tuple[str, ...] = ()  # that admission did not see: nothing is launched for such a pool


class NodeClassEntry(msgspec.Struct, frozen=True):
    """An AKSNodeClass ready for decisions."""

    metadata: ObjectMeta
    state: NodeClassState
    hash: str
    max_pods: int
    os_disk_gb: int
    manifest: Manifest

    @property
    def ready(self) -> bool:
        """Nodes are launched for classes that are Ready only."""
        return is_true(self.state.conditions, names.READY)

    def node_labels(self) -> dict[str, str]:
        """The labels that NAP's nodes of this class carry (karpenter-provider-azure ``pkg/apis/v1beta1/labels.go``)."""
        family = self.state.selection.image_family
        sku = "AzureLinux" if family.startswith("AzureLinux") else "Ubuntu"
        streaming = self.manifest.get("spec", {}).get("artifactStreaming", {}).get("enabled", False)
        said = {names.FIPS_ENABLED: self.state.selection.fips, names.ARTIFACT_STREAMING: streaming}
        return {
            **{label: "true" for label, on in said.items() if on},
            names.AKS_MODE: "user",
            names.OS_SKU: sku,
            names.OS_SKU_REQUESTED: family,
            names.OS_SKU_EFFECTIVE: str(family_of(self.state.selection, self.state.kubernetes_version)),
            names.DO_NOT_SYNC_TAINTS: "true",
        }


class Declared(msgspec.Struct):
    """All of it, by name. Manifests are as the API server has them; images all have a date."""

    pools: dict[str, NodePoolEntry] = msgspec.field(default_factory=dict)
    node_classes: dict[str, NodeClassEntry] = msgspec.field(default_factory=dict)
    images: dict[str, Manifest] = msgspec.field(default_factory=dict)
    windows: dict[str, Manifest] = msgspec.field(default_factory=dict)
    settings: Settings = msgspec.field(default_factory=Settings)
    nap: Manifest | None = None
    problems: dict[tuple[str, str], tuple[str, ...]] = msgspec.field(default_factory=dict)  # of (kind, name)
    revision: int = 0  # another one whenever an object was taken in or dropped
    caches: dict[ListKey, ListCache] = msgspec.field(default_factory=dict)  # of the gallery, as the provider has them
    server_version: str = ""
    control_plane: str = ""  # what was decided of it; until then what the settings or the API server say
    waiting_upgrade: str = ""  # of Kubernetes, in words, while one waits for its window
    catalogue: Catalogue = msgspec.field(default_factory=Catalogue)
    unavailable: UnavailableOfferings = msgspec.field(default_factory=UnavailableOfferings)
    offerings: Mapping[str, tuple[Offering, ...]] = msgspec.field(default_factory=dict)
    observed: Observed = msgspec.field(default_factory=Observed)  # instance types of classes that are not Azure's
    _answers: dict[tuple[str, str], Manifest] = msgspec.field(default_factory=dict)
    """What the API server said of objects when a status was written, where an edit of them is yet to be told."""
    _templates: dict[str, tuple[tuple[object, ...], NodeTemplate]] = msgspec.field(default_factory=dict)
    _in_order: tuple[NodeTemplate, ...] = ()

    @property
    def kubernetes_version(self) -> str:
        """What the control plane runs, or is to be taken to run."""
        return self.control_plane or self.settings.kubernetes_version or self.server_version

    def class_hash(self, name: str) -> str:
        entry = self.node_classes.get(name)
        return entry.hash if entry else ""

    def take(self, manifest: Manifest, seen_at: datetime) -> bool:
        """Take in an object as it is now. Whether it can be used; if not, ``problems`` says why."""
        self.revision += 1
        manifest = self._as_answered(manifest)
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        faults = tuple(str(error) for error in errors_of(_without_status(manifest)))
        if not faults:
            try:
                self._reader(kind)(manifest, seen_at)
            except (ValueError, msgspec.ValidationError) as fault:
                faults = (str(fault),)
        if faults:
            self.problems[kind, name] = faults
            self._stand_in(manifest)
            return False
        self.problems.pop((kind, name), None)
        return True

    def answered(self, known: Manifest, answer: Manifest) -> bool:
        """A status was written. Whether the answer is what is known but for it; if not, an edit is yet to be told."""
        if is_edit_known(known, answer):
            return True
        self._answers[known["kind"], known["metadata"]["name"]] = answer
        return False

    def _as_answered(self, manifest: Manifest) -> Manifest:
        """An edit that is told after a status was written on it comes with the status from before that."""
        key = manifest["kind"], manifest["metadata"]["name"]
        answer = self._answers.get(key)
        if answer is None:
            return manifest
        of_one = manifest["metadata"]["uid"] == answer["metadata"]["uid"]
        if of_one and int(manifest["metadata"]["resourceVersion"]) < int(answer["metadata"]["resourceVersion"]):
            return {**manifest, "status": answer.get("status", {})}
        del self._answers[key]
        return manifest

    def _stand_in(self, manifest: Manifest) -> None:
        """An operator that never knew a better state goes on with the window that the status says is in force."""
        metadata, remembered = manifest["metadata"], manifest.get("status", {}).get("effective")
        if manifest["kind"] == MAINTENANCE_CONFIGURATION and metadata["name"] not in self.windows and remembered:
            metadata = {**metadata, "generation": remembered["generation"]}
            self.windows[metadata["name"]] = {**manifest, "metadata": metadata, "spec": remembered["spec"]}

    def manifest(self, kind: str, name: str) -> Manifest | None:
        """The object as it was last taken."""
        if kind == NODE_POOL:
            return self.pools[name].manifest if name in self.pools else None
        if kind == AKS_NODE_CLASS:
            return self.node_classes[name].manifest if name in self.node_classes else None
        if kind == NODE_AUTO_PROVISIONING:
            return self.nap
        return (self.images if kind == NODE_IMAGE else self.windows).get(name)

    def known(self, kind: str) -> dict[str, str]:
        """Names of the objects of a kind, with their uids; without one, those that could never be taken in."""
        nap = () if self.nap is None else (self.nap["metadata"]["name"],)
        taken = nap if kind == NODE_AUTO_PROVISIONING else self._stores[kind]
        manifests = ((name, self.manifest(kind, name)) for name in taken)
        refused = {name: "" for its_kind, name in self.problems if its_kind == kind}
        return refused | {name: manifest["metadata"]["uid"] for name, manifest in manifests if manifest is not None}

    def is_news(self, manifest: Manifest) -> bool:
        """Whether the object differs from what is known in more than a status of our own making.

        A status alone is noted without further ado; an older state than the one known (an echo) is not looked at.
        """
        known = self.manifest(manifest["kind"], manifest["metadata"]["name"])
        if known is None or known["metadata"]["uid"] != manifest["metadata"]["uid"]:
            return True
        if int(manifest["metadata"]["resourceVersion"]) <= int(known["metadata"]["resourceVersion"]):
            return False
        if not is_edit_known(known, manifest):
            return True
        if manifest["kind"] == AKS_NODE_CLASS:
            return bool(known.get("status") != manifest.get("status"))
        if isinstance(known, dict):
            known["metadata"], known["status"] = manifest["metadata"], manifest.get("status", {})
        return False

    def drop(self, kind: str, name: str) -> None:
        """An object is gone."""
        self.revision += 1
        self.problems.pop((kind, name), None)
        self._answers.pop((kind, name), None)
        if kind == NODE_AUTO_PROVISIONING:
            self.nap, self.settings = None, Settings()
        else:
            self._stores[kind].pop(name, None)
        self._remake(kind)

    @property
    def _stores(self) -> dict[str, dict[str, Any]]:
        return {
            NODE_POOL: self.pools,
            AKS_NODE_CLASS: self.node_classes,
            NODE_IMAGE: self.images,
            MAINTENANCE_CONFIGURATION: self.windows,
        }

    def cache_of(self, node_class: str) -> ListCache | None:
        """The list of the gallery that the class takes its images from; None before it was made."""
        entry = self.node_classes.get(node_class)
        return self.caches.get(list_key(entry.state, self.settings.pickup)) if entry is not None else None

    # --- who makes the nodes of a pool --------------------------------------------------------------------------------

    def has_pool(self, name: str) -> bool:
        """Whether the NodePool exists, be it one that cannot be used."""
        return name in self.pools or (NODE_POOL, name) in self.problems

    def is_in_place(self, entry: NodePoolEntry) -> bool:
        """Whether real Nodes play the pool's: as its annotation says, else as the settings do."""
        said = entry.pool.metadata.annotations.get(names.NODE_PROVIDER, "")
        return (said if said in NODE_PROVIDERS else self.settings.node_provider) == IN_PLACE

    def in_place_pools(self) -> list[NodePoolEntry]:
        return [entry for _, entry in sorted(self.pools.items()) if self.is_in_place(entry)]

    def home(self, pool: str) -> Home | None:
        """The pool as Nodes see it that want in; None without such a pool."""
        entry = self.pools.get(pool)
        if entry is None:
            return None
        reference = entry.pool.spec.template.spec.node_class_ref.name
        node_class = self.node_classes.get(reference)
        if node_class is None:
            offer = offer_of(entry.pool, (), (), "")
            return Home(entry.pool, entry.template, offer, self.is_in_place(entry), f"NodeClass {reference} is missing")
        problem = "" if node_class.ready else f"NodeClass {reference} is not ready"
        return Home(
            entry.pool,
            entry.template,
            self.offer(entry),
            self.is_in_place(entry),
            unreadable(node_class.state, names.IMAGES_READY) or problem,
            node_class.hash,
            node_class.state.images,
            node_class.state.kubernetes_version or self.kubernetes_version,
        )

    def can_launch(self, pool: str) -> bool:
        """Whether the pool has instance types: not without its class, nor with requirements that none meets.

        Nodes that are there need none.
        """
        entry = self.pools.get(pool)
        node_class = self.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name) if entry else None
        if entry is None or node_class is None:
            return False
        if self.is_in_place(entry):
            return True
        return bool(self._template(entry, node_class, None).options)

    def templates(self, daemons: Sequence[Daemon]) -> tuple[NodeTemplate, ...]:
        """The dynamic pools that can launch, in order. Nothing is launched where real Nodes play.

        The same tuple as before while nothing has changed.
        """
        found = []
        for entry in self.pools.values():
            node_class = self.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
            if entry.pool.is_static or node_class is None or not node_class.ready or self.is_in_place(entry):
                continue
            if entry.pool.deleting or entry.faults:
                continue
            found.append(self._template(entry, node_class, daemons))
        ordered = in_order(found)
        if ordered != self._in_order:
            self._in_order = ordered
        return self._in_order

    def _template(
        self, entry: NodePoolEntry, node_class: NodeClassEntry, daemons: Sequence[Daemon] | None
    ) -> NodeTemplate:
        """What the pool can launch; None for ``daemons``: with those of the last time."""
        shape = (node_class.max_pods, node_class.os_disk_gb)
        basis = (entry, self.settings, shape)
        known = self._templates.get(entry.pool.name)
        if known is not None and known[0][:3] == basis and (daemons is None or known[0][3] is daemons):
            return known[1]
        types, zones, preferred = self._launchable(node_class)
        made = template_of(entry.pool, types, zones, daemons or (), *shape, preferred)
        self._templates[entry.pool.name] = ((*basis, daemons), made)
        return made

    def expected(self, claim: NodeClaim) -> tuple[Resources, Resources]:
        """Capacity and allocatable of the claim's instance, by its size and its class."""
        size = self.size(claim.metadata.labels.get(names.INSTANCE_TYPE, ""))
        entry = self.node_classes.get(claim.spec.node_class_ref.name)
        if size is None or entry is None:
            return {}, {}
        return amounts_of(size, entry.max_pods, entry.os_disk_gb)

    def offer(self, entry: NodePoolEntry) -> Offer:
        """What one pool can launch, whatever for."""
        node_class = self.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        return offer_of(entry.pool, *self._launchable(node_class))

    def size(self, name: str) -> InstanceType | None:
        """The instance type of that name, Azure's or one that nodes show."""
        return INSTANCE_TYPES.get(name) or self.observed.types.get(name)

    def _launchable(self, node_class: NodeClassEntry | None) -> tuple[Iterable[InstanceType], Sequence[str], str]:
        """Instance types, zones, and the type that is preferred where the pool leaves it open."""
        if node_class is not None and node_class.state.foreign:
            return self.observed.types.values(), self.observed.zones, ""
        return INSTANCE_TYPES.values(), self.settings.zones, self.settings.instance_type

    def stand_in(self, reference: NodeClassRef) -> None:
        """Play a class that is not Azure's: always ready, without images, and known by its name alone."""
        metadata = ObjectMeta(name=reference.name, generation=1)
        ready = (Condition(names.READY, "True", names.READY, observed_generation=1),)
        state = NodeClassState(reference.name, 1, conditions=ready, foreign=reference.kind)
        self.node_classes[reference.name] = NodeClassEntry(metadata, state, "", DEFAULT_MAX_PODS, 128, {})
        self.revision += 1
        self._remake(NODE_AUTO_PROVISIONING)

    def _reader(self, kind: str) -> Callable[[Manifest, datetime], None]:
        return {
            NODE_POOL: self._read_pool,
            AKS_NODE_CLASS: self._read_node_class,
            NODE_IMAGE: self._read_image,
            MAINTENANCE_CONFIGURATION: self._read_window,
            NODE_AUTO_PROVISIONING: self._read_nap,
        }[kind]

    # --- one reader for each kind -------------------------------------------------------------------------------------

    def _read_pool(self, manifest: Manifest, _: datetime) -> None:
        pool = msgspec.convert(_without_status(manifest), NodePool)
        template = manifest["spec"]["template"]
        annotations = pool.metadata.annotations
        requirements = requirements_of(pool.spec.template.spec.requirements)
        self.pools[pool.name] = NodePoolEntry(
            pool,
            template,
            nodepool_hash(template),
            tuple(Budget.from_spec(item) for item in budgets_of(pool)),
            PoolView(
                pool.name,
                requirements,
                annotations.get(names.NODEPOOL_HASH),
                annotations.get(names.NODEPOOL_HASH_VERSION),
            ),
            manifest,
            runtime_faults(pool),
        )

    def _read_node_class(self, manifest: Manifest, _: datetime) -> None:
        metadata = msgspec.convert(manifest["metadata"], ObjectMeta)
        spec, status = manifest.get("spec", {}), manifest.get("status", {})
        state = NodeClassState(
            metadata.name,
            metadata.generation,
            ImageSelection.from_spec(spec),
            tuple(_status_image(item) for item in status.get("images", ())),
            status.get("kubernetesVersion", ""),
            msgspec.convert(status.get("conditions", ()), tuple[Condition, ...]),
            metadata.annotations.get(names.AKSNODECLASS_HASH),
            metadata.annotations.get(names.AKSNODECLASS_HASH_VERSION),
            metadata.deletion_timestamp is not None,
        )
        self.node_classes[metadata.name] = NodeClassEntry(
            metadata,
            state,
            aksnodeclass_hash(spec),
            spec.get("maxPods", DEFAULT_MAX_PODS),
            spec.get("osDiskSizeGB", 128),
            manifest,
        )

    def _read_image(self, manifest: Manifest, seen_at: datetime) -> None:
        self.images[manifest["metadata"]["name"]] = _dated(manifest, seen_at)
        self._remake(NODE_IMAGE)

    def _read_window(self, manifest: Manifest, _: datetime) -> None:
        self.windows[manifest["metadata"]["name"]] = manifest

    def _read_nap(self, manifest: Manifest, _: datetime) -> None:
        settings = settings_of(_without_status(manifest))
        if settings.failures != self.settings.failures:
            self.unavailable = UnavailableOfferings()  # policy: other failures, another cloud
        self.settings = settings
        self.nap = manifest
        self._remake(NODE_AUTO_PROVISIONING)

    def _remake(self, kind: str) -> None:
        if kind == NODE_IMAGE:
            self.catalogue = Catalogue(published_image(item) for _, item in sorted(self.images.items()))
        if kind == NODE_AUTO_PROVISIONING or not self.offerings:
            anywhere = tuple(
                Offering(zone, capacity) for zone in self.settings.zones for capacity in (ON_DEMAND, "spot")
            )
            seen = tuple(Offering(zone, kind) for zone in self.observed.zones for kind in (ON_DEMAND, "spot"))
            self.offerings = dict.fromkeys(self.observed.types, seen) | dict.fromkeys(INSTANCE_TYPES, anywhere)


def _without_status(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "status"}


def _status_image(item: Manifest) -> StatusImage:
    return StatusImage(item["id"], msgspec.convert(item.get("requirements", ()), tuple[Requirement, ...]))


def _dated(manifest: Manifest, seen_at: datetime) -> Manifest:
    """An image without a date is published when it is first seen; its status keeps that instant.

    Nothing was seen in the future: an image that was dated before the cluster's clock was set is seen now.
    """
    at, kept = manifest["spec"].get("publishedAt"), manifest.get("status", {}).get("publishedAt")
    if at is None:
        at = kept if kept is not None and parse_rfc3339(kept) <= seen_at else seen_at.isoformat()
    return {**manifest, "spec": {**manifest["spec"], "publishedAt": at}}


def published_at(manifest: Manifest) -> datetime:
    return parse_rfc3339(manifest["spec"]["publishedAt"])


def published_image(manifest: Manifest) -> PublishedImage:
    """A NodeImage as the catalogue has it."""
    spec = manifest["spec"]
    return PublishedImage(
        spec["definition"], spec["version"], spec["osSKU"], published_at(manifest), spec.get("securityPatch", "")
    )


def node_image_version(manifest: Manifest) -> str:
    """The node label's value for an image."""
    return NodeImage.parse(_without_status(manifest)).spec.node_image_version


def is_edit_known(known: Manifest, manifest: Manifest) -> bool:
    """Whether a later state of an object that is known differs in its status alone: nobody has edited it since."""
    return all(known["metadata"].get(key) == manifest["metadata"].get(key) for key in _DECIDING)
