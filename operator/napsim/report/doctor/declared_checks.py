"""Do the pools, node classes, images and windows that people have applied belong together?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from napsim.api import names
from napsim.core.configuration_specs import ConfigurationError, from_spec
from napsim.core.configurations import NODE_OS
from napsim.core.definitions import Definition, definitions_for
from napsim.core.lead_times import Effective
from napsim.core.maintenance import status_report
from napsim.core.nodeclasses import NodeClassState, StatusImage, image_for
from napsim.core.nodepools import NodePool
from napsim.core.requirements import label_requirements
from napsim.report.doctor.findings import Seen, error, not_applicable, ok, warning
from napsim.report.doctor.readings import Manifest, Readings

_WINDOW: Final = "MaintenanceConfiguration"
_EXAMPLE: Final = "kubectl apply -f manifests/examples/{file}, and adjust it"


def settings(readings: Readings) -> Iterable[Seen]:
    """NodeAutoProvisioning ``default`` is there: without it defaults hold, and progress is reported nowhere."""
    if readings.provisioning is not None:
        return [ok("NodeAutoProvisioning default is there")]
    seen = "there is no NodeAutoProvisioning default: the defaults hold, and nothing tells how far a rollout is"
    return [warning(seen, "NodeAutoProvisioning/default", _EXAMPLE.format(file="00-nodeautoprovisioning.yaml"))]


def readable(readings: Readings) -> Iterable[Seen]:
    """The operator can read every object; what schema and CEL let through may still be wrong."""
    found = [
        error(fault.removeprefix(f"{kind}/{name}: "), f"{kind}/{name}", f"kubectl edit {kind.lower()} {name}")
        for (kind, name), faults in sorted(readings.problems.items())
        for fault in faults
    ]
    return found or [ok("all can be read")]


# --- pools, classes, images -------------------------------------------------------------------------------------------


def pools(readings: Readings) -> Iterable[Seen]:
    """There are NodePools, and each refers to an AKSNodeClass that exists."""
    if not readings.pools:
        seen = "there is no NodePool: napsim has no node to replace"
        return [warning(seen, fix=_EXAMPLE.format(file="30-nodepools.yaml"))]
    faults = [_pool(readings.pools[name], readings.classes) for name in sorted(readings.pools)]
    found = [fault for fault in faults if fault is not None]
    return found or [ok(f"{', '.join(sorted(readings.pools))}: each has its class")]


def _pool(pool: NodePool, classes: Mapping[str, NodeClassState]) -> Seen | None:
    reference = pool.spec.template.spec.node_class_ref
    name, fix = f"NodePool/{pool.name}", f"kubectl edit nodepool {pool.name}"
    if (reference.group, reference.kind) != (names.AZURE_GROUP, "AKSNodeClass"):
        seen = f"spec.template.spec.nodeClassRef is {reference.kind}.{reference.group}; allowed is AKSNodeClass"
        return error(f"{seen}.{names.AZURE_GROUP}", name, fix)
    if reference.name not in classes:
        there_are = f"there are {', '.join(sorted(classes))}" if classes else "there is none"
        seen = f"spec.template.spec.nodeClassRef.name {reference.name!r}: no AKSNodeClass of this name; {there_are}"
        return error(seen, name, _EXAMPLE.format(file="20-nodeclass.yaml") if not classes else fix)
    return None


def launchable(readings: Readings) -> Iterable[Seen]:
    """Each pool's requirements leave an instance type and a zone."""
    if not readings.offers:
        return [not_applicable("there is no NodePool with a class")]
    found = [
        error(
            "spec.template.spec.requirements leave no instance type or no zone that napsim has",
            f"NodePool/{name}",
            f"kubectl edit nodepool {name}",
        )
        for name, offer in sorted(readings.offers.items())
        if not (offer.types and offer.zones)
    ]
    return found or [ok("every pool can launch nodes")]


def images(readings: Readings) -> Iterable[Seen]:
    """The catalogue has an image for every definition that the pools need."""
    needed = {(need.name, class_) for class_, need in _needed(readings)}
    if not needed:
        return [not_applicable("no pool needs an image")]
    published = {image.definition for image in readings.catalogue.visible(readings.now)}
    later = {image.definition for image in readings.catalogue.images} - published
    found = [
        _missing(definition, class_, later) for definition, class_ in sorted(needed) if definition not in published
    ]
    return found or [ok(f"there are images of {', '.join(sorted({definition for definition, _ in needed}))}")]


