"""How the help of a command ends: examples that run, exit codes, what else there is to know.

Written where the command is, shown by ``--help``, read back by the page of all commands (``command_reference``).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_WIDTH: Final = 76  # a terminal of 80 columns, less what typer leaves free
_EXAMPLES: Final = "Examples:"
_EXITS: Final = "Exit codes:"
_EXIT: Final = re.compile(r"  (\d+) +(.*)")
# Exit codes of more than one command, and what they mean there.
BAD_INPUT: Final = 2
PREREQUISITE_MISSING: Final = 4
WRONG_INPUT: Final = "wrong usage or bad input, every mistake with its place"
NO_KUBECONFIG: Final = "wrong usage, or no usable kubeconfig"
NO_ANSWER: Final = "the API server could not be reached, or refused"


@dataclass(frozen=True, slots=True)
class Ending:
    """``exits`` is exit code to meaning; of a group without any, each of its commands has its own."""

    examples: tuple[str, ...]
    exits: Mapping[int, str] = field(default_factory=dict)
    notes: str = ""

    @property
    def text(self) -> str:
        return "\n\n".join("\n".join(section) for section in self._sections())

    def _sections(self) -> Iterator[list[str]]:
        yield [_EXAMPLES, *(f"  {example}" for example in self.examples)]
        if self.notes:
            yield textwrap.wrap(self.notes, _WIDTH, break_on_hyphens=False, break_long_words=False)
        if self.exits:
            yield [_EXITS, *(line for code, meaning in self.exits.items() for line in _exit(code, meaning))]


def _exit(code: int, meaning: str) -> list[str]:
    return textwrap.wrap(meaning, _WIDTH, initial_indent=f"  {code:<4}", subsequent_indent=" " * 6)


def ending(*examples: str, exits: Mapping[int, str] | None = None, notes: str = "") -> str:
    """The ``epilog`` of a command. An example is one line of a shell; exit codes in order."""
    return Ending(examples, exits or {}, notes).text


def ending_of(epilog: str) -> Ending:
    """Read back what ``ending`` has written."""
    examples: list[str] = []
    exits: dict[int, str] = {}
    notes = ""
    for section in epilog.split("\n\n"):
        heading, *lines = section.split("\n")
        if heading == _EXAMPLES:
            examples = [line.strip() for line in lines]
        elif heading == _EXITS:
            exits = _exits(lines)
        else:
            notes = " ".join([heading, *lines])
    return Ending(tuple(examples), exits, notes)


def _exits(lines: list[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    code = -1
    for line in lines:
        if begun := _EXIT.fullmatch(line):
            code, meaning = int(begun[1]), begun[2]
            found[code] = meaning
        else:
            found[code] += f" {line.strip()}"
    return found
