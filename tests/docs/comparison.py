"""What a page shows against what a command prints."""

from __future__ import annotations

import difflib
import re
from typing import Final

ANY: Final = ("...", "…")


def difference(shown: str, printed: str) -> str:
    """Empty where they are the same, else as ``diff -u`` says it. Blanks at the ends of lines do not count."""
    shown, printed = _tidy(shown), _tidy(printed)
    if re.fullmatch(_pattern(shown), printed):
        return ""
    told = difflib.unified_diff(shown.splitlines(), printed.splitlines(), "on the page", "printed", lineterm="")
    return "\n".join(told)


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def _pattern(shown: str) -> str:
    """A line of nothing but an ellipsis stands for any lines, also for none."""
    return "".join(r"(?:.*\n)*?" if line.strip() in ANY else _line(line) + r"\n" for line in shown.splitlines())


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in re.split(r"\.\.\.|…", line))
