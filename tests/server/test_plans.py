"""Answers by plans: pods that differ in one text after another get the bytes that they get without plans.

A webhook with plans is asked beside one without. A counter shows that the plan was used where a text is of a
kind that is copied or not read, so that no test passes because nothing was planned. `N=` makes more examples.
"""

from __future__ import annotations

import ast
import copy
import json
import os
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
from injector.core.model import Namespace
from injector.core.plans import texts
from injector.server.state import Limits
from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of, unhurried
from tests.server.webhook_factories import Broken, a_config

Manifest = dict[str, Any]
Change = Callable[[Manifest], object]

N: Final = int(os.environ.get("N", "1"))
"""How many times as many examples as by default."""

PACKAGE: Final = Path(injector.__file__).parent


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


def rich() -> Manifest:
    """A pod of a Deployment with a text of every kind that a plan leaves out."""
    pod = pod_of(a_review())
    pod["metadata"]["labels"] |= {
        "app.kubernetes.io/name": "cart-name",
        "app.kubernetes.io/version": "v2",
        "team": "checkout",
    }
    pod["metadata"]["annotations"] |= {"checksum/config": "0a1b", "kubectl.kubernetes.io/restartedAt": "now"}
    pod["metadata"]["uid"] = "11f1"
    spec = pod["spec"]
    spec["initContainers"] = [{"name": "migrate", "image": "shop/migrate:1", "command": ["sh", "-c", "x"]}]
    spec["volumes"] += [
        {"name": "settings", "configMap": {"name": "cart-settings", "defaultMode": 420}},
        {"name": "keys", "secret": {"secretName": "cart-keys"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "cart-data"}},
    ]
    spec["containers"][0] |= {"args": ["--port", "8080"], "command": ["cart"]}
    return pod


def review_with(pod: Manifest) -> Manifest:
    return a_review(object=pod)


def asked(both: Beside, pod: Manifest) -> bool:
    """Ask about a pod; whether a plan answered."""
    before = both.planned
    both.ask(body_of(review_with(pod)))
    return both.planned > before


def planning(pod: Manifest | None = None, raw: Manifest | None = None, **more: Any) -> Beside:
    """Two webhooks, one of which has the plan of a pod."""
    both = Beside(config_of({"policy": "enabled", **(raw or {})}), plans=8 * MiB, **more)
    learn(both, pod or rich())
    return both


def learn(both: Beside, pod: Manifest) -> None:
    for _ in range(2):
        both.ask(body_of(review_with(pod)))


@cache
def of_rich() -> Beside:
    """One with the plan of the rich pod, for tests that only ask."""
    return planning()


def renamed(pod: Manifest, old: str, new: str) -> Manifest:
    """The pod with another text wherever one stands alone."""
    out: Manifest = json.loads(json.dumps(pod).replace(json.dumps(old), json.dumps(new)))
    return out


def owned(pod: Manifest, name: Any, suffix: Any) -> Manifest:
    """The pod of another ReplicaSet."""
    meta = pod["metadata"]
    meta["ownerReferences"][0]["name"] = f"{name}-{suffix}"
    meta["generateName"] = f"{name}-{suffix}-"
    meta["labels"]["pod-template-hash"] = suffix
    return pod


def at(*path: Any) -> Callable[[Manifest, Any], Manifest]:
    """Puts a value into a place of a pod."""

    def put(pod: Manifest, value: Any) -> Manifest:
        tree: Any = pod
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value
        return pod

    return put


LABEL_TEXTS = (
    *(
        "x",
        "X",
        "v1",
        "a.b",
        "a_b",
        "a-b",
        "A" * 63,
        "a" * 45,
        "a" * 46,
        "a" * 47,
        "true",
        "null",
        "0",
        "1e3",
    ),
    *("auto", "istio-proxy", "default", "istio", "canonical", "unknown", "latest", "q7", "u", "x7q", "cart"),
)
NAME_TEXTS = (
    *("x", "a-b", "a0", "0", "9" * 45, "a" * 44, "a" * 45, "a" * 46, "default", "auto", "istio", "cart"),
    *("cart-6d4cf56db6", "job-24000000", "istio-proxy", "a--b", "true", "null"),
)
NO_NAMES = (
    "",
    "-a",
    "a-",
    ".a",
    "a.",
    "a" * 47,
    "a" * 64,
    "A",
    "a.b",
    "a_b",
    "a b",
    "é",
    'a"b',
    "a\\b",
    "</script>",
)
CONTAINER_TEXTS = (
    "x",
    "a-b",
    "z",
    "a" * 63,
    "cart-2",
    "metrics-2",
    "c",
    "m",
    "0",
    "auto",
    "sidecar",
    "app-health",
)
IMAGE_TEXTS = (
    "x",
    "X:1",
    "a/b/c@sha256:" + "0" * 64,
    "$(X)",
    '"',
    "\\",
    "{{ x }}",
    "</script>",
    "istio-proxy",
    "proxyv2",
)
VALUES = (
    "",
    "x",
    "$(X)",
    '"',
    "\\",
    "</script>",
    "a\nb",
    "\x00",
    "\x7f",
    "{{ 1 }}",
    "auto",
    "null",
    "istio-proxy",
)
STRANGE = ("é", "\u2028", "\ud800", "日本", "\x85", "＄")
PLAIN = (" ", "", "x" * 300, '"', "\\", "</script>", "$(X)", "null", "a: b", "'")
NO_PLAIN = (*STRANGE, "\n", "\x00", "\x7f")

