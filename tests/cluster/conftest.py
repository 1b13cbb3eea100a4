"""A stand-in for the go command and for the modules of the control plane, so that nothing has to be built."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from napsim.cluster import binaries

# Answers `go env GOVERSION`, writes down every call, and makes a file for `go build -ldflags FLAGS -o PATH PACKAGE...`.
# Each answer can be changed by a file beside it: version, refusal, download-error, build-error, build-seconds.
GO = """\
#!/bin/sh
here=$(dirname "$0")
echo "$PWD $*" >>"$here/calls"
case $1 in
env)
  if [ -e "$here/refusal" ]; then cat "$here/refusal" >&2; exit 1; fi
  cat "$here/version" ;;
mod)
  if [ -e "$here/download-error" ]; then cat "$here/download-error" >&2; exit 1; fi ;;
build)
  if [ -e "$here/build-seconds" ]; then sleep "$(cat "$here/build-seconds")"; fi
  if [ -e "$here/build-error" ]; then cat "$here/build-error" >&2; exit 1; fi
  target=$5; shift 5
  case $target in
  */) for package; do echo built >"$target${package##*/}"; done ;;
  *) echo built >"$target" ;;
  esac ;;
esac
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stand-in; it is all that is on the PATH besides the system's tools."""
    folder = tmp_path / "go"
    folder.mkdir()
    (folder / "go").write_text(GO)
    (folder / "go").chmod(0o755)
    (folder / "version").write_text("go1.26.3\n")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All modules of the control plane, and a cache of its own to build into."""
    folder = tmp_path / "controlplane"
    for piece in (*binaries.PIECES, binaries.HELM):
        module = folder / piece.module
        module.mkdir(parents=True)
        (module / "go.sum").write_text("sums\n")
        (module / "go.mod").write_text(
            textwrap.dedent(f"""\
            module example/{piece.module}

            go 1.26.0

            require (
            \tsomething.else/entirely v9.9.9 // indirect
            \t{piece.dependency} v1.2.3 // indirect
            )
            """)
        )
    monkeypatch.setattr(binaries, "controlplane_sources", lambda: folder)
    monkeypatch.setenv("NAPSIM_CACHE", str(tmp_path / "cache"))
    return folder
