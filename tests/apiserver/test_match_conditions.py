"""The generated matchConditions and the decision agree: who is not sent would get nothing anyway.

The API server evaluates the conditions of a webhook that writes down for which pods it is called.
Pods are sent as a dry run. One that Kubernetes refuses is refused after the webhooks, so that it counts.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import random
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.catalogue import Catalogue
from injector.core.injection.decisions import decide
from injector.core.injection.near_misses import find_near_misses
from injector.core.injection.pipeline import inject
from injector.core.model import AnnotationKeys, Facts, Origin, Reason, Verdict
from injector.core.policy import Policy
from injector.core.profile import Config, Profile
from injector.core.registration.match_conditions import conditions, dropped
from tests.apiserver import webhook_serving as ws
from tests.beds.apiserver.bed import ApiServer
from tests.core.injection import test_decisions as table

Pod = dict[str, Any]

OURS = load(None)
SWITCH = OURS.policy.switch
OFTEN = 250


@dataclass
class Webhook:
    """A webhook that allows everything; `heard` has the names of the pods that it was called for."""

    url: str
    bundle: str
    heard: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=itertools.count)


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """The webhook on loopback."""
    folder = tmp_path_factory.mktemp("webhook")
    ws.certificates(folder)
    made = Webhook("", base64.b64encode((folder / "ca.crt").read_bytes()).decode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.heard.add(review["request"]["name"])
            answer = {"uid": review["request"]["uid"], "allowed": True}
            body = json.dumps({**review, "request": None, "response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: the tests look at `heard`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        made.url = f"https://127.0.0.1:{server.server_address[1]}/"
        yield made
        server.shutdown()
        thread.join()


@dataclass
class Sender:
    """Sends pods to the API server as a dry run."""

    bed: ApiServer
    webhook: Webhook

    def __post_init__(self) -> None:
        config = json.loads(self.bed.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        self.token = config["users"][0]["user"].get("token")
        if not self.token:
            pytest.skip("the kubeconfig has no token to send pods with")
        self.context = ssl.create_default_context(
            cafile=config["clusters"][0]["cluster"]["certificate-authority"]
        )

    def calls(self, pod: Pod, namespace: str) -> bool:
        """Whether the webhook is called for the creation of such a pod."""
        name = f"pod-{next(self.webhook.numbers)}"
        status, said = self.send(
            {**pod, "metadata": {**(pod.get("metadata") or {}), "name": name}}, namespace
        )
        # Forbidden is what a condition gives that cannot be evaluated.
        assert status not in (400, 403, 500), said
        return name in self.webhook.heard

    def send(self, pod: Pod, namespace: str) -> tuple[int, bytes]:
        """The HTTP status for a pod, and what the API server said."""
        spec = {k: v for k, v in (pod.get("spec") or {}).items() if v is not None}
        spec["containers"] = [
            {"image": "example.invalid/x:1", **c} for c in spec.get("containers") or [{"name": "app"}]
        ]
        sent = {"apiVersion": "v1", "kind": "Pod", **pod, "spec": spec}
        path = f"{self.bed.url}/api/v1/namespaces/{namespace}/pods?dryRun=All"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(path, json.dumps(sent).encode(), headers)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
                return int(answer.status), b""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


@contextlib.contextmanager
def conditioned(bed: ApiServer, webhook: Webhook, config: Config, namespace: str) -> Iterator[Sender]:
    """The webhook called for all pods of the namespace, and of the cluster's own, but for the conditions."""
    sender = Sender(bed, webhook)
    spaces = [namespace, "kube-system", "kube-public"]
    name = f"conditions-{namespace}"
    entry = {
        "name": "conditions.sidecar-injector.test",
        "clientConfig": {"url": webhook.url, "caBundle": webhook.bundle},
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
        "namespaceSelector": {
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": spaces}]
        },
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "matchConditions": [each.as_manifest() for each in conditions(config.policy, config.profile)],
    }
    item = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [entry],
    }
    answer = ws.kubectl(bed, "create", "-f", "-", manifest=item)
    assert answer.status == 0, answer.err
    try:
        ws.until("the webhook is called", lambda: sender.calls(asking(config), namespace))
        yield sender
    finally:
        bed.kubectl("delete", "mutatingwebhookconfiguration", name)


def asking(config: Config) -> Pod:
    return {"metadata": {"labels": {config.policy.switch: "true"}}}


