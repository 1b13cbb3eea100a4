"""A view as one line of JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from napsim.report.view import View

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def document(view: View) -> str:
    """The fields of ``View`` under their own names; times in RFC 3339."""
    return _ENCODER.encode(view).decode()


def differs(before: View, after: View) -> bool:
    """Whether more has changed than the time."""
    return replace(before, clock=after.clock) != after or before.clock.factor != after.clock.factor
