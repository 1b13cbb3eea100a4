"""What the simulations of one pass have in common: enough to refuse most candidates without one.

Policy (design, section 7): while nothing changes, candidates differ by their own pods alone, and most are refused for
the same cause: their pods would have to wait for a node that is not initialized. Of pods that nothing but room concerns
the order says how many are before which, and so which of them would come to be on such a node. The answer is that of
``simulation.simulate``, to the letter, or none: whatever could come out differently is left to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from napsim.api import names
from napsim.core.clusterview import ClusterView, Place
from napsim.core.nodetemplates import Fit, NodeTemplate
from napsim.core.podshapes import PodShape
from napsim.core.reasons import Verdict
from napsim.core.resources import Resources, fits
from napsim.core.scheduler import each_with_room, times
from napsim.core.simulation import refused_for_now, waits_for
from napsim.core.targets import Target
from napsim.core.topology import Mover, Turn

_BY_SHAPE = attrgetter("shape")
_BY_SIZE = attrgetter("size")
_BY_TURN = attrgetter("turn")
_Segments = Mapping[PodShape, tuple[tuple[int, int, Target], ...]]
"""For each shape the pods, from one to before another, that a node which is not initialized takes."""
_NO_TURNS: list[Turn] = []
_NEVER: Final[Turn] = (0, 0, 0.0, "", "")  # of nobody


class Run(msgspec.Struct, frozen=True):
    """Pods of one shape that follow each other by turn."""

    shape: PodShape
    movers: tuple[Mover, ...]
    turns: tuple[Turn, ...]


class Own(msgspec.Struct, frozen=True):
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


class Asked(msgspec.Struct):
    """A candidate's pods, and the one that was found to have to wait: it mostly is the one that has to wait again.

    ``run`` and ``at`` say which it is, ``turn`` when it comes. ``counts`` are those of ``own``.
    """

    own: Own
    counts: tuple[tuple[PodShape, int], ...]
    turn: Turn
    run: int = 0
    at: int = 0


def asked(own: Own, counts: tuple[tuple[PodShape, int], ...] | None = None) -> Asked:
    """A candidate that has not been asked yet. ``counts``: where others have equal ones, the same object for all."""
    return Asked(own, counts or own.counts, own.runs[0].turns[0] if own.runs else _NEVER)


class Refused(NamedTuple):
    """Candidates whose pods, some of each, would have to wait. What it says of them does not change any more."""

    outlook: Outlook
    names: Sequence[str]
    asked: Sequence[Asked]

    def verdict(self, name: str) -> Verdict:
        """The simulation's own."""
        found = self.outlook.said(name, self.asked[self.names.index(name)].own)
        assert found is not None  # it was refused
        return found


class _Span(NamedTuple):
    """Of the pods of one shape those from ``first`` to before ``end`` have to wait, if they are a candidate's."""

    others: Sequence[Turn]
    first: int
    end: int
    most: int  # others


