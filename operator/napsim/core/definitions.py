"""Image definitions: which ones an AKSNodeClass selects, in priority order, and the ids that name an image.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/providers/imagefamily (resolver.go, ubuntu_*.go, azlinux*.go,
consts.go) and pkg/utils/image.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.objects import Requirement
from napsim.core.versions import at_least


class GalleryKind(StrEnum):
    """Where images are listed: the community gallery (self-hosted provider) or the shared one (managed NAP)."""

    CIG = "CIG"
    SIG = "SIG"


class Gallery(msgspec.Struct, frozen=True):
    """A gallery under its public (community) name, and under its name and resource group as a shared image gallery."""

    name: str
    public_name: str
    resource_group: str


UBUNTU: Final = Gallery("AKSUbuntu", "AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2", "AKS-Ubuntu")
AZURE_LINUX: Final = Gallery("AKSAzureLinux", "AKSAzureLinux-f7c7cda5-1c9a-4bdc-a222-9614c968580b", "AKS-AzureLinux")
GALLERIES: Final = (UBUNTU, AZURE_LINUX)


class Definition(msgspec.Struct, frozen=True):
    """An image definition and what an instance type must be to boot it (architecture, Hyper-V generation)."""

    name: str
    gallery: Gallery
    arch: str = "amd64"
    hyperv_generation: str = "2"

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """As they stand in ``status.images``: by length of the key, then by the key."""
        return (
            Requirement(key=names.ARCH, operator="In", values=(self.arch,)),
            Requirement(key=names.HYPERV_GENERATION, operator="In", values=(self.hyperv_generation,)),
        )


class Family(StrEnum):
    """An image family after resolution; also the value of the label ``kubernetes.azure.com/os-sku-effective``."""

    UBUNTU2004 = "Ubuntu2004"
    UBUNTU2204 = "Ubuntu2204"
    UBUNTU2404 = "Ubuntu2404"
    AZURE_LINUX2 = "AzureLinux2"
    AZURE_LINUX3 = "AzureLinux3"


class ImageSelection(msgspec.Struct, frozen=True):
    """What of an AKSNodeClass selects images: ``imageFamily`` ("" = unset), FIPS mode, trusted launch."""

    image_family: str = "Ubuntu"
    fips: bool = False
    trusted_launch: bool = False

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> ImageSelection:
        """That of the ``spec`` of an AKSNodeClass, as it is written."""
        launch = (spec.get("security") or {}).get("trustedLaunch") or {}
        return cls(
            spec.get("imageFamily", "Ubuntu"),
            spec.get("fipsMode") == "FIPS",
            bool(launch.get("vtpm") or launch.get("secureBoot")),
        )


class _Features(StrEnum):
    NORMAL = "normal"
    TRUSTED_LAUNCH = "TrustedLaunch"
    FIPS = "FIPS"
    FIPS_TRUSTED_LAUNCH = "FIPS and TrustedLaunch"


def _ubuntu(gen2: str, gen1: str, arm64: str = "") -> tuple[Definition, ...]:
    return _triple(UBUNTU, gen2, gen1, arm64)


def _azure_linux(gen2: str, gen1: str, arm64: str = "") -> tuple[Definition, ...]:
    return _triple(AZURE_LINUX, gen2, gen1, arm64)


def _triple(gallery: Gallery, gen2: str, gen1: str, arm64: str) -> tuple[Definition, ...]:
    arm = (Definition(arm64, gallery, arch="arm64"),) if arm64 else ()
    return (Definition(gen2, gallery), Definition(gen1, gallery, hyperv_generation="1"), *arm)


# A family and a set of features that are not listed have no image.
_DEFINITIONS: Final[Mapping[tuple[Family, _Features], tuple[Definition, ...]]] = {
    (Family.UBUNTU2004, _Features.FIPS): _ubuntu("2004gen2fipscontainerd", "2004fipscontainerd"),
    (Family.UBUNTU2204, _Features.NORMAL): _ubuntu("2204gen2containerd", "2204containerd", "2204gen2arm64containerd"),
    (Family.UBUNTU2204, _Features.TRUSTED_LAUNCH): (Definition("2204gen2TLcontainerd", UBUNTU),),
    (Family.UBUNTU2204, _Features.FIPS_TRUSTED_LAUNCH): (Definition("2204gen2fipsTLcontainerd", UBUNTU),),
    (Family.UBUNTU2404, _Features.NORMAL): _ubuntu("2404gen2containerd", "2404containerd", "2404gen2arm64containerd"),
    (Family.UBUNTU2404, _Features.TRUSTED_LAUNCH): (Definition("2404gen2TLcontainerd", UBUNTU),),
    (Family.AZURE_LINUX2, _Features.NORMAL): _azure_linux("V2gen2", "V2", "V2gen2arm64"),
    (Family.AZURE_LINUX2, _Features.TRUSTED_LAUNCH): (Definition("V2gen2TL", AZURE_LINUX),),
    (Family.AZURE_LINUX2, _Features.FIPS): _azure_linux("V2gen2fips", "V2fips"),
    (Family.AZURE_LINUX3, _Features.NORMAL): _azure_linux("V3gen2", "V3", "V3gen2arm64"),
    (Family.AZURE_LINUX3, _Features.TRUSTED_LAUNCH): (Definition("V3gen2TL", AZURE_LINUX),),
    (Family.AZURE_LINUX3, _Features.FIPS): _azure_linux("V3gen2fips", "V3fips", "V3gen2arm64fips"),
}
DEFINITIONS: Final[Mapping[str, Definition]] = {
    definition.name: definition for definitions in _DEFINITIONS.values() for definition in definitions
}
"""Every definition known, by name."""


def family_of(selection: ImageSelection, kubernetes_version: str) -> Family:
    """The family that ``imageFamily`` means; a Kubernetes version that does not parse gives the older one."""
    if selection.image_family == "AzureLinux":
        return Family.AZURE_LINUX3 if at_least(kubernetes_version, 1, 32) else Family.AZURE_LINUX2
    if selection.image_family in (Family.UBUNTU2204, Family.UBUNTU2404):
        return Family(selection.image_family)
    if selection.trusted_launch:
        return Family.UBUNTU2204
    if selection.fips:
        return Family.UBUNTU2004
    return Family.UBUNTU2404 if at_least(kubernetes_version, 1, 34) else Family.UBUNTU2204


def definitions_for(selection: ImageSelection, kubernetes_version: str, kind: GalleryKind) -> tuple[Definition, ...]:
    """The definitions selected, in priority order. FIPS images exist in the shared gallery only; empty = no image."""
    if selection.fips and kind is GalleryKind.CIG:
        return ()
    features = (
        (_Features.FIPS_TRUSTED_LAUNCH if selection.trusted_launch else _Features.FIPS)
        if selection.fips
        else (_Features.TRUSTED_LAUNCH if selection.trusted_launch else _Features.NORMAL)
    )
    return _DEFINITIONS.get((family_of(selection, kubernetes_version), features), ())


# --- ids -------------------------------------------------------------------------------------------------------------

_CIG_ID: Final = re.compile(
    r"/CommunityGalleries/(?P<gallery>[^/]+)/images/(?P<definition>[^/]+)/versions/(?P<version>[^/]*)", re.IGNORECASE
)
_SIG_ID: Final = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)/providers/Microsoft\.Compute"
    r"/galleries/(?P<gallery>[^/]+)/images/(?P<definition>[^/]+)/versions/(?P<version>[^/]+)",
    re.IGNORECASE,
)
_GALLERY_NAMES: Final[Mapping[str, str]] = {gallery.public_name: gallery.name for gallery in GALLERIES}


class ImageId(msgspec.Struct, frozen=True):
    """The parts of a gallery image id. ``gallery`` is the public name in the community form."""

    kind: GalleryKind
    gallery: str
    definition: str
    version: str


def cig_image_id(definition: Definition, version: str) -> str:
    return f"/CommunityGalleries/{definition.gallery.public_name}/images/{definition.name}/versions/{version}"


def sig_image_id(definition: Definition, version: str, subscription: str) -> str:
    gallery = definition.gallery
    return (
        f"/subscriptions/{subscription}/resourceGroups/{gallery.resource_group}/providers/Microsoft.Compute"
        f"/galleries/{gallery.name}/images/{definition.name}/versions/{version}"
    )


def base_id(image_id: str) -> str:
    """The id without its last two segments (``/versions/<version>``): what a version belongs to."""
    return image_id.rsplit("/", 2)[0]


def parse_image_id(image_id: str) -> ImageId:
    """The parts of a community or shared gallery id. Raises ValueError naming the id when it is neither."""
    for kind, form in ((GalleryKind.CIG, _CIG_ID), (GalleryKind.SIG, _SIG_ID)):
        match = form.fullmatch(image_id)
        if match:
            return ImageId(kind, match["gallery"], match["definition"], match["version"])
    raise ValueError(
        f"image id {image_id!r} is neither /CommunityGalleries/<gallery>/images/<definition>/versions/<version> nor "
        "/subscriptions/<s>/resourceGroups/<g>/providers/Microsoft.Compute/galleries/<gallery>/images/<definition>"
        "/versions/<version>"
    )


@lru_cache(maxsize=4096)
def node_image_version_of(image_id: str) -> str:
    """The value of ``kubernetes.azure.com/node-image-version``: ``AKSUbuntu-2204gen2containerd-202410.27.0``.

    For an id of either gallery form. Raises ValueError naming the id when it is neither.
    """
    parts = parse_image_id(image_id)
    return f"{_GALLERY_NAMES.get(parts.gallery, parts.gallery)}-{parts.definition}-{parts.version}"


def machine_image_version(image_id: str) -> str:
    """The Machine API form ``<gallery>-<definition>-<version>`` of a shared gallery id.

    Raises ValueError with the provider's words for a community id and for anything else that is no shared gallery id.
    """
    if image_id.lower().startswith("/communitygalleries/"):
        raise ValueError(
            "CIG images are not supported yet for AKS machines, consider not using an AKS Machine API provision mode: "
            f"{image_id}"
        )
    match = _SIG_ID.fullmatch(image_id)
    if match is None:
        raise ValueError(f"incorrect SIG image ID id={image_id}")
    return f"{match['gallery']}-{match['definition']}-{match['version']}"
