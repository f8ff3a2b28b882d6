"""The page as a text: what it shows, and that nothing of a pod becomes markup."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from injector import yamltext
from injector.config.loading import Input, Text, load_input
from injector.core import workload
from injector.core.finding_codes import FindingCode
from injector.core.model import Facts, Finding, Manifest, Reason
from injector.core.profile import Config
from injector.core.reports.provenance import explain
from injector.errors import ManifestError
from injector.pages.explain import Form, breakable, digest_of, page, policy, prose
from injector.pages.form import FormResult
from tests.pages.reading import Reading

REPO = Path(__file__).resolve().parents[2]
CONFIG = load_input(Input(Text("values: {global: {tag: '1.30'}}", "config")))
HOSTILE = """</textarea></script></style><img src=x onerror=alert(1)>"'`{{7*7}}<!--"""
# The same for YAML, which decides about quotes and lines, and nothing to HTML.
PLAIN = HOSTILE.translate(str.maketrans("<>", "()"))


def pod(word: str, **annotations: str) -> Manifest:
    """A pod that holds a word wherever an author may write freely."""
    container = {
        "name": "web",
        "image": word,
        "args": [word],
        "env": [{"name": word, "value": word}],
        word: {word: word},
    }
    meta = {
        "name": word,
        "namespace": word,
        "labels": {word: word},
        "annotations": {word: word, **annotations},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}


def answer(manifest: Manifest, config: Config = CONFIG, where: str = "pod.yaml:1") -> FormResult:
    located = workload.locate(manifest)
    assert located is not None
    facts = Facts(namespace=located.namespace, owner=located.owner)
    return FormResult(where, located, explain(located.template, facts, config, located.manifest))


def form(**typed: str) -> Form:
    return Form(
        action="/debug/explain",
        profiles={"": "in force: istio", "istio": "profile istio"},
        examples={"asks": "Enabled by label"},
        **typed,
    )


def every_page(word: str) -> list[str]:
    """Pages of every kind: injected, refused, several of them, with form, with error, findings."""
    finding = Finding.of(FindingCode.LOAD, word)
    config = replace(CONFIG, findings=(finding,))
    injected = answer(pod(word, **{"proxy.istio.io/config": f'{{proxyMetadata: {{A: "{len(word)}"}}}}'}))
    refused = answer(pod(word, **{"sidecar.istio.io/proxyCPU": word}))
    skipped = answer(pod(word, **{"sidecar.istio.io/inject": "false"}), where=word)
    typed = form(profile=word, manifests=word, labels=word)
    error = ManifestError(word, where=word, hint=word)
    return [
        page([injected], config),
        page([refused, skipped, injected], config, form=typed),
        page([], config, form=typed, error=error),
    ]


def test_nothing_that_an_author_writes_becomes_markup() -> None:
    for hostile, plain in zip(every_page(HOSTILE), every_page(PLAIN), strict=True):
        read = Reading(hostile)
        assert read.shape == Reading(plain).shape
        known = {name for text in every_page("plain") for _, names in Reading(text).shape for name in names}
        assert {name for _, names in read.shape for name in names} <= known
        assert "<img src=x onerror=alert(1)>" in read.text
        assert [tag for tag, _ in read.elements if tag in ("img", "iframe")] == []
        assert "49" not in read.raw["script"][0]


def test_a_page_loads_nothing_and_runs_only_what_its_policy_names() -> None:
    for text in every_page(HOSTILE):
        read = Reading(text)
        allowed = re.findall(r"'sha256-([^']+)'", read.values("content")[0])
        for name, digest in zip(("style", "script"), allowed, strict=True):
            hashed = hashlib.sha256("".join(read.raw[name]).encode()).digest()
            assert base64.b64encode(hashed).decode() == digest
        assert not [n for _, attrs in read.elements for n, _ in attrs if n == "style" or n.startswith("on")]
        targets = read.values("src", "href", "action", "srcset", "formaction")
        assert [t for t in targets if not t.startswith(("#", "data:,", "/debug/explain"))] == []
        assert "url(" not in read.raw["style"][0]
        assert "@import" not in read.raw["style"][0]


def test_the_policy_of_a_page_without_a_form_lets_no_form_go() -> None:
    assert "form-action 'none'" in policy(False)
    assert "form-action 'self'" in policy(True)
    assert all(policy(has_form).startswith("default-src 'none'; ") for has_form in (True, False))


def test_what_a_browser_does_not_show_is_written_out() -> None:
    hidden = "user\u202e\u2066nimda\u200b\x07\ufeff"
    text = Reading(page([answer(pod(hidden))], CONFIG)).text
    assert "user\\u202e\\u2066nimda\\u200b" in text
    assert not set(hidden) & set("\u202e\u2066\u200b\x07\ufeff") & set(text)


def test_the_field_gives_back_what_was_typed() -> None:
    typed = "\n  a: <b> &amp; \u202e\n\n"
    text = page([], CONFIG, form=form(manifests=typed))
    field = re.search(r'<textarea id="manifests".*?>\n(.*?)</textarea>', text, re.DOTALL)
    assert field is not None
    # A browser leaves out the first line break behind the tag; it is not part of the group.
    assert Reading(f"<p>{field[1]}").text == typed


