"""Days as strips of half hours, and the lines they are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from napsim.report.day_strips import Block, Symbol, strips
from napsim.report.marked import MOST_ROWS, WIDTH, Mark, Marked, Tone, headed, shortened, unbroken, wrapped

FREE, NONE = Symbol("!", Tone.BAD), Symbol("·", Tone.ASIDE)
SYMBOLS = {0: NONE, 9: FREE}
START = datetime(2026, 3, 28, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")


def blocks(*lengths: tuple[float, int]) -> list[Block]:
    """Levels one after another, each so many hours long."""
    found, at = [], START
    for hours, level in lengths:
        found.append(Block(at, at + hours * HOUR, level))
        at += hours * HOUR
    return found


def drawn(*lengths: tuple[float, int], zone: ZoneInfo | None = None) -> list[str]:
    return [line.text for line in strips(blocks(*lengths), SYMBOLS, zone or UTC)]


def test_each_half_hour_of_a_day_is_a_column_under_its_hour() -> None:
    scale, day = drawn((8, 9), (10, 0), (6, 9))
    assert day == "    Sat 03-28  " + "!" * 16 + "·" * 20 + "!" * 12
    assert all(scale.index(f"{hour:02d}") == 15 + 2 * hour for hour in range(0, 24, 3))


def test_days_are_those_of_the_reader_and_what_is_outside_the_span_is_empty() -> None:
    _, *days = drawn((23, 0), zone=BERLIN)
    assert days == ["    Sat 03-28    " + "·" * 46]


def test_of_two_levels_in_one_half_hour_the_higher_one_shows() -> None:
    assert drawn((0.1, 9), (0.3, 0), (0.6, 0))[1] == "    Sat 03-28  !·"


def test_an_hour_that_the_clocks_skip_is_empty() -> None:
    _, _, sunday = drawn((23, 0), (23, 9), zone=BERLIN)
    assert sunday == "    Sun 03-29  !!!!  " + "!" * 42


def test_an_hour_that_the_clocks_repeat_shows_the_higher_level_of_both() -> None:
    first = datetime(2026, 10, 25, tzinfo=UTC)  # 02:00 in Berlin, an hour before the clocks go back to it
    pair = [Block(first, first + HOUR, 9), Block(first + HOUR, first + 2 * HOUR, 0)]
    _, day = (line.text for line in strips(pair, SYMBOLS, BERLIN))
    assert day == "    Sun 10-25      !!"


def test_a_zone_between_the_hours_begins_its_days_at_its_own_midnight() -> None:
    _, first, second = drawn((24, 0), zone=ZoneInfo("Asia/Kathmandu"))
    assert first == "    Sat 03-28  " + " " * 11 + "·" * 37
    assert second == "    Sun 03-29  " + "·" * 12


def test_each_level_has_its_own_tone() -> None:
    _, day = strips(blocks((12, 9), (12, 0)), SYMBOLS, UTC)
    assert [(text, tone) for text, tone in day.parts if text] == [
        ("    Sat 03-28  ", Tone.PLAIN),
        ("!" * 24, Tone.BAD),
        ("·" * 24, Tone.ASIDE),
    ]


# --- lines ------------------------------------------------------------------------------------------------------------


def test_the_parts_of_a_line_are_the_line() -> None:
    line = Marked("one two three", Tone.HEADING, (Mark(4, 7, Tone.BAD),))
    assert list(line.parts) == [("one ", Tone.HEADING), ("two", Tone.BAD), (" three", Tone.HEADING)]


def test_what_is_unbroken_stays_in_one_line() -> None:
    told = [line.text for line in wrapped("x" * 70 + " " + unbroken("0 8 * * mon-fri"))]
    assert told == ["  " + "x" * 70, "    0 8 * * mon-fri"]


def test_a_place_goes_to_the_end_of_its_line_or_below_it() -> None:
    (one,) = headed("NodePool/a", "pools.yaml:3")
    assert (len(one.text), one.text.split()) == (WIDTH, ["NodePool/a", "pools.yaml:3"])
    two = [line.text for line in headed("NodePool/" + "a" * 60, "pools.yaml:3")]
    assert two == ["NodePool/" + "a" * 60, "  pools.yaml:3"]


def test_a_long_table_says_how_much_is_left_out() -> None:
    rows = list(shortened(Marked(str(number)) for number in range(MOST_ROWS + 2)))
    assert rows[-1].text == "    … 2 more; --output json has all of them"
    assert len(rows) == MOST_ROWS + 1
