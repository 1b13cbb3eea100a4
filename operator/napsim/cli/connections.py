"""The API server that ``--kubeconfig`` and ``--context`` name, for commands that cannot do without one."""

from __future__ import annotations

from pathlib import Path

import typer

from napsim.cli.endings import BAD_INPUT
from napsim.live.kubeconfig import ConnectionConfig, KubeconfigError, load_connection


def connection_for(command: str, kubeconfig: Path | None, context: str | None) -> ConnectionConfig:
    """Raises ``typer.Exit`` where the kubeconfig cannot be used, and says why, in the command's name."""
    try:
        return load_connection(kubeconfig, context)
    except KubeconfigError as error:
        typer.echo(f"napsim {command}: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
