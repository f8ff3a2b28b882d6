"""What an alias adds is counted by its size, and annotations of pods have no aliases."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from injector import yamltext
from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Origin, Reason
from injector.core.profile import Config, Profile
from injector.records.pseudonyms import Pseudonyms
from injector.yamltext import AnchorError, YamlError
from tests.cli.conftest import folder, run

__all__ = ["Profile", "folder", "run"]

MB = 1_000_000
# A limit of work that leaves room for the bombs.
LIMIT = "profile: istio\nworkLimit: 1000000\n"
PLAIN = load_input(Input(Text(LIMIT, "config")))
QUIRKS = load_input(Input(Text(f"{LIMIT}compatibility: {{istioQuirks: true}}\n", "config")))
LONG = "x" * 65_536
DEEP = "{a: " * 190
# In a block each line is indented.
LINES = "a\\n" * 20_000
ZEROS = ",".join(["0"] * 600)


def closed(opened: str) -> str:
    return "}" * opened.count("{")


BOMBS = {
    "a long text": f'A: &a "{LONG}"\n' + "".join(f"B{i}: *a\n" for i in range(4000)),
    "a long text in lists": f'[&a "{LONG}",' + ",".join(["*a"] * 4000) + "]",
    "a long key": f'- {{? &a "{LONG}" : 1}}\n' + "- {*a : 1}\n" * 4000,
    "a map with a long key": f'- &a {{? "{LONG}" : 1}}\n' + "- *a\n" * 4000,
    "a merge of a long text": f'- &a {{k: "{LONG}"}}\n' + "- {<<: *a}\n" * 4000,
    "a merge of several": f'- &a {{k: "{LONG}"}}\n' + "- {<<: [*a, *a]}\n" * 3000,
    "aliases of aliases": f'- &a "{LONG[:600]}"\n'
    + "- &b ["
    + ",".join(["*a"] * 100)
    + "]\n"
    + "- &c ["
    + ",".join(["*b"] * 100)
    + "]\n"
    + "- ["
    + ",".join(["*c"] * 100)
    + "]\n",
    "short lines deep below": f'- &a "{LINES}"\n- {DEEP}[' + ",".join(["*a"] * 60) + "]" + closed(DEEP),
    "small values deep below": f"- &a [{ZEROS}]\n- {DEEP}[" + ",".join(["*a"] * 600) + "]" + closed(DEEP),
}


@pytest.mark.parametrize("what", BOMBS)
def test_aliases_of_large_values_are_refused_before_they_take_memory(what: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(YamlError, match="aliases that add more than") as refused:
            yamltext.load_text(BOMBS[what], "m.yaml")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.hint
    assert peak < 60 * MB


@pytest.mark.parametrize("what", BOMBS)
def test_the_command_line_writes_nothing_of_them(what: str, folder: Path, run: Any) -> None:
    inner = "".join(f"    {line}\n" for line in BOMBS[what].splitlines())
    text = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers: [{{name: a}}]\n  x:\n{inner}"
    )
    (folder / "m.yaml").write_text(text)
    done = run("kube-inject", "--config", "c.yaml", "-f", "m.yaml")
    assert (done.status, done.out) == (1, "")
    assert "aliases that add more than" in done.err


def test_common_uses_of_anchors_are_read() -> None:
    env = "".join(f"    - {{name: A{i}, value: some value}}\n" for i in range(50))
    text = f"base: &base\n  env:\n{env}" + "".join(f"c{i}:\n  <<: *base\n  name: c{i}\n" for i in range(50))
    tree = yamltext.load_text(text, "m.yaml")
    assert len(tree["c49"]["env"]) == 50


# --- annotations --------------------------------------------------------------------------------

ANCHORED = {
    "a bomb": "proxyMetadata:\n" + f'  A: &a "{LONG}"\n' + "".join(f"  B{i}: *a\n" for i in range(4000)),
    "a harmless alias": "proxyMetadata:\n  A: &a x\n  B: *a\n",
    "an anchor alone": "concurrency: &a 2\n",
    "an anchor of a map": "proxyMetadata: &a {A: b}\n",
    "an anchor of a list": "x: &a [1]\n",
    "an anchor of the whole": "&a {concurrency: 2}\n",
    "an anchored key": "&a concurrency: 2\n",
    "a merge": "proxyMetadata: {<<: &a {A: b}}\n",
}


def of(value: str) -> dict[str, Any]:
    meta = {"name": "web", "annotations": {"proxy.istio.io/config": value}}
    return {"metadata": meta, "spec": {"containers": [{"name": "web"}]}}


@pytest.mark.parametrize("config", [PLAIN, QUIRKS], ids=["plain", "quirks"])
@pytest.mark.parametrize("door", [Origin.WEBHOOK, Origin.FILE])
@pytest.mark.parametrize("what", ANCHORED)
def test_anchors_in_an_annotation_are_refused_with_a_sentence(
    what: str, door: Origin, config: Config
) -> None:
    outcome = inject(of(ANCHORED[what]), Facts("shop", door), config)
    assert outcome.decision.reason is Reason.INVALID_ANNOTATION
    text = str(outcome.error)
    assert "annotation proxy.istio.io/config" in text
    assert "anchors and aliases are not accepted (line " in text
    assert "xxx" not in text


def test_a_bomb_in_an_annotation_takes_no_memory() -> None:
    pod = of(ANCHORED["a bomb"])
    inject(pod, Facts("shop", Origin.FILE), PLAIN)  # what is loaded once
    tracemalloc.start()
    try:
        inject(pod, Facts("shop", Origin.FILE), PLAIN)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * MB


def test_asterisks_and_ampersands_in_text_are_no_anchors() -> None:
    value = 'proxyMetadata: {A: "*a &b", B: a&b*c}\nproxyStatsMatcher: {inclusionRegexps: [".*"]}\n'
    outcome = inject(of(value), Facts("shop", Origin.FILE), PLAIN)
    assert outcome.decision.reason is not Reason.INVALID_ANNOTATION
    assert json.dumps(outcome.pod)


def test_a_text_of_a_pod_is_read_without_anchors() -> None:
    assert yamltext.load_untrusted("a: [1, {b: c}]", "x") == {"a": [1, {"b": "c"}]}
    with pytest.raises(AnchorError) as refused:
        yamltext.load_untrusted("a: 1\nb: &x 2\n", "x")
    assert refused.value.line == 2


def test_a_record_of_a_bomb_holds_none_of_it() -> None:
    made = Pseudonyms(b"a key of thirty-two bytes, or so", frozenset())
    assert made.free(ANCHORED["a bomb"]) != ANCHORED["a bomb"]
