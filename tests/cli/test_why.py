"""``napsim why`` from the command line: the text, the document, names, instants, exit codes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.cli.main import app
from napsim.core.chain import LinkName
from napsim.report.marked import WIDTH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/why.md").read_text("utf-8")
SINGLE_REPLICA = ROOT / "tests/scenarios/single_replica"
FROZEN_POOL = ROOT / "tests/scenarios/frozen_pool"
SLOW_STATEFUL_SET = ROOT / "tests/scenarios/ordered_statefulset"
NO_CAPACITY = ROOT / "tests/scenarios/no_capacity"
BLOCKED = "--at=2026-03-06T12:00:00Z"
BERLIN = "--time-zone=Europe/Berlin"


def run(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["why", *map(str, arguments)], input=given)


@pytest.fixture(scope="module")
def text() -> str:
    done = run("default", SINGLE_REPLICA, BLOCKED, BERLIN)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_the_answer_comes_first_then_the_edit_then_every_link(text: str) -> None:
    rows = text.splitlines()
    assert rows[:3] == [
        "NodePool/default",
        "  Fri 2026-03-06 12:00 UTC (13:00 Europe/Berlin)",
        "  1 of 4 nodes has not moved",
    ]
    assert "    Time alone does not change that." in rows
    edit = rows.index("      kubectl patch poddisruptionbudget ledger -n shop --type merge -p '")
    assert rows[edit + 1 : edit + 5] == [
        "      spec:",
        "        maxUnavailable: 1",
        "        minAvailable: null",
        "      '",
    ]
    chain = rows[next(index for index, row in enumerate(rows) if row.startswith("  The chain of Node/")) :]
    links = [row[7:18].rstrip() for row in chain if row[:4] == "    " and row[7:8].isupper() and row[6:7] == " "]
    assert links == [name for name in LinkName if name is not LinkName.CHANNEL]


def test_a_patch_reaches_kubectl_as_it_is_meant_through_the_quotes_of_a_shell() -> None:
    """NodePools have text in ``nodes``: a number there, which the API server refuses, is what a shell made of '1'."""
    done = run("pool/default", FROZEN_POOL, "--at=2026-04-30T12:00:00Z")
    command = re.search(r"kubectl patch nodepool default --type merge -p '[^']*'", done.stdout)
    assert command is not None, done.stdout
    given = shlex.split(command[0])[-1]
    assert yaml.safe_load(given) == {"spec": {"disruption": {"budgets": [{"nodes": "1"}]}}}


def test_pods_that_are_not_healthy_yet_end_the_wait_without_the_edit() -> None:
    done = run("pool/default", SLOW_STATEFUL_SET, "--at=2026-03-05T07:55:00Z")
    told = " ".join(done.stdout.split())
    assert "one more pod may be evicted; without the edit the wait ends when all 3 pods are healthy again." in told
    alone = " ".join(run("pool/default", SINGLE_REPLICA, BLOCKED).stdout.split())
    assert "without the edit" not in alone


def test_a_node_without_room_elsewhere_goes_before_its_replacement_which_is_said() -> None:
    done = run("pool/default", NO_CAPACITY, "--at=2026-03-05T09:00:00Z")
    told = " ".join(done.stdout.split())
    assert "the node is deleted without a replacement: PDBs still hold, but its pods stay pending until" in told


def test_a_pool_that_has_nothing_to_wait_for_yet_names_the_option_that_asks_later() -> None:
    hint = "note: this is the start of the forecast; --at INSTANT asks about a later instant"
    assert hint in run("pool/default", FROZEN_POOL).stdout
    assert hint not in run("pool/default", FROZEN_POOL, "--at=2026-04-30T12:00:00Z").stdout


def test_no_line_is_wider_than_a_terminal(text: str) -> None:
    assert [row for row in text.splitlines() if len(row) > WIDTH] == []


def test_the_document_has_the_same_chain_and_the_edit_as_a_patch() -> None:
    done = run("pool/default", SINGLE_REPLICA, BLOCKED, "--output=json")
    answer = json.loads(done.stdout)
    assert (answer["schema"], answer["at"]) == ("napsim.dev/why/v1", "2026-03-06T12:00:00Z")
    (chain,) = answer["chains"]
    first = next(link for link in chain["links"] if link["name"] == chain["first"])
    assert (first["name"], first["reason"]) == ("Candidate", "PodDisruptionBudget")
    assert first["edit"]["patch"] == {"spec": {"maxUnavailable": 1, "minAvailable": None}}
    assert [len(group["nodes"]) for group in chain["held"]] == [1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", SINGLE_REPLICA], "'nobody': is neither a Node, a NodePool nor an image here"),
        (["pool/nobody", SINGLE_REPLICA], "there are NodePools: default;"),
        (["default", SINGLE_REPLICA, "--at=2026-01-01T00:00:00Z"], "must not be before the start"),
        (["default", SINGLE_REPLICA / "nothing.yaml"], "cannot be read"),
        (["default", "-"], "NodePool/default: spec: Required value: spec must be set"),
    ],
    ids=["no such name", "no such pool", "before the start", "no such file", "bad manifest"],
)
def test_what_cannot_be_asked_is_said(arguments: list[object], told: str) -> None:
    done = run(*arguments, given="{apiVersion: karpenter.sh/v1, kind: NodePool, metadata: {name: default}}")
    assert done.exit_code == 2
    assert told in done.stderr


def test_without_manifests_the_cluster_is_asked(unreachable: Path) -> None:
    done = run("default", "--kubeconfig", unreachable)
    assert done.exit_code == 2
    assert done.stderr.startswith("napsim why: http://127.0.0.1:")


def test_every_link_and_option_is_on_the_page() -> None:
    assert re.findall(r"^\| ([A-Z][a-z]+) \| [a-z]", PAGE, re.MULTILINE) == [*map(str, LinkName)]
    shown = CliRunner().invoke(app, ["why", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    assert [option for option in options if f"`{option}" not in PAGE] == []
