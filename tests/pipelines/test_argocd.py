"""The plugin of Argo CD: its commands, called as Argo CD calls them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines.conftest import DEPLOYMENT, REPO, Programs
from tests.pipelines.test_helm import TEMPLATES, chart, objects, sorted_containers

PLUGIN: dict[str, Any] = yaml.safe_load((REPO / "contrib" / "argocd" / "plugin.yaml").read_text())
# Environment of a call: https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/
APPLICATION = {
    "ARGOCD_APP_NAME": "shop",
    "ARGOCD_APP_NAMESPACE": "shopping",
    "ARGOCD_APP_REVISION": "0" * 40,
    "ARGOCD_APP_SOURCE_PATH": "deploy",
    "ARGOCD_APP_PARAMETERS": "[]",
    "KUBE_VERSION": "1.37.1",
    "KUBE_API_VERSIONS": "v1,apps/v1,example.com/v1",
}

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def app(programs: Programs) -> Path:
    """The folder of an Application; an injector.yaml in it must have no effect."""
    folder = programs.folder / "repository" / "deploy"
    folder.mkdir(parents=True)
    (folder / "injector.yaml").write_text("profile: nonsense\n")
    return folder


@pytest.fixture
def call(programs: Programs, app: Path) -> Call:
    """Runs init and generate in the folder of the Application; the result is that of generate."""
    (programs.bin / "helm4").rename(programs.bin / "helm")

    def run(status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**APPLICATION, "INJECTOR_CONFIG": str(programs.folder / "injector.yaml"), **environment}
        for step in ("init", "generate"):
            command = PLUGIN["spec"][step]
            expected = status if step == "generate" else 0
            done = programs.run(*command["command"], *command["args"], cwd=app, env=env, status=expected)
            assert step == "generate" or done.stdout == ""
        return done

    return run


def parameters(*values: str) -> dict[str, str]:
    """The parameter `values` of an Application, as JSON and as variables."""
    as_json = json.dumps([{"name": "values", "array": list(values)}])
    return {"ARGOCD_APP_PARAMETERS": as_json} | {f"PARAM_VALUES_{i}": each for i, each in enumerate(values)}


def test_a_folder_of_manifests(call: Call, app: Path) -> None:
    (app / "web.yaml").write_text(DEPLOYMENT)
    assert sorted_containers(call().stdout) == {"web": ["shipper", "web"]}


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization(call: Call, app: Path, name: str) -> None:
    (app / "web.yaml").write_text(DEPLOYMENT)
    (app / name).write_text("resources: [web.yaml]\nnamePrefix: a-\n")
    assert sorted_containers(call().stdout) == {"a-web": ["shipper", "web"]}


def test_a_chart_whose_hooks_are_left_alone(call: Call, app: Path) -> None:
    (app / "injector.yaml").unlink()
    app.rmdir()
    chart(app, TEMPLATES)
    rendered = sorted_containers(call().stdout)
    assert (rendered["web"], rendered["migrate"]) == (["shipper", "web"], ["migrate"])


FACTS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}
data:
  kubernetes: "{{ .Capabilities.KubeVersion.Version }}"
  example: "{{ .Capabilities.APIVersions.Has "example.com/v1" }}"
  tier: "{{ .Values.tier }} {{ .Values.color }}"
"""


def test_a_chart_gets_what_argo_cd_knows_and_the_values_files(call: Call, app: Path) -> None:
    (app / "templates").mkdir()
    (app / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (app / "templates" / "facts.yaml").write_text(FACTS)
    (app / "a.yaml").write_text("{tier: one, color: red}\n")
    (app / "b file.yaml").write_text("tier: two\n")
    out = objects(call(**parameters("a.yaml", "b file.yaml")).stdout)["shop"]
    assert out["metadata"]["namespace"] == "shopping"
    assert out["data"] == {"kubernetes": "v1.37.1", "example": "true", "tier": "two red"}


@pytest.mark.parametrize("path", ["/etc/passwd", "../../injector.yaml", "a/../../b"])
def test_a_values_file_outside_of_the_application_is_refused(call: Call, app: Path, path: str) -> None:
    (app / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    done = call(status=1, **parameters(path))
    assert (done.stdout, "a path in the folder" in done.stderr) == ("", True)


def test_a_failure_prints_no_manifests_and_its_reason(call: Call, app: Path) -> None:
    (app / "web.yaml").write_text(DEPLOYMENT)
    (app / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\nspec: {containers: 1}\n")
    done = call(status=1)
    assert done.stdout == ""
    assert "broken.yaml:3: /spec/containers" in done.stderr


def test_an_application_can_be_strict(call: Call, app: Path) -> None:
    skipped = DEPLOYMENT.replace(
        "labels: {app: web}\n    spec", 'labels: {"logs.example.com/inject": "false"}\n    spec'
    )
    (app / "web.yaml").write_text(skipped)
    assert sorted_containers(call().stdout) == {"web": ["web"]}
    assert "skipped" in call(status=1, ARGOCD_ENV_STRICT="true").stderr
