"""From the objects of a cluster to the view of its rollout. Pure: ``real`` is the only clock.

Everything that can be counted is counted from nodes, claims and pools; only what no object tells by itself (pick-ups,
since when a node is blocked) comes from a status, or from events where Karpenter runs without napsim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from napsim.api import names
from napsim.core.budgets import (
    DRIFTED,
    UNLIMITED,
    Budget,
    BudgetError,
    NodeCount,
    allowed_by_reason,
    count,
    next_change,
)
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.configurations import NODE_OS
from napsim.core.nodepools import NodePool, budgets_of
from napsim.core.objects import Node, NodeClaim, is_true
from napsim.core.versions import is_newer
from napsim.report.imageversions import oldest_first, version_of
from napsim.report.observed import Event as ObservedEvent
from napsim.report.observed import MaintenanceConfiguration, NodeClass, NodeImage, Observed
from napsim.report.times import span
from napsim.report.view import (
    NO_OPERATOR,
    Blocked,
    Clock,
    Event,
    Group,
    Phase,
    PickUp,
    Pool,
    Rollout,
    View,
    Waiting,
    Window,
)

MOST_EVENTS: Final = 50
_BLOCKED_EVENT: Final = "DisruptionBlocked"
_SHOWN_KINDS: Final = frozenset(
    {"Node", "NodeClaim", "NodePool", "AKSNodeClass", "MaintenanceConfiguration", "NodeImage", "NodeAutoProvisioning"}
)
_ROLLOUT_KIND: Final = "NodeAutoProvisioning"
_PARTS: Final = ("MaintenanceConfiguration", "NodeImage")
_SOURCES: Final = frozenset({"karpenter", "napsim"})


def view_of(observed: Observed, real: datetime, cluster: str = "", notes: tuple[str, ...] = ()) -> View:
    """The view at the wall-clock instant ``real``. ``cluster`` names it for people; ``notes`` are passed on."""
    timeline = timeline_of(observed)
    now = timeline.virtual(real)
    members = _members(observed)
    blocked = tuple(_blocked(observed, members, timeline))
    names_blocked = {item.node for item in blocked}
    status = observed.provisioning
    most = {item.name: item.max_disrupting for item in status.pools} if status else {}
    pools = tuple(
        _pool(observed.pools[name], members.get(name, []), names_blocked, now, most.get(name, 0))
        for name in sorted(observed.pools)
    )
    windows = tuple(_windows(observed, now))
    waiting = tuple(_waiting(observed, now))
    return View(
        cluster=cluster,
        clock=Clock(now, timeline.factor),
        rollout=_rollout(pools, waiting),
        windows=windows,
        pools=pools,
        blocked=blocked,
        waiting=waiting,
        pickups=tuple(
            PickUp(
                item.at, item.node_class, item.definition, item.from_version, item.to_version, item.rule, item.reason
            )
            for item in reversed(status.pickups if status else ())
        ),
        events=_events(observed, timeline),
        versions=_versions(observed, members),
        notes=(*notes, *_leadership(observed, real)),
        estimated_finish=status.estimated_finish if status else None,
    )


def timeline_of(observed: Observed) -> Timeline:
    """The cluster's clock, by the status of NodeAutoProvisioning; the wall clock without one."""
    clock = observed.provisioning.clock if observed.provisioning else None
    return Timeline(clock.anchor_real, clock.anchor_virtual, clock.factor) if clock else WALL_CLOCK


def _leadership(observed: Observed, real: datetime) -> Iterator[str]:
    """Says so when no operator leads any more: then nothing of what is shown goes on but the clock."""
    if any(lease.spec.holder_identity and lease.is_fresh(real) for lease in observed.leases.values()):
        return
    for lease in observed.leases.values():
        spec = lease.spec
        if not spec.holder_identity or spec.renew_time is None:
            yield f"{NO_OPERATOR}: nobody holds the lease {lease.key}"
        else:
            silent = span(real - spec.renew_time)
            yield f"{NO_OPERATOR}: {spec.holder_identity} has not renewed its lease for {silent}"


# --- nodes and pools --------------------------------------------------------------------------------------------------

_Member = tuple[NodeClaim, Node | None]


def _members(observed: Observed) -> dict[str, list[_Member]]:
    """The claims of each pool, each with its Node."""
    by_provider = {node.spec.provider_id: node for node in observed.nodes.values() if node.spec.provider_id}
    members: dict[str, list[_Member]] = {}
    for claim in observed.claims.values():
        node = observed.nodes.get(claim.status.node_name) or by_provider.get(claim.status.provider_id)
        members.setdefault(claim.metadata.labels.get(names.NODEPOOL, ""), []).append((claim, node))
    return members


