"""What answers in JSON are made of, and how they are written."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all parts of a document."""


def indented(document: object) -> str:
    """A document as JSON, without the last line's end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