_NOWHERE: Final[tuple[Sequence[_Span | None], frozenset[str]]] = ((), frozenset())


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
        for shape, run in groupby(sorted(others, key=_BY_TURN), key=_BY_SHAPE):
            self._others.setdefault(shape, []).extend(map(_BY_TURN, run))
        self._usable = not view.repelling() and all(map(_is_plain, self._others))
        self._shapes = {shape.size: shape for shape in self._others}
        self._usable &= len(self._shapes) == len(self._others)
        self._known: dict[tuple[object, ...], _Filled] = {}
        self._spans: dict[tuple[object, ...], tuple[Sequence[_Span | None], frozenset[str]]] = {}
        self._waits: dict[str, tuple[str, ...]] = {}  # by Target.key

    def refusal(self, candidate: str, own: Own) -> Verdict | None:
        """Why the node of that ``Target.key`` may not go; None: ask the simulation."""
        place = self._view.place(candidate)
        return None if place is not None and place.marked else self.said(candidate, own)

    def said(self, candidate: str, own: Own) -> Verdict | None:
        """The same of a node that is not marked for deletion. Once said, it is said again whatever has changed."""
        segments = self._segments(candidate, own.counts) if self._usable else None
        if not segments:
            return None
        early = [
            _Early(run, others, *segment)
            for run in own.runs
            for others in (self._others.get(run.shape, _NO_TURNS),)
            for segment in segments[run.shape]
            if _is_reached(run.turns, others, *segment[:2])
        ]
        return refused_for_now(self._tokens(early), partial(_pods_of, early)) if early else None

    def refused(self, candidates: Sequence[str], asked: Sequence[Asked]) -> int:
        """Of how many, up to the first of whom it does not, ``said`` says something."""
        counts, known = None, _NOWHERE
        for number, (candidate, item) in enumerate(zip(candidates, asked, strict=False)):
            if item.counts is not counts:
                counts, known = item.counts, self._spans_of(item)
            spans, used = known
            if candidate in used:
                spans = self._spans_in(self._segments(candidate, counts) or {}, item.own)
            span = spans[item.run] if spans else None
            if span is not None:
                others, first, end, most = span
                before, last = first - item.at - 1, end - item.at - 1
                reaches = before < 0 or (before < most and others[before] < item.turn)
                if reaches and (last >= most or (last >= 0 and item.turn <= others[last])):
                    continue
            if not _is_found(item, spans):
                return number
        return len(asked)

    def _spans_of(self, asked: Asked) -> tuple[Sequence[_Span | None], frozenset[str]]:
        """For each run of its pods where they would have to wait; nodes that are not initialized follow each other."""
        known = self._spans.get(asked.counts)
        if known is None:
            segments = self._segments("", asked.counts) if self._usable else None
            used = self._known[asked.counts].used if segments else frozenset[str]()
            known = self._spans[asked.counts] = (self._spans_in(segments or {}, asked.own), used)
        return known

    def _spans_in(self, segments: _Segments, own: Own) -> tuple[_Span | None, ...]:
        found = ((self._others.get(run.shape, _NO_TURNS), segments.get(run.shape)) for run in own.runs)
        return tuple(
            _Span(others, waits[0][0], waits[-1][1], len(others)) if waits else None for others, waits in found
        )

    def waited_for(self) -> Iterator[str]:
        """What those may wait for that have been refused so far, ``WAITS_FOR_ROOM`` aside."""
        for filled in self._known.values():
            for found in (filled.segments or {}).values():
                for _, _, target in found:
                    yield self._waits_for(target)[0]

    def _tokens(self, early: Sequence[_Early]) -> tuple[str, ...]:
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
        found: dict[PodShape, tuple[tuple[int, int, Target], ...]] = {}
        taken: dict[str, Resources] = {}  # what is left, by Place.id
        used: set[str] = set()
        for shape in sorted(every, key=_BY_SIZE):
            self._view.watch_for(shape)
            wanted = len(self._others.get(shape, ())) + own.get(shape, 0)
            placed = list(self._poured(shape, wanted, candidate, taken))
            used.update(place.target.key for _, place in placed)
            if sum(pods for pods, _ in placed) < wanted and not self._is_launched_for(shape):
                return _Filled(None, frozenset(used))
            found[shape] = tuple(_early(placed))
        return _Filled(found, frozenset(used))

    def _poured(
        self, shape: PodShape, pods: int, candidate: str, taken: dict[str, Resources]
    ) -> Iterator[tuple[int, Place]]:
        """``Scheduler.fill`` for a shape that is plain: which nodes that are there take so many, in its order."""
        for place in each_with_room(self._view, shape):
            free = taken.get(place.id, place.free)
            while pods > 0 and place.target.key != candidate and fits(shape.requests, free):
                count = min(times(shape.requests, free), pods)
                free = taken[place.id] = dict(free)
                for resource, amount in shape.requests.items():
                    free[resource] = free.get(resource, 0) - count * amount
                pods -= count
                yield count, place
            if pods <= 0:
                return

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


def _is_found(asked: Asked, spans: Sequence[_Span | None]) -> bool:
    """Whether one of a candidate's pods would have to wait; it is kept which."""
    for number, span in enumerate(spans):
        turns = asked.own.runs[number].turns
        if span is not None:
            at = _position(turns, span.others, span.first)
            if at < len(turns) and at + bisect_left(span.others, turns[at]) < span.end:
                asked.run, asked.at, asked.turn = number, at, turns[at]
                return True
    return False


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