def phase_of(claim: NodeClaim, node: Node | None, *, blocked: bool) -> Phase:
    """The phase of one node."""
    conditions = claim.status.conditions
    if claim.deleting:
        return Phase.DRAINING
    if is_true(conditions, names.DISRUPTION_REASON) or (node is not None and _is_marked(node)):
        return Phase.DISRUPTING
    if not is_true(conditions, names.INITIALIZED_CONDITION):
        return Phase.LAUNCHING
    if not is_true(conditions, names.DRIFTED):
        return Phase.CURRENT
    return Phase.BLOCKED if blocked else Phase.DRIFTED


def _is_marked(node: Node) -> bool:
    return names.COMMAND in node.metadata.annotations or any(
        taint.key == names.DISRUPTED_TAINT for taint in node.spec.taints
    )


def _node_count(claim: NodeClaim, node: Node) -> NodeCount:
    """The node as budgets count it (see ``core.budgets``)."""
    return NodeCount(
        managed=True,
        initialized=node.metadata.labels.get(names.INITIALIZED) == "true",
        instance_terminating=is_true(claim.status.conditions, names.INSTANCE_TERMINATING),
        ready=is_true(node.status.conditions, names.READY),
        marked_for_deletion=claim.deleting or _is_marked(node),
    )


def _pool(pool: NodePool, members: list[_Member], blocked: set[str], now: datetime, most: int) -> Pool:
    groups: Counter[tuple[str, Phase]] = Counter()
    for claim, node in members:
        is_blocked = node is not None and node.name in blocked
        groups[version_of(claim, node), phase_of(claim, node, blocked=is_blocked)] += 1
    counted = count(_node_count(claim, node) for claim, node in members if node is not None)
    allowed, changes_at, error = _allowance(pool, counted.total_nodes, now)
    return Pool(
        name=pool.name,
        groups=tuple(Group(version, phase, groups[version, phase]) for version, phase in sorted(groups)),
        total=len(members),
        updated=sum(nodes for (_, phase), nodes in groups.items() if phase is Phase.CURRENT),
        disrupting=counted.disrupting_nodes,
        allowed=allowed,
        changes_at=changes_at,
        error=error,
        most=most,
    )


def _allowance(pool: NodePool, total: int, now: datetime) -> tuple[int | None, datetime | None, str]:
    """(what the budgets allow for drift, when that changes by itself, what is wrong with them)."""
    try:
        budgets = [Budget.from_spec(item) for item in budgets_of(pool)]
    except BudgetError as error:
        return 0, None, str(error)
    found = allowed_by_reason(budgets, DRIFTED, total, now)
    changes_at = next_change([budget for budget in budgets if budget.applies_to(DRIFTED)], now)
    return None if found.allowed == UNLIMITED else found.allowed, changes_at, "; ".join(found.errors)


def _rollout(pools: tuple[Pool, ...], waiting: tuple[Waiting, ...]) -> Rollout:
    drifted = sum(pool.count(Phase.DRIFTED) for pool in pools)
    blocked = sum(pool.count(Phase.BLOCKED) for pool in pools)
    moving = sum(pool.count(Phase.DISRUPTING, Phase.DRAINING, Phase.LAUNCHING) for pool in pools)
    if drifted or moving:
        return Rollout.ROLLING_OUT
    if blocked:
        return Rollout.BLOCKED
    return Rollout.WAITING_FOR_WINDOW if waiting else Rollout.ROLLED_OUT


def _versions(observed: Observed, members: Mapping[str, list[_Member]]) -> tuple[str, ...]:
    """All versions known, so that each keeps its colour however the nodes change."""
    running = [version_of(claim, node) for some in members.values() for claim, node in some]
    published = [image.full_version for image in observed.images.values()]
    status = observed.provisioning
    picked = [version for item in status.pickups for version in (item.from_version, item.to_version)] if status else []
    return oldest_first(running + published + picked)


# --- what is blocked --------------------------------------------------------------------------------------------------


def _blocked(observed: Observed, members: Mapping[str, list[_Member]], timeline: Timeline) -> Iterator[Blocked]:
    """By node, from napsim's status or from Karpenter's events; only nodes that are drifted and not on their way."""
    drifted = {
        node.name: pool
        for pool, some in members.items()
        for claim, node in some
        if node is not None and phase_of(claim, node, blocked=False) is Phase.DRIFTED
    }
    status = observed.provisioning
    if status is None:
        yield from _blocked_by_events(observed, drifted, timeline)
        return
    for item in sorted(status.blocked, key=lambda item: item.node):
        if item.node in drifted:
            yield Blocked(item.node, drifted[item.node], item.reason, item.message, item.since, item.until)


