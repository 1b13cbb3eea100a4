"""Days as strips of half hours: at a glance, which level holds when.

A row is a day on the clocks of the reader. Of several levels in one half hour the highest is shown: what may happen
counts, not what mostly does. A half hour that the clocks skip stays empty, one that they repeat shows both in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Final

from napsim.report.marked import Mark, Marked, Tone
from napsim.report.times import DAYS

CELL: Final = timedelta(minutes=30)
_MINUTES: Final = CELL // timedelta(minutes=1)
_CELLS: Final = timedelta(days=1) // CELL
_INDENT: Final = "    "
_LABEL: Final = 11  # "Mon 11-02  "
_EDGE: Final = len(_INDENT) + _LABEL


@dataclass(frozen=True, slots=True)
class Block:
    """A level from ``start`` to ``end`` (aware UTC); the higher the level, the more it stands out."""

    start: datetime
    end: datetime
    level: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """How a level is drawn: one character, and its tone."""

    character: str
    tone: Tone


def strips(blocks: Sequence[Block], symbols: Mapping[int, Symbol], zone: tzinfo) -> Iterator[Marked]:
    """A scale, and a row for each day that the blocks (in order, without gaps) touch."""
    scale = "".join(f"{hour:02d}    " for hour in range(0, 24, 3)).rstrip()
    yield Marked(" " * _EDGE + scale, Tone.ASIDE)
    rows: dict[date, list[int | None]] = {}
    for start, level in _cells(blocks, zone):
        local = start.astimezone(zone)
        row = rows.setdefault(local.date(), [None] * _CELLS)
        position = (local.hour * 60 + local.minute) // _MINUTES
        shown = row[position]
        row[position] = level if shown is None else max(level, shown)
    for day, row in rows.items():
        yield _row(day, row, symbols)


def _row(day: date, row: Sequence[int | None], symbols: Mapping[int, Symbol]) -> Marked:
    text, marks = f"{_INDENT}{DAYS[day.weekday()]} {day:%m-%d}  ", []
    for level, group in groupby(row):
        length = len(list(group))
        symbol = symbols[level] if level is not None else Symbol(" ", Tone.PLAIN)
        marks.append(Mark(len(text), len(text) + length, symbol.tone))
        text += symbol.character * length
    return Marked(text.rstrip(), Tone.PLAIN, tuple(marks))


def _cells(blocks: Sequence[Block], zone: tzinfo) -> Iterator[tuple[datetime, int]]:
    """Each half hour of the local days from the first block to the last, with its highest level."""
    local = blocks[0].start.astimezone(zone)
    into_cell = timedelta(minutes=local.minute % _MINUTES, seconds=local.second, microseconds=local.microsecond)
    at = blocks[0].start - into_cell
    index = 0
    while at < blocks[-1].end:
        while blocks[index].end <= at:
            index += 1
        levels, position = [], index
        while position < len(blocks) and blocks[position].start < at + CELL:
            levels.append(blocks[position].level)
            position += 1
        yield at, max(levels)
        at += CELL
