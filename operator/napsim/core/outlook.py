"""What the simulations of one pass have in common: enough to refuse most candidates without one.

Policy (design, section 7): while nothing changes, candidates differ by their own pods alone, and most are refused for
the same cause: their pods would have to wait for a node that is not initialized. Of pods that nothing but room concerns
the order says how many are before which, and so which of them would come to be on such a node. The answer is that of
``simulation.simulate``, to the letter, or none: whatever could come out differently is left to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from napsim.api import names
from napsim.core.clusterview import ClusterView, Place
from napsim.core.nodetemplates import Fit, NodeTemplate
from napsim.core.podshapes import PodShape
from napsim.core.reasons import Verdict
from napsim.core.scheduler import Scheduler
from napsim.core.simulation import refused_for_now, waits_for
from napsim.core.targets import Target
from napsim.core.topology import Mover, Turn

_BY_SHAPE = attrgetter("shape")
_BY_SIZE = attrgetter("size")
_BY_TURN = attrgetter("turn")
_Segments = Mapping[PodShape, tuple[tuple[int, int, Target], ...]]
"""For each shape the pods, from one to before another, that a node which is not initialized takes."""
_NO_TURNS: list[Turn] = []


@dataclass(frozen=True, slots=True)
class Run:
    """Pods of one shape that follow each other by turn."""

    shape: PodShape
    movers: tuple[Mover, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """A candidate's pods by turn, as an outlook asks for them. ``counts``: how many of each shape, run by run."""

    runs: tuple[Run, ...] = ()
    counts: tuple[tuple[PodShape, int], ...] = ()


NOBODY: Final = Own()


class _Early(NamedTuple):
    """A candidate's pods of one shape whose place among all of that shape is from ``first`` to before ``end``."""

    run: Run
    others: Sequence[Turn]
    first: int
    end: int
    target: Target


def own_of(movers: Iterable[Mover]) -> Own:
    """``movers`` by turn."""
    found = [(shape, tuple(run)) for shape, run in groupby(movers, key=_BY_SHAPE)]
    runs = tuple(Run(shape, run, tuple(map(_BY_TURN, run))) for shape, run in found)
    return Own(runs, tuple((shape, len(run)) for shape, run in found))


class Refused(NamedTuple):
    """A candidate whose pods, some of them, would have to wait. What it says does not change any more."""

    outlook: Outlook
    own: Own
    segments: _Segments

    def verdict(self) -> Verdict:
        """The simulation's own."""
        early = list(self.outlook.early(self.own, self.segments))
        return refused_for_now(self.outlook.waits_for(early), partial(_pods_of, early))


class _Filled(NamedTuple):
    """Where all pods go. None: that cannot be said. ``used``: the nodes that there are pods for, by ``Target.key``."""

    segments: _Segments | None
    used: frozenset[str]


