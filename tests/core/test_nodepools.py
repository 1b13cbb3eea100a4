"""NodePools, and the NodeClaims that come out of them."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.api import names
from napsim.core.hashes import nodepool_hash
from napsim.core.instances import node_name
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool, Placement, budgets_of, claim_name, new_claim, region_of, runtime_faults
from napsim.core.objects import NodeClaim
from tests.core.examples import NOW

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}},
    "spec": {
        "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "small"},
        "requirements": [
            {"key": names.ARCH, "operator": "In", "values": ["amd64"]},
            {"key": names.ZONE, "operator": "In", "values": ["westeurope-1", "westeurope-2"]},
        ],
        "taints": [{"key": "t", "effect": "NoSchedule"}],
        "startupTaints": [{"key": "s", "effect": "NoExecute"}],
        "terminationGracePeriod": "1h",
        "expireAfter": "720h",
    },
}
POOL = msgspec.convert({"metadata": {"name": "default", "uid": "u"}, "spec": {"template": TEMPLATE}}, NodePool)
PLACEMENT = Placement("Standard_D4s_v5", "westeurope-2", "on-demand")


def made(**more: str) -> NodeClaim:
    size = INSTANCE_TYPES[PLACEMENT.instance_type]
    return new_claim(POOL, TEMPLATE, "default-abcde", PLACEMENT, size, {"cpu": "2"}, NOW, **more)


@pytest.mark.parametrize(
    ("taints", "startup", "faults"),
    [
        pytest.param([], [], 0, id="none"),
        pytest.param([("a", "NoSchedule")], [("a", "NoExecute"), ("b", "NoSchedule")], 0, id="another-effect-or-key"),
        pytest.param([("a", "NoSchedule")], [("a", "NoSchedule")], 1, id="in-both-lists"),
        pytest.param([("a", "NoSchedule")] * 3, [], 2, id="twice-too-often-in-one"),
    ],
)
def test_a_key_and_effect_that_is_there_twice_is_a_fault_that_only_runs_find(
    taints: list[tuple[str, str]], startup: list[tuple[str, str]], faults: int
) -> None:
    lists = {"taints": taints, "startupTaints": startup}
    spec = {name: [{"key": key, "effect": effect} for key, effect in items] for name, items in lists.items()}
    assert len(runtime_faults(msgspec.convert({"spec": {"template": {"spec": spec}}}, NodePool))) == faults


def test_a_claim_carries_the_template_and_where_it_is_to_run() -> None:
    claim = made()
    wanted = {
        "team": "x",
        names.NODEPOOL: "default",
        names.AKSNODECLASS: "small",
        names.INSTANCE_TYPE: "Standard_D4s_v5",
        names.ZONE: "westeurope-2",
        names.REGION: "westeurope",
        names.CAPACITY_TYPE: "on-demand",
    }
    assert wanted.items() <= claim.metadata.labels.items()
    assert claim.metadata.finalizers == (names.TERMINATION_FINALIZER,)
    assert (claim.metadata.owner_references[0].kind, claim.metadata.owner_references[0].uid) == ("NodePool", "u")
    assert claim.spec.taints == POOL.spec.template.spec.taints
    assert claim.spec.startup_taints == POOL.spec.template.spec.startup_taints
    assert (claim.spec.termination_grace_period, claim.spec.expire_after) == ("1h", "720h")
    assert claim.spec.resources.requests == {"cpu": "2"}


def test_a_claim_records_its_hash_its_virtual_birth_and_what_it_replaces() -> None:
    annotations = made(replaces="default-old", class_hash="7").metadata.annotations
    assert annotations == {
        "note": "y",
        names.NODEPOOL_HASH: nodepool_hash(TEMPLATE),
        names.NODEPOOL_HASH_VERSION: "v3",
        names.CREATED_AT: "2026-03-02T09:00:00Z",
        names.AKSNODECLASS_HASH: "7",
        names.AKSNODECLASS_HASH_VERSION: "v3",
        names.REPLACES: "default-old",
    }
    assert names.REPLACES not in made().metadata.annotations
    assert names.AKSNODECLASS_HASH not in made().metadata.annotations


def test_requirements_are_narrowed_to_the_placement_and_the_others_kept() -> None:
    requirements = {item.key: item.values for item in made().spec.requirements}
    assert requirements[names.ARCH] == ("amd64",)
    assert requirements[names.ZONE] == ("westeurope-2",)
    assert requirements[names.INSTANCE_TYPE] == ("Standard_D4s_v5",)
    assert len(requirements) == len(made().spec.requirements)


def test_without_an_expiry_a_claim_says_never_lest_the_api_server_fills_in_a_month() -> None:
    pool = msgspec.convert({"metadata": {"name": "p"}, "spec": {"template": {"spec": {}}}}, NodePool)
    claim = new_claim(pool, {"spec": {}}, "p-1", PLACEMENT, INSTANCE_TYPES["Standard_D4s_v5"], {}, NOW)
    assert claim.spec.expire_after == "Never"
    assert claim.spec.termination_grace_period == ""


@pytest.mark.parametrize(
    ("disruption", "expected"),
    [({}, ({"nodes": "10%"},)), ({"budgets": []}, ()), ({"budgets": [{"nodes": "1"}]}, ({"nodes": "1"},))],
)
def test_only_absent_budgets_are_the_default(disruption: dict[str, Any], expected: tuple[dict[str, Any], ...]) -> None:
    pool = msgspec.convert({"spec": {"template": {}, "disruption": disruption}}, NodePool)
    assert budgets_of(pool) == expected


@pytest.mark.parametrize(("spec", "static"), [({}, False), ({"replicas": 0}, True), ({"replicas": 5}, True)])
def test_a_pool_with_replicas_is_static_even_with_none(spec: dict[str, Any], static: bool) -> None:
    assert msgspec.convert({"spec": {"template": {}, **spec}}, NodePool).is_static is static


@pytest.mark.parametrize(
    ("zone", "region"), [("westeurope-1", "westeurope"), ("us-gov-2", "us-gov"), ("us-east-1a", "us-east-1"), ("", "")]
)
def test_a_zone_begins_with_its_region(zone: str, region: str) -> None:
    assert region_of(zone) == region


def test_a_name_follows_from_what_it_is_for() -> None:
    assert claim_name("default", "uid", "1") == claim_name("default", "uid", "1")
    assert claim_name("default", "uid", "1") != claim_name("default", "uid", "2")
    assert re.fullmatch(r"default-[bcdfghjklmnpqrstvwxz2456789]{5}", claim_name("default", "uid", "1"))


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True).filter(SUBDOMAIN.fullmatch), st.text())
def test_a_name_is_one_that_a_node_and_its_hostname_label_may_have(pool: str, identity: str) -> None:
    name = node_name(claim_name(pool, identity))
    assert SUBDOMAIN.fullmatch(name)
    assert len(name) <= 63
