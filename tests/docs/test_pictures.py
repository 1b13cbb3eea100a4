"""The pictures of the pages are what napsim prints today."""

from __future__ import annotations

import re

import pytest

from tests.docs.links import ROOT, links, pages
from tests.docs.pictures import FOLDER, PICTURES, Picture, svg

pytestmark = pytest.mark.process


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_what_the_command_prints(picture: Picture) -> None:
    assert picture.file.read_text() == svg(picture), "make pictures"


def test_every_picture_is_on_a_page_and_no_other_is() -> None:
    shown = {(page.parent / link.target).resolve() for page in pages() for link in links(page)}
    drawn = {picture.file for picture in PICTURES}
    assert {path for path in shown if path.is_relative_to(FOLDER) and path.suffix == ".svg"} == drawn
    assert set(FOLDER.glob("*.svg")) == drawn


def test_every_picture_says_in_words_what_it_shows() -> None:
    shown = re.findall(r"!\[([^\]]*)\]\(pictures/", "".join(page.read_text() for page in (ROOT / "docs").glob("*.md")))
    assert len(shown) == len(PICTURES)
    assert [words for words in shown if len(words) < 60] == []


def test_pictures_load_nothing_and_follow_the_browser() -> None:
    for picture in PICTURES:
        text = picture.file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"https?:|url\(|<script|<image|@import|href", text)
