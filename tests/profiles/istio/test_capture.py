"""Networks and ports of the capture (istio-injection 2.7, 3.1.2, A.2)."""

from __future__ import annotations

import pytest

from injector.profiles.istio.capture import append_network, exclude_port

LINES = '[\n  {"name": "macvlan-conf-1"},\n  {"name": "macvlan-conf-2"}\n]\n'


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ("", "istio-cni"),
        ("macvlan-conf-1", "macvlan-conf-1, istio-cni"),
        ("macvlan-conf-1, macvlan-conf-2", "macvlan-conf-1, macvlan-conf-2, istio-cni"),
        ("macvlan-conf-1,istio-cni ", "macvlan-conf-1,istio-cni "),
        ('[{"name": "macvlan-conf-1"}]', '[{"name": "macvlan-conf-1"}, {"name": "istio-cni"}]'),
        (LINES, LINES.replace("]", ', {"name": "istio-cni"}]')),
        ('[{"name": "istio-cni"}]', '[{"name": "istio-cni"}]'),
        ('[{"name": "istio-cni", "namespace": ""}]', '[{"name": "istio-cni", "namespace": ""}]'),
        (
            '[{"name": "istio-cni", "namespace": "other"}]',
            '[{"name": "istio-cni", "namespace": "other"}, {"name": "istio-cni"}]',
        ),
        # Not JSON: nothing can be added, and nothing is broken.
        ('[{"name": "macvlan-conf-1"},]', '[{"name": "macvlan-conf-1"},]'),
        ("[1]", "[1]"),
        ("1]", "1]"),
    ],
)
def test_the_meshs_network_joins_those_of_the_pod(existing: str, expected: str) -> None:
    assert append_network(existing, "istio-cni") == expected


@pytest.mark.parametrize("existing", ["", "macvlan-conf-1", '[{"name": "macvlan-conf-1"}]', LINES])
@pytest.mark.parametrize("network", ["istio-cni", "default/istio-cni"])
def test_a_network_is_added_once(existing: str, network: str) -> None:
    once = append_network(existing, network)
    assert append_network(once, network) == once


def test_a_network_of_a_namespace_is_an_object_with_both() -> None:
    expected = '[{"name": "a"}, {"name": "istio-cni", "namespace": "default"}]'
    assert append_network('[{"name": "a"}]', "default/istio-cni") == expected


@pytest.mark.parametrize(
    ("port", "ports", "expected"),
    [
        ("15020", "", "15020"),
        (" 15020 ", "", "15020"),
        ("15020", "81,82", "81,82,15020"),
        ("15020", " 81, ,82 ", "81,82,15020"),
        ("15020", "81,15020", "81,15020"),
        # Compared before anything is trimmed.
        ("15020", "81, 15020", "81,15020,15020"),
        ("0", " 81", " 81"),
        ("", "81 ", "81 "),
    ],
)
def test_the_agents_port_is_excluded_once(port: str, ports: str, expected: str) -> None:
    assert exclude_port(port, ports) == expected
