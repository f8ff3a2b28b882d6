"""What the stages take for granted: the quick look at a template answers as the search for its error does."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from injector.core import template_shape
from injector.core.workload import check_pod
from injector.errors import ManifestError
from tests.generators.pods import draw_clean

WRONG: tuple[Any, ...] = (None, 1, "x", True, False, [], {}, 1.5, [None], ["x"], [{}], {"x": None}, {"x": 1})


def places_of(tree: Any) -> list[tuple[Any, Any]]:
    """The maps and lists of a tree, each with the key or index of one of its members."""
    if not isinstance(tree, dict | list):
        return []
    members = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
    return [(tree, key) for key, _ in members] + [place for _, value in members for place in places_of(value)]


def damaged(random: Random, pod: dict[str, Any]) -> dict[str, Any]:
    """The pod with another value, or none, at one place or two."""
    out: dict[str, Any] = json.loads(json.dumps(pod))
    for _ in range(random.choice([1, 1, 2])):
        holder, key = random.choice(places_of(out))
        if random.random() < 0.2:
            del holder[key]
        else:
            holder[key] = json.loads(json.dumps(random.choice(WRONG)))
    return out


def error_of(check: Any, *arguments: Any) -> tuple[str, str] | None:
    try:
        check(*arguments)
    except ManifestError as error:
        return error.message, error.where
    return None


def test_the_quick_look_and_the_search_agree() -> None:
    random, refused = Random(7), 0
    for _ in range(400):
        pod = draw_clean(random)
        for each in (pod, *(damaged(random, pod) for _ in range(5))):
            searched = error_of(template_shape._check, each, template_shape._SHAPE, "")
            assert error_of(template_shape.check_template, each) == searched
            assert template_shape._fits_template(each) is (searched is None)
            refused += searched is not None
    assert refused > 300


@pytest.mark.parametrize(
    ("part", "elements", "where"),
    [
        ("containers", [{"name": "a"}, {"name": "b"}, {"name": "a"}], "/spec/containers/2"),
        ("volumes", [{"name": "a"}, {"name": "a"}], "/spec/volumes/1"),
        (
            "containers",
            [
                {
                    "name": "a",
                    "volumeMounts": [{"name": "x", "mountPath": "/m"}, {"name": "y", "mountPath": "/m"}],
                }
            ],
            "/spec/containers/0/volumeMounts/1",
        ),
    ],
)
def test_the_second_of_one_name_is_named(part: str, elements: list[Any], where: str) -> None:
    with pytest.raises(ManifestError) as caught:
        check_pod({"spec": {part: elements}})
    assert caught.value.where == where


def test_init_containers_and_containers_share_their_names() -> None:
    spec = {"initContainers": [{"name": "a"}], "containers": [{"name": "a"}]}
    with pytest.raises(ManifestError) as caught:
        check_pod({"spec": spec})
    assert caught.value.where == "/spec/containers/0"
