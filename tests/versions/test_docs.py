"""The block of docs/kubernetes-versions.md: another minor of Kubernetes, built from its modules, and four files of e2e.

The page names one minor; what it says is done for each that is pinned. `make test-versions` runs this, `make test` does
not: it takes ten minutes for each, and twenty where its control plane is not built yet.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from napsim.cluster.folders import cache_folder, controlplane_sources
from tests.docs.blocks import HOW, ROOT, Run, blocks_of
from tests.docs.shell import Step, run, steps

PAGE: Final = "docs/kubernetes-versions.md"
HERE: Final = "tests/versions/test_docs.py"
ON_THE_PAGE: Final = "1.35"
MINORS: Final = sorted(path.name.partition("-")[2] for path in controlplane_sources().glob("kubernetes-*"))
MOST_SECONDS: Final = 3000.0
# What a build finds or keeps in the home folder of who builds, and how it reaches what it has not.
_PASSED_ON: Final = re.compile(r"HOME|PYTHONPATH|GO\w+|(?i:https?|no)_proxy|SSL_CERT_\w+")


def with_another_minor(minor: str) -> list[Step]:
    """What the page says, of a minor that takes the place of the one it names."""
    wanted = [block for block in blocks_of(PAGE) if block.marking.run is Run.ELSEWHERE and block.marking.why == HERE]
    told = [step for block in wanted for step in steps(block)]
    return [replace(step, text=step.text.replace(ON_THE_PAGE, minor)) for step in told]


def test_the_page_builds_a_minor_that_is_pinned_and_runs_tests_with_it() -> None:
    told = [step.text for step in with_another_minor(ON_THE_PAGE)]
    assert ON_THE_PAGE in MINORS
    assert told[:2] == [f"export NAPSIM_KUBERNETES={ON_THE_PAGE}", "make controlplane"]
    assert "tests/e2e/test_cluster.py" in told[-1], "it tells whether the API server is of that minor"


@pytest.mark.parametrize("minor", MINORS)
def test_the_commands_of_the_page_do_what_it_says(minor: str, tmp_path: Path) -> None:
    """In the clone itself, as a reader does: its tests are what is run."""
    environment = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    environment["NAPSIM_CACHE"] = str(cache_folder())
    outcomes = run(with_another_minor(minor), tmp_path, environment, where=ROOT, most_seconds=MOST_SECONDS)
    complaints = [told for outcome in outcomes if (told := outcome.complaint())]
    assert not complaints, "\n\n".join([*complaints, HOW])
    (passed,) = re.findall(r"(\d+) passed", outcomes[-1].printed)
    assert int(passed) > 900
