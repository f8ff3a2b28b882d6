"""Refusals of a real API server, and kubeconfigs that cannot be used: the errors of injector.kube."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from injector.errors import ClusterError
from injector.kube.api_errors import Request, refused
from injector.kube.async_client import connect_async
from injector.kube.client import Cluster, connect
from tests.beds.apiserver.bed import ApiServer


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        (
            "/api/v1/nodes",
            "not allowed to list nodes",
            "'list' on 'nodes' to this account with a ClusterRole",
        ),
        (
            "/apis/apps/v1/namespaces/kube-system/deployments",
            "not allowed to list deployments.apps in namespace kube-system",
            "'list' on 'deployments.apps' to this account with a Role in namespace kube-system",
        ),
    ],
)
def test_a_403_says_which_verb_on_which_resource_is_missing(
    bed: ApiServer, path: str, message: str, hint: str
) -> None:
    token = bed.kubectl("create", "token", "default", "-n", "default").strip()

    with connect(str(bed.kubeconfig_with_token(token)), None) as other, pytest.raises(ClusterError) as caught:
        other.list(path)

    error = caught.value
    assert (error.status, error.reason, error.message) == (403, "Forbidden", message)
    # The URL is for logs.
    assert (error.where, str(error)) == (f"{bed.url}{path}", message)
    assert hint in error.hint


def test_a_403_of_the_asyncio_half_names_the_verb_too(bed: ApiServer) -> None:
    token = bed.kubectl("create", "token", "default", "-n", "default").strip()

    async def watch() -> None:
        async with await connect_async(str(bed.kubeconfig_with_token(token)), None) as other:
            async for _ in other.watch("/api/v1/namespaces", "0"):
                pass

    with pytest.raises(ClusterError, match="not allowed to watch namespaces"):
        asyncio.run(watch())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/v1/namespaces/nowhere", "namespace nowhere does not exist"),
        ("/api/v1/namespaces/kube-system/pods/gone", "pods gone in namespace kube-system does not exist"),
        ("/apis/apps/v1/namespaces/a/deployments/b", "namespace a does not exist"),
        ("/apis/example.invalid/v1/things", "this cluster does not serve things.example.invalid"),
        ("/apis/example.invalid/v1/things/one", "this cluster does not serve things.example.invalid"),
    ],
)
def test_a_404_distinguishes_a_missing_object_from_a_missing_kind(
    cluster: Cluster, path: str, message: str
) -> None:
    with pytest.raises(ClusterError) as caught:
        cluster.get(path)
    assert (caught.value.status, caught.value.message) == (404, message)


def test_a_wrong_token_is_a_401_with_a_hint(bed: ApiServer) -> None:
    with (
        connect(str(bed.kubeconfig_with_token("wrong")), None) as other,
        pytest.raises(ClusterError) as caught,
    ):
        other.get("/api/v1/namespaces/default")
    assert caught.value.status == 401
    assert "log in again" in caught.value.hint


def test_an_answer_that_is_no_json_object_is_not_taken_for_one(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="not a JSON object"):
        cluster.get("/healthz")  # says: ok


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"reason": "TooManyRequests", "message": "slow down"}',
            "the API server answered 429 TooManyRequests: slow down",
        ),
        (b"<html>busy</html>", "the API server answered 429 without a reason: no explanation"),
        (b"[]", "the API server answered 429 without a reason: no explanation"),
    ],
)
def test_other_refusals_carry_what_the_api_server_said(body: bytes, message: str) -> None:
    error = refused(Request("https://127.0.0.1:1", "get", "/version"), 429, body)

    assert (error.status, error.message) == (429, message)


def kubeconfig_for(folder: Path, server: str, **cluster: str) -> str:
    path = folder / "config"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": {"token": "any"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return str(path)


def both_halves(kubeconfig: str, path: str) -> list[ClusterError]:
    """The errors of the two clients for the same request."""

    async def ask() -> None:
        async with await connect_async(kubeconfig, None) as other:
            await other.get(path)

    with connect(kubeconfig, None) as cluster, pytest.raises(ClusterError) as first:
        cluster.get(path)
    with pytest.raises(ClusterError) as second:
        asyncio.run(ask())
    return [first.value, second.value]


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    # Port 1 is privileged and, on any sane machine, closed.
    for error in both_halves(kubeconfig_for(tmp_path, "https://127.0.0.1:1"), "/version"):
        assert (error.status, error.reason) == (0, "Unreachable")
        assert "refused" in error.message.lower() or "Connect call failed" in error.message


def test_a_server_whose_certificate_is_not_trusted_is_unreachable_and_says_why(
    bed: ApiServer, tmp_path: Path
) -> None:
    if bed.plane is None:
        pytest.skip("the certificate of another cluster may be trusted")
    for error in both_halves(kubeconfig_for(tmp_path, bed.url), "/version"):
        assert error.reason == "Unreachable"
        assert "certificate verify failed" in error.message.lower()


# --- configuration


def test_without_a_kubeconfig_the_one_of_the_environment_is_used(
    bed: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(bed.kubeconfig))

    with connect(None, None) as other:
        assert other.get("/version")["major"] == "1"


def test_without_any_configuration_the_places_that_were_looked_at_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(ClusterError) as caught:
        connect(None, None)

    assert caught.value.where == str(tmp_path / ".kube" / "config")
    assert "--kubeconfig" in caught.value.hint


def test_an_unknown_context_is_named(tmp_path: Path) -> None:
    path = kubeconfig_for(tmp_path, "https://127.0.0.1:1")

    with pytest.raises(ClusterError, match="other") as caught:
        connect(path, "other")
    assert caught.value.where == path


@pytest.mark.parametrize(
    "text",
    [
        "users: [{name: me, user: {token: sEcReT}",
        '{"contexts": [{"name": "x", "token": "sEcReT"}], "clusters": [], "current-context": "x"}',
        '{"users": "sEcReT", "contexts": 3, "current-context": "x"}',
        "sEcReT",
    ],
)
def test_a_broken_kubeconfig_is_refused_without_its_secrets(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises(ClusterError) as caught:
        connect(str(path), None)

    error = caught.value
    assert (error.reason, error.where) == ("Configuration", str(path))
    assert "sEcReT" not in f"{error}{error.hint}"


def test_a_missing_client_is_reported_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)  # the one way to have it not installed here

    with pytest.raises(ClusterError) as caught:
        connect(None, None)

    assert caught.value.reason == "NotInstalled"
    assert "extra 'cluster'" in caught.value.message
    assert "sidecar-injector" not in caught.value.hint
