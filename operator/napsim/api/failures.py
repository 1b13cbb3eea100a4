"""What goes wrong with instances, ``spec.failures`` of NodeAutoProvisioning.

Policy: failures to rehearse. What Karpenter does about them is not declared here: it follows (docs/failures.md).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeVar, get_args

from pydantic import Field

from napsim.api.base import Model, Name, Rule
from napsim.api.scalars import Distinct, Duration, Instant, LabelValue, Number
from napsim.api.timings import Timing

FailureKind = Literal[
    "NoCapacity",
    "LaunchFails",
    "NeverRegisters",
    "NeverInitializes",
    "StartupTaintStays",
    "NodeFails",
    "InstanceGone",
]
FAILURE_KINDS: Final[tuple[str, ...]] = get_args(FailureKind)
MAX_FAILURES: Final = 20
MAX_NAMES: Final = 50

_T = TypeVar("_T")
_Some = Annotated[tuple[_T, ...], Field(min_length=1, max_length=MAX_NAMES), Distinct()]

_LATER: Final = ("NodeFails", "InstanceGone")
_PASSING: Final = ("LaunchFails", "NodeFails")
_SPEAKING: Final = ("NoCapacity", "LaunchFails", "NodeFails", "InstanceGone")


def _only_of(field: str, kinds: tuple[str, ...]) -> Rule:
    """A field that some kinds alone have."""
    return Rule(
        f"{field} is for {', '.join(kinds[:-1])} and {kinds[-1]} only",
        f"!has(self.{field}) || self.kind in {list(kinds)}",
        lambda self: getattr(self, field) is None or self.kind in kinds,
        field,
    )


class Failure(Model):
    """One thing that goes wrong: which, for which NodeClaims, how many of them, and when."""

    kind: FailureKind = Field(
        description=(
            "NoCapacity: the launch is refused. LaunchFails: it ends in an error, again and again. NeverRegisters: the"
            " Node does not join. NeverInitializes: the cloud does not finish the Node. StartupTaintStays: the startup"
            " taints stay. NodeFails: the Node turns NotReady. InstanceGone: the same, and the instance is gone."
        )
    )
    node_pools: _Some[Name] | None = Field(default=None, description="NodePools it happens in; absent means all.")
    instance_types: _Some[LabelValue] | None = Field(
        default=None, description="Instance types it happens to; absent means all."
    )
    zones: _Some[LabelValue] | None = Field(
        default=None,
        description="Zones it happens in, as in label topology.kubernetes.io/zone: westeurope-1. Absent means all.",
    )
    capacity_types: _Some[Literal["on-demand", "spot", "reserved"]] | None = Field(
        default=None, description="Capacity types it happens to; absent means all."
    )
    share: Number = Field(
        default=1.0, ge=0, le=1, description="The share of NodeClaims it happens to, drawn for each with seed."
    )
    begins: Instant | None = Field(
        default=None,
        description="From when on it holds, RFC 3339, on the cluster's virtual clock. Absent: it always did.",
    )
    until: Instant | None = Field(
        default=None,
        description="The instant at which it no longer holds: what was put off happens then. Absent: never.",
    )
    after: Timing | None = Field(
        default=None, description="From the Node's initialization to its failure; absent means at once."
    )
    lasts: Duration | None = Field(
        default=None, description="How long it goes on for one NodeClaim at most. Absent: as long as it holds."
    )
    message: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, description="What the cloud provider, or the Node's condition Ready, says."
    )

    RULES: ClassVar = (
        Rule(
            "until must be after from",
            "!has(self.from) || !has(self.until) || self.until > self.from",
            lambda self: self.begins is None or self.until is None or self.until > self.begins,
            "until",
        ),
        _only_of("after", _LATER),
        _only_of("lasts", _PASSING),
        _only_of("message", _SPEAKING),
    )
