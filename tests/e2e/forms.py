"""Pods in each form of sidecar, with each kind of probe and of init container, and one that opts out.

Here: the objects, to be injected by webhook or command line. Not here: the tests of what they do.
"""

from __future__ import annotations

import json
from typing import Any

from tests.beds.mesh import applications as a

Object = dict[str, Any]

CLASSIC = {"sidecar.istio.io/nativeSidecar": "false"}
HELD = {**CLASSIC, "proxy.istio.io/config": json.dumps({"holdApplicationUntilProxyStarts": True})}
NOT_REWRITTEN = {"sidecar.istio.io/rewriteAppHTTPProbers": "false"}
OPT_OUT = {"sidecar.istio.io/inject": "false"}
EXEC = {"exec": {"command": [a.PROGRAM, "exec-ok", "/tmp/ready"]}}

# Servers that are asked, one in each form of sidecar.
SERVERS = ["native", "classic", "held"]
# Further ones that come up; `broken` and `bare-probe` are wrong on purpose.
SOUND = ["aside", "probed", "tunnelled", *SERVERS]
JOBS = ["errand", "errand-classic"]


def servers(namespace: str) -> list[Object]:
    """Return the Deployments with what they need; the namespace is STRICT."""
    return [
        _strict(namespace),
        *(a.service(name, namespace) for name in ["aside", *SERVERS]),
        aside(namespace),
        a.server("native", namespace),
        a.server("classic", namespace, probe=EXEC, annotations=CLASSIC),
        a.server("held", namespace, annotations=HELD),
        _probed(namespace),
        _tunnelled(namespace),
        _broken(namespace),
        a.server("bare-probe", namespace, annotations=NOT_REWRITTEN),
    ]


def aside(namespace: str) -> Object:
    """Return the server that opts out."""
    return a.server("aside", namespace, labels=OPT_OUT)


def jobs(namespace: str) -> list[Object]:
    """Return the Jobs, whose init containers need the network; they ask at once and only once."""
    return [
        a.job("errand", namespace, _get("aside"), initContainers=[_asks("native")]),
        a.job(
            *("errand-classic", namespace, _get("aside")),
            initContainers=[_asks("aside"), _asks("native")],
            annotations=CLASSIC,
        ),
    ]


def app_of(spec: Object) -> Object:
    """Return the application's container of a pod's spec."""
    container: Object = next(one for one in spec["containers"] if one["name"] == "app")
    return container


def _strict(namespace: str) -> Object:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"mtls": {"mode": "STRICT"}},
    }


def _probed(namespace: str) -> Object:
    """Return a server with a probe of each kind but HTTP."""
    made = a.server("probed", namespace, probe={"grpc": {"port": a.PORTS["grpc"]}})
    app = app_of(made["spec"]["template"]["spec"])
    app["startupProbe"] = {"tcpSocket": {"port": a.PORTS["tcp"]}, "periodSeconds": 1}
    app["livenessProbe"] = {**EXEC, "periodSeconds": 2, "timeoutSeconds": 5}
    return made


def _tunnelled(namespace: str) -> Object:
    """Return a server with a native sidecar of its own, which has to be up before a classic proxy starts."""
    serve = ["serve", "--name=tunnel", "--version=v1", "--mark=/tmp/tunnel", "--http=:9801"]
    probe = {"httpGet": {"path": "/ready", "port": 9801}, "periodSeconds": 1, "failureThreshold": 60}
    tunnel = {**a.container(serve, "tunnel", startupProbe=probe), "restartPolicy": "Always"}
    return a.server("tunnelled", namespace, annotations=CLASSIC, initContainers=[tunnel])


def _broken(namespace: str) -> Object:
    """Return a server whose probe asks a port on which it does not listen."""
    made = a.server("broken", namespace)
    probe = {"tcpSocket": {"port": 9999}, "periodSeconds": 1, "failureThreshold": 600}
    app_of(made["spec"]["template"]["spec"])["startupProbe"] = probe
    return made


def _asks(name: str) -> Object:
    return a.container(_get(name), f"ask-{name}")


def _get(name: str) -> list[str]:
    return ["get", f"http://{name}/", "--allow-errors"]
