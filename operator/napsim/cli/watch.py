"""``napsim watch``: a live view of the rollout in a cluster, whether napsim or the real Karpenter runs there."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from napsim.cli.connections import connection_for
from napsim.cli.endings import NO_ANSWER, NO_KUBECONFIG, ending
from napsim.cli.follow import Follower, describe, until_synced
from napsim.cli.options import Context, Kubeconfig, Output
from napsim.cli.screen import can_draw, keys, screen
from napsim.live.client import Client
from napsim.live.kubeconfig import ConnectionConfig
from napsim.report.changes import changes
from napsim.report.documents import differs, document
from napsim.report.frame import frame
from napsim.report.view import View

_FAILED: Final = 1
_SYNC_SECONDS: Final = 20.0
_FRAME_HEIGHT: Final = 24
_LINES_EACH: Final = 2  # of what blocks nodes: all of it is told where nothing has to fit a screen
_DEFAULT_SIZE: Final = 80

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim watch",
        "napsim watch --once --output json",
        notes="Keys: q ends it, as Ctrl-C does.",
        exits={
            0: "ended by q, Ctrl-C or SIGTERM, or the one frame of --once was printed",
            1: NO_ANSWER,
            2: NO_KUBECONFIG,
        },
    )
)
def watch(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and exit.")] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="One line for each change; the default without a terminal."),
    ] = False,
    output: Annotated[Output, typer.Option(help="text, or json: one document for each change.")] = Output.TEXT,
    interval: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds between two frames, at least.")] = 0.5,
) -> None:
    """Show a cluster's rollout live: windows, pools by image version, budgets, what is blocked and why."""
    connection = connection_for("watch", kubeconfig, context)
    console = Console(highlight=False)
    if once:
        show: Show = _print_once(console, output)
    elif output is Output.JSON:
        show = _print_documents(interval)
    elif plain or not can_draw(console):
        show = _print_changes(console, interval)
    else:
        show = _draw(console, interval)
    problem = asyncio.run(_follow(connection, show))
    if problem:
        typer.echo(f"napsim watch: {connection.server}: {problem}", err=True)
        raise typer.Exit(_FAILED)


Show = Callable[[Follower, asyncio.Event], Awaitable[None]]


async def _follow(connection: ConnectionConfig, show: Show) -> str:
    """Follow the cluster and show it until the user ends it; what went wrong, or ""."""
    ended = asyncio.Event()
    with _signals_end(ended):
        async with Client(connection, user_agent="napsim-watch") as client:
            follower = Follower(client, connection.server)
            following = asyncio.create_task(follower.run())
            try:
                problem = await _unless(ended, until_synced(follower, following, _SYNC_SECONDS))
                if problem or ended.is_set():
                    return problem or ""
                following.add_done_callback(lambda _: ended.set())
                await show(follower, ended)
                return describe(error) if following.done() and (error := following.exception()) else ""
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def _unless(ended: asyncio.Event, waiting: Awaitable[str]) -> str | None:
    """The result of ``waiting``; None if the user ended it before."""
    task, over = asyncio.ensure_future(waiting), asyncio.create_task(ended.wait())
    await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None


@contextmanager
def _signals_end(ended: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def next_frame(follower: Follower, ended: asyncio.Event, interval: float, patience: float) -> None:
    """Wait for a change, ``patience`` seconds at most, and never less than ``interval`` seconds; or for the end."""
    follower.changed.clear()
    over, changed = asyncio.create_task(ended.wait()), asyncio.create_task(follower.changed.wait())
    try:
        done, _ = await asyncio.wait({over}, timeout=interval)
        if not done and patience > interval:
            await asyncio.wait({over, changed}, timeout=patience - interval, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
        changed.cancel()


# --- ways to show -----------------------------------------------------------------------------------------------------


def _print_once(console: Console, output: Output) -> Show:
    async def show(follower: Follower, _: asyncio.Event) -> None:
        view = follower.view()
        if output is Output.JSON:
            sys.stdout.write(f"{document(view)}\n")
            return
        print_frame(console, view)

    return show


def print_frame(console: Console, view: View) -> None:
    """One frame below what is on the terminal, as long as it needs to be; 80 columns where there is no terminal."""
    height = _FRAME_HEIGHT + _LINES_EACH * len({(item.reason, item.message) for item in view.blocked})
    lines = frame(view, console.width if console.is_terminal else _DEFAULT_SIZE, height)
    while not lines[-2].plain:
        del lines[-2]
    console.print(Text("\n").join(lines), soft_wrap=True)


def _print_documents(interval: float) -> Show:
    async def show(follower: Follower, ended: asyncio.Event) -> None:
        before: View | None = None
        while not ended.is_set():
            view = follower.view()
            if before is None or differs(before, view):
                sys.stdout.write(f"{document(view)}\n")
                sys.stdout.flush()
                before = view
            await next_frame(follower, ended, interval, max(interval, 1.0))

    return show


def _print_changes(console: Console, interval: float) -> Show:
    async def show(follower: Follower, ended: asyncio.Event) -> None:
        before = follower.view()
        print_frame(console, before)
        while not ended.is_set():
            await next_frame(follower, ended, interval, max(interval, 1.0))
            view = follower.view()
            for line in changes(before, view):
                console.print(line, markup=False, soft_wrap=True)
            before = view

    return show


def _draw(console: Console, interval: float) -> Show:
    async def show(follower: Follower, ended: asyncio.Event) -> None:
        def on_key(key: str) -> None:
            if key in {"q", "Q"}:
                ended.set()

        with keys(on_key), screen(console, "q quits") as taken:
            while not ended.is_set():
                taken.show(follower.view())
                await next_frame(follower, ended, interval, max(interval, 1.0))
        print_frame(console, follower.view())

    return show
