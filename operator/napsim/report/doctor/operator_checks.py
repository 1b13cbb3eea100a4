"""Does the operator run, is it of this version, may it do what it has to, and does it do it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from napsim.api import names
from napsim.core.clock import EPOCH, parse_rfc3339
from napsim.core.objects import condition
from napsim.report.doctor.findings import Seen, error, not_applicable, not_checked, ok, warning
from napsim.report.doctor.readings import OPERATOR, VERSION_LABEL, Deployment, Manifest, Readings
from napsim.report.times import span

_START: Final = "napsim run, or: helm install napsim charts/napsim --namespace napsim-system --create-namespace"
_STARTING: Final = timedelta(seconds=60)  # real: what a node may take to become Ready
_LATE: Final = timedelta(seconds=60)  # real: by then the operator has written what it knows
_DECLARED: Final = ("NodeAutoProvisioning", "MaintenanceConfiguration", "AKSNodeClass", "NodePool")


def deployed(readings: Readings) -> Iterable[Seen]:
    """Where napsim is deployed in the cluster, its pods are ready."""
    if not readings.operators:
        return [not_applicable("napsim is not deployed in this cluster; it may run outside")]
    return [_deployed(item) for item in readings.operators]


def _deployed(item: Deployment) -> Seen:
    wanted, ready = item.spec.replicas, item.status.ready_replicas
    name, where = f"Deployment/{item.key}", f"--namespace {item.metadata.namespace}"
    if not wanted:
        return error("is scaled to 0", name, f"kubectl scale {where} deployment {item.name} --replicas 1")
    if ready < wanted:
        return error(f"{ready} of {wanted} pods are ready", name, f"kubectl describe {where} deployment {item.name}")
    return ok(f"{item.key}: {ready} of {wanted} pods are ready")


def leads(readings: Readings) -> Iterable[Seen]:
    """One operator leads: the Lease is held and renewed."""
    held = [lease for lease in readings.leases if lease.spec.holder_identity]
    if not held:
        there = ", ".join(lease.key for lease in readings.leases)
        seen = f"nobody holds the Lease {there}" if there else f"there is no Lease {OPERATOR}"
        return [error(f"no operator runs: {seen}", fix=_START)]
    fresh = [lease for lease in held if lease.is_fresh(readings.real)]
    if len(fresh) > 1:
        seen = f"operators lead by {len(fresh)} Leases ({', '.join(item.key for item in fresh)}), and act side by side"
        return [error(seen, f"Lease/{fresh[1].key}", "stop all but one, or give them the same --lease-namespace")]
    if fresh:
        (lease,) = fresh
        return [ok(f"{lease.spec.holder_identity} leads, by Lease {lease.key}")]
    last = max(held, key=lambda lease: (lease.spec.renew_time is not None, lease.spec.renew_time))
    silent = f"for {span(readings.real - last.spec.renew_time)}" if last.spec.renew_time else "ever"
    seen = f"no operator runs: {last.spec.holder_identity} has not renewed the Lease {silent}"
    return [error(seen, f"Lease/{last.key}", _START)]


def version(readings: Readings) -> Iterable[Seen]:
    """The operator is of the same version as this command."""
    if not readings.operators:
        return [not_checked("napsim is not deployed in this cluster: a process outside does not tell its version")]
    return [_version(item, readings.version) for item in readings.operators]


def _version(item: Deployment, ours: str) -> Seen:
    theirs = item.metadata.labels.get(VERSION_LABEL, "")
    if not theirs:
        return not_checked(f"Deployment {item.key} has no label {VERSION_LABEL}")
    if theirs != ours:
        fix = f"install napsim {theirs} here, or upgrade the chart to {ours}"
        return warning(f"the operator is {theirs}, this command {ours}", f"Deployment/{item.key}", fix)
    return ok(f"{theirs}, as this command")


def permissions(readings: Readings) -> Iterable[Seen]:
    """The operator's ServiceAccount is allowed all that it needs."""
    if not readings.service_account:
        return [not_checked("napsim is not deployed in this cluster: as whom it runs is not known")]
    missing = [item for item, allowed in readings.allowed.items() if not allowed]
    _, _, namespace, name = readings.service_account.split(":")
    return [
        error(
            f"may not: {item}",
            f"ServiceAccount/{namespace}/{name}",
            f"kubectl auth can-i {item} --as {readings.service_account}; then upgrade the chart",
        )
        for item in missing
    ] or [ok(f"{readings.service_account} may do all {len(readings.allowed)} things")]


