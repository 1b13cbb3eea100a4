"""Karpenter's drift hashes of a NodePool's template and of an AKSNodeClass, to the bit.

Mirrors karpenter v1.14.0 ``NodePool.Hash`` and karpenter-provider-azure ``AKSNodeClass.Hash``, that is hashstructure
v2.0.2 in format 2, with slices as sets, zero values ignored and nil as zero, over the Go types below.
The input is the object as the API server stores it, after defaulting, with JSON names; what the types do not name is
ignored, as the API server prunes it.

A pointer is left out of a struct only when it is nil, anything else when it is zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final

import msgspec

from napsim.api.durations import parse_nanoseconds

# Go's names and types, in Go's order of declaration, which counts.
_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    # karpenter pkg/apis/v1; Requirements are not hashed
    "NodeClaimTemplate": {"ObjectMeta": "ObjectMeta", "Spec": "NodeClaimTemplateSpec"},
    "ObjectMeta": {"Labels": "map[string]string", "Annotations": "map[string]string"},
    "NodeClaimTemplateSpec": {
        "Taints": "[]Taint",
        "StartupTaints": "[]Taint",
        "NodeClassRef": "*NodeClassReference",
        "TerminationGracePeriod": "*Duration",
        "ExpireAfter": "NillableDuration",
    },
    "Taint": {"Key": "string", "Value": "string", "Effect": "string", "TimeAdded": "*Time"},
    "NodeClassReference": {"Kind": "string", "Name": "string", "Group": "string"},
    # karpenter-provider-azure pkg/apis/v1beta1; Tags are not hashed, ImageID is never set
    "AKSNodeClassSpec": {
        "VNETSubnetID": "*string",
        "OSDiskSizeGB": "*int32",
        "ImageFamily": "*string",
        "FIPSMode": "*string",
        "Kubelet": "*KubeletConfiguration",
        "MaxPods": "*int32",
        "Security": "*Security",
        "LocalDNS": "*LocalDNS",
        "GPU": "*GPU",
        "ArtifactStreaming": "*ArtifactStreaming",
        "LinuxOSConfig": "*LinuxOSConfiguration",
    },
    "KubeletConfiguration": {
        "CPUManagerPolicy": "*string",
        "CPUCFSQuota": "*bool",
        "CPUCFSQuotaPeriod": "Duration",
        "ImageGCHighThresholdPercent": "*int32",
        "ImageGCLowThresholdPercent": "*int32",
        "TopologyManagerPolicy": "*string",
        "AllowedUnsafeSysctls": "[]string",
        "ContainerLogMaxSize": "*string",
        "ContainerLogMaxFiles": "*int32",
        "PodPidsLimit": "*int64",
        "FailSwapOn": "*bool",
    },
    "Security": {"EncryptionAtHost": "*bool", "TrustedLaunch": "*TrustedLaunch"},
    "TrustedLaunch": {"VTPM": "*bool", "SecureBoot": "*bool"},
    "GPU": {"Mode": "*string"},
    "ArtifactStreaming": {"Enabled": "*bool"},
    "LocalDNS": {
        "Mode": "string",
        "VnetDNSOverrides": "[]LocalDNSZoneOverride",
        "KubeDNSOverrides": "[]LocalDNSZoneOverride",
    },
    "LocalDNSZoneOverride": {
        "Zone": "string",
        "QueryLogging": "string",
        "Protocol": "string",
        "ForwardDestination": "string",
        "ForwardPolicy": "string",
        "MaxConcurrent": "*int32",
        "CacheDuration": "NillableDuration",
        "ServeStaleDuration": "NillableDuration",
        "ServeStale": "string",
    },
    "LinuxOSConfiguration": {
        "SwapFileSize": "*string",
        "Sysctls": "*SysctlConfiguration",
        "TransparentHugePageDefrag": "*string",
        "TransparentHugePageEnabled": "*string",
    },
    "SysctlConfiguration": {
        "FsAioMaxNr": "*int32",
        "FsFileMax": "*int32",
        "FsInotifyMaxUserWatches": "*int32",
        "FsNrOpen": "*int32",
        "KernelThreadsMax": "*int32",
        "NetCoreNetdevMaxBacklog": "*int32",
        "NetCoreOptmemMax": "*int32",
        "NetCoreRmemDefault": "*int32",
        "NetCoreRmemMax": "*int32",
        "NetCoreSomaxconn": "*int32",
        "NetCoreWmemDefault": "*int32",
        "NetCoreWmemMax": "*int32",
        "NetIPv4IPLocalPortRange": "*string",
        "NetIPv4NeighDefaultGcThresh1": "*int32",
        "NetIPv4NeighDefaultGcThresh2": "*int32",
        "NetIPv4NeighDefaultGcThresh3": "*int32",
        "NetIPv4TCPFinTimeout": "*int32",
        "NetIPv4TCPKeepaliveProbes": "*int32",
        "NetIPv4TCPKeepaliveTime": "*int32",
        "NetIPv4TCPMaxSynBacklog": "*int32",
        "NetIPv4TCPMaxTwBuckets": "*int32",
        "NetIPv4TCPTwReuse": "*bool",
        "NetIPv4TCPKeepaliveIntvl": "*int32",
        "NetNetfilterNfConntrackBuckets": "*int32",
        "NetNetfilterNfConntrackMax": "*int32",
        "VMMaxMapCount": "*int32",
        "VMSwappiness": "*int32",
        "VMVfsCachePressure": "*int32",
    },
}
_JSON_NAMES: Final = {  # where lower camel case does not lead to them
    "ObjectMeta": "metadata",
    "CPUCFSQuota": "cpuCFSQuota",
    "CPUCFSQuotaPeriod": "cpuCFSQuotaPeriod",
}
_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_MASK: Final = 2**64 - 1
_WORD_BYTES: Final = 8


class HashError(ValueError):
    """An object that the API server would not have stored: names the field, its value and what is allowed."""


def nodepool_hash(template: Mapping[str, object]) -> str:
    """The hash of a NodePool's ``spec.template``, in decimal. Raises HashError."""
    return str(_kind("*NodeClaimTemplate").digest(template, "template"))


