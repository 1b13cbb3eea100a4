"""A terminal taken over for a live view, and given back as it was: alternate screen, single keys, size changes."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from napsim.report.frame import frame
from napsim.report.view import View

_MOST_KEYS: Final = 64


class _Frame:
    """Renders a view for whatever size the terminal has at that moment."""

    def __init__(self, view: View, story: Sequence[str], footer: str) -> None:
        self._view = view
        self._story = story
        self._footer = footer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = frame(self._view, console.size.width, console.size.height, self._story, self._footer)
        yield Text("\n").join(lines)


class Screen:
    """Shows frames until ``close``; what is on it last is gone then."""

    def __init__(self, console: Console, footer: str) -> None:
        self._footer = footer
        self._live = Live(console=console, screen=True, auto_refresh=False, transient=True)

    def show(self, view: View, story: Sequence[str] = ()) -> None:
        """Draw a frame now."""
        self._live.update(_Frame(view, story, self._footer), refresh=True)

    def open(self) -> None:
        self._live.start(refresh=False)

    def close(self) -> None:
        self._live.stop()


def can_draw(console: Console) -> bool:
    """Whether it is a terminal that frames can be drawn on, one over another: not where TERM is dumb."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def screen(console: Console, footer: str) -> Iterator[Screen]:
    """The terminal for the time of the block; it is given back whatever happens."""
    taken = Screen(console, footer)
    taken.open()
    try:
        yield taken
    finally:
        taken.close()


@contextmanager
def keys(on_key: Callable[[str], None]) -> Iterator[None]:
    """Calls ``on_key`` for each key pressed during the block, without echo; none come where there is no terminal."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()
    tty.setcbreak(descriptor)

    def read() -> None:
        pressed = os.read(descriptor, _MOST_KEYS)
        if not pressed:  # nobody is there to press any more
            loop.remove_reader(descriptor)
        for key in pressed.decode(errors="replace"):
            on_key(key)

    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def keyboard() -> Iterator[Callable[[float], str]]:
    """A function that waits for so many seconds, or for keys, and returns those; without echo, during the block.

    For programs without an event loop; none come where there is no terminal.
    """
    if not sys.stdin.isatty():
        yield asleep
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return os.read(descriptor, _MOST_KEYS).decode(errors="replace") if ready else ""

    try:
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def asleep(seconds: float) -> str:
    """The same, where nobody presses keys."""
    time.sleep(seconds)
    return ""
