"""What is written when the version of the drift hashes moves."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from napsim.api import names
from napsim.core.hash_migration import AKSNODECLASS_KEYS, NODEPOOL_KEYS, HashKeys, migrate_hash
from napsim.core.objects import Condition, NodeClaim, NodeClaimStatus, ObjectMeta

CURRENT = {names.NODEPOOL_HASH: "new", names.NODEPOOL_HASH_VERSION: "v3"}
STALE = {names.NODEPOOL_HASH: "old", names.NODEPOOL_HASH_VERSION: "test"}


def claim(name: str, annotations: Mapping[str, str], drifted: str = "") -> NodeClaim:
    conditions = (Condition(names.DRIFTED, drifted),) if drifted else ()
    meta = ObjectMeta(name=name, annotations=dict(annotations))
    return NodeClaim(metadata=meta, status=NodeClaimStatus(conditions=conditions))


@pytest.mark.parametrize(
    ("annotations", "written"),
    [
        pytest.param({}, CURRENT, id="a new NodePool"),
        pytest.param({**CURRENT, names.NODEPOOL_HASH: "old"}, {names.NODEPOOL_HASH: "new"}, id="karpenter:H01"),
        pytest.param(CURRENT, {}, id="karpenter:H02"),
        pytest.param(STALE, CURRENT, id="karpenter:H03"),
        pytest.param({**STALE, names.NODEPOOL_HASH: "new"}, {names.NODEPOOL_HASH_VERSION: "v3"}, id="same hash"),
    ],
)
def test_only_what_differs_is_written_on_the_node_pool(annotations: dict[str, str], written: dict[str, str]) -> None:
    assert migrate_hash(NODEPOOL_KEYS, annotations, [], "new").owner == written


@pytest.mark.parametrize("row", [pytest.param(("a", "b"), id="karpenter:H04")])
def test_claims_that_are_not_drifted_get_the_new_hash_and_version(row: tuple[str, ...]) -> None:
    migration = migrate_hash(NODEPOOL_KEYS, STALE, [claim(name, STALE) for name in row], "new")
    assert migration.claims == dict.fromkeys(row, CURRENT)


@pytest.mark.parametrize("status", ["True", "False", "Unknown"])
def test_a_claim_with_a_drifted_condition_keeps_its_hash(status: str) -> None:
    migration = migrate_hash(NODEPOOL_KEYS, STALE, [claim("a", STALE, status)], "new")
    assert migration.claims == {"a": {names.NODEPOOL_HASH_VERSION: "v3"}}


@pytest.mark.parametrize("managed", [pytest.param(False, id="karpenter:H07")])
def test_a_node_pool_that_is_not_ours_is_left_alone(managed: bool) -> None:
    migration = migrate_hash(NODEPOOL_KEYS, STALE, [claim("a", STALE)], "new", managed=managed)
    assert (migration.owner, migration.claims) == ({}, {})


@pytest.mark.parametrize("keys", [pytest.param(AKSNODECLASS_KEYS, id="nap:H12"), NODEPOOL_KEYS])
def test_a_claim_at_the_current_version_is_not_touched(keys: HashKeys) -> None:
    held = {keys.hash: "anything", keys.version: "v3"}
    outdated = {keys.hash: "old", keys.version: "v2"}
    migration = migrate_hash(keys, outdated, [claim("a", held), claim("b", outdated)], "new")
    assert migration.claims == {"b": {keys.hash: "new", keys.version: "v3"}}


def test_claims_are_not_touched_while_the_owner_is_at_the_current_version() -> None:
    assert migrate_hash(NODEPOOL_KEYS, CURRENT, [claim("a", STALE)], "newer").claims == {}


@pytest.mark.parametrize("version", [pytest.param("v3", id="nap:H10")])
def test_the_hash_version_is_v3(version: str) -> None:
    written = migrate_hash(AKSNODECLASS_KEYS, {}, [], "new").owner
    assert written == {"karpenter.azure.com/aksnodeclass-hash": "new", AKSNODECLASS_KEYS.version: version}
