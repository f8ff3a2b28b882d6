"""A walk over all ways in which a pod can influence an injected container, under rules that withhold powers.

Of each way it is seen what it changes where no rule holds; a rule that withholds one of the powers
that it changed has to deny the pod. What a power is stands here once more, by hand: a comparison of
the product's own making would prove itself.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.annotation_rule import AnnotationRule
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Namespace, Origin, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.selectors import Selector, parse
from tests.core import generic
from tests.generators.annotations import ANNOTATIONS

POWERS = ("image", "user", "capabilities", "volumes", "trust-root", "control-plane")
PROXY, INIT = "istio-proxy", "istio-init"
CONFIG_KEY, OVERRIDES = "proxy.istio.io/config", "proxy.istio.io/overrides"
STATUS, UNDO = "sidecar.istio.io/status", "sidecar-injector/undo"
DISCOVERY = "sidecar.istio.io/discoveryAddress"
USER_VOLUME, USER_MOUNT = "sidecar.istio.io/userVolume", "sidecar.istio.io/userVolumeMount"
FACTS = Facts(
    namespace="shop", origin=Origin.WEBHOOK, namespace_object=Namespace("shop", {}), native_sidecars=True
)
# Texts about the application, its ports, probes and metrics.
ABOUT_THE_POD = {
    *("ISTIO_META_POD_PORTS", "ISTIO_META_APP_CONTAINERS", "ISTIO_META_INTERCEPTION_MODE"),
    *("ISTIO_META_WORKLOAD_NAME", "ISTIO_META_OWNER", "ISTIO_KUBE_APP_PROBERS"),
    *("ISTIO_META_DNS_CAPTURE", "ISTIO_META_DNS_AUTO_ALLOCATE"),
    *("ISTIO_PROMETHEUS_ANNOTATIONS", "OTEL_RESOURCE_ATTRIBUTES"),
}
RIGHTS_OF_A_POD = (
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "seLinuxOptions",
    "seccompProfile",
    "appArmorProfile",
)
LEVELS = ("--proxyLogLevel=", "--proxyComponentLogLevel=", "--log_output_level=")
USERS = (
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "supplementalGroups",
    "privileged",
    "allowPrivilegeEscalation",
)


def a_pod(annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    meta = {"name": "web", "namespace": "shop", "annotations": annotations or {}}
    return {"metadata": meta, "spec": {"containers": [{"name": "web", "image": "web:1"}], **spec}}


@cache
def config_of(quirks: bool) -> Config:
    return replace(load(None), quirks=quirks)


def outcome(pod: Manifest, quirks: bool, withheld: str = "") -> Outcome:
    rules = (AnnotationRule(Selector(), withhold=(withheld,)),) if withheld else ()
    return inject(copy.deepcopy(pod), FACTS, replace(config_of(quirks), annotation_rules=rules))


@cache
def plain(quirks: bool) -> Manifest:
    return outcome(a_pod(), quirks).pod


def seen(pod: Manifest) -> dict[str, Any]:
    """By power, all that it is about in the injected containers of a pod."""
    spec, annotations = pod["spec"], pod["metadata"].get("annotations") or {}
    ours = plain(False)["spec"]
    volumes = {v["name"] for v in ours["volumes"]}
    out: dict[str, Any] = {power: {} for power in POWERS}
    files = out["volumes"]
    for volume in spec.get("volumes") or []:
        if volume["name"] in volumes:
            files.setdefault(volume["name"], []).append(said(volume))
    containers = [*(spec.get("initContainers") or []), *spec["containers"]]
    for container in containers:
        name = container["name"]
        mounts = container.get("volumeMounts") or []
        if name not in (PROXY, INIT):
            files[name] = sorted(m["mountPath"] for m in mounts if m["name"] in volumes)
            continue
        of_pod = {k: v for k, v in (spec.get("securityContext") or {}).items() if k in RIGHTS_OF_A_POD}
        rights = {**of_pod, **(container.get("securityContext") or {})}
        rights = {k: v for k, v in rights.items() if v is not None and v != {"type": "RuntimeDefault"}}
        # Of one name there may be two; each counts.
        name = f"{name} {sum(c['name'] == name for c in containers[: containers.index(container)])}"
        out["image"][name] = [container.get("image"), container.get("command")]
        out["user"][name] = {k: v for k, v in rights.items() if k in USERS}
        out["capabilities"][name] = {k: v for k, v in rights.items() if k not in USERS[:4]}
        apparmor = annotations.get(f"container.apparmor.security.beta.kubernetes.io/{container['name']}")
        out["capabilities"][name]["annotation"] = apparmor
        files[name] = sorted((m["mountPath"], json.dumps(said(m))) for m in mounts)
        files[name] += [("devices", container.get("volumeDevices") or [])]
        files[name] += [("log", container.get("terminationMessagePath") or "")]
        claims = (container.get("resources") or {}).get("claims") or []
        files[name] += [("claims", claims)]
        out["capabilities"][name]["claims"] = claims
        env = {e["name"]: said(e) for e in container.get("env") or [] if e["name"] not in ABOUT_THE_POD}
        proxy_config = json.loads(env.pop("PROXY_CONFIG", {}).get("value") or "{}")
        handlers = {**(container.get("lifecycle") or {}), **{k: container.get(k) for k in PROBES}}
        commands = {k: v["exec"] for k, v in handlers.items() if v and "exec" in v}
        # The injected commands make the agent wait or drain.
        commands = {k: v for k, v in commands.items() if v["command"][0] != "pilot-agent"}
        fields = ("command", "envFrom", "workingDir")
        joining = [env, commands, {k: container.get(k) for k in fields if container.get(k)}]
        if container["name"] == PROXY:
            joining += [arg for arg in container.get("args") or [] if not arg.startswith(LEVELS)]
        out["trust-root"][name] = [*joining, proxy_config.get("caCertificatesPem")]
        addresses = [proxy_config.get(k) for k in ("discoveryAddress", "customConfigFile", "configPath")]
        aliases = [a for a in spec.get("hostAliases") or [] if "istiod.istio-system.svc" in a["hostnames"]]
        names = {k: v for k, v in (spec.get("dnsConfig") or {}).items() if k in ("nameservers", "searches")}
        out["control-plane"][name] = [*joining, addresses, annotations.get(DISCOVERY), aliases, names]
        out["control-plane"][name] += [spec.get("hostnameOverride")]
    for power in ("trust-root", "control-plane"):
        out[power] |= {f"files {name}": there for name, there in files.items()}
        out[power]["processes"] = [spec.get(k) for k in ("shareProcessNamespace", "hostPID")]
    return out


PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def said(value: Any) -> Any:
    """Without what says nothing, and without what the API server fills in."""
    if isinstance(value, list):
        return [said(item) for item in value]
    if not isinstance(value, dict):
        return value
    filled = {"defaultMode": 420, "apiVersion": "v1", "expirationSeconds": 3600, "value": "", "emptyDir": {}}
    return {k: said(v) for k, v in value.items() if v is not None and (k not in filled or filled[k] != v)}


# Values that an annotation of a power takes, beside those of the differential check.
MORE = {
    CONFIG_KEY: [
        json.dumps(value)
        for value in (
            {"discoveryAddress": "evil.example.com:15012"},
            {"image": {"imageType": "debug"}},
            {"interceptionMode": "TPROXY"},
            {"interceptionMode": "NONE"},
            {"caCertificatesPem": ["evil"]},
            {"configPath": "/evil"},
            {"customConfigFile": "/evil"},
            {"controlPlaneAuthPolicy": "NONE"},
            {"proxyMetadata": {"IPTABLES_TRACE_LOGGING": "true"}},
            {"proxyMetadata": {"XDS_ROOT_CA": "/evil"}},
            {"proxyMetadata": {"CA_ADDR": "evil:1"}},
            {"proxyMetadata": {"SSL_CERT_FILE": "/evil"}},
            {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}},
        )
    ]
    + ["proxyMetadata:\n  CA_ROOT_CA: /evil\n", "proxy_metadata: {BOOTSTRAP_XDS_AGENT: 'true'}"],
    "inject.istio.io/templates": ["gateway", "grpc-agent", "grpc-simple", "sidecar,gateway"],
    DISCOVERY: ["evil.example.com:15012"],
    USER_MOUNT: ['{"x": {"mountPath": "/usr/local/bin"}}', '{"x": {"mountPath": "/etc/ssl/certs"}}'],
}
VARIABLES = (
    *("CA_ADDR", "XDS_ROOT_CA", "CA_ROOT_CA", "PROXY_CONFIG", "ISTIO_META_CLUSTER_ID", "BOOTSTRAP_XDS_AGENT"),
    *("GRPC_XDS_BOOTSTRAP", "SSL_CERT_FILE", "HTTPS_PROXY", "LD_PRELOAD", "PILOT_CERT_PROVIDER", "ANY_OTHER"),
)
RIGHTS: dict[str, Any] = {
    "runAsUser": 4711,
    "runAsGroup": 4711,
    "runAsNonRoot": False,
    "privileged": True,
    "allowPrivilegeEscalation": True,
    "readOnlyRootFilesystem": False,
    "capabilities": {"add": ["SYS_ADMIN"]},
    "procMount": "Unmasked",
    "seLinuxOptions": {"type": "spc_t"},
    "seccompProfile": {"type": "Unconfined"},
    "appArmorProfile": {"type": "Unconfined"},
}
RUN = {"exec": {"command": ["evil"]}}
FIELDS: tuple[Manifest, ...] = (
    {"image": "evil/evil:1"},
    {"command": ["evil"]},
    {"args": ["evil"]},
    {"workingDir": "/evil"},
    *({"env": [{"name": name, "value": '{"discoveryAddress": "evil:1"}'}]} for name in VARIABLES),
    {"env": [{"name": "CA_ADDR", "valueFrom": {"configMapKeyRef": {"name": "evil", "key": "evil"}}}]},
    {"envFrom": [{"configMapRef": {"name": "evil"}}]},
    {"lifecycle": {"postStart": RUN}},
    {"lifecycle": {"preStop": RUN}},
    *({probe: RUN} for probe in PROBES),
    *({"securityContext": {field: value}} for field, value in RIGHTS.items()),
    {"volumeDevices": [{"name": "x", "devicePath": "/dev/x"}]},
    {"terminationMessagePath": "/var/run/secrets/istio/root-cert.pem"},
    {"resources": {"claims": [{"name": "device"}]}},
    {"image": "auto", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1"}}, "tty": True},
)


def paths() -> list[str]:
    """Every mount path of the templates, and paths above and below them in several spellings."""
    paths = {
        mount["mountPath"]
        for part in ("initContainers", "containers")
        for container in plain(False)["spec"].get(part, [])
        for mount in container.get("volumeMounts", [])
    }
    spelt = [
        spelling
        for path in sorted(paths)
        for spelling in (
            *(path, path + "/", "/" + path, path.replace("/", "//"), path.replace("/", "/./")),
            *(path + "/below", path.rpartition("/")[0] or "/", path + "/x/..", path.lstrip("/")),
            *((path.removeprefix("/var"),) if path.startswith("/var/run/") else ()),
        )
    ]
    return list(dict.fromkeys([*spelt, "/", "/elsewhere"]))


Attempt = tuple[str, Manifest]
X = {"name": "x", "emptyDir": {}}


def by_annotation() -> Iterator[Attempt]:
    for key in sorted(config_of(False).profile.catalogue().annotations | {OVERRIDES}):
        for value in dict.fromkeys(
            [*(v for group in ANNOTATIONS.get(key, ()) for v in group), *MORE.get(key, [])]
        ):
            yield f"{key}={value[:60]}", a_pod({key: value})
    for name in (PROXY, INIT):
        key = f"container.apparmor.security.beta.kubernetes.io/{name}"
        yield key, a_pod({key: "unconfined"})


def by_container() -> Iterator[Attempt]:
    """An own container of an injected one's name, the same in `overrides`, and both with a forged status."""
    web = {"name": "web", "image": "web:1"}
    mounts = [{"volumeMounts": [{"name": "x", "mountPath": path}]} for path in paths()]
    for name, part in ((PROXY, "initContainers"), (PROXY, "containers"), (INIT, "initContainers")):
        every_path = (name, part) == (PROXY, "initContainers")
        for fields in (*FIELDS, *(mounts if every_path else mounts[:1])):
            own = {"name": name, **fields}
            what = f"{name} in {part}: {json.dumps(fields)[:90]}"
            stored = json.dumps({part: [own]})
            fields_of_pod: dict[str, Any] = {part: [own] if part == "initContainers" else [web, own]}
            pod = a_pod(None, volumes=[X], **fields_of_pod)
            yield f"own {what}", pod
            if fields in mounts[1:]:
                continue
            yield f"overrides {what}", a_pod({OVERRIDES: stored}, volumes=[X])
            forged = copy.deepcopy(pod)
            forged["metadata"]["annotations"] = {STATUS: json.dumps({part: [name], "revision": "default"})}
            yield f"forged status, own {what}", forged
            yield f"forged status, overrides {what}", a_pod({STATUS: "{}", OVERRIDES: stored}, volumes=[X])


