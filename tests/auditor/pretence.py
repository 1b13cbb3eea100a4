"""A pretended API server that stores nothing but an audit log, so that tests can write runs that never happened.

Every method is one request as the real API server logs it (``audit.k8s.io/v1``, bodies as the policy keeps them); its
clock moves only by ``wait`` and by the milliseconds that requests take. The bodies carry more than the auditor reads.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

START: Final = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)
OPERATOR: Final = "napsim/0.1.0 (node-a_1)"
KWOK: Final = "kwok/v0.8.0 (linux/amd64) kwok/9d1f6e3"
KUBECTL: Final = "kubectl/v1.36.3 (linux/amd64) kubernetes/7a0b8a4"
CONTROLLER_MANAGER: Final = "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/7a0b8a4/system:node-controller"
LEASE: Final = "napsim-system/napsim"

Body = dict[str, Any]


def stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def names(count: int, prefix: str = "n") -> list[str]:
    return [f"{prefix}{number:02d}" for number in range(count)]


@dataclass
class PretendedServer:
    """``lines`` are (instant logged, line); objects live by (resource, name)."""

    now: datetime = START
    revision: int = 1000
    request_milliseconds: float = 3.0
    lines: list[tuple[datetime, str]] = field(default_factory=list)
    objects: dict[tuple[str, str], Body] = field(default_factory=dict)
    born: int = 0

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def save(self, path: Path) -> Path:
        path.write_text("".join(f"{line}\n" for _, line in sorted(self.lines, key=lambda entry: entry[0])))
        return path

    # requests

    def log(
        self,
        verb: str,
        resource: str,
        name: str,
        *,
        code: int = 200,
        agent: str = OPERATOR,
        answer: Body | None = None,
        request: Body | None = None,
        namespace: str = "",
        seconds: float | None = None,
        query: str = "",
    ) -> None:
        """One line; ``seconds`` is how long the request took (the clock then stays where the request came in)."""
        came_in = self.now
        ended = came_in + timedelta(seconds=self.request_milliseconds / 1000 if seconds is None else seconds)
        if seconds is None:
            self.now = ended
        plural, _, subresource = resource.partition("/")
        event: Body = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "RequestResponse" if answer else "Metadata",
            "auditID": f"{len(self.lines):08d}-4a6e-4a7e-9a57-2c8ae5ed3ba1",
            "stage": "ResponseComplete",
            "requestURI": f"/apis/x/{plural}/{name}{query}",
            "verb": verb,
            "user": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
            "sourceIPs": ["127.0.0.1"],
            "userAgent": agent,
            "objectRef": {"resource": plural, "name": name, "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": stamp(came_in),
            "stageTimestamp": stamp(ended),
            "annotations": {"authorization.k8s.io/decision": "allow"},
        }
        event["objectRef"] |= {"subresource": subresource} if subresource else {}
        event["objectRef"] |= {"namespace": namespace} if namespace else {}
        event |= {"responseObject": answer} if answer else {}
        event |= {"requestObject": request} if request else {}
        self.lines.append((ended, json.dumps(event)))

    def create(self, resource: str, body: Body, *, agent: str = OPERATOR, seconds: float | None = None) -> None:
        name = body["metadata"]["name"]
        self.objects[resource, name] = body
        body["metadata"] |= {"uid": f"{resource}-{name}-{self.born}", "creationTimestamp": stamp(self.now)}
        self.born += 1
        self._written(body)
        self.log("create", resource, name, code=201, agent=agent, answer=body, seconds=seconds)

    def patch(
        self,
        resource: str,
        name: str,
        change: Callable[[Body], None],
        *,
        agent: str = OPERATOR,
        seconds: float | None = None,
    ) -> None:
        body = self.objects[resource.partition("/")[0], name]
        change(body)
        self._written(body)
        self.log("patch", resource, name, agent=agent, answer=copy.deepcopy(body), seconds=seconds)

    def delete(self, resource: str, name: str, *, agent: str = OPERATOR, seconds: float | None = None) -> None:
        body = self.objects[resource, name]
        if body["metadata"].get("finalizers"):
            body["metadata"]["deletionTimestamp"] = stamp(self.now)
            self._written(body)
            self.log("delete", resource, name, agent=agent, answer=copy.deepcopy(body), seconds=seconds)
            return
        del self.objects[resource, name]
        self.revision += 1
        details = {"name": name, "kind": resource, "uid": body["metadata"]["uid"]}
        answer = {"kind": "Status", "apiVersion": "v1", "status": "Success", "details": details}
        self.log("delete", resource, name, agent=agent, answer=answer, seconds=seconds)

    def drop_finalizer(self, resource: str, name: str, *, agent: str = OPERATOR, seconds: float | None = None) -> None:
        """The patch that makes a deleted object go: the answer has the revision of before."""
        body = self.objects.pop((resource, name))
        body["metadata"].pop("finalizers")
        self.revision += 1
        self.log("patch", resource, name, agent=agent, answer=body, seconds=seconds)

    def evict(self, pod: str, code: int = 201, *, agent: str = OPERATOR) -> None:
        self.log("create", "pods/eviction", pod, namespace="shop", code=code, agent=agent)

    def delete_pod(self, pod: str, *, grace_seconds: int, agent: str = OPERATOR) -> None:
        request = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": grace_seconds}
        self.log("delete", "pods", pod, namespace="shop", request=request, agent=agent)

    def lease(self, identity: str, *, seconds: float | None = None) -> None:
        """The instance takes, or renews, the operator's Lease."""
        self._lease_written(identity, f"napsim/0.1.0 ({identity})", seconds)

    def release(self, identity: str) -> None:
        self._lease_written("", f"napsim/0.1.0 ({identity})", None)

    def _lease_written(self, holder: str, agent: str, seconds: float | None) -> None:
        namespace, _, name = LEASE.partition("/")
        body: Body = {
            "kind": "Lease",
            "apiVersion": "coordination.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace, "uid": "lease"},
            "spec": {"holderIdentity": holder, "renewTime": stamp(self.now), "leaseDurationSeconds": 15},
        }
        self._written(body)
        self.log("patch", "leases", name, namespace=namespace, agent=agent, answer=body, seconds=seconds)

    def _written(self, body: Body) -> None:
        self.revision += 1
        body["metadata"]["resourceVersion"] = str(self.revision)

    # what an operator does with a node

    def claim(self, name: str, pool: str = "general", replaces: str = "", *, agent: str = OPERATOR) -> None:
        annotations = {"karpenter.sh/nodepool-hash": "4294967295"} | (
            {"napsim.dev/replaces": replaces} if replaces else {}
        )
        metadata = {
            "name": name,
            "labels": {"karpenter.sh/nodepool": pool},
            "annotations": annotations,
            "finalizers": ["karpenter.sh/termination"],
        }
        self.create(
            "nodeclaims",
            {
                "kind": "NodeClaim",
                "apiVersion": "karpenter.sh/v1",
                "metadata": metadata,
                "spec": {"expireAfter": "720h"},
            },
            agent=agent,
        )

    def node(self, name: str, claim: str, pool: str = "general", *, agent: str = OPERATOR) -> None:
        metadata = {
            "name": name,
            "labels": {"karpenter.sh/nodepool": pool, "kubernetes.azure.com/node-image-version": "AKSUbuntu-2204-1"},
            "finalizers": ["karpenter.sh/termination"],
            "ownerReferences": [{"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "name": claim, "uid": claim}],
        }
        taints = [{"key": "karpenter.sh/unregistered", "effect": "NoExecute"}]
        spec = {"providerID": f"kwok://{name}", "taints": taints}
        self.create(
            "nodes", {"kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {}}, agent=agent
        )

    def condition(
        self,
        resource: str,
        name: str,
        type_: str,
        status: str = "True",
        reason: str = "",
        *,
        agent: str = OPERATOR,
        seconds: float | None = None,
    ) -> None:
        def change(body: Body) -> None:
            kept = [item for item in body.setdefault("status", {}).get("conditions", []) if item["type"] != type_]
            transition = {"lastTransitionTime": stamp(self.now), "reason": reason or type_, "message": ""}
            body["status"]["conditions"] = [*kept, {"type": type_, "status": status, **transition}]

        self.patch(f"{resource}/status", name, change, agent=agent, seconds=seconds)

    def ready(self, name: str, *, ready: bool = True) -> None:
        self.condition("nodes", name, "Ready", "True" if ready else "False", agent=KWOK)

    def taint(self, name: str, *wanted: str, agent: str = OPERATOR, seconds: float | None = None) -> None:
        """A command's taint, with what it wants launched."""

        def change(body: Body) -> None:
            body["spec"]["taints"] = [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]
            if wanted:
                command = {"reason": "Drifted", "replacements": [{"name": item} for item in wanted]}
                body["metadata"]["annotations"] = {"napsim.dev/command": json.dumps(command)}

        self.patch("nodes", name, change, agent=agent, seconds=seconds)

    def untaint(self, name: str) -> None:
        self.patch("nodes", name, lambda body: body["spec"].update(taints=[]))

    def initialize(self, name: str, *, agent: str = OPERATOR) -> None:
        def change(body: Body) -> None:
            body["spec"]["taints"] = []
            body["metadata"]["labels"] |= {"karpenter.sh/registered": "true", "karpenter.sh/initialized": "true"}

        self.patch("nodes", name, change, agent=agent)
        self.condition("nodeclaims", name, "Initialized", agent=agent)

    def launch(self, name: str, pool: str = "general", replaces: str = "", *, agent: str = OPERATOR) -> None:
        """A claim and its node, Ready but not yet initialized. Node and claim bear the same name."""
        self.claim(name, pool, replaces, agent=agent)
        self.condition("nodeclaims", name, "Launched", agent=agent)
        self.node(name, name, pool, agent=agent)
        self.ready(name)

    def start(self, *names: str, pool: str = "general", agent: str = OPERATOR) -> None:
        for name in names:
            self.launch(name, pool, agent=agent)
            self.initialize(name, agent=agent)

    def mark(self, name: str, *, agent: str = OPERATOR) -> None:
        """The first step of a command: taint and condition."""
        self.taint(name, agent=agent)
        self.condition("nodeclaims", name, "DisruptionReason", reason="Drifted", agent=agent)

    def terminate(self, name: str) -> None:
        """Drained; the cloud has accepted the deletion of the instance."""
        self.condition("nodeclaims", name, "Drained")
        self.condition("nodeclaims", name, "InstanceTerminating")

    def remove(self, name: str) -> None:
        """Node and claim go, after their finalizers."""
        if "deletionTimestamp" not in self.objects["nodes", name]["metadata"]:
            self.delete("nodes", name)
        self.drop_finalizer("nodes", name)
        self.drop_finalizer("nodeclaims", name)

    def replace(self, old: str, new: str, pool: str = "general") -> None:
        """A whole command, from taint to gone."""
        self.mark(old)
        self.launch(new, pool, replaces=old)
        self.wait(30)
        self.initialize(new)
        self.finish(old)

    def finish(self, old: str) -> None:
        self.delete("nodeclaims", old)
        self.evict(f"{old}-pod")
        self.wait(5)
        self.terminate(old)
        self.remove(old)
