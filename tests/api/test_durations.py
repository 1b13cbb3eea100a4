"""Go durations: what ``time.ParseDuration`` reads, to the nanosecond, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.api.durations import format_duration, parse_duration, parse_nanoseconds

HOUR: Final = 3_600_000_000_000
LONGEST: Final = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        pytest.param("1h30m", HOUR * 3 // 2, id="hours-and-minutes"),
        pytest.param("30m1h", HOUR * 3 // 2, id="in-any-order"),
        pytest.param("1.5h", HOUR * 3 // 2, id="decimals"),
        pytest.param("1.h", HOUR, id="a-point-without-decimals"),
        pytest.param(".5s", 500_000_000, id="a-point-without-a-number-before-it"),
        pytest.param("1500ns", 1_500, id="between-two-microseconds"),
        pytest.param("1.0005ms", 1_000_500, id="decimals-of-a-millisecond"),
        pytest.param("0.9ns", 0, id="less-than-a-nanosecond-is-cut-off"),
        pytest.param("0.3333333333333333333333333s", 333_333_333, id="more-decimals-than-count"),
        pytest.param("2µs2μs2us", 6_000, id="three-ways-to-write-micro"),
        pytest.param("-1m", -60_000_000_000, id="negative"),
        pytest.param("+1m", 60_000_000_000, id="with-a-plus"),
        pytest.param("0", 0, id="zero-without-a-unit"),
        pytest.param("-0", 0, id="minus-zero"),
        pytest.param("00000000000000000000000001s", 1_000_000_000, id="leading-zeros"),
        pytest.param(f"{LONGEST}ns", LONGEST, id="the-longest"),
    ],
)
def test_a_duration_is_read_to_the_nanosecond(text: str, nanoseconds: int) -> None:
    assert parse_nanoseconds(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "1", "1d", "h", ".h", "1 h", " 1h", "1h ", "1h\n", "1e3s", "--1h", "1h-1m", "Never", "٣h", "1_0s"]
)
def test_what_go_refuses_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30s, 15m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", [f"{LONGEST + 1}ns", "2562048h", "9" * 5000 + "h"])
def test_what_is_too_long_for_go_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is longer than 292 years"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "microseconds"), [("1ns", 1), ("1500ns", 2), ("-1ns", -1), ("1us", 1), ("0s", 0)])
def test_what_is_between_two_microseconds_counts_as_the_longer_one(text: str, microseconds: int) -> None:
    assert parse_duration(text) == timedelta(microseconds=microseconds)


@given(st.integers(10**6, 10**15).map(lambda micros: timedelta(microseconds=micros)))
def test_a_duration_that_is_written_reads_as_itself(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration
