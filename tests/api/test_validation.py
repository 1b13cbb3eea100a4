"""Mistakes are reported all at once, by field, with what is allowed."""

from __future__ import annotations

import pytest

from napsim.api.validation import FieldError, errors_of, path_of
from tests.api.good import good
from tests.api.paths import GONE, changed

POOL = good("NodePool", 2)
WINDOW = good("MaintenanceConfiguration", 1)


def test_a_good_manifest_has_no_mistakes() -> None:
    assert errors_of(POOL) == []


def test_all_mistakes_are_reported_at_once() -> None:
    wrong = changed(
        POOL,
        {
            "metadata.name": "Not A Name",
            "spec.weight": 101,
            "spec.template.spec.expireAfter": "soon",
            "spec.template.spec.requirements": [{"key": "a", "operator": "In"}],
            "spec.disruption": {"budgets": [{"nodes": "1", "schedule": "@daily"}], "surprise": True},
        },
    )
    assert {error.field for error in errors_of(wrong)} == {
        "metadata.name",
        "spec.weight",
        "spec.template.spec.expireAfter",
        "spec.template.spec.requirements[0].values",
        "spec.disruption.consolidateAfter",
        "spec.disruption.budgets[0]",
        "spec.disruption.surprise",
    }


def test_a_mistake_names_object_field_value_and_what_is_allowed() -> None:
    error, *_ = errors_of(changed(POOL, {"spec.weight": 101}))
    assert error == FieldError("NodePool/smallest", "spec.weight", 101, "must be less than or equal to 100")
    assert str(error) == "NodePool/smallest: spec.weight: 101: must be less than or equal to 100"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("metadata.creationTimestamp", 5, "must be of type date-time: RFC 3339, such as 2026-02-15T01:00:00Z"),
        ("spec.maintenanceWindow.startDate", 20260215, "must be of type date: yyyy-MM-dd, such as 2026-02-15"),
        ("spec.maintenanceWindow.startTime", 9, "must be in format HH:mm, from 00:00 to 23:59. For example, 09:30"),
        ("spec.maintenanceWindow.startTime", True, "must be in format HH:mm, from 00:00 to 23:59. For example, 09:30"),
    ],
)
def test_a_number_where_a_time_has_to_be_is_told_what_a_time_is_not_to_write_it_in_quotes(
    field: str, value: object, told: str
) -> None:
    (error,) = errors_of(changed(WINDOW, {field: value}))
    assert (error.field, error.value) == (field, value)
    assert error.message.startswith(told)


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("spec.disruptions", "did you mean disruption?"),
        ("spec.template.spec.nodeclassRef", "did you mean nodeClassRef?"),
        ("spec.template.spec.kubelet", "allowed are taints, startupTaints, requirements, nodeClassRef"),
        ("metadata.lables", "did you mean labels?"),
    ],
)
def test_an_unknown_field_comes_with_the_right_one(field: str, hint: str) -> None:
    messages = {error.field: error.message for error in errors_of(changed(POOL, {field: {}}))}
    assert hint in messages[field] or ("metadata" in field and messages[field] == "unknown field")


def test_an_unknown_field_that_is_null_is_unknown_all_the_same() -> None:
    assert [error.field for error in errors_of(changed(POOL, {"spec.replica": None}))] == ["spec.replica"]


def test_an_unknown_zone_is_a_mistake_that_the_api_server_cannot_see() -> None:
    (error,) = errors_of(changed(WINDOW, {"spec.timeZone": "Europe/Berln"}))
    assert error.field == "spec.timeZone"
    assert "did you mean Europe/Berlin?" in error.message


def test_a_kind_that_does_not_exist_in_our_groups_is_named_with_those_that_do() -> None:
    (error,) = errors_of({"apiVersion": "karpenter.sh/v1beta1", "kind": "NodePool", "metadata": {"name": "x"}})
    assert error.object == "NodePool/x"
    assert "NodePool (karpenter.sh/v1)" in error.message


def test_kinds_of_other_groups_are_not_judged() -> None:
    assert errors_of({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"surprise": 1}}) == []


def test_an_update_may_not_turn_a_dynamic_pool_into_a_static_one() -> None:
    (error,) = errors_of(changed(POOL, {"spec.replicas": 3}), POOL)
    assert error.field == "spec"
    assert "between static (replicas set) and dynamic (replicas unset)" in error.message


def test_an_update_may_not_change_what_a_claim_asks_for() -> None:
    claim = good("NodeClaim")
    assert [error.message for error in errors_of(changed(claim, {"spec.expireAfter": "1h"}), claim)] == [
        "spec is immutable"
    ]
    assert errors_of(changed(claim, {"metadata.labels": GONE}), claim) == []


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("spec", "disruption", "budgets", 0, "nodes"), "spec.disruption.budgets[0].nodes"),
        (("metadata", "labels", "example.com/tier"), "metadata.labels[example.com/tier]"),
        ((), ""),
    ],
)
def test_a_path_is_written_as_kubernetes_writes_it(location: tuple[int | str, ...], path: str) -> None:
    assert path_of(location) == path
