"""The command ``napsim doctor``: how it tells what it found, and what it does where there is no cluster."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from rich.text import Text
from typer.testing import CliRunner

from napsim.cli import doctor
from napsim.report.doctor.checks import CHECKS
from napsim.report.doctor.findings import Finding, Severity
from napsim.report.doctor.readings import Readings
from napsim.report.doctor.rendering import Report, document, lines, page

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
ERROR = Finding("operator-leads", Severity.ERROR, "no operator runs", "Lease/kube-system/napsim", "napsim run")
WARNING = Finding("pdbs-spare", Severity.WARNING, "can never spare one", "PodDisruptionBudget/shop/ledger", "edit it")
FINE = Finding("api-server", Severity.OK, "v1.36.3, ready")
APART = Finding("images-published", Severity.NOT_APPLICABLE, "no pool needs an image")


def shown(*findings: Finding) -> str:
    return Text("\n").join(lines(Report("https://here", "0.1.0", False, findings))).plain


def test_a_problem_is_told_with_its_object_and_below_it_the_fix() -> None:
    told = shown(FINE, ERROR, APART)
    assert "✓ api-server            v1.36.3, ready" in told
    assert "✗ operator-leads        Lease/kube-system/napsim: no operator runs\n" in told
    assert "\n                        fix: napsim run\n" in told
    assert "- images-published      not applicable: no pool needs an image" in told


@pytest.mark.parametrize(
    ("findings", "counts"),
    [
        ((FINE,), "0 errors, 0 warnings, 1 ok"),
        ((ERROR, WARNING, FINE, FINE, APART), "1 error, 1 warning, 2 ok, 1 not applicable"),
        ((ERROR, ERROR), "2 errors, 0 warnings"),
    ],
)
def test_the_last_line_counts(findings: tuple[Finding, ...], counts: str) -> None:
    assert shown(*findings).splitlines()[-1] == counts


def test_json_has_every_finding_under_the_names_of_its_fields() -> None:
    told = json.loads(document(Report("https://here", "0.1.0", False, (ERROR,))))
    assert told == {
        "cluster": "https://here",
        "version": "0.1.0",
        "healthy": False,
        "findings": [
            {
                "check": "operator-leads",
                "severity": "error",
                "seen": "no operator runs",
                "object": "Lease/kube-system/napsim",
                "fix": "napsim run",
            }
        ],
        "schema": "napsim.dev/doctor/v1",
    }


@pytest.mark.parametrize(
    ("finding", "options", "exit_code"),
    [(FINE, [], 0), (APART, [], 0), (WARNING, [], 1), (ERROR, [], 1), (WARNING, ["--fail-on", "error"], 0)],
)
def test_the_exit_code_tells_whether_there_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, finding: Finding, options: list[str], exit_code: int
) -> None:
    monkeypatch.setattr(doctor, "_readings", lambda *_: Readings(real=datetime(2026, 2, 15, tzinfo=UTC)))
    monkeypatch.setattr(doctor, "examine", lambda _: (finding,))
    assert CliRunner().invoke(doctor.app, options).exit_code == exit_code


def test_an_api_server_that_does_not_answer_is_named_and_exits_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here"}}],
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    result = CliRunner().invoke(doctor.app, ["--kubeconfig", str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"napsim doctor: http://127.0.0.1:{port}: " in result.stderr


def test_a_kubeconfig_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(doctor.app, ["--kubeconfig", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "no such file" in result.stderr


def test_the_page_of_the_checks_is_the_one_that_is_committed() -> None:
    assert PAGE.read_text() == page() == CliRunner().invoke(doctor.app, ["--list-checks"]).stdout
    assert all(f"| `{check.id}` |" in page() for check in CHECKS)


def test_the_exit_codes_and_an_example_are_in_the_help() -> None:
    told = " ".join(CliRunner().invoke(doctor.app, ["--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "Examples: napsim doctor" in told
    assert "Exit codes: 0 healthy 1 an error or a warning was found" in told
