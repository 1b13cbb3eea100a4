"""``napsim budgets`` the other way: a wish becomes budgets, with the instant until which they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.api.validation import errors_of
from napsim.cli.main import app
from napsim.core import budget_wishes
from napsim.core.budget_wishes import Disagreement

ROOT = Path(__file__).parents[2]
WINDOWS = ROOT / "manifests/examples/10-maintenanceconfiguration.yaml"
NOW = "--at=2026-11-21T20:00:00Z"
BERLIN = "--time-zone=Europe/Berlin"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["budgets", *map(str, arguments)])


def budgets(done: Result) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.stderr
    return list(yaml.safe_load(done.stdout)["spec"]["disruption"]["budgets"])


def test_the_weekend_of_a_place_is_a_patch_that_the_api_server_takes() -> None:
    done = run("--weekend-only", BERLIN, "--nodes=10%", NOW)
    its = budgets(done)
    assert its == [{"nodes": "10%"}, {"nodes": "0", "schedule": "0 23 * * sun", "duration": "120h"}]
    (pool, *_) = yaml.safe_load_all((ROOT / "manifests/examples/30-nodepools.yaml").read_text())
    pool["spec"]["disruption"]["budgets"] = its
    assert errors_of(pool) == []


def test_until_when_it_holds_is_said_with_the_instant() -> None:
    told = run("--weekend-only", BERLIN, NOW).stdout
    assert "# VALID UNTIL 2027-03-28T01:00:00Z" in told
    assert "# Valid from 2026-11-21T20:00:00Z on, for good" in run("--weekend-only", "--time-zone=UTC", NOW).stdout


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (("Sat,Sun",), [("0 0 * * mon", "120h")]),
        (("sat-sun",), [("0 0 * * mon", "120h")]),
        (("Fri-Mon",), [("0 0 * * tue", "72h")]),
        (("Sat 20:00-Mon 06:00",), [("0 6 * * mon", "134h")]),
        (("daily 01:30-05:00",), [("0 5 * * *", "20h30m")]),
        (("Mon-Fri 22:00-06:00",), [("0 6 * * tue-fri", "16h"), ("0 6 * * sat", "64h")]),
        (("Sat 00:00-24:00", "Sun"), [("0 0 * * mon", "120h")]),
        (("Mon 08:00-Mon 08:00",), []),
    ],
)
def test_days_and_times_are_read_as_they_are_written(only: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    found = budgets(run(*(f"--only={it}" for it in only), "--time-zone=UTC", NOW))
    assert [(it["schedule"], it["duration"]) for it in found[1:]] == expected


def test_windows_of_a_configuration_are_a_wish_and_their_freezes_too() -> None:
    found = budgets(run(f"--only-windows={WINDOWS}", "--reason=Drifted", NOW))
    assert [(it["schedule"], it["duration"], it["reasons"]) for it in found[1:]] == [
        ("0 5 * * sun", "164h", ["Drifted"]),
        ("0 0 21 12 *", "336h", ["Drifted"]),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("intervalWeeks: 1", "intervalWeeks: 2", "schedules of budgets repeat by the week"),
        ("2026-01-01", "2027-01-01", "it has not begun yet: compile as of that day"),
    ],
)
def test_windows_that_no_weekly_schedule_says_are_refused_with_their_place(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "window.yaml").write_text(WINDOWS.read_text().replace(old, new))
    done = run(f"--only-windows={tmp_path / 'window.yaml'}", NOW)
    assert done.exit_code == 2
    assert said in done.stderr
    assert f"{tmp_path / 'window.yaml'}:" in done.stderr


def test_what_is_verified_and_what_would_differ_after_the_clocks_change_is_said() -> None:
    done = run("--weekend-only", BERLIN, "--freeze=2026-12-15/2027-01-07", "--verify", "--span=1d", NOW)
    assert done.exit_code == 0
    assert "# Verified, minute by minute: all as wished. 2880 minutes: 2026-11-21T20:00:00Z to" in done.stdout
    assert "Fri 2027-04-02 22:00 UTC (Sat 2027-04-03 00:00 Europe/Berlin) for 1h: closed, not open" in done.stdout


def test_budgets_that_are_not_as_wished_are_told_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> tuple[Disagreement, ...]:
        *_, start, end = arguments
        return (Disagreement(start, end, 0, 5),)

    monkeypatch.setattr("napsim.cli.wishes.disagreements", wrong)
    done = run("--weekend-only", BERLIN, "--verify", "--span=1h", NOW)
    assert budget_wishes.disagreements is not wrong
    assert done.exit_code == 1
    assert "NOT as wished in 1 stretches" in done.stdout
    assert "for 1h: open, not closed" in done.stdout


def test_the_same_as_json() -> None:
    told = json.loads(run("--weekend-only", BERLIN, "--verify", "--span=1h", NOW, "--output=json").stdout)
    assert (told["schema"], told["validUntil"], told["verified"]) == (
        "napsim.dev/wish/v1",
        "2027-03-28T01:00:00Z",
        True,
    )
    assert told["patch"]["spec"]["disruption"]["budgets"][0] == {"nodes": "10%"}
    assert [it["allowed"] for it in told["after"]] == [10, 0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only=Caturday",), "must be days, alone or with times"),
        (("--only=Sat 25:00-26:00",), "must be days, alone or with times"),
        (("--weekend-only", "--freeze=2026-13-01/2027-01-01"), "must be two days, the last included"),
        (("--weekend-only", "--freeze=2027-01-02/2027-01-01"), "must not end before it begins"),
        (("--weekend-only", "--nodes=0"), "must be how many nodes may be disrupted at once"),
        (("--weekend-only", "--nodes=default=3"), "must be how many nodes may be disrupted at once"),
        (("--weekend-only", "--nodes=1", "--nodes=2"), "a wish has one"),
        (("--weekend-only", WINDOWS), "a wish takes no manifests"),
        (("--weekend-only", "--html=x.html"), "a wish has neither"),
        (("--verify",), "there is no wish"),
        (("--freeze=2026-12-15/2027-01-07",), "there is no wish"),
        ((), "or a wish"),
    ],
)
def test_wrong_usage_is_exit_code_2(options: tuple[object, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["budgets", *map(str, options)], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
