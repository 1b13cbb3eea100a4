"""Conditions: what Kubernetes objects say about themselves, one entry per type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napsim.api.base import Model
from napsim.api.scalars import Distinct, Instant, Int64

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    """One aspect of an object's state. Times are on the cluster's virtual clock."""

    type: str = Field(
        max_length=316,
        pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        description="What the condition is about, such as Ready or Drifted.",
    )
    status: ConditionStatus = Field(description="Whether it holds: True, False, or Unknown while that is not settled.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="Why, in one CamelCase word for programs.",
    )
    message: str = Field(max_length=32768, description="Why, in a sentence for people; may be empty.")
    last_transition_time: Instant = Field(description="When the status last changed, on the cluster's virtual clock.")
    observed_generation: Int64 | None = Field(
        default=None, ge=0, description="The generation of the object this was judged from; an older one is stale."
    )


Conditions = Annotated[
    tuple[Condition, ...], Distinct(("type",)), Field(description="What is known, one entry per type.")
]
