"""One table of manifests, accepted or refused: the models are held to it, and so is a real API server.

Ids that begin with ``karpenter:`` are rows of the reference's admission table. ``fragments`` are in the message of a
refusal, in the model's as in the API server's: the field, or what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Final

from napsim.api.manifests import load_manifests
from tests.api.mechanical import mistakes_of
from tests.api.paths import GONE, Manifest, changed

GOOD: Final[dict[str, Manifest]] = {
    f"{manifest['kind']}-{index}": manifest
    for index, manifest in enumerate(load_manifests((File(__file__).parent / "manifests.yaml").read_text("utf-8")))
}


@dataclass(frozen=True, slots=True)
class Case:
    """One manifest, and whether it is accepted."""

    id: str
    manifest: Manifest
    accept: bool
    fragments: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The manifest's kind."""
        return str(self.manifest["kind"])


def good(kind: str, number: int = 0) -> Manifest:
    """One of the good manifests of a kind."""
    return [manifest for manifest in GOOD.values() if manifest["kind"] == kind][number]


POOL: Final = good("NodePool", 2)
FULL_POOL: Final = good("NodePool")
STATIC_POOL: Final = good("NodePool", 1)
CLAIM: Final = good("NodeClaim")
CLASS: Final = good("AKSNodeClass", 1)
FULL_CLASS: Final = good("AKSNodeClass")
WINDOW: Final = good("MaintenanceConfiguration")
BERLIN: Final = good("MaintenanceConfiguration", 1)
DEFAULT: Final = good("MaintenanceConfiguration", 4)
IMAGE: Final = good("NodeImage")
NAP: Final = good("NodeAutoProvisioning", 2)

Changes = dict[str, Any]
Row = tuple[str, Manifest, Changes]
Refusal = tuple[str, Manifest, Changes, str]


def _budget(**fields: object) -> Changes:
    return {"spec.disruption": {"consolidateAfter": "1m", "budgets": [fields]}}


def _disruption(**fields: object) -> Changes:
    return {"spec.disruption": {"consolidateAfter": "1m", **fields}}


def _expire(value: str) -> Changes:
    return {"spec.template.spec.expireAfter": value}


_TOGETHER: Final = "'schedule' must be set with 'duration'"
_DURATION_OR_NEVER: Final = "^(([0-9]+(s|m|h))+|Never)$"

KARPENTER_ACCEPTED: Final[tuple[Row, ...]] = (
    ("V01", POOL, _expire("30s")),
    ("V02", POOL, _expire("1h30m5s")),
    ("V03", POOL, _expire("Never")),
    ("V07", POOL, {"spec.disruption": {"consolidateAfter": "30s"}}),
    ("V09", POOL, {"spec.disruption": {"consolidateAfter": "Never"}}),
    ("V14", POOL, _disruption(consolidationPolicy="WhenEmpty")),
    ("V15", POOL, _disruption(consolidationPolicy="WhenEmptyOrUnderutilized")),
    ("V16", POOL, _disruption(consolidationPolicy="Balanced")),
    ("V30", POOL, _budget(nodes="10", schedule="* * * * *", duration="20m")),
    ("V31", POOL, _budget(nodes="10", schedule="* * * * *", duration="2h20m")),
    ("V32", POOL, _budget(nodes="10")),
    ("V33", POOL, _budget(nodes="10", schedule="@annually", duration="20m")),
    ("V36", POOL, _budget(nodes="10", reasons=["Drifted"])),
    ("V37", POOL, _budget(nodes="10", reasons=["Underutilized"])),
    ("V38", POOL, _budget(nodes="10", reasons=["Empty"])),
    ("V42", POOL, _budget(nodes="10", reasons=["Drifted", "Empty"])),
)
KARPENTER_REFUSED: Final[tuple[Refusal, ...]] = (
    ("V04", POOL, _expire("-1s"), _DURATION_OR_NEVER),
    ("V06", POOL, _expire("FooNever"), _DURATION_OR_NEVER),
    ("V10", POOL, {"spec.disruption": {"consolidateAfter": "-1s"}}, _DURATION_OR_NEVER),
    ("V11", POOL, {"spec.disruption": {"consolidateAfter": "1hr"}}, _DURATION_OR_NEVER),
    ("V12", POOL, {"spec.disruption": {"consolidateAfter": "FooNever"}}, _DURATION_OR_NEVER),
    (
        "V13",
        POOL,
        {"spec.disruption": {"budgets": [{"nodes": "1"}]}},
        "spec.disruption.consolidateAfter: Required value",
    ),
    ("V17", POOL, _disruption(consolidationPolicy="WhenUnderutilized"), "WhenEmptyOrUnderutilized"),
    ("V20", POOL, _disruption(consolidationPolicy="foo"), "WhenEmptyOrUnderutilized"),
    ("V21", POOL, _budget(nodes="10", schedule="*", duration="20m"), "spec.disruption.budgets[0].schedule"),
    ("V23", POOL, _budget(nodes="10", schedule="* * * * *", duration="-20m"), "spec.disruption.budgets[0].duration"),
    ("V25", POOL, _budget(nodes="-10"), "^((100|[0-9]{1,2})%|[0-9]+)$"),
    ("V26", POOL, _budget(nodes="-10%"), "^((100|[0-9]{1,2})%|[0-9]+)$"),
    ("V28", POOL, _budget(nodes="10", schedule="* * * * *"), _TOGETHER),
    ("V29", POOL, _budget(nodes="10", duration="20m"), _TOGETHER),
    ("V39", POOL, _budget(nodes="10", reasons=["invalid"]), "Drifted"),
    ("V41", POOL, _budget(nodes="10", reasons=[""]), "Drifted"),
)

