"""Clusters for tests: one for the run, and others for tests that need their own. All are gone when the run ends.

Which of the chart's RBAC rules are needed can be told only when the whole suite has run: the test of that comes last,
and is left out, with a word about it, when a part of the suite runs. Processes that share the suite tell the first what
they saw, and it judges.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import pytest

from napsim.cluster import Cluster, create_cluster, delete_cluster
from tests.e2e import rbac
from tests.e2e.auditor.access import Access
from tests.e2e.ownership import remove_left_behind, unused_name
from tests.e2e.rehearsal import Rehearsal, rehearsal

MakeCluster = Callable[..., Cluster]
JUDGE: Final = "test_every_rule_of_the_chart_is_used_and_allows_all_that_was_asked_for"
_SELECTING: Final = ("keyword", "markexpr", "deselect", "lf")
_not_judged = pytest.StashKey[bool]()
_seen_by_workers = pytest.StashKey[set[Access]]()  # of a suite that ran as a whole, shared among workers
_complaints = pytest.StashKey[list[str]]()


def pytest_configure() -> None:
    """Be ended by SIGTERM as by Ctrl-C, so that fixtures clean up; and remove what a killed run has left."""
    signal.signal(signal.SIGTERM, _interrupt)
    remove_left_behind()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    judge = [item for item in items if item.name == JUDGE]
    others = [item for item in items if item.name != JUDGE]
    whole = _is_whole_suite(config, items)
    if not judge or (whole and not _is_worker(config)):
        items[:] = others + judge
        return
    items[:] = others
    config.stash[_not_judged] = not whole
    config.hook.pytest_deselected(items=judge)


def _is_worker(config: pytest.Config) -> bool:
    """One of several processes that share the suite (pytest-xdist): none of them sees all; the first process judges."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: what its rehearsals asked for."""
    told = getattr(node, "workeroutput", {})
    if told.get("whole"):
        seen = node.config.stash.setdefault(_seen_by_workers, set[Access]())
        seen.update(Access(*access) for access in told["seen"])


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if _is_worker(config):
        output = cast(Any, config).workeroutput
        output["whole"] = config.stash.get(_not_judged, None) is False
        output["seen"] = [list(access) for access in rbac.SEEN]
    elif _seen_by_workers in config.stash:
        seen = config.stash[_seen_by_workers]
        config.stash[_complaints] = rbac.complaints(seen)
        if config.stash[_complaints]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash.get(_not_judged, False):
        terminalreporter.section("RBAC")
        terminalreporter.line(
            "NOT JUDGED: whether every rule of the chart is used. Only a part of the end-to-end suite was run; "
            "`make e2e` runs all of it. Requests refused do fail the test that meets them."
        )
    if _complaints in config.stash:
        terminalreporter.section("RBAC")
        for line in config.stash[_complaints] or ["Every rule of the chart was used, and no other was needed."]:
            terminalreporter.line(line)


def _is_whole_suite(config: pytest.Config, items: Iterable[pytest.Item]) -> bool:
    """Every file with rehearsals is there, and nothing selects among its tests."""
    rehearsing = {file for file in Path(__file__).parent.glob("test_*.py") if "rehearsal" in file.read_text()}
    chosen = any("::" in argument for argument in config.args)
    chosen = chosen or any(config.getoption(option, None) for option in _SELECTING)
    return not chosen and {item.path for item in items} >= rehearsing


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that tests share: leave it as found, or use `make_cluster`."""
    made = create_cluster(unused_name())
    yield made
    delete_cluster(made.name)


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster of the module's own, whose components its tests may stop and start."""
    made = create_cluster(unused_name())
    yield made
    delete_cluster(made.name)


@pytest.fixture
def world() -> Iterator[Rehearsal]:
    """A rehearsal of the test's own. A module whose tests share one has a `world` that says what is in it."""
    with rehearsal() as made:
        yield made


@pytest.fixture
def make_cluster() -> Iterator[MakeCluster]:
    """Makes clusters of a test's own, with the options of `create_cluster`; they end with the test."""
    names: list[str] = []

    def make(**options: object) -> Cluster:
        names.append(unused_name())
        return create_cluster(names[-1], **options)  # type: ignore[arg-type]  # the options are create_cluster's

    yield make
    for name in names:
        delete_cluster(name)
