"""The table of checks, in the order in which a person would look, and how one is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from napsim.report.doctor import budget_checks as budgets
from napsim.report.doctor import cluster_checks as cluster
from napsim.report.doctor import declared_checks as declared
from napsim.report.doctor import node_checks as nodes
from napsim.report.doctor import operator_checks as operator
from napsim.report.doctor.findings import Check, Finding, Severity
from napsim.report.doctor.readings import Readings

_POOLS: Final = "nodepools"
_CLAIMS: Final = "nodeclaims"
_CLASSES: Final = "aksnodeclasses"
_IMAGES: Final = "nodeimages"
_WINDOWS: Final = "maintenanceconfigurations"
_NAP: Final = "nodeautoprovisionings"
_DECLARED: Final = (_NAP, _WINDOWS, _CLASSES, _POOLS)

CHECKS: Final = (
    # The cluster
    Check("api-server", "The API server is ready and new enough.", cluster.api_server),
    Check(
        "not-a-real-cluster",
        "No node is a machine of a cloud; on AKS with NAP napsim must not run.",
        cluster.not_a_real_cluster,
        ("nodes",),
    ),
    Check(
        "no-other-karpenter",
        "No Karpenter is deployed, and none holds its Lease.",
        cluster.no_other_karpenter,
        ("deployments", "leases"),
    ),
    Check("crds-installed", "All CustomResourceDefinitions are there.", cluster.crds_installed, ("crds",)),
    Check("crds-established", "The API server serves them.", cluster.crds_established, ("crds",)),
    Check(
        "crds-owned",
        "They are napsim's, not those of a real Karpenter or NAP, and store no version unknown to us.",
        cluster.crds_owned,
        ("crds",),
    ),
    Check("crds-current", "They are those of this version of napsim.", cluster.crds_current, ("crds",)),
    # The operator
    Check("operator-deployed", "Its pods are ready, where it is deployed.", operator.deployed, ("deployments",)),
    Check("operator-leads", "One operator holds its Lease and renews it.", operator.leads, ("leases",)),
    Check("operator-version", "It is of the version of this command.", operator.version, ("deployments",)),
    Check(
        "operator-permissions",
        "Its ServiceAccount may do all that it has to.",
        operator.permissions,
        ("deployments", "subjectaccessreviews"),
    ),
    Check("node-provider", "Fake nodes are played by KWOK.", operator.node_provider, ("nodes", "deployments", _NAP)),
    # What people have applied
    Check("nodeautoprovisioning", "NodeAutoProvisioning default is there.", declared.settings, (_NAP,)),
    Check("objects-readable", "The operator can read every object.", declared.readable, (*_DECLARED, _IMAGES)),
    Check("objects-ready", "No object has condition Ready=False.", operator.conditions, _DECLARED),
    Check("fields-honoured", "No object has condition NotYetHonoured.", operator.not_yet_honoured, _DECLARED),
    Check(
        "statuses-current",
        "Statuses are written, and not about what is past.",
        operator.statuses,
        (*_DECLARED, "leases"),
    ),
    Check(
        "pools-have-classes", "Each NodePool refers to an AKSNodeClass that exists.", declared.pools, (_POOLS, _CLASSES)
    ),
    Check(
        "pools-launch",
        "The requirements of each NodePool leave an instance type and a zone.",
        declared.launchable,
        (_POOLS, _CLASSES),
    ),
    Check(
        "images-published",
        "There is a NodeImage of every definition that the pools need, published by now.",
        declared.images,
        (_POOLS, _CLASSES, _IMAGES),
    ),
    Check(
        "window-governs",
        "One MaintenanceConfiguration of configName aksManagedNodeOSUpgradeSchedule governs the pick-up of images.",
        declared.window,
        (_WINDOWS,),
    ),
    Check(
        "windows-sound",
        "Windows can be read, and nothing in them is ignored, too late or advised against.",
        declared.windows,
        (_WINDOWS,),
    ),
    Check("budgets-valid", "Every budget can be evaluated.", budgets.valid, (_POOLS,)),
    Check("budgets-allow", "The budgets of each pool allow drift at some time.", budgets.allowing, (_POOLS,)),
    Check("budgets-restrict", "The budgets of each pool restrict drift at all times.", budgets.limiting, (_POOLS,)),
    # What is on the nodes
    Check(
        "pdbs-spare",
        "No PodDisruptionBudget blocks a node of a pool for ever.",
        nodes.pdbs,
        ("nodes", _CLAIMS, "pods", "poddisruptionbudgets"),
    ),
    Check(
        "do-not-disrupt",
        "No annotation holds a node of a pool for ever.",
        nodes.do_not_disrupt,
        ("nodes", _CLAIMS, "pods"),
    ),
    Check(
        "nodes-opted-in",
        "Each node that opts in to play a node of a NodePool may, and has its NodeClaim.",
        nodes.opted_in,
        ("nodes", _CLAIMS, _POOLS),
    ),
    Check("taints-belong", "Each disrupted taint belongs to a command.", nodes.taints, ("nodes", _CLAIMS)),
    Check(
        "finalizers-dropped",
        "Nothing waits for the finalizer of an operator that does not run.",
        nodes.finalizers,
        ("nodes", _CLAIMS, "leases"),
    ),
    Check(
        "no-orphans",
        "NodeClaims have their pool and Node, nodes of a pool their NodeClaim.",
        nodes.orphans,
        ("nodes", _CLAIMS, _POOLS),
    ),
)


def examine(readings: Readings) -> tuple[Finding, ...]:
    """The answers of all checks, in the order of the table."""
    return tuple(finding for check in CHECKS for finding in answers(check, readings))


def answers(check: Check, readings: Readings) -> Iterator[Finding]:
    """What one check says; whether it could be made at all is decided here."""
    unread = [f"{need}: {readings.unread[need]}" for need in check.needs if need in readings.unread]
    absent = [need for need in check.needs if need in readings.absent]
    if unread:
        yield Finding(check.id, Severity.NOT_CHECKED, "; ".join(unread))
    elif absent:
        yield Finding(check.id, Severity.NOT_APPLICABLE, f"the cluster has no {', '.join(absent)}")
    else:
        yield from (
            Finding(check.id, item.severity, item.seen, item.object, item.fix) for item in check.examine(readings)
        )
