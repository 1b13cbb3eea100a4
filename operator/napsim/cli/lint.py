"""``napsim lint``: what in manifests is wrong, or not what it looks like."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

import napsim
from napsim.cli.answers import BAD_INPUT, Zone, instant, show
from napsim.cli.options import Context, Kubeconfig
from napsim.lint.admission import document as policies
from napsim.lint.configuration import FILE, Configuration, configuration_of
from napsim.lint.findings import Finding
from napsim.lint.fixes import difference, fixed
from napsim.lint.linting import Result, lint
from napsim.lint.pages import page
from napsim.lint.rules import RULES, Rule
from napsim.reading.sources import STDIN, Mistake, Text, texts_of
from napsim.report import annotations as github
from napsim.report import findings as report
from napsim.report import junit, sarif

FOUND: Final = 1
_CLUSTER: Final = "(cluster)"

app = typer.Typer(add_completion=False)


class Output(StrEnum):
    """The forms of the answer."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"


def _named(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Codes and names, of which one option may have several, between commas."""
    return tuple(part.strip() for text in texts or () for part in text.split(",") if part.strip())


@app.command(
    name="lint",
    epilog=(
        "Example: napsim lint manifests --select NAP1,NAP4 --output sarif > lint.sarif. Exit codes: 0 neither errors"
        " nor warnings; 1 there are, or the cluster cannot be read; 2 wrong usage, or a file that cannot be read."
    ),
)
def lint_command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Manifests: files, folders, or - for standard input."),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="text, json, sarif, junit or github (annotations).")
    ] = Output.TEXT,
    select: Annotated[
        list[str] | None, typer.Option(metavar="RULES", help="Only these: codes, their beginnings, or names.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULES", help="Not these.")] = None,
    config: Annotated[
        Path | None, typer.Option(help=f"Settings; by default {FILE} of this folder, if there is one.")
    ] = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="How often each rule found something.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what is certain, in the files.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change, and change nothing.")] = False,
    explain: Annotated[str | None, typer.Option(metavar="RULE", help="Print the page of a rule.")] = None,
    admission: Annotated[
        bool,
        typer.Option(
            "--admission",
            help="Print ValidatingAdmissionPolicies, with which kubectl apply warns of what is found in one object.",
        ),
    ] = False,
    cluster: Annotated[bool, typer.Option("--cluster", help="A live cluster in place of files. Reads only.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    at: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="RFC 3339: from when on windows are looked at; now."),
    ] = None,
    time_zone: Zone = None,
) -> None:
    """What is wrong with these manifests, or not what it looks like?"""
    if explain is not None:
        typer.echo(_explained(explain), nl=False)
        return
    if admission:
        typer.echo(policies(), nl=False)
        return
    if bool(paths) is cluster or (cluster and (fix or diff)):
        raise typer.BadParameter("there must be files, folders or - for standard input; or --cluster, without --fix")
    run = _Run(_settings(config, _named(select), _named(ignore)), at or datetime.now(UTC), time_zone or "")
    texts, unread = texts_of(paths or (), sys.stdin.read) if not cluster else (_of_cluster(kubeconfig, context), [])
    found = run.over(texts)
    if diff:
        raise typer.Exit(max(_show_fixes(texts, found), _refused([*unread, *found.unread])))
    if fix and _write_fixes(texts, found):
        texts, unread = texts_of([path for path in paths or () if path != STDIN], sys.stdin.read)
        found = run.over(texts)
    told = _document(found, texts, run.now)
    if statistics:
        show(report.statistics(told, {rule.code: rule.title for rule in RULES}))
    else:
        _print(told, texts, output)
    raise typer.Exit(max(FOUND if report.fails(told) else 0, _refused([*unread, *found.unread])))


@dataclass(frozen=True, slots=True)
class _Run:
    """What holds for every text."""

    settings: Configuration
    now: datetime
    zone: str

    def over(self, texts: Sequence[Text]) -> Result:
        return lint(texts, self.settings, self.now, self.zone)


def _of_cluster(kubeconfig: Path | None, context: str | None) -> list[Text]:
    """What a snapshot has, in one text. Raises ``typer.Exit`` when it cannot be read, and says why."""
    from napsim.cli.snapshot import document, read_cluster  # noqa: PLC0415 - loading it takes as long as 500 files
    from napsim.live.clock import wall_clock  # noqa: PLC0415 - as above

    found = read_cluster(kubeconfig, context, "lint")
    for note in found.notes:
        typer.echo(f"napsim lint: {note}", err=True)
    return [Text(_CLUSTER, document(found, wall_clock(), None))]


def _settings(file: Path | None, select: tuple[str, ...], ignore: tuple[str, ...]) -> Configuration:
    """Raises BadParameter for a file that is not there or not right, and for what names no rule."""
    path = file or Path(FILE)
    try:
        settings = configuration_of(path.read_text("utf-8"), str(path)) if file or path.is_file() else Configuration()
        return settings.narrowed(select, ignore)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--config") from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _refused(mistakes: Iterable[Mistake]) -> int:
    """Tells what could not be read; the exit code for that."""
    code = 0
    for mistake in mistakes:
        typer.echo(f"napsim lint: {mistake}", err=True)
        code = BAD_INPUT
    return code


# --- pages ------------------------------------------------------------------------------------------------------------


def _explained(asked: str) -> str:
    rule = next((rule for rule in RULES if asked in {rule.code, rule.name}), None)
    if rule is None:
        known = ", ".join(f"{rule.code} ({rule.name})" for rule in RULES)
        raise typer.BadParameter(f"no rule is called {asked!r}; there are {known}", param_hint="--explain")
    return page(rule)


# --- fixes ------------------------------------------------------------------------------------------------------------


def _fixes(texts: Sequence[Text], found: Result) -> Iterator[tuple[Text, str]]:
    """Each text that is changed, and what it becomes."""
    for text in texts:
        edits = [it.edit for it in found.findings if it.file == text.name and it.edit is not None]
        if edits:
            yield text, fixed(text.text, edits)


def _show_fixes(texts: Sequence[Text], found: Result) -> int:
    changes = "".join(difference(text.name, text.text, after) for text, after in _fixes(texts, found))
    typer.echo(changes, nl=False)
    return FOUND if changes else 0


def _write_fixes(texts: Sequence[Text], found: Result) -> bool:
    """Into the files, with the line ends that they have; whether there was anything to write."""
    changed = [text for text, _ in _fixes(texts, found)]
    for text in changed:
        path = Path(text.name)
        if not path.is_file():
            raise typer.BadParameter("standard input cannot be put right in place; use --diff", param_hint="--fix")
        edits = [it.edit for it in found.findings if it.file == text.name and it.edit is not None]
        path.write_bytes(fixed(path.read_bytes().decode("utf-8"), edits).encode("utf-8"))
    return bool(changed)


# --- printing ---------------------------------------------------------------------------------------------------------


def _document(found: Result, texts: Sequence[Text], now: datetime) -> report.Findings:
    return report.Findings(
        at=now,
        files=tuple(text.name for text in texts),
        judged=found.judged,
        passed=found.passed,
        findings=tuple(_told(finding) for finding in found.findings),
        suppressed=tuple(_told(finding) for finding in found.suppressed),
    )


def _told(it: Finding) -> report.Finding:
    by: Literal["comment", "configuration"] = "comment" if it.by_comment else "configuration"
    return report.Finding(
        code=it.code,
        rule=it.rule,
        severity=it.severity.value,
        file=it.file,
        line=it.span.line,
        column=it.span.column,
        end_column=it.span.end,
        object=it.object,
        field=it.field,
        value=it.value,
        message=it.message,
        help=it.help,
        replacement=it.edit.text if it.edit else None,
        suppressed=it.suppressed or None,
        suppressed_by=by if it.suppressed else None,
    )


def _print(told: report.Findings, texts: Sequence[Text], output: Output) -> None:
    match output:
        case Output.TEXT:
            show(report.lines(told, {text.name: text.text.split("\n") for text in texts}))
        case Output.JSON:
            typer.echo(report.document(told))
        case Output.SARIF:
            typer.echo(sarif.log(told, [_rule(rule) for rule in RULES], napsim.__version__))
        case Output.JUNIT:
            typer.echo(junit.suites(told))
        case Output.GITHUB:
            for command in github.commands(told):
                typer.echo(command)


def _rule(rule: Rule) -> report.Rule:
    return report.Rule(code=rule.code, name=rule.name, severity=rule.severity.value, title=rule.title, page=page(rule))
