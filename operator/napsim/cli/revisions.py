"""The two sides of a comparison: files and folders as they are, or as a git revision has them, read into memory.

Nothing is checked out and nothing is written. Of a revision the blobs are read as they are stored: attributes such as
``export-ignore`` and ``eol`` do not count.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napsim.reading.sources import (
    STDIN,
    Document,
    Mistake,
    is_manifest,
    read,
    read_texts,
    standard_input,
    without_templates,
)

WORKING_TREE: Final = "working tree"
_RANGE: Final = ".."
_SYMMETRIC: Final = "..."
_FILES: Final = ("100644", "100755")  # neither links nor submodules


class Unusable(Exception):
    """The sides cannot be told from the arguments, or git cannot read them. The message says which and why."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side holds. ``label`` is what it was asked for by, ``files`` are the manifests' names."""

    label: str
    files: tuple[str, ...]
    documents: tuple[Document, ...]
    mistakes: tuple[Mistake, ...]


def sides(arguments: Sequence[str]) -> tuple[Side, Side]:
    """Before and after, from ``A B``, ``REV REV [PATH…]``, ``REV..[REV] [PATH…]`` or ``REV [PATH…]``.

    An argument that is a file or a folder is one, else it is a revision. Raises Unusable.
    """
    first = arguments[0]
    if _RANGE in first and not Path(first).exists():
        before, after = _range(first)
        return _of_revisions((before, after), arguments[1:])
    revisions = _leading_revisions(arguments)
    paths = list(arguments[len(revisions) :])
    missing = [path for path in paths if not revisions and not Path(path).exists()]
    if missing:
        raise Unusable(_neither(missing[0]))
    if revisions:
        return _of_revisions(revisions, paths)
    if len(paths) != 2:
        given = f"is one: {paths[0]}" if len(paths) == 1 else f"are {len(paths)}"
        raise Unusable(f"there must be two files or folders, or revisions of git; given {given}")
    if all(_is_empty(path) for path in paths):
        raise Unusable(f"{', '.join(dict.fromkeys(paths))}: there is no YAML or JSON file in it")
    return _of_path(paths[0]), _of_path(paths[1])


def changes(paths: Sequence[str]) -> Side:
    """What is in files and folders, as one side. Raises Unusable for one that there is not."""
    missing = [path for path in paths if path != STDIN and not Path(path).exists()]
    if missing:
        raise Unusable(f"{', '.join(missing)}: no such file or folder; a cluster is compared with manifests alone")
    documents, mistakes = read(paths, standard_input)
    return Side(" ".join(paths), tuple(paths), tuple(documents), tuple(mistakes))


def _neither(argument: str) -> str:
    return f"{argument}: neither a file or folder nor a revision of git: {_resolved(argument)[1]}"


def _leading_revisions(arguments: Sequence[str]) -> tuple[str, ...]:
    """Up to two arguments at the beginning that are no files and that git knows."""
    found: list[str] = []
    for argument in arguments[:2]:
        if Path(argument).exists():
            break
        if not _resolved(argument)[0]:
            raise Unusable(_neither(argument))
        found.append(argument)
    return tuple(found)


def _range(text: str) -> tuple[str, str]:
    """``main..``, ``main..topic``, and ``main...topic`` from where the two parted, as git diff takes them."""
    symmetric = _SYMMETRIC in text
    before, _, after = text.partition(_SYMMETRIC if symmetric else _RANGE)
    before, after = before or "HEAD", after or "HEAD"
    for revision in (before, after):
        if not _resolved(revision)[0]:
            raise Unusable(_neither(revision))
    if symmetric:
        return _git("merge-base", "--end-of-options", before, after).decode().strip()[:12], after
    return before, after


# --- reading ----------------------------------------------------------------------------------------------------------


def _is_empty(path: str) -> bool:
    return Path(path).is_dir() and not any(is_manifest(file.name) for file in Path(path).rglob("*"))


def _of_path(path: str) -> Side:
    """An empty folder is a side on which there is nothing, as a revision without the folder is."""
    documents, mistakes = read([] if _is_empty(path) else [path], str)
    return Side(path, (path,), tuple(documents), tuple(mistakes))


def _of_revisions(revisions: Sequence[str], paths: Sequence[str]) -> tuple[Side, Side]:
    """Two revisions, or one and the working tree. A path that neither side has is a mistake."""
    wanted = [os.path.relpath(path) for path in paths] or [os.curdir]
    found = [_of_revision(revision, wanted) for revision in revisions]
    if len(found) == 1:
        found.append(_of_working_tree(wanted))
    before, after = found
    empty = [path for path in wanted if not any(_holds(side, path) for side in found)]
    if empty:
        raise Unusable(
            f"{', '.join(empty)}: no YAML or JSON file there, neither in {before.label} nor in {after.label}"
        )
    return before, after


def _holds(side: Side, path: str) -> bool:
    return any(path in {os.curdir, name} or name.startswith(f"{path}{os.sep}") for name in side.files)


def _of_revision(revision: str, paths: Sequence[str]) -> Side:
    listed = _git("ls-tree", "-r", "-z", _resolved(revision)[0], "--", *paths).decode("utf-8", "surrogateescape")
    blobs = dict(_blobs(listed))
    blobs = {name: blobs[name] for name in without_templates(blobs)}
    texts = zip((f"{revision}:{name}" for name in blobs), _contents(list(blobs.values())), strict=True)
    documents, mistakes = read_texts(texts)
    return Side(revision, tuple(blobs), tuple(documents), tuple(mistakes))


def _blobs(listed: str) -> Iterator[tuple[str, str]]:
    """(name, object) of every manifest of ``git ls-tree -z``."""
    for entry in filter(None, listed.split("\0")):
        fields, _, name = entry.partition("\t")
        mode, _, blob = fields.split(" ")
        if mode in _FILES and is_manifest(name):
            yield name, blob


def _contents(blobs: Sequence[str]) -> Iterator[bytes]:
    """The bytes of objects, all from one ``git cat-file --batch``."""
    answer = _git("cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
    at = 0
    for _ in blobs:
        end = answer.index(b"\n", at)
        size = int(answer[at:end].rpartition(b" ")[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def _of_working_tree(paths: Sequence[str]) -> Side:
    """What git would see: tracked files that are there, and untracked ones that are not ignored."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths)
    named = {name for name in listed.decode("utf-8", "surrogateescape").split("\0") if is_manifest(name)}
    files = sorted(name for name in without_templates(named) if Path(name).is_file())
    documents, mistakes = read(files, str)
    return Side(WORKING_TREE, tuple(files), tuple(documents), tuple(mistakes))


# --- git --------------------------------------------------------------------------------------------------------------


def _resolved(revision: str) -> tuple[str, str]:
    """The commit of a revision and no error, or no commit and why."""
    command = ["git", "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return "", f"git cannot be run: {error.strerror}"
    why = done.stderr.strip().splitlines()
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", why[0] if why else "git does not know it")


def _git(*arguments: str, given: bytes = b"") -> bytes:
    """What git prints. Raises Unusable with what it complains of."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, input=given)
    except OSError as error:
        raise Unusable(f"git cannot be run: {error.strerror}") from error
    if done.returncode:
        raise Unusable(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} fails")
    return done.stdout
