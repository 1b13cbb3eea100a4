"""What a demo is played on: a cluster with the CRDs and the examples, and an operator as a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

import napsim
from napsim.api.crd import render
from napsim.api.registry import KINDS
from napsim.cluster import Cluster, ClusterError, create_cluster, delete_cluster, runtime_at_hand
from napsim.cluster.folders import cluster_folder, clusters_folder
from napsim.cluster.progress import Progress

_KUBECTL_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 6.0
_KINDS_SECONDS: Final = 30.0
_CREATED: Final = 201
_ENTRY: Final = "from napsim.cli.main import app; app()"


@dataclass(slots=True)
class Operator:
    """A ``napsim run`` of ours, in a session of its own so that Ctrl-C reaches it only through us."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        """Ask it to end, as its Pod would be asked, and kill it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_lines(self, count: int = 10) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def start_operator(cluster: Cluster) -> Operator:
    """Start an operator on the cluster; its log is beside those of the control plane."""
    log = cluster.workdir / "logs" / "napsim.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _ENTRY, "run", f"--kubeconfig={cluster.kubeconfig}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Operator(process, log)


def evictions(cluster: Cluster) -> int:
    """How many pods the API server has let go through the Eviction API, by its audit log."""
    granted = 0
    with cluster.audit_log.open("rb") as log:
        for line in log:
            if b'"subresource":"eviction"' in line:
                event = json.loads(line)
                granted += event["verb"] == "create" and event["responseStatus"]["code"] == _CREATED
    return granted


def remove(name: str) -> bool:
    """End the operators that were started with the cluster's kubeconfig, and remove the cluster; False if none was.

    Not to be interrupted: it takes a second, and half of it would be worse than none.
    """
    with _undisturbed():
        operators = _operators(name)
        for process in operators:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(operators, timeout=_GRACE_SECONDS)
        return delete_cluster(name)


def _operators(name: str) -> list[psutil.Process]:
    """The processes that are ``napsim run`` with a kubeconfig of the cluster on their command line."""
    inside = f"{cluster_folder(name)}{os.sep}"
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "run" in (command := process.info["cmdline"] or []) and any(inside in part for part in command)
    ]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that would interrupt have no effect during the block."""
    interrupting = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in interrupting}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """No other demo of that name during the block. Raises ClusterError if there is one, BadOption for such a name."""
    cluster_folder(name)
    clusters_folder().mkdir(parents=True, exist_ok=True)
    lock = clusters_folder() / f".{name}.lock"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClusterError(
                f"another demo runs on cluster {name}: wait for it, or give this one a --name"
            ) from error
        try:
            yield
        finally:
            lock.unlink()


def set_up(name: str, progress: Progress) -> Cluster:
    """A new cluster with the CRDs and the examples; one that an earlier demo left is removed first.

    All its nodes are fake, whichever runtime it is: kind where Go is missing and a Docker engine answers. Raises
    ClusterError, also with what kubectl said. When it fails or is interrupted, nothing of the cluster stays.
    """
    examples = examples_folder()
    remove(name)
    cluster = create_cluster(name, runtime=runtime_at_hand(), workers=0, fake_nodes=True, progress=progress)
    try:
        step, begun = "applying CRDs and manifests/examples", time.monotonic()
        progress.started(step, 3.0)
        kubectl(cluster, "apply", "--filename=-", stdin="---\n".join(render(kind) for kind in KINDS))
        _wait_for_kinds(cluster)
        kubectl(cluster, "apply", f"--filename={examples}")
        progress.finished(step, time.monotonic() - begun)
    except BaseException:
        remove(name)
        raise
    return cluster


def _wait_for_kinds(cluster: Cluster) -> None:
    """Until the CRDs are served. kubectl itself fails on one that has no conditions yet, so it is asked again."""
    deadline = time.monotonic() + _KINDS_SECONDS
    while True:
        try:
            kubectl(cluster, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        except ClusterError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def examples_folder() -> Path:
    """The manifests to begin with. They come with the package: `make crds` copies them from ``manifests/examples``."""
    return Path(napsim.__file__).with_name("manifests") / "examples"


def kubectl(cluster: Cluster, *arguments: str, stdin: str | None = None) -> str:
    """What kubectl prints. Raises ClusterError with what it complains about."""
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=_KUBECTL_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"kubectl {' '.join(arguments)}: no end in {_KUBECTL_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
