"""What napsim depends on: what is declared is used, what is used is declared, and all licences go with ours."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hack.licences import forbidden, pinned, rows
from tests.packaging.repository import ROOT, project

# As text, which is quicker than parsing it: both statements, and calls of import_module.
IMPORT: Final = re.compile(
    r"^\s*(?:from (?P<from>\w+)[\w.]* import |import (?P<import>\w+))|\bimport_module\(\"(?P<call>\w+)", re.MULTILINE
)
# Imported under a name that is not the distribution's.
DISTRIBUTIONS: Final = {
    "cel": "common-expression-language",
    "dateutil": "python-dateutil",
    "hcl2": "python-hcl2",
    "markdown_it": "markdown-it-py",
    "yaml": "pyyaml",
}
OURS: Final = {"conf", "hack", "napsim", "operator", "tests"}
REASON: Final = re.compile(r'^  "(?P<name>[\w-]+)[^"]*",\s+# not imported: \w+', re.MULTILINE)
LICENCES: Final = (ROOT / "THIRD_PARTY.md").read_text()


@cache
def imported(folder: Path) -> dict[str, str]:
    """The distributions that the modules below a folder import, each with one of the modules that does."""
    return {
        canonicalize_name(DISTRIBUTIONS.get(name, name)): str(path.relative_to(ROOT))
        for path in sorted(folder.rglob("*.py"))
        for name in names(path.read_text())
        if name not in sys.stdlib_module_names | OURS
    }


def names(text: str) -> Iterator[str]:
    return (match[match.lastgroup or 0] for match in IMPORT.finditer(text))


def declared(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def extras() -> dict[str, set[str]]:
    return {extra: declared(lines) for extra, lines in project()["optional-dependencies"].items()}


def test_what_the_package_needs_to_run_is_imported_or_has_its_reason() -> None:
    reasons = {match["name"] for match in REASON.finditer((ROOT / "pyproject.toml").read_text())}
    unused = declared(project()["dependencies"]) - set(imported(ROOT / "operator"))
    assert unused == reasons


def test_what_the_package_imports_is_declared_to_run_or_as_an_extra_of_users() -> None:
    known = declared(project()["dependencies"]).union(*(found for name, found in extras().items() if name != "dev"))
    undeclared = {name: path for name, path in imported(ROOT / "operator").items() if name not in known}
    assert undeclared == {}


def test_what_tests_and_scripts_import_is_declared_too() -> None:
    known = declared(project()["dependencies"]) | extras()["dev"]
    found = imported(ROOT / "tests") | imported(ROOT / "hack")
    undeclared = {name: path for name, path in found.items() if name not in known}
    assert undeclared == {}


def test_all_extras_are_there_to_develop_with() -> None:
    assert set().union(*extras().values()) == extras()["dev"]


def test_every_pinned_package_is_listed_with_its_licence() -> None:
    runtime, development = pinned(ROOT / "requirements/runtime.txt"), pinned(ROOT / "requirements/dev.txt")
    listed = {line.split("|")[1].strip(): line for line in LICENCES.splitlines() if line.startswith("| ")}
    here = rows(runtime, development)
    assert {name: listed.get(name) for name in here} == here, "`make licences` writes them anew"
    assert {*runtime, *development} - set(listed) <= {"colorama"}


def test_every_licence_goes_with_ours() -> None:
    expressions = [line.split("|")[2].strip() for line in LICENCES.splitlines() if line.startswith("| ")][1:]
    assert len(expressions) > 50
    assert set().union(*map(forbidden, expressions)) == set()


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("MIT", set()),
        ("Apache-2.0 AND CNRI-Python", set()),
        ("Apache-2.0 OR GPL-3.0-only", set()),
        ("(MIT AND GPL-3.0-only) OR LGPL-2.1-only", {"GPL-3.0-only"}),
        ("AGPL-3.0-only", {"AGPL-3.0-only"}),
        ("", {"nothing"}),
    ],
)
def test_a_licence_that_is_not_known_is_refused(expression: str, found: set[str]) -> None:
    assert forbidden(expression) == found


def test_our_licence_is_the_whole_of_apaches() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert all(f"\n   {number}. " in text for number in range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text
    assert "limitations under the License." in text
