"""May this Node play nodes of a NodePool in place, and which NodeClaim stands for it?

Policy: label ``napsim.dev/nodepool`` on the Node opts in. Fails closed: a control plane, a Node of a real cloud, a Node
that has a NodeClaim or is another Karpenter's, and a Node that the pool's requirements rule out are never taken.
Taking a Node disturbs nothing that runs on it: no drain, no taint that ends pods.

Claims have names that follow from the Node and its generation, so that a create that is repeated meets itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.definitions import base_id, node_image_version_of
from napsim.core.inplace import Adoption, is_being_replaced, record_of
from napsim.core.instancetypes import INSTANCE_TYPES, InstanceType
from napsim.core.nodeclasses import StatusImage, image_for
from napsim.core.nodepools import NodePool, Placement, new_claim, region_of
from napsim.core.objects import Node, NodeClaim
from napsim.core.provisioning import Offer
from napsim.core.requirements import label_requirements, requirements_of, unmet

# Schemes of provider ids of clusters that nobody runs anything serious on. Any other is taken for a cloud's.
LOCAL_PROVIDERS: Final = ("", "docker", "k3d", "k3s", "kind", "kwok", "minikube", "podman", "rke2")
_OUR_PROVIDER: Final = "napsim"
_LONGEST: Final = 240
_NO_EXECUTE: Final = "NoExecute"
# What a Node says of itself is kept, and its claim says the same.
OWN_LABELS: Final = (names.INSTANCE_TYPE, names.ZONE, names.REGION, names.ARCH, names.OS, names.CAPACITY_TYPE)


class AdoptionReason(StrEnum):
    """Why a Node is taken, or not."""

    ADOPTED = "Adopted"
    NOT_OPTED_IN = "NotOptedIn"
    CONTROL_PLANE = "ControlPlane"
    CLOUD_NODE = "CloudNode"
    DELETING = "Deleting"
    HAS_NODECLAIM = "HasNodeClaim"
    OTHER_KARPENTER = "OtherKarpenter"
    NODEPOOL_NOT_FOUND = "NodePoolNotFound"
    NODEPOOL_DELETING = "NodePoolDeleting"
    NODEPOOL_NOT_IN_PLACE = "NodePoolNotInPlace"
    NO_INSTANCE_TYPE = "NoInstanceType"
    REQUIREMENTS = "RequirementsNotMet"
    NODECLASS_NOT_READY = "NodeClassNotReady"
    NO_IMAGE = "NoImage"


# These end by themselves: a Node that is between two claims is kept as it is until then.
PASSING: Final = frozenset(
    {AdoptionReason.HAS_NODECLAIM, AdoptionReason.NODECLASS_NOT_READY, AdoptionReason.NO_IMAGE, AdoptionReason.DELETING}
)


class Home(msgspec.Struct, frozen=True):
    """A NodePool as a Node sees it that wants in. ``template`` is ``spec.template`` as stored."""

    pool: NodePool
    template: Mapping[str, Any]
    offer: Offer
    in_place: bool
    not_ready: str = ""  # why nothing can be launched for its class now
    class_hash: str = ""
    images: tuple[StatusImage, ...] = ()
    kubernetes_version: str = ""


class Applicant(msgspec.Struct, frozen=True):
    """A Node that opts in to the pool of that name. ``home`` is None without such a pool."""

    node: Node
    pool: str
    home: Home | None
    claim: NodeClaim | None = None


class AdoptionVerdict(msgspec.Struct, frozen=True):
    """``claim`` is the NodeClaim to create, where the Node is taken. ``remarks``: what the Node does not get."""

    reason: AdoptionReason
    message: str = ""
    claim: NodeClaim | None = None
    remarks: tuple[str, ...] = ()

    @property
    def adopted(self) -> bool:
        return self.reason is AdoptionReason.ADOPTED


Check = Callable[[Applicant], AdoptionVerdict | None]


def _not_opted_in(applicant: Applicant) -> AdoptionVerdict | None:
    if applicant.pool:
        return None
    return AdoptionVerdict(AdoptionReason.NOT_OPTED_IN, f"the Node has no label {names.PLAYS_NODEPOOL}")


def _control_plane(applicant: Applicant) -> AdoptionVerdict | None:
    node = applicant.node
    keys = {*node.metadata.labels, *(taint.key for taint in node.spec.taints)}
    found = sorted(keys & {names.CONTROL_PLANE, names.MASTER})
    if not found:
        return None
    return AdoptionVerdict(AdoptionReason.CONTROL_PLANE, f"the Node is of the control plane ({found[0]})")


def _cloud(applicant: Applicant) -> AdoptionVerdict | None:
    provider = applicant.node.spec.provider_id
    scheme, _, _ = provider.partition(":")
    if scheme in LOCAL_PROVIDERS:
        return None
    if scheme == _OUR_PROVIDER:
        return AdoptionVerdict(AdoptionReason.CLOUD_NODE, "the Node is a fake one of napsim's own, which KWOK plays")
    message = f"spec.providerID {provider!r} is a real cloud's; taken are Nodes of {', '.join(LOCAL_PROVIDERS[1:])}"
    return AdoptionVerdict(AdoptionReason.CLOUD_NODE, message)


def out_of_bounds(node: Node) -> AdoptionVerdict | None:
    """Why the Node is never touched, whatever anybody opts in to; None for a worker of a local cluster."""
    applicant = Applicant(node, "", None)
    return _control_plane(applicant) or _cloud(applicant)


def _deleting(applicant: Applicant) -> AdoptionVerdict | None:
    return AdoptionVerdict(AdoptionReason.DELETING, "the Node is being deleted") if applicant.node.deleting else None


def _has_claim(applicant: Applicant) -> AdoptionVerdict | None:
    if applicant.claim is None:
        return None
    return AdoptionVerdict(AdoptionReason.HAS_NODECLAIM, f"the Node has NodeClaim {applicant.claim.name}")


def _other_karpenter(applicant: Applicant) -> AdoptionVerdict | None:
    node = applicant.node
    pool = node.metadata.labels.get(names.NODEPOOL)
    if pool is None or record_of(node) is not None:
        return None
    message = f"the Node has label {names.NODEPOOL}={pool}, which napsim did not write: it is another Karpenter's"
    return AdoptionVerdict(AdoptionReason.OTHER_KARPENTER, message)


def _pool_found(applicant: Applicant) -> AdoptionVerdict | None:
    if applicant.home is not None:
        return None
    return AdoptionVerdict(AdoptionReason.NODEPOOL_NOT_FOUND, f"there is no usable NodePool {applicant.pool!r}")


def _pool_stays(applicant: Applicant) -> AdoptionVerdict | None:
    if not _home(applicant).pool.deleting:
        return None
    return AdoptionVerdict(AdoptionReason.NODEPOOL_DELETING, f"NodePool {applicant.pool} is being deleted")


def _pool_in_place(applicant: Applicant) -> AdoptionVerdict | None:
    if _home(applicant).in_place:
        return None
    message = (
        f"NodePool {applicant.pool} has fake nodes: neither its annotation {names.NODE_PROVIDER} nor "
        "spec.nodeProvider.kind of NodeAutoProvisioning says inPlace"
    )
    return AdoptionVerdict(AdoptionReason.NODEPOOL_NOT_IN_PLACE, message)


def _has_type(applicant: Applicant) -> AdoptionVerdict | None:
    problem = _untyped(applicant.node, _home(applicant))
    return AdoptionVerdict(AdoptionReason.NO_INSTANCE_TYPE, problem) if problem else None


def _untyped(node: Node, home: Home) -> str:
    if home.offer.zones and (home.offer.types or names.INSTANCE_TYPE in _own(node)):
        return ""
    return f"no instance type or no zone meets the requirements of NodePool {home.pool.name}"


def _meets_requirements(applicant: Applicant) -> AdoptionVerdict | None:
    problems = hindrances(applicant.node, _home(applicant))
    if not problems:
        return None
    message = f"the Node's labels do not meet the requirements of NodePool {applicant.pool}: {'; '.join(problems)}"
    return AdoptionVerdict(AdoptionReason.REQUIREMENTS, message)


def _class_ready(applicant: Applicant) -> AdoptionVerdict | None:
    problem = _home(applicant).not_ready
    return AdoptionVerdict(AdoptionReason.NODECLASS_NOT_READY, problem) if problem else None


def _has_image(applicant: Applicant) -> AdoptionVerdict | None:
    home = _home(applicant)
    labels = _labels(applicant.node, home)
    if image_for(home.images, label_requirements(labels)) is not None:
        return None
    return AdoptionVerdict(
        AdoptionReason.NO_IMAGE, f"the AKSNodeClass of NodePool {applicant.pool} has no image for it"
    )


# In this order: first what no label can change. A check may rely on all before it.
CHECKS: Final[tuple[Check, ...]] = (
    _control_plane,
    _cloud,
    _deleting,
    _has_claim,
    _not_opted_in,
    _other_karpenter,
    _pool_found,
    _pool_stays,
    _pool_in_place,
    _class_ready,
    _has_type,
    _meets_requirements,
    _has_image,
)


def judge(applicant: Applicant, now: datetime) -> AdoptionVerdict:
    """The first check that refuses; else the NodeClaim to create. ``now`` is virtual."""
    for check in CHECKS:
        if (refused := check(applicant)) is not None:
            return refused
    node, home = applicant.node, _home(applicant)
    claim = claim_for(node, home, now)
    return AdoptionVerdict(AdoptionReason.ADOPTED, f"NodeClaim {claim.name}", claim, tuple(_remarks(node, home)))


def _home(applicant: Applicant) -> Home:
    assert applicant.home is not None, "an earlier check has seen to it"
    return applicant.home


def _remarks(node: Node, home: Home) -> list[str]:
    if is_being_replaced(node):
        return []
    taints = home.pool.spec.template.spec.taints
    return [f"taint {taint} is left out until its first replacement" for taint in taints if taint.effect == _NO_EXECUTE]


# --- the claim -------------------------------------------------------------------------------------------------------


def adopted_name(node: str, generation: int) -> str:
    """``kind-worker-g1``."""
    return f"{node[:_LONGEST]}-g{generation}"


def claim_for(node: Node, home: Home, now: datetime) -> NodeClaim:
    """The NodeClaim that stands for the Node in its next generation. ``now`` is virtual.

    A Node that was drained for it gets the image of its class when it is launched. Any other is taken as it runs, with
    the image that its label node-image-version says, if that is one of the class's definitions.
    """
    record = record_of(node)
    generation = record.generation if record else 1
    image = "" if is_being_replaced(node) else image_of(node, home.images) or _current_image(node, home)
    adoption = Adoption(node.name, generation, home.kubernetes_version, image)
    size, placement = _size(node, home), _placement(node, home)
    made = new_claim(
        home.pool, home.template, adopted_name(node.name, generation), placement, size or _UNKNOWN_SIZE, {}, now,
        class_hash=home.class_hash,
    )  # fmt: skip
    text = msgspec.json.encode(adoption).decode()
    metadata = msgspec.structs.replace(
        made.metadata, labels=_labels(node, home), annotations={**made.metadata.annotations, names.ADOPTS: text}
    )
    return msgspec.structs.replace(made, metadata=metadata)


_UNKNOWN_SIZE: Final = next(iter(INSTANCE_TYPES.values()))  # its labels are not taken over


def _own(node: Node) -> dict[str, str]:
    """What the Node says of itself, without what napsim has written there."""
    record = record_of(node)
    labels = {**node.metadata.labels, **(record.labels if record else {})}
    return {key: value for key in OWN_LABELS if (value := labels.get(key)) is not None}


def _size(node: Node, home: Home) -> InstanceType | None:
    """The size that the Node says it has, else the pool's; None for a size that is none of Azure's."""
    said = _own(node).get(names.INSTANCE_TYPE)
    return INSTANCE_TYPES.get(said) if said else home.offer.types[0]


def _placement(node: Node, home: Home) -> Placement:
    own, size = _own(node), _size(node, home)
    zones = home.offer.zones
    draw = int.from_bytes(hashlib.blake2b(node.name.encode(), digest_size=4).digest())
    return Placement(
        own.get(names.INSTANCE_TYPE) or (size.name if size else ""),
        own.get(names.ZONE) or zones[draw % len(zones)],
        own.get(names.CAPACITY_TYPE) or home.offer.capacity_type,
    )


def _labels(node: Node, home: Home) -> dict[str, str]:
    """What the claim says, and its Node too: the pool's own labels, and what the Node says of itself."""
    size, placement, template = _size(node, home), _placement(node, home), home.pool.spec.template
    return {
        **(size.labels() if size else {}),
        names.INSTANCE_TYPE: placement.instance_type,
        names.ZONE: placement.zone,
        names.REGION: region_of(placement.zone),
        names.CAPACITY_TYPE: placement.capacity_type,
        **_own(node),
        **template.metadata.labels,
        names.NODEPOOL: home.pool.name,
        names.AKSNODECLASS: template.spec.node_class_ref.name,
    }


def hindrances(node: Node, home: Home) -> tuple[str, ...]:
    """Why the Node can never meet what the pool requires: a replacement in place does not change what it is."""
    if problem := _untyped(node, home):
        return (problem,)
    return unmet(_labels(node, home), requirements_of(home.pool.spec.template.spec.requirements))


def image_of(node: Node, images: tuple[StatusImage, ...]) -> str:
    """The id of the image that the Node's label says, if it is one of the definitions of ``images``; else empty."""
    said = node.metadata.labels.get(names.NODE_IMAGE_VERSION, "")
    for image in images:
        prefix = node_image_version_of(f"{base_id(image.id)}/versions/-").removesuffix("-")
        version = said.removeprefix(prefix)
        if version and version != said:
            return f"{base_id(image.id)}/versions/{version}"
    return ""


def _current_image(node: Node, home: Home) -> str:
    image = image_for(home.images, label_requirements(_labels(node, home)))
    return image.id if image else ""
