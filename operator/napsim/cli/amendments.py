"""Edits that may make a broken check hold, the smallest first.

Policy: ours. An edit is of one field, or of the budgets of the pools that a check is about. Its size is how far the new
value is from the old one: for numbers the binary logarithm of their ratio (twice as much is 1), for a day of the week
or a time of day the share of the week or day by which it moves, and 2 for what was not there before. What ``napsim
why`` proposes where a rollout stands counts as 1, as it is computed to end that block and no more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.api.checks import Assertion
from napsim.api.checks import Budgets as BudgetAssertion
from napsim.cli.wishes import manifest_of
from napsim.core.budget_wishes import WEEK_MINUTES, Freeze, WeekSpan, Wish, WishError, compiled
from napsim.core.periods import ALL_DAY, EVERY_DAY, Period, midnight
from napsim.core.recurrence import Weekday
from napsim.reading.kinds import is_known, namespace_of
from napsim.reading.sources import Document
from napsim.report.checks import Counterexample
from napsim.report.why import Chain, Edit
from napsim.sim.assertions import period_of
from napsim.sim.manifests import merged

NEW: Final = 2.0  # the size of what was not there before
_SUGGESTED: Final = 1.0
_NUMBERS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
_SHARES: Final = (1, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100)
_HOURS: Final = (4, 5, 6, 8, 10, 12, 16, 20, 24)
_GRACE: Final = ("1h", "24h")
_SHIFTS: Final = (-6, -3, -1, 1, 3, 6)  # hours by which a window starts earlier or later
_DAY_MINUTES: Final = 24 * 60
_SHARE: Final = re.compile(r"([0-9]+)%")


@dataclass(frozen=True, slots=True)
class Change:
    """A merge patch of the ``spec`` of one object, and what it changes in words."""

    kind: str
    namespace: str
    name: str
    spec: Mapping[str, Any]
    told: str

    @property
    def command(self) -> str:
        """The same with kubectl."""
        where = f" -n {self.namespace}" if self.namespace else ""
        patch = msgspec.json.encode({"spec": self.spec}).decode()
        return f"kubectl patch {self.kind.lower()} {self.name}{where} --type merge -p '{patch}'"

    def concerns(self, document: Document) -> bool:
        manifest = document.manifest
        if not is_known(manifest) or manifest["kind"] != self.kind:
            return False
        return manifest["metadata"].get("name") == self.name and self.namespace in {"", namespace_of(manifest)}


@dataclass(frozen=True, slots=True)
class Amendment:
    """One edit: of one object, or of several that belong together. ``note`` is its price, where it has one."""

    changes: tuple[Change, ...]
    size: float
    note: str = ""

    def applied(self, documents: Sequence[Document]) -> tuple[Document, ...]:
        made = []
        for document in documents:
            patches = [change.spec for change in self.changes if change.concerns(document)]
            manifest = document.manifest
            for spec in patches:
                manifest = merged(manifest, {"spec": spec})
            made.append(replace(document, manifest=manifest) if patches else document)
        return tuple(made)


def amendments(
    documents: Sequence[Document],
    broken: Iterable[tuple[Assertion, Counterexample | None]],
    zone: str,
    now: datetime,
) -> list[Amendment]:
    """All that is worth trying for these checks, the smallest first, each once."""
    objects = [it.manifest for it in documents if is_known(it.manifest)]
    found: list[Amendment] = []
    for assertion, example in broken:
        found += _suggested(example)
        found += _closing(objects, assertion, zone, now)
    for manifest in objects:
        make = _OF.get(manifest["kind"])
        if make is not None:
            found += make(manifest)
    unique = {tuple(change.command for change in it.changes): it for it in sorted(found, key=_size, reverse=True)}
    return sorted(unique.values(), key=_size)


def _size(it: Amendment) -> tuple[float, list[str]]:
    return it.size, [change.command for change in it.changes]


def _change(manifest: Mapping[str, Any], spec: Mapping[str, Any], told: str) -> Change:
    metadata = manifest["metadata"]
    return Change(str(manifest["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"]), spec, told)


def _ratio(before: float, after: float) -> float:
    return abs(math.log2(max(after, 0.5) / max(before, 0.5)))


# --- what why says ----------------------------------------------------------------------------------------------------


def _suggested(example: Counterexample | None) -> Iterator[Amendment]:
    if example is None or example.chain is None:
        return
    for edit in _edits(example.chain):
        spec = edit.patch.get("spec")
        if isinstance(spec, Mapping):
            change = Change(edit.kind, edit.namespace, edit.name, spec, edit.effect)
            yield Amendment((change,), _SUGGESTED)


def _edits(chain: Chain) -> Iterator[Edit]:
    links = (*chain.links, *(held.link for held in chain.held if held.link is not None))
    yield from (link.edit for link in links if link.edit is not None)


# --- budgets ----------------------------------------------------------------------------------------------------------


def _pool(manifest: Mapping[str, Any]) -> Iterator[Amendment]:
    disruption = manifest["spec"].get("disruption") or {}
    budgets = disruption.get("budgets")
    budgets = [{"nodes": "10%"}] if budgets is None else budgets
    for index, budget in enumerate(budgets):
        nodes = str(budget.get("nodes", "10%"))
        for value, size in _amounts(nodes):
            edited = [*budgets[:index], {**budget, "nodes": value}, *budgets[index + 1 :]]
            told = f"spec.disruption.budgets[{index}].nodes: {nodes} → {value}"
            yield Amendment((_change(manifest, {"disruption": {"budgets": edited}}, told),), size)
    if all(budget.get("schedule") for budget in budgets):
        for number in _NUMBERS:
            edited = [*budgets, {"nodes": str(number)}]
            told = f"spec.disruption.budgets: one more, nodes {number} at all times"
            yield Amendment((_change(manifest, {"disruption": {"budgets": edited}}, told),), NEW + number / 1000)
    yield from _grace(manifest)


def _amounts(nodes: str) -> Iterator[tuple[str, float]]:
    """Other amounts of the same sort, each with its size; none for what closes, which somebody wants closed."""
    match = _SHARE.fullmatch(nodes)
    before = int(match[1]) if match is not None else int(nodes) if nodes.isdecimal() else 0
    for after in (_SHARES if match is not None else _NUMBERS) if before else ():
        if after != before:
            yield f"{after}%" if match is not None else str(after), _ratio(before, after)


def _grace(manifest: Mapping[str, Any]) -> Iterator[Amendment]:
    """A time after which a drain does not wait any longer."""
    if (manifest["spec"]["template"]["spec"]).get("terminationGracePeriod"):
        return
    for position, length in enumerate(_GRACE):
        told = f"spec.template.spec.terminationGracePeriod: absent → {length}"
        change = _change(manifest, {"template": {"spec": {"terminationGracePeriod": length}}}, told)
        note = (
            "PodDisruptionBudgets hold no longer than that, for nodes that are created after it was set; all nodes of"
            " the pool drift by it"
        )
        yield Amendment((change,), NEW + 1 - position / 10, note)


def _closing(
    objects: Sequence[Mapping[str, Any]], assertion: Assertion, zone: str, now: datetime
) -> Iterator[Amendment]:
    """Budgets that close the times of a check, for the pools that it is about."""
    wanted = assertion.no_disruption or assertion.budgets
    if wanted is None:
        return
    period = period_of(wanted, zone)
    nodes = str(wanted.at_most) if isinstance(wanted, BudgetAssertion) else "0"
    try:
        found = compiled(_wish(period), now)
    except WishError:
        return  # more budgets than a NodePool has: no edit of this kind
    added = [{**manifest_of(it), "nodes": nodes} for it in found.plain[1:]]
    changes = []
    for manifest in objects:
        if manifest["kind"] != "NodePool" or (
            wanted.node_pools and manifest["metadata"]["name"] not in wanted.node_pools
        ):
            continue
        budgets = (manifest["spec"].get("disruption") or {}).get("budgets")
        kept = [{"nodes": "10%"}] if budgets is None else budgets
        told = f"spec.disruption.budgets: {len(added)} more, which allow {nodes} at these times"
        changes.append(_change(manifest, {"disruption": {"budgets": [*deepcopy(kept), *added]}}, told))
    if changes and added:
        note = f"valid until {found.valid_until:%Y-%m-%d %H:%M} UTC: {found.because}" if found.valid_until else ""
        yield Amendment(tuple(changes), NEW * len(changes), note)


def _wish(period: Period) -> Wish:
    """All is open but the period."""
    freezes: tuple[Freeze, ...] = ()
    if period.first is not None and period.last is not None:
        start, end = (midnight(day, period.zone) for day in (period.first, period.last + timedelta(days=1)))
        freezes = (Freeze(start, end, f"{period.first}/{period.last}"),)
    whole = (WeekSpan(0, WEEK_MINUTES),)
    if freezes and (period.days, period.minutes) == (EVERY_DAY, ALL_DAY):
        return Wish(whole, period.zone, "100%", freezes)
    return Wish(tuple(_open(period)), period.zone, "100%")


def _open(period: Period) -> Iterator[WeekSpan]:
    closed = [False] * WEEK_MINUTES
    for day in period.days:
        for minute in range(*period.minutes):
            closed[(day * _DAY_MINUTES + minute) % WEEK_MINUTES] = True
    yield from (WeekSpan(minute, 1) for minute in range(WEEK_MINUTES) if not closed[minute])


# --- windows and pods -------------------------------------------------------------------------------------------------


def _window(manifest: Mapping[str, Any]) -> Iterator[Amendment]:
    window = manifest["spec"].get("maintenanceWindow")
    if not window:
        return
    hours, start = int(window["durationHours"]), str(window.get("startTime", "00:00"))
    for after in _HOURS:
        if after != hours:
            told = f"spec.maintenanceWindow.durationHours: {hours} → {after}"
            change = _change(manifest, {"maintenanceWindow": {"durationHours": after}}, told)
            yield Amendment((change,), _ratio(hours, after))
    for shift in _SHIFTS:
        moved = f"{(int(start[:2]) + shift) % 24:02d}{start[2:]}"
        told = f"spec.maintenanceWindow.startTime: {start} → {moved}"
        yield Amendment((_change(manifest, {"maintenanceWindow": {"startTime": moved}}, told),), abs(shift) / 24)
    weekly = window["schedule"].get("weekly")
    if weekly is not None:
        yield from _days(manifest, str(weekly["dayOfWeek"]))


def _days(manifest: Mapping[str, Any], before: str) -> Iterator[Amendment]:
    for day in Weekday:
        if day.label != before:
            old = next(it for it in Weekday if it.label == before)
            apart = min((day - old) % 7, (old - day) % 7)
            told = f"spec.maintenanceWindow.schedule.weekly.dayOfWeek: {before} → {day.label}"
            spec = {"maintenanceWindow": {"schedule": {"weekly": {"dayOfWeek": day.label}}}}
            yield Amendment((_change(manifest, spec, told),), apart / 7)


def _disruption_budget(manifest: Mapping[str, Any]) -> Iterator[Amendment]:
    spec = manifest["spec"]
    for field, steps in (("maxUnavailable", (1, 2)), ("minAvailable", (-1, -2))):
        value = spec.get(field)
        if isinstance(value, int):
            for step in steps:
                if value + step >= 0:
                    told = f"spec.{field}: {value} → {value + step}"
                    yield Amendment((_change(manifest, {field: value + step}, told),), _ratio(value, value + step))
    if isinstance(spec.get("minAvailable"), str):
        told = f"spec.minAvailable: {spec['minAvailable']} → absent, spec.maxUnavailable: absent → 1"
        yield Amendment((_change(manifest, {"minAvailable": None, "maxUnavailable": 1}, told),), NEW)


def _replicas(manifest: Mapping[str, Any]) -> Iterator[Amendment]:
    replicas = int(manifest["spec"].get("replicas", 1))
    if replicas:
        told = f"spec.replicas: {replicas} → {replicas + 1}"
        yield Amendment((_change(manifest, {"replicas": replicas + 1}, told),), _ratio(replicas, replicas + 1))


_OF: Final = {
    "NodePool": _pool,
    "MaintenanceConfiguration": _window,
    "PodDisruptionBudget": _disruption_budget,
    "Deployment": _replicas,
    "StatefulSet": _replicas,
}
