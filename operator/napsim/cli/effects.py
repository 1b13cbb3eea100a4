"""What changes in effect between two sides: objects, windows, budgets, and what a forecast of both comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.cli.answers import Found, found_among, name_of
from napsim.cli.configurations import GOVERNS, configurations_of, settings_in
from napsim.cli.pools import BY_OPTION, assumptions, check_pools, counted, decoded, total_of
from napsim.cli.revisions import Side
from napsim.core.budget_levels import Course, course
from napsim.core.budgets import REASONS, UNLIMITED, Budget
from napsim.core.configurations import Configuration
from napsim.core.differences import Span, shifted, total, within, without
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.core.windows import Window, describe, windows
from napsim.reading.canonical import canonical, changed_fields
from napsim.reading.judgement import SCENARIO_KIND
from napsim.reading.kinds import KINDS, namespace_of
from napsim.reading.sources import Document
from napsim.report import budget_calendar
from napsim.report import difference as report
from napsim.report.times import zone_of
from napsim.sim.manifests import defaulted

WEEK: Final = timedelta(weeks=1)
YEAR: Final = timedelta(days=365)
_CONFIGURATION: Final = "MaintenanceConfiguration"
_POOL: Final = "NodePool"
_GROUPS: Final = {kind: versions[0].rpartition("/")[0] for kind, versions in KINDS.items()} | {
    SCENARIO_KIND: "napsim.dev"
}
# What a cluster makes by itself: of these only the number is told.
_COUNTED: Final = frozenset({
    "Node", "NodeClaim", "Pod", "PersistentVolume", "PersistentVolumeClaim", "VolumeAttachment",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """From when on, on whose clocks, and how many nodes the pools have where ``--nodes`` says it."""

    now: datetime
    zone: str
    nodes: Mapping[str, int]

    @property
    def week_ends(self) -> datetime:
        return self.now + WEEK

    @property
    def year_ends(self) -> datetime:
        return self.now + YEAR


def objects_of(side: Side) -> Found:
    """The objects of one side that decisions read. Raises ``BadInput`` with every mistake of them."""
    return found_among(side.documents, side.mistakes, _GROUPS, "", side.label)


def effects(before: Found, after: Found, asked: Asked) -> report.Difference:
    """All but the forecast. Raises ``BadInput`` for what decisions find wrong, and for pools that there are not."""
    check_pools(asked.nodes, (name_of(it) for found in (before, after) for it in found.of(_POOL)))
    changed_objects = tuple(_objects(before, after))
    counts = tuple(_counts(before, after))
    moved = tuple(_windows(before, after, asked))
    levels = tuple(_budgets(before, after, asked))
    return report.Difference(
        before="",
        after="",
        start=asked.now,
        week_ends=asked.week_ends,
        year_ends=asked.year_ends,
        time_zone=asked.zone,
        changed=bool(changed_objects or counts or moved or levels),
        objects=changed_objects,
        counts=counts,
        windows=moved,
        budgets=levels,
        notes=tuple(dict.fromkeys((*before.notes, *after.notes, *_assumed(levels, before, after, asked)))),
    )


# --- objects ----------------------------------------------------------------------------------------------------------

_Key = tuple[str, str, str]


def _by_key(found: Found) -> dict[_Key, Document]:
    return {_key(it): it for it in found.objects if it.manifest["kind"] not in _COUNTED}


def _key(document: Document) -> _Key:
    return str(document.manifest["kind"]), namespace_of(document.manifest), name_of(document)


def _objects(before: Found, after: Found) -> Iterator[report.Object]:
    first, second = _by_key(before), _by_key(after)
    for key in sorted({*first, *second}):
        old, new = first.get(key), second.get(key)
        if old is None or new is None:
            yield _object(key, new or old, "gone" if new is None else "added")
            continue
        fields = tuple(changed_fields(canonical(old.manifest), canonical(new.manifest)))
        if fields:
            told = tuple(report.Field(field=it.field, before=it.before, after=it.after) for it in fields)
            yield _object(key, new, "changed", told, tuple(_drift(old.manifest, new.manifest)))


def _object(
    key: _Key,
    document: Document | None,
    change: report.Change,
    fields: tuple[report.Field, ...] = (),
    effects: tuple[str, ...] = (),
) -> report.Object:
    assert document is not None
    kind, _, name = key
    return report.Object(
        kind=kind,
        namespace=str(document.manifest["metadata"].get("namespace") or ""),
        name=name,
        change=change,
        file=document.file,
        line=document.line,
        fields=fields,
        effects=effects,
    )


def _drift(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What a change of a NodePool or an AKSNodeClass does to the nodes that are there."""
    kind = str(after["kind"])
    part, hashed = _HASHED.get(kind, ("", None))
    if hashed is None:
        return
    old, new = (defaulted(manifest).get("spec") or {} for manifest in (before, after))
    if hashed(old[part] if part else old) != hashed(new[part] if part else new):
        yield f"all nodes of it drift ({kind}Drifted), as the hash of its {part or 'spec'} changes"
    if kind == _POOL and old["template"]["spec"]["requirements"] != new["template"]["spec"]["requirements"]:
        yield "nodes whose labels no longer fit its requirements drift (RequirementsDrifted)"


