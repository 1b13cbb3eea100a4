"""`napsim run`: what is refused before anything is asked of a cluster."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from napsim.cli.main import app


@pytest.mark.parametrize("namespace", ["", "  "])
def test_driving_needs_to_know_where_the_provider_looks(namespace: str) -> None:
    done = CliRunner().invoke(app, ["run", "--drive", "--system-namespace", namespace, "--kubeconfig", "/nowhere"])
    assert done.exit_code == 2
    assert "must not be empty with --drive" in " ".join(done.output.split())


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
