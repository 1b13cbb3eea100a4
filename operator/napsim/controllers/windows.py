"""Reconciles MaintenanceConfigurations: which is in force, what its status says, and whether NAP may pick up.

The configuration in force is kept in ``status.effective``: a change counts one lead time after it was made, and an
operator that starts anew in between goes on from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.reports import Finding, Reports
from napsim.controllers.resources import MAINTENANCE_CONFIGURATIONS
from napsim.core.clock import earliest, parse_rfc3339, rfc3339
from napsim.core.configuration_specs import ConfigurationError, from_spec
from napsim.core.configurations import AUTO_UPGRADE, DEFAULT, NAMES, NODE_OS, Configuration
from napsim.core.fallback import fallback_weekly
from napsim.core.kubernetes_upgrades import AUTOMATIC_CHANNELS
from napsim.core.lead_times import Effective, effective, gate, until
from napsim.core.maintenance import ShownCutout, ShownWindow, StatusReport, same_name, status_report
from napsim.core.objects import ConfigMap
from napsim.core.pickup import NO_WINDOW, Window
from napsim.core.published_windows import CONFIG_MAP, Published, published, read
from napsim.core.published_windows import verdict as published_verdict
from napsim.core.recurrence import AbsoluteMonthly, Daily, Schedule, Weekly
from napsim.core.window_findings import CODES
from napsim.core.window_findings import Finding as WindowFinding
from napsim.core.windows import WindowReason, WindowVerdict, describe_instant

_SAME_NAME: Final = "SeveralOfOneName"
_EASTERNMOST: Final = timedelta(hours=14)  # where the day begins first


class WindowController(msgspec.Struct):
    """``reconcile(name)`` brings one status up to date; ``pickup_window`` answers for the node OS configuration."""

    declared: Declared
    clock: VirtualClock
    reports: Reports
    namespace: str = ""  # of the ConfigMap; without one it is not read, as the provider without a SYSTEM_NAMESPACE
    config_map: ConfigMap | None = None
    in_force: dict[str, Effective] = msgspec.field(default_factory=dict)  # object name -> what holds

    def adopt(self) -> None:
        """What holds now, of all configurations at once: images must not be judged while one was not looked at yet.

        ``reconcile`` reports it, and what is wrong with those that cannot be used.
        """
        now = self.clock.now()
        self.in_force = {}
        for name, manifest in self.declared.windows.items():
            with contextlib.suppress(ConfigurationError):
                self.in_force[name], *_ = self._state(manifest, now)

    async def reconcile(self, name: str) -> datetime | None:
        manifest = self.declared.windows.get(name)
        if manifest is None:
            self.in_force.pop(name, None)
            return None
        now = self.clock.now()
        old = manifest.get("status", {})
        try:
            state, changed_at, kept = self._state(manifest, now)
        except ConfigurationError as error:
            self.declared.problems["MaintenanceConfiguration", name] = tuple(str(item) for item in error.errors)
            await self.reports.problems(MAINTENANCE_CONFIGURATIONS, manifest)
            return None
        self.in_force[name] = state
        report = status_report(state, now, changed_at)
        wanted = {**kept, **_status(manifest, state, report), "conditions": self._conditions(manifest, report)}
        await self.reports.write(MAINTENANCE_CONFIGURATIONS, manifest, old, wanted)
        return report.wake_at

    def _state(self, manifest: Manifest, now: datetime) -> tuple[Effective, datetime | None, dict[str, Any]]:
        """What holds, when the last change was made, and what the status has to remember of it."""
        generation, status = manifest["metadata"]["generation"], manifest.get("status", {})
        new = self._configuration(manifest["spec"], status, now)
        start = new.window.start_date.isoformat() if new.window else None
        remembered: Mapping[str, Any] | None = status.get("effective")
        if remembered is not None and remembered["generation"] == generation:
            return Effective(new), None, {"effective": remembered, "startDate": start}
        old = self._configuration(remembered["spec"], status, now) if remembered else None
        changed_at = self._changed_at(manifest, new, now)
        state = effective(old, new, changed_at, now)
        if state.takes_effect_at is None:
            since = rfc3339(min(changed_at + new.lead_time, now))
            remembered = {"generation": generation, "since": since, "spec": manifest["spec"]}
            return state, changed_at, {"effective": remembered, "startDate": start}
        waiting = {"pendingUntil": rfc3339(state.takes_effect_at), "startDate": start}
        return state, changed_at, {**waiting, **({"effective": remembered} if remembered else {})}

    def _changed_at(self, manifest: Manifest, new: Configuration, now: datetime) -> datetime:
        """From the status, if this change was seen before; a creation is as old as the object.

        Nobody makes a change in the future: one that was seen before the cluster's clock was set is made now.
        """
        metadata, status = manifest["metadata"], manifest.get("status", {})
        if status.get("observedGeneration") == metadata["generation"] and status.get("pendingUntil"):
            return min(parse_rfc3339(status["pendingUntil"]) - new.lead_time, now.replace(microsecond=0))
        if metadata["generation"] == 1 and metadata.get("creationTimestamp"):
            created = self.clock.timeline.virtual(parse_rfc3339(metadata["creationTimestamp"]))
            return min(created, now).replace(microsecond=0)
        return now.replace(microsecond=0)

    def _configuration(self, spec: Mapping[str, Any], status: Mapping[str, Any], now: datetime) -> Configuration:
        stored = status.get("startDate")
        start = date.fromisoformat(stored) if stored else None
        if start is not None and start > (now + _EASTERNMOST).date():
            start = None  # a day to come: it was stored before the cluster's clock was set
        return from_spec(spec["configName"], spec, now, start, self.declared.settings.windows)

    def _conditions(self, manifest: Manifest, report: StatusReport) -> list[dict[str, Any]]:
        """Ready, what is not honoured yet, and what to mind (condition Findings)."""
        conditions = self.reports.ready(manifest, _unhonoured(manifest))
        namesakes = [(_SAME_NAME, text) for text in self._namesakes(manifest)]
        self.reports.warn(manifest, namesakes)
        found = [(str(item.reason), _told(item)) for item in (*report.warnings, *report.findings)]
        return self.reports.mind(conditions, manifest, namesakes + found + self._nothing_to_schedule(manifest))

    def _nothing_to_schedule(self, manifest: Manifest) -> list[Finding]:
        """Planned maintenance schedules upgrades of Kubernetes; that there are any is for the channel to say."""
        channel = self.declared.settings.upgrade_channel
        if manifest["spec"]["configName"] != AUTO_UPGRADE or channel in AUTOMATIC_CHANNELS:
            return []
        message = f"upgradeChannel {channel} upgrades nothing by itself, so there is nothing that this could schedule"
        return [("NothingToSchedule", message)]

    def _namesakes(self, manifest: Manifest) -> tuple[str, ...]:
        """Other objects with the same name in AKS, where there can be one: the first by name counts."""
        name, config = manifest["metadata"]["name"], manifest["spec"]["configName"]
        same = sorted(key for key, item in self.declared.windows.items() if item["spec"]["configName"] == config)
        return () if len(same) == 1 else (same_name(name, same, config),)

    # --- the node OS window -------------------------------------------------------------------------------------------

    def node_os(self) -> tuple[str, Effective] | None:
        """The configuration object that governs pick-up."""
        return self.governing(NODE_OS)

    def governing(self, config_name: str) -> tuple[str, Effective] | None:
        """The object that counts as a configuration of AKS; the first by name should there be several."""
        for name in sorted(self.in_force):
            manifest = self.declared.windows.get(name)
            if manifest is not None and manifest["spec"]["configName"] == config_name:
                return name, self.in_force[name]
        return None

    def _counting(self) -> tuple[str, Effective] | None:
        """The same, if anything of it counts yet: until a first one does, what governed before goes on."""
        found = self.node_os()
        return found if found is not None and found[1].configuration is not None else None

    def awaited(self) -> datetime | None:
        """When a first configuration begins to count."""
        found = self.node_os()
        return found[1].takes_effect_at if found is not None else None

    def publication(self, now: datetime) -> Published:
        """What the ConfigMap is to hold where napsim is the one who writes it: all three, or else the fallback."""
        found = {name: state[1] for name in NAMES if (state := self.governing(name)) is not None}
        if self._counting():
            return published(found, now)
        never = self.declared.settings.fallback_mode == "None"
        return published({**found, NODE_OS: self._without_configuration()}, now, (NODE_OS,) if never else ())

    def source(self, now: datetime) -> str:
        """What governs pick-up: the name of the configuration object or of the ConfigMap, empty for the fallback."""
        found = self._counting()
        if found is None:
            return f"ConfigMap {self.namespace}/{CONFIG_MAP}" if self._published(now) else ""
        return found[0]

    def verdict(self, now: datetime) -> WindowVerdict:
        """Whether images may be picked up now: by the configuration in force, the ConfigMap, or the fallback."""
        found = self._counting()
        if found is not None:
            return gate(found[1], now)
        return until(self._published(now) or self._fallback(now), self.awaited())

    def told(self, now: datetime) -> str:
        """The same in a few words, as statuses have it: ``OPEN, closes Sun 2026-02-15 05:00 UTC``."""
        found = self.verdict(now)
        state, verb = ("OPEN", "closes") if found.open else ("closed", "opens")
        if found.window is None:
            return f"{state} ({found.message})"
        at = found.window.end if found.open else found.window.start
        return f"{state}, {verb} {describe_instant(at)}" if at else state

    def pickup_window(self, now: datetime) -> Window:
        """The verdict as the pick-up takes it."""
        found = self._counting()
        if found is not None:
            state = gate(found[1], now)
            return Window(state.open, state.wake_at)
        window = self._window_without(now)
        return replace(window, changes_at=earliest(window.changes_at, self.awaited()))

    def _window_without(self, now: datetime) -> Window:
        if self._published(now):
            return read(self._data, now, namespace=self.namespace)
        if self.declared.settings.fallback_mode == "AlwaysOpen":
            return NO_WINDOW
        state = self._fallback(now)
        return Window(state.open, state.wake_at)

    @property
    def _data(self) -> Mapping[str, str] | None:
        return self.config_map.data if self.config_map else None

    def _published(self, now: datetime) -> WindowVerdict | None:
        """What the ConfigMap says; it counts where no configuration of the node OS does."""
        return published_verdict(self._data, now, namespace=self.namespace)

    def _fallback(self, now: datetime) -> WindowVerdict:
        if self.declared.settings.fallback_mode == "None":
            message = "no maintenance configuration, and spec.fallback.mode None: never open"
            return WindowVerdict(False, WindowReason.NO_FURTHER_WINDOW, message, None, None, None)
        return gate(self._without_configuration(), now)

    def _without_configuration(self) -> Effective:
        if self.declared.settings.fallback_mode == "SeededWeekly":
            drawn = fallback_weekly(self.declared.settings.fallback_seed)
            return Effective(drawn, takes_effect_at=self.awaited())
        return Effective(None, takes_effect_at=self.awaited())

    def problem(self, now: datetime) -> str:
        """Why pick-up is held although nothing says that the window is closed: its ConfigMap cannot be read."""
        found = self.verdict(now)
        return found.message if found.reason is WindowReason.UNREADABLE else ""


def _told(found: WindowFinding) -> str:
    """With the code that the rule of lint has."""
    code = CODES.get(found.reason)
    return f"{code} {found.message}" if code else found.message


def _unhonoured(manifest: Manifest) -> tuple[str, ...]:
    """The weekly releases of AKS, which ``default`` is for, are not played."""
    name = manifest["spec"]["configName"]
    return (f"spec.configName {name}",) if name == DEFAULT else ()


def _status(manifest: Manifest, state: Effective, report: StatusReport) -> dict[str, Any]:
    governing = state.configuration or state.pending
    windows = [_window(item) for item in (report.window, *report.following) if item is not None]
    current = windows[0] if report.open and windows else None
    ahead = windows[1:] if current else windows
    lead = next((item.message for item in report.warnings if item.reason == "LeadTimeTooShort"), None)
    return {
        "observedGeneration": manifest["metadata"]["generation"],
        "state": report.state,
        "changes": report.changes,
        "changesAt": rfc3339(report.changes_at) if report.changes_at else None,
        "window": report.window.utc if report.window else None,
        "zone": str(governing.zone) if governing else None,
        "schedule": recurrence_text(governing.window.schedule) if governing and governing.window else None,
        "current": current,
        "next": ahead[0] if ahead else None,
        "following": ahead[1:6],
        "cutOut": [_cutout(item) for item in report.cutouts],
        "leadTimeWarning": lead,
    }


def _window(shown: ShownWindow) -> dict[str, str]:
    window = shown.window
    end = rfc3339(window.end) if window.end else "9999-12-31T23:59:59Z"
    return {"start": rfc3339(window.start), "end": end, "utc": shown.utc, "local": shown.local}


def _cutout(shown: ShownCutout) -> dict[str, str]:
    span = shown.cutout.occurrence
    end = rfc3339(span.end) if span.end else "9999-12-31T23:59:59Z"
    return {"start": rfc3339(span.start), "end": end, "reason": shown.message}


def recurrence_text(schedule: Schedule) -> str:
    """The recurrence in words: ``every 2 weeks on Sunday``."""
    if isinstance(schedule, Daily):
        return _every(schedule.interval_days, "day")
    if isinstance(schedule, Weekly):
        return f"{_every(schedule.interval_weeks, 'week')} on {schedule.day_of_week.label}"
    months = _every(schedule.interval_months, "month")
    if isinstance(schedule, AbsoluteMonthly):
        return f"{months} on day {schedule.day_of_month}"
    return f"{months} on the {schedule.week_index.value.lower()} {schedule.day_of_week.label}"


def _every(interval: int, unit: str) -> str:
    return f"every {unit}" if interval == 1 else f"every {interval} {unit}s"