def aksnodeclass_hash(spec: Mapping[str, object]) -> str:
    """The hash of an AKSNodeClass's ``spec``, in decimal. Raises HashError."""
    return str(_kind("*AKSNodeClassSpec").digest(spec, "spec"))


# --- hashstructure, and FNV-1 of 64 bits ----------------------------------------------------------------------------


def _include(digest: int, name: str, value: int) -> int:
    """The hash of a struct so far, and one field more."""
    return _finish(digest ^ _pair(_string_hash(name), value))


def _xor(digests: Iterable[int]) -> int:
    result = 0
    for digest in digests:
        result ^= digest
    return result


def _pair(first: int, second: int) -> int:
    return _fnv(_word(first) + _word(second))


def _finish(digest: int) -> int:
    return _fnv(_word(digest))


def _word(number: int) -> bytes:
    return number.to_bytes(_WORD_BYTES, "little")


def _string_hash(text: str) -> int:
    return _fnv(text.encode())


@lru_cache(maxsize=8192)
def _fnv(data: bytes) -> int:
    result = _OFFSET
    for byte in data:
        result = result * _PRIME & _MASK ^ byte
    return result


# --- Kinds of Go values ---------------------------------------------------------------------------------------------


class _Kind(msgspec.Struct, frozen=True):
    """How a Go type hashes. ``digest``: of a JSON value, not null, and the path to it. ``zero``: that of Go's zero."""

    digest: Callable[[object, str], int]
    zero: int | None = None


@cache
def _kind(go_type: str) -> _Kind:
    if go_type.startswith("*"):
        return _Kind(_kind(go_type[1:]).digest)
    if go_type.startswith("[]"):
        return _Kind(_set_of(_kind(go_type[2:])))
    return _BASIC[go_type] if go_type in _BASIC else _struct(go_type)


