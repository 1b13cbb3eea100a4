"""What ``napsim advise`` does: it tries edits of manifests, the smallest first, until the checks hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import typer

from napsim.api.checks import Assertion
from napsim.cli.amendments import Amendment, amendments
from napsim.cli.answers import refuse, show
from napsim.cli.checking import BROKEN, Asked, Checking, asked_of
from napsim.cli.endings import BAD_INPUT
from napsim.cli.executors import Executor, Inline, Unreachable, executor_of
from napsim.cli.livecluster import live_cluster
from napsim.cli.options import LiveChoice, Output
from napsim.reading.sources import BadInput, Document
from napsim.report import advice as report


def advise_on(
    paths: Sequence[str] | None,
    checks: Path,
    most: int,
    where: tuple[int | None, str | None],
    choice: LiveChoice,
    time_zone: str | None,
    output: Output,
) -> None:
    """Answer. ``where``: how many processes, or which Dask cluster. Raises ``Exit`` where a check is broken."""
    executor = executor_of(*where)
    at_once = where[0] or os.cpu_count() or 1
    try:
        live = live_cluster(choice, "advise") if choice.is_made(paths) else None
        asked = asked_of(checks, paths, None, time_zone, live)
        now = live.now if live else datetime.now(UTC).replace(microsecond=0)
        told = advice(asked, now, executor, most, at_once)
    except BadInput as error:
        raise refuse("advise", error) from error
    except Unreachable as error:
        typer.echo(f"napsim advise: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    if output is Output.JSON:
        typer.echo(report.document(told))
    else:
        show(report.lines(told))
    if told.broken:
        raise typer.Exit(BROKEN)


@dataclass(frozen=True, slots=True)
class _Case:
    """The checks, of edited manifests; ``now`` is the same for all."""

    asked: Asked
    now: datetime


def advice(asked: Asked, now: datetime, executor: Executor, most: int, at_once: int) -> report.Advice:
    """Tries edits, ``at_once`` at a time, until one makes all checks hold. Raises ``BadInput`` and Unreachable."""
    answer = Checking(asked, now, executor).answer()
    broken = {result.id: result.counterexample for result in answer.results if not result.holds}
    held = {result.id for result in answer.results if result.holds}
    wanted = [(check, broken[check.id]) for check in asked.spec.checks if check.id in broken]
    found = amendments(asked.documents, wanted, asked.zone, now) if wanted else []
    tried: list[tuple[Amendment, frozenset[str]]] = []
    for batch in _batches(found[:most], at_once):
        tried += zip(batch, _holding(batch, asked, now, executor), strict=True)
        whole = next((item for item, holding in tried if holding >= {*held, *broken}), None)
        if whole is not None:
            return _advice(wanted, len(tried), len(found), whole, {})
    each = {check.id: _first(tried, check.id, held) for check, _ in wanted}
    return _advice(wanted, len(tried), len(found), None, each)


def _batches(found: Sequence[Amendment], size: int) -> Iterator[Sequence[Amendment]]:
    for start in range(0, len(found), size):
        yield found[start : start + size]


def _first(tried: Sequence[tuple[Amendment, frozenset[str]]], check: str, held: set[str]) -> Amendment | None:
    """The smallest that makes this check hold and breaks none."""
    return next((item for item, holding in tried if check in holding and holding >= held), None)


def _holding(batch: Sequence[Amendment], asked: Asked, now: datetime, executor: Executor) -> list[frozenset[str]]:
    cases = [_Case(replace(asked, documents=_bare(item.applied(asked.documents))), now) for item in batch]
    found = dict(executor.results(_held, cases))
    return [found[index] for index in range(len(batch))]


def _bare(documents: Sequence[Document]) -> tuple[Document, ...]:
    """Without what only places of mistakes are told by."""
    return tuple(replace(document, node=None, text="") for document in documents)


def _held(case: _Case) -> frozenset[str]:
    """The checks that hold; none where the edit is not allowed."""
    try:
        answer = Checking(case.asked, case.now, Inline(), examples=False).answer()
    except BadInput:
        return frozenset()
    return frozenset(result.id for result in answer.results if result.holds)


def _advice(
    wanted: Sequence[tuple[Assertion, object]],
    tried: int,
    of: int,
    whole: Amendment | None,
    each: dict[str, Amendment | None],
) -> report.Advice:
    return report.Advice(
        broken=tuple(check.id for check, _ in wanted),
        tried=tried,
        of=of,
        edit=_edit(whole),
        by_check=tuple(report.ByCheck(check=check, edit=_edit(item)) for check, item in each.items()),
    )


def _edit(item: Amendment | None) -> report.Edit | None:
    if item is None:
        return None
    changes = tuple(
        report.Change(
            kind=it.kind,
            namespace=it.namespace,
            name=it.name,
            told=it.told,
            command=it.command,
            patch={"spec": it.spec},
        )
        for it in item.changes
    )
    return report.Edit(changes=changes, size=round(item.size, 3), note=item.note)
