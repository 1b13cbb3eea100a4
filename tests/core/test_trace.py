"""Records of the trace: what two states of an object tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from napsim.api import names
from napsim.core.objects import Condition, Node, NodeClaim, NodeClaimStatus, ObjectMeta
from napsim.core.trace import Record, RecordKind, claim_records, line, node_records

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
COMMAND = '{"reason":"Drifted","startedAt":"2026-02-14T12:00:00Z","replacements":[{"name":"b"},{"name":"c"}]}'


def claim(*true: str, **annotations: str) -> NodeClaim:
    metadata = ObjectMeta("a", labels={names.NODEPOOL: "default"}, annotations=annotations)
    return NodeClaim(metadata, status=NodeClaimStatus(tuple(Condition(type_, "True", "Why") for type_ in true)))


def node(command: str | None = None) -> Node:
    annotations = {names.COMMAND: command} if command is not None else {}
    return Node(ObjectMeta("n", labels={names.NODE_IMAGE_VERSION: "v1"}, annotations=annotations))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, claim(), [RecordKind.CLAIM_CREATED]),
        (claim(), claim("Launched"), [RecordKind.CLAIM_LAUNCHED]),
        (claim("Launched"), claim("Launched"), []),
        (
            claim("Launched"),
            claim("Launched", "Registered", "Initialized"),
            [RecordKind.CLAIM_REGISTERED, RecordKind.CLAIM_INITIALIZED],
        ),
        (claim(), claim("Drifted"), [RecordKind.DRIFTED]),
        (claim("Drifted"), claim(), []),
        (claim("Drifted"), None, [RecordKind.CLAIM_GONE]),
    ],
)
def test_a_claim_tells_of_what_turned_true(
    old: NodeClaim | None, new: NodeClaim | None, told: list[RecordKind]
) -> None:
    assert [record.kind for record in claim_records(old, new, NOON)] == told


def test_a_replacement_names_what_it_replaces() -> None:
    (record,) = claim_records(None, claim(**{names.REPLACES: "old"}), NOON)
    assert record == Record(
        NOON, RecordKind.CLAIM_CREATED, "NodeClaim/a", details={"nodePool": "default", "replaces": "old"}
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, node(), [RecordKind.NODE_JOINED]),
        (node(), node(COMMAND), [RecordKind.COMMAND_STARTED]),
        (node(COMMAND), node(COMMAND), []),
        (node(COMMAND), node(), [RecordKind.COMMAND_ROLLED_BACK]),
        (node(COMMAND), None, [RecordKind.NODE_GONE]),
    ],
)
def test_a_node_tells_of_its_command(old: Node | None, new: Node | None, told: list[RecordKind]) -> None:
    assert [record.kind for record in node_records(old, new, NOON)] == told


def test_a_command_names_its_reason_and_its_replacements() -> None:
    (record,) = node_records(node(), node(COMMAND), NOON)
    assert (record.reason, dict(record.details)) == ("Drifted", {"replacements": "b c"})


def test_a_command_that_somebody_else_wrote_is_told_without_what_it_says() -> None:
    (record,) = node_records(node(), node("not JSON"), NOON)
    assert (record.kind, record.reason) == (RecordKind.COMMAND_STARTED, "")


def test_a_line_has_its_keys_in_one_order_and_leaves_out_what_is_empty() -> None:
    record = Record(
        NOON, RecordKind.BLOCKED, "NodeClaim/a", "PodDisruptionBudget", wake_at=NOON, details={"node": "n", "a": "b"}
    )
    assert line(record) == (
        '{"at":"2026-02-14T12:00:00Z","kind":"Blocked","object":"NodeClaim/a","reason":"PodDisruptionBudget",'
        '"wakeAt":"2026-02-14T12:00:00Z","details":{"a":"b","node":"n"}}'
    )
