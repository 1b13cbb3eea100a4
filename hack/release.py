"""What a release is checked for, and made of: `make release-check`, and the steps of .github/workflows/release.yml.

    release.py check [TAG]                  do all places agree on the version, and does the tag name it?
    release.py notes VERSION                the section of CHANGELOG.md, as Markdown without its heading
    release.py chart FOLDER IMAGE DIGEST    a copy of the chart that installs the image of that digest

A tag is `v` and the semantic version: v1.2.0 for 1.2.0, v1.2.0-rc.1 for Python's 1.2.0rc1. Exit codes: 0 done; 1 it
does not hold, every mistake with its place; 2 wrong usage.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from napsim.cli.plugin import semver

ROOT: Final = Path(__file__).resolve().parents[1]
_HEADING: Final = re.compile(r"^## \[(?P<version>[^]]+)\](?: - (?P<date>.*))?$", re.MULTILINE)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_PROGRAM: Final = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE: Final = re.compile(r'^(image:\n  repository: )napsim(\n  tag: .*\n  digest: )""\n', re.MULTILINE)
_IMAGES: Final = re.compile(r"\bnapsim:(\d[\w.]*)")  # as pages name it
_PRERELEASE: Final = "artifacthub.io/prerelease"


@dataclass(frozen=True, slots=True)
class Release:
    """The version of pyproject.toml: as Python writes it, and as semantic versioning does."""

    python: str
    semantic: str

    @property
    def is_prerelease(self) -> bool:
        return "-" in self.semantic


def release_of(root: Path) -> Release:
    """The release that the repository in `root` would be. Raises ValueError for a version that no tag can name."""
    version = _project(root)["version"]
    return Release(version, semver(version))


def _project(root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return table


def mistakes(root: Path, tag: str | None, repository: str = "") -> Iterator[str]:
    """Each place that says something else than pyproject.toml, with what it says and what it has to say.

    With a tag also what a release needs: that the tag names it, and that the changelog tells of it. With the address
    of the repository that it is made in: that the package's description leads there, and not to another one.
    """
    release = release_of(root)
    chart = yaml.safe_load((root / "charts/napsim/Chart.yaml").read_text())
    program = _PROGRAM.search((root / "operator/napsim/__init__.py").read_text())
    said = {
        "operator/napsim/__init__.py: __version__": (program[1] if program else "nothing", release.python),
        "charts/napsim/Chart.yaml: version": (chart["version"], release.semantic),
        "charts/napsim/Chart.yaml: appVersion": (chart["appVersion"], release.python),
        f"charts/napsim/Chart.yaml: annotation {_PRERELEASE}": (
            chart["annotations"][_PRERELEASE],
            str(release.is_prerelease).lower(),
        ),
    }
    for page in sorted((root / "docs").glob("*.md")):
        for version in set(_IMAGES.findall(page.read_text())) - {release.python}:
            said[f"docs/{page.name}: image napsim"] = (version, release.python)
    if tag is not None:
        said["tag"] = (tag, f"v{release.semantic}")
    for place, (value, wanted) in said.items():
        if value != wanted:
            yield f"{place} is {value}, and has to be {wanted}, as pyproject.toml has {release.python}"
    if repository and (written := _project(root).get("urls", {}).get("Repository")) != repository:
        yield f"pyproject.toml: Repository in [project.urls] is {written}, and has to be {repository}"
    if tag is not None and not release.is_prerelease:
        yield from _untold(root, release)


def _untold(root: Path, release: Release) -> Iterator[str]:
    """What is wrong with the changelog of a release; what comes before one is told under Unreleased."""
    found = [heading for heading in _HEADING.finditer(_changelog(root)) if heading["version"] == release.semantic]
    if not found:
        yield f"CHANGELOG.md has no section '## [{release.semantic}] - DATE': give '## [Unreleased]' that name"
    elif not _DATE.fullmatch(found[0]["date"] or ""):
        date = found[0]["date"]
        yield f"CHANGELOG.md: the date of section {release.semantic} is {date}, and has to be like 2026-01-31"


def section(changelog: str, version: str) -> str:
    """The text of the section of a version, or of Unreleased for one that comes before a release.

    Raises ValueError that names the sections that there are.
    """
    wanted = "Unreleased" if "-" in version else version
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=True):
        if heading["version"] == wanted:
            return changelog[heading.end() : end].strip() + "\n"
    there = ", ".join(heading["version"] for heading in headings)
    raise ValueError(f"CHANGELOG.md has no section {wanted}; there are: {there or 'none'}")


def chart(root: Path, folder: Path, image: str, digest: str) -> None:
    """Copy the chart to `folder`/napsim, with that image, by its digest, as the default. Raises ValueError."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"digest {digest!r}: it is sha256: and 64 of 0-9 and a-f")
    copy = folder / "napsim"
    shutil.copytree(root / "charts/napsim", copy)
    values = copy / "values.yaml"
    written, changes = _IMAGE.subn(rf"\g<1>{image}\g<2>{digest}\n", values.read_text())
    if changes != 1:
        raise ValueError("charts/napsim/values.yaml: it does not say what is replaced: image: repository, tag, digest")
    values.write_text(written)


def _changelog(root: Path) -> str:
    return (root / "CHANGELOG.md").read_text()


def _check(tag: str = "") -> int:
    # As a workflow is told where it runs; empty elsewhere.
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    found = list(mistakes(ROOT, tag or None, f"{server}/{name}" if tag and name else ""))
    for mistake in found:
        print(f"release: {mistake}", file=sys.stderr)
    if found:
        return 1
    release = release_of(ROOT)
    print(
        f"release {release.python}, as a tag v{release.semantic}{', before a release' if release.is_prerelease else ''}"
    )
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as lines:
            lines.write(f"version={release.python}\nsemantic={release.semantic}\n")
            lines.write(f"prerelease={str(release.is_prerelease).lower()}\n")
    return 0


def _notes(version: str) -> int:
    print(section(_changelog(ROOT), version), end="")
    return 0


def _chart(folder: str, image: str, digest: str) -> int:
    chart(ROOT, Path(folder), image, digest)
    return 0


_COMMANDS: Final[dict[str, tuple[Callable[..., int], frozenset[int]]]] = {
    "check": (_check, frozenset({0, 1})),
    "notes": (_notes, frozenset({1})),
    "chart": (_chart, frozenset({3})),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    command, counts = _COMMANDS.get(arguments[0] if arguments else "", (None, frozenset()))
    if command is None or len(arguments) - 1 not in counts:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return command(*arguments[1:])
    except ValueError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
