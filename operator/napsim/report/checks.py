"""What ``napsim check`` found, as one document: as JSON, as lines of a terminal, as JUnit, as GitHub's annotations.

Version ``napsim.dev/check/v1`` (docs/checker.md). Fields are added within a version; one that goes or changes its
meaning makes a new one. Instants are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from napsim.api.checks import (
    Assertion,
    AtOnce,
    Budgets,
    Evictions,
    Finishes,
    NoDisruption,
    PickedUp,
    Windows,
)
from napsim.report.annotations import command
from napsim.report.junit import Case, suite
from napsim.report.marked import Mark, Marked, Tone, headed, wrapped
from napsim.report.parts import Part, indented
from napsim.report.times import span
from napsim.report.why import Chain, Page

SCHEMA: Final = "napsim.dev/check/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_MOST_REASONS: Final = 12


class Counterexample(Part, frozen=True):
    """Where an assertion breaks: the instant, and as far as it is about them the pool, the nodes, image and workload.

    ``reasons`` lead there, the first cause first; ``chain`` is that of ``napsim why`` at that instant, where something
    has not moved in time. ``seed`` is of the run, null where none was needed.
    """

    at: Instant
    message: str
    seed: int | None = None
    node_pool: str = ""
    nodes: tuple[str, ...] = ()
    image: str = ""
    workload: str = ""
    reasons: tuple[str, ...] = ()
    chain: Chain | None = None


class Runs(Part, frozen=True):
    """In how many runs it held, and in which share of them (0 to 1) it has to."""

    count: int
    held: int
    at_least: float


class Result(Part, frozen=True):
    """One check. ``measure`` is how near it came in the first run, in words; ``runs`` is null where none was needed."""

    id: str
    sentence: str
    holds: bool
    measure: str
    file: str
    line: int
    runs: Runs | None = None
    counterexample: Counterexample | None = None


class Checked(Part, frozen=True, kw_only=True):
    """The whole answer. ``notes`` are what forecasts assumed and left out."""

    schema: Literal["napsim.dev/check/v1"] = SCHEMA
    holds: bool
    time_zone: str
    results: tuple[Result, ...]
    start: Instant | None = None
    until: Instant | None = None
    notes: tuple[str, ...] = ()


def document(checked: Checked) -> str:
    """The answer as JSON, indented, without the last line's end."""
    return indented(checked)


# --- sentences --------------------------------------------------------------------------------------------------------


def sentence(assertion: Assertion) -> str:
    """What is asserted, in words."""
    table: tuple[tuple[object, Callable[..., str]], ...] = (
        (assertion.finishes, _finishes),
        (assertion.picked_up, _picked_up),
        (assertion.at_once, _at_once),
        (assertion.no_disruption, _no_disruption),
        (assertion.evictions, _evictions),
        (assertion.windows, _windows),
        (assertion.budgets, _budgets),
    )
    wanted, said = next((wanted, said) for wanted, said in table if wanted is not None)
    return said(wanted)


def _finishes(wanted: Finishes) -> str:
    since = "its publication" if wanted.after == "Publication" else "its pick-up"
    return f"an image is on all nodes{_of(wanted.node_pools)} within {_length(wanted.within)} of {since}"


def _picked_up(wanted: PickedUp) -> str:
    return f"an image is picked up within {_length(wanted.within)} of its publication"


def _at_once(wanted: AtOnce) -> str:
    nodes = f"{wanted.nodes} node{'s' * (wanted.nodes != 1)}"
    return f"never more than {nodes}{_of(wanted.node_pools, ' in all')} at once"


def _no_disruption(wanted: NoDisruption) -> str:
    return f"no disruption{_of(wanted.node_pools)} {_times(wanted)}"


def _evictions(wanted: Evictions) -> str:
    whose = ", ".join(wanted.workloads) if wanted.workloads is not None else "each workload"
    each = " for each of its pods" if wanted.per_replica else ""
    return f"{whose}: at most {wanted.at_most} eviction{'s' * (wanted.at_most != 1)}{each}"


def _windows(wanted: Windows) -> str:
    return f"every window of {wanted.config_name} is at least {_length(wanted.at_least)} long"


def _budgets(wanted: Budgets) -> str:
    return f"budgets{_of(wanted.node_pools)} allow at most {wanted.at_most} at once ({wanted.reason}) {_times(wanted)}"