def by_volume() -> Iterator[Attempt]:
    web = {"name": "web", "image": "web:1"}
    for volume in plain(False)["spec"]["volumes"]:
        name = volume["name"]
        sources: list[dict[str, Any]]
        sources = [{"configMap": {"name": "evil"}}, {"hostPath": {"path": "/evil"}}, {"emptyDir": {}}]
        for source in sources:
            yield f"volume {name} of {source}", a_pod(volumes=[{"name": name, **source}])
            yield f"userVolume {name} of {source}", a_pod({USER_VOLUME: json.dumps({name: source})})
            inside = json.dumps({"x": {"name": name, **source}})
            yield f"userVolume x named {name} of {source}", a_pod({USER_VOLUME: inside})
            twice = f'{{"x": {{"emptyDir": {{}}}}, "{name}": {json.dumps(source)}}}'
            yield f"userVolume {name} beside another", a_pod({USER_VOLUME: twice})
            forged = {STATUS: json.dumps({"volumes": [name]})}
            yield f"forged status, volume {name}", a_pod(forged, volumes=[{"name": name, **source}])
        mount = {"name": name, "mountPath": "/evil"}
        for part in ("containers", "initContainers"):
            pod = a_pod(None, **{part: [{**web, "name": "other", "volumeMounts": [mount]}]})
            pod["spec"]["containers"] = [web, *(pod["spec"]["containers"] if part == "containers" else [])]
            yield f"{part} mount {name}", pod
        yield f"userVolumeMount of {name}", a_pod({USER_MOUNT: json.dumps({name: {"mountPath": "/evil"}})})
    for path in paths():
        annotations = {
            USER_VOLUME: '{"x": {"emptyDir": {}}}',
            USER_MOUNT: json.dumps({"x": {"mountPath": path}}),
        }
        yield f"userVolumeMount at {path}", a_pod(annotations)
        yield (
            f"userVolumeMount of a volume of the pod at {path}",
            a_pod({USER_MOUNT: json.dumps({"x": {"mountPath": path}})}, volumes=[X]),
        )


