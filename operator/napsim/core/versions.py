"""Versions of node images and of Kubernetes: which is newer, and from which day a node image is.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/providers/imagefamily/nodeimageversionsclient.go (comparator)
and pkg/controllers/nodeclass/status/kubernetesversion.go (semantic versions). Where a security patch suffix is
involved, the comparison is that of its pull request 1821, as main mis-orders equal bases.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

_COMPOSITE: Final = re.compile(r"(?P<base>.+)-(?P<patch>[0-9]{4}\.[0-9]{2}\.[0-9]{2})")
_LINUX: Final = re.compile(r"([0-9]{4})([0-9]{2})\.([0-9]{2})\.[0-9]+")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_KUBERNETES: Final = re.compile(
    r"\s*v?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?(?:\.(?P<patch>[0-9]+))?"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\s*"
)


def is_newer(a: str, b: str) -> bool:
    """Whether ``a`` is newer than ``b``: node image versions such as ``202410.27.0`` or ``202410.27.0-2024.12.01``.

    Parts are compared as integers from the left; a part that is no integer makes ``a`` not newer; of two that agree up
    to the shorter one, the longer is newer. If both carry a security patch date, that date decides first.
    """
    base_a, patch_a = split_security_patch(a)
    base_b, patch_b = split_security_patch(b)
    if patch_a and patch_b and patch_a != patch_b:
        return _is_newer_base(patch_a, patch_b)
    return _is_newer_base(base_a, base_b)


def _is_newer_base(a: str, b: str) -> bool:
    parts_a, parts_b = a.split("."), b.split(".")
    for part_a, part_b in zip(parts_a, parts_b, strict=False):
        if not (_INTEGER.fullmatch(part_a) and _INTEGER.fullmatch(part_b)):
            return False
        if int(part_a) != int(part_b):
            return int(part_a) > int(part_b)
    return len(parts_a) > len(parts_b)


def split_security_patch(version: str) -> tuple[str, str]:
    """``version`` as (base, security patch date); the date is empty when the version has none."""
    match = _COMPOSITE.fullmatch(version)
    return (match["base"], match["patch"]) if match else (version, "")


def version_date(version: str) -> datetime | None:
    """00:00 UTC of the day in a node image version, or None when it does not carry one in the current Linux form.

    ``YYYYMM.DD.patch`` is the only form read, as in pull request 1169; the older ``yyyy.mm.dd`` gives None. A version
    with a security patch is as old as its patch (a choice of napsim: upstream has no rule for it).
    """
    base, patch = split_security_patch(version)
    match = _LINUX.fullmatch(base)
    if match is None:
        return None
    year, month, day = patch.split(".") if patch else match.groups()
    try:
        return datetime(int(year), int(month), int(day), tzinfo=UTC)
    except ValueError:  # a month 13 or a day 32: no date, hence a version that does not parse
        return None


class KubernetesVersion(msgspec.Struct, frozen=True, order=True):
    """A semantic version, ordered as semver orders them: ``1.34.0-alpha.1`` is before ``1.34.0``."""

    major: int
    minor: int = 0
    patch: int = 0
    released: bool = True
    prerelease: tuple[tuple[bool, int, str], ...] = ()  # (not a number, the number, the text) of each identifier


def kubernetes_version(text: str) -> KubernetesVersion | None:
    """``text`` read tolerantly (a leading ``v``, missing parts count as 0), or None when it is no version."""
    match = _KUBERNETES.fullmatch(text)
    if match is None:
        return None
    identifiers = match["pre"].split(".") if match["pre"] else []
    return KubernetesVersion(
        int(match["major"]),
        int(match["minor"] or 0),
        int(match["patch"] or 0),
        released=not identifiers,
        prerelease=tuple((not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in identifiers),
    )


def at_least(kubernetes: str, major: int, minor: int) -> bool:
    """Whether a Kubernetes version is that minor's release or later; False when it does not parse."""
    version = kubernetes_version(kubernetes)
    return version is not None and version >= KubernetesVersion(major, minor)
