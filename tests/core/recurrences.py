"""Schedules of maintenance windows as hypothesis draws them: all that AKS allows."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from napsim.core.recurrence import AbsoluteMonthly, Daily, RelativeMonthly, Schedule, Weekday, WeekIndex, Weekly

WEEKDAYS: Final = st.sampled_from(Weekday)
SCHEDULES: Final[st.SearchStrategy[Schedule]] = st.one_of(
    st.builds(Daily, st.integers(1, 7)),
    st.builds(Weekly, st.integers(1, 4), WEEKDAYS),
    st.builds(AbsoluteMonthly, st.integers(1, 6), st.integers(1, 31)),
    st.builds(RelativeMonthly, st.integers(1, 6), st.sampled_from(WeekIndex), WEEKDAYS),
)
