"""Quantities, and whether requests fit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.resources import (
    CPU,
    MEMORY,
    PODS,
    amount,
    amounts,
    fits,
    format_amount,
    largest,
    parse_quantity,
    subtract,
    total,
)

RESOURCES = st.dictionaries(st.sampled_from([CPU, MEMORY, PODS, "nvidia.com/gpu"]), st.integers(0, 10**12))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("380m", "0.38"),
        ("1.5Gi", str(3 * 2**29)),
        ("2", "2"),
        (2, "2"),
        (0.5, "0.5"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", str(10**18)),
        ("100k", "100000"),
        ("1Ki", "1024"),
        ("5n", "5e-9"),
        ("-1", "-1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e51", "1e50"),
        ("-1e999999999", "-1e50"),
        ("7e-999999999", "1e-50"),
        ("0e999999999", "0"),
    ],
)
def test_a_quantity_is_read_exactly(text: str | float, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "Mi", "1.2.3", "1 Gi", " 1", "1_000", "NaN", "Infinity", "1KB", "١", f"1e{10**20}"]
)
def test_what_is_no_quantity_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("resource", "quantity", "expected"),
    [(CPU, "1", 1000), (CPU, "1m", 1), (CPU, "1u", 1), (CPU, 0.25, 250), (MEMORY, "1Gi", 2**30), (MEMORY, "1m", 1)],
)
def test_cpu_is_in_millicores_and_everything_rounds_up(resource: str, quantity: str, expected: int) -> None:
    assert amount(resource, quantity) == expected


@pytest.mark.parametrize(
    ("resource", "value", "text"),
    [
        (CPU, 380, "380m"),
        (CPU, 4000, "4"),
        (CPU, 0, "0"),
        (MEMORY, 2**30, "1024Mi"),
        (MEMORY, 2**20 + 1, str(2**20 + 1)),
        (MEMORY, 0, "0"),
        (PODS, 110, "110"),
    ],
)
def test_an_amount_is_written_as_people_write_it(resource: str, value: int, text: str) -> None:
    assert format_amount(resource, value) == text


def test_a_resource_that_is_not_named_is_not_there() -> None:
    assert not fits({"nvidia.com/gpu": 1}, {CPU: 4000})
    assert fits({"nvidia.com/gpu": 0}, {CPU: 4000})


@pytest.mark.parametrize(("request_", "fit"), [(3999, True), (4000, True), (4001, False)])
def test_a_request_fits_up_to_the_last_millicore(request_: int, fit: bool) -> None:
    assert fits({CPU: request_}, {CPU: 4000}) is fit


def test_taking_a_request_out_changes_what_is_free() -> None:
    free = {CPU: 1000}
    subtract(free, {CPU: 300, PODS: 1})
    assert free == {CPU: 700, PODS: -1}


@given(st.sampled_from([CPU, MEMORY, PODS]), st.integers(0, 10**15))
def test_an_amount_that_was_written_reads_as_itself(resource: str, value: int) -> None:
    assert amounts({resource: format_amount(resource, value)}) == {resource: value}


@given(RESOURCES, RESOURCES)
def test_what_fits_into_a_sum_less_one_part_fits_the_other_part(one: dict[str, int], other: dict[str, int]) -> None:
    free = total((one, other))
    subtract(free, one)
    assert fits(other, free)


@given(st.lists(RESOURCES, max_size=4))
def test_the_largest_of_parts_is_never_more_than_their_sum(parts: list[dict[str, int]]) -> None:
    assert fits(largest(parts), total(parts))
    assert all(fits(part, largest(parts)) for part in parts)
