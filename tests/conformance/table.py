"""The conformance table: what each row is about, where it is tested, and with what result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.conformance.rows import Table, decisions_of_references, rows_of_references

MOST_PLACES: Final = 3


class State(StrEnum):
    """What has become of a row. Only the first two are as they should be."""

    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"
    FAILED = "failed"
    NOT_RUN = "not run"
    OPEN = "open"
    MISSING = "MISSING"


FINE: Final = frozenset({State.PASSED, State.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    id: str
    what: str
    where: str
    state: State
    reason: str = ""


def lines(table: Table, tests: Mapping[str, Sequence[str]], outcomes: Mapping[str, str]) -> list[Line]:
    """The table, in the order of rows.toml. ``tests`` are ids by node id, ``outcomes`` of those that ran."""
    carriers: dict[str, list[str]] = {}
    for node_id, ids in tests.items():
        for row in dict.fromkeys(table.row_of(name) for name in ids):
            if row is not None:
                carriers.setdefault(row, []).append(node_id)
    return [
        Line(row.id, row.what, _where(carriers.get(row.id, ())), *_state(row.id, table, carriers, outcomes))
        for row in table.rows.values()
    ]


def _state(
    row: str, table: Table, carriers: Mapping[str, Sequence[str]], outcomes: Mapping[str, str]
) -> tuple[State, str]:
    if row in table.open:
        return State.OPEN, table.open[row]
    if row in carriers:
        seen = [outcomes.get(node_id, "not run") for node_id in carriers[row]]
        return (State.FAILED if "failed" in seen else State.NOT_RUN if "not run" in seen else State.PASSED), ""
    if row in table.not_applicable:
        return State.NOT_APPLICABLE, table.not_applicable[row]
    return State.MISSING, "no test carries this id"


def _where(node_ids: Iterable[str]) -> str:
    """The files, with the number of tests where it is more than one."""
    files = Counter(node_id.partition("::")[0].removeprefix("tests/") for node_id in node_ids)
    named = [file if number == 1 else f"{file} ({number})" for file, number in sorted(files.items())]
    more = [f"{len(named) - MOST_PLACES} more"] if len(named) > MOST_PLACES else []
    return ", ".join(named[:MOST_PLACES] + more)


def problems(table: Table, tests: Mapping[str, Sequence[str]], references: Path) -> list[str]:
    """What is wrong with the table itself, each as a sentence; the references are asked if they are there."""
    known = set(table.rows)
    found = [
        f"{name} of {node_id} is no row" for node_id, ids in tests.items() for name in ids if not table.row_of(name)
    ]
    found += [f"{name} is not applicable, and no row" for name in sorted(set(table.not_applicable) - known)]
    found += [f"{name} is open, and no row" for name in sorted(set(table.open) - known)]
    found += [f"{name} is both open and not applicable" for name in sorted(set(table.open) & set(table.not_applicable))]
    tested = {table.row_of(name) for ids in tests.values() for name in ids}
    found += [f"{name} is not applicable, and has a test" for name in sorted(set(table.not_applicable) & tested)]
    if references.is_dir():
        places = {place for row in table.rows.values() for place in row.places}
        decided = decisions_of_references(references)
        found += [f"{name} of the references is in no list" for name in sorted(rows_of_references(references) - known)]
        found += [f"planned-maintenance.md {place} is in no list" for place in sorted(decided - places)]
        found += [f"planned-maintenance.md {place} decides nothing" for place in sorted(places - decided)]
    return found


def rendered(table: Sequence[Line]) -> str:
    """The table as text, with a count of the states below it."""
    widths = [max(len(text) for text in column) for column in zip(*map(_cells, table), strict=True)]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(_cells(line), widths, strict=True)) for line in table]
    counts = Counter(line.state for line in table)
    summary = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    return "\n".join([*(line.rstrip() for line in body), "", f"{len(table)} rows: {summary}"])


def _cells(line: Line) -> tuple[str, ...]:
    return line.id, line.what, line.where or "-", f"{line.state}: {line.reason}" if line.reason else str(line.state)
