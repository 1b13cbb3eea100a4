"""Comments that silence rules: ``# napsim: ignore[NAP101] because the pool is for batch jobs``.

A comment covers what begins on its line, or, on a line of its own, on the next line that is none: a field with all
that is below it, and on the first line of a document the whole document. It names codes and a reason, or it counts for
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from napsim.lint.rules import BY_CODE
from napsim.reading.sources import Span, Text

_MARK: Final = "napsim:"
_COMMENT: Final = re.compile(r"(?P<space>^|[ \t]+)#[ \t]*napsim:[ \t]*(?P<rest>.*?)[ \t]*$")
_IGNORE: Final = re.compile(r"ignore\[(?P<codes>[^\]]*)\](?:[ \t]+because[ \t]+(?P<reason>\S.*))?")
_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it is there
FORM: Final = "the form is: # napsim: ignore[NAP101] because …"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A comment that silences ``codes`` on ``line``. ``whole``: nothing else is on its own line, ``span``."""

    file: str
    span: Span
    line: int
    codes: tuple[str, ...]
    reason: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A comment that would silence something, and why it does not."""

    file: str
    span: Span
    text: str
    message: str


def suppressions_of(text: Text, lines: Sequence[str]) -> Iterator[Suppression | Incomplete]:
    """All of a text, in order."""
    if _MARK not in text.text:
        return
    written = [(number, found) for number, line in enumerate(lines, start=1) if (found := _COMMENT.search(line))]
    quoted = _quoted(text.text) if written else []
    for number, found in written:
        if not any(first < number <= last for first, last in quoted):
            yield _of(text.name, lines, number, found)


def _of(file: str, lines: Sequence[str], number: int, found: re.Match[str]) -> Suppression | Incomplete:
    start = found.start() + len(found["space"])
    span = Span(number, start + 1, found.end() + 1)
    said = _IGNORE.fullmatch(found["rest"])
    if said is None:
        return Incomplete(file, span, found["rest"], FORM)
    codes = tuple(code.strip() for code in said["codes"].split(",") if code.strip())
    unknown = [code for code in codes if code not in BY_CODE]
    if unknown or not codes:
        return Incomplete(file, span, found["rest"], f"no such rule: {', '.join(unknown)}" if unknown else FORM)
    if not said["reason"]:
        return Incomplete(file, span, found["rest"], f"a reason is missing; {FORM}")
    whole = not lines[number - 1][:start].strip()
    return Suppression(file, span, _next_line(lines, number) if whole else number, codes, said["reason"], whole)


def _next_line(lines: Sequence[str], number: int) -> int:
    """The first line after a comment that is neither empty nor a comment, nor the mark of a document."""
    for later, line in enumerate(lines[number:], start=number + 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#") and stripped != "---":
            return later
    return number


def _quoted(text: str) -> list[tuple[int, int]]:
    """The lines, from one to another, that are inside of texts of several lines: what looks like a comment is none."""
    try:
        tokens = [token for token in yaml.scan(text, Loader=_LOADER) if isinstance(token, yaml.ScalarToken)]
    except yaml.YAMLError:  # told as a mistake of the file
        return []
    several = [token for token in tokens if token.end_mark.line > token.start_mark.line]
    return [(token.start_mark.line + 1, token.end_mark.line + (token.end_mark.column > 0)) for token in several]
