"""How far a simulation has come: on a terminal, and only when it takes long."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from napsim.cli import passage
from napsim.cli.passage import Passage

START = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL = START + timedelta(days=100)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet_seconds: float) -> str:
    """What stands on the stream after half of the time has gone by."""
    monkeypatch.setattr(passage, "_QUIET_SECONDS", quiet_seconds)
    monkeypatch.setattr(sys, "stderr", stream)
    with Passage(START, UNTIL) as shown:
        shown(START + timedelta(days=50))
    return stream.getvalue()


def test_a_long_simulation_tells_its_date_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert "2026-04-21" in told(monkeypatch, Terminal(), 0.0)


def test_a_short_one_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, Terminal(), 3600.0) == ""


def test_nothing_is_told_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, io.StringIO(), 0.0) == ""