def disagreements(sender: Sender, config: Config, pods: list[tuple[Pod, str]]) -> list[str]:
    """What the conditions do that they must not, for each pod in a namespace."""
    out = []
    for pod, namespace in pods:
        called = sender.calls(pod, namespace)
        facts = Facts(namespace, Origin.WEBHOOK)
        decision = decide(pod, facts, config.policy)
        if called == dropped(pod, namespace, config.policy, config.profile):
            out.append(f"called {called}, and it is told otherwise: {decision.reason} {pod}")
        if not called and decision.verdict is not Verdict.SKIP:
            out.append(f"not called, and it would be {decision.reason}: {pod}")
        if not called and find_near_misses(pod, config.profile):
            out.append(f"not called, and its author would be told something: {pod}")
    return out


def of_table(mode: str, **changes: Any) -> Config:
    """The policy of the decision table with a profile around it."""
    policy: Policy = table.policy(mode, **changes)
    keys = AnnotationKeys(switch=table.SWITCH, status=table.STATUS)
    known = Catalogue(
        frozenset({"mesh.example/cpu", "prometheus.io/scrape"}),
        frozenset({"mesh.example/rev", "app-of-mesh"}),
        frozenset({"mesh-injection"}),
        ("mesh.example",),
    )
    profile = Profile("table", keys, extra_catalogue=known)
    return replace(OURS, profile=profile, policy=policy)


def rows(namespace: str) -> list[tuple[Pod, str]]:
    """Every pod of the decision table that can be sent, with the namespace of its request."""
    own = {"kube-system", "kube-public"}
    rows: list[tuple[Pod, str]] = [(row[0], namespace) for row in table.WISHES]
    for pod, facts, *_ in table.GATES:
        meta = {k: v for k, v in (pod.get("metadata") or {}).items() if k != "namespace"}
        named = facts.namespace or (pod.get("metadata") or {}).get("namespace") or ""
        rows.append(({**pod, "metadata": meta}, named if named in own else namespace))
    return rows


@pytest.mark.parametrize("mode", ["enabled", "disabled", "wrong"])
def test_for_each_row_of_the_decision_table_both_agree(
    bed: ApiServer, webhook: Webhook, namespace: str, mode: str
) -> None:
    config = of_table(mode)
    pods = rows(namespace)
    with conditioned(bed, webhook, config, namespace) as sender:
        assert disagreements(sender, config, pods) == []
    fixed = of_table("enabled", never=(), always=(), foreign=())
    reasons = {
        decide(pod, Facts(space, Origin.WEBHOOK), fixed.policy).reason
        for pod, space in pods
        if dropped(pod, space, config.policy, config.profile)
    }
    assert reasons == {
        Reason.STATIC_POD,
        Reason.HOST_NETWORK,
        Reason.IGNORED_NAMESPACE,
        Reason.UNSUPPORTED_OS,
        Reason.OPTED_OUT_BY_LABEL,
        Reason.OPTED_OUT_BY_ANNOTATION,
    }


def test_a_pod_that_names_another_namespace_is_refused_before_any_webhook(
    bed: ApiServer, webhook: Webhook, namespace: str
) -> None:
    """The one denial of `decide`; so the match conditions need no rule for it."""
    sent = Sender(bed, webhook)
    status, said = sent.send({"metadata": {"name": "elsewhere", "namespace": "default"}}, namespace)
    assert (status, "elsewhere" in webhook.heard) == (400, False), said


