"""napsim.toml: which rules hold, how much they matter, what is let be."""

from __future__ import annotations

from typing import Final

import pytest

from napsim.lint.configuration import configuration_of
from napsim.reading.sources import Text
from tests.lint.examples import linted, pool

FROZEN: Final = Text("clusters/legacy/pool.yaml", pool('[{nodes: "0"}]'))
IGNORE: Final = '[[lint.ignore]]\nrules = ["pool-frozen"]\npaths = ["legacy/**"]\nreason = "until May"\n'


def test_a_rule_is_let_be_in_the_files_that_are_named() -> None:
    result = linted(FROZEN, Text("clusters/new/pool.yaml", FROZEN.text), settings=configuration_of(IGNORE))
    assert [item.file for item in result.findings] == ["clusters/new/pool.yaml"]
    assert [(item.suppressed, item.by_comment) for item in result.suppressed] == [("until May", False)]


def test_how_much_a_rule_matters_can_be_changed() -> None:
    (finding,) = linted(FROZEN, settings=configuration_of('[lint.severity]\nNAP105 = "info"\n')).findings
    assert finding.severity == "info"


@pytest.mark.parametrize(
    ("select", "ignore", "found"),
    [(("NAP1",), (), 1), (("NAP2",), (), 0), ((), ("NAP105",), 0), (("pool-frozen",), (), 1)],
)
def test_rules_are_chosen_by_code_beginning_or_name(
    select: tuple[str, ...], ignore: tuple[str, ...], found: int
) -> None:
    assert len(linted(FROZEN, settings=configuration_of("").narrowed(select, ignore)).findings) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[lint]\nselct = []\n", "unknown field `selct` - at `$.lint`; allowed are lint.select (a list"),
        ('[lint]\nselect = ["NAP9"]\n', "no rule is called 'NAP9'"),
        ('[lint.severity]\nNAP105 = "fatal"\n', "Invalid enum value 'fatal'"),
        ('[lint.severity]\nNAP105 = "fatal"\n', "each 'error', 'warning' or 'info'"),
        ('[[lint.ignore]]\nrules = ["NAP105"]\n', "missing required field `reason`"),
        ('[[lint.ignore]]\nrules = ["NAP105"]\nreason = " "\n', "must have a reason"),
        ("lint = [", "napsim.toml: not valid TOML: "),
    ],
)
def test_a_mistake_in_the_file_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"^napsim\.toml: ") as error:
        configuration_of(text)
    assert told in str(error.value)