_REQUIREMENT: Final = "spec.template.spec.requirements[0]"
_LABELS: Final = "spec.template.metadata.labels"
_ONE_NUMBER: Final = "requirements operator 'Gt', 'Lt', 'Gte', or 'Lte' must have a single positive integer value"
_DOMAIN: Final = 'label domain "karpenter.sh" is restricted'
_HOSTNAME: Final = 'label "kubernetes.io/hostname" is restricted'
_NODEPOOL: Final = 'label "karpenter.sh/nodepool" is restricted'


def _requirement(key: str, operator: str, *values: str, **more: object) -> Changes:
    return {_REQUIREMENT: {"key": key, "operator": operator, **({"values": list(values)} if values else {}), **more}}


NODE_POOL_ACCEPTED: Final[tuple[Row, ...]] = (
    ("budget: 100 percent", POOL, _budget(nodes="100%")),
    ("budget: no node ever", POOL, _budget(nodes="0")),
    ("budget: nodes left out", POOL, _budget(reasons=["Empty"])),
    ("budget: a duration as Go writes it", POOL, _budget(nodes="1", schedule="@daily", duration="1h30m0s")),
    ("budget: a duration of nothing", POOL, _budget(nodes="1", schedule="@daily", duration="0m")),
    (
        "budget: a schedule that only starts with a macro",
        POOL,
        _budget(nodes="1", schedule="@daily please", duration="1h"),
    ),
    ("budget: a schedule of six parts", POOL, _budget(nodes="1", schedule="0 0 * * * mon", duration="1h")),
    ("budget: a schedule no parser accepts", POOL, _budget(nodes="1", schedule="a b c d e", duration="1h")),
    ("budgets: none at all", POOL, _disruption(budgets=[])),
    ("requirement: Exists", POOL, _requirement("example.com/any", "Exists")),
    ("requirement: Gte", POOL, _requirement("karpenter.azure.com/sku-cpu", "Gte", "0")),
    ("requirement: NotIn without values", POOL, _requirement("example.com/any", "NotIn")),
    ("requirement: capacity type", POOL, _requirement("karpenter.sh/capacity-type", "In", "spot")),
    ("label: capacity type", POOL, {f'{_LABELS}["karpenter.sh/capacity-type"]': "spot"}),
    ("label: empty value", POOL, {f'{_LABELS}["example.com/flag"]': ""}),
    ("static pool of nothing", STATIC_POOL, {"spec.replicas": 0, "spec.limits": GONE}),
    ("limits as numbers", POOL, {"spec.limits": {"cpu": 100, "memory": "1e3"}}),
    ("null means absent", POOL, {"spec.weight": None, "spec.disruption": None, "metadata.labels": None}),
    ("termination grace period of nothing", POOL, {"spec.template.spec.terminationGracePeriod": "0s"}),
)
NODE_POOL_REFUSED: Final[tuple[Refusal, ...]] = (
    ("budget: a number without quotes", POOL, _budget(nodes=5), "must be of type string"),
    ("budget: 101 percent", POOL, _budget(nodes="101%"), "spec.disruption.budgets[0].nodes"),
    ("budget: duration in days", POOL, _budget(nodes="1", schedule="@daily", duration="1d"), "budgets[0].duration"),
    ("budget: duration in seconds", POOL, _budget(nodes="1", schedule="@daily", duration="90s"), "budgets[0].duration"),
    (
        "budget: minutes before hours",
        POOL,
        _budget(nodes="1", schedule="@daily", duration="30m1h"),
        "budgets[0].duration",
    ),
    (
        "budget: an unknown macro",
        POOL,
        _budget(nodes="1", schedule="@fortnightly", duration="1h"),
        "budgets[0].schedule",
    ),
    ("budget: a reason twice", POOL, _budget(nodes="1", reasons=["Empty", "Empty"]), "Duplicate value"),
    ("budgets: more than fifty", POOL, _disruption(budgets=[{"nodes": "1"}] * 51), "at most 50 items"),
    (
        "requirement: In without a value",
        POOL,
        _requirement("a", "In"),
        "requirements with operator 'In' must have a value",
    ),
    ("requirement: Gt without a value", POOL, _requirement("a", "Gt"), _ONE_NUMBER),
    ("requirement: Lt with two values", POOL, _requirement("a", "Lt", "1", "2"), _ONE_NUMBER),
    ("requirement: Gte with a word", POOL, _requirement("a", "Gte", "many"), _ONE_NUMBER),
    (
        "requirement: more minValues than values",
        POOL,
        _requirement("a", "In", "x", minValues=2),
        "requirements with 'minValues' must have at least that many values specified in the 'values' field",
    ),
    ("requirement: karpenter.sh", POOL, _requirement("karpenter.sh/registered", "Exists"), _DOMAIN),
    ("requirement: below karpenter.sh", POOL, _requirement("my.karpenter.sh/x", "Exists"), _DOMAIN),
    ("requirement: the pool itself", POOL, _requirement("karpenter.sh/nodepool", "Exists"), _NODEPOOL),
    ("requirement: the host", POOL, _requirement("kubernetes.io/hostname", "Exists"), _HOSTNAME),
    ("requirement: a value of 64 characters", POOL, _requirement("a", "In", "x" * 64), "requirements[0].values[0]"),
    ("requirement: a key of 317 characters", POOL, _requirement("x" * 317, "Exists"), "requirements[0].key"),
    (
        "requirements: more than a hundred",
        POOL,
        {"spec.template.spec.requirements": [{"key": "a", "operator": "Exists"}] * 101},
        "at most 100 items",
    ),
    ("label: karpenter.sh", POOL, {f'{_LABELS}["karpenter.sh/initialized"]': "true"}, _DOMAIN),
    ("label: the pool itself", POOL, {f'{_LABELS}["karpenter.sh/nodepool"]': "x"}, _NODEPOOL),
    ("label: the host", POOL, {f'{_LABELS}["kubernetes.io/hostname"]': "x"}, _HOSTNAME),
    ("label: a value of 64 characters", POOL, {f"{_LABELS}.tier": "x" * 64}, "spec.template.metadata.labels"),
    ("label: a value with a blank", POOL, {f"{_LABELS}.tier": "not a value"}, "spec.template.metadata.labels"),
    (
        "labels: more than a hundred",
        POOL,
        {_LABELS: {f"example.com/l{i}": "" for i in range(101)}},
        "at most 100 items",
    ),
    ("taint: no key", FULL_POOL, {"spec.template.spec.taints[0].key": ""}, "spec.template.spec.taints[0].key"),
    (
        "taint: a value that is empty",
        FULL_POOL,
        {"spec.template.spec.taints[0].value": ""},
        "spec.template.spec.taints[0].value",
    ),
    ("taint: an unknown effect", FULL_POOL, {"spec.template.spec.taints[0].effect": "NoEntry"}, "PreferNoSchedule"),
    (
        "node class: group with version",
        POOL,
        {"spec.template.spec.nodeClassRef.group": "karpenter.azure.com/v1beta1"},
        "nodeClassRef.group",
    ),
    ("node class: no group", POOL, {"spec.template.spec.nodeClassRef.group": ""}, "group may not be empty"),
    ("node class: no kind", POOL, {"spec.template.spec.nodeClassRef.kind": ""}, "kind may not be empty"),
    ("node class: no name", POOL, {"spec.template.spec.nodeClassRef.name": ""}, "name may not be empty"),
    ("static pool: weight", STATIC_POOL, {"spec.weight": 1}, "'weight' is not supported on static NodePools"),
    (
        "static pool: limit of cpu",
        STATIC_POOL,
        {"spec.limits": {"cpu": "10"}},
        "only 'limits.nodes' is supported on static NodePools",
    ),
    (
        "static pool: limits of nodes and cpu",
        STATIC_POOL,
        {"spec.limits.cpu": "10"},
        "only 'limits.nodes' is supported on static NodePools",
    ),
    ("limits: not a quantity", POOL, {"spec.limits": {"cpu": "ten"}}, "spec.limits"),
    ("weight: none", POOL, {"spec.weight": 0}, "spec.weight"),
    ("weight: 101", POOL, {"spec.weight": 101}, "spec.weight"),
    ("replicas: negative", STATIC_POOL, {"spec.replicas": -1}, "spec.replicas"),
    ("no name", POOL, {"metadata.name": GONE}, "name or generateName"),
    ("a name in capitals", POOL, {"metadata.name": "Default"}, "metadata.name"),
    ("metadata: a label with a blank", POOL, {"metadata.labels": {"team": "the platform"}}, "metadata.labels"),
    (
        "a field of v1beta1",
        POOL,
        {"spec.disruption": {"consolidateAfter": "0s", "expireAfter": "720h"}},
        "unknown field",
    ),
)

