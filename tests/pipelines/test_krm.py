"""The KRM function: called by the real kustomize, and as its specification says."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.beds.plugin import required
from tests.pipelines.conftest import DEPLOYMENT, Programs
from tests.pipelines.test_helm import POD, objects, sorted_containers

FUNCTION = """\
apiVersion: sidecar-injector/v1alpha1
kind: SidecarInjection
metadata:
  name: sidecars
  annotations:
    config.kubernetes.io/function: |
      exec:
        path: injector
        args: [render, --krm]
"""
KUSTOMIZATION = """\
resources: [web.yaml, pod.yaml]
transformers: [sidecars.yaml]
"""
BUILD = ("kustomize", "build", "--enable-alpha-plugins", "--enable-exec", ".")
SPECS = {
    "none": "",
    "spec": "spec: {profile: ./logship}\n",
    "file": "spec: null\n",
}


@pytest.fixture
def folder(programs: Programs) -> Path:
    """The working directory as a kustomization of two workloads and the function."""
    texts = {
        "web.yaml": DEPLOYMENT,
        "pod.yaml": POD,
        "kustomization.yaml": KUSTOMIZATION,
        "sidecars.yaml": FUNCTION,
    }
    for name, text in texts.items():
        (programs.folder / name).write_text(text)
    return programs.folder


# --- in kustomize -------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_kustomize_builds_with_sidecars(programs: Programs, folder: Path, spec: str) -> None:
    (folder / "sidecars.yaml").write_text(FUNCTION + spec)
    done = programs.run(*BUILD)
    assert sorted_containers(done.stdout) == {"web": ["shipper", "web"], "batch": ["batch", "shipper"]}


def test_all_but_the_sidecar_is_what_kustomize_builds_without_the_function(
    programs: Programs, folder: Path
) -> None:
    rendered = programs.run(*BUILD).stdout
    undone = programs.run("injector", "uninject", "-f", "-", stdin=rendered).stdout
    (folder / "kustomization.yaml").write_text("resources: [web.yaml, pod.yaml]\n")
    assert objects(undone) == objects(programs.run(*BUILD).stdout)


def test_a_config_map_can_hold_the_configuration_or_name_its_file(programs: Programs, folder: Path) -> None:
    (folder / "injector.yaml").rename(folder / "other.yaml")
    as_map = FUNCTION.replace("sidecar-injector/v1alpha1", "v1").replace("SidecarInjection", "ConfigMap")
    for data in ("config: other.yaml", "injector.yaml: 'profile: istio'"):
        (folder / "sidecars.yaml").write_text(f"{as_map}data: {{{data}}}\n")
        containers = sorted_containers(programs.run(*BUILD).stdout)["web"]
        assert containers == (["shipper", "web"] if "other" in data else ["istio-init", "istio-proxy", "web"])


def test_an_error_ends_the_build_and_names_the_object(programs: Programs, folder: Path) -> None:
    (folder / "pod.yaml").write_text(POD.replace('[{name: batch, image: "batch:1"}]', "1"))
    done = programs.run(*BUILD, status=1)
    assert done.stdout == ""
    assert "/spec/containers: a list is expected, not a number" in done.stderr


def test_an_unknown_key_in_the_spec_ends_the_build_and_is_named(programs: Programs, folder: Path) -> None:
    (folder / "sidecars.yaml").write_text(FUNCTION + "spec: {profil: istio}\n")
    done = programs.run(*BUILD, status=1)
    assert "functionConfig.spec:1" in done.stderr
    assert "did you mean profile?" in done.stderr


def test_a_namespace_among_the_resources_decides(programs: Programs, folder: Path) -> None:
    namespace = """\
