"""What goes wrong with the instances of the ``kwok`` node provider, and for which NodeClaims.

Policy: ``NodeAutoProvisioning.spec.failures``. Whether a failure hits a NodeClaim depends on the seed, the failure's
place in the list and the claim's name alone, so that an operator that is started again, and a simulation of the same
cluster, meet the same failures. What Karpenter does about them is decided elsewhere.

| Kind | What happens while the failure holds |
|---|---|
| NoCapacity | a launch is refused: insufficient capacity |
| LaunchFails | a launch ends in an error, and is tried again until the failure ends |
| NeverRegisters | the Node does not join before the failure ends |
| NeverInitializes | the cloud's own taint stays on the Node until the failure ends |
| StartupTaintStays | the startup taints stay until the failure ends |
| NodeFails | the Node is NotReady, from some time after its initialization until the failure ends |
| InstanceGone | the same, but the instance is gone for good |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.timings import INSTANT, Distribution, quantile_share

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""The end of a failure that nothing ends."""
_AT_ONCE: Final = timedelta(0)


class FailureKind(StrEnum):
    """What goes wrong."""

    NO_CAPACITY = "NoCapacity"
    LAUNCH_FAILS = "LaunchFails"
    NEVER_REGISTERS = "NeverRegisters"
    NEVER_INITIALIZES = "NeverInitializes"
    STARTUP_TAINT_STAYS = "StartupTaintStays"
    NODE_FAILS = "NodeFails"
    INSTANCE_GONE = "InstanceGone"


_SAID: Final[Mapping[FailureKind, str]] = {
    FailureKind.NO_CAPACITY: (
        "unable to allocate resources in the selected zone ({zone}) with {capacity_type} capacity type and"
        " {instance_type} VM size"
    ),
    FailureKind.LAUNCH_FAILS: "creating instance, the cloud provider answered with an error",
    FailureKind.NODE_FAILS: "Kubelet stopped posting node status.",
    FailureKind.INSTANCE_GONE: "Kubelet stopped posting node status.",
}


class Failure(msgspec.Struct, frozen=True):
    """One entry of ``spec.failures``. Empty selectors select everything; ``begins`` None: it always held.

    ``after``, of NodeFails and InstanceGone, is the time from initialization to the failure; ``lasts``, of LaunchFails
    and NodeFails, how long it goes on for one claim at most.
    """

    kind: FailureKind
    node_pools: frozenset[str] = frozenset()
    instance_types: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    capacity_types: frozenset[str] = frozenset()
    share: float = 1.0
    begins: datetime | None = None
    ends: datetime = NEVER
    after: Distribution = INSTANT
    lasts: timedelta | None = None
    message: str = ""

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about NodeClaims with these labels."""
        chosen = (
            (self.node_pools, names.NODEPOOL),
            (self.instance_types, names.INSTANCE_TYPE),
            (self.zones, names.ZONE),
            (self.capacity_types, names.CAPACITY_TYPE),
        )
        return all(not allowed or labels.get(key, "") in allowed for allowed, key in chosen)


class Outage(msgspec.Struct, frozen=True):
    """A failure as it hits one NodeClaim: [``begins``, ``ends``), virtual; ``NEVER`` when nothing ends it."""

    kind: FailureKind
    begins: datetime
    ends: datetime
    message: str


class Failures(msgspec.Struct, frozen=True):
    """All of them, in the order of the list: of several that hit one step of one claim, the first counts."""

    items: tuple[Failure, ...] = ()
    seed: int = 0

    def put_off(
        self, kind: FailureKind, claim: str, labels: Mapping[str, str], due: datetime, every: timedelta = _AT_ONCE
    ) -> tuple[datetime, str]:
        """When a step that was due at that instant (virtual) happens, and the message of what puts it off so long.

        It is tried ``every`` so often from then on (zero: as soon as it can be). NEVER when nothing lets it happen.
        """
        at, message = due, ""
        if not self.items:
            return at, message
        while at != NEVER and (outage := self._hit(kind, claim, labels, at, due)):
            at, message = _next_attempt(due, outage.ends, every), outage.message
        return at, message

    def refusal(self, claim: str, labels: Mapping[str, str], at: datetime) -> str:
        """What a launch at that instant (virtual) is refused with for want of capacity; empty when it is not."""
        outage = self._hit(FailureKind.NO_CAPACITY, claim, labels, at, at)
        return outage.message if outage else ""

    def _hit(
        self, kind: FailureKind, claim: str, labels: Mapping[str, str], at: datetime, since: datetime
    ) -> Outage | None:
        """The first failure that keeps a step, due ``since`` then, from happening at ``at``."""
        for _, failure in self._of(kind, claim, labels):
            begins = since if failure.begins is None else max(since, failure.begins)
            ends = _end(failure, begins)
            if begins <= at < ends:
                return Outage(kind, begins, ends, _text(failure, labels))
        return None

    def breakdown(self, claim: str, labels: Mapping[str, str], initialized: datetime, now: datetime) -> Outage | None:
        """The NodeFails or InstanceGone that hits a node initialized at that instant (virtual), over or yet to come.

        Of several the one that is on at ``now``, else the next one.
        """
        found = sorted(self._breakdowns(claim, labels, initialized), key=lambda item: item.begins)
        return next((item for item in found if now < item.ends), None)

    def _breakdowns(self, claim: str, labels: Mapping[str, str], initialized: datetime) -> Iterator[Outage]:
        for kind in (FailureKind.INSTANCE_GONE, FailureKind.NODE_FAILS):
            for position, failure in self._of(kind, claim, labels):
                seconds = failure.after.at(quantile_share(self.seed, f"failures/{position}/after", claim))
                due = _later(initialized, timedelta(seconds=round(seconds, 3)))
                begins = due if failure.begins is None else max(due, failure.begins)
                if begins < failure.ends:
                    yield Outage(kind, begins, _end(failure, begins), _text(failure, labels))

    def _of(self, kind: FailureKind, claim: str, labels: Mapping[str, str]) -> Iterator[tuple[int, Failure]]:
        for position, failure in enumerate(self.items):
            if failure.kind is kind and failure.concerns(labels) and self._is_drawn(position, failure, claim):
                yield position, failure

    def _is_drawn(self, position: int, failure: Failure, claim: str) -> bool:
        return failure.share >= 1 or quantile_share(self.seed, f"failures/{position}", claim) < failure.share


def _next_attempt(first: datetime, at: datetime, every: timedelta) -> datetime:
    """The first of the attempts, ``every`` so often since the first, at or after an instant."""
    if not every or at == NEVER:
        return at
    return _later(first, every * -((first - at) // every))


def _end(failure: Failure, begins: datetime) -> datetime:
    """An instance that is gone does not come back."""
    if failure.kind is FailureKind.INSTANCE_GONE:
        return NEVER
    return failure.ends if failure.lasts is None else min(failure.ends, _later(begins, failure.lasts))


def _later(at: datetime, by: timedelta) -> datetime:
    """``at`` + ``by``; NEVER when that is beyond what a datetime can hold."""
    return NEVER if by > NEVER - at else at + by


def _text(failure: Failure, labels: Mapping[str, str]) -> str:
    if failure.message:
        return failure.message
    return _SAID.get(failure.kind, "").format(
        zone=labels.get(names.ZONE, ""),
        capacity_type=labels.get(names.CAPACITY_TYPE, ""),
        instance_type=labels.get(names.INSTANCE_TYPE, ""),
    )
