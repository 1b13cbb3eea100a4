"""Progress of long steps, where there is no terminal and where there is one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from napsim.cli import progress
from napsim.cli.progress import shown_progress


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100)
    monkeypatch.setattr(progress, "Console", lambda **_options: console)
    with shown_progress() as told:
        told.started("building kubernetes", 240)
        for elapsed in range(0, 70, 10):
            told.running("building kubernetes", elapsed)
        told.finished("building kubernetes", 70.5)
        told.started("downloading", None)
        told.running("downloading", 31)
        told.finished("downloading", 31.4)
    return output.getvalue()


def test_without_a_terminal_there_is_a_line_every_half_minute_with_the_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shown(monkeypatch, terminal=False).splitlines() == [
        "building kubernetes (about 240 s)",
        "building kubernetes: 30 s, expected about 240 s",
        "building kubernetes: 60 s, expected about 240 s",
        "building kubernetes: done in 70.5 s",
        "downloading",
        "downloading: 31 s",
        "downloading: done in 31.4 s",
    ]


def test_on_a_terminal_there_is_a_bar_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shown(monkeypatch, terminal=True)
    assert "building kubernetes" in seen
    assert "━" in seen
    assert "downloading" in seen
    assert "done in" not in seen


def test_a_step_that_takes_longer_than_estimated_does_not_look_done(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr(progress, "Console", lambda **_options: console)
    with shown_progress() as told:
        assert isinstance(told, progress._Bars)
        told.started("building", 10)
        told.running("building", 60)
        assert not told._bars.finished
        told.finished("building", 61)
        assert told._bars.finished
