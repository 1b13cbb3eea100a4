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
