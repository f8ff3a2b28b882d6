"""Secrets: marks planted wherever a pod or a caller can write come out in the patch alone, where they must.

The webhook runs as a process with records and Events on, behind a real API server; reviews come from
it, and from a caller that posts arbitrary bodies. Then everything that came out is searched.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from injector.profiles.istio.catalogue import ANNOTATIONS
from injector.records.reader import Reader
from tests import factories
from tests.apiserver import webhook_serving as ws
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("planted-marks")

NAME = "sidecar-injector-marks"
CONFIG = """\
values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}
annotations: [{deny: [example.com/forbidden]}]
server:
  events: all
  record: {directory: %s, perSecond: 1000}
  callerAuth: {mode: audit, audience: us, subjects: [them], issuer: nobody, jwksFile: %s}
"""
# Every mark begins with it.
SIGN = "zq7hunter2"
# Digits are a secret too. Those of a PIN may occur inside of a digest, so they are looked for alone.
PIN, CARD = "58213", "4716301297846025"
PLANTED = re.compile(rf"{SIGN}|(?<![0-9A-Za-z]){PIN}(?![0-9A-Za-z])|{CARD}")
LAST = "sidecar.istio.io/rewriteAppHTTPProber"


def mark(place: str) -> str:
    return f"{SIGN}{place}"


@dataclass
class Out:
    """Everything that came out, by where. What patches hold is kept apart."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    patches: list[str] = field(default_factory=list)

    def keep(self, where: str, text: str) -> None:
        self.texts.setdefault(where, []).append(text)

    def marks(self) -> dict[str, list[str]]:
        """Where marks were found, and some text around the first."""
        seen: dict[str, list[str]] = {}
        for where, texts in self.texts.items():
            for text in texts:
                if first := PLANTED.search(text):
                    seen.setdefault(where, []).append(text[max(0, first.start() - 150) : first.end() + 60])
        return {where: texts[:2] for where, texts in seen.items()}


# --- what is planted


def a_pod(name: str, **annotations: str) -> dict[str, Any]:
    """A pod with a mark in every place for free text, and in unknown annotations."""
    pod = ws.a_pod(name, annotations={"example.com/note": mark("note"), **annotations})
    [container] = pod["spec"]["containers"]
    container |= {
        "env": [
            {"name": "PASSWORD", "value": mark("env")},
            {"name": "PIN", "value": PIN},
            {"name": "CARD", "value": CARD},
        ],
        "command": ["run", mark("command"), PIN, CARD],
        "args": [f"--password={mark('args')}"],
        "workingDir": f"/{mark('folder')}",
        "readinessProbe": {"exec": {"command": ["check", mark("probe")]}},
        "lifecycle": {"preStop": {"exec": {"command": [mark("hook")]}}},
    }
    return pod


def customised() -> dict[str, Any]:
    """A pod whose author changes the sidecar by free text: that has to be in the patch."""
    metadata = {"X": mark("proxyconfig"), "PIN": PIN, "CARD": CARD}
    attributes = {"csi": {"driver": "d", "volumeAttributes": {"pin": PIN, "card": CARD}}}
    pod = a_pod(
        "web",
        **{
            "proxy.istio.io/config": json.dumps({"proxyMetadata": metadata}),
            "sidecar.istio.io/userVolume": json.dumps({"own": attributes}),
        },
    )
    env = [{"name": "OWN", "value": mark("own")}, {"name": "PIN", "value": PIN}]
    own = {"name": "istio-proxy", "image": "auto", "env": env}
    pod["spec"]["containers"].append(own)
    return pod


def wrong_values() -> Iterator[dict[str, Any]]:
    """A mark as the value of each annotation that is known, alone and inside of JSON and YAML."""
    for number, entry in enumerate(ANNOTATIONS):
        yield a_pod(f"value-{number}", **{entry.key: mark("value")})
    for number, text in enumerate(('{"%s": 1}', '["%s"]', '{"a": "%s"}', "a: [%s", '{"image": {"%s": "x"}}',
                                   '{"containers": [{"name": "%s", "image": 1}]}',
                                   '{"tracing": {"zipkin": {"address": "%s"}}}')):  # fmt: skip
        for key in ("proxy.istio.io/config", "proxy.istio.io/overrides", "sidecar.istio.io/userVolume",
                    "sidecar.istio.io/status", "sidecar-injector/undo"):  # fmt: skip
            yield a_pod(f"nested-{number}", **{key: text % mark("nested")})
    for digits in (PIN, CARD, f'"{PIN}"', f'"{CARD}"'):
        for key, text in (
            ("proxy.istio.io/config", "proxyMetadata: {X: %s}"),
            ("proxy.istio.io/config", "proxyMetadata: {X: %s"),
            (
                "proxy.istio.io/overrides",
                '{"containers": [{"name": "istio-proxy", "args": [%s], "x": {"value": %s}}]}',
            ),
            ("sidecar.istio.io/userVolume", '{"v": {"csi": {"volumeAttributes": {"x": %s}}}}'),
            ("sidecar-injector/undo", '{"x": [%s]}'),
            ("example.com/x", "%s"),
        ):
            yield a_pod("digits", **{key: text.replace("%s", digits)})


