"""The rows of the references that napsim is held to: id, what it is about, and what has become of it.

``rows.toml`` has every row, ``not-applicable.md`` those that cannot hold here, with the reason, and ``open.toml`` those
that nobody has shown yet, with what is missing. All others need a test that carries their id. The references themselves
lie outside the repository; where they can be found, each of their rows has to be in ``rows.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
REFERENCES: Final = HERE.parents[2] / "shared" / "reference"
SOURCES: Final = {"karpenter": ("karpenter.md", 19), "nap": ("nap.md", 16), "pm": ("planned-maintenance.md", 11)}
DECISIONS: Final = range(5, 9)  # sections of planned-maintenance.md whose tables and lists decide questions
_ID: Final = re.compile(r"\b(?P<source>karpenter|nap|pm):(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*)")
_NOT_APPLICABLE: Final = re.compile(r"^\| `(?P<id>[^`]+)` \| (?P<reason>.+) \|$", re.MULTILINE)
_ROW: Final = re.compile(r"^\| (?P<name>[A-Z]?\d+[a-z]?) \|", re.MULTILINE)
_HEADING: Final = re.compile(r"^#{2,3} (?P<number>\d+(?:\.\d+)?)\.? ", re.MULTILINE)
_RULE: Final = re.compile(r"^\|[-| ]+\|$")


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``places``: where in planned-maintenance.md it is decided, as ``5.2/3`` for the third entry of 5.2."""

    id: str
    what: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, by id; what is not applicable or open, with the reason."""

    rows: dict[str, Row]
    not_applicable: dict[str, str]
    open: dict[str, str]

    def row_of(self, carried: str) -> str | None:
        """The row that a test's id ``carried`` names: its own, or the longest that it refines (``pm:6-a`` of ``pm:6``).

        None when there is no such row.
        """
        name = carried
        while name not in self.rows:
            name, separator, _ = name.rpartition("-")
            if not separator:
                return None
        return name


def load() -> Table:
    """The table as the files of this folder have it. Raises ValueError on a row that is about nothing."""
    listed = tomllib.loads((HERE / "rows.toml").read_text("utf-8"))
    rows = {row.id: row for source, entries in listed.items() for row in _rows(source, entries)}
    unsaid = tomllib.loads((HERE / "open.toml").read_text("utf-8"))
    missing = {f"{source}:{name}": str(text) for source, entries in unsaid.items() for name, text in entries.items()}
    reasons = (HERE / "not-applicable.md").read_text("utf-8")
    return Table(rows, {match["id"]: match["reason"] for match in _NOT_APPLICABLE.finditer(reasons)}, missing)


def _rows(source: str, entries: dict[str, str | dict[str, str]]) -> Iterator[Row]:
    for name, entry in entries.items():
        what, at = (entry, "") if isinstance(entry, str) else (entry["what"], entry.get("at", ""))
        if not what.strip():
            raise ValueError(f"rows.toml: {source}.{name} does not say what it is about")
        yield Row(f"{source}:{name}", what, tuple(at.split()))


def carried_ids(texts: Iterable[str]) -> list[str]:
    """All ids in texts such as the id of a test's parameters."""
    return [f"{match['source']}:{match['name'].rstrip('.-')}" for text in texts for match in _ID.finditer(text)]


# --- the references ---------------------------------------------------------------------------------------------------


def rows_of_references(folder: Path) -> set[str]:
    """The ids of the rows in the references' own numbering: conformance rows and worked examples."""
    found = set()
    for source, (file, section) in SOURCES.items():
        text = _sections((folder / file).read_text("utf-8"), section)
        prefix = f"{section}-" if source == "pm" else ""
        found |= {f"{source}:{prefix}{match['name']}" for match in _ROW.finditer(text)}
    return found


def decisions_of_references(folder: Path) -> set[str]:
    """Where planned-maintenance.md decides: ``5.2/3`` is the third entry, in a table or list, of its section 5.2."""
    text = (folder / SOURCES["pm"][0]).read_text("utf-8")
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {
        f"{heading['number']}/{number}"
        for heading, end in zip(headings, ends, strict=True)
        if int(heading["number"].split(".")[0]) in DECISIONS
        for number, _ in enumerate(_entries(text[heading.end() : end]), start=1)
    }


def _sections(text: str, number: int) -> str:
    """The section of that number with its subsections."""
    start = re.search(rf"^## {number}\. ", text, re.MULTILINE)
    assert start is not None, f"no section {number}"
    following = re.search(r"^## ", text[start.end() :], re.MULTILINE)
    return text[start.end() : start.end() + following.start()] if following else text[start.end() :]


def _entries(text: str) -> Iterator[str]:
    """Rows of tables without their heads, entries of lists, and paragraphs that begin with a choice or a conclusion."""
    lines = text.splitlines()
    for above, line, below in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        table = line.startswith("| ") and not _RULE.match(below) and not _RULE.match(line)
        if table or line.startswith("- ") or (not above and re.match(r"\*\*(Choice|For NAP)", line)):
            yield line
