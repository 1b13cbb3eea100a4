"""What can be said of a command without running it: its syntax, and that what it names exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from typer.core import TyperGroup

from napsim.cli.command_reference import documented
from tests.docs.blocks import ROOT, Block, Inline
from tests.docs.commands import Command, commands, is_whole, words

_OPERATORS: Final = re.compile(r"[|&;<>()]+")
_PATHS: Final = ("charts/", "crds/", "docs/", "hack/", "manifests/", "operator/", "requirements/", "tests/")


def unreadable(blocks: list[Block]) -> list[str]:
    """Blocks that bash cannot read; one bash for all."""
    told = [(block, command) for block in blocks for command in commands(block)]
    script = "".join(f"function f{number} () {{\n{command.text}\n}}\n" for number, (_, command) in enumerate(told))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    return done.stderr.splitlines()


def unknown(block: Block) -> Iterator[str]:
    """Each name of napsim's commands and options, of make's targets and of the repository's files that is none."""
    for command in commands(block):
        for complaint in unknown_of(command):
            yield f"{block.page}:{command.line}: {complaint}\n  $ {command.text}"


def unknown_of(command: Command) -> Iterator[str]:
    for run in _runs(command):
        program, arguments = run[0], run[1:]
        if program == "napsim":
            yield from _unknown_to_napsim(arguments)
        elif program == "kubectl" and arguments[:1] == ["napsim"]:
            yield from _unknown_to_napsim(arguments[3:] if arguments[1].startswith("-") else arguments[1:])
        elif program == "make":
            yield from (f"make has no target {word}" for word in arguments if _is_no_target(word))
        yield from (f"{word} does not exist" for word in run if _is_path(word) and not _exists(word))


def _runs(command: Command) -> Iterator[list[str]]:
    """The programs of a line, each with its arguments; what is set before them is left out."""
    run = list[str]()
    for word in [*words(_without_here_document(command)), ";"]:
        if _OPERATORS.fullmatch(word):
            if run:
                yield run
            run = []
        elif run or not re.match(r"\w+=", word):
            run.append(word)


def _without_here_document(command: Command) -> Command:
    first = command.text.split("\n")[0] if "<<" in command.text else command.text
    return Command(command.line, first, command.shown)


def _unknown_to_napsim(arguments: list[str]) -> Iterator[str]:
    known, said = napsim(), ["napsim"]
    while arguments and (*said, arguments[0]) in known:
        said.append(arguments[0])
        arguments = arguments[1:]
    if known[tuple(said)].has_commands and arguments and re.fullmatch(r"[a-z-]+", arguments[0]):
        yield f"{' '.join(said)} has no command {arguments[0]}"
        return
    for word in arguments[: arguments.index("--") if "--" in arguments else None]:
        option = word.partition("=")[0]
        if re.fullmatch(r"--[a-z-]+|-[a-zA-Z]", option) and option not in known[tuple(said)].options:
            yield f"{' '.join(said)} has no option {option}"


@dataclass(frozen=True, slots=True)
class _Program:
    options: frozenset[str]
    has_commands: bool


@cache
def napsim() -> Mapping[tuple[str, ...], _Program]:
    """Every command, by its words, from ``napsim`` itself on."""
    root = _Program(frozenset({"--help", "--install-completion", "--show-completion"}), has_commands=True)
    found: dict[tuple[str, ...], _Program] = {("napsim",): root}
    for item in documented():
        named = (name for parameter in item.command.params for name in (*parameter.opts, *parameter.secondary_opts))
        options = frozenset({"--help", *named})
        found[item.words] = _Program(options, has_commands=isinstance(item.command, TyperGroup))
    return found


@cache
def targets() -> frozenset[str]:
    """Those of the Makefile that are documented."""
    return frozenset(re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def _is_no_target(word: str) -> bool:
    return bool(re.fullmatch(r"[a-z][a-z0-9-]*", word)) and word not in targets()


def _is_path(word: str) -> bool:
    return word.startswith(_PATHS) and not re.search(r"[<>$…{:]", word)


def _exists(word: str) -> bool:
    return bool(list(ROOT.glob(word.rstrip("/"))))


def unknown_in(inline: Inline) -> Iterator[str]:
    """The same of a command in a sentence."""
    if inline.text.startswith(("napsim ", "make ")) and is_whole(inline.text):
        for complaint in unknown_of(Command(inline.line, inline.text, None)):
            yield f"{inline.page}:{inline.line}: {complaint}\n  `{inline.text}`"
