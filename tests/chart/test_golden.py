"""What the chart renders is what was reviewed: a change of a template shows as a change of a golden file."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.chart.rendering import CHART, SETS, by_template, helm, rendered

GOLDEN: Final = Path(__file__).parent / "golden"
# These carry files of the repository as they are, or are rules with tests of their own.
ELSEWHERE: Final = {
    "templates/crds.yaml",
    "templates/dashboard.yaml",
    "templates/drive.yaml",
    "templates/examples.yaml",
    "templates/lintwarnings.yaml",
    "templates/prometheusrule.yaml",
    "templates/rbac.yaml",
}
# Where a rendered chart says of which version it is: a release changes that, and nothing else of it.
VERSIONED: Final = re.compile(
    r'(?P<before>helm\.sh/chart: napsim-|app\.kubernetes\.io/version: "|image: napsim:)(?P<version>[^\s"]+)'
)


def golden(text: str) -> str:
    """What of a rendered chart goes into its golden file: the same for every version."""
    kept = sorted((source, document) for source, document in by_template(text) if source not in ELSEWHERE)
    return VERSIONED.sub(r"\g<before>VERSION", "---\n".join(document for _, document in kept))


@pytest.mark.parametrize("name", SETS)
def test_the_chart_renders_what_its_golden_file_has(name: str, update_golden: bool) -> None:
    file = GOLDEN / f"{name}.yaml"
    now = golden(rendered(name))
    if update_golden:
        file.write_text(now)
    reviewed = file.read_text()
    changes = "\n".join(
        difflib.unified_diff(reviewed.splitlines(), now.splitlines(), "golden", "rendered", lineterm="")
    )
    assert not changes, f"`make golden` writes it anew:\n{changes}"


def test_every_golden_file_belongs_to_a_set_of_values() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_to_say_against_the_chart(name: str, tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps({key: value for key, value in SETS[name].items() if key != "examples"}))
    done = helm("lint", "--strict", str(CHART), f"--values={values}")
    assert done.returncode == 0, done.stdout
    assert "0 chart(s) failed" in done.stdout
    assert "[WARNING]" not in done.stdout + done.stderr


def test_the_chart_can_be_packaged_without_a_word_of_warning(tmp_path: Path) -> None:
    done = helm("package", str(CHART), f"--destination={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    assert [file.suffix for file in tmp_path.iterdir()] == [".tgz"]
