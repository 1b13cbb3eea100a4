"""What ``napsim diff`` finds: the effects of both sides, and of the forecasts of both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import typer

from napsim.cli.answers import Found, local_zone, refuse, show
from napsim.cli.diff import Output
from napsim.cli.effects import Asked, effects, objects_of
from napsim.cli.endings import BAD_INPUT
from napsim.cli.livecluster import CLUSTER, LiveCluster, live_cluster
from napsim.cli.options import LiveChoice
from napsim.cli.outlooks import can_forecast, declared_start, outlook
from napsim.cli.pools import nodes_by_pool
from napsim.cli.revisions import Side, Unusable, changes, sides
from napsim.reading.sources import BadInput, Mistake
from napsim.report import difference as report
from napsim.report.difference_lines import lines
from napsim.report.difference_markdown import markdown

CHANGED: Final = 1


def differ(
    arguments: list[str],
    choice: LiveChoice,
    at: datetime | None,
    forecast: tuple[datetime | None, int | None] | None,
    nodes: Sequence[str],
    time_zone: str | None,
    output: Output,
) -> None:
    """Answer. ``forecast``: until when, and with which seed; None: without. Raises ``Exit`` where something changes."""
    told_nodes, zone = nodes_by_pool(nodes), time_zone or local_zone(os.environ)
    try:
        if choice.is_made(None):
            before, after = _applied(changes(arguments), live_cluster(choice, "diff"))
        else:
            before, after = sides(arguments)
        found = _found((before, after))
        start = at or declared_start(found) or datetime.now(UTC).replace(microsecond=0)
        difference = effects(*found, Asked(start, zone, told_nodes))
        if forecast is not None:
            difference = _with_outlook(difference, found, start, *forecast)
    except Unusable as error:
        typer.echo(f"napsim diff: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    except BadInput as error:
        raise refuse("diff", error) from error
    _tell(msgspec.structs.replace(difference, before=before.label, after=after.label), output)
    if difference.changed:
        raise typer.Exit(CHANGED)


def _applied(change: Side, live: LiveCluster) -> tuple[Side, Side]:
    """The cluster as it is, and with the manifests of that side applied to it. Nothing goes by not being there."""
    after = f"{CLUSTER} with {change.label}"
    return (
        Side(CLUSTER, (), live.documents, ()),
        Side(after, change.files, live.after(change.documents), change.mistakes),
    )


def _found(both: Sequence[Side]) -> tuple[Found, Found]:
    """Raises ``BadInput`` with the mistakes of both sides."""
    found: list[Found] = []
    mistakes: list[Mistake] = []
    for side in both:
        try:
            found.append(objects_of(side))
        except BadInput as error:
            mistakes += error.mistakes
    if mistakes:
        raise BadInput(mistakes)
    before, after = found
    return before, after


def _with_outlook(
    difference: report.Difference,
    found: tuple[Found, Found],
    start: datetime,
    until: datetime | None,
    seed: int | None,
) -> report.Difference:
    """A forecast needs a NodePool on both sides; where there is none, that is noted."""
    lacking = [which for which, side in zip(("before", "after"), found, strict=True) if not can_forecast(side)]
    if lacking:
        note = f"no forecast: there is no NodePool {' and '.join(lacking)}"
        return msgspec.structs.replace(difference, notes=(*difference.notes, note))
    told = outlook(*found, start, until, seed)
    changed = difference.changed or report.outlook_changes(told)
    return msgspec.structs.replace(difference, outlook=told, changed=changed)


def _tell(difference: report.Difference, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(report.document(difference))
    elif output is Output.MARKDOWN:
        typer.echo(markdown(difference), nl=False)
    else:
        show(lines(difference))
