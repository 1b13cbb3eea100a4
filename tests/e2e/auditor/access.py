"""What one user asked of the API server, beside what RBAC rules grant it: rules unused, and requests refused.

Every request counts as soon as it was authorized: dry runs, those that failed afterwards, and watches that still run.
The audit log names the role that allowed a request, so nobody can lean on a grant of another role unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tests.e2e.auditor.log import ObjectRef, ResponseStatus, opened, rotated

Manifest = Mapping[str, Any]

# What kubernetes v1.36 plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go lets every authenticated client get.
_DISCOVERY: Final = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
_BINDINGS: Final = frozenset({"ClusterRoleBinding", "RoleBinding"})
_DECISION: Final = "authorization.k8s.io/decision"
_REASON: Final = "authorization.k8s.io/reason"
# kubernetes v1.36 plugin/pkg/auth/authorizer/rbac/rbac.go and pkg/registry/rbac/validation/rule.go
_ALLOWED_BY: Final = re.compile(r'RBAC: allowed by \w+ "[^"]+" of (?P<kind>\w+) "(?P<name>[^"]+)" to ')


class Account(NamedTuple):
    """A ServiceAccount."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


class Access(NamedTuple):
    """One kind of request that was allowed. ``resource``: ``pods``, ``pods/eviction``, or a path such as ``/version``;
    ``namespace`` is empty for the whole cluster; ``role`` is what allowed it, such as ``ClusterRole napsim``."""

    verb: str
    group: str
    resource: str
    namespace: str
    role: str

    @property
    def is_path(self) -> bool:
        return self.resource.startswith("/")


