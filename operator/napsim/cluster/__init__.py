"""Clusters to rehearse on: the control plane's binaries, and the runtimes that start and stop them."""

from __future__ import annotations

from napsim.cluster.binaries import ControlPlane, control_plane
from napsim.cluster.clusters import Cluster, Component, Options, Status
from napsim.cluster.errors import BadOption, ClusterError, ClusterExists, ClusterNotFound, PrerequisiteMissing
from napsim.cluster.helm import Helm, find_helm
from napsim.cluster.registry import (
    RUNTIMES,
    cluster_status,
    create_cluster,
    delete_cluster,
    find_cluster,
    list_clusters,
    restart_component,
    runtime_at_hand,
    start_component,
    stop_component,
)

__all__ = [
    "RUNTIMES",
    "BadOption",
    "Cluster",
    "ClusterError",
    "ClusterExists",
    "ClusterNotFound",
    "Component",
    "ControlPlane",
    "Helm",
    "Options",
    "PrerequisiteMissing",
    "Status",
    "cluster_status",
    "control_plane",
    "create_cluster",
    "delete_cluster",
    "find_cluster",
    "find_helm",
    "list_clusters",
    "restart_component",
    "runtime_at_hand",
    "start_component",
    "stop_component",
]
