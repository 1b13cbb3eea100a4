"""SARIF against the schema that OASIS publishes: every form that findings take, and what the rules really find."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from jsonschema import Draft4Validator
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.report import findings as report
from napsim.report import sarif

pytestmark = pytest.mark.process  # Go finds the schema

ROOT: Final = Path(__file__).parents[2]
PLAIN: Final = report.Finding(
    code="NAP105", rule="pool-frozen", severity="warning", file="pools/a b.yaml", line=2, column=12, end_column=15,
    object="NodePool/default", field="spec.disruption.budgets[0].nodes", value="0", message="frozen", help="allow some",
)  # fmt: skip
INFO: Final = msgspec.structs.replace(PLAIN, severity="info", line=1, column=1, end_column=9, help="")
FIXED: Final = msgspec.structs.replace(PLAIN, severity="error", file="é/#1.yaml", replacement='"1"')
EMPTIED: Final = msgspec.structs.replace(FIXED, file="C:\\pools\\one.yaml", replacement="")
BY_COMMENT: Final = msgspec.structs.replace(PLAIN, suppressed="until May", suppressed_by="comment")
BY_SETTINGS: Final = msgspec.structs.replace(FIXED, suppressed="until May", suppressed_by="configuration")
NOWHERE: Final = msgspec.structs.replace(PLAIN, file="(stdin)", object="", field="", value=None)
UNREAD: Final = (
    report.Unread(file="pools/a b.yaml", line=2, message="not valid YAML"),
    report.Unread(file="nowhere", line=0, message="cannot be read: No such file or directory"),
)
RULE: Final = report.Rule(code="NAP105", name="pool-frozen", severity="warning", title="Frozen", page="# Frozen\n")


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    printed = subprocess.run([ROOT / "hack/sarif/schema"], capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    found = msgspec.json.decode(printed.stdout)
    assert found["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    Draft4Validator.check_schema(found)
    return Draft4Validator(found)


def log(
    *findings: report.Finding, suppressed: tuple[report.Finding, ...] = (), unread: tuple[report.Unread, ...] = ()
) -> Any:
    files = tuple(sorted({item.file for item in (*findings, *suppressed)}))
    at = datetime(2026, 11, 2, tzinfo=UTC)
    found = report.Findings(
        at=at, files=files, judged=3, passed=1, findings=findings, suppressed=suppressed, unread=unread
    )
    return msgspec.json.decode(sarif.log(found, [RULE], "1.2.3"))


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(log(), id="nothing"),
        pytest.param(log(INFO, PLAIN, FIXED), id="severities"),
        pytest.param(log(FIXED, EMPTIED), id="fixes"),
        pytest.param(log(PLAIN, suppressed=(BY_COMMENT, BY_SETTINGS)), id="suppressions"),
        pytest.param(log(PLAIN, FIXED, EMPTIED, NOWHERE), id="files"),
        pytest.param(log(PLAIN, unread=UNREAD), id="unread"),
    ],
)
def test_every_form_of_a_finding_is_sarif(schema: Draft4Validator, told: Any) -> None:
    assert [error.message for error in schema.iter_errors(told)] == []


@pytest.mark.parametrize("folder", ["tests/scenarios", "manifests/examples", "charts"])
def test_what_is_found_in_the_projects_own_folders_is_sarif(
    schema: Draft4Validator, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["lint", folder, "--output", "sarif", "--at", "2026-03-02T00:00:00Z"])
    told = msgspec.json.decode(done.stdout)
    assert [error.message for error in schema.iter_errors(told)] == []
    assert len(told["runs"][0]["tool"]["driver"]["rules"]) > 40


def test_the_schema_refuses_what_is_not_sarif(schema: Draft4Validator) -> None:
    changes: list[dict[str, Any]] = [{"level": "info"}, {"message": {}}, {"fixes": [{}]}, {"unknown": 1}]
    for wrong in changes:
        told = log(PLAIN)
        told["runs"][0]["results"][0] |= wrong
        assert list(schema.iter_errors(told)), wrong
