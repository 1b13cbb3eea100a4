"""``napsim trace``: what is done with the traces that ``napsim run --trace`` and ``napsim simulate --trace`` write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.api.durations import parse_duration
from napsim.api.scalars import parse_instant
from napsim.cli.endings import BAD_INPUT, WRONG_INPUT, ending
from napsim.cli.options import Form, Output
from napsim.core.divergence import diverge, renamed
from napsim.core.trace import Record, RecordKind, parsed
from napsim.reading.sources import STDIN, Mistake, decoded
from napsim.report.trace_difference import Told, document, lines

_DIFFER: Final = 1
_MOST_MISTAKES: Final = 20  # of one file
_COMPRESSED: Final = b"\x1f\x8b"
_KINDS: Final = frozenset(RecordKind)

_WRITTEN_BY: Final = "traces are written by napsim simulate --trace and napsim run --trace"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Traces of operators and forecasts.",
    epilog=ending("napsim trace diff --help"),
)


@app.callback()
def root() -> None:
    """Traces of operators and forecasts."""


def _duration(text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if found < timedelta(0):
        raise typer.BadParameter(f"{text!r} must not be negative")
    return found


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(
    epilog=ending(
        "napsim simulate manifests/examples --seed 1 --trace one.jsonl",
        "napsim simulate manifests/examples --seed 2 --trace two.jsonl",
        "napsim trace diff one.jsonl two.jsonl --tolerance 30s",
        exits={0: "no difference", 1: "they differ; the first difference is shown", 2: WRONG_INPUT},
    )
)
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="A trace, or - for standard input.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="Another.")],
    tolerance: Annotated[
        timedelta,
        typer.Option(parser=_duration, metavar="DURATION", help="How far apart in time the same record may be."),
    ] = "15s",  # type: ignore[assignment]  # the parser makes it a timedelta
    since: Annotated[
        datetime | None,
        typer.Option(parser=_instant, metavar="INSTANT", help="Leave out what was before, RFC 3339."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[=REASON]", help="Leave records out: Unblocked, or Blocked=NotAllPodsWouldSchedule."),
    ] = None,
    context: Annotated[int, typer.Option(min=0, help="How many records before the difference are shown.")] = 5,
    output: Form = Output.TEXT,
) -> None:
    """The first difference between two traces of one rollout. Generated names are matched; pods are not compared."""
    is_left_out = _ignoring(ignore or ())
    if first == second == STDIN:
        raise typer.BadParameter("only one of the two can be standard input")
    mistakes: list[Mistake] = []
    one, other = (_since(_read(name, mistakes), since) for name in (first, second))
    if mistakes:
        for mistake in mistakes:
            typer.echo(f"napsim trace diff: {mistake}", err=True)
        raise typer.Exit(BAD_INPUT)
    found = diverge(one, other, tolerance, is_left_out)
    told = Told(first, one), Told(second, renamed(one, other))
    if output is Output.JSON:
        typer.echo(document(*told, found, context))
    else:
        typer.echo("\n".join(lines(*told, found, context)))
    if found is not None:
        raise typer.Exit(_DIFFER)


def _since(records: list[Record], since: datetime | None) -> list[Record]:
    return records if since is None else [record for record in records if record.at >= since]


def _ignoring(rules: Iterable[str]) -> Callable[[Record], bool]:
    pairs = [rule.partition("=")[::2] for rule in rules]
    for kind, _ in pairs:
        if kind not in _KINDS:
            raise typer.BadParameter(f"--ignore {kind!r}: must be one of {', '.join(sorted(_KINDS))}")

    def is_left_out(record: Record) -> bool:
        return any(record.kind == kind and reason in ("", record.reason) for kind, reason in pairs)

    return is_left_out


def _read(name: str, mistakes: list[Mistake]) -> list[Record]:
    try:
        text = _text(name)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        mistakes.append(Mistake(name, 0, "", "", None, f"cannot be read: {why}; {_WRITTEN_BY}"))
        return []
    records = []
    wrong = 0
    for number, item in enumerate(text.split("\n"), start=1):
        if not item.strip():
            continue
        try:
            records.append(parsed(item))
        except ValueError as error:
            wrong += 1
            if wrong <= _MOST_MISTAKES:
                mistakes.append(Mistake(name, number, "", "", None, f"no record of a trace: {error}"))
    if wrong > _MOST_MISTAKES:
        more = f"{wrong - _MOST_MISTAKES} more lines are no record of a trace; {_WRITTEN_BY}"
        mistakes.append(Mistake(name, 0, "", "", None, more))
    return records


def _text(name: str) -> str:
    """Raises OSError, and ValueError for what is no text."""
    content = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    if content.startswith(_COMPRESSED):
        raise ValueError("it is compressed: gunzip it first")
    try:
        return decoded(content).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
