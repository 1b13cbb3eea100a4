"""``napsim plugin``: the kubectl plugin as krew installs it.

napsim is a Python program whose dependencies are compiled for each platform, so there is no one binary to ship. The
archive holds a launcher, napsim's wheel, and the pinned requirements with their hashes; the launcher installs them into
a virtual environment the first time it runs. One archive serves Linux and macOS on every architecture.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

import napsim
from napsim.cli.endings import BAD_INPUT, ending

_NAME: Final = "napsim"
_LAUNCHER: Final = "kubectl-napsim"
_SEMVER: Final = re.compile(r"v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")
_PYTHONS: Final = re.compile(r"(?P<base>\d+\.\d+\.\d+)(?:\.?(?P<stage>a|b|rc|dev)(?P<number>\d+))?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DESCRIPTION: Final = """\
Plays AKS Node Auto-Provisioning (Karpenter on Azure) in a test cluster: apply
maintenance windows, NodePools, budgets, PodDisruptionBudgets and node images, and
watch which nodes are replaced when, and what stands in the way.

  kubectl napsim watch     a live view of a rollout
  kubectl napsim doctor    what is missing or misconfigured, with the fix
  kubectl napsim run       the operator, outside the cluster
"""
_CAVEATS: Final = """\
napsim is a Python program. The first run installs its packages, from the wheel and the
pinned requirements in this archive, into ~/.cache/napsim/plugin; it needs Python 3.11
or newer with venv, and a package index that pip reaches.
It deletes nodes: use it in test clusters only.
"""

_ARCHIVE: Final = f"--uri https://example.org/napsim.tar.gz --sha256 {'0123456789abcdef' * 4}"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The kubectl plugin as krew installs it. Where napsim is installed with pip, `kubectl napsim` works already.",
    epilog=ending("napsim plugin archive dist/napsim-*.whl requirements/runtime.txt"),
)


@app.command(
    epilog=ending(
        "napsim plugin archive dist/napsim-*.whl requirements/runtime.txt",
        exits={0: "written", 2: "wrong usage, or a file that cannot be used"},
    )
)
def archive(
    wheel: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="napsim's wheel.")],
    requirements: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The requirements, with hashes.")],
    output: Annotated[Path, typer.Option(file_okay=False, help="The folder to write it into.")] = Path("dist"),
) -> None:
    """Write the archive that krew unpacks, the same bytes from the same files; print its path and its SHA-256."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{_LAUNCHER}-{napsim.__version__}.tar.gz"
    content = packed(
        {
            _LAUNCHER: (launcher(wheel.name).encode(), 0o755),
            "requirements.txt": (requirements.read_bytes(), 0o644),
            wheel.name: (wheel.read_bytes(), 0o644),
        }
    )
    path.write_bytes(content)
    typer.echo(f"{path} {hashlib.sha256(content).hexdigest()}")


@app.command(
    epilog=ending(
        f"napsim plugin manifest --homepage https://example.org {_ARCHIVE} > napsim.yaml",
        notes="Try it: kubectl krew install --manifest=napsim.yaml",
        exits={0: "printed", 2: "wrong usage"},
    )
)
def manifest(
    uri: Annotated[str, typer.Option(help="Where the archive can be fetched.")],
    sha256: Annotated[str, typer.Option(help="Its SHA-256, 64 hexadecimal digits.")],
    homepage: Annotated[str, typer.Option(help="The project's page.")],
    version: Annotated[str, typer.Option(help="The version, as in 0.1.0; by default this program's.")] = "",
) -> None:
    """Print the manifest for krew's index."""
    number = _SEMVER.fullmatch(version or semver(napsim.__version__))
    problems = [
        *([f"--version {version!r}: allowed is a semantic version, such as 0.1.0"] if number is None else []),
        *([] if uri.startswith("https://") else [f"--uri {uri!r}: allowed is an https:// address"]),
        *([] if _SHA256.fullmatch(sha256) else [f"--sha256 {sha256!r}: allowed are 64 of 0-9 and a-f"]),
    ]
    if number is None or problems:
        typer.echo("\n".join(f"napsim plugin manifest: {problem}" for problem in problems), err=True)
        raise typer.Exit(BAD_INPUT)
    content = krew_manifest(f"v{number[1]}", uri, sha256, homepage)
    typer.echo(yaml.dump(content, Dumper=_Blocks, sort_keys=False, width=120), nl=False)


def krew_manifest(version: str, uri: str, sha256: str, homepage: str) -> dict[str, Any]:
    """A Plugin of krew.googlecontainertools.github.com/v1alpha2."""
    platform = {
        "selector": {"matchExpressions": [{"key": "os", "operator": "In", "values": ["linux", "darwin"]}]},
        "uri": uri,
        "sha256": sha256,
        "bin": _LAUNCHER,
    }
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": _NAME},
        "spec": {
            "version": version,
            "homepage": homepage,
            "shortDescription": "Rehearse AKS node image rollouts in a test cluster",
            "description": _DESCRIPTION,
            "caveats": _CAVEATS,
            "platforms": [platform],
        },
    }


def semver(version: str) -> str:
    """A version of Python's (0.1.0.dev0) as a semantic one (0.1.0-dev.0). Raises ValueError naming it."""
    match = _PYTHONS.fullmatch(version)
    if match is None:
        raise ValueError(f"version {version!r}: allowed are 1.2.3, 1.2.3a1, 1.2.3b1, 1.2.3rc1 and 1.2.3.dev1")
    return f"{match['base']}-{match['stage']}.{match['number']}" if match["stage"] else match["base"]


def launcher(wheel: str) -> str:
    """The program ``kubectl-napsim`` of the archive, for the wheel of that name."""
    template = Path(__file__).with_name("kubectl-napsim.sh").read_text()
    return template.replace("@VERSION@", napsim.__version__).replace("@WHEEL@", wheel)


def packed(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A .tar.gz of (content, mode) by name; nothing in it tells when, where or by whom it was made."""
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as krew's index has them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _text)
