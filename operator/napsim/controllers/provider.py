"""The ``kwok`` node provider: instances are fake Nodes, played by KWOK, with timings from NodeAutoProvisioning.

What an instance is (size, image, Node) is decided in ``core``; here is only when it comes, by the virtual clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from napsim.api import names
from napsim.controllers.declared import Declared, NodeClassEntry
from napsim.core.clock import begun, parse_rfc3339
from napsim.core.definitions import node_image_version_of
from napsim.core.failures import NEVER, FailureKind, Outage
from napsim.core.instances import aks_node_of, created_annotation, node_of
from napsim.core.instancetypes import InstanceType, quantities
from napsim.core.lifecycle import (
    INSUFFICIENT_CAPACITY,
    LAUNCH_FAILED,
    LAUNCH_RETRY,
    NODECLASS_NOT_READY,
    Launch,
    Start,
    created_at,
)
from napsim.core.nodeclasses import StatusImage, image_for, unreadable
from napsim.core.objects import Node, NodeClaim, condition
from napsim.core.requirements import label_requirements

PACING: Final = timedelta(seconds=1)  # karpenter v1.14.0 pkg/controllers/nodeclaim/lifecycle/controller.go


class KwokProvider(msgspec.Struct, frozen=True):
    """Answers for NodeClaims. All instants are virtual."""

    declared: Declared

    def launch(self, claim: NodeClaim, now: datetime) -> Launch:
        """The instance for the claim, or why there is none."""
        first = begun(created_at(claim, now), now) + self.declared.settings.timings.draw("launch", claim.name)
        labels, failures = claim.metadata.labels, self.declared.settings.failures
        ready_at, error = failures.put_off(FailureKind.LAUNCH_FAILS, claim.name, labels, first, LAUNCH_RETRY)
        if first < ready_at and now < ready_at:
            return Launch(first, failure=LAUNCH_FAILED, message=error, retry_at=ready_at if ready_at < NEVER else None)
        entry = self.declared.node_classes.get(claim.spec.node_class_ref.name)
        if entry is None:
            return self._refused(
                ready_at, f"NodeClass {claim.spec.node_class_ref.name} is missing", NODECLASS_NOT_READY
            )
        problem = "" if entry.state.foreign else unreadable(entry.state, names.IMAGES_READY)
        if problem:
            return self._refused(ready_at, problem, NODECLASS_NOT_READY)
        wanted = claim.metadata.labels.get(names.INSTANCE_TYPE, "")
        size = self.declared.size(wanted)
        if size is None:
            return self._refused(ready_at, f"instance type {wanted!r} is not known", INSUFFICIENT_CAPACITY)
        refusal = failures.refusal(claim.name, labels, ready_at)
        if refusal:
            return Launch(ready_at, failure=INSUFFICIENT_CAPACITY, message=refusal, sold_out=True)
        if entry.state.foreign:
            return self._instance(ready_at, "", size, entry)
        image = _image_of(entry.state.images, size)
        if image is None:
            message = f"no compatible images found for instance type {size.name}"
            return self._refused(ready_at, message, LAUNCH_FAILED)  # not for want of capacity: another try may do
        return self._instance(ready_at, image.id, size, entry)

    def _refused(self, ready_at: datetime, message: str, failure: str) -> Launch:
        return Launch(ready_at, failure=failure, message=message)

    def _instance(self, ready_at: datetime, image_id: str, size: InstanceType, entry: NodeClassEntry) -> Launch:
        return Launch(ready_at, image_id, *_reported(size, entry.max_pods, entry.os_disk_gb))

    def node_due(self, claim: NodeClaim, now: datetime) -> datetime:
        """When the instance of a launched claim joins the cluster."""
        due = _launched_at(claim, now) + self.declared.settings.timings.draw("registration", claim.name)
        return self._put_off(FailureKind.NEVER_REGISTERS, claim, due)

    def _put_off(self, kind: FailureKind, claim: NodeClaim, due: datetime) -> datetime:
        return self.declared.settings.failures.put_off(kind, claim.name, claim.metadata.labels, due)[0]

    def node(self, claim: NodeClaim, now: datetime) -> Node:
        """The Node that joins."""
        entry = self.declared.node_classes.get(claim.spec.node_class_ref.name)
        if entry is not None and entry.state.foreign:
            return _created(node_of(claim, self.declared.kubernetes_version), now)
        version = node_image_version_of(claim.status.image_id)
        kubernetes = entry.state.kubernetes_version if entry else self.declared.kubernetes_version
        identity = self.declared.settings.kubelet_identity
        labels = {**(entry.node_labels() if entry else {}), **({names.KUBELET_IDENTITY: identity} if identity else {})}
        return _created(aks_node_of(claim, version, kubernetes, labels), now)

    def registered_from(self, claim: NodeClaim, now: datetime) -> datetime:
        """When a Node that has joined is looked at: Karpenter waits a second after a status patch, as for Launched."""
        return _launched_at(claim, now) + PACING

    def start(self, claim: NodeClaim, node: Node | None, now: datetime) -> Start | None:
        """When the played cloud takes its own and the startup taints off the Node."""
        if node is None:
            return None
        recorded = node.metadata.annotations.get(names.INSTANCE_CREATED_AT)
        since = begun(parse_rfc3339(recorded), now) if recorded else now
        due = since + self.declared.settings.timings.draw("initialization", claim.name)
        return Start(
            cloud=self._put_off(FailureKind.NEVER_INITIALIZES, claim, due),
            startup=self._put_off(FailureKind.STARTUP_TAINT_STAYS, claim, due),
        )

    def breakdown(self, claim: NodeClaim, now: datetime) -> Outage | None:
        """The failure of the claim's initialized node that is on, or the next one to come."""
        initialized = condition(claim.status.conditions, names.INITIALIZED_CONDITION)
        if initialized is None or initialized.status != "True" or initialized.last_transition_time is None:
            return None
        failures, since = self.declared.settings.failures, initialized.last_transition_time
        return failures.breakdown(claim.name, claim.metadata.labels, since, now)

    def detach(self, claim: str) -> timedelta:
        """How long the instance takes to be gone after it was told to go."""
        return self.declared.settings.timings.draw("detach", claim)


def _created(node: Node, now: datetime) -> Node:
    annotations = {**node.metadata.annotations, **created_annotation(now)}
    return msgspec.structs.replace(node, metadata=msgspec.structs.replace(node.metadata, annotations=annotations))


@lru_cache(maxsize=1024)
def _image_of(images: tuple[StatusImage, ...], size: InstanceType) -> StatusImage | None:
    """The image that a class's instances of a size boot: every launch asks."""
    return image_for(images, label_requirements(size.labels()))


@lru_cache(maxsize=1024)
def _reported(size: InstanceType, max_pods: int, os_disk_gb: int) -> tuple[dict[str, str], dict[str, str]]:
    """Capacity and allocatable as statuses say them. Nobody changes them: those of all claims alike are one."""
    shape = (max_pods, os_disk_gb)
    return quantities(size.capacity(*shape)), quantities(size.allocatable(*shape))


def _launched_at(claim: NodeClaim, now: datetime) -> datetime:
    launched = condition(claim.status.conditions, names.LAUNCHED)
    return begun(launched.last_transition_time, now) if launched and launched.last_transition_time else now
