"""The workflow of docs/azure.md on a real API server: create, show, update, list and delete, as the page has it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rehearsal import Rehearsal, rehearsal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/azure.md").read_text("utf-8").partition("## The workflow of AKS")[2]
NAME = "aks-managed-node-os-upgrade-schedule"
CLOCK = {
    "apiVersion": "napsim.dev/v1alpha1",
    "kind": "NodeAutoProvisioning",
    "metadata": {"name": "default"},
    "spec": {"clock": {"start": "2026-12-31T12:00:00Z", "factor": 600}},  # a lead time of 30 minutes is 3 seconds
}
STEPS = ("Create", "Show", "Update", "List", "Delete")


@dataclass(slots=True)
class Workflow:
    """A cluster, and a folder in which a shell finds `kubectl` and `napsim` for it."""

    world: Rehearsal
    folder: Path

    def step(self, title: str) -> str:
        """Runs what the page says for a rehearsal; what it prints."""
        script = "".join(blocks(title))
        environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        environment["KUBECONFIG"] = str(self.world.cluster.kubeconfig)
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def found(self) -> dict[str, Any]:
        return self.world.get("maintenanceconfiguration", NAME)

    def next_window(self) -> str:
        window = self.found().get("status", {}).get("next", {})
        return str(window.get("utc", ""))


def blocks(title: str) -> list[str]:
    """The commands of a step, without those of az."""
    ((text,),) = [re.findall(rf"^### {title}\n(.*?)(?=^### |\Z)", PAGE, re.DOTALL | re.MULTILINE)]
    return [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if not block.startswith("az ")]


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflow]:
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / "bin").mkdir()
    with rehearsal() as world:
        programs = {"kubectl": str(world.cluster.kubectl), "napsim": f"{shlex.quote(sys.executable)} -m napsim"}
        for name, program in programs.items():
            path = folder / "bin" / name
            path.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
            path.chmod(0o755)
        world.apply(CLOCK)
        world.operator()
        yield Workflow(world, folder)


def test_every_step_of_the_page_is_taken_here() -> None:
    assert tuple(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == STEPS
    assert all("kubectl" in "".join(blocks(step)) for step in STEPS)


def test_create_show_update_list_and_delete(workflow: Workflow) -> None:
    assert workflow.step("Create") == f"maintenanceconfiguration.napsim.dev/{NAME} created\n"
    workflow.world.eventually("its next window", lambda: workflow.next_window() != "")

    shown = workflow.step("Show")
    assert re.search(
        rf"^{NAME} +aksManagedNodeOSUpgradeSchedule +closed +opens Sun 2027-01-03 01:00 UTC", shown, re.MULTILINE
    )
    assert "Sun 2027-01-03 01:00–05:00 UTC" in shown
    assert "Duration Hours:  4" in shown

    updated = workflow.step("Update")
    assert updated.splitlines() == [
        f"maintenanceconfiguration.napsim.dev/{NAME} replaced",
        f"maintenanceconfiguration.napsim.dev/{NAME} patched",
    ]
    found = workflow.found()
    assert found["spec"]["maintenanceWindow"]["durationHours"] == 6
    assert found["metadata"]["generation"] == 3

    listed = workflow.step("List")
    assert "--duration=6" in listed
    assert "--start-date=2027-01-03" in listed
    assert "Sun 2027-01-03 01:00–07:00" in listed

    assert workflow.step("Delete") == f'maintenanceconfiguration.napsim.dev "{NAME}" deleted\n'
    assert workflow.world.items("maintenanceconfigurations") == []
