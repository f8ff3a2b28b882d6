"""What stands around manifests: objects of files, a cluster, and a live control plane's configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.cli import world
from injector.cli.world import World
from injector.config.control_plane import Maps, read_overrides
from injector.config.loading import Overrides, Text, load
from injector.core import workload
from injector.errors import ClusterError
from injector.kube.client import Cluster
from tests.cli.conftest import DEPLOYMENT, Run


class Canned(Cluster):
    """A cluster whose answers are written down: the real one is tried with the API server's tests."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(None)
        self.answers = answers

    def get(self, path: str) -> dict[str, Any]:
        if path not in self.answers:
            raise ClusterError("not there", status=404, reason="NotFound", where=path)
        answer: dict[str, Any] = self.answers[path]
        return answer

    def list(self, path: str, _params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self.get(path)["items"]  # type: ignore[no-any-return]

    def close(self) -> None:
        pass


MAPS = "/api/v1/namespaces/istio-system/configmaps"
CLUSTER = {
    "/api/v1/namespaces": {
        "items": [
            {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}
        ]
    },
    "/api/v1/nodes": {
        "items": [
            {"kind": "Node", "metadata": {"name": "n"}, "status": {"nodeInfo": {"kubeletVersion": "v1.28.1"}}}
        ]
    },
    f"{MAPS}/istio": {"data": {"mesh": "trustDomain: td.example\n"}},
    f"{MAPS}/istio-canary": {"data": {"mesh": "trustDomain: canary.example\n"}},
    f"{MAPS}/own": {"data": {"mesh": "trustDomain: own.example\n"}},
    f"{MAPS}/istio-sidecar-injector": {
        "data": {
            "config": json.dumps(
                {"policy": "enabled", "templates": {"sidecar": "{{ .Go }}", "mine": "{{ .Go }}"}}
            ),
            "values": json.dumps({"global": {"hub": "hub.example", "tag": "1.30"}}),
        }
    },
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    # The network is replaced here; everything else is the product's code.
    monkeypatch.setattr("injector.kube.client.connect", lambda _kubeconfig, _context: Canned(CLUSTER))


@pytest.mark.parametrize(
    ("revision", "mesh", "inject", "expected"),
    [
        (None, "istio", "istio-sidecar-injector", ("istio", "istio-sidecar-injector")),
        ("default", "istio", None, ("istio", None)),
        ("canary", "istio", "istio-sidecar-injector", ("istio-canary", "istio-sidecar-injector-canary")),
        ("canary", "own", None, ("own", None)),
    ],
)
def test_a_revision_is_appended_to_the_default_names_only(
    revision: str | None, mesh: str, inject: str | None, expected: tuple[str | None, str | None]
) -> None:
    maps = Maps.named("istio-system", revision, mesh, inject)
    assert (maps.mesh, maps.inject) == expected


def test_what_a_flag_gave_is_not_read_from_the_cluster() -> None:
    overrides = Overrides(mesh=Text("a", "file"), values=Text("b", "file"), inject=Text("c", "file"))
    maps = Maps("istio-system", "missing", "missing")
    no_keys: dict[tuple[str, ...], str] = {}
    assert read_overrides(lambda *key: no_keys[key], maps, overrides) == overrides


def test_objects_that_the_cluster_does_not_serve_count_as_none() -> None:
    profile = load(None).profile
    assert profile.watched()
    read = world.from_cluster(Canned(CLUSTER), profile, "shop")
    assert read.objects == ()
    assert read.namespaces["shop"].labels == {"istio-injection": "enabled"}
    assert read.native_sidecars is False


def test_an_object_without_namespace_is_looked_up_in_the_one_of_the_flag() -> None:
    manifest = yaml.safe_load(DEPLOYMENT.replace("  namespace: shop\n", ""))
    located = workload.locate(manifest)
    assert located is not None
    spaces = world.from_cluster(Canned(CLUSTER), load(None).profile, "shop").namespaces
    facts = World(spaces, lookup="shop").facts(located)
    assert facts.namespace_object == spaces["shop"]
    assert facts.namespace == ""


@pytest.mark.usefixtures("folder", "cluster")
def test_from_cluster_takes_mesh_values_namespaces_and_nodes(run: Run) -> None:
    done = run("kube-inject", "--from-cluster", "-f", "web.yaml")
    assert done.status == 0, done.err
    assert "image: hub.example/proxyv2:1.30" in done.out
    assert "value: td.example" in done.out
    assert "'mine'" in done.err
    assert "[go-template]" in done.err
    proxies = [c["name"] for c in yaml.safe_load(done.out)["spec"]["template"]["spec"]["containers"]]
    assert "istio-proxy" in proxies, "the kubelet is too old for native sidecars"


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("flags", "domain"),
    [
        (["--meshConfigMapName", "istio"], "td.example"),
        (["--meshConfigMapName", "istio", "-r", "canary"], "canary.example"),
        (["--meshConfigMapName", "own", "-r", "canary"], "own.example"),
        (["--from-cluster", "--meshConfigFile", "mesh.yaml"], "file.example"),
    ],
)
def test_the_mesh_configuration_is_that_of_the_flag(
    folder: Path, run: Run, flags: list[str], domain: str
) -> None:
    (folder / "mesh.yaml").write_text("trustDomain: file.example\nunknownToUs: 1\n")
    done = run("kube-inject", *flags, "-f", "web.yaml")
    assert f"value: {domain}" in done.out, done.err


@pytest.mark.usefixtures("folder", "cluster")
def test_a_configmap_that_is_not_there_is_an_error_with_nothing_printed(run: Run) -> None:
    done = run("kube-inject", "--injectConfigMapName", "nope", "-f", "web.yaml")
    assert (done.status, done.out) == (1, "")
    assert f"error: {MAPS}/nope" in done.err


@pytest.mark.usefixtures("cluster")
def test_a_namespace_that_asks_for_nothing_is_not_injected(folder: Path, run: Run) -> None:
    (folder / "o.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    done = run("kube-inject", "--objects", "o.yaml", "-f", "web.yaml")
    assert (done.status, done.out) == (0, DEPLOYMENT)
    assert "not-selected" in done.err


@pytest.mark.usefixtures("folder")
def test_explain_reads_a_workload_of_a_cluster(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    web = yaml.safe_load(DEPLOYMENT)
    answers = {**CLUSTER, "/apis/apps/v1/namespaces/shop/deployments/web": web}
    # The seam to the network, as above.
    monkeypatch.setattr("injector.kube.client.connect", lambda _kubeconfig, _context: Canned(answers))
    done = run("explain", "deploy/web", "-n", "shop", "--config", "c.yaml")
    assert done.status == 0, done.err
    assert done.out.startswith("Deployment shop/web  (namespace shop)\n  injected: ")


def test_a_live_istiod_is_read_by_the_revision_of_the_file(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        **CLUSTER,
        "/apis/apps/v1/namespaces/shop/deployments/web": yaml.safe_load(DEPLOYMENT),
        f"{MAPS}/istio-sidecar-injector-canary": CLUSTER[f"{MAPS}/istio-sidecar-injector"],
    }
    # The seam to the network, as above.
    monkeypatch.setattr("injector.kube.client.connect", lambda _kubeconfig, _context: Canned(answers))
    (folder / "i.yaml").write_text("profile: istio\nrevision: canary\n")
    target = ("deploy/web", "-n", "shop", "--config", "i.yaml")
    for flag, name in (
        ("istio-system", "istio-sidecar-injector-canary"),
        ("istio-system/default", "istio-sidecar-injector"),
    ):
        done = run("explain", *target, "--from-istiod", flag)
        assert f"of ConfigMap istio-system/{name} config is a Go template" in done.out, done.err


@pytest.mark.usefixtures("folder", "cluster")
@pytest.mark.parametrize("command", [["audit", "-A"], ["explain", "deploy/web"]])
def test_an_istiod_is_no_source_for_a_profile_without_a_mesh(run: Run, command: list[str]) -> None:
    done = run(*command, "--config", "c.yaml", "--from-istiod", "istio-system")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: --from-istiod: the profile does not support this flag")


# --- flags with the mesh profile ----------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_namespace_and_revision_of_the_control_plane_say_where_it_is(run: Run) -> None:
    done = run("kube-inject", "-i", "my-mesh", "-r", "canary", "-f", "web.yaml")
    assert "value: istiod-canary.my-mesh.svc:15012" in done.out
    assert "istio.io/rev: canary" in done.out


def test_a_wrong_field_of_the_mesh_configuration_is_reported_with_its_line(folder: Path, run: Run) -> None:
    (folder / "mesh.yaml").write_text("trustDomain: a\ndefaultConfig:\n  concurrency: many\n")
    done = run("kube-inject", "--meshConfigFile", "mesh.yaml", "-f", "web.yaml")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: mesh.yaml:3: meshConfig.defaultConfig.concurrency: ")
    (folder / "i.yaml").write_text("profile: istio\nmeshConfig:\n  defaultConfig:\n    concurrency: many\n")
    assert run("kube-inject", "--config", "i.yaml", "-f", "web.yaml").err.startswith(
        "error: i.yaml:4: meshConfig."
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [("global:\n  hub: [1]\n", "v.yaml:2: global.hub"), ("- a\n", "v.yaml:1"), ("a: [\n", "v.yaml:2")],
)
def test_a_wrong_value_of_the_values_file_is_reported_with_its_line(
    folder: Path, run: Run, text: str, where: str
) -> None:
    (folder / "v.yaml").write_text(text)
    done = run("kube-inject", "--valuesFile", "v.yaml", "-f", "web.yaml")
    assert (done.status, done.out) == (2, "")
    assert f"error: {where}" in done.err


def test_an_invalid_annotation_is_reported_with_line_key_and_what_is_accepted(folder: Path, run: Run) -> None:
    note = (
        'annotations:\n        other.example.com/a: b\n        status.sidecar.istio.io/port: "many"\n      '
    )
    (folder / "web.yaml").write_text(DEPLOYMENT.replace("labels:", note + "labels:"))
    done = run("kube-inject", "-f", "web.yaml")
    assert (done.status, done.out) == (1, "")
    assert "error: web.yaml:11: Deployment shop/web: invalid-annotation: " in done.err
    assert "status.sidecar.istio.io/port" in done.err


@pytest.mark.usefixtures("folder")
def test_what_the_documents_of_the_mesh_profile_become_can_be_taken_back(run: Run) -> None:
    once = run("kube-inject", "-f", "web.yaml").out
    assert run("kube-inject", "-f", "-", stdin=once).out == once
    assert run("uninject", "-f", "-", stdin=once).out == DEPLOYMENT
