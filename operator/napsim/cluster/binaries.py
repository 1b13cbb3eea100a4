"""The control plane's binaries: built once from the pinned Go modules and kept in the user's cache.

What is built is keyed by a hash of go.mod, go.sum and the build flags, so that a second clone of the same pins finds
it ready. One build at a time: a lock on the cache makes a second one wait, and a finished piece appears in one rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napsim.cluster.errors import PrerequisiteMissing
from napsim.cluster.folders import cache_folder, controlplane_sources
from napsim.cluster.golang import Go, GoFailed, find_go, pinned_version
from napsim.cluster.progress import Progress

_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
# Where Kubernetes' programs keep their version: for `--version`, and for the user agent they send.
_KUBERNETES_STAMPS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_STAMPS = {"kwok": "sigs.k8s.io/kwok/pkg/consts.Version", "helm": "helm.sh/helm/v4/internal/version.version"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Binaries built together from one Go module.

    `packages` maps each binary to its package, `dependency` is the module whose pinned version is the piece's,
    `estimate_seconds` what building took on two cores from cold.
    """

    module: str
    dependency: str
    packages: tuple[tuple[str, str], ...]
    estimate_seconds: float


PIECES = (
    Piece("etcd", "go.etcd.io/etcd/server/v3", (("etcd", "go.etcd.io/etcd/server/v3"),), 45),
    Piece(
        "kubernetes",
        "k8s.io/kubernetes",
        tuple(
            (name, f"k8s.io/kubernetes/cmd/{name}")
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        ),
        240,
    ),
    Piece(
        "kwok",
        "sigs.k8s.io/kwok",
        tuple((name, f"sigs.k8s.io/kwok/cmd/{name}") for name in ("kwok", "kwokctl")),
        70,
    ),
)
# No part of a cluster: built only for who asks for it (`napsim.cluster.helm`).
HELM = Piece("helm", "helm.sh/helm/v4", (("helm", "helm.sh/helm/v4/cmd/helm"),), 120)


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Built binaries by name, and the versions of the modules that they were built from."""

    binaries: dict[str, Path]
    versions: dict[str, str]

    def __getitem__(self, binary: str) -> Path:
        return self.binaries[binary]


def control_plane(progress: Progress, pieces: tuple[Piece, ...] = PIECES) -> ControlPlane:
    """The control plane, built as far as it is not in the cache yet: minutes when cold, no time when warm.

    Raises PrerequisiteMissing when Go is missing or modules cannot be downloaded, and GoFailed
    when the build fails.
    """
    sources = controlplane_sources()
    missing = [piece for piece in pieces if not _built(piece, sources)]
    if missing:
        go = find_go(module_of(missing[0], sources))
        with _alone(progress):
            for piece in missing:
                if not _built(piece, sources):
                    _build(piece, sources, go, progress)
    folders = {piece: piece_folder(piece, sources) for piece in pieces}
    return ControlPlane(
        binaries={name: folders[piece] / name for piece in pieces for name, _ in piece.packages},
        versions={piece.module: pinned_version(module_of(piece, sources), piece.dependency) for piece in pieces},
    )


def obstacle(pieces: tuple[Piece, ...] = PIECES) -> PrerequisiteMissing | None:
    """Why the control plane is neither in the cache nor can be built here; None when it is or can."""
    try:
        sources = controlplane_sources()
        missing = [piece for piece in pieces if not _built(piece, sources)]
        if missing:
            find_go(module_of(missing[0], sources))
    except PrerequisiteMissing as error:
        return error
    return None


def module_of(piece: Piece, sources: Path) -> Path:
    """The Go module that pins a piece. `$NAPSIM_KUBERNETES` chooses another minor of Kubernetes, such as 1.35.

    Raises PrerequisiteMissing for one that is not pinned.
    """
    minor = os.environ.get("NAPSIM_KUBERNETES")
    if piece.dependency != "k8s.io/kubernetes" or not minor:
        return sources / piece.module
    folder = sources / f"{piece.module}-{minor}"
    if not folder.is_dir():
        pinned = sorted(found.name.removeprefix(f"{piece.module}-") for found in sources.glob(f"{piece.module}-*"))
        raise PrerequisiteMissing(
            f"NAPSIM_KUBERNETES={minor}: pinned in {sources} are {', '.join(pinned)}, and the default without it"
        )
    return folder


def piece_folder(piece: Piece, sources: Path) -> Path:
    """Where the binaries of `piece` lie once built: named by everything that decides what they are."""
    module = module_of(piece, sources)
    digest = hashlib.sha256()
    for part in (
        (module / "go.mod").read_bytes(),
        (module / "go.sum").read_bytes(),
        linker_flags(piece, sources).encode(),
        f"{sys.platform}/{platform.machine()}".encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return cache_folder() / "controlplane" / f"{piece.module}-{digest.hexdigest()[:12]}"


def linker_flags(piece: Piece, sources: Path) -> str:
    """Flags that strip the binaries and make them report the pinned version instead of none."""
    version = pinned_version(module_of(piece, sources), piece.dependency)
    if piece.module == "kubernetes":
        major, minor, _ = version.removeprefix("v").split(".", 2)
        values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        stamps = [f"-X {package}.{key}={value}" for package in _KUBERNETES_STAMPS for key, value in values.items()]
        return " ".join(["-s -w", *stamps])
    if piece.module in _STAMPS:
        return f"-s -w -X {_STAMPS[piece.module]}={version}"
    return "-s -w"


def _built(piece: Piece, sources: Path) -> bool:
    return piece_folder(piece, sources).is_dir()


def _build(piece: Piece, sources: Path, go: Go, progress: Progress) -> None:
    """Build into a folder of its own and rename it into place, so that the cache never holds half a piece."""
    module = module_of(piece, sources)
    version = pinned_version(module, piece.dependency)
    target = piece_folder(piece, sources)
    _download(piece, module, go, progress)
    with _step(f"building {piece.module} {version}", piece.estimate_seconds, progress) as step:
        scratch = Path(tempfile.mkdtemp(prefix=f".{piece.module}-", dir=target.parent))
        try:
            for binary, package in _by_command(piece):
                go.run(
                    ["build", "-ldflags", linker_flags(piece, sources), "-o", f"{scratch}/{binary}", *package],
                    folder=module,
                    environment=_ENVIRONMENT,
                    running=lambda elapsed: progress.running(step, elapsed),
                )
            scratch.chmod(0o755)
            scratch.rename(target)
        except BaseException:
            shutil.rmtree(scratch)
            raise


def _by_command(piece: Piece) -> Iterator[tuple[str, list[str]]]:
    """One go command for a whole piece, which shares the work; go names a binary itself only in a folder."""
    if len(piece.packages) == 1:
        yield piece.packages[0][0], [piece.packages[0][1]]
    else:
        yield "", [package for _, package in piece.packages]


def _download(piece: Piece, module: Path, go: Go, progress: Progress) -> None:
    with _step(f"downloading the Go modules of {piece.module}", None, progress) as step:
        try:
            go.run(
                ["mod", "download"],
                folder=module,
                environment=_ENVIRONMENT,
                running=lambda elapsed: progress.running(step, elapsed),
            )
        except GoFailed as error:
            raise PrerequisiteMissing(
                f"the Go modules of {piece.module} could not be downloaded; "
                f"see that a Go module proxy can be reached (`go env GOPROXY`) and run it again. {error}"
            ) from error


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Hold the cache's lock, waiting for whoever builds into it now."""
    folder = cache_folder() / "controlplane"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with _step("waiting for another build into the same cache", None, progress) as step:
                _wait_for(lock.fileno(), step, progress)
        yield


def _wait_for(lock: int, step: str, progress: Progress) -> None:
    begun = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(1)
            progress.running(step, time.monotonic() - begun)
        else:
            return


@contextmanager
def _step(name: str, estimate_seconds: float | None, progress: Progress) -> Iterator[str]:
    begun = time.monotonic()
    progress.started(name, estimate_seconds)
    yield name
    progress.finished(name, time.monotonic() - begun)
