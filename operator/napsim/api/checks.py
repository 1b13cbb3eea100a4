"""``Checks`` (napsim.dev/v1alpha1): what must hold of windows, budgets and rollouts, for ``napsim check``.

Policy: a document of its own (``napsim-checks.yaml``), not a kind of the API server. Each check says exactly one thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api import names
from napsim.api.base import KubeObject, Model, Name, Rule
from napsim.api.kinds import Kind
from napsim.api.scalars import Bool, Check, Date, Distinct, Instant, Int32, Int64, Parsed, matching, write_duration
from napsim.api.scenario import TimeZone

_NO_CEL: Final = ""  # no API server sees a Checks document: its rules are Python's alone
_UNITS: Final = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60}
_SPAN: Final = re.compile(r"(?:[0-9]{1,6}[wdhm])+")
_LONGEST: Final = timedelta(days=3_660)
SPAN_MESSAGE: Final = "must be a span from 1m to 3660d, in weeks, days, hours and minutes. For example, 7d, 2w or 36h"
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAYS_MESSAGE: Final = "must be days of the week or ranges of them, Mon to Sun. For example, Mon-Fri or Sat,Sun"
HOURS_MESSAGE: Final = "must be from and to, HH:mm-HH:mm; to may be 24:00, or the next day's. For example, 08:00-18:00"
_HOURS: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")


def parse_span(text: str) -> timedelta:
    """``2w``, ``7d``, ``1d12h``. Raises ValueError."""
    parts = re.findall(r"([0-9]+)([wdhm])", text) if _SPAN.fullmatch(text) else []
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError(SPAN_MESSAGE)
    return timedelta(seconds=seconds)


def parse_days(text: str) -> frozenset[int]:
    """``Mon-Fri,Sun`` as positions in the week, Monday 0; a range may go over its end. Raises ValueError."""
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first.title() not in DAYS or (last or first).title() not in DAYS:
            raise ValueError(DAYS_MESSAGE)
        begin, end = DAYS.index(first.title()), DAYS.index((last or first).title())
        found |= {position % 7 for position in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(found)


def parse_hours(text: str) -> tuple[int, int]:
    """``08:00-18:00`` as minutes of the day; the second is larger, and over 1440 on the next day. Raises ValueError."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(HOURS_MESSAGE)
    begin = int(match[1]) * 60 + int(match[2])
    end = int(match[3] or match[5]) * 60 + int(match[4] or match[6])
    return begin, end if end > begin else end + 1_440


