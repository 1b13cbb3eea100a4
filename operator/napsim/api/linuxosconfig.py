"""``spec.linuxOSConfig`` of an AKSNodeClass: kernel and swap settings.

Mirrors the fields and bounds of karpenter-provider-azure ``pkg/apis/v1beta1/aksnodeclass.go`` (LinuxOSConfiguration,
SysctlConfiguration), which are those of AKS custom node configuration.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api.base import Model, Rule, wire_name
from napsim.api.scalars import Bool, Check, Int32

SIZE: Final = r"^[0-9]+(E|P|T|G|M|K|Ei|Pi|Ti|Gi|Mi|Ki)$"
PORT_RANGE: Final = r"^[0-9]{1,9} [0-9]{1,9}$"


def _at_most(lower_attribute: str, upper_attribute: str) -> Rule:
    """The rule that one setting is not above another where both are set."""
    lower, upper = wire_name(lower_attribute), wire_name(upper_attribute)

    def holds(sysctls: SysctlConfiguration) -> bool:
        low, high = getattr(sysctls, lower_attribute), getattr(sysctls, upper_attribute)
        return low is None or high is None or bool(low <= high)

    cel = f"!has(self.{lower}) || !has(self.{upper}) || self.{lower} <= self.{upper}"
    return Rule(f"{lower} must be <= {upper}", cel, holds, lower)


def _first(text: str) -> int:
    return int(text.split(" ", maxsplit=1)[0])


def _last(text: str) -> int:
    return int(text.split(" ")[1])


PortRange = Annotated[
    str,
    Field(max_length=32, pattern=PORT_RANGE),
    Check(
        "netIPv4IPLocalPortRange first port must be in [1024, 60999]",
        "int(self.split(' ')[0]) >= 1024 && int(self.split(' ')[0]) <= 60999",
        lambda text: 1024 <= _first(text) <= 60999,
    ),
    Check(
        "netIPv4IPLocalPortRange last port must be in [32768, 65535]",
        "int(self.split(' ')[1]) >= 32768 && int(self.split(' ')[1]) <= 65535",
        lambda text: 32768 <= _last(text) <= 65535,
    ),
    Check(
        "netIPv4IPLocalPortRange first port must be <= last port",
        "int(self.split(' ')[0]) <= int(self.split(' ')[1])",
        lambda text: _first(text) <= _last(text),
    ),
]


class SysctlConfiguration(Model):
    """Kernel settings of the nodes; absent ones keep the image's value."""

    fs_aio_max_nr: Int32 | None = Field(default=None, ge=65536, le=6553500, description="fs.aio-max-nr")
    fs_file_max: Int32 | None = Field(default=None, ge=8192, le=12000500, description="fs.file-max")
    fs_inotify_max_user_watches: Int32 | None = Field(
        default=None, ge=781250, le=2097152, description="fs.inotify.max_user_watches"
    )
    fs_nr_open: Int32 | None = Field(default=None, ge=8192, le=20000500, description="fs.nr_open")
    kernel_threads_max: Int32 | None = Field(default=None, ge=20, le=513785, description="kernel.threads-max")
    net_core_netdev_max_backlog: Int32 | None = Field(
        default=None, ge=1000, le=3240000, description="net.core.netdev_max_backlog"
    )
    net_core_optmem_max: Int32 | None = Field(default=None, ge=20480, le=4194304, description="net.core.optmem_max")
    net_core_rmem_default: Int32 | None = Field(
        default=None, ge=212992, le=134217728, description="net.core.rmem_default"
    )
    net_core_rmem_max: Int32 | None = Field(default=None, ge=212992, le=134217728, description="net.core.rmem_max")
    net_core_somaxconn: Int32 | None = Field(default=None, ge=4096, le=3240000, description="net.core.somaxconn")
    net_core_wmem_default: Int32 | None = Field(
        default=None, ge=212992, le=134217728, description="net.core.wmem_default"
    )
    net_core_wmem_max: Int32 | None = Field(default=None, ge=212992, le=134217728, description="net.core.wmem_max")
    net_ipv4_ip_local_port_range: PortRange | None = Field(
        default=None, description="net.ipv4.ip_local_port_range, as two numbers: 32768 60999"
    )
    net_ipv4_neigh_default_gc_thresh1: Int32 | None = Field(
        default=None, ge=128, le=80000, description="net.ipv4.neigh.default.gc_thresh1"
    )
    net_ipv4_neigh_default_gc_thresh2: Int32 | None = Field(
        default=None, ge=512, le=90000, description="net.ipv4.neigh.default.gc_thresh2"
    )
    net_ipv4_neigh_default_gc_thresh3: Int32 | None = Field(
        default=None, ge=1024, le=100000, description="net.ipv4.neigh.default.gc_thresh3"
    )
    net_ipv4_tcp_fin_timeout: Int32 | None = Field(default=None, ge=5, le=120, description="net.ipv4.tcp_fin_timeout")
    net_ipv4_tcp_keepalive_probes: Int32 | None = Field(
        default=None, ge=1, le=15, description="net.ipv4.tcp_keepalive_probes"
    )
    net_ipv4_tcp_keepalive_time: Int32 | None = Field(
        default=None, ge=30, le=432000, description="net.ipv4.tcp_keepalive_time"
    )
    net_ipv4_tcp_max_syn_backlog: Int32 | None = Field(
        default=None, ge=128, le=3240000, description="net.ipv4.tcp_max_syn_backlog"
    )
    net_ipv4_tcp_max_tw_buckets: Int32 | None = Field(
        default=None, ge=8000, le=1440000, description="net.ipv4.tcp_max_tw_buckets"
    )
    net_ipv4_tcp_tw_reuse: Bool | None = Field(default=None, description="net.ipv4.tcp_tw_reuse")
    net_ipv4_tcp_keepalive_intvl: Int32 | None = Field(
        default=None, ge=10, le=90, description="net.ipv4.tcp_keepalive_intvl"
    )
    net_netfilter_nf_conntrack_buckets: Int32 | None = Field(
        default=None, ge=65536, le=524288, description="net.netfilter.nf_conntrack_buckets"
    )
    net_netfilter_nf_conntrack_max: Int32 | None = Field(
        default=None, ge=131072, le=2097152, description="net.netfilter.nf_conntrack_max"
    )
    vm_max_map_count: Int32 | None = Field(default=None, ge=65530, le=262144, description="vm.max_map_count")
    vm_swappiness: Int32 | None = Field(default=None, ge=0, le=100, description="vm.swappiness")
    vm_vfs_cache_pressure: Int32 | None = Field(default=None, ge=0, le=100, description="vm.vfs_cache_pressure")

    RULES: ClassVar = (
        _at_most("net_core_rmem_default", "net_core_rmem_max"),
        _at_most("net_core_wmem_default", "net_core_wmem_max"),
        _at_most("net_ipv4_neigh_default_gc_thresh1", "net_ipv4_neigh_default_gc_thresh2"),
        _at_most("net_ipv4_neigh_default_gc_thresh2", "net_ipv4_neigh_default_gc_thresh3"),
    )


class LinuxOSConfiguration(Model):
    """Kernel and swap settings of the nodes. A change is drift."""

    swap_file_size: str | None = Field(
        default=None, pattern=SIZE, description="Size of a swap file, such as 1500Mi; needs kubelet.failSwapOn: false."
    )
    sysctls: SysctlConfiguration | None = Field(default=None, description="Kernel settings.")
    transparent_huge_page_defrag: Literal["always", "defer", "defer+madvise", "madvise", "never"] | None = Field(
        default=None, description="/sys/kernel/mm/transparent_hugepage/defrag"
    )
    transparent_huge_page_enabled: Literal["always", "madvise", "never"] | None = Field(
        default=None, description="/sys/kernel/mm/transparent_hugepage/enabled"
    )