def _blocked_by_events(observed: Observed, drifted: Mapping[str, str], timeline: Timeline) -> Iterator[Blocked]:
    """What Karpenter said last of a node counts, since it first said so (events are kept for an hour, as a rule)."""
    said: dict[str, list[ObservedEvent]] = {}
    for event in observed.events.values():
        if event.reason == _BLOCKED_EVENT and event.regarding.kind == "Node" and event.regarding.name in drifted:
            said.setdefault(event.regarding.name, []).append(event)
    for name, events in sorted(said.items()):
        last = max(events, key=lambda event: (event.at is not None, event.at))
        first = min((event.since for event in events if event.note == last.note and event.since), default=None)
        yield Blocked(name, drifted[name], last.reason, last.note, timeline.virtual(first) if first else None)


# --- windows and images -----------------------------------------------------------------------------------------------


def _windows(observed: Observed, now: datetime) -> Iterator[Window]:
    ordered = sorted(observed.windows.values(), key=lambda item: (item.spec.config_name != NODE_OS, item.name))
    status = observed.provisioning
    if status is not None and not (ordered and ordered[0].spec.config_name == NODE_OS):
        text = status.window or ""
        state = next((state for state in ("OPEN", "closed") if state in text), "unknown")
        yield Window("", NODE_OS, state, message=text)
    for item in ordered:
        yield window_of(item, now)


def window_of(configuration: MaintenanceConfiguration, now: datetime) -> Window:
    """The window at ``now``: as its status says, as long as it says so, and after that by the windows it lists."""
    spec, status = configuration.spec, configuration.status
    zone, message = status.zone or "UTC", status.lead_time_warning or ""
    if status.state is None:
        return Window(configuration.name, spec.config_name, "unknown", message="nobody has evaluated it yet")
    if status.changes_at is None or now < status.changes_at:
        pending = status.pending_until is not None and status.pending_until == status.changes_at
        return Window(configuration.name, spec.config_name, status.state, status.changes_at, zone, message, pending)
    listed = [item for item in (status.current, status.next, *status.following) if item is not None and item.end > now]
    if not listed:
        return Window(configuration.name, spec.config_name, "closed", None, zone, message)
    first = min(listed, key=lambda item: item.start)
    is_open = first.start < now
    changes_at = first.end if is_open else first.start
    return Window(configuration.name, spec.config_name, "OPEN" if is_open else "closed", changes_at, zone, message)


def _waiting(observed: Observed, now: datetime) -> Iterator[Waiting]:
    """Per node class and definition: the newest image that is published and newer than the one adopted."""
    status = observed.provisioning
    cache = status.list_cache if status else None
    for node_class in sorted(observed.classes.values(), key=lambda item: item.name):
        for definition, adopted in _adopted(node_class):
            newest = _newest(observed.images, definition, adopted, now)
            if newest is not None and newest.published_at is not None:
                listed_at = cache.expires_at if cache and cache.expires_at and cache.expires_at > now else None
                yield Waiting(node_class.name, definition, newest.full_version, newest.published_at, adopted, listed_at)


def _adopted(node_class: NodeClass) -> Iterator[tuple[str, str]]:
    """(definition, version) of the ids ``…/images/<definition>/versions/<version>``; other ids have none."""
    for image in node_class.status.images:
        parts = image.id.split("/")
        if len(parts) > 3 and parts[-2] == "versions":
            yield parts[-3], parts[-1]


def _newest(images: Mapping[str, NodeImage], definition: str, adopted: str, now: datetime) -> NodeImage | None:
    found = None
    for image in images.values():
        if image.spec.definition != definition or image.published_at is None or image.published_at > now:
            continue
        if is_newer(image.full_version, found.full_version if found else adopted):
            found = image
    return found


# --- events -----------------------------------------------------------------------------------------------------------


def _events(observed: Observed, timeline: Timeline) -> tuple[Event, ...]:
    """The latest. Karpenter says most things twice, of the Node and of its NodeClaim: the Node's is enough.

    napsim tells of windows and images on the rollout too: that is enough as well.
    """
    shown = [(at, key, event) for key, event in observed.events.items() if (at := event.at) and is_shown(event)]
    shown.sort(key=lambda item: item[:2], reverse=True)
    on_rollout = {(event.reason, event.note) for _, _, event in shown if event.regarding.kind == _ROLLOUT_KIND}
    on_nodes = {(event.reason, at.replace(microsecond=0)) for at, _, event in shown if event.regarding.kind == "Node"}
    return tuple(
        Event(
            timeline.virtual(at),
            f"{event.regarding.kind}/{event.regarding.name}",
            event.reason,
            event.note,
            event.type == "Warning",
            event.count,
        )
        for at, _, event in shown[:MOST_EVENTS]
        if (event.regarding.kind != "NodeClaim" or (event.reason, at.replace(microsecond=0)) not in on_nodes)
        and (event.regarding.kind not in _PARTS or (event.reason, event.note) not in on_rollout)
    )


def is_shown(event: ObservedEvent) -> bool:
    """Whether it is about nodes and their rollout: those of Karpenter and napsim, not those on pods."""
    return event.regarding.kind in _SHOWN_KINDS and event.source in _SOURCES
