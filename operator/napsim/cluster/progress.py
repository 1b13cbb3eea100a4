"""How long work tells whoever watches how far it is; the command line renders it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of each step in order: one `started`, any number of `running`, one `finished`, unless the step fails."""

    def started(self, step: str, estimate_seconds: float | None) -> None:
        """A step begins; `estimate_seconds` is what it took on two cores from cold, None if it is short."""

    def running(self, step: str, elapsed_seconds: float) -> None:
        """The step still goes on; called about once a second."""

    def finished(self, step: str, elapsed_seconds: float) -> None:
        """The step is done."""


class Silent:
    """Tells nobody; for tests and callers that show their own progress."""

    def started(self, step: str, estimate_seconds: float | None) -> None:
        """Say nothing."""

    def running(self, step: str, elapsed_seconds: float) -> None:
        """Say nothing."""

    def finished(self, step: str, elapsed_seconds: float) -> None:
        """Say nothing."""
