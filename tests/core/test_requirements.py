"""Node selector requirements: what they allow, and when two sets of them can be met together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.objects import Requirement
from napsim.core.requirements import (
    DOES_NOT_EXIST,
    EXISTS,
    OPERATORS,
    AllowedValues,
    disjoint,
    incompatible,
    label_requirements,
    requirements_of,
    unmet,
)

KEYS = ("test-label", "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
VALUES = ("a", "b", "1", "2", "5", "10")


def requirement(operator: str, *values: str, key: str = "test-label") -> Requirement:
    return Requirement(key=key, operator=operator, values=values)


def allowed_by(wanted: Requirement) -> AllowedValues:
    (found,) = requirements_of([wanted]).values()
    return found


@st.composite
def any_requirement(draw: st.DrawFn) -> Requirement:
    operator = draw(st.sampled_from(OPERATORS))
    if operator in ("Gt", "Lt", "Gte", "Lte"):
        values: tuple[str, ...] = (str(draw(st.integers(0, 11))),)
    elif operator in ("In", "NotIn"):
        values = tuple(draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3)))
    else:
        values = ()
    return Requirement(key=draw(st.sampled_from(KEYS)), operator=operator, values=values)


REQUIREMENTS = st.lists(any_requirement(), max_size=4)
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))


@pytest.mark.parametrize(
    ("operator", "values", "allowed", "denied"),
    [
        ("In", ("a", "b"), ("a", "b"), ("c", "")),
        ("NotIn", ("a", "b"), ("c", ""), ("a", "b")),
        ("Exists", (), ("a", "", "7"), ()),
        ("DoesNotExist", (), (), ("a", "", "7")),
        ("Gt", ("2",), ("3", "+3", "100"), ("2", "1", "-5", "x", "3.5", "", " 3")),
        ("Lt", ("2",), ("1", "0", "-7"), ("2", "3", "x")),
        ("Gte", ("2",), ("2", "3"), ("1", "x")),
        ("Lte", ("2",), ("2", "1"), ("3", "x")),
    ],
)
def test_an_operator_allows_these_values_and_no_others(
    operator: str, values: tuple[str, ...], allowed: tuple[str, ...], denied: tuple[str, ...]
) -> None:
    found = allowed_by(requirement(operator, *values))
    assert [value for value in allowed if not found.allows(value)] == []
    assert [value for value in denied if found.allows(value)] == []


def test_greater_than_the_greatest_integer_allows_nothing() -> None:
    assert allowed_by(requirement("Gt", str(2**63 - 1))) == DOES_NOT_EXIST


def test_a_value_beyond_64_bits_is_no_integer() -> None:
    assert not allowed_by(requirement("Gt", "1")).allows(str(2**63))


@pytest.mark.parametrize(
    ("requirements", "operator", "text"),
    [
        (["In a b", "In b c"], "In", "In [b]"),
        (["In a b", "In c"], "DoesNotExist", "DoesNotExist"),
        (["In a b", "NotIn a"], "In", "In [b]"),
        (["NotIn a", "In a b"], "In", "In [b]"),
        (["NotIn a", "NotIn b"], "NotIn", "NotIn [a b]"),
        (["Exists", "NotIn b"], "NotIn", "NotIn [b]"),
        (["Gt 2", "Lt 5"], "Exists", "Exists >=3 <=4"),
        (["Gt 2", "Lt 3"], "DoesNotExist", "DoesNotExist"),
        (["Gte 2", "Lte 2"], "Exists", "Exists >=2 <=2"),
        (["Gt 2", "In 1 3 x"], "In", "In [3]"),
        (["Gt 2", "NotIn 1 5"], "NotIn", "NotIn [5] >=3"),
    ],
)
def test_requirements_on_one_key_are_intersected(requirements: list[str], operator: str, text: str) -> None:
    items = [requirement(words[0], *words[1:]) for words in (line.split() for line in requirements)]
    merged = requirements_of(items)["test-label"]
    assert (merged.operator, str(merged)) == (operator, text)


@pytest.mark.parametrize(
    ("operator", "absent_is_fine"),
    [("In a", False), ("NotIn a", True), ("Exists", False), ("DoesNotExist", True), ("Gt 1", False), ("Lt 1", False)],
)
def test_a_missing_label_meets_only_not_in_and_does_not_exist(operator: str, absent_is_fine: bool) -> None:
    words = operator.split()
    wanted = requirements_of([requirement(words[0], *words[1:])])
    assert (unmet({}, wanted) == ()) is absent_is_fine
    assert (incompatible({}, wanted) == ()) is absent_is_fine


def test_an_undefined_key_may_be_allowed() -> None:
    wanted = requirements_of([requirement("In", "a")])
    assert incompatible({}, wanted) == ('label "test-label" does not have known values',)
    assert incompatible({}, wanted, allow_undefined=frozenset({"test-label"})) == ()


def test_not_in_and_does_not_exist_agree_although_they_share_no_value() -> None:
    assert disjoint({"k": DOES_NOT_EXIST}, {"k": AllowedValues(frozenset({"a"}), complement=True)}) == ()
    assert disjoint({"k": DOES_NOT_EXIST}, {"k": EXISTS}) == ("key k, k Exists not in k DoesNotExist",)


def test_an_old_label_key_means_the_new_one() -> None:
    wanted = requirements_of([requirement("In", "amd64", key="beta.kubernetes.io/arch")])
    assert unmet({"kubernetes.io/arch": "amd64"}, wanted) == ()
    assert unmet({"beta.kubernetes.io/arch": "amd64"}, wanted) == ()
    assert unmet({"kubernetes.io/arch": "arm64"}, wanted) == (
        "key kubernetes.io/arch, kubernetes.io/arch In [amd64] not in kubernetes.io/arch In [arm64]",
    )


def test_all_requirements_that_cannot_be_read_are_named_at_once() -> None:
    both = r"on test-label: operator 'Near' is none of In, .*; .*on cpu: Gt needs exactly one integer, not \['1', '2'\]"
    with pytest.raises(ValueError, match=both):
        requirements_of([requirement("Near", "a"), requirement("Gt", "1", "2", key="cpu"), requirement("In", "fine")])


@pytest.mark.parametrize(("operator", "met"), [("Gt", "1"), ("Lt", "-1"), ("Gte", "0"), ("Lte", "0")])
def test_what_is_no_number_is_compared_with_as_0(operator: str, met: str) -> None:
    """An API server takes such affinities of pods (no schema judges them), and Karpenter drops the error of Atoi."""
    wanted = requirements_of([requirement(operator, "many", key="k")])
    assert unmet({"k": met}, wanted) == ()
    assert unmet({"k": "1" if operator.startswith("L") else "-1"}, wanted)
    assert unmet({"k": "few"}, wanted)


def test_what_is_beyond_64_bits_is_compared_with_as_the_nearest() -> None:
    assert unmet({"k": "5"}, requirements_of([requirement("Lt", "9" * 30, key="k")])) == ()
    assert unmet({"k": "5"}, requirements_of([requirement("Gt", "9" * 30, key="k")]))


@given(LABELS, REQUIREMENTS)
def test_the_short_way_over_labels_gives_the_answer_of_the_general_one(
    labels: dict[str, str], items: list[Requirement]
) -> None:
    wanted = requirements_of(items)
    assert bool(unmet(labels, wanted)) == bool(incompatible(label_requirements(labels), wanted))


@given(any_requirement(), any_requirement(), st.sampled_from((*VALUES, "7", "-1", "zz", "")))
def test_an_intersection_allows_exactly_what_both_allow(first: Requirement, second: Requirement, value: str) -> None:
    one, two = allowed_by(first), allowed_by(second)
    assert one.intersection(two).allows(value) == (one.allows(value) and two.allows(value))


@given(any_requirement(), any_requirement())
def test_an_intersection_does_not_depend_on_the_order(first: Requirement, second: Requirement) -> None:
    one, two = allowed_by(first), allowed_by(second)
    assert one.intersection(two) == two.intersection(one)


def test_of_two_min_values_the_larger_holds() -> None:
    one = allowed_by(Requirement("k", "In", ("a", "b"), 1))
    two = allowed_by(Requirement("k", "Exists", (), 2))
    assert one.intersection(two) == AllowedValues(frozenset({"a", "b"}), min_values=2)
    assert str(one.intersection(two)) == "In [a b] minValues 2"


def test_a_message_names_five_values() -> None:
    assert str(AllowedValues(frozenset("gfedcba"))) == "In [a b c d e and 2 others]"
    assert str(AllowedValues(frozenset("edcba"), complement=True)) == "NotIn [a b c d e]"


@pytest.mark.parametrize(
    ("key", "guess"),
    [
        ("zone", ' (typo of "topology.kubernetes.io/zone"?)'),
        ("my.io/zone", ' (typo of "topology.kubernetes.io/zone"?)'),
        ("topologi.kubernetes.io/zones", ' (typo of "topology.kubernetes.io/zone"?)'),
        ("team", ""),
    ],
    ids=["part", "ending", "few-letters", "none"],
)
def test_a_key_that_looks_like_a_known_one_is_guessed(key: str, guess: str) -> None:
    wanted = {key: AllowedValues(frozenset({"a"}))}
    known = frozenset({"topology.kubernetes.io/zone"})
    assert incompatible({}, wanted, known) == (f'label "{key}" does not have known values{guess}',)
