"""Rules about the repository that linters do not check."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES_OF_A_FUNCTION = 70
MOST_LINES_OF_A_MODULE = 500
CLOCK_CALLS = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "monotonic"),
    ("time", "perf_counter"),
    ("time", "sleep"),
    ("time", "time"),
    ("time", "time_ns"),
}
UNTIMELY_MODULES = {"logging", "random", "secrets", "time"}
VAGUE_MODULES = {"common", "helpers", "misc", "util", "utils"}
# Written so that none of them finds itself.
FORBIDDEN_TEXT = {
    "a package registry's host": re.compile(r"pypi\.org|pythonhosted\.org|proxy\.golang\.org|/simpl[e]/"),
    "a path of one machine": re.compile(r"(?<![\w.])/(wor[k]|roo[t]|home/\w+|Users/\w+)/\w"),
    "an unfinished thought": re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b"),
}
SKIPPING = {"skip", "skipif", "xfail", "importorskip", "skipTest", "expectedFailure"}
LINT_EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:|mypy:|ruff:)(?P<rest>.*)$")
REASON = re.compile(r"^(\[[\w, -]+\]|:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)\s*(#|-|:|;|,|\()?\s*\w+ \w+")


def files_of_the_repository() -> list[Path]:
    """Tracked files, and untracked ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


FILES = files_of_the_repository()
MODULES = [path for path in FILES if path.suffix == ".py"]
OPERATOR = [path for path in MODULES if path.is_relative_to(ROOT / "operator")]
TIMELESS = [
    path
    for path in OPERATOR
    if any(path.is_relative_to(ROOT / "operator/napsim" / name) for name in ("core", "sim", "reading", "lint"))
]
TESTS = [path for path in MODULES if path.name.startswith("test_")]


def tree(path: Path) -> ast.Module:
    """The module at `path`, parsed."""
    return ast.parse(path.read_text(), str(path))


def place(path: Path, line: int | None = None) -> str:
    """A path, with or without line, as editors open it."""
    return str(path.relative_to(ROOT)) + (f":{line}" if line else "")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a module, nested ones and methods included."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def calls(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Each call `name.attribute(...)` below `node`, as (name, attribute), and `name(...)` as ("", name)."""
    for call in (child for child in ast.walk(node) if isinstance(child, ast.Call)):
        function = call.func
        if isinstance(function, ast.Attribute):
            owner = function.value
            yield getattr(owner, "id", getattr(owner, "attr", "")), function.attr
        elif isinstance(function, ast.Name):
            yield "", function.id


def assert_none(offences: Iterable[str]) -> None:
    """There are no offences; if there are, all of them are shown."""
    found = sorted(offences)
    assert not found, "\n" + "\n".join(found)


def test_there_is_something_to_check() -> None:
    assert len(OPERATOR) > 20
    assert len(TIMELESS) > 5
    assert TESTS


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{place(path, function.lineno)} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in MODULES
        for function in functions(path)
    }
    assert_none(f"{name}: {length} lines" for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION)


def test_no_module_is_longer_than_one_can_keep_in_mind() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in OPERATOR}
    assert_none(f"{name}: {length} lines" for name, length in lengths.items() if length > MOST_LINES_OF_A_MODULE)


def test_no_decision_asks_what_time_it_is() -> None:
    asked = [
        f"{place(path)} {'.'.join(call)}" for path in TIMELESS for call in calls(tree(path)) if call in CLOCK_CALLS
    ]
    assert_none(asked)


def imported_modules(path: Path) -> Iterator[str]:
    """The first part of the name of every module that a module imports, wherever it does."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


def test_no_decision_logs_or_uses_a_clock_or_a_randomness_of_its_own() -> None:
    used = [f"{place(path)} {name}" for path in TIMELESS for name in imported_modules(path) if name in UNTIMELY_MODULES]
    assert_none(used)


def test_modules_say_what_they_are_about() -> None:
    assert_none(place(path) for path in MODULES if {path.stem, path.parent.name} & VAGUE_MODULES)


def test_the_folder_operator_is_no_package() -> None:
    assert not (ROOT / "operator/__init__.py").exists(), "it would shadow the standard library's operator"


def swallows(handler: ast.ExceptHandler) -> bool:
    """The handler does nothing at all."""
    return all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in handler.body
    )


def test_no_exception_is_swallowed() -> None:
    found = [
        place(path, node.lineno)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or swallows(node))
    ]
    assert_none(found)


def test_every_lint_exception_says_why() -> None:
    found = [
        f"{place(path, number)} {line.strip()}"
        for path in MODULES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if (exception := LINT_EXCEPTION.search(line)) and not REASON.match(exception["rest"])
    ]
    assert_none(found)


@pytest.mark.parametrize(
    ("comment", "is_explained"),
    [
        ("  # noqa: S506 - a safe loader", True),
        ("  # noqa: S506, E501 (a safe loader)", True),
        ("  # type: ignore[attr-defined]  # added by a mixin", True),
        ("  # noqa", False),
        ("  # noqa: S506", False),
        ("  # type: ignore", False),
        ("  # type: ignore[attr-defined]", False),
    ],
)
def test_a_lint_exception_is_explained_only_by_words_after_it(comment: str, is_explained: bool) -> None:
    exception = LINT_EXCEPTION.search(f"x = 1{comment}")
    assert exception is not None
    assert (REASON.match(exception["rest"]) is not None) is is_explained


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_no_file_contains(what: str) -> None:
    found = [
        f"{place(path, number)} {line.strip()[:100]}"
        for path in FILES
        if path.suffix not in {".sum", ".gz", ".png"}
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if FORBIDDEN_TEXT[what].search(line)
    ]
    assert_none(found)


def proves_something(test: ast.AST, module: ast.Module) -> bool:
    """The test asserts, expects an exception or a warning, or calls a function of its module that does."""
    if any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(test)):
        return True
    called = list(calls(test))
    if any(call in {("pytest", "raises"), ("pytest", "warns"), ("pytest", "fail")} for call in called):
        return True
    if any(name.lstrip("_").startswith(("assert", "check", "eventually", "expect", "require")) for _, name in called):
        return True
    names = {name for owner, name in called if owner in {"", "self"}}
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node is not test
        and node.name in names
        and proves_something(node, ast.Module(body=[], type_ignores=[]))
        for node in ast.walk(module)
    )


def test_every_test_asserts() -> None:
    found = [
        f"{place(path, function.lineno)} {function.name}"
        for path in TESTS
        for module in [tree(path)]
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and function.name.startswith("test_")
        and not proves_something(function, module)
    ]
    assert_none(found)


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    found = [
        place(path, node.lineno)
        for path in MODULES
        if path.is_relative_to(ROOT / "tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in SKIPPING
        and getattr(node.value, "id", getattr(node.value, "attr", "")) in {"pytest", "mark", "unittest", "self"}
    ]
    assert_none(found)
