"""What a pod's volumes ask of its node: the zone of a disk, or the topologies a StorageClass allows.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/scheduling/volumetopology.go``. Fails closed: a pod whose
claims cannot be followed is not scheduled. How many disks a node can attach (CSINode) is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.objects import PersistentVolume, PersistentVolumeClaim, Pod, Requirement, StorageClass, Volume
from napsim.core.requirements import AllowedValues, requirements_of

BIND_COMPLETED: Final = "pv.kubernetes.io/bind-completed"


class Storage(msgspec.Struct, frozen=True):
    """Claims by ``namespace/name``, volumes and classes by name, as a shell keeps them."""

    claims: Mapping[str, PersistentVolumeClaim] = msgspec.field(default_factory=dict)
    volumes: Mapping[str, PersistentVolume] = msgspec.field(default_factory=dict)
    classes: Mapping[str, StorageClass] = msgspec.field(default_factory=dict)


class VolumeNeeds(msgspec.Struct, frozen=True):
    """What the volumes ask of the node's labels. ``problem`` says why they cannot be followed, empty when they can."""

    requirements: Mapping[str, AllowedValues] = msgspec.field(default_factory=dict)
    problem: str = ""


NO_NEEDS: Final = VolumeNeeds()


def claim_keys(pod: Pod) -> Iterator[tuple[Volume, str]]:
    """The volumes of the pod that have a claim, with its ``namespace/name``."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume, f"{pod.metadata.namespace}/{volume.persistent_volume_claim.claim_name}"
        elif volume.ephemeral is not None:
            yield volume, f"{pod.metadata.namespace}/{pod.name}-{volume.name}"


def needs(pod: Pod, storage: Storage) -> VolumeNeeds:
    """What the pod's volumes ask of its next node. Ephemeral claims of a bound pod go with it, so they ask nothing."""
    wanted: list[Requirement] = []
    for volume, key in claim_keys(pod):
        if volume.ephemeral is not None and pod.spec.node_name:
            continue
        found = _followed(key, storage)
        if isinstance(found, str):
            return VolumeNeeds(problem=found)
        wanted.extend(found)
    return VolumeNeeds(requirements_of(wanted)) if wanted else NO_NEEDS


def _followed(key: str, storage: Storage) -> tuple[Requirement, ...] | str:
    claim = storage.claims.get(key)
    if claim is None:
        return f'discovering persistent volume claim, persistentvolumeclaim "{key}" not found'
    if claim.spec.volume_name:
        volume = storage.volumes.get(claim.spec.volume_name)
        if volume is None:
            missing = f'persistentvolume "{claim.spec.volume_name}" not found'
            return f"getting existing requirements, getting persistent volume, {missing}"
        return _of_volume(volume)
    if not claim.spec.storage_class_name:
        return ()
    storage_class = storage.classes.get(claim.spec.storage_class_name)
    if storage_class is None:
        return f'getting storage class, storageclass "{claim.spec.storage_class_name}" not found'
    return _of_class(storage_class)


def _of_volume(volume: PersistentVolume) -> tuple[Requirement, ...]:
    """Terms are alternatives of which upstream uses the first; a local path binds to no hostname after a move."""
    affinity = volume.spec.node_affinity
    terms = affinity.required.node_selector_terms if affinity and affinity.required else ()
    first = terms[0].match_expressions if terms else ()
    if volume.spec.local is not None or volume.spec.host_path is not None:
        return tuple(item for item in first if item.key != names.HOSTNAME)
    return first


def _of_class(storage_class: StorageClass) -> tuple[Requirement, ...]:
    topologies = storage_class.allowed_topologies
    expressions = topologies[0].match_label_expressions if topologies else ()
    return tuple(Requirement(item.key, "In", item.values) for item in expressions)


def unschedulable(pod: Pod, storage: Storage) -> str:
    """Why a pending pod is left alone because of its claims (kube-scheduler refuses it too); empty when it is not."""
    return next(filter(None, (_refused(key, storage) for _, key in claim_keys(pod))), "")


def _refused(key: str, storage: Storage) -> str:
    claim = storage.claims.get(key)
    if claim is None:
        return f'persistentvolumeclaim "{key}" not found'
    named = f"PersistentVolumeClaim={key}"
    if claim.deleting:
        return f"persistentvolumeclaim is being deleted ({named})"
    volume_name = claim.spec.volume_name
    if claim.status.phase == "Lost":
        bound_to = f"PersistentVolume={volume_name}"
        return f"persistentvolumeclaim bound to non-existent persistentvolume ({named}, {bound_to})"
    return _refused_bound(claim, named, storage) if volume_name else _refused_unbound(claim, named, storage)


def _refused_bound(claim: PersistentVolumeClaim, named: str, storage: Storage) -> str:
    volume = storage.volumes.get(claim.spec.volume_name)
    where = f"({named}, PersistentVolume={claim.spec.volume_name}, StorageClass={claim.spec.storage_class_name})"
    if volume is None:
        return f'failed to validate pvc, persistentvolume "{claim.spec.volume_name}" not found {where}'
    if volume.deleting:
        return f"failed to validate pvc, persistentvolume is being deleted {where}"
    if BIND_COMPLETED not in claim.metadata.annotations:
        where = f"PersistentVolumeClaim={claim.name}, PersistentVolume={claim.spec.volume_name}"
        missing = f"annotation={BIND_COMPLETED}"
        return f"pvc is considered unbound because it does not contain annotation ({missing}, {where})"
    return ""


def _refused_unbound(claim: PersistentVolumeClaim, named: str, storage: Storage) -> str:
    name = claim.spec.storage_class_name
    where = f"({named}, StorageClass={name})"
    if not name:
        return f"unbound pvc must define a storage class {where}"
    storage_class = storage.classes.get(name)
    if storage_class is None:
        return f'failed to validate pvc, failed to get storage class, storageclass "{name}" not found {where}'
    if storage_class.volume_binding_mode == "Immediate":
        return f"failed to validate pvc, pvc with immediate volume binding mode must be bound {where}"
    return ""
