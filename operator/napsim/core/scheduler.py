"""Places pods one after another: on nodes that are there, on nodes to be launched, on one more node.

Mirrors karpenter v1.14.0 ``scheduler.go``, ``existingnode.go`` and ``queue.go`` in
``pkg/controllers/provisioning/scheduling``.

| Order | Of what |
|---|---|
| largest first: cpu, memory; then the oldest, then by uid | pods; one that found no place comes again while others do |
| initialized first, then by name | nodes that are there or on their way |
| fewest pods first | nodes to be launched |
| heaviest first, then the last by name | pools for one more node |
| see ``podshapes`` | wishes that a pod gives up when all that refuses it |

Fails closed: a pod that fits nowhere is refused, with the sentences of all pools. The view is left as it was found.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from operator import attrgetter
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.alikenodes import AlikeNodes
from napsim.core.clusterview import ClusterView, Place
from napsim.core.newclaims import (
    NO_TEMPLATES,
    Narrow,
    NewClaim,
    add,
    after_launch,
    fit,
    hostname,
    opened,
    unrestricted,
    within_limits,
)
from napsim.core.nodetemplates import Fit, NodeTemplate, Refusal
from napsim.core.podshapes import HostPort, PodShape, port_conflict
from napsim.core.requirements import AllowedValues, Requirements
from napsim.core.resources import Resources, fits, subtract, total
from napsim.core.targets import NODES
from napsim.core.topology import Concern, Mover, Topology
from napsim.core.topologyrules import Rule

_REMEMBERED: Final = 10_000  # answers kept for each pool
_BY_TURN: Final = attrgetter("turn")
_BY_SHAPE: Final = attrgetter("shape")
_BY_KEY: Final = attrgetter("key")
_MANY_HOSTS: Final = 32  # so many hosts passed over because of a rule: from then on its seats are counted


class _All(msgspec.Struct, frozen=True):
    """The refusals of all pools."""

    refusals: tuple[Refusal, ...]

    def __str__(self) -> str:
        return "; ".join(str(item) for item in self.refusals)


class _Pod(msgspec.Struct):
    """A pod with the shape it has now, wishes given up. ``free``: no topology rule concerns it."""

    mover: Mover
    shape: PodShape
    free: bool
    concerns: list[Concern]


class Scheduler:
    """One simulation. ``solve`` fills ``placed`` (pod -> ``Target.key``), ``claims`` and ``refused``."""

    def __init__(
        self, view: ClusterView, templates: Sequence[NodeTemplate], movers: Sequence[Mover], candidate: str
    ) -> None:
        for shape in {mover.shape: None for mover in movers}:
            view.watch_for(shape)
        self.placed: dict[str, str] = {}
        self.claims: list[NewClaim] = []
        self.refused: dict[str, Refusal] = {}
        self._view = view
        self._templates = templates
        self._movers = movers
        self._candidate = view.place(candidate)
        self._topology = Topology(view, templates, movers, self._candidate)
        self._avoids = any(template.avoids for template in templates)
        self._limits = {template.name: self._left(template) for template in templates if template.limits}
        self._free: dict[str, Resources] = {}  # of places that got pods, by Place.id
        self._ports: dict[str, list[HostPort]] = {}  # taken on them, by Place.id
        self._written: set[str] = set()  # places whose FirstFit knows of it
        self._walks: dict[PodShape, Iterator[Place]] = {}  # of free pods: a node that once had no room has none later
        self._last: dict[PodShape, Place] = {}  # where the last free pod of a shape went
        self._no_room: set[PodShape] = set()  # free pods of these shapes fit on no node that is there
        self._open_to: dict[PodShape, tuple[list[NewClaim], int]] = {}  # claims not known to refuse the shape
        self._passed_over: Counter[tuple[Rule, bool]] = Counter()  # hosts that a rule forbade in one search
        self._ticks = 0

    def solve(self) -> None:
        """Place all pods. A pod is tried again as long as others have found a place since."""
        length_then: dict[str, int] = {}
        try:
            again = self._first_round(length_then)
            while again and length_then.get(again[0].key) != len(again):
                self._try(again.popleft(), again, 0, length_then)
        finally:
            self._undo()

    def _first_round(self, length_then: dict[str, int]) -> deque[Mover]:
        """Every pod once, equal ones together; those that found no place, in order."""
        again: deque[Mover] = deque()
        left = len(self._movers)
        for shape, run in groupby(sorted(self._movers, key=_BY_TURN), key=_BY_SHAPE):
            equal, idle = list(run), self._topology.is_idle
            left -= len(equal)
            done = self._pour(shape, equal) if idle else 0
            while done < len(equal):
                done += 1
                self._try(equal[done - 1], again, left + len(equal) - done, length_then)
                done += self._pour_on_claim(shape, equal, done) if idle else 0
        return again

    def _try(self, mover: Mover, again: deque[Mover], left: int, length_then: dict[str, int]) -> None:
        refusal = self._place(mover)
        if refusal is None:
            self.refused.pop(mover.key, None)
            return
        self.refused[mover.key] = refusal
        again.append(mover)
        length_then[mover.key] = left + len(again)

    def _pour(self, shape: PodShape, equal: Sequence[Mover]) -> int:
        """Put equal pods that no topology rule concerns on the nodes that are there; how many found room."""
        done = 0
        for count, place in self.fill(shape, len(equal)):
            self.placed.update(zip(map(_BY_KEY, equal[done : done + count]), repeat(place.target.key)))
            done += count
        return done

    def fill(self, shape: PodShape, pods: int) -> Iterator[tuple[int, Place]]:
        """Which nodes that are there take so many equal pods that no topology rule concerns: how many, and where."""
        while pods > 0 and (place := self._free_place(shape)) is not None:
            free = self._free_of(place)
            count = 1 if shape.host_ports else min(times(shape.requests, free), pods)
            for resource, amount in shape.requests.items():
                free[resource] = free.get(resource, 0) - count * amount
            if shape.host_ports:
                self._ports.setdefault(place.id, []).extend(shape.host_ports)
            pods -= count
            yield count, place

    def _pour_on_claim(self, shape: PodShape, equal: Sequence[Mover], done: int) -> int:
        """Put more of those without room on a node to be launched, where just one takes them; how many it takes.

        ``done`` of them have been dealt with.
        """
        open_to = self._not_refusing(shape)
        if len(open_to) != 1 or shape not in open_to[0].shapes or shape.host_ports:
            return 0
        (claim,) = open_to
        free = dict(claim.least)
        subtract(free, claim.requests)
        count = min(times(shape.requests, free), len(equal) - done)
        if count > 0:
            claim.pods.extend(map(_BY_KEY, equal[done : done + count]))
            claim.requests = total((claim.requests, {key: count * amount for key, amount in shape.requests.items()}))
            self._ticks += count
            claim.rank = -self._ticks
        return max(count, 0)

    def _undo(self) -> None:
        for place_id in self._written:
            place = self._view.place_of(place_id)
            assert place.alike is not None
            place.alike.fit.set(place_id, place.free)

    def _left(self, template: NodeTemplate) -> Resources:
        """Of the pool's limits, before anything is launched; the candidate is gone already."""
        used = dict(self._view.capacity(template.name))
        if self._candidate is not None and self._candidate.target.pool == template.name:
            subtract(used, {**self._candidate.target.capacity, NODES: 1})
        return {resource: amount - used.get(resource, 0) for resource, amount in template.limits.items()}

    def _place(self, mover: Mover) -> Refusal | None:
        shape: PodShape = mover.shape
        while True:
            free = self._topology.is_free(mover, shape)
            concerns = [] if free else self._topology.concerns(mover, shape)
            pod = _Pod(mover, shape, free, concerns)
            if self._on_existing(pod) or self._on_claim(pod):
                return None
            refusal = self._on_new(pod)
            if refusal is None:
                return None
            relaxed = self._view.shapes.relaxed(shape, self._avoids)
            if relaxed is None:
                return refusal
            shape = relaxed

    # --- nodes that are there, or on their way ------------------------------------------------------------------------

    def _on_existing(self, pod: _Pod) -> bool:
        place = self._free_place(pod.shape) if pod.free else self._first(pod)
        if place is None:
            return False
        subtract(self._free_of(place), pod.shape.requests)
        if pod.shape.host_ports:
            self._ports.setdefault(place.id, []).extend(pod.shape.host_ports)
        self._topology.placed(pod.mover, pod.shape, place.target)
        self.placed[pod.mover.key] = place.target.key
        return True

    def _free_of(self, place: Place) -> Resources:
        free = self._free.get(place.id)
        if free is None:
            free = self._free[place.id] = dict(place.free)
        return free

    def _free_place(self, shape: PodShape) -> Place | None:
        """The first node with room for a pod that no topology rule concerns: that of the last one, or one behind it."""
        place = self._last.get(shape)
        if place is not None and self._has_room(shape, place):
            return place
        if shape in self._no_room:
            return None
        walk = self._walks.get(shape)
        if walk is None:
            walk = self._walks[shape] = each_with_room(self._view, shape)
        for place in walk:
            if self._has_room(shape, place):
                self._last[shape] = place
                return place
        self._no_room.add(shape)
        return None

    def _first(self, pod: _Pod) -> Place | None:
        for initialized in (True, False):
            found = [place for alike in self._possible(pod, initialized) if (place := self._first_of(alike, pod))]
            if found:
                return min(found, key=lambda place: place.id)
        return None

    def _possible(self, pod: _Pod, initialized: bool) -> Iterable[AlikeNodes]:
        return (
            alike
            for alike in self._view.alike()
            if alike.initialized is initialized
            and alike.accepts(pod.shape)
            and self._topology.admits(pod.concerns, pod.shape, alike)
        )

    def _first_of(self, alike: AlikeNodes, pod: _Pod) -> Place | None:
        self._passed_over.clear()

        def accept(place_id: str) -> bool:
            place = self._view.place_of(place_id)
            free = self._free.get(place_id)
            if free is not None and not fits(pod.shape.requests, free):
                self._written.add(place_id)
                alike.fit.set(place_id, {**place.free, **free})
                return False
            return self._takes(pod, place)

        found = alike.fit.first(self._topology.with_seats(pod.concerns, pod.shape.requests), accept)
        for (rule, repelling), hosts in self._passed_over.items():
            if hosts >= _MANY_HOSTS:
                self._view.keep_seats(rule, repelling)
        return None if found is None else self._view.place_of(found)

    def _takes(self, pod: _Pod, place: Place) -> bool:
        return self._has_room(pod.shape, place) and not self._is_forbidden(pod, place)

    def _has_room(self, shape: PodShape, place: Place) -> bool:
        """Topology aside."""
        if place is self._candidate or not fits(shape.requests, self._free.get(place.id, place.free)):
            return False
        for wanted in (shape.requirements, shape.volumes):
            allowed = wanted.get(names.HOSTNAME)
            if allowed is not None and not allowed.allows(place.target.hostname):
                return False
        return not (shape.host_ports and self._port_is_taken(shape, place))

    def _is_forbidden(self, pod: _Pod, place: Place) -> bool:
        concern = self._topology.forbids_host(pod.concerns, pod.shape, place.target)
        if concern is not None:
            self._passed_over[concern.rule, concern.repelling] += 1
        return concern is not None

    def _port_is_taken(self, shape: PodShape, place: Place) -> bool:
        bound = [port for ports in place.ports.values() for port in ports]
        return port_conflict(shape.host_ports, [*bound, *self._ports.get(place.id, ())]) is not None

    # --- nodes to be launched -----------------------------------------------------------------------------------------

    def _on_claim(self, pod: _Pod) -> bool:
        if not pod.free:
            return any(self._added(pod, claim) for claim in sorted(self.claims, key=lambda item: item.order))
        open_to = self._not_refusing(pod.shape)
        for claim in sorted(open_to, key=lambda item: item.order):
            if self._added(pod, claim):
                return True
            open_to.remove(claim)  # what is refused once stays so: a claim only gets fuller and narrower
        return False

    def _not_refusing(self, shape: PodShape) -> list[NewClaim]:
        claims, seen = self._open_to.get(shape, ([], 0))
        claims.extend(self.claims[seen:])
        self._open_to[shape] = (claims, len(self.claims))
        return claims

    def _added(self, pod: _Pod, claim: NewClaim) -> bool:
        found = fit(claim, pod.shape, self._narrow(pod), pod.free)
        if not isinstance(found, Fit):
            return False
        self._add(pod, claim, found)
        claim.rank = -self._ticks  # upstream sorts by the number of pods, in place: it comes first of its new equals
        return True

    def _add(self, pod: _Pod, claim: NewClaim, found: Fit) -> None:
        add(claim, pod.mover.key, pod.shape, found, pod.free)
        self._topology.placed_new(pod.mover, pod.shape, claim.template.taints, claim.requirements)
        self._ticks += 1

    def _narrow(self, pod: _Pod) -> Narrow:
        if pod.free:
            return unrestricted

        def narrow(having: Requirements) -> dict[str, AllowedValues] | Refusal:
            return self._topology.narrow(pod.concerns, pod.shape, having)

        return narrow

    def _on_new(self, pod: _Pod) -> Refusal | None:
        if not self._templates:
            return NO_TEMPLATES
        refusals: list[Refusal] = []
        for template in self._templates:
            options = within_limits(template, self._limits.get(template.name, {}))
            if isinstance(options, str):
                refusals.append(options)
                continue
            claim = opened(template, options, len(self.claims) + 1)
            found = self._fresh(claim, pod)
            if isinstance(found, Fit):
                self._launch(claim, pod, found)
                return None
            refusals.append(found)
        return _All(tuple(refusals))

    def _launch(self, claim: NewClaim, pod: _Pod, found: Fit) -> None:
        self._add(pod, claim, found)
        claim.rank = self._ticks
        self.claims.append(claim)
        limits = self._limits.get(claim.template.name)
        if limits is not None:
            self._limits[claim.template.name] = after_launch(limits, claim.options)

    def _fresh(self, claim: NewClaim, pod: _Pod) -> Fit | Refusal:
        """The first pod of a node. What a pool answers a shape is remembered where nothing else plays a part."""
        template, shape = claim.template, pod.shape
        if not pod.free or template.limits:
            return self._sized(claim, pod)
        known = template.remembered.get(shape)
        if known is None:
            if len(template.remembered) >= _REMEMBERED:
                template.remembered.clear()
            known = template.remembered[shape] = self._sized(claim, pod)
        if not isinstance(known, Fit):
            return known
        return replace(known, requirements={**known.requirements, names.HOSTNAME: hostname(claim.number)})

    def _sized(self, claim: NewClaim, pod: _Pod) -> Fit | Refusal:
        """Of the preferred instance type alone, where the pool has one that will do; else of any."""
        narrow, every = self._narrow(pod), claim.options
        claim.options = [item for item in every if item.type.name == claim.template.preferred]
        found = fit(claim, pod.shape, narrow, pod.free) if claim.options else None
        if isinstance(found, Fit):
            return found
        claim.options = every
        return fit(claim, pod.shape, narrow, pod.free)


def each_with_room(view: ClusterView, shape: PodShape) -> Iterator[Place]:
    """The nodes that are there and let such pods in, in order; their room is what it is when their turn comes."""
    for initialized in (True, False):
        found = [
            alike.fit.each(shape.requests)
            for alike in view.alike()
            if alike.initialized is initialized and alike.accepts(shape)
        ]
        for place_id in found[0] if len(found) == 1 else heapq.merge(*found):
            yield view.place_of(place_id)


def times(request: Mapping[str, int], free: Mapping[str, int]) -> int:
    """How many such requests fit; below 1 when none does."""
    return min((free.get(resource, 0) // amount for resource, amount in request.items() if amount), default=1)
