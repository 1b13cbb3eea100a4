"""What kwokctl is told, and clusters in a bad state."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from napsim.cluster import (
    ClusterError,
    ClusterExists,
    ClusterNotFound,
    cluster_status,
    create_cluster,
    delete_cluster,
    find_cluster,
    kwok,
    list_clusters,
    start_component,
    stop_component,
)
from napsim.cluster.binaries import ControlPlane
from napsim.cluster.clusters import Options
from napsim.cluster.progress import Silent

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok", "kwokctl")
BUILT = ControlPlane(
    binaries={name: Path("/built") / name for name in NAMES},
    versions={"etcd": "v3.6.16", "kubernetes": "v1.36.3", "kwok": "v0.8.0"},
)


@pytest.fixture(autouse=True)
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPSIM_CLUSTERS_DIR", str(tmp_path))
    return tmp_path


def configuration(options: Options) -> dict[str, object]:
    told = kwok._configuration(options, BUILT, list(range(6)))["options"]
    assert isinstance(told, dict)
    return told


def arguments(options: Options) -> dict[str, dict[str, str]]:
    patches = kwok._configuration(options, BUILT, list(range(6)))["componentsPatches"]
    assert isinstance(patches, list)
    return {patch["name"]: {extra["key"]: extra["value"] for extra in patch["extraArgs"]} for patch in patches}


def test_everything_is_bound_to_the_loopback_address_with_ports_and_binaries_of_ours() -> None:
    told = configuration(Options())
    assert told["bindAddress"] == "127.0.0.1"
    assert [value for key, value in told.items() if key.endswith("Port")] == list(range(6))
    assert {value for key, value in told.items() if key.endswith("Binary")} == {
        f"/built/{name}" for name in NAMES if name != "kwokctl"
    }
    assert told["disableQPSLimits"] is False


def test_the_audit_log_is_kept_unless_declined_and_never_rotated() -> None:
    assert configuration(Options())["kubeAuditPolicy"] == str(Path(kwok.__file__).with_name("audit-policy.yaml"))
    assert "kubeAuditPolicy" not in configuration(Options(audit=False))
    assert int(arguments(Options())["kube-apiserver"]["audit-log-maxsize"]) >= 100_000


def test_arguments_of_the_caller_are_added_and_win() -> None:
    extra = {"etcd": {"unsafe-no-fsync": "false"}, "kwok-controller": {"v": "4"}}
    told = arguments(Options(extra_args=extra))
    assert told["etcd"] == {"unsafe-no-fsync": "false"}
    assert told["kwok-controller"] == {"v": "4"}
    assert "audit-log-maxsize" in told["kube-apiserver"]


def test_arguments_for_an_unknown_component_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"no component 'kubelet': there are etcd, kube-apiserver"):
        arguments(Options(extra_args={"kubelet": {}}))


def test_the_audit_policy_gives_no_body_of_a_secret_whatever_its_other_rules() -> None:
    policy = yaml.safe_load(Path(kwok.__file__).with_name("audit-policy.yaml").read_text())
    first = policy["rules"][0]
    assert first["level"] == "Metadata"
    assert "secrets" in first["resources"][0]["resources"]
    assert "verbs" not in first
    assert policy["rules"][-1] == {"level": "Metadata"}
    assert policy["omitStages"] == ["RequestReceived"]


def test_a_name_in_use_is_refused_before_anything_is_built(clusters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clusters / "taken").mkdir()
    monkeypatch.setattr(kwok, "control_plane", lambda _progress: pytest.fail("built"))
    with pytest.raises(ClusterExists, match="cluster taken is there already"):
        create_cluster("taken")
    assert (clusters / "taken").is_dir()


def test_a_name_taken_while_the_control_plane_was_built_is_left_alone(
    clusters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_progress: Silent) -> ControlPlane:
        (clusters / "raced").mkdir()
        return BUILT

    monkeypatch.setattr(kwok, "control_plane", build)
    with pytest.raises(ClusterExists, match="raced"):
        create_cluster("raced")
    assert (clusters / "raced").is_dir()


def test_an_unknown_runtime_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"no runtime 'minikube': there are kwok"):
        create_cluster("one", runtime="minikube")


def test_what_is_not_there_is_said_to_be_not_there(clusters: Path) -> None:
    assert list_clusters() == []
    assert not delete_cluster("one")
    for ask in (find_cluster, cluster_status):
        with pytest.raises(ClusterNotFound, match="napsim cluster create --name one"):
            ask("one")


def test_a_cluster_whose_creation_was_killed_can_be_seen_and_removed(clusters: Path) -> None:
    (clusters / "half").mkdir()
    assert list_clusters() == ["half"]
    status = cluster_status("half")
    assert not status.running
    assert {component.pid for component in status.components} == {None}
    assert delete_cluster("half")
    assert list_clusters() == []


def test_an_unknown_component_is_neither_started_nor_stopped(clusters: Path) -> None:
    (clusters / "one").mkdir()
    with pytest.raises(ClusterError, match="no component 'kubelet'"):
        stop_component("one", "kubelet")
    with pytest.raises(ClusterError, match="no component 'kubelet'"):
        start_component("one", "kubelet")
