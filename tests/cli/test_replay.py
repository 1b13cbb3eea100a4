"""``napsim simulate --follow``: the simulation, watched. The clock is told what time it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from napsim.cli import replay as replaying
from napsim.cli.main import app
from napsim.cli.replay import Pace, Replay
from napsim.reading.sources import read
from napsim.report.view import Rollout, View
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from tests.scenarios.answers import NOW

FOLDER = Path(__file__).parents[1] / "scenarios" / "five_percent"
START = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """Real seconds, which go by only where somebody waits for them; ``keys`` are pressed one after another."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self.seconds = 0.0
        self.keys: Iterator[str] = iter(keys)

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> str:
        self.seconds += max(seconds, 1e-6)
        return next(self.keys, "")


@dataclass
class Shown:
    """Keeps what is shown."""

    each: bool = True
    views: list[View] = field(default_factory=list)

    def show(self, view: View, following: datetime, *, paused: bool) -> None:
        assert view.clock.now <= following
        assert not paused
        self.views.append(view)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    documents, mistakes = read([str(FOLDER)], stdin=str)
    return scenario_of(documents, Asked(NOW), mistakes)


def test_watching_changes_nothing_and_sees_the_rollout_in_order(scenario: Scenario) -> None:
    clock, shown = Clock(), Shown()
    replay = Replay("five", Pace(50_000, clock), shown, clock.wait)
    watched, unwatched = simulate(scenario, spectator=replay), simulate(scenario)
    replay.ends()
    assert replace(watched, steps=0) == replace(unwatched, steps=0)
    instants = [view.clock.now for view in shown.views]
    assert instants == sorted(instants)
    assert {Rollout.ROLLING_OUT, Rollout.ROLLED_OUT} <= {view.rollout for view in shown.views}
    assert max(pool.disrupting for view in shown.views for pool in view.pools) == unwatched.most_disrupting
    assert replay.journal.replaced == sum(pool.replaced for pool in unwatched.pools)
    assert any(event.reason == "ImagePickedUp" for view in shown.views for event in view.events)
    passed = (watched.ended_at - watched.started_at).total_seconds() / 50_000
    assert clock.seconds == pytest.approx(passed, rel=0.1)


def test_whoever_quits_has_seen_what_there_was_until_then(scenario: Scenario) -> None:
    clock, shown = Clock(keys=["", "", "q"]), Shown(each=False)
    replay = Replay("five", Pace(600, clock), shown, clock.wait)
    outcome = simulate(scenario, spectator=replay)
    assert replay.quits
    assert outcome.ended_at - outcome.started_at <= timedelta(seconds=600)
    assert replay.journal.summary() == ["no image was picked up"]


def test_the_next_thing_that_can_be_seen_is_one_key_away(scenario: Scenario) -> None:
    clock, shown = Clock(keys=["n", "q"]), Shown(each=False)
    replay = Replay("five", Pace(1, clock), shown, clock.wait)
    simulate(scenario, spectator=replay)
    before, after = shown.views[0], shown.views[1]
    assert after.clock.now - before.clock.now > timedelta(hours=1)
    assert clock.seconds < 2


@pytest.mark.parametrize(
    ("keys", "speed", "paused"),
    [
        ("+", 1200, False),
        ("=", 1200, False),
        ("--", 150, False),
        (" ", 600, True),
        ("  ", 600, False),
        ("x", 600, False),
    ],
)
def test_keys_change_the_pace(keys: str, speed: float, paused: bool) -> None:
    pace = Pace(600, Clock())
    pace.set(START)
    for key in keys:
        pace.pressed(key, pace.now)
    assert (pace.speed, pace.paused) == (speed, paused)


def test_time_goes_on_from_where_it_was_when_its_speed_changes() -> None:
    clock = Clock()
    pace = Pace(600, clock)
    pace.set(START)
    clock.seconds = 1
    pace.turn(60, pace.now)
    clock.seconds = 2
    assert pace.now == START + timedelta(seconds=660)
    pace.pressed(" ", pace.now)
    clock.seconds = 100
    assert pace.now == START + timedelta(seconds=660)


def test_without_a_terminal_it_is_lines_and_then_the_forecast() -> None:
    done = CliRunner().invoke(app, ["simulate", str(FOLDER), "--follow", "--speed=1e7", "--until=2026-03-05T07:52:00Z"])
    assert done.exit_code == 1, done.output
    told, report = done.stdout.split("\nForecast", maxsplit=1)
    assert told.startswith("napsim  ")
    assert "picked up: " in told
    assert "POOLS" in report


def test_on_a_dumb_terminal_it_is_lines_without_a_control_character() -> None:
    code = "import sys; sys.stdout.isatty = lambda: True; from napsim.cli.main import app; app()"
    command = [sys.executable, "-c", code, "simulate", str(FOLDER), "--follow", "--speed=1e7"]
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**plain, "TERM": "dumb"})
    assert "picked up: " in done.stdout
    assert "POOLS" in done.stdout
    assert "\x1b" not in done.stdout


def test_ctrl_c_ends_it_with_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(replaying, "asleep", interrupted)
    done = CliRunner().invoke(app, ["simulate", str(FOLDER), "--follow"])
    assert done.exit_code == 0
    assert "=== Summary: as far as it was shown" in done.stdout
    assert "POOLS" not in done.stdout


def test_a_document_is_alone_on_standard_output() -> None:
    done = CliRunner().invoke(app, ["simulate", str(FOLDER), "--follow", "--speed=1e7", "-o", "json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["finishedAt"]
    assert "picked up: " in done.stderr


def test_files_that_an_early_end_leaves_unwritten_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(_: float) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(replaying, "asleep", interrupted)
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["simulate", str(FOLDER), "--follow", "--html", str(page)])
    assert done.exit_code == 0
    assert f"{page} is not written: the forecast was ended early" in done.stderr
    assert not page.exists()


def test_many_seeds_cannot_be_watched() -> None:
    assert CliRunner().invoke(app, ["simulate", str(FOLDER), "--follow", "--runs=2"]).exit_code == 2


@pytest.mark.parametrize("speed", ["0", "-5", "nan", "inf", "1e30"])
def test_a_speed_at_which_no_clock_runs_is_wrong_usage(speed: str) -> None:
    done = CliRunner().invoke(app, ["simulate", str(FOLDER), "--follow", "--speed", speed])
    assert done.exit_code == 2
    assert "--speed" in done.stderr
