"""A pytest plugin: keeps the tests that carry the id of a row, and remembers what became of them.

A test carries an id in the id of its parameters (``karpenter:B01``, refined as in ``karpenter:R03-end``) or by the mark
``@pytest.mark.row("karpenter:X02")``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conformance.rows import carried_ids


@dataclass(slots=True, eq=False)  # plugins are hashed
class Collector:
    """``tests``: the ids that each test carries, by node id; ``outcomes``: passed, failed or not run, once it ran.

    Tests below the folder ``not_run`` are known, and not run.
    """

    not_run: Path | None = None
    tests: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        self.tests = {item.nodeid: found for item in items if (found := list(_ids(item)))}
        chosen = [item for item in items if item.nodeid in self.tests and not self._is_left_out(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen

    def _is_left_out(self, item: pytest.Item) -> bool:
        return self.not_run is not None and item.path.is_relative_to(self.not_run)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome if report.outcome != "skipped" else "not run"


def _ids(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("row"):
        yield from carried_ids(mark.args)
    called = getattr(item, "callspec", None)
    if called is not None:
        yield from carried_ids([called.id])
