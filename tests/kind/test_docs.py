"""The command blocks of README and docs that need a container engine, as their pages have them.

One reader, one shell: the cluster, the image and the chart by hand; the image again, and the log; then `make kind`,
which brings what is there up to date and, as there is no terminal, waits until the rollout on real nodes has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.docs.blocks import HOW, Run, blocks_of, pages
from tests.docs.shell import WENT_ON, Outcome, Step, steps
from tests.kind.reader import a_reader

HERE: Final = "tests/kind/test_docs.py"
PAGES: Final = ("docs/kind.md", "docs/install.md", "README.md")  # in the order in which they are followed
NEWEST: Final = "202602.13.0"
WORKERS: Final = 3


def with_an_engine(page: str) -> list[Step]:
    """What is run of a page here."""
    wanted = [block for block in blocks_of(page) if block.marking.run is Run.ELSEWHERE and block.marking.why == HERE]
    return [step for block in wanted for step in steps(block)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Outcome]]:
    with a_reader() as reader:
        followed = [step for page in PAGES for step in with_an_engine(page)]
        yield reader.follow(followed, tmp_path_factory.mktemp("reader"))


def of(page: str, outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.step.block.page == page]


def test_every_page_with_such_commands_is_followed() -> None:
    assert sorted(page for page in pages() if with_an_engine(page)) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page: str, outcomes: list[Outcome]) -> None:
    complaints = [told for outcome in of(page, outcomes) if (told := outcome.complaint())]
    assert not complaints, "\n\n".join([*complaints, HOW])


def test_what_goes_on_has_said_something_and_goes_on_until_ctrl_c(outcomes: list[Outcome]) -> None:
    ended = {outcome.step.text.split()[0]: outcome for outcome in outcomes if outcome.step.ctrl_c_after}
    assert sorted(ended) == ["kubectl", "napsim"]
    assert {outcome.code for outcome in ended.values()} == {WENT_ON}
    assert all(outcome.printed.strip() for outcome in ended.values())


def test_make_kind_ends_when_every_real_worker_has_the_new_image(outcomes: list[Outcome]) -> None:
    (made,) = of("README.md", outcomes)
    assert made.printed.count(f"AKSUbuntu-2404gen2containerd-{NEWEST}") == WORKERS
