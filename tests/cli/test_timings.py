"""``napsim timings`` from files: the table, the block to paste, bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.api.scenario import ScenarioTimings
from napsim.cli.main import app
from napsim.report.marked import WIDTH
from napsim.report.timings_table import SCHEMA


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["timings", *map(str, arguments)], input=given)


def condition(type_: str, second: int) -> dict[str, str]:
    return {"type": type_, "status": "True", "lastTransitionTime": f"2026-02-14T12:00:{second:02d}Z"}


def claim(name: str, *seconds: int) -> dict[str, Any]:
    reached = zip(("Launched", "Registered", "Initialized"), seconds, strict=False)
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "creationTimestamp": "2026-02-14T12:00:00Z"},
        "status": {"conditions": [condition(*item) for item in reached]},
    }


def pod(*seconds: int) -> dict[str, Any]:
    reached = zip(("PodScheduled", "Ready"), seconds, strict=True)
    status = {"conditions": [condition(*item) for item in reached]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "status": status}


def event(kind: str, name: str, reason: str, second: int) -> dict[str, Any]:
    about = {"involvedObject": {"kind": kind, "name": name}, "firstTimestamp": f"2026-02-14T12:00:{second:02d}Z"}
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.1"}, "reason": reason, **about}


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    gone = [event("NodeClaim", "c", "Drained", 10), event("Node", "aks-c", "RemovingNode", 22)]
    path.write_text(yaml.safe_dump_all([claim("a", 3, 40, 40), claim("b", 5, 45), pod(1, 9), *gone]))
    return path


def test_a_row_for_each_step_and_what_to_paste(snapshot: Path) -> None:
    done = run(snapshot)
    assert done.exit_code == 0
    assert done.stdout == (
        "STEP            FROM, TO                    COUNT    MEDIAN       P95      MOST\n"
        "launch          NodeClaim, Launched             2       3 s       5 s       5 s\n"
        "registration    Launched, Registered            2      37 s      40 s      40 s\n"
        "initialization  Registered, Initialized         1       0 s       0 s       0 s\n"
        "detach          drained, Node gone              1      12 s      12 s      12 s\n"
        "podStart        pod bound, Ready                1       8 s       8 s       8 s\n"
        "\n"
        "timings:\n"
        "  launch:\n"
        "    distribution: observed\n"
        "    values: [3s, 5s]\n"
        "  registration:\n"
        "    distribution: observed\n"
        "    values: [37s, 40s]\n"
        "  initialization: {fixed: 0s}\n"
        "  detach: {fixed: 12s}\n"
        "  podStart: {fixed: 8s}\n"
    )


def test_what_is_pasted_is_a_scenario_s(snapshot: Path) -> None:
    block = run(snapshot).stdout.split("\n\n")[1]
    assert ScenarioTimings.model_validate(yaml.safe_load(block)["timings"]).launch is not None


def test_many_values_stay_within_80_columns(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(yaml.safe_dump_all([claim(f"c{number}", number % 60) for number in range(120)]))
    assert max(map(len, run(path).stdout.splitlines())) <= WIDTH


def test_for_programs(snapshot: Path) -> None:
    found = json.loads(run(snapshot, "--output=json").stdout)
    assert found["schema"] == SCHEMA
    assert found["steps"][0] == {
        "step": "launch",
        "count": 2,
        "median": 3.0,
        "p95": 5.0,
        "most": 5.0,
        "timing": {"distribution": "observed", "values": ["3s", "5s"]},
    }


def test_pods_and_events_of_a_cluster_on_its_own_clock_do_not_count(snapshot: Path) -> None:
    clock = {"anchorReal": "2026-02-14T12:00:00Z", "anchorVirtual": "2026-02-14T12:00:00Z", "factor": 60}
    nap = {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeAutoProvisioning",
        "metadata": {"name": "default"},
        "status": {"clock": clock},
    }
    done = run("-", given=snapshot.read_text() + "---\n" + yaml.safe_dump(nap))
    assert "clock of its own" in done.stdout
    assert "podStart" not in done.stdout


def test_without_a_node_claim_there_is_nothing_to_measure() -> None:
    done = run("-", given=yaml.safe_dump(pod(1, 9)))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no NodeClaim has been launched" in done.stderr


@pytest.mark.parametrize(
    "other", ["name: values", "kind: NodeAutoProvisioning", "kind: NodeAutoProvisioning\nmetadata: x"]
)
def test_what_is_beside_a_snapshot_is_passed_over(snapshot: Path, other: str) -> None:
    done = run("-", given=f"{other}\n---\n{snapshot.read_text()}")
    assert (done.exit_code, done.stdout) == (0, run(snapshot).stdout)


RFC_3339 = "must be of type date-time: RFC 3339, such as 2026-02-15T01:00:00Z"


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"firstTimestamp": "yesterday"}, "firstTimestamp", f"'yesterday': {RFC_3339}"),
        ({"firstTimestamp": "2026-02-14T12:00:00"}, "firstTimestamp", f"'2026-02-14T12:00:00': {RFC_3339}"),
        ({"eventTime": "2026-02-14"}, "eventTime", f"'2026-02-14': {RFC_3339}"),
        ({"involvedObject": "Node/n"}, "involvedObject", "'Node/n': must be of type object"),
        ({"regarding": ["n"]}, "regarding", "must be of type object"),
    ],
)
def test_an_event_that_is_none_is_named(change: dict[str, Any], field: str, told: str) -> None:
    given = [claim("a", 10, 40, 50), {**event("Node", "n", "Ready", 5), **change}]
    done = run("-", given="\n---\n".join(map(json.dumps, given)))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"napsim timings: (stdin):3: Event/n.1: {field}: {told}\n"


@pytest.mark.parametrize("text", ["2026-02-14T12:00:05", "2026-02-14 12:00:05Z", "2026-02-14t12:00:05z", "12:00", ""])
def test_times_without_a_zone_or_otherwise_not_rfc_3339_are_named_all_at_once(text: str) -> None:
    wrong, waiting = claim("a", 10, 40, 50), pod(1, 9)
    wrong["metadata"]["creationTimestamp"] = text
    wrong["status"]["conditions"][1]["lastTransitionTime"] = text
    waiting["status"]["conditions"][1]["lastTransitionTime"] = text
    done = run("-", given=yaml.safe_dump_all([wrong, waiting]))
    assert done.exit_code == 2
    assert [line.split(f": {text!r}: must be of type date-time")[0] for line in done.stderr.splitlines()] == [
        "napsim timings: (stdin):4: NodeClaim/a: metadata.creationTimestamp",
        "napsim timings: (stdin):11: NodeClaim/a: status.conditions[1].lastTransitionTime",
        "napsim timings: (stdin):28: Pod/p: status.conditions[1].lastTransitionTime",
    ]


def test_every_mistake_is_named_with_its_place() -> None:
    wrong = claim("a")
    wrong["status"]["conditions"] = "none"
    done = run("-", "missing.yaml", given=yaml.safe_dump_all([claim("b", 1), wrong]))
    assert done.exit_code == 2
    assert "NodeClaim/a" in done.stderr
    assert "missing.yaml" in done.stderr
    assert "napsim examples" not in done.stderr, "manifests to begin with have been through nothing"
