"""How long an instance takes to launch, register, initialize and detach: fixed, or drawn from a distribution.

Policy: ``NodeAutoProvisioning.spec.timings``. A draw depends on the seed, the step and the NodeClaim's name alone, so
that an operator that is started again, and a simulation of the same cluster, wait equally long.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from datetime import timedelta
from statistics import NormalDist
from typing import Final

import msgspec

STEPS: Final = ("launch", "registration", "initialization", "detach")
"""Of an instance, in order: the fields of ``Timings``."""
_LONGEST: Final = 2.0**63 / 10**9  # seconds: what Go's durations, which timings are written in, can say (292 years)


class Distribution(msgspec.Struct, frozen=True):
    """How long, in seconds. A draw below ``low`` is ``low``, one above ``high`` is ``high``; 292 years are the most.

    | kind | parameters |
    |---|---|
    | fixed | ``low`` |
    | uniform | ``low``, ``high`` |
    | normal | ``mean``, ``deviation`` |
    | lognormal | ``median``, ``p95`` |
    | exponential | ``mean`` |
    | observed | ``values``, ascending: one as likely as another |
    """

    kind: str = "fixed"
    low: float = 0.0
    high: float = math.inf
    mean: float = 0.0
    deviation: float = 0.0
    median: float = 0.0
    p95: float = 0.0
    values: tuple[float, ...] = ()

    def at(self, share: float) -> float:
        """The value in seconds below which ``share`` (0..1, exclusive) of all draws lie."""
        return min(max(_QUANTILES[self.kind](self, share), self.low), self.high, _LONGEST)


_NORMAL: Final = NormalDist()

_QUANTILES: Final[dict[str, Callable[[Distribution, float], float]]] = {
    "fixed": lambda it, _: it.low,
    "uniform": lambda it, share: it.low + share * (it.high - it.low),
    "normal": lambda it, share: it.mean + it.deviation * _NORMAL.inv_cdf(share),
    "lognormal": lambda it, share: it.median * (it.p95 / it.median) ** (_NORMAL.inv_cdf(share) / _NORMAL.inv_cdf(0.95)),
    "exponential": lambda it, share: -it.mean * math.log1p(-share),
    "observed": lambda it, share: it.values[int(share * len(it.values))],
}


INSTANT: Final = Distribution()


class Timings(msgspec.Struct, frozen=True):
    """Time from NodeClaim to instance, instance to Node, Node to initialized, and from delete to gone."""

    launch: Distribution = INSTANT
    registration: Distribution = INSTANT
    initialization: Distribution = INSTANT
    detach: Distribution = INSTANT
    seed: int = 0

    def draw(self, step: str, claim: str) -> timedelta:
        """How long ``step`` (``launch``, ``registration``, ...) takes for the NodeClaim of that name."""
        distribution: Distribution = getattr(self, step)
        if distribution.kind == "fixed":
            return timedelta(seconds=distribution.low)
        return timedelta(seconds=round(distribution.at(quantile_share(self.seed, step, claim)), 3))


def quantile_share(seed: int, what: str, claim: str) -> float:
    """A number in (0, 1), exclusive, that follows from the three: 0 and 1 have no quantile."""
    digest = hashlib.blake2b(f"{seed}/{what}/{claim}".encode(), digest_size=7).digest()
    return ((int.from_bytes(digest) >> 4) + 0.5) / 2**52
