"""The laws of editing in place, for generated workloads in the YAML of many people."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from injector import yamltext
from injector.core import documents
from injector.core.tree.schema import same
from injector.errors import ManifestError
from injector.yamltext import Document, Obstacle
from tests.generators.strategies import drawn
from tests.generators.workloads import draw_document
from tests.generators.yaml_styles import Tree, draw_habits, written
from tests.yamltext.edited import check, check_way_back, edited, injecting, was_injected


def draw_text(random: Random) -> tuple[Tree, str]:
    """A tree, and its text as somebody writes it."""
    tree = draw_document(random, "web")
    return tree, written(tree, draw_habits(random), random)


def document_of(text: str) -> Document:
    """The only document of a text that has content."""
    (document,) = [each for each in yamltext.split(text, "f") if not documents.is_blank(each)]
    return document


def check_all(tree: Tree, text: str) -> str:
    """All laws for one text; says what became of it."""
    document = document_of(text)
    assert same(yamltext.load(document), tree), "the generator writes another tree"
    try:
        result = edited(document, injecting)
    except ManifestError:
        return "refused"
    if result is None:
        return "unchanged"
    if result.change.rewritten:
        assert result.change.rewritten != Obstacle.READ_BACK.value
        return "written again"
    check(result)
    if not was_injected(document):
        check_way_back(result)
    return "edited, with insertions only" if result.inserts_only else "edited"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn(draw_text))
def test_only_what_injection_changes_differs_in_any_style(drawn_text: tuple[Tree, str]) -> None:
    check_all(*drawn_text)


def test_the_generated_texts_show_something() -> None:
    count: Counter[str] = Counter()
    for seed in range(200):
        count[check_all(*draw_text(Random(seed)))] += 1
    print(f"\n{dict(count)}")
    edited_ = count["edited"] + count["edited, with insertions only"]
    assert count["edited, with insertions only"] >= 15
    assert edited_ >= 120
    assert count["written again"] <= 0.05 * edited_


@pytest.mark.parametrize("seed", range(3))
def test_the_same_choices_give_the_same_text(seed: int) -> None:
    assert draw_text(Random(seed)) == draw_text(Random(seed))
