"""``napsim simulate --follow`` on a terminal: the screen of ``napsim watch``, its keys, and its end. No cluster."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.commands import Command, on_terminal

FOLDER = str(Path(__file__).parents[1] / "scenarios" / "five_percent")
LEFT_ALTERNATE_SCREEN = "\x1b[?1049l"


@pytest.mark.parametrize("ends", [lambda it: it.type(b"q"), lambda it: it.interrupt(signal.SIGTERM)])
def test_it_is_shown_until_somebody_ends_it_and_then_summed_up(ends: Callable[[Command], None]) -> None:
    with on_terminal("simulate", FOLDER, "--follow", "--speed=60") as command:
        command.until("POOL")
        command.until("nothing happens")
        ends(command)
        assert command.end() == 0, command.text
    assert "=== Summary" in command.text[command.text.index(LEFT_ALTERNATE_SCREEN) :]


def test_at_its_end_the_forecast_is_told() -> None:
    with on_terminal("simulate", FOLDER, "--follow", "--speed=1e7") as command:
        assert command.end() == 0, command.text
    told = command.text[command.text.index(LEFT_ALTERNATE_SCREEN) :]
    assert "rolled out, 10/10 updated" in told
    assert "All nodes are on the newest image" in told
