"""Progress of long steps: a bar with an estimate on a terminal, plain lines elsewhere. All of it on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from napsim.cluster.progress import Progress as Watcher

_LINE_EVERY_SECONDS = 30.0
# A step that takes longer than estimated must not look done.
_ALMOST = 0.97


@contextmanager
def shown_progress() -> Iterator[Watcher]:
    """A watcher for the time of the block: bars when standard error is a terminal, lines otherwise."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(bar_width=30))
    with Progress(*columns, TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}"), console=console) as bars:
        yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def started(self, step: str, estimate_seconds: float | None) -> None:
        self._tasks[step] = self._bars.add_task(step, total=estimate_seconds, note=_expectation(estimate_seconds))

    def running(self, step: str, elapsed_seconds: float) -> None:
        total = self._bars.tasks[self._tasks[step]].total
        if total is not None:
            self._bars.update(self._tasks[step], completed=min(elapsed_seconds, _ALMOST * total))

    def finished(self, step: str, elapsed_seconds: float) -> None:
        self._bars.update(self._tasks[step], total=elapsed_seconds, completed=elapsed_seconds, note="")


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._estimates: dict[str, float | None] = {}
        self._next_line: dict[str, float] = {}

    def started(self, step: str, estimate_seconds: float | None) -> None:
        self._estimates[step] = estimate_seconds
        self._next_line[step] = _LINE_EVERY_SECONDS
        self._say(f"{step} {_expectation(estimate_seconds)}".rstrip())

    def running(self, step: str, elapsed_seconds: float) -> None:
        if elapsed_seconds >= self._next_line[step]:
            self._next_line[step] += _LINE_EVERY_SECONDS
            estimate = self._estimates[step]
            expected = f", expected about {estimate:.0f} s" if estimate else ""
            self._say(f"{step}: {elapsed_seconds:.0f} s{expected}")

    def finished(self, step: str, elapsed_seconds: float) -> None:
        self._say(f"{step}: done in {elapsed_seconds:.1f} s")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _expectation(estimate_seconds: float | None) -> str:
    return f"(about {estimate_seconds:.0f} s)" if estimate_seconds else ""
