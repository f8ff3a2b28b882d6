"""`injector kinds`, and kinds of the user's own in the commands that read manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.core import kinds
from tests.cli.conftest import DEPLOYMENT, Run
from tests.core.test_definitions import OPEN, POD, a_definition, a_list, an_object

OWN = "kinds:\n- apiVersion: ships.example/v1\n  kind: Fleet\n  templates: [/spec/ships/*/template]\n"
TEMPLATE = yaml.safe_load(DEPLOYMENT)["spec"]["template"]
FLEET = {
    "apiVersion": "ships.example/v1",
    "kind": "Fleet",
    "metadata": {"name": "f", "namespace": "shop"},
    "spec": {"ships": [{"name": "big", "template": TEMPLATE}, {"template": TEMPLATE}]},
}
LABELS = ["Fleet shop/f (ships big)", "Fleet shop/f (ships 1)"]

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def own() -> str:
    """The configuration of the folder with a kind of the user's own."""
    Path("own.yaml").write_text(Path("c.yaml").read_text() + OWN)
    return "own.yaml"


def listed(run: Run, *flags: str) -> list[dict[str, Any]]:
    done = run("kinds", *flags, "-o", "json")
    assert done.status == 0
    return list(json.loads(done.out)["kinds"])


def test_all_kinds_are_listed_with_their_pod_templates_or_why_they_have_none(run: Run) -> None:
    rows = {(each["kind"], each["apiVersion"]): each for each in listed(run)}
    assert rows["RayCluster", "ray.io/v1"]["templates"] == [
        "/spec/headGroupSpec/template",
        "/spec/workerGroupSpecs/*/template",
    ]
    assert rows["TaskRun", "tekton.dev/v1"]["reason"].startswith("Tekton makes the pod")
    assert ("SidecarSet", "apps.kruise.io/v1alpha1") not in rows
    assert not any(each["own"] for each in rows.values())
    lines = run("kinds").out.splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[0].split() == ["KIND", "APIVERSION", "POD", "TEMPLATES"]
    assert "StatefulSet                 apps.kruise.io/v1beta1          /spec/template" in lines


def test_kinds_of_ones_own_are_listed(run: Run, own: str) -> None:
    (fleet,) = [each for each in listed(run, "--config", own) if each["own"]]
    assert (fleet["kind"], fleet["plural"], fleet["templates"]) == (
        "Fleet",
        "fleets",
        ["/spec/ships/*/template"],
    )


@pytest.mark.parametrize("command", ["kube-inject", "render", "render --jobs 2"])
def test_a_kind_of_ones_own_is_injected_into_and_taken_out_again(run: Run, own: str, command: str) -> None:
    text = json.dumps(FLEET, indent=2)
    done = run(*command.split(), "--config", own, "-f", "-", stdin=text)
    assert [line for line in done.err.splitlines() if line.startswith("injected")] == [
        f"injected  {label}: on-by-default. Neither label nor annotation is set; the default policy injects."
        for label in LABELS
    ]
    undone = run("uninject", "--config", own, "-f", "-", stdin=done.out)
    assert (undone.status, json.loads(undone.out)) == (0, FLEET)
    without = run(*command.split(), "--config", "c.yaml", "-f", "-", stdin=text)
    assert "passed    Fleet shop/f: unsupported-kind." in without.err


def test_explain_has_a_kind_of_ones_own(run: Run, own: str) -> None:
    done = run("explain", "--config", own, "-o", "json", "-f", "-", stdin=json.dumps(FLEET))
    assert len(json.loads(done.out)["workloads"]) == 2


def test_a_misspelt_kind_of_ones_own_is_recognised(run: Run, own: str) -> None:
    text = "apiVersion: ships.example/v1\nkind: Fleett\nmetadata: {name: f}\n"
    done = run("kube-inject", "--config", own, "-f", "-", stdin=text)
    assert "kind Fleett is unknown and passed as it is; did you mean Fleet?" in done.err


# --- objects without a pod template -----------------------------------------------------------------

TASK_RUN = "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {name: build, namespace: shop}\nspec: {}\n"
REASON = "Tekton makes the pod from the steps of the task; podTemplate has only some fields of a pod."


@pytest.mark.parametrize("command", ["kube-inject", "render"])
def test_a_task_run_is_passed_with_the_reason_and_is_an_error_with_strict(run: Run, command: str) -> None:
    flags = (command, "--config", "c.yaml", "-f", "-")
    done = run(*flags, stdin=TASK_RUN)
    assert (done.status, done.out) == (0, TASK_RUN)
    assert done.err.splitlines() == [
        f"passed    TaskRun shop/build: unsupported-kind. {REASON}",
        "          hint: the webhook can still inject its pods when they are created",
        "1 workload: 1 passed",
    ]
    strict = run(*flags, "--strict", stdin=TASK_RUN)
    assert (strict.status, strict.out) == (1, "")
    assert f"error: -:1: TaskRun shop/build: unsupported-kind. {REASON}\n" in strict.err


DEPLOYMENT_WEB = "{apiVersion: apps/v1, kind: Deployment, name: web}"


