"""Short manifests for tests of rules, and what linting finds in them."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import dedent, indent
from typing import Final

from napsim.lint.configuration import Configuration
from napsim.lint.linting import Result, lint
from napsim.reading.sources import Text

NOW: Final = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday


def linted(*texts: Text | str, settings: Configuration | None = None, now: datetime = NOW, zone: str = "") -> Result:
    """A text without a name is ``a.yaml``, the next one ``b.yaml``."""
    named = [
        item if isinstance(item, Text) else Text(f"{chr(97 + index)}.yaml", dedent(item).lstrip("\n"))
        for index, item in enumerate(texts)
    ]
    return lint(named, settings or Configuration(), now, zone)


def codes(*texts: Text | str, now: datetime = NOW, zone: str = "") -> list[str]:
    """The code of each finding, by place."""
    result = linted(*texts, now=now, zone=zone)
    assert not result.unread
    return [finding.code for finding in result.findings]


def pool(budgets: str, *, spec: str = "", template: str = "expireAfter: Never", name: str = "default") -> str:
    """A NodePool. ``budgets`` is YAML of the list."""
    return f"""\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: {name}}}
spec:
{indent(dedent(spec), "  ")}
  disruption:
    consolidateAfter: 0s
    budgets: {budgets}
  template:
    spec:
{indent(dedent(template), "      ")}
      nodeClassRef: {{group: karpenter.azure.com, kind: AKSNodeClass, name: default}}
      requirements: []
"""


def window(schedule: str, *, name: str = "aksManagedNodeOSUpgradeSchedule", more: str = "", obj: str = "window") -> str:
    """A MaintenanceConfiguration. ``more`` is YAML beside startTime."""
    return f"""\
apiVersion: napsim.dev/v1alpha1
kind: MaintenanceConfiguration
metadata: {{name: {obj}}}
spec:
  configName: {name}
  maintenanceWindow:
    schedule: {schedule}
    startTime: "01:00"
    durationHours: 4
{indent(dedent(more), "    ")}
"""


def workload(replicas: int | None, *, kind: str = "Deployment", name: str = "web", more: str = "") -> str:
    """A workload of namespace shop, whose pods are labelled with its name."""
    scale = f"  replicas: {replicas}\n" if replicas is not None else ""
    return f"""\
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}, namespace: shop}}
spec:
{scale}  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
{indent(dedent(more), "      ")}
      containers: [{{name: it, image: it:1}}]
"""


def pdb(rule: str, *, name: str = "web", selector: str = "{matchLabels: {app: web}}") -> str:
    """A PodDisruptionBudget of namespace shop."""
    return f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}, namespace: shop}}
spec: {{{rule}, selector: {selector}}}
"""


def together(*documents: str) -> str:
    """Several documents of one file."""
    return "---\n".join(documents)


WEEKLY: Final = window("{weekly: {intervalWeeks: 1, dayOfWeek: Sunday}}")
