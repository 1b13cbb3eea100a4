"""MaintenanceConfigurations, NodeImages and NodeAutoProvisionings, accepted and refused."""

from __future__ import annotations

from typing import Final

from tests.api.good import Refusal, Row, good
from tests.api.paths import GONE

WINDOW: Final = good("MaintenanceConfiguration")
BERLIN: Final = good("MaintenanceConfiguration", 1)
DEFAULT: Final = good("MaintenanceConfiguration", 4)
IMAGE: Final = good("NodeImage")
NAP: Final = good("NodeAutoProvisioning", 2)

_MW: Final = "spec.maintenanceWindow"
_EXACTLY_ONE: Final = "exactly one of daily, weekly, absoluteMonthly and relativeMonthly must be set"
_TIME: Final = "must be in format HH:mm, from 00:00 to 23:59"
_OFFSET: Final = "must be in format +/-HH:mm, from -14:00 to +14:00"
_NAMES: Final = "configName must be one of default, aksManagedAutoUpgradeSchedule, aksManagedNodeOSUpgradeSchedule"
_NO_WINDOW: Final = "maintenanceWindow must be set (default may have timeInWeek instead)"
MAINTENANCE_ACCEPTED: Final[tuple[Row, ...]] = (
    ("no start date", WINDOW, {f"{_MW}.startDate": GONE}),
    ("no offset", WINDOW, {f"{_MW}.utcOffset": GONE}),
    ("offset -00:00", WINDOW, {f"{_MW}.utcOffset": "-00:00"}),
    ("offset +14:00", WINDOW, {f"{_MW}.utcOffset": "+14:00"}),
    ("one day not allowed", WINDOW, {f"{_MW}.notAllowedDates": [{"start": "2026-02-15", "end": "2026-02-15"}]}),
    ("a leap day", WINDOW, {f"{_MW}.startDate": "2028-02-29"}),
    ("default with a window", WINDOW, {"spec.configName": "default"}),
    (
        "default, every second day",
        WINDOW,
        {"spec.configName": "default", f"{_MW}.schedule": {"daily": {"intervalDays": 2}}},
    ),
    ("default with both forms", WINDOW, {"spec.configName": "default", "spec.timeInWeek": [{"day": "Monday"}]}),
    ("the same day twice", DEFAULT, {"spec.timeInWeek[1].day": "Monday"}),
    ("a zone and no offset", BERLIN, {f"{_MW}.utcOffset": "+00:00"}),
    ("a zone with two levels", BERLIN, {"spec.timeZone": "America/Argentina/Buenos_Aires"}),
    ("cluster upgrades every day", BERLIN, {"spec.configName": "aksManagedAutoUpgradeSchedule"}),
    ("an empty list of hours of the week", WINDOW, {"spec.timeInWeek": []}),
)
MAINTENANCE_REFUSED: Final[tuple[Refusal, ...]] = (
    ("no kind of schedule", WINDOW, {f"{_MW}.schedule": {}}, _EXACTLY_ONE),
    ("two kinds of schedule", WINDOW, {f"{_MW}.schedule.daily": {"intervalDays": 1}}, _EXACTLY_ONE),
    ("every kind null", WINDOW, {f"{_MW}.schedule": {"weekly": None, "daily": None}}, _EXACTLY_ONE),
    ("three hours", WINDOW, {f"{_MW}.durationHours": 3}, f"{_MW}.durationHours"),
    ("25 hours", WINDOW, {f"{_MW}.durationHours": 25}, f"{_MW}.durationHours"),
    ("no duration", WINDOW, {f"{_MW}.durationHours": GONE}, f"{_MW}.durationHours: Required value"),
    ("24:00", WINDOW, {f"{_MW}.startTime": "24:00"}, _TIME),
    ("a time of one digit", WINDOW, {f"{_MW}.startTime": "1:00"}, _TIME),
    ("a time with seconds", WINDOW, {f"{_MW}.startTime": "01:00:00"}, _TIME),
    ("offset +14:01", WINDOW, {f"{_MW}.utcOffset": "+14:01"}, _OFFSET),
    ("offset -15:00", WINDOW, {f"{_MW}.utcOffset": "-15:00"}, _OFFSET),
    ("offset without sign", WINDOW, {f"{_MW}.utcOffset": "02:00"}, _OFFSET),
    ("offset Z", WINDOW, {f"{_MW}.utcOffset": "Z"}, _OFFSET),
    ("30 February", WINDOW, {f"{_MW}.startDate": "2026-02-30"}, "must be of type date"),
    ("a date as in Germany", WINDOW, {f"{_MW}.startDate": "03.03.2026"}, "must be of type date"),
    ("a date with a time", WINDOW, {f"{_MW}.startDate": "2026-03-03T00:00:00Z"}, "must be of type date"),
    (
        "dates not allowed upside down",
        WINDOW,
        {f"{_MW}.notAllowedDates[0].end": "2026-12-20"},
        "end must not be before start",
    ),
    (
        "times not allowed upside down",
        DEFAULT,
        {"spec.notAllowedTime[0].end": "2026-12-23T23:59:59Z"},
        "end must not be before start",
    ),
    (
        "a time not allowed without zone",
        DEFAULT,
        {"spec.notAllowedTime[0].end": "2026-12-27T00:00:00"},
        "must be of type date-time",
    ),
    (
        "the fifth Sunday",
        good("MaintenanceConfiguration", 3),
        {f"{_MW}.schedule.relativeMonthly.weekIndex": "Fifth"},
        "Fourth",
    ),
    ("a day in short", WINDOW, {f"{_MW}.schedule.weekly.dayOfWeek": "Sun"}, "Sunday"),
    ("a name from the portal", WINDOW, {"spec.configName": "weekly"}, f"{_NAMES}, not weekly"),
    (
        "the name of an article",
        WINDOW,
        {"spec.configName": "aksManagedClusterAutoUpgradeSchedule"},
        f"{_NAMES}; aksManagedClusterAutoUpgradeSchedule should be aksManagedAutoUpgradeSchedule",
    ),
    (
        "the name of another",
        WINDOW,
        {"spec.configName": "autoUpgradeSchedule"},
        f"{_NAMES}; autoUpgradeSchedule should be aksManagedAutoUpgradeSchedule",
    ),
    (
        "the name of the Fleet page",
        WINDOW,
        {"spec.configName": "AKSManagedNodeOSAutoUpgradeSchedule"},
        f"{_NAMES}; AKSManagedNodeOSAutoUpgradeSchedule should be aksManagedNodeOSUpgradeSchedule",
    ),
    ("a name in capitals", WINDOW, {"spec.configName": "Default"}, f"{_NAMES}; Default should be default"),
    ("no window", WINDOW, {_MW: GONE}, _NO_WINDOW),
    ("default with nothing", DEFAULT, {"spec.timeInWeek": GONE}, _NO_WINDOW),
    ("default with no hours of the week", DEFAULT, {"spec.timeInWeek": []}, _NO_WINDOW),
    (
        "hours of the week for node images",
        WINDOW,
        {"spec.timeInWeek": [{"day": "Monday", "hourSlots": [1]}]},
        "timeInWeek is for configuration default only; use maintenanceWindow",
    ),
    ("the hour 24", DEFAULT, {"spec.timeInWeek[0].hourSlots[0]": 24}, "spec.timeInWeek[0].hourSlots[0]"),
    (
        "a zone and an offset",
        BERLIN,
        {f"{_MW}.utcOffset": "+01:00"},
        "utcOffset must be left out (or +00:00) beside timeZone, which decides the offset",
    ),
    (
        "a zone that is an offset",
        BERLIN,
        {"spec.timeZone": "+01:00"},
        "timeZone must be a name of the IANA time zone database",
    ),
    ("properties, as in the file for az", WINDOW, {"spec.properties": {}}, "unknown field"),
)

