"""napsim as a kubectl plugin: the programs ``kubectl-napsim`` and ``kubectl_complete-napsim``.

kubectl runs the first for ``kubectl napsim …`` with the words after ``napsim``, and the second to complete them. It
passes on none of its own flags. People write them before the sub-command too (``kubectl napsim --context x watch``),
where they stand in kubectl: they are moved behind it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from typing import Final

from napsim.cli.main import app

PROGRAM: Final = "kubectl napsim"
# Flags of kubectl that sub-commands have too, all of which take a value.
_FLAGS: Final = ("--kubeconfig", "--context", "--namespace", "-n")
_NO_FILES: Final = ":4"  # cobra's ShellCompDirectiveNoFileComp
_FILES: Final = ":0"  # cobra's ShellCompDirectiveDefault


def main() -> None:
    """``kubectl-napsim``."""
    app(args=rearranged(sys.argv[1:]), prog_name=PROGRAM)


def rearranged(words: Sequence[str]) -> list[str]:
    """``words`` with kubectl's flags in front of the sub-command moved behind it."""
    flags: list[str] = []
    rest = list(words)
    while rest and rest[0].partition("=")[0] in _FLAGS:
        count = 1 if "=" in rest[0] else 2
        flags += rest[:count]
        del rest[:count]
    return [*rest[:1], *flags, *rest[1:]] if rest else flags


def complete() -> None:
    """``kubectl_complete-napsim``: prints what the last word can become, as kubectl (cobra) reads it.

    One candidate a line, its help behind a tab, and at the end a line that says whether files are candidates too.
    """
    *before, last = rearranged(sys.argv[1:]) or [""]
    found = _candidates(before, last)
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{_NO_FILES if found else _FILES}\n")


def _candidates(before: Sequence[str], last: str) -> list[str]:
    """By Typer's protocol for fish, whose lines are cobra's."""
    asked = {
        "_NAPSIM_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": " ".join(["napsim", *before, last]),
    }
    os.environ.update(asked)
    written = io.StringIO()
    with redirect_stdout(written), suppress(SystemExit):
        app(args=[], prog_name="napsim")
    return [line for line in written.getvalue().splitlines() if line]
