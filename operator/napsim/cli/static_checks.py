"""Assertions of ``napsim check`` that need no forecast: how long windows are, and what budgets allow at which times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from napsim.api import names
from napsim.api.checks import Budgets, Windows
from napsim.cli.answers import Found, name_of
from napsim.cli.configurations import configurations_of, settings_in
from napsim.cli.pools import assumptions, counted, decoded, total_of
from napsim.core.budget_levels import course
from napsim.core.budgets import UNLIMITED
from napsim.core.budgets import describe as describe_budget
from napsim.core.windows import Window, cutouts, describe, windows
from napsim.report.checks import Counterexample
from napsim.report.times import full, span
from napsim.sim.assertions import period_of

KINDS: Final = {
    "MaintenanceConfiguration": names.NAPSIM_GROUP,
    "NodeAutoProvisioning": names.NAPSIM_GROUP,
    "NodePool": names.KARPENTER_GROUP,
    "Node": "",
}
_SAYS: Final = "its Nodes, status.nodes or spec.replicas would say how many there are"
_YEAR: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Judged:
    """``breach`` is None where the assertion holds; ``measure`` is how near it comes, in words."""

    measure: str
    breach: Counterexample | None = None


def windows_are_long(found: Found, wanted: Windows, now: datetime) -> Judged:
    """Of the configuration of that name (of several objects the first by name, as AKS has one), for a year."""
    its = [
        item
        for item in found.of("MaintenanceConfiguration")
        if item.manifest["spec"]["configName"] == wanted.config_name
    ]
    read = configurations_of(its, now, settings_in(found.of("NodeAutoProvisioning")))
    if not read:
        message = f"there is no MaintenanceConfiguration {wanted.config_name}"
        return Judged("no window", Counterexample(at=now, message=message))
    document, configuration = min(read, key=lambda item: name_of(item[0]))
    coming = list(takewhile(lambda window: window.start < now + _YEAR, windows(configuration, now)))
    if not coming:
        return Judged("no window", Counterexample(at=now, message=f"{wanted.config_name} has no window for a year"))
    shortest = min(coming, key=lambda window: (_length(window), window.start))
    short = next((window for window in coming if _length(window) < wanted.at_least), None)
    measure = f"{len(coming)} windows, the shortest {span(_length(shortest))}"
    if short is None:
        return Judged(measure)
    around = Window(short.start - timedelta(days=1), short.until + timedelta(days=1))
    cuts = [f"{cut.exclusion.field} ({cut.exclusion.text}) cuts it" for cut in cutouts(configuration, around)]
    local = describe(short, configuration.zone)
    message = f"{describe(short)} ({local}) lasts {span(_length(short))}"
    reasons = (f"MaintenanceConfiguration/{name_of(document)} is in {document.file}:{document.line}", *cuts)
    return Judged(measure, Counterexample(at=short.start, message=message, reasons=reasons))


def _length(window: Window) -> timedelta:
    return window.until - window.start


def budgets_are_strict(found: Found, wanted: Budgets, zone: str, start: datetime, end: datetime) -> Judged:
    """At every instant of these times between ``start`` and ``end``, by the schedules alone."""
    spans = list(period_of(wanted, zone).spans(start, end))
    pools = decoded(found.of("NodePool"))
    if not spans or not pools:
        lacking = (
            "there is no NodePool" if spans else f"none of these times is between {full(start)} and {full(end)} UTC"
        )
        return Judged("not decided", Counterexample(at=end if pools else start, message=lacking))
    nodes, most, broken = counted(found.of("Node")), 0, list[Counterexample]()
    for document, pool, budgets in pools:
        if wanted.node_pools is not None and pool.name not in wanted.node_pools:
            continue
        total, _ = total_of(document, pool, {}, nodes)
        for stretch in course(budgets, wanted.reason, total, start, end).stretches:
            for since, until in spans:
                at = max(since, stretch.start)
                if at >= min(until, stretch.end):
                    continue
                most = max(most, stretch.allowed)
                if stretch.allowed > wanted.at_most:
                    told = tuple(
                        f"budgets[{place}]: {describe_budget(it, total, at)}" for place, it in enumerate(budgets)
                    )
                    message = f"pool {pool.name} allows {_allowed(stretch.allowed)} at once"
                    broken.append(Counterexample(at=at, message=message, node_pool=pool.name, reasons=told))
    measure = f"{_allowed(most)} at once at most"
    return Judged(measure, min(broken, key=lambda item: (item.at, item.node_pool)) if broken else None)


def assumed(found: Found, wanted: Budgets) -> Iterator[str]:
    """What is to be said of the pools that the assertion is about."""
    its = [
        item for item in decoded(found.of("NodePool")) if wanted.node_pools is None or item[1].name in wanted.node_pools
    ]
    yield from assumptions(its, {}, counted(found.of("Node")), _SAYS)


def _allowed(count: int) -> str:
    return "unlimited" if count >= UNLIMITED else str(count)
