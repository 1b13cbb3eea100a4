"""NodePools and NodeClaims, accepted and refused. Ids V01 to V42 are those of the reference's admission table."""

from __future__ import annotations

from typing import Final

from tests.api.good import Changes, Refusal, Row, good
from tests.api.paths import GONE

POOL: Final = good("NodePool", 2)
FULL_POOL: Final = good("NodePool")
STATIC_POOL: Final = good("NodePool", 1)
CLAIM: Final = good("NodeClaim")


def _budget(**fields: object) -> Changes:
    return {"spec.disruption": {"consolidateAfter": "1m", "budgets": [fields]}}


def _disruption(**fields: object) -> Changes:
    return {"spec.disruption": {"consolidateAfter": "1m", **fields}}


def _expire(value: str) -> Changes:
    return {"spec.template.spec.expireAfter": value}


_TOGETHER: Final = "'schedule' must be set with 'duration'"
_DURATION_OR_NEVER: Final = "^(([0-9]+(s|m|h))+|Never)$"

KARPENTER_ACCEPTED: Final[tuple[Row, ...]] = (
    ("V01", POOL, _expire("30s")),
    ("V02", POOL, _expire("1h30m5s")),
    ("V03", POOL, _expire("Never")),
    ("V07", POOL, {"spec.disruption": {"consolidateAfter": "30s"}}),
    ("V09", POOL, {"spec.disruption": {"consolidateAfter": "Never"}}),
    ("V14", POOL, _disruption(consolidationPolicy="WhenEmpty")),
    ("V15", POOL, _disruption(consolidationPolicy="WhenEmptyOrUnderutilized")),
    ("V16", POOL, _disruption(consolidationPolicy="Balanced")),
    ("V30", POOL, _budget(nodes="10", schedule="* * * * *", duration="20m")),
    ("V31", POOL, _budget(nodes="10", schedule="* * * * *", duration="2h20m")),
    ("V32", POOL, _budget(nodes="10")),
    ("V33", POOL, _budget(nodes="10", schedule="@annually", duration="20m")),
    ("V36", POOL, _budget(nodes="10", reasons=["Drifted"])),
    ("V37", POOL, _budget(nodes="10", reasons=["Underutilized"])),
    ("V38", POOL, _budget(nodes="10", reasons=["Empty"])),
    ("V42", POOL, _budget(nodes="10", reasons=["Drifted", "Empty"])),
)
KARPENTER_REFUSED: Final[tuple[Refusal, ...]] = (
    ("V04", POOL, _expire("-1s"), _DURATION_OR_NEVER),
    ("V06", POOL, _expire("FooNever"), _DURATION_OR_NEVER),
    ("V10", POOL, {"spec.disruption": {"consolidateAfter": "-1s"}}, _DURATION_OR_NEVER),
    ("V11", POOL, {"spec.disruption": {"consolidateAfter": "1hr"}}, _DURATION_OR_NEVER),
    ("V12", POOL, {"spec.disruption": {"consolidateAfter": "FooNever"}}, _DURATION_OR_NEVER),
    (
        "V13",
        POOL,
        {"spec.disruption": {"budgets": [{"nodes": "1"}]}},
        "spec.disruption.consolidateAfter: Required value",
    ),
    ("V17", POOL, _disruption(consolidationPolicy="WhenUnderutilized"), "WhenEmptyOrUnderutilized"),
    ("V20", POOL, _disruption(consolidationPolicy="foo"), "WhenEmptyOrUnderutilized"),
    ("V21", POOL, _budget(nodes="10", schedule="*", duration="20m"), "spec.disruption.budgets[0].schedule"),
    ("V23", POOL, _budget(nodes="10", schedule="* * * * *", duration="-20m"), "spec.disruption.budgets[0].duration"),
    ("V25", POOL, _budget(nodes="-10"), "^((100|[0-9]{1,2})%|[0-9]+)$"),
    ("V26", POOL, _budget(nodes="-10%"), "^((100|[0-9]{1,2})%|[0-9]+)$"),
    ("V28", POOL, _budget(nodes="10", schedule="* * * * *"), _TOGETHER),
    ("V29", POOL, _budget(nodes="10", duration="20m"), _TOGETHER),
    ("V39", POOL, _budget(nodes="10", reasons=["invalid"]), "Drifted"),
    ("V41", POOL, _budget(nodes="10", reasons=[""]), "Drifted"),
)

_REQUIREMENT: Final = "spec.template.spec.requirements[0]"
_LABELS: Final = "spec.template.metadata.labels"
_ONE_NUMBER: Final = "requirements operator 'Gt', 'Lt', 'Gte', or 'Lte' must have a single positive integer value"
_DOMAIN: Final = 'label domain "karpenter.sh" is restricted'
_HOSTNAME: Final = 'label "kubernetes.io/hostname" is restricted'
_NODEPOOL: Final = 'label "karpenter.sh/nodepool" is restricted'


