"""What a pool may have disrupted, in the forms a caller of the auditor states it: its own arithmetic, on purpose.

A budget is a constant (``"3"``), a percentage of the pool's total that rounds up (``"10%"``), or a function of
(pool, reason, total, instant) for everything that depends on reasons and schedules. Functions get the instant on the
cluster's virtual clock; None means that nothing is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

Allowed: TypeAlias = Callable[[str, str, int, datetime], "int | None"]
Budgets: TypeAlias = Mapping[str, "str | Allowed"]
ToVirtual: TypeAlias = Callable[[datetime], datetime]


def real_time(instant: datetime) -> datetime:
    """The clock of a cluster that runs at factor 1."""
    return instant


def faster(real: datetime, virtual: datetime, factor: float) -> ToVirtual:
    """A clock that showed ``virtual`` at ``real`` and runs ``factor`` times as fast."""

    def to_virtual(instant: datetime) -> datetime:
        return virtual + timedelta(seconds=(instant - real).total_seconds() * factor)

    return to_virtual


def constant(text: str) -> Allowed:
    """The budget that a plain ``nodes`` value states. Raises ValueError when it is no number and no percentage."""
    digits = text.removesuffix("%")
    if not (digits.isascii() and digits.isdigit()) or (text != digits and int(digits) > 100):
        raise ValueError(f"budget {text!r} is neither a number of nodes (3) nor a percentage (10%)")
    value = int(digits)

    def allowed(_pool: str, _reason: str, total: int, _instant: datetime) -> int:
        return value if text == digits else -(-value * total // 100)

    return allowed


def stated(budget: str | Allowed) -> Allowed:
    return constant(budget) if isinstance(budget, str) else budget
