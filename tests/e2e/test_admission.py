"""The API server accepts and refuses what tests/api/cases.py says, as the models do, and says what to do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from napsim.api.base import KubeObject
from napsim.api.kinds import Kind
from napsim.api.registry import KINDS, kind_of
from napsim.api.validation import errors_of
from napsim.cluster import Cluster
from tests.api.cases import CASES, GOOD, Case, good
from tests.api.paths import GONE, Manifest, changed
from tests.api.statuses import STATUSES
from tests.e2e.kubectl import kubectl

CRDS = Path(__file__).parents[2] / "crds"
UPDATES = (
    (
        "NodePool",
        good("NodePool"),
        {"spec.replicas": 1, "spec.weight": GONE, "spec.limits": GONE},
        "Cannot transition NodePool",
    ),
    ("NodePool", good("NodePool", 1), {"spec.replicas": GONE}, "Cannot transition NodePool"),
    (
        "NodePool",
        good("NodePool", 2),
        {"spec.template.spec.nodeClassRef.group": "a.b"},
        "nodeClassRef.group is immutable",
    ),
    (
        "NodePool",
        good("NodePool", 2),
        {"spec.template.spec.nodeClassRef.kind": "Other"},
        "nodeClassRef.kind is immutable",
    ),
    ("NodePool", good("NodePool", 2), {"spec.template.spec.nodeClassRef.name": "other"}, ""),
    ("NodePool", good("NodePool", 1), {"spec.replicas": 7}, ""),
    ("NodeClaim", good("NodeClaim"), {"spec.expireAfter": "1h"}, "spec is immutable"),
    ("NodeClaim", good("NodeClaim"), {"metadata.labels.tier": "gold"}, ""),
    ("NodeImage", good("NodeImage"), {"spec.version": "202602.13.2"}, "version is immutable"),
    ("NodeImage", good("NodeImage"), {"spec.definition": "2204containerd"}, "definition is immutable"),
    ("NodeImage", good("NodeImage"), {"spec.osSKU": "Ubuntu2404"}, "osSKU is immutable"),
    ("NodeImage", good("NodeImage"), {"spec.securityPatch": GONE}, "securityPatch is immutable"),
    ("NodeImage", good("NodeImage", 1), {"spec.securityPatch": "2026.03.01"}, "securityPatch is immutable"),
    ("NodeImage", good("NodeImage"), {"spec.publishedAt": "2026-02-17T00:00:00Z"}, ""),
)


class Server:
    """The kinds as the API server serves them."""

    def __init__(self, cluster: Cluster) -> None:
        self.api = config.new_client_from_config(str(cluster.kubeconfig))
        self.objects = client.CustomObjectsApi(self.api)
        self.definitions = client.ApiextensionsV1Api(self.api)

    def install(self) -> list[str]:
        """Makes the CustomResourceDefinitions that are not there; returns their names once every kind is served."""
        there = {item.metadata.name for item in self.definitions.list_custom_resource_definition().items}
        manifests = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(CRDS.glob("*.yaml"))]
        made = [manifest for manifest in manifests if manifest["metadata"]["name"] not in there]
        for manifest in made:
            self.definitions.create_custom_resource_definition(manifest)
        deadline = time.monotonic() + 30
        while not all(self._served(kind) for kind in KINDS):
            assert time.monotonic() < deadline, "the kinds are not served in 30 s"
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

    def create(self, manifest: Manifest, *, dry_run: bool = True) -> Manifest:
        """The object as the API server would store it. Raises ApiException."""
        kind, version = _kind(manifest), manifest["apiVersion"].split("/")[1]
        options = {"dry_run": "All"} if dry_run else {}
        made: Manifest = self.objects.create_cluster_custom_object(
            kind.group, version, kind.plural, manifest, field_validation="Strict", **options
        )
        return made

    def replace(self, manifest: Manifest, *, status: bool = False) -> Manifest:
        """The object after a PUT of it or of its status. Raises ApiException."""
        kind, name = _kind(manifest), manifest["metadata"]["name"]
        put = (
            self.objects.replace_cluster_custom_object_status if status else self.objects.replace_cluster_custom_object
        )
        options = {} if status else {"field_validation": "Strict"}
        replaced: Manifest = put(kind.group, kind.version, kind.plural, name, manifest, **options)
        return replaced

    def delete(self, manifest: Manifest) -> None:
        """Deletes the object, finalizers or not."""
        kind, name = _kind(manifest), manifest["metadata"]["name"]
        self.objects.patch_cluster_custom_object(
            kind.group, kind.version, kind.plural, name, {"metadata": {"finalizers": None}}
        )
        self.objects.delete_cluster_custom_object(kind.group, kind.version, kind.plural, name)


def _kind(manifest: Manifest) -> Kind:
    kind = kind_of(manifest)
    assert kind is not None, manifest
    return kind


def _message(error: ApiException) -> str:
    return str(json.loads(str(error.body))["message"])


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Server]:
    served = Server(cluster)
    made = served.install()
    yield served
    for name in made:
        served.definitions.delete_custom_resource_definition(name)


@pytest.fixture
def stored(server: Server) -> Iterator[Any]:
    """Stores manifests for the time of a test; answers what the API server made of each."""
    made: list[Manifest] = []

    def store(manifest: Manifest) -> Manifest:
        made.append(server.create(manifest, dry_run=False))
        return made[-1]

    yield store
    for manifest in made:
        server.delete(manifest)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_api_server_judges_a_manifest_as_the_table_says(server: Server, case: Case) -> None:
    try:
        server.create(case.manifest)
    except ApiException as error:
        message = _message(error)
        assert not case.accept, message
        assert all(fragment in message for fragment in case.fragments), message
    else:
        assert case.accept, "accepted, but the table says refused"


@pytest.mark.parametrize("name", GOOD)
def test_the_api_server_fills_in_the_same_defaults_as_the_models(server: Server, name: str) -> None:
    manifest = {key: value for key, value in GOOD[name].items() if key != "apiVersion"}
    kind = next(kind for kind in KINDS if kind.name == manifest["kind"])
    manifest["apiVersion"] = f"{kind.group}/{kind.version}"
    stored = kind.model.parse(server.create(manifest), strict=True).stored()
    assert _without_empty(stored["spec"]) == _without_empty(kind.model.parse(manifest).to_manifest()["spec"])


def _without_empty(value: Any) -> Any:
    """The value without empty lists and objects and null: Python has them where the API server has nothing."""
    if isinstance(value, dict):
        inner = {key: _without_empty(part) for key, part in value.items()}
        return {key: part for key, part in inner.items() if part not in (None, [], {})}
    return [_without_empty(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("kind", "manifest", "changes", "refusal"), UPDATES)
def test_an_update_is_judged_the_same_by_the_api_server_and_the_models(
    server: Server, stored: Any, kind: str, manifest: Manifest, changes: dict[str, Any], refusal: str
) -> None:
    old = stored({**manifest, "metadata": {"name": f"updated-{kind.lower()}"}})
    new = changed(old, changes)
    assert [error.message for error in errors_of(new, old) if refusal in error.message] != [] or refusal == ""
    try:
        server.replace(new)
    except ApiException as error:
        assert refusal, _message(error)
        assert refusal in _message(error)
    else:
        assert refusal == "" and errors_of(new, old) == []


@pytest.mark.parametrize("name", STATUSES)
def test_nothing_of_a_full_status_is_lost_on_the_api_server(server: Server, stored: Any, name: str) -> None:
    manifest = stored({**good(name), "metadata": {"name": "default"}})
    status = STATUSES[name]
    answer = server.replace({**manifest, "status": status}, status=True)
    assert answer["status"] == status
    model: KubeObject = _kind(answer).model.parse(answer, strict=True)
    assert _without_empty(model.to_manifest()["status"]) == _without_empty(status)


def test_the_old_version_of_the_node_class_is_served_with_a_warning(cluster: Cluster, stored: Any) -> None:
    stored(good("AKSNodeClass", 2))
    shown = kubectl(cluster, "get", "aksnodeclasses.v1alpha2.karpenter.azure.com")
    assert "written-long-ago" in shown.stdout
    assert "Warning: use v1beta1.AKSNodeClass instead" in shown.stderr


def test_a_static_pool_is_scaled_through_its_subresource(server: Server, stored: Any) -> None:
    stored(good("NodePool", 1))
    scale = server.objects.patch_cluster_custom_object_scale(
        "karpenter.sh", "v1", "nodepools", "static", {"spec": {"replicas": 5}}
    )
    assert scale["spec"]["replicas"] == 5
    assert (
        server.objects.get_cluster_custom_object("karpenter.sh", "v1", "nodepools", "static")["spec"]["replicas"] == 5
    )
