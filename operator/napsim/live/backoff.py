"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Exponential delays with full jitter on their upper half: each lies in [d/2, d], d doubling up to a bound.

    ``jitter`` gives numbers in [0, 1); it is passed in, so that tests and seeds decide.
    """

    jitter: Callable[[], float]
    initial_seconds: float = 0.2
    limit_seconds: float = 30.0
    _next_seconds: float = field(default=0.0, init=False)

    def next(self) -> float:
        """The delay to wait now, in seconds; the one after will be longer."""
        ceiling = self._next_seconds or self.initial_seconds
        self._next_seconds = min(ceiling * 2, self.limit_seconds)
        return ceiling / 2 * (1 + self.jitter())

    def reset(self) -> None:
        """Something worked: start again from the shortest delay."""
        self._next_seconds = 0.0
