"""Edits put into a text by position: comments and formatting stay as they are. A line that they empty goes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from napsim.lint.findings import Edit

_LINE_END: Final = re.compile(r"(\r\n|\r|\n)")


def fixed(text: str, edits: Iterable[Edit]) -> str:
    """The text with its edits; its line ends stay what they are. Of two edits that overlap the later one counts."""
    lines, ends = _LINE_END.split(text)[::2], [*_LINE_END.split(text)[1::2], ""]
    by_line: dict[int, list[Edit]] = {}
    for edit in edits:
        by_line.setdefault(edit.span.line, []).append(edit)
    return "".join(
        shown + end
        for number, (line, end) in enumerate(zip(lines, ends, strict=True), start=1)
        for shown in _edited(line, by_line.get(number, ()))
    )


def _edited(line: str, edits: Iterable[Edit]) -> Iterator[str]:
    """The line, unless it was emptied."""
    changed, before = line, len(line) + 1
    for edit in sorted(edits, key=lambda edit: edit.span.column, reverse=True):
        start, end = edit.span.column - 1, edit.span.end - 1
        if end > before:
            continue
        kept = changed[:start] if edit.text else changed[:start].rstrip(" \t")
        changed, before = kept + edit.text + changed[end:], start
    if changed.strip() or not line.strip():
        yield changed


def difference(file: str, before: str, after: str) -> str:
    """As ``diff -u`` shows it; empty where nothing changes."""
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{file.lstrip('/')}",
            f"b/{file.lstrip('/')}",
        )
    )
