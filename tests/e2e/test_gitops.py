"""CRs under Argo CD and Flux: what was applied stays as it was applied, whoever applies it again, and health is told.

Everything that GitOps tools rest on: no spec is changed by the operator, it owns no field that people apply, `kubectl
diff` finds nothing, and server-side apply by another field manager meets no conflict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from napsim.api.registry import KINDS
from tests.e2e.kubectl import kubectl
from tests.e2e.rehearsal import Rehearsal, rehearsal
from tests.ecosystem.health import argo_cd, flux
from tests.manifests import load_manifests

Manifest = dict[str, Any]
EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
APPLIED = [item for path in sorted(EXAMPLES.glob("*.yaml")) for item in load_manifests(path.read_text())]
OURS = [item for item in APPLIED if item["apiVersion"].partition("/")[0] in {kind.group for kind in KINDS}]
IDS = [f"{item['kind']}/{item['metadata']['name']}" for item in OURS]
GITOPS = "argocd-controller"
# What a controller may write of an object that people apply: its status, and its own annotations.
OPERATORS_OWN = ("f:status", "f:metadata")


@pytest.fixture(scope="module")
def rolled_out() -> Iterator[Rehearsal]:
    """The examples applied server-side by a GitOps tool, a rollout of a new image, and its end but for one node."""
    with rehearsal() as made:
        with_server_side_apply(made, "--field-manager", GITOPS)
        made.operator()
        made.eventually("its end", lambda: made.nap().get("phase") == "Blocked", 300)
        yield made


def with_server_side_apply(made: Rehearsal, *options: str) -> str:
    return kubectl(made.cluster, "apply", "--server-side", f"--filename={EXAMPLES}", *options).stdout


def stored(made: Rehearsal, manifest: Manifest) -> Manifest:
    group = manifest["apiVersion"].partition("/")[0]
    return made.get(f"{manifest['kind'].lower()}.{group}", manifest["metadata"]["name"], "--show-managed-fields")


def test_the_rollout_has_happened(rolled_out: Rehearsal) -> None:
    assert rolled_out.nap()["summary"]["replaced"] > 4


@pytest.mark.parametrize("manifest", OURS, ids=IDS)
def test_the_operator_changes_no_spec(rolled_out: Rehearsal, manifest: Manifest) -> None:
    found = stored(rolled_out, manifest)
    assert found["metadata"]["generation"] == 1
    assert without_defaults(found["spec"], manifest["spec"]) == manifest["spec"]


def without_defaults(found: Any, applied: Any) -> Any:
    """What is stored, in so far as it was applied: the API server adds what the schema's defaults say."""
    if isinstance(found, dict) and isinstance(applied, dict):
        return {key: without_defaults(found[key], applied[key]) for key in applied if key in found}
    if isinstance(found, list) and isinstance(applied, list) and len(found) == len(applied):
        return [without_defaults(*pair) for pair in zip(found, applied, strict=True)]
    return found


@pytest.mark.parametrize("manifest", OURS, ids=IDS)
def test_the_operator_owns_its_status_and_annotations_alone(rolled_out: Rehearsal, manifest: Manifest) -> None:
    found = stored(rolled_out, manifest)
    others = [entry for entry in found["metadata"]["managedFields"] if entry["manager"] != GITOPS]
    assert others, "the operator has written nothing"
    assert {entry["manager"] for entry in others} == {"napsim"}
    for entry in others:
        owned = entry["fieldsV1"]
        assert set(owned) <= set(OPERATORS_OWN), entry
        assert set(owned.get("f:metadata", {})) <= {"f:annotations"}, entry
        keys = owned.get("f:metadata", {}).get("f:annotations", {})
        assert all(key == "." or key.startswith(("f:karpenter.", "f:napsim.dev/")) for key in keys), entry


def test_applying_again_changes_nothing(rolled_out: Rehearsal) -> None:
    before = [stored(rolled_out, manifest)["metadata"]["generation"] for manifest in OURS]
    with_server_side_apply(rolled_out, "--field-manager", GITOPS)
    assert [stored(rolled_out, manifest)["metadata"]["generation"] for manifest in OURS] == before


def test_another_field_manager_meets_no_conflict(rolled_out: Rehearsal) -> None:
    said = with_server_side_apply(rolled_out, "--field-manager", "kustomize-controller")
    assert "conflict" not in said
    assert said.count("serverside-applied") == len(APPLIED)


@pytest.mark.parametrize("way", [["--server-side", "--field-manager", GITOPS], []], ids=["server-side", "client-side"])
def test_kubectl_diff_finds_nothing(rolled_out: Rehearsal, way: list[str]) -> None:
    ours = yaml.safe_dump_all(OURS)
    done = kubectl(rolled_out.cluster, "diff", "--filename=-", *way, stdin=ours, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_health_of_every_object_is_told(rolled_out: Rehearsal) -> None:
    found = {name: stored(rolled_out, manifest) for name, manifest in zip(IDS, OURS, strict=True)}
    health = {name: (argo_cd(item)[0], flux(item)) for name, item in found.items()}
    blocked = health.pop("NodeAutoProvisioning/default")
    assert blocked == ("Degraded", "Failed")
    assert set(health.values()) == {("Healthy", "Current")}
    _, message = argo_cd(found["NodeAutoProvisioning/default"])
    assert "PodDisruptionBudget=[shop/ledger]" in message
    claims = [argo_cd(item)[0] for item in rolled_out.items("nodeclaims")]
    assert claims == ["Healthy"] * len(claims) != []


def test_a_spec_that_cannot_be_used_is_degraded_until_it_is_corrected(rolled_out: Rehearsal) -> None:
    name = "aks-managed-node-os-upgrade-schedule"
    window = next(item for item in OURS if item["metadata"]["name"] == name)
    rolled_out.patch("mc", name, '{"spec": {"timeZone": "Europe/Berln"}}')
    rolled_out.eventually("it is refused", lambda: argo_cd(stored(rolled_out, window))[0] == "Degraded")
    assert flux(stored(rolled_out, window)) == "InProgress", "the spec in force is still the one before"
    assert "did you mean Europe/Berlin?" in argo_cd(stored(rolled_out, window))[1]
    rolled_out.patch("mc", name, json.dumps({"spec": {"timeZone": None}}))
    rolled_out.eventually("it is in use", lambda: argo_cd(stored(rolled_out, window))[0] == "Healthy")
