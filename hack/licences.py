"""Write THIRD_PARTY.md: what is installed with napsim and to develop it, and under which licences. `make licences`

Usage: licences.py FILE. The names are those of requirements/, the licences those of the installed packages' metadata.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
# SPDX's names. All let napsim be used and given on as Apache-2.0; MPL-2.0 asks for changes of its own files alone.
ALLOWED: Final = {
    *("0BSD", "BSD-2-Clause", "BSD-3-Clause", "HPND", "ISC", "MIT", "MIT-0", "Unlicense", "Zlib"),
    *("Apache-2.0", "CNRI-Python", "LicenseRef-Public-Domain", "MPL-2.0", "PSF-2.0", "Python-2.0"),
}
# What packages write instead of SPDX's names.
_NAMES: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT style": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# What metadata cannot say, or is not installed where this runs.
_KNOWN: Final = {
    "colorama": "BSD-3-Clause",  # only on Windows
    "docutils": "LicenseRef-Public-Domain AND BSD-2-Clause",  # GPL is a file for Emacs, never imported
    "soupsieve": "MIT",  # two versions, by Python's
}
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_CLASSIFIER: Final = "License :: OSI Approved :: "
_HEAD: Final = """\
# Third-party packages

What is installed with napsim, and what it is developed with, under the licences that their packages declare. Written by
`make licences`; a test refuses a licence that is not known to go with Apache-2.0. The versions are in
[requirements/](requirements).

| Package | Licence | Needed |
|---|---|---|
"""


def pinned(file: Path) -> list[str]:
    """The names that a file of requirements pins, sorted, each once."""
    return sorted({name.lower() for name in _PINNED.findall(file.read_text())})


def licence(name: str) -> str:
    """The licence of an installed package as an SPDX expression, or as it says itself. Raises PackageNotFoundError."""
    if name in _KNOWN:
        return _KNOWN[name]
    found = metadata(name)
    if "License-Expression" in found:
        return found["License-Expression"]
    classifiers = (line.removeprefix(_CLASSIFIER) for line in found.get_all("Classifier") or [])
    words = [*(found.get_all("License") or [""]), *classifiers]
    return next((_NAMES.get(word, word) for word in words if word in _NAMES or word in ALLOWED), str(words[0]))


def forbidden(expression: str) -> set[str]:
    """The licences of an expression that are not allowed; of those that it lets choose from, one is enough."""
    choices = re.split(r"\bOR\b", expression or "nothing")
    left = [{word for word in re.findall(r"[^\s()]+", choice) if word not in ALLOWED | {"AND"}} for choice in choices]
    return min(left, key=len)


def rows(runtime: Sequence[str], development: Sequence[str]) -> dict[str, str]:
    """The line of each package; without those that are not installed here, as they are for other platforms."""
    found: dict[str, str] = {}
    for name in sorted({*runtime, *development}):
        needed = "to run" if name in runtime else "to develop, or by an extra"
        try:
            found[name] = f"| {name} | {licence(name)} | {needed} |"
        except PackageNotFoundError:
            continue
    return found


def page(root: Path) -> str:
    """All of THIRD_PARTY.md."""
    lines = rows(pinned(root / "requirements/runtime.txt"), pinned(root / "requirements/dev.txt")).values()
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(ROOT))
