"""Reviews of a known outline are not parsed, and get the bytes that they get when they are parsed.

A webhook that knows an outline is asked beside one without caches. How often reviews are parsed shows which
way was taken, so that no test passes because nothing had an outline.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server import outlining as outlining_module
from tests.server.beside import Beside, MiB, body_of, config_of, unhurried
from tests.server.outlining import TIMES, Bodies, learn, noted, outlined, outlining
from tests.server.plan_places import PLACES, Manifest, N, at, owned, renamed, review_with, rich, with_text

UNIQUE: Final = "unique-text"
# Their texts are no texts alone, or not at the same place.
NOT_ALONE: Final = ("args", "command", "command of an init container", "env", "fields of managedFields")


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


@pytest.fixture(autouse=True, params=[TIMES, TIMES + 1], ids=["digest", "text"])
def times(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often a review is asked before: once more, and its text is known too."""
    monkeypatch.setattr(outlining_module, "TIMES", request.param)


@pytest.fixture(autouse=True)
def parsed(monkeypatch: pytest.MonkeyPatch) -> Bodies:
    return noted(monkeypatch)


def is_alone(text: Any) -> bool:
    """Whether a text stands in JSON as it is."""
    return type(text) is str and json.dumps(text) == f'"{text}"' and text.isprintable()


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_its_kind_needs_no_parsing(parsed: Bodies, place: str) -> None:
    both = outlining()
    for text in PLACES[place][1]:
        served = outlined(parsed, both, body_of(review_with(with_text(place, text))))
        if place not in NOT_ALONE:
            assert served == is_alone(text), text


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_no_kind_is_parsed(parsed: Bodies, place: str) -> None:
    both = outlining()
    for text in PLACES[place][2]:
        assert not outlined(parsed, both, body_of(review_with(with_text(place, text)))), text


@pytest.mark.parametrize("place", PLACES)
def test_an_outline_that_another_text_made_serves_the_pod_too(place: str) -> None:
    _, of_kind, others = PLACES[place]
    random = Random(place)
    texts = [*random.sample(of_kind, min(N, len(of_kind))), *random.sample(others, min(2 * N, len(others)))]
    for text in texts:
        both = outlining(with_text(place, text))
        both.ask(body_of(review_with(rich())))
        for other in random.sample([*of_kind, *others], min(3, len(of_kind) + len(others))):
            both.ask(body_of(review_with(with_text(place, other))))


def test_arguments_and_variables_of_the_same_number_need_no_parsing(parsed: Bodies) -> None:
    both = outlining()
    for field, other in (
        ("args", ["--other", ""]),
        ("command", ["/bin/x y"]),
        ("env", [{"name": "OTHER NAME", "value": "a=b"}, {"name": "SETTING_1", "value": ""}]),
    ):
        pod = at("spec", "containers", 0, field)(rich(), other)
        assert outlined(parsed, both, body_of(review_with(pod))), field
        more = at("spec", "containers", 0, field)(rich(), [*other, other[0]])
        assert not outlined(parsed, both, body_of(review_with(more))), field
    for name in ("A=B", "", "é"):
        variables = [{"name": name, "value": "x"}, {"name": "B", "value": "x"}]
        pod = at("spec", "containers", 0, "env")(rich(), variables)
        assert not outlined(parsed, both, body_of(review_with(pod))), name


