"""What ``napsim windows`` answers: maintenance configurations of manifests or of a live cluster, and their windows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import typer

from napsim.api import names
from napsim.api.scalars import parse_instant
from napsim.cli.answers import Found, local_zone, name_of, refuse, show, takes_stdout, write
from napsim.cli.livecluster import found_of, live_cluster
from napsim.cli.options import LiveChoice, Output
from napsim.controllers.settings import settings_of
from napsim.controllers.windows import recurrence_text
from napsim.core.configuration_specs import ConfigurationError, from_spec
from napsim.core.configurations import AUTO_UPGRADE, DEFAULT, NODE_OS, Configuration, Settings
from napsim.core.lead_times import Effective, lead_time_warning
from napsim.core.local_clocks import extension, shifts
from napsim.core.maintenance import ShownCutout, StatusReport, same_name, status_report
from napsim.core.recurrence import Daily
from napsim.core.window_findings import FindingReason, clock_notes
from napsim.core.windows import BEGINNING, Window, describe, upcoming
from napsim.reading.sources import BadInput, Document
from napsim.report import window_calendar as report
from napsim.report.times import zone_of

KIND: Final = "MaintenanceConfiguration"
_SETTINGS: Final = "NodeAutoProvisioning"
_KINDS: Final = {KIND: names.NAPSIM_GROUP, _SETTINGS: names.NAPSIM_GROUP}
_CLOCK_HORIZON: Final = timedelta(days=366)  # each zone that changes its clocks does so within it
GOVERNS: Final = {
    NODE_OS: "NAP's pick-up of images, and node OS upgrades of agent pools",
    AUTO_UPGRADE: "upgrades of Kubernetes; NAP's pick-up of images does not depend on it",
    DEFAULT: "the weekly releases of AKS; NAP's pick-up of images does not depend on it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """``tell`` writes it into files, and prints it."""

    calendar: report.WindowCalendar

    def tell(self, output: Output, html: Path | None, ics: Path | None) -> None:
        """Raises ``BadParameter`` where standard output is asked for twice."""
        aside = takes_stdout(output, {"--html": html, "--ics": ics})
        self._write(html, ics)
        if output is Output.JSON:
            typer.echo(report.document(self.calendar))
        else:
            show(report.lines(self.calendar), aside=aside)

    def _write(self, html: Path | None, ics: Path | None) -> None:
        if html is not None:
            from napsim.report.window_page import page  # noqa: PLC0415 - few want one and loading it takes long

            write("windows", html, page(self.calendar).encode())
        if ics is not None:
            from napsim.report.answer_calendars import of_windows  # noqa: PLC0415 - as above

            write("windows", ics, of_windows(self.calendar))


def answer(
    paths: Sequence[str] | None, at: datetime | None, count: int, time_zone: str | None, choice: LiveChoice
) -> Answer:
    """Of manifests, or of a live cluster. Raises ``Exit`` for bad input, every mistake told."""
    live = live_cluster(choice, "windows", _KINDS) if choice.is_made(paths) else None
    now = (at or (live.now if live else datetime.now(UTC))).replace(microsecond=0)
    zone = time_zone or local_zone(os.environ)
    try:
        return Answer(_calendar(found_of(live, paths, _KINDS, KIND), now, count, zone))
    except BadInput as error:
        raise refuse("windows", error) from error


def _calendar(found: Found, now: datetime, count: int, zone: str) -> report.WindowCalendar:
    read = configurations_of(found.of(KIND), now, settings_in(found.of(_SETTINGS)))
    objects: dict[str, list[str]] = {}
    for document, configuration in read:
        objects.setdefault(configuration.name, []).append(name_of(document))
    told = tuple(
        _Told(document, configuration, now, zone).document(sorted(objects[configuration.name]), count)
        for document, configuration in read
    )
    return report.WindowCalendar(
        at=now, time_zone=zone, configurations=told, notes=(*found.notes, *_without(objects, now))
    )


def settings_in(documents: Sequence[Document]) -> Settings:
    """Those of NodeAutoProvisioning, of which there is one at most. Raises ``BadInput``."""
    for document in documents:
        try:
            return settings_of(document.manifest).windows
        except ValueError as error:
            raise BadInput([document.mistake("", None, str(error))]) from error
    return Settings()


def configurations_of(
    documents: Sequence[Document], now: datetime, settings: Settings
) -> list[tuple[Document, Configuration]]:
    """Raises ``BadInput`` with what only decisions can tell of a spec."""
    read, mistakes = [], []
    for document in documents:
        spec, created = document.manifest["spec"], document.manifest["metadata"].get("creationTimestamp")
        stored = (document.manifest.get("status") or {}).get("startDate")
        try:
            made, start = parse_instant(created) if created else now, date.fromisoformat(stored) if stored else None
            read.append((document, from_spec(spec["configName"], spec, made, start, settings)))
        except ConfigurationError as error:
            mistakes += [document.mistake(it.field, it.value, f"must be {it.allowed}") for it in error.errors]
    if mistakes:
        raise BadInput(mistakes)
    return read


def _without(objects: dict[str, list[str]], now: datetime) -> tuple[str, ...]:
    """What the operator says where nothing gates the pick-up."""
    if NODE_OS in objects:
        return ()
    findings = status_report(Effective(None), now).findings
    return tuple(
        f"there is no {NODE_OS}: {it.message}" for it in findings if it.reason is FindingReason.NO_CONFIGURATION
    )


class _Told:
    """One configuration as it is written, at one instant, on the clocks of one reader."""

    def __init__(self, document: Document, configuration: Configuration, now: datetime, zone: str) -> None:
        self._document = document
        self._configuration = configuration
        self._now = now
        self._zone = zone
        self._year = Window(now, now + _CLOCK_HORIZON)
        self._report: StatusReport = status_report(Effective(configuration), now)

    def document(self, same: Sequence[str], count: int) -> report.Configuration:
        """``same``: the names, in order, of all objects that are this configuration of AKS."""
        it, said, name = self._configuration, self._report, name_of(self._document)
        return report.Configuration(
            name=name,
            config_name=it.name,
            governs=GOVERNS[it.name],
            read=name == same[0],
            file=self._document.file,
            line=self._document.line,
            schedule=self._schedule(),
            zone=str(it.zone),
            open=said.open,
            reason=said.reason,
            message=said.message,
            changes=said.changes,
            changes_at=said.changes_at,
            lead_time_seconds=it.lead_time.total_seconds(),
            windows=tuple(self._window(window) for window in upcoming(it, self._now, count)),
            cut_outs=tuple(_cut_out(cut) for cut in said.cutouts),
            more_cut_outs=said.more_cutouts,
            clocks=self._clocks(),
            warnings=self._warnings(name, same),
            findings=self._findings(),
        )

    def _schedule(self) -> str:
        """``every week on Sunday at 01:00 for 4 h, UTC+01:00, from 2026-01-01``."""
        window = self._configuration.window
        if window is None:
            return "hours of the week, UTC (timeInWeek)"
        times = "all day" if window.seamless else f"at {window.start_time:%H:%M} for {window.duration_hours} h"
        since = f"from {window.start_date}"
        return f"{recurrence_text(window.schedule)} {times}, {window.zone}, {since}"

    def _window(self, window: Window) -> report.Window:
        return report.Window(
            start=None if window.start == BEGINNING else window.start,
            end=window.end,
            utc=describe(window),
            local=describe(window, self._configuration.zone),
            reader=describe(window, zone_of(self._zone)),
        )

    def _clocks(self) -> tuple[str, ...]:
        """What changes of clocks do within a year: to the window itself, then to how its reader sees it."""
        it, year = self._configuration, self._year
        own = [note.message for note in clock_notes(it, year)]
        return (*own, *(shift.message for shift in shifts(it, year, zone_of(self._zone))))

    def _warnings(self, name: str, same: Sequence[str]) -> tuple[report.Finding, ...]:
        found = [report.Finding(reason=it.reason, message=it.message) for it in self._report.warnings]
        if len(same) > 1:
            message = same_name(name, same, self._configuration.name)
            found.insert(0, report.Finding(reason="SeveralOfOneName", message=message))
        applied = lead_time_warning(self._configuration, self._now, self._now)
        if applied is not None:
            found.append(report.Finding(reason=applied.reason, message=f"if it is applied now: {applied.message}"))
        return tuple(found)

    def _findings(self) -> tuple[report.Finding, ...]:
        """Without those of the clocks, which are told for a whole year."""
        said = (it for it in self._report.findings if it.reason is not FindingReason.CLOCK_CHANGE)
        found = [report.Finding(reason=it.reason, message=it.message) for it in said]
        if (message := extension(self._configuration, self._year)) != "":
            found.append(report.Finding(reason="TimeZoneExtension", message=message))
        if self._anchor_is_assumed():
            message = "without startDate it is counted from the day on which it is created; taken here: the day of --at"
            found.append(report.Finding(reason="NoStartDate", message=message))
        return tuple(found)

    def _anchor_is_assumed(self) -> bool:
        window, manifest = self._configuration.window, self._document.manifest
        if window is None or manifest["spec"]["maintenanceWindow"].get("startDate"):
            return False
        known = manifest["metadata"].get("creationTimestamp") or (manifest.get("status") or {}).get("startDate")
        every_time = isinstance(window.schedule, Daily) and window.schedule.interval_days == 1
        return not known and not every_time


def _cut_out(shown: ShownCutout) -> report.CutOut:
    occurrence = shown.cutout.occurrence
    return report.CutOut(start=occurrence.start, end=occurrence.end, message=shown.message)
