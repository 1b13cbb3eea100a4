"""What rules find: where, what stands there, what is wrong with it, and the edit that puts it right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from napsim.reading.sources import Document, Span


class Severity(StrEnum):
    """How much it matters. An error is not what anybody wants; a warning may be; information is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Edit:
    """The text that takes the place of a part of a line."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a rule found in a document. ``field`` is a path as Kubernetes writes it, ``help`` what to do."""

    document: Document
    field: str
    message: str
    value: object = None
    help: str = ""
    edit: Edit | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The same with its rule and its place. ``suppressed`` is the reason for which it does not count, or empty."""

    code: str
    rule: str
    severity: Severity
    file: str
    span: Span
    object: str
    field: str
    value: Any
    message: str
    help: str = ""
    edit: Edit | None = None
    suppressed: str = ""
    by_comment: bool = False

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """By place, then by code."""
        return self.file, self.span.line, self.span.column, self.code, self.message
