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
_INTERRUPTED = (
    "import os, signal, threading, time; from napsim.cli.executors import LocalProcesses;"
    " start = threading.Thread.start;"
    " threading.Thread.start = lambda self: (os.kill(os.getpid(), signal.SIGINT), start(self))[1];"
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


def test_ctrl_c_while_the_pool_is_being_started_is_ctrl_c() -> None:
    """A pool whose thread has not begun cannot be shut down: that ended in a traceback of another error."""
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], stderr=subprocess.PIPE, text=True, timeout=_PATIENCE, check=False,
        start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")
