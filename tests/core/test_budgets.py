"""Budgets: the tables of karpenter.md 19.1, 19.2 and 19.12, and what must hold for any of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.core.budgets import (
    DRIFTED,
    EMPTY,
    REASONS,
    UNDERUTILIZED,
    UNLIMITED,
    Allowance,
    Budget,
    BudgetError,
    NodeCount,
    PoolCount,
    allowed_by_budget,
    allowed_by_reason,
    contribution,
    count,
    describe,
    is_active,
    next_change,
    remaining,
)
from napsim.core.schedules import ScheduleError
from tests.core.instants import at

NOW: Final = datetime(2000, 6, 15, 12, 30, 30, tzinfo=UTC)
NODES: Final = 100
HOUR: Final = timedelta(hours=1)

F0: Final = Budget("10", "* * * * *", HOUR)
F1: Final = Budget("100", "* * * * *", HOUR)
F2: Final = Budget("100%", "* * * * *", HOUR)
F3: Final = Budget("15", "* * * * *", HOUR, frozenset({DRIFTED, UNDERUTILIZED}))
F4: Final = Budget("5", "* * * * *", HOUR, frozenset({DRIFTED}))
F5: Final = Budget("0", "@weekly", HOUR, frozenset(REASONS))
FIXTURE: Final = (F0, F1, F2, F3, F4, F5)
F5_ACTIVE: Final = (*FIXTURE[:5], replace(F5, schedule="* * * * *"))
ALL_YEARLY: Final = tuple(replace(budget, schedule="@yearly") for budget in FIXTURE)
F3_F4_YEARLY: Final = (F0, F1, F2, replace(F3, schedule="@yearly"), replace(F4, schedule="@yearly"), F5)
ALWAYS_FOUR_EMPTY: Final = Budget("4", reasons=frozenset({EMPTY}))


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


# --- What budgets allow -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budgets", "reason", "allowed"),
    [
        pytest.param(F5_ACTIVE, EMPTY, 0, id="karpenter:B01"),
        pytest.param(F5_ACTIVE, UNDERUTILIZED, 0, id="karpenter:B02"),
        pytest.param(F5_ACTIVE, DRIFTED, 0, id="karpenter:B03"),
        pytest.param(ALL_YEARLY, EMPTY, UNLIMITED, id="karpenter:B04"),
        pytest.param(ALL_YEARLY, UNDERUTILIZED, UNLIMITED, id="karpenter:B05"),
        pytest.param(ALL_YEARLY, DRIFTED, UNLIMITED, id="karpenter:B06"),
        pytest.param(F3_F4_YEARLY, EMPTY, 10, id="karpenter:B07"),
        pytest.param(F3_F4_YEARLY, DRIFTED, 10, id="karpenter:B09"),
        pytest.param((F0,), EMPTY, 10, id="karpenter:B10-empty"),
        pytest.param((F0,), UNDERUTILIZED, 10, id="karpenter:B10-underutilized"),
        pytest.param((F0,), DRIFTED, 10, id="karpenter:B10-drifted"),
        pytest.param((*FIXTURE, ALWAYS_FOUR_EMPTY), EMPTY, 4, id="karpenter:B11"),
        pytest.param((*FIXTURE, ALWAYS_FOUR_EMPTY), DRIFTED, 5, id="every-reason-has-its-own-minimum"),
        pytest.param((), DRIFTED, UNLIMITED, id="karpenter:R11"),
        pytest.param((Budget("0", reasons=frozenset()),), DRIFTED, UNLIMITED, id="no-reasons-match-nothing"),
        pytest.param((Budget("10%"), Budget("0", reasons=frozenset({EMPTY}))), DRIFTED, 10, id="of-another-reason"),
    ],
)
def test_the_smallest_active_budget_for_the_reason_counts(
    budgets: tuple[Budget, ...], reason: str, allowed: int
) -> None:
    assert allowed_by_reason(budgets, reason, NODES, NOW) == Allowance(allowed)


@pytest.mark.parametrize(
    ("budget", "allowed"),
    [
        pytest.param(Budget("10", "@yearly", HOUR), UNLIMITED, id="karpenter:B16"),
        pytest.param(F0, 10, id="karpenter:B17"),
        pytest.param(F2, 100, id="karpenter:B18"),
    ],
)
def test_one_budget_alone(budget: Budget, allowed: int) -> None:
    assert allowed_by_budget(budget, NODES, NOW) == Allowance(allowed)


@pytest.mark.row("karpenter:B14")
def test_a_schedule_that_does_not_parse_allows_nothing() -> None:
    answer = allowed_by_budget(Budget("10", "@wrongly"), NODES, NOW)

    assert answer.allowed == 0
    assert "schedule '@wrongly'" in answer.errors[0]


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param("0 0 * * 7", id="karpenter:R10-sunday-as-seven"),
        pytest.param("0 0 * * fri-sun", id="karpenter:R10-range-that-wraps"),
        pytest.param("0 9 * * monday", id="karpenter:R10-long-name"),
        pytest.param("@dailyx", id="karpenter:R10-starts-with-a-macro"),
        pytest.param("TZ=Europe/Berlin 0 9 * * 1", id="karpenter:R10-zone"),
    ],
)
@pytest.mark.parametrize("reason", REASONS)
def test_one_bad_schedule_blocks_every_reason_of_the_pool(schedule: str, reason: str) -> None:
    pool = (Budget("50"), Budget("100", schedule, HOUR, frozenset({EMPTY})))

    answer = allowed_by_reason(pool, reason, NODES, NOW)

    assert answer.allowed == 0
    assert answer.errors[0].startswith(f"budgets[1]: schedule {schedule!r}: ")


def test_all_errors_of_a_pool_are_named() -> None:
    pool = (Budget("10", "@wrongly", HOUR), Budget("10"), Budget("ten"), Budget("5", duration=HOUR))

    errors = allowed_by_reason(pool, DRIFTED, NODES, NOW).errors

    assert [error.split(": ")[0] for error in errors] == ["budgets[0]", "budgets[2]", "budgets[3]"]


@pytest.mark.parametrize(
    ("share", "of", "allowed"),
    [
        *(
            pytest.param("10%", of, allowed, id=f"karpenter:R01-{of}")
            for of, allowed in ((1, 1), (10, 1), (11, 2), (95, 10), (101, 11), (0, 0))
        ),
        pytest.param("50%", 3, 2, id="karpenter:R02-50%-of-3"),
        pytest.param("33%", 3, 1, id="karpenter:R02-33%-of-3"),
        pytest.param("1%", 101, 2, id="karpenter:R02-1%-of-101"),
        pytest.param("99%", 10, 10, id="karpenter:R02-99%-of-10"),
        pytest.param("0%", 10, 0, id="zero-percent"),
        pytest.param("0", 10, 0, id="zero"),
        pytest.param("7%", 100, 7, id="exact-where-a-float-is-not"),
        pytest.param("5", 3, 5, id="a-number-counts-as-it-is"),
        pytest.param("2147483647", 3, UNLIMITED, id="the-largest-number"),
        pytest.param("2147483648", 3, 0, id="wraps-to-a-negative-number-in-go"),
        pytest.param("4294967298", 3, 2, id="wraps-around-in-go"),
        pytest.param("-3", 3, 0, id="negative"),
        pytest.param("-5%", 100, 0, id="negative-percentage"),
        pytest.param("100%", 2**40, UNLIMITED, id="never-above-unlimited"),
    ],
)
def test_the_nodes_field_over_a_number_of_nodes(share: str, of: int, allowed: int) -> None:
    assert allowed_by_budget(Budget(share), of, NOW) == Allowance(allowed)


@pytest.mark.parametrize("nodes", ["", "ten", "10.5%", "%", "5%%", "1_0", " 5", "9223372036854775808", "٣"])
def test_malformed_nodes_allow_nothing_but_only_while_the_budget_is_active(nodes: str) -> None:
    inactive = Budget(nodes, "@yearly", HOUR)
    active = replace(inactive, schedule="* * * * *")

    assert allowed_by_budget(inactive, NODES, NOW) == Allowance(UNLIMITED)
    assert allowed_by_budget(active, NODES, NOW) == Allowance(
        0, (f"nodes {nodes!r}: allowed is a number of nodes or a percentage, such as 5 or 10%",)
    )


# --- When a budget is active ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "duration", "now", "active"),
    [
        pytest.param(None, None, NOW, True, id="karpenter:B20"),
        pytest.param("* * * * *", HOUR, NOW, True, id="karpenter:B21"),
        pytest.param("@yearly", HOUR, NOW, False, id="karpenter:B22"),
        pytest.param("@daily", hours(48), at("2024-01-07"), True, id="karpenter:B24"),
        pytest.param("30 6 * * SUN", hours(6), at("2024-01-07"), False, id="karpenter:B25"),
        pytest.param("0 9 * * mon-fri", hours(8), at("2026-03-02T08:59:59"), False, id="karpenter:R03-before"),
        pytest.param("0 9 * * mon-fri", hours(8), at("2026-03-02T09:00:00"), True, id="karpenter:R03-start"),
        pytest.param("0 9 * * mon-fri", hours(8), at("2026-03-02T16:59:59"), True, id="karpenter:R03-last-second"),
        pytest.param("0 9 * * mon-fri", hours(8), at("2026-03-02T17:00:00"), False, id="karpenter:R03-end"),
        pytest.param("0 22 * * fri", hours(10), at("2026-03-07T07:59:59"), True, id="karpenter:R04-last-second"),
        pytest.param("0 22 * * fri", hours(10), at("2026-03-07T08:00:00"), False, id="karpenter:R04-end"),
        pytest.param("@hourly", hours(1), at("2026-03-02T09:00:00"), True, id="karpenter:R05-hourly-on-the-hour"),
        pytest.param("@hourly", hours(1), at("2026-03-02T09:59:59.999999"), True, id="karpenter:R05-hourly-before"),
        pytest.param("@daily", hours(24), at("2026-03-02"), True, id="karpenter:R05-daily-at-midnight"),
        pytest.param("@daily", hours(24), at("2026-03-02T23:59:59"), True, id="karpenter:R05-daily-before"),
        pytest.param("0 0 1 * mon", HOUR, at("2026-03-02T00:30:00"), True, id="karpenter:R06-monday"),
        pytest.param("0 0 1 * mon", HOUR, at("2026-04-01T00:30:00"), True, id="karpenter:R06-first"),
        pytest.param("0 0 1 * mon", HOUR, at("2026-04-02T00:30:00"), False, id="karpenter:R06-neither"),
        pytest.param("* * * * *", hours(0), at("2026-03-02T09:00:00"), False, id="karpenter:R09"),
        pytest.param("* * * * *", None, at("2026-03-02T09:00:00"), False, id="schedule-without-duration"),
        pytest.param("0 0 30 2 *", HOUR, NOW, True, id="a-schedule-that-never-hits"),
        pytest.param("0 0 30 2 *", hours(0), NOW, True, id="a-schedule-that-never-hits-for-no-time"),
        pytest.param("0 9 * * *", hours(8), at("2026-03-02T08:59:59.999999"), False, id="a-microsecond-before"),
    ],
)
def test_a_budget_is_active_from_a_hit_until_its_duration_has_passed(
    schedule: str | None, duration: timedelta | None, now: datetime, active: bool
) -> None:
    assert is_active(Budget("1", schedule, duration), now) is active


def test_a_scheduled_budget_restricts_only_while_active() -> None:
    budget = Budget("0", "0 9 * * mon-fri", hours(8))

    allowed = [
        allowed_by_reason((budget,), DRIFTED, NODES, at(f"2026-03-02T{hour}:00:00")).allowed for hour in ("08", "09")
    ]

    assert allowed == [UNLIMITED, 0]


def test_a_duration_without_a_schedule_is_an_error() -> None:
    with pytest.raises(ScheduleError, match="schedule '': has 0 fields"):
        is_active(Budget("1", duration=HOUR), NOW)


def test_the_next_change_is_the_earliest_of_all_budgets() -> None:
    pool = (Budget("10%"), Budget("0", "0 17 * * *", HOUR), Budget("0", "0 9 * * *", hours(4)), Budget("1", "@wrongly"))

    assert next_change(pool, NOW) == at("2000-06-15T13:00:00")
    assert next_change(pool, at("2000-06-15T13:00:00")) == at("2000-06-15T17:00:00")


@pytest.mark.parametrize(
    "budget",
    [
        pytest.param(Budget("10%"), id="no-schedule"),
        pytest.param(Budget("10%", "@hourly", HOUR), id="always-active"),
        pytest.param(Budget("10%", "@daily", hours(0)), id="never-active"),
        pytest.param(Budget("10%", "@daily"), id="no-duration"),
        pytest.param(Budget("10%", "0 0 30 2 *", HOUR), id="never-hits"),
        pytest.param(Budget("10%", "@wrongly", HOUR), id="fails-closed"),
    ],
)
def test_these_budgets_never_change(budget: Budget) -> None:
    assert next_change((budget,), NOW) is None


# --- What a pool has left ---------------------------------------------------------------------------------------------

HEALTHY: Final = NodeCount(
    managed=True, initialized=True, instance_terminating=False, ready=True, marked_for_deletion=False
)
TEN: Final = (HEALTHY,) * 10


@pytest.mark.parametrize(
    ("nodes", "share", "left"),
    [
        pytest.param((*TEN, replace(HEALTHY, managed=False)), "100%", 10, id="karpenter:M01"),
        pytest.param((*TEN, replace(HEALTHY, initialized=False)), "100%", 10, id="karpenter:M02"),
        pytest.param((replace(HEALTHY, marked_for_deletion=True),) * 10, "10%", 0, id="karpenter:M04"),
        pytest.param((*TEN[:8], *(replace(HEALTHY, ready=False),) * 2), "100%", 8, id="karpenter:M06"),
        pytest.param(
            (*TEN[:9], replace(HEALTHY, marked_for_deletion=True, ready=False), HEALTHY), "10%", 1, id="karpenter:R14"
        ),
        pytest.param((*TEN[:9], replace(HEALTHY, marked_for_deletion=True, ready=False)), "2", 1, id="karpenter:R15"),
        pytest.param((*TEN[:9], replace(HEALTHY, instance_terminating=True)), "100%", 9, id="terminating-is-gone"),
    ],
)
@pytest.mark.parametrize("reason", REASONS)
def test_what_a_pool_has_left(nodes: tuple[NodeCount, ...], share: str, left: int, reason: str) -> None:
    pool = count(nodes)

    allowed = allowed_by_reason((Budget(share),), reason, pool.total_nodes, NOW).allowed

    assert remaining(allowed, pool.disrupting_nodes) == left


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(HEALTHY, (1, 0), id="healthy"),
        pytest.param(replace(HEALTHY, ready=False, marked_for_deletion=True), (1, 1), id="counted-once"),
        pytest.param(replace(HEALTHY, managed=False, marked_for_deletion=True), (0, 0), id="unmanaged"),
        pytest.param(replace(HEALTHY, initialized=False, ready=False), (0, 0), id="uninitialized"),
        pytest.param(
            replace(HEALTHY, instance_terminating=True, marked_for_deletion=True), (0, 0), id="instance-terminating"
        ),
    ],
)
def test_what_one_node_contributes(node: NodeCount, expected: tuple[int, int]) -> None:
    assert contribution(node) == expected
    assert count((node,)) == PoolCount(*expected)


# --- Decoding and describing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "budget"),
    [
        pytest.param({}, Budget("10%"), id="default"),
        pytest.param({"nodes": "5"}, Budget("5"), id="nodes"),
        pytest.param({"nodes": ""}, Budget(""), id="nodes-written-out-empty"),
        pytest.param(
            {"nodes": "0", "schedule": "@daily", "duration": "1h30m0s"},
            Budget("0", "@daily", hours(1.5)),
            id="schedule",
        ),
        pytest.param({"reasons": []}, Budget(reasons=frozenset()), id="reasons-written-out-empty"),
        pytest.param({"reasons": None, "schedule": None}, Budget(), id="null-is-absent"),
        pytest.param({"reasons": ["Drifted"]}, Budget(reasons=frozenset({DRIFTED})), id="reasons"),
        pytest.param({"nodes": "ten", "schedule": "@wrongly"}, Budget("ten", "@wrongly"), id="kept-to-fail-closed"),
    ],
)
def test_a_budget_from_a_manifest(spec: dict[str, object], budget: Budget) -> None:
    assert Budget.from_spec(spec) == budget


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        pytest.param({"nodes": 5}, "nodes 5: allowed is a string", id="nodes-as-a-number"),
        pytest.param({"schedule": ["@daily"]}, "schedule ['@daily']: allowed is a string", id="schedule-as-a-list"),
        pytest.param({"duration": "1d"}, "duration: '1d' is not a duration", id="days"),
        pytest.param({"duration": "99999999999h"}, "'99999999999h' is longer than 292 years", id="beyond-go"),
        pytest.param({"duration": 3600}, "duration 3600: allowed is a string", id="seconds-as-a-number"),
        pytest.param({"reasons": "Drifted"}, "reasons 'Drifted': allowed is a list", id="reasons-as-a-string"),
    ],
)
def test_what_karpenter_could_not_decode_is_an_error(spec: dict[str, object], named: str) -> None:
    with pytest.raises(BudgetError) as refused:
        Budget.from_spec(spec)

    assert named in str(refused.value)


def test_all_faults_of_a_budget_are_named_at_once() -> None:
    with pytest.raises(BudgetError, match=r"nodes 5.*schedule 7.*duration.*reasons 1"):
        Budget.from_spec({"nodes": 5, "schedule": 7, "duration": "soon", "reasons": 1})


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        pytest.param(Budget("10%"), "10% of 20 = 2", id="percentage"),
        pytest.param(Budget("5"), "5", id="number"),
        pytest.param(Budget("5", reasons=frozenset({EMPTY, DRIFTED})), "5 for Drifted, Empty", id="reasons"),
        pytest.param(Budget("5", reasons=frozenset()), "5 for no reason", id="no-reason"),
        pytest.param(
            Budget("0", "0 9 * * mon-fri", hours(8)),
            "0, active until 2000-06-15T17:00:00Z (0 9 * * mon-fri for 8h)",
            id="active",
        ),
        pytest.param(
            Budget("10%", "0 22 * * *", hours(1.5), frozenset({DRIFTED})),
            "10% for Drifted, inactive until 2000-06-15T22:00:00Z: no limit (0 22 * * * for 1h30m)",
            id="inactive",
        ),
        pytest.param(Budget("1", "@hourly", hours(1)), "1, active (@hourly for 1h)", id="always-active"),
        pytest.param(Budget("1", "@daily", hours(0)), "1, inactive: no limit (@daily for 0s)", id="never-active"),
        pytest.param(
            Budget("ten"),
            "ten: allows 0, nodes 'ten': allowed is a number of nodes or a percentage, such as 5 or 10%",
            id="error",
        ),
    ],
)
def test_a_budget_described_for_people(budget: Budget, text: str) -> None:
    assert describe(budget, 20, NOW) == text


# --- Properties -------------------------------------------------------------------------------------------------------

SCHEDULES: Final = st.sampled_from([
    "@hourly", "@daily", "@weekly", "0 9 * * mon-fri", "*/7 8-17 * * *", "30 22 * * 5", "0 0 1 * mon", "* * * * 1-5",
    "0,20,50 */5 * * *", "15 3 */2 * *", "59 23 31 * *", "0 0 30 2 *",
])  # fmt: skip
DURATIONS: Final = st.one_of(
    st.integers(0, 3 * 1440).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds)),
)
NODES_FIELD: Final = st.one_of(st.integers(0, 2**40).map(str), st.integers(0, 100).map(lambda share: f"{share}%"))
REASON_SETS: Final = st.none() | st.frozensets(st.sampled_from(REASONS))
SCHEDULED: Final = st.builds(Budget, NODES_FIELD, SCHEDULES, DURATIONS, REASON_SETS)
BUDGETS: Final = st.one_of(
    SCHEDULED,
    st.builds(Budget, NODES_FIELD, reasons=REASON_SETS),
    st.builds(Budget, st.sampled_from(["ten", "-4", "101%"]), reasons=REASON_SETS),
    st.builds(Budget, NODES_FIELD, st.sampled_from(["@wrongly", "0 0 * * 7"]), DURATIONS, REASON_SETS),
)
POOLS: Final = st.lists(BUDGETS, max_size=4)
INSTANTS: Final = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds, as hypothesis wants
TOTALS: Final = st.integers(0, 5000)


@given(POOLS, st.sampled_from(REASONS), TOTALS, INSTANTS)
def test_what_is_allowed_is_never_negative_nor_above_unlimited(
    pool: list[Budget], reason: str, total: int, now: datetime
) -> None:
    assert 0 <= allowed_by_reason(pool, reason, total, now).allowed <= UNLIMITED


@given(POOLS, BUDGETS, st.sampled_from(REASONS), TOTALS, INSTANTS)
def test_one_more_budget_never_raises_what_is_allowed(
    pool: list[Budget], more: Budget, reason: str, total: int, now: datetime
) -> None:
    without = allowed_by_reason(pool, reason, total, now).allowed

    assert allowed_by_reason([*pool, more], reason, total, now).allowed <= without


@given(POOLS.flatmap(lambda pool: st.tuples(st.just(pool), st.permutations(pool))), TOTALS, INSTANTS)
def test_the_order_of_budgets_never_matters(
    pools: tuple[list[Budget], list[Budget]], total: int, now: datetime
) -> None:
    one, other = ([allowed_by_reason(pool, reason, total, now).allowed for reason in REASONS] for pool in pools)

    assert one == other
    assert next_change(pools[0], now) == next_change(pools[1], now)


@given(SCHEDULED, INSTANTS)
def test_a_budget_turns_at_its_next_change_and_at_no_minute_before(budget: Budget, now: datetime) -> None:
    was, change = is_active(budget, now), next_change((budget,), now)
    span = min(change or datetime.max.replace(tzinfo=UTC), now + timedelta(days=4))

    minutes = (now + timedelta(minutes=passed) for passed in range(int((span - now) / timedelta(minutes=1))))
    assert all(is_active(budget, minute) is was for minute in minutes)
    if change is not None:
        assert change > now
        assert is_active(budget, change - timedelta(microseconds=1)) is was
        assert is_active(budget, change) is not was


@settings(max_examples=30)
@given(st.lists(SCHEDULED, min_size=1, max_size=3), INSTANTS)
def test_the_allowance_holds_every_second_until_the_next_change_of_the_pool(pool: list[Budget], now: datetime) -> None:
    change = next_change(pool, now)
    span = min(change or datetime.max.replace(tzinfo=UTC), now + timedelta(hours=1))

    start = now.replace(microsecond=0) + timedelta(seconds=1)
    seconds = (start + timedelta(seconds=passed) for passed in range(max(int((span - now).total_seconds()), 0)))
    allowed = [allowed_by_reason(pool, DRIFTED, NODES, second) for second in seconds if second < span]
    assert set(allowed) <= {allowed_by_reason(pool, DRIFTED, NODES, now)}
