"""Versions of node images and of Kubernetes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.versions import at_least, is_newer, kubernetes_version, split_security_patch, version_date

CURRENT = st.builds(
    "{:04d}{:02d}.{:02d}.{}".format, st.integers(2023, 2027), st.integers(1, 12), st.integers(1, 28), st.integers(0, 12)
)
LEGACY = st.builds("{:04d}.{:02d}.{:02d}".format, st.integers(2020, 2023), st.integers(1, 12), st.integers(1, 28))
PATCHED = st.builds("{}-{}".format, CURRENT, LEGACY)
ANY = st.one_of(CURRENT, LEGACY, PATCHED, st.sampled_from(["", "1.x.2", "20348.4529.251212", "202410.27"]))


@pytest.mark.parametrize(
    ("a", "b", "newer"),
    [
        pytest.param("202308.28.0", "202411.12.0", False, id="nap:W1"),
        pytest.param("202411.12.0", "202308.28.0", True, id="nap:W2"),
        pytest.param("202404.09.0", "202411.12.0", False, id="nap:W4"),
        pytest.param("202405.20.0", "202404.09.0", True, id="nap:W5"),
        pytest.param("202411.12.0", "2022.12.15", True, id="nap:W7"),
        pytest.param("2022.12.15", "2022.10.03", True, id="nap:W8"),
        pytest.param("202411.12.0", "202411.12.0", False, id="nap:W9"),
        pytest.param("202606.08.1-2026.06.13", "202604.24.0-2026.05.24", True, id="nap:S1"),
        pytest.param("202604.24.0-2026.05.24", "202606.08.1-2026.06.13", False, id="nap:S2"),
        pytest.param("202604.24.0-2026.05.24", "202604.24.0-2026.05.11", True, id="nap:S3"),
        pytest.param("202604.24.0-2026.05.11", "202604.24.0-2026.05.24", False, id="nap:S4"),
        pytest.param("202604.13.0-2026.05.24", "202604.24.0-2026.05.24", False, id="nap:S6"),
        pytest.param("202604.24.0-2026.05.24", "202604.24.0-2026.05.24", False, id="nap:S7"),
        pytest.param("202602.20.0-2026.03.01", "202602.19.0-2026.03.02", False, id="nap:S9"),
        pytest.param("202410.27.10", "202410.27.9", True, id="builds are numbers"),
        pytest.param("202410.27.0", "202410.27", True, id="the longer of two equal ones"),
        pytest.param("202410.27", "202410.27.0", False, id="the shorter of two equal ones"),
        pytest.param("202412.x.0", "202410.27.0", True, id="decided before the part that is no integer"),
        pytest.param("202410.x.0", "202410.27.0", False, id="a part that is no integer"),
        pytest.param("202410.27.0-2024.12.01", "202410.27.0", False, id="a patch date on one side only: same base"),
        pytest.param("202411.12.0", "202410.27.0-2024.12.01", True, id="a patch date on one side only: newer base"),
    ],
)
def test_a_version_is_newer_than_another(a: str, b: str, newer: bool) -> None:
    assert is_newer(a, b) is newer


@given(ANY, ANY)
def test_two_versions_are_never_both_newer_than_each_other(a: str, b: str) -> None:
    assert not (is_newer(a, b) and is_newer(b, a))


@given(CURRENT, LEGACY)
def test_any_version_of_today_beats_any_legacy_one(current: str, legacy: str) -> None:
    assert is_newer(current, legacy)
    assert not is_newer(legacy, current)


@given(CURRENT, CURRENT)
def test_a_later_day_is_a_newer_version(a: str, b: str) -> None:
    day_a, day_b = version_date(a), version_date(b)
    assert day_a is not None
    assert day_b is not None
    assert day_a == day_b or is_newer(a, b) == (day_a > day_b)


@pytest.mark.parametrize(
    ("version", "date"),
    [
        ("202410.27.0", datetime(2024, 10, 27, tzinfo=UTC)),
        ("202603.18.12", datetime(2026, 3, 18, tzinfo=UTC)),
        ("202410.27.0-2024.12.01", datetime(2024, 12, 1, tzinfo=UTC)),
        ("2022.10.03", None),
        ("20348.4529.251212", None),
        ("202413.01.0", None),
        ("202402.30.0", None),
        ("202410.27", None),
        ("202410.27.0\n", None),
        ("", None),
    ],
)
def test_the_day_of_a_version_is_read_from_the_current_linux_form_only(version: str, date: datetime | None) -> None:
    assert version_date(version) == date


def test_the_security_patch_is_split_off() -> None:
    assert split_security_patch("202410.27.0-2024.12.01") == ("202410.27.0", "2024.12.01")
    assert split_security_patch("202410.27.0") == ("202410.27.0", "")


def test_kubernetes_versions_are_ordered_as_semver_orders_them() -> None:
    ordered = ["1.9.9", "1.33.9", "1.33.10", "1.34.0-alpha.2", "1.34.0-alpha.11", "1.34.0-alpha.b", "1.34.0-beta.1"]
    ordered += ["1.34.0-rc.0", "1.34.0", "1.34.1", "2.0.0"]
    parsed = [kubernetes_version(text) for text in ordered]
    assert None not in parsed
    assert sorted(version for version in parsed if version is not None) == parsed


@pytest.mark.parametrize("text", ["1.33.2", "v1.33.2", "1.33.2+build.5", " v1.33.2 "])
def test_a_kubernetes_version_is_read_tolerantly(text: str) -> None:
    assert kubernetes_version(text) == kubernetes_version("1.33.2")


@pytest.mark.parametrize("text", ["", "latest", "1.x", "1.33.2.1", "1..2"])
def test_what_is_no_kubernetes_version_is_none(text: str) -> None:
    assert kubernetes_version(text) is None


def test_a_minor_is_reached_by_its_release_and_not_by_what_precedes_it() -> None:
    assert at_least("1.34.0", 1, 34)
    assert at_least("1.34", 1, 34)
    assert not at_least("1.33.99", 1, 34)
    assert not at_least("1.34.0-alpha.1", 1, 34)
    assert not at_least("nonsense", 1, 34)