IMAGE_ACCEPTED: Final[tuple[Row, ...]] = (
    ("published at creation", IMAGE, {"spec.publishedAt": GONE}),
    ("published in local time", IMAGE, {"spec.publishedAt": "2026-02-16T09:30:00.5+01:00"}),
    ("Azure Linux", IMAGE, {"spec.osSKU": "AzureLinux3", "spec.definition": "V3gen2", "spec.gallery": GONE}),
    (
        "Windows",
        IMAGE,
        {"spec.osSKU": "Windows2022", "spec.definition": "2022-containerd-gen2", "spec.version": "20348.4529.251212"},
    ),
)
IMAGE_REFUSED: Final[tuple[Refusal, ...]] = (
    ("a version with its patch", IMAGE, {"spec.version": "202602.13.0-2026.02.18"}, "version must be three numbers"),
    ("a version of two numbers", IMAGE, {"spec.version": "202602.13"}, "version must be three numbers"),
    ("the newest", IMAGE, {"spec.version": "latest"}, "version must be three numbers"),
    (
        "a patch as a date",
        IMAGE,
        {"spec.securityPatch": "2026-02-18"},
        "securityPatch must be a date in the form yyyy.MM.dd",
    ),
    ("published yesterday", IMAGE, {"spec.publishedAt": "yesterday"}, "must be of type date-time"),
    ("published on a day", IMAGE, {"spec.publishedAt": "2026-02-16"}, "must be of type date-time"),
    ("a definition with a blank", IMAGE, {"spec.definition": "gen 2"}, "definition must be letters, digits and '-'"),
    ("an operating system with a dot", IMAGE, {"spec.osSKU": "Ubuntu22.04"}, "osSKU must be letters, digits and '-'"),
    (
        "a gallery with its path",
        IMAGE,
        {"spec.gallery": "galleries/AKSUbuntu"},
        "gallery must be letters, digits and '-'",
    ),
    ("no definition", IMAGE, {"spec.definition": GONE}, "spec.definition: Required value"),
)

