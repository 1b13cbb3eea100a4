"""The links and pictures of the project's Markdown pages, and the anchors that its headings make on a forge."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[2]
_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
_ELSEWHERE: Final = re.compile(r"[a-z][a-z+.-]*:")
_NOT_IN_AN_ANCHOR: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link of a page leads; ``line`` is where its paragraph begins."""

    page: Path
    line: int
    target: str

    @property
    def is_relative(self) -> bool:
        return not _ELSEWHERE.match(self.target)

    def complaint(self) -> str | None:
        """What is wrong with it, where it is relative."""
        name, _, anchor = self.target.partition("#")
        file = (self.page.parent / name).resolve() if name else self.page
        if not file.exists() or not file.is_relative_to(ROOT):
            return f"{self}: there is no such file in the repository"
        if anchor and anchor not in anchors(file):
            return f"{self}: {file.relative_to(ROOT)} has no heading #{anchor}; there are {', '.join(anchors(file))}"
        return None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: ({self.target})"


def pages() -> list[Path]:
    """The pages that a reader of the repository finds."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "operator/napsim/core/README.md",
        *sorted((ROOT / "tests/scenarios").rglob("README.md")),
    ]


def links(page: Path) -> Iterator[Link]:
    """All links and pictures of a page, in its order; those in code are none."""
    return links_in(page.read_text(), page)


def links_in(markdown: str, page: Path = ROOT / "README.md") -> Iterator[Link]:
    """As ``links``, of a text that stands in for that page."""
    for block in _MARKDOWN.parse(markdown):
        line = block.map[0] + 1 if block.map else 0
        for token in block.children or ():
            target = token.attrGet("href") if token.type == "link_open" else token.attrGet("src")
            if target is not None:
                yield Link(page, line, str(target))


@cache
def anchors(page: Path) -> tuple[str, ...]:
    """What ``#...`` can name on a page: GitHub's slugs of its headings; of equal ones the later are numbered."""
    tokens = _MARKDOWN.parse(page.read_text()) if page.suffix == ".md" else []
    slugs = [_slug(tokens[at + 1]) for at, token in enumerate(tokens) if token.type == "heading_open"]
    seen: Counter[str] = Counter()
    found = []
    for slug in slugs:
        found.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return tuple(found)


def _slug(heading: Token) -> str:
    text = "".join(token.content for token in heading.children or () if token.type in {"text", "code_inline"})
    return _NOT_IN_AN_ANCHOR.sub("", text.strip().lower()).replace(" ", "-")
