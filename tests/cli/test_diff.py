"""``napsim diff``: what changes in effect, from folders and from git, in all forms, with the exit codes of diff."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from napsim.cli.main import app
from napsim.report.difference import Difference
from napsim.report.difference_lines import lines
from napsim.report.difference_markdown import MARKER, markdown
from napsim.report.marked import WIDTH

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "manifests/examples"
WEEKEND = ROOT / "tests/scenarios/weekend_budget"
SINCE = ("--at=2026-02-01T00:00:00Z", "--time-zone=UTC")


def sides(folder: Path, *edits: tuple[str, str], holding: str = "") -> tuple[Path, Path]:
    """Of the examples the files that an edit concerns, or that hold a text, before and after the edits."""
    wanted = [holding, *(old for old, _ in edits)]
    files = [it for it in EXAMPLES.glob("*.yaml") if any(text and text in it.read_text() for text in wanted)]
    for side in ("a", "b"):
        (folder / side).mkdir()
        for file in files:
            shutil.copy(file, folder / side)
    shutil.move(folder / "b", folder / "c")
    return folder / "a", edited(folder / "c", folder / "b", *edits)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["diff", *map(str, arguments)])


def edited(source: Path, folder: Path, *edits: tuple[str, str]) -> Path:
    """A copy of a folder in which texts are replaced, each of which is there."""
    shutil.copytree(source, folder)
    for old, new in edits:
        holding = [file for file in folder.glob("*.yaml") if old in file.read_text()]
        assert holding, old
        for file in holding:
            file.write_text(file.read_text().replace(old, new))
    return folder


def answer(*arguments: object) -> Difference:
    done = run(*arguments, *SINCE, "--output=json")
    assert done.exit_code in (0, 1), done.stderr
    found = msgspec.json.decode(done.stdout, type=Difference)
    assert found.changed == (done.exit_code == 1)
    return found


def quick(*arguments: object) -> Difference:
    return answer(*arguments, "--no-forecast")


# --- in effect --------------------------------------------------------------------------------------------------------


def test_the_same_manifests_change_nothing() -> None:
    pools = EXAMPLES / "30-nodepools.yaml"
    done = run(pools, pools, "--no-forecast", *SINCE)
    assert done.exit_code == 0
    assert "Nothing changes in effect." in done.stdout


@pytest.mark.parametrize(
    "edit",
    [
        ("0 8 * * mon-fri", "0 8 * * 1,2,3,4,5"),
        ("duration: 10h", "duration: 600m"),
        ("reasons: [Drifted, Underutilized]", "reasons: [Underutilized, Drifted]"),
        ("expireAfter: Never", "expireAfter: Never # for now"),
        ("dayOfWeek: Sunday", "'dayOfWeek': \"Sunday\""),
        ("image: shop/web:1.0", "image: shop/web:2.0"),
    ],
    ids=lambda it: it[1],
)
def test_another_text_that_means_the_same_changes_nothing(edit: tuple[str, str], tmp_path: Path) -> None:
    assert not quick(*sides(tmp_path, edit)).changed


def test_a_namespace_that_is_not_written_is_default(tmp_path: Path) -> None:
    text = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {maxUnavailable: 1}}"
    one, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text(text)
    other.write_text(text.replace("name: web", "name: web, namespace: default"))
    assert not quick(one, other).changed
    other.write_text(text.replace("name: web", "name: web, namespace: shop"))
    assert [(it.change, it.namespace) for it in quick(one, other).objects] == [("gone", ""), ("added", "shop")]


def test_windows_that_come_and_go_are_told_with_hours_a_year(tmp_path: Path) -> None:
    (found,) = quick(*sides(tmp_path, ("dayOfWeek: Sunday", "dayOfWeek: Saturday"))).windows
    assert found.config_name == "aksManagedNodeOSUpgradeSchedule"
    assert (found.before_seconds, found.after_seconds) == (51 * 4 * 3600, 50 * 4 * 3600)
    assert (len(found.lost), len(found.gained)) == (51, 50)
    assert found.gained[0].utc == "Sat 2026-02-07 01:00–05:00 UTC"


def test_a_longer_window_gains_only_what_is_new_of_it(tmp_path: Path) -> None:
    (found,) = quick(*sides(tmp_path, ("durationHours: 4", "durationHours: 6"))).windows
    assert found.lost == ()
    assert found.gained[0].utc == "Sun 2026-02-01 05:00–07:00 UTC"


def test_a_configuration_that_goes_is_no_window_on_that_side(tmp_path: Path) -> None:
    before, after = sides(tmp_path, holding="dayOfWeek")
    (after / "10-maintenanceconfiguration.yaml").unlink()
    found = quick(before, after)
    assert [(it.kind, it.change) for it in found.objects] == [("MaintenanceConfiguration", "gone")]
    assert found.windows[0].after_seconds is None


def test_budgets_are_told_by_hours_of_a_week_and_level(tmp_path: Path) -> None:
    (found,) = quick(*sides(tmp_path, ("0 8 * * mon-fri", "0 8 * * mon-thu"))).budgets
    assert (found.pool, found.reasons) == ("default", ("Drifted", "Underutilized"))
    assert [(it.allowed, it.before_seconds, it.after_seconds) for it in found.levels] == [
        (0, 50 * 3600, 40 * 3600),
        (10, 118 * 3600, 128 * 3600),
    ]


def test_how_many_nodes_a_percentage_is_of_is_said_where_it_is_assumed(tmp_path: Path) -> None:
    found = sides(tmp_path, ("0 8 * * mon-fri", "0 8 * * mon-thu"))
    told = "NodePool/default: 100 nodes are assumed, for percentages; --nodes default=N says how many there are"
    assert told in quick(*found).notes
    assert quick(*found, "--nodes", "default=7").notes == ()
    assert told not in quick(*sides(tmp_path / "a", ("durationHours: 4", "durationHours: 5"))).notes


def test_what_becomes_unlimited_says_so(tmp_path: Path) -> None:
    found = sides(tmp_path, ('      - nodes: "10%"\n', ""))
    done = run(*found, "--no-forecast", *SINCE)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["UNLIMITED", "0", "118", "+118"] in rows


def test_a_change_that_no_week_shows_is_found_in_the_year(tmp_path: Path) -> None:
    christmas = '- nodes: "10%"\n      - {nodes: "0", schedule: "0 0 24 12 *", duration: 72h}\n'
    (found,) = quick(*sides(tmp_path, ('- nodes: "10%"\n', christmas))).budgets[:1]
    assert [(it.before_seconds, it.after_seconds) for it in found.levels if it.allowed == 10] == [(424800, 424800)]
    assert found.first.start.isoformat() == "2026-12-24T00:00:00+00:00"


def test_a_new_pool_has_no_hours_before(tmp_path: Path) -> None:
    before, after = sides(tmp_path, holding="kind: NodePool")
    text = (EXAMPLES / "30-nodepools.yaml").read_text().replace("name: system\n", "name: gpu\n", 1)
    (after / "gpu.yaml").write_text(text.partition("\n---\n")[0])
    found = quick(before, after)
    assert [(it.named, it.change) for it in found.objects] == [("NodePool/gpu", "added")]
    assert {it.pool for it in found.budgets} == {"gpu"}
    assert {level.before_seconds for it in found.budgets for level in it.levels} == {None}


def test_a_changed_template_says_that_all_nodes_drift(tmp_path: Path) -> None:
    found = quick(*sides(tmp_path, ("expireAfter: Never", "expireAfter: 48h")))
    assert [(it.fields[0].field, it.effects[0][:36]) for it in found.objects] == [
        ("spec.template.spec.expireAfter", "all nodes of it drift (NodePoolDrift"),
    ] * 2


def test_nodes_of_the_cluster_are_counted_only(tmp_path: Path) -> None:
    before, after = sides(tmp_path, holding="kind: NodePool")
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}}
    (after / "nodes.json").write_text(json.dumps(node))
    found = quick(before, after)
    assert [(it.kind, it.added, it.gone) for it in found.counts] == [("Node", 1, 0)]
    assert found.objects == ()


# --- the forecast -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Difference:
    """From a pool that is allowed all at night to one that is allowed one node at a time."""
    new = '- nodes: "0"\n        schedule: "0 8 * * mon-fri"'
    other = edited(WEEKEND, tmp_path_factory.mktemp("slower") / "b", (new, f'- nodes: "1"\n      {new}'))
    done = run(WEEKEND, other, "--time-zone=UTC", "--output=json")
    assert done.exit_code == 1, done.stderr
    return msgspec.json.decode(done.stdout, type=Difference)


def test_the_finish_of_the_next_rollout_is_told_for_both_sides(slower: Difference) -> None:
    assert slower.start.isoformat() == "2026-03-02T00:00:00+00:00"
    assert slower.outlook is not None
    whole = slower.outlook.finish[0]
    assert whole.before is not None
    assert whole.after is not None
    assert whole.before < whole.after
    assert slower.outlook.most_disrupting == (10, 1)
    text = [line.text for line in lines(slower)]
    assert any(re.fullmatch(r"  all nodes done +Wed 2026-03-04 23:51 +Thu 2026-03-05 00:\d\d", it) for it in text)
    assert max(map(len, text)) <= WIDTH


def test_without_a_nodepool_there_is_no_forecast_and_it_is_said(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "10-maintenanceconfiguration.yaml", tmp_path)
    found = answer(tmp_path, EXAMPLES)
    assert found.outlook is None
    assert "no forecast: there is no NodePool before" in found.notes


# --- the comment ------------------------------------------------------------------------------------------------------


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text, as rows of cells, without the line below the head."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    found = []
    for block in blocks:
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block]
        assert set(rows[1]) == {"---"}
        assert len({len(row) for row in rows}) == 1
        found.append([rows[0], *rows[2:]])
    return found


def test_the_comment_is_markdown_with_the_same_figures(slower: Difference) -> None:
    text = markdown(slower)
    assert text.startswith(f"{MARKER}\n### ")
    rollout, budgets = tables(text)
    assert rollout[1][1:] == ["Wed 2026-03-04 23:51", rollout[2][2]]
    assert budgets[0] == ["nodes at once", "hours a week before", "after", "change"]
    assert ["🔴 **UNLIMITED**", "80", "0", "-80"] in budgets
    assert text.count("<details>") == text.count("</details>")


def test_names_in_the_comment_are_neither_markup_nor_mentions(tmp_path: Path) -> None:
    found = sides(tmp_path, ("{app: web}", '{app: "a|b`@all"}'))
    text = run(*found, "--no-forecast", *SINCE, "--output=markdown").stdout
    ((_, *rows),) = tables(text)
    assert any("``" in row[2] and "a\\|b`@all" in row[2] for row in rows)


# --- where the sides are from -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits: the examples, and the examples with a longer window. In the working tree the window is Monday's."""
    folder = tmp_path_factory.mktemp("repository")
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}

    def git(*arguments: str) -> None:
        environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env=environment)

    (folder / "clusters/a").mkdir(parents=True)
    shutil.copy(EXAMPLES / "10-maintenanceconfiguration.yaml", folder / "clusters/a")
    (folder / "values.yaml").write_text("replicas: 3\n")
    window = folder / "clusters/a/10-maintenanceconfiguration.yaml"
    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    window.write_text(window.read_text().replace("durationHours: 4", "durationHours: 6"))
    git("commit", "--quiet", "--all", "--message=second")
    window.write_text(window.read_text().replace("Sunday", "Monday"))
    return folder


