"""From texts to findings: what the API server would refuse, then every rule over the rest, then what is let be.

The same texts at the same instant give the same findings, by place. Documents of kinds that no rule reads are passed
over; what they make (pods of a custom resource, for example) is taken for unknown. So are the patches of Kustomize,
which are parts of manifests, and what these change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from napsim.api.maintenanceconfiguration import SPELLINGS
from napsim.controllers.settings import settings_of
from napsim.core.budgets import Budget, BudgetError
from napsim.core.configuration_specs import ConfigurationError
from napsim.lint.configuration import Configuration
from napsim.lint.findings import Edit, Finding, Found
from napsim.lint.kustomizations import Kustomizations
from napsim.lint.rules import INCOMPLETE, REFUSED, RULES, TOO_SHORT, UNKNOWN_NAME, UNUSED, Rule
from napsim.lint.subjects import CONFIGURATION, NODE_POOL, Subjects, configuration, subjects_of
from napsim.lint.suppressions import Incomplete, Suppression, suppressions_of
from napsim.reading.judgement import known_part, mistakes_of
from napsim.reading.kinds import KINDS
from napsim.reading.sources import Document, Mistake, Text, documents_of

_OURS: Final = "napsim.dev"
_GROUPS: Final = {kind: {version.rpartition("/")[0] for version in versions} for kind, versions in KINDS.items()}
_LEAST_HOURS: Final = 4

Judged = tuple[Rule, Found]
_IsJudged = Callable[[Suppression], bool]


@dataclass(frozen=True, slots=True)
class Result:
    """``findings`` count, ``suppressed`` are let be, both by place; ``unread`` is what could not be read, and why.

    ``judged`` is the number of documents of kinds that rules read, ``passed`` that of the others.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    unread: tuple[Mistake, ...]
    judged: int
    passed: int


def lint(texts: Sequence[Text], settings: Configuration, now: datetime, zone: str = "") -> Result:
    """``now`` is the instant from which windows and clocks are looked at, ``zone`` the reader's, or empty."""
    documents, unread = documents_of(texts)
    kustomized = Kustomizations.of(documents)
    whole = [
        kustomized.labelled(it) for it in documents if isinstance(it.manifest, dict) and not kustomized.is_patch(it)
    ]
    changed = [document for document in whole if _is_ours(document) and kustomized.is_changed(document)]
    ours = [known_part(it)[0] for it in whole if _is_ours(it) and not kustomized.is_changed(it)]
    refused = {document.place: found for document in ours if (found := list(_refusals(document, now)))}
    sound = [document for document in whole if not _is_ours(document)]
    sound += [document for document in ours if document.place not in refused]
    lines = {text.name: text.text.split("\n") for text in texts}
    bad = [*changed, *(document for document in ours if document.place in refused)]
    subjects = subjects_of(sound, now, zone, lines, bad)
    judged = [pair for found in refused.values() for pair in found] + list(_ruled(subjects, settings))
    comments = [comment for text in texts for comment in suppressions_of(text, lines[text.name])]
    patches = [it for it in documents if isinstance(it.manifest, dict) and kustomized.is_patch(it)]
    covered = _covered(documents, [*bad, *patches], {mistake.file for mistake in unread})
    every = sorted(_findings(judged, comments, settings, covered), key=lambda finding: finding.order)
    counted = tuple(finding for finding in every if not finding.suppressed)
    let_be = tuple(finding for finding in every if finding.suppressed)
    return Result(counted, let_be, tuple(unread), len(ours), len(documents) - len(ours))


def inspected(manifests: Iterable[Mapping[str, Any]], codes: Collection[str], now: datetime) -> Iterator[Judged]:
    """What the rules of these codes say of objects that an API server has taken; what cannot be used is passed over."""
    documents = [Document("", number, dict(manifest)) for number, manifest in enumerate(manifests, 1)]
    refused = [document for document in documents if any(_beyond(document, now))]
    subjects = subjects_of([it for it in documents if it not in refused], now, refused=refused)
    for rule in RULES:
        if rule.check is not None and rule.code in codes:
            for found in rule.check(subjects):
                yield rule, found


def _is_ours(document: Document) -> bool:
    """Of a kind that rules read, in whatever version; or of a group in which every kind is napsim's."""
    manifest = document.manifest
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    return group == _OURS or group in _GROUPS.get(str(manifest.get("kind")), ())


# --- what the API server refuses --------------------------------------------------------------------------------------


def _refusals(document: Document, now: datetime) -> Iterator[Judged]:
    mistakes = list(mistakes_of(document)) or list(_beyond(document, now))
    for mistake in mistakes:
        rule, edit = _rule_of(document, mistake)
        yield rule, Found(document, mistake.field, mistake.message, mistake.value, "", edit)


def _beyond(document: Document, now: datetime) -> Iterator[Mistake]:
    """What only decisions can tell."""
    manifest = document.manifest
    try:
        if manifest["kind"] == CONFIGURATION:
            configuration(document, Subjects(now))
        elif manifest["kind"] == "NodeAutoProvisioning":
            settings_of(manifest)
        elif manifest["kind"] == NODE_POOL:
            for spec in (manifest["spec"].get("disruption") or {}).get("budgets") or ():
                Budget.from_spec(spec)
    except ConfigurationError as error:
        for it in error.errors:
            yield document.mistake(it.field, it.value, f"must be {it.allowed}")
    except BudgetError as error:
        yield document.mistake("spec.disruption.budgets", None, str(error))
    except ValueError as error:
        yield document.mistake("spec", None, str(error))


