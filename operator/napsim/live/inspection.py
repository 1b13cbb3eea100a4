"""What `napsim lint` finds in the objects that people have applied, for their condition Findings.

All objects are looked at together, once after each change of one of them and once on each day of the cluster's clock;
in between the same answers are given, whatever happens to nodes and pods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.reports import Finding
from napsim.lint.findings import Severity
from napsim.lint.linting import Judged, inspected
from napsim.lint.rules import RULES, Rule, rules_matching

# Rules that are told in another way, or that need to know more than what was declared.
ELSEWHERE: Final[Mapping[str, str]] = {
    "NAP106": "InvalidBudget says it, in the same condition",
    "NAP201": "core.window_findings says it, at each change of the window",
    "NAP205": "ClockChange says it, of the next windows",
    "NAP207": "a ConfigMap may publish the window",
    "NAP208": "as NAP201",
    "NAP209": "as NAP201",
    "NAP210": "as NAP201",
    "NAP211": "SeveralOfOneName says it",
    "NAP212": "as NAP201",
}
CODES: Final = frozenset(
    rule.code
    for rule in RULES
    if rule.check is not None and rule.severity is not Severity.INFO and rule.code not in ELSEWHERE
)
_BUDGETS: Final = (rules_matching(("NAP1",)) & CODES) - {"NAP109"}  # clocks are another in summer
_Key = tuple[str, str]  # kind, name


@dataclass(slots=True)
class Inspection:
    """``findings`` answers for one object. Of information only what the controllers tell of themselves."""

    declared: Declared
    clock: VirtualClock
    _known: tuple[int, datetime] | None = None  # revision, day
    _found: dict[_Key, list[Finding]] = field(default_factory=dict)

    def findings(self, kind: str, name: str) -> Sequence[Finding]:
        day = self.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        if self._known != (self.declared.revision, day):
            self._known = self.declared.revision, day
            self._found = {}
            for rule, found in self._look(day):
                manifest = found.document.manifest
                told = f"{rule.code} {found.field}: {found.message}"
                key = manifest["kind"], manifest["metadata"]["name"]
                self._found.setdefault(key, []).append((reason_of(rule), told))
        return self._found.get((kind, name), ())

    def _look(self, day: datetime) -> Iterator[Judged]:
        """Budgets of a year are the same on each of its days: going over them once takes 0.1 s where months count."""
        manifests = list(self._manifests())
        yield from inspected(manifests, _BUDGETS, day.replace(month=1, day=1))
        yield from inspected(manifests, CODES - _BUDGETS, day)

    def _manifests(self) -> Iterator[dict[str, Any]]:
        """As they were written: dates of the real clock say nothing here, and how many nodes there are changes."""
        declared = self.declared
        settings = (declared.nap,) if declared.nap is not None else ()
        pools = (entry.manifest for entry in declared.pools.values())
        for manifest in (*settings, *declared.windows.values(), *pools):
            yield _as_written(manifest)


def _as_written(manifest: Manifest) -> dict[str, Any]:
    metadata = {key: value for key, value in manifest["metadata"].items() if key in {"name", "annotations", "labels"}}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


def reason_of(rule: Rule) -> str:
    """``budget-never-allows`` as a condition has it."""
    return "".join(word.capitalize() for word in rule.name.split("-"))