def by_pod() -> Iterator[Attempt]:
    for field, value in RIGHTS.items():
        yield f"pod's securityContext.{field}", a_pod(securityContext={field: value})
        gateway = a_pod({"inject.istio.io/templates": "gateway"}, securityContext={field: value})
        gateway["spec"]["containers"] = [{"name": PROXY, "image": "auto"}]
        yield f"gateway's securityContext.{field}", gateway
    for field in ("shareProcessNamespace", "hostPID"):
        yield field, a_pod(None, **{field: True})
    yield "supplementalGroups", a_pod(securityContext={"supplementalGroups": [0]})
    yield "hostnameOverride", a_pod(hostnameOverride="istiod.istio-system.svc")
    yield "hostAliases", a_pod(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["istiod.istio-system.svc"]}])
    yield "nameservers", a_pod(dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.1"]})
    yield "searches", a_pod(dnsConfig={"searches": ["evil.example.com"]})


def by_earlier_injection() -> Iterator[Attempt]:
    """A pod that was injected indeed, with its right status, and then written on."""
    for quirks in (False, True):
        for name, part in ((PROXY, "initContainers"), (INIT, "initContainers")):
            for fields in FIELDS:
                pod = copy.deepcopy(plain(quirks))
                place = next(c for c in pod["spec"][part] if c["name"] == name)
                for field, value in fields.items():
                    old = place.get(field)
                    place[field] = (
                        {**old, **value}
                        if isinstance(old, dict)
                        else [*old, *value]
                        if field == "env" and old
                        else value
                    )
                yield f"injected, then {name}: {json.dumps(fields)[:90]}", pod
        for number in range(len(plain(quirks)["spec"]["volumes"])):
            pod = copy.deepcopy(plain(quirks))
            pod["spec"]["volumes"][number] = {
                "name": pod["spec"]["volumes"][number]["name"],
                "hostPath": {"path": "/evil"},
            }
            yield f"injected, then volume {number}", pod
    own = {
        "name": PROXY,
        "image": "evil/evil:1",
        "command": ["evil"],
        "securityContext": {"privileged": True},
    }
    evil = json.dumps({"containers": [own]})
    config = json.dumps({"discoveryAddress": "evil:1", "image": {"imageType": "debug"}})
    for pointer, value in (
        ("/spec/containers/istio-proxy", own),
        ("/spec/initContainers", [own]),
        ("/spec/volumes", [{"name": "istiod-ca-cert", "hostPath": {"path": "/evil"}}]),
        ("/spec/volumes/istiod-ca-cert", {"name": "istiod-ca-cert", "hostPath": {"path": "/evil"}}),
        ("/spec/shareProcessNamespace", True),
        ("/spec/securityContext", {"seLinuxOptions": {"type": "spc_t"}}),
        (f"/metadata/annotations/{OVERRIDES.replace('/', '~1')}", evil),
        (f"/metadata/annotations/{CONFIG_KEY.replace('/', '~1')}", config),
        (f"/metadata/annotations/{DISCOVERY.replace('/', '~1')}", "evil:1"),
        ("/metadata/annotations/sidecar.istio.io~1proxyImage", "evil/evil:1"),
    ):
        undo = json.dumps([[pointer, value]])
        yield f"undo {pointer}", a_pod({STATUS: "{}", UNDO: undo})


# So many ways there are at least: a walk that goes nowhere proves nothing.
WAYS = (
    (by_annotation, 380),
    (by_container, 530),
    (by_volume, 320),
    (by_pod, 27),
    (by_earlier_injection, 170),
)


def broken(attempt: Attempt, quirks: bool) -> tuple[set[str], list[str]]:
    """The powers that a way uses where no rule holds, and the rules that it passes all the same."""
    what, pod = attempt
    free = outcome(pod, quirks)
    if free.decision.verdict is not Verdict.INJECT:
        assert free.decision.reason is not Reason.INTERNAL_ERROR, what
        return set(), []
    before, after = seen(plain(quirks)), seen(free.pod)
    used = {p for p in POWERS if any(before[p].get(k) != v for k, v in after[p].items())}
    passed = []
    for power in sorted(used):
        ruled = outcome(pod, quirks, power)
        if ruled.decision.reason is not Reason.ANNOTATION_NOT_ALLOWED:
            passed.append(f"{what}: {power} ({ruled.decision.reason})")
    return used, passed


@pytest.mark.untraced
@pytest.mark.timeout(600)
@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize(("ways", "least"), WAYS)
def test_no_attempt_gets_around_a_rule_that_withholds_a_power(ways: Any, least: int, quirks: bool) -> None:
    count, used, passed = 0, set[str](), list[str]()
    for attempt in ways():
        powers, around = broken(attempt, quirks)
        count, used, passed = count + 1, used | powers, passed + around
    assert passed == []
    assert count >= least
    print(f"{ways.__name__}: {count} ways")
    # Each group has ways to files, trust root and control plane; most have ways to all powers.
    assert {"volumes", "trust-root", "control-plane"} <= used


def the_proxy(**fields: Any) -> list[Manifest]:
    return [{"name": "web", "image": "web:1"}, {"name": PROXY, "image": "auto", **fields}]


TOKEN_VOLUME = {
    "name": "kube-api-access-abcde",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            {
                "downwardAPI": {
                    "items": [{"fieldRef": {"fieldPath": "metadata.namespace"}, "path": "namespace"}]
                }
            },
        ],
        "defaultMode": 420,
    },
}
TOKEN_MOUNT = {
    "name": "kube-api-access-abcde",
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}


