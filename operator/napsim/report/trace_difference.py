"""The first difference of two traces, as text and as a document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from napsim.core.clock import rfc3339
from napsim.core.divergence import Divergence
from napsim.core.trace import Record, line
from napsim.report.marked import wrapped
from napsim.report.phrases import plural

SCHEMA: Final = "napsim.dev/trace-diff/v1"
_NOTHING: Final = "(nothing)"
_MORE: Final = 8  # blanks before what goes on from the line above


@dataclass(frozen=True, slots=True)
class Told:
    """One trace: what it is called, and its records, names as in the first one."""

    name: str
    records: Sequence[Record]


def lines(first: Told, second: Told, found: Divergence | None, context: int) -> Iterator[str]:
    """For people. ``context``: so many records before the difference, from each."""
    if found is None:
        count = len(first.records) if len(first.records) == len(second.records) else _counts(first, second)
        yield f"No difference: {count} records."
        return
    yield f"They differ first in {found.of}: {found.what}"
    for told, record, index in ((first, found.first, found.index_first), (second, found.second, found.index_second)):
        yield ""
        yield told.name
        for before in told.records[max(index - context, 0) : index]:
            yield from _wrapped(sentence(before), "    ")
        missing = _NOTHING if index < len(told.records) else f"(it ends here, after {_records(told)})"
        yield from _wrapped(sentence(record) if record is not None else missing, "  > ")


def _wrapped(text: str, indent: str) -> Iterator[str]:
    return (row.text for row in wrapped(text, indent=indent, more=" " * (_MORE - len(indent))))


def _records(told: Told) -> str:
    return plural(len(told.records), "record")


def _counts(first: Told, second: Told) -> str:
    return f"{len(first.records)} and {len(second.records)}"


def sentence(record: Record) -> str:
    """One record on one line."""
    details = " ".join(f"{key}={value}" for key, value in sorted(record.details.items()) if value)
    parts = (rfc3339(record.at), str(record.kind), record.object, record.reason, record.message, details)
    return "  ".join(part for part in parts if part)


def document(first: Told, second: Told, found: Divergence | None, context: int) -> str:
    """For programs: version, same, what, of, and of each trace its name, the record there and those before it."""
    shown: dict[str, Any] = {"schema": SCHEMA, "same": found is None}
    if found is not None:
        shown |= {"what": found.what, "of": found.of}
    for key, told in (("first", first), ("second", second)):
        shown[key] = {"name": told.name, "records": len(told.records)}
        if found is not None:
            record = found.first if key == "first" else found.second
            index = found.index_first if key == "first" else found.index_second
            before = told.records[max(index - context, 0) : index]
            shown[key] |= {
                "record": _plain(record) if record is not None else None,
                "before": [_plain(item) for item in before],
            }
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _plain(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line(record))
    return found
