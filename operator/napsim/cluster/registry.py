"""The runtimes by name, and the functions on clusters that work whatever the runtime."""

from __future__ import annotations

from collections.abc import Mapping

from napsim.cluster.binaries import obstacle
from napsim.cluster.clusters import Cluster, Options, Runtime, Status
from napsim.cluster.engine import require_engine
from napsim.cluster.errors import BadOption, ClusterNotFound, PrerequisiteMissing
from napsim.cluster.folders import clusters_folder
from napsim.cluster.kind import Kind, require_kind
from napsim.cluster.kwok import Kwok
from napsim.cluster.progress import Progress, Silent

RUNTIMES: Mapping[str, Runtime] = {runtime.name: runtime for runtime in (Kwok(), Kind())}


def create_cluster(
    name: str,
    *,
    runtime: str = "kwok",
    audit: bool = True,
    disable_qps_limits: bool = False,
    extra_args: Mapping[str, Mapping[str, str]] | None = None,
    workers: int = 3,
    fake_nodes: bool = False,
    progress: Progress | None = None,
) -> Cluster:
    """Create and start a cluster; runtime kwok builds the control plane first if the cache does not have it.

    The options are those of `Options`. When creation fails or is interrupted, nothing of the cluster stays. Raises
    BadOption, ClusterExists, PrerequisiteMissing, or another ClusterError.
    """
    if runtime not in RUNTIMES:
        raise BadOption(f"no runtime {runtime!r}: there are {', '.join(RUNTIMES)}")
    options = Options(audit, disable_qps_limits, extra_args or {}, workers, fake_nodes)
    try:
        return RUNTIMES[runtime].create(name, options, progress or Silent())
    except PrerequisiteMissing as error:
        if runtime == "kwok":
            raise PrerequisiteMissing(f"{error}. Or do without it: --runtime kind takes Docker and kind") from error
        raise


def runtime_at_hand() -> str:
    """The runtime that this machine can have fake nodes on: kwok, or kind where Go is missing and an engine answers.

    Raises PrerequisiteMissing that says what either of them lacks.
    """
    without_kwok = obstacle()
    if without_kwok is None:
        return "kwok"
    try:
        require_kind()
        require_engine()
    except PrerequisiteMissing as without_kind:
        raise PrerequisiteMissing(
            f"{without_kwok}. Runtime kind would do as well, but {without_kind}"
        ) from without_kind
    return "kind"


def find_cluster(name: str) -> Cluster:
    """The cluster of that name, whatever its state. Raises ClusterNotFound."""
    for runtime in RUNTIMES.values():
        if cluster := runtime.find(name):
            return cluster
    raise ClusterNotFound(f"no cluster {name}: create it with `napsim cluster create --name {name}`")


def list_clusters() -> list[str]:
    """The names of all clusters, whatever their state, sorted."""
    folder = clusters_folder()
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def delete_cluster(name: str) -> bool:
    """End every process of the cluster and remove its files, whatever its state; False if there was nothing."""
    deleted = [runtime.delete(name) for runtime in RUNTIMES.values()]
    return any(deleted)


def cluster_status(name: str) -> Status:
    """What runs of the cluster now. Raises ClusterNotFound."""
    cluster = find_cluster(name)
    return RUNTIMES[cluster.runtime].status(cluster)


def stop_component(name: str, component: str, *, grace_seconds: float = 5.0) -> None:
    """End one component of a cluster, killing it after `grace_seconds` (at once if 0). Raises ClusterNotFound."""
    cluster = find_cluster(name)
    RUNTIMES[cluster.runtime].stop_component(cluster, component, grace_seconds=grace_seconds)


def start_component(name: str, component: str) -> None:
    """Start one component of a cluster again and wait until the API server is ready. Raises ClusterNotFound."""
    cluster = find_cluster(name)
    RUNTIMES[cluster.runtime].start_component(cluster, component)


def restart_component(name: str, component: str, *, grace_seconds: float = 5.0) -> None:
    """Stop and start one component of a cluster. Raises ClusterNotFound."""
    stop_component(name, component, grace_seconds=grace_seconds)
    start_component(name, component)
