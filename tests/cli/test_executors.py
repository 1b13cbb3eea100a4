"""Processes that simulate beside one another end with the program that began them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

_SLEEPS = (
    "import time; from napsim.cli.executors import LocalProcesses;"
    " list(LocalProcesses(2).results(time.sleep, [60.0] * 4))"
)
_PATIENCE = 30.0


def _workers(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    return len(children.read_text().split()) if children.exists() else 0


def _is_anyone_left(group: int) -> bool:
    """Whoever has ended and is only not fetched yet (Z) is gone."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


@pytest.mark.parametrize("begun", [1, 2, 3])  # what tracks their resources, one worker, both
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda it: it.name)
def test_workers_end_with_the_program_whatever_ends_it_and_when(number: signal.Signals, begun: int) -> None:
    program = subprocess.Popen([sys.executable, "-c", _SLEEPS], stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + _PATIENCE
    try:
        while _workers(program.pid) < begun and time.monotonic() < deadline:
            time.sleep(0.005)
        program.send_signal(number)
        assert program.wait(_PATIENCE) == -number
        while _is_anyone_left(program.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _is_anyone_left(program.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