def _requirement(key: str, operator: str, *values: str, **more: object) -> Changes:
    return {_REQUIREMENT: {"key": key, "operator": operator, **({"values": list(values)} if values else {}), **more}}


NODE_POOL_ACCEPTED: Final[tuple[Row, ...]] = (
    ("a limit of 64 bits, not in quotes", POOL, {"spec.limits": {"nodes": 2**63 - 1}}),
    ("budget: 100 percent", POOL, _budget(nodes="100%")),
    ("budget: no node ever", POOL, _budget(nodes="0")),
    ("budget: nodes left out", POOL, _budget(reasons=["Empty"])),
    ("budget: a duration as Go writes it", POOL, _budget(nodes="1", schedule="@daily", duration="1h30m0s")),
    ("budget: a duration of nothing", POOL, _budget(nodes="1", schedule="@daily", duration="0m")),
    (
        "budget: a schedule that only starts with a macro",
        POOL,
        _budget(nodes="1", schedule="@daily please", duration="1h"),
    ),
    ("budget: a schedule of six parts", POOL, _budget(nodes="1", schedule="0 0 * * * mon", duration="1h")),
    ("budget: a schedule no parser accepts", POOL, _budget(nodes="1", schedule="a b c d e", duration="1h")),
    ("budgets: none at all", POOL, _disruption(budgets=[])),
    ("requirement: Exists", POOL, _requirement("example.com/any", "Exists")),
    ("requirement: Gte", POOL, _requirement("karpenter.azure.com/sku-cpu", "Gte", "0")),
    ("requirement: NotIn without values", POOL, _requirement("example.com/any", "NotIn")),
    ("requirement: capacity type", POOL, _requirement("karpenter.sh/capacity-type", "In", "spot")),
    ("label: capacity type", POOL, {f'{_LABELS}["karpenter.sh/capacity-type"]': "spot"}),
    ("label: empty value", POOL, {f'{_LABELS}["example.com/flag"]': ""}),
    ("static pool of nothing", STATIC_POOL, {"spec.replicas": 0, "spec.limits": GONE}),
    ("limits as numbers", POOL, {"spec.limits": {"cpu": 100, "memory": "1e3"}}),
    ("null means absent", POOL, {"spec.weight": None, "spec.disruption": None, "metadata.labels": None}),
    (
        "null in a map means absent",
        POOL,
        {f'{_LABELS}["example.com/none"]': None, "spec.limits": {"cpu": None}},
    ),
    ("termination grace period of nothing", POOL, {"spec.template.spec.terminationGracePeriod": "0s"}),
)
NODE_POOL_REFUSED: Final[tuple[Refusal, ...]] = (
    ("a limit of more than 64 bits, not in quotes", POOL, {"spec.limits": {"nodes": 2**63}}, "spec.limits.nodes"),
    ("budget: a number without quotes", POOL, _budget(nodes=5), "must be of type string"),
    ("budget: 101 percent", POOL, _budget(nodes="101%"), "spec.disruption.budgets[0].nodes"),
    ("budget: duration in days", POOL, _budget(nodes="1", schedule="@daily", duration="1d"), "budgets[0].duration"),
    ("budget: duration in seconds", POOL, _budget(nodes="1", schedule="@daily", duration="90s"), "budgets[0].duration"),
    (
        "budget: minutes before hours",
        POOL,
        _budget(nodes="1", schedule="@daily", duration="30m1h"),
        "budgets[0].duration",
    ),
    (
        "budget: an unknown macro",
        POOL,
        _budget(nodes="1", schedule="@fortnightly", duration="1h"),
        "budgets[0].schedule",
    ),
    ("budget: a reason twice", POOL, _budget(nodes="1", reasons=["Empty", "Empty"]), "Duplicate value"),
    ("budgets: more than fifty", POOL, _disruption(budgets=[{"nodes": "1"}] * 51), "at most 50 items"),
    (
        "requirement: In without a value",
        POOL,
        _requirement("a", "In"),
        "requirements with operator 'In' must have a value",
    ),
    ("requirement: Gt without a value", POOL, _requirement("a", "Gt"), _ONE_NUMBER),
    ("requirement: Lt with two values", POOL, _requirement("a", "Lt", "1", "2"), _ONE_NUMBER),
    ("requirement: Gte with a word", POOL, _requirement("a", "Gte", "many"), _ONE_NUMBER),
    (
        "requirement: more minValues than values",
        POOL,
        _requirement("a", "In", "x", minValues=2),
        "requirements with 'minValues' must have at least that many values specified in the 'values' field",
    ),
    ("requirement: karpenter.sh", POOL, _requirement("karpenter.sh/registered", "Exists"), _DOMAIN),
    ("requirement: below karpenter.sh", POOL, _requirement("my.karpenter.sh/x", "Exists"), _DOMAIN),
    ("requirement: the pool itself", POOL, _requirement("karpenter.sh/nodepool", "Exists"), _NODEPOOL),
    ("requirement: the host", POOL, _requirement("kubernetes.io/hostname", "Exists"), _HOSTNAME),
    ("requirement: a value of 64 characters", POOL, _requirement("a", "In", "x" * 64), "requirements[0].values[0]"),
    ("requirement: a key of 317 characters", POOL, _requirement("x" * 317, "Exists"), "requirements[0].key"),
    (
        "requirements: more than a hundred",
        POOL,
        {"spec.template.spec.requirements": [{"key": "a", "operator": "Exists"}] * 101},
        "at most 100 items",
    ),
    ("label: karpenter.sh", POOL, {f'{_LABELS}["karpenter.sh/initialized"]': "true"}, _DOMAIN),
    ("label: the pool itself", POOL, {f'{_LABELS}["karpenter.sh/nodepool"]': "x"}, _NODEPOOL),
    ("label: the host", POOL, {f'{_LABELS}["kubernetes.io/hostname"]': "x"}, _HOSTNAME),
    ("label: a value of 64 characters", POOL, {f"{_LABELS}.tier": "x" * 64}, "spec.template.metadata.labels"),
    ("label: a value with a blank", POOL, {f"{_LABELS}.tier": "not a value"}, "spec.template.metadata.labels"),
    (
        "labels: more than a hundred",
        POOL,
        {_LABELS: {f"example.com/l{i}": "" for i in range(101)}},
        "at most 100 items",
    ),
    ("taint: no key", FULL_POOL, {"spec.template.spec.taints[0].key": ""}, "spec.template.spec.taints[0].key"),
    (
        "taint: a value that is empty",
        FULL_POOL,
        {"spec.template.spec.taints[0].value": ""},
        "spec.template.spec.taints[0].value",
    ),
    ("taint: an unknown effect", FULL_POOL, {"spec.template.spec.taints[0].effect": "NoEntry"}, "PreferNoSchedule"),
    (
        "node class: group with version",
        POOL,
        {"spec.template.spec.nodeClassRef.group": "karpenter.azure.com/v1beta1"},
        "nodeClassRef.group",
    ),
    ("node class: no group", POOL, {"spec.template.spec.nodeClassRef.group": ""}, "group may not be empty"),
    ("node class: no kind", POOL, {"spec.template.spec.nodeClassRef.kind": ""}, "kind may not be empty"),
    ("node class: no name", POOL, {"spec.template.spec.nodeClassRef.name": ""}, "name may not be empty"),
    ("static pool: weight", STATIC_POOL, {"spec.weight": 1}, "'weight' is not supported on static NodePools"),
    (
        "static pool: limit of cpu",
        STATIC_POOL,
        {"spec.limits": {"cpu": "10"}},
        "only 'limits.nodes' is supported on static NodePools",
    ),
    (
        "static pool: limits of nodes and cpu",
        STATIC_POOL,
        {"spec.limits.cpu": "10"},
        "only 'limits.nodes' is supported on static NodePools",
    ),
    ("limits: not a quantity", POOL, {"spec.limits": {"cpu": "ten"}}, "spec.limits"),
    ("weight: none", POOL, {"spec.weight": 0}, "spec.weight"),
    ("weight: 101", POOL, {"spec.weight": 101}, "spec.weight"),
    ("replicas: negative", STATIC_POOL, {"spec.replicas": -1}, "spec.replicas"),
    ("no name", POOL, {"metadata.name": GONE}, "name or generateName"),
    ("a name in capitals", POOL, {"metadata.name": "Default"}, "metadata.name"),
    ("metadata: a label with a blank", POOL, {"metadata.labels": {"team": "the platform"}}, "metadata.labels"),
    (
        "a field of v1beta1",
        POOL,
        {"spec.disruption": {"consolidateAfter": "0s", "expireAfter": "720h"}},
        "unknown field",
    ),
)

