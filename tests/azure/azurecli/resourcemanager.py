"""The part of Azure Resource Manager that keeps clusters and their maintenance configurations, on this machine.

It keeps what is put, as JSON, and gives it back; it checks nothing. Beside it, on a port without TLS as in Azure, is
the endpoint where az gets the token of a managed identity.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
_TENANT: Final = "11111111-1111-1111-1111-111111111111"
_CLUSTER: Final = (
    rf"/subscriptions/{SUBSCRIPTION}/resourceGroups/[^/]+/providers/Microsoft\.ContainerService/managedClusters/[^/]+"
)
_LIST: Final = re.compile(f"{_CLUSTER}/maintenanceConfigurations")
_ITEM: Final = re.compile(f"{_CLUSTER}(/maintenanceConfigurations/[^/]+)?")
_NOT_FOUND: Final = {"error": {"code": "ResourceNotFound", "message": "there is no such resource"}}
_CERTIFICATE: Final = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
    *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
    *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
)

Body = dict[str, Any]


def resource(group: str, cluster: str, configuration: str = "") -> str:
    """The id of a cluster, or of one of its configurations: the path in the REST API."""
    cluster = f"providers/Microsoft.ContainerService/managedClusters/{cluster}"
    inner = f"/maintenanceConfigurations/{configuration}" if configuration else ""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/{cluster}{inner}"


@dataclass(slots=True)
class ResourceManager:
    """``kept``: bodies by id, with what the server adds. ``put``: the bodies as they came, by id, of the last each."""

    certificate: Path
    address: str = ""
    identity: str = ""
    kept: dict[str, Body] = field(default_factory=dict)
    put: dict[str, Body] = field(default_factory=dict)

    def empty(self) -> None:
        self.kept.clear()
        self.put.clear()

    def keep(self, path: str, body: Body) -> None:
        """As if it had been there before."""
        self.kept[path] = {"id": path, "name": path.rpartition("/")[2], **body}

    def below(self, group: str, cluster: str) -> Body:
        """The configurations of a cluster, as the REST API lists them."""
        path = f"{resource(group, cluster)}/maintenanceConfigurations/"
        return {"value": [body for name, body in self.kept.items() if name.startswith(path)]}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Body | None]:
        """The status code and what goes with it."""
        if (method, path) == ("GET", "/subscriptions"):
            named = {"subscriptionId": SUBSCRIPTION, "displayName": "rehearsal", "state": "Enabled"}
            return 200, {"value": [{"id": f"/subscriptions/{SUBSCRIPTION}", "tenantId": _TENANT, **named}]}
        if method == "GET" and _LIST.fullmatch(path):
            return 200, {"value": [kept for name, kept in self.kept.items() if name.startswith(f"{path}/")]}
        if not _ITEM.fullmatch(path):
            return 404, _NOT_FOUND
        if method == "PUT":
            self.put[path] = json.loads(body)
            self.keep(path, self.put[path])
        if method == "DELETE":
            return (200 if self.kept.pop(path, None) else 204), None
        return (200, self.kept[path]) if path in self.kept else (404, _NOT_FOUND)


def _token() -> Body:
    """One that nobody signed: az looks at its tenant alone."""
    parts = ({"alg": "none", "typ": "JWT"}, {"tid": _TENANT, "oid": _TENANT})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return {"access_token": ".".join([*encoded, ""]), "expires_on": "4102444800", "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    manager: ResourceManager

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        code, answer = (200, _token()) if path == "/token" else self.manager.answer(self.command, path, body)
        text = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_PUT = do_GET  # noqa: N815 - the name that the base class looks for
    do_DELETE = do_GET  # noqa: N815 - the name that the base class looks for

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is asked is seen in what is kept."""


@contextmanager
def resource_manager(folder: Path) -> Iterator[ResourceManager]:
    """One that answers until the end, on ports that are free; its certificate lies in `folder`."""
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subprocess.run([*_CERTIFICATE, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    manager = ResourceManager(certificate)
    handler = type("Handler", (_Handler,), {"manager": manager})
    with ExitStack() as stack:
        arm, identity = (stack.enter_context(_serving(handler, pair)) for pair in ((certificate, key), None))
        manager.address = f"https://127.0.0.1:{arm}"
        manager.identity = f"http://127.0.0.1:{identity}/token"
        yield manager


@contextmanager
def _serving(handler: type[_Handler], pair: tuple[Path, Path] | None) -> Iterator[int]:
    """The port of a server, with TLS where it has a certificate and its key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
