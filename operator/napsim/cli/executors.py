"""Where many simulations run: in processes of this machine, or on the workers of a Dask cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from types import FrameType
from typing import Protocol, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import napsim

A = TypeVar("A")
B = TypeVar("B")
_SECONDS_TO_CONNECT = 5
_LOOKS_UP_SECONDS = 1.0  # a Ctrl-C that comes just before Python begins to wait does not end the wait


class Unreachable(Exception):
    """The executor cannot be used. The message says why, and what to do."""


class Executor(Protocol):
    """Runs one function on many arguments. Both go to other processes, and so does the result."""

    def results(self, function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[tuple[int, B]]:
        """Each result with the position of its argument, as they come. Raises what the function raises, Unreachable."""
        ...


def told_results(executor: Executor, function: Callable[[A], B], arguments: Sequence[A]) -> list[B]:
    """The results in the order of the arguments. A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    found: dict[int, B] = {}
    quiet = not console.is_terminal or isinstance(executor, Inline)  # whoever gave the work to this process tells of it
    with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
        task = bars.add_task("simulating", total=len(arguments))
        for index, result in executor.results(function, arguments):
            found[index] = result
            bars.advance(task)
    return [found[index] for index in range(len(arguments))]


@dataclass(frozen=True, slots=True)
class Inline:
    """One after the other, in this process: for what runs on a worker itself."""

    def results(self, function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[tuple[int, B]]:
        """See Executor."""
        yield from ((index, function(argument)) for index, argument in enumerate(arguments))


@dataclass(frozen=True, slots=True)
class LocalProcesses:
    """So many processes, at most one for each argument; None: as many as there are processors."""

    count: int | None = None

    def results(self, function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[tuple[int, B]]:
        """See Executor."""
        with _workers(max(min(len(arguments), self.count or os.cpu_count() or 1), 1)) as pool:
            with _undisturbed():
                positions = {pool.submit(function, argument): index for index, argument in enumerate(arguments)}
            left = set(positions)
            while left:
                done, left = wait(left, _LOOKS_UP_SECONDS, FIRST_COMPLETED)
                for future in done:
                    yield positions[future], future.result()


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block, however it ends: a pool by itself would do all that is left first."""
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        for worker in active_children():
            worker.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C in the block comes at its end: a pool that is interrupted while it starts cannot be shut down."""
    came: list[FrameType | None] = []
    before = signal.signal(signal.SIGINT, lambda _, frame: came.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(signal.SIGINT, came[0])


def _end_with_parent() -> None:
    """In a worker: Ctrl-C is the parent's business, and nothing goes on without it, whatever has ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_after, args=(parent_process(),), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


@dataclass(frozen=True, slots=True)
class DaskCluster:
    """The workers of the scheduler at that address, which have the same napsim installed."""

    address: str

    def results(self, function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[tuple[int, B]]:
        """See Executor."""
        try:
            import distributed  # noqa: PLC0415 - an extra, which few have installed
        except ImportError as error:
            raise Unreachable("Dask is not installed: pip install 'napsim[dask]'") from error
        try:
            client = distributed.Client(  # type: ignore[no-untyped-call]  # distributed has no types
                self.address, timeout=_SECONDS_TO_CONNECT
            )
        except (OSError, ValueError) as error:
            raise Unreachable(f"--dask {self.address}: no Dask scheduler answers there: {error}") from error
        with client:
            _check_versions(self.address, client.run(_version))
            futures = [client.submit(function, argument, pure=False) for argument in arguments]
            positions = {future.key: index for index, future in enumerate(futures)}
            done = distributed.as_completed(  # type: ignore[no-untyped-call]  # distributed has no types
                futures, with_results=True
            )
            for future, result in done:
                yield positions[future.key], result


def executor_of(processes: int | None, dask: str | None) -> Executor:
    """What the options --processes and --dask ask for. Raises BadParameter for both."""
    if processes is not None and dask is not None:
        raise typer.BadParameter("forecasts go to the workers of --dask: give one of the two", param_hint="--processes")
    return LocalProcesses(processes) if dask is None else DaskCluster(dask)


def _version() -> str:
    return napsim.__version__


def _check_versions(address: str, versions: dict[str, str]) -> None:
    """Raises Unreachable where there are no workers, or workers with another version."""
    if not versions:
        raise Unreachable(f"--dask {address}: the scheduler has no workers; start one: dask worker {address}")
    others = sorted({version for version in versions.values() if version != napsim.__version__})
    if others:
        theirs = f"workers have napsim {', '.join(others)}, and this is {napsim.__version__}"
        raise Unreachable(f"--dask {address}: {theirs}: install that there")
