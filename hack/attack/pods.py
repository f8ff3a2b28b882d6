"""Pods that attack, and the reviews that hold them. Not here: the answers to them."""

from __future__ import annotations

import json
from typing import Any

Pod = dict[str, Any]

STATUS = "sidecar.istio.io/status"
UNDO = "sidecar-injector/undo"
OVERRIDES = "proxy.istio.io/overrides"
CONFIG = "proxy.istio.io/config"
USER_VOLUME = "sidecar.istio.io/userVolume"
USER_MOUNT = "sidecar.istio.io/userVolumeMount"
PROXY_IMAGE = "sidecar.istio.io/proxyImage"


def review(pod: Pod, namespace: str) -> Pod:
    """An AdmissionReview as the API server writes it: the request's namespace before the object."""
    request = {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": {"version": "v1", "kind": "Pod"},
               "namespace": namespace, "operation": "CREATE", "object": pod}  # fmt: skip
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def as_text(value: Any) -> str:
    """JSON without spaces, as in an annotation."""
    return json.dumps(value, separators=(",", ":"))


def of(containers: list[Pod], annotations: dict[str, str] | None = None, **spec: Any) -> Pod:
    """A pod of these containers and annotations."""
    meta = {"name": "web", "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers, **spec}}


def annotated(annotations: dict[str, str], **spec: Any) -> Pod:
    """An ordinary pod with these annotations."""
    return of([{"name": "web", "image": "example.com/web:1"}], annotations, **spec)


def many(count: int, prefix: str = "c", **fields: Any) -> list[Pod]:
    """Elements of a list, c0 and so on, each with these fields."""
    return [{"name": f"{prefix}{number}", **fields} for number in range(count)]


# ---- large ---------------------------------------------------------------------------------------------


def wide(containers: int, variables: int) -> Pod:
    """A pod that is legitimate and large: the largest sensible one has 20 containers of 200 variables."""
    env = [{"name": f"VARIABLE_{number}", "value": "x" * 24} for number in range(variables)]
    return of(many(containers, image="example.com/web:1", env=env))


def labelled(key: str) -> Pod:
    """An ordinary pod with one more label."""
    pod = annotated({})
    return {**pod, "metadata": {**pod["metadata"], "labels": {key: "x"}}}


def own_proxy(text: str) -> Pod:
    """A pod whose own version of the proxy has a text in a variable."""
    proxy = {"name": "istio-proxy", "image": "auto", "env": [{"name": "A", "value": text}]}
    return of([*many(1), proxy])


def undone(count: int) -> Pod:
    """A forged undo annotation with an entry for each container."""
    entries = [[f"/spec/containers/c{number}/tty", True] for number in range(count)]
    return of(many(count), {STATUS: "{}", UNDO: as_text(entries)})


def reordered(count: int) -> Pod:
    """A forged undo annotation that orders the containers again and again."""
    entries = [["/spec/containers", None, [f"c{number}"]] for number in range(count)]
    return of(many(count), {STATUS: "{}", UNDO: as_text(entries)})


def moved(count: int) -> Pod:
    """A forged undo that turns the init containers named in the status into containers."""
    names = [each["name"] for each in many(count)]
    forged = {STATUS: as_text({"initContainers": names}), UNDO: as_text([["/spec/containers", many(count)]])}
    return of([{"name": "web"}], forged, initContainers=many(count))


def listed(count: int) -> Pod:
    """A forged status that lists as many volumes as the pod has, by other names."""
    forged = as_text({"volumes": [f"x{number}" for number in range(count)]})
    return of([{"name": "web"}], {STATUS: forged}, volumes=many(count, "v"))


def taken(count: int) -> Pod:
    """User volumes that the pod has already, each of them a finding."""
    wanted: Pod = {each["name"]: {"emptyDir": {}} for each in many(count, "v")}
    return of(
        [{"name": "web"}],
        {USER_VOLUME: as_text(wanted)},
        volumes=many(count, "v", secret={"secretName": "s"}),
    )


def probed(count: int) -> Pod:
    """Probes of undeclared ports, each of them a finding."""
    return of(many(count, livenessProbe={"httpGet": {"port": "x"}}))


def aliased(aliases: int, size: int = 65536) -> Pod:
    """A long text in the YAML of an annotation, with an anchor and many aliases."""
    lines = [f'  A: &a "{"x" * size}"', *(f"  B{number}: *a" for number in range(aliases))]
    return annotated({CONFIG: "proxyMetadata:\n" + "\n".join(lines) + "\n"})


def aliased_list(aliases: int) -> Pod:
    """A list of 600 numbers in the YAML of an annotation, with an anchor and many aliases."""
    text = f"x: &a [{','.join('0' * 600)}]\ny: [{','.join(['*a'] * aliases)}]\n"
    return annotated({CONFIG: text})


def starred(count: int) -> Pod:
    """Long annotation names that nearly match a pattern of many stars."""
    return annotated({f"{('ab' * 250)}{number:06}": "" for number in range(count)})


def filled(element: str, megabytes: float) -> bytes:
    """A review of about that size whose pod has a list of many equal small elements."""
    text = json.dumps(review(annotated({}, tolerations=["HERE"]), "greedy")).encode()
    elements = ",".join([element] * int(megabytes * 1e6 / (len(element) + 1)))
    return text.replace(b'"HERE"', elements.encode())


# ---- forged --------------------------------------------------------------------------------------------

# What an injection never writes, and an undo must not.
FOREIGN_FIELDS: Pod = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "os": {"name": "windows"},
    "nodeName": "evil-node",
    "serviceAccountName": "evil",
    "priority": 2_000_000_000,
    "priorityClassName": "system-node-critical",
    "runtimeClassName": "evil",
}
# Stand where Kubernetes expects another type.
WRONG_TEXT, WRONG_NUMBER = "no-number", 777
FOREIGN_METADATA: Pod = {"finalizers": ["example.com/evil"], "ownerReferences": [{"uid": "evil"}]}


