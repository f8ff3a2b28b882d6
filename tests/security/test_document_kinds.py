"""The kind of a document is what Kubernetes' reader takes it for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from injector import yamltext
from injector.config.loading import Input, Text, load_input
from injector.core.model import Facts
from injector.pages import form
from injector.yamltext import Document, YamlError
from tests.cli.conftest import folder, run

__all__ = ["folder", "run"]

REST = 'metadata: {name: a}\nspec: {containers: [{name: a, image: "a:1"}]}\n'
POD = ("v1", "Pod")
# Each is a Pod of v1 to Kubernetes' reader, by the rules of merge keys and tags.
PODS = {
    "a merge key": "<<: {kind: Pod}\napiVersion: v1\n",
    "a merge key of both": "<<: {kind: Pod, apiVersion: v1}\n",
    "a merge key of a list": "<<: [{kind: Pod}, {kind: ConfigMap}]\napiVersion: v1\n",
    "a merge key of an alias": "x: &x {kind: Pod}\n<<: *x\napiVersion: v1\n",
    "a merge key in a merge key": "<<: {<<: {kind: Pod}}\napiVersion: v1\n",
    "a merge key with its tag": '!!merge "<<": {kind: Pod}\napiVersion: v1\n',
    "a later merge key": "kind: ConfigMap\n<<: {kind: Pod}\napiVersion: v1\n",
    "a binary key": "!!binary a2luZA==: Pod\napiVersion: v1\n",
    "a binary kind": "kind: !!binary UG9k\napiVersion: v1\n",
    "a binary version": "kind: Pod\napiVersion: !!binary djE=\n",
    "an alias of a binary": "x: [&k !!binary a2luZA==]\n*k : Pod\napiVersion: v1\n",
    "an alias of a binary kind": "x: {y: &k !!binary UG9k}\nkind: *k\napiVersion: v1\n",
    "an alias of a plain kind": "x: {y: &k Pod}\nkind: *k\napiVersion: v1\n",
    "tags of text": "!!str kind: !!str Pod\n!!str apiVersion: !!str v1\n",
    "a tag without a name": "kind: ! Pod\napiVersion: v1\n",
    "a tagged map": "!!map\nkind: Pod\napiVersion: v1\n",
    "a tag by its whole name": "kind: !<tag:yaml.org,2002:binary> UG9k\napiVersion: v1\n",
    "a tag by a handle": "%TAG !y! tag:yaml.org,2002:\n---\nkind: !y!binary UG9k\napiVersion: v1\n",
    "escapes": '"k\\x69nd": "\\x50od"\napiVersion: v1\n',
    "plain": "kind: Pod\napiVersion: v1\n",
}
OTHERS = {
    "a quoted merge key": "'<<': {kind: Pod}\nkind: ConfigMap\napiVersion: v1\n",
    "a merge key below": "kind: ConfigMap\napiVersion: v1\ndata: {<<: {kind: Pod}}\n",
    "an earlier merge key": "<<: {kind: Pod}\nkind: ConfigMap\napiVersion: v1\n",
    "a tag of somebody": "kind: ConfigMap\napiVersion: v1\ndata: !mine {a: !Ref b}\n",
    "a list": "- {<<: {kind: Pod}}\n",
}


@pytest.mark.parametrize("what", PODS)
def test_a_pod_by_the_tree_is_a_pod(what: str) -> None:
    (document, *more) = [d for d in yamltext.split(PODS[what] + REST, "m.yaml") if d.text.strip()]
    assert more == []
    assert yamltext.kind_of(document) == POD
    tree = yamltext.load(document)
    assert (tree["apiVersion"], tree["kind"]) == POD


@pytest.mark.parametrize("what", PODS)
def test_it_is_injected(what: str, folder: Path, run: Any) -> None:
    (folder / "m.yaml").write_text(PODS[what] + REST)
    done = run("kube-inject", "--strict", "--config", "c.yaml", "-f", "m.yaml")
    assert done.status == 0, done.err
    assert "injected  Pod a" in done.err
    assert "name: shipper" in done.out


@pytest.mark.parametrize("what", PODS)
def test_the_debug_page_explains_it(what: str) -> None:
    config = load_input(Input(Text("profile: istio\n", "config")))
    assert len(form.answers(PODS[what] + REST, config, lambda _: Facts(namespace="shop"))) == 1


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_pod_passes_byte_for_byte(what: str, folder: Path, run: Any) -> None:
    (folder / "m.yaml").write_text(OTHERS[what])
    done = run("kube-inject", "--config", "c.yaml", "-f", "m.yaml")
    assert (done.status, done.out) == (0, OTHERS[what])


def test_a_list_by_its_tree_is_looked_into(folder: Path, run: Any) -> None:
    pod = "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: a}]}}"
    text = f"<<: {{kind: List}}\napiVersion: v1\nitems:\n- {pod}\n"
    (folder / "m.yaml").write_text(text)
    assert "name: shipper" in run("kube-inject", "--config", "c.yaml", "-f", "m.yaml").out


def test_a_kind_that_cannot_be_read_from_the_document_is_an_error() -> None:
    with pytest.raises(YamlError):
        yamltext.kind_of(Document("<<: {kind: Pod}\na: 1\na: 2\n"))
