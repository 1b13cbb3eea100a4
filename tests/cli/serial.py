"""An executor for tests: one after the other, in this process, the last argument first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

# Tests put this in the place of a class of ``executors``: who has that class by its name has to have it before.
from napsim.cli import judging, repetition  # noqa: F401 - as said above

A = TypeVar("A")
B = TypeVar("B")


class Serial:
    """See ``napsim.cli.executors.Executor``."""

    def results(self, function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[tuple[int, B]]:
        for index in reversed(range(len(arguments))):
            yield index, function(arguments[index])
