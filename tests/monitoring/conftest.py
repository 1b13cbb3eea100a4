"""promtool, wherever it comes from; without it these tests fail and say how to get it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Promtool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Runs promtool with these arguments, in the folder of the repository."""
    found = subprocess.run([str(ROOT / "hack/promtool")], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    program = found.stdout.strip()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    return run
