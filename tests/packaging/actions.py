"""A workflow of GitHub Actions, played without GitHub: its `run` steps are run, as a runner runs them.

A run has what a runner has: a folder of its own for each job, the event's variables, the outputs that steps write and
that expressions carry on, and the files that jobs hand over. Three actions have a stand-in: checkout, and the two that
hand files over. Of any other step that is not run it is noted what it would have been given, and who plays the run
makes its outputs up. What is not understood of a workflow raises, so that nothing of it is left out unseen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

Outputs = dict[str, str]
_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_JOB_KEYS: Final = {
    *("name", "needs", "runs-on", "timeout-minutes", "permissions", "environment", "outputs", "steps", "uses"),
}
_STEP_KEYS: Final = {"name", "id", "uses", "with", "env", "run"}
# What there may be none of; anything else that an expression names has to be there.
_MAY_BE_UNSET: Final = {"secrets", "vars"}


@dataclass(frozen=True, slots=True)
class Step:
    """One of a job, as the workflow has it. ``title`` is how a run's page would name it."""

    job: str
    told: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.told.get("name") or self.action or self.told["run"])

    @property
    def action(self) -> str:
        """The action that it uses, without its version; empty for a step of commands."""
        return str(self.told.get("uses", "")).partition("@")[0]

    @property
    def place(self) -> str:
        return f"{self.job}: {self.title}"


@dataclass(frozen=True, slots=True)
class Done:
    """A step whose commands were run, with what they printed."""

    step: Step
    code: int
    printed: str


@dataclass(frozen=True, slots=True)
class NotRun:
    """A step that was not run: what it would have been given, inputs and variables, with expressions resolved."""

    step: Step
    given: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Played:
    """A job that was played, in ``folder``."""

    folder: Path
    done: list[Done] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    outputs: Outputs = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """The exit code of the last step that was run: after one that failed no other is."""
        return self.done[-1].code if self.done else 0

    def printed(self, title: str) -> str:
        (found,) = (done.printed for done in self.done if done.step.title == title)
        return found

    def given(self, action: str) -> list[Mapping[str, str]]:
        """What each step of that action, or of that title, would have been given."""
        return [left.given for left in self.not_run if action in {left.step.action, left.step.title}]


@dataclass(frozen=True, slots=True)
class Event:
    """What starts a run: the tag that was pushed to ``origin``, and what the repository's settings name."""

    origin: Path
    tag: str
    sha: str
    server: str
    repository: str
    variables: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Of every step, as GitHub documents its default variables."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF": f"refs/tags/{self.tag}",
            "GITHUB_REF_NAME": self.tag,
            "GITHUB_REF_TYPE": "tag",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SERVER_URL": self.server,
            "GITHUB_SHA": self.sha,
        }

    def contexts(self) -> dict[str, Any]:
        github = {"actor": "somebody", "repository": self.repository, "sha": self.sha, "token": "a-token"}
        return {"github": github, "secrets": {}, "vars": self.variables}


