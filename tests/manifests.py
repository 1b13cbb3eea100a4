"""Manifests as files have them: read, and written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from napsim.api.manifests import load_documents

Manifest = dict[str, Any]


def load_manifests(text: str) -> Iterator[Manifest]:
    """Every document of a YAML or JSON text, read as napsim reads it; each must be an object."""
    for document, _ in load_documents(text):
        assert isinstance(document, dict), document
        yield document


def documents(*manifests: Manifest) -> str:
    """One text with all of them."""
    return "\n---\n".join(json.dumps(manifest) for manifest in manifests)