_CLAIM_REQUIREMENT: Final = "spec.requirements[0]"
NODE_CLAIM_ACCEPTED: Final[tuple[Row, ...]] = (
    ("requests of nothing", CLAIM, {"spec.resources": {}}),
    ("no expiry", CLAIM, {"spec.expireAfter": GONE}),
)
NODE_CLAIM_REFUSED: Final[tuple[Refusal, ...]] = (
    ("requirement: the host", CLAIM, {f"{_CLAIM_REQUIREMENT}.key": "kubernetes.io/hostname"}, _HOSTNAME),
    ("requirement: karpenter.sh", CLAIM, {f"{_CLAIM_REQUIREMENT}.key": "karpenter.sh/registered"}, _DOMAIN),
    ("requirement: In without a value", CLAIM, {f"{_CLAIM_REQUIREMENT}.values": []}, "operator 'In' must have a value"),
    ("requests: not a quantity", CLAIM, {"spec.resources.requests.cpu": "4 cores"}, "spec.resources.requests"),
    ("termination grace period: never", CLAIM, {"spec.terminationGracePeriod": "Never"}, "spec.terminationGracePeriod"),
    ("no requirements", CLAIM, {"spec.requirements": GONE}, "spec.requirements: Required value"),
    ("no spec", CLAIM, {"spec": GONE}, "spec: Required value"),
)

