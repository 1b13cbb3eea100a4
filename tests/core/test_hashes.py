"""The drift hashes beyond what the answers of the upstream code (tests/conformance) already settle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.hashes import HashError, aksnodeclass_hash, nodepool_hash

REF: Final = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
GPU: Final = {"key": "gpu", "value": "a", "effect": "NoSchedule"}
DEDICATED: Final = {"key": "dedicated", "effect": "NoExecute"}
ZONE: Final = {"zone": ".", "queryLogging": "Error", "maxConcurrent": 1000, "cacheDuration": "1h"}


def template(metadata: Mapping[str, object] | None = None, **spec: object) -> dict[str, object]:
    return {"spec": {"nodeClassRef": REF, "expireAfter": "720h", **spec}} | ({"metadata": metadata} if metadata else {})


BASE: Final = nodepool_hash(template())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(template({"annotations": {"a": "b"}}), id="karpenter:D22"),
        pytest.param(template({"labels": {"a": "b"}}), id="karpenter:D23"),
        pytest.param(template(taints=[GPU]), id="taints"),
        pytest.param(template(startupTaints=[GPU]), id="karpenter:D25"),
        pytest.param(template(nodeClassRef={**REF, "name": "gpu"}), id="karpenter:D26"),
        pytest.param(template(expireAfter="24h"), id="karpenter:D27"),
        pytest.param(template(terminationGracePeriod="1h"), id="karpenter:D28"),
        pytest.param(template({"labels": {}}), id="labels-written-out-empty"),
        pytest.param(template(taints=[]), id="taints-written-out-empty"),
        pytest.param(template(terminationGracePeriod="0s"), id="a-pointer-to-zero"),
        pytest.param(template(expireAfter="Never"), id="never"),
    ],
)
def test_a_changed_template_has_another_hash(changed: dict[str, object]) -> None:
    assert nodepool_hash(changed) != BASE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(template(), template(requirements=[{"key": "a", "operator": "Exists"}]), id="karpenter:H02"),
        pytest.param(template(expireAfter="60m"), template(expireAfter="1h"), id="durations-by-length"),
        pytest.param(template(expireAfter="Never"), template(expireAfter=None), id="never-is-absent"),
        pytest.param(template(taints=[GPU, DEDICATED]), template(taints=[DEDICATED, GPU]), id="taints-are-a-set"),
        pytest.param(template(taints=[GPU, GPU]), template(taints=[]), id="equal-taints-cancel-out"),
        pytest.param(template(taints=[DEDICATED]), template(taints=[{**DEDICATED, "value": ""}]), id="empty-is-absent"),
        pytest.param(template(), template({"labels": None}), id="null-is-absent"),
    ],
)
def test_these_templates_have_the_same_hash(one: dict[str, object], other: dict[str, object]) -> None:
    assert nodepool_hash(one) == nodepool_hash(other)


CLASS: Final = {"vnetSubnetID": "/subscriptions/s/a", "osDiskSizeGB": 128, "imageFamily": "Ubuntu2204", "maxPods": 30}


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        pytest.param({"vnetSubnetID": "/subscriptions/s/b"}, False, id="nap:H1"),
        pytest.param({"osDiskSizeGB": 256}, False, id="nap:H2"),
        pytest.param({"imageFamily": "AzureLinux"}, False, id="nap:H3"),
        pytest.param({"kubelet": {"cpuManagerPolicy": "static"}}, False, id="nap:H4"),
        pytest.param({"maxPods": 50}, False, id="nap:H5"),
        pytest.param({"artifactStreaming": {"enabled": True}}, False, id="nap:H7"),
        pytest.param({"tags": {"team": "a"}}, True, id="nap:H8"),
    ],
)
def test_all_of_a_node_class_counts_but_its_tags(changed: dict[str, Any], same: bool) -> None:
    assert (aksnodeclass_hash({**CLASS, **changed}) == aksnodeclass_hash(CLASS)) is same


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param({}, {"tags": {"a": "b"}}, True, id="tags-do-not-count"),
        pytest.param({}, {"maxPods": 30}, False, id="max-pods"),
        pytest.param({}, {"security": {}}, False, id="a-pointer-to-an-empty-struct"),
        pytest.param({}, {"kubelet": {"failSwapOn": False}}, False, id="false-behind-a-pointer"),
        pytest.param({"kubelet": {}}, {"kubelet": {"cpuCFSQuotaPeriod": "0s"}}, True, id="a-zero-without-a-pointer"),
        pytest.param({"localDNS": {}}, {"localDNS": {"vnetDNSOverrides": [ZONE]}}, False, id="local-dns-vnet"),
        pytest.param(
            {"localDNS": {"kubeDNSOverrides": [ZONE]}},
            {"localDNS": {"vnetDNSOverrides": [ZONE]}},
            False,
            id="local-dns-which",
        ),
        pytest.param(
            {"localDNS": {"kubeDNSOverrides": [{**ZONE, "cacheDuration": "60m"}]}},
            {"localDNS": {"kubeDNSOverrides": [ZONE]}},
            True,
            id="local-dns-durations-by-length",
        ),
        pytest.param(
            {"linuxOSConfig": {"swapFileSize": "1500M"}},
            {"linuxOSConfig": {"swapFileSize": "1600M"}},
            False,
            id="swap-file",
        ),
        pytest.param(
            {"linuxOSConfig": {"sysctls": {"vmSwappiness": 0}}},
            {"linuxOSConfig": {"sysctls": {}}},
            False,
            id="zero-behind-a-pointer",
        ),
        pytest.param(
            {"linuxOSConfig": {"sysctls": {"netIPv4TCPTwReuse": True}}},
            {"linuxOSConfig": {"sysctls": {"netIPv4TCPTwReuse": False}}},
            False,
            id="sysctl-bool",
        ),
    ],
)
def test_node_classes_are_equal_when_what_counts_is(one: dict[str, Any], other: dict[str, Any], equal: bool) -> None:
    assert (aksnodeclass_hash(one) == aksnodeclass_hash(other)) is equal


@pytest.mark.parametrize(
    ("hash_of", "value", "named"),
    [
        pytest.param(nodepool_hash, template(expireAfter="1d"), "template.spec.expireAfter '1d'", id="duration"),
        pytest.param(nodepool_hash, template(taints=[{"key": 1}]), "template.spec.taints[0].key 1", id="string"),
        pytest.param(nodepool_hash, template(taints="gpu"), "template.spec.taints 'gpu'", id="list"),
        pytest.param(nodepool_hash, template({"labels": ["a"]}), "template.metadata.labels ['a']", id="map"),
        pytest.param(nodepool_hash, {"spec": 5}, "template.spec 5", id="object"),
        pytest.param(
            nodepool_hash,
            template(taints=[{**GPU, "timeAdded": "2026-01-01T00:00:00Z"}]),
            "template.spec.taints[0].timeAdded",
            id="time-added",
        ),
        pytest.param(aksnodeclass_hash, {"maxPods": "30"}, "spec.maxPods '30'", id="integer"),
        pytest.param(aksnodeclass_hash, {"maxPods": 2**31}, "spec.maxPods 2147483648", id="integer-too-large"),
        pytest.param(aksnodeclass_hash, {"maxPods": True}, "spec.maxPods True", id="integer-as-bool"),
        pytest.param(
            aksnodeclass_hash, {"kubelet": {"cpuCFSQuota": 1}}, "spec.kubelet.cpuCFSQuota 1", id="bool-as-integer"
        ),
    ],
)
def test_what_the_api_server_would_not_store_is_an_error_that_names_it(
    hash_of: Callable[[Mapping[str, object]], str], value: dict[str, object], named: str
) -> None:
    with pytest.raises(HashError) as refused:
        hash_of(value)

    assert str(refused.value).startswith(f"{named}")
    assert "allowed is" in str(refused.value)


# --- Written out by hand, for the types that the answers of the upstream code do not exercise -------------------------


def fnv(data: bytes) -> int:
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = digest * 0x100000001B3 % 2**64 ^ byte
    return digest


def word(number: int) -> bytes:
    return number.to_bytes(8, "little")


def struct(type_name: str, *fields: tuple[str, int]) -> int:
    digest = fnv(type_name.encode())
    for name, value in fields:
        digest = fnv(word(digest ^ fnv(word(fnv(name.encode())) + word(value))))
    return digest


def int32(number: int) -> int:
    return fnv(number.to_bytes(4, "little", signed=True))


def nillable(seconds: int) -> int:
    return struct("NillableDuration", ("Duration", fnv(word(seconds * 10**9))))


def test_a_zone_override_of_local_dns_hashes_in_order_of_declaration() -> None:
    override = struct(
        "LocalDNSZoneOverride",
        ("Zone", fnv(b".")),
        ("QueryLogging", fnv(b"Error")),
        ("Protocol", fnv(b"PreferUDP")),
        ("ForwardDestination", fnv(b"VnetDNS")),
        ("ForwardPolicy", fnv(b"Random")),
        ("MaxConcurrent", int32(0)),
        ("CacheDuration", nillable(3600)),
        ("ServeStaleDuration", nillable(0)),
        ("ServeStale", fnv(b"Verify")),
    )
    local_dns = struct("LocalDNS", ("Mode", fnv(b"Required")), ("VnetDNSOverrides", override), ("KubeDNSOverrides", 0))
    written = {
        "serveStale": "Verify",
        "serveStaleDuration": "0s",
        "cacheDuration": "1h",
        "maxConcurrent": 0,
        "forwardPolicy": "Random",
        "forwardDestination": "VnetDNS",
        "protocol": "PreferUDP",
        "queryLogging": "Error",
        "zone": ".",
    }
    spec = {"localDNS": {"kubeDNSOverrides": [], "vnetDNSOverrides": [written], "mode": "Required"}}

    assert aksnodeclass_hash(spec) == str(struct("AKSNodeClassSpec", ("LocalDNS", local_dns)))


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("1500ns", 1_500), ("1.0005ms", 1_000_500), ("999999ns", 999_999), ("2.5us", 2_500)]
)
def test_durations_count_to_the_nanosecond(text: str, nanoseconds: int) -> None:
    period = struct("Duration", ("Duration", fnv(word(nanoseconds))))
    kubelet = struct("KubeletConfiguration", ("CPUCFSQuotaPeriod", period))

    expected = struct("AKSNodeClassSpec", ("Kubelet", kubelet))
    assert aksnodeclass_hash({"kubelet": {"cpuCFSQuotaPeriod": text}}) == str(expected)


def test_a_linux_os_configuration_hashes_in_order_of_declaration() -> None:
    sysctls = struct(
        "SysctlConfiguration",
        ("FsAioMaxNr", int32(65536)),
        ("NetIPv4IPLocalPortRange", fnv(b"1024 60999")),
        ("NetIPv4TCPTwReuse", fnv(b"\x01")),
        ("NetIPv4TCPKeepaliveIntvl", int32(10)),
        ("VMSwappiness", int32(0)),
    )
    configuration = struct(
        "LinuxOSConfiguration",
        ("SwapFileSize", fnv(b"1500M")),
        ("Sysctls", sysctls),
        ("TransparentHugePageDefrag", fnv(b"never")),
        ("TransparentHugePageEnabled", fnv(b"always")),
    )
    written = {
        "transparentHugePageEnabled": "always",
        "transparentHugePageDefrag": "never",
        "sysctls": {
            "vmSwappiness": 0,
            "netIPv4TCPKeepaliveIntvl": 10,
            "netIPv4TCPTwReuse": True,
            "netIPv4IPLocalPortRange": "1024 60999",
            "fsAioMaxNr": 65536,
        },
        "swapFileSize": "1500M",
    }

    expected = struct("AKSNodeClassSpec", ("LinuxOSConfig", configuration))
    assert aksnodeclass_hash({"linuxOSConfig": written}) == str(expected)


# --- Properties -------------------------------------------------------------------------------------------------------

LABELS: Final = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


@given(LABELS)
def test_the_order_of_labels_never_matters(labels: dict[str, str]) -> None:
    turned = dict(reversed(labels.items()))

    assert nodepool_hash(template({"labels": labels})) == nodepool_hash(template({"labels": turned}))


@given(LABELS, LABELS)
def test_other_labels_have_another_hash(one: dict[str, str], other: dict[str, str]) -> None:
    hashes = [nodepool_hash(template({"labels": labels, "annotations": {}})) for labels in (one, other)]

    assert (hashes[0] == hashes[1]) is (one == other)
