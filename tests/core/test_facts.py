"""Native sidecars: what the kubelets say."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.facts import native_support


def a_node(version: object, name: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": version}}}


@pytest.mark.parametrize(
    ("versions", "native"),
    [
        (["1.33.0", "1.34.0"], True),
        (["1.28.0", "1.29.0"], False),
        (["1.33.0", "1.28.0"], False),
        ([""], False),
        ([], True),
        (["v1.33.0"], True),
        (["v1.37.1-eks-abc"], True),
        (["v1.33"], True),
        (["v1.33+"], True),
        (["v2.32.0"], False),
        (["v1.x.0"], False),
        (["v1.33.0", None], False),
        (["nonsense"], False),
    ],
)
def test_all_kubelets_have_to_be_of_minor_33_or_later(versions: list[object], native: bool) -> None:
    assert native_support([a_node(version) for version in versions]) is native


def test_nothing_is_known_without_nodes_in_sight() -> None:
    assert native_support(None) is None


@pytest.mark.parametrize(("name", "native"), [("new", True), ("old", False), ("gone", False), ("", False)])
def test_the_kubelet_of_the_node_that_a_pod_names_decides_alone(name: str, native: bool) -> None:
    nodes = [a_node("v1.34.0", "new"), a_node("v1.30.0", "old")]
    assert native_support(nodes, name) is native


@pytest.mark.parametrize("node", [{}, {"status": None}, {"status": {"nodeInfo": None}}, {"metadata": None}])
def test_a_node_without_a_usable_version_does_not_qualify(node: dict[str, Any]) -> None:
    assert native_support([node], "x") is False