RAW: Final = {
    "line": b"a\nb",
    "line at the end": b"a\n",
    "tab": b"a\tb",
    "zero": b"a\x00b",
    "delete": b"a\x7fb",
    "escaped letter": b"a\\u0062",
    "escaped quotation mark": b'a\\"b',
    "backslash": b"a\\\\",
    "wrong escape": b"a\\x",
    "escape of what follows": b"a\\",
    "quotation mark": b'a"b',
    "another member": b'a","x":"b',
    "no UTF-8": b"a\xff",
    "half of a character": b"a\\ud800",
    "wide": "aé".encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("raw", RAW)
def test_whatever_stands_where_a_text_is_left_out_is_read_as_json(parsed: Bodies, raw: str) -> None:
    both = outlining()
    places = [place for place, (_, of_kind, _) in PLACES.items() if any(map(is_alone, of_kind))]
    for place in places:
        body = body_of(review_with(with_text(place, UNIQUE)))
        assert UNIQUE.encode() in body
        served = outlined(parsed, both, body.replace(UNIQUE.encode(), RAW[raw]))
        assert not served or (
            raw == "nothing" and place in ("checksum", "restartedAt", "uid", "uid of the owner")
        )
    for text in ('"SETTING_0"', '"value-0"', '"--port"', '"5a0c63a4-2f0b-4f86-a9b7-000000000000"'):
        request = review_with(rich())
        request["request"]["uid"] = "5a0c63a4-2f0b-4f86-a9b7-000000000000"
        body = body_of(request)
        assert text.encode() in body
        served = outlined(parsed, both, body.replace(text.encode(), b'"%b"' % RAW[raw]))
        assert not served or (raw == "nothing" and text in ('"value-0"', '"--port"'))


ANY_TEXT: Final = st.sampled_from(["", "x", "cart", "auto", "a-b", "metrics", "kube-api-access-abcde"]) | (
    st.text(alphabet=st.characters(max_codepoint=0x80), max_size=8)
)


@settings(max_examples=60 * N, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(sorted(PLACES)), st.integers(0), ANY_TEXT), min_size=1, max_size=6))
def test_several_texts_may_be_others(changes: list[tuple[str, int, str]]) -> None:
    both = outlining()
    with unhurried():
        pod = rich()
        for place, number, text in changes:
            put, of_kind, others = PLACES[place]
            known = [*of_kind, *of_kind, *others]
            chosen = known[number % len(known)] if number % 5 else text
            try:
                pod = put(pod, copy.deepcopy(chosen))
            except (TypeError, KeyError, IndexError):
                continue
        both.ask(body_of(review_with(pod)))


# What texts have to do with each other.


def relations() -> Iterator[tuple[str, Manifest]]:
    """Pods with texts of their kinds, and a shape of their own."""
    yield "order of containers", renamed(rich(), "cart", "zebra")
    swapped = rich()
    first, second = swapped["spec"]["containers"]
    first["name"], second["name"] = second["name"], first["name"]
    yield "swapped containers", swapped
    yield "the same name twice", at("spec", "containers", 0, "name")(rich(), "metrics")
    yield "the name of an init container", at("spec", "containers", 0, "name")(rich(), "migrate")
    yield "a name with a meaning", at("spec", "containers", 0, "name")(rich(), "istio-proxy")
    yield "a name in an annotation", at("spec", "containers", 0, "name")(rich(), "true")
    yield "two tokens", at("spec", "volumes", 0, "name")(rich(), "kube-api-access-zzzzz")
    yield (
        "another mount",
        at("spec", "containers", 0, "volumeMounts", 1, "name")(rich(), "kube-api-access-zzzzz"),
    )
    yield "generateName", at("metadata", "generateName")(rich(), "other-6d4cf56db6-")
    yield "hash", at("metadata", "labels", "pod-template-hash")(rich(), "abc")
    yield (
        "path of ours",
        at("spec", "containers", 0, "livenessProbe", "httpGet", "path")(rich(), "/app-health/cart/livez"),
    )


@pytest.mark.parametrize("name", [name for name, _ in relations()])
def test_texts_that_have_to_do_with_each_other_are_compared(parsed: Bodies, name: str) -> None:
    pod = dict(relations())[name]
    assert not outlined(parsed, outlining(), body_of(review_with(pod)))


def test_the_name_of_the_token_in_another_text_is_seen(parsed: Bodies) -> None:
    pod = at("metadata", "annotations", "note")(rich(), "kube-api-access-zzzzz")
    both = outlining(pod)
    assert outlined(
        parsed, both, body_of(review_with(renamed(pod, "kube-api-access-abcde", "kube-api-access-yyyyy")))
    )
    pod = at("metadata", "annotations", "note")(rich(), "kube-api-access-zzzzz ")
    other = renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz")
    assert not outlined(parsed, outlining(pod), body_of(review_with(other)))


def test_the_name_of_the_token_in_the_path_is_seen(parsed: Bodies) -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    path = "/inject/kube-api-access-zzzzz"
    learn(both, body_of(review_with(rich())), path)
    assert outlined(parsed, both, body_of(review_with(rich())), path)
    other = renamed(rich(), "kube-api-access-abcde", "kube-api-access-zzzzz")
    assert not outlined(parsed, both, body_of(review_with(other)), path)


def test_an_owner_whose_name_a_generate_name_would_follow_is_parsed(parsed: Bodies) -> None:
    pod = at("metadata", "generateName")(rich(), "shop-6d4cf56db6-")
    both = outlining(pod)
    other = at("metadata", "generateName")(owned(rich(), "shop", "6d4cf56db6"), "shop-6d4cf56db6-")
    assert not outlined(parsed, both, body_of(review_with(other)))
