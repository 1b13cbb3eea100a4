"""``napsim budgets``: how many nodes of which pool may be disrupted when, and for which reason."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final

import msgspec
import typer

from napsim.api import names
from napsim.cli.answers import Form, Found, Output, Paths, Zone, found_in, instant, local_zone, name_of, refuse, show
from napsim.core.budget_levels import Course, Level, course, findings
from napsim.core.budgets import DRIFTED, EMPTY, UNDERUTILIZED, UNLIMITED, Budget, BudgetError, describe
from napsim.core.nodepools import NodePool, budgets_of
from napsim.report import budget_calendar as report
from napsim.report.times import zone_of
from napsim.sim.sources import BadInput, Document, Mistake

KIND: Final = "NodePool"
ASSUMED_NODES: Final = 100  # where nothing says how many: a percentage is then the number
_MOST_NODES: Final = 1_000_000
_NODE: Final = "Node"
_KINDS: Final = {KIND: names.KARPENTER_GROUP, _NODE: ""}
_UNITS: Final = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_SPAN: Final = re.compile(r"(?:[0-9]{1,6}[wdhm])+")
_WEEK: Final = timedelta(weeks=1)
_LONGEST: Final = timedelta(days=366)

app = typer.Typer(add_completion=False)


class Reason(StrEnum):
    """Karpenter's reasons for a disruption that budgets bound."""

    DRIFTED = DRIFTED
    EMPTY = EMPTY
    UNDERUTILIZED = UNDERUTILIZED


def _length(text: str) -> timedelta:
    parts = re.findall(r"([0-9]+)([wdhm])", text) if _SPAN.fullmatch(text) else []
    length = sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta(0))
    if not timedelta(0) < length <= _LONGEST:
        raise typer.BadParameter("must be a span from 1m to 366d, such as 7d, 2w or 36h")
    return length


def _nodes(texts: Sequence[str]) -> dict[str, int]:
    """By pool; that of every other pool under an empty name. Raises BadParameter naming every text that is wrong."""
    found, wrong = {}, []
    for text in texts:
        pool, _, number = text.rpartition("=")
        if number.isdecimal() and int(number) <= _MOST_NODES and text.count("=") <= 1 and not text.startswith("="):
            found[pool] = int(number)
        else:
            wrong.append(repr(text))
    if wrong:
        allowed = f"a number of nodes up to {_MOST_NODES}, alone or as pool=number"
        raise typer.BadParameter(f"{', '.join(wrong)}: must be {allowed}", param_hint="--nodes")
    return found


