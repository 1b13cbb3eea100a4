"""What docs/architecture.md draws and lists is what there is."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path
from typing import Final

from napsim.core.reasons import Reason
from tests.docs.links import ROOT

PACKAGE: Final = ROOT / "operator/napsim"
PAGE: Final = (ROOT / "docs/architecture.md").read_text()
CORE: Final = (PACKAGE / "core/README.md").read_text()
MODULES: Final = re.compile(r"\b(?:api|core|controllers|reading|lint|live|sim|report|cluster|azure|cli)/\w+\.py\b")
ROW: Final = re.compile(r"^\| `(\w+)` \| [^|]+ \| `([\w/.]+)` `(\w+)` \| ([^|]+) \|$", re.MULTILINE)
DRAWN: Final = re.compile(r"<!-- layers[^>]*-->\n```text\n(.*?)```", re.DOTALL)


def layers_enforced() -> list[set[str]]:
    """Those of the contract, the topmost first."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    lines = contracts["importlinter:contract:layers"]["layers"].split("\n")
    return [{name.strip() for name in line.split("|")} for line in lines if line.strip()]


def layers_drawn() -> list[set[str]]:
    """Those of the drawing: the packages of each line that names any, up to what is said of them."""
    (drawing,) = DRAWN.findall(PAGE)
    names = (re.split(r"\s{4,}", line.strip())[0] for line in drawing.splitlines())
    return [{name.strip() for name in line.split("│")} for line in names if re.search(r"\w", line)]


def imports(module: Path) -> set[str]:
    """The modules of napsim that it imports."""
    nodes = ast.walk(ast.parse(module.read_text()))
    return {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_layers_drawn_are_those_enforced() -> None:
    assert layers_drawn() == layers_enforced()


def test_contributing_has_the_same_layers() -> None:
    told = re.findall(r"`(cli → .+ → api)`", (ROOT / "CONTRIBUTING.md").read_text())
    layers = [{name.strip("() ") for name in layer.split("|")} for line in told for layer in line.split("→")]
    assert layers == layers_enforced()[1:], "__main__ apart"


def test_every_module_named_exists() -> None:
    named = set(MODULES.findall(PAGE))
    assert len(named) > 50
    assert [name for name in sorted(named) if not (PACKAGE / name).is_file()] == []


def test_every_controller_is_named() -> None:
    there = {f"controllers/{path.name}" for path in (PACKAGE / "controllers").glob("*.py")} - {
        "controllers/__init__.py"
    }
    assert sorted(there - set(MODULES.findall(PAGE))) == []


def test_the_queues_are_those_that_the_shells_make() -> None:
    made = re.findall(
        r'^        yield "(\w+)", self', (PACKAGE / "controllers/controllers.py").read_text(), re.MULTILINE
    )
    assert [queue for queue, *_ in ROW.findall(PAGE)] == made


def test_who_is_said_to_decide_is_asked() -> None:
    wrong = []
    for _, module, controller, decided in ROW.findall(PAGE):
        text = (PACKAGE / module).read_text()
        if f"class {controller}" not in text:
            wrong.append(f"{module} has no class {controller}")
        asked = imports(PACKAGE / module)
        named = re.findall(r"core/(\w+)\.py", decided)
        wrong += [f"{module} does not ask core/{name}.py" for name in named if f"napsim.core.{name}" not in asked]
    assert wrong == []


def section(title: str) -> str:
    """What stands under a heading of the core's README."""
    return CORE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_module_of_the_core_has_its_question() -> None:
    rows = re.findall(r"^\|[^|]+\|([^|]+)\|[^|]*\|$", section("Which module answers which question"), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    there = {path.stem for path in (PACKAGE / "core").glob("*.py")} - {"__init__"}
    assert listed == there


def test_a_module_says_in_its_docstring_whether_it_is_a_mirror_or_a_policy() -> None:
    rows = re.findall(r"^\|[^|]+\|([^|]+)\|([^|]*)\|$", section("Which module answers which question"), re.MULTILINE)
    wrong = []
    for modules, kind in rows:
        named = re.findall(r"`(\w+)`", modules)
        told = {name: ast.get_docstring(ast.parse((PACKAGE / f"core/{name}.py").read_text())) or "" for name in named}
        for word in re.findall("mirror|policy", kind):
            said = [re.search(rf"\b{word}", text, re.IGNORECASE) is not None for text in told.values()]
            wrong += [] if all(said) or (any(said) and "mirror, policy" in kind) else [f"{modules.strip()}: {word}"]
    assert wrong == []


def test_every_reason_is_in_the_list_of_the_core() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", section("All reasons"), re.MULTILINE)
    assert sorted(listed) == sorted(Reason)