class Outlook:
    """Valid while neither the view changes, nor ``templates``, nor the pods that move whoever the candidate is.

    What it has said stays true of that moment.
    """

    def __init__(self, view: ClusterView, templates: Sequence[NodeTemplate], others: Iterable[Mover]) -> None:
        self._view = view
        self._templates = templates
        self._others: dict[PodShape, list[Turn]] = {}
        for mover in sorted(others, key=_BY_TURN):
            self._others.setdefault(mover.shape, []).append(mover.turn)
        self._usable = not view.repelling() and all(map(_is_plain, self._others))
        self._shapes = {shape.size: shape for shape in self._others}
        self._usable &= len(self._shapes) == len(self._others)
        self._known: dict[tuple[object, ...], _Filled] = {}
        self._waits: dict[str, tuple[str, ...]] = {}  # by Target.key

    def refusal(self, candidate: str, own: Own) -> Verdict | None:
        """Why the node of that ``Target.key`` may not go; None: ask the simulation."""
        found = self.refused(candidate, own)
        return found.verdict() if found is not None else None

    def refused(self, candidate: str, own: Own) -> Refused | None:
        """The same, while nobody asks why."""
        place = self._view.place(candidate)
        if not self._usable or (place is not None and place.marked):
            return None
        segments = self._segments(candidate, own.counts)
        if not segments:
            return None
        for run in own.runs:
            found = segments[run.shape]
            others = self._others.get(run.shape, _NO_TURNS) if found else _NO_TURNS
            for first, end, _ in found:
                if _is_reached(run.turns, others, first, end):
                    return Refused(self, own, segments)
        return None

    def waited_for(self) -> Iterator[str]:
        """What those may wait for that have been refused so far, ``WAITS_FOR_ROOM`` aside."""
        for filled in self._known.values():
            for found in (filled.segments or {}).values():
                for _, _, target in found:
                    yield self._waits_for(target)[0]

    def early(self, own: Own, segments: _Segments) -> Iterator[_Early]:
        """The candidate's pods that would come to be on nodes that are not initialized."""
        for run in own.runs:
            others = self._others.get(run.shape, _NO_TURNS)
            for segment in segments[run.shape]:
                if _is_reached(run.turns, others, *segment[:2]):
                    yield _Early(run, others, *segment)

    def waits_for(self, early: Sequence[_Early]) -> tuple[str, ...]:
        """The tokens of such a refusal."""
        return self._waits_for(early[0].target) if len(early) == 1 else waits_for(item.target for item in early)

    def _waits_for(self, target: Target) -> tuple[str, ...]:
        known = self._waits.get(target.key)
        if known is None:
            known = self._waits[target.key] = waits_for((target,))
        return known

    def _segments(self, candidate: str, counts: tuple[tuple[PodShape, int], ...]) -> _Segments | None:
        """It matters that the candidate is gone where pods would have come to be on it."""
        found = self._known.get(counts)
        if found is None:
            found = self._known[counts] = self._filled("", counts)
        if candidate not in found.used:
            return found.segments
        key = (*counts, candidate)
        apart = self._known.get(key)
        if apart is None:
            apart = self._known[key] = self._filled(candidate, counts)
        return apart.segments

    def _filled(self, candidate: str, counts: tuple[tuple[PodShape, int], ...]) -> _Filled:
        own = dict(counts)
        shapes = {**self._shapes, **{shape.size: shape for shape in own}}
        every = {*self._others, *own}
        if len(own) < len(counts) or len(shapes) < len(every) or not all(map(_is_plain, own)):
            return _Filled(None, frozenset())  # pods of one size and two shapes take turns
        scheduler = Scheduler(self._view, self._templates, (), candidate)
        found: dict[PodShape, tuple[tuple[int, int, Target], ...]] = {}
        used: set[str] = set()
        for shape in sorted(every, key=_BY_SIZE):
            self._view.watch_for(shape)
            wanted = len(self._others.get(shape, ())) + own.get(shape, 0)
            placed = list(scheduler.fill(shape, wanted))
            used.update(place.target.key for _, place in placed)
            if sum(pods for pods, _ in placed) < wanted and not self._is_launched_for(shape):
                return _Filled(None, frozenset(used))
            found[shape] = tuple(_early(placed))
        return _Filled(found, frozenset(used))

    def _is_launched_for(self, shape: PodShape) -> bool:
        """Whether a pool without limits is known to launch nodes for such pods."""
        return any(
            isinstance(template.remembered.get(shape), Fit)
            and not template.limits
            and all(allowed.min_values is None for allowed in template.requirements.values())
            for template in self._templates
        )


def _is_reached(turns: Sequence[Turn], others: Sequence[Turn], first: int, end: int) -> bool:
    """Whether one of a candidate's pods comes, in its turn, from ``first`` to before ``end`` among all."""
    if 0 < first <= len(others) and _is_certain(turns, others, first, end):
        return True
    begin = bisect_left(others, turns[0])
    if begin < first:
        position = _position(turns, others, first)
        begin = end if position == len(turns) else position + bisect_left(others, turns[position])
    return begin < end


def _is_certain(turns: Sequence[Turn], others: Sequence[Turn], first: int, end: int) -> bool:
    """Whether that can be told from the first pod that has so many others before it."""
    at = bisect_left(turns, others[first - 1])
    if at == len(turns):
        return False
    last = end - 1 - at
    return last >= len(others) or (last >= 0 and turns[at] <= others[last])


def _position(turns: Sequence[Turn], others: Sequence[Turn], place: int) -> int:
    """The first of a candidate's pods whose place among all is that one, or behind it."""
    return bisect_left(range(len(turns)), place, key=lambda position: position + bisect_left(others, turns[position]))


def _pods_of(early: Iterable[_Early]) -> Iterator[tuple[str, Target]]:
    for run, others, first, end, target in early:
        begin, until = _position(run.turns, others, first), _position(run.turns, others, end)
        for mover in run.movers[begin:until]:
            yield mover.key, target


def _early(placed: Iterable[tuple[int, Place]]) -> Iterable[tuple[int, int, Target]]:
    first = 0
    for pods, place in placed:
        if not place.target.initialized:
            yield first, first + pods, place.target
        first += pods


def _is_plain(shape: PodShape) -> bool:
    """Whether nothing but room, taints and labels that nodes share decides where such a pod goes."""
    asks_for_host = names.HOSTNAME in shape.requirements or names.HOSTNAME in shape.volumes
    return not (shape.rules or shape.repels or shape.host_ports or asks_for_host)
