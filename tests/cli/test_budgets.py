"""``napsim budgets`` from the command line: levels, totals, forms, mistakes with their places, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from napsim.cli.main import app
from napsim.report.marked import WIDTH
from tests.manifests import documents

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "manifests/examples"
ZOO = json.loads((ROOT / "tests/conformance/data/budget-zoo.json").read_text("utf-8"))
MONDAY = "--at=2026-11-02T00:00:00Z"
UTC = "--time-zone=UTC"


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["budgets", *map(str, arguments)], input=given)


def pool(name: str, *budgets: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A NodePool as a production cluster has one, of a cloud that napsim does not play."""
    template = {
        "spec": {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
            "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
        }
    }
    disruption = {"consolidateAfter": "0s", "budgets": list(budgets)}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {"disruption": disruption, "template": template, **spec},
    }


def node(name: str, its_pool: str, initialized: str = "true") -> dict[str, Any]:
    labels = {"karpenter.sh/nodepool": its_pool, "karpenter.sh/initialized": initialized}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def told(*arguments: object, given: dict[str, Any] | tuple[dict[str, Any], ...]) -> dict[str, Any]:
    text = documents(*given) if isinstance(given, tuple) else documents(given)
    done = run("-", MONDAY, UTC, "--output=json", *arguments, given=text)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


WEEKEND = pool("weekend", {"nodes": "50%", "schedule": "0 0 * * 6", "duration": "48h"})


def test_the_week_of_every_published_budget_is_that_of_karpenter_s_code() -> None:
    pools = tuple(pool(entry["id"], *entry["budgets"]) for entry in ZOO["entries"])
    answer = told(f"--nodes={ZOO['nodes']}", given=pools)
    for found, entry in zip(answer["pools"], ZOO["entries"], strict=True):
        courses = {reason: course for course in found["courses"] for reason in course["reasons"]}
        for reason, expected in entry["expected"].items():
            minutes = {str(level["allowed"]): level["seconds"] / 60 for level in courses[reason]["levels"]}
            assert minutes == expected, (entry["id"], reason)


def test_unlimited_is_a_word_and_how_long_it_lasts_is_told() -> None:
    done = run("-", MONDAY, UTC, given=documents(WEEKEND))
    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["UNLIMITED", "120", "71%", "5d", "from", "Mon", "2026-11-02", "00:00"] in rows
    assert ["Sat", "2026-11-07", "00:00", "2d", "50"] in rows
    assert "! restricted for 48 h of 168 h only" in done.stdout


def test_unlimited_is_red_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; sys.stdout.isatty = lambda: True; from napsim.cli.main import app; app()"
    command = [sys.executable, "-c", code, "budgets", "-", MONDAY, UTC]
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    shown = {}
    for name, environment in (("coloured", plain), ("plain", {**plain, "NO_COLOR": "1"})):
        done = subprocess.run(
            command, input=documents(WEEKEND), capture_output=True, text=True, check=True, env=environment
        )
        shown[name] = done.stdout
    red = "\x1b[31m\x1b[1m"
    assert f"{red}UNLIMITED" in shown["coloured"]
    assert f"Mon 11-02  {red}" + "!" * 48 in shown["coloured"]
    assert "\x1b" not in shown["plain"]


def test_both_facts_are_told() -> None:
    told_as = " ".join(run("-", MONDAY, UTC, given=documents(WEEKEND)).stdout.split())
    assert "A scheduled budget restricts only while it is active: outside its schedule it allows everything." in told_as
    assert "The window gates the pick-up of images, not disruption" in told_as
    assert "not how fast one follows another" in told_as


@pytest.mark.parametrize("zone", ["UTC", "America/Argentina/Buenos_Aires", "Asia/Kathmandu"])
def test_no_line_is_wider_than_80_columns(zone: str) -> None:
    pools = [pool(entry["id"], *entry["budgets"]) for entry in ZOO["entries"]]
    many = pool("m" * 63, *({"nodes": str(n), "schedule": f"{n} * * * *", "duration": "1m"} for n in range(0, 60, 4)))
    done = run("-", EXAMPLES, "--at=2026-03-26T00:00:00Z", f"--time-zone={zone}", given=documents(*pools, many))
    assert done.exit_code == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    assert "\x1b" not in done.stdout


