"""The forecast of a scenario's folder, as ``napsim simulate`` comes to it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from napsim.cli.forecasting import forecast_of
from napsim.reading.sources import read
from napsim.report.forecast import Blocked, Forecast, Pool
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.simulation import simulate

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # every scenario says its own start


@cache
def forecast(test: str) -> Forecast:
    """The answer to the scenario beside a test (``__file__``)."""
    documents, mistakes = read([str(Path(test).parent)], stdin=str)
    scenario = scenario_of(documents, Asked(NOW), mistakes)
    return forecast_of(scenario, simulate(scenario))


def pool(of: Forecast, name: str = "default") -> Pool:
    return next(item for item in of.pools if item.name == name)


def blocked(of: Forecast, reason: str) -> list[Blocked]:
    return [item for item in of.blocked if item.reason == reason]


def at(text: str) -> datetime:
    """``2026-03-08 01:00`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
