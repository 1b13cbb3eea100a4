"""``napsim check`` from the command line: forms, places, counterexamples, exit codes, mistakes all at once."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import msgspec
import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.api.base import wire_name
from napsim.api.checks import ASSERTIONS, ChecksSpec
from napsim.cli.judging import Tried
from napsim.cli.main import app
from napsim.report import checks as report
from napsim.report.marked import WIDTH
from napsim.sim.assertions import Breach, Held

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/check.md").read_text("utf-8")
SCENARIO: Final = ROOT / "tests/scenarios/single_replica/scenario.yaml"
NOW: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW: Final = """
apiVersion: napsim.dev/v1alpha1
kind: MaintenanceConfiguration
metadata: {name: short}
spec:
  configName: aksManagedNodeOSUpgradeSchedule
  maintenanceWindow:
    schedule: {weekly: {intervalWeeks: 1, dayOfWeek: Saturday}}
    startDate: "2026-01-01"
    startTime: "22:00"
    durationHours: 4
    utcOffset: "+00:00"
    notAllowedDates: [{start: "2026-03-15", end: "2026-03-20"}]
"""


def checks(*found: dict[str, Any], **spec: Any) -> str:
    document = {"apiVersion": "napsim.dev/v1alpha1", "kind": "Checks", "metadata": {"name": "it"}}
    return yaml.safe_dump({**document, "spec": {**spec, "checks": list(found)}}, sort_keys=False)


def run(folder: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", "--checks", str(folder / "napsim-checks.yaml"), *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rollout that one PodDisruptionBudget holds for ever, and checks of which half are broken."""
    made = tmp_path_factory.mktemp("checked")
    text = checks(
        {"id": "in-time", "finishes": {"within": "7d"}},
        {"id": "picked-up", "pickedUp": {"within": "14d"}},
        {"id": "one", "atOnce": {"nodes": 1, "nodePools": ["default"]}},
        {"id": "office-hours", "noDisruption": {"days": "Mon-Fri", "hours": "07:00-18:00"}},
        {"id": "twice", "evictions": {"atMost": 1, "perReplica": True}},
        manifests=[str(SCENARIO)],
        timeZone="Europe/Berlin",
    )
    (made / "napsim-checks.yaml").write_text(text)
    return made


@pytest.fixture(scope="module")
def answer(folder: Path) -> dict[str, Any]:
    done = run(folder, "--output", "json")
    assert done.exit_code == 1, done.stderr
    return dict(json.loads(done.stdout))


def test_each_check_holds_or_has_its_counterexample(answer: dict[str, Any]) -> None:
    told = {result["id"]: (result["holds"], result["counterexample"] is None) for result in answer["results"]}
    assert told == {
        "in-time": (False, False),
        "picked-up": (True, True),
        "one": (True, True),
        "office-hours": (False, False),
        "twice": (True, True),
    }


def test_what_has_not_moved_in_time_has_the_instant_the_node_and_the_chain(answer: dict[str, Any]) -> None:
    found = answer["results"][0]["counterexample"]
    assert found["at"] == "2026-03-09T10:00:00Z"
    assert found["reasons"] == ["Candidate: pdb prevents pod evictions (PodDisruptionBudget=[shop/ledger])"]
    assert found["nodes"] == [found["chain"]["standsFor"]]
    assert found["chain"]["first"] == "Candidate"


def test_what_was_disrupted_at_the_wrong_time_has_the_instant_the_node_and_the_reasons(answer: dict[str, Any]) -> None:
    found = answer["results"][3]["counterexample"]
    assert (found["at"][:16], found["nodePool"], len(found["nodes"])) == ("2026-03-05T07:50", "default", 1)
    assert found["reasons"][0].startswith("AKSNodeClass default picked up 202602.13.0")
    assert found["reasons"][-1] == "NodePool/default budgets[0]: 10% of 4 = 1"


