"""Reviews that no API server writes: caches answer none of them otherwise, and stay within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from injector.server.heads import RequestHead, head_of
from injector.server.outlines import Outlines
from injector.server.state import Limits
from injector.telemetry import Metrics
from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of, unhurried
from tests.server.outlining import Bodies, learn, noted, outlined, outlining
from tests.server.plan_places import Manifest, at, review_with, rich
from tests.server.replica_reviews import beside


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Bodies:
    return noted(monkeypatch)


def nested(levels: int, tree: Any) -> Any:
    for _ in range(levels):
        tree = {"a": tree}
    return tree


# Outlines: `fieldsV1` is left out of managedFields alone.

DECOY: Final = [{"fieldsV1": {"left": "out"}}]


@pytest.mark.parametrize("managed", [DECOY, [{"fieldsV1": {"left": "out"}, "time": "x"}], [*DECOY, "x"]])
@pytest.mark.parametrize("levels", [0, 150])
def test_fields_elsewhere_are_read_though_managed_ones_look_like_them(
    parsed: Bodies, managed: Any, levels: int
) -> None:
    def body(fields: Manifest) -> bytes:
        pod = rich()
        pod["metadata"]["managedFields"] = managed
        pod["spec"]["more"] = nested(levels, {"fieldsType": "FieldsV1", "fieldsV1": fields})
        return body_of(review_with(pod))

    both = outlining()
    learn(both, body({}))
    for fields in ({"a": 1}, nested(100, {}), nested(193, {})):
        assert not outlined(parsed, both, body(fields))


# Replicas: texts that are left out of the key are nowhere else, in whatever letters.


def standard(review: Manifest) -> Manifest:
    """The review with its fields in the order of an API server."""
    request = {"uid": "", **review["request"]}
    return {"kind": review["kind"], "apiVersion": review["apiVersion"], "request": request}


def test_the_uid_again_in_escapes_is_another_uid() -> None:
    both = beside()
    twice = body_of(standard(a_review(uid="Zq9Z")))[:-2] + b',"uid":"\\u005aq9Z"}}'
    for body in (twice, twice, twice.replace(b'"uid":"Zq9Z"', b'"uid":"Zq8Z"')):
        assert both.ask(body).json["response"]["uid"] == "Zq9Z"


READS_MORE: Final = """
metadata: {labels: {own: "{{ 1 if 'bbbbb' in Spec.more.name else 2 }}"}}
"""
READS_TIME: Final = """
metadata: {labels: {own: "{{ 1 if '2027' in Spec.more.time else 2 }}"}}
"""
ADDS_VOLUME: Final = """
spec: {volumes: [{name: kube-api-access-bbbbb, emptyDir: {}}]}
"""


Change = Callable[[Manifest, str], object]


def token_at(*place: str) -> Change:
    """Puts the name of the token's volume into a map, with what stands behind it in a volume."""

    def put(review: Manifest, token: str) -> None:
        *above, last = place
        tree: Any = review
        for key in above:
            tree = tree[key]
        forged = {"name": f"kube-api-access-{token}", "projected": {"sources": []}}
        rest = {key: value for key, value in tree.get(last, {}).items() if key not in forged}
        uid = {"uid": rest.pop("uid")} if "uid" in rest else {}
        tree[last] = {**uid, **forged, **rest}

    return put


FORGED: Final[dict[str, tuple[str, Change]]] = {
    "name of the request": ("", token_at("request")),
    "name of the pod": ("", token_at("request", "object", "metadata")),
    "another field": (READS_MORE, token_at("request", "object", "spec", "more")),
    "a volume of the injection": (ADDS_VOLUME, lambda _review, _token: None),
}


@pytest.mark.parametrize("name", FORGED)
def test_the_name_of_the_token_elsewhere_is_no_name_of_a_volume(name: str) -> None:
    template, change = FORGED[name]
    raw = {"templates": {"own": template}, "defaultTemplates": ["sidecar", "own"]} if template else {}
    both = beside(raw)
    for token in ("aaaaa", "ccccc", "ddddd", "bbbbb"):
        review = standard(a_review(token=token))
        change(review, token)
        both.ask(body_of(review))


def test_a_time_elsewhere_is_no_time_of_a_manager() -> None:
    both = beside({"templates": {"own": READS_TIME}, "defaultTemplates": ["sidecar", "own"]})
    for year in (2025, 2026, 2026, 2027):
        time = f"{year}-01-01T00:00:00Z"
        review = standard(a_review())
        pod_of(review)["spec"]["more"] = {"time": time, "fieldsType": "FieldsV1", "fieldsV1": {}}
        both.ask(body_of(review))


