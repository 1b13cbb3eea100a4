"""The cluster of a scenario as it stands at one instant, to be asked why something has not moved.

Policy: ours. At the start, a cluster whose Nodes were given stands as it was given: pods that are missing are made and
placed, PodDisruptionBudgets counted, drift marked; but nothing is picked up, launched or disrupted, which a forecast
would do in that very instant. At a later instant, and where the nodes had to be made, it is the forecast's cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from napsim.controllers.controllers import Reconcile
from napsim.core.images import ListCache
from napsim.core.pickup import next_list_key
from napsim.sim.applying import Applying
from napsim.sim.recorder import Recorder
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import begun
from napsim.sim.simulator import Simulator

_STILL: Final = ("disruption", "provisioning", "nodepools", "controlplane", "agentpools")


class _Still(Simulator):
    """Takes note of what is there. Only a class that holds no image yet takes one: it could not be asked otherwise."""

    def reconcilers(self) -> Iterable[tuple[str, Reconcile, int]]:
        for name, reconcile, most in super().reconcilers():
            yield name, self._new_class if name == "nodeclasses" else reconcile, most

    async def _new_class(self, name: str) -> datetime | None:
        entry = self.declared.node_classes.get(name)
        return None if entry is None or entry.state.images else await self.classes.reconcile(name)


def standing(scenario: Scenario, at: datetime | None = None, listed_at: datetime | None = None) -> Simulator:
    """The cluster at ``at`` (the start by default; not before it). ``listed_at``: when images were listed, if known.

    Raises Stuck and Suspended: mistakes in napsim.
    """
    instant = scenario.start if at is None else max(at, scenario.start)
    if scenario.settles or instant > scenario.start:
        return _played(scenario, instant)
    return _as_given(scenario, listed_at)


def _played(scenario: Scenario, at: datetime) -> Simulator:
    running = replace(scenario, until=max(scenario.until, at), ends_early=False)
    simulator, _ = begun(running, Recorder(pods=False))
    if at > scenario.start:
        simulator.kernel.run(at, simulator.over)
    return simulator


def _as_given(scenario: Scenario, listed_at: datetime | None) -> Simulator:
    simulator = _Still(scenario, scenario.start, Recorder(pods=False))
    for name in _STILL:
        simulator.queues[name].paused = True  # type: ignore[attr-defined]  # a simulation's queues can be
    Applying(simulator, scenario).found(scenario.start)
    simulator.kernel.run(scenario.start, lambda: True)
    if listed_at is not None and listed_at <= scenario.start:
        _remember_lists(simulator, listed_at)
    return simulator


def _remember_lists(simulator: Simulator, listed_at: datetime) -> None:
    """The lists of images, as they were read then."""
    declared = simulator.declared
    for entry in declared.node_classes.values():
        key = next_list_key(entry.state, declared.kubernetes_version, declared.settings.pickup, simulator.kernel.now)
        if key is not None:
            declared.caches[key] = ListCache(listed_at, key, declared.catalogue.latest(key, listed_at))