# --- does it do its work? ---------------------------------------------------------------------------------------------


def statuses(readings: Readings) -> Iterable[Seen]:
    """Statuses are up to date: written for the object as it is, and not about what is past."""
    leading = [lease for lease in readings.leases if lease.is_fresh(readings.real)]
    if not leading:
        return [not_applicable("no operator runs, so that nobody writes them")]
    since = max((lease.spec.acquire_time for lease in leading if lease.spec.acquire_time), default=EPOCH)
    if readings.real - since <= _LATE:
        return [not_checked(f"an operator leads since {span(readings.real - since)} only")]
    stale = [seen for kind in _DECLARED for item in readings.of_kind(kind) for seen in _stale(item, readings)]
    return stale or [ok("all are up to date")]


def _stale(item: Manifest, readings: Readings) -> Iterator[Seen]:
    name, status = f"{item['kind']}/{item['metadata']['name']}", item.get("status", {})
    fix = "look at the operator's log; end the operator, another one goes on where it was"
    age = readings.real - parse_rfc3339(item["metadata"]["creationTimestamp"])
    if not status.get("conditions") and age > _LATE:
        yield warning(f"has no status {span(age)} after it was created", name, fix)
    changes_at = status.get("changesAt")
    if item["kind"] == "MaintenanceConfiguration" and changes_at:
        late = readings.real - readings.timeline.real(parse_rfc3339(changes_at))
        if late > _LATE:
            seen = f"its status says that its state changes at {changes_at}, which was {span(late)} ago"
            yield warning(f"{seen} (real time)", name, fix)


def conditions(readings: Readings) -> Iterable[Seen]:
    """No object that people have applied is refused: condition Ready is not False."""
    found = [
        error(
            f"is not ready: {item.get('reason', '')} {item.get('message', '')}".rstrip(),
            f"{kind}/{manifest['metadata']['name']}",
            f"kubectl describe {kind.lower()} {manifest['metadata']['name']}",
        )
        for kind in _DECLARED
        for manifest in readings.of_kind(kind)
        for item in manifest.get("status", {}).get("conditions", ())
        if item["type"] == names.READY and item["status"] == "False"
    ]
    return found or [ok("no object is refused")]


def not_yet_honoured(readings: Readings) -> Iterable[Seen]:
    """Every field that is set has an effect."""
    found = [
        warning(item["message"], f"{kind}/{manifest['metadata']['name']}", "leave the field out, or wait for a version")
        for kind in _DECLARED
        for manifest in readings.of_kind(kind)
        for item in manifest.get("status", {}).get("conditions", ())
        if item["type"] == names.NOT_YET_HONOURED and item["status"] == "True"
    ]
    return found or [ok("no condition NotYetHonoured")]


# --- who plays the nodes ----------------------------------------------------------------------------------------------


def node_provider(readings: Readings) -> Iterable[Seen]:
    """Somebody plays the fake nodes: KWOK, where the node provider is ``kwok``."""
    if readings.provider != "kwok":
        return [not_applicable(f"the node provider is {readings.provider}")]
    fake = [node for node in readings.nodes if names.KWOK_NODE in node.metadata.annotations]
    dead = [
        node.name
        for node in fake
        if (found := condition(node.status.conditions, names.READY)) is None or found.status != "True"
        if node.metadata.creation_timestamp and readings.real - node.metadata.creation_timestamp > _STARTING
    ]
    here = [item.key for item in readings.deployments if item.is_kwok]
    if dead:
        seen = f"{len(dead)} of {len(fake)} fake nodes are not Ready: nobody plays them"
        fix = "install KWOK (the chart's value kwok.enabled=true), or use the clusters of: napsim cluster create"
        return [error(seen, f"Node/{dead[0]}", fix)]
    if fake or here:
        return [ok(f"{len(fake)} fake nodes are played" + (f", KWOK is {', '.join(here)}" if here else ""))]
    return [not_checked("there is no fake node yet, and no Deployment of KWOK: it may run outside the cluster")]
