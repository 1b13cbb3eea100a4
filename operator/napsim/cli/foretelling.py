"""The forecast of the demo's own scenario: the examples, and a PDB that is relaxed when nothing else is left."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from napsim.cli.forecasting import forecast_of
from napsim.reading.sources import read
from napsim.report.forecast import Forecast, Pool
from napsim.report.scenes import pdb_of
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Applied, Manifest, Scenario
from napsim.sim.simulation import simulate

_KIND: Final = "PodDisruptionBudget"
_LENGTH: Final = timedelta(days=1)  # until when there is nothing left but what is blocked


def foretold(folder: Path, now: datetime) -> Forecast:
    """What will happen to the manifests of a folder, if nobody does anything but to relax the PDB that blocks the end.

    Raises BadInput.
    """
    documents, mistakes = read([str(folder)], stdin=str)
    scenario = scenario_of(documents, Asked(now), mistakes)
    untouched = _forecast(replace(scenario, until=scenario.start + _LENGTH))
    held = {pdb_of(item.message) for item in untouched.blocked if item.until is None}
    if not any(held):
        return untouched
    at = max(_still_since(pool) for pool in untouched.pools)
    events = tuple(Applied(at, _relaxed(scenario, *named)) for named in sorted(filter(None, held)))
    return _forecast(replace(scenario, until=at + _LENGTH, events=events, ends_early=True))


def _forecast(scenario: Scenario) -> Forecast:
    return forecast_of(scenario, simulate(scenario, pods_in_trace=False))


def _still_since(pool: Pool) -> datetime:
    """Since when its nodes are what they are at the end."""
    changes = [
        after.at
        for before, after in pairwise(pool.steps)
        if (before.versions, before.disrupting) != (after.versions, after.disrupting)
    ]
    return changes[-1] if changes else pool.steps[0].at


def _relaxed(scenario: Scenario, namespace: str, name: str) -> Manifest:
    """The PDB as its owner might change it."""
    found = next(
        it
        for it in scenario.manifests
        if it["kind"] == _KIND and (it["metadata"]["namespace"], it["metadata"]["name"]) == (namespace, name)
    )
    spec = {key: value for key, value in found["spec"].items() if key != "maxUnavailable"}
    return {**found, "spec": {**spec, "minAvailable": 0}}
