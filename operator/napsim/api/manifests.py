"""Reading manifests as kubectl reads them.

kubectl's YAML differs from PyYAML's where it hurts: ``startTime: 01:00`` is text there and the number 60 here,
``startDate: 2026-02-15`` is text there and a date here, ``1e3`` is a number there and ``y`` is true, a key is always
text, and one that comes twice is an error. What a plain value is follows ``go.yaml.in/yaml/v2`` v2.4 (``resolve.go``)
and ``sigs.k8s.io/yaml`` v1.6, by which kubectl makes JSON of YAML.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"
_NUMBER: Final = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\.[0-9]+([eE][-+]?[0-9]+)?"
    r"|[0-9][0-9_]*(\.[0-9_]*)?([eE]_*[-+]?[0-9_]+)?)|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_PLAIN: Final = (  # tag, what is written so, first characters
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    (
        "bool",
        re.compile(r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"),
        list("yYnNtTfFoO"),
    ),
    ("float", _NUMBER, list("-+.0123456789")),
    ("merge", re.compile("<<"), ["<"]),
)
MOST_LEVELS: Final = 100
MOST_VALUES: Final = 1_000_000
"""That a document with aliases may stand for: they are written out wherever they are read."""
_TOO_DEEP: Final = f"values are within values more than {MOST_LEVELS} deep"
_TRUE: Final = frozenset({"y", "yes", "true", "on"})
_OCTAL: Final = re.compile(r"[-+]?0[0-7]+")


if TYPE_CHECKING:
    _Loader = yaml.SafeLoader
else:  # libyaml where PyYAML has it, which is eight times as fast
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _KubectlLoader(_Loader):
    """PyYAML's safe loader with kubectl's idea of plain scalars."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._written: dict[int, yaml.MappingNode] = {}  # whose keys have been looked at, before others are merged in

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) not in self._written:
            self._written[id(node)] = node
            seen: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    told = f"key {key.value!r} comes twice"
                    raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
                seen.add(key.value)
        super().flatten_mapping(node)  # ``<<``

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """With its keys as JSON has them, each made text before ``1`` and ``true`` are one key to Python."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(
                None, None, f"a mapping is expected, not a {node.id}", node.start_mark
            )
        self.flatten_mapping(node)
        return {self._key(key): self.construct_object(value, deep=deep) for key, value in node.value}

    def _key(self, node: yaml.Node) -> str:
        key = self.construct_object(node, deep=True)
        if isinstance(key, bool):
            return str(key).lower()
        if isinstance(key, str | int | float):
            return str(key)
        raise yaml.constructor.ConstructorError(None, None, "a key must be text", node.start_mark)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """What plain scalars are, by their first character."""
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, written, firsts in _PLAIN:
        for first in firsts:
            found.setdefault(first, []).append((_TAG + tag, re.compile(f"^(?:{written.pattern})$")))
    return found


def number(text: str) -> str | int | float:
    """A number as it is once it has been through kubectl: a whole one, as ``5.0`` and ``1e3``, is an integer.

    What Go's parsers do not take stays text, as ``0x`` and what is too large for a double.
    """
    plain = text.replace("_", "")
    try:
        return int(plain, 8) if _OCTAL.fullmatch(plain) else int(plain, 0)
    except ValueError:
        return _fraction(text, plain)


def _fraction(text: str, plain: str) -> str | int | float:
    try:
        found = float(plain)
    except ValueError:
        return text
    if not isfinite(found):
        return text
    return int(found) if found.is_integer() else found


def _plain_number(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str | int | float:
    if node.value.lower().endswith(("inf", "nan")):
        raise yaml.constructor.ConstructorError(None, None, f"JSON has no number {node.value}", node.start_mark)
    return number(str(node.value))


def _plain_bool(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return str(node.value).lower() in _TRUE


def _refused(loader: yaml.SafeLoader, node: yaml.Node) -> Any:  # noqa: ANN401 - it never returns
    return loader.construct_undefined(node)


def _text(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_KubectlLoader.yaml_implicit_resolvers = _resolvers()
_KubectlLoader.add_constructor(_TAG + "int", _plain_number)
_KubectlLoader.add_constructor(_TAG + "float", _plain_number)
_KubectlLoader.add_constructor(_TAG + "bool", _plain_bool)
_KubectlLoader.add_constructor(_TAG + "timestamp", _text)
_KubectlLoader.add_constructor(_TAG + "merge", _text)
for _kind in ("binary", "set", "omap", "pairs"):  # what no manifest has is told, not read as bytes and sets
    _KubectlLoader.add_constructor(_TAG + _kind, _refused)


def load_documents(text: str) -> Iterator[tuple[Any, yaml.Node]]:
    """Every document of a YAML or JSON text as it is, with its nodes, which know their lines; empty ones are skipped.

    Raises ``yaml.YAMLError`` for bad YAML, with line and column, and for what is larger than any manifest.
    """
    loader = _KubectlLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None and "&" in text:
                _refuse_aliases(node)
            document = loader.construct_document(node) if node is not None else None
            if node is not None and document is not None:
                if is_too_deep(document):
                    raise yaml.constructor.ConstructorError(None, None, _TOO_DEEP, node.start_mark)
                yield document, node
    except RecursionError as error:
        raise yaml.constructor.ConstructorError(None, None, _TOO_DEEP, None) from error
    finally:
        loader.dispose()


def is_too_deep(document: object) -> bool:
    """Whether values are within values more than ``MOST_LEVELS`` deep: no manifest is, and readers would give up."""
    level = [document]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for value in level
            for inner in (value.values() if type(value) is dict else value if type(value) is list else ())
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _refuse_aliases(document: yaml.Node) -> None:
    """Raises ``yaml.YAMLError``, as kubectl's parser does, where aliases lead back to where they are, or too far on."""
    if _values(document, {}) > MOST_VALUES:
        told = f"its aliases stand for more than {MOST_VALUES} values"
        raise yaml.constructor.ConstructorError(None, None, told, document.start_mark)


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, those of aliases counted wherever they are; ``known`` by identity of nodes."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) in known:
        if not known[id(node)]:
            told = "the value of an anchor has itself in it"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return known[id(node)]
    known[id(node)] = 0  # it is being counted
    found = 1
    for item in node.value:
        found += sum(_values(inner, known) for inner in (item if isinstance(item, tuple) else (item,)))
    known[id(node)] = found
    return found
