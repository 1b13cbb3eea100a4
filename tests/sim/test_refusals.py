"""What a pass leaves out while nothing but time goes on changes nothing that is told."""

from __future__ import annotations

from datetime import datetime

import pytest

from napsim.controllers.refusals import Refusals
from napsim.controllers.verdicts import Verdicts
from napsim.core.objects import NodeClaim
from napsim.core.reasons import Verdict
from napsim.core.trace import line
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from tests.sim.scenarios import cluster, scenario, shop


def full() -> Scenario:
    """Twelve full nodes of ten pods, all of which may go at once: most candidates are refused, again and again."""
    return scenario(cluster(shop(120), budgets=[{"nodes": "100%"}]))


def told(monkeypatch: pytest.MonkeyPatch, *, asks_each: bool) -> tuple[str, int]:
    """The trace and what is reported; and how many candidates were refused without being asked as always."""
    refused: list[Verdict] = []
    real = Refusals.of

    def counted(self: Refusals, claim: NodeClaim, now: datetime) -> Verdict | None:
        verdict = real(self, claim, now)
        refused.extend(() if verdict is None else (verdict,))
        return verdict

    with monkeypatch.context() as patch:
        patch.setattr(Refusals, "of", counted)
        if asks_each:
            patch.setattr(Refusals, "are_timeless", lambda *_: False)
            patch.setattr(Verdicts, "passes_again", lambda *_: False)
        outcome = simulate(full())
    parts = (*map(line, outcome.trace), repr(outcome.pools), repr(outcome.workloads), repr(outcome.blocked))
    return "\n".join(parts), len(refused)


def test_a_pass_that_asks_each_candidate_anew_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    each, none = told(monkeypatch, asks_each=True)
    short, some = told(monkeypatch, asks_each=False)
    assert short == each
    assert none == 0
    assert some > 20
    assert "not all pods would schedule" in short
