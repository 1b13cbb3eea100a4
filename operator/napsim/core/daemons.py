"""DaemonSets as scheduling needs them: on which nodes their pods run, and what they take there.

Mirrors karpenter v1.14.0 ``isDaemonPodCompatible`` in ``pkg/controllers/provisioning/scheduling/scheduler.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from napsim.core.objects import DaemonSet, Pod, Taint
from napsim.core.pods import requests
from napsim.core.podshapes import HostPort, PodShape, PodShapes, demands_of, host_ports, untolerated
from napsim.core.requirements import AllowedValues, Requirements, requirements_of, unmet
from napsim.core.resources import Resources


class Daemon(msgspec.Struct, frozen=True):
    """A DaemonSet's pod: where it goes, and what it takes. Its wishes do not matter, and taints to avoid neither."""

    shape: PodShape
    alternatives: tuple[Requirements, ...]
    requests: Resources
    ports: tuple[HostPort, ...]

    def tolerates(self, taints: Iterable[Taint]) -> bool:
        hard = (taint for taint in taints if taint.effect != "PreferNoSchedule")
        return not untolerated(self.shape.tolerations, hard)

    def runs_on(self, taints: Iterable[Taint], labels: Mapping[str, str]) -> bool:
        return self.tolerates(taints) and any(not unmet(labels, wanted) for wanted in self.alternatives)


def of_daemon_set(item: DaemonSet, shapes: PodShapes) -> Daemon:
    """What the DaemonSet runs, by its template (in its pods the controller has overwritten the node affinity).

    Raises ValueError as ``daemon_of``.
    """
    return daemon_of(Pod(metadata=item.metadata, spec=item.spec.template.spec), shapes)


def daemon_of(pod: Pod, shapes: PodShapes) -> Daemon:
    """A pod as a DaemonSet's template would make it. Raises ValueError when its node affinity cannot be read."""
    selected = demands_of(pod)
    shape = shapes.of(pod)
    own = {key: AllowedValues(frozenset({value})) for key, value in selected.node_selector}
    terms = [requirements_of(term.match_expressions) for term in selected.node_terms]
    alternatives = tuple({**own, **term} for term in terms) or (own,)
    return Daemon(shape, alternatives, requests(pod), host_ports(pod))
