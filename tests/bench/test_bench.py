"""The benchmark measures what it says: full nodes, newer images, and a report that fails when a rule was broken."""

from __future__ import annotations

import msgspec
import pytest
from rich.console import Console

from napsim.api.validation import errors_of
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.resources import CPU
from napsim.core.versions import is_newer
from tests.bench import workload
from tests.bench.floor import Floor
from tests.bench.results import Report, Rollout, Size, StartUp, tables

ROLLOUT = Rollout(
    nodes=20,
    budget="10%",
    replaced=20,
    wall_seconds=90.0,
    cpu_ms=600.0,
    idle_cpu_ms_per_second=1.5,
    peak_rss_mb=87.0,
    api_server_cpu_ms=9000.0,
    requests={"create pods/eviction": 200, "patch nodes": 100},
    evictions={"201": 200},
    refused={},
    most_disrupted=2,
    most_alive=22,
    stopped_in_seconds=0.3,
    start_up=StartUp(nodes=20, pods=200, cpu_ms=700.0, settled_after_seconds=2.0, rss_mb=80.0),
    violations=[],
)
FLOOR = Floor(nodes=20, requests=442, refused_evictions=2, cpu_ms=300.0, wall_seconds=9.0, api_server_cpu_ms=6000.0)


def report(*sizes: Size) -> Report:
    return Report(cores=2, python="3.11", sizes=list(sizes))


def shown(judged: Report) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(*tables(judged))
    return capture.get()


def test_ten_pods_fill_a_node_and_an_eleventh_finds_no_room() -> None:
    room = INSTANCE_TYPES[workload.INSTANCE_TYPE].allocatable()[CPU]
    assert room // int(workload.POD_CPU.removesuffix("m")) == workload.PODS_PER_NODE


def test_the_kinds_accept_what_the_benchmark_creates() -> None:
    made = [workload.node_pool("10%"), workload.node_class(), workload.settings(), *workload.images(0)]
    assert [error for manifest in made for error in errors_of(manifest)] == []


@pytest.mark.parametrize("rollout", range(1, 4))
def test_each_rollout_has_a_newer_image(rollout: int) -> None:
    assert is_newer(workload.version(rollout), workload.version(rollout - 1))


def test_a_report_shows_costs_per_replaced_node_and_beside_the_floor() -> None:
    text = shown(report(Size(20, rollouts=[ROLLOUT], floor=FLOOR)))
    assert "30.0 (240–340)" in text  # 600 ms for 20 nodes
    assert "15.0 (66–74)" in text  # 300 requests for 20 nodes
    assert "22.0" in text  # the floor's requests, refused evictions left out
    assert "2.0" in text  # 30 ms beside the floor's 15


def test_a_report_fails_when_a_rule_was_broken_or_a_rollout_did_not_end() -> None:
    broken = msgspec.structs.replace(ROLLOUT, violations=["BudgetNeverExceeded: 3 of 2"])
    assert not report(Size(20, rollouts=[ROLLOUT])).failed
    assert report(Size(20, rollouts=[broken])).failed
    assert report(Size(20, rollouts=[ROLLOUT]), Size(100, error="not rolled out")).failed
    assert "BudgetNeverExceeded: 3 of 2" in shown(report(Size(20, rollouts=[broken])))
    assert "not rolled out" in shown(report(Size(100, error="not rolled out")))


def test_an_operator_that_was_never_idle_is_shown_as_that() -> None:
    restless = msgspec.structs.replace(ROLLOUT.start_up, settled_after_seconds=None)
    assert "never idle" in shown(report(Size(20, rollouts=[msgspec.structs.replace(ROLLOUT, start_up=restless)])))
