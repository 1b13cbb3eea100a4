"""Lines of a terminal of which parts stand out, and the few ways in which they are made. At most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

WIDTH: Final = 80
_NO_BREAK: Final = "\xa0"
MOST_ROWS: Final = 30  # of one section or table; --output json has them all


class Tone(StrEnum):
    """What a line is: a heading, good, bad, worth a look, or aside. What it is for decides its colour."""

    HEADING = "heading"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    ASIDE = "aside"
    PLAIN = ""


class Mark(msgspec.Struct, frozen=True):
    """A part of a line that has a tone of its own: the columns from ``start`` to ``end``, which is excluded."""

    start: int
    end: int
    tone: Tone


class Marked(msgspec.Struct, frozen=True):
    """A line and its tone. ``marks``, in order, go before the tone."""

    text: str = ""
    tone: Tone = Tone.PLAIN
    marks: tuple[Mark, ...] = ()

    @property
    def parts(self) -> Iterator[tuple[str, Tone]]:
        """The line cut where its tone changes."""
        at = 0
        for mark in self.marks:
            yield self.text[at : mark.start], self.tone
            yield self.text[mark.start : mark.end], mark.tone
            at = mark.end
        yield self.text[at:], self.tone


def wrapped(text: str, tone: Tone = Tone.PLAIN, indent: str = "  ", more: str = "  ") -> Iterator[Marked]:
    """The text in as many lines as it needs, those after the first indented by ``more``; no word is cut in two."""
    found = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + more,
        break_on_hyphens=False,
    )
    for line in found:
        yield Marked(line.replace(_NO_BREAK, " "), tone)


def unbroken(text: str) -> str:
    """The same text, which ``wrapped`` does not break at its blanks."""
    return text.replace(" ", _NO_BREAK)


def shortened(rows: Iterable[Marked], indent: str = "    ", what: str = "") -> Iterator[Marked]:
    """The first rows of a section or table, and how many of ``what`` are left out."""
    every = list(rows)
    yield from every[:MOST_ROWS]
    if len(every) > MOST_ROWS:
        more = " ".join(filter(None, (str(len(every) - MOST_ROWS), "more", what)))
        yield Marked(f"{indent}… {more}; --output json has all of them", Tone.ASIDE)


def headed(title: str, place: str) -> Iterator[Marked]:
    """What a block is about, and where that is written: at the end of the same line if there is room."""
    gap = WIDTH - len(title) - len(place)
    if gap >= 2:
        yield Marked(f"{title}{' ' * gap}{place}", Tone.HEADING, (Mark(WIDTH - len(place), WIDTH, Tone.ASIDE),))
        return
    yield from wrapped(title, Tone.HEADING, "")
    yield from wrapped(place, Tone.ASIDE)
