"""``napsim budgets``: how many nodes of which pool may be disrupted when, and for which reason."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from napsim.api import names
from napsim.cli.answers import (
    Form,
    Found,
    Html,
    Ics,
    Output,
    Zone,
    found_in,
    instant,
    local_zone,
    name_of,
    refuse,
    show,
    write,
)
from napsim.cli.pools import check_pools, counted, decoded, nodes_by_pool, total_of
from napsim.cli.wishes import Asked as Wished
from napsim.cli.wishes import answer
from napsim.cli.wishes import document as wish_document
from napsim.cli.wishes import text as wish_text
from napsim.core.budget_levels import Course, Level, course, findings
from napsim.core.budgets import DRIFTED, EMPTY, UNDERUTILIZED, UNLIMITED, Budget, describe
from napsim.core.nodepools import NodePool
from napsim.reading.sources import BadInput, Document
from napsim.report import budget_calendar as report
from napsim.report.times import zone_of

KIND: Final = "NodePool"
WISH: Final = "A wish, compiled into budgets"
_NOT_AS_WISHED: Final = 1
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


@app.command(
    epilog=(
        "Examples: napsim budgets manifests/examples --nodes default=40 --time-zone Europe/Berlin; the other way:"
        " napsim budgets --weekend-only --time-zone Europe/Berlin --nodes 10% --verify. Exit codes: 0 answered; 1"
        " --verify finds budgets that are not as wished; 2 wrong usage or bad input, every mistake with its place."
    )
)
def budgets(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Manifests: files, folders, or -; none for a wish."),
    ] = None,
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
        typer.Option(
            metavar="N|POOL=N|N%", help="How many nodes a pool has, several times; in a wish: how many at once."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="DAYS [TIMES]", help="Sat,Sun; Mon-Fri 22:00-06:00; several times.", rich_help_panel=WISH),
    ] = None,
    weekend_only: Annotated[
        bool, typer.Option("--weekend-only", help="The same as --only Sat,Sun.", rich_help_panel=WISH)
    ] = False,
    only_windows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="In the windows of this configuration.", rich_help_panel=WISH),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(metavar="DAY/DAY", help="Never from this day to that; several times.", rich_help_panel=WISH),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Evaluate a wish's budgets, minute by minute.", rich_help_panel=WISH)
    ] = False,
    time_zone: Zone = None,
    output: Form = Output.TEXT,
    html: Html = None,
    ics: Ics = None,
) -> None:
    """How many nodes may be disrupted when, for which reason? Or, of a wish: which budgets say it?"""
    zone = time_zone or local_zone(os.environ)
    now = at or datetime.now(UTC).replace(microsecond=0)
    wished = (*(only or ()), *(["Sat,Sun"] if weekend_only else []))
    if wished or only_windows or freeze or verify:
        _check_wish(paths, wished, only_windows, (html, ics), nodes or ())
        reasons, share, verified = tuple(map(str, reason or Reason)), (nodes or ["10%"])[0], length or _WEEK
        since = now.replace(second=0, microsecond=0)
        freezes, looked_at = tuple(freeze or ()), verified if verify else None
        _grant(Wished(since, zone, wished, only_windows, freezes, share, reasons, looked_at), output)
        return
    if not paths:
        raise typer.BadParameter("manifests, or a wish: --only, --weekend-only or --only-windows", param_hint="PATH…")
    start = at or datetime.combine(now.astimezone(zone_of(zone)), time(0), zone_of(zone)).astimezone(UTC)
    asked = _Asked(now, start, start + (length or _WEEK), zone, tuple(reason or Reason), nodes_by_pool(nodes or ()))
    try:
        calendar = _calendar(found_in(paths, _KINDS, KIND), asked)
    except BadInput as error:
        raise refuse("budgets", error) from error
    _files(calendar, html, ics)
    if output is Output.JSON:
        typer.echo(report.document(calendar))
    else:
        show(report.lines(calendar))


def _check_wish(
    paths: list[str] | None,
    wished: Sequence[str],
    windows: Path | None,
    files: Sequence[Path | None],
    nodes: Sequence[str],
) -> None:
    """Raises BadParameter for options that do not go together."""
    if not wished and windows is None:
        raise typer.BadParameter(
            "there is no wish: --only, --weekend-only or --only-windows", param_hint="--freeze, --verify"
        )
    if paths:
        raise typer.BadParameter("a wish takes no manifests: they are given as --only-windows", param_hint="PATH…")
    if any(files):
        raise typer.BadParameter("a wish has neither: ask for the budgets that it gives", param_hint="--html, --ics")
    if len(nodes) > 1:
        raise typer.BadParameter("a wish has one: how many may be disrupted at once", param_hint="--nodes")


def _grant(wished: Wished, output: Output) -> None:
    try:
        told = answer(wished)
    except BadInput as error:
        raise refuse("budgets", error) from error
    typer.echo(wish_document(told) if output is Output.JSON else wish_text(told), nl=output is Output.JSON)
    if not told.holds:
        raise typer.Exit(_NOT_AS_WISHED)


def _files(calendar: report.BudgetCalendar, html: Path | None, ics: Path | None) -> None:
    if html is not None:
        from napsim.report.budget_page import page  # noqa: PLC0415 - few want one and loading it takes long

        write("budgets", html, page(calendar).encode())
    if ics is not None:
        from napsim.report.answer_calendars import of_budgets  # noqa: PLC0415 - few want one and loading it takes long

        write("budgets", ics, of_budgets(calendar))


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
    documents, nodes = found.of(KIND), counted(found.of(_NODE))
    check_pools(asked.nodes, map(name_of, documents))
    pools = tuple(_pool(document, pool, its, asked, nodes) for document, pool, its in decoded(documents))
    return report.BudgetCalendar(start=asked.start, end=asked.end, time_zone=asked.zone, pools=pools, notes=found.notes)


# --- one pool ---------------------------------------------------------------------------------------------------------


def _pool(
    document: Document, pool: NodePool, its: tuple[Budget, ...], asked: _Asked, nodes: Counter[str]
) -> report.Pool:
    total, source = total_of(document, pool, asked.nodes, nodes)
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
