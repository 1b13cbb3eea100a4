"""`napsim cluster`: clusters to rehearse on, created and removed by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from napsim.cli.endings import BAD_INPUT, PREREQUISITE_MISSING, ending
from napsim.cli.interruption import signals_interrupt
from napsim.cli.operators import operators_on
from napsim.cli.progress import shown_progress
from napsim.cli.suggestions import clusters
from napsim.cluster import (
    RUNTIMES,
    BadOption,
    ClusterError,
    ClusterExists,
    ClusterNotFound,
    PrerequisiteMissing,
    cluster_status,
    control_plane,
    create_cluster,
    delete_cluster,
    find_cluster,
    find_helm,
)

_FAILED = 1
_NOT_AS_ASKED = 3
_WORKERS = 3
_INTERRUPTED = 130


def _exits(not_as_asked: str = "") -> dict[int, str]:
    """The exit codes of one of the commands; ``not_as_asked`` is what 3 means there."""
    return {
        0: "done",
        _FAILED: "failed",
        BAD_INPUT: "wrong usage, a name that no cluster may have, or an option of another runtime",
        **({_NOT_AS_ASKED: not_as_asked} if not_as_asked else {}),
        PREREQUISITE_MISSING: "a prerequisite is missing",
        _INTERRUPTED: "interrupted, and cleaned up",
    }


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help=(
        "Clusters to rehearse on: a real API server, scheduler and controller manager, with fake nodes (runtime kwok) "
        "or with real ones that are containers (runtime kind)."
    ),
    epilog=ending(
        "napsim cluster create",
        "export KUBECONFIG=$(napsim cluster kubeconfig)",
    ),
)

Name = Annotated[str, typer.Option(help="Name of the cluster.", autocompletion=clusters)]


@app.command(epilog=ending("napsim cluster create", exits=_exits("it exists already")))
def create(
    name: Name = "napsim",
    runtime: Annotated[
        str,
        typer.Option(
            help=f"How to run it: {', '.join(RUNTIMES)}. kwok needs Go; kind needs Docker and kind, and KIND_IMAGE may "
            "name the node image."
        ),
    ] = "kwok",
    audit: Annotated[
        bool, typer.Option(help="Keep the API server's audit log, from which a rollout can be audited.")
    ] = True,
    disable_qps_limits: Annotated[
        bool,
        typer.Option(
            "--disable-qps-limits", help="No client limits, and no API priority and fairness: for benchmarks."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=20, help="Real nodes besides the control plane, by default 3; runtime kind only."),
    ] = None,
    fake_nodes: Annotated[
        bool,
        typer.Option(
            "--fake-nodes",
            help="A KWOK controller beside the real nodes; runtime kind only. KWOK_IMAGE may name its image.",
        ),
    ] = False,
) -> None:
    """Create and start a cluster; the first time on a machine runtime kwok builds the control plane, in minutes."""
    with _errors_as_exit_codes():
        _only_of_kind(runtime, {"--workers": workers is not None, "--fake-nodes": fake_nodes})
        with shown_progress() as progress:
            cluster = create_cluster(
                name,
                runtime=runtime,
                audit=audit,
                disable_qps_limits=disable_qps_limits,
                workers=_WORKERS if workers is None else workers,
                fake_nodes=fake_nodes,
                progress=progress,
            )
        _say(f"cluster {name} runs; look at it with")
        _say(f"  export KUBECONFIG={cluster.kubeconfig}")
        _say(f"  {cluster.kubectl} get nodes")


def _only_of_kind(runtime: str, given: Mapping[str, bool]) -> None:
    """Raises BadOption for options that would have no effect: nodes of runtime kwok are made by NodePools."""
    found = [option for option, is_given in given.items() if is_given]
    if found and runtime == "kwok":
        raise BadOption(f"{', '.join(found)}: runtime kwok has no real nodes: leave it out, or say --runtime kind")


@app.command(epilog=ending("napsim cluster build", exits=_exits()))
def build(
    helm: Annotated[
        bool, typer.Option("--helm", help="Helm instead, and only where the PATH has none of version 3 or 4.")
    ] = False,
) -> None:
    """Build the control plane into the user's cache, if it is not there yet, and start nothing."""
    with _errors_as_exit_codes():
        if helm:
            with shown_progress() as progress:
                found = find_helm(progress)
            _say(f"helm {found.version}: {found.executable}")
            return
        with shown_progress() as progress:
            built = control_plane(progress)
        _say(f"control plane ready: {', '.join(f'{piece} {version}' for piece, version in built.versions.items())}")


@app.command(epilog=ending("napsim cluster delete", exits=_exits()))
def delete(name: Name = "napsim") -> None:
    """End every process of a cluster and remove its files, whatever its state; fine if there is none."""
    with _errors_as_exit_codes():
        orphaned = operators_on(name)
        _say(f"cluster {name} removed" if delete_cluster(name) else f"no cluster {name}: nothing to remove")
        for process in orphaned:
            _warn(f"napsim run (pid {process.pid}) was started on cluster {name} and goes on without it: end it")


@app.command(epilog=ending("napsim cluster status", exits=_exits("it does not exist, or not all of it runs")))
def status(name: Name = "napsim") -> None:
    """Show what runs of a cluster."""
    with _errors_as_exit_codes():
        found = cluster_status(name)
        _say(f"cluster     {name} {'runs' if found.running else 'does not all run'}")
        _say(f"runtime     {found.cluster.runtime}")
        for component in found.components:
            _say(f"  {component.name:<24} {f'pid {component.pid}' if component.pid else 'not running'}")
        _say(f"API server  {'ready' if found.ready else 'not ready'}")
        _say(f"kubeconfig  {found.cluster.kubeconfig}")
        _say(f"kubectl     {found.cluster.kubectl}")
        _say(f"audit log   {found.cluster.audit_log if found.cluster.audit_log.exists() else 'none'}")
        _say(f"logs        {found.cluster.workdir / 'logs'}")
        if not found.running:
            raise typer.Exit(_NOT_AS_ASKED)


@app.command(epilog=ending("export KUBECONFIG=$(napsim cluster kubeconfig)", exits=_exits("it does not exist")))
def kubeconfig(name: Name = "napsim") -> None:
    """Print the path of a cluster's kubeconfig: export KUBECONFIG=$(napsim cluster kubeconfig)."""
    with _errors_as_exit_codes():
        _say(str(find_cluster(name).kubeconfig))


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    """Errors as one message on standard error and the exit codes of --help; SIGTERM and SIGHUP are like Ctrl-C."""
    with signals_interrupt():
        try:
            yield
        except (ClusterExists, ClusterNotFound) as error:
            raise _failure(error, _NOT_AS_ASKED) from error
        except PrerequisiteMissing as error:
            raise _failure(error, PREREQUISITE_MISSING) from error
        except BadOption as error:
            raise _failure(error, BAD_INPUT) from error
        except ClusterError as error:
            raise _failure(error, _FAILED) from error
        except KeyboardInterrupt as error:
            raise _failure("interrupted, and cleaned up", _INTERRUPTED) from error


def _failure(message: object, code: int) -> typer.Exit:
    _warn(message)
    return typer.Exit(code)


def _warn(message: object) -> None:
    Console(stderr=True).print(f"napsim: {message}", markup=False, highlight=False, soft_wrap=True)


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