def _missing(definition: str, class_: str, later: set[str]) -> Seen:
    if definition in later:
        seen = f"images of definition {definition} are all published in the future, on the cluster's clock"
        return warning(seen, f"AKSNodeClass/{class_}", "wait, or give a NodeImage an earlier spec.publishedAt")
    seen = f"no NodeImage of definition {definition}, which its nodes need"
    return error(seen, f"AKSNodeClass/{class_}", _EXAMPLE.format(file="40-images.yaml"))


def _needed(readings: Readings) -> Iterator[tuple[str, Definition]]:
    """(node class, definition) that the instance types of its pools would boot, the first by priority for each."""
    for pool, offer in readings.offers.items():
        class_ = readings.pools[pool].spec.template.spec.node_class_ref.name
        state = readings.classes[class_]
        definitions = definitions_for(state.selection, readings.kubernetes_version, readings.gallery)
        by_id = {definition.name: definition for definition in definitions}
        candidates = [StatusImage(name, definition.requirements) for name, definition in by_id.items()]
        for instance_type in offer.types:
            if image := image_for(candidates, label_requirements(instance_type.labels())):
                yield class_, by_id[image.id]


# --- windows ----------------------------------------------------------------------------------------------------------


def window(readings: Readings) -> Iterable[Seen]:
    """One MaintenanceConfiguration governs when NAP picks images up."""
    same: dict[str, list[str]] = {}
    for item in readings.of_kind(_WINDOW):
        same.setdefault(item["spec"]["configName"], []).append(item["metadata"]["name"])
    found = [
        warning(
            f"{', '.join(several)} all are configuration {config}, of which AKS has one: {several[0]} counts",
            f"{_WINDOW}/{several[1]}",
            f"kubectl delete maintenanceconfiguration {' '.join(several[1:])}",
        )
        for config, several in sorted(same.items())
        if len(several) > 1
    ]
    if NODE_OS not in same:
        seen = f"there is no {_WINDOW} with configName {NODE_OS}: {_without(readings)}"
        found.append(warning(seen, fix=_EXAMPLE.format(file="10-maintenanceconfiguration.yaml")))
    return found or [ok(f"{same[NODE_OS][0]} governs the pick-up of images")]


def _without(readings: Readings) -> str:
    """What holds without a configuration, by the settings."""
    return {
        "SeededWeekly": "a weekly window is assumed, drawn from spec.fallback.seed of NodeAutoProvisioning",
        "None": "images are never picked up (spec.fallback.mode None of NodeAutoProvisioning)",
    }.get(readings.fallback_mode, "images are picked up at any time")


def windows(readings: Readings) -> Iterable[Seen]:
    """Nothing in a window is refused, ignored or advised against."""
    objects = readings.of_kind(_WINDOW)
    if not objects:
        return [not_applicable(f"there is no {_WINDOW}")]
    found = [seen for item in objects for seen in _window(item, readings)]
    return found or [ok(f"{', '.join(item['metadata']['name'] for item in objects)}: nothing to mind")]


def _window(item: Manifest, readings: Readings) -> Iterator[Seen]:
    name = item["metadata"]["name"]
    fix = f"kubectl edit maintenanceconfiguration {name}"
    stored = item.get("status", {}).get("startDate")
    start = date.fromisoformat(stored) if stored else None
    try:
        spec = item["spec"]
        configuration = from_spec(spec["configName"], spec, readings.now, start, readings.window_settings)
    except ConfigurationError as refused:
        yield from (error(str(fault), f"{_WINDOW}/{name}", fix) for fault in refused.errors)
        return
    late = item.get("status", {}).get("leadTimeWarning")
    if late:
        yield warning(late, f"{_WINDOW}/{name}", "change a window earlier, or wait for the next one")
    report = status_report(Effective(configuration), readings.now)
    yield from (warning(finding.message, f"{_WINDOW}/{name}", fix) for finding in report.warnings)