@dataclass(slots=True)
class Run:
    """A run of a workflow: jobs are played one after another, each after those that it needs.

    ``environment`` is the runner's, ``prepare`` makes of a checkout what steps find (the virtual environment). Steps of
    commands at the places ``not_run`` are not run; ``made_up`` has the outputs of whatever is not, by place.
    """

    workflow: Mapping[str, Any]
    event: Event
    folder: Path
    environment: Mapping[str, str]
    prepare: Callable[[Path], None]
    not_run: frozenset[str]
    made_up: Mapping[str, Outputs] = field(default_factory=dict)
    jobs: dict[str, Played] = field(default_factory=dict)

    def play(self, name: str) -> Played:
        """Raises ValueError for what a runner would refuse, or what this does not know."""
        job = self.workflow["jobs"][name]
        if unknown := job.keys() - _JOB_KEYS:
            raise ValueError(f"job {name}: {sorted(unknown)} is not known here")
        folder = self.folder / name
        folder.mkdir()
        played = self.jobs[name] = Played(folder)
        outputs = {needed: self.jobs[needed].outputs for needed in _list(job.get("needs", []))}
        contexts = {**self.event.contexts(), "needs": outputs, "steps": dict[str, Outputs]()}
        for step in steps(self.workflow, name):
            contexts["steps"] |= self._step(step, played, contexts)
            if played.ended:
                return played
        played.outputs.update({key: resolved(text, contexts) for key, text in job.get("outputs", {}).items()})
        return played

    def _step(self, step: Step, played: Played, contexts: Mapping[str, Any]) -> dict[str, Outputs]:
        """Play a step, and tell its outputs by its id."""
        if unknown := step.told.keys() - _STEP_KEYS:
            raise ValueError(f"{step.place}: {sorted(unknown)} is not known here")
        given = {key: resolved(str(text), contexts) for key, text in step.told.get("with", {}).items()}
        environment = {key: resolved(str(text), contexts) for key, text in step.told.get("env", {}).items()}
        outputs: Outputs = dict(self.made_up.get(step.place, {}))
        if step.action in STAND_INS:
            STAND_INS[step.action](self, played, given)
        elif step.action or step.place in self.not_run:
            played.not_run.append(NotRun(step, given | environment))
        else:
            done, outputs = self._commands(step, played, resolved(step.told["run"], contexts), environment)
            played.done.append(done)
        return {step.told["id"]: outputs} if "id" in step.told else {}

    def _commands(
        self, step: Step, played: Played, script: str, environment: Mapping[str, str]
    ) -> tuple[Done, Outputs]:
        """As a runner does where no shell is named: `bash -e`, without pipefail."""
        files = self.folder / f"{played.folder.name}-{len(played.done)}"
        files.mkdir()
        (files / "script.sh").write_text(script)
        (files / "output").touch()
        done = subprocess.run(
            ["bash", "-e", files / "script.sh"], cwd=played.folder, check=False, stdin=subprocess.DEVNULL,
            env={**self.environment, **self.event.environment(), "GITHUB_OUTPUT": str(files / "output"), **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        lines = (files / "output").read_text().splitlines()
        return Done(step, done.returncode, done.stdout), dict(line.split("=", 1) for line in lines)

    def checkout(self, played: Played, given: Mapping[str, str]) -> None:
        """actions/checkout: the tag's commit alone, or with `fetch-depth: 0` all branches and their history."""
        if unknown := given.keys() - {"persist-credentials", "fetch-depth"}:
            raise ValueError(f"checkout: {sorted(unknown)} is not known here")
        depth = int(given.get("fetch-depth", "1"))
        told = [f"--depth={depth}", f"--branch={self.event.tag}"] if depth else ["--no-checkout"]
        _git(self.folder, "clone", "--quiet", *told, self.event.origin.as_uri(), str(played.folder))
        _git(played.folder, "checkout", "--quiet", "--detach", self.event.sha)
        self.prepare(played.folder)

    def upload(self, played: Played, given: Mapping[str, str]) -> None:
        """actions/upload-artifact: what its patterns find, below the folder that all of them share."""
        patterns = [played.folder / pattern for pattern in given["path"].split()]
        files = {file for pattern in patterns for file in pattern.parent.glob(pattern.name)}
        if not files:
            raise ValueError(f"upload: nothing is found by {given['path']}")
        shared = Path(os.path.commonpath([path.parent if "*" in path.name else path for path in patterns]))
        root = shared.parent if shared.is_file() else shared
        for file in files:
            to = self._artefact(given["name"]) / file.relative_to(root)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to)

    def download(self, played: Played, given: Mapping[str, str]) -> None:
        """actions/download-artifact: into the job's folder."""
        shutil.copytree(self._artefact(given["name"]), played.folder, dirs_exist_ok=True)

    def _artefact(self, name: str) -> Path:
        return self.folder / "artefacts" / name


STAND_INS: Final[dict[str, Callable[[Run, Played, Mapping[str, str]], None]]] = {
    "actions/checkout": Run.checkout,
    "actions/upload-artifact": Run.upload,
    "actions/download-artifact": Run.download,
}


def read(path: Path) -> dict[str, Any]:
    """A workflow. `on` is a word of YAML 1.1 that means true."""
    workflow: dict[str, Any] = yaml.safe_load(path.read_text())
    return workflow


def steps(workflow: Mapping[str, Any], job: str) -> list[Step]:
    """Of a job; one that is a workflow of its own is one step."""
    told = workflow["jobs"][job]
    return [Step(job, {"uses": told["uses"]})] if "uses" in told else [Step(job, step) for step in told["steps"]]


def resolved(text: str, contexts: Mapping[str, Any]) -> str:
    """With its expressions replaced. Raises ValueError for one that names what is not there, as of a job not needed."""
    return _EXPRESSION.sub(lambda found: _value(found[1], contexts), text)


def _value(expression: str, contexts: Mapping[str, Any]) -> str:
    for alternative in expression.split(" || "):
        if value := _looked_up(alternative, contexts):
            return value
    return ""


def _looked_up(name: str, contexts: Mapping[str, Any]) -> str:
    context, *path = [part for part in name.split(".") if part != "outputs"]
    value: Any = contexts.get(context, {})
    if context in _MAY_BE_UNSET:
        return str(value.get(path[0], ""))
    for part in path:
        value = value.get(part, {})
    if not value or isinstance(value, Mapping):
        raise ValueError(f"the expression {name} names what is not there")
    return str(value)


def _list(told: str | list[str]) -> list[str]:
    return [told] if isinstance(told, str) else told


def _git(folder: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
