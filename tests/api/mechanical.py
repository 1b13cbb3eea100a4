"""Mistakes made mechanically of a good manifest, one for every way in which every field of it can be wrong.

Each field gets a value of another type; what the schema requires is left out; enums, bounds, patterns, formats and
lengths are broken; every object gets a field that does not exist.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from napsim.api.crd import object_schema
from napsim.api.registry import kind_of
from tests.api.paths import GONE, Manifest, Path, places, put

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A manifest with one mistake. ``field`` is the name that a message about it must contain."""

    name: str
    field: str
    manifest: Manifest


def mistakes_of(manifest: Manifest) -> Iterator[Mistake]:
    """Every mistake in the spec of a manifest, null fields left alone (they are absent ones)."""
    kind = kind_of(manifest)
    assert kind is not None, manifest["kind"]
    schema = object_schema(kind.model)
    for place, value in places(manifest):
        if place[0] != "spec" or value is None:
            continue
        for what, wrong in _wrong_values(schema_at(schema, place), value):
            yield _mistake(manifest, place, what, wrong)
        if place[-1] in schema_at(schema, place[:-1]).get("required", ()):
            yield _mistake(manifest, place, "missing", GONE)


def _mistake(manifest: Manifest, place: Path, what: str, wrong: object) -> Mistake:
    copied = copy.deepcopy(manifest)
    field = next(str(part) for part in reversed(place) if isinstance(part, str))
    put(copied, place, wrong)
    generic = ".".join("[]" if isinstance(part, int) else part for part in place)
    return Mistake(f"{generic}: {what}", "surprise" if what == "unknown field" else field, copied)


def _wrong_values(schema: Schema, value: object) -> Iterator[tuple[str, object]]:
    yield "another type", [] if schema.get("x-kubernetes-int-or-string") else _of_another_type(schema["type"])
    if "enum" in schema:
        yield "not in the enum", "Nonsense"
    if "minimum" in schema:
        yield "below the minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "above the maximum", schema["maximum"] + 1
    if "pattern" in schema and "additionalProperties" not in schema:
        yield "against the pattern", "~ /"
    if schema.get("format") in {"date", "date-time"}:
        yield "against the format", "tomorrow"
    if schema.get("type") == "string" and "maxLength" in schema:
        yield "too long", "a" * (schema["maxLength"] + 1)
    if isinstance(value, dict) and "properties" in schema:
        yield "unknown field", {**value, "surprise": 1}


def _of_another_type(type_: str) -> object:
    return {"string": 1, "integer": "one", "number": "one", "boolean": "yes", "array": "one", "object": "one"}[type_]


def schema_at(schema: Schema, place: Path) -> Schema:
    """The schema of the field at a path."""
    for part in place:
        if isinstance(part, int):
            schema = schema["items"]
        elif "properties" in schema:
            schema = schema["properties"][part]
        else:
            schema = schema["additionalProperties"]
    return schema