_NO_TRUST: Final = {"spec.security": GONE}
_OVERRIDE: Final = "spec.localDNS.vnetDNSOverrides"
AKS_NODE_CLASS_ACCEPTED: Final[tuple[Row, ...]] = (
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
AKS_NODE_CLASS_REFUSED: Final[tuple[Refusal, ...]] = (
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

_MW: Final = "spec.maintenanceWindow"
_EXACTLY_ONE: Final = "exactly one of daily, weekly, absoluteMonthly and relativeMonthly must be set"
_TIME: Final = "must be in format HH:mm, from 00:00 to 23:59"
_OFFSET: Final = "must be in format +/-HH:mm, from -14:00 to +14:00"
_NAMES: Final = "configName must be one of default, aksManagedAutoUpgradeSchedule, aksManagedNodeOSUpgradeSchedule"
_NO_WINDOW: Final = "maintenanceWindow must be set (default may have timeInWeek instead)"
MAINTENANCE_ACCEPTED: Final[tuple[Row, ...]] = (
    ("no start date", WINDOW, {f"{_MW}.startDate": GONE}),
    ("no offset", WINDOW, {f"{_MW}.utcOffset": GONE}),
    ("offset -00:00", WINDOW, {f"{_MW}.utcOffset": "-00:00"}),
    ("offset +14:00", WINDOW, {f"{_MW}.utcOffset": "+14:00"}),
    ("one day not allowed", WINDOW, {f"{_MW}.notAllowedDates": [{"start": "2026-02-15", "end": "2026-02-15"}]}),
    ("a leap day", WINDOW, {f"{_MW}.startDate": "2028-02-29"}),
    ("default with a window", WINDOW, {"spec.configName": "default"}),
    (
        "default, every second day",
        WINDOW,
        {"spec.configName": "default", f"{_MW}.schedule": {"daily": {"intervalDays": 2}}},
    ),
    ("default with both forms", WINDOW, {"spec.configName": "default", "spec.timeInWeek": [{"day": "Monday"}]}),
    ("the same day twice", DEFAULT, {"spec.timeInWeek[1].day": "Monday"}),
    ("a zone and no offset", BERLIN, {f"{_MW}.utcOffset": "+00:00"}),
    ("a zone with two levels", BERLIN, {"spec.timeZone": "America/Argentina/Buenos_Aires"}),
    ("cluster upgrades every day", BERLIN, {"spec.configName": "aksManagedAutoUpgradeSchedule"}),
    ("an empty list of hours of the week", WINDOW, {"spec.timeInWeek": []}),
)
MAINTENANCE_REFUSED: Final[tuple[Refusal, ...]] = (
    ("no kind of schedule", WINDOW, {f"{_MW}.schedule": {}}, _EXACTLY_ONE),
    ("two kinds of schedule", WINDOW, {f"{_MW}.schedule.daily": {"intervalDays": 1}}, _EXACTLY_ONE),
    ("every kind null", WINDOW, {f"{_MW}.schedule": {"weekly": None, "daily": None}}, _EXACTLY_ONE),
    ("three hours", WINDOW, {f"{_MW}.durationHours": 3}, f"{_MW}.durationHours"),
    ("25 hours", WINDOW, {f"{_MW}.durationHours": 25}, f"{_MW}.durationHours"),
    ("no duration", WINDOW, {f"{_MW}.durationHours": GONE}, f"{_MW}.durationHours: Required value"),
    ("24:00", WINDOW, {f"{_MW}.startTime": "24:00"}, _TIME),
    ("a time of one digit", WINDOW, {f"{_MW}.startTime": "1:00"}, _TIME),
    ("a time with seconds", WINDOW, {f"{_MW}.startTime": "01:00:00"}, _TIME),
    ("offset +14:01", WINDOW, {f"{_MW}.utcOffset": "+14:01"}, _OFFSET),
    ("offset -15:00", WINDOW, {f"{_MW}.utcOffset": "-15:00"}, _OFFSET),
    ("offset without sign", WINDOW, {f"{_MW}.utcOffset": "02:00"}, _OFFSET),
    ("offset Z", WINDOW, {f"{_MW}.utcOffset": "Z"}, _OFFSET),
    ("30 February", WINDOW, {f"{_MW}.startDate": "2026-02-30"}, "must be of type date"),
    ("a date as in Germany", WINDOW, {f"{_MW}.startDate": "03.03.2026"}, "must be of type date"),
    ("a date with a time", WINDOW, {f"{_MW}.startDate": "2026-03-03T00:00:00Z"}, "must be of type date"),
    (
        "dates not allowed upside down",
        WINDOW,
        {f"{_MW}.notAllowedDates[0].end": "2026-12-20"},
        "end must not be before start",
    ),
    (
        "times not allowed upside down",
        DEFAULT,
        {"spec.notAllowedTime[0].end": "2026-12-23T23:59:59Z"},
        "end must not be before start",
    ),
    (
        "a time not allowed without zone",
        DEFAULT,
        {"spec.notAllowedTime[0].end": "2026-12-27T00:00:00"},
        "must be of type date-time",
    ),
    (
        "the fifth Sunday",
        good("MaintenanceConfiguration", 3),
        {f"{_MW}.schedule.relativeMonthly.weekIndex": "Fifth"},
        "Fourth",
    ),
    ("a day in short", WINDOW, {f"{_MW}.schedule.weekly.dayOfWeek": "Sun"}, "Sunday"),
    ("a name from the portal", WINDOW, {"spec.configName": "weekly"}, f"{_NAMES}, not weekly"),
    (
        "the name of an article",
        WINDOW,
        {"spec.configName": "aksManagedClusterAutoUpgradeSchedule"},
        f"{_NAMES}; aksManagedClusterAutoUpgradeSchedule should be aksManagedAutoUpgradeSchedule",
    ),
    (
        "the name of another",
        WINDOW,
        {"spec.configName": "autoUpgradeSchedule"},
        f"{_NAMES}; autoUpgradeSchedule should be aksManagedAutoUpgradeSchedule",
    ),
    (
        "the name of the Fleet page",
        WINDOW,
        {"spec.configName": "AKSManagedNodeOSAutoUpgradeSchedule"},
        f"{_NAMES}; AKSManagedNodeOSAutoUpgradeSchedule should be aksManagedNodeOSUpgradeSchedule",
    ),
    ("a name in capitals", WINDOW, {"spec.configName": "Default"}, f"{_NAMES}; Default should be default"),
    ("no window", WINDOW, {_MW: GONE}, _NO_WINDOW),
    ("default with nothing", DEFAULT, {"spec.timeInWeek": GONE}, _NO_WINDOW),
    ("default with no hours of the week", DEFAULT, {"spec.timeInWeek": []}, _NO_WINDOW),
    (
        "hours of the week for node images",
        WINDOW,
        {"spec.timeInWeek": [{"day": "Monday", "hourSlots": [1]}]},
        "timeInWeek is for configuration default only; use maintenanceWindow",
    ),
    ("the hour 24", DEFAULT, {"spec.timeInWeek[0].hourSlots[0]": 24}, "spec.timeInWeek[0].hourSlots[0]"),
    (
        "a zone and an offset",
        BERLIN,
        {f"{_MW}.utcOffset": "+01:00"},
        "utcOffset must be left out (or +00:00) beside timeZone, which decides the offset",
    ),
    (
        "a zone that is an offset",
        BERLIN,
        {"spec.timeZone": "+01:00"},
        "timeZone must be a name of the IANA time zone database",
    ),
    ("properties, as in the file for az", WINDOW, {"spec.properties": {}}, "unknown field"),
)

IMAGE_ACCEPTED: Final[tuple[Row, ...]] = (
    ("published at creation", IMAGE, {"spec.publishedAt": GONE}),
    ("published in local time", IMAGE, {"spec.publishedAt": "2026-02-16T09:30:00.5+01:00"}),
    ("Azure Linux", IMAGE, {"spec.osSKU": "AzureLinux3", "spec.definition": "V3gen2", "spec.gallery": GONE}),
    (
        "Windows",
        IMAGE,
        {"spec.osSKU": "Windows2022", "spec.definition": "2022-containerd-gen2", "spec.version": "20348.4529.251212"},
    ),
)
IMAGE_REFUSED: Final[tuple[Refusal, ...]] = (
    ("a version with its patch", IMAGE, {"spec.version": "202602.13.0-2026.02.18"}, "version must be three numbers"),
    ("a version of two numbers", IMAGE, {"spec.version": "202602.13"}, "version must be three numbers"),
    ("the newest", IMAGE, {"spec.version": "latest"}, "version must be three numbers"),
    (
        "a patch as a date",
        IMAGE,
        {"spec.securityPatch": "2026-02-18"},
        "securityPatch must be a date in the form yyyy.MM.dd",
    ),
    ("published yesterday", IMAGE, {"spec.publishedAt": "yesterday"}, "must be of type date-time"),
    ("published on a day", IMAGE, {"spec.publishedAt": "2026-02-16"}, "must be of type date-time"),
    ("a definition with a blank", IMAGE, {"spec.definition": "gen 2"}, "definition must be letters, digits and '-'"),
    ("an operating system with a dot", IMAGE, {"spec.osSKU": "Ubuntu22.04"}, "osSKU must be letters, digits and '-'"),
    (
        "a gallery with its path",
        IMAGE,
        {"spec.gallery": "galleries/AKSUbuntu"},
        "gallery must be letters, digits and '-'",
    ),
    ("no definition", IMAGE, {"spec.definition": GONE}, "spec.definition: Required value"),
)

_FULL_NAP: Final = good("NodeAutoProvisioning")
_TIMING: Final = "spec.timings.launch"
_FIXED_OR_DRAWN: Final = "exactly one of fixed and distribution must be set"
_PARAMETERS: Final = "uniform needs min and max"
_BELONGS: Final = "a parameter must belong to the distribution"
_DURATION: Final = "must be a duration: numbers with the units h, m, s or ms, not negative"
NAP_ACCEPTED: Final[tuple[Row, ...]] = (
    ("only a clock", NAP, {"spec.clock.factor": 600}),
    ("no cache", NAP, {"spec.listCacheDuration": "0s"}),
    ("one setting of the 90-day rule", NAP, {"spec.imageExpiry.days": 30}),
    ("a fraction of a minute", NAP, {"spec.leadTimes.others": "1.5m"}),
    ("a slow clock", NAP, {"spec.clock.factor": 0.001}),
)
NAP_REFUSED: Final[tuple[Refusal, ...]] = (
    ("a second one", NAP, {"metadata.name": "second"}, "metadata.name must be default"),
    ("a clock that stands", NAP, {"spec.clock.factor": 0}, "spec.clock.factor"),
    ("a clock that runs back", NAP, {"spec.clock.factor": -1}, "spec.clock.factor"),
    ("a clock too fast", NAP, {"spec.clock.factor": 100001}, "spec.clock.factor"),
    ("a minor version", NAP, {"spec.kubernetesVersion": "1.33"}, "must be a Kubernetes version"),
    ("a start on a day", NAP, {"spec.clock.start": "2026-02-14"}, "must be of type date-time"),
    ("a cache without unit", NAP, {"spec.listCacheDuration": "72"}, _DURATION),
    ("a cache of days", NAP, {"spec.listCacheDuration": "3d"}, _DURATION),
    ("a lead time below nothing", NAP, {"spec.leadTimes.nodeOS": "-30m"}, _DURATION),
    ("images of no age", NAP, {"spec.imageExpiry.days": 0}, "spec.imageExpiry.days"),
    ("a margin below nothing", NAP, {"spec.imageExpiry.marginMinutes": -1}, "spec.imageExpiry.marginMinutes"),
    ("a channel in small letters", NAP, {"spec.nodeOSUpgradeChannel": "nodeimage"}, "NodeImage"),
    ("an unknown fallback", NAP, {"spec.fallback.mode": "Random"}, "SeededWeekly"),
    ("an unknown provider", NAP, {"spec.nodeProvider.kind": "azure"}, "kwok"),
    ("no zones", NAP, {"spec.nodeProvider.zones": []}, "spec.nodeProvider.zones"),
    ("a region with a blank", NAP, {"spec.nodeProvider.region": "West Europe"}, "must be a region"),
    ("a timing of nothing", NAP, {_TIMING: {}}, _FIXED_OR_DRAWN),
    (
        "a timing fixed and drawn",
        NAP,
        {_TIMING: {"fixed": "1s", "distribution": "uniform", "min": "1s", "max": "2s"}},
        _FIXED_OR_DRAWN,
    ),
    ("uniform without bounds", NAP, {_TIMING: {"distribution": "uniform", "min": "1s"}}, _PARAMETERS),
    ("normal without mean", NAP, {_TIMING: {"distribution": "normal", "standardDeviation": "1s"}}, _PARAMETERS),
    ("lognormal without p95", NAP, {_TIMING: {"distribution": "lognormal", "median": "1s"}}, _PARAMETERS),
    ("exponential without mean", NAP, {_TIMING: {"distribution": "exponential"}}, _PARAMETERS),
    ("a fixed time with a mean", NAP, {_TIMING: {"fixed": "1s", "mean": "1s"}}, _BELONGS),
    (
        "uniform with a mean",
        NAP,
        {_TIMING: {"distribution": "uniform", "min": "1s", "max": "2s", "mean": "1s"}},
        _BELONGS,
    ),
    (
        "bounds upside down",
        NAP,
        {_TIMING: {"distribution": "uniform", "min": "1m", "max": "59s"}},
        "max must not be less than min",
    ),
    (
        "quantiles upside down",
        NAP,
        {_TIMING: {"distribution": "lognormal", "median": "1m", "p95": "60s"}},
        "p95 must be more than median, and median more than 0s",
    ),
    ("a timing as text", NAP, {_TIMING: "45s"}, "spec.timings.launch"),
    ("a seed below nothing", NAP, {"spec.seed": -1}, "spec.seed"),
)


def _accepted(rows: tuple[Row, ...], prefix: str) -> list[Case]:
    return [Case(f"{prefix}{name}", changed(base, changes), accept=True) for name, base, changes in rows]


def _refused(rows: tuple[Refusal, ...], prefix: str) -> list[Case]:
    return [
        Case(f"{prefix}{name}", changed(base, changes), accept=False, fragments=(fragment,))
        for name, base, changes, fragment in rows
    ]


def _mechanical() -> list[Case]:
    made: dict[tuple[str, str], Case] = {}
    for manifest in GOOD.values():
        for mistake in mistakes_of(manifest):
            case = Case(
                f"{manifest['kind']}: {mistake.name}", mistake.manifest, accept=False, fragments=(mistake.field,)
            )
            made.setdefault((str(manifest["kind"]), mistake.name), case)
    return list(made.values())


CASES: Final[tuple[Case, ...]] = (
    *(Case(f"good: {name}", manifest, accept=True) for name, manifest in GOOD.items()),
    *_accepted(KARPENTER_ACCEPTED, "karpenter:"),
    *_refused(KARPENTER_REFUSED, "karpenter:"),
    *_accepted(NODE_POOL_ACCEPTED, "NodePool: "),
    *_refused(NODE_POOL_REFUSED, "NodePool: "),
    *_accepted(NODE_CLAIM_ACCEPTED, "NodeClaim: "),
    *_refused(NODE_CLAIM_REFUSED, "NodeClaim: "),
    *_accepted(AKS_NODE_CLASS_ACCEPTED, "AKSNodeClass: "),
    *_refused(AKS_NODE_CLASS_REFUSED, "AKSNodeClass: "),
    *_accepted(MAINTENANCE_ACCEPTED, "MaintenanceConfiguration: "),
    *_refused(MAINTENANCE_REFUSED, "MaintenanceConfiguration: "),
    *_accepted(IMAGE_ACCEPTED, "NodeImage: "),
    *_refused(IMAGE_REFUSED, "NodeImage: "),
    *_accepted(NAP_ACCEPTED, "NodeAutoProvisioning: "),
    *_refused(NAP_REFUSED, "NodeAutoProvisioning: "),
    *_mechanical(),
)
