"""The examples in the help of commands that ask a cluster: run by bash, in order, on a cluster that one of them makes.

docs/reference/cli.md is made of the same. Those that need none are run by tests/cli/test_help_examples.py, those of
``napsim demo`` by tests/e2e/test_demo.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from napsim.cli.command_reference import asks_cluster, documented
from tests.e2e.kubectl import WAIT_SECONDS, eventually

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(sys.executable).parent
CREATE: Final = "napsim cluster create"
DELETE: Final = "napsim cluster delete"
CRDS: Final = "napsim crds | kubectl apply --server-side -f -"
RUN: Final = "napsim run"
DEMO: Final = {"napsim demo", "napsim demo --plain --no-keep"}
# What goes on until it is ended, and with which exit code it then ends.
GOES_ON: Final = {
    RUN: signal.SIGTERM,
    "napsim run --metrics-port 8080 --probe-port 8081": signal.SIGTERM,
    "napsim run --drive": signal.SIGTERM,
    "napsim watch": signal.SIGINT,
}
# The answer is no: the operator is no Deployment, a node never gets away, no Node is there that could be adopted.
SAYS_NO: Final = {
    "napsim doctor": 1,
    "napsim doctor --fail-on error --output json": 1,
    "napsim snapshot --output cluster.yaml && napsim simulate cluster.yaml": 1,
    "napsim adopt --pool default --dry-run": 3,
    "napsim adopt --pool default --selector tier=worker": 3,
}
ALL: Final = dict.fromkeys(
    example for item in documented() for example in item.ending.examples if asks_cluster(example)
)
LAST: Final = ("napsim release --dry-run", "napsim release --take-over", DELETE)
EXAMPLES: Final = [example for example in ALL if example not in {CREATE, CRDS, *GOES_ON, *DEMO, *LAST}]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A folder with the manifests, and a cluster of its own on which the operator has made nodes."""
    folder = tmp_path_factory.mktemp("help")
    shutil.copytree(ROOT / "manifests", folder / "manifests")
    made = Shell(folder)
    try:
        made.expect(CREATE)
        made.kubeconfig = made.expect("napsim cluster kubeconfig").strip()
        made.kubectl = made.expect("napsim cluster status | sed -n 's/^kubectl  *//p'").strip()
        made.expect(CRDS)
        made.expect("kubectl wait --for=jsonpath='{.status.acceptedNames.listKind}' crd --all")
        made.expect("kubectl wait --for=condition=Established crd --all && kubectl apply -f manifests/examples")
        yield made
    finally:
        made.expect(DELETE)


class Shell:
    """bash, with napsim and kubectl on the PATH, and clusters that nobody else has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = self.kubectl = ""

    @property
    def environment(self) -> dict[str, str]:
        path = ":".join([str(PROGRAMS), str(Path(self.kubectl).parent), os.environ["PATH"]])
        clusters = str(self.folder / "clusters")
        return {**os.environ, "PATH": path, "NAPSIM_CLUSTERS_DIR": clusters, "KUBECONFIG": self.kubeconfig}

    def expect(self, line: str, code: int = 0) -> str:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def start(self, line: str, until: str) -> subprocess.Popen[bytes]:
        """Start it, and wait until it has said something: before, a signal would find it unprepared."""
        said = self.folder / f"{line.replace(' ', '_')}.txt"
        with said.open("wb") as output:
            process = subprocess.Popen(
                line.split(), cwd=self.folder, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        eventually(lambda: until in said.read_text() or process.poll() is not None, f"{line} says {until!r}")
        assert process.poll() is None, said.read_text()
        return process


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(timeout=WAIT_SECONDS)


def test_all_that_go_on_end_when_they_are_asked_to(shell: Shell) -> None:
    """The first of them is the operator, which makes the nodes that the other examples look at."""
    operator = shell.start(RUN, "leading: ")
    deadline = time.monotonic() + WAIT_SECONDS
    while shell.expect("kubectl get nodes --no-headers --ignore-not-found").count(" Ready ") < 12:
        assert operator.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.5)
    watch = shell.start("napsim watch", "pool ")
    assert end(watch, GOES_ON["napsim watch"]) == 0
    assert end(operator, GOES_ON[RUN]) == 0
    for line, number in list(GOES_ON.items())[1:3]:
        process = shell.start(line, "leading: ")
        assert end(process, number) == 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_runs_and_answers(shell: Shell, example: str) -> None:
    shell.expect(example, SAYS_NO.get(example, 0))


def test_the_last_ones_leave_nothing(shell: Shell) -> None:
    for example in LAST:
        shell.expect(example)
    shell.expect("napsim cluster status", 3)
