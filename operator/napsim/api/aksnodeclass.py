"""``AKSNodeClass`` (karpenter.azure.com/v1beta1): what the nodes of a pool are made of on Azure.

Mirrors the fields, defaults and validation of karpenter-provider-azure (main of 2026-08-21)
``pkg/apis/v1beta1/aksnodeclass.go`` and ``aksnodeclass_status.go``; ``v1alpha2`` is served with the same schema and a
warning. There is no image version in the spec: which image new nodes get is in ``status.images``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api import names
from napsim.api.base import KubeObject, Model, Rule
from napsim.api.conditions import Conditions
from napsim.api.kinds import Column, Kind, condition_column
from napsim.api.linuxosconfig import SIZE, LinuxOSConfiguration
from napsim.api.localdns import LocalDNS
from napsim.api.scalars import MAX_INT32, Bool, Check, Int32, Int64, matching

SUBNET_ID: Final = (
    r"(?i)^/subscriptions/[^/]+/resourceGroups/[a-zA-Z0-9_\-().]{0,89}[a-zA-Z0-9_\-()]"
    r"/providers/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+$"
)
ImageFamily = Literal["Ubuntu", "Ubuntu2204", "Ubuntu2404", "AzureLinux"]
_FORBIDDEN_IN_TAG_KEYS: Final = frozenset("<>%&?")

Tags = Annotated[
    Mapping[str, str],
    Check(
        "tags keys must be less than 512 characters",
        "self.all(key, size(key) <= 512)",
        lambda tags: all(len(key) <= 512 for key in tags),
    ),
    Check(
        "tags keys must not contain '<', '>', '%', '&', or '?'",
        "self.all(key, !key.matches('[<>%&?]'))",
        lambda tags: all(_FORBIDDEN_IN_TAG_KEYS.isdisjoint(key) for key in tags),
    ),
    Check(
        "tags keys must not contain '\\'",
        r"self.all(key, !key.contains('\\'))",
        lambda tags: all("\\" not in key for key in tags),
    ),
    Check(
        "tags values must be less than 256 characters",
        "self.all(key, size(self[key]) <= 256)",
        lambda tags: all(len(value) <= 256 for value in tags.values()),
    ),
]
GO_DURATION: Final = r"([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+"


class KubeletConfiguration(Model):
    """Settings of the kubelet. A change is drift."""

    cpu_manager_policy: Literal["none", "static"] = Field(
        default="none", description="Whether pods may get CPUs of their own."
    )
    cpu_cfs_quota: Bool = Field(default=True, description="Whether CPU limits are enforced by CFS quota.")
    cpu_cfs_quota_period: Annotated[
        str, Field(max_length=64), matching(GO_DURATION, "must be a duration from 1ms to 1s. For example, 100ms")
    ] = Field(default="100ms", description="The period of the CFS quota, from 1ms to 1s.")
    image_gc_high_threshold_percent: Int32 | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Disk usage in percent from which images are collected; above the low one.",
    )
    image_gc_low_threshold_percent: Int32 | None = Field(
        default=None, ge=0, le=100, description="Disk usage in percent down to which images are collected."
    )
    topology_manager_policy: Literal["restricted", "best-effort", "none", "single-numa-node"] = Field(
        default="none", description="How strictly a pod's CPUs and devices are kept on one NUMA node."
    )
    allowed_unsafe_sysctls: tuple[str, ...] = Field(
        default=(), description="Unsafe sysctls, or patterns that end in *, which pods may set."
    )
    container_log_max_size: str = Field(
        default="50Mi", pattern=SIZE, description="The size at which a container's log is rotated, such as 50Mi."
    )
    container_log_max_files: Int32 = Field(
        default=5, ge=2, le=MAX_INT32, description="How many log files are kept per container."
    )
    pod_pids_limit: Int64 | None = Field(default=None, description="The most processes in one pod; -1 for no limit.")
    fail_swap_on: Bool | None = Field(
        default=None, description="Whether the kubelet refuses to start with swap; false is needed for a swap file."
    )

    RULES: ClassVar = (
        Rule(
            "imageGCHighThresholdPercent must be greater than imageGCLowThresholdPercent",
            "!has(self.imageGCHighThresholdPercent) || !has(self.imageGCLowThresholdPercent)"
            " || self.imageGCHighThresholdPercent > self.imageGCLowThresholdPercent",
            lambda self: (
                self.image_gc_high_threshold_percent is None
                or self.image_gc_low_threshold_percent is None
                or self.image_gc_high_threshold_percent > self.image_gc_low_threshold_percent
            ),
        ),
    )


class TrustedLaunch(Model):
    """Azure Trusted Launch: on if either setting is true. It asks for other image definitions."""

    vtpm: Bool | None = Field(default=None, description="Whether the node has a virtual TPM.")
    secure_boot: Bool | None = Field(default=None, description="Whether the node boots signed code only.")


class Security(Model):
    """Security settings of the virtual machines. A change is drift."""

    encryption_at_host: Bool | None = Field(
        default=None, description="Whether the host encrypts the node's disks and caches."
    )
    trusted_launch: TrustedLaunch | None = Field(default=None, description="Virtual TPM and secure boot.")

    @property
    def trusted(self) -> bool:
        """Whether TrustedLaunch is on."""
        return self.trusted_launch is not None and bool(self.trusted_launch.vtpm or self.trusted_launch.secure_boot)


class GPU(Model):
    """GPU nodes."""

    mode: Literal["Driver", "None"] = Field(
        default="Driver", description="Driver: AKS installs the GPU driver. None: somebody else does."
    )


class ArtifactStreaming(Model):
    """Streaming of container images."""

    enabled: Bool | None = Field(
        default=None, description="Whether images are streamed on demand; ignored on arm64 nodes."
    )


_TRUSTED_CEL: Final = (
    "(has(self.security) && has(self.security.trustedLaunch)"
    " && ((has(self.security.trustedLaunch.vtpm) && self.security.trustedLaunch.vtpm)"
    " || (has(self.security.trustedLaunch.secureBoot) && self.security.trustedLaunch.secureBoot)))"
)
_FIPS_CEL: Final = "(has(self.fipsMode) && self.fipsMode == 'FIPS')"


class AKSNodeClassSpec(Model):
    """What the nodes are made of. Every change but that of tags is drift (NodeClassDrift) of all their nodes."""

    vnet_subnet_id: str | None = Field(
        default=None, pattern=SUBNET_ID, description="ARM id of the subnet; absent means the cluster's."
    )
    os_disk_size_gb: Int32 = Field(default=128, ge=30, le=2048, description="Size of the OS disk in GB.")
    image_family: ImageFamily = Field(
        default="Ubuntu",
        description="Operating system: decides which image definitions the nodes take, with the Kubernetes version.",
    )
    fips_mode: Literal["FIPS", "Disabled"] | None = Field(
        default=None, description="Whether the nodes run validated cryptography (FIPS images); absent is Disabled."
    )
    tags: Tags = Field(default={}, description="Tags of the Azure resources. A change is not drift.")
    kubelet: KubeletConfiguration | None = Field(default=None, description="Settings of the kubelet.")
    max_pods: Int32 | None = Field(
        default=None, ge=10, le=250, description="The most pods on a node; absent means the network plugin's default."
    )
    security: Security | None = Field(default=None, description="Security settings of the virtual machines.")
    local_dns: LocalDNS | None = Field(default=None, description="A DNS cache on every node.")
    gpu: GPU | None = Field(default=None, description="GPU nodes.")
    artifact_streaming: ArtifactStreaming | None = Field(default=None, description="Streaming of container images.")
    linux_os_config: LinuxOSConfiguration | None = Field(default=None, description="Kernel and swap settings.")

    RULES: ClassVar = (
        Rule(
            "FIPS is not yet supported for Ubuntu2404",
            f"!({_FIPS_CEL} && self.imageFamily == 'Ubuntu2404')",
            lambda self: not (self.fips and self.image_family == "Ubuntu2404"),
            "fipsMode",
        ),
        Rule(
            "TrustedLaunch is required for FIPS support with Ubuntu2204",
            f"!({_FIPS_CEL} && self.imageFamily == 'Ubuntu2204') || {_TRUSTED_CEL}",
            lambda self: not (self.fips and self.image_family == "Ubuntu2204") or self.trusted,
            "fipsMode",
        ),
        Rule(
            "TrustedLaunch with FIPSMode FIPS is only supported for Ubuntu and Ubuntu2204",
            f"!({_FIPS_CEL} && {_TRUSTED_CEL}) || self.imageFamily in ['Ubuntu', 'Ubuntu2204']",
            lambda self: not (self.fips and self.trusted) or self.image_family in ("Ubuntu", "Ubuntu2204"),
            "fipsMode",
        ),
        Rule(
            "kubelet.failSwapOn must be set to false when linuxOSConfig.swapFileSize is specified",
            "!has(self.linuxOSConfig) || !has(self.linuxOSConfig.swapFileSize)"
            " || (has(self.kubelet) && has(self.kubelet.failSwapOn) && !self.kubelet.failSwapOn)",
            lambda self: (
                self.linux_os_config is None
                or self.linux_os_config.swap_file_size is None
                or (self.kubelet is not None and self.kubelet.fail_swap_on is False)
            ),
        ),
    )

    @property
    def fips(self) -> bool:
        """Whether FIPS images are asked for."""
        return self.fips_mode == "FIPS"

    @property
    def trusted(self) -> bool:
        """Whether TrustedLaunch is on."""
        return self.security is not None and self.security.trusted


class ImageRequirement(Model):
    """What an instance type must be like for the image to fit."""

    key: str = Field(description="The label: architecture or Hyper-V generation.")
    operator: str = Field(description="How the label relates to the values.")
    values: tuple[str, ...] = Field(
        default=(), description="The values.", json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )


class ResolvedImage(Model):
    """One image that new nodes may get. The first one whose requirements an instance type meets is used."""

    id: str = Field(description="The image's id in its gallery, ending in /images/<definition>/versions/<version>.")
    requirements: tuple[ImageRequirement, ...] = Field(description="What an instance type must be like for it.")


class AKSNodeClassStatus(Model):
    """What was picked up for the class, and whether it is ready."""

    images: tuple[ResolvedImage, ...] = Field(
        default=(),
        description="The images new nodes get, in order of preference. A node on any other image is drifted.",
    )
    kubernetes_version: str | None = Field(default=None, description="The Kubernetes version new nodes get.")
    local_dns_state: str | None = Field(default=None, description="Whether local DNS is on, as decided for the class.")
    conditions: Conditions = Field(
        default=(),
        description=(
            "KubernetesVersionReady, ImagesReady, SubnetsReady, ValidationSucceeded and LocalDNSReady make up Ready."
        ),
    )


class AKSNodeClass(KubeObject):
    """What the nodes of a pool are made of on Azure."""

    api_version: Literal["karpenter.azure.com/v1beta1", "karpenter.azure.com/v1alpha2"] = "karpenter.azure.com/v1beta1"
    kind: Literal["AKSNodeClass"] = "AKSNodeClass"
    spec: AKSNodeClassSpec = Field(
        default=AKSNodeClassSpec.model_construct(), description="What the nodes are made of."
    )
    status: AKSNodeClassStatus = Field(
        default=AKSNodeClassStatus.model_construct(),
        description="What was picked up for the class, and whether it is ready.",
    )


AKS_NODE_CLASS: Final = Kind(
    model=AKSNodeClass,
    group=names.AZURE_GROUP,
    version=names.AZURE_VERSION,
    plural="aksnodeclasses",
    short_names=("aksnc", "aksncs"),
    # Not upstream's second category, nap: kubectl would take it for our short name of NodeAutoProvisioning.
    categories=("karpenter",),
    deprecated=(("v1alpha2", "use v1beta1.AKSNodeClass instead"),),
    columns=(
        condition_column("Ready"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("ImageFamily", ".spec.imageFamily", wide=True),
        Column("Kubernetes", ".status.kubernetesVersion", wide=True),
        Column("Image", ".status.images[0].id", wide=True, description="The image that is preferred."),
    ),
)
