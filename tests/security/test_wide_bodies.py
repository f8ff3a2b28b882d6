"""A small body takes little memory, whatever stands in it, and annotations have the API server's bound."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from injector import structure
from injector.config.loading import Input, Text, load_input
from injector.core.injection import annotation_size
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin, Reason, Verdict
from injector.core.profile import Config
from injector.errors import ManifestError, ReviewError
from injector.pages import form
from injector.records.reader import Reader
from injector.server import reviews
from tests import answering
from tests.cli.conftest import folder, run
from tests.factories import a_pod, a_review

__all__ = ["folder", "run"]

MB = 1_000_000
PLAIN = load_input(Input(Text("profile: istio\n", "config")))
QUIRKS = load_input(Input(Text("profile: istio\ncompatibility: {istioQuirks: true}\n", "config")))


def a_body(tolerations: str) -> bytes:
    return json.dumps(a_review(a_pod(spec={"tolerations": "HERE"}))).replace('"HERE"', tolerations).encode()


def a_list(item: str, size: float) -> str:
    return "[" + ",".join([item] * (int(size) // (len(item) + 1))) + "]"


WIDE = ["[{}]", "[[]]", "{}", "[0]", "0", '""', '{"":0}', '{"a":{"b":[]}}', "null", "0.5", '"a"']


@pytest.mark.parametrize("item", WIDE)
@pytest.mark.parametrize("size", [6.9 * MB, 3 * MB])
def test_a_wide_body_is_refused_before_it_is_parsed(item: str, size: float) -> None:
    body = a_body(a_list(item, size))
    tracemalloc.start()
    try:
        with pytest.raises(ReviewError, match="braces, brackets and commas") as refused:
            reviews.parse(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert refused.value.hint
    # Nothing of it was made into values, nor copied.
    assert peak < MB


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le"])
def test_no_encoding_hides_structure(encoding: str) -> None:
    body = a_body(a_list("[{}]", MB)).decode().encode(encoding)
    with pytest.raises(ReviewError) as refused:
        reviews.parse(body)
    assert refused.value.status == 413


@pytest.mark.parametrize("text", ["[{},{}]", '{"a":[1,2],"b":{}}', "[[[]]]", '["{",",","["]', "0", '{"a":1}'])
def test_a_text_has_at_most_one_value_more_than_the_count(text: str) -> None:
    def values(tree: Any) -> int:
        inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
        return 1 + sum(map(values, inner))

    assert structure.count(text) + 1 >= values(json.loads(text))
    assert structure.count(text) == structure.count(text.encode())


def test_the_largest_sensible_pod_is_far_below_the_bound() -> None:
    env = [{"name": f"NAME_{i}", "value": "a value of some length"} for i in range(200)]
    ports = [{"name": f"p{i}", "containerPort": 8000 + i, "protocol": "TCP"} for i in range(20)]
    mounts = [{"name": f"v{i}", "mountPath": f"/v{i}"} for i in range(20)]
    containers = [
        {"name": f"c{i}", "image": "web:1", "env": env, "ports": ports, "volumeMounts": mounts}
        for i in range(20)
    ]
    volumes = [{"name": f"v{i}", "configMap": {"name": f"m{i}"}} for i in range(20)]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"sidecar.istio.io/inject": "true"}},
        "spec": {"containers": containers, "volumes": volumes},
    }
    body = json.loads(a_body("[]"))
    body["request"]["object"] = pod
    text = json.dumps(body).encode()
    assert structure.count(text) * 10 < structure.LIMIT
    request = reviews.parse(text)
    assert answering.answer(request, PLAIN, lambda _name: None).decision == "inject"


def test_a_body_at_the_bound_is_read() -> None:
    used = structure.count(a_body("[0]"))
    body = a_body(a_list("0", 2 * (structure.LIMIT - used) + 2))
    assert structure.count(body) <= structure.LIMIT
    assert reviews.parse(body)
    more = a_body(a_list("0", 2 * (structure.LIMIT + 2)))
    with pytest.raises(ReviewError):
        reviews.parse(more)


def test_admit_counts_as_the_webhook_does(folder: Path, run: Callable[..., Any]) -> None:
    (folder / "r.json").write_bytes(a_body(a_list("[{}]", MB)))
    done = run("admit", "--config", "c.yaml", "-f", "r.json")
    assert done.status == 1
    assert "braces, brackets and commas" in done.err


def test_a_wide_line_of_a_record_is_left_out(tmp_path: Path) -> None:
    wide = b'{"uid": ' + a_list("[{}]", MB).encode() + b"}\n"
    deep = b"[" * 150_000 + b"\n"
    (tmp_path / "records-1.jsonl").write_bytes(wide + deep)
    names = [tmp_path / name for name in ("records-1.jsonl",)]
    reader = Reader(tmp_path)
    tracemalloc.start()
    try:
        assert list(reader._entries_of(names[0])) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.broken == 2
    # The lines themselves.
    assert peak < 4 * MB


@pytest.mark.parametrize(
    "inner",
    [
        "[" + ",".join(["{}"] * 12_000) + "]",
        "\n  - {}" * 12_000,
        "[&a [" + ",".join(["0"] * 600) + "]," + ",".join(["*a"] * 40) + "]",
        '[&a "' + "x" * 10_000 + '",' + ",".join(["*a"] * 40) + "]",
        "[" + ",".join(["{" + "y" * 900 + ": 0}"] * 200) + "]",
    ],
)
def test_the_debug_page_bounds_the_values_of_what_is_typed(inner: str) -> None:
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a}]\n"
    text = f"{head}  tolerations: {inner}\n"
    with pytest.raises(ManifestError, match="more than 10000 values"):
        form.answers(text, PLAIN, lambda _: Facts(namespace="shop"))


# --- annotations as a whole ---------------------------------------------------------------------


def annotated(annotations: Manifest, **spec: Any) -> Manifest:
    return {
        "metadata": {"name": "web", "annotations": annotations},
        "spec": {"containers": [{"name": "web"}], **spec},
    }


HALF = 128 * 1024
TOO_LARGE = {
    "one value": {"a": "x" * (2 * HALF)},
    "two values": {"aa": "x" * HALF, "b": "x" * (HALF - 2)},
    "keys": {f"{i:>8}": "" for i in range(2 * HALF // 8 + 1)},
    "characters of three bytes": {"a": "漢" * (2 * HALF // 3 + 1)},
    "halves of characters": {"a": "\ud800" * (2 * HALF // 3 + 1)},
}


@pytest.mark.parametrize("config", [PLAIN, QUIRKS], ids=["plain", "quirks"])
@pytest.mark.parametrize("door", [Origin.WEBHOOK, Origin.FILE])
@pytest.mark.parametrize("what", TOO_LARGE)
def test_annotations_past_the_bound_of_the_api_server_are_refused(
    what: str, door: Origin, config: Config
) -> None:
    outcome = inject(annotated(TOO_LARGE[what]), Facts("shop", door), config)
    assert (outcome.decision.verdict, outcome.decision.reason) == (Verdict.DENY, Reason.INVALID_ANNOTATION)
    assert outcome.error is not None
    assert outcome.error.where == "/metadata/annotations"
    assert outcome.error.hint
    assert "262144" in str(outcome.error)


@pytest.mark.parametrize("config", [PLAIN, QUIRKS], ids=["plain", "quirks"])
def test_annotations_at_the_bound_pass(config: Config) -> None:
    # Room for what injection adds to the annotations.
    outcome = inject(annotated({"a": "x" * (2 * HALF - 4096)}), Facts("shop", Origin.FILE), config)
    assert outcome.decision.verdict is Verdict.INJECT
    assert annotation_size.excess(annotated({"a": "x" * (2 * HALF - 1)})) is None
    assert annotation_size.excess(annotated({"a": None})) is None
    assert annotation_size.excess({}) is None


def test_the_command_line_names_the_place_of_too_large_annotations(
    folder: Path, run: Callable[..., Any]
) -> None:
    pod = annotated(TOO_LARGE["one value"])
    (folder / "p.yaml").write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}))
    for command in (["kube-inject"], ["explain"]):
        done = run(*command, "--config", "c.yaml", "-f", "p.yaml")
        assert done.status == 1
        assert "invalid-annotation" in done.err + done.out
        assert "/metadata/annotations" in done.err + done.out
        assert "xxx" not in done.err
