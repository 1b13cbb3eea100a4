"""The chart's RBAC is exactly what is used: nothing that is asked for is refused, and no rule is there for nothing.

That nothing is refused every rehearsal checks at its end. That nothing is there for nothing is checked here, once all
rehearsals of the run are over.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napsim.controllers.resources import AKS_NODE_CLASSES
from napsim.live.client import Client
from napsim.live.kubeconfig import load_connection
from tests.chart.rendering import parsed, text_of
from tests.e2e import manifests as m
from tests.e2e import rbac
from tests.e2e.auditor.access import beyond, requests_of, unused
from tests.e2e.kubectl import WAIT_SECONDS, kubectl
from tests.e2e.rehearsal import OLD, Rehearsal, rehearsal

NODES = 2
HELD = "karpenter.azure.com/termination"

NEVER = {
    "read Secrets": ("list", "secrets"),
    "read ConfigMaps": ("get", "configmaps"),
    "make Pods": ("create", "pods"),
    "run commands in Pods": ("create", "pods/exec"),
    "read the logs of Pods": ("get", "pods/log"),
    "change Pods": ("patch", "pods"),
    "speak to kubelets": ("get", "nodes/proxy"),
    "make tokens": ("create", "serviceaccounts/token"),
    "speak as another user": ("impersonate", "users"),
    "bind roles": ("bind", "clusterroles.rbac.authorization.k8s.io"),
    "widen roles": ("escalate", "clusterroles.rbac.authorization.k8s.io"),
    "change PodDisruptionBudgets": ("patch", "poddisruptionbudgets.policy"),
    "change what people declared": ("patch", "maintenanceconfigurations.napsim.dev"),
    "change CRDs": ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
    "take another's Lease": ("patch", "leases.coordination.k8s.io/other"),
    "read another's Lease": ("get", "leases.coordination.k8s.io/other"),
    "delete events": ("delete", "events.events.k8s.io"),
}


@pytest.fixture(scope="module")
def world() -> Iterator[Rehearsal]:
    """The chart's RBAC, and nobody who uses it."""
    with rehearsal() as made:
        yield made


@pytest.mark.parametrize(("verb", "resource"), [pytest.param(*what, id=name) for name, what in NEVER.items()])
def test_the_operator_may_not(world: Rehearsal, verb: str, resource: str) -> None:
    asked = ("auth", "can-i", verb, resource, f"--as={rbac.OPERATOR.user}", f"--namespace={rbac.NAMESPACE}")
    answer = kubectl(world.cluster, *asked, check=False)
    assert answer.stdout.strip() == "no", answer.stderr


def test_the_operator_may_hold_its_own_lease(world: Rehearsal) -> None:
    """So that a "no" above is not for a wrong name of the account."""
    lease = f"leases.coordination.k8s.io/{rbac.LEASE_NAME}"
    asked = ("auth", "can-i", "patch", lease, f"--as={rbac.OPERATOR.user}", f"--namespace={rbac.NAMESPACE}")
    assert kubectl(world.cluster, *asked).stdout.strip() == "yes"


def test_one_object_is_found_without_a_right_to_get_it(world: Rehearsal) -> None:
    world.apply(m.node_class("wanted"), m.node_class("other"))

    async def look(name: str) -> bytes | None:
        async with Client(load_connection(world.kubeconfig)) as client:
            return await client.find(AKS_NODE_CLASSES, "", name)

    assert json.loads(asyncio.run(look("wanted")) or b"{}")["metadata"]["name"] == "wanted"
    assert asyncio.run(look("absent")) is None


@pytest.mark.parametrize("template", [rbac.TEMPLATE, rbac.DRIVE], ids=lambda template: template.stem)
def test_helm_renders_what_the_template_says(template: Path) -> None:
    """The other tests read the template as it stands, without Helm. Helm puts objects of one kind together."""
    objects = parsed(text_of({"drive": template == rbac.DRIVE}, f"--show-only=templates/{template.name}"))
    rendered, written = (sorted(map(what_matters, items), key=place) for items in (objects, rbac.manifests(template)))
    assert rendered == written


def place(manifest: rbac.Manifest) -> tuple[str, ...]:
    return manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def what_matters(manifest: rbac.Manifest) -> dict[str, Any]:
    """A manifest without the labels, which are the whole chart's."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "labels"}
    return {**manifest, "metadata": metadata}


def test_a_request_that_no_rule_allows_fails_the_rehearsal_by_name() -> None:
    named = r"list secrets refused \(/api/v1/namespaces/default/secrets\)"
    with pytest.raises(AssertionError, match=named), rehearsal(crds=False) as made:
        ask_for_secrets(made)


def ask_for_secrets(world: Rehearsal) -> None:
    kubectl(world.cluster, f"--kubeconfig={world.kubeconfig}", "get", "secrets", check=False)
    world.eventually("it is on record", lambda: bool(rbac.refusals(world.cluster)))


def test_the_hook_before_an_uninstall_uses_all_of_its_rules_and_needs_no_other() -> None:
    """Where nobody ever led there is no Lease; then beside an operator, with nodes, and a class that is held."""
    with rehearsal() as made:
        rbac.install(made.cluster, rbac.RELEASER)
        assert release(made) == ""

        made.apply(m.nap(), m.node_class(), m.image(OLD), m.pool(replicas=NODES))
        made.operator()
        made.eventually("nodes", lambda: made.versions() == {OLD: NODES})
        made.patch("aksnodeclass", "default", f'{{"metadata": {{"finalizers": ["{HELD}"]}}}}')
        declared = made.items("nodepools,aksnodeclasses,nodeautoprovisionings,nodeimages")
        assert [item["metadata"]["generation"] for item in declared] == [1] * 4, "the operator wrote no spec"

        told = release(made, "--take-over", "--keep-lease-seconds=600")
        assert told.count("fake: deleted") == NODES
        assert [*made.items("nodes"), *made.items("nodeclaims")] == []
        requests = requests_of(made.cluster.audit_log, rbac.RELEASER)
        assert beyond(rbac.grants(rbac.RELEASER), requests.refused) == []
        assert [str(grant) for grant in unused(rbac.grants(rbac.RELEASER), requests.allowed)] == []


def release(world: Rehearsal, *options: str) -> str:
    """What `napsim release` says under the account of the hook; it succeeds."""
    kubeconfig = rbac.kubeconfig(world.cluster, rbac.RELEASER)
    lease = (f"--lease-namespace={rbac.NAMESPACE}", f"--lease-name={rbac.LEASE_NAME}")
    command = [sys.executable, "-m", "napsim", "release", f"--kubeconfig={kubeconfig}", *lease, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stderr + world.story()
    return done.stdout


def test_every_rule_of_the_chart_is_used_and_allows_all_that_was_asked_for() -> None:
    """Comes last, and only when the whole suite was run: conftest.py sees to it."""
    assert rbac.complaints(rbac.SEEN) == []