def broken_pods() -> Iterator[Any]:
    """Pods that the API server would never send."""
    yield mark("text")
    yield {"kind": "Pod", "metadata": {"name": "x"}, "spec": mark("spec")}
    for field_, value in (
        ("containers", mark("containers")),
        ("containers", [mark("item")]),
        ("containers", [{"name": "app", "env": mark("environment")}]),
        ("containers", [{"name": "app", "env": [{"name": "PIN", "value": int(PIN)}], "args": [int(CARD)]}]),
        ("containers", [{"name": "app", "ports": [{"containerPort": mark("number")}]}]),
        ("containers", [{"name": "app"}, {"name": "istio-proxy", "$patch": mark("directive")}]),
        ("containers", [{"name": "app", "readinessProbe": {"httpGet": {"port": mark("port"), "path": 1}}}]),
        ("volumes", mark("volumes")),
        ("hostNetwork", mark("host")),
    ):
        pod = a_pod("broken")
        pod["spec"][field_] = value
        yield pod
    broken: list[tuple[str, Any]] = [
        ("labels", [mark("labels")]),
        ("annotations", mark("annotations")),
        ("annotations", {"sidecar.istio.io/proxyCPU": {mark("map"): 1}}),
    ]
    for field_, wrong in broken:
        pod = a_pod("broken")
        pod["metadata"][field_] = wrong
        yield pod


def a_review(pod: Any, **request: Any) -> bytes:
    who = {"username": "u", "extra": {"x": [mark("extra")]}, "groups": ["g"]}
    marked = {"userInfo": who, "options": {"fieldManager": mark("manager")}, **request}
    return json.dumps(factories.a_review(pod, **marked)).encode()


# --- what comes out


