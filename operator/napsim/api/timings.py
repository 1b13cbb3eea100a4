"""How long the steps of a node's life take, ``spec.timings`` of NodeAutoProvisioning: fixed, or a distribution.

Policy: assumptions about the cloud, not facts about it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api.base import Model, Rule, wire_name
from napsim.api.scalars import Duration

Distribution = Literal["uniform", "normal", "lognormal", "exponential", "observed"]
MAX_VALUES: Final = 50

_NEEDS: Final = {
    "uniform": ("min", "max"),
    "normal": ("mean", "standard_deviation"),
    "lognormal": ("median", "p95"),
    "exponential": ("mean",),
    "observed": ("values",),
}
_BOUNDS: Final = ("min", "max")
_PARAMETERS: Final = (*_BOUNDS, "mean", "standard_deviation", "median", "p95", "values")


def _has_its_parameters(timing: Timing) -> bool:
    needed = _NEEDS.get(timing.distribution or "", ())
    return all(getattr(timing, name) is not None for name in needed)


def _has_no_others(timing: Timing) -> bool:
    known = {*_BOUNDS, *_NEEDS[timing.distribution]} if timing.distribution else set()
    return all(getattr(timing, name) is None for name in _PARAMETERS if name not in known)


def _no_others_cel() -> str:
    knowing = {name: [kind for kind, needed in _NEEDS.items() if name in (*_BOUNDS, *needed)] for name in _PARAMETERS}
    return " && ".join(
        f"(!has(self.{wire_name(name)}) || (has(self.distribution) && self.distribution in {kinds}))"
        for name, kinds in knowing.items()
    )


class Timing(Model):
    """How long a step takes: always the same (fixed), or drawn from a distribution with the cluster's seed."""

    fixed: Duration | None = Field(default=None, description="Always this long, such as 45s. Excludes distribution.")
    distribution: Distribution | None = Field(
        default=None,
        description=(
            "uniform (min, max), normal (mean, standardDeviation), lognormal (median, p95), exponential (mean) or"
            " observed (values). min and max cut all but uniform off where they are set."
        ),
    )
    min: Duration | None = Field(default=None, description="The shortest time.")
    max: Duration | None = Field(default=None, description="The longest time.")
    mean: Duration | None = Field(default=None, description="The mean.")
    standard_deviation: Duration | None = Field(default=None, description="The standard deviation.")
    median: Duration | None = Field(default=None, description="Half of the steps are done by then.")
    p95: Duration | None = Field(default=None, description="95 of 100 steps are done by then.")
    values: Annotated[tuple[Duration, ...], Field(min_length=1, max_length=MAX_VALUES)] | None = Field(
        default=None, description="What was measured, one draw as likely as another; the order does not matter."
    )

    RULES: ClassVar = (
        Rule(
            "exactly one of fixed and distribution must be set",
            "has(self.fixed) != has(self.distribution)",
            lambda self: (self.fixed is None) != (self.distribution is None),
        ),
        Rule(
            "uniform needs min and max, normal needs mean and standardDeviation, lognormal needs median and p95,"
            " exponential needs mean, observed needs values",
            "!has(self.distribution)"
            " || (self.distribution == 'uniform' && has(self.min) && has(self.max))"
            " || (self.distribution == 'normal' && has(self.mean) && has(self.standardDeviation))"
            " || (self.distribution == 'lognormal' && has(self.median) && has(self.p95))"
            " || (self.distribution == 'exponential' && has(self.mean))"
            " || (self.distribution == 'observed' && has(self.values))",
            _has_its_parameters,
            "distribution",
        ),
        Rule(
            "a parameter must belong to the distribution: min and max to any, mean to normal and exponential,"
            " standardDeviation to normal, median and p95 to lognormal, values to observed; fixed has none",
            _no_others_cel(),
            _has_no_others,
            "distribution",
        ),
        Rule(
            "max must not be less than min",
            "!has(self.min) || !has(self.max) || duration(self.max) >= duration(self.min)",
            lambda self: self.min is None or self.max is None or self.max >= self.min,
            "max",
        ),
        Rule(
            "p95 must be more than median, and median more than 0s",
            "!has(self.median) || !has(self.p95)"
            " || (duration(self.p95) > duration(self.median) && duration(self.median) > duration('0s'))",
            lambda self: self.median is None or self.p95 is None or self.p95 > self.median > timedelta(0),
            "p95",
        ),
    )


class Timings(Model):
    """How long the steps of a node's life take. Assumptions: replace them by what your cluster shows."""

    launch: Timing = Field(
        default=Timing.model_construct(fixed=timedelta(seconds=10)),
        description="From the NodeClaim to Launched: the cloud has accepted it.",
    )
    registration: Timing = Field(
        default=Timing.model_construct(fixed=timedelta(seconds=45)),
        description="From Launched to Registered: the Node has joined.",
    )
    initialization: Timing = Field(
        default=Timing.model_construct(fixed=timedelta(seconds=15)),
        description="From Registered to Initialized: pods can run.",
    )
    detach: Timing = Field(
        default=Timing.model_construct(fixed=timedelta(seconds=10)),
        description="From the end of a drain to the end of the instance.",
    )
