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
from napsim.core.resources import fits
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


class Outlook:
    """Valid while neither the view changes, nor ``templates``, nor the pods that move whoever the candidate is."""

    def __init__(self, view: ClusterView, templates: Sequence[NodeTemplate], others: Iterable[Mover]) -> None:
        self._view = view
        self._templates = templates
        self._others: dict[PodShape, list[Turn]] = {}
        for mover in sorted(others, key=_BY_TURN):
            self._others.setdefault(mover.shape, []).append(mover.turn)
        self._usable = not view.repelling() and all(map(_is_plain, self._others))
        self._shapes = {shape.size: shape for shape in self._others}
        self._usable &= len(self._shapes) == len(self._others)
        self._known: dict[tuple[object, ...], _Segments | None] = {}
        self._waits: dict[str, tuple[str, ...]] = {}  # by Target.key

    def refusal(self, candidate: str, own: Own) -> Verdict | None:
        """Why the node of that ``Target.key`` may not go; None: ask the simulation."""
        place = self._view.place(candidate)
        if not self._usable or (place is not None and place.marked):
            return None
        segments = self._segments(candidate, place, own.counts)
        if not segments:
            return None
        early = [
            _Early(run, others, *segment)
            for run in own.runs
            for others in (self._others.get(run.shape, _NO_TURNS),)
            for segment in segments.get(run.shape, ())
            if _is_reached(run.turns, others, *segment[:2])
        ]
        return refused_for_now(self._waits_for(early), partial(_pods_of, early)) if early else None

    def _waits_for(self, early: Sequence[_Early]) -> tuple[str, ...]:
        if len(early) > 1:
            return waits_for(item.target for item in early)
        target = early[0].target
        known = self._waits.get(target.key)
        if known is None:
            known = self._waits[target.key] = waits_for((target,))
        return known

    def _segments(
        self, candidate: str, place: Place | None, counts: tuple[tuple[PodShape, int], ...]
    ) -> _Segments | None:
        key: tuple[object, ...] = (*counts, candidate) if self._has_room(place, counts) else counts
        if key not in self._known:
            self._known[key] = self._filled(candidate, counts)
        return self._known[key]

    def _has_room(self, place: Place | None, counts: Iterable[tuple[PodShape, int]]) -> bool:
        """Whether the candidate's own node could take a pod, so that it matters that it is gone."""
        if place is None or place.alike is None:
            return False
        for shape in self._others:
            if fits(shape.requests, place.free):
                return True
        return any(shape not in self._others and fits(shape.requests, place.free) for shape, _ in counts)

    def _filled(self, candidate: str, counts: tuple[tuple[PodShape, int], ...]) -> _Segments | None:
        own = dict(counts)
        shapes = {**self._shapes, **{shape.size: shape for shape in own}}
        every = {*self._others, *own}
        if len(own) < len(counts) or len(shapes) < len(every) or not all(map(_is_plain, own)):
            return None  # pods of one size and two shapes take turns
        scheduler = Scheduler(self._view, self._templates, (), candidate)
        found: dict[PodShape, tuple[tuple[int, int, Target], ...]] = {}
        for shape in sorted(every, key=_BY_SIZE):
            self._view.watch_for(shape)
            wanted = len(self._others.get(shape, ())) + own.get(shape, 0)
            placed = list(scheduler.fill(shape, wanted))
            if sum(pods for pods, _ in placed) < wanted and not self._is_launched_for(shape):
                return None
            found[shape] = tuple(_early(placed))
        return found

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
    begin = bisect_left(others, turns[0])
    if begin < first:
        position = _position(turns, others, first)
        begin = end if position == len(turns) else position + bisect_left(others, turns[position])
    return begin < end


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
