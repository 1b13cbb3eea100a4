"""Every example in the help of a command runs; those that need a cluster do so in tests/e2e/test_help_examples.py.

docs/reference/cli.md is made of the same. They run in one folder, in the order of ``napsim --help``, in this process:
``&&``, ``|`` and ``>`` are played.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napsim.cli.command_reference import asks_cluster, documented
from napsim.cli.endings import ending_of
from napsim.cli.main import app
from tests.cli.serial import Serial

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
OF_NAPSIM = list(ending_of(str(app.info.epilog)).examples)
OF_COMMANDS = [it for item in documented() if not item.needs_cluster for it in item.ending.examples]
OF_OTHERS = [it for item in documented() if item.needs_cluster for it in item.ending.examples if not asks_cluster(it)]
EXAMPLES = list(dict.fromkeys([*OF_NAPSIM, *OF_COMMANDS, *OF_OTHERS]))
# The answer is no: a PodDisruptionBudget of the examples never lets one node go; the folders and the traces differ.
SAYS_NO = {
    "napsim examples --write manifests && napsim simulate manifests/examples",
    "napsim examples | napsim simulate -",
    "napsim simulate manifests/examples",
    "napsim simulate manifests/examples --html rollout.html",
    "napsim simulate manifests/examples --until 2026-03-07T00:00:00Z -o json",
    "napsim simulate manifests/examples --seed 1 --trace one.jsonl",
    "napsim simulate manifests/examples --seed 2 --trace two.jsonl",
    "napsim sweep manifests/examples --plot a.svg --vary pool/default:budget=1..3",
    "napsim diff HEAD -- manifests/examples",
    "napsim diff --output markdown main.. -- manifests/examples",
    "napsim diff before after --no-forecast",
    "napsim trace diff one.jsonl two.jsonl --tolerance 30s",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples find: manifests under git, with a longer window in HEAD alone; what a plugin is packed from."""
    made = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "manifests", made / "manifests")
    shutil.copytree(ROOT / "manifests/examples", made / "before")
    git(made, "init", "--quiet", "--initial-branch=main")
    commit(made)
    git(made, "switch", "--quiet", "--create=longer")
    window = made / "manifests/examples/10-maintenanceconfiguration.yaml"
    text = window.read_text("utf-8")
    window.write_text(text.replace("durationHours: 4", "durationHours: 6"), "utf-8")
    commit(made)
    shutil.copytree(made / "manifests/examples", made / "after")
    window.write_text(text, "utf-8")
    for name in ("dist/napsim-1.0.0-py3-none-any.whl", "requirements/runtime.txt"):
        (made / name).parent.mkdir()
        (made / name).write_text("")
    return made


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=napsim", "-c", "user.email=napsim@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=manifests")


@pytest.fixture(autouse=True)
def _sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forecasts end after ten days where nothing else is said, and several are made here, in turn."""
    monkeypatch.setattr("napsim.sim.composition.DEFAULT_LENGTH", timedelta(days=10))
    monkeypatch.setattr("napsim.cli.executors.LocalProcesses.results", Serial.results)


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_runs_and_answers(folder: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    monkeypatch.chdir(folder)
    *before, last = commands(example)
    for command in before:
        assert played(command)[0] == 0
    code, said = played(last)
    assert code == (1 if example in SAYS_NO else 0), said or f"exit code {code}"


def test_what_is_said_to_answer_no_is_there() -> None:
    assert set(EXAMPLES) >= SAYS_NO


def commands(example: str) -> Iterator[list[str]]:
    """The pipelines of a line, as words."""
    plain = example.removeprefix("source <(").removesuffix(")") if example.startswith("source") else example
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for both, words in groupby(lexer, lambda word: word == "&&"):
        if not both:
            yield list(words)


def played(words: list[str]) -> tuple[int, str]:
    """A pipeline, with what its last command answered and wrote to standard error."""
    text, code, said = None, 0, ""
    target = words[words.index(">") + 1] if ">" in words else None
    for pipe, part in groupby(words[: words.index(">")] if target else words, lambda word: word == "|"):
        if not pipe:
            program, *arguments = [found for word in part for found in expanded(word)]
            assert program == "napsim"
            done = CliRunner().invoke(app, arguments, input=text)
            text, code, said = done.stdout, done.exit_code, done.stderr
    if target is not None:
        Path(target).write_text(text or "", "utf-8")
    return code, said


def expanded(word: str) -> list[str]:
    return [str(file) for file in sorted(Path().glob(word))] if "*" in word else [word]
