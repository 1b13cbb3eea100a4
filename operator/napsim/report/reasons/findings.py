"""What condition Findings, Warning events and ``napsim windows`` and ``budgets`` say of objects that are in use."""

from __future__ import annotations

from typing import Final

from napsim.core.budget_levels import BudgetFinding
from napsim.core.window_findings import FindingReason
from napsim.core.windows import WindowReason
from napsim.report.reasons.explanations import NOTHING, Explanation, OfCondition

_POOL: Final = ("NodePool",)
_WINDOW: Final = ("MaintenanceConfiguration",)
_IMAGE: Final = ("NodeImage",)
_CLUSTER: Final = ("NodeAutoProvisioning",)
_DATA: Final = "azure: the provider's contract of ConfigMap upcoming-maintenance-window"
_SCHEDULES: Final = "karpenter: pkg/apis/v1/nodepool.go"
_AKS: Final = "AKS: planned maintenance"


def _of(kinds: tuple[str, ...], *told: Explanation) -> tuple[OfCondition, ...]:
    return tuple(OfCondition(kinds, "Findings", "True", it) for it in told)


FINDINGS: Final = (
    *_of(
        _POOL,
        Explanation(
            "InvalidBudget", "spec.disruption.budgets[…]: …; no node of the pool is disrupted until this is corrected",
            "A schedule that Karpenter cannot read closes the whole pool, whatever its other budgets allow.",
            "Correct the schedule; `napsim lint` (NAP106) puts right what is certain.", _SCHEDULES,
        ),
        Explanation(
            "InvalidNodeProvider", "annotation napsim.dev/node-provider '…': allowed is kwok or inPlace; …",
            "The annotation has another value: the cluster's provider is taken.",
            "Correct the annotation, or take it off.",
        ),
        Explanation(
            "ReplicasNotReached", "spec.replicas …: … Nodes play the pool in place, and none is made",
            "A static pool that real Nodes play has fewer than it asks for.",
            "Adopt more Nodes, or lower `spec.replicas`.",
        ),
        Explanation(
            "FailuresNotPlayed", "spec.failures of NodeAutoProvisioning names the pool: …",
            "Real Nodes have no played failures.", "Take the pool out of `spec.failures`.",
        ),
        Explanation(
            "NoCompatibleInstanceTypes",
            "NodePool requirements filtered out all compatible available instance types: …",
            "Nothing can be launched for the pool.",
            "Widen `spec.template.spec.requirements`; the message lists zones and instance types that there are.",
            "karpenter: pkg/controllers/provisioning/provisioner.go",
        ),
        Explanation(
            "NodeClassNotFound", "spec.template.spec.nodeClassRef.name '…': no AKSNodeClass of this name; there are …",
            "As condition NodeClassReady.", "Apply the AKSNodeClass, or name one that is there.",
            "karpenter: pkg/controllers/nodepool/readiness",
        ),
    ),
    *_of(
        _WINDOW,
        Explanation(
            "SeveralOfOneName", "…, … all are configuration …, of which AKS has one: …",
            "AKS has one configuration of each name.", "Delete the others.", _AKS,
        ),
        Explanation(
            "NothingToSchedule",
            "upgradeChannel … upgrades nothing by itself, so there is nothing that this could schedule",
            "aksManagedAutoUpgradeSchedule without an automatic channel.",
            "Set `spec.upgradeChannel`, or delete the configuration.", _AKS,
        ),
        Explanation(
            FindingReason.LEAD_TIME_TOO_SHORT,
            "changed …; a change counts … later, so the window … does not count",
            "AKS asks for a change to be made a while before the window.",
            "Wait for the next window, or change it earlier.",
            _AKS,
        ),
        Explanation(
            FindingReason.NO_FURTHER_WINDOW, "NAP208 … never opens again: nothing is left of it",
            "No image is picked up any more, until one is over 90 days old.", "Extend the schedule, or its dates.",
            _AKS,
        ),
        Explanation(
            FindingReason.DEFAULT_NOT_WEEKLY,
            "NAP209 AKS accepts for default only a weekly schedule with intervalWeeks 1",
            "AKS would refuse this.", "Write it as a weekly schedule.", _AKS,
        ),
        Explanation(
            FindingReason.DAY_ABOVE_28, "NAP210 dayOfMonth 31: some months lack that day, …",
            "What AKS does in such a month is not documented.", "Use a day up to 28, or a relative monthly schedule.",
            _AKS,
        ),
        Explanation(
            FindingReason.SHORT_WINDOW, "NAP201 shorter than the 4 h that AKS advises: …",
            "A date that is not allowed cuts it, or it was made too short.", "Make it four hours or longer.", _AKS,
        ),
        Explanation(
            FindingReason.TIME_IN_WEEK_IGNORED, "NAP212 timeInWeek does not count beside maintenanceWindow",
            "The old form is there beside the new one.", "Take timeInWeek out.", _AKS,
        ),
        Explanation(
            FindingReason.NO_CONFIGURATION,
            "no maintenance configuration is in force: images are picked up as soon as they are seen",
            "Nothing gates the pick-up: the fallback holds.", "Apply an aksManagedNodeOSUpgradeSchedule.",
        ),
        Explanation(
            FindingReason.ASSUMED, "what is assumed",
            "AKS does not document it; `spec.fallback` or `spec.recurrence` chose.",
            "Write down what you mean.",
        ),
        Explanation(
            FindingReason.ALWAYS_OPEN, "NAP216 … never closes again: …", "Images are picked up at any time.",
            "A shorter duration, if that is not meant.", _AKS,
        ),
        Explanation(
            FindingReason.CHANGE_PENDING, "the change counts from …; until then …",
            "A change was made, and counts after its lead time.", "Wait.", _AKS,
        ),
        Explanation(
            FindingReason.WEEKLY_ANCHOR, "NAP213 every 2 weeks: counted from the …-started week of startDate; …",
            "Which weeks count is not documented by AKS.", "Compare with what AKS shows for your cluster.", _AKS,
        ),
        Explanation(
            FindingReason.CLOCK_CHANGE, "…: the clocks skip 02:30, so it starts at 03:00",
            "The clocks change at, or within, a coming window.", "Choose a start outside 01:00 to 04:00.",
        ),
        Explanation(
            "TimeZoneExtension", "timeZone … is napsim's own: AKS takes utcOffset alone, here …",
            "`napsim windows`: AKS knows offsets only.", "For AKS, `utcOffset`, changed twice a year.",
        ),
        Explanation(
            "NoStartDate", "without startDate it is counted from the day on which it is created; …",
            "`napsim windows`: it counts from the day it is applied.",
            "Write startDate where every second week or month counts.", _AKS,
        ),
    ),
    *_of(
        _IMAGE,
        Explanation(
            "UnknownDefinition", "spec.definition '…': no AKSNodeClass selects it; those that can be are …",
            "No class will ever have this image.", "Correct `spec.definition`.",
        ),
    ),
    *_of(
        _CLUSTER,
        Explanation(
            WindowReason.UNREADABLE, "ConfigMap …: …", "The published window cannot be read: pick-up stands still.",
            "Correct the ConfigMap, or apply a MaintenanceConfiguration.", _DATA,
        ),
        Explanation(
            "KubernetesUpgradeWaits", "the upgrade of Kubernetes from … to … waits (upgradeChannel …): …",
            "aksManagedAutoUpgradeSchedule holds it.", "Wait for that window.", _AKS,
        ),
    ),
)  # fmt: skip

