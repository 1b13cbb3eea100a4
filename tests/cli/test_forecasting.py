"""What the document of a forecast says of what was simulated."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from napsim.cli.forecasting import forecast_of
from napsim.core.timings import Distribution, Timings
from napsim.report.forecast import Forecast
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from tests.sim.scenarios import cluster, scenario, shop


def forecast(given: Scenario) -> Forecast:
    return forecast_of(given, simulate(given))


@pytest.mark.parametrize(
    ("timing", "told"),
    [
        (Distribution(low=20), "launch 20s,"),
        (Distribution("uniform", 5, 9), "launch uniform (5s to 9s),"),
        (Distribution("normal", 20, 60, 40, 10), "launch normal (mean 40s, deviation 10s, at least 20s, at most 60s),"),
        (Distribution("lognormal", median=8, p95=45), "launch lognormal (median 8s, p95 45s),"),
        (Distribution("exponential", mean=8, high=30), "launch exponential (mean 8s, at most 30s),"),
        (Distribution("observed", values=(7, 8, 31)), "launch observed (3 values, 7s to 31s),"),
    ],
    ids=lambda it: it.kind if isinstance(it, Distribution) else "",
)
def test_every_kind_of_timing_is_told_with_its_numbers(timing: Distribution, told: str) -> None:
    played = replace(scenario(cluster(shop(10))), timings=msgspec.structs.replace(Timings(), launch=timing))
    assert any(told in text for text in forecast(played).assumptions)
