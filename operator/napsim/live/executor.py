"""Carries out what core decided: one guarded write for each action.

An action is about an object as it was seen: its uid is a precondition of every patch. Conditions and finalizers of our
kinds are patched with the resourceVersion too, because a merge patch replaces lists whole. A Node's lists are tested
themselves (JSON patch), so that the kubelet's writes never stand in the way. Whatever does not apply any more raises
``Retry``: the key is decided on again from the new state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.controllers.executor import Retry
from napsim.controllers.patches import Changes, difference
from napsim.controllers.resources import (
    AKS_NODE_CLASSES,
    DAEMON_SETS,
    MAINTENANCE_CONFIGURATIONS,
    NODE_AUTO_PROVISIONINGS,
    NODE_CLAIMS,
    NODE_IMAGES,
    NODE_POOLS,
    NODES,
    PODS,
    Resource,
)
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
from napsim.core.instances import is_fake
from napsim.core.objects import KubeObject, Node, NodeClaim, Pod
from napsim.live import events
from napsim.live.writer import Outcome, OutcomeKind, Writer

log: Final = logging.getLogger(__name__)

RESOURCES: Final[Mapping[str, Resource]] = {
    item.kind: item
    for item in (
        AKS_NODE_CLASSES,
        DAEMON_SETS,
        MAINTENANCE_CONFIGURATIONS,
        NODE_AUTO_PROVISIONINGS,
        NODE_CLAIMS,
        NODE_IMAGES,
        NODE_POOLS,
        NODES,
        PODS,
    )
}


class NotOurs(Exception):
    """A decision would have deleted a Node that napsim did not make: a mistake in napsim, and not carried out."""


@dataclass(slots=True)
class Executor:
    """Carries out actions one after another. ``evict`` takes over the evictions, which have a pace of their own."""

    writer: Writer
    recorder: events.Recorder
    now_real: Callable[[], datetime]  # repetitions are held back on the wall clock, or a fast one would let all through
    evict: Callable[[EvictPod], None]
    on_created: Callable[[CreateNodeClaim], None]
    on_disrupted: Callable[[DeleteNodeClaim], None]

    async def carry_out(self, actions: Iterable[Action]) -> None:
        """All actions in order. Raises Retry at the first that does not apply."""
        for action in actions:
            match action:
                case Event():
                    self.record(action)
                case EvictPod():
                    self.evict(action)
                case _:
                    await self._write(action)

    def record(self, event: Event) -> None:
        """Say it, unless it was said lately."""
        resource = RESOURCES[event.kind]
        regarding = events.Regarding(resource.api_version, event.kind, event.name, event.namespace, event.uid)
        self.recorder.record(
            events.Event(
                regarding=regarding,
                reason=event.reason,
                note=event.message,
                action=event.reason,
                type=event.type,
                reporting_controller=event.controller,
                dedupe=(event.uid or event.name, event.dedupe) if event.dedupe else (),
                dedupe_for=timedelta(seconds=event.dedupe_seconds),
                name=event.event_name,
            ),
            self.now_real(),
        )

    async def patch(
        self, resource: Resource, name: str, changes: Mapping[str, Any], resource_version: str = ""
    ) -> Mapping[str, Any]:
        """Merge ``changes`` into an object without a namespace. Raises Retry; returns the API server's answer."""
        return _answer(
            await self.writer.patch(resource, "", name, changes, resource_version=resource_version), resource, name
        )

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge ``changes`` into its status. Raises Retry; returns the API server's answer."""
        return _answer(await self.writer.patch_status(resource, "", name, changes), resource, f"{name}: status")

    async def _write(self, action: Action) -> None:
        match action:
            case SetNodeClaimStatus():
                await self._set_status(action)
            case PatchNode():
                await self._patch_node(action)
            case PatchNodeClaim():
                await self._patch_claim(action)
            case CreateNodeClaim():
                if await self._create(NODE_CLAIMS, action.claim):
                    self.on_created(action)
            case CreateNode():
                await self._create(NODES, action.node)
            case DeleteNodeClaim():
                if await self._delete(NODE_CLAIMS, action.claim):
                    self.on_disrupted(action)
            case DeleteNode():
                if not is_fake(action.node):
                    raise NotOurs(f"node {action.node.name} is none of napsim's fake nodes: it is not deleted")
                await self._delete(NODES, action.node)
            case DeletePod():
                await self._delete_pod(action)

    async def _set_status(self, action: SetNodeClaimStatus) -> None:
        changes = difference(_plain(action.claim), _plain(with_status(action.claim, action)))
        if not changes:
            return
        version = action.claim.metadata.resource_version
        _require(
            await self.writer.patch_status(
                NODE_CLAIMS, "", action.claim.name, changes["status"], resource_version=version
            )
        )

    async def _patch_node(self, action: PatchNode) -> None:
        operations = node_operations(action.node, patched_node(action.node, action))
        if len(operations) > 1:
            _require(await self.writer.patch_json(NODES, "", action.node.name, operations))

    async def _patch_claim(self, action: PatchNodeClaim) -> None:
        claim = action.claim
        changes = difference(_plain(claim), _plain(patched_claim(claim, action)))
        if not changes:
            return
        metadata = {**changes["metadata"], "uid": claim.metadata.uid}
        version = claim.metadata.resource_version if "finalizers" in metadata else ""
        _require(await self.writer.patch(NODE_CLAIMS, "", claim.name, {"metadata": metadata}, resource_version=version))

    async def _create(self, resource: Resource, item: Node | NodeClaim) -> bool:
        """False when it is there already: an earlier attempt of ours made it."""
        manifest = {"apiVersion": resource.api_version, "kind": resource.kind, **_plain(item)}
        if isinstance(item, NodeClaim):
            manifest.pop("status", None)
        outcome = await self.writer.create(resource, "", manifest)
        if outcome.kind is OutcomeKind.ALREADY_EXISTS:
            return False
        _require(outcome)
        return True

    async def _delete(self, resource: Resource, item: Node | NodeClaim) -> bool:
        outcome = await self.writer.delete(resource, "", item.name, uid=item.metadata.uid)
        if outcome.kind in (OutcomeKind.NOT_FOUND, OutcomeKind.CONFLICT):
            return False
        _require(outcome)
        return True

    async def _delete_pod(self, action: DeletePod) -> None:
        pod, seconds = action.pod, action.grace_seconds
        outcome = await self.writer.delete(
            PODS, pod.metadata.namespace, pod.name, uid=pod.metadata.uid, grace_period_seconds=seconds
        )
        if outcome.applied:
            self.record(_deleted(pod, seconds))
        elif outcome.kind not in (OutcomeKind.NOT_FOUND, OutcomeKind.CONFLICT):
            _require(outcome)


