"""AKSNodeClasses, accepted and refused."""

from __future__ import annotations

from typing import Final

from tests.api.good import Refusal, Row, good
from tests.api.paths import GONE

CLASS: Final = good("AKSNodeClass", 1)
FULL_CLASS: Final = good("AKSNodeClass")

_NO_TRUST: Final = {"spec.security": GONE}
_OVERRIDE: Final = "spec.localDNS.vnetDNSOverrides"
ACCEPTED: Final[tuple[Row, ...]] = (
    ("no spec", CLASS, {"spec": GONE}),
    ("an empty kubelet", CLASS, {"spec.kubelet": {}}),
    ("FIPS on AzureLinux", CLASS, {"spec.imageFamily": "AzureLinux", "spec.fipsMode": "FIPS"}),
    ("FIPS on Ubuntu", CLASS, {"spec.fipsMode": "FIPS"}),
    ("FIPS on Ubuntu with TrustedLaunch", CLASS, {"spec.fipsMode": "FIPS", "spec.security.trustedLaunch.vtpm": True}),
    ("FIPS off on Ubuntu2404", CLASS, {"spec.fipsMode": "Disabled", "spec.imageFamily": "Ubuntu2404"}),
    ("a subnet in capitals", FULL_CLASS, {"spec.vnetSubnetID": str(FULL_CLASS["spec"]["vnetSubnetID"]).upper()}),
    ("no limit of processes", CLASS, {"spec.kubelet.podPidsLimit": -1}),
    ("a tag of 256 characters", CLASS, {"spec.tags": {"k": "v" * 256}}),
)
REFUSED: Final[tuple[Refusal, ...]] = (
    ("FIPS on Ubuntu2404", FULL_CLASS, {"spec.imageFamily": "Ubuntu2404"}, "FIPS is not yet supported for Ubuntu2404"),
    (
        "FIPS on Ubuntu2204 without TrustedLaunch",
        FULL_CLASS,
        _NO_TRUST,
        "TrustedLaunch is required for FIPS support with Ubuntu2204",
    ),
    (
        "FIPS on AzureLinux with TrustedLaunch",
        FULL_CLASS,
        {"spec.imageFamily": "AzureLinux"},
        "TrustedLaunch with FIPSMode FIPS is only supported for Ubuntu and Ubuntu2204",
    ),
    ("an unknown family", CLASS, {"spec.imageFamily": "Mariner"}, "AzureLinux"),
    ("a subnet that is none", FULL_CLASS, {"spec.vnetSubnetID": "/subscriptions/1/subnets/2"}, "spec.vnetSubnetID"),
    (
        "a tag key of 513 characters",
        CLASS,
        {"spec.tags": {"k" * 513: ""}},
        "tags keys must be less than 512 characters",
    ),
    (
        "a tag key with a question",
        CLASS,
        {"spec.tags": {"why?": ""}},
        "tags keys must not contain '<', '>', '%', '&', or '?'",
    ),
    ("a tag key with a backslash", CLASS, {"spec.tags": {"a\\b": ""}}, "tags keys must not contain '\\'"),
    ("a tag of 257 characters", CLASS, {"spec.tags": {"k": "v" * 257}}, "tags values must be less than 256 characters"),
    (
        "garbage collection upside down",
        FULL_CLASS,
        {"spec.kubelet.imageGCHighThresholdPercent": 80},
        "imageGCHighThresholdPercent must be greater than imageGCLowThresholdPercent",
    ),
    ("a period without unit", CLASS, {"spec.kubelet.cpuCFSQuotaPeriod": "100"}, "spec.kubelet.cpuCFSQuotaPeriod"),
    ("a log size without unit", CLASS, {"spec.kubelet.containerLogMaxSize": "50"}, "spec.kubelet.containerLogMaxSize"),
    (
        "a swap file with failSwapOn",
        FULL_CLASS,
        {"spec.kubelet.failSwapOn": GONE},
        "kubelet.failSwapOn must be set to false when linuxOSConfig.swapFileSize is specified",
    ),
    (
        "ports upside down",
        FULL_CLASS,
        {"spec.linuxOSConfig.sysctls.netIPv4IPLocalPortRange": "60000 40000"},
        "netIPv4IPLocalPortRange first port must be <= last port",
    ),
    (
        "a first port too low",
        FULL_CLASS,
        {"spec.linuxOSConfig.sysctls.netIPv4IPLocalPortRange": "80 60999"},
        "netIPv4IPLocalPortRange first port must be in [1024, 60999]",
    ),
    (
        "a last port too high",
        FULL_CLASS,
        {"spec.linuxOSConfig.sysctls.netIPv4IPLocalPortRange": "32768 65536"},
        "netIPv4IPLocalPortRange last port must be in [32768, 65535]",
    ),
    (
        "more buffer than there is",
        FULL_CLASS,
        {"spec.linuxOSConfig.sysctls.netCoreRmemDefault": 425985},
        "netCoreRmemDefault must be <= netCoreRmemMax",
    ),
    (
        "neighbour thresholds upside down",
        FULL_CLASS,
        {"spec.linuxOSConfig.sysctls.netIPv4NeighDefaultGcThresh2": 16385},
        "netIPv4NeighDefaultGcThresh2 must be <= netIPv4NeighDefaultGcThresh3",
    ),
    ("a zone missing", FULL_CLASS, {f"{_OVERRIDE}[1]": GONE}, "must contain required zones '.' and 'cluster.local'"),
    (
        "a zone twice",
        FULL_CLASS,
        {f"{_OVERRIDE}[2]": FULL_CLASS["spec"]["localDNS"]["vnetDNSOverrides"][0]},
        "Duplicate value",
    ),
    (
        "the root zone to CoreDNS",
        FULL_CLASS,
        {f"{_OVERRIDE}[0].forwardDestination": "ClusterCoreDNS"},
        "root zone '.' cannot be forwarded to ClusterCoreDNS from vnetDNSOverrides",
    ),
    (
        "another domain to CoreDNS",
        FULL_CLASS,
        {
            f"{_OVERRIDE}[2]": {
                **FULL_CLASS["spec"]["localDNS"]["vnetDNSOverrides"][1],
                "zone": "example.com",
            }
        },
        "external domains cannot be forwarded to ClusterCoreDNS from vnetDNSOverrides",
    ),
    (
        "cluster.local to the network",
        FULL_CLASS,
        {f"{_OVERRIDE}[1].forwardDestination": "VnetDNS"},
        "'cluster.local' cannot be forwarded to VnetDNS",
    ),
    (
        "verified over TCP",
        FULL_CLASS,
        {f"{_OVERRIDE}[1].serveStale": "Verify"},
        "serveStale Verify cannot be used with protocol ForceTCP",
    ),
    ("an image version", CLASS, {"spec.imageVersion": "202602.13.0"}, "unknown field"),
)
