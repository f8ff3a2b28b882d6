"""Answers by plans: pods that differ in one text after another get the bytes that they get without plans.

A webhook with plans is asked beside one without. A counter shows that the plan was used where a text is of a
kind that is copied or not read, so that no test passes because nothing was planned. `N=` makes more examples.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import injector
from injector.core.plans import texts
from injector.server.state import Limits
from tests.server.beside import Beside, MiB, body_of, config_of, unhurried
from tests.server.plan_places import (
    PLACES,
    Manifest,
    N,
    asked,
    at,
    learn,
    of_rich,
    planning,
    review_with,
    rich,
    with_text,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


# Words: whatever the program compares a text with is one of its own constants.

PACKAGE: Final = Path(injector.__file__).parent


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_its_kind_is_served_by_the_plan(place: str) -> None:
    for text in PLACES[place][1]:
        assert asked(of_rich(), with_text(place, text)), f"no plan for {text!r}"


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_no_kind_takes_the_ordinary_way(place: str) -> None:
    # By themselves: a pod that another test has sent twice has a plan of its own.
    both = planning()
    for text in PLACES[place][2]:
        assert not asked(both, with_text(place, text)), f"a plan for {text!r}"


@pytest.mark.parametrize("place", PLACES)
def test_a_plan_that_another_text_made_serves_the_pod_too(place: str) -> None:
    _, of_kind, others = PLACES[place]
    random = Random(place)
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    chosen = [
        *random.sample(of_kind, min(2 * N, len(of_kind))),
        *random.sample(others, min(3 * N, len(others))),
    ]
    for text in chosen:
        # A webhook that has not seen the pod: its first plan is made of the other text.
        both.cached = both.webhook(both.metrics, Limits(plans=8 * MiB))
        learn(both, with_text(place, text))
        served = asked(both, rich())
        assert served == (text in of_kind), text


def test_every_text_may_be_another_at_once() -> None:
    pod = rich()
    for put, of_kind, _ in PLACES.values():
        if of_kind:
            pod = put(pod, copy.deepcopy(of_kind[0]))
    assert asked(of_rich(), pod)


@cache
def words() -> tuple[str, ...]:
    """Every constant and word of the program and its templates, and what upstream's names begin with."""
    out: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        out |= {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 64
        }
    for path in (PACKAGE.parent / "templates").rglob("*"):
        if path.is_file():
            out |= set(re.findall(r"[A-Za-z0-9][-A-Za-z0-9_./]*", path.read_text()))
    out |= {word.strip("/-._") for word in out} | {word.lower() for word in out}
    return tuple(sorted(out))


WORD_PLACES: Final = {
    "name of a container": texts.is_container,
    "image": texts.is_image,
    "free label": texts.is_label,
    "label app": texts.is_label,
    "label version": texts.is_label,
    "label name": texts.is_label,
    "label of a version": texts.is_label,
    "checksum": texts.is_plain,
    "owner": texts.is_owner,
    "hash": texts.is_hash,
    "serviceAccountName": texts.is_owner,
    "path of a probe": lambda text: texts.is_path("/" + text),
    "ConfigMap": texts.is_owner,
}


def worded(word: str, places: list[str]) -> Manifest:
    """The pod with a word in each place that takes it."""
    pod = rich()
    for place in places:
        if WORD_PLACES[place](word):
            pod = PLACES[place][0](pod, "/" + word if place == "path of a probe" else word)
    pod["spec"]["containers"][0]["args"] = [word]
    pod["spec"]["containers"][0]["env"] = [{"name": word or "A", "value": word}]
    return pod


def test_no_word_of_the_program_in_all_places_at_once_makes_another_answer() -> None:
    everywhere = list(WORD_PLACES)
    # A name of a container moves in their order, and then the pod has another shape.
    in_order = [word for word in words() if texts.is_container(word) and "cart" <= word + "/" < "metrics/"]
    others = [place for place in everywhere if place != "name of a container"]
    random = Random("words")
    usual = [word for word in words() if texts.is_label(word)]
    assert len(usual) > 3000
    served = 0
    for word in random.sample(in_order, min(len(in_order), 40 * N)):
        served += asked(of_rich(), worded(word, everywhere))
    for word in random.sample(usual, min(len(usual), 120 * N)):
        served += asked(of_rich(), worded(word, others))
    assert served > 100, "few of them were served by the plan"


# Any change.

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)

TEXTS = st.sampled_from(["", "x", "auto", "true", "istio-proxy", "é", "\ud800", "a\nb", "-1", "0", "{}"])

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places_in(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a tree, inner ones and leaves."""
    if path:
        yield path
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in steps:
        yield from places_in(value, (*path, key))


PATHS = list(places_in(rich()))


@settings(max_examples=100 * N, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON_VALUES), min_size=1, max_size=2))
def test_any_leaf_may_be_anything(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    with unhurried():
        pod = rich()
        for path, value in changes:
            try:
                at(*path)(pod, copy.deepcopy(value))
            except (TypeError, KeyError, IndexError):
                # The other change has removed the place.
                continue
        asked(of_rich(), pod)


def another_text(place: str) -> st.SearchStrategy[Any]:
    _, of_kind, others = PLACES[place]
    return st.sampled_from([*of_kind, *others]) | st.text(max_size=50)


@settings(max_examples=80 * N, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(sorted(PLACES)).flatmap(lambda place: st.tuples(st.just(place), another_text(place))),
        min_size=2,
        max_size=5,
    )
)
def test_several_texts_may_be_others(changes: list[tuple[str, Any]]) -> None:
    with unhurried():
        pod = rich()
        for place, text in changes:
            try:
                pod = PLACES[place][0](pod, copy.deepcopy(text))
            except (TypeError, KeyError, IndexError):
                continue
        asked(of_rich(), pod)


SPELT: dict[str, Callable[[bytes], bytes]] = {
    "a key twice": lambda body: body.replace(b'"image":', b'"image":"auto","image":', 1),
    "the other twice": lambda body: re.sub(rb'("image":"[^"]+")', rb'\1,"image":"auto"', body, count=1),
    "labels twice": lambda body: body.replace(b'"labels":', b'"labels":{"app":"x"},"labels":', 1),
    "metadata twice": lambda body: body.replace(b'"spec":', b'"metadata":{},"spec":', 1),
    "escapes": lambda body: body.replace(b'"cart"', b'"\\u0063art"'),
    "an escaped key": lambda body: body.replace(b'"image"', b'"im\\u0061ge"', 1),
    "big number": lambda body: body.replace(b'"priority":0', b'"priority":' + b"9" * 400),
    "float": lambda body: body.replace(b'"priority":0', b'"priority":0.0'),
    "minus": lambda body: body.replace(b'"priority":0', b'"priority":-0'),
    "exponent": lambda body: body.replace(b'"priority":0', b'"priority":1E3'),
    "too large a float": lambda body: body.replace(b'"priority":0', b'"priority":1e999'),
    "deep": lambda body: body.replace(b'"priority":0', b'"priority":' + b"[" * 150 + b"]" * 150),
    "too deep": lambda body: body.replace(b'"priority":0', b'"priority":' + b"[" * 250 + b"]" * 250),
    "blanks": lambda body: body.replace(b",", b" , "),
    "true for one": lambda body: body.replace(b'"priority":0', b'"priority":false'),
}


@pytest.mark.parametrize("name", SPELT)
def test_another_spelling_of_the_json_is_answered_as_without_plans(name: str) -> None:
    ordinary = body_of(review_with(rich()))
    body = SPELT[name](ordinary)
    assert body != ordinary
    for each in (body, body, ordinary, body):
        of_rich().ask(each)
