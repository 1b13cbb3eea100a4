"""``napsim demo`` as a user runs it: to its end, and interrupted."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import psutil
import pytest

from napsim.cli.stage import remove
from napsim.cluster import find_cluster, list_clusters
from tests.docs.blocks import ROOT, blocks_of
from tests.docs.commands import commands
from tests.docs.rehearsal import rehearsal, shape
from tests.e2e.commands import on_terminal, piped, processes_of
from tests.e2e.kubectl import get
from tests.e2e.ownership import unused_name

LEFT_ALTERNATE_SCREEN = "\x1b[?1049l"


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a cluster, which is gone after the test."""
    unused = unused_name()
    yield unused
    remove(unused)


def assert_nothing_is_left(name: str) -> None:
    assert name not in list_clusters()
    assert processes_of(name) == []


def test_the_demo_shows_a_rollout_without_a_terminal_and_leaves_the_cluster_but_no_operator(name: str) -> None:
    with piped("demo", "--name", name) as demo:
        code = demo.end(within_seconds=600)
        assert code == 0, demo.text
    told = demo.text
    assert set(map(shape, rehearsal())) - set(map(shape, told.splitlines())) == set(), "README shows other lines"
    assert told.index("=== The forecast") < told.index("=== The rehearsal") < told.index("=== 1/6")
    scenes = [told.index(f"=== {number}/6") for number in range(1, 7)]
    assert scenes == sorted(scenes)
    # As a change, or already when the scene begins.
    waits = r"202602\.13\.0 (waits for the window|is published\. The window opens)"
    assert re.search(waits, told[scenes[1] : scenes[2]])
    picked_up = re.findall(r"(\S+ \S+)Z  picked up: default: 202601.27.0 → 202602.13.0 \(WindowOpen\)", told)
    assert len(picked_up) == 1
    assert "2026-02-15 01:00" <= picked_up[0] < "2026-02-15 05:00"
    assert "PodDisruptionBudget=[shop/ledger]" in told
    summary = told[told.index("=== Summary") :]
    assert "after the window had closed" in summary
    assert "0 left" in summary
    assert_it_came_as_forecast(summary)
    assert not [command for command in processes_of(name) if " run " in command]
    assert_all_nodes_run_the_new_image(name)


@pytest.mark.parametrize(("page", "command"), [("README.md", "make demo"), ("docs/start.md", "napsim demo")])
def test_the_command_of_the_page_is_the_one_that_is_played_here(page: str, command: str) -> None:
    (block,) = (it for it in blocks_of(page) if it.marking.why == "tests/e2e/test_demo.py")
    assert [it.text.partition("#")[0].strip() for it in commands(block)] == [command]
    recipe = (ROOT / "Makefile").read_text().partition("\ndemo: ")[2].partition("\n\n")[0]
    assert recipe.endswith("\t@$(bin)/napsim demo")


def assert_it_came_as_forecast(summary: str) -> None:
    """The same pick-up; as many disrupted at once as may be; the end later: a second is ten minutes."""
    table = summary[summary.index("=== Forecast against actual") :]
    rows = {name: re.split(r" {2,}", rest) for name, rest in re.findall(r"^(\w[^\n]*?) {2,}(.*)$", table, re.MULTILINE)}
    assert rows["picked up at"][0] == "Sun 2026-02-15 01:00"
    assert re.fullmatch("Sun 2026-02-15 0[1-4]:..", rows["picked up at"][1])
    assert rows["finished at"][0].startswith("Sun 2026-02-15 06:")
    assert rows["finished at"][1].split()[1:] >= rows["finished at"][0].split()[1:]
    assert rows["most at once, default"] == ["2", "2"]
    assert rows["most at once, system"] == ["1", "1"]
    assert all(int(count) > 20 for count in rows["pods evicted"][:2])


def assert_all_nodes_run_the_new_image(name: str) -> None:
    nodes = get(find_cluster(name), "nodes")["items"]
    versions = {node["metadata"]["labels"]["kubernetes.azure.com/node-image-version"] for node in nodes}
    assert versions == {"AKSUbuntu-2404gen2containerd-202602.13.0"}, json.dumps(sorted(versions))


@pytest.mark.parametrize(
    "seen",
    ["starting cluster", "applying CRDs and manifests/examples (", "=== 1/6", "=== 2/6"],
)
def test_an_interrupted_demo_leaves_nothing(name: str, seen: str) -> None:
    with piped("demo", "--name", name) as demo:
        demo.until(seen)
        demo.interrupt()
        assert demo.end() == 130, demo.text
    assert "interrupted, and everything removed" in demo.text
    assert_nothing_is_left(name)


def test_a_demo_whose_terminal_is_interrupted_gives_it_back(name: str) -> None:
    with on_terminal("demo", "--name", name) as demo:
        demo.until("1/6 The pools fill up")
        demo.interrupt(signal.SIGTERM)
        assert demo.end() == 130, demo.text
    assert LEFT_ALTERNATE_SCREEN in demo.text
    assert "interrupted, and everything removed" in demo.text
    assert_nothing_is_left(name)


def test_a_demo_whose_operator_ends_fails_and_shows_the_end_of_its_log(name: str) -> None:
    with piped("demo", "--name", name, "--no-keep") as demo:
        demo.until("=== 2/6")
        (operator,) = [child for child in psutil.Process(demo.process.pid).children() if "run" in child.cmdline()]
        operator.kill()
        assert demo.end() == 1, demo.text
    assert "the operator has ended" in demo.text
    assert "leading: lease kube-system/napsim" in demo.text
    assert_nothing_is_left(name)
