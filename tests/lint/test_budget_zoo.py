"""Budgets that people published are found for what they are, and none that is right is flagged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.lint.examples import codes, linted, pool

ZOO: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "conformance/data/budget-zoo.json").read_text("utf-8")
)
BUDGETS: Final = {entry["id"]: json.dumps(entry["budgets"]) for entry in ZOO["entries"]}
UNLIMITED_OUTSIDE, NO_DRIFT, MASKED, REFUSED = "NAP101", "NAP102", "NAP103", "NAP106"
# By the verdict of the collection: unlimited outside, never, fails closed, as intended.
EXPECTED: Final = {
    "karpenter-discussion-1079": [UNLIMITED_OUTSIDE],
    "aws-8290": [UNLIMITED_OUTSIDE],
    "aws-7026": [NO_DRIFT, UNLIMITED_OUTSIDE],
    "karpenter-1190-proposal": [MASKED],
    "karpenter-1190-workaround": [],
    "karpenter-1066": [],
    "aks-docs-weekend-only": [MASKED],
    "aks-docs-gradual": [UNLIMITED_OUTSIDE],
    "karpenter-1866": [REFUSED],
    "karpenter-1939": [UNLIMITED_OUTSIDE],  # of consolidation; its zero for drift is meant
    "karpenter-2218-one-at-a-time": [],
    "karpenter-2218-sunday": [],
}


def test_every_published_budget_is_here() -> None:
    assert set(BUDGETS) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_budget_is_found_for_what_it_is(name: str) -> None:
    assert codes(pool(BUDGETS[name])) == EXPECTED[name]


def test_only_the_reasons_that_are_unlimited_are_named() -> None:
    (finding,) = linted(pool(BUDGETS["karpenter-1939"])).findings
    assert finding.message.startswith("restricts Empty and Underutilized only while it is active")
    assert "76%" in finding.message
    assert finding.help.endswith("with reasons: [Empty, Underutilized]")


def test_the_schedule_that_runs_backwards_is_put_right() -> None:
    (finding,) = linted(pool(BUDGETS["karpenter-1866"])).findings
    assert finding.field == "spec.disruption.budgets[2].schedule"
    assert finding.edit is not None
    assert finding.edit.text == '"0 0 * * sat,sun"'
