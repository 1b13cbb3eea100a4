"""The good manifests, and the shapes of the rows that are made of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

from tests.api.paths import Manifest
from tests.manifests import load_manifests

Changes = dict[str, Any]
Row = tuple[str, Manifest, Changes]
"""An accepted manifest: its id, the manifest it is made of, and what is changed."""
Refusal = tuple[str, Manifest, Changes, str]
"""A refused one; last what the message must contain."""

GOOD: Final[dict[str, Manifest]] = {
    f"{manifest['kind']}-{index}": manifest
    for index, manifest in enumerate(load_manifests((Path(__file__).parent / "manifests.yaml").read_text("utf-8")))
}


def good(kind: str, number: int = 0) -> Manifest:
    """One of the good manifests of a kind, to do with as one likes."""
    return copy.deepcopy([manifest for manifest in GOOD.values() if manifest["kind"] == kind][number])
