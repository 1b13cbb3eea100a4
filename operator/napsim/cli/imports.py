"""``napsim import``: what other tools keep of a cluster's maintenance, as manifests of napsim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.api.maintenanceconfiguration import CONFIG_NAMES
from napsim.azure import formats
from napsim.azure.hcl import ExtraMissing
from napsim.azure.imports import Imports, Manifest, yaml_text
from napsim.cli.answers import refuse, write
from napsim.cli.endings import WRONG_INPUT, ending
from napsim.reading.sources import BadInput, Mistake, is_manifest, standard_input, texts_of

_COMMAND: Final = "import az"
_EXTRA_MISSING: Final = 3
_FILES: Final = (
    "Files, folders, or - for standard input: what az aks maintenanceconfiguration show and list print and"
    " --config-file takes, scripts with add or update, az aks show, manifests of Azure Service Operator, Terraform"
    " (azurerm, azapi), terraform show -json."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Maintenance configurations that other tools keep, as manifests of napsim.",
    epilog=ending("napsim export aso manifests/examples | napsim import az -"),
)


@app.callback()
def root() -> None:
    """Take no options of its own."""


@app.command(
    epilog=ending(
        "napsim export aso manifests/examples | napsim import az -",
        "napsim export terraform manifests/examples > main.tf",
        "napsim import az main.tf --check",
        notes=(
            "From a cluster: az aks maintenanceconfiguration list -g GROUP --cluster-name NAME | napsim import az -. "
            "Terraform's own language needs pip install napsim[terraform]."
        ),
        exits={
            0: "read",
            2: f"{WRONG_INPUT}, and nothing is written",
            3: "Terraform's language without the extra that reads it: terraform",
        },
    )
)
def az(
    paths: Annotated[list[str], typer.Argument(metavar="FILE", help=_FILES)],
    name: Annotated[
        str, typer.Option(metavar="NAME", help=f"For a --config-file, which has no name: {', '.join(CONFIG_NAMES)}.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, in place of printing.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong, and write nothing.")] = False,
) -> None:
    """Convert windows of az, Azure Service Operator or Terraform into MaintenanceConfigurations."""
    try:
        manifests = _read(paths, name)
    except BadInput as error:
        raise refuse(_COMMAND, error) from error
    except ExtraMissing as error:
        typer.echo(f"napsim {_COMMAND}: {error}", err=True)
        raise typer.Exit(_EXTRA_MISSING) from error
    if not check:
        write_out(_COMMAND, "---\n".join(yaml_text(manifest) for manifest in manifests), output)


def write_out(command: str, text: str, output: Path | None) -> None:
    """To a file, or to standard output. Raises ``Exit`` where the file cannot be written, and says why."""
    if output is None:
        typer.echo(text, nl=False)
    else:
        write(command, output, text.encode("utf-8"))


def _read(paths: list[str], name: str) -> list[Manifest]:
    """Everything in the files; notes are told. Raises ``BadInput`` with every mistake, and ``ExtraMissing``."""
    texts, unread = texts_of(_with_terraform(paths), standard_input)
    found = Imports(mistakes=list(unread))
    for text in texts:
        formats.read(found, text, name)
    manifests = found.judged()
    for note in found.notes:
        typer.echo(f"napsim {_COMMAND}: note: {note}", err=True)
    if not manifests and not found.mistakes:
        told = "there is no maintenance configuration and no upgrade channel in it"
        found.mistakes.append(Mistake(", ".join(paths), 0, "", "", None, told))
    if found.mistakes:
        raise BadInput(sorted(found.mistakes, key=lambda mistake: (mistake.file, mistake.line)))
    return manifests


def _with_terraform(paths: list[str]) -> Iterator[str]:
    """A folder, and the files in Terraform's language that are in it: one folder is one module."""
    for path in paths:
        folder = Path(path)
        ours = sorted(folder.glob(f"*{formats.TERRAFORM}")) if folder.is_dir() else []
        if not ours or any(_is_visible(file.relative_to(folder)) for file in folder.rglob("*")):
            yield path
        yield from map(str, ours)


def _is_visible(file: Path) -> bool:
    """Whether it is to be read, and not in a folder such as ``.terraform``, which ``terraform init`` makes."""
    return is_manifest(file.name) and not any(part.startswith(".") for part in file.parts)
