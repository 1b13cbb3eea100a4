"""Where the API server is and how to prove who we are: kubeconfig files, or the service account of a pod.

Looked for in the order of client-go's deferred loading rules: an explicit path, ``KUBECONFIG`` (several files, first
setting wins), ``~/.kube/config``, and last the pod's service account. Fails closed: a setting that would change whom
we speak as or how (impersonation, basic auth, auth providers, proxies) and is not supported is an error, not ignored.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import yaml

from napsim.live.credentials import CredentialError, Credentials, ExecToken, FileToken, StaticToken, bearer

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_UNSUPPORTED_CLUSTER_FIELDS: Final = {"proxy-url": "proxies are not supported"}
_UNSUPPORTED_USER_FIELDS: Final = {
    "username": "basic authentication was removed from Kubernetes; use a token, a client certificate or exec",
    "password": "basic authentication was removed from Kubernetes; use a token, a client certificate or exec",
    "auth-provider": "auth providers were removed from Kubernetes; use exec",
    "as": "impersonation is not supported; use the credentials of that user",
    "as-uid": "impersonation is not supported; use the credentials of that user",
    "as-groups": "impersonation is not supported; use the credentials of that user",
    "as-user-extra": "impersonation is not supported; use the credentials of that user",
}


class KubeconfigError(Exception):
    """No usable connection. The message names file, context and field, one line per problem."""


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One API server and one identity.

    ``server`` has no trailing slash. ``tls`` is None for plain HTTP. ``namespace`` is the context's (or the pod's), and
    ``default`` where none is set. ``origin`` says where this came from, for messages. No secret shows in ``repr``.
    """

    server: str
    tls: ssl.SSLContext | None
    credentials: Credentials | None
    namespace: str
    origin: str
    tls_server_name: str | None = None


def load_connection(
    path: Path | None = None, context: str | None = None, environ: Mapping[str, str] = os.environ
) -> ConnectionConfig:
    """The connection for ``path`` (or the default places) and ``context`` (or the current one).

    Raises KubeconfigError. Mirrors client-go tools/clientcmd/loader.go (precedence and merging of files).
    """
    paths = _kubeconfig_paths(path, environ)
    if paths:
        return _from_files(paths, context)
    if environ.get("KUBERNETES_SERVICE_HOST") and context is None:
        return in_cluster(environ)
    raise KubeconfigError(
        "no kubeconfig found: give --kubeconfig, set KUBECONFIG, create ~/.kube/config, or run inside a cluster; "
        "one that napsim has made: export KUBECONFIG=$(napsim cluster kubeconfig)"
    )


def in_cluster(environ: Mapping[str, str] = os.environ, directory: Path = SERVICE_ACCOUNT) -> ConnectionConfig:
    """The connection of a pod's service account; its token is read again when it rotates. Raises KubeconfigError."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    missing = [str(directory / name) for name in ("token", "ca.crt") if not (directory / name).is_file()]
    if not host or missing:
        what = ", ".join(missing) or "KUBERNETES_SERVICE_HOST"
        raise KubeconfigError(f"in-cluster configuration: {what} missing (is automountServiceAccountToken off?)")
    namespace_file = directory / "namespace"
    return ConnectionConfig(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        tls=ssl.create_default_context(cafile=str(directory / "ca.crt")),
        credentials=FileToken(directory / "token"),
        namespace=namespace_file.read_text().strip() if namespace_file.is_file() else "default",
        origin=f"service account in {directory}",
    )


def _kubeconfig_paths(path: Path | None, environ: Mapping[str, str]) -> list[Path]:
    if path is not None:
        if not path.is_file():
            raise KubeconfigError(f"--kubeconfig {path}: no such file")
        return [path]
    listed = environ.get("KUBECONFIG", "")
    if listed:
        found = [Path(item) for item in listed.split(os.pathsep) if item and Path(item).is_file()]
        if not found:
            raise KubeconfigError(f"KUBECONFIG={listed}: no such file")
        return found
    home = Path(environ.get("HOME", "") or Path.home()) / ".kube" / "config"
    return [home] if home.is_file() else []


# --- the document -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Section:
    """One named entry (cluster, user or context) and the file it came from, against which its paths are resolved."""

    file: Path
    where: str
    values: Mapping[str, object]

    def text(self, name: str) -> str:
        """The field as text, or "" where it is absent. Raises KubeconfigError for anything that is not a string."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(name, f"must be a string, is {type(value).__name__}")
        return value

    def data(self, name: str) -> bytes | None:
        """What ``<name>-data`` (base64) or the file ``<name>`` holds, or None. Inline data wins, as in client-go."""
        inline = self.text(f"{name}-data")
        if inline:
            try:
                return base64.b64decode(inline, validate=True)
            except binascii.Error as error:
                raise self.error(f"{name}-data", f"is not base64: {error}") from error
        named = self.text(name)
        if not named:
            return None
        try:
            return (self.file.parent / named).read_bytes()
        except OSError as error:
            raise self.error(name, f"cannot be read: {error}") from error

    def error(self, name: str, problem: str) -> KubeconfigError:
        return KubeconfigError(f"{self.file}: {self.where}.{name}: {problem}")


