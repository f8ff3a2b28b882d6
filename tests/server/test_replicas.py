"""The cache of answers for replicas, by the conditions on which an answer may be given again.

Each condition has a test that fails where the condition is dropped. Every test asks a webhook without
caches the same, and compares bytes and log lines.
"""

from __future__ import annotations

import ast
import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.core.model import AdmissionRequest, Namespace, Verdict
from injector.core.outcome import Outcome
from injector.errors import ConfigError
from injector.profiles.istio import templatefns
from injector.server.answers import AnswerPolicy
from injector.server.replicas import LARGEST, review_of
from injector.server.state import Limits
from injector.templating.filters import FILTERS
from injector.templating.functions import FUNCTIONS
from injector.templating.predicates import TESTS
from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of, unhurried
from tests.server.webhook_factories import Broken, a_config

Manifest = dict[str, Any]
UID = "5f7c1b52-3d3a-4a9b-9c0e-7"
TOKENS = ("aaaaa", "bbbbb", "ccccc")
CPU = "sidecar.istio.io/proxyCPU"
PROXY_CONFIG = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "ProxyConfig",
    "metadata": {"name": "all", "namespace": "shop"},
    "spec": {"concurrency": 7},
}


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


def beside(raw: Manifest | None = None, **more: Any) -> Beside:
    return Beside(config_of({"policy": "enabled", **(raw or {})}), replicas=16 * MiB, **more)


def primed(both: Beside, change: Callable[[Manifest], object] = lambda _review: None) -> bytes:
    """The body of a review whose answer is in the cache."""
    review = a_review()
    change(review)
    body = body_of(review)
    for _ in range(2):
        both.ask(body)
    before = both.repeated
    both.ask(body)
    assert both.repeated == before + 1
    return body


def replicas_hit(both: Beside, change: Callable[[Manifest], object], tokens: tuple[str, ...] = TOKENS) -> int:
    """How many of some replicas of a changed review are answered from the cache."""
    before = both.repeated
    for token in tokens:
        review = a_review(token=token)
        change(review)
        both.ask(body_of(review))
    return int(both.repeated - before)


def annotated(**annotations: str) -> Callable[[Manifest], object]:
    return lambda review: pod_of(review)["metadata"]["annotations"].update(annotations)


def with_arguments(review: Manifest) -> None:
    """Many enough that the pod takes more work than the least limit allows."""
    pod_of(review)["spec"]["containers"][0]["args"] = ["x"] * 1000


# What hits.


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


# (a) An answer is a function of the key.

CHANGING = {
    "random",
    "secrets",
    "uuid",
    "time",
    "datetime",
    "os",
    "socket",
    "platform",
    "threading",
    "asyncio",
}
"""Modules of what is another thing at each call."""


