"""What ``napsim budgets`` answers: the levels of budgets, of manifests or of a live cluster; and of a wish."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import typer

from napsim.api import names
from napsim.cli.answers import Found, local_zone, name_of, refuse, show, takes_stdout, write
from napsim.cli.livecluster import found_of, live_cluster
from napsim.cli.options import LiveChoice, Output
from napsim.cli.pools import ASSUMED, check_pools, counted, decoded, nodes_by_pool, total_of
from napsim.cli.wishes import Asked as Wished
from napsim.cli.wishes import answer
from napsim.cli.wishes import document as wish_document
from napsim.cli.wishes import text as wish_text
from napsim.core.budget_levels import Course, Level, course, findings
from napsim.core.budgets import UNLIMITED, Budget, describe
from napsim.core.nodepools import NodePool
from napsim.core.periods import midnight
from napsim.reading.sources import BadInput, Document
from napsim.report import budget_calendar as report
from napsim.report.times import zone_of

KIND: Final = "NodePool"
_NOT_AS_WISHED: Final = 1
_NODE: Final = "Node"
_KINDS: Final = {KIND: names.KARPENTER_GROUP, _NODE: ""}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for; ``at`` and ``time_zone``: None is not at all."""

    at: datetime | None
    length: timedelta
    time_zone: str | None
    reasons: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def zone(self) -> str:
        return self.time_zone or local_zone(os.environ)


@dataclass(frozen=True, slots=True)
class _Span:
    """The same, once it is known what time it is. ``now`` is where budgets in words are looked at."""

    now: datetime
    start: datetime
    end: datetime
    zone: str
    reasons: tuple[str, ...]
    nodes: Mapping[str, int]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def calendar(asked: Asked, paths: Sequence[str] | None, choice: LiveChoice) -> report.BudgetCalendar:
    """Of manifests, or of a live cluster. Raises ``Exit`` for bad input, every mistake told."""
    live = live_cluster(choice, "budgets", _KINDS) if choice.is_made(paths) else None
    now, zone = asked.at or (live.now.replace(microsecond=0) if live else _now()), asked.zone
    start = asked.at or _midnight(now, zone)
    its = _Span(now, start, start + asked.length, zone, asked.reasons, nodes_by_pool(asked.nodes))
    try:
        return _calendar(found_of(live, paths, _KINDS, KIND), its)
    except BadInput as error:
        raise refuse("budgets", error) from error


def _calendar(found: Found, asked: _Span) -> report.BudgetCalendar:
    """Raises ``BadInput`` for budgets that do not decode, and where ``--nodes`` names pools that there are not."""
    documents, nodes = found.of(KIND), counted(found.of(_NODE))
    check_pools(asked.nodes, map(name_of, documents))
    pools = tuple(_pool(document, pool, its, asked, nodes) for document, pool, its in decoded(documents))
    return report.BudgetCalendar(start=asked.start, end=asked.end, time_zone=asked.zone, pools=pools, notes=found.notes)


# --- one pool ---------------------------------------------------------------------------------------------------------


def _pool(
    document: Document, pool: NodePool, its: tuple[Budget, ...], asked: _Span, nodes: Counter[str]
) -> report.Pool:
    total, source = total_of(document, pool, asked.nodes, nodes)
    return report.Pool(
        name=name_of(document),
        file=document.file,
        line=document.line,
        nodes=total,
        nodes_from=source,
        assumed=source.startswith(ASSUMED),
        budgets=tuple(describe(budget, total, asked.now) for budget in its),
        courses=tuple(_courses(its, total, asked)),
    )


def _courses(its: Sequence[Budget], total: int, asked: _Span) -> Iterator[report.Course]:
    """Reasons for which all is the same are told together; those that the same budgets concern are looked at once."""
    concerned: dict[tuple[bool, ...], list[str]] = {}
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


def _midnight(now: datetime, zone: str) -> datetime:
    """The beginning of the day in that zone."""
    return midnight(now.astimezone(zone_of(zone)), zone_of(zone))


# --- printing ---------------------------------------------------------------------------------------------------------


def grant(
    asked: Asked,
    only: tuple[str, ...],
    windows: Path | None,
    freezes: tuple[str, ...],
    *,
    verify: bool,
    output: Output,
) -> None:
    """Print the budgets of a wish. Raises ``Exit`` for bad input, and where they are not as wished."""
    since = (asked.at or _now()).replace(second=0, microsecond=0)
    share, looked_at = (asked.nodes or ("10%",))[0], asked.length if verify else None
    wished = Wished(since, asked.zone, only, windows, freezes, share, asked.reasons, looked_at)
    try:
        told = answer(wished)
    except BadInput as error:
        raise refuse("budgets", error) from error
    typer.echo(wish_document(told) if output is Output.JSON else wish_text(told), nl=output is Output.JSON)
    if not told.holds:
        raise typer.Exit(_NOT_AS_WISHED)


def tell(calendar: report.BudgetCalendar, output: Output, html: Path | None, ics: Path | None) -> None:
    """Print it, and write it into files. Raises ``BadParameter`` where standard output is asked for twice."""
    aside = takes_stdout(output, {"--html": html, "--ics": ics})
    if html is not None:
        from napsim.report.budget_page import page  # noqa: PLC0415 - few want one and loading it takes long

        write("budgets", html, page(calendar).encode())
    if ics is not None:
        from napsim.report.answer_calendars import of_budgets  # noqa: PLC0415 - few want one and loading it takes long

        write("budgets", ics, of_budgets(calendar))
    if output is Output.JSON:
        typer.echo(report.document(calendar))
    else:
        show(report.lines(calendar), aside=aside)
