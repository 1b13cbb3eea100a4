"""The table of values in docs/install.md, from values.yaml and values.schema.json; run as a module, it is put there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from tests.chart.rendering import CHART, ROOT, Manifest

DOCUMENT: Final = ROOT / "docs/install.md"
_PLACE: Final = re.compile(r"^\| Value \| Default \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)


def rows() -> Iterator[tuple[str, Any, str]]:
    """Each value that can be set: its path, its default, and what it means."""
    schema: Manifest = json.loads((CHART / "values.schema.json").read_text())
    values: Manifest = yaml.safe_load((CHART / "values.yaml").read_text())
    yield from _rows(schema, values, "")


def _rows(schema: Manifest, values: Manifest, at: str) -> Iterator[tuple[str, Any, str]]:
    for name, inner in schema["properties"].items():
        if name not in values:
            continue
        if "properties" in inner:
            yield from _rows(inner, values[name], f"{at}{name}.")
        else:
            yield f"{at}{name}", values[name], inner.get("description", "")


def table() -> str:
    """The table, in Markdown."""
    head = ["| Value | Default | What it means |", "|---|---|---|"]
    lines = [f"| `{path}` | {_default(value)} | {meaning} |" for path, value, meaning in rows()]
    return "\n".join(head + lines)


def _default(value: Any) -> str:
    return "" if value in ("", [], {}) else f"`{json.dumps(value).replace(chr(34), '')}`"


if __name__ == "__main__":
    DOCUMENT.write_text(_PLACE.sub(lambda _: table(), DOCUMENT.read_text()))
