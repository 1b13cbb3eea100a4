"""The alerting rules: they parse, fire when they should and not before, and say what they are about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.monitoring.conftest import ROOT, Promtool
from tests.monitoring.expressions import kept, references
from tests.monitoring.series import labels_of

RULES = "charts/napsim/files/rules.yaml"
SCENARIOS = sorted(Path(__file__).parent.glob("*.test.yaml"))
ALERTS = [rule for group in yaml.safe_load((ROOT / RULES).read_text())["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in ALERTS]


def test_promtool_accepts_the_rules(promtool: Promtool) -> None:
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_alerts_fire_when_they_should(promtool: Promtool, scenario: Path) -> None:
    done = promtool("test", "rules", str(scenario))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_not_to_fire() -> None:
    fired: set[str] = set()
    quiet: set[str] = set()
    for scenario in SCENARIOS:
        for test in yaml.safe_load(scenario.read_text())["tests"]:
            for check in test["alert_rule_test"]:
                (fired if check["exp_alerts"] else quiet).add(check["alertname"])
    assert fired == set(NAMES)
    assert quiet == set(NAMES)


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_reads_metrics_that_exist_by_labels_that_they_have(rule: dict[str, object]) -> None:
    expression = str(rule["expr"])
    found = list(references(expression))
    assert found
    for reference in found:
        assert reference.labels <= labels_of(reference.metric), reference
    labels = frozenset[str]().union(*(labels_of(item.metric) for item in found))
    assert kept(expression) <= labels


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_says_what_about_whom_and_where_to_read_on(rule: dict[str, dict[str, str]]) -> None:
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert "{{" not in notes["summary"]
    page, anchor = notes["runbook_url"].split("#")
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}
    used = set(re.findall(r"\$labels\.(\w+)", notes["description"]))
    expression = str(rule["expr"])
    has_labels = kept(expression) or {"configuration"} & used
    assert used <= kept(expression) | has_labels
    about = {"nodepool", "nodeclass", "configuration", "queue"} & (kept(expression) | used)
    assert not about or about & used, "it names the pool, class or configuration that it is about"
