"""The reviews of make bench, the plain webhook next to it, and what counts as an answer."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from hack.bench.performance import checking, floor, plain, processes, reviews
from hack.bench.performance.processes import BenchError
from injector.config.loading import Input, Text, load_input
from injector.core.model import Namespace
from injector.server.reviews import parse
from tests.answering import answer
from tests.asgi import Reply, exchange, scope_of


def asked(app: Any, body: bytes) -> Reply:
    """The answer of an application to a review."""
    scope = scope_of("POST", "/mutate", {"content-type": "application/json"})
    return Reply.of(asyncio.run(exchange(app, scope, [body])))


def pods(bodies: Iterator[bytes]) -> list[Any]:
    return [json.loads(body)["request"]["object"] for body in bodies]


def paths(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree by their places."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    if not isinstance(tree, dict | list):
        yield path, tree
    for key, child in children:
        yield from paths(child, f"{path}/{key}")


def different(one: Any, other: Any) -> set[str]:
    left, right = dict(paths(one)), dict(paths(other))
    return {path for path in left.keys() | right.keys() if left.get(path) != right.get(path)}


def test_distinct_pods_differ_as_deployments_do() -> None:
    made = list(reviews.distinct(0, 1000))
    assert len(set(made)) == 1000
    # The size for which istiod was measured first.
    assert 5_500 < sum(map(len, made)) / len(made) < 6_300
    first, second = pods(iter(made[:2]))
    places = different(first, second)
    for place in ("labels/app", "ownerReferences/0/name", "containers/0/image", "env/1/value", "args/2"):
        assert [path for path in places if path.endswith(place)], place
    assert len({pod["spec"]["containers"][0]["ports"][0]["containerPort"] for pod in pods(iter(made))}) > 1


def test_replicas_differ_by_uid_token_and_time_only() -> None:
    first, second = islice(reviews.replicas(2), 2)
    assert different(json.loads(first), json.loads(second)) == {
        "/request/uid",
        "/request/object/spec/volumes/2/name",
        "/request/object/spec/containers/0/volumeMounts/2/name",
        "/request/object/spec/containers/1/volumeMounts/0/name",
        "/request/object/metadata/managedFields/0/time",
    }


def test_replicas_are_of_a_deployment_of_their_own() -> None:
    (replica,) = pods(reviews.replicas(1))
    names = {pod["metadata"]["generateName"] for pod in pods(reviews.distinct(0, 100))}
    assert replica["metadata"]["generateName"] not in names


def test_no_two_shapes_have_the_same_containers_probes_and_annotations() -> None:
    def shape(pod: Any) -> Any:
        first = pod["spec"]["containers"][0]
        probes = tuple(key for key in first if key.endswith("Probe"))
        return len(pod["spec"]["containers"]), probes, frozenset(pod["metadata"]["annotations"])

    made = pods(reviews.shapes(7, reviews.SHAPES))
    assert len({shape(pod) for pod in made}) == len(made) == reviews.SHAPES


@pytest.mark.parametrize("bodies", [reviews.distinct(0, 2), reviews.replicas(2), reviews.shapes(2044, 2)])
def test_this_injector_injects_into_them(bodies: Iterator[bytes]) -> None:
    config, namespace = load_input(Input(Text("", "test"))), Namespace("shop", {"istio-injection": "enabled"})
    for body in bodies:
        made = answer(parse(body), config, lambda _name: namespace)
        checking.check("this injector", body, json.dumps(made.review).encode())


@pytest.mark.parametrize("bodies", [reviews.distinct(0, 3), reviews.replicas(2), reviews.shapes(2044, 8)])
def test_the_plain_webhook_answers_a_correct_patch(bodies: Iterator[bytes]) -> None:
    for body in bodies:
        answered = asked(plain.app, body)
        checking.check("plain webhook", body, answered.body)
        pod = json.loads(body)["request"]["object"]
        patch = json.loads(base64.b64decode(answered.json["response"]["patch"]))
        injected = jsonpatch.apply_patch(pod, patch)
        sidecar = injected["spec"]["initContainers"][1]
        values = {each["name"]: each.get("value") for each in sidecar["env"]}
        assert values["ISTIO_META_APP_CONTAINERS"] == ",".join(
            each["name"] for each in pod["spec"]["containers"]
        )
        mounted = {each["name"] for each in sidecar["volumeMounts"]}
        assert mounted <= {each["name"] for each in injected["spec"]["volumes"]}
        annotated = pod["metadata"]["annotations"].get("sidecar.istio.io/proxyCPU", "100m")
        assert sidecar["resources"]["requests"]["cpu"] == annotated


def test_the_do_nothing_server_answers_as_many_bytes_as_it_should() -> None:
    reply = asked(floor.Floor(9180), b"{}")
    assert (reply.status, len(reply.body)) == (200, 9180)
    assert reply.headers["content-length"] == "9180"


def test_an_application_of_the_plain_webhook_is_probed_through_the_sidecar() -> None:
    (pod,) = pods(reviews.distinct(0, 1))
    before = json.dumps(pod)
    injected = plain.inject(pod, "shop")
    assert json.dumps(pod) == before
    target = injected["spec"]["containers"][0]["livenessProbe"]["httpGet"]
    assert (target["path"], target["port"]) == ("/app-health/app/livez", 15020)
    values = {each["name"]: each.get("value") for each in injected["spec"]["initContainers"][1]["env"]}
    probers = json.loads(values["ISTIO_KUBE_APP_PROBERS"])
    assert (
        probers["/app-health/app/livez"]["httpGet"]
        == pod["spec"]["containers"][0]["livenessProbe"]["httpGet"]
    )


def wrong(change: Any) -> tuple[bytes, bytes]:
    """A review, and an answer to it that was right before the change."""
    (body,) = reviews.distinct(0, 1)
    pod = json.loads(body)["request"]["object"]
    injected = plain.inject(pod, "shop")
    change(injected)
    patch = base64.b64encode(jsonpatch.make_patch(pod, injected).to_string().encode()).decode()
    uid = json.loads(body)["request"]["uid"]
    return body, json.dumps({"response": {"uid": uid, "allowed": True, "patch": patch}}).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pod: pod["spec"]["initContainers"].pop(), "adds no istio-proxy"),
        (lambda pod: pod["spec"]["containers"].pop(), "loses container exporter"),
        (lambda pod: pod["spec"]["containers"][0]["env"].pop(), "loses container app"),
        (lambda pod: pod["spec"]["volumes"].pop(), "loses volume"),
        (lambda pod: pod["metadata"]["labels"].pop("team"), "loses labels"),
        (lambda pod: pod["spec"].update(tolerations=[]), "loses tolerations"),
    ],
)
def test_an_answer_that_loses_something_does_not_count(change: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        checking.check("it", *wrong(change))


def test_a_refusal_does_not_count() -> None:
    (body,) = reviews.distinct(0, 1)
    uid = json.loads(body)["request"]["uid"]
    for response in (
        {"uid": uid, "allowed": False},
        {"uid": uid, "allowed": True},
        {"uid": "x", "allowed": True},
    ):
        with pytest.raises(BenchError, match="does not inject"):
            checking.check("it", body, json.dumps({"response": response}).encode())


@pytest.mark.skipif(sys.platform != "linux", reason="the clocks of other processes are Linux's")
def test_cpu_and_memory_are_those_of_a_process_and_its_children() -> None:
    # The child works for a while, says so, and waits; its parent only waits.
    works = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"
    starts = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {works!r}])"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", starts], **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert processes.cpu_seconds(process.pid) >= 0.3
        own = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert processes.memory(process.pid) > own
        process.communicate(b"\n")


def test_a_paused_process_uses_no_time_and_goes_on_afterwards() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert busy.pid in processes.started_by(os.getpid())
        with processes.paused([busy.pid]):
            deadline = time.monotonic() + 60
            while Path(f"/proc/{busy.pid}/stat").read_text().split()[2] != "T":
                assert time.monotonic() < deadline
            before = processes.cpu_seconds(busy.pid)
            time.sleep(0.1)
            assert processes.cpu_seconds(busy.pid) == before
        while processes.cpu_seconds(busy.pid) == before:
            assert time.monotonic() < deadline
    finally:
        busy.kill()
        busy.wait()
