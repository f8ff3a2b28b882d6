"""`injector explain KIND/NAME --live` against a real API server: what it finds, reads and may not read.

There is no kubelet here, so that the tests write the pods' statuses themselves; what pods log is
for the cluster tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from injector.core.diagnosis.containers import Log
from injector.kube.client import Cluster
from injector.kube.observation import observe, read_log
from tests.apiserver.webhook_serving import until
from tests.beds.apiserver.bed import ApiServer
from tests.command import run

COMMAND = str(Path(sys.executable).with_name("injector"))
STATUS = {"sidecar.istio.io/status": json.dumps({"containers": ["istio-proxy"], "revision": "default"})}
NOBODY = "https://127.0.0.1:9/mutate"


def explained(
    bed: ApiServer, target: str, namespace: str, *more: str, kubeconfig: Path | None = None
) -> dict[str, Any]:
    """The JSON report about one object."""
    flags = ("--live", "-n", namespace, "-o", "json", "--kubeconfig", kubeconfig or bed.kubeconfig)
    ran = run("explain", target, *flags, *more)
    assert ran.status == 0, ran.err
    live: dict[str, Any] = json.loads(ran.out)["workloads"][0]["live"]
    return live


def words(live: dict[str, Any]) -> list[str]:
    return [cause["id"] for cause in live["causes"]]


def seen(live: dict[str, Any]) -> str:
    return "\n".join(f"{e['where']}: {e['seen']}" for cause in live["causes"] for e in cause["evidence"])


def a_spec(namespace: str) -> dict[str, Any]:
    # Bound by hand, as there is no scheduler either. Pods of a node that is not there are taken away 40 s
    # after one of its pods was first seen; so every test has a node of its own.
    containers = [{"name": "web", "image": "web:1"}, {"name": "istio-proxy", "image": "proxy:1"}]
    return {"nodeName": f"no-{namespace}", "containers": containers}


def make_pod(
    bed: ApiServer, namespace: str, name: str, annotations: dict[str, str] | None = None, **labels: str
) -> None:
    meta = {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations or {}}
    spec = a_spec(namespace)
    if not annotations:
        spec["containers"] = spec["containers"][:1]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    bed.kubectl("create", "-f", "-", manifest=pod)


def make_deployment(bed: ApiServer, namespace: str, replicas: int = 1) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels, "annotations": STATUS}, "spec": a_spec(namespace)}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    meta = {"name": "web", "namespace": namespace}
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    bed.kubectl("create", "-f", "-", manifest=item)


def set_status(bed: ApiServer, namespace: str, name: str, *, ready: bool, waiting: str = "") -> None:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    proxy = {"name": "istio-proxy", "image": "proxy:1", "imageID": "", "restartCount": 0}
    proxy |= {"ready": ready, "state": state}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    patch = {"status": {"phase": "Running", "conditions": conditions, "containerStatuses": [proxy]}}
    flags = ("-n", namespace, "--subresource=status", "--type=merge", "-p", json.dumps(patch))
    bed.kubectl("patch", "pod", name, *flags)


def pods(bed: ApiServer, namespace: str) -> list[str]:
    return bed.kubectl("get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}").split()


@pytest.fixture
def enabled(bed: ApiServer) -> Iterator[str]:
    """A namespace that is opted in."""
    with bed.namespace({"istio-injection": "enabled"}) as name:
        yield name


@pytest.fixture
def webhook(bed: ApiServer) -> Iterator[Callable[..., None]]:
    """Makes configurations that send the pods of one namespace to an address without a listener."""
    made: list[str] = []

    def make(namespace: str, policy: str) -> None:
        rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        entry = {
            "name": "namespace.sidecar-injector.istio.io",
            "clientConfig": {"url": NOBODY},
            "rules": [rule],
            "namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": namespace, "istio-injection": "enabled"}
            },
            "failurePolicy": policy,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        name = f"nobody-{namespace}"
        item = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
        bed.kubectl("create", "-f", "-", manifest={**item, "metadata": {"name": name}, "webhooks": [entry]})
        made.append(name)

    yield make
    for name in made:
        bed.kubectl("delete", "mutatingwebhookconfiguration", name)


def test_the_pod_of_a_deployment_that_is_not_ready_is_explained(bed: ApiServer, namespace: str) -> None:
    make_deployment(bed, namespace, 2)
    good, bad = until("2 pods", lambda: pods(bed, namespace) if len(pods(bed, namespace)) == 2 else None)
    set_status(bed, namespace, good, ready=True)
    set_status(bed, namespace, bad, ready=False, waiting="ImagePullBackOff")
    live = explained(bed, "deploy/web", namespace)
    assert (live["subject"], live["state"], words(live)) == (f"Pod {bad}", "not ready", ["image-missing"])
    assert "istio-proxy: ImagePullBackOff, image proxy:1" in seen(live)
    assert live["causes"][0]["injected"] is True

    set_status(bed, namespace, bad, ready=True)
    live = explained(bed, "deploy/web", namespace)
    assert (live["state"], words(live)) == ("healthy", [])
    assert live["injection"]["sidecars"] == [{"name": "istio-proxy", "image": "proxy:1", "ready": True}]


def test_the_text_has_the_verdict_first_then_the_evidence_then_what_to_do(
    bed: ApiServer, namespace: str
) -> None:
    make_pod(bed, namespace, "web", STATUS)
    set_status(bed, namespace, "web", ready=False, waiting="ErrImagePull")
    command = [COMMAND, "explain", "pod/web", "--live", "-n", namespace, "--kubeconfig", str(bed.kubeconfig)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0] == "Pod web: not ready: image-missing: an image cannot be pulled"
    assert lines[1].endswith("/state/waiting/reason: istio-proxy: ErrImagePull, image proxy:1")
    assert lines[2].startswith("    what to do: check registry, name, tag, imagePullSecrets")
    assert "  injected by another injector, or this one with istioQuirks, revision default" in lines


def test_events_of_the_pod_are_read(bed: ApiServer, namespace: str) -> None:
    make_pod(bed, namespace, "web", STATUS)
    set_status(bed, namespace, "web", ready=False, waiting="ContainerCreating")
    uid = bed.kubectl("get", "pod", "web", "-n", namespace, "-o", "jsonpath={.metadata.uid}")
    message = (
        'MountVolume.SetUp failed for volume "istiod-ca-cert" : configmap "istio-ca-root-cert" not found'
    )
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": namespace, "uid": uid},
        "reason": "FailedMount",
        "message": message,
        "type": "Warning",
    }
    bed.kubectl("create", "-f", "-", manifest=event)
    live = explained(bed, "pod/web", namespace)
    assert words(live) == ["mount-missing"]
    assert "configmap istio-ca-root-cert does not exist" in seen(live)


def test_a_webhook_that_is_down_is_named_where_it_keeps_pods_from_being_made(
    bed: ApiServer, enabled: str, webhook: Callable[..., None]
) -> None:
    webhook(enabled, "Fail")
    make_deployment(bed, enabled)
    live = until("pods are refused", lambda: refused(bed, enabled))
    assert (live["state"], words(live)) == ("pods are missing", ["webhook-unreachable"])
    assert "webhook namespace.sidecar-injector.istio.io (an injector's): the connection is refused" in seen(
        live
    )


def test_pod_security_is_named_where_it_refuses_pods(bed: ApiServer) -> None:
    with bed.namespace({"pod-security.kubernetes.io/enforce": "restricted"}) as space:
        make_deployment(bed, space)
        live = until("pods are refused", lambda: refused(bed, space))
        assert words(live) == ["pod-security"]
        assert "level restricted:latest" in seen(live)


def refused(bed: ApiServer, namespace: str) -> dict[str, Any] | None:
    live = explained(bed, "deploy/web", namespace)
    return live if words(live) != ["no-pod-yet"] else None


def test_with_failure_policy_ignore_a_pod_passes_and_explain_reports_it(
    bed: ApiServer, enabled: str, webhook: Callable[..., None]
) -> None:
    webhook(enabled, "Ignore")
    later(bed, "mutatingwebhookconfiguration", f"nobody-{enabled}")
    make_pod(bed, enabled, "web")
    live = explained(bed, "pod/web", enabled)
    assert words(live)[-1] == "webhook-ignored"


def test_without_any_webhook_configuration_none_was_called(bed: ApiServer, enabled: str) -> None:
    make_pod(bed, enabled, "web")
    assert words(explained(bed, "pod/web", enabled))[-1] == "webhook-absent"


def test_a_pod_that_is_older_than_webhook_or_label_is_reported(
    bed: ApiServer, namespace: str, webhook: Callable[..., None]
) -> None:
    make_pod(bed, namespace, "first")
    later(bed, "pod", "first", namespace)
    webhook(namespace, "Fail")
    later(bed, "mutatingwebhookconfiguration", f"nobody-{namespace}")
    make_pod(bed, namespace, "second")
    assert words(explained(bed, "pod/second", namespace))[-1] == "webhook-selectors"
    later(bed, "pod", "second", namespace)
    bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
    assert words(explained(bed, "pod/first", namespace))[-1] == "webhook-younger"
    assert words(explained(bed, "pod/second", namespace))[-1] == "label-younger"


def later(bed: ApiServer, kind: str, name: str, namespace: str = "default") -> None:
    """Wait until it is another second than that in which an object was made: times have no fractions."""
    made = bed.kubectl("get", kind, name, "-n", namespace, "-o", "jsonpath={.metadata.creationTimestamp}")
    until("the next second", lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") > made)


def test_a_pod_that_opted_out_is_explained(bed: ApiServer, enabled: str) -> None:
    make_pod(bed, enabled, "web", None, **{"sidecar.istio.io/inject": "false"})
    live = explained(bed, "pod/web", enabled)
    assert words(live)[-1] == "left-out"
    assert "rule label: opted-out-by-label" in seen(live)


def test_what_an_account_may_not_read_is_reported_and_the_rest_is_explained(
    bed: ApiServer, enabled: str
) -> None:
    make_pod(bed, enabled, "web")
    bed.kubectl("create", "role", "see", "-n", enabled, "--verb=get", "--resource=pods")
    bed.kubectl(
        "create", "rolebinding", "see", "-n", enabled, "--role=see", f"--serviceaccount={enabled}:default"
    )
    token = bed.kubectl("create", "token", "default", "-n", enabled)
    live = explained(bed, "pod/web", enabled, kubeconfig=bed.kubeconfig_with_token(token.strip()))
    assert words(live)[-1] == "webhook-not-called"
    assert set(live["unread"]) >= {
        "not allowed to list nodes",
        f"not allowed to list events in namespace {enabled}",
        "not allowed to list mutatingwebhookconfigurations.admissionregistration.k8s.io",
    }


def test_without_replica_sets_pods_are_found_by_the_selector(bed: ApiServer, namespace: str) -> None:
    make_deployment(bed, namespace)
    (name,) = until("a pod", lambda: pods(bed, namespace))
    rules = ("--verb=get,list", "--resource=pods,deployments.apps")
    bed.kubectl("create", "role", "see", "-n", namespace, *rules)
    bed.kubectl(
        "create", "rolebinding", "see", "-n", namespace, "--role=see", f"--serviceaccount={namespace}:default"
    )
    token = bed.kubectl("create", "token", "default", "-n", namespace)
    live = explained(bed, "deploy/web", namespace, kubeconfig=bed.kubeconfig_with_token(token.strip()))
    assert live["subject"] == f"Pod {name}"
    assert f"not allowed to list replicasets.apps in namespace {namespace}" in live["unread"]


def test_what_is_not_there_ends_with_1(bed: ApiServer, namespace: str) -> None:
    command = [
        COMMAND,
        "explain",
        "pod/nobody",
        "--live",
        "-n",
        namespace,
        "--kubeconfig",
        str(bed.kubeconfig),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pods nobody in namespace" in done.stderr


# --- logs -------------------------------------------------------------------------------------------


def the_pod(bed: ApiServer, namespace: str) -> dict[str, Any]:
    pod: dict[str, Any] = json.loads(bed.kubectl("get", "pod", "web", "-n", namespace, "-o", "json"))
    return pod


def test_the_logs_of_injected_containers_are_read_with_those_of_the_previous_run(
    bed: ApiServer, cluster: Cluster, namespace: str
) -> None:
    make_pod(bed, namespace, "web", STATUS)
    set_status(bed, namespace, "web", ready=False)
    pod = the_pod(bed, namespace)
    pod["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 1}}
    asked: list[tuple[str, bool]] = []

    # A log needs a kubelet, which this bed has not.
    def log(_: Cluster, __: dict[str, Any], container: str, previous: bool) -> str:
        asked.append((container, previous))
        return "before\n" if previous else "one\ntwo\n"

    observation = observe(cluster, pod, lambda _: ["istio-proxy", "never-started"], log)
    assert asked == [("istio-proxy", False), ("istio-proxy", True)]
    assert observation.logs == (
        Log("istio-proxy", ("one", "two")),
        Log("istio-proxy", ("before",), previous=True),
    )


def test_a_log_that_cannot_be_read_is_reported_and_the_rest_is_explained(
    bed: ApiServer, cluster: Cluster, namespace: str
) -> None:
    make_pod(bed, namespace, "web", STATUS)
    set_status(bed, namespace, "web", ready=False)
    observation = observe(cluster, the_pod(bed, namespace), lambda _: ["istio-proxy"])
    assert observation.logs == ()
    assert observation.pod is not None
    assert observation.unread


def test_a_container_that_has_no_log_yet_has_an_empty_one(
    bed: ApiServer, cluster: Cluster, namespace: str
) -> None:
    spec = {"containers": [{"name": "web", "image": "web:1"}]}
    meta = {"name": "web", "namespace": namespace}
    bed.kubectl(
        "create", "-f", "-", manifest={"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    )
    assert read_log(cluster, the_pod(bed, namespace), "web", False) == ""
