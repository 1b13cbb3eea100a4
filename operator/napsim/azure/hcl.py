"""HCL as documents of resources, which know where they stand, and whose expressions are told from literal values.

Parsed by python-hcl2, which comes with the extra ``napsim[terraform]``. Blocks become lists, as ``terraform show
-json`` has them; ``jsonencode`` of literal values is these values.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import yaml

from napsim.azure.imports import Expression
from napsim.reading.sources import Document, Mistake

if TYPE_CHECKING:
    from lark import Token, Tree

    Branch = Tree[Token]
    Part = Branch | Token

EXTRA: Final = "napsim[terraform]"
_LITERALS: Final = {"true": True, "false": False, "null": None}
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\$(?=\$\{)|%(?=%\{)", re.DOTALL)


class ExtraMissing(Exception):
    """python-hcl2 is not installed."""

    def __init__(self) -> None:
        super().__init__(f"Terraform's language is read with python-hcl2: pip install '{EXTRA}'")


@dataclass(frozen=True, slots=True)
class Block:
    """``resource "azurerm_kubernetes_cluster" "main" { … }``: its type, its labels, its body as a document."""

    type: str
    labels: tuple[str, ...]
    document: Document

    @property
    def address(self) -> str:
        """As Terraform writes it: ``azurerm_kubernetes_cluster.main``."""
        return ".".join(self.labels if self.type == "resource" else (self.type, *self.labels))


def blocks(file: str, text: str) -> tuple[list[Block], list[Mistake]]:
    """The blocks of a text, or what is wrong with it. Raises ``ExtraMissing``."""
    try:
        api, errors = import_module("hcl2.api"), import_module("lark.exceptions")
    except ModuleNotFoundError as error:
        raise ExtraMissing from error
    try:
        tree: Branch = api.parses_to_tree(text)
    except errors.UnexpectedInput as error:
        return [], [Mistake(file, max(error.line, 0), "", "", None, f"not valid HCL: {_unexpected(error)}")]
    return list(_Reading(file, text).blocks(_only_branch(tree))), []


def _unexpected(error: Any) -> str:  # noqa: ANN401 - the exception of an optional package
    token = getattr(error, "token", None)
    shown = repr(str(token).strip() or "the end of a line") if token is not None else repr(getattr(error, "char", ""))
    return f"{shown} is not expected in column {error.column}"


def _only_branch(branch: Branch) -> Branch:
    return next(_branches(branch))


def _branches(branch: Branch) -> Iterator[Branch]:
    """Its parts without punctuation, line ends and comments."""
    return (part for part in branch.children if not isinstance(part, str) and part.data != "new_line_or_comment")


Read = tuple[Any, yaml.Node]


@dataclass(frozen=True, slots=True)
class _Reading:
    file: str
    text: str

    def blocks(self, body: Branch) -> Iterator[Block]:
        for part in _branches(body):
            if part.data == "block":
                type_, labels, inner = self._head(part)
                value, node = self._body(inner)
                yield Block(type_, labels, Document(self.file, part.meta.line, value, node=node))

    def _head(self, block: Branch) -> tuple[str, tuple[str, ...], Branch]:
        *heads, body = _branches(block)
        names = [self._text(head).strip('"') for head in heads]
        return names[0], tuple(names[1:]), body

    def _body(self, body: Branch) -> Read:
        """Attributes by name, blocks as lists; a dynamic block is an expression in the list of its blocks."""
        values: dict[str, Any] = {}
        nodes: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for part in _branches(body):
            if part.data == "attribute":
                name, expression = _branches(part)
                key = self._text(name)
                values[key], node = self._value(expression)
                nodes[key] = self._scalar(key, part), node
            elif part.data == "block":
                self._inner(part, values, nodes)
        return values, self._mapping(body, nodes)

    def _inner(self, block: Branch, values: dict[str, Any], nodes: dict[str, tuple[yaml.Node, yaml.Node]]) -> None:
        type_, labels, body = self._head(block)
        value, node = self._body(body)
        key = type_
        if type_ == "dynamic" and labels:
            key, value = labels[0], Expression(f'dynamic "{labels[0]}"')
        listed = values.setdefault(key, [])
        if isinstance(listed, list):
            listed.append(value)
            empty = yaml.SequenceNode("tag:yaml.org,2002:seq", [], self._mark(block), self._mark(block))
            _, sequence = nodes.setdefault(key, (self._scalar(key, block), empty))
            node.start_mark = self._mark(block)
            sequence.value.append(node)

    def _value(self, branch: Branch) -> Read:
        """A literal value, or the expression that stands there."""
        while branch.data == "expr_term" and len(inner := list(_branches(branch))) == 1:
            branch = inner[0]
        found = self._read(branch)
        return found or (Expression(self._text(branch)), self._scalar(self._text(branch), branch))

    def _read(self, branch: Branch) -> Read | None:
        match str(branch.data):
            case "string":
                return self._string(branch)
            case "int_lit" | "float_lit" | "unary_op":
                return self._number(branch)
            case "literal_value":
                return self._literal(branch)
            case "tuple":
                return self._tuple(branch)
            case "object":
                return self._object(branch)
            case "function_call":
                return self._call(branch)
        return None

    def _string(self, branch: Branch) -> Read | None:
        parts = list(_branches(branch))
        if any(not isinstance(inner, str) for part in parts for inner in part.children):
            return None
        text = _ESCAPE.sub(_unescaped, self._text(branch)[1:-1])
        return text, self._scalar(text, branch)

    def _number(self, branch: Branch) -> Read | None:
        text = self._text(branch).replace(" ", "")
        try:
            number = float(text) if {".", "e", "E"} & set(text) else int(text)
        except ValueError:  # !x, -var.x
            return None
        return number, self._scalar(text, branch)

    def _literal(self, branch: Branch) -> Read:
        text = self._text(branch)
        return _LITERALS[text], self._scalar(text, branch)

    def _tuple(self, branch: Branch) -> Read:
        read = [self._value(part) for part in _branches(branch)]
        sequence = yaml.SequenceNode(
            "tag:yaml.org,2002:seq", [node for _, node in read], self._mark(branch), self._mark(branch)
        )
        return [value for value, _ in read], sequence

    def _object(self, branch: Branch) -> Read:
        values: dict[str, Any] = {}
        nodes: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for element in _branches(branch):
            name, expression = _branches(element)
            key = self._text(name).strip('"')
            values[key], node = self._value(expression)
            nodes[key] = self._scalar(key, element), node
        return values, self._mapping(branch, nodes)

    def _call(self, branch: Branch) -> Read | None:
        name, *arguments = _branches(branch)
        if self._text(name) != "jsonencode" or len(arguments) != 1:
            return None
        given = list(_branches(arguments[0]))
        return self._value(given[0]) if len(given) == 1 else None

    def _text(self, branch: Branch) -> str:
        return self.text[branch.meta.start_pos : branch.meta.end_pos]

    def _mark(self, branch: Branch) -> yaml.Mark:
        meta = branch.meta
        line = 0 if meta.empty else meta.line - 1
        return yaml.Mark(self.file, 0, line, 0 if meta.empty else meta.column - 1, None, 0)

    def _scalar(self, value: str, branch: Branch) -> yaml.Node:
        return yaml.ScalarNode("tag:yaml.org,2002:str", value, self._mark(branch), self._mark(branch))

    def _mapping(self, branch: Branch, nodes: dict[str, tuple[yaml.Node, yaml.Node]]) -> yaml.Node:
        mark = self._mark(branch)
        return yaml.MappingNode("tag:yaml.org,2002:map", list(nodes.values()), mark, mark)


def _unescaped(found: re.Match[str]) -> str:
    escape = found[1]
    if escape is None:
        return ""  # the first of $${ or %%{
    return _character(int(escape[1:], 16)) if escape[0] in "uU" else _ESCAPES.get(escape, escape)


def _character(point: int) -> str:
    """What is no character is the replacement character, as Go encodes it."""
    return chr(point) if point <= sys.maxunicode and not 0xD800 <= point <= 0xDFFF else "\N{REPLACEMENT CHARACTER}"
