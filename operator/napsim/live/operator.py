"""The operator process: Kopf for the low-count kinds, start-up, probes and shutdown; the engine for the rest.

Kopf watches NodePool, AKSNodeClass, NodeImage, MaintenanceConfiguration and NodeAutoProvisioning and hands each event
on. It writes nothing: no finalizers, no annotations, no events of its own. The engine acts while this process holds
the Lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import random
import signal
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import kopf
from prometheus_client import start_http_server

import napsim
from napsim.api import names
from napsim.controllers.executor import Retry
from napsim.live.client import Client
from napsim.live.discovery import until_served
from napsim.live.drive import KINDS as DRIVE_KINDS
from napsim.live.drive import Drive
from napsim.live.engine import Engine
from napsim.live.errors import ApiError, TransportError
from napsim.live.events import Recorder
from napsim.live.kubeconfig import ConnectionConfig, load_connection
from napsim.live.leadership import Elector, LeaseTimings
from napsim.live.metrics import Metrics, Read, Sample, StateCollector
from napsim.live.readings import drive_readings, readings
from napsim.live.traces import TraceFile
from napsim.live.writer import ATTEMPT_SECONDS, NotLeader

log: Final = logging.getLogger(__name__)

STOP_SECONDS: Final = 4.0
_CHANCES: Final = 3  # attempts of another instance at the Lease, while we stand aside for it
_WATCH_SECONDS: Final = 60  # a watch that an API server forgot, as it does where CRDs came a moment ago, tells nothing
_REQUEST_SECONDS: Final = 30
_SCRAPE_SECONDS: Final = 10.0
_KINDS: Final = (
    (names.KARPENTER_GROUP, names.KARPENTER_VERSION, "nodepools"),
    (names.AZURE_GROUP, names.AZURE_VERSION, "aksnodeclasses"),
    (names.NAPSIM_GROUP, names.NAPSIM_VERSION, "nodeimages"),
    (names.NAPSIM_GROUP, names.NAPSIM_VERSION, "maintenanceconfigurations"),
    (names.NAPSIM_GROUP, names.NAPSIM_VERSION, "nodeautoprovisionings"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. Ports: 0 is off."""

    kubeconfig: Path | None = None
    context: str | None = None
    lease_namespace: str = "kube-system"
    lease_name: str = "napsim"
    lease: LeaseTimings = field(default_factory=LeaseTimings)
    identity: str = ""
    metrics_port: int = 0
    probe_port: int = 0
    node_name: str = ""  # the Node we run on, if it is one of the cluster's
    pod: str = ""  # the pod we are, as namespace/name
    system_namespace: str = ""  # of the ConfigMap with a published window; without one it is not read
    drive: bool = False  # only write that ConfigMap, for a provider beside us
    trace: Path | None = None  # to which file what happens is appended

    @property
    def holder(self) -> str:
        """Unique to this process."""
        return self.identity or f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"


class Shell(Protocol):
    """What acts while this process leads: the engine, which plays a cluster, or drive mode."""

    leading: bool
    resigned: asyncio.Event
    recorder: Recorder

    async def run_informers(self) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def report_last(self) -> None: ...
    def observe(self, manifest: Mapping[str, Any], *, deleted: bool = False) -> None: ...


