"""Take out of the image's virtual environment what the program never runs, and compile the rest.

Usage: slim.py FOLDER. Runs in an environment of its own that has `packaging`; FOLDER has none of it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

PROGRAM = "napsim"
# Declared, because Kopf signs in by it where it is there, and never imported: the operator signs in by itself. It is
# larger than everything else together. What nothing but it needs goes with it.
NEVER_IMPORTED = {"kubernetes"}
# For type checkers, compilers and test runners.
UNUSED_FOLDERS = {"tests", "test", "include"}
UNUSED_SUFFIXES = {".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".hash"}
PROGRAMS = {PROGRAM, "python", "python3"}


def main(folder: Path) -> None:
    """Slim the virtual environment in `folder`."""
    (site,) = folder.glob("lib/python3*/site-packages")
    installed = {canonicalize_name(found.name): found for found in distributions(path=[str(site)])}
    needed = set(reachable(PROGRAM, installed))
    for name in sorted(installed.keys() - needed):
        print(f"slim: without {name} {installed[name].version}")
        remove(installed[name])
    for path in unused(site):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / "bin").iterdir():
        if path.name not in PROGRAMS and not path.name.startswith("python3."):
            path.unlink()
    # Hashes instead of times, never checked: the same bytes at any time, and no write at the start.
    command = ["python", "-m", "compileall", "-q", "-o", "0", "--invalidation-mode=unchecked-hash", str(site)]
    subprocess.run(command, executable=folder / "bin/python", check=True)


def reachable(name: str, installed: Mapping[NormalizedName, Distribution]) -> Iterator[NormalizedName]:
    """The distribution, and those that it requires on this platform."""
    seen: set[NormalizedName] = set()
    ahead = [canonicalize_name(name)]
    while ahead:
        current = ahead.pop()
        if current in seen or current in NEVER_IMPORTED:
            continue
        seen.add(current)
        yield current
        for line in installed[current].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                ahead.append(canonicalize_name(requirement.name))


def remove(found: Distribution) -> None:
    """Delete the files that the distribution brought, and the folders that are empty then."""
    files = [Path(str(found.locate_file(file))).resolve() for file in found.files or []]
    for file in files:
        file.unlink(missing_ok=True)
    for parent in sorted({parent for file in files for parent in file.parents}, key=lambda path: -len(path.parts)):
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def unused(site: Path) -> list[Path]:
    """Folders first, then files outside of them."""
    folders = [path for path in site.rglob("*") if path.is_dir() and path.name in UNUSED_FOLDERS]
    outermost = [path for path in folders if not any(other in path.parents for other in folders)]
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix in UNUSED_SUFFIXES]
    return outermost + [path for path in files if not any(folder in path.parents for folder in outermost)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