@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize(
    "pod",
    [
        a_pod(),
        a_pod({"sidecar.istio.io/proxyCPU": "10m", "sidecar.istio.io/logLevel": "debug"}),
        a_pod({"traffic.sidecar.istio.io/excludeOutboundPorts": "5432", "prometheus.io/port": "80"}),
        a_pod({CONFIG_KEY: "concurrency: 2\nproxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}"}),
        a_pod({CONFIG_KEY: "holdApplicationUntilProxyStarts: true\ntracing: {sampling: 10}"}),
        # What the Pod Security level restricted requires, and what clusters stamp.
        a_pod(
            securityContext={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": 1}
        ),
        a_pod(securityContext={"runAsUser": 4711, "seLinuxOptions": {"level": "s0:c1,c2"}}),
        a_pod(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["db.example.com"]}], dnsPolicy="ClusterFirst"),
        a_pod(dnsConfig={"options": [{"name": "ndots", "value": "2"}]}),
        a_pod(volumes=[X, TOKEN_VOLUME]),
        a_pod(containers=the_proxy(resources={"limits": {"cpu": "1"}}, ports=[{"containerPort": 80}])),
        # As the API server hands it to a webhook.
        a_pod(
            volumes=[TOKEN_VOLUME],
            containers=the_proxy(
                imagePullPolicy="Always",
                terminationMessagePath="/dev/termination-log",
                terminationMessagePolicy="File",
                resources={},
                volumeMounts=[TOKEN_MOUNT],
            ),
        ),
    ],
)
def test_a_pod_without_powers_passes_rules_that_withhold_all_of_them(pod: Manifest, quirks: bool) -> None:
    rules = (AnnotationRule(Selector(), withhold=POWERS),)
    config = replace(config_of(quirks), annotation_rules=rules)
    once = inject(copy.deepcopy(pod), FACTS, config)
    assert once.decision.verdict is Verdict.INJECT, once.error
    again = inject(as_stored(once.pod), FACTS, config)
    assert again.decision.verdict is Verdict.INJECT, again.error


