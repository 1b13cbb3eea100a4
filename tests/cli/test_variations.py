"""What a sweep varies: values of a field, and the manifests that have them."""

from __future__ import annotations

from typing import Any

import pytest

from napsim.cli.variations import MOST_POINTS, VariationError, points, variation, varied
from napsim.reading.kinds import KINDS
from napsim.reading.sources import Document


def document(kind: str, name: str, spec: dict[str, Any], **metadata: str) -> Document:
    manifest = {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
    return Document("a.yaml", 1, manifest)


WINDOW = document(
    "MaintenanceConfiguration",
    "os",
    {
        "configName": "aksManagedNodeOSUpgradeSchedule",
        "maintenanceWindow": {"durationHours": 4, "schedule": {"weekly": {"dayOfWeek": "Sunday"}}},
    },
)


def pool(name: str, *budgets: dict[str, Any]) -> Document:
    return document("NodePool", name, {"disruption": {"budgets": list(budgets)}, "weight": 1})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("5%..20%/5%", ("5%", "10%", "15%", "20%")),
        ("1..3", ("1", "2", "3")),
        ("1,2,5..9/2", ("1", "2", "5", "7", "9")),
        ("4h..12h/4h", ("4h", "8h", "12h")),
        ("22:00..23:00/30m", ("22:00", "22:30", "23:00")),
        ("Fri..Mon", ("Friday", "Saturday", "Sunday", "Monday")),
        ("Never,24h", ("Never", "24h")),
        ("3,3", ("3",)),
    ],
)
def test_values_are_listed_or_a_range(values: str, expected: tuple[str, ...]) -> None:
    assert variation(f"pool/default:budget={values}").values == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pool/default", "must be TARGET:FIELD=VALUES"),
        ("pool:budget=1", "the target must be pool/NAME"),
        ("fleet/default:budget=1", "the target must be pool/NAME"),
        (
            "pool/default:speed=1",
            "the field 'speed' of a NodePool must be budget, expireAfter, terminationGracePeriod, or a path",
        ),
        ("pool/default:budget=9..1", "must go up"),
        ("pool/default:budget=1..9/0", "must go up"),
        ("pool/default:budget=1%..9", "must be a range such as"),
        ("window/os:day=Mon..Caturday", "'Caturday' must be a day of the week, such as Sat"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(VariationError) as told:
        variation(text)
    assert said in str(told.value)
    assert text in str(told.value)


def test_all_combinations_are_tried_and_too_many_refused() -> None:
    found = points([variation("pool/a:budget=1..2"), variation("window/os:day=Sat,Sun")])
    assert found == [("1", "Sat"), ("1", "Sun"), ("2", "Sat"), ("2", "Sun")]
    with pytest.raises(VariationError, match=f"at most {MOST_POINTS}"):
        points([variation("pool/a:budget=1..100"), variation("pool/b:budget=1..100")])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"nodes": "10%"}], [{"nodes": "7"}]),
        ([], [{"nodes": "7"}]),
        ([{"nodes": "0", "duration": "1h"}], [{"nodes": "7"}, {"nodes": "0", "duration": "1h"}]),
        ([{"nodes": "1"}, {"nodes": "0%", "duration": "1h"}], [{"nodes": "7"}, {"nodes": "0%", "duration": "1h"}]),
    ],
    ids=["one", "none", "closing only", "closing too"],
)
def test_a_budget_of_a_pool_is_varied_and_what_closes_stays(
    given: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    documents = [pool("a", *given), pool("b", *given)]
    first, second = varied(documents, [variation("pool/a:budget=7")], ["7"])
    assert first.manifest["spec"]["disruption"]["budgets"] == expected
    assert second is documents[1]
    assert documents[0].manifest["spec"]["disruption"]["budgets"] == given


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("window/os:duration=8", ("maintenanceWindow", "durationHours"), 8),
        ("window/aksManagedNodeOSUpgradeSchedule:day=Mon..Mon",
         ("maintenanceWindow", "schedule", "weekly", "dayOfWeek"), "Monday"),
        ("window/*:start=23:00", ("maintenanceWindow", "startTime"), "23:00"),
    ],
)  # fmt: skip
def test_a_window_is_found_by_its_name_or_that_of_its_configuration(
    text: str, path: tuple[str, ...], expected: object
) -> None:
    item = variation(text)
    (found,) = varied([WINDOW], [item], item.values)
    value: Any = found.manifest["spec"]
    for part in path:
        value = value[part]
    assert value == expected


def test_any_field_of_any_kind_can_be_varied_and_keeps_its_type() -> None:
    pdb = document("PodDisruptionBudget", "web", {"maxUnavailable": "25%"}, namespace="shop")
    items = [variation("pool/*:spec.weight=5"), variation("pdb/shop/web:maxUnavailable=2")]
    found = varied([pool("a"), pool("b"), pdb], items, ["5", "2"])
    assert [it.manifest["spec"].get("weight") for it in found] == [5, 5, None]
    assert found[2].manifest["spec"]["maxUnavailable"] == 2


@pytest.mark.parametrize(
    "field", ["spec.disruption.budgets[1].nodes", "spec.weight.of", "spec.disruption.budgets.nodes"]
)
def test_a_field_that_is_not_there_is_told(field: str) -> None:
    text = f"pool/default:{field}=2"
    with pytest.raises(VariationError) as raised:
        varied([pool("default", {"nodes": "1"})], [variation(text)], ["2"])
    assert str(raised.value) == f"{text!r}: there is no {field} in NodePool/default"


def test_a_namespace_that_is_not_written_is_default_and_a_kind_of_another_group_is_not_meant() -> None:
    blocker = document("PodDisruptionBudget", "web", {"maxUnavailable": 1})
    (found,) = varied([blocker], [variation("pdb/default/web:maxUnavailable=3")], ["3"])
    assert found.manifest["spec"] == {"maxUnavailable": 3}
    with pytest.raises(VariationError, match="is not in the input"):
        varied([blocker], [variation("pdb/None/web:maxUnavailable=3")], ["3"])
    foreign = Document("a.yaml", 1, {**pool("a").manifest, "apiVersion": "hypershift.openshift.io/v1beta1"})
    ours, other = varied([pool("b"), foreign], [variation("pool/*:spec.weight=7")], ["7"])
    assert (ours.manifest["spec"]["weight"], other.manifest["spec"]["weight"]) == (7, 1)
    with pytest.raises(VariationError, match="there is no NodePool"):
        varied([foreign], [variation("pool/*:spec.weight=7")], ["7"])


def test_a_target_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(VariationError, match="NodePool/c is not in the input; there are a, b"):
        varied([pool("a"), pool("b")], [variation("pool/c:budget=1")], ["1"])
