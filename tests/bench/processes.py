"""The operator as a process of its own, and what a process has used: CPU, and the most memory it ever held."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

STOP_SECONDS: Final = 10.0
MEGABYTE: Final = 1024 * 1024


class OperatorEnded(Exception):
    """The operator ended by itself; the message has the end of its log."""


def cpu_ms(pid: int) -> float:
    """CPU used so far by the process and its children, in ms (user and system)."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    living = sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
    return (own.user + own.system + own.children_user + own.children_system + living) * 1000


def peak_rss_mb(pid: int) -> float:
    """The most memory that the process ever held (VmHWM), in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OperatorEnded(f"process {pid} has no VmHWM: it has ended")


def rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / MEGABYTE


class OperatorProcess:
    """``napsim run`` from start to SIGTERM, as a context manager; its log goes to ``log``."""

    def __init__(self, kubeconfig: Path, log: Path, options: Sequence[str] = ()) -> None:
        self._command = [
            str(Path(sys.executable).with_name("napsim")),
            "run",
            "--kubeconfig",
            str(kubeconfig),
            *options,
        ]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.stopped_in_seconds = 0.0

    def __enter__(self) -> Self:
        with self._log.open("ab") as output:
            # A session of its own: Ctrl-C reaches the benchmark, which then ends the operator.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        asked = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.stopped_in_seconds = time.monotonic() - asked

    @property
    def pid(self) -> int:
        """Raises OperatorEnded when it no longer runs."""
        if self._process is None or self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
            raise OperatorEnded(f"{' '.join(self._command)} ended, its log ends with\n{tail}")
        return self._process.pid
