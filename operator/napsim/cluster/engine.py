"""The Docker engine of this machine, at DOCKER_HOST or where the `docker` command finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from napsim.cluster.errors import ClusterError, PrerequisiteMissing

_ANSWER_SECONDS = 20.0


def require_engine() -> None:
    """Raises PrerequisiteMissing that says what to install or start, unless an engine answers."""
    if shutil.which("docker") is None:
        raise PrerequisiteMissing(
            "docker is not on the PATH, and kind runs its nodes as containers: install Docker "
            "(https://docs.docker.com/engine/install), or use --runtime kwok, which needs Go instead"
        )
    complaint = _complaint()
    if complaint is not None:
        where = os.environ.get("DOCKER_HOST") or "the default address"
        raise PrerequisiteMissing(
            f"no Docker engine answers at {where} ({complaint}): start it, or name another one in DOCKER_HOST"
        )


def docker(*arguments: str) -> str:
    """What `docker` prints. Raises ClusterError with what it complains about."""
    return output_of(["docker", *arguments])


def output_of(command: Sequence[str]) -> str:
    """What a command prints on standard output. Raises ClusterError with the end of what it complains about."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise ClusterError(f"`{' '.join(command)}` failed: {said}")
    return done.stdout


def _complaint() -> str | None:
    """What `docker` says instead of the engine's version; None when it answers."""
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer in {_ANSWER_SECONDS:.0f} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
