"""What lint finds in the objects of a cluster, as its operator tells it in their conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
import yaml

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.reports import Reports, bounded
from napsim.core.window_findings import CODES as WINDOW_CODES
from napsim.lint.findings import Severity
from napsim.lint.linting import Judged, inspected
from napsim.lint.rules import BY_CODE
from napsim.live.inspection import CODES, ELSEWHERE, Inspection
from tests.lint.examples import WEEKLY, pool, window

Manifest = dict[str, Any]
NOW: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)
NIGHTS: Final = '[{nodes: "1", schedule: "0 0 * * *", duration: 8h}]'
TOLD: Final = (
    "NAP101 spec.disruption.budgets[0].schedule: restricts disruption only while it is active; in the other time no"
    " budget does, and all nodes of the pool may be disrupted at once (67% of the time)"
)
NAP: Final = "apiVersion: napsim.dev/v1alpha1\nkind: NodeAutoProvisioning\nmetadata: {name: default}\nspec: {}\n"
FREEZE: Final = 'notAllowedDates: [{start: "2026-06-01", end: "2026-10-01"}]'


class World:
    """Declared objects, and a clock that stands."""

    def __init__(self, *texts: str) -> None:
        self.now, self.declared = NOW, Declared()
        clock = VirtualClock(lambda: self.now)
        self.reports = Reports(self.declared, clock, cast(Executor, None))
        self.inspection = Inspection(self.declared, clock)
        self.reports.inspect = self.inspection.findings
        for text in texts:
            self.take(text)

    def take(self, text: str) -> Manifest:
        manifest: Manifest = yaml.safe_load(text)
        manifest["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "1"}
        assert self.declared.take(manifest, NOW), self.declared.problems
        return manifest

    def told(self, kind: str, name: str = "default") -> list[str]:
        return [text for _, text in self.inspection.findings(kind, name)]


def test_a_pool_says_in_its_condition_what_lint_finds() -> None:
    world = World()
    manifest = world.take(pool(NIGHTS))
    (found,) = world.reports.mind([], manifest, [])
    assert (found["type"], found["status"]) == ("Findings", "True")
    assert (found["reason"], found["message"]) == ("BudgetUnlimitedOutsideSchedule", TOLD)


def test_what_the_controller_says_comes_first() -> None:
    world = World()
    manifest = world.take(pool(NIGHTS))
    (found,) = world.reports.mind([], manifest, [("NoCompatibleInstanceTypes", "there are none")])
    assert (found["reason"], found["message"]) == ("NoCompatibleInstanceTypes", f"there are none; {TOLD}")


def test_the_condition_goes_when_the_pool_is_right() -> None:
    world = World(pool(NIGHTS))
    right = world.take(pool('[{nodes: "1"}]'))
    assert world.reports.mind([{"type": "Findings"}], right, []) == []


def test_settings_and_windows_say_what_lint_finds() -> None:
    world = World(NAP.replace("{}", "{upgradeChannel: stable}"), WEEKLY)
    (said,) = world.told("NodeAutoProvisioning")
    assert said.startswith("NAP217 spec.upgradeChannel: upgradeChannel stable upgrades Kubernetes at any time")
    world.take(window("{weekly: {intervalWeeks: 1, dayOfWeek: Sunday}}", more=FREEZE))
    (said,) = world.told("MaintenanceConfiguration", "window")
    assert said.startswith("NAP204 spec.maintenanceWindow.notAllowedDates[0]: closed for 125.8 days")


def test_nothing_is_looked_at_again_until_an_object_or_the_day_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(pool(NIGHTS))
    looks: list[frozenset[str]] = []

    def counted(manifests: Iterable[Manifest], codes: frozenset[str], now: datetime) -> Iterator[Judged]:
        looks.append(codes)
        return inspected(manifests, codes, now)

    monkeypatch.setattr("napsim.live.inspection.inspected", counted)
    for step, expected in ((0, 1), (1, 1), (11, 1), (12, 2), (35, 2)):
        world.now = NOW + timedelta(hours=step)
        assert world.told("NodePool") == [TOLD]
        assert len(looks) == 2 * expected, "one look is at budgets, another at the rest"
    world.declared.drop("NodePool", "default")
    assert world.told("NodePool") == []
    assert len(looks) == 6
    assert looks[0] | looks[1] == CODES


def test_a_window_that_cannot_be_used_is_passed_over() -> None:
    world = World(pool(NIGHTS))
    broken = yaml.safe_load(WEEKLY)
    broken["spec"]["timeZone"] = "Nowhere/Land"
    world.declared.windows["window"] = broken
    assert world.told("NodePool") == [TOLD]


def test_every_rule_that_matters_is_told_here_or_has_a_reason_not_to_be() -> None:
    matter = {rule.code for rule in BY_CODE.values() if rule.check is not None and rule.severity is not Severity.INFO}
    assert matter == CODES | ELSEWHERE.keys()
    assert not CODES & ELSEWHERE.keys()


def test_what_windows_say_of_themselves_has_the_code_of_its_rule() -> None:
    said = yaml.safe_load(window("{absoluteMonthly: {intervalMonths: 1, dayOfMonth: 31}}", name="default"))
    found = {rule.code: item.message for rule, item in inspected([said], set(WINDOW_CODES.values()), NOW)}
    assert found.keys() == {"NAP209", "NAP210"}
    assert set(WINDOW_CODES.values()) <= BY_CODE.keys()


def test_a_message_is_bounded_and_says_how_much_is_left_out() -> None:
    assert bounded(["one", "two"]) == "one; two"
    assert bounded(["a" * 6, "b" * 3, "c"], most=11) == "aaaaaa; bbb; and 1 more"
    assert bounded(["a" * 20, "b"], most=10) == "aaaaaaaaaa; and 1 more"
