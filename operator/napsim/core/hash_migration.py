"""Hash annotations: what to write on a NodePool or AKSNodeClass and on its NodeClaims when the hash version moves.

Mirrors karpenter v1.14.0 pkg/controllers/nodepool/hash/controller.go and the same controller of the Azure provider. A
hash of another version cannot be compared, so a claim that is drifted keeps its own and stays drifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.objects import NodeClaim, condition


class HashKeys(msgspec.Struct, frozen=True):
    """The two annotations a hash is kept in, on its owner and on the owner's claims."""

    hash: str
    version: str


NODEPOOL_KEYS: Final = HashKeys(names.NODEPOOL_HASH, names.NODEPOOL_HASH_VERSION)
AKSNODECLASS_KEYS: Final = HashKeys(names.AKSNODECLASS_HASH, names.AKSNODECLASS_HASH_VERSION)


class HashMigration(msgspec.Struct, frozen=True):
    """Annotations to write: on the owner, and by name on claims. The claims come first. Empty: nothing to write."""

    owner: Mapping[str, str]
    claims: Mapping[str, Mapping[str, str]]


def migrate_hash(
    keys: HashKeys,
    annotations: Mapping[str, str],
    claims: Iterable[NodeClaim],
    hash_: str,
    managed: bool = True,
    version: str = names.HASH_VERSION,
) -> HashMigration:
    """What to write so that the owner carries ``hash_`` and ``version``, given its ``annotations`` and its ``claims``.

    Claims are touched only when the owner's stored version is another one. An owner that is not ours (``managed``) is
    left alone.
    """
    if not managed:
        return HashMigration({}, {})
    wanted = {keys.hash: hash_, keys.version: version}
    behind = claims if annotations.get(keys.version) != version else ()
    return HashMigration(
        owner={key: value for key, value in wanted.items() if annotations.get(key) != value},
        claims={claim.name: _migrated(keys, claim, wanted) for claim in behind if _differs(keys, claim, version)},
    )


def _differs(keys: HashKeys, claim: NodeClaim, version: str) -> bool:
    return claim.metadata.annotations.get(keys.version) != version


def _migrated(keys: HashKeys, claim: NodeClaim, wanted: Mapping[str, str]) -> Mapping[str, str]:
    drifted = condition(claim.status.conditions, names.DRIFTED) is not None
    return {keys.version: wanted[keys.version]} if drifted else wanted