def _struct(go_type: str) -> _Kind:
    fields = [(_json_name(name), name, _kind(kind)) for name, kind in _TYPES[go_type].items()]
    start = _string_hash(go_type)

    def digest(value: object, path: str) -> int:
        if not isinstance(value, Mapping):
            raise _refused(path, value, "an object")
        result = start
        for key, name, kind in fields:
            if (item := value.get(key)) is None:
                continue
            if (included := kind.digest(item, f"{path}.{key}")) != kind.zero:
                result = _include(result, name, included)
        return result

    return _Kind(digest, zero=start)


def _json_name(name: str) -> str:
    """``VNETSubnetID`` → ``vnetSubnetID``: the leading capitals, short of one that begins the next word."""
    lowered = re.sub(r"^[A-Z]+(?=[A-Z][a-z]|$)|^[A-Z]", lambda capitals: capitals[0].lower(), name)
    return _JSON_NAMES.get(name, lowered)


def _refused(path: str, value: object, allowed: str) -> HashError:
    return HashError(f"{path} {value!r}: allowed is {allowed}")


def _string(value: object, path: str) -> int:
    if not isinstance(value, str):
        raise _refused(path, value, "a string")
    return _string_hash(value)


def _bool(value: object, path: str) -> int:
    if not isinstance(value, bool):
        raise _refused(path, value, "true or false")
    return _fnv(bytes([value]))


def _integer(size_bytes: int) -> _Kind:
    beyond = 1 << size_bytes * 8 - 1

    def digest(value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not -beyond <= value < beyond:
            raise _refused(path, value, f"an integer of {size_bytes * 8} bits")
        return _fnv(value.to_bytes(size_bytes, "little", signed=True))

    return _Kind(digest, zero=digest(0, ""))


def _nanoseconds(value: object, path: str) -> int:
    try:
        return parse_nanoseconds(value if isinstance(value, str) else "")
    except ValueError:
        raise _refused(path, value, "a duration such as 30s, 15m or 1h30m") from None


def _duration(value: object, path: str) -> int:
    """metav1.Duration: a struct of one embedded int64, which is left out when it is zero."""
    start, nanoseconds = _string_hash("Duration"), _nanoseconds(value, path)
    return _include(start, "Duration", _INT64.digest(nanoseconds, path)) if nanoseconds else start


def _nillable_duration(value: object, path: str) -> int:
    """Karpenter's NillableDuration: a struct of one embedded pointer to an int64, which is nil for ``Never``."""
    start = _string_hash("NillableDuration")
    return start if value == "Never" else _include(start, "Duration", _INT64.digest(_nanoseconds(value, path), path))


def _set_of(kind: _Kind) -> Callable[[object, str], int]:
    """A slice: order does not count, and equal elements cancel each other out."""

    def digest(value: object, path: str) -> int:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise _refused(path, value, "a list")
        return _xor(kind.digest(item, f"{path}[{index}]") for index, item in enumerate(value))

    return digest


def _string_map(value: object, path: str) -> int:
    if not isinstance(value, Mapping):
        raise _refused(path, value, "a map of strings")
    return _finish(_xor(_pair(_string(key, path), _string(text, f"{path}.{key}")) for key, text in value.items()))


def _time(value: object, path: str) -> int:
    raise _refused(path, value, "no time: a taint of a template is added to nodes that do not exist yet")


_INT64: Final = _integer(8)
_BASIC: Final = {
    "string": _Kind(_string, zero=_string("", "")),
    "bool": _Kind(_bool, zero=_bool(False, "")),
    "int32": _integer(4),
    "int64": _INT64,
    "map[string]string": _Kind(_string_map),
    "Time": _Kind(_time),
    "Duration": _Kind(_duration, zero=_duration("0s", "")),
    "NillableDuration": _Kind(_nillable_duration, zero=_nillable_duration("Never", "")),
}
