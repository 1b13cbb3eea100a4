"""A cluster by its name as a value: what it is, what runs of it, and what a runtime must be able to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from napsim.cluster.errors import ClusterError
from napsim.cluster.progress import Progress


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that was created, running or not.

    `folder` holds everything of it and goes with it; `workdir` is the runtime's folder in there, with `logs`.
    `audit_log` is the API server's only audit log (never rotated), there unless the cluster was created without one.
    `kubectl` is a client of the cluster's own version.
    """

    name: str
    runtime: str
    folder: Path
    workdir: Path
    kubeconfig: Path
    audit_log: Path
    kubectl: Path


@dataclass(frozen=True, slots=True)
class Options:
    """How to create a cluster.

    `disable_qps_limits` lifts the client limits of controller manager and scheduler and turns API priority and fairness
    off, as kwokctl's flag of that name: for benchmarks. `extra_args` adds flags to components, by component and flag:
    `{"kube-apiserver": {"max-requests-inflight": "4"}}`.

    For runtimes whose nodes are real: `workers` is how many there are besides the control plane, and `fake_nodes`
    starts a KWOK controller beside them, which plays the Nodes that carry its annotation.
    """

    audit: bool = True
    disable_qps_limits: bool = False
    extra_args: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workers: int = 3
    fake_nodes: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """A program of the control plane, or a node that is a container: `pid` is None while it does not run."""

    name: str
    pid: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """What runs of a cluster now. `ready` is what the API server says of itself."""

    cluster: Cluster
    components: tuple[Component, ...]
    ready: bool

    @property
    def running(self) -> bool:
        """Every component runs and the API server is ready."""
        return self.ready and all(component.pid is not None for component in self.components)


class Runtime(Protocol):
    """A way to have a cluster on this machine."""

    @property
    def name(self) -> str:
        """What `--runtime` calls it."""

    def create(self, name: str, options: Options, progress: Progress) -> Cluster:
        """Create and start a cluster; when that fails or is interrupted, nothing of it stays."""

    def find(self, name: str) -> Cluster | None:
        """The cluster of that name if this runtime created it, whatever its state."""

    def delete(self, name: str) -> bool:
        """End every process of the cluster and remove its files, whatever its state; False if there was nothing."""

    def status(self, cluster: Cluster) -> Status:
        """What runs of the cluster now."""

    def stop_component(self, cluster: Cluster, component: str, *, grace_seconds: float) -> None:
        """End one component, killing it after `grace_seconds`; nothing happens if it does not run."""

    def start_component(self, cluster: Cluster, component: str) -> None:
        """Start one component as it was first started and wait until it serves; nothing happens if it runs."""


def unknown_component(component: str, known: Iterable[str]) -> ClusterError:
    """The error for a component that the runtime does not have."""
    return ClusterError(f"no component {component!r}: there are {', '.join(known)}")
