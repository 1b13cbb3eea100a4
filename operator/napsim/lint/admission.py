"""Rules as ValidatingAdmissionPolicies that warn: whoever applies an object reads what lint would say of it.

Nothing is ever refused: the bindings warn, and a policy that cannot be evaluated is passed over. A policy looks at what
is new in a spec; writes of status, annotations and scale cost nothing. Run as a module, it writes the two files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from napsim.lint.expressions import GROUPS, Expression, Group, text
from napsim.lint.rules import BY_CODE

PREFIX: Final = "napsim-lint-"
_API: Final = "admissionregistration.k8s.io/v1"
_LABELS: Final = {"app.kubernetes.io/part-of": "napsim"}
_NEW: Final = "oldObject == null || object.spec != oldObject.spec"
_NAMED: Final = "request.kind.kind + '/' + object.metadata.name"
_HEAD: Final = "# Written by `make rules` from operator/napsim/lint/expressions.py. It warns, and refuses nothing.\n"
Manifest = dict[str, Any]


def message(expression: Expression) -> str:
    """CEL: the rule, the object, the field, and what is said of it."""
    code = text(f"{expression.code} ")
    return f"{code} + {_NAMED} + ' ' + ({expression.field}) + ': '\n  + {expression.says}"


def policy(group: Group) -> Manifest:
    """A ValidatingAdmissionPolicy."""
    spec: Manifest = {
        "failurePolicy": "Ignore",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [group.api_group],
                    "apiVersions": [group.version],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": list(group.resources),
                }
            ]
        },
        "matchConditions": [{"name": "spec-is-new", "expression": _NEW}],
    }
    if group.variables:
        spec["variables"] = [{"name": name, "expression": value} for name, value in group.variables.items()]
    spec["validations"] = [
        {
            "expression": f"!({expression.finds})",
            "messageExpression": message(expression),
            "message": f"{expression.code} {BY_CODE[expression.code].title}",
        }
        for expression in group.expressions
    ]
    return {"apiVersion": _API, "kind": "ValidatingAdmissionPolicy", "metadata": _metadata(group), "spec": spec}


def binding(group: Group) -> Manifest:
    """What puts it in force, to warn."""
    spec = {"policyName": f"{PREFIX}{group.name}", "validationActions": ["Warn"]}
    return {"apiVersion": _API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": _metadata(group), "spec": spec}


def _metadata(group: Group) -> Manifest:
    return {"name": f"{PREFIX}{group.name}", "labels": dict(_LABELS)}


def manifests() -> Iterator[Manifest]:
    """A policy and its binding for each group."""
    for group in GROUPS:
        yield policy(group)
        yield binding(group)


class _Dumper(yaml.SafeDumper):
    """Text of several lines as such; nothing folded."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def document() -> str:
    """All of them as YAML, for ``kubectl apply``."""
    return _HEAD + "---\n".join(
        yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=1_000_000) for manifest in manifests()
    )


if __name__ == "__main__":
    for file in sys.argv[1:]:
        Path(file).write_text(document(), "utf-8")