def post(served: ws.Served, out: Out, body: bytes, path: str = "/mutate", **headers: str) -> dict[str, Any]:
    """Post whatever it is, and keep the answer; the response of a review, else nothing."""
    host = urlsplit(served.url).netloc
    context = ssl.create_default_context(cafile=str(served.ca))
    connection = http.client.HTTPSConnection(host, context=context, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        shown = f"{answer.status} {answer.getheaders()} {text}"
    finally:
        connection.close()
    response: dict[str, Any] = json.loads(text)["response"] if answer.status == 200 else {}
    if "patch" in response:
        patch = response.pop("patch")
        out.patches.append(base64.b64decode(patch).decode())
        shown = json.dumps(response)
    out.keep("answers", shown)
    return response


def through_the_api_server(bed: ApiServer, namespace: str, out: Out) -> None:
    """Good, denied, nearly right and dry pods of a workload, with kubectl's output and the audit log."""
    spec = {"replicas": 0, **ws.a_deployment("web")["spec"]}
    made = ws.created(bed, namespace, {**ws.a_deployment("web"), "kind": "ReplicaSet", "spec": spec})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": made["metadata"]["uid"]}
    pods = [
        (customised(), ()),
        (a_pod("good"), ()),
        (a_pod("dry", **{"sidecar.istio.io/proxyCPU": mark("value")}), ("--dry-run=server",)),
        (a_pod("denied", **{"sidecar.istio.io/proxyCPU": mark("value")}), ()),
        (a_pod("forbidden", **{"example.com/forbidden": mark("forbidden")}), ()),
        (a_pod("unknown", **{"inject.istio.io/templates": mark("template")}), ()),
        (a_pod("near", **{"sidecar.istio.io/proxyCpu": mark("near")}), ()),
        (a_pod("switch", **{"sidecar.istio.io/inject": mark("switch")}), ()),
        (a_pod("last", **{LAST: mark("last")}), ()),
    ]
    for pod, flags in pods:
        pod["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
        out.keep("kubectl", ws.create(bed, namespace, pod, flags=flags).err)

    def events_of_the_injector() -> list[dict[str, Any]] | None:
        events = ws.listed(bed, namespace, "events")
        ours = [e for e in events if (e.get("source") or {}).get("component") == "sidecar-injector"]
        return ours if any(LAST in e["message"] for e in ours) else None

    ours = ws.until("the Event on the last pod is written", events_of_the_injector)
    assert {e["reason"] for e in ours} == {"Injected", "InjectionDenied", "InjectionWarning"}
    for event in ours:
        out.keep("events", json.dumps(event))
    for audited in bed.audit_events():
        for key, value in (audited.get("annotations") or {}).items():
            # The API server itself writes the patch there, at this level of audit.
            if not key.startswith("patch.webhook.admission.k8s.io/"):
                out.keep("audit annotations", f"{key}: {value}")


def by_hand(served: ws.Served, out: Out) -> None:
    """What a caller that reaches the webhook may post."""
    reviews = [a_review(pod) for pod in (*wrong_values(), *broken_pods(), a_pod("good"))]
    reviews += [a_review(a_pod("dry"), dryRun=True), a_review(a_pod("x"), operation=mark("operation"))]
    reviews += [a_review(a_pod("x"), kind=mark("kind"))]
    for review in reviews:
        post(served, out, review, f"/inject/X/{mark('path')}")
    for body in (b"", mark("body").encode(), f'{{"{mark("key")}": '.encode(), f'["{mark("list")}"]'.encode()):
        post(served, out, body)
    post(served, out, a_review(a_pod("x"))[:-9])
    post(served, out, a_review(a_pod("x")).replace(b"AdmissionReview", mark("review").encode()))
    post(served, out, a_review(a_pod("x"), uid=None))
    post(served, out, a_review(a_pod("x")), f"/mutate?timeout={mark('query')}")
    post(served, out, a_review(a_pod("x")), Authorization=f"Bearer {mark('token')}", Cookie=mark("cookie"))
    post(served, out, b"{}", **{"Content-Type": mark("type")})
    post(served, out, b"{}", f"/{quote(mark('elsewhere'))}")


def test_what_was_planted_is_found_in_the_patch_alone(bed: ApiServer, tmp_path: Path) -> None:
    records, config, keys = tmp_path / "records", tmp_path / "injector.yaml", tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"kid": mark("jwk")}]}))
    config.write_text(CONFIG % (records, keys))
    out = Out()
    with (
        ws.serving(bed, tmp_path, "--config", config) as served,
        ws.registered(bed, served, NAME, "/mutate", "--config", config),
        bed.namespace({"istio-injection": "enabled"}) as namespace,
    ):
        ws.wait_until_called(bed, namespace, NAME)
        through_the_api_server(bed, namespace, out)
        by_hand(served, out)
        listening = next(e for e in served.events() if e["event"] == "listening")
        for path in ("metrics", "readyz", "healthz"):
            with open_url(f"http://{listening['health']}/{path}") as answer:
                out.keep(path, answer.read().decode())
        response = post(served, out, a_review(customised()))
        assert response["allowed"]
        [patch] = out.patches[-1:]
    # The process has ended, so that all is written.
    out.keep("log", (tmp_path / "serve.log").read_text())
    for file in records.iterdir():
        out.keep("records", file.read_text())
    assert out.marks() == {}
    whole = {where: len("".join(texts)) for where, texts in out.texts.items()}
    # Each output that was searched has text, and the expected messages are in it.
    assert min(whole.values()) > 0, whole
    assert whole.keys() >= {"answers", "kubectl", "events", "audit annotations", "log", "records", "metrics"}
    # A pod of any shape is recorded.
    assert "record-failed" not in "".join(out.texts["log"])
    assert "invalid-annotation" in "".join(out.texts["events"] + out.texts["log"] + out.texts["kubectl"])
    assert {"inject", "deny"} <= {entry.decision for entry in Reader(records).entries()}
    # What its author wrote for the sidecar is in the patch, as it has to be in the pod; nothing else is.
    planted = {place for place in ("note", "env", "command", "args", "folder", "probe", "hook", "extra",
                                   "manager", "proxyconfig", "own") if mark(place) in patch}  # fmt: skip
    assert planted == {"proxyconfig", "own"}


def open_url(url: str) -> Any:
    """An answer over plain HTTP; not ready is one as well."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60)
