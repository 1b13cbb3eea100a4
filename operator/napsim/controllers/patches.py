"""What differs between two states of an object, as the API server takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Changes = dict[str, Any]


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    """The RFC 7386 merge patch from ``old`` to ``new``: None removes, lists are replaced, maps are descended into."""
    patch: Changes = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if before == value:
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            patch[key] = difference(before, value)
        else:
            patch[key] = value
    return patch
