"""From a scenario to its outcome.

The simulation begins ten minutes before the scenario where it has to make the nodes first: then everything takes no
time, so that the cluster stands when the scenario starts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from napsim.sim.applying import Applying
from napsim.sim.hindrances import hindrances
from napsim.sim.outcome import Outcome, PoolOutcome, UnplacedPod
from napsim.sim.recorder import Recorder
from napsim.sim.scenario import Scenario
from napsim.sim.simulator import Simulator

SETTLES_FOR: Final = timedelta(minutes=10)
_PROGRESS_EVERY: Final = timedelta(hours=6)


class Spectator(Protocol):
    """Who looks on while it happens. It may look at everything and change nothing."""

    def begins(self, simulator: Simulator) -> None:
        """The scenario's time begins, in this cluster."""

    def on_instant(self, following: datetime) -> bool:
        """An instant is over, and nothing happens before ``following``: whether that was enough."""


def simulate(
    scenario: Scenario,
    on_progress: Callable[[datetime], None] | None = None,
    *,
    pods_in_trace: bool = True,
    brief_trace: bool = False,
    spectator: Spectator | None = None,
) -> Outcome:
    """Run it. ``on_progress`` is told the virtual instant every six hours of it.

    ``pods_in_trace``: a record for each evicted pod; ``brief_trace``: only what reports tell of, and nothing of each
    node. Raises Stuck and Suspended: mistakes in napsim.
    """
    simulator, applying = begun(scenario, Recorder(pods=pods_in_trace, brief=brief_trace))
    run = _Run(simulator, applying, scenario, on_progress, spectator)
    if spectator is not None:
        simulator.is_watched = True
        spectator.begins(simulator)
    simulator.kernel.run(scenario.until, run.on_instant)
    return run.outcome()


def begun(scenario: Scenario, recorder: Recorder) -> tuple[Simulator, Applying]:
    """The cluster at the start, with its nodes, and nothing done yet."""
    begin = scenario.start - SETTLES_FOR if scenario.settles else scenario.start
    simulator = Simulator(scenario, begin, recorder)
    applying = Applying(simulator, scenario)
    applying.found(begin)
    if scenario.settles:
        simulator.kernel.run(scenario.start - timedelta(microseconds=1), simulator.over)
    simulator.kernel.now = scenario.start
    applying.begin()
    return simulator, applying


class _Run:
    """The scenario's own time."""

    def __init__(
        self,
        simulator: Simulator,
        applying: Applying,
        scenario: Scenario,
        on_progress: Callable[[datetime], None] | None,
        spectator: Spectator | None,
    ) -> None:
        self.simulator = simulator
        self.applying = applying
        self.scenario = scenario
        self._on_progress = on_progress
        self._spectator = spectator
        self._told = scenario.start

    def on_instant(self) -> bool:
        """An instant is over: whether the forecast is."""
        now = self.simulator.kernel.now
        self.simulator.flush()
        if self._on_progress is not None and now - self._told >= _PROGRESS_EVERY:
            self._told = now
            self._on_progress(now)
        if self._is_over(now):
            return True
        following = self.simulator.kernel.next_at or self.scenario.until
        return self._spectator is not None and self._spectator.on_instant(min(following, self.scenario.until))

    def _is_over(self, now: datetime) -> bool:
        if not self.scenario.ends_early or self.applying.events_left or not self.simulator.recorder.quiet:
            return False
        return not self.applying.images_left(now) and self.simulator.workloads.settled

    def outcome(self) -> Outcome:
        simulator, recorder = self.simulator, self.simulator.recorder
        recorder.dirty.update(recorder.pools)
        simulator.flush()
        return Outcome(
            started_at=self.scenario.start,
            ended_at=simulator.kernel.now,
            seed=self.scenario.seed,
            pools=tuple(self._pool(name) for name in sorted(recorder.pools)),
            workloads=recorder.workloads(),
            pick_ups=tuple(recorder.pick_ups),
            unplaced=self._unplaced(),
            problems=tuple(recorder.problems),
            most_disrupting=recorder.most,
            most_disrupting_at=recorder.most_at,
            steps=simulator.kernel.steps,
            blocked=recorder.all_blocked(),
            budget_waits=recorder.budget_waits.all(simulator.kernel.now),
            trace=tuple(recorder.trace),
        )

    def _pool(self, name: str) -> PoolOutcome:
        course = self.simulator.recorder.pools[name]
        found = () if course.quiet_since is not None else tuple(hindrances(self.simulator, name))
        return PoolOutcome(
            name=name,
            finished_at=course.quiet_since,
            unfinished=tuple(item.told for item in found),
            reasons=tuple(item.reason for item in found if item.reason is not None),
            steps=tuple(course.steps),
            most_disrupting=course.most,
            most_disrupting_at=course.most_at,
            replaced=course.replaced,
            waits=self.simulator.waits(name),
            taken=tuple(course.taken),
        )

    def _unplaced(self) -> tuple[UnplacedPod, ...]:
        reasons = self.simulator.provisioner.unplaced
        return tuple(
            UnplacedPod(key, reasons.get(key, "no node takes the pod")) for key in self.simulator.scheduling.unplaced
        )
