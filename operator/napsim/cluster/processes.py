"""The processes of a cluster: found by their command line, which names the cluster's folder, and ended.

Not by pid files: one is missing when an interruption falls between the start of a process and the writing of its file,
and after a restart of the machine it names somebody else's process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

_KILL_WAIT_SECONDS = 10.0


def processes_of(folder: Path, programs: Iterable[str]) -> dict[str, list[psutil.Process]]:
    """The running processes, by program, named in `programs` and with a path inside `folder` in their command."""
    found: dict[str, list[psutil.Process]] = {program: [] for program in programs}
    inside = f"{folder}/"
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or [""]
        program = Path(command[0]).name
        if program in found and any(inside in argument for argument in command):
            found[program].append(process)
    return found


def end(processes: Iterable[psutil.Process], *, grace_seconds: float) -> None:
    """Ask each process to end, kill it after `grace_seconds` (at once if 0), and wait until it is gone.

    Raises psutil.TimeoutExpired if one outlives being killed.
    """
    alive = list(processes)
    if grace_seconds > 0:
        _signal(alive, psutil.Process.terminate)
        alive = _left_after(grace_seconds, alive)
    _signal(alive, psutil.Process.kill)
    if alive := _left_after(_KILL_WAIT_SECONDS, alive):
        raise psutil.TimeoutExpired(_KILL_WAIT_SECONDS, alive[0].pid)


def _left_after(seconds: float, processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after `seconds`; returns as soon as there are none."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _runs(process: psutil.Process) -> bool:
    """A zombie of which no thread is left does not run: it holds neither port nor file, and when init reaps it (never,
    in many containers) is its own affair. One of which threads are left holds both until the last has ended."""
    try:
        ended = not process.is_running() or (process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:
        return False
    return not ended


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            send(process)
