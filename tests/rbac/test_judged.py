"""Whether every rule is used is judged after the whole end-to-end suite, and said to be left out otherwise."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from tests.e2e.conftest import JUDGE, pytest_collection_modifyitems

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = sorted((ROOT / "tests/e2e").glob("test_*.py"))
NOT_JUDGED: Final = "NOT JUDGED: whether every rule of the chart is used"


@dataclass
class Run:
    """A stand-in for pytest's configuration: what was asked for, and what was left out."""

    args: list[str] = field(default_factory=lambda: ["tests/e2e"])
    options: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    stash: pytest.Stash = field(default_factory=pytest.Stash)

    @property
    def hook(self) -> Any:
        return SimpleNamespace(pytest_deselected=lambda items: self.left_out.extend(item.name for item in items))

    def getoption(self, name: str, default: Any) -> Any:
        return self.options.get(name, default)


def ordered(run: Run, files: list[Path]) -> list[str]:
    """The names of tests that run, in order, of one from each file."""
    items: list[Any] = [
        SimpleNamespace(name=JUDGE if file.stem == "test_rbac" else file.stem, path=file) for file in files
    ]
    pytest_collection_modifyitems(cast("pytest.Config", run), items)
    return [item.name for item in items]


def test_it_comes_last_when_the_whole_suite_runs() -> None:
    run = Run()
    names = ordered(run, [*SUITE, ROOT / "tests/core/test_budgets.py"])
    assert names[-1] == JUDGE
    assert len(names) == len(SUITE) + 1
    assert run.left_out == []


@pytest.mark.parametrize(
    ("run", "files"),
    [
        pytest.param(Run(), [file for file in SUITE if file.stem != "test_chaos"], id="a file is missing"),
        pytest.param(Run(options={"keyword": "rule"}), SUITE, id="tests chosen by name"),
        pytest.param(Run(options={"markexpr": "not slow"}), SUITE, id="tests chosen by mark"),
        pytest.param(Run(options={"deselect": ["tests/e2e/test_chaos.py::a"]}), SUITE, id="tests left out"),
        pytest.param(Run(options={"lf": True}), SUITE, id="those that failed last time"),
        pytest.param(Run(args=["tests/e2e", f"tests/e2e/test_rbac.py::{JUDGE}"]), SUITE, id="tests named"),
    ],
)
def test_it_is_left_out_when_a_part_of_the_suite_runs(run: Run, files: list[Path]) -> None:
    assert JUDGE not in ordered(run, files)
    assert run.left_out == [JUDGE]


def test_pytest_says_aloud_that_it_was_left_out() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider"]
    told = subprocess.run([*command, "tests/e2e/test_rbac.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert JUDGE not in told.stdout
    assert NOT_JUDGED in told.stdout