def _of(pools: tuple[str, ...] | None, otherwise: str = "") -> str:
    return f" of pool {' and of pool '.join(pools)}" if pools is not None else otherwise


def _times(wanted: NoDisruption | Budgets) -> str:
    dates = f"from {wanted.begins} to {wanted.until}" if wanted.begins is not None else ""
    zone = wanted.time_zone or ""
    return " ".join(filter(None, (wanted.days, wanted.hours, dates, zone)))


def _length(length: timedelta) -> str:
    return span(length)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines(checked: Checked) -> Iterator[Marked]:
    """The whole answer for a terminal: what is broken first of all, with its counterexample."""
    for result in checked.results:
        yield from _result(result, checked.time_zone)
    broken = sum(not result.holds for result in checked.results)
    yield Marked()
    if broken:
        yield Marked(f"{broken} of {len(checked.results)} checks are broken", Tone.BAD)
    else:
        yield Marked(f"all {len(checked.results)} checks hold", Tone.GOOD)
    for note in checked.notes:
        yield from wrapped(f"note: {note}", Tone.ASIDE, "")


def _result(result: Result, zone: str) -> Iterator[Marked]:
    sign, tone = ("ok  ", Tone.GOOD) if result.holds else ("FAIL", Tone.BAD)
    for line in headed(f"{sign} {result.id}", f"{result.file}:{result.line}"):
        yield Marked(line.text, Tone.PLAIN, (Mark(0, 4, tone), *line.marks)) if line.text.startswith(sign) else line
    yield from wrapped(result.sentence, indent="     ")
    yield from wrapped(f"{result.measure}{_in_runs(result.runs)}", Tone.ASIDE, "     ")
    found = result.counterexample
    if found is not None:
        page = Page(found.at, zone)
        seed = f", seed {found.seed}" if found.seed is not None else ""
        yield from wrapped(f"{page.moment(found.at)}{seed}: {found.message}", tone, "     ")
        for reason in found.reasons[:_MOST_REASONS]:
            yield from wrapped(f"because {reason}", indent="       ")


def _in_runs(runs: Runs | None) -> str:
    if runs is None or runs.count == 1:
        return ""
    share = f"{runs.held / runs.count:.0%}"
    return f"; held in {runs.held} of {runs.count} runs ({share}, at least {runs.at_least:.0%} are asked for)"


# --- for CI -----------------------------------------------------------------------------------------------------------


def cases(checked: Checked) -> str:
    """JUnit: a case for each check."""
    return suite(
        "napsim check",
        [
            Case(
                group=result.file,
                name=f"{result.id}, line {result.line}: {result.sentence}",
                failure="" if result.holds else _told(result, checked.time_zone)[0],
                kind="broken",
                text=f"{result.measure}{_in_runs(result.runs)}"
                if result.holds
                else "\n".join(_told(result, checked.time_zone)),
            )
            for result in checked.results
        ],
    )


def commands(checked: Checked) -> Iterator[str]:
    """GitHub: an error at each check that is broken, and a line of what holds."""
    for result in checked.results:
        if not result.holds:
            message = "\n".join(_told(result, checked.time_zone))
            title = f"{result.id}: {result.sentence}"
            yield command("error", message, {"file": result.file, "line": str(result.line), "title": title})
    held = sum(result.holds for result in checked.results)
    yield f"{held} of {len(checked.results)} checks hold"


def summary(checked: Checked) -> Iterator[str]:
    """Markdown for a job's page: a row for each check."""
    yield "| | Check | Result |"
    yield "|---|---|---|"
    for result in checked.results:
        told = (
            f"{result.measure}{_in_runs(result.runs)}" if result.holds else "; ".join(_told(result, checked.time_zone))
        )
        row = (f"{result.id}: {result.sentence}", told)
        cells = " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in row)
        yield f"| {'ok' if result.holds else '**broken**'} | {cells} |"


def _told(result: Result, zone: str) -> list[str]:
    """The counterexample, a line each: the instant and what breaks, then why."""
    found = result.counterexample
    if found is None:
        return [result.measure]
    return [
        f"{Page(found.at, zone).moment(found.at)}: {found.message}{_in_runs(result.runs)}",
        *(f"because {reason}" for reason in found.reasons[:_MOST_REASONS]),
    ]
