"""An OS upgrade on a Node: what is written on it, from the cordon to its new image.

Mirrors the steps that Microsoft documents (cordon, drain by eviction, reimage, uncordon); the service itself is not
public. Policy, where it is silent: a Node is left cordoned if it was so before, a drain that takes longer than
``spec.agentPools.drainTimeout`` is given up, and what was evicted by then stays evicted. Fails safe: a Node is never
reimaged while a pod is left on it.

Which pods leave is what ``kubectl drain`` says, not Karpenter: ``karpenter.sh/do-not-disrupt`` does not hold them, and
pods of DaemonSets and the kubelet's own stay, as they would come back to a cordoned Node.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.actions import Action, Event, EvictPod, PatchNode, Plan
from napsim.core.agentpools import Phase, Record, record_of
from napsim.core.clock import Timeline
from napsim.core.objects import Node, Pod
from napsim.core.osupgrades import AgentPoolSettings, Step
from napsim.core.pdbs import PdbIndex
from napsim.core.pods import is_mirror, is_terminal, owned_by
from napsim.core.versions import split_security_patch

_LIVE_PATCHES: Final = (names.LIVE_PATCH_GOLDEN, names.LIVE_PATCH_CURRENT)
_MAX_LISTED: Final = 3
_NO_TIME: Final = timedelta(0)


class UnderWay(msgspec.Struct, frozen=True):
    """A Node between its cordon and its new image, with its pods. ``reimage`` is how long that takes, ``moved_at`` when
    a pod of it was gone last (virtual), if that was seen."""

    node: Node
    record: Record
    pods: tuple[Pod, ...]
    reimage: timedelta
    moved_at: datetime | None = None


def leaves(pod: Pod) -> bool:
    """Whether a drain evicts the pod, and waits until it is gone."""
    return not (is_terminal(pod) or is_mirror(pod) or owned_by(pod, "DaemonSet"))


# --- what is written --------------------------------------------------------------------------------------------------


def begin(node: Node, step: Step, begun: datetime, now: datetime) -> Plan:
    """Cordon the Node: from here on its pods are evicted."""
    record = _record(node, step, Phase.DRAINING, begun, now)
    record = msgspec.structs.replace(record, cordoned=node.spec.unschedulable)
    message = f"Node is cordoned and drained, to be reimaged from {step.from_image} to {step.to_image}"
    return Plan((_written(node, record, unschedulable=True), _said(node, "OSUpgradeBegan", message)))


def patched_live(node: Node, step: Step, begun: datetime, now: datetime) -> Plan:
    """Put a security patch on: the label and the annotations that AKS has for it, and nothing else."""
    record = _record(node, step, Phase.DONE, begun, now)
    stamp = f"{split_security_patch(step.to_image)[1].replace('.', '')}T000000Z"
    patch = _written(node, record, image=step.to_image, annotations=dict.fromkeys(_LIVE_PATCHES, stamp))
    message = f"Security patch is put on live, nothing is drained: {step.from_image} is {step.to_image}"
    return Plan((patch, _said(node, "LivePatched", message)))


def _record(node: Node, step: Step, phase: Phase, begun: datetime, now: datetime) -> Record:
    old = record_of(node)
    imaged, original = (old.imaged, old.original) if old else (None, step.from_image)
    return Record(phase, step.from_image, step.to_image, begun, now, imaged, original=original)


def _written(
    node: Node,
    record: Record,
    *,
    image: str = "",
    annotations: Mapping[str, str | None] | None = None,
    unschedulable: bool | None = None,
) -> PatchNode:
    labels = {names.NODE_IMAGE_VERSION: image} if image else {}
    said = {names.OS_UPGRADE: record.encoded(), **(annotations or {})}
    return PatchNode(node, labels=labels, annotations=said, unschedulable=unschedulable)


def _found(record: Record) -> bool | None:
    """The Node is schedulable again, if it was before."""
    return None if record.cordoned else False


def released(node: Node) -> PatchNode:
    """Take off everything that OS upgrades have written; the image is the one before the first of them."""
    record = record_of(node)
    original = record.original if record else ""
    cordoned = record is not None and record.phase in (Phase.DRAINING, Phase.REIMAGING)
    return PatchNode(
        node,
        labels={names.NODE_IMAGE_VERSION: original} if original else {},
        annotations=dict.fromkeys((names.OS_UPGRADE, *_LIVE_PATCHES)),
        unschedulable=_found(record) if record is not None and cordoned else None,
    )


# --- from step to step ------------------------------------------------------------------------------------------------


def advance(state: UnderWay, settings: AgentPoolSettings, pdbs: PdbIndex, timeline: Timeline, now: datetime) -> Plan:
    """The next step of a Node that is under way. All instants are virtual."""
    if state.record.phase is Phase.DRAINING:
        return _drain(state, settings, pdbs, timeline, now)
    over = state.record.since + state.reimage
    if now < over:
        return Plan((), over)
    return _finish(state.node, state.record, now)


def _drain(state: UnderWay, settings: AgentPoolSettings, pdbs: PdbIndex, timeline: Timeline, now: datetime) -> Plan:
    node, record = state.node, state.record
    pods = tuple(pod for pod in state.pods if leaves(pod))
    if not pods:
        record = msgspec.structs.replace(record, phase=Phase.REIMAGING, since=now)
        return Plan((_written(node, record),), now + state.reimage)
    deadline = _deadline(state, settings, timeline)
    if now >= deadline:
        return _give_up(node, record, f"pods are left after the drain timeout: {_listed(pods)}", now)
    cordon = () if node.spec.unschedulable else (PatchNode(node, unschedulable=True),)
    evictions = (EvictPod(pod, tuple(pdb.key for pdb in pdbs.matching(pod))) for pod in pods if not pod.deleting)
    return Plan((*cordon, *evictions), deadline)


def _deadline(state: UnderWay, settings: AgentPoolSettings, timeline: Timeline) -> datetime:
    """When a drain is given up. On a fast clock not before ten real seconds without a pod that went: those who make
    pods and PDBs ready again do so in real time."""
    over = state.record.since + settings.drain_timeout
    if timeline.factor <= 1:
        return over
    moved_at = max(state.moved_at or state.record.since, state.record.since)
    return max(over, moved_at + timeline.patience(_NO_TIME))


def _give_up(node: Node, record: Record, why: str, now: datetime) -> Plan:
    record = msgspec.structs.replace(record, phase=Phase.PREVENTED, since=now, message=why)
    message = f"The upgrade to {record.to_image} is given up: {why}"
    actions: tuple[Action, ...] = (
        _written(node, record, unschedulable=_found(record)),
        _said(node, "OSUpgradePrevented", message, warning=True),
    )
    return Plan(actions)


def _finish(node: Node, record: Record, now: datetime) -> Plan:
    done = msgspec.structs.replace(record, phase=Phase.DONE, since=now, imaged=now)
    patch = _written(
        node,
        done,
        image=record.to_image,
        annotations=dict.fromkeys(key for key in _LIVE_PATCHES if key in node.metadata.annotations),
        unschedulable=_found(record),
    )
    return Plan((patch, _said(node, "OSUpgraded", f"Node is reimaged from {record.from_image} to {record.to_image}")))


def let_go(node: Node, record: Record, why: str) -> Plan:
    """A Node that is not to be upgraded any more is as it was; what was evicted stays evicted."""
    kept = msgspec.structs.replace(record, phase=Phase.DONE, to_image=record.from_image)
    patch = _written(node, kept, unschedulable=_found(record))
    return Plan((patch, _said(node, "OSUpgradeEnded", f"The upgrade to {record.to_image} ends unfinished: {why}")))


def _listed(pods: tuple[Pod, ...]) -> str:
    more = f" and {len(pods) - _MAX_LISTED} more" if len(pods) > _MAX_LISTED else ""
    return ", ".join(sorted(pod.key for pod in pods)[:_MAX_LISTED]) + more


def _said(node: Node, reason: str, message: str, *, warning: bool = False) -> Event:
    return Event(
        "Node", node.name, node.metadata.uid, reason, message, "Warning" if warning else "Normal",
        controller="napsim", dedupe=message,
    )  # fmt: skip
