"""Every reason that the source hands to a condition, an event, a finding or a link, found in its syntax trees.

A reason is an argument of a call of POSITIONS, or the first of a pair of which the second is a message. A name is what
it stands for: a constant of the module, or what the function gives it. What stays open begins with ``?``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from napsim.api import names

SOURCE: Final = Path(__file__).parents[2] / "operator/napsim"
FOLDERS: Final = ("core", "controllers", "live", "cli")
# Which argument of a call is a reason, where it has none of that name.
POSITIONS: Final = {
    "Event": 3,
    "Condition": 2,
    "with_condition": 4,
    "root": 3,
    "Link": 3,
    "Finding": 0,
    "_said": 1,
    "_waiting": 1,
}
# The same in some modules: elsewhere it is a text that is printed.
TELLING: Final = {"controlplane.py": {"_say": 0}}
MESSAGES: Final = (ast.JoinedStr, ast.Name, ast.Call, ast.BinOp, ast.Attribute)
WORD: Final = re.compile(r"[A-Z][a-z0-9]+[A-Za-z0-9]*|SIG\w+|OS\w+|K8s\w+")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Names = Mapping[str, set[str]]


@cache
def emitted() -> frozenset[str]:
    """All of them, open ones too."""
    trees = {file: ast.parse(file.read_text("utf-8")) for name in FOLDERS for file in (SOURCE / name).rglob("*.py")}
    everywhere = {name: found for tree in trees.values() for name, found in constants(tree.body).items()}
    return frozenset(
        reason
        for file, tree in trees.items()
        for reason in reasons(tree, {**everywhere, **constants(tree.body)}, {**POSITIONS, **TELLING.get(file.name, {})})
    )


def constants(body: list[ast.stmt]) -> dict[str, set[str]]:
    """Names that stand for one text."""
    found: dict[str, set[str]] = {}
    for node in body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.value, ast.Constant):
            continue
        if isinstance(node.target, ast.Name):
            found[node.target.id] = {str(node.value.value)}
    return found


def reasons(tree: ast.Module, known: Names, positions: Mapping[str, int]) -> Iterator[str]:
    for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
        inside = {**known, **assigned(function, known)}
        for node in ast.walk(function):
            yield from of_node(node, inside, positions)
    for node in tree.body:
        if isinstance(node, ast.AnnAssign | ast.Assign):
            for below in ast.walk(node):
                yield from of_node(below, known, positions)


def of_node(node: ast.AST, known: Names, positions: Mapping[str, int]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        said = next((item.value for item in node.keywords if item.arg == "reason"), None)
        position = positions.get(called)
        if position is not None and said is None and len(node.args) > position:
            said = node.args[position]
        if position is not None and said is not None:
            yield from meant(said, known)
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[1], MESSAGES):
        yield from (found for found in meant(node.elts[0], known) if WORD.fullmatch(found))


def meant(node: ast.expr, known: Names) -> set[str]:
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "str":
        return meant(node.args[0], known)
    if isinstance(node, ast.IfExp):
        return meant(node.body, known) | meant(node.orelse, known)
    if isinstance(node, ast.Name) and node.id in known:
        return set(known[node.id])
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "names":
        return {str(getattr(names, node.attr))}
    return {f"?{ast.unparse(node)}"}


def assigned(function: Function, known: Names) -> dict[str, set[str]]:
    """What ``reason`` and its like are given in a function."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for name, value in pairs(node.targets[0], node.value):
                found.setdefault(name, set()).update(meant(value, {**known, **found}))
    return found


def pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(value, ast.IfExp):
        yield from pairs(target, value.body)
        yield from pairs(target, value.orelse)
    elif isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from pairs(one, other)
