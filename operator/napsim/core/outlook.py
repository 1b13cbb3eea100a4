"""What the simulations of one pass have in common: enough to refuse most candidates without one.

Policy (design, section 7): while nothing changes, candidates differ by their own pods alone, and most are refused for
the same cause: their pods would have to wait for a node that is not initialized. Of pods that nothing but room concerns
the order says how many are before which, and so which of them would come to be on such a node. The answer is that of
``simulation.simulate``, to the letter, or none: whatever could come out differently is left to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from napsim.api import names
from napsim.core.clusterview import ClusterView, Place
from napsim.core.nodetemplates import Fit, NodeTemplate
from napsim.core.podshapes import PodShape
from napsim.core.reasons import Verdict
from napsim.core.resources import fits
from napsim.core.scheduler import Scheduler
from napsim.core.simulation import refused_for_now
from napsim.core.targets import Target
from napsim.core.topology import Mover

_BY_SHAPE = attrgetter("shape")
_BY_SIZE = attrgetter("size")
_BY_TURN = attrgetter("turn")
_Segments = Mapping[PodShape, tuple[tuple[int, int, Target], ...]]
"""For each shape the pods, from one to before another, that a node which is not initialized takes."""


class Outlook:
    """Valid while neither the view changes, nor ``templates``, nor the pods that move whoever the candidate is."""

    def __init__(self, view: ClusterView, templates: Sequence[NodeTemplate], others: Iterable[Mover]) -> None:
        self._view = view
        self._templates = templates
        self._others: dict[PodShape, list[Mover]] = {}
        for mover in sorted(others, key=_BY_TURN):
            self._others.setdefault(mover.shape, []).append(mover)
        self._usable = not view.repelling() and all(map(_is_plain, self._others))
        self._shapes = {shape.size: shape for shape in self._others}
        self._usable &= len(self._shapes) == len(self._others)
        self._known: dict[tuple[object, ...], _Segments | None] = {}

    def refusal(self, candidate: str, own: Sequence[Mover]) -> Verdict | None:
        """Why the node of that ``Target.key`` may not go; None: ask the simulation. ``own``: its pods, by turn."""
        place = self._view.place(candidate)
        if not self._usable or (place is not None and place.marked):
            return None
        runs = [(shape, list(run)) for shape, run in groupby(own, key=_BY_SHAPE)]
        counts = tuple((shape, len(run)) for shape, run in runs)
        segments = self._segments(candidate, counts)
        if not segments:
            return None
        early = [
            (waiting, target)
            for shape, run in runs
            for first, end, target in segments.get(shape, ())
            if (waiting := self._between(shape, run, first, end))
        ]
        return refused_for_now(early) if early else None

    def _between(self, shape: PodShape, run: Sequence[Mover], first: int, end: int) -> Sequence[Mover]:
        """Of a candidate's pods of one shape those whose place among all pods of that shape is from ``first`` on."""
        others = self._others.get(shape, [])

        def rank(position: int) -> int:
            return position + bisect_left(others, run[position].turn, key=_BY_TURN)

        begin = bisect_left(range(len(run)), first, key=rank)
        return run[begin : bisect_left(range(len(run)), end, lo=begin, key=rank)]

    def _segments(self, candidate: str, counts: tuple[tuple[PodShape, int], ...]) -> _Segments | None:
        key: tuple[object, ...] = (*counts, candidate) if self._has_room(candidate, counts) else counts
        if key not in self._known:
            self._known[key] = self._filled(candidate, counts)
        return self._known[key]

    def _has_room(self, candidate: str, counts: Iterable[tuple[PodShape, int]]) -> bool:
        """Whether the candidate's own node could take a pod, so that it matters that it is gone."""
        place = self._view.place(candidate)
        if place is None or place.alike is None:
            return False
        return any(fits(shape.requests, place.free) for shape in (*self._others, *(shape for shape, _ in counts)))

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
