"""What is said of a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OURS: Final = "napsim"
NOTHING: Final = "Nothing."


@dataclass(frozen=True, slots=True)
class Explanation:
    """``source`` is the file of Karpenter or of its Azure provider that has it; OURS is a reason of napsim's own.

    ``message`` is its form: ``…`` stands for what differs.
    """

    reason: str
    message: str
    meaning: str
    remedy: str = NOTHING
    source: str = OURS


@dataclass(frozen=True, slots=True)
class OfCondition:
    """One way in which a condition stands. ``kinds`` are the kinds that have it."""

    kinds: tuple[str, ...]
    type: str
    status: str
    told: Explanation


@dataclass(frozen=True, slots=True)
class OfEvent:
    """One event. ``kinds`` are the kinds that it is told of; ``warning`` is its type."""

    kinds: tuple[str, ...]
    told: Explanation
    warning: bool = False
