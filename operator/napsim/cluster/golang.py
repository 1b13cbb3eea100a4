"""The Go toolchain of this machine: found, checked, and run with progress and readable errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napsim.cluster.errors import ClusterError, PrerequisiteMissing

_HOW_TO_GET_GO = "install Go {required} or newer (https://go.dev/dl) and put its bin folder on the PATH"
_LAST_LINES = 15


class GoFailed(ClusterError):
    """A go command ended with an error; the message carries the last lines of its output."""


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain that is new enough for the module it was found for."""

    executable: Path
    version: str

    def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        running: Callable[[float], None],
    ) -> None:
        """Run `go ARGUMENTS` in `folder`, calling `running(elapsed seconds)` about once a second.

        Ends the go command when interrupted. Raises GoFailed with the end of its output when it fails.
        """
        begun = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [self.executable, *arguments],
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                while not _ended(process, within_seconds=1.0):
                    running(time.monotonic() - begun)
            except BaseException:
                process.terminate()
                process.wait()
                raise
            if process.returncode != 0:
                output.seek(0)
                raise GoFailed(_failure(arguments, folder, output.read().decode(errors="replace")))


def find_go(module: Path) -> Go:
    """The `go` on the PATH, if it is as new as `module`'s go.mod asks (Go may fetch a newer toolchain by itself).

    Raises PrerequisiteMissing that says what to install.
    """
    required = required_version(module)
    how = _HOW_TO_GET_GO.format(required=required)
    executable = shutil.which("go")
    if executable is None:
        raise PrerequisiteMissing(f"Go is not on the PATH, and the control plane is built with it: {how}")
    answer = subprocess.run([executable, "env", "GOVERSION"], cwd=module, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = answer.stderr.strip() or f"exit code {answer.returncode}"
        raise PrerequisiteMissing(f"{executable} cannot be used ({said}): {how}")
    version = answer.stdout.strip().removeprefix("go")
    if _numbers(version) < _numbers(required):
        raise PrerequisiteMissing(f"{executable} is Go {version}, too old for {module / 'go.mod'}: {how}")
    return Go(Path(executable), version)


def required_version(module: Path) -> str:
    """The version on the `go` line of `module`'s go.mod, major and minor, such as "1.26"."""
    found = re.search(r"^go (\d+\.\d+)", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ClusterError(f"{module / 'go.mod'} has no go line")
    return found.group(1)


def pinned_version(module: Path, dependency: str) -> str:
    """The version at which `module`'s go.mod requires `dependency`, such as "v1.36.3"."""
    pattern = rf"^(?:require )?\t?{re.escape(dependency)} (v\S+)"
    found = re.search(pattern, (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ClusterError(f"{module / 'go.mod'} does not require {dependency}")
    return found.group(1)


def _ended(process: subprocess.Popen[bytes], *, within_seconds: float) -> bool:
    try:
        process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """Leading major and minor of a Go version, which may end in rc1 or a vendor's suffix."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found.group(1)), int(found.group(2))) if found else (0,)


def _failure(arguments: Sequence[str], folder: Path, output: str) -> str:
    last = "\n".join(output.strip().splitlines()[-_LAST_LINES:])
    return f"`go {' '.join(arguments)}` failed in {folder}:\n{last}"
