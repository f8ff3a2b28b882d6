"""What the path of a request sets (istio-injection 5.4, A.1); the path comes decoded."""

from __future__ import annotations

import pytest

from injector.profiles.istio.requestpath import overrides


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", {}),
        ("", {}),
        ("/mutate", {}),
        ("/inject", {}),
        ("/inject/", {}),
        ("/injector/cluster/c1", {}),
        ("/inject/cluster", {}),
        ("/inject/cluster/cluster1", {"ISTIO_META_CLUSTER_ID": "cluster1"}),
        (
            "/inject/cluster/cluster1/net/network1/",
            {"ISTIO_META_CLUSTER_ID": "cluster1", "ISTIO_META_NETWORK": "network1"},
        ),
        (
            "/inject/cluster/cluster--slash--1/net/network--slash--1",
            {"ISTIO_META_CLUSTER_ID": "cluster/1", "ISTIO_META_NETWORK": "network/1"},
        ),
        (
            "/inject/cluster/cluster1/custom_env/foo",
            {"ISTIO_META_CLUSTER_ID": "cluster1", "CUSTOM_ENV": "foo"},
        ),
        ("/inject/cluster/cluster1/network", {"ISTIO_META_CLUSTER_ID": "cluster1"}),
        (
            "/inject/:ENV:cluster=cluster2:ENV:rootpage=/foo/bar",
            {"ISTIO_META_CLUSTER_ID": "cluster2", "ROOTPAGE": "/foo/bar"},
        ),
        (
            "/inject/rootpage1/value1/rootpage2/:ENV:abcd=efgh",
            {"ROOTPAGE1": "value1", "ROOTPAGE2": ":ENV:abcd=efgh"},
        ),
        ("/inject/:ENV:rootpage1=efgh:ENV:=abb:ENV:=", {"ROOTPAGE1": "efgh"}),
        ("/inject/:ENV:a--slash--b=x--slash--y", {"A--SLASH--B": "x--slash--y"}),
        ("/inject/:ENV:no-sign:ENV:a=b=c", {"A": "b=c"}),
        ("/inject/a/1/a/2", {"A": "2"}),
        ("/inject//value/a/1", {"A": "1"}),
    ],
)
def test_pairs_of_the_path_become_variables(path: str, expected: dict[str, str]) -> None:
    assert overrides(path) == expected
