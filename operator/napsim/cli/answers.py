"""What the commands have in common that answer from manifests: reading, refusing, printing.

A command judges the objects of the kinds that it reads, and no others: what a Deployment beside them looks like changes
nothing in the answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import typer

from napsim.cli.endings import BAD_INPUT
from napsim.cli.options import STDOUT, UTC_NAME, Output
from napsim.reading.judgement import known_part, mistakes_of
from napsim.reading.kinds import namespace_of
from napsim.reading.sources import BadInput, Document, Mistake, read, standard_input
from napsim.report.marked import Marked, Tone

# Mistakes of those who have no manifests yet, and what they are told then.
_NOTHING_THERE: Final = ("No such file", "at least one NodePool", "no YAML or JSON document", " in it")
_OF_OTHERS: Final = ("import az", "timings")  # read what other tools have, and what a cluster has been through
_BEGINNING: Final = "to try it on examples: napsim examples --write manifests"
_LOCAL_TIME: Final = Path("/etc/localtime")
_STYLES: Final[Mapping[Tone, Mapping[str, Any]]] = {
    Tone.HEADING: {"bold": True},
    Tone.GOOD: {"fg": "green", "bold": True},
    Tone.BAD: {"fg": "red", "bold": True},
    Tone.WARNING: {"fg": "yellow"},
    Tone.ASIDE: {"dim": True},
    Tone.PLAIN: {},
}


def local_zone(environment: Mapping[str, str], local_time: Path = _LOCAL_TIME) -> str:
    """The IANA name of this machine's time zone, from ``TZ`` or where ``/etc/localtime`` leads to; else UTC."""
    named = environment.get("TZ", "").removeprefix(":")
    try:
        target = named or str(local_time.resolve()).rpartition("zoneinfo/")[2]
        key = ZoneInfo(target).key
    except (KeyError, OSError, ValueError):  # TZ may be a rule such as CET-1CEST, /etc/localtime a plain file
        return UTC_NAME
    return UTC_NAME if key in {"UTC", "Etc/UTC", "Etc/UCT", "Zulu", "Universal", "UCT"} else key


# --- reading ----------------------------------------------------------------------------------------------------------


class Found(msgspec.Struct, frozen=True):
    """The objects of the kinds asked for, in the order of the input, and what is to be said of others."""

    objects: tuple[Document, ...]
    notes: tuple[str, ...]

    def of(self, kind: str) -> list[Document]:
        return [document for document in self.objects if document.manifest["kind"] == kind]


def found_in(paths: Iterable[str], kinds: Mapping[str, str], wanted: str) -> Found:
    """The objects of those kinds, each with its API group (empty for that of Nodes and Pods).

    Raises ``BadInput`` with every mistake of them, and where there is no object of the kind ``wanted``.
    """
    paths = list(paths)
    documents, mistakes = read(paths, standard_input)
    return found_among(documents, mistakes, kinds, wanted, ", ".join(paths))


def found_among(
    documents: Iterable[Document], mistakes: Iterable[Mistake], kinds: Mapping[str, str], wanted: str, where: str
) -> Found:
    """As ``found_in``, of what has been read; an empty ``wanted`` asks for nothing to be there."""
    mistakes = list(mistakes)
    concerned = [document for document in documents if _kind(document) in kinds]
    notes = [_not_read(document) for document in concerned if not _is_of(kinds, document)]
    known = [known_part(document) for document in concerned if _is_of(kinds, document)]
    ours = [document for document, _ in known]
    notes += [note for _, more in known for note in more]
    mistakes += [mistake for document in ours for mistake in mistakes_of(document)]
    if wanted and not mistakes and not any(_kind(document) == wanted for document in ours):
        mistakes.append(Mistake(where, 0, "", "", None, f"there is no {wanted} in it"))
    if mistakes:
        raise BadInput(sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line)))
    kept = {_identity(document): document for document in ours}
    last = [kept[_identity(document)] for document in ours]
    notes += [_twice(one, other) for one, other in zip(ours, last, strict=True) if one is not other]
    return Found(tuple(kept.values()), tuple(notes))


def _identity(document: Document) -> Hashable:
    """Objects whose name the API server makes up (``generateName``) are never the same."""
    metadata = document.manifest["metadata"]
    if metadata.get("name"):
        return document.named, namespace_of(document.manifest)
    return document.file, document.line, document.path


def name_of(document: Document) -> str:
    """The name of an object, or the beginning of the one that it will get."""
    metadata = document.manifest["metadata"]
    return str(metadata.get("name") or metadata.get("generateName"))


def _kind(document: Document) -> str:
    return str(document.manifest.get("kind", "")) if isinstance(document.manifest, dict) else ""


def _group(document: Document) -> str | None:
    """That of ``karpenter.sh/v1`` is ``karpenter.sh``, that of ``v1`` is empty; None where no version is written."""
    version = document.manifest.get("apiVersion")
    return str(version).rpartition("/")[0] if version else None


def _is_of(kinds: Mapping[str, str], document: Document) -> bool:
    """Of the kind's own group; one without any version is judged, and told to have none."""
    return _group(document) in {None, kinds[_kind(document)]}


def _not_read(document: Document) -> str:
    version = document.manifest["apiVersion"]
    return f"{document.file}:{document.line}: {document.named} of {version} is another kind, and is not read"


def _twice(document: Document, later: Document) -> str:
    which = f"that of {later.file}:{later.line} holds, not that of {document.file}:{document.line}"
    return f"{document.named} comes twice: {which}"


# --- printing ---------------------------------------------------------------------------------------------------------


def refuse(command: str, error: BadInput) -> typer.Exit:
    """Tells every mistake with its place; to be raised."""
    for mistake in error.mistakes:
        typer.echo(f"napsim {command}: {mistake}", err=True)
    said = [sign for mistake in error.mistakes for sign in _NOTHING_THERE if sign in mistake.message]
    if said and command not in _OF_OTHERS:
        typer.echo(f"napsim {command}: {_BEGINNING}", err=True)
    return typer.Exit(BAD_INPUT)


def takes_stdout(output: Output, files: Mapping[str, Path | None]) -> bool:
    """Whether one of the files, by option, is ``-``: then the text is told on standard error.

    Raises ``BadParameter`` where more than one document would go to standard output.
    """
    there = [option for option, file in files.items() if file == STDOUT]
    if there and output is not Output.TEXT:
        there.append("--output")
    if len(there) > 1:
        raise typer.BadParameter("standard output takes one of them", param_hint=", ".join(there))
    return bool(there)


def write(command: str, file: Path, content: bytes) -> None:
    """``-`` is standard output. Raises ``Exit`` where it cannot be written, and says why."""
    if file == STDOUT:
        sys.stdout.buffer.write(content)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        typer.echo(f"napsim {command}: {file}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(BAD_INPUT) from error


def show(lines: Iterable[Marked], *, aside: bool = False) -> None:
    """On a terminal with colours, unless ``NO_COLOR`` is set (https://no-color.org); nowhere if it is closed.

    ``aside``: on standard error.
    """
    stream = sys.stderr if aside else sys.stdout
    takes_colours = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    coloured = stream is not None and stream.isatty() and takes_colours
    for line in lines:
        typer.echo("".join(_styled(text, tone) for text, tone in line.parts) if coloured else line.text, err=aside)


def _styled(text: str, tone: Tone) -> str:
    style = _STYLES[tone]
    return typer.style(text, **style) if text and style else text
