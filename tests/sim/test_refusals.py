"""What a pass leaves out while nothing but time goes on changes nothing that is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from napsim.controllers.refusals import Refusals
from napsim.controllers.verdicts import Verdicts
from napsim.core.objects import NodeClaim
from napsim.core.outlook import Refused
from napsim.core.reasons import Verdict
from napsim.core.timings import Distribution
from napsim.core.trace import line
from napsim.sim.kernel import Kernel
from napsim.sim.scenario import Applied, PodTimings, Scenario
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim.scenarios import OPENS, QUICK, cluster, scenario, shop

ALL: Final[list[dict[str, Any]]] = [{"nodes": "100%"}]
HALF_UNTIL_TWO: Final[list[dict[str, Any]]] = [
    {"nodes": "50%", "schedule": "0 20 * * *", "duration": "6h10m"},
    {"nodes": "25%"},
]


def full() -> Scenario:
    """Twelve full nodes of ten pods, all of which may go at once: most candidates are refused, again and again."""
    return scenario(cluster(shop(120), budgets=ALL))


def drawn(seed: int) -> Scenario:
    """Some ten nodes with pods of one to three sizes, PDBs of some, and changes while nodes are replaced."""
    some = random.Random(seed)
    workloads = list(shop(some.choice((60, 100)), maxUnavailable=some.choice(("10%", "50%"))))
    for name, cpu in (("large", "1100m"), ("small", "90m"))[: some.randint(0, 2)]:
        item = made.deployment(name, some.randint(5, 15))
        item["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu
        workloads.append(item)
    budgets = some.choice((ALL, HALF_UNTIL_TWO, [{"nodes": "30%"}]))
    changed = made.deployment("web", 70)
    at = OPENS + timedelta(minutes=some.randint(5, 15))
    starts = PodTimings(Distribution(low=some.uniform(1, 9)), Distribution(low=some.uniform(1, 5)))
    pods = some.choice((QUICK, starts))
    return scenario(cluster(workloads, budgets=budgets), [Applied(at, changed)], pods=pods, seed=seed)


class Ways:
    """How candidates were refused that are not asked as always: one by one, and counted."""

    def __init__(self) -> None:
        self.alone: list[Verdict] = []
        self.counted: list[str] = []


def told(monkeypatch: pytest.MonkeyPatch, of: Scenario, *, asks: bool = False, counts: bool = True) -> tuple[str, Ways]:
    """The trace and what is reported. ``asks``: each candidate, as always; ``counts``: those refused as before."""
    ways = Ways()
    one, more = Refusals.of, Refusals.again

    def alone(self: Refusals, claim: NodeClaim, now: datetime) -> Verdict | None:
        verdict = one(self, claim, now)
        ways.alone.extend(() if verdict is None else (verdict,))
        return verdict

    def counted(self: Refusals, claims: Sequence[str], now: datetime) -> Refused | None:
        found = more(self, claims, now)
        ways.counted.extend(found.names if found is not None else ())
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Refusals, "of", alone)
        patch.setattr(Refusals, "again", counted)
        if asks:
            patch.setattr(Refusals, "are_timeless", lambda *_: False)
            patch.setattr(Verdicts, "passes_again", lambda *_: False)
        if not counts:
            patch.setattr(Kernel, "calm", lambda *_: 0)
        outcome = simulate(of)
    parts = (*map(line, outcome.trace), repr(outcome.pools), repr(outcome.workloads), repr(outcome.blocked))
    return "\n".join(parts), ways


def test_a_pass_that_asks_each_candidate_anew_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    each, none = told(monkeypatch, full(), asks=True, counts=False)
    one_by_one, alone = told(monkeypatch, full(), counts=False)
    together, counted = told(monkeypatch, full())
    assert together == one_by_one == each
    assert not none.alone
    assert not none.counted
    assert len(alone.alone) > 20
    assert not alone.counted
    assert len(counted.counted) > 20
    assert "not all pods would schedule" in each


def test_whatever_the_cluster_candidates_that_are_counted_are_refused_as_if_they_were_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = 0
    for seed in (3, 5, 7):  # pods of one size, of several; few candidates, many
        each, _ = told(monkeypatch, drawn(seed), asks=True, counts=False)
        together, ways = told(monkeypatch, drawn(seed))
        assert together == each, seed
        counted += len(ways.counted)
    assert counted > 300