def test_schedules_are_utc_and_the_local_time_stands_beside() -> None:
    night = pool("night", {"nodes": "0", "schedule": "0 22 * * 1", "duration": "2h"})
    done = run("-", MONDAY, "--time-zone=Asia/Tokyo", given=documents(night))
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["Mon", "2026-11-02", "22:00", "Tue", "2026-11-03", "07:00", "2h", "none"] in rows
    assert "    Tue 11-03  !!!!!!!!!!!!!!····!!!!!" in done.stdout


def test_where_the_clocks_change_within_the_span_it_is_said() -> None:
    done = run(EXAMPLES, "--at=2026-03-26T00:00:00Z", "--time-zone=Europe/Berlin")
    assert "which change within this span: on them schedules then move" in " ".join(done.stdout.split())
    assert "\n    Sun 03-29  11··  ····" in done.stdout


def test_reasons_for_which_all_is_the_same_are_told_together() -> None:
    drift = {"nodes": "0", "reasons": ["Drifted"]}
    answer = told(given=pool("a", {"nodes": "1"}, drift))
    assert [it["reasons"] for it in answer["pools"][0]["courses"]] == [["Drifted"], ["Empty", "Underutilized"]]
    one = told("--reason=Empty", given=pool("a", {"nodes": "1"}, drift))
    assert [it["reasons"] for it in one["pools"][0]["courses"]] == [["Empty"]]


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        ((), (pool("a"),), (100, True)),
        (("--nodes=7",), (pool("a"),), (7, False)),
        (("--nodes=7", "--nodes=a=30"), (pool("a"),), (30, False)),
        ((), (pool("a", replicas=4),), (4, False)),
        ((), ({**pool("a", replicas=4), "status": {"nodes": 5}},), (5, False)),
        ((), (pool("a", replicas=4), node("1", "a"), node("2", "a", "false"), node("3", "b")), (1, False)),
    ],
    ids=["nothing", "all pools", "this pool", "replicas", "status", "Nodes"],
)
def test_how_many_nodes_there_are_comes_from_what_knows_best(
    options: tuple[str, ...], given: tuple[dict[str, Any], ...], expected: tuple[int, bool]
) -> None:
    (found,) = told(*options, given=given)["pools"]
    assert (found["nodes"], found["assumed"]) == expected


def test_a_pool_without_budgets_field_has_karpenter_s_default() -> None:
    bare = pool("bare")
    del bare["spec"]["disruption"]["budgets"]
    (found,) = told("--nodes=45", given=bare)["pools"]
    assert [it["allowed"] for it in found["courses"][0]["levels"]] == [5]
    (empty,) = told(given=pool("empty"))["pools"]
    assert [it["allowed"] for it in empty["courses"][0]["levels"]] == ["unlimited"]


@pytest.mark.parametrize(("span", "hours"), [("36h", 36), ("2w", 336), ("1d12h", 36), ("30m", 0.5)])
def test_a_span_may_be_of_any_length(span: str, hours: float) -> None:
    (found,) = told(f"--span={span}", given=WEEKEND)["pools"]
    assert sum(it["seconds"] for it in found["courses"][0]["levels"]) == hours * 3600


def test_without_an_instant_the_span_begins_with_the_day_of_the_reader() -> None:
    done = run("-", "--time-zone=Asia/Tokyo", "--output=json", given=documents(WEEKEND))
    assert json.loads(done.stdout)["start"].endswith("T15:00:00Z")


def test_every_mistake_is_told_with_its_place_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\nspec:\n  disruption:\n"
        "    consolidateAfter: 0s\n    budgets:\n      - nodes: ten\n      - nodes: '1'\n        schedule: '@daily'\n"
    )
    (tmp_path / "old.yaml").write_text("apiVersion: karpenter.sh/v1beta1\nkind: NodePool\nmetadata: {name: old}\n")
    (tmp_path / "values.yaml").write_text("replicas: 3\n")
    done = run(tmp_path, tmp_path / "missing.yaml")
    assert done.exit_code == 2
    assert done.stdout == ""
    mistakes = done.stderr.splitlines()
    assert any("a.yaml:8: NodePool/a: spec.disruption.budgets[0].nodes: 'ten'" in line for line in mistakes)
    assert any("a.yaml:9: NodePool/a: spec.disruption.budgets[1]: 'schedule' must be set" in line for line in mistakes)
    assert any("a.yaml:4: NodePool/a: spec.template" in line for line in mistakes)
    assert any(
        "old.yaml:2: NodePool/old: kind: 'NodePool': no such kind in karpenter.sh/v1beta1" in it for it in mistakes
    )
    assert any("missing.yaml: cannot be read: No such file" in line for line in mistakes)
    assert not any("values.yaml" in line for line in mistakes)