def test_condition_a_nothing_in_templates_gives_another_result_for_equal_arguments() -> None:
    config = config_of({})
    env = config.templates._library.env
    assert set(env.tests) == set(TESTS)
    assert set(env.globals) == set(FUNCTIONS) | set(config.profile.functions)
    assert set(FILTERS) <= set(env.filters)
    functions = [*env.filters.values(), *env.tests.values(), *env.globals.values()]
    modules = {inspect.getmodule(function) for function in functions} | {
        # Lambdas and wrapped functions stand in these.
        *map(inspect.getmodule, (FILTERS["map"], FUNCTIONS["range"], TESTS["defined"], templatefns.omit))
    }
    sources = {Path(module.__file__ or "") for module in modules if module and module.__name__ != "builtins"}
    assert len(sources) > 3
    for source in sources:
        assert "injector" in source.parts, source
        for node in ast.walk(ast.parse(source.read_text())):
            names = {a.name for a in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            assert CHANGING.isdisjoint({name.partition(".")[0] for name in names}), source
    words = {*env.filters, *env.tests, *env.globals}
    assert words.isdisjoint(
        {"now", "uuid", "uuidv4", "random", "shuffle", "env", "lookup", "lipsum", "date", "pprint"}
    )


@pytest.mark.parametrize(
    "text", ["{{ m }}", "{{ range }}", "{{ namespace() }}", "{{ [m] | tojson }}", "{{ loop }}"]
)
def test_condition_a_no_template_writes_the_address_of_an_object(text: str) -> None:
    own = (
        "{% macro m() %}x{% endmacro %}\n{% for i in [1] %}\nmetadata: {labels: {own: '"
        + text
        + "'}}\n{% endfor %}"
    )
    raw = {"templates": {"own": own}, "defaultTemplates": ["own"]}
    try:
        both = beside(raw)
    except ConfigError:
        # Refused when it is loaded.
        return
    reply = both.ask(body_of(a_review()))
    assert b"0x" not in reply.body
    assert reply.json["response"]["allowed"] is False


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


# (c) The name of the token's volume.

SEEN = "metadata: {labels: {own: '{{ %s }}'}}\n"
READERS = {
    "copies the mount": """
spec:
  containers:
  - name: own
    image: x
    volumeMounts: {{ Spec.containers[0].volumeMounts | selectattr('readOnly', 'defined') | list }}
""",
    "branches on the name": "metadata: {labels: {own: "
    "'{{ 1 if Spec.volumes[0].name.startswith(\"kube-api-access-a\") else 2 }}'}}",
    "branches on the mounts": "metadata: {labels: {own: '{% for c in Spec.containers %}"
    '{% for m in c.volumeMounts %}{{ 1 if m.name > "kube-api-access-b" else 2 }}{% endfor %}{% endfor %}'
    "'}}",
    "reads the whole spec": SEEN % "(Spec | tojson).count('kube-api-access-b')",
    "reads it through a variable": "{% set s = Spec %}" + SEEN % "s.volumes[0].name > 'kube-api-access-b'",
    "computes the key": SEEN % "Spec['vol' ~ 'umes'][0].name > 'kube-api-access-b'",
    "goes over the fields": SEEN % "Spec.items() | list | tojson | length > 0 and "
    "(Spec.values() | list | tojson).count('kube-api-access-b')",
    "reads the time": SEEN % "ObjectMeta.managedFields[0].time > '2026-11-01T12:00:00Z'",
    "includes a part that reads it": "{% include '_part' %}",
    "gives it to a function": SEEN % "toJSON(Spec).count('kube-api-access-b')",
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("asked", [False, True])
def test_condition_c_a_template_that_reads_the_name_gets_it(name: str, asked: bool) -> None:
    part = SEEN % "Spec.volumes[0].name > 'kube-api-access-b'"
    raw: Manifest = {"templates": {"own": READERS[name], "_part": part}}
    if not asked:
        raw["defaultTemplates"] = ["sidecar", "own"]
    both = beside(raw)
    for number, token in enumerate(("aaaaa", "aaaab", "bbbbb", "ccccc", "aaaac")):
        review = a_review(token=token)
        pod_of(review)["metadata"]["managedFields"][0]["time"] = f"2026-11-01T12:00:0{number}Z"
        if asked:
            annotated(**{"inject.istio.io/templates": "sidecar,own"})(review)
        assert both.ask(body_of(review)).json["response"]["allowed"] is True
    assert both.repeated == 0


HARMLESS = {
    "labels": SEEN % "ObjectMeta.labels.app",
    "another field": SEEN % "Spec.serviceAccountName",
    "a field with a default": SEEN % "Spec.get('priority', 0)",
    "no pod at all": SEEN % "Values.revision | default('none')",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_template_of_ones_own_that_does_not_read_the_name_shares_answers(name: str) -> None:
    both = beside({"templates": {"own": HARMLESS[name]}, "defaultTemplates": ["sidecar", "own"]})
    assert replicas_hit(both, lambda _review: None) == 1


def elsewhere(where: str) -> Callable[[Manifest], object]:
    """Puts the name of the token's volume somewhere else in the review as well."""

    def change(review: Manifest) -> None:
        pod = pod_of(review)
        name = pod["spec"]["volumes"][0]["name"]
        match where:
            case "annotation":
                pod["metadata"]["annotations"]["sidecar.istio.io/userVolume"] = json.dumps(
                    {name: {"emptyDir": {}}}
                )
            case "label":
                pod["metadata"]["labels"]["app"] = name
            case "device":
                pod["spec"]["containers"][0]["volumeDevices"] = [{"name": name, "devicePath": "/dev/x"}]
            case "mount elsewhere":
                pod["spec"]["containers"][0]["volumeMounts"].append({"name": name, "mountPath": "/token"})
            case "user":
                review["request"]["userInfo"]["username"] = name
            case _:
                review["request"]["namespace"] = name

    return change


@pytest.mark.parametrize("where", ["annotation", "label", "device", "mount elsewhere", "user", "namespace"])
def test_condition_c_a_name_that_stands_elsewhere_is_not_left_out(where: str) -> None:
    assert replicas_hit(beside(), elsewhere(where)) == 0


TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def own_proxy(review: Manifest) -> None:
    """The pod's own version of the proxy; the API server mounts the token there as well."""
    name = pod_of(review)["spec"]["volumes"][0]["name"]
    mount = {"name": name, "readOnly": True, "mountPath": TOKEN_PATH}
    pod_of(review)["spec"]["containers"].append(
        {"name": "istio-proxy", "image": "auto", "volumeMounts": [mount]}
    )


def gateway(review: Manifest) -> None:
    annotated(**{"inject.istio.io/templates": "gateway"})(review)
    own_proxy(review)


@pytest.mark.parametrize("change", [own_proxy, gateway])
def test_condition_c_an_answer_with_the_name_in_it_is_for_one_pod(
    change: Callable[[Manifest], object],
) -> None:
    both = beside()
    review = a_review()
    change(review)
    operations = both.ask(body_of(review)).json["response"]
    assert operations["allowed"] is True
    assert replicas_hit(both, change) == 0


def leaving(review: Manifest) -> None:
    """A mount with a problem whose message names the volume."""
    pod_of(review)["spec"]["containers"][0]["volumeMounts"][-1]["subPath"] = "/absolute"


@pytest.mark.parametrize("warnings", [True, False])
def test_condition_c_a_finding_that_names_the_volume_is_of_one_pod(warnings: bool) -> None:
    both = beside(policy=AnswerPolicy(warnings=warnings))
    assert replicas_hit(both, leaving) == 0


# (d) The key.

BODY = body_of(a_review())
PLACES = [
    BODY.index(UID.encode()),
    *(match.start() for match in re.finditer(rb"2026-11-01T12:00:00Z", BODY)),
    *(match.start() for match in re.finditer(rb"kube-api-access-abcde", BODY)),
]
LEFT_OUT = {
    at
    for start, length in zip(PLACES, [len(UID), 20, *[21] * 5], strict=False)
    for at in range(start, start + length)
}


def test_the_places_that_are_left_out_are_those_of_the_api_server() -> None:
    assert len(PLACES) == 5
    assert len(LEFT_OUT) == len(UID) + 20 + 3 * 21


@settings(max_examples=400)
@given(st.integers(0, len(BODY) - 1).filter(lambda at: at not in LEFT_OUT), st.integers(1, 255))
def test_condition_d_reviews_that_differ_in_one_byte_have_different_keys(at: int, bits: int) -> None:
    first = review_of(BODY, "/inject")
    changed = bytearray(BODY)
    changed[at] ^= bits
    other = review_of(bytes(changed), "/inject")
    assert first is not None
    assert len(first.key) == 32, "a SHA-256"
    assert other is None or other.key != first.key


@settings(max_examples=400)
@given(
    st.integers(len('{"kind":"AdmissionReview",'), len(BODY)),
    st.integers(0, 40),
    st.sampled_from(
        [b"", b"\0", b"\xff", b'"', b"kube-api-access-", b"2026-11-01T12:00:00Z", b'"name":"', b" "]
    ),
)
def test_condition_d_nothing_is_added_or_taken_away_without_another_key(
    at: int, length: int, new: bytes
) -> None:
    changed = BODY[:at] + new + BODY[at + length :]
    other = review_of(changed, "/inject")
    first = review_of(BODY, "/inject")
    assert first is not None
    same = other is not None and other.key == first.key
    assert same <= (plain(changed) == plain(BODY))


def plain(body: bytes) -> Any:
    """What a body says, with another text where something is left out; None where it is no JSON."""
    try:
        review = json.loads(body)
        pod_of(review)["spec"]["volumes"][0]["name"] + review["request"]["uid"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    text = json.dumps(review)
    name = pod_of(review)["spec"]["volumes"][0]["name"] or "none"
    text = text.replace(f'"{name}"', '"TOKEN"') if re.fullmatch("kube-api-access-[a-z0-9]{5}", name) else text
    text = re.sub(r'"time": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', '"time": "TIME"', text)
    return text.replace(f'"uid": "{review["request"]["uid"]}"', '"uid": "UID"', 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"kube-api-access-abcde", b""),
        lambda body: body.replace(b"kube-api-access-abcde", b"\xff"),
        lambda body: body.replace(b"kube-api-access-abcde", b"\0"),
        lambda body: body.replace(b"kube-api-access-abcde", b"kube-api-access-ABCDE"),
        lambda body: body.replace(b"2026-11-01T12:00:00Z", b""),
        lambda body: body.replace(b"2026-11-01T12:00:00Z", b"\xff"),
        lambda body: body.replace(b"2026-11-01T12:00:00Z", b"2026-11-01T12:00:00z"),
        lambda body: body.replace(UID.encode(), b""),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_condition_d_what_stands_for_a_text_is_in_no_review(
    change: Callable[[bytes], bytes], first: bool
) -> None:
    both = beside()
    ordinary, other = BODY, change(BODY)
    assert other != ordinary
    bodies = [other, other, ordinary] if first else [ordinary, ordinary, other]
    for body in bodies:
        both.ask(body)


def test_condition_d_of_two_requests_in_one_review_none_is_answered_for_the_other() -> None:
    both = beside()
    request = BODY.partition(b'"request":')[2][:-1]

    def twice(first: str, second: str) -> bytes:
        other = request.replace(UID.encode(), second.encode())
        return BODY[:-1].replace(UID.encode(), first.encode()) + b',"request":' + other + b"}"

    for first, second in (("one", "one"), ("one", "one"), ("two", "one"), ("one", "two"), ("two", "two")):
        assert both.ask(twice(first, second)).json["response"]["uid"] == second


def test_condition_d_path_and_body_do_not_flow_into_each_other() -> None:
    head = '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"'
    keys = [
        review_of((head + 'a","x":"\0' + head + 'b","y":1}}').encode(), "/inject"),
        review_of((head + 'b","y":1}}').encode(), "/inject\0" + head + '","x":"'),
    ]
    assert keys[0] is None or keys[1] is None or keys[0].key != keys[1].key


def test_a_review_that_no_api_server_writes_is_not_looked_up() -> None:
    for body in (
        b"",
        b"{}",
        BODY[1:],
        b" " + BODY,
        json.dumps(a_review()).encode(),
        BODY.decode().encode("utf-16"),
    ):
        assert review_of(body, "/inject") is None


def test_a_large_review_is_not_looked_up() -> None:
    both = beside()
    review = a_review()
    pod_of(review)["metadata"]["annotations"]["long"] = "x" * LARGEST
    body = body_of(review)
    for _ in range(3):
        both.of(both.cached, body)
    assert (both.repeated, both.number("injector_cache_request_total", cache="replicas")) == (0, 0)


# (e) Bytes.


def test_condition_e_the_bytes_of_all_answers_stay_within_the_limit() -> None:
    both = Beside(config_of({"policy": "enabled"}), replicas=500_000)
    for number in range(70):
        body = body_of(labelled(number))
        both.of(both.cached, body)
        both.of(both.cached, body)
        assert both.number("injector_cache_bytes", cache="replicas") <= 500_000
    assert both.number("injector_cache_eviction_total", cache="replicas") > 20
    assert both.number("injector_cache_bytes", cache="replicas") > 100_000


def labelled(number: int, **request: Any) -> Manifest:
    review = a_review(**request)
    pod_of(review)["metadata"]["labels"]["number"] = f"n{number}"
    return review


@pytest.mark.parametrize("where", ["groups", "username", "pod", "path"])
def test_condition_e_what_a_caller_makes_long_is_counted(where: str) -> None:
    both = beside()
    review, path, long = a_review(), "/inject", "x" * 30_000
    match where:
        case "groups":
            review["request"]["userInfo"]["groups"] = [long[:100] + str(number) for number in range(300)]
        case "username":
            review["request"]["userInfo"]["username"] = long
        case "pod":
            pod_of(review)["metadata"]["generateName"] = long
            pod_of(review)["spec"]["hostNetwork"] = True
        case _:
            path = "/inject/cluster/" + long
    for _ in range(3):
        both.ask(body_of(review), path)
    assert both.repeated == 1
    assert both.number("injector_cache_bytes", cache="replicas") > 30_000


def test_pods_that_are_all_different_evict_no_answer_that_is_asked_for() -> None:
    both = Beside(config_of({"policy": "enabled"}), replicas=500_000)
    primed(both)
    wanted = 0
    for number in range(80):
        body = body_of(labelled(number))
        # An author who sends each pod twice gets it into the cache, and past others that nobody asks for.
        both.of(both.cached, body)
        both.of(both.cached, body)
        if number % 5 == 0:
            before = both.repeated
            both.of(both.cached, body_of(a_review(token=f"{number:05}")))
            wanted += int(both.repeated - before)
    assert both.number("injector_cache_eviction_total", cache="replicas") > 40
    assert wanted == 16


def test_a_pod_that_comes_once_takes_no_bytes_of_an_answer() -> None:
    both = beside()
    primed(both)
    before = both.number("injector_cache_bytes", cache="replicas")
    for number in range(20):
        both.of(both.cached, body_of(labelled(number)))
    assert both.number("injector_cache_bytes", cache="replicas") - before < 20 * 200


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
