"""The refusals of one pass while nothing goes on but time: what is the same for all candidates is not asked again.

Policy (design, section 7): whatever could come out differently is left to ``Verdicts`` and ``Scheduling``, which say
the same of a candidate, at a higher price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from napsim.controllers.declared import Declared
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.state import ClusterState
from napsim.controllers.verdicts import Verdicts
from napsim.core.objects import NodeClaim
from napsim.core.reasons import Verdict


@dataclass(slots=True)
class Refusals:
    """Ask ``are_timeless`` once, then ``of`` for each candidate as long as nothing else happens."""

    state: ClusterState
    declared: Declared
    verdicts: Verdicts
    scheduling: Scheduling

    def are_timeless(self, pool: str, now: datetime) -> bool:
        """Whether nothing that is said of the pool's candidates now could be another thing a moment later."""
        return self.scheduling.is_timeless(now) and self.declared.can_launch(pool)

    def of(self, claim: NodeClaim, now: datetime) -> Verdict | None:
        """Why the claim's node may not go, by a simulation of scheduling; None: it has to be asked as always."""
        node = self.state.node_of(claim)
        if node is None or not self.verdicts.passes_again(claim, node, now) or not self.state.hold_nothing(node.name):
            return None
        return self.scheduling.refused_still(claim, node)
