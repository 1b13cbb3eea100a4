"""Manifests as files have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napsim.api.manifests import load_documents

Manifest = dict[str, Any]


def load_manifests(text: str) -> Iterator[Manifest]:
    """Every document of a YAML or JSON text, read as napsim reads it; each must be an object."""
    for document, _ in load_documents(text):
        assert isinstance(document, dict), document
        yield document
