"""What linting found, as one document: what ``napsim lint`` writes, as JSON and as lines of a terminal.

Version ``napsim.dev/lint/v1`` (docs/checker.md). Fields are added within a version; one that goes or changes its
meaning makes a new one. Lines and columns count from 1; ``endColumn`` is the column after the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from napsim.report.marked import Mark, Marked, Tone, wrapped
from napsim.report.parts import Part, indented
from napsim.report.phrases import plural

SCHEMA: Final = "napsim.dev/lint/v1"
Severity = Literal["error", "warning", "info"]
_TONES: Final[Mapping[str, Tone]] = {"error": Tone.BAD, "warning": Tone.WARNING, "info": Tone.HEADING}
_LONGEST_LINE: Final = 100


class Finding(Part, frozen=True):
    """One finding. ``suppressed`` is the reason for which it does not count, null where it counts.

    ``replacement`` is what ``--fix`` writes from ``column`` to ``endColumn``, null where no fix is certain.
    """

    code: str
    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    end_column: int
    object: str
    field: str
    value: str | int | float | bool | None
    message: str
    help: str
    replacement: str | None = None
    suppressed: str | None = None
    suppressed_by: Literal["comment", "configuration"] | None = None


class Unread(Part, frozen=True):
    """A file, or a part of it, that could not be read: none of its documents was judged. ``line`` is 0 for none."""

    file: str
    line: int
    message: str


class Rule(Part, frozen=True):
    """A rule, as the table has it. ``page`` is Markdown."""

    code: str
    name: str
    severity: Severity
    title: str
    page: str


class Findings(Part, frozen=True):
    """The whole document. ``files`` are those that were read, ``passed`` the documents that no rule reads."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    files: tuple[str, ...]
    judged: int
    passed: int
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    unread: tuple[Unread, ...] = ()
    schema: str = SCHEMA


def document(found: Findings) -> str:
    """As JSON."""
    return indented(found)


def fails(found: Findings) -> bool:
    """Whether there is an error or a warning."""
    return any(finding.severity != "info" for finding in found.findings)


# --- for a terminal ---------------------------------------------------------------------------------------------------


def lines(found: Findings, sources: Mapping[str, Sequence[str]]) -> Iterator[Marked]:
    """Each finding with the line that it is about, then how many there are. ``sources``: the lines of each file."""
    for finding in found.findings:
        yield from _shown(finding, sources.get(finding.file, ()))
        yield Marked()
    yield from summary(found)


def _shown(finding: Finding, source: Sequence[str]) -> Iterator[Marked]:
    title = f"{finding.severity}[{finding.code}]"
    first, *more = wrapped(f"{title}: {finding.message}", indent="", more="  ")
    yield Marked(first.text, Tone.PLAIN, (Mark(0, len(title), _TONES[finding.severity]),))
    yield from more
    number = str(finding.line)
    margin = " " * len(number)
    yield _aside(f"{margin}--> {finding.file}:{finding.line}:{finding.column}")
    if 0 < finding.line <= len(source):
        yield from _excerpt(finding, source[finding.line - 1], number)
    if finding.object:
        yield _aside(f"{margin} = {finding.object} {finding.field}".rstrip())
    if finding.help:
        yield from wrapped(f"= help: {finding.help}", indent=f"{margin} ", more="        ")


def _excerpt(finding: Finding, line: str, number: str) -> Iterator[Marked]:
    """The line and, below it, carets; of a line that is too long for that a part of it. Tabs count as they stand."""
    start, end = finding.column - 1, max(min(finding.end_column - 1, len(line)), finding.column)
    cut = max(start - _LONGEST_LINE // 2, 0) if len(line) > _LONGEST_LINE else 0
    shown = line[cut : cut + _LONGEST_LINE].rstrip()
    carets = "^" * max(min(end - cut, len(shown)) - (start - cut), 1)
    margin = " " * len(number)
    lead = "".join("\t" if letter == "\t" else " " for letter in line[cut:start])
    yield _aside(f"{margin} |")
    yield Marked(f"{number} | {shown}", Tone.PLAIN, (Mark(0, len(number) + 2, Tone.ASIDE),))
    under = f"{margin} | {lead}"
    yield Marked(under + carets, Tone.PLAIN, (Mark(len(under), len(under + carets), _TONES[finding.severity]),))
    yield _aside(f"{margin} |")


def _aside(text: str) -> Marked:
    return Marked(text, Tone.ASIDE)


def summary(found: Findings) -> Iterator[Marked]:
    """``4 documents in 2 files: 1 error, 2 warnings; 1 can be fixed with --fix``."""
    counts = Counter(finding.severity for finding in found.findings)
    parts = [plural(counts["error"], "error"), plural(counts["warning"], "warning")]
    parts += [f"{counts['info']} for information"] if counts["info"] else []
    nothing = "no findings" if found.judged else "nothing was looked at"
    said = ", ".join(parts) if found.findings else nothing
    fixable = sum(finding.replacement is not None for finding in found.findings)
    fixes = f"; {fixable} can be fixed with --fix" if fixable else ""
    let_be = f"; {len(found.suppressed)} silenced" if found.suppressed else ""
    read = f"{plural(found.judged, 'document')} in {plural(len(found.files), 'file')}"
    tone = Tone.BAD if counts["error"] else Tone.WARNING if counts["warning"] else Tone.GOOD
    yield Marked(f"{read}: {said}{fixes}{let_be}", tone)


def statistics(found: Findings, titles: Mapping[str, str]) -> Iterator[Marked]:
    """How often each rule found something, the most frequent first; and how often it was let be."""
    counts, let_be = (Counter(item.code for item in items) for items in (found.findings, found.suppressed))
    severities = {item.code: item.severity for item in (*found.findings, *found.suppressed)}
    for code in sorted(severities, key=lambda code: (-counts[code], code)):
        silenced = f" ({let_be[code]} silenced)" if let_be[code] else ""
        text = f"{counts[code]:6} {code} {severities[code]:7}  {titles[code]}{silenced}"
        yield Marked(text, Tone.PLAIN, (Mark(7, 14 + len(severities[code]), _TONES[severities[code]]),))