ENV = at("spec", "containers", 0, "env")
PLACES: dict[str, tuple[Callable[[Manifest, Any], Manifest], tuple[Any, ...], tuple[Any, ...]]] = {
    "name of a container": (
        lambda pod, text: at("spec", "containers", 0, "name")(pod, text),
        # Between those in front of and behind it in the order of paths of probes.
        tuple(
            name for name in CONTAINER_TEXTS if "cart" <= name + "/" < "metrics/" or name in ("a-b", "auto")
        ),
        (
            *NO_NAMES[:5],
            *NO_NAMES[6:],
            "istio-proxy",
            "istio-init",
            "metrics",
            "migrate",
            "enable-core-dump",
            "true",
            "80",
        ),
    ),
    "name of an init container": (
        at("spec", "initContainers", 0, "name"),
        ("n", "z", "zz-z", "metrics0"),
        ("", "istio-init"),
    ),
    "image": (
        at("spec", "containers", 0, "image"),
        IMAGE_TEXTS,
        ("", "auto", " x", "x ", "\tx", *NO_PLAIN, None, 7),
    ),
    "args": (
        at("spec", "containers", 0, "args"),
        (["x"], [""], ["a", "b", "c"], *([text] for text in VALUES)),
        ([], None, "x", [7], [None], ["é"], [["x"]], {"a": "b"}),
    ),
    "command": (at("spec", "containers", 1, "command"), (), (["x"], [])),
    "command of an init container": (
        at("spec", "initContainers", 0, "command"),
        (["x"], ["a"] * 50),
        ([], [1]),
    ),
    "env": (
        ENV,
        (
            [{"name": "A", "value": "b"}],
            [{"name": f"A{n}", "value": "b"} for n in range(60)],
            [{"name": "A", "value": text} for text in VALUES],
            [
                {"name": name, "value": ""}
                for name in ("a b", "A", "A", '"', "\\", "$(A)", "-", "ISTIO_META_X")
            ],
            [{"value": "x", "name": "A"}],
            [],
        ),
        (
            [{"name": "A", "value": "é"}],
            [{"name": "A"}],
            [{"name": "A", "value": None}],
            [{"name": "A=B", "value": "x"}],
            [{"name": "", "value": "x"}],
            [{"name": "é", "value": "x"}],
            [{"name": "A", "value": 7}],
            [{"name": "A", "value": "x", "other": 1}],
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.none"}}}],
            [7],
            [[]],
            None,
            "x",
        ),
    ),
    "free label": (
        at("metadata", "labels", "team"),
        LABEL_TEXTS,
        ("", "-a", "a-", "a" * 64, "a b", *STRANGE, None, 7, []),
    ),
    "label app": (at("metadata", "labels", "app"), LABEL_TEXTS, ("", "-a", "a" * 64, 'a"', "é", None, True)),
    "label version": (at("metadata", "labels", "version"), LABEL_TEXTS, ("", ".a", "a" * 64, "é", {})),
    "label name": (at("metadata", "labels", "app.kubernetes.io/name"), LABEL_TEXTS, ("", "a" * 64, "é")),
    "label of a version": (
        at("metadata", "labels", "app.kubernetes.io/version"),
        LABEL_TEXTS,
        ("", "a" * 64, "é"),
    ),
    "checksum": (at("metadata", "annotations", "checksum/config"), PLAIN, (*NO_PLAIN, None, 7, {})),
    "restartedAt": (
        at("metadata", "annotations", "kubectl.kubernetes.io/restartedAt"),
        PLAIN,
        (*NO_PLAIN, None),
    ),
    "owner": (lambda pod, text: owned(pod, text, "6d4cf56db6"), NAME_TEXTS, NO_NAMES),
    "hash": (
        lambda pod, text: owned(pod, "cart", text),
        ("0", "abc", "a" * 16, "24000000", "default"),
        ("", "a" * 17, "A", "a-b", "a.b", "é", "-"),
    ),
    "another hash than in the name": (
        at("metadata", "labels", "pod-template-hash"),
        (),
        ("", "x", "6d4cf56db", "f56db6"),
    ),
    "name of the owner alone": (at("metadata", "ownerReferences", 0, "name"), (), ("x", "", None, 7, "cart")),
    "generateName": (at("metadata", "generateName"), (), ("", "x-", None, "cart-6d4cf56db6", "cart-")),
    "uid": (at("metadata", "uid"), PLAIN, (*NO_PLAIN, None, 7)),
    "uid of the owner": (at("metadata", "ownerReferences", 0, "uid"), PLAIN, (*NO_PLAIN, None, 7)),
    "serviceAccountName": (at("spec", "serviceAccountName"), NAME_TEXTS, (*NO_NAMES, None, 7)),
    "serviceAccount": (at("spec", "serviceAccount"), NAME_TEXTS, (*NO_NAMES, None)),
    "path of a probe": (
        at("spec", "containers", 0, "livenessProbe", "httpGet", "path"),
        (
            "/",
            "/a",
            "//",
            "/a/../b",
            "/healthz/ready",
            "/app-health/cart/livez",
            "/" + "a" * 200,
            "/_-.~"[:4],
        ),
        (
            "",
            "a",
            "/a?b=c",
            "/a b",
            "/é",
            "/" + "a" * 201,
            '/"',
            "/\\",
            "/&",
            "/<",
            None,
            7,
            "/app-health/cart/livez",
            "/app-health/other/livez",
            "/app-lifecycle/cart/prestopz",
        ),
    ),
    "token volume": (
        lambda pod, text: renamed(pod, "kube-api-access-abcde", text),
        ("kube-api-access-zzzzz", "kube-api-access-00000"),
        (
            "kube-api-access-",
            "kube-api-access-zzzzzz",
            "kube-api-access-ZZZZZ",
            "",
            "é",
            "istio-token",
            "cache",
        ),
    ),
    "ConfigMap": (at("spec", "volumes", 2, "configMap", "name"), NAME_TEXTS, (*NO_NAMES, None, 7)),
    "Secret": (at("spec", "volumes", 3, "secret", "secretName"), NAME_TEXTS, (*NO_NAMES, None)),
    "claim": (at("spec", "volumes", 4, "persistentVolumeClaim", "claimName"), NAME_TEXTS, (*NO_NAMES, None)),
    "time of managedFields": (
        at("metadata", "managedFields", 0, "time"),
        ("2026-11-01T12:00:01Z", "0000-00-00T00:00:00Z"),
        ("", "2026-11-01", "2026-11-01T12:00:00+01:00", None, 7),
    ),
    "fields of managedFields": (
        at("metadata", "managedFields", 0, "fieldsV1"),
        ({}, {"f:x": {"é": {}}}, {"a": 1}),
        (None, [], "x"),
    ),
}


