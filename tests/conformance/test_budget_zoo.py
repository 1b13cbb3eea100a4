"""Budgets that people published: for how many minutes of a week each allows how much, by Karpenter's own code."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from napsim.core.budgets import UNLIMITED, Budget, allowed_by_reason, next_change
from napsim.core.clock import parse_rfc3339

ZOO: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "data/budget-zoo.json").read_text("utf-8"))
NODES: Final[int] = ZOO["nodes"]
FROM, TO = (parse_rfc3339(ZOO["week"][bound]) for bound in ("from", "to"))
MINUTE: Final = timedelta(minutes=1)


@pytest.mark.parametrize("entry", ZOO["entries"], ids=lambda entry: entry["id"])
def test_a_week_of_published_budgets_allows_what_karpenter_s_code_does(entry: dict[str, Any]) -> None:
    """From change to change, so that a change that is missed or made up shows as well."""
    budgets = [Budget.from_spec(spec) for spec in entry["budgets"]]
    for reason, expected in entry["expected"].items():
        minutes: Counter[str] = Counter()
        at = FROM
        while at < TO:
            until = min(next_change(budgets, at) or TO, TO)
            allowed = allowed_by_reason(budgets, reason, NODES, at).allowed
            minutes["unlimited" if allowed == UNLIMITED else str(allowed)] += (until - at) // MINUTE
            at = until
        assert minutes == expected, reason


def test_the_zoo_is_whole() -> None:
    assert len(ZOO["entries"]) == 12
    assert all(sum(levels.values()) == 168 * 60 for entry in ZOO["entries"] for levels in entry["expected"].values())
