"""The processes of a cluster: found by its folder, and none but those."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from napsim.cluster.processes import end, processes_of

Start = Callable[..., subprocess.Popen[bytes]]
SLEEP = "print(flush=True); import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process called `program` that has `argument` on its command line."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, argument: Path, code: str = SLEEP) -> subprocess.Popen[bytes]:
        link = tmp_path / "bin" / program
        link.parent.mkdir(exist_ok=True)
        if not link.exists():
            link.symlink_to(Path(sys.executable).resolve())
        process = subprocess.Popen([link, "-S", "-c", code, argument], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_process_is_the_clusters_if_both_its_program_and_a_path_in_its_command_are(start: Start) -> None:
    folder = Path("/clusters/one")
    mine = start("etcd", folder / "data")
    start("etcd", Path("/clusters/one-more/data"))
    start("editor", folder / "data")
    found = processes_of(folder, ["etcd", "kwok"])
    assert {name: [process.pid for process in several] for name, several in found.items()} == {
        "etcd": [mine.pid],
        "kwok": [],
    }


def test_a_process_is_asked_first_and_killed_if_it_does_not_listen(start: Start) -> None:
    willing, stubborn = start("etcd", Path("/clusters/a/x")), start("etcd", Path("/clusters/a/x"), STUBBORN)
    end([psutil.Process(willing.pid), psutil.Process(stubborn.pid)], grace_seconds=0.5)
    assert (willing.wait(), stubborn.wait()) == (-15, -9)


def test_without_grace_a_process_is_killed_at_once(start: Start) -> None:
    process = start("etcd", Path("/clusters/a/x"))
    end([psutil.Process(process.pid)], grace_seconds=0)
    assert process.wait() == -9


def test_a_process_that_is_gone_already_is_no_error(start: Start) -> None:
    process = start("etcd", Path("/clusters/a/x"))
    known = psutil.Process(process.pid)
    process.kill()
    process.wait()
    end([known], grace_seconds=1)
    assert not known.is_running()


# Its first thread ends, so that it is called a zombie; another one goes on, and with it the port. A killed API server
# on a loaded machine is in this state until its last thread has come to its end.
HALF_DEAD = """
import ctypes, socket, threading, time
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_zombie_of_which_threads_still_run_is_not_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", HALF_DEAD], stdout=subprocess.PIPE)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    known = psutil.Process(process.pid)
    while known.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    socket.create_connection(("127.0.0.1", port)).close()
    end([known], grace_seconds=0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert process.wait() == -9


def test_a_zombie_whose_threads_have_all_ended_is_gone_though_nobody_reaps_it(start: Start) -> None:
    process = start("etcd", Path("/clusters/a/x"))
    known = psutil.Process(process.pid)
    process.kill()
    end([known], grace_seconds=0)
    assert known.status() == psutil.STATUS_ZOMBIE
