"""Kubeconfig files, service accounts and tokens; and that errors name file, context and field."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from napsim.live.credentials import CredentialError, ExecToken, FileToken, StaticToken
from napsim.live.kubeconfig import ConnectionConfig, KubeconfigError, in_cluster, load_connection

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=test"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return certificate, key


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def document(
    name: str = "dev",
    cluster: dict[str, object] | None = None,
    user: dict[str, object] | None = None,
    **context: object,
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": "https://10.0.0.1:6443/", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
    }


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def header(connection: ConnectionConfig) -> str | None:
    assert connection.credentials is not None
    asyncio.run(connection.credentials.refresh())
    return connection.credentials.header()


def test_a_context_gives_server_namespace_and_token(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document(user={"token": "secret"}, namespace="shop"))
    connection = load_connection(path)
    assert connection.server == "https://10.0.0.1:6443"
    assert connection.namespace == "shop"
    assert header(connection) == "Bearer secret"
    assert connection.origin == f"{path} (context dev)"
    assert "secret" not in repr(connection)


def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    both = document("dev", user={"token": "one"})
    other = document("prod", user={"token": "two"})
    for field in ("clusters", "users", "contexts"):
        both[field] += other[field]
    assert header(load_connection(write(tmp_path / "config", both), "prod")) == "Bearer two"


def test_client_certificates_come_inline_or_as_files_and_stay_nowhere(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    certificate, key = pair
    (tmp_path / "ca.crt").write_bytes(certificate.read_bytes())
    inline = document(
        cluster={"certificate-authority": "ca.crt"},
        user={"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)},
    )
    files = document(user={"client-certificate": str(certificate), "client-key": str(key)})
    for number, content in enumerate([inline, files]):
        connection = load_connection(write(tmp_path / f"config{number}", content))
        assert connection.tls is not None
        assert connection.tls.verify_mode is ssl.CERT_REQUIRED
        assert connection.credentials is None
    assert not list(scratch.iterdir())


def test_verification_can_be_switched_off_and_a_server_name_given(tmp_path: Path) -> None:
    content = document(cluster={"insecure-skip-tls-verify": True, "tls-server-name": "api"})
    connection = load_connection(write(tmp_path / "config", content))
    assert connection.tls is not None
    assert connection.tls.verify_mode is ssl.CERT_NONE
    assert connection.tls_server_name == "api"


def test_several_files_are_merged_and_the_first_setting_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "one", {**document("dev"), "users": [], "current-context": ""})
    second = write(tmp_path / "two", document("dev", cluster={"server": "https://other"}, user={"token": "t"}))
    listed = os.pathsep.join([str(tmp_path / "missing"), str(first), str(second)])
    connection = load_connection(environ={"KUBECONFIG": listed})
    assert connection.server == "https://10.0.0.1:6443"
    assert header(connection) == "Bearer t"


def test_the_home_directory_comes_before_the_service_account(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube" / "config", document())
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.1.0.1"}
    assert load_connection(environ=environ).server == "https://10.0.0.1:6443"


def test_nothing_anywhere_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="give --kubeconfig, set KUBECONFIG"):
        load_connection(environ={"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("just text", "is not a kubeconfig: a mapping is expected"),
        (document() | {"current-context": ""}, "current-context is not set; choose one with --context"),
        (document() | {"contexts": []}, "context 'dev' not found; known: none"),
        (document(cluster={"server": ""}), r"clusters\[dev\].cluster.server: is required"),
        (document(cluster={"server": "10.0.0.1"}), "must start with https:// or http://, is '10.0.0.1'"),
        (document(cluster={"server": 7}), r"cluster.server: must be a string, is int"),
        (document(cluster={"certificate-authority-data": "%"}), "certificate-authority-data: is not base64"),
        (document(cluster={"certificate-authority-data": "eA=="}), "certificate-authority: is not a PEM certificate"),
        (document(cluster={"certificate-authority": "nope.crt"}), "certificate-authority: cannot be read: .*nope.crt"),
        (document(user={"client-certificate-data": "eA=="}), "client-key: is required"),
        (document(user={"client-certificate-data": "eA==", "client-key-data": "eA=="}), "client-key is not usable"),
        (document(cluster={"proxy-url": "http://p:1"}), r"cluster.proxy-url: proxies are not supported"),
        (document(user={"as": "admin"}), r"users\[dev\].user.as: impersonation is not supported"),
        (document(user={"exec": {"args": []}}), "exec: must be a mapping with a command"),
        (document(user={"exec": {"command": "x", "apiVersion": "v1alpha1"}}), "apiVersion: 'v1alpha1' is not one of"),
        (
            document(user={"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1", "env": ["A=1"]}}),
            r"exec\.env\[0\]: must be a mapping with a name",
        ),
        (document(user={"token": "a\nb"}), "token: the token has characters that no HTTP header can have"),
        (document(cluster={"server": "https://localhost:abc"}), "server: Port could not be cast"),
        (document(cluster={"server": "https://[::1"}), "server: Invalid IPv6 URL"),
        (document(cluster={"server": "https:///path"}), "server: names no host and port"),
    ],
)
def test_an_error_names_file_and_field(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path / "config", content)
    with pytest.raises(KubeconfigError, match=message) as caught:
        load_connection(path)
    assert str(path) in str(caught.value)


def test_all_unsupported_fields_are_named_at_once(tmp_path: Path) -> None:
    content = document(user={"username": "u", "password": "p", "auth-provider": {"name": "azure"}})
    with pytest.raises(KubeconfigError) as caught:
        load_connection(write(tmp_path / "config", content))
    assert len(str(caught.value).splitlines()) == 3


def test_of_a_token_and_a_file_of_one_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of the file")
    both = document(user={"token": "written", "tokenFile": "token"})
    assert header(load_connection(write(tmp_path / "config", both))) == "Bearer of the file"


def test_text_that_is_no_yaml_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a: [")
    with pytest.raises(KubeconfigError, match="is not YAML"):
        load_connection(tmp_path / "config")


@pytest.mark.parametrize(
    ("host", "server"), [("10.1.0.1", "https://10.1.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_a_pod_speaks_as_its_service_account(tmp_path: Path, pair: tuple[Path, Path], host: str, server: str) -> None:
    (tmp_path / "token").write_text("mounted\n")
    (tmp_path / "ca.crt").write_bytes(pair[0].read_bytes())
    (tmp_path / "namespace").write_text("napsim-system")
    connection = in_cluster({"KUBERNETES_SERVICE_HOST": host}, tmp_path)
    assert connection.server == server
    assert connection.namespace == "napsim-system"
    assert header(connection) == "Bearer mounted"


def test_a_pod_without_a_mounted_token_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"token, .*ca.crt missing"):
        in_cluster({"KUBERNETES_SERVICE_HOST": "10.1.0.1"}, tmp_path)


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_fixed_token_stays() -> None:
    token = StaticToken("t")
    token.reject()
    assert token.header() == "Bearer t"
    assert "'t'" not in repr(token)


def test_a_token_file_is_read_again_after_a_minute_or_a_refusal(tmp_path: Path) -> None:
    moment = 1000.0
    path = tmp_path / "token"
    path.write_text("one")
    token = FileToken(path, monotonic=lambda: moment)
    assert token.header() is None
    asyncio.run(token.refresh())
    path.write_text("two")
    assert token.header() == "Bearer one"
    moment += 60
    assert token.header() is None
    asyncio.run(token.refresh())
    assert token.header() == "Bearer two"
    token.reject()
    assert token.header() is None


def test_an_empty_token_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("")
    with pytest.raises(CredentialError, match="is empty"):
        asyncio.run(FileToken(tmp_path / "token").refresh())


def plugin(tmp_path: Path, script: str) -> dict[str, Any]:
    (tmp_path / "plugin.py").write_text(script)
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(tmp_path / "plugin.py")],
        "env": [{"name": "ROLE", "value": "reader"}],
        "provideClusterInfo": True,
    }


def printing(status: dict[str, Any]) -> str:
    kind = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(kind)!r})"


def test_an_exec_plugin_is_told_of_the_cluster_and_its_token_used_until_it_expires(tmp_path: Path) -> None:
    script = (
        "import json, os\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "token = os.environ['ROLE'] + '@' + info['spec']['cluster']['server']\n"
        "print(json.dumps({'kind': 'ExecCredential', 'status': "
        "{'token': token, 'expirationTimestamp': '2026-01-01T12:10:00Z'}}))"
    )
    path = write(tmp_path / "config", document(user={"exec": plugin(tmp_path, script)}))
    token = load_connection(path).credentials
    assert isinstance(token, ExecToken)
    now = NOON
    token.now = lambda: now
    asyncio.run(token.refresh())
    assert token.header() == "Bearer reader@https://10.0.0.1:6443/"
    now = NOON + timedelta(minutes=9, seconds=31)
    assert token.header() is None


@pytest.mark.parametrize("expires", ["2026-01-01T12:00:20Z", "2026-01-01T11:59:00Z"])
def test_a_token_that_ends_soon_is_used_all_the_same(expires: str, tmp_path: Path) -> None:
    """What the plugin just gave may be over by our clock alone."""
    script = printing({"token": "short", "expirationTimestamp": expires})
    token = ExecToken.from_kubeconfig(plugin(tmp_path, script), tmp_path, "config: exec", "https://x")
    now = NOON
    token.now = lambda: now
    asyncio.run(token.refresh())
    assert token.header() == "Bearer short"
    now = NOON + timedelta(seconds=1)
    assert token.header() is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('please log in')", "exited with 1: please log in"),
        ("print('hello')", "did not print an ExecCredential"),
        (printing({}), "gave no status.token"),
        (printing({"clientCertificateData": "x"}), "gave only a client certificate, which is not supported"),
    ],
)
def test_what_an_exec_plugin_does_wrong_is_said(tmp_path: Path, script: str, message: str) -> None:
    token = ExecToken.from_kubeconfig(plugin(tmp_path, script), tmp_path, "config: users[dev].user.exec", "https://x")
    with pytest.raises(CredentialError, match=message) as caught:
        asyncio.run(token.refresh())
    assert "users[dev].user.exec" in str(caught.value)


def test_a_plugin_that_is_not_installed_is_named(tmp_path: Path) -> None:
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./kubelogin"}
    token = ExecToken.from_kubeconfig(spec, tmp_path, "config: exec", "https://x")
    with pytest.raises(CredentialError, match=r"kubelogin cannot be started"):
        asyncio.run(token.refresh())
