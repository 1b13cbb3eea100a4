"""One window, as every format of Azure's has to say it, and what an import makes of a file."""

from __future__ import annotations

from typing import Any, Final

from napsim.azure.imports import Imports

NODE_OS: Final = "aksManagedNodeOSUpgradeSchedule"
WINDOW: Final[dict[str, Any]] = {
    "schedule": {"weekly": {"intervalWeeks": 2, "dayOfWeek": "Tuesday"}},
    "startDate": "2026-03-03",
    "startTime": "22:30",
    "durationHours": 6,
    "utcOffset": "+02:00",
    "notAllowedDates": [{"start": "2026-12-21", "end": "2027-01-03"}],
}


def specs(found: Imports) -> list[dict[str, Any]]:
    """Those of all that was read, without a mistake."""
    assert found.mistakes == []
    return [manifest["spec"] for manifest in found.judged()]