def test_static_checks_need_no_forecast_and_no_pool(tmp_path: Path) -> None:
    (tmp_path / "window.yaml").write_text(WINDOW)
    long, short = ({"id": name, "windows": {"atLeast": name}} for name in ("2h", "4h"))
    (tmp_path / "napsim-checks.yaml").write_text(checks(long, short, start="2026-03-01T00:00:00Z"))
    done = run(tmp_path, "--time-zone", "Europe/Berlin")
    assert done.exit_code == 1
    assert [row for row in done.stdout.splitlines() if len(row) > WIDTH] == []
    text = " ".join(done.stdout.split())
    assert "Sat 2026-03-14 22:00 UTC (23:00 Europe/Berlin): Sat 2026-03-14 22:00–24:00 UTC" in text
    assert "lasts 2h because" in text
    assert "notAllowedDates[0] (2026-03-15 to 2026-03-20) cuts it" in text
    assert text.endswith("1 of 2 checks are broken")


def test_budgets_are_judged_by_their_schedules_at_every_instant(tmp_path: Path) -> None:
    pool = {"id": "closed", "budgets": {"atMost": 0, "days": "Mon-Fri", "hours": "08:00-18:00", "timeZone": "UTC"}}
    manifests = [str(ROOT / "tests/scenarios/weekend_budget")]
    text = checks(pool, manifests=manifests, start="2026-03-02T00:00:00Z", until="2026-03-09T00:00:00Z")
    (tmp_path / "napsim-checks.yaml").write_text(text)
    found = json.loads(run(tmp_path, "--output", "json").stdout)["results"][0]["counterexample"]
    assert (found["at"], found["message"]) == ("2026-03-02T16:00:00Z", "pool default allows unlimited at once")


def test_how_many_nodes_a_percentage_is_of_is_said_where_it_is_assumed(tmp_path: Path) -> None:
    few = {"id": "few", "budgets": {"atMost": 3, "days": "Mon-Sun"}}
    manifests = [str(ROOT / "tests/scenarios/single_replica")]
    (tmp_path / "napsim-checks.yaml").write_text(checks(few, manifests=manifests, start="2026-03-02T00:00:00Z"))
    found = json.loads(run(tmp_path, "--output", "json").stdout)
    assert found["results"][0]["counterexample"]["reasons"] == ["budgets[0]: 10% of 100 = 10"]
    (note,) = found["notes"]
    assert note.startswith("NodePool/default: 100 nodes are assumed, for percentages; its Nodes, status.nodes or")


def test_github_shows_it_at_the_line_of_the_check(folder: Path, answer: dict[str, Any]) -> None:
    rows = list(report.commands(msgspec.convert(answer, report.Checked)))
    file = folder / "napsim-checks.yaml"
    line = file.read_text().splitlines().index("  - id: in-time") + 1
    assert rows[0].startswith(f"::error file={file},line={line},title=in-time%3A an image is on all nodes")
    assert "%0Abecause Candidate" in rows[0]
    assert rows[-1] == "3 of 5 checks hold"


def test_junit_has_a_case_for_each_check(answer: dict[str, Any]) -> None:
    text = report.cases(msgspec.convert(answer, report.Checked))
    cases = ET.fromstring(text).findall("testsuite/testcase")  # noqa: S314 - what was just written here
    assert [case.find("failure") is None for case in cases] == [False, True, True, False, True]


def test_the_summary_has_a_row_for_each_check(answer: dict[str, Any]) -> None:
    rows = list(report.summary(msgspec.convert(answer, report.Checked)))
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| **broken**", "| ok", "| ok", "| **broken**", "| ok"]


def test_all_mistakes_of_the_file_are_told_with_their_lines(tmp_path: Path) -> None:
    text = checks(
        {"id": "a", "finishes": {"within": "soon"}},
        {"id": "b", "noDisruption": {"days": "Mon-Fry"}},
        {"id": "c", "atOnce": {"nodes": 1}, "windows": {"atLeast": "4h"}},
        {"id": "d", "windoes": {}},
        atLeast="high",
    )
    (tmp_path / "napsim-checks.yaml").write_text(text)
    done = run(tmp_path)
    assert done.exit_code == 2
    places = [row.split(": ")[1].rpartition(":")[2] + " " + row.split(": ")[3] for row in done.stderr.splitlines()]
    lines = text.splitlines()
    expected = {
        "spec.atLeast": "  atLeast: high",
        "spec.checks[0].finishes.within": "      within: soon",
        "spec.checks[1].noDisruption.days": "      days: Mon-Fry",
        "spec.checks[2]": "  - id: c",
        "spec.checks[3].windoes": "    windoes: {}",
    }
    assert sorted(places) == sorted(f"{lines.index(row) + 1} {field}" for field, row in expected.items())


