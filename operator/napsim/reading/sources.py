"""Files, folders and standard input as documents that know where they stand, and mistakes that say it.

A document of YAML or JSON is read as kubectl reads it. One on a line of its own that begins with ``{`` is read as JSON,
which is many times as fast: so ``napsim snapshot`` writes them.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Final

import msgspec
import yaml

from napsim.api.manifests import is_too_deep, load_documents, number
from napsim.api.validation import errors_of
from napsim.reading.kinds import is_known

_JSON: Final = msgspec.json.Decoder(float_hook=number)
_MARKS: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
STDIN: Final = "-"
_CHART: Final = "Chart.yaml"
_TEMPLATES: Final = "templates"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_AT_A_TAB: Final = "found character that cannot start any token"
_TEMPLATE: Final = re.compile(r"\{\{-?\s*[.$\w]")
_RENDER: Final = "helm template CHART | napsim lint -"
_SEPARATOR: Final = re.compile(r"^---[ \t]*$", re.MULTILINE)


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong with the input. ``line`` counts from 1 (0: none), ``object`` is ``Kind/name``.

    ``field`` is a path as Kubernetes writes it, ``value`` what stands there, ``message`` what is allowed.
    """

    file: str
    line: int
    object: str
    field: str
    value: Any
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        plain = isinstance(self.value, (str, int, float))
        shown = f"{self.value!r:.80}" if plain else ""
        return ": ".join(part for part in (place, self.object, self.field, shown, self.message) if part)


class BadInput(Exception):
    """The input cannot be used. ``mistakes`` are all that were found, in the order of the input."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


Place = tuple[str, int, tuple[str | int, ...]]
"""Where a document is: file, line, and the path within that of a List."""


class Text(msgspec.Struct, frozen=True):
    """A file, or standard input, as it was read."""

    name: str
    text: str


class Span(msgspec.Struct, frozen=True):
    """A part of one line of a text: lines and columns count from 1, ``end`` is the column after the last."""

    line: int
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. ``path`` leads to it inside that of a List: ``("items", 3)``."""

    file: str
    line: int
    manifest: Any
    text: str = ""  # what it was read from as JSON: its nodes are composed only when a line is asked for
    start: int = 0  # lines before that text
    node: yaml.Node | None = field(default=None, repr=False, compare=False)
    path: tuple[str | int, ...] = ()

    @property
    def place(self) -> Place:
        """What tells it from every other document of the input."""
        return self.file, self.line, self.path

    @property
    def named(self) -> str:
        """``Kind/name``, or what of that is known."""
        manifest = self.manifest if isinstance(self.manifest, dict) else {}
        metadata = manifest.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"{manifest.get('kind') or 'object'}/{name or '(no name)'}"

    def mistake(self, location: str, value: object, message: str) -> Mistake:
        """A mistake at a field, such as ``spec.disruption.budgets[0].nodes``."""
        return Mistake(self.file, self.line_of(location), self.named, location, value, message)

    def line_of(self, location: str) -> int:
        """The line of the field, or of the nearest one above it that is there."""
        node = self.node or _composed(self.text)
        if node is None:
            return self.line
        before = 0 if self.node else self.start
        return before + _line(node, (*self.path, *parts_of(location)))

    def span_of(self, location: str) -> Span:
        """Where the field's value is written; of one that goes over several lines, or is not there: its name.

        Of a document without nodes (JSON that YAML does not take) the beginning of its first line.
        """
        node = self.node or _composed(self.text)
        if node is None:
            return Span(self.line, 1, 2)
        return _span(node, (*self.path, *parts_of(location)), 0 if self.node else self.start)

    def lines_to(self, location: str) -> tuple[int, ...]:
        """The lines on which the document, and each field on the way to the one at ``location``, begin."""
        node = self.node or _composed(self.text)
        if node is None:
            return (self.line,)
        before = 0 if self.node else self.start
        return tuple(before + line for line in _lines(node, self.path, tuple(parts_of(location))))


def _composed(text: str) -> yaml.Node | None:
    try:
        return next((node for _, node in load_documents(text)), None)
    except yaml.YAMLError:  # JSON indented by tabs, which YAML does not allow
        return None


_PART: Final = re.compile(r"\[([^\]]*)\]|([^.\[]+)")


def parts_of(location: str) -> Iterator[str | int]:
    """``spec.budgets[0].nodes`` taken apart; ``[a.b/c]`` is one key."""
    for bracketed, plain in _PART.findall(location):
        yield int(bracketed) if bracketed.isdigit() else bracketed or plain


def _line(node: yaml.Node, path: Iterable[str | int]) -> int:
    line = node.start_mark.line
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        key, node = child
        line = key.start_mark.line
    return int(line) + 1


