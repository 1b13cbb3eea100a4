"""``Scenario`` (napsim.dev/v1alpha1): what a forecast starts from besides the objects of the cluster.

Policy: a document for ``napsim simulate``, not a kind of the API server. There is at most one beside the manifests,
and beside that of a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, JsonValue

from napsim.api import names
from napsim.api.base import KubeObject, Model, Name, Rule
from napsim.api.durations import parse_duration
from napsim.api.kinds import Kind
from napsim.api.nodeimage import NodeImageSpec
from napsim.api.scalars import Bool, Check, Instant, Int32, Int64
from napsim.api.timings import Timing

_PARTS: Final = ("image", "apply", "delete", "node_fails", "no_capacity", "stopped")
_LASTING: Final = ("no_capacity", "stopped")
_AT_ONCE: Final = ("image", "apply", "delete")
SHORTEST_CADENCE: Final = timedelta(hours=1)
_NO_CEL: Final = ""  # no API server sees a Scenario: its rules are Python's alone
_IMAGES_MESSAGE: Final = (
    "must be real (the images AKS has published), none, or the time between two images, from 1h. For example, 168h"
)


def _is_images(text: str) -> bool:
    if text in {"real", "none"}:
        return True
    try:
        return parse_duration(text) >= SHORTEST_CADENCE
    except ValueError:
        return False


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


TimeZone = Annotated[
    str, Check("must be a zone of the IANA time zone database. For example, Europe/Berlin", _NO_CEL, _is_zone)
]
Images = Annotated[str, Check(_IMAGES_MESSAGE, _NO_CEL, _is_images)]


class ScenarioTimings(Model):
    """How long the steps of nodes and pods take. What is absent is as NodeAutoProvisioning says, or the default."""

    launch: Timing | None = Field(default=None, description="From the NodeClaim to Launched. Default 10s.")
    registration: Timing | None = Field(default=None, description="From Launched to Registered. Default 45s.")
    initialization: Timing | None = Field(default=None, description="From Registered to Initialized. Default 15s.")
    detach: Timing | None = Field(
        default=None, description="From the end of a drain to the end of the instance. Default 10s."
    )
    pod_start: Timing | None = Field(default=None, description="From a pod bound to a node to Ready. Default 5s.")
    pod_termination: Timing | None = Field(
        default=None, description="From a pod asked to leave to gone, within its grace period. Default 2s."
    )


class ObjectReference(Model):
    """An object to be deleted."""

    kind: str = Field(min_length=1, description="Its kind, such as PodDisruptionBudget.")
    name: str = Field(min_length=1, description="Its name.")
    namespace: str = Field(default="", description="Its namespace; absent means default where the kind has one.")


class NodeFailure(Model):
    """Which Nodes fall silent: one by name, or some of a NodePool."""

    node: Name | None = Field(default=None, description="The Node of that name.")
    node_pool: Name | None = Field(default=None, description="The first of this NodePool, by name.")
    count: Int32 = Field(default=1, ge=1, description="How many of the NodePool.")

    RULES: ClassVar = (
        Rule(
            "exactly one of node and nodePool must be set",
            _NO_CEL,
            lambda self: (self.node is None) != (self.node_pool is None),
        ),
    )


class NoCapacity(Model):
    """Where the cloud has no instance to give."""

    node_pool: Name | None = Field(default=None, description="The NodePool; absent means all.")


class ScenarioEvent(Model):
    """One thing that happens by itself."""

    at: Instant = Field(description="When, RFC 3339.")
    until: Instant | None = Field(default=None, description="When it is over: for noCapacity, stopped and nodeFails.")
    image: NodeImageSpec | None = Field(default=None, description="An image is published. at is its publishedAt.")
    apply: Mapping[str, JsonValue] | None = Field(default=None, description="A manifest is applied.")
    delete: ObjectReference | None = Field(default=None, description="An object is deleted.")
    node_fails: NodeFailure | None = Field(default=None, description="Nodes fall silent, for good without until.")
    no_capacity: NoCapacity | None = Field(default=None, description="No instance is launched from at to until.")
    stopped: Literal[True] | None = Field(default=None, description="The cluster is stopped from at to until.")

    RULES: ClassVar = (
        Rule(
            "exactly one of image, apply, delete, nodeFails, noCapacity and stopped must be set",
            _NO_CEL,
            lambda self: sum(getattr(self, part) is not None for part in _PARTS) == 1,
        ),
        Rule(
            "until must be set for noCapacity and stopped, and not for image, apply and delete",
            _NO_CEL,
            lambda self: (
                not (
                    (self.until is None and any(getattr(self, part) is not None for part in _LASTING))
                    or (self.until is not None and any(getattr(self, part) is not None for part in _AT_ONCE))
                )
            ),
            "until",
        ),
        Rule(
            "until must be after at",
            _NO_CEL,
            lambda self: self.until is None or self.until > self.at,
            "until",
        ),
        Rule(
            "publishedAt must not be set: at is when the image is published",
            _NO_CEL,
            lambda self: self.image is None or self.image.published_at is None,
            "image",
        ),
    )


class ScenarioSpec(Model):
    """When, how long, and what happens."""

    start: Instant | None = Field(
        default=None,
        description="What the clock shows at first; absent: that of NodeAutoProvisioning's clock, else now.",
    )
    until: Instant | None = Field(
        default=None,
        description="The end, at the latest; absent: 120 days after start, or all nodes on the newest image before.",
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="IANA name of the zone in which reports show local times; absent: that of a window, else UTC.",
    )
    seed: Int64 | None = Field(
        default=None, ge=0, description="What every draw is made from; absent: NodeAutoProvisioning's, else 0."
    )
    timings: ScenarioTimings = Field(
        default=ScenarioTimings.model_construct(), description="How long the steps of nodes and pods take."
    )
    eviction_retries: Literal["BackOff", "AtOnce"] = Field(
        default="BackOff",
        description=(
            "When an eviction that a PodDisruptionBudget refused is tried again. BackOff: as Karpenter does, after 0.1s"
            " and twice as long each time, up to 10s. AtOnce: as soon as there is room."
        ),
    )
    images: Images | None = Field(
        default=None,
        description=(
            "real: what AKS has published. none: only the NodeImages given. A time, such as 168h: one so often."
            " Absent: none where NodeImages are given, else what was published until start, and one image after it."
        ),
    )
    events: tuple[ScenarioEvent, ...] = Field(default=(), description="What happens by itself.")
    ends_early: Bool | None = Field(
        default=None,
        description=(
            "Whether the forecast ends as soon as all nodes are on the newest image and nothing is to come."
            " Default true without until, and false with it."
        ),
    )

    RULES: ClassVar = (
        Rule(
            "until must be after start",
            _NO_CEL,
            lambda self: self.start is None or self.until is None or self.until > self.start,
            "until",
        ),
    )


class Scenario(KubeObject):
    """What a forecast starts from besides the objects of the cluster."""

    api_version: Literal["napsim.dev/v1alpha1"] = "napsim.dev/v1alpha1"
    kind: Literal["Scenario"] = "Scenario"
    spec: ScenarioSpec = Field(default=ScenarioSpec.model_construct(), description="When, how long, and what happens.")


SCENARIO: Final = Kind(
    model=Scenario,
    group=names.NAPSIM_GROUP,
    version=names.NAPSIM_VERSION,
    plural="scenarios",
    columns=(),
    categories=(),
)
"""For messages about its fields only: it is not among the kinds that are served."""
