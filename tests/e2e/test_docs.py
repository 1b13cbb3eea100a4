"""The command blocks of README and docs that need a cluster, as their pages have them.

README comes first: it makes a cluster, starts the operator there, and waits for a rollout to end. On what it leaves
behind run the other pages; those with helm have a cluster of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from napsim.cluster import control_plane, find_helm
from napsim.cluster.folders import cache_folder
from napsim.cluster.progress import Silent
from tests.docs.blocks import HOW, SHELLS, Run, blocks_of, pages
from tests.docs.shell import Outcome, Step, run, steps

README: Final = "README.md"
REHEARSED, CHARTED = "napsim", "chart"  # clusters: the first is README's
# Pages install and uninstall the chart, one after another; meanwhile README waits for its rollout.
WITH_HELM: Final = ("docs/drive.md", "docs/install.md")
# They come last: what they wait for takes windows and budgets away that other pages show.
LAST: Final = ("docs/ecosystem.md", "docs/gitops.md")
# What pages call the contexts of their readers.
CONTEXTS: Final = ("kind-napsim", "prod")


def on_a_cluster(page: str) -> list[Step]:
    """What is run of a page on a cluster."""
    wanted = [block for block in blocks_of(page) if block.marking.run is Run.CLUSTER]
    return [step for block in wanted for step in steps(block)]


def others() -> list[str]:
    """Those on README's cluster, in the order in which they are run."""
    found = [page for page in pages() if page not in (README, *WITH_HELM) and on_a_cluster(page)]
    return sorted(found, key=lambda page: (page in LAST, page))


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows the pages: with clusters and programs of their own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{self.folder / 'bin'}:{os.environ['PATH']}"
        return {
            "PATH": programs,
            "NAPSIM_CACHE": str(cache_folder()),
            "NAPSIM_CLUSTERS_DIR": str(self.folder / "clusters"),
        }

    def napsim(self, *arguments: str) -> str:
        told = {**os.environ, **self.environment}
        done = subprocess.run(["napsim", *arguments], env=told, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def follow(self, page: str, cluster: str = "") -> list[Outcome]:
        """Run what a page says, on a cluster or on those that it makes itself."""
        folder = self.folder / page.replace("/", "-")
        folder.mkdir()
        where = {"KUBECONFIG": str(self.kubeconfig(cluster, folder.name))} if cluster else {}
        return run(on_a_cluster(page), folder, self.environment | where)

    def kubeconfig(self, cluster: str, copy: str) -> Path:
        """A copy of a cluster's, with the contexts that pages name."""
        config: dict[str, Any] = yaml.safe_load(
            Path(self.napsim("cluster", "kubeconfig", "--name", cluster)).read_text()
        )
        (context,) = config["contexts"]
        config["contexts"] += [{**context, "name": name} for name in CONTEXTS]
        path = self.folder / f"{copy}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    found = Reader(tmp_path_factory.mktemp("reader"))
    (found.folder / "bin").mkdir()
    programs = {"kubectl": control_plane(Silent())["kubectl"], "helm": find_helm(Silent()).executable}
    for name, program in programs.items():
        (found.folder / "bin" / name).symlink_to(program)
    try:
        yield found
    finally:
        for folder in (found.folder / "clusters").glob("*/"):
            found.napsim("cluster", "delete", "--name", folder.name)


@pytest.fixture(scope="module")
def charted(reader: Reader) -> Iterator[dict[str, Future[list[Outcome]]]]:
    """The pages with helm, one after another, beside README."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        made = pool.submit(reader.napsim, "cluster", "create", "--name", CHARTED)
        yield {page: pool.submit(reader.follow, page, CHARTED) for page in WITH_HELM}
        made.result()


@pytest.fixture(scope="module")
def readme(reader: Reader, charted: object) -> list[Outcome]:
    return reader.follow(README)


@contextmanager
def operator(kubeconfig: Path, log: Path) -> Iterator[None]:
    """As README starts one, which has ended with its shell."""
    command = [sys.executable, "-m", "napsim", "run", "--kubeconfig", str(kubeconfig)]
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def rehearsed(reader: Reader, readme: list[Outcome]) -> Iterator[None]:
    with operator(reader.kubeconfig(REHEARSED, "operator"), reader.folder / "operator.log"):
        yield


def assert_as_shown(outcomes: list[Outcome]) -> None:
    complaints = [told for outcome in outcomes if (told := outcome.complaint())]
    assert not complaints, "\n\n".join([*complaints, HOW])


def test_readme_does_what_it_says(readme: list[Outcome]) -> None:
    assert_as_shown(readme)


@pytest.mark.parametrize("page", others())
def test_the_commands_of_a_page_do_what_it_says(page: str, reader: Reader, rehearsed: None) -> None:
    assert_as_shown(reader.follow(page, REHEARSED))


@pytest.mark.parametrize("page", WITH_HELM)
def test_the_commands_of_a_page_with_helm_do_what_it_says(page: str, charted: dict[str, Future[list[Outcome]]]) -> None:
    assert_as_shown(charted[page].result())


def test_files_of_a_page_belong_to_a_block_that_is_run_here() -> None:
    """A block that is no command, and is to be written to a file on a cluster, would be run without one."""
    wrong = [
        block.place for page in pages() for block in blocks_of(page)
        if block.marking.run is Run.CLUSTER and block.language not in SHELLS and not block.marking.file
    ]  # fmt: skip
    assert wrong == []
