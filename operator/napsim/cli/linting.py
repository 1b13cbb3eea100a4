"""What ``napsim lint`` does: over files or a live cluster, told in each of its forms, put right where it is certain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import typer

import napsim
from napsim.cli.answers import refuse, show, write
from napsim.cli.livecluster import live_cluster
from napsim.cli.options import LiveChoice
from napsim.lint.configuration import FILE, Configuration, configuration_of
from napsim.lint.findings import Finding
from napsim.lint.fixes import difference, fixed
from napsim.lint.linting import Result, lint
from napsim.lint.pages import page
from napsim.lint.rules import RULES, Rule
from napsim.reading.sources import STDIN, BadInput, Mistake, Text, encoding_of, left_out, standard_input, texts_of
from napsim.report import annotations as github
from napsim.report import findings as report
from napsim.report import junit, sarif

FOUND: Final = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is linted, with which settings; ``select`` and ``ignore`` as they were written, ``zone`` may be empty."""

    paths: tuple[str, ...]
    choice: LiveChoice
    config: Path | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    at: datetime | None
    zone: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What becomes of the findings. ``output`` is one of the forms of ``--output``."""

    output: str
    fix: bool
    diff: bool
    statistics: bool


def linted(asked: Asked, shown: Shown) -> int:
    """Print what is found, or put it right; the exit code."""
    settings = _settings(asked.config, _named(asked.select), _named(asked.ignore))
    live = live_cluster(asked.choice, "lint") if not asked.paths else None
    now = asked.at or (live.now if live else datetime.now(UTC))
    run = _Run(settings, now.replace(microsecond=0), asked.zone)
    texts, unread = ([live.text], []) if live else texts_of(asked.paths, standard_input)
    found = run.over(texts)
    if shown.diff:
        return max(_show_fixes(texts, found), _refused([*unread, *found.unread]))
    if shown.fix and _write_fixes(texts, found):
        texts, unread = texts_of([path for path in asked.paths if path != STDIN], standard_input)
        found = run.over(texts)
    unread += _nothing_in(asked.paths) if not found.judged and not found.findings and not unread else []
    if not texts and shown.output == "text":
        return _refused(unread)
    unread += found.unread
    told = _document(found, texts, run.now, unread)
    if shown.statistics:
        show(report.statistics(told, {rule.code: rule.title for rule in RULES}))
    else:
        _print(told, texts, shown.output)
    return max(FOUND if report.fails(told) else 0, _refused(unread))


def _named(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Codes and names, of which one option may have several, between commas."""
    return tuple(part.strip() for text in texts or () for part in text.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class _Run:
    """What holds for every text."""

    settings: Configuration
    now: datetime
    zone: str

    def over(self, texts: Sequence[Text]) -> Result:
        return lint(texts, self.settings, self.now, self.zone)


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


def _nothing_in(paths: Iterable[str]) -> list[Mistake]:
    """The folders among them, where no rule has anything to read: whoever names one expects more of it."""
    folders = [path for path in paths if Path(path).is_dir()]
    said = "there is no manifest in it that a rule reads"
    return [Mistake(folder, 0, "", "", None, f"{said}{left_out(Path(folder))}") for folder in folders]


def _refused(mistakes: Iterable[Mistake]) -> int:
    """Tells what could not be read; the exit code for that."""
    told = tuple(mistakes)
    return refuse("lint", BadInput(told)).exit_code if told else 0


# --- pages ------------------------------------------------------------------------------------------------------------


def explained(asked: str) -> str:
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
    changed = {Path(text.name).resolve(): text for text, _ in _fixes(texts, found)}  # of links to one file but one
    for path, text in changed.items():
        if not path.is_file():
            raise typer.BadParameter("standard input cannot be put right in place; use --diff", param_hint="--fix")
        edits = [it.edit for it in found.findings if it.file == text.name and it.edit is not None]
        content = path.read_bytes()
        encoding = encoding_of(content)
        write("lint", Path(text.name), fixed(content.decode(encoding), edits).encode(encoding))
    return bool(changed)


# --- printing ---------------------------------------------------------------------------------------------------------


def _document(found: Result, texts: Sequence[Text], now: datetime, unread: Sequence[Mistake]) -> report.Findings:
    return report.Findings(
        at=now,
        files=tuple(text.name for text in texts),
        judged=found.judged,
        passed=found.passed,
        findings=tuple(_told(finding) for finding in found.findings),
        suppressed=tuple(_told(finding) for finding in found.suppressed),
        unread=tuple(report.Unread(file=it.file, line=it.line, message=it.message) for it in unread),
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


def _print(told: report.Findings, texts: Sequence[Text], output: str) -> None:
    match output:
        case "text":
            show(report.lines(told, {text.name: text.text.split("\n") for text in texts}))
        case "json":
            typer.echo(report.document(told))
        case "sarif":
            typer.echo(sarif.log(told, [_rule(rule) for rule in RULES], napsim.__version__))
        case "junit":
            typer.echo(junit.suites(told))
        case "github":
            for command in github.commands(told):
                typer.echo(command)


def _rule(rule: Rule) -> report.Rule:
    return report.Rule(code=rule.code, name=rule.name, severity=rule.severity.value, title=rule.title, page=page(rule))
