"""From the outcome of a simulation to the document of a forecast."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.scalars import parse_instant
from napsim.controllers.settings import settings_of
from napsim.core.reasons import Reason
from napsim.core.timings import STEPS, Distribution
from napsim.core.trace import Record, RecordKind
from napsim.report.forecast import (
    Blocked,
    BudgetWait,
    Eviction,
    Forecast,
    Moment,
    Pending,
    Pool,
    Rollout,
    Step,
    Window,
    Workload,
)
from napsim.report.phrases import plural
from napsim.report.remedies import LATER, remedies
from napsim.report.times import span, zone_of
from napsim.sim.outcome import BlockedInterval, Outcome, PickUp, PoolOutcome, PoolStep, WorkloadOutcome
from napsim.sim.outcome import BudgetWait as Wait
from napsim.sim.scenario import Applied, Deleted, Event, Manifest, NodeFailed, Scenario, Stopped
from napsim.sim.simulation import SETTLES_FOR

_HOUR: Final = timedelta(hours=1)
# Records of the trace that a time line is made of; the others are in the trace alone.
_TOLD: Final = frozenset({RecordKind.PICKED_UP, RecordKind.COMMAND_ROLLED_BACK})


def forecast_of(scenario: Scenario, outcome: Outcome) -> Forecast:
    """The whole document."""
    return Forecast(
        name=scenario.name,
        start=outcome.started_at,
        until=scenario.until,
        ended_at=outcome.ended_at,
        time_zone=scenario.time_zone,
        seed=outcome.seed,
        finished_at=outcome.finished_at,
        pools=tuple(_pools(scenario, outcome)),
        timeline=tuple(sorted(_timeline(scenario, outcome), key=lambda moment: moment.at)),
        blocked=tuple(sorted(_blocked(outcome.blocked), key=lambda item: (item.since, item.node, item.reason))),
        budget_waits=tuple(map(_budget_wait, outcome.budget_waits)),
        workloads=tuple(_workload(item, scenario.time_zone) for item in outcome.workloads),
        windows=tuple(_windows(outcome.trace)),
        pending=tuple(Pending(pod=item.pod, reason=item.reason) for item in outcome.unplaced),
        problems=outcome.problems,
        assumptions=(*scenario.notes, *_assumed(scenario)),
    )


# --- pools ------------------------------------------------------------------------------------------------------------


def _pools(scenario: Scenario, outcome: Outcome) -> Iterator[Pool]:
    classes = _classes(scenario)
    published = _published(scenario)
    for pool in outcome.pools:
        reference = classes.get(pool.name, {})
        node_class = reference.get("name", "")
        picked = [item for item in outcome.pick_ups if item.node_class == node_class]
        yield Pool(
            name=pool.name,
            node_class=node_class,
            node_class_kind=reference.get("kind") or names.AKS_NODE_CLASS,
            nodes=pool.steps[-1].nodes if pool.steps else 0,
            finished_at=pool.finished_at,
            replaced=pool.replaced,
            most_disrupting=pool.most_disrupting,
            most_disrupting_at=pool.most_disrupting_at,
            allowed_then=_allowed_at(pool.steps, pool.most_disrupting_at),
            rollouts=tuple(_rollouts(pool, picked, published)),
            unfinished=pool.unfinished,
            remedies=_remedies(pool, outcome),
            steps=tuple(
                Step(at=it.at, nodes=it.nodes, disrupting=it.disrupting, allowed=it.allowed, versions=dict(it.versions))
                for it in pool.steps
            ),
        )


def _classes(scenario: Scenario) -> dict[str, Manifest]:
    """NodePool to the reference to its class; that of a manifest applied later where the pool comes with it."""
    later = [event.manifest for event in scenario.events if isinstance(event, Applied)]
    pools = [it for it in (*reversed(later), *scenario.manifests) if it["kind"] == "NodePool"]
    return {it["metadata"]["name"]: it["spec"]["template"]["spec"]["nodeClassRef"] for it in reversed(pools)}


def _published(scenario: Scenario) -> Mapping[tuple[str, str], datetime]:
    """When each version of each definition is published; what an event applies without publishedAt, then."""
    images = [(it["spec"], scenario.start) for it in scenario.manifests if it["kind"] == "NodeImage"]
    applied = (event for event in _as_they_happen(scenario.events) if isinstance(event, Applied))
    images += [(event.manifest["spec"], event.at) for event in applied if event.manifest["kind"] == "NodeImage"]
    found: dict[tuple[str, str], datetime] = {}
    for spec, since in images:
        version = "-".join(filter(None, (spec["version"], spec.get("securityPatch", ""))))
        at = parse_instant(spec["publishedAt"]) if spec.get("publishedAt") else since
        found.setdefault((spec["definition"], version), at)
    return found


def _allowed_at(steps: Sequence[PoolStep], at: datetime | None) -> int | None:
    if at is None or not steps:
        return None
    return _from(steps, at)[0].allowed


def _rollouts(
    pool: PoolOutcome, picked: Sequence[PickUp], published: Mapping[tuple[str, str], datetime]
) -> Iterator[Rollout]:
    """One for each version picked up of definitions that nodes of the pool run, in order of pick-up."""
    run = {version for step in pool.steps for version, nodes in step.versions if nodes}
    together: dict[tuple[datetime, str], list[PickUp]] = {}
    for pick_up in picked:
        if pick_up.to_version and any(_is_of(version, pick_up.definition) for version in run):
            together.setdefault((pick_up.at, pick_up.to_version), []).append(pick_up)
    for group in together.values():
        gone = [item.definition for item in picked if item.at == group[0].at and not item.to_version]
        at = (published.get((item.definition, item.to_version)) for item in group)
        yield _rollout(pool, group, gone, min(filter(None, at), default=None))


def _rollout(pool: PoolOutcome, group: Sequence[PickUp], gone: Sequence[str], published: datetime | None) -> Rollout:
    """Of one version in all its definitions. What the pool runs of them, and of those that are ``gone``, has to go."""
    at, version = group[0].at, group[0].to_version
    definitions = (*(item.definition for item in group), *gone)
    new = tuple(f"-{item.definition}-{version}" for item in group)
    seen = (it for it in _seen_before(pool.steps, at) if any(_is_of(it, definition) for definition in definitions))
    older, after = {it for it in seen if not it.endswith(new)}, _from(pool.steps, at)
    done_at = next((max(step.at, at) for step in after if _is_free_of(step, older)), None)
    first = next((step.at for step in after if step.disrupting and step.at >= at), None)
    return Rollout(
        version=version,
        published_at=published,
        picked_up_at=at,
        rule=group[0].rule,
        forced=any(item.forced for item in group),
        first_disrupted_at=first if first is None or done_at is None or first <= done_at else None,
        done_at=done_at,
    )


def _is_of(image_version: str, definition: str) -> bool:
    return f"-{definition}-" in image_version


def _from(steps: Sequence[PoolStep], at: datetime) -> Sequence[PoolStep]:
    """The step that the pool stands at then, and those that follow."""
    return steps[max(bisect_right(steps, at, key=lambda step: step.at) - 1, 0) :]


def _seen_before(steps: Sequence[PoolStep], at: datetime) -> set[str]:
    return {version for step in steps if step.at <= at for version, nodes in step.versions if nodes}


def _is_free_of(step: PoolStep, older: set[str]) -> bool:
    return not any(nodes and version in older for version, nodes in step.versions)


def _remedies(pool: PoolOutcome, outcome: Outcome) -> tuple[str, ...]:
    """What would have to change, by what stands in the way at the end."""
    if pool.finished_at is not None:
        return ()
    reasons: set[str] = {item.reason for item in outcome.blocked if item.node_pool == pool.name and item.until is None}
    waits = any(item.node_pool == pool.name and item.until is None for item in outcome.budget_waits)
    if waits or (reasons and pool.steps and not pool.steps[-1].allowed):
        reasons.add(Reason.BUDGET)
    reasons.update(pool.reasons)
    if not reasons and not pool.waits:  # candidates of all pools take turns, and one that is given up comes first again
        reasons.update({str(Reason.COMMAND_TIMEOUT)} & {it for other in outcome.pools for it in other.reasons})
    return remedies(sorted(reasons)) or (() if reasons else (LATER,))


def _blocked(intervals: Iterable[BlockedInterval]) -> Iterator[Blocked]:
    """Intervals of one node and reason that follow on one another are one, with the last message."""
    open_ended: dict[tuple[str, str], Blocked] = {}
    for item in sorted(intervals, key=lambda interval: interval.since):
        key = item.node, item.reason
        before = open_ended.get(key)
        if before is not None and before.until != item.since:
            yield open_ended.pop(key)
            before = None
        open_ended[key] = Blocked(
            node=item.node,
            node_pool=item.node_pool,
            reason=item.reason,
            message=item.message,
            since=before.since if before is not None else item.since,
            until=item.until,
        )
    yield from open_ended.values()


def _budget_wait(item: Wait) -> BudgetWait:
    return BudgetWait(
        node_pool=item.node_pool,
        nodes=item.nodes,
        reason=Reason.BUDGET.value,
        message=item.message,
        since=item.since,
        until=item.until,
        opens_at=item.opens_at,
    )


# --- what happens -----------------------------------------------------------------------------------------------------


def _timeline(scenario: Scenario, outcome: Outcome) -> Iterator[Moment]:
    for (definition, version), at in sorted(_published(scenario).items()):
        if outcome.started_at < at <= outcome.ended_at:
            what = {"definition": definition, "version": version}
            yield Moment(at=at, kind="Published", object=f"NodeImage/{definition}-{version}", details=what)
    for event in _as_they_happen(scenario.events):
        if event.at <= outcome.ended_at:
            yield _of_event(event)
    yield from _failures(scenario, outcome)
    for pool in outcome.pools:
        yield from _taken(pool)
    for record in outcome.trace:
        if record.kind in _TOLD:
            yield _moment(record)


def _as_they_happen(events: Iterable[Event]) -> Iterator[Event]:
    """``at`` of what is due while the cluster is stopped is when it runs again."""
    runs_from: datetime | None = None
    for event in events:
        at = event.at if runs_from is None else max(event.at, runs_from)
        yield event if at == event.at else msgspec.structs.replace(event, at=at)
        if isinstance(event, Stopped):
            runs_from = event.until if runs_from is None else max(event.until, runs_from)


def _failures(scenario: Scenario, outcome: Outcome) -> Iterator[Moment]:
    """Each span of ``spec.failures`` that begins while the scenario runs."""
    for failure in _settings(scenario)["spec"].get("failures", ()):
        since = parse_instant(failure["from"]) if "from" in failure else outcome.started_at
        if outcome.started_at <= since <= outcome.ended_at:
            until = f"until {failure['until']}" if "until" in failure else "for good"
            pools = ", ".join(failure.get("nodePools", ())) or "every NodePool"
            ends = {"until": failure["until"]} if "until" in failure else {}
            yield Moment(at=since, kind=failure["kind"], object=f"NodePool/{pools}", message=until, details=ends)


def _moment(record: Record) -> Moment:
    return Moment(
        at=record.at,
        kind=str(record.kind),
        object=record.object,
        reason=record.reason,
        message=record.message,
        details=dict(record.details),
    )


def _of_event(event: Event) -> Moment:
    kind = type(event).__name__
    if isinstance(event, Applied):
        metadata = event.manifest["metadata"]
        named = f"{event.manifest['kind']}/{metadata.get('name', '')}"
        return Moment(at=event.at, kind=kind, object=named)
    if isinstance(event, Deleted):
        return Moment(at=event.at, kind=kind, object=f"{event.kind}/{event.name}")
    if isinstance(event, NodeFailed):
        which = f"Node/{event.node}" if event.node else f"NodePool/{event.node_pool}"
        return Moment(
            at=event.at, kind=kind, object=which, message=plural(event.count, "node") if event.node_pool else ""
        )
    return Moment(at=event.at, kind=kind, object="cluster", message=f"for {span(event.until - event.at)}")


def _taken(pool: PoolOutcome) -> Iterator[Moment]:
    """Each node that is taken."""
    for at, why in pool.taken:
        yield Moment(at=at, kind="CommandStarted", object=f"NodePool/{pool.name}", node_pool=pool.name, reason=why)


def _windows(trace: Iterable[Record]) -> Iterator[Window]:
    opened: dict[str, datetime] = {}
    for record in trace:
        name = record.object.split("/", 1)[-1]
        if record.kind is RecordKind.WINDOW_OPENED:
            opened.setdefault(name, record.at)
        elif record.kind is RecordKind.WINDOW_CLOSED and name in opened:
            yield Window(configuration=name, since=opened.pop(name), until=record.at)
    for name, since in opened.items():
        yield Window(configuration=name, since=since, until=None)


# --- pods -------------------------------------------------------------------------------------------------------------


def _workload(item: WorkloadOutcome, zone_name: str) -> Workload:
    zone = zone_of(zone_name)
    return Workload(
        name=item.name,
        evicted=item.evicted,
        deleted=item.deleted,
        days=len({at.astimezone(zone).date() for at, _ in item.evictions}),
        most_in_an_hour=most_in_an_hour(item.evictions),
        evictions=tuple(Eviction(at=at, pods=pods) for at, pods in item.evictions),
    )


def most_in_an_hour(evictions: Iterable[tuple[datetime, int]]) -> int:
    """The most pods evicted within one hour; ``evictions`` (instant, pods) in order."""
    recent: deque[tuple[datetime, int]] = deque()
    now = most = 0
    for at, pods in evictions:
        recent.append((at, pods))
        now += pods
        while at - recent[0][0] >= _HOUR:
            now -= recent.popleft()[1]
        most = max(most, now)
    return most


# --- what was assumed -------------------------------------------------------------------------------------------------


def _assumed(scenario: Scenario) -> Iterator[str]:
    nodes = ", ".join(f"{step} {_timing(getattr(scenario.timings, step))}" for step in STEPS)
    yield f"A node's steps take: {nodes}."
    yield f"A pod takes {_timing(scenario.pods.start)} to start and {_timing(scenario.pods.termination)} to leave."
    yield from _listed(scenario)
    if scenario.settles:
        kinds = Counter(it["kind"] for it in scenario.manifests)
        made = sum(kinds[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"))
        pods = f" and the pods of {plural(made, 'workload')}" if made else ""
        yield f"No Nodes are given: there are as many as static pools{pods} need at the start."


def _listed(scenario: Scenario) -> Iterator[str]:
    """When the provider read its list of images: on a live cluster nobody can tell."""
    kept = settings_of(_settings(scenario)).pickup.cache_duration
    if kept and any(it["kind"] == names.AKS_NODE_CLASS for it in scenario.manifests):
        read = f"{span(SETTLES_FOR)} before" if scenario.settles else "at"
        length = span(kept) if kept % _HOUR else plural(kept // _HOUR, "hour")
        yield f"The list of images was read {read} the start. It is kept for {length}: a new image can wait that long."


def _settings(scenario: Scenario) -> Manifest:
    return next(it for it in scenario.manifests if it["kind"] == "NodeAutoProvisioning")


def _timing(it: Distribution) -> str:
    if it.kind == "fixed":
        return f"{it.low:g}s"
    told = _PARAMETERS[it.kind](it)
    return f"{it.kind} ({told}{'' if it.kind == 'uniform' else _cut_off(it)})"


_PARAMETERS: Final[Mapping[str, Callable[[Distribution], str]]] = {
    "uniform": lambda it: f"{it.low:g}s to {it.high:g}s",
    "normal": lambda it: f"mean {it.mean:g}s, deviation {it.deviation:g}s",
    "lognormal": lambda it: f"median {it.median:g}s, p95 {it.p95:g}s",
    "exponential": lambda it: f"mean {it.mean:g}s",
    "observed": lambda it: f"{plural(len(it.values), 'value')}, {it.values[0]:g}s to {it.values[-1]:g}s",
}


def _cut_off(it: Distribution) -> str:
    """The bounds that are set, whatever is drawn."""
    least = f", at least {it.low:g}s" if it.low else ""
    return f"{least}, at most {it.high:g}s" if isfinite(it.high) else least
