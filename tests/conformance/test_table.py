"""The conformance table is whole: every row of the references is in it, and every row it calls tested has a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.collector import Collector
from tests.conformance.rows import (
    REFERENCES,
    Row,
    Table,
    carried_ids,
    decisions_of_references,
    load,
    rows_of_references,
)
from tests.conformance.table import State, lines, problems, rendered

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = Table(
    rows={id_: Row(id_, f"about {id_}", places) for id_, places in (("karpenter:B01", ()), ("pm:6", ("6/1", "6/2")))},
    not_applicable={},
    open={},
)
FRAGMENT: Final = {
    "karpenter.md": (
        "## 19. Rows\n\n| id | input |\n|---|---|\n| B01 | a |\n| B02 | b |\n\n## 20. More\n\n| C01 | c |\n"
    ),
    "nap.md": "## 16. Rows\n\n### 16.1 Some\n\n| id | input |\n|---|---|\n| D11a | a |\n",
    "planned-maintenance.md": (
        "## 6. No configuration\n\n| Source | Says |\n|---|---|\n| a | b |\n\n**Choice.** c\n\n"
        "## 9. Versions\n\n- d\n\n## 11. Examples\n\n| # | e |\n|---|---|\n| 1 | f |\n"
    ),
}

INNER: Final = """
import pytest

@pytest.mark.row("karpenter:X02")
def test_marked():
    assert False

@pytest.mark.parametrize("value", [pytest.param(1, id="nap:P1")])
def test_parametrized(value):
    pass

def test_of_no_row():
    pass
"""


@pytest.fixture
def references(tmp_path: Path) -> Path:
    for name, text in FRAGMENT.items():
        (tmp_path / name).write_text(text)
    return tmp_path


# --- the repository's own table ---------------------------------------------------------------------------------------


def test_every_row_is_tested_or_not_applicable_or_open_with_a_reason() -> None:
    """Collects the whole suite, without running it."""
    command = [sys.executable, "-m", "tests.conformance", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == int(bool(load().open)), done.stdout[-3000:] + done.stderr
    assert State.MISSING not in done.stdout, done.stdout
    assert " is no row" not in done.stdout, done.stdout


def test_the_table_has_as_many_rows_as_the_references() -> None:
    rows = load().rows
    numbered = {name for name in rows if carried_ids([name]) and name.split(":")[1][0].isupper()}
    assert sum(name.startswith("karpenter:") for name in numbered) == 213
    assert sum(name.startswith("nap:") for name in numbered) == 85
    assert {name for name in rows if name.startswith("pm:11-")} == {f"pm:11-{number}" for number in range(1, 13)}


def test_the_references_are_covered_where_they_can_be_seen() -> None:
    assert problems(load(), {}, REFERENCES) == []


def test_what_is_not_applicable_is_little_and_has_a_reason() -> None:
    listed = load().not_applicable
    assert len(listed) <= 5
    assert all(len(reason) > 20 for reason in listed.values())


# --- how it is made ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param("karpenter:B01", ["karpenter:B01"], id="whole"),
        pytest.param("a-nap:X7 start-1", ["nap:X7"], id="with-a-note"),
        pytest.param("pm:5.2-two-pieces, karpenter:R03-end", ["pm:5.2-two-pieces", "karpenter:R03-end"], id="two"),
        pytest.param("NodePool: good", [], id="none"),
    ],
)
def test_ids_are_found_in_texts(text: str, ids: list[str]) -> None:
    assert carried_ids([text]) == ids


@pytest.mark.parametrize(
    ("carried", "row"),
    [("pm:6", "pm:6"), ("pm:6-a-b", "pm:6"), ("karpenter:B01-end", "karpenter:B01"), ("karpenter:B010", None)],
    ids=["its own", "twice refined", "refined", "another"],
)
def test_an_id_names_its_row_or_refines_it(carried: str, row: str | None) -> None:
    assert TABLE.row_of(carried) == row


def test_the_references_rows_and_decisions_are_read(references: Path) -> None:
    assert rows_of_references(references) == {"karpenter:B01", "karpenter:B02", "nap:D11a", "pm:11-1"}
    assert decisions_of_references(references) == {"6/1", "6/2"}


def test_a_row_of_the_references_in_no_list_is_a_problem(references: Path) -> None:
    found = problems(TABLE, {"a::b": ["karpenter:B99"]}, references)
    assert found == [
        "karpenter:B99 of a::b is no row",
        "karpenter:B02 of the references is in no list",
        "nap:D11a of the references is in no list",
        "pm:11-1 of the references is in no list",
    ]
    assert problems(TABLE, {}, references / "nowhere") == []


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        pytest.param({"a": "passed", "b": "passed"}, State.PASSED, id="all-passed"),
        pytest.param({"a": "passed", "b": "failed"}, State.FAILED, id="one-failed"),
        pytest.param({"a": "passed"}, State.NOT_RUN, id="one-did-not-run"),
    ],
)
def test_a_row_is_what_its_worst_test_is(outcomes: dict[str, str], state: State) -> None:
    tests = {"a": ["karpenter:B01"], "b": ["karpenter:B01-end"]}
    (line, other) = lines(TABLE, tests, outcomes)
    assert (line.state, line.where) == (state, "a, b")
    assert (other.state, other.where) == (State.MISSING, "")
    assert "MISSING" in rendered([line, other])


def test_an_open_row_is_open_whatever_its_tests_say() -> None:
    table = Table(TABLE.rows, {"pm:6": "why"}, {"karpenter:B01": "half of it"})
    found = lines(table, {"a": ["karpenter:B01"]}, {"a": "passed"})
    assert [line.state for line in found] == [State.OPEN, State.NOT_APPLICABLE]
    assert "1 not applicable, 1 open" in rendered(found)


def test_marks_and_parameters_carry_ids(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("")  # with one, plugins are hashed
    file = tmp_path / "test_inner.py"
    file.write_text(INNER)
    collector = Collector()
    options = ["-c", os.devnull, "--quiet", "-p", "no:cacheprovider", "--disable-warnings", "--import-mode=importlib"]
    assert pytest.main([str(file), *options], plugins=[collector]) is pytest.ExitCode.TESTS_FAILED
    assert sorted(collector.tests.values()) == [["karpenter:X02"], ["nap:P1"]]
    assert sorted(collector.outcomes.values()) == ["failed", "passed"]


def test_tests_that_are_not_to_be_run_are_known(tmp_path: Path) -> None:
    file = tmp_path / "test_inner.py"
    file.write_text(INNER)
    collector = Collector(not_run=tmp_path)
    options = ["-c", os.devnull, "--quiet", "-p", "no:cacheprovider", "--disable-warnings", "--import-mode=importlib"]
    assert pytest.main([str(file), *options], plugins=[collector]) is pytest.ExitCode.NO_TESTS_COLLECTED
    assert sorted(collector.tests.values()) == [["karpenter:X02"], ["nap:P1"]]
    assert collector.outcomes == {}
