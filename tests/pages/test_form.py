"""What is typed into the form, and where it says something is wrong."""

from __future__ import annotations

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.model import Facts
from injector.core.workload import Workload
from injector.errors import ManifestError
from injector.pages import form
from injector.pages.examples import make_examples

CONFIG = load_input(Input(Text("", "config")))
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: a}]}\n"


def facts_of(located: Workload) -> Facts:
    return Facts(namespace=located.namespace, owner=located.owner)


def reasons(text: str) -> dict[str, str]:
    answers = form.answers(text, CONFIG, facts_of)
    return {each.workload.name: each.explanation.outcome.decision.reason.value for each in answers}


def test_documents_and_lists_are_explained_in_order_and_other_kinds_passed_over() -> None:
    items = "".join("- " + (POD % name).replace("\n", "\n  ").rstrip() + "\n" for name in ("b", "c"))
    text = f"{POD % 'a'}---\nkind: Service\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n{items}"
    answers = form.answers(text, CONFIG, facts_of)
    assert [(each.workload.name, each.where) for each in answers] == [
        ("a", "manifests:1"),
        ("b", "manifests:13"),
        ("c", "manifests:17"),
    ]


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("", "manifests", "pod template"),
        ("kind: Service\n", "manifests", "pod template"),
        (f"{POD % 'a'}---\nkind: Pod\nmetadata: [\n", "manifests:", ""),
        (f"{POD % 'a'}  {{\n", "manifests:5", ""),
        ("kind: Deployment\napiVersion: apps/v1\n", "manifests:1", "template of the Deployment is missing"),
        ("kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - image: x\n", "manifests:5: /spec", "name"),
        ("kind: List\napiVersion: v1\nitems: [1]\n", "manifests:3", "an object"),
        ("kind: List\napiVersion: v1\nitems: {a: 1}\n", "manifests:3", "a list"),
        ("---\n".join([POD % "a"] * 21), "manifests", "more than 20"),
    ],
)
def test_an_error_on_the_form_names_the_place(text: str, where: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        form.answers(text, CONFIG, facts_of)
    assert caught.value.where.startswith(where)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", None),
        ("# nothing\n", None),
        ("{}", {}),
        ("a: b\nc: ''\n", {"a": "b", "c": ""}),
        ("a:", {"a": ""}),
    ],
)
def test_labels_are_read_and_an_empty_field_has_none(text: str, labels: dict[str, str] | None) -> None:
    assert form.labels(text) == labels


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: b\nc: true\n", "namespace labels:2: /c"),
        ("a: b\nx/y: 1\n", "namespace labels:2: /x~1y"),
        ("- a\n", "namespace labels:1: /"),
        ("a: [\n", "namespace labels:"),
    ],
)
def test_labels_that_are_none_say_where(text: str, where: str) -> None:
    with pytest.raises(ManifestError) as caught:
        form.labels(text)
    assert caught.value.where.startswith(where)


def test_the_examples_show_what_they_promise() -> None:
    switch = CONFIG.profile.keys.switch
    reasons_by_example = {
        name: set(reasons(each.text).values()) for name, each in make_examples(switch).items()
    }
    assert reasons_by_example == {
        "nothing-said": {"on-by-default"},
        "asks": {"opted-in-by-label"},
        "declines": {"opted-out-by-label"},
        "wrong-place": {"on-by-default"},
        "wrong-word": {"on-by-default"},
        "node-network": {"host-network"},
        "windows": {"unsupported-os"},
    }


@pytest.mark.parametrize("name", ["wrong-place", "wrong-word"])
def test_the_examples_of_mistakes_have_findings(name: str) -> None:
    text = make_examples(CONFIG.profile.keys.switch)[name].text
    (answer,) = form.answers(text, CONFIG, facts_of)
    assert answer.explanation.outcome.findings