def _span(node: yaml.Node, path: Iterable[str | int], before: int) -> Span:
    shown = node
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        key, node = child
        scalar = isinstance(node, yaml.ScalarNode) and node.start_mark.line == node.end_mark.line
        shown = node if scalar and node.value else key
    while isinstance(shown, yaml.CollectionNode) and shown.value:  # the first name in it
        shown = shown.value[0][0] if isinstance(shown, yaml.MappingNode) else shown.value[0]
    start, end = shown.start_mark, shown.end_mark
    last = end.column if end.line == start.line and end.column > start.column else start.column + 1
    return Span(before + start.line + 1, start.column + 1, last + 1)


def _lines(node: yaml.Node, inner: Sequence[str | int], path: Sequence[str | int]) -> Iterator[int]:
    """``inner`` leads to the document, ``path`` on from there."""
    for part in inner:
        child = _child(node, part)
        if child is None:
            return
        node = child[1]
    yield int(node.start_mark.line) + 1
    for part in path:
        child = _child(node, part)
        if child is None:
            return
        key, node = child
        yield int(key.start_mark.line) + 1


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = ((key, value) for key, value in reversed(node.value) if key.value == str(part))
        return next(found, None)  # the last: what ``<<`` merges in stands before what is written
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


# --- reading ----------------------------------------------------------------------------------------------------------


def read(paths: Iterable[str], stdin: Callable[[], str]) -> tuple[list[Document], list[Mistake]]:
    """Every document of files, of the YAML and JSON files below folders, and of ``-``, by path; Lists taken apart.

    ``stdin`` reads standard input, and may raise UnicodeDecodeError.
    Templates of Helm below a folder are left out.
    """
    texts, unread = texts_of(paths, stdin)
    documents, mistakes = documents_of(texts)
    return documents, [*unread, *mistakes]


def texts_of(paths: Iterable[str], stdin: Callable[[], str]) -> tuple[list[Text], list[Mistake]]:
    """The files that ``read`` takes, by path, and what is wrong with the paths.

    That is a file that cannot be read, a folder without any, a standard input of which nothing comes: an answer of
    "nothing wrong" would be one about nothing. A file that is named twice, as when its folder is named too, is read
    once; links are files of their own.
    """
    mistakes: list[Mistake] = []
    texts: dict[str, Text] = {}
    for text in (text for path in paths for text in _texts(path, stdin, mistakes)):
        texts.setdefault(os.path.abspath(text.name), text)  # noqa: PTH100 - links are not followed
    return list(texts.values()), mistakes


def documents_of(texts: Iterable[Text]) -> tuple[list[Document], list[Mistake]]:
    """The documents of texts, Lists taken apart, and what in the texts is not YAML."""
    mistakes: list[Mistake] = []
    return [document for text in texts for document in _documents(text.name, text.text, mistakes)], mistakes


def read_texts(files: Iterable[tuple[str, bytes]]) -> tuple[list[Document], list[Mistake]]:
    """As ``read``, of (name, content) that are in memory already."""
    documents: list[Document] = []
    mistakes: list[Mistake] = []
    for name, content in files:
        try:
            documents += _documents(name, content.decode(encoding_of(content)), mistakes)
        except UnicodeDecodeError as error:
            mistakes.append(Mistake(name, 0, "", "", None, f"cannot be read: {_reason(error)}"))
    return documents, mistakes


def encoding_of(content: bytes) -> str:
    """UTF-8, unless a byte order mark says UTF-16: ``>`` of Windows PowerShell writes that."""
    return next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")


def decoded(content: bytes) -> str:
    """A text with its lines ended by ``\\n``. Raises UnicodeDecodeError."""
    text = content.decode(encoding_of(content))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def standard_input() -> str:
    """All that comes from it. Raises UnicodeDecodeError."""
    return decoded(sys.stdin.buffer.read())


def is_manifest(name: str) -> bool:
    """Whether a file of that name below a folder is read."""
    return Path(name).suffix in _SUFFIXES


def left_out(folder: Path) -> str:
    """What is to be said of templates below a folder that are not read; empty where there are none."""
    names = [str(file) for file in folder.rglob("*") if is_manifest(file.name)]
    if len(names) == len(without_templates(names)):
        return ""
    return f"; templates of a Helm chart are not read before they are rendered: {_RENDER}"


def without_templates(names: Iterable[str]) -> list[str]:
    """Those files below a folder that are no templates of a Helm chart: these are no YAML before they are rendered."""
    names = list(names)
    charts = [PurePath(name).parent / _TEMPLATES for name in names if PurePath(name).name == _CHART]
    return [name for name in names if not any(chart in PurePath(name).parents for chart in charts)]


def _texts(path: str, stdin: Callable[[], str], mistakes: list[Mistake]) -> Iterator[Text]:
    if path == STDIN:
        yield from _standard_input(stdin, mistakes)
        return
    files = _files(Path(path))
    if not files:
        mistakes.append(Mistake(path, 0, "", "", None, "there is no YAML or JSON file in it"))
    for file in files:
        try:
            yield Text(str(file), decoded(file.read_bytes()))
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(Mistake(str(file), 0, "", "", None, f"cannot be read: {_reason(error)}"))