def test_a_schedule_that_karpenter_refuses_is_an_answer_and_no_mistake() -> None:
    done = run(
        "-", MONDAY, UTC, given=documents(pool("a", {"nodes": "0", "schedule": "0 0 * * sat-sun", "duration": "1h"}))
    )
    assert done.exit_code == 0
    assert "Drifted, Empty, Underutilized: none, throughout" in done.stdout
    assert "the whole pool allows nothing" in " ".join(done.stdout.split())


def test_of_two_pools_of_one_name_the_last_holds_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(documents(pool("a", {"nodes": "1"})))
    (tmp_path / "b.yaml").write_text(documents(pool("a", {"nodes": "2"})))
    answer = json.loads(run(tmp_path, MONDAY, UTC, "--output=json").stdout)
    assert [it["courses"][0]["levels"][0]["allowed"] for it in answer["pools"]] == [2]
    assert "NodePool/a comes twice: that of" in answer["notes"][0]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--at=tomorrow", "RFC 3339"),
        ("--span=3y", "a span from 1m to"),
        ("--span=0h", "a span from 1m to"),
        ("--span=400d", "a span from 1m to"),
        ("--time-zone=Berlin", "IANA time zone"),
        ("--nodes=many", "'many': must be a number of nodes"),
        ("--nodes==3", "'=3': must be a number of nodes"),
        ("--reason=Expired", "Drifted"),
        ("--output=xml", "json"),
    ],
)
def test_wrong_usage_is_exit_code_2(option: str, said: str) -> None:
    done = run(EXAMPLES, option)
    assert done.exit_code == 2
    assert said in done.stderr


def test_nodes_of_a_pool_that_is_not_there_are_a_mistake() -> None:
    done = run(EXAMPLES, "--nodes=defualt=3", "--nodes=other=3")
    assert done.exit_code == 2
    assert [line.split(":")[2].strip() for line in done.stderr.splitlines()] == ["NodePool/defualt", "NodePool/other"]
    assert "there are default, system" in done.stderr


def test_a_list_of_a_live_cluster_is_read_and_what_is_not_known_of_it_is_left_out() -> None:
    live = pool("live", {"nodes": "0", "schedule": "0 8 * * *", "duration": "1h", "priority": "new"})
    live["metadata"] |= {
        "uid": "u1",
        "resourceVersion": "7",
        "generation": 2,
        "managedFields": [{"manager": "kubectl"}],
    }
    live["status"] = {"nodes": 12, "conditions": []}
    answer = told(given={"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [live]})
    assert answer["pools"][0]["nodes"] == 12
    assert answer["notes"] == ["NodePool/live: spec.disruption.budgets[0].priority is not known here, and was left out"]
    written = run("-", given=documents({**live, "metadata": {"name": "live"}}))
    assert written.exit_code == 2
    assert "spec.disruption.budgets[0].priority: unknown field" in written.stderr


def test_without_a_nodepool_there_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text(documents(node("a", "none")))
    done = run(tmp_path)
    assert done.exit_code == 2
    assert "there is no NodePool in it" in done.stderr


def test_neither_hash_order_nor_the_time_zone_of_the_machine_changes_a_byte() -> None:
    shown = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        command = [
            sys.executable,
            "-c",
            "from napsim.cli.main import app; app()",
            "budgets",
            str(EXAMPLES),
            MONDAY,
            UTC,
        ]
        shown.add(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    assert len(shown) == 1


def test_what_a_simulation_needs_is_not_loaded() -> None:
    unwanted = "{'icalendar', 'aiohttp', 'kopf', 'kubernetes', 'rich.live', 'napsim.sim.simulator'}"
    code = f"import sys, napsim.cli.budgets, napsim.cli.windows; print(sorted({unwanted} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_calendar_named_dash_goes_to_standard_output_alone() -> None:
    done = run("-", MONDAY, UTC, "--ics=-", given=documents(WEEKEND))
    assert done.stdout.startswith("BEGIN:VCALENDAR")
    assert "UNLIMITED" in done.stderr
    assert run("-", MONDAY, UTC, "--ics=-", "--html=-", given=documents(WEEKEND)).exit_code == 2
