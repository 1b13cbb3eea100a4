"""Since when which candidate is set aside, as the disruption controller keeps it; each change is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from napsim.core.driftqueue import DriftQueue
from napsim.core.reasons import Verdict


class Blocked(dict[str, datetime]):
    """NodeClaim to virtual instant. ``on_block`` is told of every refusal, ``on_unblock`` of who may be asked anew."""

    def __init__(self, on_block: Callable[[str], None], on_unblock: Callable[[str], None]) -> None:
        super().__init__()
        self._on_block, self._on_unblock = on_block, on_unblock

    def setdefault(self, name: str, since: datetime) -> datetime:
        found = super().setdefault(name, since)
        self._on_block(name)
        return found

    def pop(self, name: str, *default: Any) -> Any:  # noqa: ANN401 - as dict's own
        if name in self:
            self._on_unblock(name)
        return super().pop(name, *default)


def verdict_of(queues: Mapping[str, DriftQueue], claim: str) -> tuple[str, Verdict] | None:
    """The NodePool and the verdict of a candidate that is set aside."""
    for pool in sorted(queues) if len(queues) > 1 else queues:
        verdict = queues[pool].verdict_of(claim)
        if verdict is not None:
            return pool, verdict
    return None
