"""The fenced blocks of the project's Markdown pages, and how comments before them say that they are run.

A comment is invisible where the page is rendered; each holds one ``key: value``::

    <!-- exits: 1 -->
    ```console
    $ napsim simulate manifests/examples
    ...
    ```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[2]
SESSION: Final = "console"
SCRIPT: Final = "sh"
SHELLS: Final = (SESSION, SCRIPT)

# Why a block may be left alone, and what that asks of a machine.
REASONS: Final = {
    "needs GitHub": "a workflow that runs there",
    "needs a release": "an image, a chart or an archive that is published, or built for publication",
}

HOW: Final = f"""How blocks are marked. ```{SCRIPT} is a script: every command is run and ends with 0.
```{SESSION} is a session: commands after "$ ", and their output, which is compared. "..." stands for any text, and
on a line of its own for any lines. What is only shown has another language, such as ```text. Comments before a block:
  <!-- file: NAME -->             the block is written to that file
  <!-- setup: COMMAND -->         run before the block, and not shown
  <!-- exits: 1 -->               the exit code of its commands, or of each in turn: 0 1 0
  <!-- output: an example -->     the output is not compared
  <!-- ctrl-c after: 3 s -->      what goes on gets Ctrl-C then
  <!-- run: cluster -->           run on a cluster, by tests/e2e/test_docs.py
  <!-- run by: tests/x.py -->     another test reads this page and runs the block
  <!-- not run: REASON -->        one of: {"; ".join(REASONS)}"""


class Run(StrEnum):
    """Where a block is run."""

    HERE = "here"
    CLUSTER = "cluster"
    ELSEWHERE = "by another test"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Marking:
    """What the comments before a block say of it; ``wrong`` has what is wrong with them."""

    run: Run = Run.HERE
    why: str = ""  # of Run.NOT the reason, of Run.ELSEWHERE the test
    file: str = ""
    setup: tuple[str, ...] = ()
    exits: tuple[int, ...] = (0,)
    compared: bool = True
    ctrl_c_after: int = 0  # seconds; 0: never
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``line`` is that of its fence, from 1; ``text`` ends with a line break unless it is empty."""

    page: str
    line: int
    language: str
    text: str
    marking: Marking = field(default_factory=Marking)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Inline:
    """A piece of code in a sentence."""

    page: str
    line: int
    text: str


def pages() -> list[str]:
    """All pages of which commands are asked to hold, relative to the root."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
    found += [ROOT / "operator/napsim/core/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in found if page.exists()]


def blocks_of(page: str) -> list[Block]:
    return blocks(page, (ROOT / page).read_text("utf-8"))


def blocks(page: str, text: str) -> list[Block]:
    """In the order of the page."""
    found, comments = [], list[str]()
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "html_block" and token.content.lstrip().startswith("<!--"):
            comments += re.findall(r"<!--(.*?)-->", token.content, re.DOTALL)
        elif token.type == "fence":
            language = token.info.split()[0] if token.info.strip() else ""
            told = comments if language in SHELLS else [comment for comment in comments if _is_known(comment)]
            found.append(Block(page, _line(token), language, token.content, marking(told)))
            comments = []
        elif token.nesting >= 0:
            comments = []
    return found


def inlines(page: str) -> Iterator[Inline]:
    """The pieces of code in sentences and tables."""
    for token in MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text("utf-8")):
        for child in token.children or ():
            if child.type == "code_inline":
                yield Inline(page, _line(token), child.content)


def _is_known(comment: str) -> bool:
    return comment.partition(":")[0].strip() in _KEYS


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def marking(comments: list[str]) -> Marking:
    """What comments say together; several of ``setup`` follow one another."""
    said, wrong, setup = dict[str, str](), list[str](), list[str]()
    for comment in comments:
        key, colon, value = (part.strip() for part in comment.partition(":"))
        if not colon or key not in _KEYS:
            wrong.append(f"<!--{comment}--> is no marking: {', '.join(_KEYS)} are known")
        elif not re.fullmatch(_KEYS[key], value, re.DOTALL):
            wrong.append(f"<!--{comment}-->: {value!r} is not of the form {_KEYS[key]}")
        elif key == "setup":
            setup.append(value)
        else:
            said[key] = value
    run, why = _run(said)
    return Marking(
        run=run, why=why, file=said.get("file", ""), setup=tuple(setup),
        exits=tuple(int(code) for code in said.get("exits", "0").split()),
        compared="output" not in said,
        ctrl_c_after=int(said.get("ctrl-c after", "0 s").split()[0]),
        wrong=tuple(wrong),
    )  # fmt: skip


_KEYS: Final = {
    "file": r"[\w./-]+",
    "setup": r".+",
    "exits": r"\d+( \d+)*",
    "output": r"an example",
    "ctrl-c after": r"\d+ s",
    "run": r"cluster",
    "run by": r"tests/[\w/]+\.py",
    "not run": "|".join(REASONS),
}


def _run(said: dict[str, str]) -> tuple[Run, str]:
    if "not run" in said:
        return Run.NOT, said["not run"]
    if "run by" in said:
        return Run.ELSEWHERE, said["run by"]
    return (Run.CLUSTER if "run" in said else Run.HERE), ""
