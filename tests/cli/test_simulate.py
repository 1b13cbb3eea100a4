"""``napsim simulate`` from the command line: forms, exit codes, many seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import icalendar
import msgspec
import pytest
from typer.testing import CliRunner, Result

from napsim.cli.main import app
from napsim.cli.repetition import quantiles, with_seed
from napsim.reading.sources import read
from napsim.report.forecast import Forecast, Quantiles
from napsim.report.marked import WIDTH
from napsim.sim.composition import Asked, scenario_of
from tests.scenarios.answers import NOW

SCENARIOS = Path(__file__).parents[1] / "scenarios"
FINISHES, NEVER = SCENARIOS / "five_percent", SCENARIOS / "single_replica"


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)], input=given)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in SCENARIOS.glob("*/scenario.yaml")), ids=lambda it: it.name
)
def test_every_scenario_is_told_in_80_columns_and_without_colour(folder: Path) -> None:
    done = run(folder)
    assert done.exit_code in (0, 1)
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    assert "\x1b" not in done.stdout


def test_the_exit_code_tells_whether_the_rollout_finishes() -> None:
    assert run(FINISHES).exit_code == 0
    assert run(NEVER).exit_code == 1


def test_bad_input_is_told_mistake_by_mistake_with_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: A}\nspec: {}\n")
    done = run(tmp_path, tmp_path / "missing.yaml")
    assert done.exit_code == 2
    told = done.stderr.splitlines()
    assert any("a.yaml:3: NodePool/A: metadata.name: 'A': must be" in line for line in told)
    assert any("a.yaml:4: NodePool/A: spec.template" in line for line in told)
    assert any("missing.yaml: cannot be read: No such file" in line for line in told)


@pytest.mark.parametrize("option", [("--start=tomorrow",), ("--runs=0",), ("--seed=-1",), ("--output=xml",)])
def test_wrong_usage_is_exit_code_2(option: tuple[str]) -> None:
    assert run(FINISHES, *option).exit_code == 2


def test_an_end_before_the_start_is_wrong() -> None:
    told = run(FINISHES, "--until=2020-01-01T00:00:00Z").stderr
    assert "--until: '2020-01-01T00:00:00Z': must be after the start" in " ".join(told.split())
    told = run(SCENARIOS / "list_cache", "--start=2030-01-01T00:00:00Z").stderr
    assert "scenario.yaml:" in told
    assert "spec.until" in told


def test_json_is_the_documented_document_and_the_same_each_time() -> None:
    first, second = run(FINISHES, "--output=json"), run(FINISHES, "--output=json")
    assert first.stdout == second.stdout
    assert msgspec.json.decode(first.stdout, type=Forecast).finishes


def test_standard_input_is_a_path_named_dash() -> None:
    done = run("-", "--output=json", given=(FINISHES / "scenario.yaml").read_text())
    assert done.stdout == run(FINISHES, "--output=json").stdout


def test_start_until_and_seed_go_before_what_the_scenario_says() -> None:
    done = run(NEVER, "--output=json", "--start=2026-03-03T00:00:00Z", "--until=2026-03-04T00:00:00Z", "--seed=9")
    told = json.loads(done.stdout)
    assert (told["start"], told["until"], told["seed"]) == ("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", 9)


def test_a_calendar_a_page_and_a_trace_are_written(tmp_path: Path) -> None:
    files = [f"--{form}={tmp_path / 'a'}.{form}" for form in ("ics", "html")]
    assert run(FINISHES, *files, f"--trace={tmp_path / 'a.jsonl'}").exit_code == 0
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    assert icalendar.Calendar.from_ical((tmp_path / "a.ics").read_bytes()).walk("VEVENT")
    kinds = {json.loads(line)["kind"] for line in (tmp_path / "a.jsonl").read_text().splitlines()}
    assert {"PickedUp", "CommandStarted", "ClaimGone"} <= kinds


@pytest.mark.parametrize(
    ("option", "begins"), [("--ics", "BEGIN:VCALENDAR"), ("--html", "<!DOCTYPE html>"), ("--trace", '{"at":')]
)
def test_a_file_named_dash_is_standard_output_and_the_report_goes_aside(option: str, begins: str) -> None:
    done = run(FINISHES, option, "-")
    assert done.exit_code == 0
    assert done.stdout.startswith(begins)
    assert done.stderr.startswith("Forecast of five-percent")


@pytest.mark.parametrize("more", [["--html", "-"], ["-o", "json"]])
def test_standard_output_takes_one_document(more: list[str]) -> None:
    done = run(FINISHES, "--ics", "-", *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "standard output takes one of them" in done.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = run(FINISHES, f"--ics={tmp_path / 'no' / 'a.ics'}")
    assert done.exit_code == 2
    assert "a.ics: cannot be written" in done.stderr


def test_many_seeds_run_in_processes_and_come_to_quantiles() -> None:
    told = json.loads(run(FINISHES, "--runs=3", "--output=json").stdout)["runs"]
    assert (told["count"], told["seeds"], told["finished"]) == (3, [0, 2], 3)
    assert 0 < told["finish"]["p50"] <= told["finish"]["p90"] <= told["finish"]["worst"]
    assert told["mostDisrupting"] == {"p50": 1, "p90": 1, "worst": 1}


def test_with_many_seeds_the_trace_is_that_of_the_forecast_that_is_shown(tmp_path: Path) -> None:
    assert run(FINISHES, f"--trace={tmp_path / 'one'}").exit_code == 0
    assert run(FINISHES, "--runs=2", f"--trace={tmp_path / 'first'}").exit_code == 0
    assert (tmp_path / "first").read_bytes() == (tmp_path / "one").read_bytes() != b""


def test_quantiles_are_values_that_were_seen() -> None:
    assert quantiles([5.0]) == Quantiles(p50=5, p90=5, worst=5)
    assert quantiles([float(number) for number in range(10, 0, -1)]) == Quantiles(p50=5, p90=9, worst=10)


def test_another_seed_is_one_everywhere() -> None:
    documents, _ = read([str(FINISHES)], stdin=str)
    scenario = with_seed(scenario_of(documents, Asked(NOW)), 5)
    assert (scenario.seed, scenario.timings.seed) == (5, 5)
    assert [it["spec"]["seed"] for it in scenario.manifests if it["kind"] == "NodeAutoProvisioning"] == [5]


def test_neither_hash_order_nor_the_time_zone_of_the_machine_changes_a_byte() -> None:
    told = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        command = [sys.executable, "-c", "from napsim.cli.main import app; app()", "simulate", str(NEVER), "-o", "json"]
        told.add(subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout)
    assert len(told) == 1
    assert told != {""}


# Said by a process that loads a forecast, and then makes one: what of it was not needed.
NEEDLESS = """
import dataclasses, gc, io, json, sys
from contextlib import redirect_stdout, suppress

