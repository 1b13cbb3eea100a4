"""kind's configuration file for a cluster of ours: its nodes, which pools they are in, and the API server's audit log.

`manifests/kind.yaml` is the same topology for `kind create cluster` by hand; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from napsim.api import names
from napsim.cluster.clusters import Options, unknown_component

# Where kubeadm's ClusterConfiguration keeps the flags of each component.
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "etcd": ("etcd", "local"),
    "kube-apiserver": ("apiServer",),
    "kube-controller-manager": ("controllerManager",),
    "kube-scheduler": ("scheduler",),
}

_ON_THE_NODE = "/var/log/napsim-audit"
_AUDIT_ARGS: Mapping[str, str] = {
    "audit-policy-file": f"{_ON_THE_NODE}/policy.yaml",
    "audit-log-path": f"{_ON_THE_NODE}/audit.log",
    # One file, never rotated, so that whoever audits a run has all of it. In MB.
    "audit-log-maxsize": "100000",
}
_UNLIMITED: Mapping[str, Mapping[str, str]] = {
    "kube-apiserver": {"enable-priority-and-fairness": "false"},
    "kube-controller-manager": {"kube-api-qps": "5000", "kube-api-burst": "10000"},
    "kube-scheduler": {"kube-api-qps": "5000", "kube-api-burst": "10000"},
}


def configuration(options: Options, audit_folder: Path) -> str:
    """The configuration file, as YAML. `audit_folder` holds `policy.yaml` and gets `audit.log`, if that is asked for.

    Raises ClusterError for flags of a component that the control plane does not have.
    """
    control_plane: dict[str, object] = {"role": "control-plane"}
    if options.audit:
        control_plane["extraMounts"] = [{"hostPath": str(audit_folder), "containerPath": _ON_THE_NODE}]
    document: dict[str, object] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [control_plane, *({"role": "worker", "labels": labels} for labels in _worker_labels(options.workers))],
    }
    if patch := _kubeadm_patch(options):
        document["kubeadmConfigPatches"] = [yaml.safe_dump(patch, sort_keys=False)]
    return yaml.safe_dump(document, sort_keys=False)


def _worker_labels(workers: int) -> Iterator[dict[str, str]]:
    """The last worker of several is in pool system, all others are in pool default."""
    for number in range(workers):
        pool = "system" if workers > 1 and number == workers - 1 else "default"
        yield {names.PLAYS_NODEPOOL: pool}


def _kubeadm_patch(options: Options) -> dict[str, object]:
    """A merge patch of kubeadm's ClusterConfiguration, for whichever version of it kind writes."""
    if unknown := sorted(options.extra_args.keys() - _SECTIONS.keys()):
        raise unknown_component(unknown[0], _SECTIONS)
    patch: dict[str, object] = {}
    for component, section in _SECTIONS.items():
        args = {
            **(_UNLIMITED.get(component, {}) if options.disable_qps_limits else {}),
            **(_AUDIT_ARGS if options.audit and component == "kube-apiserver" else {}),
            **options.extra_args.get(component, {}),
        }
        settings: dict[str, object] = {"extraArgs": args} if args else {}
        if options.audit and component == "kube-apiserver":
            settings["extraVolumes"] = [_AUDIT_VOLUME]
        if settings:
            patch[section[0]] = {section[1]: settings} if len(section) > 1 else settings
    return {"kind": "ClusterConfiguration", **patch} if patch else {}


_AUDIT_VOLUME = {
    "name": "napsim-audit",
    "hostPath": _ON_THE_NODE,
    "mountPath": _ON_THE_NODE,
    "readOnly": False,
    "pathType": "Directory",
}
