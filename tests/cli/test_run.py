"""`napsim run`: what is refused before anything is asked of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from napsim.cli.main import app


@pytest.mark.parametrize("namespace", ["", "  "])
def test_driving_needs_to_know_where_the_provider_looks(namespace: str) -> None:
    done = CliRunner().invoke(app, ["run", "--drive", "--system-namespace", namespace, "--kubeconfig", "/nowhere"])
    assert done.exit_code == 2
    assert "--system-namespace: must not be empty with --drive" in " ".join(done.output.split())


def test_the_namespace_may_come_from_the_environment_as_the_provider_has_it() -> None:
    """A kubeconfig that is not there is what is refused then."""
    done = CliRunner().invoke(
        app, ["run", "--drive", "--kubeconfig", "/nowhere"], env={"SYSTEM_NAMESPACE": "karpenter"}
    )
    assert done.exit_code == 2
    assert "/nowhere" in done.output

    blank = CliRunner().invoke(app, ["run", "--drive", "--kubeconfig", "/nowhere"], env={"SYSTEM_NAMESPACE": " "})
    assert blank.exit_code == 2
    assert "must not be empty" in blank.output


def test_drive_mode_has_nothing_to_trace() -> None:
    done = CliRunner().invoke(app, ["run", "--drive", "--trace", "trace.jsonl", "--kubeconfig", "/nowhere"])
    assert done.exit_code == 2
    assert "--trace: has nothing to write with --drive" in " ".join(done.output.replace("│", " ").split())


def test_a_trace_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    named = {"name": "here"}
    kubeconfig = {
        "clusters": [{**named, "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{**named, "user": {"token": "t"}}],
        "contexts": [{**named, "context": {"cluster": "here", "user": "here"}}],
        "current-context": "here",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig))
    done = CliRunner().invoke(app, ["run", "--kubeconfig", str(tmp_path / "config"), "--trace", str(tmp_path)])
    assert done.exit_code == 2
    assert f"{tmp_path}: cannot be written: Is a directory" in done.stderr