@pytest.mark.parametrize(
    ("arguments", "labels", "first_gained"),
    [
        (("HEAD~1", "HEAD"), ("HEAD~1", "HEAD"), "Sun 2026-02-01 05:00–07:00 UTC"),
        (("HEAD~1..",), ("HEAD~1", "HEAD"), "Sun 2026-02-01 05:00–07:00 UTC"),
        (("HEAD~1..main", "--", "clusters"), ("HEAD~1", "main"), "Sun 2026-02-01 05:00–07:00 UTC"),
        (("HEAD", "clusters/a"), ("HEAD", "working tree"), "Mon 2026-02-02 01:00–07:00 UTC"),
    ],
)
def test_revisions_of_git_are_compared_without_checking_them_out(
    arguments: tuple[str, ...],
    labels: tuple[str, str],
    first_gained: str,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(repository)
    found = quick(*arguments[:1], "--no-forecast", *arguments[1:]) if "--" not in arguments else None
    if found is None:
        done = run("--no-forecast", *SINCE, "--output=json", *arguments)
        found = msgspec.json.decode(done.stdout, type=Difference)
    assert (found.before, found.after) == labels
    assert found.windows[0].gained[0].utc == first_gained


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "values.yaml"), "nowhere: neither a file or folder nor a revision of git"),
        (("main..nowhere",), "nowhere: neither a file or folder nor a revision of git"),
        (("HEAD~1", "HEAD", "nowhere"), "nowhere: no YAML or JSON file there, neither in HEAD~1 nor in HEAD"),
        (("values.yaml",), "there must be two files or folders, or revisions of git; given is one: values.yaml"),
        (("clusters", "clusters", "clusters"), "there must be two files or folders, or revisions of git; given are 3"),
    ],
)
def test_sides_that_are_not_there_are_told_with_exit_code_2(
    arguments: tuple[str, ...], said: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_mistakes_of_both_sides_are_told_with_their_places(tmp_path: Path) -> None:
    texts: dict[str, dict[str, Any]] = {
        side: {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": side}} for side in ("a", "b")
    }
    for side, manifest in texts.items():
        (tmp_path / f"{side}.yaml").write_text(json.dumps(manifest))
    done = run(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert done.exit_code == 2
    assert [f"{side}.yaml" in done.stderr for side in texts] == [True, True]


def test_nodes_of_a_pool_that_neither_side_has_are_a_mistake() -> None:
    pools = EXAMPLES / "30-nodepools.yaml"
    done = run(pools, pools, "--nodes=other=3", "--no-forecast")
    assert done.exit_code == 2
    assert "there are default, system" in done.stderr
