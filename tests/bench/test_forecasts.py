"""The benchmark of forecasts measures what it says: full nodes, an image each week, PDBs on half of the workloads."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from rich.console import Console

from napsim.api.validation import errors_of
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.resources import CPU
from tests.bench.forecasts import (
    INSTANCE_TYPE,
    POD_CPU,
    PODS_PER_NODE,
    WEEKS,
    Costs,
    Year,
    manifests,
    scenario,
    tables,
    year,
)

HALF = Year(
    nodes=50, pods=1500, weeks=26.0, ended=False, replaced=100, evicted=3000, begun_seconds=1.0, cpu_seconds=3.0,
    peak_rss_mb=60.0,
)  # fmt: skip


def test_thirty_pods_fill_a_node_and_another_finds_no_room() -> None:
    room = INSTANCE_TYPES[INSTANCE_TYPE].allocatable()[CPU]
    assert room // int(POD_CPU.removesuffix("m")) == PODS_PER_NODE


def test_the_kinds_accept_what_is_simulated_and_half_of_the_workloads_have_a_budget() -> None:
    made = list(manifests(400, 3))
    assert [error for manifest in made for error in errors_of(manifest)] == []
    assert (
        Counter(item["kind"] for item in made)["Deployment"]
        == 2 * Counter(item["kind"] for item in made)["PodDisruptionBudget"]
    )


def test_an_image_is_published_each_week_and_one_is_there_before() -> None:
    images = [item for item in scenario(10).manifests if item["kind"] == "NodeImage"]
    assert len({item["spec"]["version"] for item in images}) == WEEKS + 1


def test_a_year_that_was_not_finished_is_told_at_its_pace() -> None:
    assert HALF.year_seconds == pytest.approx(1 + 2 * 2)
    assert msgspec.structs.replace(HALF, replaced=0).year_seconds is None
    console = Console(width=160)
    with console.capture() as capture:
        console.print(*tables(Costs("3.11", 0.4, 0.2, 0.6, [HALF])))
    assert "about 5" in capture.get()
    assert "20 nodes, 90 days 0.60 s" in capture.get()


def test_a_year_within_its_bound_is_simulated_to_its_end() -> None:
    found = year(4, 30, weeks=2)
    assert found.ended
    assert (found.weeks, found.replaced > 0) == (2.0, True)
