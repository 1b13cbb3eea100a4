"""The forms in which findings are told: lines with carets, SARIF, JUnit, annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from napsim.report import annotations as github
from napsim.report import findings as report
from napsim.report import junit, sarif
from tests.report.sarif_schema import Log

FINDING: Final = report.Finding(
    code="NAP105",
    rule="pool-frozen",
    severity="warning",
    file="pools/a b.yaml",
    line=2,
    column=12,
    end_column=15,
    object="NodePool/default",
    field="spec.disruption.budgets[0].nodes",
    value="0",
    message="100% frozen:\nno node is ever disrupted",
    help="allow some",
)
INFO: Final = msgspec.structs.replace(FINDING, severity="info", line=1, column=1, end_column=9, help="")
FIXED: Final = msgspec.structs.replace(FINDING, severity="error", replacement='"1"')
LET_BE: Final = msgspec.structs.replace(FINDING, suppressed="until May", suppressed_by="comment")
FOUND: Final = report.Findings(
    at=datetime(2026, 11, 2, tzinfo=UTC),
    files=("pools/a b.yaml", "clean.yaml"),
    judged=3,
    passed=1,
    findings=(INFO, FINDING, FIXED),
    suppressed=(LET_BE,),
)
RULE: Final = report.Rule(code="NAP105", name="pool-frozen", severity="warning", title="Frozen", page="# Frozen\n")
SOURCE: Final = {"pools/a b.yaml": ["budgets:", '  - nodes: "0"  # frozen']}


def texts(found: report.Findings) -> list[str]:
    return [line.text for line in report.lines(found, SOURCE)]


def only(finding: report.Finding) -> report.Findings:
    return msgspec.structs.replace(FOUND, findings=(finding,), suppressed=())


def test_a_finding_is_shown_with_its_line_and_carets_below_the_value() -> None:
    assert texts(only(FINDING)) == [
        "warning[NAP105]: 100% frozen: no node is ever disrupted",
        " --> pools/a b.yaml:2:12",
        "  |",
        '2 |   - nodes: "0"  # frozen',
        "  |            ^^^",
        "  |",
        "  = NodePool/default spec.disruption.budgets[0].nodes",
        "  = help: allow some",
        "",
        "3 documents in 2 files: 0 errors, 1 warning",
    ]


def test_the_summary_counts_what_can_be_put_right_and_what_is_let_be() -> None:
    (line,) = report.summary(FOUND)
    told = "1 error, 1 warning, 1 for information; 1 can be fixed with --fix; 1 silenced"
    assert line.text == f"3 documents in 2 files: {told}"


def test_of_a_long_line_the_part_around_the_value_is_shown() -> None:
    long = "x" * 300 + "VALUE" + "y" * 300
    finding = msgspec.structs.replace(FINDING, column=301, end_column=306)
    shown = [line.text for line in report.lines(only(finding), {FINDING.file: ["", long]})]
    code, carets = shown[3], shown[4]
    assert len(code) < 120
    assert code[carets.index("^") : carets.rindex("^") + 1] == "VALUE"


def test_a_tab_before_the_value_moves_the_carets_as_much() -> None:
    finding = msgspec.structs.replace(FINDING, column=8, end_column=9)
    shown = [line.text for line in report.lines(only(finding), {FINDING.file: ["", '{"a":\t\t5}']})]
    assert shown[4] == "  |      \t\t^"


def test_a_place_beyond_the_text_is_told_without_an_excerpt() -> None:
    shown = [line.text for line in report.lines(only(FINDING), {})]
    assert " --> pools/a b.yaml:2:12" in shown
    assert not any("^" in line for line in shown)


def test_statistics_count_by_rule() -> None:
    (line,) = report.statistics(only(FINDING), {"NAP105": "Frozen"})
    assert line.text.split() == ["1", "NAP105", "warning", "Frozen"]


@pytest.mark.parametrize(("finding", "fails"), [(INFO, False), (FINDING, True), (FIXED, True)])
def test_information_fails_nothing(finding: report.Finding, fails: bool) -> None:
    assert report.fails(only(finding)) is fails


def test_sarif_keeps_to_its_schema() -> None:
    log = msgspec.json.decode(sarif.log(FOUND, [RULE], "1.2.3"), type=Log)
    (run,) = log.runs
    assert [result.level for result in run.results] == ["note", "warning", "error", "warning"]
    assert all(run.tool.driver.rules[result.rule_index].id == result.rule_id for result in run.results)
    place = run.results[1].locations[0].physical_location
    assert place.artifact_location.uri == "pools/a%20b.yaml"
    assert (place.region.start_line, place.region.start_column, place.region.end_column) == (2, 12, 15)
    assert [bool(result.fixes) for result in run.results] == [False, False, True, False]
    assert [bool(result.suppressions) for result in run.results] == [False, False, False, True]


def test_the_schema_refuses_what_is_not_sarif() -> None:
    text = sarif.log(FOUND, [RULE], "1.2.3")
    for wrong in (text.replace('"note"', '"info"'), text.replace('"startLine": 2', '"startLine": 0')):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=Log)


def test_a_finding_whose_line_moves_keeps_its_fingerprint() -> None:
    moved = msgspec.structs.replace(FINDING, line=9)
    other = msgspec.structs.replace(FINDING, object="NodePool/other")
    prints = [
        msgspec.json.decode(sarif.log(only(item), [RULE], "1"), type=Log).runs[0].results[0].partial_fingerprints
        for item in (FINDING, moved, other)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_junit_has_a_failed_test_for_each_error_and_warning() -> None:
    root = ET.fromstring(junit.suites(FOUND))  # noqa: S314 - it is written by us
    (suite,) = root
    assert suite.attrib == {"name": "napsim lint", "tests": "5", "failures": "2", "errors": "0", "skipped": "1"}
    assert [[child.tag for child in case] for case in suite] == [
        [],
        ["system-out"],
        ["failure"],
        ["failure"],
        ["skipped"],
    ]
    failure = suite[2][0]
    assert failure.attrib == {"type": "NAP105", "message": FINDING.message}
    assert suite[0].get("classname") == "clean.yaml"


def test_annotations_escape_what_github_would_take_for_its_own() -> None:
    (command,) = github.commands(only(FINDING))
    place, told = command.rsplit("::", 1)
    assert place == "::warning file=pools/a b.yaml,line=2,col=12,endColumn=15,title=NAP105 pool-frozen"
    assert told == "NodePool/default: 100%25 frozen:%0Ano node is ever disrupted (allow some)"
    odd = only(msgspec.structs.replace(INFO, file="a,b:c%.yaml"))
    (command,) = github.commands(odd)
    assert command.startswith("::notice file=a%2Cb%3Ac%25.yaml,line=1,")