def with_text(place: str, text: Any) -> Manifest:
    return PLACES[place][0](rich(), copy.deepcopy(text))


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_its_kind_is_served_by_the_plan(place: str) -> None:
    for text in PLACES[place][1]:
        assert asked(of_rich(), with_text(place, text)), f"no plan for {text!r}"


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_no_kind_takes_the_ordinary_way(place: str) -> None:
    for text in PLACES[place][2]:
        assert not asked(of_rich(), with_text(place, text)), f"a plan for {text!r}"


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


# Words: whatever the program compares a text with is one of its own constants.


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

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "auto", "true", "istio-proxy", "é", "\ud800", "a\nb", "-1", "0", "{}"]) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


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


SPELT = {
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


# Pods of other owners.


def of_owner(api_version: str, kind: str, name: str, **labels: str) -> Change:
    def change(pod: Manifest) -> None:
        meta = pod["metadata"]
        meta["ownerReferences"][0] |= {"apiVersion": api_version, "kind": kind, "name": name}
        meta["generateName"] = name + "-"
        del (
            meta["labels"]["app"],
            meta["labels"]["app.kubernetes.io/name"],
            meta["labels"]["pod-template-hash"],
        )
        meta["labels"] |= labels

    return change


def stateful(name: str, number: int) -> Change:
    def change(pod: Manifest) -> None:
        of_owner("apps/v1", "StatefulSet", name)(pod)
        pod["metadata"]["name"] = f"{name}-{number}"
        pod["metadata"]["labels"] |= {
            "statefulset.kubernetes.io/pod-name": f"{name}-{number}",
            "apps.kubernetes.io/pod-index": str(number),
        }

    return change


def bare(name: str | None) -> Change:
    def change(pod: Manifest) -> None:
        del pod["metadata"]["ownerReferences"], pod["metadata"]["generateName"]
        del pod["metadata"]["labels"]["app"], pod["metadata"]["labels"]["app.kubernetes.io/name"]
        if name is not None:
            pod["metadata"]["name"] = name

    return change


LONG = "a" * 47
HASH, ROLLOUT, CONFIG = "pod-template-hash", "rollouts-pod-template-hash", "deploymentconfig"
OWNERS: dict[str, tuple[Change, Change, bool]] = {
    "StatefulSet": (stateful("db", 0), stateful("other", 17), True),
    "DaemonSet": (of_owner("apps/v1", "DaemonSet", "a"), of_owner("apps/v1", "DaemonSet", "b-c"), True),
    "another kind": (of_owner("x.io/v1", "Thing", "a"), of_owner("x.io/v1", "Thing", "b-c"), True),
    "two kinds": (of_owner("x.io/v1", "Thing", "a"), of_owner("x.io/v1", "Other", "a"), False),
    "two versions": (of_owner("x.io/v1", "Thing", "a"), of_owner("x.io/v2", "Thing", "a"), False),
    "long name": (of_owner("x.io/v1", "Thing", "a" * 46), of_owner("x.io/v1", "Thing", "a" * 60), False),
    "Job": (of_owner("batch/v1", "Job", "a"), of_owner("batch/v1", "Job", "a-29012345"), False),
    "Job of a CronJob": (
        of_owner("batch/v1", "Job", "a-29012345"),
        of_owner("batch/v1", "Job", "a-99012345"),
        False,
    ),
    "ReplicaSet": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{HASH: "1"}),
        of_owner("apps/v1", "ReplicaSet", "b-c-2", **{HASH: "2"}),
        True,
    ),
    "hash that is none": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{HASH: "2"}),
        of_owner("apps/v1", "ReplicaSet", "a-1", **{HASH: "1"}),
        False,
    ),
    "long ReplicaSet": (
        of_owner("apps/v1", "ReplicaSet", LONG + "-1", **{HASH: "2"}),
        of_owner("apps/v1", "ReplicaSet", LONG + "-1", **{HASH: "1"}),
        False,
    ),
    "odd hash": (
        of_owner("apps/v1", "ReplicaSet", "a-B.c", **{HASH: "x"}),
        of_owner("apps/v1", "ReplicaSet", "a-B.c", **{HASH: "B.c"}),
        False,
    ),
    "long hash": (
        of_owner("apps/v1", "ReplicaSet", "a-" + "0" * 17, **{HASH: "x"}),
        of_owner("apps/v1", "ReplicaSet", "a-" + "0" * 17, **{HASH: "0" * 17}),
        False,
    ),
    "Rollout": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1"}),
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "2"}),
        False,
    ),
    "Rollout and Deployment": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1", HASH: "1"}),
        of_owner("apps/v1", "ReplicaSet", "a-2", **{ROLLOUT: "1", HASH: "2"}),
        True,
    ),
    "Rollout, not Deployment": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1", HASH: "x"}),
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1", HASH: "1"}),
        False,
    ),
    "ReplicationController": (
        of_owner("v1", "ReplicationController", "a-1", **{CONFIG: "a"}),
        of_owner("v1", "ReplicationController", "a-1", **{CONFIG: "b"}),
        False,
    ),
    "bare pod": (bare("a"), bare("b-c"), True),
    "pod without a name": (bare("a"), bare(None), False),
    "bare pod with a long name": (bare("a" * 46), bare("a" * 60), False),
    "not a controller": (
        lambda pod: pod["metadata"]["ownerReferences"][0].update(controller=False),
        lambda pod: pod["metadata"]["ownerReferences"][0].update(controller=False, name="other"),
        False,
    ),
    "two controllers": (
        lambda pod: pod["metadata"]["ownerReferences"].insert(
            0, {"kind": "Thing", "name": "a", "controller": True}
        ),
        lambda pod: pod["metadata"]["ownerReferences"].insert(
            0, {"kind": "Thing", "name": "b", "controller": True}
        ),
        False,
    ),
}


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("turned", [False, True])
def test_owners_share_a_plan_where_their_names_are_copied(owner: str, turned: bool) -> None:
    first, second, shared = OWNERS[owner]
    pods = [rich(), rich()]
    for pod, change in zip(pods, (second, first) if turned else (first, second), strict=True):
        change(pod)
    assert asked(planning(pods[0]), pods[1]) == shared