class Grant(NamedTuple):
    """One verb on one resource that one role grants, in one namespace or (empty) everywhere.

    ``names`` restricts it to objects of these names.
    """

    role: str
    namespace: str
    group: str
    resource: str
    verb: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        named = f" named {', '.join(self.names)}" if self.names else ""
        return f"{self.role}: {self.verb} {_qualified(self.group, self.resource)}{named}{where}"

    def used_by(self, access: Access) -> bool:
        return access.role == self.role and self._covers(access.verb, access.group, access.resource, access.namespace)

    def covers(self, refusal: Refusal) -> bool:
        named = not self.names or refusal.name in self.names
        return named and self._covers(refusal.verb, refusal.group, refusal.resource, refusal.namespace)

    def _covers(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        wanted = (verb, group, resource)
        return wanted == (self.verb, self.group, self.resource) and self.namespace in ("", namespace)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the authorizer refused: who (user agent), when (the API server's clock, UTC), what, and why."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    path: str
    agent: str
    instant: datetime
    reason: str

    def __str__(self) -> str:
        what = f"{self.verb} {_qualified(self.group, self.resource)}"
        return f"{self.instant.isoformat()} {self.agent}: {what} refused ({self.path}): {self.reason or 'no rule'}"


@dataclass(frozen=True, slots=True)
class Requests:
    """What one user asked for, each kind of request once; ``torn`` lines of its were cut by a killed API server."""

    allowed: frozenset[Access]
    refused: tuple[Refusal, ...]
    torn: int = 0


class _User(msgspec.Struct, gc=False):
    username: str = ""


class _Event(msgspec.Struct, rename="camel", gc=False):
    """One line of the log, as far as authorization goes."""

    verb: str
    stage_timestamp: datetime
    user: _User = msgspec.field(default_factory=_User)
    user_agent: str = ""
    request_uri: str = msgspec.field(default="", name="requestURI")
    object_ref: ObjectRef | None = None
    response_status: ResponseStatus = msgspec.field(default_factory=ResponseStatus)
    annotations: dict[str, str] = {}


def requests_of(log: Path, account: Account) -> Requests:
    """What ``account`` asked for, from ``log`` and what was rotated out of it. Raises LogError when there is no log."""
    allowed: set[Access] = set()
    refused: dict[tuple[str, ...], Refusal] = {}
    torn = 0
    decode = msgspec.json.Decoder(_Event).decode
    for line in _lines(log, account.user):
        try:
            event = decode(line)
        except msgspec.MsgspecError:
            torn += 1
            continue
        if event.user.username != account.user:
            continue
        decision, reason = event.annotations.get(_DECISION, ""), event.annotations.get(_REASON, "")
        if decision == "allow":
            allowed.add(_access(event, reason))
        elif decision:
            refusal = _refusal(event, reason)
            refused.setdefault((refusal.verb, refusal.path, refusal.agent), refusal)
    return Requests(frozenset(allowed), tuple(refused.values()), torn)


def unused(grants: Iterable[Grant], seen: Iterable[Access]) -> list[Grant]:
    """The grants that no request made use of, sorted."""
    accesses = tuple(seen)
    return sorted(grant for grant in grants if not any(grant.used_by(access) for access in accesses))


def beyond(grants: Iterable[Grant], refusals: Iterable[Refusal]) -> list[Refusal]:
    """Refusals for want of a rule.

    An API server that was just started refuses everybody but administrators until it has read its roles: what the
    rules cover, or Kubernetes' own role system:discovery, was refused for that, and the operator asks again.
    """
    rules = tuple(grants)
    found = (item for item in refusals if not any(grant.covers(item) for grant in rules))
    return [item for item in found if not _is_discovery(item)]


def _is_discovery(refusal: Refusal) -> bool:
    return refusal.verb == "get" and any(f"{refusal.resource}/".startswith(f"{root}/") for root in _DISCOVERY)


def grants_of(manifests: Iterable[Manifest], account: Account) -> frozenset[Grant]:
    """What the roles among ``manifests`` that are bound to ``account`` grant it, one verb on one resource at a time.

    Raises LookupError for a binding of a role that is not among them.
    """
    listed = tuple(manifests)
    bindings = (item for item in listed if _binds(item, account))
    found = (_grants(_role(listed, item), item["metadata"].get("namespace", "")) for item in bindings)
    return frozenset(grant for grants in found for grant in grants)


def bound_to(manifests: Iterable[Manifest], account: Account) -> list[Manifest]:
    """The bindings among ``manifests`` that are for ``account``, each behind its role. Raises as ``grants_of``."""
    listed = tuple(manifests)
    return [part for item in listed if _binds(item, account) for part in (_role(listed, item), item)]


def _binds(manifest: Manifest, account: Account) -> bool:
    subjects = manifest["subjects"] if manifest["kind"] in _BINDINGS else ()
    return account in (Account(item.get("namespace", ""), item["name"]) for item in subjects)


def _role(manifests: Iterable[Manifest], binding: Manifest) -> Manifest:
    kind, name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
    for item in manifests:
        if (item["kind"], item["metadata"]["name"]) == (kind, name):
            return item
    raise LookupError(f"{binding['kind']} {binding['metadata']['name']} binds {kind} {name}, which is not here")


def _grants(role: Manifest, namespace: str) -> Iterator[Grant]:
    """``namespace`` is that of the binding: empty for the whole cluster."""
    name = f"{role['kind']} {role['metadata']['name']}"
    for rule in role["rules"]:
        names = tuple(rule.get("resourceNames", ()))
        for verb in rule["verbs"]:
            for path in rule.get("nonResourceURLs", ()):
                yield Grant(name, "", "", path, verb)
            for group in rule.get("apiGroups", ()):
                for resource in rule["resources"]:
                    yield Grant(name, namespace, group, resource, verb, names)


def _lines(log: Path, user: str) -> Iterator[bytes]:
    """Lines that name the user. Most lines are others', so they are told apart before they are decoded."""
    mark = msgspec.json.encode(user)
    for path in rotated(log):
        with opened(path) as file:
            yield from (line for line in file if mark in line and line.endswith(b"\n"))


def _access(event: _Event, reason: str) -> Access:
    found = _ALLOWED_BY.search(reason)
    role = f"{found['kind']} {found['name']}" if found else ""
    ref = event.object_ref
    if ref is None:
        return Access(event.verb, "", urlsplit(event.request_uri).path, "", role)
    return Access(event.verb, ref.api_group, _resource(ref), ref.namespace, role)


def _refusal(event: _Event, reason: str) -> Refusal:
    ref = event.object_ref or ObjectRef()
    path = urlsplit(event.request_uri).path
    return Refusal(
        verb=event.verb,
        group=ref.api_group,
        resource=_resource(ref) or path,
        namespace=ref.namespace,
        name=ref.name,
        path=path,
        agent=event.user_agent,
        instant=event.stage_timestamp,
        reason=reason,
    )


def _resource(ref: ObjectRef) -> str:
    return f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource


def _qualified(group: str, resource: str) -> str:
    plural, slash, subresource = resource.partition("/")
    return f"{plural}.{group}{slash}{subresource}" if group else resource