_HASHED: Final[Mapping[str, tuple[str, Callable[[Mapping[str, object]], str] | None]]] = {
    _POOL: ("template", nodepool_hash),
    "AKSNodeClass": ("", aksnodeclass_hash),
}


def _counts(before: Found, after: Found) -> Iterator[report.Count]:
    first, second = ({_key(it) for it in found.objects if it.manifest["kind"] in _COUNTED} for found in (before, after))
    added, gone = (Counter(kind for kind, _, _ in keys) for keys in (second - first, first - second))
    for kind in sorted({*added, *gone}):
        yield report.Count(kind=kind, added=added[kind], gone=gone[kind])


# --- windows ----------------------------------------------------------------------------------------------------------


def _governing(found: Found, now: datetime) -> dict[str, Configuration]:
    """By the name that AKS reads; of several objects the first by name counts."""
    settings = settings_in(found.of("NodeAutoProvisioning"))
    read = configurations_of(found.of(_CONFIGURATION), now, settings)
    return {it.name: it for _, it in sorted(read, key=lambda pair: name_of(pair[0]), reverse=True)}


def _windows(before: Found, after: Found, asked: Asked) -> Iterator[report.Windows]:
    first, second = _governing(before, asked.now), _governing(after, asked.now)
    for name in sorted({*first, *second}):
        old, new = (_open(found.get(name), asked) for found in (first, second))
        gained, lost = tuple(without(new or (), old or ())), tuple(without(old or (), new or ()))
        if gained or lost or (old is None) != (new is None):
            yield report.Windows(
                config_name=name,
                governs=GOVERNS[name],
                before_seconds=None if old is None else total(old).total_seconds(),
                after_seconds=None if new is None else total(new).total_seconds(),
                gained=tuple(_span(it, asked.zone) for it in gained),
                lost=tuple(_span(it, asked.zone) for it in lost),
            )


def _open(configuration: Configuration | None, asked: Asked) -> tuple[Span, ...] | None:
    if configuration is None:
        return None
    return within(windows(configuration, asked.now), asked.now, asked.year_ends)


def _span(span: Span, zone: str) -> report.Span:
    window = Window(span.start, span.end)
    return report.Span(start=span.start, end=span.end, utc=describe(window), reader=describe(window, zone_of(zone)))


# --- budgets ----------------------------------------------------------------------------------------------------------

_Budgeted = tuple[tuple[Budget, ...], int]  # the budgets of a pool, and its number of nodes


def _budgeted(found: Found, asked: Asked) -> dict[str, _Budgeted]:
    nodes = counted(found.of("Node"))
    return {
        name_of(document): (its, total_of(document, pool, asked.nodes, nodes)[0])
        for document, pool, its in decoded(found.of(_POOL))
    }


def _budgets(before: Found, after: Found, asked: Asked) -> Iterator[report.Budgets]:
    first, second = _budgeted(before, asked), _budgeted(after, asked)
    for pool in sorted({*first, *second}):
        old, new = first.get(pool), second.get(pool)
        if old == new:
            continue
        same: dict[report.Budgets, list[str]] = {}
        for reason in REASONS:
            told = _reason(pool, reason, old, new, asked)
            if told is not None:
                same.setdefault(told, []).append(reason)
        for told, reasons in same.items():
            yield msgspec.structs.replace(told, reasons=tuple(reasons))


def _assumed(levels: Iterable[report.Budgets], before: Found, after: Found, asked: Asked) -> Iterator[str]:
    """Of pools that are told of; a number that only one side has is of that side."""
    told = {item.pool for item in levels}
    for found in (before, after):
        pools = [item for item in decoded(found.of(_POOL)) if name_of(item[0]) in told]
        yield from assumptions(pools, asked.nodes, counted(found.of("Node")), BY_OPTION)


def _reason(
    pool: str, reason: str, old: _Budgeted | None, new: _Budgeted | None, asked: Asked
) -> report.Budgets | None:
    """None where all is as before, for a year."""
    differing = shifted(*(_course(it, reason, asked.now, asked.year_ends) for it in (old, new)))
    if not differing:
        return None
    first = differing[0]
    week = [_course(it, reason, asked.now, asked.week_ends) for it in (old, new)]
    return report.Budgets(
        pool=pool,
        reasons=(),
        nodes_before=old[1] if old else None,
        nodes_after=new[1] if new else None,
        levels=tuple(_levels(*week)),
        differs_seconds=sum((it.end - it.start for it in differing), timedelta(0)).total_seconds(),
        first=report.Stretch(
            start=first.start, end=first.end, before=_allowed(first.before), after=_allowed(first.after)
        ),
    )


def _course(its: _Budgeted | None, reason: str, start: datetime, end: datetime) -> Course | None:
    return None if its is None else course(its[0], reason, its[1], start, end)


def _levels(before: Course | None, after: Course | None) -> Iterator[report.Level]:
    """From the strictest on."""
    allowed = {item.allowed for found in (before, after) if found is not None for item in found.stretches}
    for level in sorted(allowed):
        told = _allowed(level)
        assert told is not None
        yield report.Level(
            allowed=told,
            before_seconds=None if before is None else before.time_at(level).total_seconds(),
            after_seconds=None if after is None else after.time_at(level).total_seconds(),
        )


def _allowed(allowed: int | None) -> budget_calendar.Allowed | None:
    if allowed is None:
        return None
    return budget_calendar.UNLIMITED if allowed == UNLIMITED else allowed
