"""NodePools as decisions read them, and the NodeClaims that come out of their template.

Mirrors karpenter v1.14.0 ``pkg/apis/v1/nodepool.go`` and ``nodeclaimtemplate.go`` in
``pkg/controllers/provisioning/scheduling``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.clock import rfc3339
from napsim.core.hashes import nodepool_hash
from napsim.core.instancetypes import InstanceType
from napsim.core.nodeclasses import class_label
from napsim.core.objects import (
    KubeObject,
    NodeClaim,
    NodeClaimSpec,
    NodeClassRef,
    ObjectMeta,
    OwnerReference,
    Requirement,
    ResourceRequirements,
    Taint,
    Value,
)

ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' own for generated names
_LETTERED: Final = re.compile(r".+-\d+[a-z]")
_LONGEST_PREFIX: Final = 53  # aks-<prefix>-<five> is the Node's name, and as its hostname label at most 63 characters


class TemplateMeta(Value, frozen=True):
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class TemplateSpec(Value, frozen=True):
    requirements: tuple[Requirement, ...] = ()
    node_class_ref: NodeClassRef = NodeClassRef()
    taints: tuple[Taint, ...] = ()
    startup_taints: tuple[Taint, ...] = ()
    termination_grace_period: str | None = None
    expire_after: str | None = None


class Template(Value, frozen=True):
    metadata: TemplateMeta = TemplateMeta()
    spec: TemplateSpec = TemplateSpec()


class Disruption(Value, frozen=True):
    consolidate_after: str = "0s"
    consolidation_policy: str = ""
    budgets: tuple[dict[str, Any], ...] | None = None


class NodePoolSpec(Value, frozen=True):
    template: Template = Template()
    disruption: Disruption = Disruption()
    limits: dict[str, str | int] = msgspec.field(default_factory=dict)
    weight: int = 0
    replicas: int | None = None


class NodePool(KubeObject, frozen=True):
    spec: NodePoolSpec = NodePoolSpec()

    @property
    def is_static(self) -> bool:
        return self.spec.replicas is not None


DEFAULT_BUDGETS: Final[tuple[dict[str, Any], ...]] = ({"nodes": "10%"},)


def budgets_of(pool: NodePool) -> tuple[dict[str, Any], ...]:
    """The budgets as stored; the CRD default for an absent field (an API server has filled it in already)."""
    written = pool.spec.disruption.budgets
    return DEFAULT_BUDGETS if written is None else written


def runtime_faults(pool: NodePool) -> tuple[str, ...]:
    """What is wrong with a pool that admission does not see: a pair of key and effect that is there twice.

    Mirrors ``RuntimeValidate`` (``pkg/apis/v1/nodepool_validation.go``). Schedules of budgets are not looked at there.
    """
    spec = pool.spec.template.spec
    lists = {"taints": spec.taints, "startupTaints": spec.startup_taints}
    first: dict[tuple[str, str], str] = {}
    faults: list[str] = []
    for name, taints in lists.items():
        for index, taint in enumerate(taints):
            field, pair = f"spec.template.spec.{name}[{index}]", (taint.key, taint.effect)
            if pair in first:
                faults.append(f"{field}: duplicate taint Key/Effect pair {taint.key}={taint.effect}, as {first[pair]}")
            first.setdefault(pair, field)
    return tuple(faults)


class Placement(msgspec.Struct, frozen=True):
    """Where and as what an instance is to run: decided when its NodeClaim is made.

    ``nodepool`` is empty for that of the node it replaces; ``labels`` are those beside the pool's and the size's;
    ``requests`` what it is launched for (quantities by resource), where that is known.
    """

    instance_type: str
    zone: str
    capacity_type: str
    nodepool: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    requests: Mapping[str, str] = msgspec.field(default_factory=dict)


def region_of(zone: str) -> str:
    """``westeurope`` of ``westeurope-1``, and ``us-east-1`` of ``us-east-1a``, as other clouds name theirs."""
    return zone[:-1] if _LETTERED.fullmatch(zone) else zone.rsplit("-", 1)[0]


def claim_name(pool: str, *identity: str) -> str:
    """``<pool>-<five characters>``, always the same for the same identity.

    A create that is repeated after a crash meets its own earlier self (AlreadyExists) instead of making one too many.
    """
    digest = int.from_bytes(hashlib.blake2b("/".join(identity).encode(), digest_size=8).digest())
    letters = []
    for _ in range(5):
        digest, position = divmod(digest, len(ALPHABET))
        letters.append(ALPHABET[position])
    return f"{pool[:_LONGEST_PREFIX].rstrip('-.')}-{''.join(letters)}"


def new_claim(
    pool: NodePool,
    template: Mapping[str, Any],
    name: str,
    placement: Placement,
    instance_type: InstanceType,
    requests: Mapping[str, str],
    now: datetime,
    *,
    replaces: str = "",
    class_hash: str = "",
    template_hash: str = "",
) -> NodeClaim:
    """A NodeClaim of the pool. ``template`` is ``spec.template`` as stored (it is hashed); ``now`` is virtual.

    ``template_hash`` is that of the template, where it is known.
    """
    spec = pool.spec.template.spec
    return NodeClaim(
        metadata=ObjectMeta(
            name=name,
            labels=_labels(pool, placement, instance_type),
            annotations=_annotations(pool, template_hash or nodepool_hash(template), now, replaces, class_hash),
            finalizers=(names.TERMINATION_FINALIZER,),
            owner_references=(_owner(pool),),
        ),
        spec=NodeClaimSpec(
            node_class_ref=spec.node_class_ref,
            requirements=_requirements(pool, placement),
            resources=ResourceRequirements(requests=dict(requests)),
            taints=spec.taints,
            startup_taints=spec.startup_taints,
            termination_grace_period=spec.termination_grace_period or "",
            expire_after=spec.expire_after or "Never",
        ),
    )


def _owner(pool: NodePool) -> OwnerReference:
    return OwnerReference(
        api_version=f"{names.KARPENTER_GROUP}/{names.KARPENTER_VERSION}",
        kind="NodePool",
        name=pool.name,
        uid=pool.metadata.uid,
        block_owner_deletion=True,
    )


def _labels(pool: NodePool, placement: Placement, instance_type: InstanceType) -> dict[str, str]:
    return {
        **placement.labels,
        **instance_type.labels(),
        **pool.spec.template.metadata.labels,
        names.NODEPOOL: pool.name,
        class_label(pool.spec.template.spec.node_class_ref): pool.spec.template.spec.node_class_ref.name,
        names.ZONE: placement.zone,
        names.REGION: region_of(placement.zone),
        names.CAPACITY_TYPE: placement.capacity_type,
    }


def _annotations(pool: NodePool, template_hash: str, now: datetime, replaces: str, class_hash: str) -> dict[str, str]:
    result = {
        **pool.spec.template.metadata.annotations,
        names.NODEPOOL_HASH: template_hash,
        names.NODEPOOL_HASH_VERSION: names.HASH_VERSION,
        names.CREATED_AT: rfc3339(now),
    }
    if class_hash:
        result |= {names.AKSNODECLASS_HASH: class_hash, names.AKSNODECLASS_HASH_VERSION: names.HASH_VERSION}
    return result | ({names.REPLACES: replaces} if replaces else {})


def _requirements(pool: NodePool, placement: Placement) -> tuple[Requirement, ...]:
    narrowed = {
        **placement.labels,
        names.INSTANCE_TYPE: placement.instance_type,
        names.ZONE: placement.zone,
        names.CAPACITY_TYPE: placement.capacity_type,
        names.NODEPOOL: pool.name,
    }
    kept = tuple(item for item in pool.spec.template.spec.requirements if item.key not in narrowed)
    return kept + tuple(Requirement(key=key, operator="In", values=(value,)) for key, value in narrowed.items())