def undo(*entries: list[Any], **annotations: str) -> Pod:
    """A pod with an empty status and these entries of an undo."""
    return annotated({STATUS: "{}", UNDO: as_text(list(entries)), **annotations})


def foreign_undos() -> list[Pod]:
    """An undo for each field that none may write."""
    spec = [undo([f"/spec/{field}", value]) for field, value in FOREIGN_FIELDS.items()]
    return spec + [undo([f"/metadata/{field}", value]) for field, value in FOREIGN_METADATA.items()]


def hidden_annotations() -> list[Pod]:
    """Annotations that a rule denies, each with an undo entry that removes it."""
    values = {PROXY_IMAGE: "evil/evil:1", "prometheus.io/path": "/evil"}
    return [
        undo(["/metadata/annotations/" + key.replace("/", "~1")], **{key: value})
        for key, value in values.items()
    ]


def replaced_volumes() -> list[Pod]:
    """User volumes and mounts with the names of injected ones."""
    root = {"configMap": {"name": "evil-root"}}
    volumes = [
        {"istiod-ca-cert": root},
        {"x": {"name": "istiod-ca-cert", **root}},
        {"istio-token": root},
        {"istio-podinfo": root},
    ]
    paths = ["/var/run/secrets/istio", "/var/run/secrets/istio/root-cert.pem", "/etc/istio/pod/"]
    mounts = [
        *({"x": {"mountPath": path}} for path in paths),
        {"x": {"name": "istiod-ca-cert", "mountPath": "/x"}},
    ]
    with_mounts = [
        annotated({USER_VOLUME: '{"x":{"emptyDir":{}}}', USER_MOUNT: as_text(mount)}) for mount in mounts
    ]
    return [*(annotated({USER_VOLUME: as_text(volume)}) for volume in volumes), *with_mounts]


def spelled_otherwise() -> list[Pod]:
    """Spellings of annotations that rules may not name, but that the profile reads."""
    scraped = {"prometheus.io/scrape": "true"}
    return [
        annotated({"prometheus_istio_io_scrape_targets": "8080:/evil"}),
        annotated({"prometheus.istio.io_scrape-targets": "8080:/evil"}),
        annotated({"prometheus_io/path": "/evil", "prometheus_io/scrape": "true"}),
        annotated({"prometheus_io_path": "/evil", **scraped}),
        annotated({"prometheus.io.path": "/evil", **scraped}),
    ]


def stored_containers() -> list[Pod]:
    """A denied overrides annotation beside a forged status."""
    stored = as_text({"containers": [{"name": "istio-proxy", "image": "evil/evil:1"}]})
    statuses = ["{}", as_text({"containers": ["istio-proxy"]})]
    return [annotated({STATUS: status, OVERRIDES: stored}) for status in statuses]


def wrong_types() -> list[Pod]:
    """Values that the API server cannot read where they end up."""
    delay = "readiness.status.sidecar.istio.io/initialDelaySeconds"
    volumes: list[Any] = [
        {"x": {"emptyDir": WRONG_TEXT}},
        {"x": {"secret": {"defaultMode": WRONG_TEXT}}},
        {"x": {"secret": {"secretName": "evil", "defaultMode": 1 << 40}}},
        {"x": {"configMap": {"name": WRONG_NUMBER}}},
    ]
    return [
        annotated({delay: "4294967295"}),
        annotated({"readiness.status.sidecar.istio.io/periodSeconds": "99999999999999999999"}),
        *(annotated({USER_VOLUME: as_text(volume)}) for volume in volumes),
        annotated(
            {USER_VOLUME: '{"x":{"emptyDir":{}}}', USER_MOUNT: as_text({"x": {"mountPath": WRONG_NUMBER}})}
        ),
        undo(["/spec/terminationGracePeriodSeconds", WRONG_TEXT]),
    ]
