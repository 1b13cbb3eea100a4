"""``napsim run``: the operator, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napsim.cli.endings import BAD_INPUT, ending
from napsim.cli.options import Context, Kubeconfig
from napsim.cli.unanswered import told
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import KubeconfigError
from napsim.live.leadership import LeaseTimings
from napsim.live.logs import configure
from napsim.live.operator import Operator, Options
from napsim.live.traces import TraceUnwritable

_FAILED = 1
_IN_A_POD = {"POD_NAMESPACE", "POD_NAME"}


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim run",
        "napsim run --metrics-port 8080 --probe-port 8081",
        "napsim run --drive",
        exits={
            0: "stopped by SIGTERM or SIGINT",
            1: "the API server could not be reached, or an internal error",
            2: "wrong usage, no usable kubeconfig, or a trace that cannot be written",
        },
    )
)
def run(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    lease_namespace: Annotated[str, typer.Option(help="Namespace of the Lease that says who leads.")] = "kube-system",
    lease_name: Annotated[str, typer.Option(help="Name of that Lease.")] = "napsim",
    lease_seconds: Annotated[
        float, typer.Option(min=3, help="How long the Lease holds without being renewed; renewed every 2/15 of it.")
    ] = 15.0,
    identity: Annotated[str, typer.Option(help="Name in the Lease; by default the host's and a random part.")] = "",
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Prometheus metrics at /metrics; 0 is off.")] = 0,
    probe_port: Annotated[int, typer.Option(min=0, max=65535, help="Liveness at /healthz; 0 is off.")] = 0,
    node_name: Annotated[
        str,
        typer.Option(envvar="NODE_NAME", help="The Node we run on: it is disrupted last, after a hand-over."),
    ] = "",
    drive: Annotated[
        bool,
        typer.Option(
            "--drive",
            help="Play nothing: only keep the ConfigMap from which a Karpenter provider for Azure beside napsim learns"
            " of its maintenance window.",
        ),
    ] = False,
    system_namespace: Annotated[
        str,
        typer.Option(
            envvar="SYSTEM_NAMESPACE",
            help="Namespace of that ConfigMap, upcoming-maintenance-window: written with --drive, otherwise read."
            " Empty: it is not read.",
        ),
    ] = "kube-system",
    trace: Annotated[
        Path | None,
        typer.Option(help="Append what is decided and what comes of it, as JSON lines like those of simulate."),
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="text or json.")] = LogFormat.TEXT,
    log_level: Annotated[LogLevel, typer.Option(help="debug, info, warning or error.")] = LogLevel.INFO,
) -> None:
    """Play node auto-provisioning in a cluster: pick images up, mark nodes drifted, replace them."""
    configure(log_format, log_level, sys.stderr)
    if drive and not system_namespace.strip():
        wanted = "must not be empty with --drive: it is where the provider looks for its window, such as kube-system"
        raise typer.BadParameter(wanted, param_hint="--system-namespace")
    if drive and trace is not None:
        raise typer.BadParameter("has nothing to write with --drive, which plays nothing", param_hint="--trace")
    options = Options(
        kubeconfig=kubeconfig,
        context=context,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
        lease=LeaseTimings(lease_seconds, lease_seconds * 10 / 15, lease_seconds * 2 / 15),
        identity=identity,
        metrics_port=metrics_port,
        probe_port=probe_port,
        node_name=node_name,
        drive=drive,
        system_namespace=system_namespace.strip(),
        trace=trace,
        pod=f"{os.environ['POD_NAMESPACE']}/{os.environ['POD_NAME']}" if os.environ.keys() >= _IN_A_POD else "",
    )
    try:
        asyncio.run(Operator(options).run())
    except (KubeconfigError, TraceUnwritable) as error:
        typer.echo(f"napsim run: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    except (ApiError, TransportError) as error:
        logging.getLogger("napsim").error("gave up: %s", told(error))
        raise typer.Exit(_FAILED) from error
