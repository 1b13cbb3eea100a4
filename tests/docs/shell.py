"""One bash for a page: its commands one after another, with what each printed and how it ended."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.blocks import ROOT, Block
from tests.docs.commands import Command, commands, goes_on
from tests.docs.comparison import difference

_MOST_SECONDS: Final = 180.0  # what goes on may take to say something
WENT_ON: Final = 124  # what timeout says of what it ended
# What commands of pages read of the repository.
_COPIED: Final = (
    *("charts", "crds", "docs", "hack", "manifests", "requirements", "tests/scenarios"),
    *("Makefile", "README.md", "pyproject.toml"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the bash of a page does. ``command`` None: something that is not shown, a file or a setup."""

    block: Block
    text: str
    command: Command | None
    codes: tuple[int, ...]
    ctrl_c_after: int = 0

    @property
    def place(self) -> str:
        return f"{self.block.page}:{self.command.line if self.command else self.block.line}"

    @property
    def shown(self) -> str:
        """The output that has to come; empty where none is shown, or only an example."""
        return (self.command.shown or "") if self.command and self.block.marking.compared else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    step: Step
    code: int | None  # None: not reached, as the shell ended before
    printed: str

    def complaint(self) -> str:
        """Empty where it came as the page says."""
        step = self.step
        if self.code is None:
            return f"{step.place}: not reached: the shell had ended\n  $ {step.text}"
        if self.code not in step.codes:
            wanted = " or ".join(map(str, step.codes))
            return f"{step.place}: exit code {self.code}, not {wanted}\n  $ {step.text}\n{_indented(self.printed)}"
        told = difference(step.shown, self.printed) if step.shown else ""
        return f"{step.place}: the page shows another output\n  $ {step.text}\n{_indented(told)}" if told else ""


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def steps(block: Block) -> list[Step]:
    """What a block comes to: its setup, its file, its commands."""
    marking = block.marking
    hidden = [Step(block, setup, None, (0,)) for setup in marking.setup]
    if marking.file:
        hidden.append(Step(block, _written(marking.file, block.text), None, (0,)))
    told = commands(block)
    codes = marking.exits * len(told) if len(marking.exits) == 1 else marking.exits
    return hidden + [_step(block, command, code) for command, code in zip(told, codes, strict=True)]


def _step(block: Block, command: Command, code: int) -> Step:
    if block.marking.ctrl_c_after and goes_on(command):
        return Step(block, command.text, command, (code, WENT_ON), block.marking.ctrl_c_after)
    return Step(block, command.text, command, (code,))


def _written(file: str, text: str) -> str:
    return f'mkdir -p "$ROOT/$(dirname {file})" && printf %s {shlex.quote(text)} > "$ROOT/{file}"'


def copy_of_the_repository(folder: Path, *more: str) -> Path:
    """What commands read, and may change. The virtual environment is the real one: `make venv` finds it up to date.

    ``more`` names files and folders that commands of a few pages need besides.
    """
    copy = folder / "napsim"
    for name in (*_COPIED, *more):
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, copy / name)
        else:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in copy.rglob("*"):
        os.utime(file, (0, 0))  # older than the environment, whatever is being edited: `make venv` leaves that alone
    (copy / ".venv").symlink_to(Path(sys.executable).parents[1])
    return copy


def run(
    page: Iterable[Step],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    where: Path | None = None,
    most_seconds: float = 900.0,
) -> list[Outcome]:
    """All steps; background jobs of the page end with it. ``where``: by default in a copy of the repository."""
    wanted = list(page)
    copy, told, home = where or copy_of_the_repository(folder), folder / "told", folder / "home"
    told.mkdir()
    home.mkdir()
    for number, step in enumerate(wanted):
        (told / f"{number}.sh").write_text(step.text + "\n")
    (told / "page.sh").write_text(_driver(wanted, told))
    _bash(told / "page.sh", copy, _environment(copy, home) | dict(environment or {}), most_seconds)
    return [_outcome(number, step, told) for number, step in enumerate(wanted)]


def _driver(wanted: list[Step], told: Path) -> str:
    lines = ["set -o pipefail"]
    for number, step in enumerate(wanted):
        it = f"{told}/{number}"
        run_it = f"{_ctrl_c(step)} {it}.sh > {it}.out 2>&1 < /dev/null"
        lines.append(_ended(run_it, step.ctrl_c_after, it) if step.ctrl_c_after else f"{run_it}; echo $? > {it}.code")
    return "\n".join([*lines, "kill $(jobs -p) 2> /dev/null; wait", ""])


def _ctrl_c(step: Step) -> str:
    """How bash runs a script: in itself, so that what it changes stays; what goes on in a child that is ended."""
    if not step.ctrl_c_after:
        return "."
    return f"timeout --signal=INT --kill-after=20 {_MOST_SECONDS:.0f} bash -o pipefail"


def _ended(run_it: str, seconds: int, it: str) -> str:
    """What goes on, and is ended so many seconds after it has said something, however long that takes.

    As a job of its own, which Ctrl-C reaches; an alarm makes ``timeout`` do what it does when the time is over.
    """
    said = f"until [ -s {it}.out ] || ! kill -0 $job 2> /dev/null; do sleep 0.1; done"
    ended = f"sleep {seconds}; kill -ALRM $job 2> /dev/null; wait $job; echo $? > {it}.code"
    return f"set -m; {run_it} & job=$!; set +m; {said}; {ended}"


def _environment(copy: Path, home: Path) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("LANG", "TMPDIR") if key in os.environ}
    you = {"NAME": "You", "EMAIL": "you@example.org"}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ROOT": str(copy),
        "HOME": str(home),
        "TZ": "UTC",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in you.items()},
    }


def _bash(script: Path, folder: Path, environment: dict[str, str], most_seconds: float) -> None:
    """In a process group of its own, of which nothing is left at the end."""
    bash = subprocess.Popen(
        ["bash", "--noprofile", "--norc", script], cwd=folder, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with suppress(subprocess.TimeoutExpired):  # the steps that were not reached are told as such
            bash.wait(most_seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(bash.pid, signal.SIGKILL)
        bash.wait()


def _outcome(number: int, step: Step, told: Path) -> Outcome:
    code, printed = told / f"{number}.code", told / f"{number}.out"
    text = printed.read_text("utf-8", errors="replace") if printed.exists() else ""
    return Outcome(step, int(code.read_text()) if code.exists() else None, text)
