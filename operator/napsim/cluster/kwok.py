"""The `kwok` runtime: a real control plane as plain processes, and fake nodes and pods, by kwokctl's binary runtime.

kwokctl starts etcd, kube-apiserver (RBAC and admission on), kube-controller-manager with its default controllers
(among them disruption, replicaset, deployment, daemonset, statefulset, namespace, garbage collector, podgc,
nodelifecycle and taint eviction), kube-scheduler, and kwok, which manages every Node: it makes the Node Ready, renews
its lease, keeps the capacity and allocatable it finds, makes bound pods Running and Ready at once, and removes pods
that are being deleted, at once and whatever their grace period, as the chart's stages say.

Everything listens on 127.0.0.1, on ports chosen here. Each cluster has a kwokctl home of its own, so that one damaged
cluster cannot disturb another, and the user's ~/.kwok and kubeconfig are never touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from napsim.cluster.binaries import ControlPlane, control_plane
from napsim.cluster.clusters import Cluster, Component, Options, Status, unknown_component
from napsim.cluster.errors import ClusterError, ClusterExists
from napsim.cluster.folders import cluster_folder, kwok_stages
from napsim.cluster.ports import free_ports
from napsim.cluster.processes import end, processes_of
from napsim.cluster.progress import Progress
from napsim.cluster.records import recorded_kubectl, recorded_runtime, write_record

# As kwokctl calls them, and the programs in the folder `bin` of a cluster.
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller")
_START_SECONDS = 90.0
_START_ESTIMATE_SECONDS = 5.0
_BASE_ARGS: Mapping[str, Mapping[str, str]] = {
    # Nobody expects this data to outlive a crash of the machine, and syncing every write would bound the whole cluster.
    "etcd": {"unsafe-no-fsync": "true"},
    # One file, never rotated, so that whoever audits a run has all of it. In MB.
    "kube-apiserver": {"audit-log-maxsize": "100000"},
    # There is one of each: without an election it works at once when it is started again, not after 15 s.
    "kube-controller-manager": {"leader-elect": "false"},
    "kube-scheduler": {"leader-elect": "false"},
}


@dataclass(frozen=True, slots=True)
class Kwok:
    """Clusters by kwokctl; see the module."""

    name: str = "kwok"

    def create(self, name: str, options: Options, progress: Progress) -> Cluster:
        """Create and start a cluster: a few seconds once the control plane is built.

        Raises ClusterExists, PrerequisiteMissing, or ClusterError with the end of the log of what failed.
        """
        folder = cluster_folder(name)
        if folder.exists():
            raise _exists(name)
        binaries = control_plane(progress)
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            raise _exists(name) from error
        try:
            return self._create_in(folder, name, options, binaries, progress)
        except BaseException:
            self.delete(name)
            raise

    def find(self, name: str) -> Cluster | None:
        """The cluster of that name if its folder is there, even when its record is damaged."""
        folder = cluster_folder(name)
        return _cluster(name, folder) if folder.is_dir() and self._ours(folder) else None

    def delete(self, name: str) -> bool:
        """End what runs with a path of the cluster's folder in its command line, and remove the folder."""
        folder = cluster_folder(name)
        if not self._ours(folder):
            return False
        # kwokctl first: while it lives it may start others.
        ended = _end_all(folder, ["kwokctl"]) + _end_all(folder, COMPONENTS)
        there = folder.is_dir()
        if there:
            shutil.rmtree(folder)
        return there or ended > 0

    def _ours(self, folder: Path) -> bool:
        """A folder without a readable record counts as ours: creation was killed before it was written."""
        return recorded_runtime(folder) in {None, self.name}

    def status(self, cluster: Cluster) -> Status:
        """The pid of every component, and whether the API server calls itself ready."""
        components = tuple(
            Component(name, found[0].pid if found else None)
            for name, found in processes_of(cluster.folder, COMPONENTS).items()
        )
        serves = any(component.pid for component in components if component.name == "kube-apiserver")
        return Status(cluster, components, ready=serves and _answers(cluster, "get", "--raw", "/readyz"))

    def stop_component(self, cluster: Cluster, component: str, *, grace_seconds: float) -> None:
        """End one component; 0 seconds of grace kills it at once."""
        end(_running(cluster, component), grace_seconds=grace_seconds)

    def start_component(self, cluster: Cluster, component: str) -> None:
        """Start one component with the command line that kwokctl recorded, and wait until the API server is ready.

        After an outage of more than a few seconds, those that lost the API server come back as their back-off ends, up
        to a minute later.
        """
        if _running(cluster, component):
            return
        if component == "kwok-controller":
            # Each kwok gives itself a new name and leaves its predecessor's nodes alone until their leases end: 200 s.
            _wait(cluster, "delete", "leases", "--all", "--namespace=kube-node-lease")
        _spawn(cluster, component)
        _wait(cluster, "get", "--raw", "/readyz")

    def _create_in(
        self, folder: Path, name: str, options: Options, binaries: ControlPlane, progress: Progress
    ) -> Cluster:
        write_record(folder, self.name, binaries["kubectl"], binaries.versions)
        config = folder / "kwokctl.yaml"
        settings = yaml.safe_dump(_configuration(options, binaries, free_ports(6)))
        config.write_text(f"{settings}---\n{kwok_stages().read_text()}")
        step = f"starting cluster {name}"
        begun = time.monotonic()
        progress.started(step, _START_ESTIMATE_SECONDS)
        _kwokctl(binaries["kwokctl"], folder, name, lambda elapsed: progress.running(step, elapsed))
        cluster = _cluster(name, folder)
        # Pods are refused until the controller manager has made the service account they run as.
        _wait(cluster, "get", "serviceaccount", "default", "--namespace", "default")
        _wait(cluster, "get", "--raw", "/readyz")
        progress.finished(step, time.monotonic() - begun)
        return cluster


