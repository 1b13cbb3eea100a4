"""Take out of the image's virtual environment what the program never runs, and compile the rest.

Usage: slim.py FOLDER.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = "napsim"
# For type checkers, compilers and test runners.
UNUSED_FOLDERS = {"tests", "test", "include"}
UNUSED_SUFFIXES = {".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".hash"}
PROGRAMS = {PROGRAM, "python", "python3"}


def main(folder: Path) -> None:
    """Slim the virtual environment in `folder`."""
    (site,) = folder.glob("lib/python3*/site-packages")
    for path in unused(site):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / "bin").iterdir():
        if path.name not in PROGRAMS and not path.name.startswith("python3."):
            path.unlink()
    # Hashes instead of times, never checked: the same bytes at any time, and no write at the start.
    command = ["python", "-m", "compileall", "-q", "-o", "0", "--invalidation-mode=unchecked-hash", str(site)]
    subprocess.run(command, executable=folder / "bin/python", check=True)


def unused(site: Path) -> list[Path]:
    """Folders first, then files outside of them."""
    folders = [path for path in site.rglob("*") if path.is_dir() and path.name in UNUSED_FOLDERS]
    outermost = [path for path in folders if not any(other in path.parents for other in folders)]
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix in UNUSED_SUFFIXES]
    return outermost + [path for path in files if not any(folder in path.parents for folder in outermost)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
