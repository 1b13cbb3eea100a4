"""``napsim demo``: one rollout of a node image, forecast, then played on a cluster of its own, then compared."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Protocol

import msgspec
import typer
from rich.console import Console

from napsim.api import names
from napsim.cli.answers import show
from napsim.cli.endings import BAD_INPUT, PREREQUISITE_MISSING, ending
from napsim.cli.follow import Follower, until_synced
from napsim.cli.foretelling import foretold
from napsim.cli.interruption import signals_interrupt
from napsim.cli.progress import shown_progress
from napsim.cli.screen import Screen, can_draw, keys, screen
from napsim.cli.stage import Operator, evictions, examples_folder, only_one, remove, set_up, start_operator
from napsim.cluster import BadOption, Cluster, ClusterError, PrerequisiteMissing
from napsim.controllers.resources import NODE_AUTO_PROVISIONINGS, POD_DISRUPTION_BUDGETS, Resource
from napsim.core.versions import version_date
from napsim.live.client import Client
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import load_connection
from napsim.reading.sources import BadInput
from napsim.report.changes import changes
from napsim.report.comparison import Course, compared, course_of, course_seen
from napsim.report.forecast import Forecast
from napsim.report.forecast_lines import brief
from napsim.report.journal import Journal
from napsim.report.scenes import COUNT, THEN, UNTIL_BLOCKED, Scene, blocking_pdb, deadline_seconds, is_full
from napsim.report.view import View

_FAILED: Final = 1
_INTERRUPTED: Final = 130
_SYNC_SECONDS: Final = 120.0
_FRAME_SECONDS: Final = 0.25
_LINES_SECONDS: Final = 1.0
# A machine too slow to fill the pools before the window opens gets the time it needs: the clock is slowed down.
_TOO_CLOSE_SECONDS: Final = 5.0
_SLOWER: Final = 40.0
_DEFINITION: Final = "2404gen2containerd"
_FORTNIGHT: Final = timedelta(days=14)
_NOTE: Final = (
    "The rehearsal's clock runs 600 times as fast: a second that this machine takes is ten minutes.",
    "The forecast begins with a cluster that stands; the rehearsal fills one, and may make a node more.",
)

app = typer.Typer(add_completion=False)


class DemoFailed(Exception):
    """The rollout did not happen; the message says what was missing."""


class _Shown(Protocol):
    """Where the demo is told."""

    def scene(self, number: int, title: str) -> None: ...
    def show(self, view: View, told: str) -> None: ...
    def scene_over(self, view: View) -> None: ...


@app.command(
    epilog=ending(
        "napsim demo",
        "napsim demo --plain --no-keep",
        exits={
            0: "the rollout was seen from pick-up to the last node",
            1: "it was not; the output says what was missing",
            2: "wrong usage, or a name that no cluster may have",
            4: "a prerequisite is missing",
            130: "interrupted, and everything removed",
        },
    )
)
def demo(
    name: Annotated[str, typer.Option(help="Name of the cluster; one that is there is replaced.")] = "napsim-demo",
    keep: Annotated[bool, typer.Option(help="Leave the cluster to look around in; the operator ends.")] = True,
    plain: Annotated[
        bool, typer.Option("--plain", help="One line for each change; the default without a terminal.")
    ] = False,
) -> None:
    """Forecast a rollout, then play it on a cluster of its own: about two minutes, and more the very first time."""
    console = Console(highlight=False)
    try:
        with signals_interrupt(), only_one(name):
            _play(name, console, keep=keep, plain=plain or not can_draw(console))
    except PrerequisiteMissing as error:
        raise _failure(error, PREREQUISITE_MISSING) from error
    except BadOption as error:
        raise _failure(error, BAD_INPUT) from error
    except BadInput as error:
        raise _failure("; ".join(map(str, error.mistakes)), _FAILED) from error
    except (ClusterError, DemoFailed, ApiError, TransportError) as error:
        raise _failure(error, _FAILED) from error
    except KeyboardInterrupt as error:
        raise _failure("interrupted, and everything removed", _INTERRUPTED) from error


def _play(name: str, console: Console, *, keep: bool, plain: bool) -> None:
    """Set up, play, sum up. An interruption removes the cluster; a failure leaves it to be looked at, if ``keep``."""
    forecast = _foretell(console)
    with shown_progress() as progress:
        cluster = set_up(name, progress)
    kept = keep
    try:
        operator = start_operator(cluster)
        try:
            journal = asyncio.run(_performance(cluster, operator, console, plain=plain))
        finally:
            operator.end()
        evicted = evictions(cluster)
    except KeyboardInterrupt:
        kept = False
        raise
    finally:
        if not kept:
            remove(name)
    actual = course_seen(journal, evicted)
    _sum_up(console, journal, (course_of(forecast), actual), cluster, keep=keep)


def _foretell(console: Console) -> Forecast:
    """Say what will happen, before it does."""
    begun = time.monotonic()
    forecast = foretold(examples_folder(), datetime.now(UTC))
    _say(console, f"=== The forecast, in {time.monotonic() - begun:.1f} s")
    show(brief(forecast))
    _say(console, "")
    _say(console, "=== The rehearsal")
    return forecast


# --- the performance --------------------------------------------------------------------------------------------------


async def _performance(cluster: Cluster, operator: Operator, console: Console, *, plain: bool) -> Journal:
    connection = load_connection(cluster.kubeconfig)
    async with Client(connection, user_agent="napsim-demo") as client:
        follower = Follower(client, f"cluster {cluster.name}")
        following = asyncio.create_task(follower.run())
        try:
            problem = await until_synced(follower, following, _SYNC_SECONDS)
            if problem:
                raise DemoFailed(f"{connection.server}: {problem}")
            player = _Player(client, follower, following, operator)
            if plain:
                await player.play(_Lines(console))
            else:
                with keys(_ignored), screen(console, "Ctrl-C removes all") as taken:
                    await player.play(_Pictures(taken))
            return player.journal
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _ignored(_: str) -> None:
    """No key means anything here, and none is echoed into the picture; Ctrl-C is a signal."""


class _Player:
    """Plays the scenes in order: the cluster decides when one is over, the demo only relaxes the PDB."""

    def __init__(self, client: Client, follower: Follower, following: asyncio.Task[None], operator: Operator) -> None:
        self.journal = Journal()
        self._client = client
        self._follower = follower
        self._following = following
        self._operator = operator
        self._factor: float | None = None  # the clock's own, while it is slowed down

    async def play(self, shown: _Shown) -> None:
        view = self._follower.view()
        for number, scene in enumerate(UNTIL_BLOCKED, start=1):
            view = await self._scene(shown, number, scene, view)
        found = blocking_pdb(view)
        if found is None:
            raise DemoFailed("no node was blocked by a PodDisruptionBudget")
        await self._relax(*found)
        await self._scene(shown, COUNT, THEN, view)

    async def _scene(self, shown: _Shown, number: int, scene: Scene, view: View) -> View:
        shown.scene(number, scene.title)
        deadline = time.monotonic() + deadline_seconds(scene, view)
        while True:
            view = self._follower.view()
            self.journal.note(view)
            shown.show(view, scene.told(view, self.journal))
            if scene.over(view, self.journal):
                shown.scene_over(view)
                return view
            self._check(scene, view, deadline)
            await self._keep_time(view)
            await self._next()

    def _check(self, scene: Scene, view: View, deadline: float) -> None:
        log = self._operator.log
        if self._operator.ended:
            raise DemoFailed(f"the operator has ended; {log} ends with\n{self._operator.last_lines()}")
        if self._following.done():
            self._following.result()
        if time.monotonic() > deadline:
            raise DemoFailed(f"{scene.title}: in time not seen: {scene.missing(view, self.journal)}; see {log}")

    async def _next(self) -> None:
        self._follower.changed.clear()
        with suppress(TimeoutError):  # wait_for could lose a Ctrl-C that comes with a change (Python 3.11)
            async with asyncio.timeout(_FRAME_SECONDS):
                await self._follower.changed.wait()
        await asyncio.sleep(_FRAME_SECONDS / 5)

    # --- what the demo itself does ------------------------------------------------------------------------------------

    async def _relax(self, namespace: str, name: str) -> None:
        await self._patch(POD_DISRUPTION_BUDGETS, namespace, name, {"spec": {"minAvailable": 0}})

    async def _keep_time(self, view: View) -> None:
        """Slow the clock down while the window would open on pools that are not full; then let it run again."""
        if is_full(view) and self._factor is not None:
            await self._turn_clock(self._factor)
            self._factor = None
        window = view.window
        if is_full(view) or self._factor is not None or window is None or window.open or window.changes_at is None:
            return
        if (window.changes_at - view.clock.now).total_seconds() < _TOO_CLOSE_SECONDS * view.clock.factor:
            self._factor = view.clock.factor
            await self._turn_clock(self._factor / _SLOWER)

    async def _turn_clock(self, factor: float) -> None:
        await self._patch(NODE_AUTO_PROVISIONINGS, "", "default", {"spec": {"clock": {"factor": factor}}})

    async def _patch(self, resource: Resource, namespace: str, name: str, body: object) -> None:
        await self._client.patch(resource, namespace, name, msgspec.json.encode(body))


# --- how it is told ---------------------------------------------------------------------------------------------------


class _Pictures:
    """On a terminal: the live view, with the story in it."""

    def __init__(self, taken: Screen) -> None:
        self._screen = taken
        self._heading = ""

    def scene(self, number: int, title: str) -> None:
        self._heading = f"▶ {number}/{COUNT} {title}"

    def show(self, view: View, told: str) -> None:
        self._screen.show(view, (self._heading, told))

    def scene_over(self, view: View) -> None:
        """The next scene draws the same view."""


class _Lines:
    """Without a terminal: how each scene begins, and once a second a line for each thing that has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._before: View | None = None
        self._told = False
        self._at = 0.0

    def scene(self, number: int, title: str) -> None:
        self._say(f"=== {number}/{COUNT} {title}")
        self._told = False

    def show(self, view: View, told: str) -> None:
        if not self._told:
            self._say(f"    {told}")
            self._told = True
        if time.monotonic() - self._at >= _LINES_SECONDS:
            self._show_changes(view)

    def scene_over(self, view: View) -> None:
        self._show_changes(view)

    def _show_changes(self, view: View) -> None:
        for line in changes(self._before, view) if self._before else ():
            self._say(line)
        self._before, self._at = view, time.monotonic()

    def _say(self, line: str) -> None:
        _say(self._console, line)