def _configuration(options: Options, binaries: ControlPlane, ports: list[int]) -> dict[str, object]:
    """kwokctl's configuration file: nothing is left to its own defaults that it would look up or download."""
    port = dict(zip(_PORTS, ports, strict=True))
    settings: dict[str, object] = {
        "runtime": "binary",
        "bindAddress": "127.0.0.1",
        "kubeVersion": binaries.versions["kubernetes"],
        "etcdVersion": binaries.versions["etcd"].removeprefix("v"),
        "kwokVersion": binaries.versions["kwok"],
        "etcdBinary": str(binaries["etcd"]),
        "kubeApiserverBinary": str(binaries["kube-apiserver"]),
        "kubeControllerManagerBinary": str(binaries["kube-controller-manager"]),
        "kubeSchedulerBinary": str(binaries["kube-scheduler"]),
        "kubectlBinary": str(binaries["kubectl"]),
        "kwokControllerBinary": str(binaries["kwok"]),
        "disableQPSLimits": options.disable_qps_limits,
        **port,
    }
    if options.audit:
        settings["kubeAuditPolicy"] = str(Path(__file__).with_name("audit-policy.yaml"))
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": settings,
        "componentsPatches": _patches(options.extra_args),
    }


_PORTS = (
    "etcdPort",
    "etcdPeerPort",
    "kubeApiserverPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
)


def _patches(extra: Mapping[str, Mapping[str, str]]) -> list[dict[str, object]]:
    if unknown := sorted(extra.keys() - set(COMPONENTS)):
        raise unknown_component(unknown[0], COMPONENTS)
    merged = {name: {**_BASE_ARGS.get(name, {}), **extra.get(name, {})} for name in COMPONENTS}
    return [
        {"name": name, "extraArgs": [{"key": key, "value": value} for key, value in args.items()]}
        for name, args in merged.items()
        if args
    ]


