"""Workflow commands of GitHub Actions, which it shows beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from napsim.report.findings import Finding, Findings, Unread

_COMMANDS: Final[Mapping[str, str]] = {"error": "error", "warning": "warning", "info": "notice"}


def commands(found: Findings) -> Iterator[str]:
    """A line for each file that could not be read, and for each finding that counts."""
    yield from map(_unread, found.unread)
    yield from map(_command, found.findings)


def _unread(item: Unread) -> str:
    properties = {"file": item.file, "line": str(max(item.line, 1)), "title": "napsim lint"}
    return command("error", item.message, properties)


def _command(finding: Finding) -> str:
    properties = {
        "file": finding.file,
        "line": str(max(finding.line, 1)),
        "col": str(finding.column),
        "endColumn": str(finding.end_column),
        "title": f"{finding.code} {finding.rule}",
    }
    told = f" ({finding.help})" if finding.help else ""
    said = ": ".join(filter(None, (finding.object, f"{finding.message}{told}")))
    return command(_COMMANDS[finding.severity], said, properties)


def command(level: str, message: str, properties: Mapping[str, str]) -> str:
    """One command: ``level`` is error, warning or notice, ``properties`` are file, line and title at least.

    Escaped as ``actions/toolkit`` escapes it (``packages/core/src/command.ts``).
    """
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {given}::{_text(message)}"


def _text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _text(text).replace(":", "%3A").replace(",", "%2C")
