"""The output of ``make demo`` that README shows, shortened: its parts, and what of a line is the same in every run."""

from __future__ import annotations

import re
from typing import Final

from tests.docs.blocks import blocks_of

PAGE: Final = "README.md"
_STAMP: Final = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  ")
_NODE: Final = re.compile(r"\baks-(default|system)-\w{5}\b")


def shown() -> str:
    (block,) = (it for it in blocks_of(PAGE) if it.language == "text" and it.text.startswith("=== The forecast"))
    return block.text


def forecast() -> list[str]:
    """The lines of the forecast, without its heading."""
    return shown().partition("\n=== The rehearsal")[0].splitlines()[1:]


def rehearsal() -> list[str]:
    """From its heading on."""
    return ["=== The rehearsal", *shown().partition("=== The rehearsal\n")[2].splitlines()]


def shape(line: str) -> str:
    """A line up to its first number; of a heading, and of one that begins with a number, all but the numbers."""
    plain = _NODE.sub("NODE", _STAMP.sub("", line))
    return begun if (begun := re.split(r"\d", plain)[0]).strip(" =") else re.sub(r"\d+", "N", plain)


def not_printed(wanted: list[str], printed: list[str]) -> list[str]:
    """The lines that do not come in this order among those that are printed."""
    rest = iter(printed)
    return [line for line in wanted if line and line not in rest]
