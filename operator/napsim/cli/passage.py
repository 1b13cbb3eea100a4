"""How far a long simulation has come, on a terminal: nothing for the first second, then a bar on standard error."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_QUIET_SECONDS: Final = 1.0


class Passage:
    """Told the virtual instant as it goes by. The bar's library is loaded when there is something to show."""

    def __init__(self, start: datetime, until: datetime) -> None:
        self._start = start
        self._until = until
        self._begun = time.monotonic()
        self._bars: tuple[Progress, TaskID] | None = None
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars[0].stop()

    def __call__(self, at: datetime) -> None:
        if not self._shown or time.monotonic() - self._begun < _QUIET_SECONDS:
            return
        if self._bars is None:
            self._bars = self._made()
        bars, task = self._bars
        bars.update(task, completed=(at - self._start).total_seconds(), description=f"{at:%Y-%m-%d}")

    def _made(self) -> tuple[Progress, TaskID]:
        from rich.console import Console  # noqa: PLC0415 - most simulations are over before there is anything to show
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - as above

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        bars = Progress(*columns, console=Console(stderr=True), transient=True)
        bars.start()
        return bars, bars.add_task("", total=(self._until - self._start).total_seconds())
