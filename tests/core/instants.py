"""Instants, and windows, as tests write them."""

from __future__ import annotations

from datetime import UTC, datetime

from napsim.core.windows import Window


def at(text: str) -> datetime:
    """``2026-03-08T01:00``, with a space for the T too; UTC where no offset is given."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def window(start: str, end: str | None) -> Window:
    """From the one to the other, if it ends."""
    return Window(at(start), at(end) if end else None)
