"""The table of rules. A code is never given to another rule; one that goes leaves a gap.

| Codes | About |
|---|---|
| NAP0 | manifests, and the comments that silence rules |
| NAP1 | budgets of NodePools |
| NAP2 | maintenance windows |
| NAP3 | pools, nodes and the pods that keep them |
| NAP4 | PodDisruptionBudgets |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from napsim.core.window_findings import FindingReason
from napsim.lint import budget_rules, clock_rules, pdb_rules, pool_rules, window_rules
from napsim.lint.findings import Found, Severity
from napsim.lint.subjects import Subjects
from napsim.lint.window_rules import known

Check = Callable[[Subjects], Iterator[Found]]
ERROR, WARNING, INFO = Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``name`` says in words what ``code`` says in short; ``check`` None is one of linting itself.

    ``fixes``: whether it has, where that is certain, an edit that puts it right.
    """

    code: str
    name: str
    severity: Severity
    title: str
    check: Check | None = None
    fixes: bool = False


RULES: Final[tuple[Rule, ...]] = (
    Rule("NAP001", "manifest-refused", ERROR, "The API server refuses the manifest", fixes=True),
    Rule("NAP002", "suppression-incomplete", WARNING, "A comment that is to silence a rule does not"),
    Rule("NAP003", "suppression-unused", WARNING, "A comment silences a rule that finds nothing", fixes=True),
    Rule(
        "NAP101",
        "budget-unlimited-outside-schedule",
        ERROR,
        "Outside its schedule a budget limits nothing",
        budget_rules.unlimited_outside,
    ),
    Rule(
        "NAP102",
        "drift-not-budgeted",
        WARNING,
        "No budget limits the replacement of drifted nodes",
        budget_rules.drift_not_budgeted,
    ),
    Rule(
        "NAP103",
        "budget-masked-by-zero",
        ERROR,
        "A zero at all times masks every other budget",
        budget_rules.masked_by_zero,
    ),
    Rule("NAP104", "budget-never-allows", ERROR, "Budgets leave no time for drift", budget_rules.never_allows),
    Rule("NAP105", "pool-frozen", WARNING, "No node of the pool is ever disrupted", budget_rules.pool_frozen),
    Rule(
        "NAP106",
        "schedule-refused",
        ERROR,
        "A schedule that Karpenter cannot read closes the whole pool",
        budget_rules.schedule_refused,
        fixes=True,
    ),
    Rule(
        "NAP107",
        "schedule-never-fires",
        ERROR,
        "A schedule that never comes is active at all times",
        budget_rules.schedule_never_fires,
    ),
    Rule(
        "NAP108",
        "duration-exceeds-period",
        WARNING,
        "A budget lasts longer than its period: it never ends",
        budget_rules.duration_exceeds_period,
    ),
    Rule(
        "NAP109",
        "utc-taken-for-local",
        WARNING,
        "A time is UTC, and was meant as local",
        clock_rules.utc_taken_for_local,
    ),
    Rule("NAP110", "reasons-empty", WARNING, "An empty list of reasons limits nothing", budget_rules.reasons_empty),
    Rule(
        "NAP111", "expiry-ignores-budgets", WARNING, "Expiry does not heed budgets", budget_rules.expiry_ignores_budgets
    ),
    Rule(
        "NAP201",
        "window-too-short",
        ERROR,
        "A window is shorter than four hours",
        known(
            FindingReason.SHORT_WINDOW,
            "make it 4 h or longer, and cut out whole windows",
        ),
    ),
    Rule("NAP202", "configuration-name-unknown", ERROR, "AKS does not read a configuration of this name", fixes=True),
    Rule("NAP203", "window-misses-images", INFO, "Windows are too rare for weekly images", window_rules.misses_images),
    Rule(
        "NAP204",
        "freeze-outlasts-images",
        WARNING,
        "A freeze outlasts the 90 days of an image",
        window_rules.freeze_outlasts_images,
    ),
    Rule(
        "NAP205",
        "window-start-skipped",
        WARNING,
        "The clocks skip or repeat the start of a window",
        window_rules.start_skipped,
    ),
    Rule(
        "NAP206",
        "window-moves-with-clocks",
        INFO,
        "A fixed offset moves the window on local clocks",
        window_rules.moves_for_reader,
    ),
    Rule("NAP207", "no-node-os-window", WARNING, "Nothing gates the pick-up of images", window_rules.no_window),
    Rule(
        "NAP208",
        "no-further-window",
        ERROR,
        "A configuration never opens again",
        known(
            FindingReason.NO_FURTHER_WINDOW,
            "end what is cut out",
        ),
    ),
    Rule(
        "NAP209",
        "default-not-weekly",
        ERROR,
        "AKS takes for default a weekly schedule only",
        known(
            FindingReason.DEFAULT_NOT_WEEKLY,
            "use weekly with intervalWeeks: 1",
        ),
    ),
    Rule(
        "NAP210",
        "day-missing-in-short-months",
        WARNING,
        "Some months do not have this day",
        known(
            FindingReason.DAY_ABOVE_28,
            "use a day up to 28, or relativeMonthly with weekIndex: Last",
        ),
    ),
    Rule(
        "NAP211",
        "configuration-twice",
        ERROR,
        "Two objects are one configuration of AKS",
        window_rules.configuration_twice,
    ),
    Rule(
        "NAP212",
        "time-in-week-ignored",
        WARNING,
        "timeInWeek does not count beside a window",
        known(
            FindingReason.TIME_IN_WEEK_IGNORED,
            "leave it out",
        ),
    ),
    Rule(
        "NAP213",
        "weekly-anchor",
        INFO,
        "Which weeks count is not documented",
        known(
            FindingReason.WEEKLY_ANCHOR,
            "look at the next windows that AKS shows, or use intervalWeeks: 1",
        ),
    ),
    Rule("NAP214", "start-date-past", INFO, "AKS may refuse a start date that is past", window_rules.start_date_past),
    Rule(
        "NAP215", "change-counts-too-late", INFO, "A window begins before a change counts", window_rules.counts_too_late
    ),
    Rule(
        "NAP216",
        "window-always-open",
        INFO,
        "A window that never closes gates nothing",
        known(
            FindingReason.ALWAYS_OPEN,
            "a shorter window decides when images are picked up",
        ),
    ),
    Rule(
        "NAP217",
        "upgrade-bypasses-window",
        WARNING,
        "A Kubernetes upgrade takes new images past the window",
        window_rules.upgrade_bypasses_window,
    ),
    Rule(
        "NAP218",
        "clusters-pick-up-apart",
        INFO,
        "Two clusters need not get the same image",
        window_rules.several_clusters,
    ),
    Rule("NAP219", "time-zone-not-in-aks", INFO, "AKS has no time zones", window_rules.time_zone_extension),
    Rule(
        "NAP301", "limits-without-headroom", ERROR, "The limits leave no room for a replacement", pool_rules.no_headroom
    ),
    Rule(
        "NAP302",
        "do-not-disrupt-without-end",
        WARNING,
        "do-not-disrupt on a pool without terminationGracePeriod",
        pool_rules.do_not_disrupt_without_end,
    ),
    Rule(
        "NAP303",
        "grace-period-cut-short",
        WARNING,
        "A node goes before its pods have ended",
        pool_rules.grace_cut_short,
    ),
    Rule(
        "NAP304",
        "do-not-disrupt-ignored",
        WARNING,
        "do-not-disrupt has a value that is ignored",
        pool_rules.do_not_disrupt_ignored,
    ),
    Rule("NAP305", "channel-without-os", ERROR, "The channel is not there for this OS", pool_rules.channel_without_os),
    Rule(
        "NAP306",
        "node-newer-than-control-plane",
        ERROR,
        "A node newer than the control plane drifts without end",
        pool_rules.node_newer_than_control_plane,
    ),
    Rule(
        "NAP307",
        "channel-does-not-stop-nap",
        INFO,
        "The node OS channel does not hold NAP back",
        pool_rules.channel_does_not_stop_nap,
    ),
    Rule(
        "NAP308",
        "rollout-outlasts-week",
        WARNING,
        "Budgets cannot finish before the next weekly image",
        pool_rules.outlasts_week,
    ),
    Rule("NAP309", "rollout-outlasts-window", INFO, "A roll-out goes on after the window", pool_rules.outlasts_window),
    Rule(
        "NAP401",
        "pdb-allows-nothing",
        ERROR,
        "A PodDisruptionBudget never allows an eviction",
        pdb_rules.allows_nothing,
    ),
    Rule(
        "NAP402",
        "pdb-nothing-to-spare",
        ERROR,
        "A PodDisruptionBudget needs every pod there is",
        pdb_rules.nothing_to_spare,
    ),
    Rule("NAP403", "pdb-two-for-one-pod", ERROR, "Two PodDisruptionBudgets select one pod", pdb_rules.two_for_one_pod),
    Rule("NAP404", "pdb-selects-nothing", WARNING, "A PodDisruptionBudget selects no pod", pdb_rules.selects_nothing),
)

BY_CODE: Final[Mapping[str, Rule]] = {rule.code: rule for rule in RULES}
REFUSED, INCOMPLETE, UNUSED = (BY_CODE[code] for code in ("NAP001", "NAP002", "NAP003"))
TOO_SHORT, UNKNOWN_NAME = BY_CODE["NAP201"], BY_CODE["NAP202"]


def rules_matching(prefixes: tuple[str, ...]) -> frozenset[str]:
    """The codes that begin with one of the prefixes, or whose name one of them is."""
    return frozenset(rule.code for rule in RULES if rule.name in prefixes or rule.code.startswith(prefixes))
