"""Every command block of the pages is run, or says why not; and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import statics
from tests.docs.blocks import HOW, REASONS, ROOT, SESSION, SHELLS, Block, Run, blocks_of, inlines, pages
from tests.docs.commands import commands, goes_on, outside

BLOCKS = [block for page in pages() for block in blocks_of(page)]
SHELL_BLOCKS = [block for block in BLOCKS if block.language in SHELLS]


def wrong(block: Block) -> list[str]:
    """What is wrong with how a block is marked."""
    marking, told = block.marking, commands(block)
    found = list(marking.wrong)
    if not block.language:
        found.append("the fence has no language")
    if block.language in {"bash", "shell", "zsh", "shell-session"}:
        found.append(f"the language {block.language} is not known here")
    if block.language not in SHELLS and re.search(r"^\$ ", block.text, re.MULTILINE):
        found.append("it has commands, and is no session")
    if block.language in SHELLS and not told:
        found.append("it has no command")
    if outside(block):
        found.append("it begins with output, before any command")
    if told and len(marking.exits) not in {1, len(told)}:
        found.append(f"{len(marking.exits)} exit codes for {len(told)} commands")
    if marking.ctrl_c_after and not any(map(goes_on, told)):
        found.append("no command of it goes on until Ctrl-C")
    if not marking.compared and block.language != SESSION:
        found.append("only a session has output")
    return [f"{block.place}: {complaint}" for complaint in found]


@pytest.mark.parametrize("page", pages())
def test_every_block_is_marked_in_a_way_that_is_known(page: str) -> None:
    found = [complaint for block in blocks_of(page) for complaint in wrong(block)]
    assert not found, "\n".join([*found, "", HOW])


@pytest.mark.parametrize("page", sorted({block.page for block in SHELL_BLOCKS}))
def test_commands_options_targets_and_files_that_are_named_exist(page: str) -> None:
    found = [complaint for block in blocks_of(page) for complaint in statics.unknown(block)]
    assert not found, "\n".join(found)


def test_commands_that_sentences_name_exist() -> None:
    found = [complaint for page in pages() for inline in inlines(page) for complaint in statics.unknown_in(inline)]
    assert not found, "\n".join(found)


def test_another_test_that_is_said_to_run_a_block_reads_its_page() -> None:
    said = {
        (block.place, block.page, block.marking.why) for block in SHELL_BLOCKS if block.marking.run is Run.ELSEWHERE
    }
    assert said
    wrong = [place for place, page, test in said if page.rpartition("/")[2] not in (ROOT / test).read_text("utf-8")]
    assert not wrong, f"the test does not name the page: {wrong}"


def test_every_reason_for_not_running_is_used() -> None:
    used = {block.marking.why for block in BLOCKS if block.marking.run is Run.NOT}
    assert set(REASONS) - used == {"needs GitHub"} - used


@pytest.mark.process
def test_bash_can_read_every_command() -> None:
    assert statics.unreadable(SHELL_BLOCKS) == []


def test_what_is_run_on_a_cluster_is_run_by_the_module_that_says_so() -> None:
    assert "Run.CLUSTER" in (Path(__file__).parents[1] / "e2e/test_docs.py").read_text("utf-8")
