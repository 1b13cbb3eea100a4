"""``napsim export``: maintenance configurations for the tools that bring them to Azure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.api import names
from napsim.azure import aso, azapi, azurermblocks, bicep, scripts
from napsim.azure.exports import REST_VERSION, Exports, Target, exports_of
from napsim.azure.imports import CONFIGURATION, SETTINGS
from napsim.cli.answers import found_in, refuse, write
from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.imports import write_out
from napsim.cli.options import Paths
from napsim.reading.sources import BadInput, Mistake

_KINDS: Final = {CONFIGURATION: names.NAPSIM_GROUP, SETTINGS: names.NAPSIM_GROUP}
_EXITS: Final = {0: "written", 2: f"{WRONG_INPUT}, and nothing is written"}


class Form(StrEnum):
    AZURERM = "azurerm"
    AZAPI = "azapi"


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="MaintenanceConfigurations, and the upgrade channels of NodeAutoProvisioning, for Azure.",
    epilog=ending("napsim export az manifests/examples"),
)

Cluster = Annotated[str, typer.Option(metavar="NAME", help="The cluster's name.")]
Group = Annotated[str, typer.Option(metavar="NAME", help="The cluster's resource group.")]
Version = Annotated[str, typer.Option(metavar="VERSION", help="Version of the REST API.")]
Into = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, in place of printing.")]
_TARGET: Final = Target()


@app.command(epilog=ending("napsim export az manifests/examples --cluster-name prod --resource-group rg", exits=_EXITS))
def az(
    paths: Paths,
    cluster_name: Cluster = _TARGET.cluster,
    resource_group: Group = _TARGET.resource_group,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write a file for --config-file there for each."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="For configurations that the cluster has; az refuses add for those.")
    ] = False,
) -> None:
    """Commands of az, with a file for --config-file where options cannot say it all."""
    target, folder = Target(cluster_name, resource_group), str(output) if output else ""
    exports, text = _written("az", paths, lambda it: scripts.script(it, target, folder, "update" if update else "add"))
    if output is not None:
        _make(output)
        for it in exports.configurations:
            write("export az", output / scripts.file_name(it), scripts.config_file(it).encode("utf-8"))
    typer.echo(text, nl=False)


@app.command(name="aso", epilog=ending("napsim export aso manifests/examples --cluster-name prod", exits=_EXITS))
def service_operator(
    paths: Paths,
    cluster_name: Cluster = _TARGET.cluster,
    namespace: Annotated[str, typer.Option(metavar="NAME", help="The namespace of the ManagedCluster.")] = "default",
    output: Into = None,
) -> None:
    """Manifests of Azure Service Operator."""
    _, text = _written("aso", paths, lambda it: aso.written(it, Target(cluster_name), namespace))
    write_out("export aso", text, output)


@app.command(name="terraform", epilog=ending("napsim export terraform manifests/examples --form azapi", exits=_EXITS))
def for_terraform(
    paths: Paths,
    form: Annotated[Form, typer.Option(help="The provider: blocks of its cluster, or resources of their own.")] = (
        Form.AZURERM
    ),
    cluster_name: Cluster = _TARGET.cluster,
    api_version: Version = REST_VERSION,
    output: Into = None,
) -> None:
    """Terraform: blocks for azurerm_kubernetes_cluster, or resources of azapi."""
    written = azurermblocks.written if form is Form.AZURERM else azapi.written
    target = Target(cluster_name, version=api_version)
    _, text = _written("terraform", paths, lambda it: written(it, target))
    write_out("export terraform", text, output)


@app.command(name="bicep", epilog=ending("napsim export bicep manifests/examples --cluster-name prod", exits=_EXITS))
def for_bicep(
    paths: Paths, cluster_name: Cluster = _TARGET.cluster, api_version: Version = REST_VERSION, output: Into = None
) -> None:
    """Resources of Bicep, children of a cluster that exists."""
    target = Target(cluster_name, version=api_version)
    _, text = _written("bicep", paths, lambda it: bicep.written(it, target))
    write_out("export bicep", text, output)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"cannot be made, as a folder: {error.strerror}"
        raise refuse("export az", BadInput([Mistake(str(folder), 0, "", "", None, told)])) from error


def _written(command: str, paths: list[str], printed: Callable[[Exports], str]) -> tuple[Exports, str]:
    """What is exported, and its text. Every mistake, and every note, is told on standard error."""
    try:
        found = found_in(paths, _KINDS, CONFIGURATION)
        exports = exports_of(found.objects, datetime.now(UTC).date())
        text = printed(exports)
    except BadInput as error:
        raise refuse(f"export {command}", error) from error
    if exports.mistakes:
        raise refuse(f"export {command}", BadInput(exports.mistakes))
    for note in (*found.notes, *exports.notes):
        typer.echo(f"napsim export {command}: note: {note}", err=True)
    return exports, text
