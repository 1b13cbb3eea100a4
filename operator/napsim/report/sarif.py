"""Findings as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the lines that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from napsim.report.findings import Finding, Findings, Rule, Unread
from napsim.report.parts import indented

VERSION: Final = "2.1.0"
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final[Mapping[str, str]] = {"error": "error", "warning": "warning", "info": "note"}
Json = dict[str, Any]


def log(found: Findings, rules: Sequence[Rule], tool_version: str) -> str:
    """One run, as JSON. Columns are counted in Unicode code points. With files that could not be read it has failed."""
    places = {rule.code: index for index, rule in enumerate(rules)}
    run: Json = {
        "tool": {"driver": {"name": "napsim", "version": tool_version, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, places) for item in (*found.findings, *found.suppressed)],
    }
    if found.unread:
        unread = [_notification(item) for item in found.unread]
        run["invocations"] = [{"executionSuccessful": False, "toolExecutionNotifications": unread}]
    whole = {"$schema": _SCHEMA, "version": VERSION, "runs": [run]}
    return indented(whole)


def _notification(item: Unread) -> Json:
    region = {"region": {"startLine": item.line}} if item.line else {}
    place = {"physicalLocation": {"artifactLocation": {"uri": _uri(item.file)}, **region}}
    return {"level": "error", "message": {"text": item.message}, "locations": [place]}


def _rule(rule: Rule) -> Json:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": f"{rule.title}."},
        "help": {"text": rule.page, "markdown": rule.page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, places: Mapping[str, int]) -> Json:
    told = f" ({finding.help})" if finding.help else ""
    result: Json = {
        "ruleId": finding.code,
        "ruleIndex": places[finding.code],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}{told}"},
        "locations": [{"physicalLocation": _location(finding), "logicalLocations": list(_logical(finding))}],
        "partialFingerprints": {"napsim/v1": _fingerprint(finding)},
    }
    if finding.replacement is not None:
        change = {
            "artifactLocation": {"uri": _uri(finding.file)},
            "replacements": [
                {"deletedRegion": _region(finding), "insertedContent": {"text": finding.replacement}}
            ],
        }  # fmt: skip
        result["fixes"] = [{"description": {"text": "Put it right."}, "artifactChanges": [change]}]
    if finding.suppressed is not None:
        kind = "inSource" if finding.suppressed_by == "comment" else "external"
        result["suppressions"] = [{"kind": kind, "justification": finding.suppressed}]
    return result


def _location(finding: Finding) -> Json:
    return {"artifactLocation": {"uri": _uri(finding.file)}, "region": _region(finding)}


def _logical(finding: Finding) -> Iterable[Json]:
    if finding.object:
        yield {"name": finding.object, "fullyQualifiedName": f"{finding.object} {finding.field}".rstrip()}


def _region(finding: Finding) -> Json:
    line = max(finding.line, 1)
    return {"startLine": line, "startColumn": finding.column, "endLine": line, "endColumn": finding.end_column}


def _uri(file: str) -> str:
    return quote(PurePath(file).as_posix())


def _fingerprint(finding: Finding) -> str:
    """The same while file, object, field and rule are: lines that move do not make it a new finding."""
    return sha256("\0".join((finding.code, finding.file, finding.object, finding.field)).encode()).hexdigest()[:32]