class Operator:
    """One process. ``run`` returns when it was told to stop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.identity = options.holder
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.engine: Shell | None = None
        self._trace: TraceFile | None = None

    async def run(self) -> None:
        """Until SIGTERM or SIGINT.

        Raises KubeconfigError, TraceUnwritable, and what the API server says to the first request.
        """
        connection = load_connection(self.options.kubeconfig, self.options.context)
        self._trace = TraceFile(self.options.trace) if self.options.trace is not None else None
        self._listen_to_signals()
        user_agent = f"napsim/{napsim.__version__} ({self.identity})"
        async with Client(connection, observe=self.metrics.observe, user_agent=user_agent) as client:
            elector = self._candidate(client)
            self.engine = self._drive(client, elector) if self.options.drive else self._engine(client, elector)
            if self.options.metrics_port:
                start_http_server(self.options.metrics_port, registry=self.metrics.registry)
            await self._serve(client, connection, elector, self.engine)
        if self._trace is not None:
            self._trace.flush()
            self._trace.close()

    def _engine(self, client: Client, elector: Elector) -> Engine:
        engine = Engine(
            client,
            elector.is_leader,
            self.identity,
            _jitter(),
            self.metrics,
            write_seconds=min(ATTEMPT_SECONDS, self.options.lease.margin),
            own_node=self.options.node_name,
            own_pod=self.options.pod,
            system_namespace=self.options.system_namespace,
            trace=self._trace,
        )
        self.metrics.registry.register(_collector(lambda: readings(engine)))
        return engine

    def _drive(self, client: Client, elector: Elector) -> Drive:
        drive = Drive(
            client,
            elector.is_leader,
            self.identity,
            _jitter(),
            self.metrics,
            write_seconds=min(ATTEMPT_SECONDS, self.options.lease.margin),
            system_namespace=self.options.system_namespace,
        )
        self.metrics.registry.register(_collector(lambda: drive_readings(drive)))
        return drive

    @property
    def _kinds(self) -> tuple[tuple[str, str, str], ...]:
        """Group, version and plural of what Kopf watches."""
        driven = {resource.plural for resource in DRIVE_KINDS}
        return tuple(kind for kind in _KINDS if not self.options.drive or kind[2] in driven)

    def _candidate(self, client: Client) -> Elector:
        return Elector(
            client,
            namespace=self.options.lease_namespace,
            name=self.options.lease_name,
            identity=self.identity,
            jitter=_jitter(),
            timings=self.options.lease,
        )

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)

    async def _serve(self, client: Client, connection: ConnectionConfig, elector: Elector, engine: Shell) -> None:
        """Informers, Kopf and leadership side by side; the first that ends ends all."""
        jobs: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(engine.run_informers()),
            asyncio.ensure_future(self._lead(elector, engine)),
            asyncio.ensure_future(self._follow_declared(client, connection, engine)),
            asyncio.ensure_future(self.stopping.wait()),
        }
        done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        await self._shut_down(elector, engine, jobs)
        for job in done:
            if not job.cancelled() and (error := job.exception()) is not None:
                raise error

    async def _shut_down(self, elector: Elector, engine: Shell, jobs: set[asyncio.Future[Any]]) -> None:
        """Within STOP_SECONDS: finish the writes under way, say what is left to say, give the Lease back."""
        self.stopping.set()
        log.info("stopping")
        with contextlib.suppress(TimeoutError, NotLeader, Retry):
            async with asyncio.timeout(STOP_SECONDS * 0.2):
                await engine.report_last()
        await engine.recorder.flush(STOP_SECONDS * 0.2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS * 0.3):
                await engine.stop()
        await elector.release()
        for job in jobs:
            job.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS * 0.2):
                await asyncio.gather(*jobs, return_exceptions=True)

    async def _follow_declared(self, client: Client, connection: ConnectionConfig, engine: Shell) -> None:
        """Kopf, once all kinds are served: it may never come to watch one whose CRD is applied while it runs."""
        await until_served(client, self._kinds)
        kopf_thread = _Kopf(connection, engine, self._kinds, self.options.probe_port)
        kopf_thread.start()
        await kopf_thread.ended

    async def _lead(self, elector: Elector, engine: Shell) -> None:
        """Compete, act while leading, compete again."""
        while not self.stopping.is_set():
            await elector.acquire()
            holding = asyncio.ensure_future(elector.hold())
            self.metrics.leader.set(1)
            try:
                await engine.start()
                gc.freeze()  # what was read at the start stays: the collector need not look at it again
                await self._while_holding(holding, engine)
            except NotLeader:
                log.warning("leadership was lost while starting")
            except (ApiError, TransportError, Retry) as error:
                log.warning("could not start, trying again: %s", error)
                await asyncio.sleep(self.options.lease.retry_period)
            finally:
                self.metrics.leader.set(0)
                await engine.stop()
                if engine.resigned.is_set():
                    await elector.release()
                holding.cancel()
            if (
                engine.resigned.is_set()
            ):  # leave time for whoever else competes; where there is one replica, nobody does
                await asyncio.sleep(self.options.lease.retry_period * _CHANCES)
            log.warning("no longer the leader: %s is", elector.holder or "nobody")

    async def _while_holding(self, holding: asyncio.Future[None], engine: Shell) -> None:
        """Until the Lease is lost, or the engine wants somebody else to lead."""
        resigned = asyncio.ensure_future(engine.resigned.wait())
        ends: set[asyncio.Future[Any]] = {holding, resigned}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            resigned.cancel()


class _Kopf(threading.Thread):
    """Kopf in a thread and event loop of its own.

    In ours it would take over the signals and, on its way out, cancel every task of the loop, the Lease's included.
    ``ended`` gets the exception, or None, when it ends.
    """

    def __init__(
        self, connection: ConnectionConfig, engine: Shell, kinds: Iterable[tuple[str, str, str]], probe_port: int
    ) -> None:
        super().__init__(name="kopf", daemon=True)
        self._connection = connection
        self._engine = engine
        self._kinds = tuple(kinds)
        self._probe_port = probe_port
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def run(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator has to hear of it
            self._loop.call_soon_threadsafe(self.ended.set_exception, error)

    async def _operate(self) -> None:
        registry = kopf.OperatorRegistry()
        self._register(registry)
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        # All kinds are served by now; without this Kopf lists and watches every CRD of the cluster.
        settings.scanning.disabled = True
        settings.watching.server_timeout = _WATCH_SECONDS
        settings.networking.request_timeout = _REQUEST_SECONDS
        settings.networking.error_backoffs = _Backoffs()
        endpoint = f"http://0.0.0.0:{self._probe_port}/healthz" if self._probe_port else None
        await kopf.operator(
            registry=registry, settings=settings, standalone=True, clusterwide=True, liveness_endpoint=endpoint
        )

    def _register(self, registry: kopf.OperatorRegistry) -> None:
        for group, version, plural in self._kinds:

            @kopf.on.event(group, version, plural, registry=registry)
            async def observed(event: Mapping[str, Any], **_: object) -> None:
                self._loop.call_soon_threadsafe(self._observe, dict(event["object"]), event["type"] == "DELETED")

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.ConnectionInfo:
            return await _kopf_connection(self._connection)

        @kopf.on.probe(registry=registry, id="leader")
        async def leader(**_: object) -> bool:
            return self._engine.leading

    def _observe(self, manifest: Mapping[str, Any], deleted: bool) -> None:
        self._engine.observe(manifest, deleted=deleted)


class _Backoffs:
    """Seconds between Kopf's attempts, without an end: with its own eight, an outage of a minute ends the operator."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1.0, 1.0, 2.0, 3.0, 5.0, 8.0), itertools.repeat(13.0))


