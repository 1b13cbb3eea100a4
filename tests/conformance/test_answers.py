"""napsim gives the answers of the real Go code, line by line and byte by byte."""

from __future__ import annotations

import gzip
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from tests.conformance import answer

DATA: Final = Path(__file__).parent / "data"
SHOWN: Final = 5
FILES: Final = [
    pytest.param("cron", "robfig-cron-answers.jsonl.gz", 40_000, id="robfig-cron"),
    pytest.param("budgets", "karpenter-budget-answers.jsonl.gz", 60_000, id="karpenter-budgets"),
    pytest.param("nodepool-hash", "karpenter-nodepool-hash-answers.jsonl.gz", 3_000, id="karpenter-nodepool-hash"),
    pytest.param("nodeclass-hash", "karpenter-azure-nodeclass-hash-answers.jsonl.gz", 2_000, id="azure-nodeclass-hash"),
]


def lines_of(file: str) -> list[str]:
    with gzip.open(DATA / file, "rt", encoding="utf-8") as text:
        return text.read().splitlines()


def differences(expected: list[str], answered: list[str]) -> str:
    differing = [pair for pair in zip(expected, answered, strict=True) if pair[0] != pair[1]]
    shown = "".join(f"\n  Go     {go}\n  napsim {ours}" for go, ours in differing[:SHOWN])
    return f"{len(differing)} of {len(expected)} lines differ{shown}" if differing else ""


@pytest.mark.parametrize(("kind", "file", "count"), FILES)
def test_every_line_is_answered_as_the_go_code_does(kind: str, file: str, count: int) -> None:
    expected = lines_of(file)

    assert len(expected) == count
    assert differences(expected, list(answer.answered(kind, expected))) == ""


@pytest.mark.parametrize(("kind", "file", "count"), FILES)
def test_the_script_answers_questions_on_standard_input(kind: str, file: str, count: int) -> None:
    sample = list(islice(lines_of(file), 0, count, count // 100))

    script = subprocess.run(
        [sys.executable, str(Path(answer.__file__)), kind],
        input="\n".join(sample),
        capture_output=True,
        check=True,
        encoding="utf-8",
    )

    assert differences(sample, script.stdout.splitlines()) == ""


def test_a_question_without_its_answer_is_enough() -> None:
    question = '{"schedule":"0 9 * * 1","now":"2026-03-04T00:00:00Z"}'

    assert list(answer.answered("cron", [question])) == [
        '{"next":"2026-03-09T09:00:00Z","now":"2026-03-04T00:00:00Z","schedule":"0 9 * * 1"}'
    ]


def test_differing_lines_are_shown_side_by_side() -> None:
    assert differences(["a", "b"], ["a", "c"]) == "1 of 2 lines differ\n  Go     b\n  napsim c"


ASKED: Final = '"now":"2026-03-04T00:00:00Z"'
INVALID: Final = [
    pytest.param("cron", "nonsense", "not JSON: ", id="not-json"),
    pytest.param("cron", "[" * 100_000, "nested too deeply", id="nested-without-end"),
    pytest.param("cron", "[1]", "allowed is an object with the keys schedule, now", id="a-list"),
    pytest.param("cron", "{}", "schedule is missing; now is missing", id="nothing-asked"),
    pytest.param("cron", f'{{"schedule":5,{ASKED}}}', "schedule 5: allowed is a string", id="a-number-as-schedule"),
    pytest.param(
        "cron", '{"schedule":"@daily","now":"2026-03-04T00:00:00"}', "now '2026-03-04T00:00:00'", id="no-zone"
    ),
    pytest.param("cron", '{"schedule":"@daily","now":"soon"}', "now 'soon': allowed is an instant", id="no-instant"),
    pytest.param("budgets", f'{{"budgets":null,"nodes":1,{ASKED}}}', "budgets None: allowed is a list", id="null"),
    pytest.param("budgets", f'{{"budgets":[5],"nodes":1,{ASKED}}}', "budgets [5]: allowed is a list", id="no-budget"),
    pytest.param("budgets", f'{{"budgets":[],"nodes":-1,{ASKED}}}', "nodes -1: allowed is a number", id="negative"),
    pytest.param("budgets", f'{{"budgets":[],"nodes":true,{ASKED}}}', "nodes True: allowed is a number", id="true"),
    pytest.param(
        "budgets",
        f'{{"budgets":[{{"nodes":5}},{{}},{{"duration":"1d"}}],"nodes":1,{ASKED}}}',
        "budgets[0]: budget {'nodes': 5}: nodes 5: allowed is a string, budgets[2]: ",
        id="budgets-that-do-not-decode",
    ),
    pytest.param(
        "budgets",
        '{"budgets":[{"schedule":"@daily","duration":"48h"}],"nodes":1,"now":"0001-01-01T00:00:00Z"}',
        "the answer lies outside the years 1 to 9999",
        id="before-the-calendar",
    ),
    pytest.param("nodepool-hash", '{"template":null}', "template None: allowed is an object", id="no-template"),
    pytest.param(
        "nodepool-hash", '{"template":{"metadata":5}}', "template.metadata 5: allowed is an object", id="deep"
    ),
    pytest.param("nodeclass-hash", '{"spec":{"maxPods":"x"}}', "spec.maxPods 'x': allowed is an integer", id="text"),
    pytest.param("nodeclass-hash", r'{"spec":{"fipsMode":"\ud800"}}', "is half a character", id="half-a-character"),
]


@pytest.mark.parametrize(("kind", "line", "named"), INVALID)
def test_a_line_that_is_no_question_is_refused_with_what_is_wrong(kind: str, line: str, named: str) -> None:
    with pytest.raises(answer.QuestionError) as refused:
        answer.answer_line(kind, line)

    assert named in str(refused.value)


def test_one_bad_line_leaves_the_others_their_answers_and_is_named_with_its_number() -> None:
    lines = ["", f'{{"schedule":"@daily",{ASKED}}}', '{"schedule":"@daily"}', "", f'{{"schedule":"7",{ASKED},"x":1}}']

    script = subprocess.run(
        [sys.executable, str(Path(answer.__file__)), "cron"],
        input="\n".join(lines), capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip

    assert script.returncode == 1
    assert script.stderr == "line 3: now is missing\n"
    assert script.stdout.splitlines() == [
        '{"next":"2026-03-05T00:00:00Z","now":"2026-03-04T00:00:00Z","schedule":"@daily"}',
        '{"error":true,"now":"2026-03-04T00:00:00Z","schedule":"7"}',
    ]
