"""What commands load of the Kubernetes client, in processes of their own: a module is loaded once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me, namespace: shop}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: abc}}]
"""
CONNECT = """\
import sys
from injector.kube.client import connect
cluster = connect(sys.argv[1], None)
"""


def run(tmp_path: Path, code: str, first: str = CONNECT) -> list[str]:
    (tmp_path / "config").write_text(KUBECONFIG)
    command = [sys.executable, "-c", first + code, str(tmp_path / "config")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_command_loads_no_models_and_no_library_that_requests_do_not_use(tmp_path: Path) -> None:
    loaded = run(tmp_path, "print(*sys.modules)")
    assert "kubernetes.client.rest" in loaded
    not_used = {
        "pydantic",
        "requests",
        "websocket",
        "oauthlib.oauth2.rfc6749",
        "kubernetes.client.api_client",
    }
    assert not_used.isdisjoint(loaded)


def test_what_was_left_out_is_loaded_when_it_is_used(tmp_path: Path) -> None:
    code = """\
import kubernetes, oauthlib.oauth2
from kubernetes.config import kube_config
from kubernetes.client import ApiClient
from kubernetes.client.api_client import ApiClient as same
assert ApiClient is same and isinstance(kube_config.ApiClient(), same)
assert kube_config.OAuth2Session("me").client_id == "me"
print(kubernetes.dynamic.DynamicClient.__name__)
print(oauthlib.oauth2.rfc6749.errors.InvalidClientIdError.__name__)
"""
    assert run(tmp_path, code) == ["DynamicClient", "InvalidClientIdError"]


@pytest.mark.parametrize("first", ["", CONNECT])
def test_serve_loads_no_library_that_requests_do_not_use(tmp_path: Path, first: str) -> None:
    code = """\
import asyncio, sys
from injector.kube.async_client import connect_async

async def main():
    async with await connect_async(sys.argv[1], None):
        print(*sys.modules)
    import kubernetes
    assert kubernetes.aio.dynamic.DynamicClient
    assert kubernetes.client.CoreV1Api().api_client

asyncio.run(main())
"""
    loaded = run(tmp_path, code, first)
    assert {"kubernetes.aio.client.rest", "aiohttp"} <= set(loaded)
    not_used = {
        "requests",
        "websocket",
        "oauthlib.oauth2.rfc6749",
        "kubernetes.client.api_client",
        "kubernetes.aio.dynamic.client",
        # Those of the other client, unless that is loaded already.
        *([] if first else ["kubernetes.client.rest", "kubernetes.config.kube_config", "urllib3"]),
    }
    assert not_used.isdisjoint(loaded)


def test_a_client_that_is_loaded_stays_whole(tmp_path: Path) -> None:
    code = """\
import kubernetes
from kubernetes.client.api_client import ApiClient
print("requests_oauthlib" in sys.modules)
"""
    whole = "import kubernetes\n"
    (tmp_path / "config").write_text(KUBECONFIG)
    command = [sys.executable, "-c", whole + CONNECT + code, str(tmp_path / "config")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True"], done.stderr
