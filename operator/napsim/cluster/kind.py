"""The `kind` runtime: real kubelets in containers of a Docker engine, by the `kind` command.

One control plane and, unless asked otherwise, three workers that are opted in to pools. `KIND_IMAGE` names the node
image, else it is kind's own. Each cluster keeps its kubeconfig, a kubectl of its version and the audit log in its
folder; the user's kubeconfig is never touched. With `fake_nodes` a KWOK controller runs as one more container on the
nodes' network (`KWOK_IMAGE`, else upstream's), and with no worker at all nothing but fake nodes takes pods.

What stays after a deletion is what kind itself leaves: the engine's images, and its network named kind.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napsim.cluster.clusters import Cluster, Component, Options, Status, unknown_component
from napsim.cluster.engine import docker, output_of, require_engine
from napsim.cluster.errors import ClusterError, ClusterExists, PrerequisiteMissing
from napsim.cluster.folders import cluster_folder, kwok_stages
from napsim.cluster.kindconfig import configuration
from napsim.cluster.progress import Progress
from napsim.cluster.records import recorded_kubectl, recorded_runtime, write_record

_START_ESTIMATE_SECONDS = 45.0
_CONTROL_PLANE_SECONDS = 180
_NODES_SECONDS = 120
_ANSWER_SECONDS = 60.0
_NODE_LABEL = "io.x-k8s.kind.cluster"  # kind puts it on every node's container, with the cluster's name
_GET = ("get", "--request-timeout=5s")
_READY = (*_GET, "--raw", "/readyz")
_KWOK_LABEL = "napsim.dev/cluster"
_KWOK = "kwok-controller"
_KWOK_IMAGE = "registry.k8s.io/kwok/kwok:v0.8.0"
_KWOK_ARGS = (
    "--config=/etc/kwok/stages.yaml",
    "--kubeconfig=/etc/kwok/kubeconfig",
    "--manage-all-nodes=false",
    "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Clusters by kind; see the module. Its components are the containers: the nodes, and the KWOK controller."""

    name: str = "kind"

    def create(self, name: str, options: Options, progress: Progress) -> Cluster:
        """Create and start a cluster: about half a minute, and more when the engine has yet to pull the node image.

        Raises ClusterExists, PrerequisiteMissing, or ClusterError with the end of what kind said.
        """
        folder = cluster_folder(name)
        require_kind()
        require_engine()
        if options.fake_nodes:
            kwok_stages()
        if folder.exists() or name in output_of(["kind", "get", "clusters"]).splitlines():
            raise _exists(name)
        text = configuration(options, folder / "kind" / "logs")
        try:
            (folder / "kind" / "logs").mkdir(parents=True)
        except FileExistsError as error:
            raise _exists(name) from error
        try:
            write_record(folder, self.name, _kubectl_of(folder), {})
            return _create_in(folder, name, options, text, progress)
        except BaseException:
            self.delete(name)
            raise

    def find(self, name: str) -> Cluster | None:
        """The cluster of that name if its folder says that kind made it, whatever has become of its containers."""
        folder = cluster_folder(name)
        return _cluster(name, folder) if recorded_runtime(folder) == self.name else None

    def delete(self, name: str) -> bool:
        """Remove the containers and the folder; False if kind did not make it, whatever clusters kind has besides."""
        folder = cluster_folder(name)
        if recorded_runtime(folder) != self.name:
            return False
        require_kind()
        require_engine()
        _remove_containers(name, _cluster(name, folder).kubeconfig)
        shutil.rmtree(folder)
        return True

    def status(self, cluster: Cluster) -> Status:
        """The pid of each container's first process, and whether the API server calls itself ready."""
        components = tuple(Component(name, _pid(container)) for name, container in _containers(cluster.name).items())
        return Status(cluster, components, ready=_answers(cluster, *_READY))

    def stop_component(self, cluster: Cluster, component: str, *, grace_seconds: float) -> None:
        """Stop one container; 0 seconds of grace kills it at once."""
        docker("stop", "-t", f"{grace_seconds:.0f}", _container(cluster, component))

    def start_component(self, cluster: Cluster, component: str) -> None:
        """Start one container again and wait until the API server is ready."""
        docker("start", _container(cluster, component))
        _wait(cluster, *_READY)


def require_kind() -> None:
    """Raises PrerequisiteMissing unless kind is there, and a kubectl where the nodes' own does not run."""
    if shutil.which("kind") is None:
        raise PrerequisiteMissing(
            "kind is not on the PATH: install it (https://kind.sigs.k8s.io/docs/user/quick-start#installation, "
            "or `go install sigs.k8s.io/kind@latest`), or use --runtime kwok, which needs Go instead"
        )
    if not _nodes_kubectl_runs_here() and shutil.which("kubectl") is None:
        raise PrerequisiteMissing(
            "kubectl is not on the PATH, and the nodes' own runs on Linux only: install it "
            "(https://kubernetes.io/docs/tasks/tools)"
        )


def _create_in(folder: Path, name: str, options: Options, text: str, progress: Progress) -> Cluster:
    cluster = _cluster(name, folder)
    _lay_out(folder, cluster, text, audit=options.audit)
    step = f"starting kind cluster {name}"
    begun = time.monotonic()
    progress.started(step, _START_ESTIMATE_SECONDS)
    _kind_create(cluster, lambda elapsed: progress.running(step, elapsed))
    if _nodes_kubectl_runs_here():
        docker("cp", f"{name}-control-plane:/usr/bin/kubectl", str(_kubectl_of(folder)))
    _wait(cluster, "wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={_NODES_SECONDS}s")
    # Pods are refused until the controller manager has made the service account they run as.
    _wait(cluster, *_GET, "serviceaccount", "default", "--namespace", "default")
    if options.fake_nodes:
        _start_kwok(cluster, alone=options.workers == 0)
    progress.finished(step, time.monotonic() - begun)
    return cluster


