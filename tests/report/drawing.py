"""Frames as text: without colours, and with them as a terminal gets them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from napsim.report.frame import frame
from napsim.report.view import View

STORY = ("▶ 4/6 The rollout", "Nodes without 202602.13.0 drift, and go as budgets and PDBs allow.")


def plain(view: View, width: int, height: int, story: Sequence[str] = ()) -> str:
    """The frame without colours."""
    return "".join(f"{line.plain}\n" for line in frame(view, width, height, story, "q quits"))


def coloured(view: View, width: int, height: int) -> str:
    """The frame as a terminal with 16 million colours gets it, escape characters written as ``\\e``."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, color_system="truecolor", width=width, height=height, no_color=False
    )
    console.print(Text("\n").join(frame(view, width, height, (), "q quits")), soft_wrap=True)
    return out.getvalue().replace("\x1b", "\\e")