WINDOWS: Final = (
    Explanation(WindowReason.OPEN, "… is open: …", "Images are picked up now.", NOTHING, _DATA),
    Explanation(
        WindowReason.CLOSED, "… is closed; next window: …", "Images are not picked up now.",
        "Wait; `napsim why image/VERSION` names the edit that would open it.", _DATA,
    ),
    Explanation(
        WindowReason.NOT_ALLOWED, "… is closed by notAllowedDates[…] (…); next window: …",
        "notAllowedDates or notAllowedTime cut it out.",
        "Wait, or take the entry out.", _AKS,
    ),
    Explanation(
        WindowReason.NO_FURTHER_WINDOW, "… has no further window",
        "Nothing is left of its schedule; or `fallback.mode: None`.",
        "Extend the schedule.", _DATA,
    ),
    Explanation(
        WindowReason.NO_WINDOW_DATA, "no maintenance configuration: open", "Nothing gates the pick-up.",
        "Apply an aksManagedNodeOSUpgradeSchedule, if it is to be gated.", _DATA,
    ),
    Explanation(
        WindowReason.UNREADABLE, "ConfigMap …: …", "Neither open nor closed: pick-up stands still.",
        "Correct the ConfigMap.", _DATA,
    ),
)  # fmt: skip

BUDGETS: Final = (
    Explanation(
        BudgetFinding.UNLIMITED, "…: all nodes may be disrupted at once, at any time",
        "All nodes may be disrupted at once for this reason.", "Add a budget for it: NAP102.", _SCHEDULES,
    ),
    Explanation(
        BudgetFinding.UNLIMITED_OUTSIDE,
        "restricted for … of … only; in the other … no budget is active, and all nodes may be disrupted at once",
        "A scheduled budget restricts only while it is active.",
        "Add a budget without a schedule, or `napsim budgets --only …` for what you mean: NAP101.", _SCHEDULES,
    ),
    Explanation(
        BudgetFinding.NEVER_ALLOWS, "allows no disruption at any time of these …", "Drift is never ended: NAP104.",
        "Leave a time in which a node may go.", _SCHEDULES,
    ),
    Explanation(
        BudgetFinding.FAILS_CLOSED, "…; so the whole pool allows nothing…, to any reason",
        "A schedule that Karpenter cannot read.", "Correct the schedule: NAP106.", _SCHEDULES,
    ),
    Explanation(
        BudgetFinding.NEVER_ACTIVE, "budgets[…] is not active within this span",
        "Its schedule does not come in the span.",
        "Look at a longer `--span`, or correct the schedule: NAP107.", _SCHEDULES,
    ),
    Explanation(
        BudgetFinding.NEVER_DECIDES,
        "budgets[…] makes no difference: whenever it is active, another budget is stricter",
        "The smallest of the active budgets holds.", "Take it out, or change the stricter one.", _SCHEDULES,
    ),
)  # fmt: skip