# Names that stand elsewhere.

USER_VOLUME = "sidecar.istio.io/userVolume"
ELSEWHERE: dict[str, tuple[Change, Callable[[Manifest], Manifest]]] = {
    "annotation with a volume of the token's name": (
        lambda pod: pod["metadata"]["annotations"].update(
            {USER_VOLUME: '{"kube-api-access-zzzzz": {"emptyDir": {}}}'}
        ),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz"),
    ),
    "device with the token's name": (
        lambda pod: pod["spec"]["containers"][1].update(
            volumeDevices=[{"name": "kube-api-access-zzzzz", "devicePath": "/dev/x"}]
        ),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz"),
    ),
    "annotation that names a container": (
        lambda pod: pod["metadata"]["annotations"].update(
            {"kubectl.kubernetes.io/default-container": "cart"}
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "annotation with a part of a name": (
        lambda pod: pod["metadata"]["annotations"].update({"x": "a cart and more"}),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "key that names a container": (
        lambda pod: pod["metadata"]["annotations"].update(
            {"container.apparmor.security.beta.kubernetes.io/cart": "unconfined"}
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "mount of no volume": (
        lambda pod: pod["spec"]["containers"][0]["volumeMounts"].append(
            {"name": "kube-api-access-zzzzz", "mountPath": "/x"}
        ),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz"),
    ),
    "two token volumes": (
        lambda pod: pod["spec"]["volumes"].append({"name": "kube-api-access-zzzzz", "emptyDir": {}}),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-yyyyy"),
    ),
    "ephemeral container": (
        lambda pod: pod["spec"].update(ephemeralContainers=[{"name": "cart2", "image": "x"}]),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "path of a probe that has a name": (
        lambda pod: at("spec", "containers", 0, "livenessProbe", "httpGet", "path")(
            pod, "/app-health/cart/livez"
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "path of a handler that has a name": (
        lambda pod: pod["spec"]["containers"][0].update(
            lifecycle={"preStop": {"httpGet": {"path": "/app-lifecycle/cart/prestopz", "port": 15020}}}
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "hostname": (
        lambda pod: pod["spec"].update(hostname="cart"),
        lambda pod: at("metadata", "labels", "app")(pod, "other"),
    ),
}


@pytest.mark.parametrize("where", ELSEWHERE)
@pytest.mark.parametrize("turned", [False, True])
def test_a_copied_text_that_stands_elsewhere_makes_no_other_answer(where: str, turned: bool) -> None:
    first, change = ELSEWHERE[where]
    pods = [rich(), rich()]
    for pod in pods:
        first(pod)
    pods[1] = change(pods[1])
    if turned:
        pods.reverse()
    asked(planning(pods[0]), pods[1])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "a-b"), ("a", "b")),
        (("a-b", "a"), ("a", "a-b")),
        (("a0", "a"), ("a", "a0")),
        (("b", "a"), ("a", "b")),
    ],
)
def test_containers_are_in_the_order_of_the_paths_made_of_them(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    pods = []
    for names in (first, second):
        pod = rich()
        for container, name in zip(pod["spec"]["containers"], names, strict=True):
            container["name"] = name
        pods.append(pod)
    asked(planning(pods[0]), pods[1])
    asked(planning(pods[1]), pods[0])


# Configurations.

OWN = "spec: {containers: [{name: own, image: '{{ Spec.containers[0].image }}'}]}"
CONFIGS: dict[str, tuple[Manifest, bool]] = {
    "defaults": ({}, True),
    "quirks": ({"compatibility": {"istioQuirks": True}}, False),
    "classic": ({"nativeSidecars": "disabled"}, True),
    "native": ({"nativeSidecars": "enabled"}, True),
    "CNI": ({"values": {"pilot": {"cni": {"enabled": True}}}}, True),
    "hold": ({"values": {"global": {"proxy": {"holdApplicationUntilProxyStarts": True}}}}, True),
    "classic, hold": (
        {"nativeSidecars": "disabled", "values": {"global": {"proxy": {"holdApplicationUntilProxyStarts": True}}}},
        True,
    ),
    "template of one's own": ({"templates": {"own": OWN}, "defaultTemplates": ["sidecar", "own"]}, False),
    "sidecar of one's own": ({"templates": {"sidecar": OWN}}, False),
    "own template that is not asked for": ({"templates": {"own": OWN}}, True),
    "alias": ({"aliases": {"mine": ["sidecar"]}, "defaultTemplates": ["mine"]}, True),
    "alias of one's own": (
        {"templates": {"own": OWN}, "aliases": {"mine": ["sidecar", "own"]}, "defaultTemplates": ["mine"]},
        False,
    ),
    "injectedAnnotations": ({"injectedAnnotations": {"checksum/config": "0a1b", "example.com/by": "us"}}, False),
    "injectedAnnotations of other keys": ({"injectedAnnotations": {"example.com/by": "us"}}, True),
    "neverInjectSelector": ({"neverInjectSelector": [{"matchLabels": {"team": "payments"}}]}, True),
    "never, app": ({"neverInjectSelector": [{"matchLabels": {"app": "payments"}}]}, True),
    "never, hash": ({"neverInjectSelector": [{"matchLabels": {"pod-template-hash": "abc"}}]}, True),
    "alwaysInjectSelector": (
        {"policy": "disabled", "alwaysInjectSelector": [{"matchExpressions": [{"key": "team", "operator": "Exists"}]}]},
        True,
    ),
    "always, version": (
        {"policy": "disabled", "alwaysInjectSelector": [{"matchLabels": {"version": "v1"}}]},
        True,
    ),
    "rules by power": (
        {
            "annotations": [
                {"withhold": ["image", "user", "capabilities", "volumes", "trust-root", "control-plane"]},
            ]
        },
        True,
    ),
    "a denied annotation": ({"annotations": [{"deny": ["checksum/x*"]}]}, True),
    "placement": ({"placement": {"istio-proxy": {"before": "cart"}}, "nativeSidecars": "disabled"}, False),
    "placement, last": ({"placement": {"istio-proxy": "last"}, "nativeSidecars": "disabled"}, True),
    "podResources": ({"podResources": "add"}, True),
    "namespaceDefaults": ({"namespaceDefaults": ["sidecar.istio.io/proxyCPU", USER_VOLUME]}, True),
    "openshift": ({"platform": "openshift"}, True),
    "otel": (
        {"meshConfig": {"defaultConfig": {"tracing": {}}, "extensionProviders": [
            {"name": "otel", "opentelemetry": {"service": "otel.svc", "port": 4317,
             "serviceAttributeEnrichment": "OTEL_SEMANTIC_CONVENTIONS"}}]}},
        False,
    ),
    "datadog": (
        {"values": {"global": {"proxy": {"tracer": "datadog"}}},
         "meshConfig": {"defaultConfig": {"tracing": {"datadog": {"address": "agent:8126"}}}}},
        True,
    ),
    "lightstep": (
        {"values": {"global": {"proxy": {"tracer": "lightstep"}}},
         "meshConfig": {"defaultConfig": {"tracing": {"lightstep": {"address": "x:1", "accessToken": "t"}}}}},
        True,
    ),
    "mTLS volume": ({"values": {"global": {"mountMtlsCerts": True}}}, True),
    "TPROXY": ({"meshConfig": {"defaultConfig": {"interceptionMode": "TPROXY"}}}, True),
    "little work": ({"workLimit": 30_000}, False),
    "skipped RuntimeClass": ({"skipRuntimeClasses": ["gvisor"]}, True),
    "callers": ({"callers": [{"action": "deny", "usernames": ["nobody"]}]}, True),
}  # fmt: skip

ANNOTATIONS = (
    {},
    {"sidecar.istio.io/rewriteAppHTTPProbers": "false"},
    {"proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true, "proxyMetadata": {"A": "q7"}}'},
    {
        "sidecar.istio.io/proxyImage": "example.com/proxy:2",
        "traffic.sidecar.istio.io/excludeInboundPorts": "80",
    },
    {"sidecar.istio.io/nativeSidecar": "false"},
)


@pytest.mark.parametrize("name", CONFIGS)
def test_under_each_configuration_pods_of_one_shape_get_the_bytes_of_the_ordinary_way(name: str) -> None:
    raw, planned = CONFIGS[name]
    random = Random(name)
    both = Beside(config_of({"policy": "enabled", **raw}), plans=8 * MiB)
    served = 0
    for added in ANNOTATIONS[: 2 * N]:
        base = rich()
        base["metadata"]["annotations"] |= added
        learn(both, base)
        for place in random.sample(sorted(PLACES), 9):
            put, of_kind, others = PLACES[place]
            text = random.choice(of_kind or others)
            served += asked(both, put(copy.deepcopy(base), copy.deepcopy(text)))
    assert (served > 4) == planned


@pytest.mark.parametrize(
    ("raw", "label", "chosen"),
    [
        ({"neverInjectSelector": [{"matchLabels": {"team": "payments"}}]}, "team", "payments"),
        ({"neverInjectSelector": [{"matchLabels": {"app": "payments"}}]}, "app", "payments"),
        (
            {"policy": "disabled", "alwaysInjectSelector": [{"matchLabels": {"version": "v1"}}]},
            "version",
            "v2",
        ),
    ],
)
def test_a_label_of_a_selector_decides(raw: Manifest, label: str, chosen: str) -> None:
    both = planning(raw=raw)
    assert asked(both, rich())
    assert not asked(both, at("metadata", "labels", label)(rich(), chosen))


def test_the_hash_of_a_replicaset_in_a_selector_decides() -> None:
    both = planning(raw={"neverInjectSelector": [{"matchLabels": {"pod-template-hash": "abc"}}]})
    assert not asked(both, owned(rich(), "cart", "abc"))


@pytest.mark.parametrize("label", ["app", "team", "pod-template-hash", "version"])
def test_a_label_that_a_proxyconfig_selects_by_decides(label: str) -> None:
    def proxy_config(value: str) -> Manifest:
        return {
            "apiVersion": "networking.istio.io/v1beta1",
            "kind": "ProxyConfig",
            "metadata": {"name": "some", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {label: value}}, "concurrency": 7},
        }

    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    both.world.objects = (proxy_config("abc"),)
    learn(both, rich())
    other = (
        owned(rich(), "cart", "abc")
        if label == "pod-template-hash"
        else at("metadata", "labels", label)(rich(), "abc")
    )
    assert not asked(both, other)
    assert asked(both, rich())


def test_a_pod_of_many_texts_is_not_served_past_the_work_limit() -> None:
    tiny = rich()
    del tiny["metadata"]["managedFields"]
    tiny["spec"] = {"containers": [{"name": "a", "image": "b", "args": ["x"]}]}
    both = planning(tiny, {"workLimit": 30_000})
    large = copy.deepcopy(tiny)
    large["spec"]["containers"][0]["args"] = ["x"] * 3500
    body = body_of(review_with(large))
    assert len(body) < 16_384, "it is a pod for the loop"
    reply = both.ask(body)
    assert reply.json["response"]["auditAnnotations"]["reason"] == "too-expensive"


def test_a_default_of_a_namespace_that_names_the_token_volume_counts_for_that_pod_alone() -> None:
    both = Beside(config_of({"policy": "enabled", "namespaceDefaults": [USER_VOLUME]}), plans=8 * MiB)
    both.world.namespaces["shop"] = Namespace(
        "shop", {}, {USER_VOLUME: '{"kube-api-access-zzzzz": {"emptyDir": {}}}'}
    )
    learn(both, rich())
    asked(both, renamed(rich(), "kube-api-access-abcde", "kube-api-access-zzzzz"))


# What a plan depends on beside the pod.


def other_config(both: Beside) -> None:
    both.world.config = config_of({"policy": "enabled", "revision": "canary"})


PROXY_CONFIG = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "ProxyConfig",
    "metadata": {"name": "all", "namespace": "shop"},
    "spec": {"concurrency": 7},
}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("configuration", other_config),
        ("labels of the namespace", lambda b: b.world.namespaces.update(shop=Namespace("shop", {"a": "b"}))),
        ("annotations", lambda b: b.world.namespaces.update(shop=Namespace("shop", {}, {"a": "b"}))),
        ("an unknown namespace", lambda b: b.world.namespaces.clear()),
        ("native sidecars", lambda b: setattr(b.world, "native", False)),
        ("ProxyConfig objects", lambda b: setattr(b.world, "objects", (PROXY_CONFIG,))),
    ],
)
def test_a_plan_ends_with_the_world_that_it_was_made_in(what: str, change: Callable[[Beside], None]) -> None:
    both = planning()
    assert asked(both, rich())
    change(both)
    assert not asked(both, rich()), what
    learn(both, rich())
    assert asked(both, rich())


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("user", lambda r: r["request"]["userInfo"].update(username="somebody")),
        ("groups", lambda r: r["request"]["userInfo"].update(groups=["some"])),
        ("no user", lambda r: r["request"].pop("userInfo")),
        ("operation", lambda r: r["request"].update(operation="UPDATE")),
        ("subresource", lambda r: r["request"].update(subResource="status")),
        ("namespace", lambda r: r["request"].update(namespace="other")),
        ("version", lambda r: r.update(apiVersion="admission.k8s.io/v1beta1")),
    ],
)
def test_another_request_is_answered_by_no_plan_of_this_one(what: str, change: Change) -> None:
    both = planning()
    review = review_with(rich())
    change(review)
    before = both.planned
    both.ask(body_of(review))
    assert both.planned == before, what


@pytest.mark.parametrize("change", [{"dryRun": True}, {"uid": 'a"b\\é'}, {"name": "x"}, {"options": None}])
def test_what_an_answer_does_not_depend_on_keeps_its_plan(change: Manifest) -> None:
    both = planning()
    before = both.planned
    both.ask(body_of(review_with(rich()) | {"request": {**review_with(rich())["request"], **change}}))
    assert both.planned == before + 1


def test_the_path_of_a_request_has_plans_of_its_own() -> None:
    both = planning()
    before = both.planned
    for path in (
        "/inject/cluster/two",
        "/inject/net/two",
        "/mutate",
        '/inject/cluster/a"b',
        "/inject/cluster/q7x000q7x",
    ):
        for _ in range(3):
            both.ask(body_of(review_with(rich())), path)
    assert both.planned == before + 4, "one of them has the text of a mark"


MARKS = ("q7x", "q7x000q7x", "q7x001q7x", "q7xuq7x", "aq7xb")


@pytest.mark.parametrize("mark", MARKS)
def test_a_pod_with_the_text_of_a_mark_is_answered_as_without_plans(mark: str) -> None:
    for place in ("label app", "name of a container", "owner", "serviceAccountName", "image"):
        pod = with_text(place, mark)
        asked(of_rich(), pod)
        both = planning(pod)
        asked(both, rich())
        asked(both, pod)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("where", ["namespace", "user", "annotation", "revision", "value"])
def test_a_mark_in_what_is_around_a_pod_fills_no_hole(mark: str, where: str) -> None:
    raw: Manifest = {"namespaceDefaults": ["proxy.istio.io/config"]}
    if where == "revision":
        raw["revision"] = mark
    if where == "value":
        raw["values"] = {"global": {"network": mark}}
    both = Beside(config_of({"policy": "enabled", **raw}), plans=8 * MiB)
    review = review_with(rich())
    if where == "namespace":
        review["request"]["namespace"] = mark
    if where == "user":
        review["request"]["userInfo"]["username"] = mark
    if where == "annotation":
        config = json.dumps({"proxyMetadata": {"A": mark}})
        both.world.namespaces["shop"] = Namespace("shop", {}, {"proxy.istio.io/config": config})
    for text in ("cart", "other", "cart", "third"):
        pod_of(review)["metadata"]["labels"]["app"] = text
        both.ask(body_of(review))


# What nobody plans, what is counted, and what is switched off.


def reasons(both: Beside) -> dict[str, int]:
    text = both.metrics.text().decode()
    found = re.findall(
        r'^injector_ordinary_admission_total\{reason="([a-z-]+)"\} ([0-9.]+)$', text, re.MULTILINE
    )
    return {reason: int(float(count)) for reason, count in found if float(count)}


def test_a_shape_that_comes_once_gets_no_plan() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    before = both.number("injector_cache_bytes", cache="plans")
    assert [asked(both, rich()) for _ in range(4)] == [False, False, True, True]
    assert reasons(both) == {"first": 1, "new": 1}
    size = both.number("injector_cache_bytes", cache="plans")
    for number in range(20):
        asked(both, at("spec", "priority")(rich(), number + 1))
    assert both.number("injector_cache_bytes", cache="plans") < size + 20 * 200
    assert size > before + 5000


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("container", lambda pod: pod["spec"]["containers"][0].update(name="istio-proxy")),
        (
            "annotation",
            lambda pod: pod["metadata"]["annotations"].update({"inject.istio.io/templates": "sidecar"}),
        ),
        ("annotation", lambda pod: pod["metadata"]["annotations"].update({"sidecar.istio.io/status": "{}"})),
        ("value", lambda pod: pod.update(spec=7)),
    ],
)
def test_the_metric_says_why_a_pod_took_the_ordinary_way(reason: str, change: Change) -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    pod = rich()
    change(pod)
    assert not any(asked(both, pod) for _ in range(3))
    assert reasons(both) == {reason: 3}


