"""``napsim advise``: edits are tried, the smallest first, until one makes broken checks hold and breaks no other."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.api.checks import Assertion
from napsim.api.manifests import load_documents
from napsim.cli.amendments import amendments
from napsim.cli.main import app
from napsim.reading.kinds import KINDS
from napsim.reading.sources import Document
from napsim.report.advice import Advice, ByCheck, lines
from tests.cli.serial import Serial

ROOT = Path(__file__).parents[2]
REPLICA = ROOT / "tests/scenarios/single_replica/scenario.yaml"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
LATER = {"start": "2026-03-02T00:00:00Z", "until": "2026-03-16T00:00:00Z"}
WINDOW: dict[str, Any] = {
    "apiVersion": "napsim.dev/v1alpha1",
    "kind": "MaintenanceConfiguration",
    "metadata": {"name": "os"},
    "spec": {
        "configName": "aksManagedNodeOSUpgradeSchedule",
        "maintenanceWindow": {
            "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
            "startDate": "2026-01-01",
            "startTime": "01:00",
            "durationHours": 4,
        },
    },
}


def pool(*budgets: dict[str, Any]) -> dict[str, Any]:
    reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
    wanted = [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "default"},
        "spec": {
            "disruption": {"consolidateAfter": "0s", "budgets": list(budgets)},
            "template": {"spec": {"nodeClassRef": reference, "requirements": wanted, "terminationGracePeriod": "1h"}},
        },
    }


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napsim.cli.executors.LocalProcesses.results", Serial.results)


def run(folder: Path, manifests: list[dict[str, Any]], *checks: dict[str, Any], **spec: Any) -> Result:
    """Of these checks and manifests, three edits at a time."""
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(manifests))
    kind = {"apiVersion": "napsim.dev/v1alpha1", "kind": "Checks", "metadata": {"name": "it"}}
    document = {**kind, "spec": {"manifests": ["manifests.yaml"], **spec, "checks": list(checks)}}
    (folder / "checks.yaml").write_text(yaml.safe_dump(document))
    options = (f"--checks={folder / 'checks.yaml'}", "--processes=3", "--output=json")
    return CliRunner().invoke(app, ["advise", *options])


def told(done: Result) -> dict[str, Any]:
    assert done.exit_code in (0, 1), done.stderr
    return dict(json.loads(done.stdout))


def words(edit: dict[str, Any]) -> list[str]:
    return [change["told"] for change in edit["changes"]]


def test_a_window_is_made_as_long_as_it_has_to_be_and_no_longer(tmp_path: Path) -> None:
    found = told(run(tmp_path, [WINDOW], {"id": "long", "windows": {"atLeast": "6h"}}, **LATER))
    assert words(found["edit"]) == ["spec.maintenanceWindow.durationHours: 4 → 6"]
    assert found["edit"]["changes"][0]["patch"] == {"spec": {"maintenanceWindow": {"durationHours": 6}}}
    assert found["edit"]["changes"][0]["command"].startswith("kubectl patch maintenanceconfiguration os --type merge")


def test_a_budget_is_lowered_to_what_a_check_allows(tmp_path: Path) -> None:
    check = {"id": "few", "budgets": {"atMost": 4, "days": "Mon-Sun"}}
    found = told(run(tmp_path, [pool({"nodes": "12"})], check, **LATER))
    assert words(found["edit"]) == ["spec.disruption.budgets[0].nodes: 12 → 4"]


def test_times_are_closed_where_nothing_may_be_disrupted(tmp_path: Path) -> None:
    check = {"id": "closed", "budgets": {"atMost": 0, "days": "Mon-Fri", "hours": "08:00-18:00"}}
    found = told(run(tmp_path, [pool({"nodes": "2"})], check, timeZone="Europe/Berlin", **LATER))
    budgets = found["edit"]["changes"][0]["patch"]["spec"]["disruption"]["budgets"]
    assert budgets[0] == {"nodes": "2"}
    assert {budget["nodes"] for budget in budgets[1:]} == {"0"}
    assert "the clocks of Europe/Berlin change then" in found["edit"]["note"]


def test_a_kind_of_that_name_in_another_group_is_neither_read_nor_edited(tmp_path: Path) -> None:
    foreign = {"apiVersion": "hypershift.openshift.io/v1beta1", "kind": "NodePool", "metadata": {"name": "default"}}
    check = {"id": "few", "budgets": {"atMost": 4, "days": "Mon-Sun"}}
    found = told(run(tmp_path, [pool({"nodes": "12"}), {**foreign, "spec": {"replicas": 2}}], check, **LATER))
    assert words(found["edit"]) == ["spec.disruption.budgets[0].nodes: 12 → 4"]


def test_where_no_edit_does_for_all_there_is_one_for_each_that_breaks_no_other(tmp_path: Path) -> None:
    few = {"id": "few", "budgets": {"atMost": 4, "days": "Mon-Sun"}}
    done = run(tmp_path, [pool({"nodes": "12"}), WINDOW], few, {"id": "long", "windows": {"atLeast": "8h"}}, **LATER)
    found = told(done)
    assert done.exit_code == 1
    assert found["edit"] is None
    assert {it["check"]: words(it["edit"]) for it in found["byCheck"]} == {
        "few": ["spec.disruption.budgets[0].nodes: 12 → 4"],
        "long": ["spec.maintenanceWindow.durationHours: 4 → 8"],
    }


def test_where_none_is_found_it_says_that_checks_have_to_stay_decided() -> None:
    none = Advice(broken=("a",), tried=1, of=1, edit=None, by_check=(ByCheck(check="a", edit=None),))
    told = " ".join(line.text.strip() for line in lines(none))
    assert "a: no edit was found that makes it hold and breaks no other" in told
    assert "An edit counts as breaking a check that is not decided after it" in told


def test_where_all_hold_nothing_is_advised_and_the_exit_code_is_0(tmp_path: Path) -> None:
    done = run(tmp_path, [WINDOW], {"id": "long", "windows": {"atLeast": "4h"}}, **LATER)
    assert done.exit_code == 0
    assert (told(done)["broken"], told(done)["edit"]) == ([], None)


def test_a_rollout_that_one_pod_holds_for_ever_gets_a_second_pod(tmp_path: Path) -> None:
    check = {"id": "in-time", "finishes": {"within": "7d"}}
    found = told(run(tmp_path, [it for it, _ in load_documents(REPLICA.read_text())], check))
    ((change,), broken) = (found["edit"]["changes"], found["broken"])
    assert broken == ["in-time"]
    assert (change["kind"], change["namespace"], change["name"]) == ("Deployment", "shop", "ledger")
    assert change["patch"] == {"spec": {"replicas": 2}}


def test_checks_that_cannot_be_read_are_mistakes(tmp_path: Path) -> None:
    assert run(tmp_path, [WINDOW], {"id": "none"}).exit_code == 2


def test_every_option_is_on_the_page() -> None:
    page = (ROOT / "docs/check.md").read_text("utf-8").partition("## The smallest edit")[2]
    shown = CliRunner().invoke(app, ["advise", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert {"--most", "--checks"} < options
    assert [option for option in options if f"`{option}" not in page] == []


# --- what is tried ----------------------------------------------------------------------------------------------------


def tried(manifest: dict[str, Any], **assertion: Any) -> list[tuple[float, str]]:
    wanted = Assertion.parse({"id": "it", **(assertion or {"finishes": {"within": "7d"}})})
    found = amendments([Document("a.yaml", 1, manifest)], [(wanted, None)], "UTC", NOW)
    return [(round(it.size, 2), it.changes[0].told) for it in found]


def test_the_least_change_is_tried_first() -> None:
    sizes = [size for size, _ in tried(pool({"nodes": "10%"}))]
    assert sizes == sorted(sizes)
    assert tried(pool({"nodes": "10%"}))[:2] == [
        (0.58, "spec.disruption.budgets[0].nodes: 10% → 15%"),
        (1.0, "spec.disruption.budgets[0].nodes: 10% → 20%"),
    ]


def test_what_closes_is_not_opened() -> None:
    found = tried(pool({"nodes": "0", "schedule": "@daily", "duration": "1h"}, {"nodes": "3"}))
    assert [text for _, text in found if "budgets[0]" in text] == []


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("PodDisruptionBudget", {"minAvailable": 1}, ["spec.minAvailable: 1 → 0"]),
        ("PodDisruptionBudget", {"maxUnavailable": 0}, ["spec.maxUnavailable: 0 → 1", "spec.maxUnavailable: 0 → 2"]),
        (
            "PodDisruptionBudget",
            {"minAvailable": "100%"},
            ["spec.minAvailable: 100% → absent, spec.maxUnavailable: absent → 1"],
        ),
        ("StatefulSet", {"replicas": 3}, ["spec.replicas: 3 → 4"]),
        ("DaemonSet", {}, []),
    ],
)
def test_what_holds_pods_can_be_edited(kind: str, spec: dict[str, Any], expected: list[str]) -> None:
    manifest = {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": {"name": "it"}, "spec": spec}
    assert [told for _, told in tried(manifest)] == expected


def test_days_of_the_calendar_are_closed_by_one_budget() -> None:
    found = amendments(
        [Document("a.yaml", 1, pool({"nodes": "1"}))],
        [(Assertion.parse({"id": "it", "noDisruption": {"from": "2026-12-20", "until": "2026-12-31"}}), None)],
        "UTC",
        NOW,
    )
    (closing,) = (it for it in found if "at these times" in it.changes[0].told)
    budgets = closing.changes[0].spec["disruption"]["budgets"]
    assert budgets[1:] == [{"nodes": "0", "schedule": "0 0 20 12 *", "duration": "288h"}]
