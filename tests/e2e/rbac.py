"""The chart's RBAC: its rules as the template has them, installed in a cluster, and an operator's way to speak by them.

What the operators of all rehearsals asked for is collected in ``SEEN``, for the test that compares it with the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from napsim.cluster import Cluster
from tests.e2e.auditor.access import Access, Account, Grant, Refusal, beyond, bound_to, grants_of, requests_of, unused
from tests.e2e.kubectl import apply, token_kubeconfig

Manifest = dict[str, Any]

RELEASE: Final = "napsim"
NAMESPACE: Final = "napsim-system"
LEASE_NAME: Final = "napsim"
OPERATOR: Final = Account(NAMESPACE, "napsim")
RELEASER: Final = Account(NAMESPACE, "napsim-release")
ACCOUNTS: Final = (OPERATOR, RELEASER)
TEMPLATE: Final = Path(__file__).parents[2] / "charts/napsim/templates/rbac.yaml"
DRIVE: Final = TEMPLATE.with_name("drive.yaml")
"""What the operator may do instead where it only drives another provider."""
SYSTEM_NAMESPACE: Final = "kube-system"
SEEN: Final[set[Access]] = set()

# What every authenticated client may read: these two roles come with Kubernetes, bound to all of them.
DISCOVERY: Final = {"ClusterRole system:discovery", "ClusterRole system:public-info-viewer"}

# What the template asks of the chart, for a release of that name with default values. Anything else is no template
# that a reviewer can read as plain YAML.
_VALUES: Final = {
    'include "napsim.fullname" .': RELEASE,
    'include "napsim.serviceAccountName" .': OPERATOR.name,
    'include "napsim.releaseName" .': RELEASER.name,
    'include "napsim.leaseName" .': LEASE_NAME,
    'include "napsim.windowsName" .': f"{RELEASE}-windows",
    ".Values.systemNamespace": SYSTEM_NAMESPACE,
    ".Release.Namespace": NAMESPACE,
}
_COMMENT: Final = re.compile(r"\{\{-? */\*.*?\*/ *-?\}\}", re.DOTALL)
_ALONE: Final = re.compile(r"^\s*\{\{.*\}\}\s*$", re.MULTILINE)
_VALUE: Final = re.compile(r"\{\{-? *(.*?) *-?\}\}")


@cache
def manifests(template: Path = TEMPLATE) -> tuple[Manifest, ...]:
    """The template's objects with everything in them that a value could switch on. Raises KeyError for an unknown
    expression."""
    text = _ALONE.sub("", _COMMENT.sub("", template.read_text()))
    plain = _VALUE.sub(lambda found: _VALUES[found[1]], text)
    return tuple(document for document in yaml.safe_load_all(plain) if document)


@cache
def grants(account: Account = OPERATOR, template: Path = TEMPLATE) -> frozenset[Grant]:
    """What the chart grants the account."""
    return grants_of(manifests(template), account)


def install(cluster: Cluster, account: Account = OPERATOR, template: Path = TEMPLATE) -> None:
    """The account, its namespace, and what of the chart's roles and bindings is for it."""
    namespace: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    metadata = {"name": account.name, "namespace": account.namespace}
    user: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    apply(cluster, namespace, user, *bound_to(manifests(template), account))


def kubeconfig(cluster: Cluster, account: Account = OPERATOR) -> Path:
    """A kubeconfig that speaks as the account; its token is good for an hour."""
    return token_kubeconfig(cluster, account.namespace, account.name)


def refusals(cluster: Cluster, account: Account = OPERATOR, template: Path = TEMPLATE) -> list[Refusal]:
    """What the account was refused so far for want of a rule; all that it was allowed is put into ``SEEN``."""
    requests = requests_of(cluster.audit_log, account)
    if account == OPERATOR and template == TEMPLATE:
        SEEN.update(requests.allowed)
    return beyond(grants(account, template), requests.refused)


def complaints(seen: Iterable[Access]) -> list[str]:
    """Of the operator's rules those that were never used, and what was allowed by other rules than these."""
    seen = frozenset(seen)
    roles = {grant.role for grant in grants()}
    elsewhere = (access for access in seen if access.role not in roles)
    others = (access for access in elsewhere if not access.is_path or access.role not in DISCOVERY)
    return [
        *(f"granted, and never used: {grant}" for grant in unused(grants(), seen)),
        *sorted(f"allowed by other rules: {access}" for access in others),
    ]


def table(rules: Iterable[Manifest]) -> Iterator[tuple[str, str, str]]:
    """Rules as docs have them: group (or core), resources, verbs; restricted names behind the resources."""
    for rule in rules:
        groups = ", ".join(group or "core" for group in rule["apiGroups"])
        named = f" named {', '.join(rule['resourceNames'])}" if "resourceNames" in rule else ""
        yield groups, ", ".join(rule["resources"]) + named, ", ".join(rule["verbs"])
