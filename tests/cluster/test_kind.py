"""What kind and the engine are told, what is left when that goes wrong, and what they are never told.

`kind` and `docker` are stand-ins here; tests/kind has the real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napsim.cluster import (
    Cluster,
    ClusterError,
    ClusterExists,
    Component,
    PrerequisiteMissing,
    cluster_status,
    create_cluster,
    delete_cluster,
    find_cluster,
    registry,
    runtime_at_hand,
    start_component,
    stop_component,
)
from napsim.cluster.clusters import Options
from napsim.cluster.kindconfig import configuration
from napsim.cluster.progress import Silent

MANIFEST = Path(__file__).parents[2] / "manifests" / "kind.yaml"

# Keeps the clusters that it made in the folder `made`, and writes down what it was told. Beside it may lie
# create-error, with what to say instead of creating, and create-seconds.
KIND = """\
#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/kind-calls"
name=$(echo "$*" | sed -n 's/.*--name=\\([^ ]*\\).*/\\1/p')
case "$1 $2" in
"get clusters") ls "$here/made" ;;
"get kubeconfig") echo "kind: Config" ;;
"create cluster")
  touch "$here/made/$name"
  if [ -e "$here/create-seconds" ]; then sleep "$(cat "$here/create-seconds")"; fi
  if [ -e "$here/create-error" ]; then cat "$here/create-error" >&2; exit 1; fi ;;
"delete cluster") rm -f "$here/made/$name" ;;
esac
"""
# An engine whose containers are the lines of the file `containers`: "label-value name pid".
DOCKER = """\
#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/docker-calls"
case $1 in
version) if [ -e "$here/refusal" ]; then cat "$here/refusal" >&2; exit 1; fi; echo 29.0 ;;
ps) if [ -e "$here/containers" ]; then
  label=$(echo "$*" | sed 's/.*label=\\([^ ]*\\).*/\\1/')
  sed -n "s#^$label \\([^ ]*\\) .*#\\1 \\1#p" "$here/containers"; fi ;;
