"""The real API server identifies itself to the webhook, by certificate and by token; others cannot."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver import webhook_serving as ws
from tests.beds.apiserver.bed import ApiServer
from tests.beds.plugin import require
from tests.callers.credentials import Authority

pytestmark = pytest.mark.xdist_group("caller-auth")

NAME = "sidecar-injector-callers"
AUDIENCE = "https://injector.mesh.svc/mutate"
ACCOUNT = "webhook-auth"
VALUES = {"global": {"hub": "registry.example.com/istio", "tag": "1.30.0"}}
REFUSED = ("401", "the caller is rejected: no-credentials")


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the API server's certificate."""
    return Authority.make()


@pytest.fixture(scope="module")
def identified(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that shows webhooks a certificate and a token."""
    require(ApiServer)
    if os.environ.get("E2E_KUBECONFIG"):
        pytest.skip("how an API server of somebody else's identifies itself cannot be changed")
    folder = tmp_path_factory.mktemp("identity")
    chain, key = authority.write_pair(folder, "kube-apiserver")
    token = folder / "token"
    shown = {"client-certificate": str(chain), "client-key": str(key), "tokenFile": str(token)}
    with ApiServer.running(towards_webhooks=shown) as bed:
        bed.kubectl("create", "serviceaccount", ACCOUNT, "-n", "kube-system")
        made = bed.kubectl("create", "token", ACCOUNT, "-n", "kube-system", f"--audience={AUDIENCE}")
        token.write_text(made.strip())
        yield bed


def a_config(folder: Path, **caller_auth: Any) -> Path:
    file = folder / "injector.yaml"
    server = {"callerAuth": caller_auth, "source": {"pollSeconds": 1}}
    file.write_text(yaml.safe_dump({"values": VALUES, "server": server}))
    return file


def by_certificate(folder: Path, authority: Authority, mode: str, *names: str) -> Path:
    trusted = folder / "callers.crt"
    trusted.write_text(authority.pem)
    return a_config(folder, mode=mode, clientCaFile=str(trusted), clientNames=list(names))


def by_token(folder: Path, mode: str, **changed: Any) -> Path:
    subject = f"system:serviceaccount:kube-system:{ACCOUNT}"
    return a_config(folder, mode=mode, **{"audience": AUDIENCE, "subjects": [subject], **changed})


@contextlib.contextmanager
def a_room(bed: ApiServer, folder: Path, config: Path) -> Iterator[tuple[ws.Served, str]]:
    """The webhook, and a namespace whose pods the API server sends to it."""
    with (
        ws.serving(bed, folder, "--config", config) as served,
        ws.registered(bed, served, NAME, "/mutate", "--config", config),
        bed.namespace({"istio-injection": "enabled"}) as namespace,
    ):
        yield served, namespace


def by_hand(served: ws.Served, token: str = "") -> tuple[str, str]:
    """Status and answer of a post that is no review."""
    context = ssl.create_default_context(cafile=str(served.ca))
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{served.url}/mutate", b"{", headers)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=60) as answer:
            return str(answer.status), answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code), error.read().decode().strip()


def until_injected(bed: ApiServer, namespace: str) -> None:
    def injected() -> bool:
        answer = ws.create(bed, namespace, ws.a_pod("probe"), flags=("--dry-run=server", "-o", "json"))
        return answer.status == 0 and ws.STATUS in json.loads(answer.out)["metadata"].get("annotations", {})

    ws.until("pods are injected", injected)


def until_refused(bed: ApiServer, namespace: str) -> str:
    def refused() -> str:
        answer = ws.create(bed, namespace, ws.a_pod("probe"), flags=("--dry-run=server",))
        return answer.err if answer.status else ""

    return ws.until("pods are refused", refused)


def test_only_the_api_servers_certificate_is_accepted(
    identified: ApiServer, authority: Authority, tmp_path: Path
) -> None:
    config = by_certificate(tmp_path, authority, "enforce", "kube-apiserver")
    with a_room(identified, tmp_path, config) as (served, namespace):
        until_injected(identified, namespace)
        # Without a certificate, and where no token is accepted, the handshake ends.
        with pytest.raises(OSError, match=r"(?i)ssl|certificate|EOF|reset|aborted|pipe"):
            by_hand(served)


def test_another_name_is_refused_and_audit_mode_only_logs_it(
    identified: ApiServer, authority: Authority, tmp_path: Path
) -> None:
    config = by_certificate(tmp_path, authority, "enforce", "somebody-else")
    with a_room(identified, tmp_path, config) as (_, namespace):
        assert "certificate-name" in until_refused(identified, namespace)
    config = by_certificate(tmp_path, authority, "audit", "somebody-else")
    with a_room(identified, tmp_path, config) as (served, namespace):
        until_injected(identified, namespace)
        events = [e for e in served.events() if e["event"] == "caller"]
        assert {e["reason"] for e in events} == {"certificate-name"}
        # The caller is accepted; the body is rejected as no review.
        assert by_hand(served)[0] == "400"


def test_a_token_of_the_cluster_is_verified_by_the_clusters_own_keys(
    identified: ApiServer, tmp_path: Path
) -> None:
    with a_room(identified, tmp_path, by_token(tmp_path, "enforce")) as (served, namespace):
        until_injected(identified, namespace)
        assert by_hand(served) == REFUSED

        def made(*flags: str, account: str = ACCOUNT) -> str:
            return identified.kubectl("create", "token", account, "-n", "kube-system", *flags).strip()

        for_others = made()
        assert by_hand(served, for_others) == ("401", "the caller is rejected: token-audience")
        of_others = made(f"--audience={AUDIENCE}", account="default")
        assert by_hand(served, of_others) == ("403", "the caller is rejected: token-subject")
        assert by_hand(served, made(f"--audience={AUDIENCE}"))[0] == "400"


def test_a_token_that_attests_nothing_is_refused_where_that_is_asked_for(
    identified: ApiServer, tmp_path: Path
) -> None:
    path = "kubernetes.io/attestations/admissionReviewAPIGroups"
    with a_room(identified, tmp_path, by_token(tmp_path, "enforce", groupsClaim=path)) as (_, namespace):
        assert "token-groups" in until_refused(identified, namespace)


def test_a_401_is_reported_by_the_api_server_and_explained_in_the_log(
    identified: ApiServer, tmp_path: Path
) -> None:
    config = by_token(tmp_path, "enforce", audience="https://elsewhere.example.com")
    with a_room(identified, tmp_path, config) as (served, namespace):
        assert "the server has asked for the client to provide credentials" in until_refused(
            identified, namespace
        )

        def reason_is_logged() -> bool:
            until_refused(identified, namespace)
            return "token-audience" in {e.get("reason") for e in served.events() if e["event"] == "caller"}

        ws.until("the log says why", reason_is_logged)