_TIMING: Final = "spec.timings.launch"
_FIXED_OR_DRAWN: Final = "exactly one of fixed and distribution must be set"
_PARAMETERS: Final = "uniform needs min and max"
_BELONGS: Final = "a parameter must belong to the distribution"
_DURATION: Final = "must be a duration: numbers with the units h, m, s or ms, not negative"
NAP_ACCEPTED: Final[tuple[Row, ...]] = (
    ("the largest seed", NAP, {"spec.seed": 2**63 - 1}),
    ("only a clock", NAP, {"spec.clock.factor": 600}),
    ("no cache", NAP, {"spec.listCacheDuration": "0s"}),
    ("no failures", NAP, {"spec.failures": []}),
    ("one failure of everything", NAP, {"spec.failures": [{"kind": "NeverRegisters"}]}),
    ("a failure twice", NAP, {"spec.failures": [{"kind": "NoCapacity"}, {"kind": "NoCapacity"}]}),
    ("one setting of the 90-day rule", NAP, {"spec.imageExpiry.days": 30}),
    ("weeks from Monday", NAP, {"spec.recurrence": {"firstDayOfWeek": "Monday"}}),
    ("AKS's own gallery", NAP, {"spec.imageGallery": "Shared"}),
    ("a fraction of a minute", NAP, {"spec.leadTimes.others": "1.5m"}),
    ("a slow clock", NAP, {"spec.clock.factor": 0.001}),
    ("pm:8-cluster-channel alone", NAP, {"spec.upgradeChannel": "node-image"}),
    (
        "pm:8-cluster-channel with NodeImage",
        NAP,
        {"spec.upgradeChannel": "node-image", "spec.nodeOSUpgradeChannel": "NodeImage"},
    ),
    ("agent pools that are played", NAP, {"spec.agentPools": {"mode": "Play"}}),
    ("agent pools without a word", NAP, {"spec.agentPools": {}}),
    (
        "a span of one instant",
        NAP,
        {"spec.agentPools.stopped": [{"start": "2026-02-21T22:00:00Z", "end": "2026-02-21T22:00:00Z"}]},
    ),
    (
        "pm:8-cluster-channel stable with None",
        NAP,
        {"spec.upgradeChannel": "stable", "spec.nodeOSUpgradeChannel": "None"},
    ),
)
NAP_REFUSED: Final[tuple[Refusal, ...]] = (
    ("a second one", NAP, {"metadata.name": "second"}, "metadata.name must be default"),
    ("a clock that stands", NAP, {"spec.clock.factor": 0}, "spec.clock.factor"),
    ("a clock that runs back", NAP, {"spec.clock.factor": -1}, "spec.clock.factor"),
    ("a clock too fast", NAP, {"spec.clock.factor": 100001}, "spec.clock.factor"),
    ("a minor version", NAP, {"spec.kubernetesVersion": "1.33"}, "must be a Kubernetes version"),
    ("an identity that is none", NAP, {"spec.kubeletIdentity": "kubelet"}, "must be a client id"),
    ("a start on a day", NAP, {"spec.clock.start": "2026-02-14"}, "must be of type date-time"),
    ("a cache without unit", NAP, {"spec.listCacheDuration": "72"}, _DURATION),
    ("a cache of days", NAP, {"spec.listCacheDuration": "3d"}, _DURATION),
    ("a lead time below nothing", NAP, {"spec.leadTimes.nodeOS": "-30m"}, _DURATION),
    ("images of no age", NAP, {"spec.imageExpiry.days": 0}, "spec.imageExpiry.days"),
    ("a margin below nothing", NAP, {"spec.imageExpiry.marginMinutes": -1}, "spec.imageExpiry.marginMinutes"),
    ("a channel in small letters", NAP, {"spec.nodeOSUpgradeChannel": "nodeimage"}, "NodeImage"),
    (
        "pm:8-cluster-channel with another",
        NAP,
        {"spec.upgradeChannel": "node-image", "spec.nodeOSUpgradeChannel": "SecurityPatch"},
        "nodeOSUpgradeChannel must be NodeImage while upgradeChannel is node-image",
    ),
    ("a week from no day", NAP, {"spec.recurrence.firstDayOfWeek": "Sun"}, "spec.recurrence.firstDayOfWeek"),
    ("a month that is stretched", NAP, {"spec.recurrence.shortMonths": "Clamp"}, "LastDay"),
    ("a gallery of one's own", NAP, {"spec.imageGallery": "Private"}, "Shared"),
    ("agent pools played a little", NAP, {"spec.agentPools.mode": "play"}, "Play"),
    ("a drain timeout without unit", NAP, {"spec.agentPools.drainTimeout": "30"}, _DURATION),
    (
        "stopped until before it was",
        NAP,
        {"spec.agentPools.stopped": [{"start": "2026-02-21T22:00:00Z", "end": "2026-02-21T21:00:00Z"}]},
        "end must not be before start",
    ),
    (
        "urgent for ever",
        NAP,
        {"spec.agentPools.urgentMaintenance": [{"start": "2026-02-21T22:00:00Z"}]},
        "spec.agentPools.urgentMaintenance[0].end: Required value",
    ),
    ("an unknown fallback", NAP, {"spec.fallback.mode": "Random"}, "SeededWeekly"),
    ("an unknown provider", NAP, {"spec.nodeProvider.kind": "azure"}, "kwok"),
    ("no zones", NAP, {"spec.nodeProvider.zones": []}, "spec.nodeProvider.zones"),
    ("a region with a blank", NAP, {"spec.nodeProvider.region": "West Europe"}, "must be a region"),
    ("a timing of nothing", NAP, {_TIMING: {}}, _FIXED_OR_DRAWN),
    (
        "a timing fixed and drawn",
        NAP,
        {_TIMING: {"fixed": "1s", "distribution": "uniform", "min": "1s", "max": "2s"}},
        _FIXED_OR_DRAWN,
    ),
    ("uniform without bounds", NAP, {_TIMING: {"distribution": "uniform", "min": "1s"}}, _PARAMETERS),
    ("normal without mean", NAP, {_TIMING: {"distribution": "normal", "standardDeviation": "1s"}}, _PARAMETERS),
    ("lognormal without p95", NAP, {_TIMING: {"distribution": "lognormal", "median": "1s"}}, _PARAMETERS),
    ("exponential without mean", NAP, {_TIMING: {"distribution": "exponential"}}, _PARAMETERS),
    ("observed without values", NAP, {_TIMING: {"distribution": "observed"}}, _PARAMETERS),
    ("nothing observed", NAP, {_TIMING: {"distribution": "observed", "values": []}}, "spec.timings.launch.values"),
    ("observed in words", NAP, {_TIMING: {"distribution": "observed", "values": ["soon"]}}, "must be a duration"),
    ("a fixed time with values", NAP, {_TIMING: {"fixed": "1s", "values": ["1s"]}}, _BELONGS),
    ("a fixed time with a mean", NAP, {_TIMING: {"fixed": "1s", "mean": "1s"}}, _BELONGS),
    (
        "uniform with a mean",
        NAP,
        {_TIMING: {"distribution": "uniform", "min": "1s", "max": "2s", "mean": "1s"}},
        _BELONGS,
    ),
    (
        "bounds upside down",
        NAP,
        {_TIMING: {"distribution": "uniform", "min": "1m", "max": "59s"}},
        "max must not be less than min",
    ),
    (
        "quantiles upside down",
        NAP,
        {_TIMING: {"distribution": "lognormal", "median": "1m", "p95": "60s"}},
        "p95 must be more than median, and median more than 0s",
    ),
    ("a timing as text", NAP, {_TIMING: "45s"}, "spec.timings.launch"),
    ("a failure of no kind", NAP, {"spec.failures": [{"share": 0.5}]}, "spec.failures[0].kind: Required value"),
    ("a failure of another kind", NAP, {"spec.failures": [{"kind": "Meteorite"}]}, "InstanceGone"),
    ("a failure of no pool", NAP, {"spec.failures": [{"kind": "NoCapacity", "nodePools": []}]}, "nodePools"),
    ("a pool twice", NAP, {"spec.failures": [{"kind": "NoCapacity", "nodePools": ["a", "a"]}]}, "nodePools"),
    ("half of more than all", NAP, {"spec.failures": [{"kind": "NoCapacity", "share": 1.5}]}, "spec.failures[0].share"),
    (
        "a failure that ends as it begins",
        NAP,
        {
            "spec.failures": [
                {"kind": "NoCapacity", "from": "2026-02-14T20:00:00Z", "until": "2026-02-14T21:00:00+01:00"}
            ]
        },
        "until must be after from",
    ),
    (
        "a launch that fails after a while",
        NAP,
        {"spec.failures": [{"kind": "LaunchFails", "after": {"fixed": "1m"}}]},
        "after is for NodeFails and InstanceGone only",
    ),
    (
        "a want of capacity that lasts",
        NAP,
        {"spec.failures": [{"kind": "NoCapacity", "lasts": "1m"}]},
        "lasts is for LaunchFails and NodeFails only",
    ),
    (
        "a Node that says why it never joined",
        NAP,
        {"spec.failures": [{"kind": "NeverRegisters", "message": "lost"}]},
        "message is for NoCapacity, LaunchFails, NodeFails and InstanceGone only",
    ),
    (
        "a failure at two times",
        NAP,
        {"spec.failures": [{"kind": "NodeFails", "after": {"fixed": "1m", "mean": "1m"}}]},
        _BELONGS,
    ),
    ("more failures than anybody can watch", NAP, {"spec.failures": [{"kind": "NoCapacity"}] * 21}, "spec.failures"),
    ("a seed below nothing", NAP, {"spec.seed": -1}, "spec.seed"),
    ("a seed of more than 64 bits", NAP, {"spec.seed": 2**63}, "spec.seed"),
)
