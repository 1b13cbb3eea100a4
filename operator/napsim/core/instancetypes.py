"""AKS virtual machine sizes: what a node of that size offers, and which labels it carries.

Policy: a list of ours. Sizes, processors and generations are Azure's (Dsv5, Dasv5, Dpsv5, Esv5, Easv5, Fsv2 and a few
GPU sizes); prices are rough pay-as-you-go figures in USD per hour, used only to prefer the smaller of two that fit.
What AKS keeps for itself follows its published reservation (CPU by cores, memory by a falling share) and
karpenter-provider-azure's ``pkg/providers/instancetype/instancetype.go`` (7.5 % of memory is lost to the hypervisor,
100 Mi to eviction).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.resources import CPU, MEMORY, PODS, Resources, format_amount

GIB: Final = 2**30
MIB: Final = 2**20
VM_MEMORY_OVERHEAD: Final = 0.075
EVICTION_MEMORY_BYTES: Final = 100 * MIB
DEFAULT_MAX_PODS: Final = 110
EPHEMERAL_STORAGE: Final = "ephemeral-storage"
ON_DEMAND: Final = "on-demand"


class Series(msgspec.Struct, frozen=True):
    """One family of sizes. ``gib_per_vcpu`` and ``usd_per_vcpu_hour`` are the same for all its sizes."""

    name: str  # with {} for the number of vCPUs
    family: str
    version: str
    vcpus: tuple[int, ...]
    gib_per_vcpu: float
    usd_per_vcpu_hour: float
    arch: str = "amd64"
    hyperv_generations: tuple[str, ...] = ("1", "2")
    gpus: tuple[int, ...] = ()
    gpu_name: str = ""


SERIES: Final[tuple[Series, ...]] = (
    Series("Standard_D{}s_v5", "D", "5", (2, 4, 8, 16, 32, 48, 64, 96), 4, 0.048),
    Series("Standard_D{}as_v5", "D", "5", (2, 4, 8, 16, 32, 48, 64, 96), 4, 0.043),
    Series("Standard_D{}ps_v5", "D", "5", (2, 4, 8, 16, 32, 48, 64), 4, 0.0385, "arm64", ("2",)),
    Series("Standard_D{}s_v4", "D", "4", (2, 4, 8, 16, 32, 48, 64), 4, 0.048),
    Series("Standard_D{}s_v3", "D", "3", (2, 4, 8, 16, 32, 48, 64), 4, 0.048),
    Series("Standard_E{}s_v5", "E", "5", (2, 4, 8, 16, 20, 32, 48, 64, 96), 8, 0.063),
    Series("Standard_E{}as_v5", "E", "5", (2, 4, 8, 16, 20, 32, 48, 64, 96), 8, 0.0565),
    Series("Standard_F{}s_v2", "F", "2", (2, 4, 8, 16, 32, 48, 64, 72), 2, 0.0423),
    Series("Standard_NC{}as_T4_v3", "N", "3", (4, 8, 16, 64), 7, 0.1315, "amd64", ("1", "2"), (1, 1, 1, 4), "T4"),
)

# vCPUs -> millicores that AKS keeps; between two rows the lower one's share goes on linearly (20m more for each two).
_RESERVED_MILLICORES: Final = ((1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740), (96, 1060))
# Of each step of memory (GiB) this share is kept.
_RESERVED_MEMORY: Final = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (float("inf"), 0.02))


class InstanceType(msgspec.Struct, frozen=True):
    """One size. Memory in GiB as Azure sells it."""

    name: str
    family: str
    version: str
    vcpus: int
    memory_gib: float
    usd_per_hour: float
    arch: str
    hyperv_generations: tuple[str, ...]
    gpus: int = 0
    gpu_name: str = ""

    def labels(self) -> dict[str, str]:
        """The labels that tell what the size is: well-known ones and karpenter.azure.com/sku-*."""
        sku = {
            "name": self.name,
            "family": self.family,
            "version": self.version,
            "cpu": str(self.vcpus),
            "memory": str(int(self.memory_gib * 1024)),
            "hyperv-generation": self.hyperv_generations[-1],
            "gpu-count": str(self.gpus),
        }
        return {
            names.INSTANCE_TYPE: self.name,
            names.ARCH: self.arch,
            names.OS: "linux",
            **{f"karpenter.azure.com/sku-{key}": value for key, value in sku.items()},
            **({"karpenter.azure.com/sku-gpu-name": self.gpu_name} if self.gpu_name else {}),
        }

    def capacity(self, max_pods: int = DEFAULT_MAX_PODS, os_disk_gb: int = 128) -> Resources:
        result = {
            CPU: self.vcpus * 1000,
            MEMORY: int(self.memory_gib * GIB * (1 - VM_MEMORY_OVERHEAD)) // MIB * MIB,
            EPHEMERAL_STORAGE: os_disk_gb * 10**9,
            PODS: max_pods,
        }
        return result | ({"nvidia.com/gpu": self.gpus} if self.gpus else {})

    def allocatable(self, max_pods: int = DEFAULT_MAX_PODS, os_disk_gb: int = 128) -> Resources:
        """Capacity less what AKS keeps for the kubelet, the system and eviction."""
        result = self.capacity(max_pods, os_disk_gb)
        result[CPU] -= reserved_millicores(self.vcpus)
        kept = reserved_memory_bytes(self.memory_gib) + EVICTION_MEMORY_BYTES
        result[MEMORY] = max(result[MEMORY] - kept, 0) // MIB * MIB
        return result


def reserved_millicores(vcpus: int) -> int:
    """CPU that AKS reserves on a node of so many cores."""
    floor_vcpus, reserved = max(row for row in _RESERVED_MILLICORES if row[0] <= vcpus)
    return reserved + (vcpus - floor_vcpus) * 10


def reserved_memory_bytes(memory_gib: float) -> int:
    """Memory that AKS reserves on a node with so many GiB."""
    left, kept = memory_gib, 0.0
    for step_gib, share in _RESERVED_MEMORY:
        part = min(left, step_gib)
        kept += part * share
        left -= part
    return int(kept * GIB)


def _types(series: Iterable[Series]) -> dict[str, InstanceType]:
    result = {}
    for item in series:
        for position, vcpus in enumerate(item.vcpus):
            name = item.name.format(vcpus)
            result[name] = InstanceType(
                name=name,
                family=item.family,
                version=item.version,
                vcpus=vcpus,
                memory_gib=vcpus * item.gib_per_vcpu,
                usd_per_hour=round(vcpus * item.usd_per_vcpu_hour, 4),
                arch=item.arch,
                hyperv_generations=item.hyperv_generations,
                gpus=item.gpus[position] if item.gpus else 0,
                gpu_name=item.gpu_name,
            )
    return result


INSTANCE_TYPES: Final = _types(SERIES)


@lru_cache(maxsize=1024)
def amounts_of(size: InstanceType, max_pods: int, os_disk_gb: int) -> tuple[Resources, Resources]:
    """Capacity and allocatable, to be read only: those of all instances alike are one."""
    return size.capacity(max_pods, os_disk_gb), size.allocatable(max_pods, os_disk_gb)


def quantities(resources: Resources) -> dict[str, str]:
    """Amounts as a ResourceList of a Node's status."""
    return {resource: format_amount(resource, value) for resource, value in resources.items()}
