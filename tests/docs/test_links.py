"""Every relative link of the pages leads to a file of the repository, and every anchor to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.links import ROOT, Link, anchors, links, pages


def test_every_relative_link_and_anchor_of_the_pages_resolves() -> None:
    every = [link for page in pages() for link in links(page)]
    assert len(every) > 200
    complaints = [told for link in every if link.is_relative and (told := link.complaint())]
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_page_is_in_the_navigation() -> None:
    """Those of the rules of lint are listed by docs/rules/README.md."""
    index = ROOT / "docs/index.md"
    trees = re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(), re.DOTALL)
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    named = {path for entry in entries for path in listed(entry)} | {index}
    wanted = {page for page in pages() if not page.name.startswith("NAP")}
    assert sorted(wanted - named) == [], "pages that no toctree of docs/index.md has"
    assert sorted(named - wanted) == [], "entries that are no pages"


def listed(entry: str) -> list[Path]:
    """The pages that an entry of a toctree names, if under another title; one with a star those that are there."""
    entry = re.sub(r".* <(.+)>", r"\1", entry)
    pattern = entry.removeprefix("/") if entry.startswith("/") else f"docs/{entry}"
    return sorted(ROOT.glob(f"{pattern}.md")) if "*" in entry else [ROOT / f"{pattern}.md"]


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("docs/why.md", False),
        ("docs/why.md#the-edit", False),
        ("docs/why.md#no-such-heading", True),
        ("docs/no-such-page.md", True),
        ("../elsewhere", True),
    ],
)
def test_a_link_is_told_where_it_leads_nowhere(target: str, wrong: bool) -> None:
    assert bool(Link(ROOT / "README.md", 1, target).complaint()) is wrong


def test_anchors_are_those_of_a_forge(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `code` heading, and more\n\n## Twice\n\n## Twice\n\n```\n# none\n```\n")
    assert anchors(page) == ("a-code-heading-and-more", "twice", "twice-1")
