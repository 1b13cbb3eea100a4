"""The documentation builds as a site, without a network and without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import urldefrag

import pytest

from tests.docs.links import ROOT, pages

pytestmark = pytest.mark.process

# `sphinx-build`, in a process that no connection can leave.
_BUILD: Final = """
import socket, sys
def refuse(*_): raise OSError("a build of the documentation asks for the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from sphinx.cmd.build import main
sys.exit(main(sys.argv[1:]))
"""
_LOADING: Final = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}
_ELSEWHERE: Final = re.compile(r"(?:[a-z]+:)?//")
_LOADED_BY_STYLE: Final = re.compile(r"(?:url\(|@import)\s*['\"]?(?:[a-z]+:)?//")
_LOADED_BY_SCRIPT: Final = re.compile(
    r"(?:\bimport\s*\(|\bimportScripts\(|\bfetch\(|\.src\s*=|\bfrom\s)\s*['\"`](?:https?:)?//"
)


class Loads(HTMLParser):
    """What a page loads by itself, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.named: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in _LOADING and not (
            tag == "link" and told.get("rel") in {"canonical", "index", "search", "next", "prev"}
        ):
            self.loaded.append(told.get(_LOADING[tag]) or "")
        if tag == "a" and told.get("href"):
            self.linked.append(told["href"] or "")
        self.named.add(told.get("id") or "")


def read(page: Path) -> Loads:
    """A page that was built."""
    parser = Loads()
    parser.feed(page.read_text())
    return parser


def built(site: Path) -> list[Path]:
    """All pages; the theme's templates are none."""
    return [page for page in site.rglob("*.html") if not page.is_relative_to(site / "_static")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-c", "hack/docs", ".", str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    assert [page for page in pages() if not (site / page.relative_to(ROOT)).with_suffix(".html").is_file()] == []


def test_what_a_page_loads_is_found() -> None:
    page = Loads()
    page.feed(
        '<script src="https://a.example/x.js"></script><img src="//b.example/y.png"><a href="https://c.example">c</a>'
    )
    assert [target for target in page.loaded if _ELSEWHERE.match(target)] == [
        "https://a.example/x.js",
        "//b.example/y.png",
    ]
    assert _LOADED_BY_STYLE.search("@font-face { src: url('https://d.example/z.woff2') }")
    assert _LOADED_BY_SCRIPT.search("import('https://e.example/mermaid.mjs')")


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    found = [f"{page}: {target}" for page in built(site) for target in read(page).loaded if _ELSEWHERE.match(target)]
    found += [str(style) for style in site.rglob("*.css") if _LOADED_BY_STYLE.search(style.read_text())]
    found += [str(script) for script in site.rglob("*.js") if _LOADED_BY_SCRIPT.search(script.read_text())]
    assert found == []


def test_what_is_loaded_is_there_and_every_link_leads_to_a_place(site: Path) -> None:
    read_pages = {page.resolve(): read(page) for page in built(site)}
    assert len(read_pages) > 80
    lost = []
    for page, told in read_pages.items():
        for target in [*told.loaded, *told.linked]:
            name, anchor = urldefrag(target)
            file = (page.parent / name.partition("?")[0]).resolve() if name else page
            if re.match(r"[a-z]+:", target):
                continue
            if not file.exists() or (anchor and file in read_pages and anchor not in read_pages[file].named):
                lost.append(f"{page.relative_to(site.resolve())}: {target}")
    assert lost == []
