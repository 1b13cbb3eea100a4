"""The defaults that the API server fills in, of every kind: ``python -m napsim.api.defaults`` writes them anew.

They are those of the CustomResourceDefinitions (``crd.py``), kept in ``defaults.json``: to make the schemas of the
models takes longer than a short forecast. A test holds the file and the models together.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

Tree = dict[str, Any]
"""``default``: what is filled in; ``properties`` and ``items``: the same below. Only what leads to a default."""
_PLACE: Final = Path(__file__).with_name("defaults.json")


def kept() -> bytes:
    """The file."""
    return _PLACE.read_bytes()


@cache
def defaults() -> dict[str, Tree]:
    """By kind."""
    return msgspec.json.decode(kept(), type=dict[str, Tree])


def generated() -> bytes:
    """The file as the models have it."""
    from napsim.api.crd import object_schema  # noqa: PLC0415 - only who writes the file needs the schemas
    from napsim.api.registry import KINDS  # noqa: PLC0415 - as above

    trees = {kind.name: _pruned(object_schema(kind.model)) for kind in KINDS}
    return msgspec.json.format(msgspec.json.encode(trees), indent=1) + b"\n"


def _pruned(schema: Tree) -> Tree:
    found: Tree = {"default": schema["default"]} if "default" in schema else {}
    below = {name: _pruned(part) for name, part in schema.get("properties", {}).items()}
    below = {name: part for name, part in below.items() if part}
    items = _pruned(schema["items"]) if "items" in schema else {}
    return {**found, **({"properties": below} if below else {}), **({"items": items} if items else {})}


if __name__ == "__main__":
    _PLACE.write_bytes(generated())