# --- the end ----------------------------------------------------------------------------------------------------------


def _sum_up(
    console: Console, journal: Journal, courses: tuple[Course, Course], cluster: Cluster, *, keep: bool
) -> None:
    """``courses``: as it was forecast, and as it was."""
    lines = ["", "=== Summary", *journal.summary(), "", "=== Forecast against actual", *compared(*courses), *_NOTE]
    if keep:
        lines += farewell(cluster, journal.version, sys.argv[0])
    else:
        lines += ["", f"cluster {cluster.name} is removed"]
    for line in lines:
        _say(console, line)


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


def farewell(cluster: Cluster, version: str, program: str) -> list[str]:
    """How to look around, how to go on, and how to remove the cluster. ``version`` is the one rolled out."""
    return [
        "",
        f"The cluster {cluster.name} is still there; the operator has ended, and with it the rollouts. Look around:",
        f"  export KUBECONFIG={cluster.kubeconfig} PATH=$PATH:{cluster.kubectl.parent}",
        f"  kubectl get nodes -L {names.NODE_IMAGE_VERSION},{names.NODEPOOL},{names.DRIFT}",
        "  kubectl get nodeclaims,maintenanceconfigurations,nodeimages,nap",
        "",
        "Go on: start the operator again, publish another image, and watch it wait for the next window:",
        f"  {program} run 2>napsim.log &",
        f"  echo '{_another_image(version)}' | kubectl apply -f -",
        f"  {program} watch",
        "",
        "Remove it (end the operator before):",
        f"  {program} cluster delete --name {cluster.name}",
    ]


def _another_image(version: str) -> str:
    built = version_date(version)
    following = f"{built + _FORTNIGHT:%Y%m.%d}.0" if built else f"{version}.1"
    name, definition = f"{_DEFINITION}-{following}", _DEFINITION
    spec = {"osSKU": "Ubuntu2404", "definition": definition, "version": following}
    image = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeImage", "metadata": {"name": name}, "spec": spec}
    return msgspec.json.encode(image).decode()


def _failure(message: object, code: int) -> typer.Exit:
    typer.echo(f"napsim demo: {message}", err=True)
    return typer.Exit(code)
