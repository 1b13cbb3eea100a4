"""The generated pages of docs/reference: ``python -m napsim.cli.references FOLDER``, as ``make reference`` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from napsim.cli import command_reference
from napsim.lint.rules import RULES
from napsim.live.inspection import CODES, reason_of
from napsim.report import crd_reference
from napsim.report.reasons.page import page

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "cli.md": command_reference.page,
    "crds.md": crd_reference.page,
    "reasons.md": lambda: page({reason_of(rule): rule for rule in RULES if rule.code in CODES}),
}


def write(folder: Path) -> None:
    """Every page into ``folder``, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in PAGES.items():
        (folder / name).write_text(made(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
