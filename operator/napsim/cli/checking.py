"""What ``napsim check`` does: each assertion of the file, of manifests, and of forecasts where it needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import typer

from napsim.api.base import wire_name
from napsim.api.checks import STATIC, Assertion, Checks, ChecksSpec
from napsim.cli.answers import Found, found_among, refuse, show
from napsim.cli.check import Output
from napsim.cli.endings import BAD_INPUT
from napsim.cli.executors import Executor, Unreachable, executor_of
from napsim.cli.judging import Tried, counterexample, tried
from napsim.cli.livecluster import CLUSTER, LiveCluster, live_cluster
from napsim.cli.options import LiveChoice
from napsim.cli.static_checks import KINDS, Judged, assumed, budgets_are_strict, windows_are_long
from napsim.reading.judgement import CHECKS_KIND, mistakes_of
from napsim.reading.kinds import is_known, namespace_of
from napsim.reading.sources import BadInput, Document, Mistake, read, standard_input
from napsim.report import checks as report
from napsim.sim.composition import DEFAULT_LENGTH, scenario_of
from napsim.sim.composition import Asked as AskedOfScenario
from napsim.sim.scenario import Scenario

BROKEN: Final = 1
_POOL: Final = "NodePool"
_OF_POOLS: Final = ("finishes", "at_once", "no_disruption", "budgets")
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")


def check_all(
    paths: Sequence[str] | None,
    file: Path,
    runs: int | None,
    where: tuple[int | None, str | None],
    choice: LiveChoice,
    time_zone: str | None,
    output: Output,
    summary: Path | None,
) -> None:
    """Answer. ``where``: how many processes, or which Dask cluster. Raises ``Exit`` where a check is broken."""
    executor = executor_of(*where)
    live = live_cluster(choice, "check") if choice.is_made(paths) else None
    try:
        asked = asked_of(file, paths, runs, time_zone, live)
        answer = Checking(asked, live.now if live else datetime.now(UTC).replace(microsecond=0), executor).answer()
    except BadInput as error:
        raise refuse("check", error) from error
    except Unreachable as error:
        typer.echo(f"napsim check: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    _tell(answer, output)
    if summary is not None:
        _add(summary, "".join(f"{row}\n" for row in report.summary(answer)))
    if not answer.holds:
        raise typer.Exit(BROKEN)


def _tell(answer: report.Checked, output: Output) -> None:
    if output is Output.TEXT:
        show(report.lines(answer))
        return
    texts: Mapping[Output, Callable[[report.Checked], str]] = {
        Output.JSON: report.document,
        Output.JUNIT: report.cases,
        Output.GITHUB: lambda it: "\n".join(report.commands(it)),
    }
    typer.echo(texts[output](answer))


def _add(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        typer.echo(f"napsim check: {file}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(BAD_INPUT) from error


# --- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """The checks and the manifests, before anything is asked of them."""

    document: Document
    spec: ChecksSpec
    documents: tuple[Document, ...]
    mistakes: tuple[Mistake, ...]
    where: str
    runs: int
    zone: str


def asked_of(
    file: Path, paths: Sequence[str] | None, runs: int | None, zone: str | None, live: LiveCluster | None = None
) -> Asked:
    """Of manifests, or of a live cluster: then forecasts start now, whatever the checks say.

    Raises ``BadInput`` with every mistake of the checks.
    """
    found, mistakes = read([str(file)], standard_input)
    ours = [item for item in found if isinstance(item.manifest, dict) and item.manifest.get("kind") == CHECKS_KIND]
    mistakes += [mistake for item in found for mistake in mistakes_of(item)]
    if not mistakes and len(ours) != 1:
        mistakes.append(
            Mistake(str(file), 0, "", "", None, f"there must be one document of kind Checks in it, not {len(ours)}")
        )
    if mistakes:
        raise BadInput(mistakes)
    spec = Checks.parse(ours[0].manifest).spec
    if live is not None:
        started = spec.model_copy(update={"start": None})
        return Asked(ours[0], started, live.documents, (), CLUSTER, runs or spec.runs, zone or spec.time_zone)
    beside = [str(file.parent / path) for path in spec.manifests] or [str(file.parent)]
    wanted = list(paths) if paths else beside
    documents, faults = read(wanted, standard_input)
    manifests = tuple(item for item in documents if not _is_checks(item))
    return Asked(ours[0], spec, manifests, tuple(faults), ", ".join(wanted), runs or spec.runs, zone or spec.time_zone)


def _is_checks(document: Document) -> bool:
    return isinstance(document.manifest, dict) and document.manifest.get("kind") == CHECKS_KIND


# --- the answer -------------------------------------------------------------------------------------------------------


class Checking:
    """All checks of one file; several runs go to the executor.

    Without ``examples`` it is not looked for where and why one is broken.
    """

    def __init__(self, asked: Asked, now: datetime, executor: Executor, *, examples: bool = True) -> None:
        self._executor = executor
        self._examples = examples
        self._asked = asked
        self._now = now
        self._spec = asked.spec
        self._static = {item.id for item in self._spec.checks if any(getattr(item, part) for part in STATIC)}
        self._scenario: Scenario | None = None
        mistakes = list(asked.mistakes) or list(self._unknown())  # what could not be read may be what is named
        if mistakes:
            raise BadInput(mistakes)

    def answer(self) -> report.Checked:
        """Raises ``BadInput`` with every mistake of the manifests, and Unreachable."""
        forecast = [item for item in self._spec.checks if item.id not in self._static]
        if forecast:
            spec = self._spec
            wanted = AskedOfScenario(self._now, spec.start, spec.until, spec.seed)
            self._scenario = scenario_of(self._asked.documents, wanted, self._asked.mistakes)
        found = self._found() if self._static else None
        runs = self._tried(forecast)
        by_id = {item.id: run for item, run in zip(forecast, runs, strict=True)}
        results = tuple(self._result(position, item, by_id, found) for position, item in enumerate(self._spec.checks))
        return report.Checked(
            holds=all(result.holds for result in results),
            time_zone=self._asked.zone,
            results=results,
            start=self._scenario.start if self._scenario else None,
            until=self._scenario.until if self._scenario else None,
            notes=tuple(dict.fromkeys((*(self._scenario.notes if self._scenario else ()), *self._assumed(found)))),
        )

    def _tried(self, assertions: Sequence[Assertion]) -> list[Tried]:
        if self._scenario is None:
            return []
        return tried(self._scenario, assertions, self._asked.zone, self._asked.runs, self._executor)

    def _found(self) -> Found:
        return found_among(self._asked.documents, self._asked.mistakes, KINDS, "", self._asked.where)

    def _assumed(self, found: Found | None) -> Iterator[str]:
        for item in self._spec.checks:
            if found is not None and item.budgets is not None:
                yield from assumed(found, item.budgets)

    def _unknown(self) -> Iterator[Mistake]:
        """NodePools and workloads that checks name and that there are not."""
        manifests = tuple(_manifests(self._asked.documents))
        pools, workloads = sorted(_names(manifests, _POOL)), sorted(_names(manifests, *_WORKLOADS))
        for position, item in enumerate(self._spec.checks):
            place = f"spec.checks[{position}]"
            for part in _OF_POOLS:
                named = getattr(getattr(item, part), "node_pools", None) or ()
                yield from self._missing(f"{place}.{wire_name(part)}.nodePools", named, pools, _POOL)
            if item.evictions is not None:
                named = item.evictions.workloads or ()
                yield from self._missing(f"{place}.evictions.workloads", named, workloads, "workload")

    def _missing(self, place: str, named: Sequence[str], there: Sequence[str], what: str) -> Iterator[Mistake]:
        for index, name in enumerate(named):
            if name not in there:
                known = ", ".join(there) or "none"
                message = f"there is no such {what} in {self._asked.where}; there are {known}"
                yield self._asked.document.mistake(f"{place}[{index}]", name, message)

    def _result(self, position: int, item: Assertion, runs: Mapping[str, Tried], found: Found | None) -> report.Result:
        place = self._asked.document
        sentence, line = report.sentence(item), place.line_of(f"spec.checks[{position}].id")
        if found is not None and item.id in self._static:
            judged = self._judged(item, found)
            return report.Result(
                id=item.id, sentence=sentence, holds=judged.breach is None, measure=judged.measure, file=place.file,
                line=line, counterexample=judged.breach,
            )  # fmt: skip
        run = runs[item.id]
        share = float((item.at_least or self._spec.at_least).removesuffix("%")) / 100
        holds = run.held / len(run.runs) >= share
        broken = run.broken
        example = None
        if broken is not None and not holds and self._examples:
            assert self._scenario is not None  # it was run
            example = counterexample(self._scenario, *broken)
        return report.Result(
            id=item.id, sentence=sentence, holds=holds, measure=run.runs[0].measure, file=place.file, line=line,
            runs=report.Runs(count=len(run.runs), held=run.held, at_least=share), counterexample=example,
        )  # fmt: skip

    def _judged(self, item: Assertion, found: Found) -> Judged:
        start = self._spec.start or (self._scenario.start if self._scenario else self._now)
        if item.windows is not None:
            return windows_are_long(found, item.windows, start)
        assert item.budgets is not None  # the other of the two
        end = self._spec.until or (self._scenario.until if self._scenario else start + DEFAULT_LENGTH)
        return budgets_are_strict(found, item.budgets, self._asked.zone, start, max(end, start + timedelta(days=7)))


def _manifests(documents: Sequence[Document]) -> Iterator[Mapping[str, Any]]:
    """Every object, those too that a Scenario applies later."""
    for item in documents:
        if not isinstance(item.manifest, dict):
            continue
        yield item.manifest
        spec = item.manifest.get("spec")
        events = spec.get("events") if isinstance(spec, dict) else None
        applied = (event.get("apply") for event in events or () if isinstance(event, dict))
        yield from (manifest for manifest in applied if isinstance(manifest, dict))


def _names(manifests: Sequence[Mapping[str, Any]], *kinds: str) -> Iterator[str]:
    """Names of NodePools; ``namespace/Kind/name`` of workloads."""
    for manifest in manifests:
        metadata = manifest.get("metadata")
        if is_known(manifest) and manifest["kind"] in kinds and isinstance(metadata, dict):
            name = str(metadata.get("name", ""))
            yield name if kinds == (_POOL,) else f"{namespace_of(manifest)}/{manifest['kind']}/{name}"
