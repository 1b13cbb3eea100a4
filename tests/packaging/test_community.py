"""What a forge reads of the repository: forms, workflows, where new versions are looked for, hooks, a container."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from napsim.cluster.folders import controlplane_sources
from tests.packaging.repository import ROOT

GITHUB: Final = ROOT / ".github"
FORMS: Final = ["bug", "feature", "fidelity"]
WORKFLOWS: Final = sorted((GITHUB / "workflows").glob("*.yml"))
TARGETS: Final = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# What may write where, and what for: everything else only reads.
WRITERS: Final = {
    ("release.yml", "dist"): {"attestations", "id-token"},
    ("release.yml", "image"): {"attestations", "id-token", "packages"},
    ("release.yml", "chart"): {"attestations", "id-token", "packages"},
    ("release.yml", "publish"): {"id-token"},
    ("release.yml", "release"): {"contents"},
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("name", FORMS)
def test_a_form_asks_for_what_is_needed_and_each_thing_once(name: str) -> None:
    form = read(GITHUB / f"ISSUE_TEMPLATE/{name}.yml")
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert form["name"]
    assert form["description"]
    assert len({field["id"] for field in asked}) == len(asked)
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_only_those_jobs_of_a_release_write_that_have_to() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for path in WORKFLOWS:
        workflow = read(path)
        assert workflow["permissions"] in ({}, {"contents": "read"}), path.name
        for name, job in workflow["jobs"].items():
            if written := {right for right, level in job.get("permissions", {}).items() if level == "write"}:
                found[path.name, name] = written
    assert found == WRITERS


def test_actions_of_others_are_pinned_by_commit_with_their_version() -> None:
    used = [line.strip() for path in WORKFLOWS for line in path.read_text().splitlines() if "uses: " in line]
    others = [line for line in used if "uses: ./" not in line]
    pinned = re.compile(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert len(others) > 20
    assert [line for line in others if not pinned.fullmatch(line)] == []
    assert len({line.partition("uses: ")[2] for line in others}) == len(
        {line.partition("uses: ")[2].partition("@")[0] for line in others}
    ), "one version of each action"


def test_workflows_and_the_container_make_what_there_is_to_make() -> None:
    files = [*WORKFLOWS, ROOT / ".devcontainer/devcontainer.json", ROOT / "docs/release.md", ROOT / "SECURITY.md"]
    made = {target for path in files for target in re.findall(r"\bmake ([a-z][a-z-]+)\b", path.read_text())}
    assert {"audit", "dist", "release-check", "sbom", "test", "venv"} <= made
    assert made - TARGETS == set()


def test_the_container_has_the_versions_that_are_tested() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    recipe = (ROOT / ".devcontainer" / container["build"]["dockerfile"]).read_text()
    steps = [step for job in read(GITHUB / "workflows/test.yml")["jobs"].values() for step in job["steps"]]
    (go,) = (step["with"]["go-version"] for step in steps if "setup-go" in step.get("uses", ""))
    assert f"FROM golang:{go}-" in recipe
    assert (
        f"FROM python:{read(GITHUB / 'workflows/test.yml')['jobs']['test']['strategy']['matrix']['python'][-1]}-"
        in recipe
    )


def test_every_minor_of_kubernetes_that_is_pinned_beside_the_default_is_tested_every_week() -> None:
    (job,) = read(GITHUB / "workflows/versions.yml")["jobs"].values()
    pinned = [path.name.partition("-")[2] for path in controlplane_sources().glob("kubernetes-*")]
    assert job["strategy"]["matrix"]["kubernetes"] == sorted(pinned)
    page = (ROOT / "docs/kubernetes-versions.md").read_text()
    assert [minor for minor in pinned if not re.search(rf"\b{re.escape(minor)}\.\d", page)] == []


def test_new_versions_are_looked_for_where_versions_are() -> None:
    for update in read(GITHUB / "dependabot.yml")["updates"]:
        folders = update.get("directories") or [update["directory"]]
        assert all((ROOT / folder.lstrip("/")).is_dir() for folder in folders), update


def test_hooks_run_programs_of_the_environment() -> None:
    hooks = [hook for source in read(ROOT / ".pre-commit-config.yaml")["repos"] for hook in source["hooks"]]
    lint = (ROOT / "Makefile").read_text().replace("$(bin)", ".venv/bin")
    assert {"ruff-check", "ruff-format"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        program, _, arguments = hook["entry"].partition(" ")
        assert program.startswith(".venv/bin/")
        assert program in lint or program == ".venv/bin/napsim", arguments