@pytest.mark.parametrize(
    ("kind", "reference", "other", "hint"),
    [
        ("argoproj.io/v1alpha1 Rollout", f"workloadRef: {DEPLOYMENT_WEB}", "Deployment web",
         "inject into Deployment web"),
        ("ray.io/v1 RayJob", "clusterSelector: {ray.io/cluster: ml}", "another object",
         "the webhook can still inject its pods when they are created"),
    ],
)  # fmt: skip
def test_a_reference_to_the_object_with_the_template_is_no_error_with_strict(
    run: Run, kind: str, reference: str, other: str, hint: str
) -> None:
    version, kind = kind.split()
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n  {reference}\n"
    done = run("kube-inject", "--config", "c.yaml", "--strict", "-f", "-", stdin=text)
    assert (done.status, done.out) == (0, text)
    field = reference.partition(":")[0]
    assert done.err.splitlines() == [
        f"passed    {kind} x: unsupported-kind. Its pod template is that of {other} (/spec/{field}).",
        f"          hint: {hint}",
        "1 workload: 1 passed",
    ]


def test_a_sidecar_set_has_containers_and_makes_no_pods(run: Run) -> None:
    text = (
        "apiVersion: apps.kruise.io/v1alpha1\nkind: SidecarSet\nspec: {containers: [{name: a, image: i}]}\n"
    )
    for each in (text, json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(text)]})):
        done = run("kube-inject", "--config", "c.yaml", "--strict", "-f", "-", stdin=each)
        assert (done.status, done.err) == (0, "no workloads; 1 other document\n")


def test_with_quirks_a_kind_of_another_operator_is_passed_as_istioctl_does(run: Run) -> None:
    Path("q.yaml").write_text(Path("c.yaml").read_text() + "compatibility: {istioQuirks: true}\n")
    text = DEPLOYMENT.replace("apps/v1", "argoproj.io/v1alpha1").replace("Deployment", "Rollout")
    done = run("kube-inject", "--config", "q.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (0, text)
    assert "hint: with istioQuirks, only kinds that istioctl knows are injected into" in done.err


# --- proposals --------------------------------------------------------------------------------------

CRD = a_definition(an_object(ships=a_list(an_object(template=POD))))


def test_the_setting_for_a_definition_is_printed_and_can_be_used(run: Run) -> None:
    done = run("kinds", "--crd", "-", stdin=yaml.safe_dump(CRD))
    assert (done.status, done.out) == (
        0,
        "kinds:\n- apiVersion: ships.example/v1\n  kind: Fleet\n  plural: fleets\n  templates:\n"
        "  - /spec/ships/*/template\n",
    )
    Path("new.yaml").write_text(Path("c.yaml").read_text() + done.out)
    assert (
        run("kube-inject", "--config", "new.yaml", "-f", "-", stdin=json.dumps(FLEET)).err.count("injected")
        >= 2
    )
    as_json = run("kinds", "--crd", "-", "-o", "json", stdin=yaml.safe_dump(CRD))
    assert json.loads(as_json.out) == yaml.safe_load(done.out)


def test_several_definitions_in_files_and_lists_are_one_setting(run: Run) -> None:
    other = json.loads(json.dumps(CRD).replace("Fleet", "Boat").replace("fleets", "boats"))
    Path("crds.yaml").write_text(yaml.safe_dump_all([CRD, {"apiVersion": "v1", "kind": "Secret"}]))
    Path("list.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [other]}))
    done = run("kinds", "--crd", "crds.yaml", "--crd", "list.json")
    assert [each["kind"] for each in yaml.safe_load(done.out)["kinds"]] == ["Fleet", "Boat"]


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (an_object(template=OPEN),
         "Fleet of ships.example/v1: the schema does not show what /spec/template has; "
         "add it if it is a pod template"),
        (an_object(template=an_object(spec=POD["properties"]["spec"])),
         "Fleet of ships.example/v1: /spec/template has a pod spec and no metadata, "
         "so that it cannot be injected into"),
        (an_object(size=an_object()), "Fleet of ships.example/v1: no pod template in its schema"),
    ],
)  # fmt: skip
def test_what_a_schema_does_not_show_is_said_and_nothing_is_proposed(
    run: Run, spec: dict[str, Any], line: str
) -> None:
    done = run("kinds", "--crd", "-", stdin=json.dumps(a_definition(spec)))
    assert (done.status, done.out) == (1, "")
    assert line in done.err.splitlines()


def test_a_definition_of_a_kind_that_is_known_says_so(run: Run) -> None:
    text = json.dumps(CRD).replace("ships.example", "ray.io").replace("Fleet", "RayCluster")
    done = run("kinds", "--crd", "-", stdin=text)
    assert (done.status, done.out) == (0, "")
    places = "/spec/headGroupSpec/template, /spec/workerGroupSpecs/*/template"
    assert f"RayCluster of ray.io/v1 is known: {places}" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DEPLOYMENT, "error: -: no CustomResourceDefinition"),
        ("kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nspec: {}\n",
         "error: -:3: /spec/names: a map is expected"),
        ("a: {b\n", "error: -:"),
    ],
)  # fmt: skip
def test_what_is_no_definition_is_an_error_with_its_place(run: Run, text: str, message: str) -> None:
    done = run("kinds", "--crd", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert message in done.err


def test_real_definitions_are_read(run: Run) -> None:
    """Of the module cache of the test beds: none of these kinds has a pod template."""
    cache = Path.home() / "go" / "pkg" / "mod"
    files = sorted(cache.glob("istio.io/istio@*/manifests/charts/base/files/crd-all.gen.yaml"))
    if not files:
        pytest.skip("no Istio in Go's module cache: a test bed with it was not built")
    done = run("kinds", "--crd", str(files[0]))
    assert (done.status, done.out) == (1, "")
    assert done.err.count("no pod template in its schema") >= 10
    assert not any(kind in done.err for kind in kinds.KINDS)
