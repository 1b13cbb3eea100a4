"""``napsim lint`` from the command line: forms, choices, fixes, mistakes with their places, exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from napsim.cli.main import app
from tests.lint.examples import pool

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "manifests/examples"
AT: Final = "--at=2026-11-02T00:00:00Z"
FROZEN: Final = pool('[{nodes: "0"}]')
NUMBER: Final = pool("[{nodes: 5}]")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool.yaml").write_text(FROZEN)


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["lint", AT, *map(str, arguments)], input=given)


def test_a_finding_is_shown_where_it_is_and_the_exit_code_says_so() -> None:
    done = run("pool.yaml")
    assert done.exit_code == 1
    assert done.stdout.startswith("warning[NAP105]: no node of this pool is ever disrupted")
    assert '--> pool.yaml:8:23\n  |\n8 |     budgets: [{nodes: "0"}]\n  |                       ^^^\n' in done.stdout
    assert done.stdout.endswith("1 document in 1 file: 0 errors, 1 warning\n")


def test_the_examples_are_as_they_ought_to_be() -> None:
    done = run(EXAMPLES, "--output", "json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["schema"] == "napsim.dev/lint/v1"
    assert [item["code"] for item in found["findings"]] == ["NAP214"]
    assert [item["code"] for item in found["suppressed"]] == ["NAP402"]


@pytest.mark.parametrize(
    ("form", "begins"),
    [("sarif", "{"), ("junit", "<?xml"), ("github", "::warning file=pool.yaml,line=8,col=23,"), ("json", "{")],
)
def test_every_form_has_the_finding_and_the_exit_code(form: str, begins: str) -> None:
    done = run(".", "--output", form)
    assert done.exit_code == 1
    assert done.stdout.startswith(begins)
    assert "NAP105" in done.stdout


def test_statistics_count_instead_of_showing() -> None:
    done = run(".", "--statistics")
    assert " ".join(done.stdout.split()) == "1 NAP105 warning No node of the pool is ever disrupted"
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--select", "NAP2,NAP4"], 0), (["--select", "pool-frozen"], 1), (["--ignore", "NAP105"], 0)],
)
def test_rules_are_chosen(options: list[str], code: int) -> None:
    assert run(".", *options).exit_code == code


def test_the_settings_of_the_folder_hold(tmp_path: Path) -> None:
    (tmp_path / "napsim.toml").write_text('[lint.severity]\nNAP105 = "info"\n')
    assert run(".").exit_code == 0
    (tmp_path / "other.toml").write_text('[lint]\nselect = ["NAP105"]\n')
    assert run(".", "--config", "other.toml").exit_code == 1


def test_what_is_certain_is_put_right_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(NUMBER)
    shown = run(".", "--diff")
    assert shown.exit_code == 1
    assert '-    budgets: [{nodes: 5}]\n+    budgets: [{nodes: "5"}]\n' in shown.stdout
    assert (tmp_path / "pool.yaml").read_text() == NUMBER
    done = run(".", "--fix")
    assert done.exit_code == 0, done.stdout
    assert (tmp_path / "pool.yaml").read_text() == NUMBER.replace("nodes: 5", 'nodes: "5"')
    assert run(".", "--diff").exit_code == 0


def test_a_file_in_utf_16_is_put_right_in_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_bytes(NUMBER.replace("\n", "\r\n").encode("utf-16"))
    assert run(".", "--fix").exit_code == 0
    right = NUMBER.replace("nodes: 5", 'nodes: "5"').replace("\n", "\r\n")
    assert (tmp_path / "pool.yaml").read_bytes() == right.encode("utf-16")


def test_a_file_that_is_named_twice_is_read_and_put_right_once(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(NUMBER)
    done = run(".", "pool.yaml", "--fix")
    assert done.stdout == "1 document in 1 file: no findings\n"
    assert (tmp_path / "pool.yaml").read_text() == NUMBER.replace("nodes: 5", 'nodes: "5"')


def test_what_a_link_leads_to_is_put_right_once_too(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(NUMBER)
    (tmp_path / "same.yaml").symlink_to("pool.yaml")
    assert run(".", "--fix").exit_code == 0
    assert (tmp_path / "pool.yaml").read_text() == NUMBER.replace("nodes: 5", 'nodes: "5"')
    assert (tmp_path / "same.yaml").is_symlink()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "pool.yaml").write_text(NUMBER)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    done = run("pool.yaml", "--fix")
    assert (done.exit_code, done.stderr) == (2, "napsim lint: pool.yaml: cannot be written: Permission denied\n")


def test_standard_input_is_read_and_not_put_right() -> None:
    assert run("-", given=FROZEN).exit_code == 1
    refused = run("-", "--fix", given=NUMBER)
    assert refused.exit_code == 2
    assert "standard input cannot be put right" in " ".join(refused.stderr.split())


def test_a_file_that_cannot_be_read_is_bad_input_and_the_others_are_judged(tmp_path: Path) -> None:
    (tmp_path / "chart.yaml").write_text("a: {{ .Values.a }}\nb: [\n")
    done = run(".")
    assert done.exit_code == 2
    assert "NAP105" in done.stdout
    assert re.search(r"^napsim lint: chart\.yaml:\d+: not valid YAML", done.stderr)
    assert run("nowhere").exit_code == 2


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("json", '"unread": [\n    {\n      "file": "torn.yaml",\n      "line": 2,'),
        ("junit", '<testcase classname="torn.yaml" name="read">\n      <failure type="unread"'),
        ("github", "::error file=torn.yaml,line=2,title=napsim lint::not valid YAML"),
        ("sarif", '"executionSuccessful": false'),
    ],
)
def test_a_file_that_cannot_be_read_is_in_every_form(tmp_path: Path, form: str, told: str) -> None:
    (tmp_path / "torn.yaml").write_text("a: [\nb: }\n")
    done = run("torn.yaml", "--output", form)
    assert done.exit_code == 2
    assert told in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "there must be files, folders or -"),
        (["--cluster", "."], "either manifests, or a live cluster"),
        (["--context", "here", "."], "either manifests, or a live cluster"),
        (["--cluster", "--fix"], "there must be files, folders or -"),
        (["--cluster", "--kubeconfig", "nowhere"], "nowhere"),
        ([".", "--select", "NAP9"], "no rule is called 'NAP9'"),
        ([".", "--config", "nowhere.toml"], "nowhere.toml"),
        (["--explain", "NAP9"], "no rule is called 'NAP9'"),
    ],
)
def test_wrong_usage_says_what_is_allowed(arguments: list[str], told: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.stderr).split())


@pytest.mark.parametrize("named", ["NAP101", "budget-unlimited-outside-schedule"])
def test_a_rule_is_explained_by_its_page(named: str) -> None:
    assert run("--explain", named).stdout == (ROOT / "docs/rules/NAP101.md").read_text("utf-8")
