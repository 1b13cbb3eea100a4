"""What docs/forecast.md says of scenarios is what there is. What its commands show: tests/docs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from napsim.api import names
from napsim.api.scenario import ScenarioEvent, ScenarioSpec, ScenarioTimings
from napsim.api.timings import Timings
from napsim.reading.sources import read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import POD_START, POD_TERMINATION
from napsim.sim.simulation import simulate
from tests.scenarios.answers import NOW

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "forecast.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
KARPENTERS = ROOT / "tests" / "sim" / "karpenter" / "cluster.yaml"
SCENARIOS = sorted(path.parent for path in (ROOT / "tests" / "scenarios").glob("*/scenario.yaml"))


def test_the_scenario_on_the_page_is_one() -> None:
    example, _ = EXAMPLES
    cluster = (SCENARIOS[0] / "scenario.yaml").read_text().partition("---\n")[2]
    documents, mistakes = read(["-"], stdin=lambda: f"{example}---\n{cluster}")
    scenario = scenario_of(documents, Asked(NOW), mistakes)
    assert (scenario.name, scenario.seed, scenario.time_zone) == ("spring", 7, "Europe/Berlin")


def test_the_change_of_a_cluster_that_is_not_on_aks_replaces_its_nodes() -> None:
    _, example = EXAMPLES
    taken = {"name": "snapshot", "annotations": {names.SNAPSHOT: "true"}}
    scenario = {"apiVersion": "napsim.dev/v1alpha1", "kind": "Scenario", "metadata": taken}
    snapshot = f"{json.dumps({**scenario, 'spec': {'start': '2026-11-22T09:47:25Z'}})}\n{KARPENTERS.read_text()}"
    documents, mistakes = read(["-"], stdin=lambda: f"{example}---\n{snapshot}")
    outcome = simulate(scenario_of(documents, Asked(NOW), mistakes))
    assert (outcome.finished_at is not None, outcome.pools[0].replaced) == (True, 4)


@pytest.mark.parametrize("model", [ScenarioSpec, ScenarioTimings, ScenarioEvent])
def test_every_field_of_a_scenario_is_on_the_page(model: type[ScenarioSpec]) -> None:
    fields = [field.alias or "" for field in model.model_fields.values()]
    assert [field for field in fields if f"`{field}" not in PAGE] == []


def test_the_default_timings_are_those_of_the_page() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d+) s \|$", PAGE, re.MULTILINE))
    steps = {name: timing.fixed.total_seconds() for name, timing in Timings() if timing.fixed is not None}
    expected = {**steps, "podStart": POD_START.low, "podTermination": POD_TERMINATION.low}
    assert {name: float(seconds) for name, seconds in rows.items()} == expected


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda it: it.name)
def test_every_question_has_a_page_a_test_and_a_line_in_the_table(folder: Path) -> None:
    page = (folder / "README.md").read_text()
    assert "**Question.**" in page
    assert "**Answer.**" in page
    assert list(folder.glob("test_*.py"))
    assert f"tests/scenarios/{folder.name}/README.md" in PAGE