def test_a_denial_gets_no_plan() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    pod = at("metadata", "annotations", "sidecar.istio.io/proxyCPU")(rich(), "much")
    assert not any(asked(both, pod) for _ in range(4))
    assert reasons(both) == {"first": 1, "new": 1, "no-plan": 2}


def test_a_defect_gets_no_plan() -> None:
    both = Beside(a_config(Broken), plans=8 * MiB)
    assert not any(asked(both, rich()) for _ in range(3))


def test_a_limit_of_nothing_switches_plans_off() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=0)
    assert not any(asked(both, rich()) for _ in range(3))
    assert both.number("injector_cache_bytes", cache="plans") == 0
    assert reasons(both) == {"off": 3}


def test_plans_stay_within_their_bytes_and_one_in_use_survives_a_flood() -> None:
    limit = 400_000
    both = Beside(config_of({"policy": "enabled"}), plans=limit)
    learn(both, rich())
    served = 0
    for number in range(60):
        other = body_of(review_with(at("spec", "priority")(rich(), number + 1)))
        both.of(both.cached, other)
        both.of(both.cached, other)
        assert both.number("injector_cache_bytes", cache="plans") <= limit
        if number % 6 == 0:
            served += asked(both, with_text("owner", f"shop{number}"))
    assert both.number("injector_cache_eviction_total", cache="plans") > 20
    assert served == 10


