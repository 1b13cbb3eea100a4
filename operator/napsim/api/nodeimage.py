"""``NodeImage`` (napsim.dev/v1alpha1): one published version of one image definition.

Policy: a NodeImage stands for what a regional gallery lists, which upstream reads from Azure. The name forms are those
of ``kubernetes.azure.com/node-image-version``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api import names
from napsim.api.base import KubeObject, Model, Transition
from napsim.api.conditions import Conditions
from napsim.api.kinds import Column, Kind
from napsim.api.scalars import Check, Instant, Int32, Int64, matching

_GALLERIES: Final = (("AzureLinux", "AKSAzureLinux"), ("Windows", "AKSWindows"), ("", "AKSUbuntu"))
_WORD: Final = "[A-Za-z0-9][A-Za-z0-9-]*"

Version = Annotated[
    str,
    Field(max_length=32),
    matching(
        r"[0-9]+\.[0-9]+\.[0-9]+",
        "version must be three numbers, yyyyMM.dd.patch. For example, 202602.13.0; its patch goes to securityPatch",
    ),
]
SecurityPatch = Annotated[
    str,
    Field(max_length=32),
    matching(
        r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}", "securityPatch must be a date in the form yyyy.MM.dd. For example, 2026.03.01"
    ),
]


def _named(field: str, pattern: str, example: str) -> Check:
    return matching(pattern, f"{field} must be letters, digits and '-', without blanks. For example, {example}")


OsSku = Annotated[str, Field(max_length=64), _named("osSKU", _WORD, "Ubuntu2204")]
Definition = Annotated[str, Field(max_length=64), _named("definition", _WORD, "2204gen2containerd")]
Gallery = Annotated[str, Field(max_length=64), _named("gallery", _WORD, "AKSUbuntu")]


class NodeImageSpec(Model):
    """One image version. Only publishedAt can be changed."""

    os_sku: OsSku = Field(description="Operating system: Ubuntu2204, Ubuntu2404, AzureLinux3 and so on.")
    definition: Definition = Field(
        description="Image definition in the gallery: 2204gen2containerd, V3gen2arm64 and so on."
    )
    version: Version = Field(
        description="Version in the form yyyyMM.dd.patch, as in 202602.13.0: the date of the build."
    )
    published_at: Instant | None = Field(
        default=None,
        description=(
            "When the region gets the image, RFC 3339 on the cluster's virtual clock; it does not exist before."
            " Absent: when the object was created."
        ),
    )
    security_patch: SecurityPatch | None = Field(
        default=None, description="Date of the security patch on top of the version, in the form yyyy.MM.dd."
    )
    gallery: Gallery | None = Field(
        default=None, description="Gallery; absent means AKSUbuntu, AKSAzureLinux or AKSWindows by osSKU."
    )

    TRANSITIONS: ClassVar = (
        Transition(
            "version is immutable", "self.version == oldSelf.version", lambda old, new: old.version == new.version
        ),
        Transition(
            "definition is immutable",
            "self.definition == oldSelf.definition",
            lambda old, new: old.definition == new.definition,
        ),
        Transition("osSKU is immutable", "self.osSKU == oldSelf.osSKU", lambda old, new: old.os_sku == new.os_sku),
        Transition(
            "securityPatch is immutable",
            "has(self.securityPatch) == has(oldSelf.securityPatch)"
            " && (!has(self.securityPatch) || self.securityPatch == oldSelf.securityPatch)",
            lambda old, new: old.security_patch == new.security_patch,
        ),
    )

    @property
    def full_version(self) -> str:
        """The version with its security patch: 202410.27.0-2024.12.01."""
        return f"{self.version}-{self.security_patch}" if self.security_patch else self.version

    @property
    def gallery_name(self) -> str:
        """The gallery, by the operating system where the spec names none."""
        return self.gallery or next(gallery for prefix, gallery in _GALLERIES if self.os_sku.startswith(prefix))

    @property
    def node_image_version(self) -> str:
        """The label kubernetes.azure.com/node-image-version of its nodes: AKSUbuntu-2204gen2containerd-202602.13.0."""
        return f"{self.gallery_name}-{self.definition}-{self.full_version}"


class NodeImageStatus(Model):
    """Where the image is in its life. All times are on the cluster's virtual clock."""

    observed_generation: Int64 = Field(default=0, description="The metadata.generation the status was computed from.")
    published: str | None = Field(default=None, description="When it was or will be published, for people.")
    published_at: Instant | None = Field(
        default=None, description="When it was or will be published; written once where the spec has no publishedAt."
    )
    age: str | None = Field(default=None, description="Time since the build date in the version, for people: 34d.")
    state: str | None = Field(
        default=None,
        description="For people: Upcoming, Latest (of its definition, listed or not), Superseded.",
    )
    nodes: Int32 = Field(default=0, description="The number of nodes that run it.")
    node_pools: str | None = Field(
        default=None,
        description="Their NodePools, for people: nodes that run it of all, as in default 11/12, system 3/3.",
    )
    node_classes: tuple[str, ...] = Field(
        default=(), max_length=100, description="The AKSNodeClasses whose new nodes get it."
    )
    conditions: Conditions = Field(default=(), description="Ready, and Findings: what to mind.")


class NodeImage(KubeObject):
    """One published version of one image definition."""

    api_version: Literal["napsim.dev/v1alpha1"] = "napsim.dev/v1alpha1"
    kind: Literal["NodeImage"] = "NodeImage"
    spec: NodeImageSpec = Field(description="The image version. Only publishedAt can be changed.")
    status: NodeImageStatus = Field(
        default=NodeImageStatus.model_construct(), description="Where the image is in its life."
    )


NODE_IMAGE: Final = Kind(
    model=NodeImage,
    group=names.NAPSIM_GROUP,
    version=names.NAPSIM_VERSION,
    plural="nodeimages",
    short_names=("ni",),
    categories=("napsim",),
    columns=(
        Column("Definition", ".spec.definition"),
        Column("Version", ".spec.version"),
        Column("Published", ".status.published", description="When the region got or gets it."),
        Column("Age", ".status.age", description="Time since the build date in the version."),
        Column("Nodes", ".status.nodes", "integer", description="Nodes that run it."),
        Column("NodePools", ".status.nodePools", description="Nodes that run it, of all nodes of the pool."),
        Column("State", ".status.state"),
        Column("OS", ".spec.osSKU", wide=True),
        Column("Patch", ".spec.securityPatch", wide=True),
        Column("Classes", ".status.nodeClasses", wide=True, description="AKSNodeClasses whose new nodes get it."),
    ),
)
