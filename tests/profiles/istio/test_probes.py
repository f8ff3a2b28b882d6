"""Probes and handlers sent to the agent (istio-injection 2.11.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from injector.profiles.istio import probes

AGENT = 15020
Tree = dict[str, Any]


def registered(
    probe: Tree, *, defaulted: bool = False, field: str = "livenessProbe", **more: Any
) -> Tree | None:
    """The registration of one probe of a container."""
    container = {"name": "app", field: probe, **more}
    entries = probes.registration(probes.sites(container), AGENT, defaulted=defaulted)
    return next(iter(entries.values()), None)


@pytest.mark.parametrize(
    ("probe", "plain", "defaulted"),
    [
        (
            {"httpGet": {"path": "/l", "port": 80}},
            {"httpGet": {"path": "/l", "port": 80}},
            {"httpGet": {"path": "/l", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1},
        ),
        (
            {"httpGet": {"port": 80, "scheme": "HTTPS", "host": "h"}, "timeoutSeconds": 3},
            {"httpGet": {"port": 80, "host": "h", "scheme": "HTTPS"}, "timeoutSeconds": 3},
            {"httpGet": {"path": "/", "port": 80, "host": "h", "scheme": "HTTPS"}, "timeoutSeconds": 3},
        ),
        (
            {"tcpSocket": {"port": 80}, "timeoutSeconds": 0},
            {"tcpSocket": {"port": 80}},
            {"tcpSocket": {"port": 80}, "timeoutSeconds": 1},
        ),
        (
            {"grpc": {"port": 80}},
            {"grpc": {"port": 80, "service": None}},
            {"grpc": {"port": 80, "service": ""}, "timeoutSeconds": 1},
        ),
        (
            {"grpc": {"port": 80, "service": "s"}},
            {"grpc": {"port": 80, "service": "s"}},
            {"grpc": {"port": 80, "service": "s"}, "timeoutSeconds": 1},
        ),
        # Of several actions http counts before tcp before gRPC.
        (
            {"grpc": {"port": 1}, "tcpSocket": {"port": 2}},
            {"tcpSocket": {"port": 2}},
            {"tcpSocket": {"port": 2}, "timeoutSeconds": 1},
        ),
        (
            {"tcpSocket": {"port": 2}, "httpGet": {"path": "/", "port": 3}},
            {"httpGet": {"path": "/", "port": 3}},
            {"httpGet": {"path": "/", "port": 3, "scheme": "HTTP"}, "timeoutSeconds": 1},
        ),
        ({"exec": {"command": ["true"]}}, None, None),
        # Already the agent's: taken as done before.
        ({"httpGet": {"path": "/l", "port": AGENT}}, None, None),
        ({"httpGet": {"path": "/l", "port": "unknown"}}, None, None),
        ({"httpGet": {"path": "/l", "port": "80"}}, None, None),
    ],
)
def test_the_agent_gets_the_applications_own_action(
    probe: Tree, plain: Tree | None, defaulted: Tree | None
) -> None:
    assert registered(probe) == plain
    assert registered(probe, defaulted=True) == defaulted


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ({"httpGet": {"path": "/x", "port": 80}}, {"httpGet": {"path": "/x", "port": 80, "scheme": "HTTP"}}),
        ({"tcpSocket": {"port": 80}}, {"tcpSocket": {"port": 80}}),
        ({"exec": {"command": ["true"]}}, None),
        ({"sleep": {"seconds": 1}}, None),
    ],
)
@pytest.mark.parametrize("field", ["preStop", "postStart"])
def test_a_handler_has_no_timeout_and_no_grpc(field: str, handler: Tree, expected: Tree | None) -> None:
    assert registered({field: handler}, field="lifecycle", defaulted=True) == expected


def test_named_ports_are_those_of_the_same_container_and_the_last_of_a_name_counts() -> None:
    ports = [{"name": "web", "containerPort": 80}, {"name": "web", "containerPort": 81}]
    assert probes.resolve("web", {"name": "a", "ports": ports}) == 81
    assert probes.resolve("web", {"name": "b"}) is None


def test_keys_name_the_container_and_the_kind_and_the_proxy_is_left_out() -> None:
    http = {"httpGet": {"path": "/", "port": 80}}
    container = {
        "readinessProbe": http,
        "livenessProbe": http,
        "startupProbe": http,
        "lifecycle": {"preStop": http, "postStart": http},
    }
    spec = {
        "initContainers": [{"name": "first", "startupProbe": http}],
        "containers": [{"name": "app", **container}, {"name": "istio-proxy", **container}],
    }
    sites = [site for listed in probes.application_sites(spec).values() for site in listed]
    assert list(probes.registration(sites, AGENT, defaulted=False)) == [
        "/app-health/app/livez",
        "/app-health/app/readyz",
        "/app-health/app/startupz",
        "/app-health/first/startupz",
        "/app-lifecycle/app/poststartz",
        "/app-lifecycle/app/prestopz",
    ]


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (
            {"httpGet": {"path": "/l", "port": 80, "host": "h", "scheme": "HTTPS"}, "periodSeconds": 9},
            {
                "httpGet": {"path": "/app-health/app/livez", "port": 1, "host": "h", "scheme": "HTTP"},
                "periodSeconds": 9,
            },
        ),
        ({"httpGet": {"port": 80}}, {"httpGet": {"path": "/app-health/app/livez", "port": 1}}),
        ({"tcpSocket": {"port": 80, "host": "h"}}, {"httpGet": {"path": "/app-health/app/livez", "port": 1}}),
        (
            {"grpc": {"port": 80}, "timeoutSeconds": 2},
            {"httpGet": {"path": "/app-health/app/livez", "port": 1}, "timeoutSeconds": 2},
        ),
        ({"exec": {"command": ["true"]}}, {"exec": {"command": ["true"]}}),
    ],
)
def test_the_kubelet_is_sent_to_the_agent(probe: Tree, expected: Tree) -> None:
    container = {"name": "app", "livenessProbe": probe}
    assert probes.rewritten(container, probes.sites(container), 1)["livenessProbe"] == expected
    assert probes.rewritten(container, [], 1) == container


def test_a_first_registration_is_appended() -> None:
    env = probes.with_registration([{"name": "A"}], {"/k": {"tcpSocket": {"port": 1}}}, earlier=False)
    assert env == [{"name": "A"}, {"name": probes.ENV, "value": '{"/k":{"tcpSocket":{"port":1}}}'}]


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ('{"/k":1}', '{"/k":1,"/z":3}'),
        ('{"/a":1}', '{"/a":1,"/k":2,"/z":3}'),
        ("no JSON", "no JSON"),
        ("[1]", "[1]"),
    ],
)
def test_of_an_earlier_registration_existing_entries_win(existing: str, expected: str) -> None:
    env = [{"name": probes.ENV, "value": existing}, {"name": "B"}]
    variables = probes.with_registration(env, {"/z": 3, "/k": 2}, earlier=True)  # type: ignore[dict-item]
    assert variables == [{"name": probes.ENV, "value": expected}, {"name": "B"}]


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/l", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1},
        {"tcpSocket": {"port": 80}, "timeoutSeconds": 1, "periodSeconds": 5},
        {"grpc": {"port": 80, "service": ""}, "timeoutSeconds": 1},
    ],
)
def test_the_probe_is_restored_from_the_registration(probe: Tree) -> None:
    container = {"name": "app", "livenessProbe": probe}
    entries = probes.registration(probes.sites(container), AGENT, defaulted=True)
    sent = probes.rewritten(container, probes.sites(container), AGENT)
    assert probes.restored(sent, json.loads(json.dumps(entries))) == container
