"""The cache of answers for replicas, by the conditions on which an answer may be given again.

Each condition has a test that fails where the condition is dropped; (a) is in test_replica_functions.py,
(c) and (d) in test_replica_keys.py, (e) in test_replica_bytes.py. Every test asks a webhook without caches
the same, and compares bytes and log lines.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonpatch
import pytest

from injector.core.model import AdmissionRequest, Facts, Namespace, Verdict
from injector.core.outcome import Outcome
from injector.server import answers
from injector.server.admission_log import AdmissionLines
from injector.server.replicas import Made
from injector.server.review_keys import review_of
from injector.server.reviews import request_of
from injector.server.state import Limits
from tests.server.beside import SHOP, Beside, MiB, a_review, body_of, config_of, pod_of, unhurried
from tests.server.plan_places import PROXY_CONFIG
from tests.server.replica_reviews import (
    BODY,
    CPU,
    TOKENS,
    UID,
    Manifest,
    annotated,
    beside,
    primed,
    replicas_hit,
    with_arguments,
)
from tests.server.webhook_factories import Broken, a_config


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


def test_replicas_of_a_pod_get_one_answer_from_the_third_on() -> None:
    both = beside()
    assert [replicas_hit(both, lambda _review: None, (token,)) for token in ("a" * 5, "b" * 5, "c" * 5)] == [
        0,
        0,
        1,
    ]


def test_uid_and_times_differ_between_replicas_too() -> None:
    both = beside()
    for number in range(4):
        review = a_review(uid=f"uid-{number}")
        pod_of(review)["metadata"]["managedFields"][0]["time"] = f"2026-11-01T12:00:0{number}Z"
        assert both.ask(body_of(review)).json["response"]["uid"] == f"uid-{number}"
    assert both.repeated == 2


@pytest.mark.parametrize(
    ("raw", "change", "reason", "logged"),
    [
        ({}, annotated(**{CPU: "much"}), "invalid-annotation", "refused"),
        ({}, lambda r: pod_of(r)["spec"].update(hostNetwork=True), "host-network", None),
        ({}, lambda r: pod_of(r).update(spec=7), "invalid-pod", "refused"),
        ({"workLimit": 20_000}, with_arguments, "too-expensive", "refused"),
        ({}, annotated(**{"sidecar.istio.io/inject": "yes"}), "on-by-default", "finding"),
    ],
)
def test_denials_skips_and_findings_are_given_again_with_their_log_lines(
    raw: Manifest, change: Callable[[Manifest], object], reason: str, logged: str | None
) -> None:
    both = beside(raw)
    body = primed(both, change)
    reply, lines = both.of(both.cached, body)
    assert both.repeated == 2
    assert reply.json["response"]["auditAnnotations"]["reason"] == reason
    assert [line["event"] for line in lines] == ["admission", *([logged] if logged else [])]


# (b) What an answer depends on beside the pod.


def restricted(both: Beside) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    both.world.namespaces = {"shop": Namespace("shop", labels)}


def with_default(both: Beside) -> None:
    both.world.namespaces = {"shop": Namespace("shop", {"istio-injection": "enabled"}, {CPU: "123m"})}


def other_config(both: Beside) -> None:
    both.world.config = config_of({"policy": "enabled", "revision": "canary"})


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("labels of the namespace", restricted),
        ("annotations of the namespace", with_default),
        ("configuration", other_config),
        ("native sidecars", lambda both: setattr(both.world, "native", False)),
        ("native sidecars of the node", lambda both: both.world.nodes.update({"node-1": False})),
        ("ProxyConfig objects", lambda both: setattr(both.world, "objects", (PROXY_CONFIG,))),
    ],
)
def test_condition_b_an_answer_ends_with_the_world_that_it_was_made_in(
    what: str, change: Callable[[Beside], None]
) -> None:
    both = beside({"namespaceDefaults": [CPU]})
    body = primed(both, lambda review: pod_of(review)["spec"].update(nodeName="node-1"))
    first = both.ask(body).body
    before = both.repeated
    change(both)
    assert both.ask(body).body != first, what
    assert both.repeated == before
    # And the new answer takes its place.
    both.ask(body)
    both.ask(body)
    assert both.repeated > before


CALLERS = {"callers": [{"action": "skip", "usernames": ["system:serviceaccount:ci:*"]}]}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("user", lambda r: r["request"]["userInfo"].update(username="system:serviceaccount:ci:bot")),
        ("no user", lambda r: r["request"].pop("userInfo")),
        ("operation", lambda r: r["request"].update(operation="UPDATE")),
        ("subresource", lambda r: r["request"].update(subResource="status")),
        ("namespace", lambda r: r["request"].update(namespace="other")),
        ("version", lambda r: r.update(apiVersion="admission.k8s.io/v1beta1")),
        ("dry run", lambda r: r["request"].update(dryRun=True)),
        ("owner", lambda r: pod_of(r)["metadata"]["ownerReferences"][0].update(name="cart-1")),
    ],
)
def test_condition_b_another_request_is_another_key(what: str, change: Callable[[Manifest], object]) -> None:
    both = beside(CALLERS)
    primed(both)
    before = both.repeated
    review = a_review()
    change(review)
    both.ask(body_of(review))
    assert both.repeated == before, what


def test_condition_b_the_path_is_part_of_the_key() -> None:
    both = beside()
    body = primed(both)
    before = both.repeated
    replies = [both.ask(body, path).body for path in ("/inject/cluster/two", "/inject/net/two", "/mutate")]
    assert len(set(replies)) == 3
    assert both.repeated == before


# (f) Dry runs, and what is per call.


class Heard:
    """What records and Events get."""

    def __init__(self) -> None:
        self.recorded: list[tuple[AdmissionRequest, Outcome, Verdict, int]] = []
        self.noticed: list[tuple[AdmissionRequest, Outcome, Verdict]] = []

    def record(
        self, asked: AdmissionRequest, _facts: Any, outcome: Outcome, verdict: Verdict, _c: Any, size: int
    ) -> None:
        self.recorded.append((asked, outcome, verdict, size))

    def notify(self, asked: AdmissionRequest, outcome: Outcome, verdict: Verdict) -> None:
        self.noticed.append((asked, outcome, verdict))


def test_condition_f_a_dry_run_has_no_side_effects() -> None:
    heard = Heard()
    both = beside(record=heard.record, notify=heard.notify)
    for token in ("aaaaa", "bbbbb", "ccccc", "ddddd"):
        both.ask(body_of(a_review(token=token, dryRun=True)))
    assert both.repeated == 2
    assert (heard.recorded, heard.noticed) == ([], [])


def test_records_and_events_are_of_each_call_with_its_own_pod() -> None:
    heard = Heard()
    both = beside(record=heard.record, notify=heard.notify)
    bodies = [body_of(a_review(token=token, uid=f"uid-{token}")) for token in ("aaaaa", "bbbbb", "ccccc")]
    for body in bodies:
        both.ask(body)
    assert both.repeated == 1
    # The webhook without caches was asked second each time.
    for number, body in enumerate(bodies):
        cached, ordinary = heard.recorded[2 * number : 2 * number + 2]
        assert (cached[0], cached[2], cached[3]) == (ordinary[0], ordinary[2], len(body))
        assert [(o.op, o.path) for o in cached[1].patch] == [(o.op, o.path) for o in ordinary[1].patch]
        assert cached[1].findings == ordinary[1].findings
        (asked, _, verdict), (wanted, _, wanted_verdict) = heard.noticed[2 * number : 2 * number + 2]
        assert (asked, verdict) == (wanted, wanted_verdict)
        assert asked.uid == f"uid-{TOKENS[number]}"
        assert asked.pod["spec"]["volumes"][0]["name"] == f"kube-api-access-{TOKENS[number]}"


def test_a_record_of_an_injected_pod_is_worked_out_from_its_own_pod() -> None:
    heard = Heard()
    both = beside(record=heard.record)
    review = a_review()
    patch = json.loads(base64.b64decode(both.ask(body_of(review)).json["response"]["patch"]))
    review["request"]["object"] = jsonpatch.apply_patch(pod_of(review), patch)
    heard.recorded.clear()
    text = body_of(review)
    for token in TOKENS:
        both.ask(text.replace(b"abcde", token.encode()))
        cached, ordinary = heard.recorded[-2:]
        assert ordinary[1].before is not None
        assert cached[1].before == ordinary[1].before


def test_log_line_metrics_and_budget_are_of_each_call() -> None:
    both = beside()
    body = primed(both)
    counted = both.number("injector_admission_total")
    other = body.replace(UID.encode(), b"another-uid")
    reply, lines = both.of(both.cached, other)
    assert reply.json["response"]["uid"] == "another-uid"
    assert (lines[0]["uid"], lines[0]["budget"]) == ("another-uid", 10.0)
    assert both.number("injector_admission_total") == counted + 1 > 1


# (g) Each webhook has its own, and a defect is nobody's.


def test_condition_g_two_webhooks_share_nothing() -> None:
    first, second = beside(), beside({"revision": "canary"})
    body = primed(first)
    second.ask(body)
    second.ask(body)
    assert second.repeated == 0


def test_a_defect_is_never_kept() -> None:
    both = Beside(a_config(Broken), replicas=16 * MiB)
    for _ in range(4):
        reply = both.ask(BODY)
        assert reply.json["response"]["auditAnnotations"]["reason"] == "internal-error"
    assert both.repeated == 0


class Fails(dict[str, Namespace]):
    """A cache of namespaces with a defect."""

    def get(self, *_: Any) -> Any:
        raise RuntimeError("no cache")


def test_facts_that_cannot_be_collected_are_a_defect_too() -> None:
    both = beside()
    both.world.namespaces = Fails()
    for _ in range(4):
        reply = both.ask(BODY)
        assert reply.json["response"]["auditAnnotations"]["reason"] == "internal-error"
    assert both.repeated == 0


def test_an_answer_out_of_cpu_time_is_never_kept() -> None:
    both = beside()
    both.cached = both.webhook(both.metrics, Limits(replicas=16 * MiB, cpu_seconds=1e-9))
    review = a_review()
    pod_of(review)["spec"]["containers"][0]["args"] = ["x" * 100] * 300
    for _ in range(4):
        reply, _ = both.of(both.cached, body_of(review))
        assert reply.json["response"]["auditAnnotations"]["reason"] == "too-expensive"
    assert both.repeated == 0


def test_an_answer_of_an_older_configuration_is_not_kept_for_the_newer_one() -> None:
    both = beside()
    old, new = both.world.config, config_of({"policy": "enabled", "revision": "canary"})
    replies = []
    for config in (old, new, old, new, new, new):
        both.world.config = config
        replies.append(both.ask(BODY).body)
    assert len(set(replies)) == 2
    assert both.repeated == 1


# Settings and metrics.


def test_a_limit_of_nothing_switches_the_cache_off() -> None:
    both = beside()
    both.cached = both.webhook(both.metrics, Limits(replicas=0))
    for _ in range(3):
        both.ask(BODY)
    for metric in ("injector_cache_request_total", "injector_cache_bytes", "injector_cache_eviction_total"):
        assert both.number(metric, cache="replicas") == 0


def test_hits_misses_and_bytes_are_counted() -> None:
    both = beside()
    seen = []
    for _ in range(4):
        both.ask(BODY)
        seen.append(
            (
                both.number("injector_cache_request_total", cache="replicas", result="miss"),
                both.repeated,
                both.number("injector_cache_bytes", cache="replicas") > 5000,
            )
        )
    assert seen == [(1, 0, False), (2, 0, True), (2, 1, True), (2, 2, True)]


def test_an_answer_that_a_thread_made_for_other_objects_is_not_kept() -> None:
    both = Beside(config_of({"policy": "enabled"}), replicas=MiB)
    replicas, config, asked = both.cached._replicas, both.world.config, request_of(a_review())
    review = review_of(body_of(a_review()), "/inject")
    assert review is not None
    assert replicas.find(review, config) is None

    def is_known_of(*objects: Manifest) -> bool:
        facts = Facts(namespace="shop", namespace_object=SHOP, native_sidecars=True, objects=objects)
        answer = answers.answer(asked, config, facts)
        out = json.dumps(answer.review, separators=(",", ":")).encode()
        made = Made(asked, config, answer, AdmissionLines.of(asked, answer, config), out)
        for _ in range(2):
            replicas.keep(review, made, BODY)
        return replicas.find(review, config) is not None

    assert not is_known_of(PROXY_CONFIG)
    assert is_known_of()
