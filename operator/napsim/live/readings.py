"""What is read at a scrape: gauges, and the counts that controllers keep; of the rollout only while this one leads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import napsim
from napsim.api import names
from napsim.controllers.images import nodes_by_version
from napsim.controllers.targets import waiting_images
from napsim.core.budgets import REASONS, allowed_by_reason
from napsim.core.lead_times import Effective, gate
from napsim.core.objects import NodeClaim
from napsim.core.pickup import PickupRule
from napsim.core.resources import CPU, amounts, total
from napsim.core.versions import version_date
from napsim.live.lifecycles import created_at
from napsim.live.metrics import Sample
from napsim.live.statusconditions import standing

if TYPE_CHECKING:  # they make the metrics that this reads for
    from napsim.live.drive import Drive
    from napsim.live.engine import Engine

_DAY: Final = timedelta(days=1)
_MILLI: Final = 1000.0
_NODE_LABELS: Final = (names.NODEPOOL, names.ZONE, names.INSTANCE_TYPE, names.CAPACITY_TYPE, names.ARCH, names.OS)


def readings(engine: Engine) -> list[Sample]:
    """All samples, as things stand."""
    found = [*_process(engine)]
    if engine.leading:
        now = engine.clock.now()
        for part in (_clock, _unsynced, _windows, _images, _pools, _nodes, _conditions, _blocked, _rollout):
            found += part(engine, now)
    return found


def drive_readings(drive: Drive) -> list[Sample]:
    """The same for drive mode, which has neither nodes nor a rollout."""
    found = [*_shell(drive)]
    if drive.leading:
        now = drive.clock.now()
        found += _clock(drive, now)
        for name, state in sorted(drive.windows.in_force.items()):
            found += _window(drive, name, state, now)
    return found


def _shell(shell: Engine | Drive) -> Iterator[Sample]:
    yield Sample("napsim_build_info", 1, (napsim.__version__,))
    for name, queue in shell.queues.items():
        yield Sample("napsim_queue_depth", len(queue), (name,))
        yield Sample("napsim_reconcile_failures_total", queue.failures, (name,))
    counts = shell.recorder.counts
    results = {"sent": counts.sent, "repeated": counts.repeated, "failed": counts.failed}
    for result, count in (results | {"dropped": counts.dropped.total()}).items():
        yield Sample("napsim_events_total", count, (result,))


def _process(engine: Engine) -> Iterator[Sample]:
    yield from _shell(engine)
    yield Sample("napsim_reconcile_failures_total", engine.report_failures, ("reports",))
    synced = all(informer.synced.is_set() for informer in engine.informers)
    yield Sample("karpenter_cluster_state_synced", float(synced and not engine.state.unlaunched))
    yield Sample("karpenter_cluster_state_node_count", len(engine.state.nodes))


def _clock(engine: Engine | Drive, now: datetime) -> Iterator[Sample]:
    yield Sample("napsim_clock_timestamp_seconds", now.timestamp())
    yield Sample("napsim_clock_factor", engine.clock.timeline.factor)


def _unsynced(engine: Engine, now: datetime) -> Iterator[Sample]:
    since = engine.unsynced_since
    age = (now - engine.clock.timeline.virtual(since)).total_seconds() if since else 0.0
    yield Sample("karpenter_cluster_state_unsynced_time_seconds", age)


# --- windows and images -----------------------------------------------------------------------------------------------


def _windows(engine: Engine, now: datetime) -> Iterator[Sample]:
    governing = engine.windows.node_os()
    if governing is not None:
        yield Sample("napsim_windows_missed_total", engine.rollout.missed[governing[0]], (governing[0],))
    for name, state in sorted(engine.windows.in_force.items()):
        yield from _window(engine, name, state, now)


def _window(engine: Engine | Drive, name: str, state: Effective, now: datetime) -> Iterator[Sample]:
    verdict = gate(state, now)
    yield Sample("napsim_window_open", float(verdict.open), (name,))
    if verdict.window is None:
        return
    at = verdict.window.end if verdict.open else verdict.window.start
    if at is None:
        return
    change, metric = ("closes" if verdict.open else "opens"), "napsim_window_change_timestamp_seconds"
    yield Sample(metric, at.timestamp(), (name, change, "virtual"))
    yield Sample(metric, engine.clock.timeline.real(at).timestamp(), (name, change, "real"))


def _images(engine: Engine, now: datetime) -> Iterator[Sample]:
    forced = engine.declared.settings.pickup.forced
    for name, entry in sorted(engine.declared.node_classes.items()):
        for rule in PickupRule:  # from zero on, or the first of each could not be seen as an increase
            yield Sample("napsim_pickups_total", engine.rollout.picked[name, str(rule)], (name, str(rule)))
        for image in entry.state.images:
            *_, definition, _, version = image.id.split("/")
            built, expires_at = version_date(version), forced.expires_at(version)
            if built is not None:
                yield Sample("napsim_image_age_days", (now - built) / _DAY, (name, definition, version))
            if expires_at is not None:
                yield Sample("napsim_image_expiry_timestamp_seconds", expires_at.timestamp(), (name, definition))
    for version in waiting_images(engine.declared, now):
        yield Sample("napsim_images_waiting", 1, (version,))
    for version, pools in sorted(nodes_by_version(engine.state).items()):
        for pool, count in sorted(pools.items()):
            if pool:
                yield Sample("napsim_nodes", count, (pool, version))


# --- pools ------------------------------------------------------------------------------------------------------------


def _pools(engine: Engine, now: datetime) -> Iterator[Sample]:
    eligible = 0
    for name, entry in sorted(engine.declared.pools.items()):
        count, queue = engine.state.count(name), engine.disruption.queues.get(name)
        for reason in REASONS:
            allowed = allowed_by_reason(entry.budgets, reason, count.total_nodes, now).allowed
            yield Sample("karpenter_nodepools_allowed_disruptions", allowed, (name, reason))
            yield Sample("karpenter_nodepools_nodes_consuming_budgets", count.disrupting_nodes, (name, reason))
        eligible += len(queue) - len(queue.blocked) if queue is not None else 0
        yield from _resources("karpenter_nodepools_limit", name, amounts(entry.pool.spec.limits))
        yield from _resources("karpenter_nodepools_usage", name, _used(engine, name))
        yield Sample("napsim_nodes_replaced", engine.rollout.replaced.get(name, 0), (name,))
        for state, nodes in engine.rollout.states(name).items():
            yield Sample("napsim_rollout_nodes", nodes, (name, state))
    yield Sample("karpenter_voluntary_disruption_eligible_nodes", eligible, ("drifted",))
    yield Sample("karpenter_voluntary_disruption_eligible_nodes", engine.disruption.emptiness.eligible, ("empty",))


def _used(engine: Engine, pool: str) -> dict[str, int]:
    claims: list[NodeClaim] = [engine.state.claims[item] for item in engine.state.claims_of_pool.get(pool, ())]
    return total((*(amounts(claim.status.capacity) for claim in claims), {"nodes": len(claims)}))


def _resources(metric: str, pool: str, found: dict[str, int]) -> Iterator[Sample]:
    """Cores, and base units of anything else; resource names as Karpenter writes them in labels."""
    for resource, amount in sorted(found.items()):
        value = amount / _MILLI if resource == CPU else float(amount)
        yield Sample(metric, value, (pool, resource.lower().replace("-", "_")))


def _nodes(engine: Engine, now: datetime) -> Iterator[Sample]:
    for node in engine.state.nodes.values():
        created = created_at(node, engine.clock.timeline) if names.NODEPOOL in node.metadata.labels else None
        if created is not None:
            labels = (node.name, *(node.metadata.labels.get(label, "") for label in _NODE_LABELS))
            age = max((now - created).total_seconds(), 0.0)
            yield Sample("karpenter_nodes_current_lifetime_seconds", age, labels)


def _conditions(engine: Engine, now: datetime) -> Iterator[Sample]:
    yield from (Sample(*found) for found in standing(engine.state.claims.values(), now))


def _blocked(engine: Engine, now: datetime) -> Iterator[Sample]:
    counts: Counter[tuple[str, str]] = Counter()
    longest: dict[tuple[str, str], float] = {}
    for pool, queue in sorted(engine.disruption.queues.items()):
        for name, verdict in queue.blocked.items():
            key = (pool, str(verdict.reason))
            since = engine.disruption.blocked_since.get(name, now)
            counts[key] += 1
            longest[key] = max(longest.get(key, 0.0), (now - since).total_seconds())
    yield from (Sample("napsim_blocked_nodes", count, key) for key, count in sorted(counts.items()))
    yield from (Sample("napsim_blocked_longest_seconds", age, key) for key, age in sorted(longest.items()))


# --- the rollout ------------------------------------------------------------------------------------------------------


def _rollout(engine: Engine, _now: datetime) -> Iterable[Sample]:
    rollout = engine.rollout
    instants = {
        "started": rollout.started_at,
        "finished": rollout.finished_at,
        "estimated_finish": rollout.outlook.finish,
        "first_estimate": rollout.first_estimate,
    }
    in_progress = rollout.started_at is not None and rollout.finished_at is None
    yield Sample("napsim_rollout_in_progress", float(in_progress))
    for part, at in instants.items():
        if at is not None:
            yield Sample(f"napsim_rollout_{part}_timestamp_seconds", at.timestamp())
