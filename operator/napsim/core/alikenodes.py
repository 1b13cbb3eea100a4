"""Nodes that scheduling cannot tell apart: which pods may be on any of them, and the free room of each.

Policy: design, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from napsim.api import names
from napsim.core.firstfit import FirstFit
from napsim.core.objects import Taint
from napsim.core.podshapes import PodShape, untolerated
from napsim.core.requirements import Requirements, unmet

_REMEMBERED: Final = 10_000  # answers kept for each set of alike nodes


class AlikeNodes:
    """Nodes with the same taints and the same values of all labels that are watched (``labels``)."""

    __slots__ = ("_accepted", "fit", "initialized", "labels", "taints")

    def __init__(self, initialized: bool, taints: tuple[Taint, ...], labels: Mapping[str, str]) -> None:
        self.initialized = initialized
        self.taints = taints
        self.labels = labels
        self.fit = FirstFit()
        self._accepted: dict[PodShape, bool] = {}

    def accepts(self, shape: PodShape) -> bool:
        """Whether taints and labels let the pod be here; room, ports, topology and hostnames aside."""
        answer = self._accepted.get(shape)
        if answer is None:
            if len(self._accepted) >= _REMEMBERED:
                self._accepted.clear()
            answer = self._accepted[shape] = (
                not untolerated(shape.tolerations, self.taints)
                and not unmet(self.labels, _without_hostname(shape.requirements))
                and not unmet(self.labels, _without_hostname(shape.volumes))
            )
        return answer


def _without_hostname(wanted: Requirements) -> Requirements:
    if names.HOSTNAME not in wanted:
        return wanted
    return {key: allowed for key, allowed in wanted.items() if key != names.HOSTNAME}