@dataclass(frozen=True, kw_only=True)
class _KopfConnection(kopf.ConnectionInfo):
    """Our connection, as Kopf wants it: the same TLS context, no secrets on disk."""

    tls: ssl.SSLContext | None = None

    def as_ssl_context(self) -> ssl.SSLContext:
        return self.tls or super().as_ssl_context()


async def _kopf_connection(connection: ConnectionConfig) -> _KopfConnection:
    credentials = connection.credentials
    header = credentials.header() if credentials else None
    if credentials is not None and header is None:
        await credentials.refresh()
        header = credentials.header()
    token = header.removeprefix("Bearer ") if header else None
    return _KopfConnection(
        server=connection.server, token=token, tls=connection.tls, default_namespace=connection.namespace
    )


def _collector(read: Read) -> StateCollector:
    """Scrapes come in threads of the metrics server; the state is read in this loop, between two events."""
    loop = asyncio.get_running_loop()

    def on_loop(read: Read) -> list[Sample]:
        async def reading() -> list[Sample]:
            return read()

        return asyncio.run_coroutine_threadsafe(reading(), loop).result(_SCRAPE_SECONDS)

    return StateCollector(read, on_loop)


def _jitter() -> Callable[[], float]:
    """Back-offs are spread by chance; nothing that is decided is."""
    return random.Random().random
