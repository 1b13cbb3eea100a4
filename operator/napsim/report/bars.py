"""A pool as a bar of cells: one letter and one colour for each image version, one sign for each phase.

The letter tells the version without colours, too; the colours are those of Okabe and Ito, which stay apart for people
who see red and green alike. A pool with more nodes than cells is drawn to scale, and no group of nodes vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final

from rich.style import Style
from rich.text import Text

from napsim.report.view import Group, Phase

_INK: Final = "#000000"
_COLOURS: Final = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#FFFFFF")
_UNKNOWN: Final = Style(color=_INK, bgcolor="#999999")
_SIGNS: Final = {Phase.LAUNCHING: "+", Phase.DISRUPTING: ">", Phase.DRAINING: "-", Phase.BLOCKED: "!"}
_ORDER: Final = (Phase.CURRENT, Phase.LAUNCHING, Phase.DRAINING, Phase.DISRUPTING, Phase.BLOCKED, Phase.DRIFTED)

SIGNS_LEGEND: Final = "a drifted  ! blocked  > disrupting  - draining  + launching"


def letter(version: str, versions: Sequence[str]) -> str:
    """``A`` for the oldest version known, ``?`` for one that is not."""
    return ascii_uppercase[versions.index(version) % len(ascii_uppercase)] if version in versions else "?"


def style(version: str, versions: Sequence[str]) -> Style:
    """The colours of a version; the same ones as long as ``versions`` only grows at its end."""
    if version not in versions:
        return _UNKNOWN
    return Style(color=_INK, bgcolor=_COLOURS[versions.index(version) % len(_COLOURS)])


def bar(groups: Sequence[Group], versions: Sequence[str], width: int) -> Text:
    """The nodes of a pool in at most ``width`` cells, those that are done first."""
    ordered = sorted(groups, key=lambda group: (_ORDER.index(group.phase), -_age_rank(group.version, versions)))
    text = Text(no_wrap=True)
    for group, cells in zip(ordered, _scaled([group.nodes for group in ordered], width), strict=True):
        text.append(sign(group, versions) * cells, style(group.version, versions))
    return text


def sign(group: Group, versions: Sequence[str]) -> str:
    """The cell of a node: the sign of its phase, or the letter of its version, small if the node is drifted."""
    mark = letter(group.version, versions)
    return _SIGNS.get(group.phase) or (mark.lower() if group.phase is Phase.DRIFTED else mark)


def _age_rank(version: str, versions: Sequence[str]) -> int:
    return versions.index(version) if version in versions else -1


def _scaled(counts: Sequence[int], width: int) -> list[int]:
    """``counts`` if they fit into ``width``; else shares of it, each at least 1 (which may make it wider by a few)."""
    total = sum(counts)
    if total <= width:
        return list(counts)
    cells = [max(1, number * width // total) if number else 0 for number in counts]
    while sum(cells) > width and max(cells) > 1:
        cells[cells.index(max(cells))] -= 1
    while sum(cells) < width:
        lacking = [number * width / total - cell for number, cell in zip(counts, cells, strict=True)]
        cells[lacking.index(max(lacking))] += 1
    return cells
