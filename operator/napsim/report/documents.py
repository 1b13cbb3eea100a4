"""A view as one line of JSON."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.report.view import View

SCHEMA: Final = "napsim.dev/watch/v1"


def document(view: View) -> str:
    """The fields of ``View`` under their own names, and the version of that; times in RFC 3339."""
    fields = msgspec.to_builtins(view, order="deterministic")
    return msgspec.json.encode({**fields, "schema": SCHEMA}).decode()


def differs(before: View, after: View) -> bool:
    """Whether more has changed than the time."""
    return replace(before, clock=after.clock) != after or before.clock.factor != after.clock.factor