def fill_in(container: Manifest) -> None:
    """Add what the API server adds to a container."""
    container.setdefault("imagePullPolicy", "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    for entry in container.get("env", []):
        if "fieldRef" in (entry.get("valueFrom") or {}):
            entry["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
    for probe in PROBES:
        if container.get(probe):
            container[probe] = {"successThreshold": 1, "timeoutSeconds": 1, **container[probe]}
    if not any(m["mountPath"] == TOKEN_MOUNT["mountPath"] for m in container.get("volumeMounts", [])):
        container.setdefault("volumeMounts", []).append(TOKEN_MOUNT)


def as_stored(pod: Manifest) -> Manifest:
    """With what the API server fills in before it calls a webhook again."""
    out = copy.deepcopy(pod)
    for container in [*out["spec"].get("initContainers", []), *out["spec"]["containers"]]:
        fill_in(container)
    for volume in out["spec"]["volumes"]:
        for kind in ("configMap", "projected", "downwardAPI"):
            if kind in volume:
                volume[kind].setdefault("defaultMode", 420)
    if not any(v["name"] == TOKEN_VOLUME["name"] for v in out["spec"]["volumes"]):
        out["spec"]["volumes"].append(TOKEN_VOLUME)
    return out


@pytest.mark.parametrize(
    ("power", "pod", "words"),
    [
        (
            "image",
            a_pod({"sidecar.istio.io/proxyImage": "evil/hunter2:1"}),
            ("image of the container istio-proxy", "annotation sidecar.istio.io/proxyImage"),
        ),
        (
            "image",
            a_pod(containers=the_proxy(image="evil/hunter2:1")),
            ("image of the container istio-proxy", "the pod's own container of that name"),
        ),
        (
            "trust-root",
            a_pod(containers=the_proxy(env=[{"name": "XDS_ROOT_CA", "value": "hunter2"}])),
            ("variable XDS_ROOT_CA of the container istio-proxy", "power trust-root"),
        ),
        (
            "volumes",
            a_pod(volumes=[{"name": "istiod-ca-cert", "hostPath": {"path": "/hunter2"}}]),
            ("the volume istiod-ca-cert", "the pod's own volume of that name"),
        ),
    ],
)
def test_a_denial_names_field_power_and_source_and_no_value(
    power: str, pod: Manifest, words: tuple[str, ...]
) -> None:
    denied = outcome(pod, False, power)
    assert denied.decision.reason is Reason.ANNOTATION_NOT_ALLOWED
    assert all(word in str(denied.error) for word in words), denied.error
    assert "hunter2" not in f"{denied.error}{denied.findings}{denied.decision.trace}"


@pytest.mark.parametrize("power", POWERS)
def test_a_rule_takes_the_power_that_it_names_and_no_other(power: str) -> None:
    own = {
        "image": a_pod({"sidecar.istio.io/proxyImage": "other/proxy:1"}),
        "user": a_pod(containers=the_proxy(securityContext={"runAsUser": 4711})),
        "capabilities": a_pod(containers=the_proxy(securityContext={"capabilities": {"add": ["CHOWN"]}})),
        "trust-root": a_pod({CONFIG_KEY: "caCertificatesPem: [x]"}),
        "control-plane": a_pod({CONFIG_KEY: "discoveryAddress: other.example.com:15012"}),
        # An author with files of their own has those that the other two are read from.
        "volumes": a_pod(containers=the_proxy(volumeMounts=[{"name": "x", "mountPath": "/x"}]), volumes=[X]),
    }[power]
    for withheld in POWERS:
        denied = outcome(own, False, withheld).decision.reason is Reason.ANNOTATION_NOT_ALLOWED
        files = power == "volumes" and withheld in ("trust-root", "control-plane")
        assert denied is (withheld == power or files), withheld


def test_powers_are_those_of_the_namespace() -> None:
    config = load(None)
    team = AnnotationRule(parse({"matchLabels": {"team": "platform"}}))
    rules = (team, AnnotationRule(Selector(), withhold=("image",)))
    pod = a_pod({"sidecar.istio.io/proxyImage": "other/proxy:1"})

    def reason(known: Namespace | None) -> Reason:
        facts = replace(FACTS, namespace_object=known)
        return inject(pod, facts, replace(config, annotation_rules=rules)).decision.reason

    assert reason(Namespace("shop", {"team": "platform"})) is Reason.ON_BY_DEFAULT
    assert reason(Namespace("shop", {})) is Reason.ANNOTATION_NOT_ALLOWED
    # While the labels are not known, each rule that may be the one counts.
    assert reason(None) is Reason.ANNOTATION_NOT_ALLOWED


@pytest.mark.parametrize(
    ("annotation", "text", "field"),
    [
        (
            "mesh.example/image",
            "image: {{ ObjectMeta.annotations.get('mesh.example/image', 'proxy:1') }}",
            "image",
        ),
        ("mesh.example/run", "args: [{{ ObjectMeta.annotations.get('mesh.example/run', 'x') }}]", "args"),
    ],
)
def test_powers_of_a_profile_without_rules_of_its_own_hold(annotation: str, text: str, field: str) -> None:
    power = "image" if field == "image" else "control-plane"
    template = f"spec:\n  containers:\n  - name: proxy\n    {text}\n"
    catalogue = replace(generic.PROFILE.extra_catalogue, affects={annotation: (power,)})
    profile = replace(generic.PROFILE, extra_catalogue=catalogue)
    rules = (AnnotationRule(Selector(), withhold=(power,)),)
    config = replace(generic.a_config(text=template), profile=profile, annotation_rules=rules)
    assert inject(a_pod(), FACTS, config).decision.verdict is Verdict.INJECT
    for pod in (
        a_pod({annotation: "evil"}),
        a_pod(containers=[{"name": "proxy", "image": "e", "args": ["e"]}]),
    ):
        assert inject(pod, FACTS, config).decision.reason is Reason.ANNOTATION_NOT_ALLOWED


def test_the_applications_containers_of_a_template_are_the_authors() -> None:
    """A template that sets fields of every container of the pod takes none of them from its author."""
    pod = a_pod({"inject.istio.io/templates": "grpc-agent"})
    config = replace(config_of(False), default_templates=("grpc-agent",))
    rules = (AnnotationRule(Selector(), withhold=POWERS),)
    injected = inject(pod, FACTS, replace(config, annotation_rules=rules))
    assert injected.decision.verdict is Verdict.INJECT, injected.error
