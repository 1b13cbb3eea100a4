"""JUnit XML, as CI systems read it: a suite, and in it a case for each thing that was looked at.

Of findings: a case for each, which has failed, one for each file that could not be read, and one for each file without
either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from napsim.report.findings import Finding, Findings, Unread

_NAME = "napsim lint"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: it has failed where there is a ``failure`` (a sentence), was skipped where there is a reason for that.

    ``kind`` is the type of the failure; ``text`` is what is said at length.
    """

    group: str
    name: str
    failure: str = ""
    kind: str = ""
    skipped: str | None = None
    text: str = ""


def suite(name: str, cases: Sequence[Case]) -> str:
    """The whole document, without the last line's end."""
    failures = str(sum(bool(case.failure) for case in cases))
    skipped = str(sum(case.skipped is not None for case in cases))
    counts = {"tests": str(len(cases)), "failures": failures, "errors": "0", "skipped": skipped}
    root = ET.Element("testsuites", counts)
    found = ET.SubElement(root, "testsuite", {"name": name, **counts})
    for case in cases:
        _put(ET.SubElement(found, "testcase", {"classname": case.group, "name": case.name}), case)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _put(element: ET.Element, case: Case) -> None:
    if case.skipped is not None:
        ET.SubElement(element, "skipped", {"message": case.skipped})
    elif case.failure:
        ET.SubElement(element, "failure", {"type": case.kind, "message": case.failure}).text = case.text
    elif case.text:
        ET.SubElement(element, "system-out").text = case.text


def suites(found: Findings) -> str:
    """Errors and warnings are failures, information is not; what is let be was skipped, with its reason."""
    told = {item.file for item in (*found.findings, *found.suppressed)} | {item.file for item in found.unread}
    clean = [Case(file, "lint") for file in sorted(set(found.files) - told)]
    return suite(_NAME, [*clean, *map(_unread, found.unread), *_cases(found)])


def _unread(item: Unread) -> Case:
    place = f"{item.file}:{item.line}" if item.line else item.file
    return Case(item.file, "read", item.message, "unread", text=f"{place}: {item.message}")


def _cases(found: Findings) -> Iterator[Case]:
    for finding in (*found.findings, *found.suppressed):
        failure = finding.message if finding.severity != "info" and finding.suppressed is None else ""
        name = f"{finding.code} {finding.rule}, line {finding.line}"
        yield Case(finding.file, name, failure, finding.code, finding.suppressed, _told(finding))


def _told(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}:{finding.column}: {finding.object} {finding.field}".rstrip()
    return "\n".join(filter(None, (place, finding.message, finding.help)))
