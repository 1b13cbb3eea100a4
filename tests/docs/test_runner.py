"""How blocks of a page are read, run and compared; what is told where one does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import shell, statics
from tests.docs.blocks import REASONS, Block, Run, blocks
from tests.docs.commands import Command, commands, is_whole
from tests.docs.comparison import difference
from tests.docs.shell import steps
from tests.docs.test_marking import wrong

FENCE = "```"


def page(*lines: str) -> list[Block]:
    return blocks("page.md", "\n".join(lines) + "\n")


def session(text: str, *comments: str) -> Block:
    (block,) = page("Text.", "", *(f"<!-- {comment} -->" for comment in comments), f"{FENCE}console", text, FENCE)
    return block


# --- reading ----------------------------------------------------------------------------------------------------------


def test_comments_before_a_block_say_how_it_is_run() -> None:
    block = session("$ a", "run: cluster", "exits: 1", "setup: one", "setup: two", "ctrl-c after: 3 s")
    marking = block.marking
    assert (marking.run, marking.exits, marking.ctrl_c_after) == (Run.CLUSTER, (1,), 3)
    assert marking.setup == ("one", "two")
    assert marking.wrong == ()


def test_a_comment_belongs_to_the_block_that_comes_next() -> None:
    first, second, third = page(
        "<!-- exits: 2 -->", "", f"{FENCE}sh", "a", FENCE, "",
        "<!-- exits: 3 -->", "Text.", "", f"{FENCE}sh", "b", FENCE, "",
        "- in a list", "", f"  {FENCE}sh", "  c", f"  {FENCE}",
    )  # fmt: skip
    assert [block.marking.exits for block in (first, second, third)] == [(2,), (0,), (0,)]
    assert (third.line, third.text) == (16, "c\n")


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_for_not_running_is_one_of_the_list(reason: str) -> None:
    assert session("$ a", f"not run: {reason}").marking.why == reason


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (session("$ a", "not run: too hard"), "is not of the form"),
        (session("$ a", "skip: yes"), "is no marking"),
        (session("a word"), "it has no command"),
        (session("a word\n$ a"), "it begins with output"),
        (session("$ a\n$ b", "exits: 1 2 3"), "3 exit codes for 2 commands"),
        (session("$ a", "ctrl-c after: 2 s"), "no command of it goes on"),
        (*page(FENCE, "a", FENCE), "the fence has no language"),
        (*page(f"{FENCE}bash", "a", FENCE), "the language bash is not known"),
        (*page(f"{FENCE}text", "$ a", FENCE), "it has commands"),
    ],
)
def test_what_is_wrong_with_a_block_is_told_with_its_place(block: Block, complaint: str) -> None:
    (told,) = [text for text in wrong(block) if complaint in text]
    assert told.startswith(f"page.md:{block.line}: ")


def test_a_script_has_a_command_a_line_and_what_continues_it() -> None:
    (block,) = page(f"{FENCE}sh", "# first", "a \\", "  b", "", "cat <<'END' > c", "x y", "END", "d 'e", "f'", FENCE)
    told = [(command.line, command.text) for command in commands(block)]
    assert told == [(3, "a \\\n  b"), (6, "cat <<'END' > c\nx y\nEND"), (9, "d 'e\nf'")]


def test_a_session_has_commands_with_the_output_below() -> None:
    told = commands(session("$ a\none\n\ntwo\n\n$ b"))
    assert told == [Command(4, "a", "one\n\ntwo"), Command(9, "b", None)]


@pytest.mark.parametrize("text", ["a \\", "a 'b", 'a "b', "a <<END", "a <<'END'\nb"])
def test_what_is_open_is_continued(text: str) -> None:
    assert not is_whole(text)
    assert is_whole("a # it's a comment")


# --- comparing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\nb", "a\nb\n"),
        ("a  \nb", "a\nb"),
        ("a...c", "a b c"),
        ("a … c", "a b c"),
        ("...\nc", "a\nb\nc"),
        ("...\nc", "c"),
        ("a\n...", "a\nb\n\nc"),
        ("a\n...", "a"),
        ("a\n  …\nc", "a\nb\nb\nc"),
        ("a(b)*", "a(b)*"),
    ],
)
def test_an_ellipsis_stands_for_anything(shown: str, printed: str) -> None:
    assert difference(shown, printed) == ""


@pytest.mark.parametrize(
    ("shown", "printed"), [("a", "b"), ("a", "a\nb"), ("a\nb", "a"), ("a...c", "a\nc"), ("...\nc", "d")]
)
def test_what_is_printed_otherwise_is_told_as_a_difference(shown: str, printed: str) -> None:
    assert difference(shown, printed).startswith("--- on the page\n+++ printed\n")


# --- what can be said without running ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("napsim simulate manifests/examples --seed 1 | jq .", []),
        ("napsim simulat a", ["napsim has no command simulat"]),
        ("napsim cluster crate", ["napsim cluster has no command crate"]),
        ("A=b napsim simulate a --sede 1 && napsim nothing", [
            "napsim simulate has no option --sede", "napsim has no command nothing",
        ]),
        ("kubectl napsim --context a watch --sped 2", ["napsim watch has no option --sped"]),
        ("napsim diff a -- --output", []),
        ("make demmo", ["make has no target demmo"]),
        ("kubectl apply -f manifests/example", ["manifests/example does not exist"]),
        ("napsim lint manifests/examples/*.yaml <<EOF\nmake nothing\nEOF", []),
    ],
)  # fmt: skip
def test_names_that_do_not_exist_are_found(text: str, complaints: list[str]) -> None:
    assert list(statics.unknown_of(Command(1, text, None))) == complaints


@pytest.mark.process
def test_bash_says_what_it_cannot_read() -> None:
    assert statics.unreadable([session("$ echo (")]) != []
    assert statics.unreadable([session("$ echo a")]) == []


# --- running ----------------------------------------------------------------------------------------------------------


@pytest.mark.process
def test_a_page_is_one_shell_and_each_thing_that_differs_is_told(tmp_path: Path) -> None:
    told = page(
        "<!-- file: some/where.yaml -->", f"{FENCE}yaml", "a: 1", FENCE, "",
        "<!-- setup: B=2 -->", f"{FENCE}console", "$ cat some/where.yaml", "a: 1", "$ echo $B && cd some", "2",
        "$ cat where.yaml; false", "$ echo b", "c", "$ ls ../docs | head -1; pwd; test -e ~/x", FENCE, "",
        "<!-- exits: 1 0 -->", "<!-- ctrl-c after: 1 s -->", f"{FENCE}sh", "false", "tail --follow where.yaml", FENCE,
        f"{FENCE}sh", "sleep 60 &", "exit 3", "echo not reached", FENCE,
    )  # fmt: skip
    outcomes = shell.run([step for block in told for step in steps(block)], tmp_path)
    complaints = [complaint for outcome in outcomes if (complaint := outcome.complaint())]
    assert [complaint.splitlines()[0] for complaint in complaints] == [
        "page.md:12: exit code 1, not 0",
        "page.md:13: the page shows another output",
        "page.md:15: exit code 1, not 0",
        "page.md:26: not reached: the shell had ended",
        "page.md:27: not reached: the shell had ended",
    ]
    assert "\n    -c\n    +b" in complaints[1]
