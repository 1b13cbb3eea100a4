"""``napsim trace diff`` from the command line: forms, exit codes, bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from napsim.cli.main import app
from napsim.report.trace_difference import SCHEMA

PICKED = '{"at":"2026-02-15T01:00:00Z","kind":"PickedUp","object":"AKSNodeClass/default","reason":"WindowOpen"}'
STARTED = '{"at":"2026-02-15T01:00:04Z","kind":"CommandStarted","object":"Node/aks-a","reason":"Drifted"}'
BLOCKED = '{"at":"2026-02-15T01:00:05Z","kind":"Blocked","object":"NodeClaim/b","reason":"PodDisruptionBudget"}'


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["trace", "diff", *map(str, arguments)], input=given)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return trace(tmp_path, "first", PICKED, STARTED, BLOCKED)


def trace(folder: Path, name: str, *lines: str) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_two_that_tell_the_same(first: Path) -> None:
    done = run(first, "-", given=first.read_text())
    assert (done.exit_code, done.stdout) == (0, "No difference: 3 records.\n")


def test_the_first_difference_is_shown_with_what_each_saw_before(first: Path, tmp_path: Path) -> None:
    other = trace(tmp_path, "other", PICKED, STARTED.replace("aks-a", "aks-b"), BLOCKED)
    done = run(first, other)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "They differ first in commands: another object",
        "",
        str(first),
        "    2026-02-15T01:00:00Z  PickedUp  AKSNodeClass/default  WindowOpen",
        "  > 2026-02-15T01:00:04Z  CommandStarted  Node/aks-a  Drifted",
        "",
        str(other),
        "    2026-02-15T01:00:00Z  PickedUp  AKSNodeClass/default  WindowOpen",
        "  > 2026-02-15T01:00:04Z  CommandStarted  Node/aks-b  Drifted",
    ]


def test_for_programs(first: Path, tmp_path: Path) -> None:
    done = run(first, trace(tmp_path, "other", PICKED, STARTED), "--output=json", "--context=1")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (found["schema"], found["same"], found["what"]) == (SCHEMA, False, "only in the first")
    assert found["first"]["record"]["kind"] == "Blocked"
    assert (found["second"]["record"], found["second"]["records"]) == (None, 2)
    assert [record["kind"] for record in found["first"]["before"]] == ["CommandStarted"]


@pytest.mark.parametrize("ignored", ["Blocked", "Blocked=PodDisruptionBudget"])
def test_what_is_ignored_is_no_difference(first: Path, tmp_path: Path, ignored: str) -> None:
    assert run(first, trace(tmp_path, "other", PICKED, STARTED), f"--ignore={ignored}").exit_code == 0


def test_what_was_before_can_be_left_out(first: Path, tmp_path: Path) -> None:
    other = trace(tmp_path, "other", STARTED, BLOCKED)
    assert run(first, other).exit_code == 1
    assert run(first, other, "--since=2026-02-15T01:00:01Z").exit_code == 0


def test_times_are_held_to_the_tolerance(first: Path, tmp_path: Path) -> None:
    later = trace(tmp_path, "other", PICKED, STARTED, BLOCKED.replace("01:00:05", "01:00:30"))
    assert run(first, later).exit_code == 1
    assert run(first, later, "--tolerance=25s").exit_code == 0


def test_every_bad_line_is_named(first: Path, tmp_path: Path) -> None:
    other = trace(tmp_path, "other", "{}", PICKED.replace("PickedUp", "Guessed"), PICKED.replace("Z", "", 1))
    done = run(first, other, tmp_path / "nothing")
    assert done.exit_code == 2
    done = run(other, tmp_path / "nothing")
    assert done.exit_code == 2
    said = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in said] == [*(f"{other}:{line}" for line in (1, 2, 3)), f"{tmp_path}/nothing"]
    assert "cannot be read: No such file or directory" in said[-1]


def test_of_a_trace_that_ends_before_the_other_is_shown_what_it_saw_until_then(first: Path, tmp_path: Path) -> None:
    done = run(first, trace(tmp_path, "other", PICKED, STARTED))
    assert done.stdout.splitlines()[-3:] == [
        "    2026-02-15T01:00:00Z  PickedUp  AKSNodeClass/default  WindowOpen",
        "    2026-02-15T01:00:04Z  CommandStarted  Node/aks-a  Drifted",
        "  > (it ends here, after 2 records)",
    ]


def test_of_a_trace_that_goes_on_without_the_record_too(first: Path, tmp_path: Path) -> None:
    done = run(first, trace(tmp_path, "other", PICKED, BLOCKED), "--context=1")
    assert done.stdout.splitlines()[-2:] == [
        "    2026-02-15T01:00:00Z  PickedUp  AKSNodeClass/default  WindowOpen",
        "  > (nothing)",
    ]


def test_records_are_told_in_80_columns(first: Path, tmp_path: Path) -> None:
    long = BLOCKED.replace("}", f',"message":"{"word " * 60}"}}')
    done = run(first, trace(tmp_path, "other", PICKED, STARTED, long))
    told = [line for line in done.stdout.splitlines() if line.startswith((" ", "They"))]
    assert max(map(len, told)) <= 80
    assert done.stdout.count("word") == 60


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_difference(first: Path, tmp_path: Path, encoding: str) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(first.read_text().encode(encoding))
    assert run(first, other).exit_code == 0


def test_of_a_file_that_is_none_the_first_lines_are_named(first: Path, tmp_path: Path) -> None:
    said = run(first, trace(tmp_path, "other", *["kind: NodePool"] * 1000)).stderr.splitlines()
    assert len(said) == 21
    assert "980 more lines are no record of a trace; traces are written by napsim simulate" in said[-1]


def test_a_trace_that_is_compressed_is_told_as_such(first: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl.gz"
    other.write_bytes(gzip.compress(first.read_bytes()))
    done = run(first, other)
    assert done.exit_code == 2
    assert "it is compressed: gunzip it first" in done.stderr


def test_standard_input_can_be_but_one_of_the_two(first: Path) -> None:
    assert run("-", "-", given=first.read_text()).exit_code == 2


@pytest.mark.parametrize("option", ["--ignore=Guessed", "--tolerance=soon", "--tolerance=-1s", "--since=noon"])
def test_wrong_usage(first: Path, option: str) -> None:
    assert run(first, first, option).exit_code == 2
