"""Carries out what controllers decide, on the in-memory cluster: the simulation's hands.

An action is about an object as it was seen: its uid is a precondition. As nothing happens between a decision and its
actions but these themselves, each is applied to the object as the ones before it have left it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from napsim.controllers.executor import Retry
from napsim.controllers.resources import Resource
from napsim.core.actions import (
    Action,
    CreateNode,
    CreateNodeClaim,
    DeleteNode,
    DeleteNodeClaim,
    DeletePod,
    Event,
    EvictPod,
    PatchNode,
    PatchNodeClaim,
    SetNodeClaimStatus,
    patched_claim,
    patched_node,
    with_status,
)
from napsim.core.objects import Pod
from napsim.sim.cluster import AlreadyExists, Cluster
from napsim.sim.manifests import Manifests


class Unserved(Exception):
    """A controller asked for something that the simulated cluster does not know."""


class Executor:
    """``controllers.Executor``. What becomes of the actions is told to ``on_*``."""

    def __init__(self, cluster: Cluster, manifests: Manifests) -> None:
        self.cluster = cluster
        self.manifests = manifests
        self.evict: Callable[[EvictPod], None] = _nobody
        self.on_event: Callable[[Event], None] = _nobody
        self.on_claim_deleted: Callable[[DeleteNodeClaim], None] = _nobody
        self.on_pod_deleted: Callable[[Pod, int], None] = _nobody_of_two
        self._handlers: Mapping[type, Callable[[Any], None]] = {
            Event: self.record,
            EvictPod: self._evict,
            PatchNode: self._patch_node,
            PatchNodeClaim: self._patch_claim,
            SetNodeClaimStatus: self._set_status,
            CreateNodeClaim: self._create_claim,
            CreateNode: self._create_node,
            DeleteNodeClaim: self._delete_claim,
            DeleteNode: self._delete_node,
            DeletePod: self._delete_pod,
        }

    async def carry_out(self, actions: Iterable[Action]) -> None:
        """All actions in order. Raises Retry when an object is gone that one is about, and Unserved."""
        for action in actions:
            handler = self._handlers.get(type(action))
            if handler is None:
                raise Unserved(f"no simulated cluster carries out {type(action).__name__}")
            handler(action)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to events."""
        return self.on_event is not _nobody

    def record(self, event: Event) -> None:
        self.on_event(event)

    async def patch(
        self, resource: Resource, name: str, changes: Mapping[str, Any], resource_version: str = ""
    ) -> Mapping[str, Any]:
        if (resource.kind, name) not in self.manifests:
            raise Retry(f"{resource.kind} {name} is gone")
        if resource_version and (self.manifests.get(resource.kind, name) or {})["metadata"]["resourceVersion"] != (
            resource_version
        ):
            raise Retry(f"{resource.kind} {name} has changed")
        return self.manifests.patch(resource.kind, name, changes)

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self.patch(resource, name, {"status": changes})

    def _evict(self, action: EvictPod) -> None:
        self.evict(action)

    # --- one method for each action -----------------------------------------------------------------------------------

    def _patch_node(self, action: PatchNode) -> None:
        node = self.cluster.nodes.get(action.node.name)
        if node is None or node.metadata.uid != action.node.metadata.uid:
            raise Retry(f"node {action.node.name} is gone")
        self.cluster.nodes.update(patched_node(node, action))

    def _patch_claim(self, action: PatchNodeClaim) -> None:
        claim = self.cluster.claims.get(action.claim.name)
        if claim is None or claim.metadata.uid != action.claim.metadata.uid:
            raise Retry(f"nodeclaim {action.claim.name} is gone")
        self.cluster.claims.update(patched_claim(claim, action))

    def _set_status(self, action: SetNodeClaimStatus) -> None:
        claim = self.cluster.claims.get(action.claim.name)
        if claim is None or claim.metadata.uid != action.claim.metadata.uid:
            raise Retry(f"nodeclaim {action.claim.name} is gone")
        self.cluster.claims.update(with_status(claim, action))

    def _create_claim(self, action: CreateNodeClaim) -> None:
        if action.claim.name not in self.cluster.claims.objects:
            self.cluster.claims.create(action.claim)

    def _create_node(self, action: CreateNode) -> None:
        try:
            self.cluster.nodes.create(action.node)
        except AlreadyExists as found:
            raise Retry(str(found)) from found

    def _delete_claim(self, action: DeleteNodeClaim) -> None:
        if self.cluster.claims.delete(action.claim.name, action.claim.metadata.uid):
            self.on_claim_deleted(action)

    def _delete_node(self, action: DeleteNode) -> None:
        self.cluster.nodes.delete(action.node.name, action.node.metadata.uid)

    def _delete_pod(self, action: DeletePod) -> None:
        pod = action.pod
        if self.cluster.delete_pod(pod.key, pod.metadata.uid, action.grace_seconds):
            self.on_pod_deleted(pod, action.grace_seconds)


def _nobody(_: object) -> None:
    """Nobody listens."""


def _nobody_of_two(_: object, __: object) -> None:
    """Nobody listens."""