def _is(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


Span = Annotated[timedelta, Parsed(timedelta, parse_span, write_duration, {"type": "string"})]
Days = Annotated[str, Check(DAYS_MESSAGE, _NO_CEL, lambda text: _is(parse_days, text))]
Hours = Annotated[str, Check(HOURS_MESSAGE, _NO_CEL, lambda text: _is(parse_hours, text))]
Share = Annotated[str, matching(r"(100|[1-9]?[0-9])%", "must be a percentage from 0% to 100%. For example, 95%")]
Workload = Annotated[
    str,
    matching(r"[a-z0-9.-]+/(Deployment|StatefulSet|DaemonSet|ReplicaSet|Pod)/[a-z0-9.-]+",
             "must be namespace/Kind/name. For example, shop/Deployment/web"),
]  # fmt: skip
Pools = Annotated[tuple[Name, ...], Field(min_length=1, max_length=100), Distinct()]


class _Hours(Model):
    """When: days and hours of the week, or days of the calendar; on the clocks of a zone."""

    days: Days | None = Field(default=None, description="Days of the week; absent with hours: every day.")
    hours: Hours | None = Field(default=None, description="Hours of these days; absent with days: all day.")
    begins: Date | None = Field(default=None, description="The first day.")
    until: Date | None = Field(default=None, description="The last day, which is one of them.")
    time_zone: TimeZone | None = Field(default=None, description="Whose clocks; absent: that of the checks.")

    RULES: ClassVar = (
        Rule(
            "from and until are set together",
            _NO_CEL,
            lambda self: (self.begins is None) == (self.until is None),
            "from",
        ),
        Rule(
            "until must not be before from",
            _NO_CEL,
            lambda self: self.begins is None or self.until is None or self.until >= self.begins,
            "until",
        ),
        Rule(
            "at least one of days, hours, and from with until must be set",
            _NO_CEL,
            lambda self: any(part is not None for part in (self.days, self.hours, self.begins)),
        ),
    )


class Finishes(Model):
    """A published image is on all nodes in time: it, or a newer one."""

    within: Span = Field(description="How long it may take.")
    after: Literal["Publication", "PickUp"] = Field(
        default="Publication",
        description="From when: its publication (or the start, if that is later), or its pick-up by the class.",
    )
    node_pools: Pools | None = Field(default=None, description="Of these NodePools; absent: all.")


class PickedUp(Model):
    """A published image is picked up in time by each class that could take it: it, or a newer one."""

    within: Span = Field(description="How long after its publication.")


class AtOnce(Model):
    """How many nodes are disrupted at once, as budgets count them."""

    nodes: Int32 = Field(ge=0, description="At most so many.")
    node_pools: Pools | None = Field(default=None, description="Of each of these NodePools; absent: of all together.")


class NoDisruption(_Hours):
    """No node is being disrupted at these times."""

    node_pools: Pools | None = Field(default=None, description="Of these NodePools; absent: all.")


class Evictions(Model):
    """How many pods of a workload are evicted, or deleted for lack of time, over the whole forecast."""

    at_most: Int32 = Field(ge=0, description="So many; with perReplica so many for each pod that the workload has.")
    per_replica: Bool = Field(default=False, description="1 with it: no place in the workload is lost twice.")
    workloads: tuple[Workload, ...] | None = Field(
        default=None, min_length=1, description="These; absent: all, but DaemonSets, which go with each node."
    )


class Windows(Model):
    """How long the maintenance windows of the next year are, after all that is cut out."""

    at_least: Span = Field(description="Each of them.")
    config_name: Literal["aksManagedNodeOSUpgradeSchedule", "aksManagedAutoUpgradeSchedule", "default"] = Field(
        default="aksManagedNodeOSUpgradeSchedule", description="Of this configuration."
    )


class Budgets(_Hours):
    """What the budgets of NodePools allow at these times, whatever happens."""

    at_most: Int32 = Field(ge=0, description="So many nodes at once.")
    reason: Literal["Drifted", "Empty", "Underutilized"] = Field(default="Drifted", description="To this reason.")
    node_pools: Pools | None = Field(default=None, description="Of these NodePools; absent: all.")


ASSERTIONS: Final = ("finishes", "picked_up", "at_once", "no_disruption", "evictions", "windows", "budgets")
STATIC: Final = ("windows", "budgets")
_WIRE: Final = "finishes, pickedUp, atOnce, noDisruption, evictions, windows and budgets"


class Assertion(Model):
    """One check."""

    id: Name = Field(description="What it is called in reports; no other check of the file has it.")
    at_least: Share | None = Field(default=None, description="In so many of the runs; absent: as all checks.")
    finishes: Finishes | None = Field(default=None, description="An image is on all nodes in time.")
    picked_up: PickedUp | None = Field(default=None, description="An image is picked up in time.")
    at_once: AtOnce | None = Field(default=None, description="Not too many nodes at once.")
    no_disruption: NoDisruption | None = Field(default=None, description="No node at these times.")
    evictions: Evictions | None = Field(default=None, description="Not too many evictions of a workload.")
    windows: Windows | None = Field(default=None, description="Windows are long enough. Needs no forecast.")
    budgets: Budgets | None = Field(default=None, description="Budgets are strict enough. Needs no forecast.")

    RULES: ClassVar = (
        Rule(
            f"exactly one of {_WIRE} must be set",
            _NO_CEL,
            lambda self: sum(getattr(self, part) is not None for part in ASSERTIONS) == 1,
        ),
        Rule(
            "atLeast is for checks that need a forecast",
            _NO_CEL,
            lambda self: self.at_least is None or all(getattr(self, part) is None for part in STATIC),
            "atLeast",
        ),
    )


class ChecksSpec(Model):
    """What is checked, and with which forecast."""

    manifests: tuple[str, ...] = Field(
        default=(), description="Files and folders, from the folder of this file on; PATHs of the command replace them."
    )
    start: Instant | None = Field(
        default=None, description="When forecasts start; absent: the Scenario's, else as a Scenario without one."
    )
    until: Instant | None = Field(default=None, description="When they end; absent: the Scenario's, or 120 days on.")
    runs: Int32 = Field(default=1, ge=1, le=10_000, description="So many seeds, from the first on.")
    seed: Int64 | None = Field(default=None, ge=0, description="The first seed; absent: as a Scenario's.")
    at_least: Share = Field(default="100%", description="A check holds if it does in so many of the runs.")
    time_zone: TimeZone = Field(default="UTC", description="Whose clocks hours and days are on, and reports show.")
    checks: Annotated[tuple[Assertion, ...], Distinct(("id",))] = Field(description="What must hold.")

    RULES: ClassVar = (Rule("there must be at least one check", _NO_CEL, lambda self: bool(self.checks), "checks"),)


class Checks(KubeObject):
    """What must hold of windows, budgets and rollouts."""

    api_version: Literal["napsim.dev/v1alpha1"] = "napsim.dev/v1alpha1"
    kind: Literal["Checks"] = "Checks"
    spec: ChecksSpec = Field(description="What is checked, and with which forecast.")


CHECKS: Final = Kind(
    model=Checks,
    group=names.NAPSIM_GROUP,
    version=names.NAPSIM_VERSION,
    plural="checks",
    columns=(),
    categories=(),
)
"""For messages about its fields only: it is not among the kinds that are served."""
