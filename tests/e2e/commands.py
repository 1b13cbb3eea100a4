"""`napsim` as a process, as a user starts it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from napsim.cluster.folders import cluster_folder
from tests.e2e.kubectl import WAIT_SECONDS

NAPSIM = [sys.executable, "-c", "from napsim.cli.main import app; app()"]


def napsim(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it, whatever its exit code."""
    return subprocess.run([*NAPSIM, *arguments], capture_output=True, text=True, check=False)


@dataclass
class Command:
    """A running command, and all that it has written so far."""

    process: subprocess.Popen[bytes]
    descriptor: int
    output: bytes = b""
    _reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # a terminal whose other end was closed
            while chunk := os.read(self.descriptor, 65536):
                self.output += chunk

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")

    def until(self, text: str, *, within_seconds: float = WAIT_SECONDS, after: int = 0) -> None:
        """Wait until it has written ``text`` (behind ``after`` characters); fails the test when it does not in time."""
        deadline = time.monotonic() + within_seconds
        while text not in self.text[after:]:
            assert self.process.poll() is None, f"ended with {self.process.returncode} before {text!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"in {within_seconds:.0f} s not seen: {text!r}, but\n{self.text}"
            time.sleep(0.05)

    def type(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self, *, within_seconds: float = WAIT_SECONDS) -> int:
        """The exit code, once it has ended and all output is read."""
        code = self.process.wait(within_seconds)
        self._reader.join(5)
        return code


@contextmanager
def piped(*arguments: str) -> Iterator[Command]:
    """`napsim` without a terminal; killed at the end of the block if it still runs."""
    reading, writing = os.pipe()
    with _running(
        reading,
        subprocess.Popen([*NAPSIM, *arguments], stdin=subprocess.DEVNULL, stdout=writing, stderr=writing),
        writing,
    ) as command:
        yield command


@contextmanager
def on_terminal(*arguments: str) -> Iterator[Command]:
    """`napsim` on a terminal of 80 columns and 24 lines of its own."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [*NAPSIM, *arguments], stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True
    )
    with _running(ours, process, its) as command:
        yield command


@contextmanager
def _running(descriptor: int, process: subprocess.Popen[bytes], its_end: int) -> Iterator[Command]:
    os.close(its_end)
    command = Command(process, descriptor)
    try:
        yield command
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(descriptor)


def processes_of(name: str) -> list[str]:
    """The command lines of all processes that name the folder of a cluster."""
    inside = f"{cluster_folder(name)}{os.sep}"
    found = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(command) for command in found if any(inside in part for part in command)]
