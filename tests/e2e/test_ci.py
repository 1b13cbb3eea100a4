"""The GitHub Action's own shell lines and the pre-commit hooks, on a repository of manifests. No cluster."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
ACTION: Final[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
HOOKS: Final[list[dict[str, Any]]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
SCENARIO: Final = (ROOT / "tests/scenarios/weekend_budget/scenario.yaml").read_text("utf-8")
CHECKS: Final = """\
apiVersion: napsim.dev/v1alpha1
kind: Checks
metadata: {name: it}
spec:
  manifests: [manifests]
  checks:
    - id: one-at-a-time
      atOnce: {nodes: 10}
    - id: office-hours
      budgets: {atMost: 0, days: Mon-Fri, hours: "08:00-18:00"}
"""
_EXPRESSION: Final = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Where this project's napsim is the one that is found."""
    bin_ = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "TZ": "UTC"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """Two commits: the second one lets more nodes go at once."""
    folder = tmp_path_factory.mktemp("repository")
    manifest = folder / "manifests/scenario.yaml"
    manifest.parent.mkdir()
    (folder / "napsim-checks.yaml").write_text(CHECKS)
    git = ["git", "-c", "user.name=it", "-c", "user.email=it@example.com"]
    assert run(["git", "init", "--quiet", "."], folder, environment).returncode == 0
    for text in (SCENARIO, SCENARIO.replace('nodes: "1"', 'nodes: "3"')):
        manifest.write_text(text)
        assert run([*git, "add", "."], folder, environment).returncode == 0
        assert run([*git, "commit", "--quiet", "--message", "it"], folder, environment).returncode == 0
    return folder


@dataclass
class Job:
    """A job that runs the action's steps, as GitHub does: expressions replaced, outputs and summary in files."""

    folder: Path
    temporary: Path
    environment: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        for step in ACTION["runs"]["steps"]:
            if not self._is_due(step.get("if", "")):
                continue
            done = run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], self.folder, self._given(step)
            )
            self.printed += done.stdout + done.stderr
            self._take_outputs(step.get("id", ""))
            if done.returncode:
                self.failed.append(step["name"])
                return

    @property
    def summary(self) -> str:
        return (self.temporary / "summary").read_text("utf-8")

    def _given(self, step: Mapping[str, Any]) -> dict[str, str]:
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_PATH": "path"}
        paths = {name: str(self.temporary / file) for name, file in files.items()}
        own = {name: self._filled(text) for name, text in step.get("env", {}).items()}
        return {**self.environment, **paths, "RUNNER_TEMP": str(self.temporary), "GITHUB_ACTION_PATH": str(ROOT), **own}

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: self._value(match[1]), text)

    def _value(self, expression: str) -> str:
        if expression.startswith("inputs."):
            return self.inputs[expression.removeprefix("inputs.")]
        return self.outputs.get(expression, "")

    def _is_due(self, condition: str) -> bool:
        if not condition:
            return True
        expression, operator, wanted = condition.split(" ")
        same = self._value(expression) == wanted.strip("'")
        return same if operator == "==" else not same

    def _take_outputs(self, step: str) -> None:
        file = self.temporary / "output"
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step}.outputs.{name}"] = value
        file.write_text("")


def job(repository: Path, environment: dict[str, str], temporary: Path, **inputs: str) -> Job:
    defaults = {name: str(given.get("default", "")) for name, given in ACTION["inputs"].items()}
    made = Job(repository, temporary, environment, {**defaults, "paths": "manifests", **inputs})
    made.run()
    return made


def test_the_action_checks_compares_and_fails_with_annotations_and_a_summary(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    done = job(repository, environment, tmp_path, **{"diff-base": "HEAD~1"})
    assert done.outputs["steps.check.outputs.code"] == "1", done.printed
    assert done.failed == ["Result"], done.printed
    assert re.search(r"^::error file=napsim-checks.yaml,line=9,title=office-hours%3A ", done.printed, re.MULTILINE)
    assert "| **broken** | office-hours: " in done.summary
    assert "| ok | one-at-a-time: " in done.summary
    compared = Path(done.outputs["steps.diff.outputs.file"]).read_text("utf-8")
    assert compared in done.summary
    assert "NodePool/default" in compared or "default" in compared


def test_the_action_succeeds_where_everything_holds(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    held = tmp_path / "held.yaml"
    held.write_text(CHECKS[: CHECKS.index("    - id: office-hours")])
    done = job(repository, environment, tmp_path, checks=str(held), lint="false")
    assert done.failed == [], done.printed
    assert "1 of 1 checks hold" in done.printed


def test_every_output_of_the_action_is_one_of_a_step() -> None:
    steps = {step["id"]: step["run"] for step in ACTION["runs"]["steps"] if "id" in step}
    for output in ACTION["outputs"].values():
        _, step, _, name = _EXPRESSION.findall(output["value"])[0].split(".")
        assert f'echo "{name}=' in steps[step]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_as_pre_commit_runs_it(hook: dict[str, Any], repository: Path, environment: dict[str, str]) -> None:
    files = [] if hook.get("pass_filenames") is False else ["manifests/scenario.yaml", "napsim-checks.yaml"]
    done = run([*shlex.split(hook["entry"]), *hook.get("args", ()), *files], repository, environment)
    assert done.returncode in (0, 1), done.stderr
    if hook["id"] == "napsim-check":
        assert done.returncode == 1
        assert "FAIL office-hours" in done.stdout
    assert {"id", "name", "entry", "language", "description"} <= hook.keys()
    assert hook["language"] == "python"
    assert set(hook.get("types_or", ())) <= {"yaml", "json"}


def test_the_checks_of_the_examples_hold(environment: dict[str, str]) -> None:
    done = run(["napsim", "check", "--checks", "manifests/napsim-checks.yaml"], ROOT, environment)
    assert done.returncode == 0, done.stdout
    assert "all 5 checks hold" in done.stdout


def test_every_input_output_and_hook_is_on_the_page() -> None:
    page = (ROOT / "docs/ci.md").read_text("utf-8")
    told = [*ACTION["inputs"], *ACTION["outputs"], *(hook["id"] for hook in HOOKS)]
    assert [name for name in told if f"`{name}`" not in page and f"id: {name}" not in page] == []
    assert [
        name for name, given in ACTION["inputs"].items() if f"`{given['default']}` |" not in page and given["default"]
    ] == []
