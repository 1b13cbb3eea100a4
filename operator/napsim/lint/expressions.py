"""Rules in CEL: what the API server can tell of one object alone, while it takes it.

An expression finds nothing that its rule does not find; where it cannot be certain (a schedule of another form, what
other objects would have to say) it is silent. Its sentence is the beginning of the rule's. CEL as of Kubernetes 1.30.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from napsim.api import names
from napsim.core.budgets import DRIFTED, REASONS
from napsim.core.window_findings import NOT_BESIDE_A_WINDOW, ONLY_WEEKLY, SHORT_MONTHS
from napsim.lint import budget_rules as budgets
from napsim.lint import pdb_rules, pool_rules


@dataclass(frozen=True, slots=True)
class Expression:
    """A rule by its code. ``finds`` is true where there is something to warn of; ``field`` and ``says`` are strings.

    All three are CEL over ``object`` and the ``variables`` of the group.
    """

    code: str
    finds: str
    field: str
    says: str


@dataclass(frozen=True, slots=True)
class Group:
    """The expressions about one kind, or about several that are judged alike. ``variables`` may use earlier ones."""

    name: str
    api_group: str
    version: str
    kinds: tuple[str, ...]
    resources: tuple[str, ...]
    expressions: tuple[Expression, ...]
    variables: Mapping[str, str]


def text(words: str) -> str:
    """A literal."""
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def sentence(form: str, **parts: str) -> str:
    """A form of ``str.format`` whose parts are CEL strings."""
    marked = form.format(**{name: f"\0{part}\0" for name, part in parts.items()}).split("\0")
    return " + ".join(text(part) if index % 2 == 0 else part for index, part in enumerate(marked) if part)


# --- NodePools --------------------------------------------------------------------------------------------------------

_MOST_BUDGETS: Final = 50  # the API server takes no more
_WEEK: Final = 7 * 24 * 60
_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# How many days of the week a part of the field stands for.
_COUNTED: Final[Mapping[str, int]] = {
    "*": 7,
    "?": 7,
    **{day: 1 for number in range(7) for day in (str(number), _DAYS[number])},
    **{
        f"{first}-{last}": high - low + 1
        for low, high in combinations(range(7), 2)
        for first, last in ((str(low), str(high)), (_DAYS[low], _DAYS[high]))
    },
}
_BACKWARDS: Final = "|".join(f"{_DAYS[high]}-{_DAYS[low]}|{high}-{low}" for low, high in combinations(range(7), 2))
_MINUTE, _HOUR, _DAY, _MONTH = "[0-5]?[0-9]", "([01]?[0-9]|2[0-3])", "([1-9]|[12][0-9]|3[01])", "([1-9]|1[0-2])"


def _list_of(item: str, star: str = "[*]") -> str:
    return f"^({star}|{item}(,{item})*)$"


def _of_strings(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{text(key)}: {text(value)}" for key, value in values.items()) + "}"


def _of_numbers(values: Mapping[str, int]) -> str:
    return "{" + ", ".join(f"{text(key)}: {value}" for key, value in values.items()) + "}"


_ALL_DAYS: Final = "['*', '?']"
_NOTHING: Final = "['0', '0%']"
_SCHEDULED: Final = "has(variables.budgets[i].schedule)"
_FIELDS: Final = "variables.fields[i]"
_MINUTES: Final = "duration(variables.budgets[i].duration).getMinutes()"
_ZERO: Final = "variables.zero[0]"
_AT: Final = f"{text(budgets.BUDGETS + '[')} + string({{index}}) + {text('].{field}')}"

_WRITTEN: Final = "has(object.spec.disruption) && has(object.spec.disruption.budgets)"

_BUDGET_VARIABLES: Final = {
    "budgets": f"{_WRITTEN} ? object.spec.disruption.budgets : []",
    "indexes": f"[{', '.join(str(index) for index in range(_MOST_BUDGETS))}].filter(i, i < size(variables.budgets))",
    "days": _of_numbers(_COUNTED),
    "macros": _of_strings(_MACROS),
    # Five fields of each schedule; none where there is no schedule.
    "fields": (
        "variables.budgets.map(budget, has(budget.schedule) ? budget.schedule : '')\n"
        "  .map(it, it in variables.macros ? variables.macros[it] : it)\n"
        "  .map(it, it.lowerAscii().split(' ').filter(part, part != ''))"
    ),
    # Whether it is of a form that is certain to be read.
    "plain": (
        "variables.fields.map(it, size(it) == 5\n"
        f"  && it[0].matches({text(_list_of(_MINUTE))}) && it[1].matches({text(_list_of(_HOUR))})\n"
        f"  && it[2].matches({text(_list_of(_DAY, '[*?]'))}) && it[3].matches({text(_list_of(_MONTH))})\n"
        "  && it[4].split(',').all(day, day in variables.days))"
    ),
    "readable": f"variables.indexes.all(i, !{_SCHEDULED} || variables.plain[i])",
    # For how many minutes of a week it is active at most; a week where it is not certain to come at all.
    "minutes": (
        f"variables.indexes.map(i, !({_SCHEDULED} && variables.plain[i])\n"
        f"  || ({_FIELDS}[3] != '*' && !({_FIELDS}[2] in {_ALL_DAYS})) || {_MINUTES} == 0 ? {_WEEK}\n"
        f"  : {_MINUTES} * ({_FIELDS}[0] == '*' ? 60 : size({_FIELDS}[0].split(',')))\n"
        f"    * ({_FIELDS}[1] == '*' ? 24 : size({_FIELDS}[1].split(',')))\n"
        f"    * ({_FIELDS}[2] in {_ALL_DAYS} ? {_FIELDS}[4].split(',').map(day, variables.days[day]).sum()\n"
        f"      : {_FIELDS}[4] in {_ALL_DAYS} ? size({_FIELDS}[2].split(',')) : 7))"
    ),
    "scheduled": (
        f"{list(REASONS)}.map(reason, variables.indexes.filter(i,\n"
        "  !has(variables.budgets[i].reasons) || reason in variables.budgets[i].reasons))"
    ),
    # Reasons that have budgets, but for a part of the time only, by number.
    "outside": (
        "!variables.readable ? [] : [0, 1, 2].filter(reason, size(variables.scheduled[reason]) > 0\n"
        f"  && variables.scheduled[reason].all(i, {_SCHEDULED})\n"
        f"  && variables.scheduled[reason].map(i, variables.minutes[i]).sum() < {_WEEK})"
    ),
    # Reasons of which that is not certain.
    "doubtful": (
        "[0, 1, 2].filter(reason, size(variables.scheduled[reason]) > 0 && !(reason in variables.outside)\n"
        f"  && variables.scheduled[reason].all(i, {_SCHEDULED}))"
    ),
    "nothing": (
        f"variables.indexes.filter(i, has(variables.budgets[i].nodes) && variables.budgets[i].nodes in {_NOTHING})"
    ),
    "zero": ("variables.nothing.filter(i, !has(variables.budgets[i].schedule) && !has(variables.budgets[i].reasons))"),
    "confined": (
        "variables.nothing.filter(i, !has(variables.budgets[i].reasons)"
        f" || {text(DRIFTED)} in variables.budgets[i].reasons)"
    ),
    "refused": (
        f"variables.indexes.filter(i, {_SCHEDULED} && size({_FIELDS}) >= 5 && (size({_FIELDS}) > 5\n"
        f"  || {_FIELDS}[4].split(',').exists(day, day.matches({text(f'^([7-9]|.*-[7-9]|{_BACKWARDS})$')}))))"
    ),
    "never": (
        f"variables.indexes.filter(i, {_SCHEDULED} && variables.plain[i] && {_FIELDS}[4] in {_ALL_DAYS}\n"
        f"  && (({_FIELDS}[2] in ['30', '31'] && {_FIELDS}[3] == '2')"
        f" || ({_FIELDS}[2] == '31' && {_FIELDS}[3] in ['4', '6', '9', '11'])))"
    ),
    "endless": (
        f"variables.indexes.filter(i, {_SCHEDULED} && variables.plain[i]\n"
        f"  && {_FIELDS}[0].matches('^[0-9]+$') && {_FIELDS}[2] in {_ALL_DAYS} && {_FIELDS}[3] == '*' && (\n"
        f"  ({_FIELDS}[1] == '*' && {_FIELDS}[4] in {_ALL_DAYS} && {_MINUTES} > 60)\n"
        f"  || ({_FIELDS}[1].matches('^[0-9]+$') && {_FIELDS}[4] in {_ALL_DAYS} && {_MINUTES} > {24 * 60})\n"
        f"  || ({_FIELDS}[1].matches('^[0-9]+$') && {_FIELDS}[4].matches('^[a-z0-9]+$') && {_MINUTES} > {_WEEK})))"
    ),
    "reasonless": (
        "variables.indexes.filter(i, has(variables.budgets[i].reasons) && size(variables.budgets[i].reasons) == 0)"
    ),
    "outsideFirst": "variables.scheduled[variables.outside[0]][0]",
    "expiry": (
        "has(object.spec.template.spec.expireAfter)"
        " ? 'expireAfter ' + object.spec.template.spec.expireAfter : 'expireAfter is 720h where it is left out: it'"
    ),
}


def _at(index: str, field: str) -> str:
    return _AT.format(index=index, field=field)


def _first(variable: str, field: str) -> str:
    return f"variables.budgets[variables.{variable}[0]].{field}"


_NODE_POOLS: Final = (
    Expression(
        "NAP101",
        "size(variables.outside) > 0 && size(variables.doubtful) == 0",
        _at("variables.outsideFirst", "schedule"),
        sentence(
            budgets.OUTSIDE,
            what=(
                "(size(variables.outside) == 3 ? 'disruption'"
                f" : variables.outside.map(reason, {list(REASONS)}[reason]).join(' and '))"
            ),
        ),
    ),
    Expression(
        "NAP102",
        f"{_WRITTEN} && variables.readable && size(variables.scheduled[0]) == 0",
        text(budgets.BUDGETS),
        sentence(
            budgets.NOT_FOR_DRIFT,
            what=f"(size(variables.budgets) > 0 ? {text(budgets.NONE_FOR_DRIFT)} : {text(budgets.NONE_AT_ALL)})",
        ),
    ),
    Expression(
        "NAP103",
        "variables.readable && size(variables.zero) > 0 && size(variables.nothing) < size(variables.budgets)",
        _at(_ZERO, "nodes"),
        sentence(
            budgets.MASKED,
            which=(
                "variables.indexes.filter(i, !(i in variables.nothing)).map(i, 'budgets[' + string(i) + ']').join(', ')"
            ),
        ),
    ),
    Expression(
        "NAP105",
        "variables.readable && size(variables.zero) > 0 && size(variables.nothing) == size(variables.budgets)",
        _at(_ZERO, "nodes"),
        text(budgets.FROZEN),
    ),
    Expression(
        "NAP106",
        "size(variables.refused) > 0",
        _at("variables.refused[0]", "schedule"),
        text(budgets.REFUSED),
    ),
    Expression(
        "NAP107",
        "size(variables.never) > 0",
        _at("variables.never[0]", "schedule"),
        sentence(budgets.NEVER_FIRES, schedule=_first("never", "schedule"), nodes=_first("never", "nodes")),
    ),
    Expression(
        "NAP108",
        "size(variables.endless) > 0",
        _at("variables.endless[0]", "duration"),
        sentence(budgets.NEVER_ENDS, schedule=_first("endless", "schedule")),
    ),
    Expression(
        "NAP110",
        "size(variables.reasonless) > 0",
        _at("variables.reasonless[0]", "reasons"),
        text(budgets.NO_REASON),
    ),
    Expression(
        "NAP111",
        "size(variables.confined) > 0 && variables.expiry != 'expireAfter Never'",
        "has(object.spec.template.spec.expireAfter) ? 'spec.template.spec.expireAfter' : 'spec.template.spec'",
        sentence(budgets.EXPIRES, what="variables.expiry", index="string(variables.confined[0])"),
    ),
    Expression(
        "NAP301",
        "has(object.spec.replicas) && object.spec.replicas > 0 && has(object.spec.limits)"
        " && 'nodes' in object.spec.limits && string(object.spec.limits['nodes']).matches('^[0-9]{1,9}$')"
        " && int(string(object.spec.limits['nodes'])) <= object.spec.replicas",
        text("spec.limits.nodes"),
        sentence(
            pool_rules.NO_ROOM, replicas="string(object.spec.replicas)", limit="string(object.spec.limits['nodes'])"
        ),
    ),
)

# --- maintenance configurations ---------------------------------------------------------------------------------------

_SCHEDULE: Final = "spec.maintenanceWindow.schedule"
_WINDOWS: Final = (
    Expression(
        "NAP209",
        f"object.spec.configName == 'default' && has(object.spec.maintenanceWindow) && !(has(object.{_SCHEDULE}.weekly)"
        f" && object.{_SCHEDULE}.weekly.intervalWeeks == 1)",
        text(_SCHEDULE),
        text(ONLY_WEEKLY),
    ),
    Expression(
        "NAP210",
        f"has(object.spec.maintenanceWindow) && has(object.{_SCHEDULE}.absoluteMonthly)"
        f" && object.{_SCHEDULE}.absoluteMonthly.dayOfMonth > 28",
        text(f"{_SCHEDULE}.absoluteMonthly.dayOfMonth"),
        sentence(SHORT_MONTHS, day=f"string(object.{_SCHEDULE}.absoluteMonthly.dayOfMonth)"),
    ),
    Expression(
        "NAP212",
        "has(object.spec.maintenanceWindow) && has(object.spec.timeInWeek) && size(object.spec.timeInWeek) > 0",
        text("spec.timeInWeek"),
        text(NOT_BESIDE_A_WINDOW),
    ),
)

# --- what runs on nodes -----------------------------------------------------------------------------------------------

_BUDGET_FIELD: Final = "has(object.spec.maxUnavailable) ? 'spec.maxUnavailable' : 'spec.minAvailable'"
_PDBS: Final = (
    Expression(
        "NAP401",
        f"has(object.spec.maxUnavailable) ? string(object.spec.maxUnavailable) in {_NOTHING}"
        " : has(object.spec.minAvailable) && string(object.spec.minAvailable) == '100%'",
        _BUDGET_FIELD,
        text(pdb_rules.NO_EVICTION),
    ),
    Expression("NAP404", "!has(object.spec.selector)", text("spec"), text(pdb_rules.NO_SELECTOR)),
)
_WORKLOADS: Final = (
    Expression(
        "NAP304",
        # Of plain words: without a number and its unit it cannot be a duration.
        f"variables.said != '-' && !(variables.said in {list(pool_rules.MEANT)})"
        " && variables.said.matches('^[-_.A-Za-z0-9 ]*$')"
        " && !variables.said.matches('[0-9.][a-z]')",
        text(f"spec.template.metadata.annotations[{names.DO_NOT_DISRUPT}]"),
        sentence(pool_rules.IGNORED, value="variables.said"),
    ),
)
_SAID: Final = (
    "has(object.spec.template.metadata) && has(object.spec.template.metadata.annotations)\n"
    f"  && '{names.DO_NOT_DISRUPT}' in object.spec.template.metadata.annotations\n"
    f"  ? object.spec.template.metadata.annotations['{names.DO_NOT_DISRUPT}'] : '-'"
)

GROUPS: Final[tuple[Group, ...]] = (
    Group("nodepools", names.KARPENTER_GROUP, "v1", ("NodePool",), ("nodepools",), _NODE_POOLS, _BUDGET_VARIABLES),
    Group(
        "maintenanceconfigurations",
        names.NAPSIM_GROUP,
        "v1alpha1",
        ("MaintenanceConfiguration",),
        ("maintenanceconfigurations",),
        _WINDOWS,
        {},
    ),
    Group("poddisruptionbudgets", "policy", "v1", ("PodDisruptionBudget",), ("poddisruptionbudgets",), _PDBS, {}),
    Group(
        "workloads",
        "apps",
        "v1",
        ("Deployment", "StatefulSet", "DaemonSet"),
        ("deployments", "statefulsets", "daemonsets"),
        _WORKLOADS,
        {"said": _SAID},
    ),
)
CODES: Final = frozenset(expression.code for group in GROUPS for expression in group.expressions)