_CLAIM_REQUIREMENT: Final = "spec.requirements[0]"
NODE_CLAIM_ACCEPTED: Final[tuple[Row, ...]] = (
    ("requests of nothing", CLAIM, {"spec.resources": {}}),
    ("no expiry", CLAIM, {"spec.expireAfter": GONE}),
)
NODE_CLAIM_REFUSED: Final[tuple[Refusal, ...]] = (
    ("requirement: the host", CLAIM, {f"{_CLAIM_REQUIREMENT}.key": "kubernetes.io/hostname"}, _HOSTNAME),
    ("requirement: karpenter.sh", CLAIM, {f"{_CLAIM_REQUIREMENT}.key": "karpenter.sh/registered"}, _DOMAIN),
    ("requirement: In without a value", CLAIM, {f"{_CLAIM_REQUIREMENT}.values": []}, "operator 'In' must have a value"),
    ("requests: not a quantity", CLAIM, {"spec.resources.requests.cpu": "4 cores"}, "spec.resources.requests"),
    ("termination grace period: never", CLAIM, {"spec.terminationGracePeriod": "Never"}, "spec.terminationGracePeriod"),
    ("no requirements", CLAIM, {"spec.requirements": GONE}, "spec.requirements: Required value"),
    ("no spec", CLAIM, {"spec": GONE}, "spec: Required value"),
)