@app.command(
    epilog=(
        "Example: napsim budgets manifests/examples --nodes default=40 --time-zone Europe/Berlin. Exit codes: 0"
        " answered; 2 wrong usage or bad input, every mistake with its place."
    )
)
def budgets(
    paths: Paths,
    at: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="RFC 3339; by default the beginning of today."),
    ] = None,
    length: Annotated[
        timedelta | None,
        typer.Option("--span", parser=_length, metavar="SPAN", help="How long: 36h, 2w; by default 7d."),
    ] = None,
    reason: Annotated[
        list[Reason] | None, typer.Option(help="For this reason alone; may be given several times.")
    ] = None,
    nodes: Annotated[
        list[str] | None,
        typer.Option(metavar="N|POOL=N", help="How many nodes a pool has; may be given several times."),
    ] = None,
    time_zone: Zone = None,
    output: Form = Output.TEXT,
) -> None:
    """How many nodes may be disrupted when, for which reason?"""
    zone = time_zone or local_zone(os.environ)
    now = at or datetime.now(UTC).replace(microsecond=0)
    start = at or datetime.combine(now.astimezone(zone_of(zone)), time(0), zone_of(zone)).astimezone(UTC)
    asked = _Asked(now, start, start + (length or _WEEK), zone, tuple(reason or Reason), _nodes(nodes or ()))
    try:
        calendar = _calendar(found_in(paths, _KINDS, KIND), asked)
    except BadInput as error:
        raise refuse("budgets", error) from error
    if output is Output.JSON:
        typer.echo(report.document(calendar))
    else:
        show(report.lines(calendar))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks for. ``now`` is where budgets in words are looked at."""

    now: datetime
    start: datetime
    end: datetime
    zone: str
    reasons: tuple[Reason, ...]
    nodes: Mapping[str, int]


def _calendar(found: Found, asked: _Asked) -> report.BudgetCalendar:
    """Raises ``BadInput`` for budgets that do not decode, and where ``--nodes`` names pools that there are not."""
    documents, counted = found.of(KIND), _counted(found.of(_NODE))
    unknown = sorted(asked.nodes.keys() - {"", *map(name_of, documents)})
    if unknown:
        there = f"there is no such NodePool; there are {', '.join(sorted(map(name_of, documents)))}"
        raise BadInput([Mistake("--nodes", 0, f"NodePool/{name}", "", None, there) for name in unknown])
    decoded = _decoded(documents)
    pools = tuple(_pool(document, pool, its, asked, counted) for document, pool, its in decoded)
    return report.BudgetCalendar(start=asked.start, end=asked.end, time_zone=asked.zone, pools=pools, notes=found.notes)


def _counted(documents: Sequence[Document]) -> Counter[str]:
    """Initialized Nodes by pool, as budgets count them."""
    labels = [document.manifest["metadata"].get("labels") or {} for document in documents]
    return Counter(it.get(names.NODEPOOL, "") for it in labels if it.get(names.INITIALIZED) == "true")


def _decoded(documents: Sequence[Document]) -> list[tuple[Document, NodePool, tuple[Budget, ...]]]:
    found, mistakes = [], []
    for document in documents:
        pool = msgspec.convert(document.manifest, NodePool, strict=False)
        its = []
        for index, spec in enumerate(budgets_of(pool)):
            try:
                its.append(Budget.from_spec(spec))
            except BudgetError as error:
                mistakes.append(document.mistake(f"spec.disruption.budgets[{index}]", None, str(error)))
        found.append((document, pool, tuple(its)))
    if mistakes:
        raise BadInput(mistakes)
    return found


# --- one pool ---------------------------------------------------------------------------------------------------------


def _pool(
    document: Document, pool: NodePool, its: tuple[Budget, ...], asked: _Asked, counted: Counter[str]
) -> report.Pool:
    total, source = next(_totals(document, pool, asked, counted))
    return report.Pool(
        name=name_of(document),
        file=document.file,
        line=document.line,
        nodes=total,
        nodes_from=source,
        assumed=source.startswith("assumed"),
        budgets=tuple(describe(budget, total, asked.now) for budget in its),
        courses=tuple(_courses(its, total, asked)),
    )


def _totals(document: Document, pool: NodePool, asked: _Asked, counted: Counter[str]) -> Iterator[tuple[int, str]]:
    """How many nodes the pool may have, what says so: what goes before all else first."""
    name = name_of(document)
    for key in (name, ""):
        if key in asked.nodes:
            yield asked.nodes[key], "--nodes"
    if counted[name]:
        yield counted[name], "its Nodes in the input"
    reported = (document.manifest.get("status") or {}).get("nodes")
    if reported:
        yield int(reported), "status.nodes"
    if pool.spec.replicas:
        yield pool.spec.replicas, "spec.replicas"
    yield ASSUMED_NODES, f"assumed, for percentages; --nodes {name}=N says how many there are"


def _courses(its: Sequence[Budget], total: int, asked: _Asked) -> Iterator[report.Course]:
    """Reasons for which all is the same are told together; those that the same budgets concern are looked at once."""
    concerned: dict[tuple[bool, ...], list[Reason]] = {}
    for reason in asked.reasons:
        concerned.setdefault(tuple(budget.applies_to(reason) for budget in its), []).append(reason)
    same: dict[report.Course, list[str]] = {}
    for reasons in concerned.values():
        told = _course(course(its, reasons[0], total, asked.start, asked.end))
        same.setdefault(told, []).extend(map(str, reasons))
    for told, names_of_reasons in same.items():
        yield msgspec.structs.replace(told, reasons=tuple(names_of_reasons))


def _course(found: Course) -> report.Course:
    return report.Course(
        reasons=(),
        levels=tuple(map(_level, found.levels)),
        stretches=tuple(
            report.Stretch(start=it.start, end=it.end, allowed=_allowed(it.allowed)) for it in found.stretches
        ),
        findings=tuple(report.Finding(reason=it.reason, message=it.message) for it in findings(found)),
    )


def _level(level: Level) -> report.Level:
    return report.Level(
        allowed=_allowed(level.allowed),
        seconds=level.total.total_seconds(),
        longest_from=level.longest.start,
        longest_seconds=level.longest.length.total_seconds(),
        at_least=level.longest.cut,
    )


def _allowed(allowed: int) -> report.Allowed:
    return report.UNLIMITED if allowed == UNLIMITED else allowed
