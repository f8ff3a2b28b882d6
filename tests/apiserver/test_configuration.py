"""The configuration of the release that runs: from its webhook configuration to its ConfigMap."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran, run

pytestmark = pytest.mark.xdist_group("configuration")

LABEL = "configuration.test/release"
HUB = "registry.example.com/%s"


def config(hub: str, **more: Any) -> str:
    return yaml.safe_dump({"values": {"global": {"hub": HUB % hub, "tag": "1.30.1"}}, **more})


def release(namespace: str, name: str, *args: str, label: str | None = None) -> list[dict[str, Any]]:
    """What an installed release has of objects that lead to its configuration."""
    ours = {"app.kubernetes.io/name": "sidecar-injector", "app.kubernetes.io/instance": name}
    meta = {"name": name, "namespace": namespace, "labels": ours}
    container = {
        "name": "injector",
        "image": "x:1",
        "args": ["serve", *args],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/sidecar-injector"}],
    }
    spec = {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": name}}]}
    entry = {
        "name": f"pods.{name}.sidecar-injector",
        "clientConfig": {"service": {"namespace": namespace, "name": name, "path": "/inject"}},
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
        "namespaceSelector": {"matchLabels": {LABEL: label or name}},
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    template = {"metadata": {"labels": ours}, "spec": spec}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"replicas": 0, "selector": {"matchLabels": ours}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": ours, "ports": [{"port": 443}]},
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": f"{namespace}-{name}", "labels": ours},
            "webhooks": [entry],
        },
    ]


def a_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    texts = {key.replace("_", "."): text for key, text in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": texts,
    }


@contextlib.contextmanager
def installed(bed: ApiServer, *objects: dict[str, Any]) -> Iterator[None]:
    """The objects, while the body runs; namespaces take those inside with them."""
    everywhere = [o["metadata"]["name"] for o in objects if o["kind"] == "MutatingWebhookConfiguration"]
    for each in objects:
        bed.kubectl("create", "-f", "-", manifest=each)
    try:
        yield
    finally:
        for name in everywhere:
            bed.kubectl("delete", "mutatingwebhookconfiguration", name)


FILE = "--config=/etc/sidecar-injector/injector.yaml"


@pytest.fixture
def shop(bed: ApiServer) -> Iterator[str]:
    """A namespace that release `one` serves, with a Deployment."""
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "x:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": pod}
    with bed.namespace({"istio-injection": "enabled", LABEL: "one"}) as name:
        meta = {"name": "web", "namespace": name}
        item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
        bed.kubectl("create", "-f", "-", manifest=item)
        yield name


def explain(bed: ApiServer, shop: str, *flags: str) -> Ran:
    return injector(bed, "explain", "deploy/web", "-n", shop, "-o", "json", *flags)


def injector(bed: ApiServer, *arguments: str, stdin: str = "") -> Ran:
    return run(*arguments, "--kubeconfig", bed.kubeconfig, stdin=stdin)


def image(done: Ran) -> str:
    """The image of the sidecar in the output of `explain`."""
    (workload,) = json.loads(done.out)["workloads"]
    assert workload["verdict"] == "inject"
    (value,) = [o["value"] for o in workload["origins"] if o["pointer"].endswith("/image")][:1]
    return str(value)


def test_the_configuration_of_the_release_is_used_and_named(
    bed: ApiServer, namespace: str, shop: str
) -> None:
    objects = [*release(namespace, "one", FILE), a_map(namespace, "one", injector_yaml=config("release"))]
    with installed(bed, *objects):
        done = explain(bed, shop)
        assert f"configuration: ConfigMap {namespace}/one (release one)\n" in done.err
        assert image(done).startswith(HUB % "release")
        audit = injector(bed, "audit", "-n", shop)
        assert f"configuration: ConfigMap {namespace}/one (release one)\n" in audit.err
        source = bed.kubectl("get", "deploy", "web", "-n", shop, "-o", "json")
        injected = injector(bed, "kube-inject", "--from-cluster", "-f", "-", stdin=source)
        assert f"configuration: ConfigMap {namespace}/one (release one)\n" in injected.err
        assert HUB % "release" in injected.out


def test_each_place_before_the_release_takes_precedence(
    bed: ApiServer, namespace: str, shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = [
        *release(namespace, "one", FILE),
        a_map(namespace, "one", injector_yaml=config("release")),
        a_map(namespace, "other", injector_yaml=config("map"), own_yaml=config("key")),
    ]
    monkeypatch.chdir(tmp_path)
    for name in ("flag", "variable", "injector"):
        (tmp_path / f"{name}.yaml").write_text(config(name))
    with installed(bed, *objects):
        # The release is before ./injector.yaml.
        assert image(explain(bed, shop)).startswith(HUB % "release")
        monkeypatch.setenv("INJECTOR_CONFIG", "variable.yaml")
        assert image(explain(bed, shop)).startswith(HUB % "variable")
        by_map = explain(bed, shop, "--config-map", f"{namespace}/other")
        assert by_map.err == f"configuration: ConfigMap {namespace}/other\n"
        assert image(by_map).startswith(HUB % "map")
        by_key = explain(bed, shop, "--config-map", f"{namespace}/other:own.yaml")
        assert image(by_key).startswith(HUB % "key")
        assert image(explain(bed, shop, "--config", "flag.yaml")).startswith(HUB % "flag")


def test_without_a_release_the_file_of_the_working_directory_counts_but_not_for_a_restart(
    bed: ApiServer, shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "injector.yaml").write_text(config("local"))
    done = explain(bed, shop)
    assert done.err.endswith("configuration: ./injector.yaml\n")
    assert image(done).startswith(HUB % "local")
    restart = injector(bed, "audit", "-n", shop, "--restart")
    assert (restart.status, restart.out) == (2, "")
    assert "--restart: no configuration was found" in restart.err
    assert "--config-map NS/NAME" in restart.err


def test_flags_of_the_container_and_a_control_plane_of_the_configuration_are_honoured(
    bed: ApiServer, namespace: str, shop: str
) -> None:
    values = {"global": {"hub": HUB % "istiod", "tag": "1.30.1"}}
    inject = {"policy": "enabled", "templates": {"sidecar": "{{ .Values }}{{ end }}"}}
    istiod = [
        a_map(namespace, "istio", mesh="trustDomain: live.example\n"),
        a_map(namespace, "istio-sidecar-injector", values=json.dumps(values), config=json.dumps(inject)),
    ]
    flagged = release(namespace, "one", "--config-map", f"{namespace}/own", "--from-istiod", namespace)
    with installed(bed, *istiod, *flagged, a_map(namespace, "own", injector_yaml="revision: ''\n")):
        done = explain(bed, shop)
        assert image(done).startswith(HUB % "istiod")
        assert done.err.splitlines()[-2:] == [
            f"configuration: ConfigMap {namespace}/own (release one)",
            f"configuration of the control plane: ConfigMaps in namespace {namespace}",
        ]


def test_files_next_to_the_configuration_are_read_from_the_same_config_map(
    bed: ApiServer, namespace: str, shop: str
) -> None:
    data = {
        "injector.yaml": "profile: ./\n",
        "profile.yaml": "name: own\nkeys: {switch: own.example.com/inject, status: own.example.com/status}\n"
        "defaultTemplates: [sidecar]\n",
        "sidecar.yaml.j2": "spec: {containers: [{name: own, image: 'own:1'}]}\n",
    }
    mounted = {**a_map(namespace, "one"), "data": data}
    with installed(bed, *release(namespace, "one", FILE), mounted):
        assert image(explain(bed, shop)) == "own:1"


def test_of_several_releases_the_one_that_serves_the_namespace_or_revision_counts(
    bed: ApiServer, namespace: str, shop: str
) -> None:
    objects = [
        *release(namespace, "one", FILE),
        a_map(namespace, "one", injector_yaml=config("one")),
        *release(namespace, "canary", FILE),
        a_map(namespace, "canary", injector_yaml=config("canary", revision="canary")),
    ]
    with installed(bed, *objects):
        assert image(explain(bed, shop)).startswith(HUB % "one")
        source = bed.kubectl("get", "deploy", "web", "-n", shop, "-o", "json")
        canary = injector(bed, "kube-inject", "--from-cluster", "-r", "canary", "-f", "-", stdin=source)
        assert f"configuration: ConfigMap {namespace}/canary (release canary)\n" in canary.err
        everywhere = injector(bed, "audit", "-A")
        assert (everywhere.status, everywhere.out) == (2, "")
        assert "several releases of the injector are in the cluster" in everywhere.err
        assert f"one (ConfigMap {namespace}/one)" in everywhere.err
        assert f"canary (ConfigMap {namespace}/canary)" in everywhere.err
        assert "choose one with --config-map NS/NAME" in everywhere.err


def test_what_may_not_be_read_is_reported_and_the_next_place_counts(
    bed: ApiServer, namespace: str, shop: str
) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"reader-{shop}"},
        "rules": [
            {"apiGroups": ["", "apps", "networking.istio.io"], "resources": ["*"], "verbs": ["get", "list"]}
        ],
    }
    objects = [*release(namespace, "one", FILE), a_map(namespace, "one", injector_yaml=config("release"))]
    bed.kubectl("create", "-f", "-", manifest=role)
    bed.kubectl("create", "serviceaccount", "reader", "-n", shop)
    account = f"--serviceaccount={shop}:reader"
    name = f"--clusterrole=reader-{shop}"
    bed.kubectl("create", "clusterrolebinding", f"reader-{shop}", name, account)
    token = bed.kubectl("create", "token", "reader", "-n", shop).strip()
    kubeconfig = yaml.safe_load(Path(bed.kubeconfig).read_text())
    kubeconfig["users"][0]["user"] = {"token": token}
    limited = Path(bed.folder) / f"{shop}.kubeconfig"
    limited.write_text(yaml.safe_dump(kubeconfig))
    with installed(bed, *objects):
        done = run("explain", "deploy/web", "-n", shop, "-o", "json", "--kubeconfig", limited)
    bed.kubectl("delete", "clusterrolebinding,clusterrole", f"reader-{shop}")
    assert done.status == 0, done.err
    first, second = done.err.splitlines()
    assert first.startswith("no release of the injector was found in the cluster: not allowed to list ")
    assert second == "configuration: built-in defaults"
