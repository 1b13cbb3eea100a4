"""Image versions as a view names and orders them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cmp_to_key
from typing import Final

from napsim.api import names
from napsim.core.objects import Node, NodeClaim
from napsim.core.versions import is_newer

# AKSUbuntu-2204gen2containerd-202602.13.0, AKSWindows-windows-2022-containerd-20348.2113.240111
_LABEL: Final = re.compile(r"AKS.+?-(?P<version>\d+(?:\.\d+)+(?:-\d{4}\.\d{2}\.\d{2})?)")


def version_of(claim: NodeClaim, node: Node | None) -> str:
    """The image version a node runs: from the label NAP sets, else the end of the claim's image id; "" if unknown."""
    label = node.metadata.labels.get(names.NODE_IMAGE_VERSION, "") if node else ""
    match = _LABEL.fullmatch(label)
    if match:
        return match["version"]
    return label or claim.status.image_id.rsplit("/", 1)[-1]


def oldest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Each version once, in order of age where the versions tell it, else of their names; empty ones are left out."""
    return tuple(sorted(sorted({version for version in versions if version}), key=cmp_to_key(_compare)))


def _compare(a: str, b: str) -> int:
    return int(is_newer(a, b)) - int(is_newer(b, a))