NO = {SWITCH: "false"}
# Labels and annotations beside a certain reason to skip -> whether the webhook is called.
SAID: list[tuple[str, Pod, bool]] = [
    ("nothing", {}, False),
    ("no", {"labels": NO}, False),
    ("no, as an annotation", {"annotations": NO}, False),
    ("no, twice", {"labels": NO, "annotations": NO}, False),
    ("what belongs to others", {"labels": {"app": "x"}, "annotations": {"example.com/a": "b"}}, False),
    ("a label that is right", {"labels": {"istio.io/rev": "canary"}}, False),
    ("ports for Prometheus", {"annotations": {"prometheus.io/port": "80"}}, False),
    ("yes", {"labels": {SWITCH: "true"}}, True),
    ("yes, as an annotation", {"annotations": {SWITCH: "true"}}, True),
    ("no and yes", {"labels": NO, "annotations": {SWITCH: "true"}}, True),
    *((f"{word!r}", {"annotations": {SWITCH: word}}, True) for word in ("False ", "False", "no", "off", "")),
    *((f"{word!r} in a label", {"labels": {SWITCH: word}}, True) for word in ("False", "no", "0", "")),
    ("a key with a slip", {"annotations": {"sidecar.istio.io/injct": "false"}}, True),
    ("a label with a slip", {"labels": {"sidecar.istio.io/Inject": "false"}}, True),
    ("a domain below ours", {"annotations": {"x.sidecar.istio.io/inject": "false"}}, True),
    ("a label of the namespace", {"labels": {"istio-injection": "disabled"}}, True),
    ("the same as an annotation", {"annotations": {"istio-injection": "disabled"}}, True),
    ("an annotation as a label", {"labels": {"prometheus.io/scrape": "true"}}, True),
    ("a label as an annotation", {"annotations": {"istio.io/rev": "canary"}}, True),
    ("more than is searched", {"annotations": {f"a{n}": "" for n in range(101)}}, True),
    ("many labels", {"labels": {f"a{n}": "" for n in range(20_000)}}, True),
]
SKIPPED: list[tuple[str, Pod]] = [
    ("hostNetwork", {"spec": {"hostNetwork": True}}),
    ("static", {"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}),
    ("windows", {"spec": {"os": {"name": "windows"}}}),
]


def together(meta: Pod, pod: Pod) -> Pod:
    more = pod.get("metadata", {}).get("annotations", {})
    return {**pod, "metadata": {**meta, "annotations": {**meta.get("annotations", {}), **more}}}


def test_the_webhook_is_called_for_requests_and_near_misses_of_skipped_pods(
    bed: ApiServer, webhook: Webhook, namespace: str
) -> None:
    with conditioned(bed, webhook, OURS, namespace) as sender:
        for (said, meta, heard), (why, pod) in itertools.product(SAID, SKIPPED):
            assert sender.calls(together(meta, pod), namespace) is heard, (said, why)
        for said, meta, heard in SAID:
            assert sender.calls({"metadata": meta}, "kube-system") is heard, said
            assert disagreements(sender, OURS, [({"metadata": meta}, namespace)]) == [], said


def a_pod_at_random(chosen: random.Random) -> Pod:
    """A pod with a few of the keys, words and fields that decisions hang on."""
    keys = [*OURS.profile.catalogue().labels, *sorted(OURS.profile.catalogue().annotations)[:12]]
    keys += [SWITCH] * 20 + ["app", "sidecar.istio.io/injekt", "istio-injection", "istio.io", "a.istio.iox/b"]
    words = ["true", "false", "false", "false", "False", "no", "", "x"]

    def some() -> dict[str, str]:
        return {chosen.choice(keys): chosen.choice(words) for _ in range(chosen.choice((0, 0, 1, 1, 2, 4)))}

    annotations = some() | ({"kubernetes.io/config.mirror": "x"} if chosen.random() < 0.1 else {})
    spec: Pod = {"hostNetwork": True} if chosen.random() < 0.3 else {}
    if chosen.random() < 0.3:
        spec["os"] = {"name": chosen.choice(["linux", "windows", ""])}
    return {"metadata": {"labels": some(), "annotations": annotations}, "spec": spec}


OPT_IN = replace(OURS, policy=replace(OURS.policy, mode="disabled"))


@pytest.mark.parametrize("config", [OURS, OPT_IN], ids=["by default", "opting in"])
def test_for_pods_at_random_both_agree(
    bed: ApiServer, webhook: Webhook, namespace: str, config: Config
) -> None:
    chosen = random.Random(5)
    pods = [
        (a_pod_at_random(chosen), chosen.choice([namespace, namespace, "kube-system"])) for _ in range(OFTEN)
    ]
    with conditioned(bed, webhook, config, namespace) as sender:
        assert disagreements(sender, config, pods) == []
    left_out = sum(dropped(pod, space, config.policy, config.profile) for pod, space in pods)
    assert OFTEN // 10 < left_out < OFTEN * 9 // 10


def test_a_pod_that_is_not_sent_would_get_no_patch_no_warning_and_no_refusal(namespace: str) -> None:
    chosen = random.Random(6)
    pods = [a_pod_at_random(chosen) for _ in range(OFTEN)]
    left_out = [pod for pod in pods if dropped(pod, namespace, OURS.policy, OURS.profile)]
    assert left_out
    for pod in left_out:
        outcome = inject(pod, Facts(namespace, Origin.WEBHOOK), OURS)
        assert (outcome.decision.verdict, outcome.patch, outcome.findings, outcome.error) == (
            Verdict.SKIP, (), (), None,
        )  # fmt: skip
