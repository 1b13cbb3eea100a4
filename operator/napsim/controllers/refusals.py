"""The refusals of one pass while nothing goes on but time: what is the same for all candidates is not asked again.

Policy (design, section 7): whatever could come out differently is left to ``Verdicts`` and ``Scheduling``, which say
the same of a candidate, at a higher price. Candidates that are refused as they were the last time are counted: nothing
is told of them, and their verdicts are made when somebody asks for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from napsim.controllers.declared import Declared
from napsim.controllers.leaving import Moving
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.state import ClusterState
from napsim.controllers.verdicts import Verdicts
from napsim.core.driftqueue import DriftQueue
from napsim.core.objects import Node, NodeClaim
from napsim.core.outlook import Own, Refused
from napsim.core.reasons import Reason, Verdict
from napsim.core.simulation import WAITS_FOR_ROOM


@dataclass(slots=True)
class Refusals:
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
    _without_room: set[str] = field(default_factory=set)  # NodeClaims that were refused last by a simulation
    _known: dict[str, tuple[NodeClaim, Node, Moving]] = field(default_factory=dict)  # as they were when they passed

    def are_timeless(self, pool: str, now: datetime) -> bool:
        """Whether nothing that is said of the pool's candidates now could be another thing a moment later."""
        return self.scheduling.is_timeless(now) and self.declared.can_launch(pool)

    def note(self, claim: str, verdict: Verdict) -> None:
        """What has been said, and told, of the claim's node."""
        (self._without_room.add if verdict.reason is Reason.UNSCHEDULABLE else self._without_room.discard)(claim)

    def on_claim(self, claim: str) -> None:
        """The claim, or its Node, or the pods on it changed."""
        self._known.pop(claim, None)

    def forget(self, claim: str) -> None:
        """The claim is no candidate any more."""
        self._known.pop(claim, None)
        self._without_room.discard(claim)

    def forget_all(self) -> None:
        """Leadership is lost."""
        self._known.clear()
        self._without_room.clear()

    def of(self, claim: NodeClaim, now: datetime) -> Verdict | None:
        """Why the claim's node may not go, by a simulation of scheduling; None: it has to be asked as always."""
        outlook, own = self.scheduling.outlook, self._own(claim.name, now)
        return outlook.refusal(claim.name, own) if outlook is not None and own is not None else None

    def pass_over(self, queue: DriftQueue, takes: timedelta, until: datetime | None, now: datetime) -> bool | None:
        """Set those aside together of whom the same is said as the last time, as many as come to their turn.

        Each has its instant, which nobody would see: nothing happens in between, ``until`` has not come, and nothing is
        told of them. None: there is none. False: the time that the last of them takes has not gone by yet.
        """
        most = self.calm(takes) if takes else 0
        if until is not None:
            most = min(most, math.ceil((until - now) / takes) - 1) if takes else 0
        again = self.again(queue.ahead(most + 1), now) if most > 0 else {}
        outlook = self.scheduling.outlook
        if not again or outlook is None:
            return None
        passed = self.pass_by(takes, len(again))
        over = again if passed == len(again) else dict(islice(again.items(), passed + 1))
        queue.pass_over(over, WAITS_FOR_ROOM, outlook.waited_for())
        return passed == len(again)

    def again(self, claims: Iterable[str], now: datetime) -> dict[str, Refused]:
        """Those of the claims, up to the first that has to be asked, of which the same is said as the last time."""
        found: dict[str, Refused] = {}
        outlook = self.scheduling.outlook
        for name in claims if outlook is not None else ():
            own = self._own(name, now) if name in self._without_room else None
            refused = outlook.refused(name, own) if outlook is not None and own is not None else None
            if refused is None:
                break
            found[name] = refused
        return found

    def _own(self, name: str, now: datetime) -> Own | None:
        """The pods of a claim's node of which nothing but a simulation of scheduling says that it may not go."""
        state, known = self.state, self._known.get(name)
        if known is None or state.moving.known(known[1].name) is not known[2]:
            known = self._seen(name, now)
        if known is None or not state.hold_nothing(known[1].name):
            return None
        nominated_until = state.nominated.get(name)
        return known[2].own if nominated_until is None or now >= nominated_until else None

    def _seen(self, name: str, now: datetime) -> tuple[NodeClaim, Node, Moving] | None:
        claim = self.state.claims[name]
        node = self.state.node_of(claim)
        own = self.state.moving.known(node.name) if node is not None else None
        if node is None or own is None or own.until is not None or not self.verdicts.passes_again(claim, node, now):
            return None
        known = self._known[name] = (claim, node, own)
        return known
