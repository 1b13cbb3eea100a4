"""The auditor reads logs as API servers leave them, counts what they cost, and says what it found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.auditor.pretence import CONTROLLER_MANAGER, KUBECTL, KWOK, PretendedServer, names
from tests.auditor.verdicts import POOL, judged, recorded
from tests.e2e.auditor import (
    BudgetNeverExceeded,
    LogError,
    read,
)
from tests.e2e.auditor.__main__ import app
from tests.e2e.auditor.record import Request, milestones
from tests.e2e.auditor.statistics import by_agent, evictions_by_code, pool_peaks, replaced, requests_of


def test_requests_evictions_and_deletions_are_counted(ten: PretendedServer, tmp_path: Path) -> None:
    since = ten.now
    ten.replace("n00", "n00-new")
    for code in (429, 429, 404, 409):
        ten.evict("web-1", code)
    ten.evict("web-2", agent=KUBECTL)
    ten.delete_pod("web-3", grace_seconds=7)
    ten.log("delete", "pods", "web-4", namespace="shop", agent=KWOK)
    record = read(ten.save(tmp_path / "audit.log"), since=since)
    assert replaced(record) == 1
    assert evictions_by_code(record) == {201: 2, 404: 1, 409: 1, 429: 2}
    assert [(item.pod, item.grace_seconds, str(item.agent)) for item in record.pod_deletions] == [
        ("shop/web-3", 7, "napsim (node-a_1)")
    ]
    assert requests_of(record)[Request("napsim", "create", "pods/eviction")] == 5
    assert requests_of(record)[Request("napsim", "create", "nodeclaims")] == 1
    assert by_agent(record)["kubectl"] == 1
    assert record.refused[Request("napsim", "create", "pods/eviction"), 429] == 2


def test_the_most_at_once_is_told_with_its_instant(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.mark("n01")
    at = ten.lines[-2][0]
    ten.launch("n00-new", replaces="n00")
    ten.finish("n00")
    ten.mark("n02")
    peaks = pool_peaks(recorded(ten, tmp_path))[POOL]
    assert (peaks.disrupting.nodes, peaks.disrupting.instant) == (2, at)
    assert peaks.alive.nodes == 11


def test_the_milestones_of_a_claim_are_told_in_order(ten: PretendedServer, tmp_path: Path) -> None:
    ten.condition("nodeclaims", "n00", "Drifted")
    ten.replace("n00", "n00-new")
    told = {str(entry["claim"]): entry for entry in milestones(recorded(ten, tmp_path).timeline)}
    stages = ["created", "launched", "initialized", "drifted", "tainted", "deleting", "drained", "terminating", "gone"]
    instants = [str(told["n00"][stage]) for stage in stages]
    assert instants == sorted(instants)
    assert "None" not in instants
    assert told["n00-new"]["replaces"] == "n00"
    assert told["n00-new"]["gone"] is None
    assert json.loads(json.dumps(told["n00"]))["reason"] == "Drifted"


def test_others_cannot_be_taken_for_the_operator(ten: PretendedServer, tmp_path: Path) -> None:
    ten.taint("n00", agent=CONTROLLER_MANAGER)
    ten.taint("n01", agent="napsimulator/1.0 (x)")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "0"})) == []


def test_rotated_files_are_read_in_order(ten: PretendedServer, tmp_path: Path) -> None:
    for name in names(10):
        ten.replace(name, f"{name}-new")
    lines = ten.save(tmp_path / "all").read_bytes().splitlines(keepends=True)
    third = len(lines) // 3
    (tmp_path / "audit-2026-11-02T22-10-00.000.log.gz").write_bytes(gzip.compress(b"".join(lines[:third])))
    (tmp_path / "audit-2026-11-02T22-20-00.000.log").write_bytes(b"".join(lines[third : 2 * third]))
    (tmp_path / "audit.log").write_bytes(b"".join(lines[2 * third :]))
    record = read(tmp_path / "audit.log")
    assert record.lines == len(lines)
    assert record.timeline == read(tmp_path / "all").timeline


def test_a_line_still_being_written_is_left_for_later(ten: PretendedServer, tmp_path: Path) -> None:
    log = ten.save(tmp_path / "audit.log")
    whole = read(log)
    log.write_bytes(log.read_bytes() + b'{"kind":"Event","stage":"Respo')
    assert read(log).lines == whole.lines


def test_a_torn_line_is_an_error_unless_expected(ten: PretendedServer, tmp_path: Path) -> None:
    log = ten.save(tmp_path / "audit.log")
    log.write_bytes(log.read_bytes() + b'{"kind":"Event","stage":"Respo{"kind":"Event"}\n')
    with pytest.raises(LogError, match=r"1 lines are no audit events, the first: audit\.log:\d+"):
        read(log)
    assert len(read(log, torn_lines_allowed=1).torn) == 1


def test_a_missing_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no such audit log"):
        read(tmp_path / "audit.log")


def test_a_log_that_holds_nothing_to_judge_is_an_error(server: PretendedServer, tmp_path: Path) -> None:
    server.log("list", "nodes", "")
    with pytest.raises(LogError, match="nothing can be concluded"):
        recorded(server, tmp_path)


def test_a_policy_that_keeps_bodies_back_is_an_error(ten: PretendedServer, tmp_path: Path) -> None:
    ten.log("patch", "nodes", "n00")
    with pytest.raises(LogError, match="must log nodes at level RequestResponse"):
        recorded(ten, tmp_path)


def test_the_command_is_content_with_a_run_that_holds(ten: PretendedServer, tmp_path: Path) -> None:
    ten.replace("n00", "n00-new")
    log, told = ten.save(tmp_path / "audit.log"), tmp_path / "timeline.json"
    arguments = [str(log), "--budget", "general=10%", "--nodes", "general=10", "--timeline", str(told)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 nodes replaced; evictions 201: 1" in result.output
    assert len(json.loads(told.read_text())) == 11


def test_the_command_fails_on_a_violation_and_names_it(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.mark("n01")
    result = CliRunner().invoke(app, [str(ten.save(tmp_path / "audit.log")), "--budget", "general=1"])
    assert result.exit_code == 1
    assert "nodeclaim/n01" in result.output


@pytest.mark.parametrize("arguments", [["--budget", "general"], ["--budget", "general=ten"], ["--budget", "=1"]])
def test_the_command_refuses_bad_input(ten: PretendedServer, tmp_path: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(app, [str(ten.save(tmp_path / "audit.log")), *arguments])
    assert result.exit_code == 2
    assert "error:" in result.output