import napsim.cli.main, napsim.cli.simulate
told = {"for the help": [name for name in ("pydantic", "msgspec", "yaml", "napsim.core") if name in sys.modules]}
import napsim.cli.forecasts
from napsim.api.base import Model

def below(kind):
    return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

told["validators built while loading"] = [model.__name__ for model in below(Model) if model.__pydantic_complete__]
from napsim.__main__ import main
with redirect_stdout(io.StringIO()), suppress(SystemExit):
    main()
told["garbage is collected"] = gc.isenabled()
told["modules"] = [name for name in UNWANTED if name in sys.modules]
values = {it for name, module in sys.modules.items() if name.startswith("napsim.") for it in vars(module).values()
          if isinstance(it, type) and dataclasses.is_dataclass(it) and it.__dataclass_params__.frozen}
told["values compiled while loading"] = sorted(it.__name__ for it in values if it.__module__.startswith("napsim."))
json.dump(told, sys.stdout)
"""
UNWANTED = (
    "aiohttp", "asyncio", "concurrent.futures", "http", "icalendar", "kopf", "kubernetes", "multiprocessing",
    "prometheus_client", "psutil", "rich", "ssl", "unittest", "xml", "napsim.api.checks", "napsim.azure",
    "napsim.cli.replay", "napsim.cluster", "napsim.lint", "napsim.live", "napsim.report.forecast_page",
)  # fmt: skip
# Options stand apart from msgspec, which the help does without; of a Document the nodes are no part that is compared.
DATACLASSES = ["Document", "Ending", "LiveChoice"]


def test_a_forecast_loads_and_builds_only_what_it_needs() -> None:
    code = NEEDLESS.replace("UNWANTED", repr(UNWANTED))
    done = subprocess.run([sys.executable, "-c", code, "simulate", str(FINISHES)], capture_output=True, check=True)
    assert json.loads(done.stdout) == {
        "for the help": [],
        "validators built while loading": [],
        "garbage is collected": True,
        "modules": [],
        "values compiled while loading": DATACLASSES,
    }
