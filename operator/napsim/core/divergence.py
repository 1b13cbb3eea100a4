"""Two traces of one story: where do they first differ?

Policy: napsim's own. Generated names are mapped first: a NodeClaim of the second trace is that of the first which was
created in place of the same one, or as the same number of its pool; Nodes are called after their NodeClaims.

| Compared | How |
|---|---|
| pick-ups | the same ones, in one order over the whole cluster |
| starts and ends of commands | the same ones, in one order in each NodePool |
| everything else | object by object: the same records, in the same order |
| instants | within the tolerance |
| messages | word for word, names mapped; not of a candidate whose pods have no room: any of them is named |
| pods | not at all: their names are generated, and not every trace has them |
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Final

from msgspec.structs import replace

from napsim.core.instances import node_name
from napsim.core.reasons import Reason
from napsim.core.trace import Record, RecordKind

COMMANDS: Final = frozenset({RecordKind.COMMAND_STARTED, RecordKind.COMMAND_ROLLED_BACK})
"""Their order counts in each NodePool. Of two pools, whose turns do not depend on each other, half a second decides."""
DECISIONS: Final = COMMANDS | {RecordKind.PICKED_UP}
PODS: Final = frozenset({RecordKind.POD_EVICTED, RecordKind.POD_DELETED})
_CLAIM: Final = "NodeClaim/"
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference. ``first`` and ``second``: what each trace has there, None: nothing.

    ``of`` names what was followed: ``pick-ups``, ``commands of NodePool p`` or an object. Names are those of the first
    trace, also in ``second``.
    ``index_first`` and ``index_second``: how many records of each trace come before it; of one that has nothing there,
    how many are not later than the other's record.
    """

    what: str
    of: str
    first: Record | None
    second: Record | None
    index_first: int
    index_second: int


@dataclass(frozen=True, slots=True)
class _At:
    index: int
    record: Record


def diverge(
    first: Sequence[Record],
    second: Sequence[Record],
    tolerance: timedelta,
    is_left_out: Callable[[Record], bool] = lambda _: False,
) -> Divergence | None:
    """The earliest difference of two traces, each in its own order; None: they tell the same story."""
    mapped = renamed(first, second)
    one, other = _lanes(first, is_left_out), _lanes(mapped, is_left_out)
    found = [
        difference
        for lane in sorted({*one, *other})
        if (difference := _first_of(lane, one.get(lane, []), other.get(lane, []), tolerance)) is not None
    ]
    earliest = min(found, key=_when, default=None)
    return _with_places(earliest, first, second) if earliest is not None else None


def _with_places(found: Divergence, first: Sequence[Record], second: Sequence[Record]) -> Divergence:
    """The same, also where one trace has nothing of what was followed: it saw other things meanwhile."""
    index_first, index_second = found.index_first, found.index_second
    if found.first is None and found.second is not None:
        index_first = sum(record.at <= found.second.at for record in first)
    if found.second is None and found.first is not None:
        index_second = sum(record.at <= found.first.at for record in second)
    return dataclasses.replace(found, index_first=index_first, index_second=index_second)


def _when(found: Divergence) -> tuple[float, int, str]:
    times = [record.at.timestamp() for record in (found.first, found.second) if record is not None]
    kinds = {record.kind for record in (found.first, found.second) if record is not None}
    return min(times), not kinds & DECISIONS, found.of


def _lanes(records: Sequence[Record], is_left_out: Callable[[Record], bool]) -> dict[str, list[_At]]:
    lanes: dict[str, list[_At]] = defaultdict(list)
    for index, record in enumerate(records):
        if record.kind not in PODS and not is_left_out(record):
            lanes[_lane(record)].append(_At(index, record))
    return lanes


def _lane(record: Record) -> str:
    if record.kind is RecordKind.PICKED_UP:
        return "pick-ups"
    if record.kind in COMMANDS:
        pool = record.details.get("nodePool")
        return f"commands of NodePool {pool}" if pool else "commands"
    return record.object


def _first_of(lane: str, one: list[_At], other: list[_At], tolerance: timedelta) -> Divergence | None:
    for left, right in zip_longest(one, other):
        what = _difference(left, right, tolerance)
        if what:
            return Divergence(
                what,
                lane,
                left.record if left is not None else None,
                right.record if right is not None else None,
                left.index if left is not None else 0,
                right.index if right is not None else 0,
            )
    return None


def _difference(left: _At | None, right: _At | None, tolerance: timedelta) -> str:
    """In a few words; empty when there is none."""
    if left is None:
        return "only in the second"
    if right is None:
        return "only in the first"
    one, other = left.record, right.record
    for name in ("kind", "object", "reason"):
        if getattr(one, name) != getattr(other, name):
            return f"another {name}"
    if one.reason != Reason.UNSCHEDULABLE and one.message != other.message:
        return "another message"
    if dict(one.details) != dict(other.details):
        return "other details"
    apart = abs(one.at - other.at)
    return f"{apart.total_seconds():g} s apart" if apart > tolerance else ""


# --- names ------------------------------------------------------------------------------------------------------------


def renamed(first: Iterable[Record], second: Iterable[Record]) -> list[Record]:
    """The second trace with the first one's names for its generated ones, NodeClaims and Nodes, wherever they stand.

    A name that is given again, once its NodeClaim is gone, may stand for another one then.
    """
    names = _Names(first, second := list(second))
    return [names.of(record) for record in second]


class _Names:
    """What the first trace calls the NodeClaims of the second, and their Nodes, as records are gone through."""

    def __init__(self, first: Iterable[Record], second: Iterable[Record]) -> None:
        known = {place: claim for claim, place in _created(first, {})}
        self._lives: dict[str, deque[str]] = defaultdict(deque)  # name -> that of each NodeClaim that has it, in turn
        latest: dict[str, str] = {}
        for claim, place in _created(second, latest):
            latest[claim] = known.get(place, claim)
            self._lives[claim].append(latest[claim])
        self._now: dict[str, str] = {}
        for claim in self._lives:
            self._turn(claim)

    def _turn(self, claim: str) -> None:
        name = self._lives[claim].popleft()
        self._now |= {claim: name, node_name(claim): node_name(name)}

    def of(self, record: Record) -> Record:
        """The next record, with those names."""
        told = replace(
            record,
            object=self._known(record.object),
            message=self._known(record.message),
            details={key: self._known(value) for key, value in record.details.items()},
        )
        claim = record.object.removeprefix(_CLAIM)
        if record.kind is RecordKind.CLAIM_GONE and self._lives.get(claim):
            self._turn(claim)
        return told

    def _known(self, text: str) -> str:
        return _WORD.sub(lambda word: self._now.get(word[0], word[0]), text)


def _created(records: Iterable[Record], names: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str, int]]]:
    """Each NodeClaim that is created: instead of which, in which pool, the how manieth there."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for record in records:
        if record.kind is RecordKind.CLAIM_CREATED:
            replaced = record.details.get("replaces", "")
            place = (names.get(replaced, replaced), record.details.get("nodePool", ""))
            yield record.object.removeprefix(_CLAIM), (*place, counts[place])
            counts[place] += 1
