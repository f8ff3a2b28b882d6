"""A real API server sends the same head with each review, so that the webhook need not parse it."""

from __future__ import annotations

import base64

import pytest

from injector.server.heads import RequestHead
from tests.apiserver.webhook_serving import a_pod, create, kubectl
from tests.beds.apiserver.bed import ApiServer
from tests.server.beside import Beside, MiB, config_of
from tests.server.serving_in_thread import NAME, Serving, serving

pytestmark = pytest.mark.xdist_group("at-once")

SWITCH = "at-once"


class Counted:
    """A webhook that counts what reaches its app, and what is asked at once."""

    def __init__(self) -> None:
        self.webhook = Beside(config_of({}), replicas=MiB, plans=8 * MiB).cached
        self.parsed, self.heads = 0, list[RequestHead]()

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        self.parsed += 1
        await self.webhook(scope, receive, send)  # type: ignore[arg-type]

    def at_once(self, head: RequestHead, body: bytes) -> object:
        self.heads.append(head)
        return self.webhook.at_once(head, body)


def registration(server: Serving) -> dict[str, object]:
    bundle = base64.b64encode(server.authority().encode()).decode()
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": SWITCH},
        "webhooks": [
            {
                "name": "at-once.example.com",
                "clientConfig": {"url": f"https://{NAME}:{server.port}/inject", "caBundle": bundle},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {SWITCH: "yes"}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 10,
                "failurePolicy": "Fail",
            }
        ],
    }


def test_an_api_server_gets_answers_that_were_not_parsed(bed: ApiServer) -> None:
    counted = Counted()
    with serving(counted) as server, bed.namespace({SWITCH: "yes"}) as namespace:
        try:
            assert create(bed, namespace, registration(server)).status == 0

            def asked_at_once() -> bool:
                # More than one call, as the API server may open a connection for each of the first.
                answer = create(bed, namespace, a_pod("first"), flags=("--dry-run=server",))
                assert answer.status == 0, answer.err
                return len(counted.heads) > 1

            server.until("a review is asked at once", asked_at_once)
            answer = create(bed, namespace, a_pod("last"), flags=("-o", "name"))
        finally:
            kubectl(bed, "delete", "mutatingwebhookconfiguration", SWITCH)
    assert answer.status == 0, answer.err
    assert {(head.path, head.budget) for head in counted.heads} == {("/inject", 10.0)}