def _rule_of(document: Document, mistake: Mistake) -> tuple[Rule, Edit | None]:
    """The rule for a mistake that has one of its own, and the edit where what is meant is certain."""
    kind, value = document.manifest.get("kind"), mistake.value
    if kind == CONFIGURATION and mistake.field == "spec.configName":
        right = next((name for name, all_of in SPELLINGS.items() if str(value).lower() in all_of), None)
        text = f'"{right}"' if document.text else right  # JSON has no plain text
        return UNKNOWN_NAME, Edit(document.span_of(mistake.field), text) if right and text else None
    if mistake.field.endswith(".durationHours") and isinstance(value, int) and value < _LEAST_HOURS:
        return TOO_SHORT, None
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == NODE_POOL and mistake.field.endswith("].nodes") and is_number:
        return REFUSED, Edit(document.span_of(mistake.field), f'"{value}"')
    return REFUSED, None


# --- rules, and what is let be ----------------------------------------------------------------------------------------


def _ruled(subjects: Subjects, settings: Configuration) -> Iterator[Judged]:
    for rule in RULES:
        if rule.check is not None and rule.code in settings.selected:
            for found in rule.check(subjects):
                yield rule, found


def _covered(documents: Iterable[Document], left: Iterable[Document], unread: Collection[str]) -> _IsJudged:
    """Whether what a comment covers was judged: else nobody knows what it silences. ``unread`` are files."""
    not_judged = {document.place for document in left}
    begins: dict[str, list[tuple[int, bool]]] = {}
    for document in documents:
        begins.setdefault(document.file, []).append((document.line, document.place not in not_judged))

    def is_judged(comment: Suppression) -> bool:
        until = [judged for line, judged in begins.get(comment.file, ()) if line <= comment.line]
        return comment.file not in unread and (not until or until[-1])

    return is_judged


def _findings(
    judged: Iterable[Judged],
    comments: Iterable[Suppression | Incomplete],
    settings: Configuration,
    covered: _IsJudged,
) -> Iterator[Finding]:
    by_line: dict[tuple[str, int], list[Suppression]] = {}
    used: set[tuple[Suppression, str]] = set()
    given = list(comments)
    for comment in given:
        if isinstance(comment, Suppression):
            by_line.setdefault((comment.file, comment.line), []).append(comment)
    for rule, found in judged:
        if rule.code not in settings.selected:
            continue
        by = _silenced(rule, found, by_line) if by_line else None
        if by is not None:
            used.add((by, rule.code))
        reason = by.reason if by else _ignored(rule, found, settings)
        yield _finding(rule, found, settings, reason, by_comment=by is not None)
    yield from _of_comments((it for it in given if isinstance(it, Incomplete) or covered(it)), used, settings)


def _silenced(rule: Rule, found: Found, by_line: Mapping[tuple[str, int], Sequence[Suppression]]) -> Suppression | None:
    for line in found.document.lines_to(found.field):
        for comment in by_line.get((found.document.file, line), ()):
            if rule.code in comment.codes:
                return comment
    return None


def _ignored(rule: Rule, found: Found, settings: Configuration) -> str:
    file = found.document.file
    return next((item.reason for item in settings.ignored if item.covers(rule.code, file)), "")


def _finding(rule: Rule, found: Found, settings: Configuration, suppressed: str, *, by_comment: bool) -> Finding:
    document = found.document
    return Finding(
        code=rule.code,
        rule=rule.name,
        severity=settings.severity(rule.code),
        file=document.file,
        span=document.span_of(found.field),
        object=document.named,
        field=found.field,
        value=_plain(found.value),
        message=found.message,
        help=found.help,
        edit=found.edit,
        suppressed=suppressed,
        by_comment=by_comment,
    )


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON is any value
    return value if isinstance(value, str | int | float | bool) else None


def _of_comments(
    comments: Iterable[Suppression | Incomplete], used: set[tuple[Suppression, str]], settings: Configuration
) -> Iterator[Finding]:
    for comment in comments:
        if isinstance(comment, Incomplete):
            yield from _said(INCOMPLETE, comment, comment.message, settings)
            continue
        idle = [code for code in comment.codes if code in settings.selected and (comment, code) not in used]
        if idle:
            edit = Edit(comment.span, "") if len(idle) == len(comment.codes) else None
            yield from _said(UNUSED, comment, f"{', '.join(idle)} finds nothing here", settings, edit)


def _said(
    rule: Rule, comment: Suppression | Incomplete, message: str, settings: Configuration, edit: Edit | None = None
) -> Iterator[Finding]:
    if rule.code in settings.selected:
        told = "take the comment away" if rule is UNUSED else ""
        yield Finding(
            rule.code, rule.name, settings.severity(rule.code), comment.file, comment.span, "", "", None, message, told,
            edit,
        )  # fmt: skip
