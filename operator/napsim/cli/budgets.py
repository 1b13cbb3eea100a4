"""``napsim budgets``: how many nodes of which pool may be disrupted when, and for which reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.loading import loading
from napsim.cli.options import Cluster, Context, Form, Html, Ics, Kubeconfig, LiveChoice, Output, Zone, instant

WISH: Final = "A wish: napsim writes the budgets"
_UNITS: Final = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_SPAN: Final = re.compile(r"(?:[0-9]{1,6}[wdhm])+")
_WEEK: Final = timedelta(weeks=1)
_LONGEST: Final = timedelta(days=366)

app = typer.Typer(add_completion=False)


class Reason(StrEnum):
    """Karpenter's reasons for a disruption that budgets bound (``core.budgets``, which the help does without)."""

    DRIFTED = "Drifted"
    EMPTY = "Empty"
    UNDERUTILIZED = "Underutilized"


def _length(text: str) -> timedelta:
    parts = re.findall(r"([0-9]+)([wdhm])", text) if _SPAN.fullmatch(text) else []
    length = sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta(0))
    if not timedelta(0) < length <= _LONGEST:
        raise typer.BadParameter(f"{text!r}: must be a span from 1m to 366d, such as 7d, 2w or 36h")
    return length


@app.command(
    epilog=ending(
        "napsim budgets manifests/examples --nodes default=40",
        "napsim budgets manifests/examples --reason Drifted --span 2w",
        "napsim budgets --weekend-only --time-zone Europe/Berlin --nodes 10% --verify",
        notes="Without PATH it writes budgets that allow disruption as --only, --weekend-only or --only-windows say.",
        exits={0: "answered", 1: "--verify finds that the written budgets do not do what was asked", 2: WRONG_INPUT},
    )
)
def budgets(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Manifests: files, folders, or -; none for a wish or a live cluster."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="RFC 3339; by default the beginning of today."),
    ] = None,
    length: Annotated[
        timedelta | None,
        typer.Option("--span", parser=_length, metavar="SPAN", help="How long: 36h, 2w; by default 7d."),
    ] = None,
    reason: Annotated[list[Reason] | None, typer.Option(help="For this reason alone; repeatable.")] = None,
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|POOL=N|N%", help="How many nodes a pool has, repeatable; with --only: how many at once."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DAYS [TIMES]",
            help="Write budgets that allow it only then: Sat,Sun; Mon-Fri 22:00-06:00.",
            rich_help_panel=WISH,
        ),
    ] = None,
    weekend_only: Annotated[
        bool, typer.Option("--weekend-only", help="The same as --only Sat,Sun.", rich_help_panel=WISH)
    ] = False,
    only_windows: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write budgets for the windows of this MaintenanceConfiguration.", rich_help_panel=WISH
        ),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DAY/DAY", help="Beside --only: never from this day to that; repeatable.", rich_help_panel=WISH
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the written budgets, minute by minute.", rich_help_panel=WISH)
    ] = False,
    time_zone: Zone = None,
    output: Form = Output.TEXT,
    html: Html = None,
    ics: Ics = None,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """How many nodes may be disrupted when, for which reason? Or: which budgets allow just what you want?"""
    with loading():
        from napsim.cli.levels import Asked, calendar, grant, tell  # noqa: PLC0415 - the help does without

    choice = LiveChoice(cluster, kubeconfig, context)
    wished = (*(only or ()), *(["Sat,Sun"] if weekend_only else []))
    asked = Asked(at, length or _WEEK, time_zone, tuple(map(str, reason or Reason)), tuple(nodes or ()))
    if wished or only_windows or freeze or verify:
        _check_wish(bool(paths) or choice.is_made(paths), wished, only_windows, (html, ics), nodes or ())
        grant(asked, wished, only_windows, tuple(freeze or ()), verify=verify, output=output)
        return
    if not paths and not choice.is_made(paths):
        lacking = "manifests, a live --cluster, or a wish: --only, --weekend-only or --only-windows"
        raise typer.BadParameter(lacking, param_hint="PATH…")
    tell(calendar(asked, paths, choice), output, html, ics)


def _check_wish(
    manifests: bool,
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
    if manifests:
        raise typer.BadParameter("a wish takes no manifests: they are given as --only-windows", param_hint="PATH…")
    if any(files):
        raise typer.BadParameter("a wish has neither: ask for the budgets that it gives", param_hint="--html, --ics")
    if len(nodes) > 1:
        raise typer.BadParameter("a wish has one: how many may be disrupted at once", param_hint="--nodes")
