"""Shell completion: what the scripts of ``napsim completion`` offer, asked as the shells ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napsim.cli import suggestions
from napsim.cli.completion import Shell
from napsim.cli.main import COMMANDS, app

PROGRAMS = Path(sys.executable).parent
CONTEXTS = "contexts: [{name: kind-napsim, context: {cluster: a}}, {name: prod, context: {cluster: b}}]\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Two clusters, two contexts, and napsim on the PATH."""
    for name in ("napsim", "napsim-demo"):
        (tmp_path / "clusters" / name).mkdir(parents=True)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(CONTEXTS)
    return {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "NAPSIM_CLUSTERS_DIR": str(tmp_path / "clusters"),
        "KUBECONFIG": str(kubeconfig),
    }


def script(shell: str) -> str:
    result = CliRunner().invoke(app, ["completion", shell])
    assert result.exit_code == 0
    return result.stdout


def in_bash(environment: dict[str, str], *words: str) -> list[str]:
    """What bash's own machinery would show: the script is sourced, and its function called as readline calls it."""
    quoted = " ".join(f"'{word}'" for word in words)
    asking = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _napsim_completion napsim"
    command = f'{script("bash")}\n{asking}; printf "%s\\n" "${{COMPREPLY[@]}}"; complete -p napsim'
    done = subprocess.run(
        ["bash", "--norc", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    *offered, registered = done.stdout.splitlines()
    assert registered == "complete -o default -F _napsim_completion napsim"
    return [item for item in offered if item]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["napsim", ""], list(COMMANDS)),
        (["napsim", "cluster", "d"], ["delete"]),
        (["napsim", "doctor", "--out"], ["--output"]),
        (["napsim", "doctor", "--output", ""], ["text", "json"]),
        (["napsim", "cluster", "status", "--name", "napsim-"], ["napsim-demo"]),
        (["napsim", "watch", "--context", "k"], ["kind-napsim"]),
    ],
)
def test_bash_completes(environment: dict[str, str], words: list[str], offered: list[str]) -> None:
    assert in_bash(environment, *words) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_the_other_shells_ask_by_the_same_protocol(environment: dict[str, str], shell: str) -> None:
    assert f"_NAPSIM_COMPLETE=complete_{shell}" in script(shell)
    assert "_TYPER_COMPLETE_ARGS=" in script(shell)
    asked = {
        "_NAPSIM_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "napsim doctor --fail",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(["napsim"], env=environment | asked, capture_output=True, text=True, check=True)
    assert "--fail-on" in done.stdout
    assert "What makes the exit code 1" in done.stdout


def test_every_shell_has_a_script() -> None:
    assert all(script(shell.value) for shell in Shell)
    assert CliRunner().invoke(app, ["completion", "tcsh"]).exit_code == 2


def test_contexts_of_all_files_are_offered_and_broken_files_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a": CONTEXTS, "b": "contexts: [{name: third}]", "c": "contexts: {", "d": "contexts: 3", "e": "[]"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(str(tmp_path / name) for name in [*files, "none"]))
    assert suggestions.contexts() == ["kind-napsim", "prod", "third"]