inspect) eval "last=\\${$#}"; sed -n "s#^.* $last ##p" "$here/containers" ;;
cp) printf '#!/bin/sh\\nexit 0\\n' >"$3"; chmod +x "$3" ;;
rm) rm -f "$here/containers" ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stand-ins; besides it, only the system's tools are on the PATH."""
    folder = tmp_path / "programs"
    (folder / "made").mkdir(parents=True)
    for name, text in (("kind", KIND), ("docker", DOCKER)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("NAPSIM_CLUSTERS_DIR", str(tmp_path / "clusters"))
    for variable in ("KIND_IMAGE", "KWOK_IMAGE", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def calls(programs: Path, program: str = "kind") -> list[str]:
    log = programs / f"{program}-calls"
    return log.read_text().splitlines() if log.exists() else []


def create(name: str = "one", **options: Any) -> Cluster:
    return create_cluster(name, runtime="kind", **options)


def parsed(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(configuration(options, Path("/clusters/one/logs")))
    return found


def kubeadm(options: Options) -> dict[str, Any]:
    (patch,) = parsed(options)["kubeadmConfigPatches"]
    found: dict[str, Any] = yaml.safe_load(patch)
    return found


# --- the configuration ------------------------------------------------------------------------------------------------


def test_the_cluster_is_the_one_of_the_manifest() -> None:
    assert parsed(Options(audit=False)) == yaml.safe_load(MANIFEST.read_text())


@pytest.mark.parametrize(
    ("workers", "pools"), [(0, []), (1, ["default"]), (2, ["default", "system"]), (3, ["default", "default", "system"])]
)
def test_workers_are_opted_in_to_pools_and_the_control_plane_is_not(workers: int, pools: list[str]) -> None:
    control_plane, *others = parsed(Options(workers=workers))["nodes"]
    assert "labels" not in control_plane
    assert [node["labels"] for node in others] == [{"napsim.dev/nodepool": pool} for pool in pools]


def test_the_audit_log_is_written_outside_of_the_nodes_and_never_rotated() -> None:
    (mount,) = parsed(Options())["nodes"][0]["extraMounts"]
    server = kubeadm(Options())["apiServer"]
    assert mount["hostPath"] == "/clusters/one/logs"
    assert server["extraArgs"]["audit-log-path"] == f"{mount['containerPath']}/audit.log"
    assert server["extraArgs"]["audit-policy-file"] == f"{mount['containerPath']}/policy.yaml"
    assert int(server["extraArgs"]["audit-log-maxsize"]) >= 100_000
    assert server["extraVolumes"][0]["mountPath"] == mount["containerPath"]


def test_arguments_of_the_caller_are_added_and_win() -> None:
    extra = {"etcd": {"quota-backend-bytes": "1"}, "kube-apiserver": {"audit-log-maxsize": "5"}}
    told = kubeadm(Options(extra_args=extra, disable_qps_limits=True))
    assert told["etcd"]["local"]["extraArgs"] == {"quota-backend-bytes": "1"}
    assert told["apiServer"]["extraArgs"]["audit-log-maxsize"] == "5"
    assert told["apiServer"]["extraArgs"]["enable-priority-and-fairness"] == "false"
    assert told["scheduler"]["extraArgs"].keys() == {"kube-api-qps", "kube-api-burst"}


def test_arguments_for_an_unknown_component_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"no component 'kubelet': there are etcd, kube-apiserver"):
        parsed(Options(extra_args={"kubelet": {}}))


# --- what has to be there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["kind", "docker"])
def test_a_missing_program_is_named_with_the_way_to_get_it(programs: Path, tmp_path: Path, program: str) -> None:
    (programs / program).unlink()
    (programs / "made").rmdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(programs))
        with pytest.raises(PrerequisiteMissing, match=rf"^{program} is not on the PATH.*install.*https://.*kwok"):
            create()
    assert not (tmp_path / "clusters").exists()


def test_an_engine_that_does_not_answer_is_named(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "refusal").write_text("Cannot connect to the Docker daemon\n")
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    with pytest.raises(PrerequisiteMissing, match=r"at tcp://elsewhere:2375 \(Cannot connect.*\): start it"):
        create()


# --- creating ---------------------------------------------------------------------------------------------------------


def test_a_created_cluster_is_found_with_its_kubeconfig_audit_log_and_kubectl(programs: Path) -> None:
    made = create()
    assert find_cluster("one") == made
    assert made.runtime == "kind"
    assert made.audit_log.is_file()
    assert yaml.safe_load(made.audit_log.with_name("policy.yaml").read_text())["kind"] == "Policy"
    assert made.kubectl.is_file()
    (told,) = [call for call in calls(programs) if call.startswith("create")]
    assert f"--kubeconfig={made.kubeconfig}" in told
    assert "--image" not in told


def test_the_node_image_is_the_one_of_the_environment(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIND_IMAGE", "example/node:v1.36.3")
    create()
    assert any("--image=example/node:v1.36.3" in call for call in calls(programs))


def test_when_kind_fails_it_is_said_why_and_nothing_stays(programs: Path, tmp_path: Path) -> None:
    (programs / "create-error").write_text("ERROR: no space left on device\n")
    with pytest.raises(ClusterError, match="cluster one did not start, kind said:\nERROR: no space left on device"):
        create()
    assert list((programs / "made").iterdir()) == []
    assert list((tmp_path / "clusters").iterdir()) == []


class _Impatient(Silent):
    """Presses Ctrl-C while kind works."""

    def running(self, step: str, elapsed_seconds: float) -> None:
        raise KeyboardInterrupt


def test_when_it_is_interrupted_nothing_stays(programs: Path, tmp_path: Path) -> None:
    (programs / "create-seconds").write_text("60")
    (programs / "containers").write_text("io.x-k8s.kind.cluster=one one-worker 7\n")
    with pytest.raises(KeyboardInterrupt):
        create(progress=_Impatient())
    assert list((programs / "made").iterdir()) == []
    assert not (programs / "containers").exists(), "a container that appeared late is there still"
    assert list((tmp_path / "clusters").iterdir()) == []


def test_fake_nodes_are_played_beside_the_control_plane(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWOK_IMAGE", "example/kwok:v0")
    create(workers=0, fake_nodes=True)
    (told,) = [call for call in calls(programs, "docker") if call.startswith("run")]
    assert "--network=kind" in told
    assert "example/kwok:v0 --config=/etc/kwok/stages.yaml" in told
    assert "--manage-all-nodes=false" in told
    assert "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake" in told


# --- others' clusters -------------------------------------------------------------------------------------------------


def test_a_kind_cluster_that_somebody_else_made_is_neither_taken_nor_removed(programs: Path) -> None:
    (programs / "made" / "theirs").touch()
    with pytest.raises(ClusterExists, match="cluster theirs is there already"):
        create("theirs")
    assert not delete_cluster("theirs")
    assert (programs / "made" / "theirs").exists()
    assert not any(call.startswith("delete") for call in calls(programs))


def test_deleting_removes_the_containers_the_folder_and_nothing_else(programs: Path, tmp_path: Path) -> None:
    (programs / "made" / "theirs").touch()
    made = create()
    assert delete_cluster("one")
    assert [path.name for path in (programs / "made").iterdir()] == ["theirs"]
    assert not made.folder.exists()
    assert not delete_cluster("one")


def test_no_call_of_kind_can_touch_the_kubeconfig_of_the_user(programs: Path) -> None:
    create()
    delete_cluster("one")
    changing = [call for call in calls(programs) if call.startswith(("create", "delete"))]
    assert len(changing) >= 2
    assert all("--kubeconfig=" in call for call in changing)


# --- its components ---------------------------------------------------------------------------------------------------


def test_the_components_are_the_containers_of_the_cluster(programs: Path) -> None:
    create()
    label = "io.x-k8s.kind.cluster=one"
    (programs / "containers").write_text(f"{label} one-control-plane 7\n{label} one-worker 0\nother=two two-worker 9\n")
    status = cluster_status("one")
    assert status.components == (Component("control-plane", 7), Component("worker", None))
    assert not status.running


def test_a_component_is_stopped_with_grace_and_started_again(programs: Path) -> None:
    create()
    (programs / "containers").write_text("io.x-k8s.kind.cluster=one one-worker 7\n")
    stop_component("one", "worker", grace_seconds=0)
    start_component("one", "worker")
    assert calls(programs, "docker")[-1] == "start one-worker"
    assert "stop -t 0 one-worker" in calls(programs, "docker")
    with pytest.raises(ClusterError, match="no component 'etcd': there are worker"):
        stop_component("one", "etcd")


# --- which runtime a demo takes ---------------------------------------------------------------------------------------


def test_fake_nodes_are_played_by_kind_only_where_go_is_missing(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "obstacle", lambda: None)
    assert runtime_at_hand() == "kwok"
    monkeypatch.setattr(registry, "obstacle", lambda: PrerequisiteMissing("Go is not on the PATH"))
    assert runtime_at_hand() == "kind"
    (programs / "refusal").write_text("Cannot connect\n")
    with pytest.raises(
        PrerequisiteMissing, match=r"^Go is not on the PATH.*kind would do as well, but no Docker engine"
    ):
        runtime_at_hand()
