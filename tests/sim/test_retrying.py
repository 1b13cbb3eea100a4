"""Evictions at Karpenter's pace: tries that would be in vain are left out, and nothing comes out otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from napsim.core.pace import MEASURED
from napsim.core.retries import KARPENTER
from napsim.core.timings import Distribution
from napsim.core.trace import RecordKind, line
from napsim.sim.evictor import Evictor
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Applied, PodTimings, Scenario
from napsim.sim.simulation import simulate
from napsim.sim.simulator import Simulator
from tests.e2e import manifests as made
from tests.sim.scenarios import OPENS, cluster, scenario, shop

PODS = PodTimings(Distribution("uniform", low=1.31, high=7.77), Distribution("uniform", low=0.13, high=1.7))


class TryingEvictor(Evictor):
    """Tries each time that Karpenter does, whether there is room or not."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts[:4])  # type: ignore[arg-type]  # those of an Evictor
        self.refusals: dict[str, tuple[datetime, int]] = {}

    def on_pdb(self, key: str, room: int | None) -> None:
        """It is not what it waits for."""

    def on_change(self, old: object, new: object) -> None:
        """Nor is this."""

    def _attempt(self, key: str) -> None:
        self._release(key)
        super()._attempt(key)
        if key not in self._held:
            self.refusals.pop(key, None)
            return
        first, count = self.refusals.setdefault(key, (self.kernel.now, 0))
        at = KARPENTER.next_at(first, self.kernel.now)
        self.refusals[key] = first, count + 1
        self._queued.add(key)
        self.kernel.at(at, self._attempt, key)


def evicted(outcome: Outcome) -> list[timedelta]:
    """When each pod of the one node went, since the first."""
    found = [item.at for item in outcome.trace if item.kind is RecordKind.POD_EVICTED]
    return [at - found[0] for at in found]


def tight(seed: int) -> Scenario:
    """Two nodes at once, whose pods may go one at a time, then not at all, then two at a time; one is deleted."""
    events = [
        Applied(OPENS + timedelta(seconds=97), made.pdb("web", maxUnavailable=0)),
        Applied(OPENS + timedelta(seconds=211), made.pdb("web", maxUnavailable=2)),
    ]
    manifests = cluster(shop(20, maxUnavailable=1), [{"nodes": "100%"}])
    return scenario(manifests, events, pods=PODS, seed=seed, pace=replace(MEASURED, evictions=timedelta(seconds=0.017)))


def test_a_pod_that_was_refused_goes_at_its_next_try_not_when_there_is_room() -> None:
    """Pods start in 5 s: of those refused at 0 s the second goes at 6.3 s, the third at 12.7 s, then every 10 s."""
    outcome = simulate(scenario(cluster(shop(10, maxUnavailable=1))))
    assert [at.total_seconds() for at in evicted(outcome)[:5]] == pytest.approx([0, 6.3, 12.7, 22.7, 32.7])


def test_at_once_is_as_soon_as_there_is_room() -> None:
    at_once = replace(scenario(cluster(shop(10, maxUnavailable=1))), pace=replace(MEASURED, retries=None))
    assert [at.total_seconds() for at in evicted(simulate(at_once))[:4]] == pytest.approx([0, 5, 10, 15])


@pytest.mark.parametrize("seed", [1, 2])
def test_tries_in_vain_are_left_out_and_nothing_comes_out_otherwise(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    played = simulate(tight(seed))
    monkeypatch.setattr(Simulator, "_evictor", lambda it: TryingEvictor(it.kernel, it.state, it.api, it._evicted))
    tried = simulate(tight(seed))
    assert [line(record) for record in played.trace] == [line(record) for record in tried.trace]
    assert len(evicted(played)) == 20


def test_a_pdb_that_never_has_room_costs_nothing_however_long_it_holds() -> None:
    tightened = Applied(OPENS + timedelta(seconds=72), made.pdb("web", maxUnavailable=0))
    outcome = simulate(scenario(cluster(shop(10, maxUnavailable=1)), [tightened], days=2))
    assert 0 < len(evicted(outcome)) < 10
    assert outcome.finished_at is None
    assert outcome.steps < 2000
