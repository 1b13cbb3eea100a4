"""Values: what is refused, and in which words; and that values, schema and documentation say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.chart.rendering import CHART, RELEASE, ROOT, Manifest, helm, template
from tests.chart.values_table import rows, table

SCHEMA: Final[Manifest] = json.loads((CHART / "values.schema.json").read_text())
VALUES: Final[Manifest] = yaml.safe_load((CHART / "values.yaml").read_text())
# The values, where the message points to, and what it says.
REFUSED: Final[dict[str, tuple[Manifest, str, str]]] = {
    "an unknown value": ({"replica": 2}, "", "replica"),
    "an unknown value of the image": ({"image": {"name": "napsim"}}, "image", "name"),
    "an unknown value of metrics": ({"metrics": {"serviceMonitor": {"on": True}}}, "metrics/serviceMonitor", "on"),
    "an unknown value of a CRD switch": ({"crds": {"enabled": True}}, "crds", "enabled"),
    "an unknown value of examples": ({"examples": {"workloads": True}}, "examples", "workloads"),
    "an unknown value of KWOK": ({"kwok": {"replicas": 2}}, "kwok", "replicas"),
    "an unknown field of a toleration": ({"tolerations": [{"keys": "a"}]}, "tolerations/0", "keys"),
    "an unknown field of an affinity": ({"affinity": {"nodes": {}}}, "affinity", "nodes"),
    "an unknown field of a term": (
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"terms": []}}}},
        "affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution",
        "terms",
    ),
    "an unknown field of resources": ({"resources": {"request": {}}}, "resources", "request"),
    "an unknown field of a variable": ({"extraEnv": [{"name": "A", "values": "1"}]}, "extraEnv/0", "values"),
    "a variable without a name": ({"extraEnv": [{"value": "1"}]}, "extraEnv/0", "name"),
    "no replicas": ({"replicas": 0}, "replicas", "minimum"),
    "replicas in words": ({"replicas": "two"}, "replicas", "integer"),
    "a lease too short": ({"lease": {"seconds": 1}}, "lease/seconds", "minimum"),
    "a pull policy that is none": ({"image": {"pullPolicy": "Sometimes"}}, "image/pullPolicy", "IfNotPresent"),
    "a digest that is none": ({"image": {"digest": "abc"}}, "image/digest", "pattern"),
    "no image": ({"image": {"repository": ""}}, "image/repository", "minLength"),
    "root": ({"runAs": {"user": 0}}, "runAs/user", "minimum"),
    "a port that is none": ({"metrics": {"port": 70000}}, "metrics/port", "maximum"),
    "a level that is none": ({"log": {"level": "loud"}}, "log/level", "warning"),
    "an interval that is none": ({"metrics": {"serviceMonitor": {"interval": "often"}}}, "interval", "pattern"),
    "a mode that is none": ({"drive": "on"}, "drive", "boolean"),
    "a namespace that is none": ({"systemNamespace": "Kube_System"}, "systemNamespace", "pattern"),
    "a switch that is none": ({"release": {"onUninstall": "yes"}}, "release/onUninstall", "boolean"),
    "a recommended label of one's own": ({"commonLabels": {"helm.sh/chart": "x"}}, "commonLabels", "false schema"),
}  # fmt: skip
# Helm 3 and 4 word it differently.
MEANINGS: Final = {
    "minimum": ("greater than or equal to",),
    "maximum": ("less than or equal to",),
    "pattern": ("match pattern", "does not match"),
    "minLength": ("greater than or equal to", "length"),
}
# What the schema cannot say, the templates do.
CONTRADICTIONS: Final[dict[str, tuple[Manifest, str]]] = {
    "a Service without metrics": (
        {"metrics": {"enabled": False, "service": {"enabled": True}}},
        "metrics.service.enabled needs metrics.enabled",
    ),
    "a ServiceMonitor without a Service": (
        {"metrics": {"serviceMonitor": {"enabled": True}}},
        "metrics.serviceMonitor.enabled needs metrics.service.enabled",
    ),
    "driving without a place for the window": ({"drive": True, "systemNamespace": ""}, "drive needs systemNamespace"),
    "driving beside fake Nodes": ({"drive": True, "kwok": {"enabled": True}}, "kwok.enabled must be false"),
    "driving on a fast clock": ({"drive": True, "examples": {"settings": True}}, "examples.settings must be false"),
    "driving with pools": ({"drive": True, "examples": {"pools": True}}, "examples.pools must be false"),
    "driving with images": ({"drive": True, "examples": {"images": True}}, "examples.images must be false"),
    "an account that is neither created nor named": (
        {"serviceAccount": {"create": False}},
        "serviceAccount.name is needed",
    ),
}


@pytest.mark.parametrize(("values", "where", "what"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_it_is_refused_by_name(values: Manifest, where: str, what: str) -> None:
    done = template(values)
    assert done.returncode != 0, done.stdout[:200]
    said = done.stderr.replace(".", "/")
    assert where in said
    assert what.replace(".", "/") in said or any(words in said for words in MEANINGS.get(what, ()))


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = template({"replica": 2, "image": {"name": "napsim"}, "replicas": 0}).stderr
    assert "replica'" in said or "replica " in said
    assert "name" in said
    assert "minimum" in said or "greater than" in said


@pytest.mark.parametrize(("values", "says"), [pytest.param(*row, id=name) for name, row in CONTRADICTIONS.items()])
def test_a_contradiction_is_refused_with_the_way_out(values: Manifest, says: str) -> None:
    done = template(values)
    assert done.returncode != 0
    assert says in done.stderr


def test_examples_are_refused_where_their_kinds_are_not_served() -> None:
    done = helm("template", RELEASE, str(CHART), "--set=examples.windows=true")
    assert done.returncode != 0
    assert "install without them first" in done.stderr


def objects_of(schema: Manifest, at: str = "") -> Iterator[tuple[str, Manifest]]:
    """Every schema of an object in a schema, by its place."""
    if schema.get("type") == "object":
        yield at, schema
    for name, inner in schema.get("properties", {}).items():
        yield from objects_of(inner, f"{at}.{name}")
    for name, inner in schema.get("definitions", {}).items():
        yield from objects_of(inner, f"{at}#{name}")
    if isinstance(schema.get("items"), dict):
        yield from objects_of(schema["items"], f"{at}[]")


# Kubernetes' own, which the API server checks, or not ours.
FREE: Final = {
    ".global",
    "#resources.claims[]",
    "#affinity.podAffinity",
    "#affinity.podAntiAffinity",
    "#environment.valueFrom",
    "#topologySpread.labelSelector",
    "#peer.namespaceSelector",
    "#peer.podSelector",
    "#peer.ipBlock",
}


def test_the_schema_leaves_only_kubernetes_own_values_open() -> None:
    open_ones = {at for at, schema in objects_of(SCHEMA) if "additionalProperties" not in schema}
    inner = "#affinity.nodeAffinity"
    terms = f"{inner}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[]"
    wishes = f"{inner}.preferredDuringSchedulingIgnoredDuringExecution[]"
    assert open_ones == FREE | {f"{terms}.matchExpressions[]", f"{terms}.matchFields[]", wishes}


def test_the_schema_describes_every_value() -> None:
    missing = [path for path, _, description in rows() if not description]
    assert not missing


def test_the_schema_and_the_values_have_the_same_keys() -> None:
    def keys(values: Any, schema: Manifest, at: str) -> Iterator[str]:
        if "properties" not in schema or not isinstance(values, dict):
            return
        known = {name for name in schema["properties"] if f"{at}.{name}" != ".global"}
        yield from (f"{at}.{name}" for name in known ^ values.keys())
        for name in known & values.keys():
            yield from keys(values[name], schema["properties"][name], f"{at}.{name}")

    assert not sorted(keys(VALUES, SCHEMA, ""))


def test_the_table_in_the_documentation_is_that_of_the_schema() -> None:
    text = (ROOT / "docs/install.md").read_text()
    assert table() in text, "python -m tests.chart.values_table writes it anew"
