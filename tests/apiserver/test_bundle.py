"""Bundles of what a cluster runs on, and drift from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector import __version__
from tests.apiserver.test_configuration import FILE, HUB, a_map, config, injector, installed, release, shop
from tests.apiserver.webhook_serving import kubectl
from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran, run

__all__ = ["shop"]  # the fixture
# The releases of two tests at a time would be taken for several of one cluster.
pytestmark = pytest.mark.xdist_group("configuration")


def versioned(objects: list[dict[str, Any]], version: str) -> list[dict[str, Any]]:
    """The objects of a release whose Deployment has the label of a version."""
    deployment, *others = objects
    deployment["metadata"]["labels"] = {
        **deployment["metadata"]["labels"],
        "app.kubernetes.io/version": version,
    }
    return [deployment, *others]


def replaced(bed: ApiServer, namespace: str, **data: str) -> None:
    answer = kubectl(bed, "replace", "-f", "-", manifest=a_map(namespace, "one", **data))
    assert answer.status == 0, answer.err


def against_cluster(bed: ApiServer, reference: str, *flags: str) -> Ran:
    return injector(bed, "render", "--check", "--bundle", reference, "--against", "cluster", *flags)


def test_a_bundle_of_the_release_renders_as_the_cluster_and_drift_is_named_by_its_key(
    bed: ApiServer, namespace: str, shop: str, tmp_path: Path
) -> None:
    objects = versioned(release(namespace, "one", FILE), __version__)
    source = bed.kubectl("get", "deploy", "web", "-n", shop, "-o", "json")
    spaces = bed.kubectl("get", "namespace", shop, "-o", "json")
    (tmp_path / "ns.json").write_text(spaces)
    with installed(bed, *objects, a_map(namespace, "one", injector_yaml=config("release"))):
        packed = injector(bed, "bundle", "--from-cluster", "-n", shop, "-o", str(tmp_path / "b.yaml"))
        assert packed.status == 0, packed.err
        assert f"configuration: ConfigMap {namespace}/one (release one)\n" in packed.err
        reference = packed.err.splitlines()[-1]
        online = injector(bed, "render", "--from-cluster", "-f", "-", stdin=source)
        flags = ("--objects", tmp_path / "ns.json", "-f", "-")
        offline = run("render", "--bundle", reference, *flags, stdin=source)
        # Keys of maps are in alphabetical order in a bundle.
        assert json.loads(offline.out) == json.loads(online.out) != json.loads(source)

        done = against_cluster(bed, reference, "-n", shop)
        assert (done.status, done.out) == (0, ""), done.err
        assert done.err.endswith(" are the same\n")

        changed = yaml.safe_load(config("other"))
        changed["meshConfig"] = {"trustDomain": "new.example"}
        replaced(bed, namespace, injector_yaml=yaml.safe_dump(changed))
        done = against_cluster(bed, reference, "-n", shop)
        assert done.status == 1
        cluster = f"ConfigMap {namespace}/one (release one)"
        assert f'values.global.hub is "{HUB % "release"}", and "{HUB % "other"}" in {cluster}' in done.err
        assert f'meshConfig.trustDomain is nothing, and "new.example" in {cluster}' in done.err
        assert done.err.splitlines()[-1].startswith("2 keys of bundle ")


def test_another_version_of_the_injector_is_drift(
    bed: ApiServer, namespace: str, shop: str, tmp_path: Path
) -> None:
    objects = versioned(release(namespace, "one", FILE), "9.8.7")
    (tmp_path / "c.yaml").write_text(config("release"))
    reference = run("bundle", "--config", tmp_path / "c.yaml", "-o", tmp_path / "b.yaml").err.strip()
    with installed(bed, *objects, a_map(namespace, "one", injector_yaml=config("release"))):
        done = against_cluster(bed, reference)
        assert done.status == 1
        assert f'injector is "{__version__}", and "9.8.7" in ConfigMap {namespace}/one' in done.err


def test_the_config_maps_of_an_istiod_are_packed_and_compared(
    bed: ApiServer, namespace: str, shop: str, tmp_path: Path
) -> None:
    values = {"global": {"hub": HUB % "istiod", "tag": "1.30.1"}}
    inject = {"policy": "enabled", "templates": {"sidecar": "{{ .Values }}{{ end }}"}}
    mesh = a_map(namespace, "istio", mesh="trustDomain: live.example\n")
    maps = [
        mesh,
        a_map(namespace, "istio-sidecar-injector", values=json.dumps(values), config=json.dumps(inject)),
        a_map(namespace, "own", injector_yaml="revision: ''\n"),
    ]
    flagged = release(namespace, "one", "--config-map", f"{namespace}/own", "--from-istiod", namespace)
    with installed(bed, *maps, *flagged):
        packed = injector(bed, "bundle", "--from-cluster", "-n", shop, "-o", str(tmp_path / "b.yaml"))
        reference = packed.err.splitlines()[-1]
        text = (tmp_path / "b.yaml").read_text()
        assert HUB % "istiod" in text
        assert "{{ .Values }}{{ end }}" not in text
        assert against_cluster(bed, reference, "-n", shop).status == 0

        mesh["data"]["mesh"] = "trustDomain: moved.example\n"
        assert kubectl(bed, "replace", "-f", "-", manifest=mesh).status == 0
        done = against_cluster(bed, reference, "-n", shop)
        assert done.status == 1
        assert 'meshConfig.trustDomain is "live.example", and "moved.example" in ' in done.err


def test_the_same_config_map_gives_the_same_bytes_as_its_file(
    bed: ApiServer, namespace: str, tmp_path: Path
) -> None:
    text = config("map", templates={"own": {"file": "own.yaml.j2"}})
    template = "metadata: {annotations: {own.example.com/x: '1'}}\n"
    bed.kubectl(
        "create", "-f", "-", manifest=a_map(namespace, "one", injector_yaml=text, own_yaml_j2=template)
    )
    (tmp_path / "injector.yaml").write_text(text)
    (tmp_path / "own.yaml.j2").write_text(template)
    by_map = injector(bed, "bundle", "--config-map", f"{namespace}/one")
    by_file = run("bundle", "--config", tmp_path / "injector.yaml")
    assert (by_map.status, by_file.status) == (0, 0), by_map.err
    tree, other = yaml.safe_load(by_map.out), yaml.safe_load(by_file.out)
    # A cluster says as well what its nodes support.
    tree.pop("nativeSidecars", None)
    assert tree == other


def test_without_a_release_there_is_nothing_to_compare_with(bed: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(config("x"))
    reference = run("bundle", "--config", tmp_path / "c.yaml", "-o", tmp_path / "b.yaml").err.strip()
    done = against_cluster(bed, reference)
    assert (done.status, done.out) == (2, "")
    assert "no release of the injector runs in the cluster" in done.err


def test_no_secret_is_read(bed: ApiServer, namespace: str, shop: str) -> None:
    rules = [
        {
            "apiGroups": [""],
            "resources": ["configmaps", "services", "nodes", "namespaces"],
            "verbs": ["get", "list"],
        },
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations"],
            "verbs": ["list"],
        },
    ]
    name = f"packer-{shop}"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }
    bed.kubectl("create", "-f", "-", manifest=role)
    bed.kubectl("create", "serviceaccount", "packer", "-n", shop)
    account = f"--serviceaccount={shop}:packer"
    bed.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", account)
    token = bed.kubectl("create", "token", "packer", "-n", shop).strip()
    objects = release(namespace, "one", FILE)
    try:
        with installed(bed, *objects, a_map(namespace, "one", injector_yaml=config("release"))):
            flags = ("--from-cluster", "-n", shop, "--kubeconfig", bed.kubeconfig_with_token(token))
            done = run("bundle", *flags)
            assert done.status == 0, done.err
            assert HUB % "release" in done.out
    finally:
        bed.kubectl("delete", "clusterrolebinding,clusterrole", name)
