"""What ``napsim watch`` does before there is anything to show."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from typer.testing import CliRunner

from napsim.cli.watch import app, print_frame
from tests.report import samples


def test_a_kubeconfig_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--kubeconfig", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "no such file" in result.stderr


@pytest.mark.parametrize("arguments", [["--once"], ["--plain"], ["--output", "json"]])
def test_an_api_server_that_does_not_answer_is_named_and_exits_1(unreachable: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["--kubeconfig", str(unreachable), *arguments])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "napsim watch: http://127.0.0.1:" in result.stderr


def test_the_exit_codes_are_in_the_help() -> None:
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "Exit codes: 0 ended by q, Ctrl-C or SIGTERM" in shown


def test_one_frame_tells_of_all_that_is_blocked_however_much_that_is() -> None:
    blocked = tuple(replace(samples.LEDGER_NODE, node=f"node-{n}", message=f"held by {n}") for n in range(30))
    written = Console(file=io.StringIO(), width=80)
    print_frame(written, replace(samples.ROLLING_OUT, blocked=blocked))
    shown = written.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO of this test
    assert all(f"node-{number} " in shown for number in range(30))
