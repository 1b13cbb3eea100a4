"""How a workflow is played: what its expressions come to, and that nothing unknown of it is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.packaging.actions import Event, Played, Run, resolved

CONTEXTS: dict[str, Any] = {
    "github": {"actor": "somebody"},
    "needs": {"check": {"version": "1.2.0"}},
    "secrets": {},
    "steps": {"build": {"digest": "sha256:0"}},
    "vars": {"OCI_REGISTRY": "registry.example"},
}


def a_run(folder: Path, **jobs: Any) -> Run:
    event = Event(folder, "v1.2.0", "0" * 40, "https://forge.example", "a/napsim", {})
    return Run({"jobs": jobs}, event, folder, {"PATH": "/usr/bin:/bin"}, lambda _: None, frozenset())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ vars.OCI_REGISTRY }}/a@${{ steps.build.outputs.digest }}", "registry.example/a@sha256:0"),
        ("${{ needs.check.outputs.version }}", "1.2.0"),
        ("${{ secrets.OCI_USERNAME || github.actor }}", "somebody"),
        ("${{ vars.OCI_NAMESPACE }}", ""),
        ("no expression", "no expression"),
    ],
)
def test_an_expression_is_what_it_names(text: str, value: str) -> None:
    assert resolved(text, CONTEXTS) == value


@pytest.mark.parametrize(
    "name", ["needs.test.outputs.version", "needs.check.outputs.verison", "steps.push.outputs.digest", "matrix.python"]
)
def test_an_expression_that_names_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"the expression {name} names what is not there"):
        resolved(f"${{{{ {name} }}}}", CONTEXTS)


def test_outputs_go_from_step_to_step_and_from_job_to_job(tmp_path: Path) -> None:
    told = {"id": "told", "run": 'echo "it=1" >>"$GITHUB_OUTPUT"'}
    first = {"outputs": {"it": "${{ steps.told.outputs.it }}"}, "steps": [told]}
    second = {"needs": "first", "steps": [{"env": {"IT": "${{ needs.first.outputs.it }}"}, "run": 'echo "$IT"'}]}
    run = a_run(tmp_path, first=first, second=second)
    assert run.play("first").outputs == {"it": "1"}
    assert run.play("second").printed('echo "$IT"') == "1\n"


def test_after_a_step_that_fails_no_other_is_run(tmp_path: Path) -> None:
    played = a_run(tmp_path, one={"steps": [{"run": "exit 3"}, {"run": "true"}]}).play("one")
    assert ([done.step.title for done in played.done], played.ended) == (["exit 3"], 3)


@pytest.mark.parametrize("job", [{"steps": [{"run": "true", "if": "failure()"}]}, {"strategy": {}, "steps": []}])
def test_what_is_not_known_of_a_workflow_is_refused(job: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\['(if|strategy)'\] is not known here"):
        a_run(tmp_path, one=job).play("one")


def test_files_are_handed_over_below_the_folder_that_their_patterns_share(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    one, other = Played(tmp_path / "one"), Played(tmp_path / "other")
    (one.folder / "dist").mkdir(parents=True)
    for name in ("dist/a", "dist/b", "notes.md"):
        (one.folder / name).write_text(name)
    run.upload(one, {"name": "both", "path": "dist/*\nnotes.md\n"})
    run.upload(one, {"name": "dist", "path": "dist/*"})
    run.download(other, {"name": "both"})
    assert sorted(str(file.relative_to(other.folder)) for file in other.folder.rglob("*") if file.is_file()) == [
        "dist/a",
        "dist/b",
        "notes.md",
    ]
    run.download(one, {"name": "dist"})
    assert (one.folder / "a").read_text() == "dist/a"
