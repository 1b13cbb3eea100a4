"""Every command block of the pages that needs no cluster, run in a copy of the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.docs.blocks import HOW, Run, blocks_of, pages
from tests.docs.shell import Outcome, Step, run, steps

Runs = dict[str, Future[list[Outcome]]]


def here(page: str) -> list[Step]:
    """What is run of a page without a cluster; files belong to where the blocks are run."""
    return [step for block in blocks_of(page) if block.marking.run is Run.HERE for step in steps(block)]


PAGES = [page for page in pages() if any(step.command for step in here(page))]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Pages beside each other, as many as there are processors: most of what a command takes is its start."""
    chosen = [page for page in PAGES if any(item.name.endswith(f"[{page}]") for item in request.session.items)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {page: pool.submit(run, here(page), tmp_path_factory.mktemp("page")) for page in chosen}


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page: str, runs: Runs) -> None:
    complaints = [told for outcome in runs[page].result() if (told := outcome.complaint())]
    assert not complaints, "\n\n".join([*complaints, HOW])
