"""The forecasts of two sides, from one start and seed, and what is told of their difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from napsim.api.scalars import parse_instant
from napsim.cli.answers import Found
from napsim.cli.passage import Passage
from napsim.reading.judgement import SCENARIO_KIND
from napsim.report import difference as report
from napsim.report.phrases import plural
from napsim.sim.composition import Asked, is_of_snapshot, scenario_of
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate

_POOL: Final = "NodePool"


@dataclass(frozen=True, slots=True)
class _Told:
    """What of one forecast is compared. Risks are by what makes them the same on both sides."""

    scenario: Scenario
    outcome: Outcome
    finish: Mapping[str, datetime | None]
    blocked: Mapping[str, report.Risk]
    evicted_twice: Mapping[str, report.Risk]

    @property
    def evicted(self) -> int:
        return sum(item.evicted + item.deleted for item in self.outcome.workloads)


def declared_start(sides: Sequence[Found]) -> datetime | None:
    """Where a Scenario says its start; that of the last side counts, and one of the user's before a snapshot's."""
    told = [[it.manifest for it in found.of(SCENARIO_KIND)] for found in sides]
    ordered = (it for side in told for it in sorted(side, key=is_of_snapshot, reverse=True))
    said = [start for it in ordered if (start := it.get("spec", {}).get("start"))]
    return parse_instant(str(said[-1])) if said else None


def outlook(before: Found, after: Found, start: datetime, until: datetime | None, seed: int | None) -> report.Outlook:
    """Runs both. Both sides have a NodePool. Raises ``BadInput``."""
    new = scenario_of(after.objects, Asked(start, start, until, seed))
    old = scenario_of(before.objects, Asked(start, start, until, new.seed))
    return _outlook(_told(old), _told(new))


def can_forecast(found: Found) -> bool:
    return bool(found.of(_POOL))


def _told(scenario: Scenario) -> _Told:
    with Passage(scenario.start, scenario.until) as passage:
        outcome = simulate(scenario, passage, pods_in_trace=False)
    return _Told(
        scenario=scenario,
        outcome=outcome,
        finish={pool.name: pool.finished_at for pool in outcome.pools},
        blocked=_blocked(scenario, outcome),
        evicted_twice=_evicted_twice(scenario, outcome),
    )


def _blocked(scenario: Scenario, outcome: Outcome) -> dict[str, report.Risk]:
    """Nodes that are blocked to the end. Names of nodes that a forecast makes up say nothing: these are counted."""
    held = {item.node: item for item in outcome.blocked if item.until is None}
    waits = {
        f"{it.node_pool} {it.nodes} {it.message}": report.Risk(
            name=f"{plural(it.nodes, 'node')} of NodePool/{it.node_pool}", why=it.message
        )
        for it in outcome.budget_waits
        if it.until is None
    }
    if not scenario.settles:
        return waits | {node: report.Risk(name=f"Node/{node}", why=item.message) for node, item in held.items()}
    counted = Counter((item.node_pool, item.message) for item in held.values())
    return waits | {
        f"{pool} {count} {message}": report.Risk(name=f"{plural(count, 'node')} of NodePool/{pool}", why=message)
        for (pool, message), count in counted.items()
    }


def _evicted_twice(scenario: Scenario, outcome: Outcome) -> dict[str, report.Risk]:
    """Workloads that lose more pods than they have, so that at least one place in them is lost twice."""
    pods = {
        f"{it['metadata']['namespace']}/{it['kind']}/{it['metadata']['name']}": it["spec"].get("replicas", 1)
        for it in scenario.manifests
        if it["kind"] in {"Deployment", "StatefulSet", "ReplicaSet"}
    }
    lost = {item.name: item.evicted + item.deleted for item in outcome.workloads}
    return {
        name: report.Risk(name=name, why=f"{count} evictions of {plural(pods[name], 'pod')}")
        for name, count in sorted(lost.items())
        if name in pods and count > pods[name]
    }


def _outlook(old: _Told, new: _Told) -> report.Outlook:
    pools = sorted({*old.finish, *new.finish})
    finish = [report.Finish(pool="", before=old.outcome.finished_at, after=new.outcome.finished_at)]
    finish += [report.Finish(pool=it, before=old.finish.get(it), after=new.finish.get(it)) for it in pools]
    return report.Outlook(
        start=new.scenario.start,
        seed=new.scenario.seed,
        ended_before=old.outcome.ended_at,
        ended_after=new.outcome.ended_at,
        finish=tuple(finish),
        most_disrupting=(old.outcome.most_disrupting, new.outcome.most_disrupting),
        evicted=(old.evicted, new.evicted),
        blocked_gained=_only(new.blocked, old.blocked),
        blocked_lost=_only(old.blocked, new.blocked),
        evicted_twice_gained=_only(new.evicted_twice, old.evicted_twice),
        evicted_twice_lost=_only(old.evicted_twice, new.evicted_twice),
    )


def _only(found: Mapping[str, report.Risk], others: Mapping[str, report.Risk]) -> tuple[report.Risk, ...]:
    return tuple(risk for key, risk in sorted(found.items()) if key not in others)