def _from_files(paths: list[Path], context: str | None) -> ConnectionConfig:
    documents = [(path, _read(path)) for path in paths]
    chosen = context or next((str(doc["current-context"]) for _, doc in documents if doc.get("current-context")), "")
    files = ", ".join(str(path) for path in paths)
    if not chosen:
        raise KubeconfigError(f"{files}: current-context is not set; choose one with --context")
    entry = _named(documents, "contexts", "context", chosen, files)
    cluster = _named(documents, "clusters", "cluster", _required(entry, "cluster"), files)
    user = entry.text("user")
    account = _named(documents, "users", "user", user, files) if user else _Section(entry.file, "users", {})
    return _connect(entry, cluster, account, f"{files} (context {chosen})")


def _read(path: Path) -> Mapping[str, object]:
    try:
        document = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise KubeconfigError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path}: is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise KubeconfigError(f"{path}: is not a kubeconfig: a mapping is expected")
    return document


def _named(
    documents: list[tuple[Path, Mapping[str, object]]], plural: str, singular: str, name: str, files: str
) -> _Section:
    """The first entry of that name in any file: earlier files win."""
    known: list[str] = []
    for path, document in documents:
        entries = document.get(plural)
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            known.append(str(entry.get("name")))
            if entry.get("name") == name:
                values = entry.get(singular)
                return _Section(path, f"{plural}[{name}].{singular}", values if isinstance(values, dict) else {})
    raise KubeconfigError(f"{files}: {singular} {name!r} not found; known: {', '.join(known) or 'none'}")


def _required(section: _Section, name: str) -> str:
    value = section.text(name)
    if not value:
        raise section.error(name, "is required")
    return value


# --- the connection ---------------------------------------------------------------------------------------------------


def _connect(entry: _Section, cluster: _Section, user: _Section, origin: str) -> ConnectionConfig:
    server = _required(cluster, "server").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise cluster.error("server", f"must start with https:// or http://, is {server!r}")
    if (wrong := _wrong_place(server)) is not None:
        raise cluster.error("server", f"{wrong}: {server!r}")
    _refuse_unsupported(cluster, user)
    return ConnectionConfig(
        server=server,
        tls=_tls(cluster, user) if server.startswith("https://") else None,
        credentials=_credentials(user, cluster),
        namespace=entry.text("namespace") or "default",
        origin=origin,
        tls_server_name=cluster.text("tls-server-name") or None,
    )


def _wrong_place(server: str) -> str | None:
    """What keeps anybody from connecting there, if anything does."""
    try:
        parts = urlsplit(server)
        is_place = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        return str(error)
    return None if is_place else "names no host and port to connect to"


def _refuse_unsupported(cluster: _Section, user: _Section) -> None:
    problems = [
        str(section.error(name, why))
        for section, fields in ((cluster, _UNSUPPORTED_CLUSTER_FIELDS), (user, _UNSUPPORTED_USER_FIELDS))
        for name, why in fields.items()
        if section.values.get(name)
    ]
    if problems:
        raise KubeconfigError("\n".join(problems))


def _tls(cluster: _Section, user: _Section) -> ssl.SSLContext:
    authority = cluster.data("certificate-authority")
    try:
        tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise cluster.error("certificate-authority", f"is not a PEM certificate: {error}") from error
    if cluster.values.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate, key = user.data("client-certificate"), user.data("client-key")
    if (certificate is None) != (key is None):
        missing = "client-key" if key is None else "client-certificate"
        raise user.error(missing, "is required: certificate and key come together")
    if certificate is not None and key is not None:
        _load_client_certificate(tls, certificate, key, user)
    return tls


def _load_client_certificate(tls: ssl.SSLContext, certificate: bytes, key: bytes, user: _Section) -> None:
    with _secret_file(certificate + b"\n" + key) as path:
        try:
            tls.load_cert_chain(path)
        except (ssl.SSLError, OSError) as error:
            raise user.error("client-certificate", f"or client-key is not usable: {error}") from error


@contextmanager
def _secret_file(content: bytes) -> Iterator[str]:
    """A file of mode 0600 that exists only inside the block: OpenSSL reads client keys from files alone."""
    descriptor, path = tempfile.mkstemp(prefix="napsim-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def _credentials(user: _Section, cluster: _Section) -> Credentials | None:
    """Token file, token or exec plugin; None where a client certificate or nothing is given.

    Of the first two the file goes first, as in client-go's transport/round_trippers.go.
    """
    if user.text("tokenFile"):
        return FileToken(user.file.parent / user.text("tokenFile"))
    if user.text("token"):
        try:
            bearer(user.text("token"), f"{user.file}: {user.where}.token")
        except CredentialError as error:
            raise KubeconfigError(str(error)) from error
        return StaticToken(user.text("token"))
    plugin = user.values.get("exec")
    if plugin is None:
        return None
    if not isinstance(plugin, dict) or not isinstance(plugin.get("command"), str):
        raise user.error("exec", "must be a mapping with a command")
    where = f"{user.file}: {user.where}.exec"
    try:
        return ExecToken.from_kubeconfig(plugin, user.file.parent, where, cluster.text("server"))
    except CredentialError as error:
        raise KubeconfigError(str(error)) from error
