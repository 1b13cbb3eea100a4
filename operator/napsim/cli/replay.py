"""``napsim simulate --follow``: a forecast while it happens, at a chosen speed, on the screen of ``napsim watch``.

The simulation itself waits: nothing is recorded first, and what is shown is the simulated cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from rich.console import Console

from napsim.cli.interruption import signals_interrupt
from napsim.cli.options import MOST_SPEED
from napsim.cli.screen import Screen, asleep, can_draw, keyboard, screen
from napsim.cli.spectator import Cluster
from napsim.cli.watch import print_frame
from napsim.report.changes import changes
from napsim.report.journal import Journal
from napsim.report.times import full, span
from napsim.report.view import View
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from napsim.sim.simulator import Simulator

_FRAME_SECONDS: Final = 0.25
_FASTER: Final = 2.0
_LEAST_SPEED: Final = 1.0
_LONG: Final = timedelta(minutes=10)
_EACH_UP_TO: Final = 300  # nodes: a view of more takes too long to make one of every instant
_FOOTER: Final = "q quits, + - speed, n next, space pauses"


class Shown(Protocol):
    """Where it is shown. ``each``: every instant at which something was recorded, however fast time goes by."""

    each: bool

    def show(self, view: View, following: datetime, *, paused: bool) -> None:
        """``following`` is when something happens next."""


@dataclass(slots=True)
class Pace:
    """How fast virtual time goes by: ``speed`` times as fast as ``clock``, in real seconds; not at all in a pause."""

    speed: float
    clock: Callable[[], float]
    paused: bool = False
    skips: bool = False  # to the next thing that can be seen
    _real: float = 0.0
    _virtual: datetime | None = None

    def set(self, now: datetime) -> None:
        """It is ``now``, from here on."""
        self._real, self._virtual = self.clock(), now

    @property
    def now(self) -> datetime:
        assert self._virtual is not None
        if self.paused:
            return self._virtual
        return self._virtual + timedelta(seconds=(self.clock() - self._real) * self.speed)

    def turn(self, speed: float, now: datetime) -> None:
        self.set(now)
        self.speed = min(max(speed, _LEAST_SPEED), MOST_SPEED)

    def pressed(self, key: str, now: datetime) -> None:
        """What a key does to it."""
        if key in "+=":
            self.turn(self.speed * _FASTER, now)
        elif key == "-":
            self.turn(self.speed / _FASTER, now)
        elif key == " ":
            self.set(now)
            self.paused = not self.paused
        elif key in "nN":
            self.skips, self.paused = True, False


class Replay:
    """A spectator who takes the time for it. ``journal`` is what was seen, ``last`` the last view of it."""

    def __init__(self, name: str, pace: Pace, shown: Shown, wait: Callable[[float], str]) -> None:
        """``wait`` for so many real seconds, or less: the keys that were pressed meanwhile."""
        self.journal = Journal()
        self.quits = False
        self.last: View | None = None
        self._name = name
        self._pace = pace
        self._shown = shown
        self._wait = wait
        self._cluster: Cluster | None = None
        self._seen: tuple[int, ...] = ()
        self._shown_at = -_FRAME_SECONDS

    def begins(self, simulator: Simulator) -> None:
        self._cluster = Cluster(simulator, self._name)
        self._pace.set(simulator.kernel.now)

    def on_instant(self, following: datetime) -> bool:
        """Show what is now, until something happens next."""
        assert self._cluster is not None
        pace, now = self._pace, self._cluster.now
        if pace.now < now or pace.skips:  # it took no time at all to come here
            pace.set(now)
        news = self._has_news()
        while not self.quits:
            if news or pace.clock() - self._shown_at >= _FRAME_SECONDS:
                self._show(now if news else min(max(pace.now, now), following), following)
                news = False
            if pace.skips or (pace.now >= following and not pace.paused):
                break
            self._rest(following)
        if pace.now > following:  # slower than asked for: it goes on from here
            pace.set(following)
        return self.quits

    def ends(self) -> None:
        """What is there at the end is shown."""
        if self._cluster is not None:
            self._pace.skips = False
            self._show(self._cluster.now, self._cluster.now)

    def _has_news(self) -> bool:
        """Whether something was recorded in this instant, and each such instant is to be shown."""
        assert self._cluster is not None
        if not (self._pace.skips or self._shown.each) or self._cluster.nodes > _EACH_UP_TO:
            return False
        before, self._seen = self._seen, self._cluster.news
        return before != self._seen

    def _rest(self, following: datetime) -> None:
        left = (following - self._pace.now).total_seconds() / self._pace.speed
        seconds = _FRAME_SECONDS if self._pace.paused else min(max(left, 0.0), _FRAME_SECONDS)
        for key in self._wait(seconds):
            self.quits = self.quits or key in "qQ"
            self._pace.pressed(key, self._pace.now)

    def _show(self, at: datetime, following: datetime) -> None:
        assert self._cluster is not None
        view = self._cluster.view(at, self._pace.speed)
        self.journal.note(view)
        if self._pace.skips and self.last is not None and changes(self.last, view):
            self._pace.skips = False
            self._pace.set(at)
        if not self._pace.skips:
            self._shown.show(view, following, paused=self._pace.paused)
            self._shown_at = self._pace.clock()
        self.last = view


# --- ways to show -----------------------------------------------------------------------------------------------------


class Pictures:
    """On a terminal: the live view."""

    each = False

    def __init__(self, taken: Screen) -> None:
        self._screen = taken

    def show(self, view: View, following: datetime, *, paused: bool) -> None:
        quiet = following - view.clock.now
        heading = "▶ paused" if paused else "▶ nothing happens" if quiet > _LONG else ""
        self._screen.show(view, (heading, f"until {full(following)} UTC, {span(quiet)} on") if heading else ())


class Lines:
    """Without a terminal: the first view, and a line for each thing that changes."""

    each = True

    def __init__(self, console: Console) -> None:
        self._console = console
        self._before: View | None = None

    def show(self, view: View, following: datetime, *, paused: bool) -> None:  # noqa: ARG002 - the protocol's names
        if self._before is None:
            print_frame(self._console, view)
        for line in changes(self._before, view) if self._before is not None else ():
            self._console.print(line, markup=False, soft_wrap=True)
        self._before = view


def replayed(scenario: Scenario, speed: float, *, pods_in_trace: bool, aside: bool) -> Outcome | None:
    """The outcome, once all was shown; None if somebody did not want to see the end, and was told what was seen.

    ``aside``: on standard error, because standard output is for a document.
    """
    console = Console(highlight=False, stderr=aside)
    with ExitStack() as stack:
        stack.enter_context(signals_interrupt())
        shown, wait = _on_terminal(console, stack) if can_draw(console) else (Lines(console), asleep)
        replay = Replay(scenario.name or "forecast", Pace(speed, time.monotonic), shown, wait)
        outcome = None
        try:
            outcome = simulate(scenario, pods_in_trace=pods_in_trace, spectator=replay)
            replay.ends()
        except KeyboardInterrupt:
            replay.quits = True
    if can_draw(console) and replay.last is not None:
        print_frame(console, replay.last)
    if replay.quits:
        _sum_up(console, replay)
        return None
    return outcome


def _on_terminal(console: Console, stack: ExitStack) -> tuple[Shown, Callable[[float], str]]:
    wait = stack.enter_context(keyboard())
    return Pictures(stack.enter_context(screen(console, _FOOTER))), wait


def _sum_up(console: Console, replay: Replay) -> None:
    at = f", {full(replay.last.clock.now)} UTC" if replay.last is not None else ""
    for line in ("", f"=== Summary: as far as it was shown{at}", *replay.journal.summary()):
        console.print(line, markup=False, soft_wrap=True)
