"""The API server accepts and refuses what tests/api/cases.py says, as the models do, and says what to do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from napsim.api.base import KubeObject
from napsim.api.kinds import Kind
from napsim.api.registry import KINDS, kind_of
from napsim.api.validation import errors_of
from napsim.cluster import Cluster
from tests.api.cases import CASES, Case
from tests.api.good import GOOD, good
from tests.api.paths import GONE, Manifest, changed
from tests.api.statuses import STATUSES
from tests.e2e.kubectl import WAIT_SECONDS, get, kubectl
from tests.manifests import load_manifests

CRDS = Path(__file__).parents[2] / "crds"
EXAMPLES = sorted((Path(__file__).parents[2] / "manifests" / "examples").glob("*.yaml"))
POOL, STATIC, PLAIN = good("NodePool"), good("NodePool", 1), good("NodePool", 2)
CLAIM, IMAGE, UNPATCHED = good("NodeClaim"), good("NodeImage"), good("NodeImage", 1)
REFERENCE = "spec.template.spec.nodeClassRef"
TO_STATIC = {"spec.replicas": 1, "spec.weight": GONE, "spec.limits": GONE}
LABELS = {
    "karpenter.sh/nodepool": "default",
    "karpenter.sh/capacity-type": "on-demand",
    "node.kubernetes.io/instance-type": "Standard_D4s_v5",
    "topology.kubernetes.io/zone": "westeurope-1",
}
EMPTY = {"NodePool": ["Replicas"]}  # a dynamic pool has none
ALLOWED = ""
UPDATES: tuple[tuple[Manifest, dict[str, Any], str], ...] = (
    (POOL, TO_STATIC, "Cannot transition NodePool between static (replicas set) and dynamic (replicas unset)"),
    (STATIC, {"spec.replicas": GONE}, "Cannot transition NodePool between static (replicas set) and dynamic"),
    (STATIC, {"spec.replicas": 7}, ALLOWED),
    (PLAIN, {f"{REFERENCE}.group": "a.b"}, "nodeClassRef.group is immutable"),
    (PLAIN, {f"{REFERENCE}.kind": "Other"}, "nodeClassRef.kind is immutable"),
    (PLAIN, {f"{REFERENCE}.name": "other"}, ALLOWED),
    (CLAIM, {"spec.expireAfter": "1h"}, "spec is immutable"),
    (CLAIM, {"metadata.labels": {"tier": "gold"}}, ALLOWED),
    (IMAGE, {"spec.version": "202602.13.2"}, "version is immutable"),
    (IMAGE, {"spec.definition": "2204containerd"}, "definition is immutable"),
    (IMAGE, {"spec.osSKU": "Ubuntu2404"}, "osSKU is immutable"),
    (IMAGE, {"spec.securityPatch": GONE}, "securityPatch is immutable"),
    (UNPATCHED, {"spec.securityPatch": "2026.03.01"}, "securityPatch is immutable"),
    (IMAGE, {"spec.publishedAt": "2026-02-17T00:00:00Z"}, ALLOWED),
)
Store = Callable[[Manifest], Manifest]


class Server:
    """The kinds as the API server serves them."""

    def __init__(self, cluster: Cluster) -> None:
        api = config.new_client_from_config(str(cluster.kubeconfig))  # type: ignore[no-untyped-call]  # the library's own
        self.objects = client.CustomObjectsApi(api)
        self.definitions = client.ApiextensionsV1Api(api)

    def install(self) -> list[str]:
        """Makes the CustomResourceDefinitions that are not there; returns their names once every kind is served."""
        there = {
            item.metadata.name for item in self.definitions.list_custom_resource_definition().items if item.metadata
        }
        manifests = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(CRDS.glob("*.yaml"))]
        made = [manifest for manifest in manifests if manifest["metadata"]["name"] not in there]
        for manifest in made:
            self.definitions.create_custom_resource_definition(manifest)
        deadline = time.monotonic() + WAIT_SECONDS
        while not all(self._served(kind) for kind in KINDS):
            assert time.monotonic() < deadline, "the kinds are not served"
            time.sleep(0.1)
        return [manifest["metadata"]["name"] for manifest in made]

    def _served(self, kind: Kind) -> bool:
        try:
            self.objects.list_cluster_custom_object(kind.group, kind.version, kind.plural)
        except ApiException as error:
            if error.status == 404:
                return False
            raise
        return True

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """The object as the API server stores it, or would. Raises ApiException."""
        plural, (group, version) = _kind(manifest).plural, manifest["apiVersion"].split("/")
        mode = "All" if dry_run else None
        return cast(
            "Manifest",
            self.objects.create_cluster_custom_object(
                group, version, plural, manifest, dry_run=mode, field_validation="Strict"
            ),
        )

    def replace(self, manifest: Manifest) -> Manifest:
        """The object after a PUT of it. Raises ApiException."""
        kind, name = _kind(manifest), manifest["metadata"]["name"]
        put = self.objects.replace_cluster_custom_object
        return cast("Manifest", put(kind.group, kind.version, kind.plural, name, manifest, field_validation="Strict"))

    def replace_status(self, manifest: Manifest) -> Manifest:
        """The object after a PUT of its status. Raises ApiException."""
        kind, name = _kind(manifest), manifest["metadata"]["name"]
        put = self.objects.replace_cluster_custom_object_status
        return cast("Manifest", put(kind.group, kind.version, kind.plural, name, manifest, field_validation="Strict"))

    def delete(self, manifest: Manifest) -> None:
        """Deletes the object, finalizers or not."""
        kind, name = _kind(manifest), manifest["metadata"]["name"]
        without = {"metadata": {"finalizers": None}}
        self.objects.patch_cluster_custom_object(kind.group, kind.version, kind.plural, name, without)
        self.objects.delete_cluster_custom_object(kind.group, kind.version, kind.plural, name)


def _kind(manifest: Manifest) -> Kind:
    kind = kind_of(manifest)
    assert kind is not None, manifest
    return kind


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Server]:
    served = Server(cluster)
    made = served.install()
    yield served
    for name in made:
        served.definitions.delete_custom_resource_definition(name)


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    """Stores manifests for the time of a test; answers what the API server made of each."""
    made: list[Manifest] = []

    def store_one(manifest: Manifest) -> Manifest:
        made.append(server.create(manifest))
        return made[-1]

    yield store_one
    for manifest in made:
        server.delete(manifest)


def verdict(server: Server, send: Callable[[Server], Manifest]) -> str:
    """What the API server says against a request; empty when it accepts it."""
    try:
        send(server)
    except ApiException as error:
        return str(json.loads(str(error.body))["message"])
    return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_api_server_judges_a_manifest_as_the_table_says(server: Server, case: Case) -> None:
    refusal = verdict(server, lambda server: server.create(case.manifest, dry_run=True))
    assert (refusal == "") is case.accept, refusal
    assert all(fragment in refusal for fragment in case.fragments), refusal


@pytest.mark.parametrize("name", GOOD)
def test_the_api_server_fills_in_the_same_defaults_as_the_models(server: Server, name: str) -> None:
    manifest = {key: value for key, value in GOOD[name].items() if key != "apiVersion"}
    kind = next(kind for kind in KINDS if kind.name == manifest["kind"])
    manifest["apiVersion"] = f"{kind.group}/{kind.version}"
    stored = kind.model.parse(server.create(manifest, dry_run=True), strict=True).stored()
    assert _without_empty(stored["spec"]) == _without_empty(kind.model.parse(manifest).to_manifest()["spec"])


def _without_empty(value: object) -> object:
    """The value without empty lists and objects and null: Python has them where the API server has nothing."""
    if isinstance(value, dict):
        inner = {key: _without_empty(part) for key, part in value.items()}
        return {key: part for key, part in inner.items() if part not in (None, [], {})}
    return [_without_empty(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("manifest", "changes", "refusal"), UPDATES)
def test_the_api_server_and_the_models_judge_an_update_the_same(
    server: Server, store: Store, manifest: Manifest, changes: dict[str, Any], refusal: str
) -> None:
    old = store({**manifest, "metadata": {"name": "updated"}})
    new = changed(old, changes)
    said = verdict(server, lambda server: server.replace(new))
    assert (said == "") is (refusal == ALLOWED), said
    assert refusal in said
    assert refusal in "".join(error.message for error in errors_of(new, old))
    assert (errors_of(new, old) == []) is (refusal == ALLOWED)


@pytest.mark.parametrize("name", STATUSES)
def test_nothing_of_a_full_status_is_lost_on_the_api_server(server: Server, store: Store, name: str) -> None:
    manifest = store({**good(name), "metadata": {"name": "default"}})
    status = STATUSES[name]
    answer = server.replace_status({**manifest, "status": status})
    assert answer["status"] == status
    model: KubeObject = _kind(answer).model.parse(answer, strict=True)
    assert _without_empty(model.to_manifest()["status"]) == _without_empty(status)


def test_the_old_version_of_the_node_class_is_served_with_a_warning(cluster: Cluster, store: Store) -> None:
    store(good("AKSNodeClass", 2))
    shown = kubectl(cluster, "get", "aksnodeclasses.v1alpha2.karpenter.azure.com")
    assert "written-long-ago" in shown.stdout
    assert "Warning: use v1beta1.AKSNodeClass instead" in shown.stderr


def test_a_static_pool_is_scaled_through_its_subresource(cluster: Cluster, store: Store) -> None:
    store(STATIC)
    kubectl(cluster, "scale", "nodepools/static", "--replicas=5")
    assert get(cluster, "nodepools/static")["spec"]["replicas"] == 5


def test_nap_is_the_settings_of_the_cluster_for_kubectl(cluster: Cluster, store: Store) -> None:
    store(good("NodeAutoProvisioning"))
    store(good("AKSNodeClass"))
    assert [item["kind"] for item in get(cluster, "nap")["items"]] == ["NodeAutoProvisioning"]


@pytest.mark.parametrize("name", STATUSES)
def test_every_column_shows_a_value(server: Server, cluster: Cluster, store: Store, name: str) -> None:
    made = store({**good(name), "metadata": {"name": "default", "labels": LABELS}})
    server.replace_status({**made, "status": STATUSES[name]})
    header, row = kubectl(cluster, "get", f"{_kind(made).plural}/default", "--output=wide").stdout.splitlines()
    starts = [header.index(f"{column.name.upper()}") for column in _kind(made).columns]
    shown = {column.name: row[start:].split("  ")[0] for column, start in zip(_kind(made).columns, starts, strict=True)}
    assert [column for column, value in shown.items() if value in ("", "<none>")] == EMPTY.get(name, [])


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[None]:
    """The namespace that the example workloads make for themselves, which a dry run does not."""
    kubectl(cluster, "create", "namespace", "shop")
    yield
    kubectl(cluster, "delete", "namespace", "shop")


@pytest.mark.usefixtures("server", "shop")
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_kubectl_applies_an_example(cluster: Cluster, file: Path) -> None:
    applied = kubectl(cluster, "apply", "--dry-run=server", f"--filename={file}").stdout
    assert applied.count("(server dry run)") == len(list(load_manifests(file.read_text("utf-8"))))
