"""A real API server as one who is asked, with whatever controllers follow it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from napsim.cluster import Cluster
from napsim.controllers.resources import (
    DAEMON_SETS,
    NODE_CLAIMS,
    NODE_IMAGES,
    NODE_POOLS,
    NODES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    Resource,
)
from napsim.live.kubeconfig import load_connection
from tests.e2e.kubectl import eventually
from tests.e2e.model.requests import (
    ANOTHER_UID,
    ANOTHER_VERSION,
    OBJECT,
    UID,
    Answer,
    Apply,
    Create,
    Delete,
    Evict,
    JsonPatch,
    Manifest,
    Patch,
    Pick,
    Request,
    Which,
    named,
    namespace,
    with_uid,
)
from tests.e2e.model.states import State, picked, state_of

_RESOURCES: Final = {
    resource.kind: resource
    for resource in (
        PODS,
        POD_DISRUPTION_BUDGETS,
        NODES,
        NODE_POOLS,
        NODE_CLAIMS,
        NODE_IMAGES,
        DAEMON_SETS,
        Resource("apps", "v1", "deployments", "Deployment", namespaced=True),
        Resource("apps", "v1", "replicasets", "ReplicaSet", namespaced=True),
        Resource("apps", "v1", "statefulsets", "StatefulSet", namespaced=True),
        Resource("", "v1", "namespaces", "Namespace", namespaced=False),
        Resource("", "v1", "serviceaccounts", "ServiceAccount", namespaced=True),
    )
}
_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_APPLY: Final = "application/apply-patch+yaml"
_SEEN: Final = ("NodePool", "NodeClaim", "NodeImage")
_NOT_SERVED_YET: Final = "storage is (re)initializing"  # a kind whose CRD has just been made
_SERVED_SECONDS: Final = 180.0
WORLD: Final = "world"
"""The label of objects of no namespace: whose they are."""


class Real:
    """The world of that name on a cluster: its namespaces, and what is labelled as its own."""

    def __init__(self, cluster: Cluster, world: str, namespaces: Sequence[str]) -> None:
        self.world = world
        self._namespaces = [namespace(name, world) for name in namespaces]
        self._kinds = {"Pod", "PodDisruptionBudget"}
        connection = load_connection(cluster.kubeconfig)
        parts = urlsplit(connection.server)
        assert parts.hostname is not None
        self._http: HTTPConnection = HTTPSConnection(
            parts.hostname, parts.port, context=connection.tls, timeout=_SERVED_SECONDS
        )

    def found(self) -> None:
        """Make its namespaces."""
        for name in self._namespaces:
            made, _ = self._exchange("POST", _RESOURCES["Namespace"].path(), {"metadata": {"name": name}})
            assert made.code == 201, made

    def wait_until_inhabitable(self) -> None:
        """Pods are refused as long as there is no service account for them."""
        for space in self._namespaces:
            path = _RESOURCES["ServiceAccount"].path(space, "default")
            eventually(partial(self._is_there, path), f"{path} is there")

    def _is_there(self, path: str) -> bool:
        return self._exchange("GET", path)[0].code == 200

    def close(self) -> None:
        self._http.close()

    def ask(self, request: Request) -> Answer:
        """What it answers. What follows from the request is yet to happen."""
        match request:
            case Create():
                return self._create(named(request.manifest, self.world))
            case Apply():
                return self._apply(named(request.manifest, self.world))
            case Patch():
                return self._patch(request)
            case JsonPatch():
                return self._patch_json(request)
            case Delete():
                return self._delete(request)
            case Evict():
                return self._evict(request)

    def state(self) -> State:
        return state_of(self._objects())

    def _objects(self) -> Iterator[Manifest]:
        for kind in sorted(self._kinds):
            resource = _RESOURCES[kind]
            for space in self._namespaces if resource.namespaced else [""]:
                mine = "" if space else f"?labelSelector={WORLD}%3D{self.world}"
                answer, listed = self._exchange("GET", resource.path(space) + mine)
                assert answer.code == 200, f"{resource.plural}: {listed}"
                yield from ({**item, "kind": kind} for item in listed["items"])

    # --- one method for each request ----------------------------------------------------------------------------------

    def _create(self, manifest: Manifest) -> Answer:
        path, name = self._collection(manifest), manifest["metadata"]["name"]
        answer, _ = self._exchange("POST", path, manifest)
        if answer.code == 201 and "status" in manifest and manifest["kind"] != "Node":
            self._exchange("PATCH", f"{path}/{name}/status", {"status": manifest["status"]}, _MERGE)
        return answer

    def _apply(self, manifest: Manifest) -> Answer:
        path = f"{self._collection(manifest)}/{manifest['metadata']['name']}?fieldManager=test&force=true"
        return self._exchange("PATCH", path, manifest, _APPLY)[0]

    def _patch(self, request: Patch) -> Answer:
        changes = named(request.changes, self.world)
        path, found = self._found(request.kind, request.name)
        if request.version:
            metadata = {**changes.get("metadata", {}), "resourceVersion": self._version(found, request.version)}
            changes = {**changes, "metadata": metadata}
        return self._exchange("PATCH", f"{path}/status" if request.status else path, changes, _MERGE)[0]

    def _delete(self, request: Delete) -> Answer:
        path, found = self._found(request.kind, request.name)
        wanted = {"uid": self._uid(found, request.uid), "resourceVersion": self._version(found, request.version)}
        body: Manifest = {"preconditions": {key: value for key, value in wanted.items() if value}}
        if request.grace_seconds is not None:
            body["gracePeriodSeconds"] = request.grace_seconds
        return self._exchange("DELETE", path, {"propagationPolicy": "Background", **body})[0]

    def _evict(self, request: Evict) -> Answer:
        path, found = self._found("Pod", request.name)
        uid = self._uid(found, request.uid)
        metadata = {"name": path.rpartition("/")[2], "namespace": self.world}
        options = {"deleteOptions": {"preconditions": {"uid": uid}}} if uid else {}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, **options}
        return self._said(*self._exchange("POST", f"{path}/eviction", body), found, path)

    def _patch_json(self, request: JsonPatch) -> Answer:
        path, found = self._found(request.kind, request.name)
        own = found["metadata"]["uid"] if found else ANOTHER_UID
        operations = [with_uid(operation, own) for operation in named(list(request.operations), self.world)]
        return self._said(*self._exchange("PATCH", path, operations, _JSON_PATCH), found, path)

    @staticmethod
    def _said(answer: Answer, document: Manifest, found: Manifest, path: str) -> Answer:
        """The same with what its Status says, if it is one of an error."""
        if answer.code < 400:
            return answer
        message = document["message"].replace(found["metadata"]["uid"], UID) if found else document["message"]
        message = message.replace(f'"{path.rpartition("/")[2]}"', f'"{OBJECT}"')
        causes = document.get("details", {}).get("causes", ())
        told = tuple((it["reason"], _but_for_the_error(it["message"])) for it in causes)
        return replace(answer, message=message, causes=told)

    # --- names --------------------------------------------------------------------------------------------------------

    def _collection(self, manifest: Manifest) -> str:
        kind = manifest["kind"]
        self._kinds |= {kind} & {"Node", *_SEEN}
        return _RESOURCES[kind].path(manifest["metadata"].get("namespace", ""))

    def _found(self, kind: str, name: str | Pick) -> tuple[str, Manifest]:
        """Where the object is, and the object; empty where there is none."""
        resource = _RESOURCES[kind]
        space = self.world if resource.namespaced else ""
        if isinstance(name, Pick):
            name = picked(self._objects(), name)
        path = resource.path(space, str(named(name, self.world)))
        answer, found = self._exchange("GET", path)
        return path, found if answer.code == 200 else {}

    @staticmethod
    def _uid(found: Manifest, which: Which) -> str:
        own = found["metadata"]["uid"] if found else ANOTHER_UID
        return {"": "", "its own": own, "another": ANOTHER_UID}[which]

    @staticmethod
    def _version(found: Manifest, which: Which) -> str:
        own = found["metadata"]["resourceVersion"] if found else "1"
        return {"": "", "its own": own, "another": ANOTHER_VERSION}[which]

    def _exchange(
        self, method: str, path: str, body: Manifest | list[Manifest] | None = None, content_type: str = _JSON
    ) -> tuple[Answer, dict[str, Any]]:
        """Raises AssertionError where a kind is still not served after ``_SERVED_SECONDS``."""
        text = json.dumps(body) if body is not None else None
        deadline = time.monotonic() + _SERVED_SECONDS
        while True:
            self._http.request(method, path, text, {"Content-Type": content_type})
            response = self._http.getresponse()
            document = json.loads(response.read())
            if document.get("message") != _NOT_SERVED_YET:
                break
            assert time.monotonic() < deadline, document
            time.sleep(0.1)
        return Answer(response.status, document.get("reason", "") if response.status >= 400 else ""), document


def _but_for_the_error(cause: str) -> str:
    """Without what the PDB's controller ran into, which is its own words."""
    said, failed, _ = cause.partition("failed sync")
    return said + failed
