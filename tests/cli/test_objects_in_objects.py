"""Objects that hold others, and kinds with several pod templates, through kube-inject and uninject."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.cli.conftest import DEPLOYMENT, Run

INJECT = ("kube-inject", "--config", "c.yaml", "-f", "-")
UNINJECT = ("uninject", "--config", "c.yaml", "-f", "-")
WEB = yaml.safe_load(DEPLOYMENT)
POD = WEB["spec"]["template"]
NO_KIND = {key: value for key, value in WEB.items() if key not in ("apiVersion", "kind")}
JOBS = [{"name": name, "template": {"spec": {"template": POD}}} for name in ("driver", "worker")]
META = {"name": "x", "namespace": "shop"}
HOLDERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a list of one kind": (
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [WEB]},
        ["Deployment shop/web"],
    ),
    "a list whose items have no kind": (
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {}, "items": [NO_KIND]},
        ["Deployment shop/web"],
    ),
    "a list of lists": (
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [{"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [WEB]}, WEB],
        },
        ["Deployment shop/web", "Deployment shop/web"],
    ),
    "a Template of OpenShift": (
        {
            "apiVersion": "template.openshift.io/v1",
            "kind": "Template",
            "objects": [{**WEB, "metadata": {"name": "${NAME}"}}, {"apiVersion": "v1", "kind": "Service"}],
            "parameters": [{"name": "NAME"}],
        },
        ["Deployment ${NAME}"],
    ),
    "a PodTemplate": (
        {"apiVersion": "v1", "kind": "PodTemplate", "metadata": META, "template": POD},
        ["PodTemplate shop/x"],
    ),
    "a JobSet": (
        {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": META,
            "spec": {"replicatedJobs": JOBS},
        },
        ["JobSet shop/x (replicatedJobs driver)", "JobSet shop/x (replicatedJobs worker)"],
    ),
}

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("what", HOLDERS)
def test_each_pod_template_is_injected_and_uninject_gives_the_text_back(run: Run, what: str) -> None:
    holder, labels = HOLDERS[what]
    text = json.dumps(holder, indent=2)
    done = run(*INJECT, stdin=text)
    assert done.status == 0
    assert [line for line in done.err.splitlines() if line.startswith("injected")] == [
        f"injected  {label}: on-by-default. Neither label nor annotation is set; the default policy injects."
        for label in labels
    ]
    assert done.out.count('"shipper:1"') == len(labels)
    assert run(*INJECT, stdin=done.out).out == done.out
    undone = run(*UNINJECT, stdin=done.out)
    assert (undone.status, undone.out) == (0, text)
    assert undone.err.count("removed ") == len(labels)


@pytest.mark.parametrize("what", HOLDERS)
def test_explain_has_each_pod_template(run: Run, what: str) -> None:
    holder, labels = HOLDERS[what]
    done = run("explain", "--config", "c.yaml", "-o", "json", "-f", "-", stdin=json.dumps(holder))
    assert len(json.loads(done.out)["workloads"]) == len(labels)


def test_a_parameter_where_a_number_belongs_is_named_and_an_error_with_strict(run: Run) -> None:
    text = (
        "apiVersion: template.openshift.io/v1\nkind: Template\nobjects:\n- apiVersion: apps/v1\n"
        "  kind: Deployment\n  metadata: {name: web}\n  spec:\n    template:\n      spec:\n"
        "        containers:\n        - name: web\n          ports:\n          - containerPort: ${{PORT}}\n"
    )
    done = run(*INJECT, stdin=text)
    sentence = "A parameter of the Template is at -:13: an integer is expected, not a string."
    assert (done.status, done.out) == (0, text)
    assert done.err.splitlines() == [
        f"passed    Deployment web: unsupported-kind. {sentence}",
        "          hint: run oc process first, and inject its output",
        "1 workload: 1 passed",
    ]
    strict = run(*INJECT, "--strict", stdin=text)
    assert (strict.status, strict.out) == (1, "")
    assert f"error: -:13: Deployment web: unsupported-kind. {sentence}\n" in strict.err


def test_a_number_that_is_a_text_is_an_error_outside_of_a_template(run: Run) -> None:
    text = DEPLOYMENT + "        ports: [{containerPort: '${PORT}'}]\n"
    done = run(*INJECT, stdin=text)
    assert (done.status, done.out) == (1, "")
    assert "error: -:15: /spec/template/spec/containers/0/ports/0/containerPort: an integer is" in done.err


def test_several_bad_annotations_stand_on_lines_of_their_own_with_their_lines(run: Run) -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n"
        "    sidecar.istio.io/proxyCPU: lots\n    sidecar.istio.io/logLevel: loud\nspec: {containers: []}\n"
    )
    done = run("kube-inject", "-f", "-", stdin=text)
    lines = done.err.splitlines()
    head = lines.index("error: -:5: Pod web: invalid-annotation: 2 annotations are not accepted")
    rows = lines[head + 1 : head + 3]
    assert [row[:44] for row in rows] == [
        "  -:6: annotation sidecar.istio.io/proxyCPU:",
        "  -:7: annotation sidecar.istio.io/logLevel:",
    ]
    assert "  hint: correct or remove the annotation\nnothing was written\n" in done.err


def test_native_sidecars_are_said_to_be_assumed_once_in_a_run(run: Run) -> None:
    done = run("kube-inject", "-f", "-", stdin=f"{DEPLOYMENT}---\n{DEPLOYMENT}")
    notes = [line for line in done.err.splitlines() if "[native-assumed]" in line]
    assert done.err.splitlines()[-1] == "2 workloads: 2 injected"
    assert [note.startswith("note: the cluster version is unknown") for note in notes] == [True]