def test_groups_of_a_user_are_part_of_the_bytes_of_a_plan() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    review = review_with(rich())
    review["request"]["userInfo"]["groups"] = [f"group-{number:094}" for number in range(60)]
    both.ask(body_of(review))
    before = both.number("injector_cache_bytes", cache="plans")
    both.ask(body_of(review))
    assert both.number("injector_cache_bytes", cache="plans") - before > 6000 + 5000


def test_log_lines_records_and_events_are_of_the_pod_itself() -> None:
    recorded: list[Any] = []
    noticed: list[Any] = []
    both = Beside(
        config_of({"policy": "enabled"}),
        plans=8 * MiB,
        record=lambda *record: recorded.append(record),
        notify=lambda *notice: noticed.append(notice),
    )
    learn(both, rich())
    pod = with_text("owner", "other")
    assert asked(both, pod)
    (cached, facts, outcome, verdict, _, size), (wanted, other_facts, plain, plain_verdict, _, plain_size) = (
        recorded[-2:]
    )
    assert (cached, facts, verdict, size) == (wanted, other_facts, plain_verdict, plain_size)
    assert cached.pod == pod
    assert [(o.op, o.path) for o in outcome.patch] == [(o.op, o.path) for o in plain.patch]
    assert (outcome.findings, outcome.decision.reason, outcome.added) == (
        plain.findings,
        plain.decision.reason,
        plain.added,
    )
    assert noticed[-2][0] == noticed[-1][0] == cached
