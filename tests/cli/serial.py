"""An executor for tests: one after the other, in this process, the last argument first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Serial:
    """See ``napsim.cli.executors.Executor``."""

    def results(self, function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[tuple[int, B]]:
        for index in reversed(range(len(arguments))):
            yield index, function(arguments[index])
