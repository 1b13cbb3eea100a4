"""Manifests with one change, and the paths of their fields."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, Final

Manifest = dict[str, Any]
Path = tuple[str | int, ...]


class Gone:
    """What a field is set to when it is to be left out."""


GONE: Final = Gone()


def path(text: str) -> Path:
    """``spec.disruption.budgets[0].nodes`` as its parts; ``["a.b/c"]`` is one key."""
    parts: list[str | int] = []
    for name, index, key in re.findall(r'([^.\[\]]+)|\[([0-9]+)\]|\["([^"]+)"\]', text):
        parts.append(int(index) if index else key or name)
    return tuple(parts)


def changed(manifest: Manifest, changes: dict[str, Any]) -> Manifest:
    """A copy of a manifest with other values at some paths; objects on the way are made where they are missing."""
    result = copy.deepcopy(manifest)
    for place, value in changes.items():
        put(result, path(place), value)
    return result


def put(manifest: Manifest, place: Path, value: object) -> None:
    """Sets the value at a path, or takes it out (``GONE``)."""
    at: Any = manifest
    for part in place[:-1]:
        at = at[part] if isinstance(part, int) else at.setdefault(part, {})
    if value is GONE:
        del at[place[-1]]
    elif isinstance(at, list) and place[-1] == len(at):
        at.append(value)
    else:
        at[place[-1]] = value


def places(value: object, place: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every path below a value, with what is there."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for part, child in inner:
        yield (*place, part), child
        yield from places(child, (*place, part))
