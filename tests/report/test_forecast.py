"""A forecast in each of its forms: lines of a terminal, JSON with a schema, a calendar."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import icalendar
import msgspec
import pytest

from napsim.core.reasons import Reason
from napsim.report.forecast import SCHEMA, Forecast, Moment, document, schema
from napsim.report.forecast_calendar import calendar
from napsim.report.forecast_lines import lines
from napsim.report.marked import WIDTH, Tone
from napsim.report.remedies import remedies
from tests.report.forecasts import FINISHED, POOL, STEPS, STUCK, UNFINISHED, at

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "forecast-schema.json"


def shown(forecast: Forecast) -> str:
    return "\n".join(line.text for line in lines(forecast))


def entries(text: bytes) -> list[icalendar.Event]:
    return [item for item in icalendar.Calendar.from_ical(text).walk("VEVENT") if isinstance(item, icalendar.Event)]


LONG = msgspec.structs.replace(
    FINISHED,
    name="a" * 100,
    time_zone="UTC+05:30",
    start=at(2) - timedelta(days=1000),
    seed=2**40,
    pools=(
        msgspec.structs.replace(POOL, name="a-pool-with-a-long-name" * 3),
        msgspec.structs.replace(STUCK, name="b" * 99),
    ),
)


@pytest.mark.parametrize("forecast", [FINISHED, UNFINISHED, LONG])
def test_no_line_is_wider_than_80_columns(forecast: Forecast) -> None:
    assert max(len(line.text) for line in lines(forecast)) <= WIDTH


def test_when_it_is_done_is_told_in_local_time_and_utc() -> None:
    assert "All nodes are on the newest image: Sun 2026-03-08 04:00 CET (03:00 UTC)" in shown(FINISHED)
    assert "default: 3 nodes, 3 replaced; done Sun 2026-03-08 04:00 CET (03:00 UTC)" in shown(FINISHED)


def test_each_image_of_a_pool_is_a_row_of_a_table() -> None:
    rows = shown(FINISHED).splitlines()
    heading = next(
        number for number, row in enumerate(rows) if row.split() == ["IMAGE", "PUBLISHED", "PICKED", "UP", "DONE"]
    )
    assert rows[heading + 1] == "    202602.13.0            Tue 03-03 13:00  Sun 03-08 02:00  Sun 03-08 04:00"


def test_more_nodes_disrupted_than_the_budget_allows_are_explained() -> None:
    expired = msgspec.structs.replace(POOL, most_disrupting=2)
    told = " ".join(shown(msgspec.structs.replace(FINISHED, pools=(expired,))).split())
    assert "at once: 2 of 1 allowed then, Sun 2026-03-08 02:00; no budget holds nodes that expire" in told
    assert "no budget holds" not in shown(FINISHED)


def test_utc_is_not_told_twice() -> None:
    assert "done Sun 2026-03-08 03:00 UTC\n" in shown(UNFINISHED)


def test_disruptions_that_follow_on_one_another_are_one_line_of_the_time_line() -> None:
    told = shown(FINISHED)
    assert "Sun 2026-03-08 02:00  default: 3 nodes taken, the last at 02:40" in told
    assert told.index("AKSNodeClass/default picks up 202602.13.0: window open") < told.index("3 nodes taken")


def test_nodes_that_are_taken_for_something_else_are_lines_of_their_own_and_say_what_for() -> None:
    instants = [(at(8, 1), "Drifted"), (at(8, 1, 10), "Expired"), (at(8, 1, 20), "Drifted"), (at(8, 1, 30), "Expired")]
    timeline = tuple(
        Moment(at=instant, kind="CommandStarted", object="NodePool/default", node_pool="default", reason=reason)
        for instant, reason in instants
    )
    told = " ".join(shown(msgspec.structs.replace(FINISHED, time_zone="UTC", timeline=timeline)).split())
    assert "01:00 default: 2 nodes taken, the last at 01:20" in told
    assert "01:10 default: 2 nodes taken (Expired), the last at 01:30" in told


def test_two_classes_that_adopt_different_images_at_once_are_two_lines() -> None:
    """Four definitions that two classes share are one."""
    picks = [("az", "202603.01.0"), ("default", "202603.02.0"), ("gpu", "202603.02.0"), ("default", "202603.02.0")]
    timeline = tuple(
        Moment(
            at=at(8, 1), kind="PickedUp", object=f"AKSNodeClass/{name}", reason="WindowOpen", details={"to": version}
        )
        for name, version in picks
    )
    told = " ".join(shown(msgspec.structs.replace(FINISHED, timeline=timeline)).split())
    assert "AKSNodeClass/az picks up 202603.01.0: window open" in told
    assert "AKSNodeClass/default, AKSNodeClass/gpu pick up 202603.02.0" in told


def test_failures_that_begin_at_once_and_end_apart_are_two_lines() -> None:
    ends = {"a": "2026-03-08T02:00:00Z", "b": "2026-03-09T02:00:00Z"}
    timeline = tuple(
        Moment(at=at(8), kind="NoCapacity", object=f"NodePool/{pool}", message=f"until {end}", details={"until": end})
        for pool, end in ends.items()
    )
    told = " ".join(shown(msgspec.structs.replace(FINISHED, timeline=timeline)).split())
    assert "NoCapacity begins for NodePool/a, until Sun 2026-03-08 03:00" in told  # on the clocks of the scenario
    assert "NoCapacity begins for NodePool/b, until Mon 2026-03-09 03:00" in told


def test_commands_that_are_given_up_are_no_nodes_that_went() -> None:
    """One node was taken three times, and went the third time."""
    pool = {"nodePool": "default"}
    given_up = [
        Moment(at=at(8, 1, minute), kind="CommandRolledBack", object="Node/n1", details=pool) for minute in (10, 30)
    ]
    timeline = (*FINISHED.timeline, *given_up)
    told = " ".join(shown(msgspec.structs.replace(FINISHED, time_zone="UTC", timeline=timeline)).split())
    assert "default: nodes taken 3 times, 2 in vain, the last at 01:40" in told
    assert "n1 stays for now: replacement given up 2 times, the last" in told


def test_how_many_nodes_of_a_pool_fail_is_told() -> None:
    failed = Moment(at=at(8), kind="NodeFailed", object="NodePool/default", message="2 nodes")
    assert "falls silent: NodePool/default, 2 nodes" in shown(msgspec.structs.replace(FINISHED, timeline=(failed,)))


def test_the_zone_is_told_where_it_is_utc_for_the_winter_only() -> None:
    london = msgspec.structs.replace(FINISHED, time_zone="Europe/London", ended_at=at(30))
    assert "times are in Europe/London" in shown(london)
    assert "times are in" not in shown(msgspec.structs.replace(london, ended_at=at(28)))
    year = msgspec.structs.replace(london, start=at(2) - timedelta(days=60), ended_at=at(2) + timedelta(days=300))
    assert "times are in Europe/London" in shown(year)


def test_what_is_still_blocked_comes_first_and_says_so() -> None:
    told = shown(UNFINISHED)
    assert "stuck: 1 node, PodDisruptionBudget, since Sun 2026-03-08 01:00, still so at" in told
    assert "NotAllPodsWouldSchedule, from Sun 2026-03-08 01:00, for 20m" in told
    assert told.index("PodDisruptionBudget, since") < told.index("NotAllPodsWouldSchedule, from")


def test_pods_that_would_come_to_a_replacement_that_is_not_ready_wait_for_that_alone() -> None:
    waits = "not all pods would schedule, shop/web-1 => would schedule against uninitialized nodeclaim/default-zdq4t"
    found = msgspec.structs.replace(UNFINISHED.blocked[1], message=waits)
    told = " ".join(shown(msgspec.structs.replace(UNFINISHED, blocked=(found,))).split())
    assert f"{waits} this waits until that new node is ready n2" in told
    assert "this waits until" not in shown(UNFINISHED)


def test_nodes_that_wait_for_a_budget_are_one_row_with_the_budget_and_when_it_opens() -> None:
    told = " ".join(shown(UNFINISHED).split())
    lasting = (
        "stuck: 4000 nodes, BlockingBudget, since Mon 2026-03-09 00:00, still so at the end; the budgets allow some"
        " from Tue 2026-03-31 00:00 budgets[0]: 0 (0 0 * * mon for 120h)"
    )
    assert lasting in told
    over = (
        "default: 3 nodes, BlockingBudget, 2 times from Wed 2026-03-04 09:00 until Thu 2026-03-05 17:00, for 8h at the"
        " longest budgets[1]: 0 (0 9 * * * for 8h)"
    )
    assert over in told
    assert told.index("PodDisruptionBudget, since") < told.index(lasting) < told.index(over)


def test_a_budget_that_was_waited_for_once_says_until_when() -> None:
    once = msgspec.structs.replace(UNFINISHED, budget_waits=UNFINISHED.budget_waits[:1])
    assert "default: 3 nodes, BlockingBudget, from Wed 2026-03-04 09:00 until 17:00" in shown(once)


def test_a_budget_that_no_schedule_opens_is_told_as_such() -> None:
    never = msgspec.structs.replace(UNFINISHED.budget_waits[-1], opens_at=None)
    told = " ".join(shown(msgspec.structs.replace(UNFINISHED, budget_waits=(never,))).split())
    assert "still so at the end; the budgets allow none within a year" in told


def test_a_node_that_went_is_not_among_those_that_are_still_blocked() -> None:
    went = msgspec.structs.replace(UNFINISHED.blocked[0], node="n3", until=at(8, 2))
    told = shown(msgspec.structs.replace(UNFINISHED, blocked=(*UNFINISHED.blocked, went)))
    assert "stuck: 1 node, PodDisruptionBudget, since Sun 2026-03-08 01:00, still so at" in told
    assert "stuck: 1 node, PodDisruptionBudget, from Sun 2026-03-08 01:00, for 1h at the" in told


def test_what_never_finishes_is_told_with_what_would_have_to_change() -> None:
    told = shown(UNFINISHED)
    assert "Not all nodes are on the newest image by Mon 2026-03-30 00:00 UTC." in told
    assert "    → let the PodDisruptionBudget allow a disruption" in told
    assert "pod shop/web-1 is on no node: Unschedulable" in told


def test_what_was_forced_is_told() -> None:
    told = " ".join(shown(UNFINISHED).split())
    assert "shop/Deployment/web: 2 pods deleted, not evicted: terminationGracePeriod of their nodes ran out" in told


def test_evictions_are_told_by_workload() -> None:
    assert "shop/Deployment/web: 6 evictions on 1 day, at most 4 within an hour" in shown(FINISHED)


def test_many_runs_are_told_as_quantiles() -> None:
    told = shown(UNFINISHED)
    assert "10 RUNS, seeds 0 to 9" in told
    assert "finished after                      1h            2h            1d" in told


def test_an_empty_section_is_left_out() -> None:
    headings = [line.text for line in lines(FINISHED) if line.tone is Tone.HEADING]
    assert headings == ["Forecast of spring", "POOLS", "TIME LINE", "PODS EVICTED", "ASSUMED"]


def test_more_rows_than_fit_are_counted() -> None:
    many = msgspec.structs.replace(FINISHED, assumptions=tuple(f"number {number}" for number in range(100)))
    assert "… 70 more lines; --output json has all of them" in shown(many)


@pytest.mark.parametrize("forecast", [FINISHED, UNFINISHED])
def test_the_document_reads_back_as_the_same_forecast(forecast: Forecast) -> None:
    text = document(forecast)
    assert json.loads(text)["schema"] == SCHEMA
    assert msgspec.json.decode(text, type=Forecast) == forecast


def test_the_schema_that_is_committed_is_that_of_the_document() -> None:
    assert SCHEMA_FILE.read_text() == schema()


def test_every_field_of_the_document_is_described_by_the_schema() -> None:
    described = json.loads(schema())["$defs"]
    for name, value in (("Forecast", document(FINISHED)), ("Pool", msgspec.json.encode(POOL))):
        assert set(json.loads(value)) == set(described[name]["properties"])


def test_the_calendar_has_windows_and_disruptions() -> None:
    events = {str(event["summary"]): event for event in entries(calendar(FINISHED))}
    window = events["Maintenance window aks-managed-node-os-upgrade-schedule"]
    assert (window.start, window.end) == (at(8, 1), at(8, 5))
    disruption = events["default: nodes are replaced"]
    assert (disruption.start, disruption.end) == (at(8, 1), at(8, 3))
    assert "At most 1 at once" in str(disruption["description"])


def test_nodes_that_are_disrupted_at_the_end_are_in_the_calendar_up_to_it() -> None:
    """A step lasts until the next one, the last until the forecast ends."""
    halved = msgspec.structs.replace(POOL, steps=STEPS[:2])
    (_, disruption) = entries(calendar(msgspec.structs.replace(FINISHED, pools=(halved,), ended_at=at(8, 1, 20))))
    assert (disruption.start, disruption.end) == (at(8, 1), at(8, 1, 20))


def test_nodes_that_only_fall_silent_are_no_entry_of_the_calendar() -> None:
    nobody = msgspec.structs.replace(FINISHED, timeline=())
    assert [str(event["summary"]).split(" ")[0] for event in entries(calendar(nobody))] == ["Maintenance"]


def test_the_same_forecast_gives_the_same_calendar_and_each_entry_its_own_uid() -> None:
    assert calendar(FINISHED) == calendar(FINISHED)
    open_ended = msgspec.structs.replace(FINISHED.windows[0], since=at(8, 2, 30), until=None)
    events = entries(calendar(msgspec.structs.replace(FINISHED, windows=(*FINISHED.windows, open_ended))))
    assert len({str(event["uid"]) for event in events}) == len(events) == 3
    assert (events[1].start, events[1].end) == (at(8, 2, 30), FINISHED.ended_at)


def test_a_remedy_is_told_once_for_each_reason_and_none_for_what_passes() -> None:
    assert len(remedies([Reason.PDB, Reason.PDB, Reason.BUDGET])) == 2
    assert remedies([Reason.ALREADY_DISRUPTED, "anything else"]) == ()
