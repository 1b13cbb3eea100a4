"""Pools whose nodes cannot be replaced, or not in time, and pods that keep their nodes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.api.durations import parse_duration
from napsim.core.budget_levels import Stretch
from napsim.core.budgets import DRIFTED, UNLIMITED, Budget, allowed_by_reason, next_change
from napsim.core.channels import Channel, unavailable
from napsim.core.configurations import NODE_OS
from napsim.core.objects import Node
from napsim.core.pods import lasting, tolerates
from napsim.core.resources import parse_quantity
from napsim.core.timings import Timings
from napsim.core.versions import is_newer
from napsim.core.windows import windows
from napsim.lint.findings import Found
from napsim.lint.subjects import Pool, Subjects, Workload
from napsim.reading.sources import Document

_BUDGETS: Final = "spec.disruption.budgets"
_TGP: Final = "terminationGracePeriod"
_ANNOTATION: Final = f"metadata.annotations[{names.DO_NOT_DISRUPT}]"
_WEEK: Final = timedelta(weeks=1)
_QUICKEST: Final = timedelta(minutes=2)  # from a NodeClaim to a node that takes pods, where no settings say
# What `expressions` says in CEL as well, of objects that are applied.
NO_ROOM: Final = (
    "a replacement is made before its node goes: {replicas} replicas under a limit of {limit} nodes leave room for"
    " none, so no drifted node is ever replaced"
)
IGNORED: Final = "'{value}' is neither true nor a positive duration: Karpenter ignores it, and evicts the pods"
MEANT: Final = ("true", "false")  # false is ignored too, and says what then holds
_IDLE_CHANNELS: Final = (Channel.NONE, Channel.UNMANAGED)


# --- room to replace --------------------------------------------------------------------------------------------------


def no_headroom(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        limits, replicas = pool.pool.spec.limits, pool.pool.spec.replicas
        if replicas and "nodes" in limits and parse_quantity(limits["nodes"]) <= replicas:
            message = NO_ROOM.format(replicas=replicas, limit=limits["nodes"])
            yield Found(pool.document, "spec.limits.nodes", message, limits["nodes"], f"allow {replicas + 1} or more")
        elif replicas is None:
            yield from _used_up(pool)


def _used_up(pool: Pool) -> Iterator[Found]:
    """Of a live pool: what is left of a limit is less than a node of it has on average."""
    used = (pool.document.manifest.get("status") or {}).get("resources") or {}
    for resource, limit in pool.pool.spec.limits.items():
        if resource not in used or not pool.nodes:
            continue
        room, node = parse_quantity(limit) - parse_quantity(used[resource]), parse_quantity(used[resource]) / pool.nodes
        if room < node:
            message = (
                f"{used[resource]} of {limit} {resource} are used by {pool.nodes} nodes: there is no room for a"
                " replacement, which is made before its node goes"
            )
            yield Found(pool.document, f"spec.limits.{resource}", message, limit, "raise it by one node or more")


# --- time to replace --------------------------------------------------------------------------------------------------


def outlasts_week(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        done = _replaced_within(subjects, pool, subjects.now, _WEEK)
        if done is None or pool.nodes is None or done == 0 or done >= pool.nodes:
            continue
        message = (
            f"these budgets let at most {done} of {pool.nodes} nodes be replaced in a week, if each takes only as"
            " long as a node takes to start; the next image ships before the last one is everywhere"
        )
        yield Found(pool.document, _BUDGETS, message, None, "allow more at once, or for longer")


def outlasts_window(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        near = subjects.configurations_near(pool.document, NODE_OS)
        opens = next(windows(near[0].value, subjects.now), None) if len(near) == 1 else None
        if opens is None or opens.end is None or not any(it.schedule is None for it in _for_drift(pool)):
            continue
        done = _replaced_within(subjects, pool, opens.start, opens.end - opens.start)
        if pool.nodes and done and done < pool.nodes:  # a pool that is closed then is meant to roll later
            message = (
                f"at most {done} of {pool.nodes} nodes can be replaced while {near[0].document.named} is open; the"
                " others are replaced after it has closed, at any hour: it gates which image, not when nodes go"
            )
            yield Found(pool.document, _BUDGETS, message, None, "close the rest of the time by budgets")


def _for_drift(pool: Pool) -> list[Budget]:
    return [budget for budget in pool.budgets if budget.applies_to(DRIFTED)]


def _replaced_within(subjects: Subjects, pool: Pool, start: datetime, length: timedelta) -> int | None:
    """The most nodes that can be replaced in a span; None where that is not known, or without limit."""
    if not pool.nodes:
        return None
    each = _time_of_a_node(subjects, pool)
    done = 0
    for stretch in _levels(pool, start, start + length):
        if stretch.allowed == UNLIMITED:
            return None
        done += stretch.allowed * -(-stretch.length // each)
    return done


def _levels(pool: Pool, start: datetime, end: datetime) -> Iterator[Stretch]:
    at = start
    while at < end:
        until = min(next_change(pool.budgets, at) or end, end)
        yield Stretch(at, until, allowed_by_reason(pool.budgets, DRIFTED, pool.nodes or 0, at).allowed)
        at = until


def _time_of_a_node(subjects: Subjects, pool: Pool) -> timedelta:
    """The least that a replacement takes: what the settings say of its steps, where half of all take less."""
    timings = subjects.settings_near(pool.document).timings if subjects.settings else Timings()
    steps = (timings.launch, timings.registration, timings.initialization)
    return max(timedelta(seconds=sum(step.at(0.5) for step in steps)), _QUICKEST)


# --- pods that stay ---------------------------------------------------------------------------------------------------


def do_not_disrupt_without_end(subjects: Subjects) -> Iterator[Found]:
    for workload in subjects.workloads:
        if workload.template.metadata.annotations.get(names.DO_NOT_DISRUPT) != "true" or workload.kind == "DaemonSet":
            continue
        endless = _homes(subjects, workload, [pool for pool in subjects.pools if _tgp(pool) is None])
        if endless:
            message = (
                f"its node is never replaced for a new image: {_named(endless)} without {_TGP}, and the annotation has"
                " no end"
            )
            told = f"give the annotation a duration such as 4h, or the pool a {_TGP}, for nodes created from then on"
            yield Found(workload.document, _annotation(workload), message, "true", told)


def do_not_disrupt_ignored(subjects: Subjects) -> Iterator[Found]:
    for workload in subjects.workloads:
        value = workload.template.metadata.annotations.get(names.DO_NOT_DISRUPT)
        if value is not None and value not in MEANT and not _is_positive(value):
            message = IGNORED.format(value=value)
            yield Found(workload.document, _annotation(workload), message, value, 'write "true", or such as "4h"')
    for node in subjects.nodes:
        value = node.value.metadata.annotations.get(names.DO_NOT_DISRUPT)
        if value is not None and value not in MEANT:
            message = f"on a Node only true counts: {value!r} is ignored, and the Node may be disrupted"
            yield Found(node.document, _ANNOTATION, message, value, 'write "true"')


def _is_positive(text: str) -> bool:
    try:
        return parse_duration(text) > timedelta(0)
    except ValueError:
        return False


def grace_cut_short(subjects: Subjects) -> Iterator[Found]:
    limited = [(pool, given) for pool in subjects.pools if (given := _tgp(pool)) is not None]
    for workload in subjects.workloads:
        wanted = lasting(workload.template.spec.termination_grace_period_seconds)
        short = _homes(subjects, workload, [pool for pool, given in limited if given < wanted])
        if short and workload.kind != "DaemonSet":
            message = (
                f"its pods are given {wanted.total_seconds():g} s to end, and a node of {_named(short)} is gone before"
                f" that: {_TGP} counts from the beginning of the drain"
            )
            field = f"{_template(workload)}spec.terminationGracePeriodSeconds"
            told = f"make {_TGP} of the pool longer than what its pods need"
            yield Found(workload.document, field, message, None, told)


def _tgp(pool: Pool) -> timedelta | None:
    text = pool.pool.spec.template.spec.termination_grace_period
    return parse_duration(text) if text else None


def _homes(subjects: Subjects, workload: Workload, pools: list[Pool]) -> list[Pool]:
    """Those pools on whose nodes its pods may run: all that it does not exclude by label or taint."""
    together = subjects.layout.together
    return [pool for pool in pools if together(pool.document, workload.document) and _may_run_on(workload, pool)]


def _may_run_on(workload: Workload, pool: Pool) -> bool:
    spec, template = workload.template.spec, pool.pool.spec.template
    labels = {**template.metadata.labels, names.NODEPOOL: pool.pool.name}
    named = {key: value for key, value in spec.node_selector.items() if key in labels or key == names.NODEPOOL}
    return all(labels.get(key) == value for key, value in named.items()) and all(
        tolerates(spec.tolerations, taint) for taint in template.spec.taints if taint.effect != "PreferNoSchedule"
    )


def _annotation(workload: Workload) -> str:
    return _template(workload) + _ANNOTATION


def _template(workload: Workload) -> str:
    return "" if workload.kind == "Pod" else "spec.template."


def _named(pools: list[Pool]) -> str:
    return ", ".join(pool.document.named for pool in pools[:3]) + (" and others" if len(pools) > 3 else "")


# --- the cluster ------------------------------------------------------------------------------------------------------


def channel_without_os(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.settings:
        channel = Channel(item.value.node_os_upgrade_channel)
        for sku in sorted(
            {
                _os_of(node.value)
                for node in subjects.nodes_near(item.document)
                if names.AGENT_POOL in node.value.metadata.labels
            }
        ):
            why = unavailable(channel, sku) if sku else ""
            if why:
                message = f"{why}: Nodes of agent pools with it are here, and get no updates on this channel"
                told = "choose NodeImage, which every OS has"
                yield Found(item.document, "spec.nodeOSUpgradeChannel", message, channel.value, told)


def _os_of(node: Node) -> str:
    labels = node.metadata.labels
    return labels.get(names.OS_SKU_EFFECTIVE) or labels.get(names.OS_SKU_REQUESTED) or labels.get(names.OS_SKU, "")


def channel_does_not_stop_nap(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.settings:
        channel = Channel(item.value.node_os_upgrade_channel)
        if channel in _IDLE_CHANNELS and subjects.pools_near(item.document):
            message = f"channel {channel} is for agent pools: NAP goes on rolling out every new image to its own nodes"
            told = "to hold NAP back use a maintenance window and budgets"
            yield Found(item.document, "spec.nodeOSUpgradeChannel", message, channel.value, told)


def node_newer_than_control_plane(subjects: Subjects) -> Iterator[Found]:
    for document in subjects.classes:
        held = str((document.manifest.get("status") or {}).get("kubernetesVersion", ""))
        yield from _newer(subjects, held, document)
    for item in subjects.settings:
        yield from _newer(subjects, item.value.kubernetes_version or "", item.document)


def _newer(subjects: Subjects, control_plane: str, said: Document) -> Iterator[Found]:
    for node in subjects.nodes_near(said):
        kubelet = node.value.status.node_info.kubelet_version
        if control_plane and kubelet and is_newer(kubelet.removeprefix("v"), control_plane.removeprefix("v")):
            message = (
                f"kubelet {kubelet} is newer than the control plane, {control_plane} ({said.named}): the node drifts,"
                " its replacement drifts again, without end"
            )
            yield Found(node.document, "status.nodeInfo.kubeletVersion", message, kubelet, "upgrade the control plane")
