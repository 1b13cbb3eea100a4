"""What the API server warns of is what the rules find: CEL, evaluated here, against the rules, object by object."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import cel
import pytest
import yaml
from cel.stdlib import add_stdlib_to_context

from napsim.lint.admission import PREFIX, document, message
from napsim.lint.expressions import CODES, GROUPS, Group
from napsim.lint.findings import Severity
from napsim.lint.pages import page
from napsim.lint.rules import BY_CODE, RULES
from napsim.reading.sources import Text
from tests.lint.examples import linted, pdb, pool, window, workload
from tests.lint.test_budget_zoo import BUDGETS
from tests.lint.test_pages import FENCE

Manifest = dict[str, Any]
ROOT: Final = Path(__file__).parents[2]
GROUP_OF: Final = {kind: group for group in GROUPS for kind in group.kinds}
program = cache(cel.compile)


def warnings(manifest: Manifest) -> list[str]:
    """What an API server would say of an object, without naming the policy."""
    group = GROUP_OF[manifest["kind"]]
    context = evaluated(group, manifest)
    found = [expression for expression in group.expressions if program(expression.finds).execute(context)]
    return [str(program(message(expression)).execute(context)) for expression in found]


def evaluated(group: Group, manifest: Manifest) -> cel.Context:
    """The object and the variables of the group; those that cannot be evaluated without a finding are absent."""
    variables: Manifest = {}
    context = cel.Context({"object": manifest, "request": {"kind": {"kind": manifest["kind"]}}, "variables": {}})
    add_stdlib_to_context(context)
    for name, expression in group.variables.items():
        if name == "outsideFirst" and not variables["outside"]:
            continue  # the API server evaluates a variable when it is asked for
        variables[name] = program(expression).execute(context)
        context.update({"variables": variables})
    return context


def found(manifest: Manifest) -> list[str]:
    """What the rules say of the object alone, as the API server would put it."""
    result = linted(Text("one.json", json.dumps(manifest)))
    return [f"{item.code} {item.object} {item.field}: {item.message}" for item in result.findings]


def codes(said: list[str]) -> list[str]:
    return sorted({text.partition(" ")[0] for text in said})


def disagreements(manifest: Manifest) -> list[str]:
    """Warnings that no rule gives, word for word; a rule may go on with what it has measured."""
    rules = found(manifest)
    return [text for text in warnings(manifest) if not any(rule.startswith(text) for rule in rules)]


def of(text: str) -> Manifest:
    manifest: Manifest = yaml.safe_load(text)
    return manifest


def annotated(value: str) -> str:
    given = f'metadata: {{labels: {{app: web}}, annotations: {{karpenter.sh/do-not-disrupt: "{value}"}}}}'
    return workload(2).replace("metadata: {labels: {app: web}}", given)


STATIC: Final = 'replicas: 3\nlimits: {{nodes: "{0}"}}'
DAY: Final = "{{absoluteMonthly: {{intervalMonths: 1, dayOfMonth: {0}}}}}"
DEFAULT: Final = "default"
# What CEL can say is said: as much as the rules find.
CERTAIN: Final = {
    "weekends only": ("NAP101", pool('[{nodes: "1", schedule: "0 0 * * sat,sun", duration: 24h}]')),
    "weekdays by range": ("NAP101", pool('[{nodes: "1", schedule: "0 8 * * MON-FRI", duration: 8h}]')),
    "a macro": ("NAP101", pool('[{nodes: "1", schedule: "@weekly", duration: 48h}]')),
    "two reasons of three": (
        "NAP101",
        pool(
            '[{nodes: "1", reasons: [Drifted, Empty], schedule: "0 8 * * *", duration: 8h},'
            ' {nodes: "1", reasons: [Underutilized]}]'
        ),
    ),
    "monthly": ("NAP101", pool('[{nodes: "1", schedule: "0 0 1 * *", duration: 24h}]')),
    "an empty list": ("NAP102", pool("[]")),
    "for other reasons alone": ("NAP102", pool('[{nodes: "1", reasons: [Empty]}]')),
    "masked": ("NAP103", pool('[{nodes: "0"}, {nodes: "5", schedule: "0 2 * * mon", duration: 2h}, {nodes: "9"}]')),
    "frozen": ("NAP105", pool('[{nodes: "0%"}]')),
    "days backwards": ("NAP106", pool('[{nodes: "1"}, {nodes: "0", schedule: "0 0 * * sat-sun", duration: 24h}]')),
    "the seventh day": ("NAP106", pool('[{nodes: "1"}, {nodes: "0", schedule: "0 0 * * 7", duration: 24h}]')),
    "six fields": ("NAP106", pool('[{nodes: "1"}, {nodes: "0", schedule: "TZ=UTC 0 0 * * 1", duration: 24h}]')),
    "30 February": ("NAP107", pool('[{nodes: "1"}, {nodes: "0", schedule: "0 0 30 2 *", duration: 24h}]')),
    "longer than a day": ("NAP108", pool('[{nodes: "1"}, {nodes: "2", schedule: "0 0 * * *", duration: 24h1m}]')),
    "longer than an hour": ("NAP108", pool('[{nodes: "1"}, {nodes: "2", schedule: "@hourly", duration: 61m}]')),
    "longer than a week": ("NAP108", pool('[{nodes: "1"}, {nodes: "2", schedule: "0 0 * * mon", duration: 169h}]')),
    "no reasons": ("NAP110", pool('[{nodes: "1"}, {nodes: "0", reasons: []}]')),
    "expiry by default": (
        "NAP111",
        pool('[{nodes: "1"}, {nodes: "0", schedule: "0 8 * * 1-5", duration: 8h}]', template=""),
    ),
    "expiry as written": (
        "NAP111",
        pool('[{nodes: "1"}, {nodes: "0", schedule: "0 8 * * 1-5", duration: 8h}]', template="expireAfter: 240h"),
    ),
    "no node to spare": ("NAP301", pool('[{nodes: "1"}]', spec=STATIC.format(3))),
    "daily releases": ("NAP209", window("{daily: {intervalDays: 1}}", name=DEFAULT)),
    "every other week": ("NAP209", window("{weekly: {intervalWeeks: 2, dayOfWeek: Sunday}}", name=DEFAULT)),
    "the 31st": ("NAP210", window(DAY.format(31))),
    "hours beside a window": (
        "NAP212",
        window("{weekly: {intervalWeeks: 1, dayOfWeek: Sunday}}", name=DEFAULT) + "  timeInWeek: [{day: Monday}]\n",
    ),
    "none unavailable": ("NAP401", pdb("maxUnavailable: 0")),
    "all available": ("NAP401", pdb('minAvailable: "100%"')),
    "no selector": ("NAP404", pdb("minAvailable: 1").replace(", selector: {matchLabels: {app: web}}", "")),
    "no annotation that counts": (
        "NAP304",
        annotated("yes"),
    ),
}
# Right, or not certain of one object alone.
SILENT: Final = {
    "open at weekends": pool('[{nodes: "100%", schedule: "0 0 * * sat,sun", duration: 24h}, {nodes: "1"}]'),
    "all week by days": pool('[{nodes: "1", schedule: "0 0 * * *", duration: 24h}]'),
    "all week by parts": pool(
        '[{nodes: "1", schedule: "0 0 * * mon-fri", duration: 24h},'
        ' {nodes: "1", schedule: "0 0 * * 0,6", duration: 24h}]'
    ),
    "the last day of some months": pool('[{nodes: "1"}, {nodes: "0", schedule: "0 0 31 1 *", duration: 24h}]'),
    "the 30th or a Monday": pool('[{nodes: "1"}, {nodes: "0", schedule: "0 0 30 2 1", duration: 24h}]'),
    "each hour of a day": pool('[{nodes: "1"}, {nodes: "2", schedule: "0 * * * *", duration: 1h}]'),
    "the default": pool("[]").replace("    budgets: []\n", ""),
    "drift closed by name": pool('[{nodes: "0", reasons: [Drifted]}, {nodes: "10%"}]'),
    "room for one": pool('[{nodes: "1"}]', spec=STATIC.format(4)),
    "the 28th": window(DAY.format(28)),
    "a duration": annotated("4h"),
    "no protection": annotated("false"),
    "one may go": pdb("maxUnavailable: 1"),
    "a share": pdb('minAvailable: "50%"'),
}


# Unlimited for one reason; for the other two budgets follow each other without a gap, which CEL does not see.
DOUBTFUL: Final = {"aws-7026": ["NAP102"]}


@pytest.mark.parametrize("name", CERTAIN)
def test_what_is_certain_is_said_as_the_rule_says_it(name: str) -> None:
    code, text = CERTAIN[name]
    said = warnings(of(text))
    assert code in codes(said)
    assert disagreements(of(text)) == []
    assert codes(said) == [item for item in codes(found(of(text))) if item in CODES]


@pytest.mark.parametrize("name", SILENT)
def test_what_is_right_or_not_certain_is_not_said(name: str) -> None:
    assert warnings(of(SILENT[name])) == []


@pytest.mark.parametrize("name", BUDGETS)
def test_published_budgets_are_warned_of_as_the_rules_find_them(name: str) -> None:
    manifest = of(pool(BUDGETS[name]))
    assert disagreements(manifest) == []
    certain = [code for code in codes(found(manifest)) if code in CODES]
    assert codes(warnings(manifest)) == DOUBTFUL.get(name, certain)


def test_nothing_is_said_of_an_example_of_a_page_that_its_rules_do_not_find() -> None:
    texts = [content for rule in RULES for _, content in FENCE.findall(page(rule))]
    objects = [item for text in texts for item in yaml.safe_load_all(re.sub(r"^\.\.\.$", "", text, flags=re.MULTILINE))]
    judged = [item for item in objects if isinstance(item, dict) and item.get("kind") in GROUP_OF]
    assert len(judged) > 60
    warned = [item for item in judged if warnings(item)]
    assert len(warned) >= 15
    assert [text for item in warned for text in disagreements(item)] == []


def test_every_expression_is_of_a_rule_that_matters_and_is_shown_here() -> None:
    assert {code for code, _ in CERTAIN.values()} == CODES
    assert all(BY_CODE[code].severity is not Severity.INFO for code in CODES)


@pytest.mark.parametrize("file", ["manifests/lint-warnings.yaml", "charts/napsim/files/lint-warnings.yaml"])
def test_the_manifests_are_those_of_the_table(file: str) -> None:
    assert (ROOT / file).read_text("utf-8") == document(), "run `make rules`"


def test_policies_warn_and_refuse_nothing() -> None:
    objects = list(yaml.safe_load_all(document()))
    policies = [item for item in objects if item["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [item for item in objects if item["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert len(policies) == len(bindings) == len(GROUPS)
    assert {item["spec"]["failurePolicy"] for item in policies} == {"Ignore"}
    assert [item["spec"]["validationActions"] for item in bindings] == [["Warn"]] * len(bindings)
    assert [item["spec"]["policyName"] for item in bindings] == [item["metadata"]["name"] for item in policies]


def test_the_page_names_every_policy_and_its_rules() -> None:
    rows = re.findall(rf"^\| `{PREFIX}(.+?)` \| (.+?) \| (.+?) \|$", (ROOT / "docs/lint.md").read_text(), re.MULTILINE)
    shown = {name: (kinds, codes.split(", ")) for name, kinds, codes in rows}
    assert shown == {
        group.name: (", ".join(f"{kind}s" for kind in group.kinds), [item.code for item in group.expressions])
        for group in GROUPS
    }
