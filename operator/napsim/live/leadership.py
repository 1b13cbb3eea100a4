"""One leader at a time, by a Lease.

Mirrors client-go v0.36 tools/leaderelection/leaderelection.go (acquire, renew, release, observation on the local clock)
with one difference, to the safe side: ``is_leader`` turns false by itself, ``renew_deadline`` seconds after the last
successful renewal was *sent*. A leader that is cut off or stopped has ceased to write before another may start.
Fails closed: in doubt, not the leader.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from napsim.controllers.resources import LEASES
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.errors import AlreadyExists, ApiError, Conflict, NotFound, TransportError

log: Final = logging.getLogger(__name__)


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """coordination.k8s.io/v1 LeaseSpec; times as the API server writes them."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int = 0


class _LeaseMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Lease(msgspec.Struct, frozen=True):
    metadata: _LeaseMeta = _LeaseMeta()
    spec: LeaseSpec = LeaseSpec()


@dataclass(frozen=True, slots=True)
class LeaseTimings:
    """Seconds. ``duration`` > ``renew_deadline`` > ``retry_period`` > 0; the gap between the first two is the time that
    a write already sent may still take before another leader can start."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    @property
    def margin(self) -> float:
        """How many seconds a write sent by the leader may take at the most, to be over before another one can lead."""
        return self.duration - self.renew_deadline

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError(
                "lease timings: duration > renew_deadline > retry_period > 0 is needed, "
                f"got {self.duration:g}, {self.renew_deadline:g}, {self.retry_period:g}"
            )


class Elector:
    """Competes for the Lease ``namespace/name`` under ``identity``, which must be unique to this process."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        jitter: Callable[[], float],
        timings: LeaseTimings | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.lost = asyncio.Event()
        self.transitions = 0
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._jitter = jitter
        self._timings = timings or LeaseTimings()
        self._monotonic = monotonic
        self._now = now
        self._lease: _Lease | None = None
        self._observed_at = 0.0
        self._leads_until: float | None = None

    @property
    def holder(self) -> str:
        """Who held the Lease when it was last seen ("" for nobody)."""
        return self._lease.spec.holder_identity if self._lease else ""

    def is_leader(self) -> bool:
        """Whether we may write now: a cheap check for before every write (the writer's fence)."""
        return self._leads_until is not None and self._monotonic() < self._leads_until

    async def acquire(self) -> None:
        """Wait until we hold the Lease."""
        self.lost.clear()
        while True:
            if await self._try():
                break
            await asyncio.sleep(self._timings.retry_period * (1 + 0.2 * self._jitter()))
        log.info("leading: lease %s/%s, identity %s", self._namespace, self._name, self._identity)

    async def hold(self) -> None:
        """Renew until leadership is lost; then ``lost`` is set and this returns. Call it after ``acquire``."""
        try:
            while self._leads_until is not None:
                left = self._leads_until - self._monotonic()
                await asyncio.sleep(min(self._timings.retry_period, max(0.0, left)))
                if not self.is_leader() or (not await self._try() and not self.is_leader()):
                    break
        finally:
            self._step_down()

    async def release(self) -> None:
        """Give the Lease back, so that the next one need not wait for it to expire. Stop writing first."""
        held = self._lease
        led = self.is_leader()
        self._step_down()
        if held is None or not led:
            return
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._micro_time()}
        try:
            await self._patch(held, spec, self._timings.retry_period)
        except (ApiError, TransportError) as error:
            log.warning("lease %s/%s not released: %s", self._namespace, self._name, error)

    def _step_down(self) -> None:
        self._leads_until = None
        self.lost.set()

    # --- one round ----------------------------------------------------------------------------------------------------

    async def _try(self) -> bool:
        """One attempt to acquire or renew; whether we hold the Lease after it."""
        sent_at = self._monotonic()
        try:
            return await self._round(sent_at)
        except (Conflict, AlreadyExists, NotFound) as error:
            log.info("lease %s/%s changed under us: %s", self._namespace, self._name, error)
            self._lease = None
        except (ApiError, TransportError) as error:
            log.warning("lease %s/%s: %s", self._namespace, self._name, error)
        return False

    async def _round(self, sent_at: float) -> bool:
        if self._lease is None or not self.is_leader():
            await self._look()
        lease = self._lease
        timeout = self._request_seconds()
        if lease is None:
            spec = self._claim(acquired=True, transitions=0)
            body = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": spec,
            }
            answer = await self._client.create(
                LEASES, self._namespace, msgspec.json.encode(body), timeout_seconds=timeout
            )
        elif lease.spec.holder_identity == self._identity:
            answer = await self._patch(lease, self._claim(acquired=False, transitions=0), timeout)
        elif self._expired(lease):
            claim = self._claim(acquired=True, transitions=lease.spec.lease_transitions + 1)
            answer = await self._patch(lease, claim, timeout)
        else:
            self._leads_until = None  # somebody else holds it: whatever we believed, we do not lead
            return False
        if self._leads_until is None:
            self.transitions += 1
        self._observe(msgspec.json.decode(answer, type=_Lease))
        self._leads_until = sent_at + self._timings.renew_deadline
        return True

    async def _look(self) -> None:
        """See the Lease as it is; the time since it last changed is measured on our own clock."""
        try:
            answer = await self._client.get(
                LEASES, self._namespace, self._name, timeout_seconds=self._request_seconds()
            )
        except NotFound:
            self._lease = None
            return
        self._observe(msgspec.json.decode(answer, type=_Lease))

    def _observe(self, lease: _Lease) -> None:
        if self._lease is None or lease != self._lease:
            self._observed_at = self._monotonic()
        self._lease = lease

    def _expired(self, lease: _Lease) -> bool:
        if not lease.spec.holder_identity:
            return True
        duration = float(lease.spec.lease_duration_seconds or self._timings.duration)
        return self._monotonic() >= self._observed_at + duration

    def _request_seconds(self) -> float:
        """No attempt may outlast the deadline: a second one must have its chance (client-go takes half, too)."""
        return self._timings.renew_deadline / 2

    async def _patch(self, lease: _Lease, spec: dict[str, object], timeout: float) -> bytes:
        body = {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}
        return await self._client.patch(
            LEASES, self._namespace, self._name, msgspec.json.encode(body), timeout_seconds=timeout
        )

    def _claim(self, *, acquired: bool, transitions: int) -> dict[str, object]:
        """What we write: everything when we take the Lease over, the renewal time alone afterwards."""
        spec: dict[str, object] = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._timings.duration),
            "renewTime": self._micro_time(),
        }
        if acquired:
            spec |= {"acquireTime": spec["renewTime"], "leaseTransitions": transitions}
        return spec

    def _micro_time(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