def _lay_out(folder: Path, cluster: Cluster, text: str, *, audit: bool) -> None:
    """The files that exist before the nodes do. The audit log among them: so it is ours, not the API server's."""
    (folder / "kind.yaml").write_text(text)
    if audit:
        policy = Path(__file__).with_name("audit-policy.yaml")
        shutil.copyfile(policy, cluster.audit_log.with_name("policy.yaml"))
        cluster.audit_log.touch()


def _kind_create(cluster: Cluster, running: Callable[[float], None]) -> None:
    """Run `kind create cluster`, in a session of its own so that Ctrl-C reaches it only through us."""
    image = os.environ.get("KIND_IMAGE")
    command = [
        *("kind", "create", "cluster", f"--name={cluster.name}", f"--config={cluster.folder / 'kind.yaml'}"),
        *(f"--kubeconfig={cluster.kubeconfig}", f"--wait={_CONTROL_PLANE_SECONDS}s"),
        *([f"--image={image}"] if image else []),
    ]
    log = cluster.workdir / "logs" / "kind.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    begun = time.monotonic()
    try:
        while process.poll() is None:
            running(time.monotonic() - begun)
            time.sleep(0.2)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode != 0:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise ClusterError(f"cluster {cluster.name} did not start, kind said:\n{said}")


def _start_kwok(cluster: Cluster, *, alone: bool) -> None:
    """The KWOK controller, as a container beside the nodes, as the cluster's administrator.

    When it is `alone` with the control plane, which kind then opens to pods, that is closed to them again.
    """
    kubeconfig = cluster.workdir / "kwok-kubeconfig.yaml"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(output_of(["kind", "get", "kubeconfig", "--internal", f"--name={cluster.name}"]))
    docker(
        *("run", "--detach", f"--name={cluster.name}-{_KWOK}", f"--label={_KWOK_LABEL}={cluster.name}"),
        *("--network=kind", f"--user={os.getuid()}:{os.getgid()}"),
        *(f"--volume={kubeconfig}:/etc/kwok/kubeconfig:ro", f"--volume={kwok_stages()}:/etc/kwok/stages.yaml:ro"),
        *(os.environ.get("KWOK_IMAGE") or _KWOK_IMAGE, *_KWOK_ARGS),
    )
    if alone:
        taint = "node-role.kubernetes.io/control-plane=:NoSchedule"
        _wait(cluster, "taint", "node", f"{cluster.name}-control-plane", taint, "--overwrite")


def _cluster(name: str, folder: Path) -> Cluster:
    workdir = folder / "kind"
    return Cluster(
        name=name,
        runtime="kind",
        folder=folder,
        workdir=workdir,
        kubeconfig=folder / "kubeconfig.yaml",
        audit_log=workdir / "logs" / "audit.log",
        kubectl=recorded_kubectl(folder),
    )


def _nodes_kubectl_runs_here() -> bool:
    return platform.system() == "Linux"


def _kubectl_of(folder: Path) -> Path:
    """The nodes' own kubectl, taken out of the node image, where it runs; else the PATH's."""
    return folder / "kubectl" if _nodes_kubectl_runs_here() else Path("kubectl")


def _containers(name: str) -> dict[str, str]:
    """Container id by component, sorted by component: stopped ones too."""
    require_engine()
    found: dict[str, str] = {}
    for label in (_NODE_LABEL, _KWOK_LABEL):
        listed = docker("ps", "--all", f"--filter=label={label}={name}", "--format={{.ID}} {{.Names}}")
        for line in listed.splitlines():
            identity, container = line.split()
            found[container.removeprefix(f"{name}-")] = identity
    return dict(sorted(found.items()))


def _container(cluster: Cluster, component: str) -> str:
    found = _containers(cluster.name)
    if component not in found:
        raise unknown_component(component, found)
    return found[component]


def _pid(container: str) -> int | None:
    return int(docker("inspect", "--format={{.State.Pid}}", container)) or None


def _remove_containers(name: str, kubeconfig: Path) -> None:
    """Until none is left: one whose creation was interrupted can appear after the first look."""
    while True:
        output_of(["kind", "delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}"])
        if left := _containers(name):
            docker("rm", "--force", "--volumes", *left.values())
        time.sleep(0.5)
        if not _containers(name):
            return


def _wait(cluster: Cluster, *arguments: str) -> None:
    deadline = time.monotonic() + _ANSWER_SECONDS
    while not _answers(cluster, *arguments):
        if time.monotonic() > deadline:
            raise ClusterError(
                f"cluster {cluster.name}: `kubectl {' '.join(arguments)}` did not succeed in {_ANSWER_SECONDS:.0f} s"
            )
        time.sleep(0.2)


def _answers(cluster: Cluster, *arguments: str) -> bool:
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    if shutil.which(command[0]) is None:
        return False  # creation was killed before the nodes' kubectl was taken out
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _exists(name: str) -> ClusterExists:
    return ClusterExists(
        f"cluster {name} is there already: see `napsim cluster status --name {name}` and `kind get clusters`, "
        f"or remove it with `napsim cluster delete --name {name}`"
    )
