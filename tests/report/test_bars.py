from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napsim.report.bars import bar, letter, style
from napsim.report.view import Group, Phase

VERSIONS = ("202601.27.0", "202602.13.0")

groups = st.lists(
    st.builds(Group, st.sampled_from((*VERSIONS, "")), st.sampled_from(Phase), st.integers(1, 5000)),
    min_size=1,
    max_size=10,
)


def test_done_nodes_come_first_and_drifted_ones_last() -> None:
    nodes = (
        Group(VERSIONS[0], Phase.DRIFTED, 3),
        Group(VERSIONS[1], Phase.CURRENT, 2),
        Group(VERSIONS[0], Phase.BLOCKED, 1),
        Group("", Phase.LAUNCHING, 1),
        Group(VERSIONS[0], Phase.DISRUPTING, 1),
        Group(VERSIONS[0], Phase.DRAINING, 1),
    )
    assert bar(nodes, VERSIONS, 40).plain == "BB+->!aaa"


def test_a_version_keeps_letter_and_colour_when_a_newer_one_is_published() -> None:
    later = (*VERSIONS, "202602.27.0")
    assert [letter(version, later) for version in VERSIONS] == [letter(version, VERSIONS) for version in VERSIONS]
    assert [style(version, later) for version in VERSIONS] == [style(version, VERSIONS) for version in VERSIONS]


def test_a_version_that_is_not_known_is_a_question_mark() -> None:
    assert bar((Group("", Phase.CURRENT, 1),), VERSIONS, 40).plain == "?"


@given(groups, st.integers(20, 200))
def test_a_bar_fits_its_width_and_shows_every_group(nodes: list[Group], width: int) -> None:
    """However many nodes there are, the bar is at most as wide as asked for, and no group of nodes vanishes."""
    drawn = bar(nodes, VERSIONS, width)
    total = sum(group.nodes for group in nodes)
    assert drawn.cell_len == min(total, width)
    assert len(drawn.spans) == len(nodes)
    assert all(span.end > span.start for span in drawn.spans)