apiVersion: v1
kind: Namespace
metadata: {name: quiet, labels: {istio-injection: disabled}}
"""
    (folder / "namespace.yaml").write_text(namespace)
    text = "resources: [namespace.yaml, web.yaml]\ntransformers: [sidecars.yaml]\nnamespace: quiet\n"
    (folder / "kustomization.yaml").write_text(text)
    (folder / "sidecars.yaml").write_text(FUNCTION + "spec: {profile: istio}\n")
    assert sorted_containers(programs.run(*BUILD).stdout)["web"] == ["web"]


@pytest.mark.usefixtures("folder")
def test_kubectl_kustomize_does_not_call_the_function(programs: Programs) -> None:
    """What the page warns of. If this fails, kubectl calls it, and the warning can go."""
    done = programs.run("kubectl", "kustomize", "--enable-alpha-plugins", ".", status=None)
    assert "shipper" not in done.stdout


# --- as the specification says ------------------------------------------------------------------

WEB: dict[str, Any] = yaml.safe_load(DEPLOYMENT)
INTERNAL = {
    "internal.config.kubernetes.io/path": "shop/web.yaml",
    "internal.config.kubernetes.io/index": "3",
    "internal.config.kubernetes.io/id": "7",
    "config.kubernetes.io/path": "shop/web.yaml",
    "config.kubernetes.io/index": "3",
    "internal.config.kubernetes.io/anything": "else",
}


def resource_list(*items: Any, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": list(items), **more}


def with_annotations(item: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    return {**item, "metadata": {**item["metadata"], "annotations": annotations}}


def called(programs: Programs, tree: Any, status: int | None = 0) -> Any:
    done = programs.run(
        "injector", "render", "--krm", stdin=yaml.safe_dump(tree, sort_keys=False), status=status
    )
    return yaml.safe_load(done.stdout)


@pytest.mark.parametrize("item", [WEB, yaml.safe_load(POD)], ids=["Deployment", "Pod"])
def test_annotations_of_the_pipeline_stay_and_do_not_change_the_injection(
    programs: Programs, item: dict[str, Any]
) -> None:
    mine = {"example.com/mine": "1"}
    (without,) = called(programs, resource_list(with_annotations(item, mine)))["items"]
    (with_them,) = called(programs, resource_list(with_annotations(item, {**INTERNAL, **mine})))["items"]
    annotations = with_them["metadata"]["annotations"]
    assert {key: annotations.pop(key) for key in INTERNAL} == INTERNAL
    assert with_them == without


def test_items_that_are_not_workloads_and_other_fields_stay(programs: Programs) -> None:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pages"},
        "data": {"pages": "1"},
    }
    function = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "f"}, "data": {}}
    out = called(programs, resource_list(config_map, WEB, functionConfig=function))
    assert out["items"][0] == config_map
    assert (out["kind"], out["apiVersion"]) == ("ResourceList", "config.kubernetes.io/v1")
    assert out["functionConfig"] == function


def test_of_a_list_as_kustomize_writes_it_only_what_is_injected_differs(programs: Programs) -> None:
    indented = DEPLOYMENT.replace("\n", "\n  ").rstrip()
    text = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- {indented}\n"
    out = programs.run("injector", "render", "--krm", stdin=text).stdout
    rest = iter(out.splitlines())
    # Each line of the input is in the output, in the same order.
    assert [line for line in text.splitlines() if line not in rest] == []
    assert "name: shipper" in out


def test_a_json_list_comes_out_as_json(programs: Programs) -> None:
    text = json.dumps(resource_list(WEB), indent=2)
    done = programs.run("injector", "render", "--krm", stdin=text)
    (item,) = json.loads(done.stdout)["items"]
    assert len(item["spec"]["template"]["spec"]["containers"]) == 2


def test_an_error_is_a_result_with_object_field_and_file(programs: Programs) -> None:
    broken = with_annotations({**yaml.safe_load(POD), "spec": {"containers": 1}}, INTERNAL)
    tree = resource_list(WEB, broken)
    out = called(programs, tree, status=1)
    assert out["items"] == tree["items"]
    (result,) = [each for each in out["results"] if each["severity"] == "error"]
    assert result == {
        "message": "Pod batch: a list is expected, not a number",
        "severity": "error",
        "resourceRef": {"apiVersion": "v1", "kind": "Pod", "name": "batch"},
        "field": {"path": "spec.containers"},
        "file": {"path": "shop/web.yaml", "index": 3},
        "tags": {"code": "invalid-pod"},
    }


# Annotations of the pod template, and severity, code and field of the result about them.
REPORTED = {
    "refused": (
        {"status.sidecar.istio.io/port": "many"},
        ("error", "invalid-annotation", 'spec.template.metadata.annotations["status.sidecar.istio.io/port"]'),
    ),
    "near miss": (
        {"sidecar.istio.io/proxyCPUs": "1"},
        ("warning", "misspelt-key", 'spec.template.metadata.annotations["sidecar.istio.io/proxyCPUs"]'),
    ),
    "skipped": ({"sidecar.istio.io/inject": "false"}, ("info", "opted-out-by-annotation", None)),
}


@pytest.mark.parametrize(("annotations", "expected"), list(REPORTED.values()), ids=list(REPORTED))
def test_what_is_reported_of_a_workload_is_a_result(
    programs: Programs, annotations: dict[str, str], expected: tuple[str, str, str | None]
) -> None:
    template = {**WEB["spec"]["template"], "metadata": {"annotations": annotations}}
    web = {**WEB, "spec": {**WEB["spec"], "template": template}}
    function = {"kind": "SidecarInjection", "spec": {"profile": "istio"}}
    out = called(programs, resource_list(web, functionConfig=function), status=None)
    results = [each for each in out["results"] if "resourceRef" in each]
    assert [
        (each["severity"], each["tags"]["code"], each.get("field", {}).get("path")) for each in results
    ] == [expected]


# What is wrong with a functionConfig, and what the result says.
WRONG = {
    "no map": (["istio"], "a map is expected"),
    "kind": ({"kind": "Injection"}, "the kind Injection is not supported"),
    "key": ({"kind": "SidecarInjection", "specs": {}}, "did you mean spec?"),
    "spec": ({"kind": "SidecarInjection", "spec": "istio"}, "a map is expected"),
    "setting": ({"kind": "SidecarInjection", "spec": {"profil": "istio"}}, "did you mean profile?"),
    "data key": ({"kind": "ConfigMap", "data": {"confg": "x"}}, "did you mean config?"),
    "data type": ({"kind": "ConfigMap", "data": {"config": 1}}, "a text is expected"),
    "two": ({"kind": "ConfigMap", "data": {"config": "a", "injector.yaml": ""}}, "cannot be combined"),
}


@pytest.mark.parametrize(("function", "message"), list(WRONG.values()), ids=list(WRONG))
def test_a_wrong_function_config_is_a_result(programs: Programs, function: Any, message: str) -> None:
    tree = resource_list(WEB, functionConfig=function)
    out = called(programs, tree, status=2)
    assert out["items"] == tree["items"]
    (result,) = out["results"]
    assert message in result["message"]
    assert result["severity"] == "error"


@pytest.mark.parametrize(
    "flags", [("--config", "injector.yaml"), ("--bundle", "b.yaml"), ("--revision", "1"), ("--from-cluster",)]
)
def test_a_configuration_comes_from_one_place(programs: Programs, flags: tuple[str, ...]) -> None:
    tree = resource_list(WEB, functionConfig={"kind": "SidecarInjection", "spec": {"profile": "istio"}})
    text = yaml.safe_dump(tree)
    done = programs.run("injector", "render", "--krm", *flags, stdin=text, status=2)
    assert f"error: {flags[0]}: it cannot be combined with the one in functionConfig" in done.stderr


@pytest.mark.parametrize("text", ["", DEPLOYMENT, f"{DEPLOYMENT}---\n{DEPLOYMENT}", "kind: ResourceList\n"])
def test_what_is_not_a_resource_list_is_refused(programs: Programs, text: str) -> None:
    done = programs.run("injector", "render", "--krm", stdin=text, status=1)
    assert done.stdout == ""
    assert "one ResourceList of config.kubernetes.io/v1 is expected" in done.stderr


# The image of the page: what a tool runs without arguments, as nobody and without a network.
CONTAINER = ("injector", "render", "--krm")
NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--net")


def test_the_command_of_a_container_runs_as_nobody_without_a_network(programs: Programs) -> None:
    required("namespaces of a container", namespaces_refused())
    assert programs.run(*NOBODY, "id", "-un").stdout == "nobody\n"
    tree = yaml.safe_dump(resource_list(WEB, functionConfig={"kind": "SidecarInjection", "spec": {}}))
    done = programs.run(*NOBODY, *CONTAINER, stdin=tree, cwd=Path("/"), env={"HOME": "/nonexistent"})
    assert "istio-proxy" in done.stdout


def namespaces_refused() -> str | None:
    """Why a process cannot have namespaces of its own here."""
    if not shutil.which("unshare"):
        return "unshare is not installed (apt-get install util-linux)"
    done = subprocess.run([*NOBODY, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip() or None
