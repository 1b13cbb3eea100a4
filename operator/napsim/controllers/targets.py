"""What nodes are going to: the images adopted, those that wait for it, and which claims are not there yet."""

from __future__ import annotations

from datetime import datetime

from napsim.api import names
from napsim.controllers.declared import Declared
from napsim.core.clock import earliest
from napsim.core.images import PublishedImage
from napsim.core.objects import NodeClaim


def is_behind(claim: NodeClaim, declared: Declared) -> bool:
    """Whether the claim is not what its class and pool ask for by now, also before anybody has marked it drifted.

    Marking takes a moment; a rollout must not pass for finished in the meantime.
    """
    annotations = claim.metadata.annotations
    entry = declared.node_classes.get(claim.spec.node_class_ref.name)
    if entry is not None:
        image_id, adopted = claim.status.image_id, entry.state.images
        if adopted and image_id and all(image.id != image_id for image in adopted):
            return True
        if _differs(annotations, names.AKSNODECLASS_HASH, names.AKSNODECLASS_HASH_VERSION, entry.hash):
            return True
    pool = declared.pools.get(claim.metadata.labels.get(names.NODEPOOL, ""))
    return pool is not None and _differs(annotations, names.NODEPOOL_HASH, names.NODEPOOL_HASH_VERSION, pool.hash)


def _differs(annotations: dict[str, str], key: str, version_key: str, wanted: str) -> bool:
    """Hashes of different versions are not compared, as upstream does."""
    return annotations.get(version_key) == names.HASH_VERSION and annotations.get(key, wanted) != wanted


def waiting_images(declared: Declared, now: datetime) -> dict[str, tuple[str, ...]]:
    """Published images that are newer than what a class has adopted: version -> definitions."""
    found: dict[str, set[str]] = {}
    for name in declared.node_classes:
        for image in waiting_for(name, declared, now):
            found.setdefault(image.full_version, set()).add(image.definition)
    return {version: tuple(sorted(found[version])) for version in sorted(found)}


def waiting_for(node_class: str, declared: Declared, now: datetime) -> list[PublishedImage]:
    """Those that wait for one class to adopt them; none before it has adopted any, or where there is no such class."""
    entry, cache = declared.node_classes.get(node_class), declared.cache_of(node_class)
    if entry is None or cache is None or not entry.state.images:
        return []
    adopted = {_definition_and_version(image.id) for image in entry.state.images}
    latest = declared.catalogue.latest(cache.key, now)
    return [image for image in latest if (image.definition, image.full_version) not in adopted]


def next_publication(declared: Declared, now: datetime) -> datetime | None:
    """When the next image is published that a class could take."""
    caches = (declared.cache_of(name) for name in declared.node_classes)
    return earliest(*(declared.catalogue.next_publication(cache.key, now) for cache in caches if cache is not None))


def targets(declared: Declared) -> list[dict[str, str]]:
    """The versions nodes are going to, by class and definition."""
    found = []
    for name in sorted(declared.node_classes):
        for image in declared.node_classes[name].state.images:
            definition, version = _definition_and_version(image.id)
            found.append({"nodeClass": name, "definition": definition, "version": version})
    return found


def _definition_and_version(image_id: str) -> tuple[str, str]:
    """Of an id of either gallery: definitions are published one by one, maybe under one version."""
    *_, definition, _, version = image_id.split("/")
    return definition, version
