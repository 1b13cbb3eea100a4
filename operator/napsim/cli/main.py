"""The root of the command line. A sub-command is imported only when it is used, so that `napsim --help` is quick."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from napsim.cli.endings import BAD_INPUT, ending
from napsim.cli.loading import loading

if TYPE_CHECKING:
    # Typer carries a click of its own and does not export the types that its overridable methods speak in.
    from typer._click import Command, Context

# A heading of `napsim --help`: below it each sub-command, the module of napsim.cli whose `app` it is, and its line.
_GROUPS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "From manifests, or from a cluster that is only read": {
        "examples": ("examples", "Manifests to begin with: print them, or write them into a folder."),
        "simulate": ("simulate", "A forecast: months of rollouts in seconds, without a cluster."),
        "lint": ("lint", "What is wrong in manifests, or does not do what it seems to."),
        "windows": ("windows", "When the maintenance windows are, in UTC and in your time, and what shortens them."),
        "budgets": ("budgets", "How many nodes of which pool may be disrupted when, level by level."),
        "why": ("why", "Why a node, a pool or an image has not moved: what blocks it, until when, and what to edit."),
        "check": ("check", "Assertions about windows, budgets and forecasts, for CI."),
        "diff": ("diff", "What changes in effect between two folders, files or git revisions."),
        "advise": ("advise", "The smallest edit that makes broken checks hold."),
        "sweep": ("sweep", "What if: time to finish against disruption, over ranges of budgets and windows."),
        "snapshot": ("snapshot", "A live cluster as a scenario to simulate. Reads only."),
        "timings": ("timings", "How long the nodes of a cluster took to launch, to join and to be ready."),
    },
    "On a test cluster, which is changed": {
        "demo": ("demo", "A rollout of a node image, start to end, on a cluster of its own."),
        "cluster": ("cluster", "Create, look at and remove clusters to rehearse on."),
        "run": ("run", "The operator: play node auto-provisioning in a cluster."),
        "watch": ("watch", "A live view of a cluster's rollout."),
        "doctor": ("doctor", "What is missing or misconfigured in a cluster, by name, with the fix."),
        "adopt": ("adopt", "Opt existing Nodes in to a NodePool that is played in place."),
        "release": ("release", "Remove from a cluster what napsim wrote there, before it is uninstalled."),
    },
    "Other": {
        "import": ("imports", "Maintenance configurations of az, Azure Service Operator and Terraform as manifests."),
        "export": ("exports", "Maintenance configurations for az, Azure Service Operator, Terraform and Bicep."),
        "crds": ("crds", "Print the CustomResourceDefinitions."),
        "trace": ("trace", "The first difference between two traces, of operators or of forecasts."),
        "metrics": ("metrics", "Print the page that lists every metric."),
        "version": ("version", "The versions of this program, of the cluster, and of the operator in it."),
        "completion": ("completion", "Print the completion script of a shell."),
        "plugin": ("plugin", "The kubectl plugin as krew installs it: its archive and its manifest."),
    },
}
COMMANDS: Final = {name: row for group in _GROUPS.values() for name, row in group.items()}
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_HEADINGS: Final = {name: heading for heading, group in _GROUPS.items() for name in group}


class _LazyGroup(TyperGroup):
    """Lists the sub-commands under their headings, and loads the one that is run."""

    def list_commands(self, ctx: Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name in COMMANDS:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1], rich_help_panel=_HEADINGS[cmd_name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Context) -> object:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            raise _with_value(error) from error
        except OSError as error:
            if error.errno not in _FULL:
                raise
            typer.echo(f"napsim: {error.filename or 'standard output'}: cannot be written: {error.strerror}", err=True)
            raise typer.Exit(BAD_INPUT) from error

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = get_command(_loaded(f"napsim.cli.{COMMANDS[name][0]}").app)
        return name, command, rest


def _with_value(error: typer.BadParameter) -> typer.BadParameter:
    """Names the value where typer's own checks do not."""
    error.message = error.message.removeprefix("Value error, ")
    found = getattr(error.__cause__, "errors", None)  # pydantic's ValidationError, which is not imported for it
    if callable(found) and error.message.startswith("Input should be "):
        error.message = f"'{found()[0]['input']}': must be {error.message.removeprefix('Input should be ')}"
    return error


def _loaded(module: str) -> ModuleType:
    """Import it."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # to look for some takes long, and there are none
    with loading():
        return import_module(module)


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    help="What will happen to my nodes when the next node image ships, when, and what will stand in the way?",
    epilog=ending(
        "napsim examples --write manifests",
        "napsim simulate manifests/examples",
        "napsim simulate --help",
        exits={2: "wrong usage or bad input; what else there is stands in the help of each command"},
    ),
)


@app.callback()
def root() -> None:
    """Take no options of its own; without a sub-command the help is shown."""