def test_of_a_list_with_a_wrong_item_it_is_not_said_that_it_is_too_short(tmp_path: Path) -> None:
    wrong, none = ({"id": key, "evictions": {"atMost": 1, "workloads": its}} for key, its in (("a", ["x"]), ("b", [])))
    (tmp_path / "napsim-checks.yaml").write_text(checks(wrong, none))
    told = [row.split(": ", 3)[-1] for row in run(tmp_path).stderr.splitlines()]
    assert told == [
        "spec.checks[0].evictions.workloads[0]: 'x': must be namespace/Kind/name. For example, shop/Deployment/web",
        "spec.checks[1].evictions.workloads: must have at least 1 items",
    ]


def test_pools_and_workloads_that_there_are_not_are_mistakes(tmp_path: Path) -> None:
    text = checks(
        {"id": "a", "atOnce": {"nodes": 1, "nodePools": ["default", "gpu"]}},
        {"id": "b", "evictions": {"atMost": 0, "workloads": ["shop/Deployment/nobody"]}},
        manifests=[str(SCENARIO)],
    )
    (tmp_path / "napsim-checks.yaml").write_text(text)
    done = run(tmp_path)
    assert done.exit_code == 2
    assert "spec.checks[0].atOnce.nodePools[1]: 'gpu': there is no such NodePool" in done.stderr
    assert "there are shop/Deployment/ledger, shop/Deployment/web" in done.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.exit_code, "cannot be read: No such file" in done.stderr) == (2, True)


def test_over_several_runs_a_check_holds_with_a_probability() -> None:
    fine, late = Held("at most 3d0h"), Held("1 late", Breach(NOW, "late"))
    found = Tried((fine, late, fine, late), (7, 8, 9, 10))
    assert (found.held, found.broken) == (2, (8, Breach(NOW, "late")))
    runs = report.Runs(count=4, held=2, at_least=0.95)
    result = report.Result(
        id="a", sentence="b", holds=False, measure="c", file="d", line=1, runs=runs,
        counterexample=report.Counterexample(at=NOW, message="late", seed=8),
    )  # fmt: skip
    text = "\n".join(
        line.text for line in report.lines(report.Checked(holds=False, time_zone="UTC", results=(result,)))
    )
    assert "c; held in 2 of 4 runs (50%, at least 95% are asked for)" in text
    assert "Mon 2026-03-02 08:00 UTC, seed 8: late" in text


def test_the_file_on_the_page_is_one_that_can_be_used(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(apiVersion.*?)```", PAGE, re.DOTALL)
    (tmp_path / "napsim-checks.yaml").write_text(block)
    missing = run(tmp_path, "--runs", "1")
    assert (missing.exit_code, "manifests: cannot be read" in missing.stderr) == (2, True)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/scenario.yaml").write_text(
        SCENARIO.read_text().replace("  until: 2026-04-02T08:00:00Z\n", "")
    )
    answer = json.loads(run(tmp_path, "--runs", "1", "--output", "json").stdout)
    assert len(answer["results"]) == block.count("- id: ")


def test_every_assertion_and_option_is_on_the_page() -> None:
    rows = re.findall(r"^\| `([a-zA-Z]+)` \| [a-z ]", PAGE, re.MULTILINE)
    assert rows[: len(ASSERTIONS)] == [*map(wire_name, ASSERTIONS)]
    fields = [wire_name(field) for field in ChecksSpec.model_fields]
    assert [field for field in fields if f"| `{field}`" not in PAGE and f", `{field}`" not in PAGE] == []
    shown = CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert [option for option in options if f"`{option}" not in PAGE] == []


def test_a_static_check_of_nothing_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "window.yaml").write_text(WINDOW)
    (tmp_path / "napsim-checks.yaml").write_text(checks({"id": "a", "budgets": {"atMost": 0, "days": "Mon"}}))
    done = run(tmp_path)
    assert (done.exit_code, "there is no NodePool" in done.stdout) == (1, True)
