"""A scenario: all that a forecast starts from, as one value. The same value and seed give the same forecast.

Policy: what a scenario is made of is ours. Files become one in ``composition``; a simulation needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from napsim.core.pace import MEASURED, Pace
from napsim.core.timings import Distribution, Timings

Manifest = Mapping[str, Any]
POD_START: Final = Distribution("fixed", low=5.0)
POD_TERMINATION: Final = Distribution("fixed", low=2.0)


class PodTimings(msgspec.Struct, frozen=True):
    """How long pods take: from bound to Ready, and from the end of their being asked to leave to gone, in seconds.

    A termination is cut off at the pod's ``terminationGracePeriodSeconds``.
    """

    start: Distribution = POD_START
    termination: Distribution = POD_TERMINATION


class Applied(msgspec.Struct, frozen=True):
    """A manifest is applied at that instant: the object is created, or becomes this."""

    at: datetime
    manifest: Manifest


class Deleted(msgspec.Struct, frozen=True):
    """An object is asked to go. ``namespace`` is empty for kinds of the cluster."""

    at: datetime
    kind: str
    name: str
    namespace: str = ""


class NodeFailed(msgspec.Struct, frozen=True):
    """A kubelet falls silent: the Node is not ready from ``at`` on, for good where ``until`` is None.

    Either the Node of that name, or the first ``count`` by name of the Nodes that ``node_pool`` has then.
    """

    at: datetime
    until: datetime | None = None
    node: str = ""
    node_pool: str = ""
    count: int = 1


class Stopped(msgspec.Struct, frozen=True):
    """The cluster is stopped: no control plane, no nodes, nothing decides from ``at`` to ``until``."""

    at: datetime
    until: datetime


Event = Applied | Deleted | NodeFailed | Stopped


class Scenario(msgspec.Struct, frozen=True):
    """All that a forecast starts from. All instants are aware, in UTC.

    ``manifests`` are the cluster's objects at ``start``, each kind and name once, namespaces filled in, as mappings:
    NodePool, AKSNodeClass, NodeClaim, MaintenanceConfiguration, NodeImage, exactly one NodeAutoProvisioning
    (``default``, with seed, timings, Kubernetes version and spans without capacity (``spec.failures``) filled in, and
    without a clock: the virtual instant is the simulation's own), Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod,
    PodDisruptionBudget, Node, and PersistentVolumeClaim, PersistentVolume, StorageClass, VolumeAttachment. A
    ``status`` is kept where one was given.

    Every NodeImage has ``spec.publishedAt``; one of the future is among them from the start, as it would be in a
    rehearsal: it does not exist for decisions before that instant.

    Where no Nodes are given (``settles``), the nodes are those that static pools and the pods of the workloads need,
    on the image of ``start``: the simulation makes them before it starts to count.

    ``until`` is the end. With ``ends_early`` it ends sooner, as soon as every managed node is on the newest image of
    its class and no event and no image is to come.
    """

    start: datetime
    until: datetime
    manifests: tuple[Manifest, ...]
    seed: int = 0
    timings: Timings = msgspec.field(default_factory=Timings)
    pods: PodTimings = msgspec.field(default_factory=PodTimings)
    events: tuple[Event, ...] = ()  # by instant, then in the order in which they were given
    ends_early: bool = True
    settles: bool = True
    time_zone: str = "UTC"  # IANA, or an offset (UTC+05:30), for people
    subscription: str = ""  # of the shared gallery; empty: any
    name: str = ""
    notes: tuple[str, ...] = ()  # what was assumed, and what was left out
    pace: Pace = MEASURED  # of the disruption loop and of evictions