def test_half_a_character_does_not_break_the_page() -> None:
    text = page([], CONFIG, form=form(manifests="\ud800"), error=ManifestError("\ud800"))
    assert "\\ud800" in text
    text.encode("utf-8")


def test_the_injected_pod_is_shown_with_rules_sides_layers_and_patch() -> None:
    shown = answer(pod("web", **{"sidecar.istio.io/proxyCPU": "123m"}))
    text = Reading(page([shown], CONFIG)).text
    for words in (
        "injected",
        "on-by-default",
        "policy enabled",
        "Before and after",
        "istio-proxy",
        "JSON patch",
    ):
        assert words in text
    assert "pod annotation: sidecar.istio.io/proxyCPU" in text
    assert '"op": "add"' in text
    assert f"{len(shown.explanation.origins)} values" in text
    assert f"{len(shown.explanation.outcome.patch)} operations on the pod" in text


def test_the_refused_pod_is_shown_with_its_error_and_no_sides() -> None:
    text = Reading(page([answer(pod("web", **{"sidecar.istio.io/proxyCPU": "much"}))], CONFIG)).text
    assert "refused" in text
    assert "sidecar.istio.io/proxyCPU" in text
    assert "Before and after" not in text


def test_the_skipped_pod_stays_as_it_is() -> None:
    text = Reading(page([answer(pod("web", **{"sidecar.istio.io/inject": "false"}))], CONFIG)).text
    assert "opted-out-by-annotation" in text
    assert "The pod is not changed." in text
    assert "Before and after" not in text


def test_a_pod_that_carries_its_injection_already_is_not_compared() -> None:
    once = answer(pod("web"))
    again = answer(once.workload.with_template(once.explanation.outcome.pod))
    text = Reading(page([again], CONFIG)).text
    assert "Nothing changes" in text
    assert "Before and after" not in text


def test_several_workloads_are_listed_with_links_to_each() -> None:
    read = Reading(page([answer(pod("one")), answer(pod("two"))], CONFIG))
    assert {"#w1", "#w2"} <= set(read.values("href"))
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert [t for t in read.values("href") if t.startswith("#") and t[1:] not in ids] == []


def test_every_field_has_a_label_and_every_reference_an_element() -> None:
    read = Reading(page([answer(pod("one"))], CONFIG, form=form()))
    ids, labelled = set(read.values("id")), set(read.values("for"))
    fields = [dict(attrs) for tag, attrs in read.elements if tag in ("input", "textarea", "select")]
    assert fields
    assert {field["id"] for field in fields} == labelled
    for ids_of in read.values("aria-labelledby", "aria-describedby"):
        assert set(ids_of.split()) <= ids


def test_a_long_value_is_cut_in_the_table_and_whole_in_the_sides() -> None:
    config = load_input(Input(Text(f"injectedAnnotations: {{long: {'x' * 1000}}}", "config")))
    text = page([answer(pod("web"), config)], config)
    assert f"<code>{'x' * 397}...</code>" in text.replace("<wbr>", "")
    assert "x" * 1000 in text


@pytest.mark.parametrize("reason", list(Reason))
def test_no_sentence_leaves_backticks_on_the_page(reason: Reason) -> None:
    text = str(prose(reason.sentence))
    assert "`" not in text
    assert Reading(text).text == reason.sentence.replace("`", "")


def test_code_may_be_broken_behind_its_separators_alone() -> None:
    word = "x" * 100
    text = str(breakable(f"volumeMounts./var/run/secrets/workload-spiffe-credentials.{word}"))
    pieces = text.split("<wbr>")
    assert len(pieces) > 4
    assert all(piece[-1] in "/.-" for piece in pieces[:-1])
    assert pieces[-1] == word
    assert str(breakable("a<b>&'\"")) == "a&lt;b&gt;&amp;'\""


def test_the_digest_is_that_of_the_texts_one_after_another() -> None:
    digest = hashlib.sha256("kind: Pod\n---\nä".encode()).hexdigest()
    assert digest_of(["kind: Pod\n", "---\nä"]) == digest
    assert digest in Reading(page([answer(pod("web"))], CONFIG, digest=digest)).text


def test_no_half_of_the_sides_is_empty() -> None:
    """Lines that were added have one column; only a changed line stands beside another."""
    read = Reading(page([answer(pod("web"))], CONFIG))
    assert read.elements.count(("pre", (("class", "ins"),))) > 2
    changed = read.elements.count(("div", (("class", "changed"),)))
    assert read.elements.count(("pre", (("class", "del"),))) == changed


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_same_data_give_the_same_bytes(seed: str) -> None:
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from tests.pages.test_explain_page import *;"
        "sys.stdout.buffer.write(hashlib.sha256(''.join(every_page(PLAIN)).encode()).hexdigest().encode())"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, env=env, capture_output=True, check=True)
    assert done.stdout.decode() == hashlib.sha256("".join(every_page(PLAIN)).encode()).hexdigest()


def test_the_sides_are_the_manifest_as_it_is_written() -> None:
    shown = answer(pod("web"))
    read: Any = Reading(page([shown], CONFIG)).text
    for line in yamltext.dump(shown.workload.with_template(shown.explanation.outcome.pod)).splitlines():
        assert line in read
