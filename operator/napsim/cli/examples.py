"""``napsim examples``: manifests to begin with, also for those who have no clone of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

import napsim
from napsim.cli.endings import BAD_INPUT, ending

_EXAMPLES: Final = "examples"

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim examples --write manifests && napsim simulate manifests/examples",
        "napsim examples | napsim simulate -",
        notes=(
            "A cluster with a maintenance window, two NodePools with budgets, images and workloads, in examples/; and "
            "napsim-checks.yaml, assertions about it."
        ),
        exits={0: "printed or written", 2: "wrong usage, or a file is in the way or cannot be written"},
    )
)
def examples(
    write: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", file_okay=False, help="Write them there; files that differ are not replaced."),
    ] = None,
) -> None:
    """Manifests to begin with, and checks that hold of them."""
    contents = packaged()
    if write is None:
        typer.echo("---\n".join(text for name, text in contents.items() if name.startswith(_EXAMPLES)), nl=False)
        return
    files = {write / name: text for name, text in contents.items()}
    _refuse_those_in_the_way(files)
    for file, text in files.items():
        _write(file, text)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as error:
        typer.echo(f"napsim examples: {file}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    typer.echo(file)


def packaged() -> dict[str, str]:
    """Their texts by path, such as ``examples/10-maintenanceconfiguration.yaml``."""
    folder = Path(napsim.__file__).with_name("manifests")
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in sorted(folder.rglob("*.yaml"))}


def _refuse_those_in_the_way(files: dict[Path, str]) -> None:
    changed = [file for file, text in files.items() if file.exists() and file.read_bytes() != text.encode()]
    for file in changed:
        problem = "is there already, with other content: name another folder, or remove it"
        typer.echo(f"napsim examples: {file}: {problem}", err=True)
    if changed:
        raise typer.Exit(BAD_INPUT)