def _standard_input(stdin: Callable[[], str], mistakes: list[Mistake]) -> Iterator[Text]:
    name = "(stdin)"
    try:
        text = stdin()
    except UnicodeDecodeError as error:
        mistakes.append(Mistake(name, 0, "", "", None, f"cannot be read: {_reason(error)}"))
        return
    if text.strip():
        yield Text(name, text)
    else:
        mistakes.append(Mistake(name, 0, "", "", None, "nothing came from standard input"))


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (
        "it must be UTF-8, or UTF-16 with a byte order mark"
        if isinstance(error, UnicodeDecodeError)
        else error.strerror or str(error)
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if is_manifest(file.name) and file.is_file())
    return [Path(name) for name in without_templates(map(str, found))]


def _documents(name: str, text: str, mistakes: list[Mistake]) -> Iterator[Document]:
    line = 1
    for part in _split(text):
        stripped = part.lstrip()
        before = part[: len(part) - len(stripped)].count("\n")
        try:
            yield from _parsed(name, line + before, stripped)
        except (msgspec.DecodeError, RecursionError):  # flow style is not always JSON; the YAML parser knows the line
            yield from _yaml(name, line, part, mistakes)
        line += part.count("\n")


def _split(text: str) -> list[str]:
    """The documents of a text all of whose documents are JSON objects; any other text as it is."""
    if not text.lstrip().startswith(("{", "---")):
        return [text]
    parts = _SEPARATOR.split(text)
    return parts if all(part.lstrip()[:1] in {"", "{"} for part in parts) else [text]


def _parsed(name: str, line: int, text: str) -> Iterator[Document]:
    if not text.startswith("{"):
        raise msgspec.DecodeError("not JSON")
    value = _JSON.decode(text)
    if is_too_deep(value):
        raise msgspec.DecodeError("too deep")
    yield from _items(Document(name, line, value, text, line - 1))


def _yaml(name: str, line: int, text: str, mistakes: list[Mistake]) -> Iterator[Document]:
    padded = "\n" * (line - 1) + text
    try:
        for manifest, node in load_documents(padded):
            yield from _items(Document(name, node.start_mark.line + 1, manifest, node=node))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        told = getattr(error, "problem", None) or str(error)
        said = f"not valid YAML: {told}{_hint(told, padded, mark.line if mark else 0)}"
        mistakes.append(Mistake(name, mark.line + 1 if mark else 0, "", "", None, said))


def _hint(told: str, text: str, line: int) -> str:
    """What it may be, of the two that YAML's own words leave to be guessed."""
    written = "".join(text.split("\n")[line : line + 1])
    if told == _AT_A_TAB and "\t" in written[: len(written) - len(written.lstrip())]:
        return ": the line begins with a tab, and YAML indents with blanks alone"
    is_template = _TEMPLATE.search(text) and not told.endswith("comes twice")
    return f"; templates are to be rendered first: {_RENDER}" if is_template else ""


def _items(document: Document) -> Iterator[Document]:
    """The document, or the items of a List."""
    manifest = document.manifest
    items = manifest.get("items") if isinstance(manifest, dict) else None
    if not isinstance(items, list) or not str(manifest.get("kind", "")).endswith("List"):
        yield replace(document, manifest=_without_nulls(manifest)) if _may_have_nulls(document) else document
        return
    for index, item in enumerate(items):
        path = ("items", index)
        line = _line(document.node, path) if document.node else document.line
        stored = _without_nulls(item) if _may_have_nulls(document) else item
        yield Document(document.file, line, stored, document.text, document.start, document.node, path)


def _may_have_nulls(document: Document) -> bool:
    return not document.text or "null" in document.text


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Objects of a cluster, also those within a Scenario, without their fields that are null, as an API server has it.

    Those of a name that is not known stay, to be told.
    """
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict) or not _nulls(value):
        return value
    if not is_known(value):
        return {key: _without_nulls(item) for key, item in value.items()}
    return _pruned(value, (), {tuple(parts_of(error.field)) for error in errors_of(value)})


def _nulls(value: object) -> bool:
    if isinstance(value, dict):
        return any(item is None or _nulls(item) for item in value.values())
    return isinstance(value, list) and any(_nulls(item) for item in value)


def _pruned(value: Any, path: tuple[str | int, ...], kept: set[tuple[str | int, ...]]) -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        fields = ((key, item, (*path, key)) for key, item in value.items())
        return {key: _pruned(item, at, kept) for key, item, at in fields if item is not None or at in kept}
    if isinstance(value, list):
        return [_pruned(item, (*path, index), kept) for index, item in enumerate(value)]
    return value
