"""Health of napsim's kinds in Argo CD (Lua) and Flux (CEL), at the phases that objects go through."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from napsim.api.registry import KINDS
from tests.ecosystem.health import ARGO_CD, Manifest, argo_cd, expressions, flux

GENERATION = 3
HEALTHY = {"Healthy": "Current", "Degraded": "Failed", "Progressing": "InProgress"}


def ready(status: str = "True", message: str = "", generation: int = GENERATION) -> Manifest:
    return {"type": "Ready", "status": status, "reason": "R", "message": message, "observedGeneration": generation}


def an(kind: str, **status: Any) -> Manifest:
    version = next(item.api_versions[0] for item in KINDS if item.name == kind)
    metadata = {"name": "default", "generation": GENERATION}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **({"status": status} if status else {})}


def launched(status: str, reason: str, message: str) -> Manifest:
    """As ``core.lifecycle`` writes it: of a launch that failed it is Unknown, with the reason LaunchFailed."""
    return {**ready(status, message), "type": "Launched", "reason": reason}


def nap(phase: str, **status: Any) -> Manifest:
    progress = {"summary": "37/120"}
    return an("NodeAutoProvisioning", phase=phase, progress=progress, conditions=[ready()], **status)


BLOCKED = {"node": "aks-1", "reason": "PodDisruptionBudget", "message": "pdb prevents pod evictions"}
DECLARED = ("NodeAutoProvisioning", "MaintenanceConfiguration", "NodeImage", "NodePool", "AKSNodeClass")


@pytest.mark.parametrize("kind", DECLARED)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"nodes": 1}, "Progressing"),
        ({"conditions": [ready("Unknown", "the operator has not judged the object as it is now")]}, "Progressing"),
        ({"conditions": [ready(generation=GENERATION - 1)]}, "Progressing"),
        ({"conditions": [ready("False", "wrong", GENERATION - 1)]}, "Progressing"),
        ({"conditions": [{**ready("False", "not this one"), "type": "Other"}, ready("False", "wrong")]}, "Degraded"),
    ],
    ids=["no conditions", "unknown", "stale", "stale and refused", "refused"],
)
def test_before_it_is_judged_a_kind_is_progressing_and_if_refused_degraded(
    kind: str, status: Manifest, expected: str
) -> None:
    manifest = an(kind, **status)
    found, message = argo_cd(manifest)
    assert (found, flux(manifest)) == (expected, HEALTHY[expected])
    assert message == ("wrong" if expected == "Degraded" else "the operator has not judged the object as it is now")


@pytest.mark.parametrize("kind", DECLARED)
def test_an_object_without_a_status_is_not_taken_for_healthy(kind: str) -> None:
    assert (argo_cd(an(kind))[0], flux(an(kind))) == ("Progressing", "Unknown")


def test_flux_waits_while_the_generation_was_not_observed_whatever_the_conditions_say() -> None:
    assert flux(an("MaintenanceConfiguration", observedGeneration=GENERATION - 1, conditions=[ready()])) == "InProgress"


@pytest.mark.parametrize("kind", ["MaintenanceConfiguration", "NodeImage", "NodePool", "AKSNodeClass"])
def test_an_object_in_use_is_healthy(kind: str) -> None:
    manifest = an(kind, conditions=[ready()])
    assert (argo_cd(manifest)[0], flux(manifest)) == ("Healthy", "Current")


def test_the_window_is_told_and_closed_is_healthy() -> None:
    closed = {"state": "closed", "changes": "opens Sun 2026-02-22 01:00 UTC", "conditions": [ready()]}
    assert argo_cd(an("MaintenanceConfiguration", **closed)) == ("Healthy", "closed, opens Sun 2026-02-22 01:00 UTC")
    late = an("MaintenanceConfiguration", **closed, leadTimeWarning="changed too late")
    assert argo_cd(late) == ("Healthy", "closed, opens Sun 2026-02-22 01:00 UTC; changed too late")


@pytest.mark.parametrize(
    ("manifest", "argo", "message", "in_flux"),
    [
        (nap("RolledOut"), "Healthy", "rolled out, 37/120", "Current"),
        (nap("WaitingForWindow", window="w: closed"), "Healthy", "waits for the window, 37/120: w: closed", "Current"),
        (nap("RollingOut"), "Progressing", "rolling out, 37/120", "Current"),
        (nap("Blocked"), "Degraded", "blocked, 37/120", "Failed"),
        (
            nap("Blocked", blocked=[BLOCKED]),
            "Degraded",
            "blocked, 37/120: aks-1: pdb prevents pod evictions",
            "Failed",
        ),
    ],
    ids=["rolled out", "waiting", "rolling out", "blocked", "blocked by a PDB"],
)
def test_the_rollout_is_told(manifest: Manifest, argo: str, message: str, in_flux: str) -> None:
    assert argo_cd(manifest) == (argo, message)
    assert flux(manifest) == in_flux


@pytest.mark.parametrize(
    ("manifest", "argo", "message"),
    [
        (an("NodeClaim"), "Progressing", "waits for its instance"),
        (an("NodeClaim", conditions=[launched("False", "Refused", "no capacity")]), "Degraded", "no capacity"),
        (an("NodeClaim", conditions=[launched("Unknown", "LaunchFailed", "no quota")]), "Degraded", "no quota"),
        (an("NodeClaim", conditions=[launched("Unknown", "Launching", "")]), "Progressing", "waits for its instance"),
        (an("NodeClaim", conditions=[ready("Unknown")]), "Progressing", "waits for its instance"),
        (an("NodeClaim", conditions=[ready()]), "Healthy", ""),
        (
            an("NodeClaim", conditions=[ready(), {**ready(), "type": "DisruptionReason", "reason": "Drifted"}]),
            "Progressing",
            "is being replaced: Drifted",
        ),
    ],
)
def test_a_claim_is_told(manifest: Manifest, argo: str, message: str) -> None:
    assert argo_cd(manifest) == (argo, message)


def test_a_claim_that_goes_is_progressing() -> None:
    leaving = an("NodeClaim", conditions=[ready()])
    leaving["metadata"]["deletionTimestamp"] = "2026-02-15T01:00:00Z"
    assert argo_cd(leaving) == ("Progressing", "is being drained and removed")


# --- the files --------------------------------------------------------------------------------------------------------


def test_every_kind_has_a_check() -> None:
    found = {path.parent.relative_to(ARGO_CD).as_posix() for path in ARGO_CD.glob("*/*/health.lua")}
    assert found == {f"{kind.group}/{kind.name}" for kind in KINDS}
    assert {kind for _, kind in expressions()} == set(DECLARED)
    assert {version for version, _ in expressions()} <= {version for kind in KINDS for version in kind.api_versions}


def test_the_patch_of_argo_cds_settings_is_made_of_the_files() -> None:
    data = yaml.safe_load((ARGO_CD / "argocd-cm.yaml").read_text())["data"]
    assert data == {
        f"resource.customizations.health.{kind.group}_{kind.name}": (
            ARGO_CD / kind.group / kind.name / "health.lua"
        ).read_text()
        for kind in KINDS
    }