# At once: the limits of bodies and heads.


def small(limit: int, plans: int = 0, replicas: int = 0) -> Beside:
    """Two webhooks that accept bodies of so many bytes."""
    both = Beside(config_of({"policy": "enabled"}))
    both.cached = both.webhook(both.metrics, Limits(body=limit, plans=plans, replicas=replicas))
    both.plain = both.webhook(Metrics(), Limits(body=limit))
    return both


@pytest.mark.parametrize("caches", [{"plans": 8 * MiB}, {"replicas": 8 * MiB}])
def test_a_body_past_the_limit_gets_413_though_its_answer_is_known(caches: dict[str, int]) -> None:
    review = standard(a_review(uid="Zq9Z"))
    body = body_of(review)
    both = small(len(body), **caches)
    learn(both, body)
    longer = body_of(standard(a_review(uid="Zq9Zx")))
    for _ in range(2):
        assert both.ask(longer).status == 413
    assert both.ask(body).status == 200


@pytest.mark.parametrize(("length", "known"), [(10, True), (3_000, True), (4_200, False), (32_000, False)])
def test_a_long_head_is_parsed_each_time(length: int, known: bool) -> None:
    data = b"POST /inject HTTP/1.1\r\nUser-Agent: %b\r\nContent-Length: 2\r\n\r\n{}" % (b"x" * length)
    headers = [(b"user-agent", b"x" * length), (b"content-type", b"application/json")]
    query = {"path": "/inject", "method": "POST", "http_version": "1.1", "query_string": b""}
    head = head_of(data, {**query, "headers": [*headers, (b"content-length", b"2")]})
    assert isinstance(head, RequestHead) is known


# Bounds of what is learned.


def outlines_of(both: Beside) -> Outlines:
    return both.cached._admissions._plans.outlines


def test_the_texts_of_a_request_count_as_memory() -> None:
    both = outlining()
    before = outlines_of(both).size
    groups = [f"{number}" for number in range(500)]
    review = review_with(rich())
    review["request"]["userInfo"] = {"username": "u" * 500, "groups": groups}
    learn(both, body_of(review))
    assert outlines_of(both).size - before > 50 * len(groups)


def test_the_fields_of_many_managers_count_as_memory() -> None:
    both = outlining()
    before = outlines_of(both).size
    pod = rich()
    pod["metadata"]["managedFields"] = [
        {"fieldsType": "FieldsV1", "fieldsV1": {f"{number}": {}}} for number in range(100)
    ]
    learn(both, body_of(review_with(pod)))
    assert outlines_of(both).size - before > 100 * 100


def test_outlines_of_masks_that_are_dropped_hold_none_of_them(parsed: Bodies) -> None:
    both = outlining()
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        # Reviews of one punctuation, each with holes in other places.
        pod = rich()
        pod["metadata"]["labels"] |= {"one": "x", "two": "x", "three": "x"}
        for number, label in enumerate(("one", "two", "three")):
            if ord(name) >> number & 1:
                pod["metadata"]["labels"][label] = "-not-a-label"
        learn(both, body_of(review_with(pod)))
    outlines = [each for part in (outlines_of(both)._outlines._young, outlines_of(both)._outlines._old)
            for each, _ in part.values()]  # fmt: skip
    assert outlines
    assert not any(hasattr(each, "mask") for each in outlines)


def test_a_review_of_very_many_texts_is_not_learned(parsed: Bodies) -> None:
    both = outlining()
    for number, known in ((200, True), (2_400, False)):
        pod = at("spec", "containers", 0, "args")(rich(), [""] * number)
        body = body_of(review_with(pod))
        learn(both, body)
        assert outlined(parsed, both, body) is known


@pytest.mark.parametrize(("containers", "length", "known"), [(20, 30_000, True), (400, 12_000, False)])
def test_very_many_names_are_not_searched_for_in_long_annotations(
    containers: int, length: int, known: bool
) -> None:
    pod = rich()
    pod["metadata"]["annotations"]["note"] = "c" * length
    pod["spec"]["containers"] = [{"name": f"c{number}", "image": "x"} for number in range(containers)]
    both = Beside(config_of({"policy": "enabled"}), plans=64 * MiB)
    learn(both, body_of(review_with(pod)))
    assert (both.planned > 0) is known