def _kwokctl(kwokctl: Path, folder: Path, name: str, running: Callable[[float], None]) -> None:
    """Run `kwokctl create cluster`, in a session of its own so that Ctrl-C reaches it only through us."""
    command = [str(kwokctl), "create", "cluster", f"--name={name}", f"--config={folder / 'kwokctl.yaml'}"]
    limits = [f"--timeout={_START_SECONDS:.0f}s", "--kubeconfig="]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("KWOK_", "KUBECONFIG"))}
    log = folder / "kwokctl.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *limits],
            env={**environment, "KWOK_WORKDIR": str(folder / "kwok")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _follow(process, folder, running)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode != 0:
        raise ClusterError(f"cluster {name} did not start, kwokctl said:\n{_last_lines(log)}")


def _follow(process: subprocess.Popen[bytes], folder: Path, running: Callable[[float], None]) -> None:
    """Wait for kwokctl to end. Raises ClusterError when a component ends meanwhile, which kwokctl would not notice."""
    begun = time.monotonic()
    while process.poll() is None:
        running(time.monotonic() - begun)
        # kwokctl also runs some of them to ask for their version: those that it means to stay have a pid file.
        meant_to_run = [(file.stem, file) for file in folder.glob("kwok/clusters/*/pids/*.pid")]
        found = processes_of(folder, COMPONENTS)
        for component, file in meant_to_run:
            if not found[component]:
                log = file.parents[1] / "logs" / f"{component}.log"
                raise ClusterError(
                    f"{component} ended while the cluster started; its log ends with\n{_last_lines(log)}"
                )
        time.sleep(0.1)


def _cluster(name: str, folder: Path) -> Cluster:
    workdir = folder / "kwok" / "clusters" / name
    return Cluster(
        name=name,
        runtime="kwok",
        folder=folder,
        workdir=workdir,
        kubeconfig=workdir / "kubeconfig.yaml",
        audit_log=workdir / "logs" / "audit.log",
        kubectl=recorded_kubectl(folder),
    )


def _spawn(cluster: Cluster, component: str) -> None:
    """Start a component as a process of nobody's, as kwokctl does: it outlives us, and we have nothing to reap."""
    recorded = _recorded_component(cluster, component)
    log = cluster.workdir / "logs" / f"{component}.log"
    # kwokctl's record names the binary where it was built; started by its name here, it is found as the cluster's.
    program = cluster.workdir / "bin" / component
    subprocess.run(
        ["/bin/sh", "-c", '"$@" >>"$0" 2>&1 </dev/null &', log, program, *recorded["args"]],
        cwd=cluster.workdir,
        env={**os.environ, **{entry["name"]: entry.get("value", "") for entry in recorded.get("envs", [])}},
        start_new_session=True,
        check=True,
    )


def _recorded_component(cluster: Cluster, component: str) -> dict[str, Any]:
    """What kwokctl saved of a component (its configuration has no types of ours): binary, args, envs."""
    for document in yaml.safe_load_all((cluster.workdir / "kwok.yaml").read_text()):
        for recorded in document.get("components", []) if document else []:
            if recorded["name"] == component:
                return dict(recorded)
    raise ClusterError(f"kwokctl recorded no component {component!r} for cluster {cluster.name}")


def _wait(cluster: Cluster, *arguments: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(cluster, *arguments):
        if time.monotonic() > deadline:
            log = cluster.workdir / "logs" / "kube-apiserver.log"
            raise ClusterError(
                f"cluster {cluster.name}: `kubectl {' '.join(arguments)}` had no answer in {_START_SECONDS:.0f} s; "
                f"{log} ends with\n{_last_lines(log)}"
            )
        time.sleep(0.1)


def _answers(cluster: Cluster, *arguments: str) -> bool:
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", "--request-timeout=5s", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _end_all(folder: Path, programs: Iterable[str]) -> int:
    """End every process of `folder` among `programs`, looking again until none is left; how many there were."""
    ended = 0
    while found := [process for several in processes_of(folder, programs).values() for process in several]:
        end(found, grace_seconds=0)
        ended += len(found)
    return ended


def _running(cluster: Cluster, component: str) -> list[psutil.Process]:
    if component not in COMPONENTS:
        raise unknown_component(component, COMPONENTS)
    return processes_of(cluster.folder, [component])[component]


def _exists(name: str) -> ClusterExists:
    return ClusterExists(
        f"cluster {name} is there already: see `napsim cluster status --name {name}`, "
        f"or remove it with `napsim cluster delete --name {name}`"
    )


def _last_lines(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    except OSError as error:
        return f"(no log: {error})"
