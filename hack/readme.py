"""The package's description: README.md, with its relative links as addresses of the repository at that version.

A page of a package index shows the README, and has nothing that a relative link could lead to. Run by hatchling
(`[tool.hatch.metadata.hooks.custom]` of pyproject.toml) whenever the package is built.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE: Final = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!#|[a-z][a-z+.-]*:)(?P<target>[^)\s]+)\)")
_RELEASE: Final = re.compile(r"(?P<base>\d+\.\d+\.\d+)(?:(?P<stage>a|b|rc)(?P<number>\d+))?")


def tag_of(version: str) -> str:
    """The tag of a release, as a version of Python's has it: `v1.2.0-rc.1` for `1.2.0rc1`; of no release the branch."""
    found = _RELEASE.fullmatch(version)
    if found is None:
        return "main"
    return f"v{found['base']}" + (f"-{found['stage']}.{found['number']}" if found["stage"] else "")


def with_addresses(markdown: str, repository: str, version: str) -> str:
    """The page with the repository's address in front of each relative target; anchors of the page itself stay."""

    def absolute(link: re.Match[str]) -> str:
        where = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{link['text']}]({repository}/{where}/{tag_of(version)}/{link['target']})"

    return _RELATIVE.sub(absolute, markdown)


class Readme(MetadataHookInterface):
    """Sets `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text("utf-8")
        repository, version = metadata["urls"]["Repository"], metadata["version"]
        metadata["readme"] = {"content-type": "text/markdown", "text": with_addresses(text, repository, version)}
