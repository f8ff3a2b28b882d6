"""What is not part of the key of a review: (c) the name of the token's volume at times, (d) nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.server.answers import AnswerPolicy
from injector.server.replicas import LARGEST
from injector.server.review_keys import review_of
from tests.server.beside import a_review, body_of, pod_of, unhurried
from tests.server.replica_reviews import (
    BODY,
    UID,
    Manifest,
    annotated,
    beside,
    replicas_hit,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


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
