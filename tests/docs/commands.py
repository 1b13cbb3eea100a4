"""The commands of a block, each with the output that is shown below it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.docs.blocks import SCRIPT, SESSION, Block

PROMPT: Final = "$ "
_GOING_ON: Final = {"watch", "-w", "--watch", "--follow"}
_HERE_DOCUMENT: Final = re.compile(r"<<(-?)\s*(['\"]?)(\w+)\2")


@dataclass(frozen=True, slots=True)
class Command:
    """``text`` is what bash gets, maybe on several lines; ``shown`` the output below it, None where none is shown."""

    line: int
    text: str
    shown: str | None


def commands(block: Block) -> list[Command]:
    """Of a block that is no shell: none."""
    lines = list(enumerate(block.text.splitlines(), block.line + 1))
    if block.language == SCRIPT:
        return [Command(line, text, None) for line, text in _script(lines)]
    return list(_session(lines)) if block.language == SESSION else []


def outside(block: Block) -> list[int]:
    """The lines of a session before its first command: nobody has printed them."""
    if block.language != SESSION:
        return []
    first = [number for number, line in enumerate(block.text.splitlines()) if line.startswith(PROMPT)]
    return list(range(block.line + 1, block.line + 1 + (first[0] if first else block.text.count("\n"))))


def _script(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    while lines:
        line, text = lines.pop(0)
        if not text.strip() or text.startswith("#"):
            continue
        while lines and (not is_whole(text) or lines[0][1].startswith((" ", "\t"))):
            text += "\n" + lines.pop(0)[1]
        yield line, text


def _session(lines: list[tuple[int, str]]) -> Iterator[Command]:
    while lines:
        line, text = lines.pop(0)
        if not text.startswith(PROMPT):
            continue
        text = text.removeprefix(PROMPT)
        while lines and not is_whole(text):
            text += "\n" + lines.pop(0)[1]
        shown = list[str]()
        while lines and not lines[0][1].startswith(PROMPT):
            shown.append(lines.pop(0)[1])
        yield Command(line, text, "\n".join(shown).rstrip() or None)


def is_whole(text: str) -> bool:
    """No quote, no continued line and no here-document is open."""
    if text.endswith("\\"):
        return False
    opened = _HERE_DOCUMENT.search(text)
    if opened:
        rest = text[opened.end() :].split("\n")[1:]
        return any((line.lstrip("\t") if opened[1] else line) == opened[3] for line in rest)
    try:
        shlex.split(text, comments=True)
    except ValueError:  # a quote is open
        return False
    return True


def words(command: Command) -> list[str]:
    """As bash splits them; operators such as ``|`` and ``&&`` are words of their own."""
    parts = shlex.shlex(command.text.replace("\\\n", " "), posix=True, punctuation_chars="|&;<>()")
    parts.whitespace_split = True
    return list(parts)


def goes_on(command: Command) -> bool:
    """It ends with Ctrl-C only."""
    return bool(_GOING_ON & set(words(command)))