def _require(outcome: Outcome) -> None:
    """Raises Retry. A refusal is said aloud: the next try will meet it too until a person does something."""
    if outcome.kind is OutcomeKind.REJECTED:
        log.warning("the API server refused: %s", outcome.message)
    if not outcome.applied:
        raise Retry(f"{outcome.kind}: {outcome.message}")


def _answer(outcome: Outcome, resource: Resource, name: str) -> Mapping[str, Any]:
    if not outcome.applied:
        raise Retry(f"{resource.kind} {name}: {outcome.kind} {outcome.message}")
    manifest: Mapping[str, Any] = msgspec.json.decode(outcome.body)
    return manifest


def _deleted(pod: Pod, seconds: int) -> Event:
    message = (
        f"Deleting the pod to accommodate the terminationTime of the node, it was granted {seconds} seconds of "
        f"grace-period of its {pod.spec.termination_grace_period_seconds} terminationGracePeriodSeconds, bypassing its "
        f"PodDisruptionBudget and the {names.DO_NOT_DISRUPT} annotation"
    )
    return Event("Pod", pod.name, pod.metadata.uid, "Disrupted", message, namespace=pod.metadata.namespace)


def _plain(item: KubeObject) -> Changes:
    plain: Changes = msgspec.to_builtins(item)
    return plain


def node_operations(old: Node, new: Node) -> list[Changes]:
    """The JSON patch (RFC 6902) from one state of a Node to another.

    It tests the uid and each list that it replaces, also that it is still absent, and nothing else: a status that the
    kubelet wrote in between is no conflict, taints that somebody else changed are.
    """
    operations: list[Changes] = [{"op": "test", "path": "/metadata/uid", "value": old.metadata.uid}]
    operations += _map_operations("/metadata/labels", old.metadata.labels, new.metadata.labels)
    operations += _map_operations("/metadata/annotations", old.metadata.annotations, new.metadata.annotations)
    before, after = list(old.metadata.finalizers), list(new.metadata.finalizers)
    operations += _list_operations("/metadata/finalizers", before, after)
    if old.spec.unschedulable != new.spec.unschedulable:
        operations.append({"op": "add", "path": "/spec/unschedulable", "value": new.spec.unschedulable})
    before, after = msgspec.to_builtins(list(old.spec.taints)), msgspec.to_builtins(list(new.spec.taints))
    return operations + _list_operations("/spec/taints", before, after)


def _map_operations(path: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[Changes]:
    if not old and new:
        return [_absent(path), {"op": "add", "path": path, "value": dict(new)}]
    gone = [{"op": "remove", "path": f"{path}/{_escaped(key)}"} for key in old if key not in new]
    changed = (key for key, value in new.items() if old.get(key) != value)
    return gone + [{"op": "add", "path": f"{path}/{_escaped(key)}", "value": new[key]} for key in changed]


def _list_operations(path: str, old: list[Any], new: list[Any]) -> list[Changes]:
    if old == new:
        return []
    if not old:
        return [_absent(path), {"op": "add", "path": path, "value": new}]
    after: Changes = {"op": "replace", "path": path, "value": new} if new else {"op": "remove", "path": path}
    return [{"op": "test", "path": path, "value": old}, after]


def _absent(path: str) -> Changes:
    """The API server's JSON patch takes a test for null as a test that there is nothing."""
    return {"op": "test", "path": path, "value": None}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
