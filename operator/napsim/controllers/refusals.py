"""The refusals of one pass while nothing goes on but time: what is the same for all candidates is not asked again.

Policy (design, section 7): whatever could come out differently is left to ``Verdicts`` and ``Scheduling``, which say
the same of a candidate, at a higher price. Candidates that are refused as they were the last time are counted: nothing
is told of them, and their verdicts are made when somebody asks for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from napsim.controllers.declared import Declared
from napsim.controllers.leaving import Moving
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.state import ClusterState
from napsim.controllers.verdicts import Verdicts
from napsim.core.driftqueue import DriftQueue
from napsim.core.objects import NodeClaim
from napsim.core.outlook import Asked, Refused, asked
from napsim.core.podshapes import PodShape
from napsim.core.reasons import Reason, Verdict
from napsim.core.simulation import WAITS_FOR_ROOM

_Counts = tuple[tuple[PodShape, int], ...]


class _Standing(NamedTuple):
    """A candidate that passed, until its claim, its Node or a pod there changes. ``budgets``: PDBs of its pods."""

    node: str
    moving: Moving
    budgets: frozenset[str]
    asked: Asked


class Refusals(msgspec.Struct):
    """Ask ``are_timeless`` once, then ``of`` for each candidate as long as nothing else happens.

    ``calm``: how many pauses of a length go by, as it looks, with nothing between them. ``pass_by`` lets so many of
    them go by, or fewer where something comes up after all, and says how many.
    """

    state: ClusterState
    declared: Declared
    verdicts: Verdicts
    scheduling: Scheduling
    calm: Callable[[timedelta], int] = lambda _: 0
    pass_by: Callable[[timedelta, int], int] = lambda *_: 0
    _without_room: set[str] = msgspec.field(default_factory=set)  # NodeClaims that were refused last by a simulation
    _known: dict[str, _Standing] = msgspec.field(default_factory=dict)
    _holders: dict[str, set[str]] = msgspec.field(default_factory=dict)  # PDB -> the known that have pods of it
    _counts: dict[_Counts, _Counts] = msgspec.field(default_factory=dict)  # one object for candidates with equal pods

    def are_timeless(self, pool: str, now: datetime) -> bool:
        """Whether nothing that is said of the pool's candidates now could be another thing a moment later."""
        return self.scheduling.is_timeless(now) and self.declared.can_launch(pool)

    def note(self, claim: str, verdict: Verdict) -> None:
        """What has been said, and told, of the claim's node."""
        (self._without_room.add if verdict.reason is Reason.UNSCHEDULABLE else self._without_room.discard)(claim)

    def on_claim(self, claim: str) -> None:
        """The claim, or its Node, or the pods on it changed."""
        standing = self._known.pop(claim, None)
        for key in standing.budgets if standing is not None else ():
            self._holders[key].discard(claim)

    def forget(self, claim: str) -> None:
        """The claim is no candidate any more."""
        self.on_claim(claim)
        self._without_room.discard(claim)

    def forget_all(self) -> None:
        """Leadership is lost."""
        self._known.clear()
        self._holders.clear()
        self._counts.clear()
        self._without_room.clear()

    def of(self, claim: NodeClaim, now: datetime) -> Verdict | None:
        """Why the claim's node may not go, by a simulation of scheduling; None: it has to be asked as always."""
        outlook, standing = self.scheduling.outlook, self._known.get(claim.name)
        if standing is None or self.state.moving.known.get(standing.node) is not standing.moving:
            standing = self._stand(claim.name, now)
        if outlook is None or standing is None or not self._is_free(claim.name, standing, now):
            return None
        return outlook.refusal(claim.name, standing.asked.own)

    def pass_over(self, queue: DriftQueue, takes: timedelta, until: datetime | None, now: datetime) -> bool | None:
        """Set those aside together of whom the same is said as the last time, as many as come to their turn.

        Each has its instant, which nobody would see: nothing happens in between, ``until`` has not come, and nothing is
        told of them. None: there is none. False: the time that the last of them takes has not gone by yet.
        """
        most = self.calm(takes) if takes else 0
        if until is not None and most:
            most = min(most, math.ceil((until - now) / takes) - 1)
        again = self.again(queue.ahead(most + 1), now) if most > 0 else None
        if again is None or not again.names:
            return None
        passed = self.pass_by(takes, len(again.names))
        queue.pass_over(again.names[: passed + 1], again, WAITS_FOR_ROOM, again.outlook.waited_for())
        return passed == len(again.names)

    def again(self, claims: Sequence[str], now: datetime) -> Refused | None:
        """Those of the claims, up to the first that has to be asked, of which the same is said as the last time."""
        outlook = self.scheduling.outlook
        if outlook is None:
            return None
        found = self._asked(claims, now)
        refused = outlook.refused(claims, found)
        return Refused(outlook, claims[:refused], found[:refused])

    def _asked(self, claims: Sequence[str], now: datetime) -> list[Asked]:
        """The same, as far as that can be told without a look at where pods go."""
        known, moving, nominated = self._known.get, self.state.moving.known, self.state.nominated.get
        held, without_room, found = self._held(), self._without_room, list[Asked]()
        for name in claims:
            standing = known(name)
            if standing is None or moving.get(standing.node) is not standing.moving:
                standing = self._stand(name, now)
                if standing is None or not self._is_free(name, standing, now):
                    break
            until = nominated(name)
            if name in held or name not in without_room or (until is not None and now < until):
                break
            found.append(standing.asked)
        return found

    def _held(self) -> set[str]:
        """Claims with pods that PDBs hold back. A PDB that is gone holds back nobody whose claim is known here."""
        holders = self._holders
        return set().union(*(holders[key] for key in self.state.pdbs.without_room if key in holders))

    def _is_free(self, name: str, standing: _Standing, now: datetime) -> bool:
        """Whether what changes without the node and its pods does not hold it either."""
        nominated_until = self.state.nominated.get(name)
        return standing.budgets <= self.state.pdbs.with_room and (nominated_until is None or now >= nominated_until)

    def _stand(self, name: str, now: datetime) -> _Standing | None:
        """A claim of which nothing but a simulation of scheduling, or a PDB, says that its node may not go."""
        claim = self.state.claims[name]
        node = self.state.node_of(claim)
        if node is None or not self.verdicts.passes_again(claim, node, now):
            return None
        own, budgets = self.state.moving.known.get(node.name), self.state.budgets_on(node.name)
        if own is None or own.until is not None or not budgets.known:
            return None
        self.on_claim(name)
        for key in budgets.keys:
            self._holders.setdefault(key, set()).add(name)
        counts = self._counts.setdefault(own.own.counts, own.own.counts)
        found = self._known[name] = _Standing(node.name, own, budgets.keys, asked(own.own, counts))
        return found
