"""The blocks of the pages on pipelines, run as a reader would, with the real programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.beds.apiserver.bed import ApiServer
from tests.pipelines.conftest import DEPLOYMENT, REPO, Programs
from tests.pipelines.test_helm import chart
from tests.pipelines.test_krm import CONTAINER

PAGES = REPO / "docs" / "how-to"
PAGES_ON_PIPELINES = (
    "render-with-helm.md",
    "render-with-kustomize.md",
    "render-with-argocd.md",
    "render-with-flux.md",
    "kubectl-plugin.md",
)
_BLOCK = re.compile(
    r"^## (?P<heading>[^\n]*)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(page: str, language: str = "sh") -> list[tuple[str, str]]:
    """The blocks of a page in a language, each with its heading."""
    out, heading = [], ""
    for match in _BLOCK.finditer((PAGES / page).read_text()):
        heading = match["heading"] or heading
        if match["language"] == language:
            out.append((heading, match["text"]))
    return out


def shell(programs: Programs, text: str, env: dict[str, str]) -> str:
    return programs.run("sh", "-euc", text, env=env).stdout


@pytest.fixture
def in_cluster(bed: ApiServer, namespace: str, programs: Programs) -> dict[str, str]:
    """The variables by which kubectl and helm use a namespace of their own in the cluster."""
    config = yaml.safe_load(bed.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    path = programs.folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return {"KUBECONFIG": str(path)}


@pytest.fixture
def overlay(programs: Programs) -> Path:
    folder = programs.folder / "overlays" / "prod"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    (folder / "web.yaml").write_text(DEPLOYMENT)
    return folder


@pytest.mark.parametrize(
    ("version", "headings"),
    [("helm4", {"Helm 4"}), ("helm3", {"Helm 3", "Configuration and flags", "Without a post-renderer"})],
)
def test_the_page_on_helm(
    programs: Programs, in_cluster: dict[str, str], version: str, headings: set[str]
) -> None:
    (programs.bin / version).rename(programs.bin / "helm")
    (programs.folder / "contrib").symlink_to(REPO / "contrib")
    (programs.folder / "prod.yaml").write_text("{}\n")
    chart(programs.folder / "shop", {"web.yaml": DEPLOYMENT})
    run = [text for heading, text in blocks("render-with-helm.md") if heading in headings]
    assert len(run) == {"helm4": 2, "helm3": 3}[version]
    for text in run:
        shell(programs, text, in_cluster)
    names = shell(programs, "kubectl get deployment web -o yaml", in_cluster)
    assert "name: shipper" in names


def test_the_page_on_kubectl(programs: Programs, in_cluster: dict[str, str], overlay: Path) -> None:
    (programs.folder / "shop.yaml").write_text(DEPLOYMENT)
    (overlay / "kustomization.yaml").write_text("resources: [web.yaml]\nnameSuffix: -prod\n")
    for _, text in blocks("kubectl-plugin.md"):
        shell(programs, text, in_cluster)
    for name in ("web", "web-prod"):
        assert "name: shipper" in shell(programs, f"kubectl get deployment {name} -o yaml", in_cluster)


def test_the_page_on_kustomize(programs: Programs, in_cluster: dict[str, str], overlay: Path) -> None:
    whole, function, check = [text for _, text in blocks("render-with-kustomize.md")]
    shell(programs, whole, in_cluster)
    assert "name: shipper" in shell(programs, "kubectl get deployment web -o yaml", in_cluster)
    shell(programs, "kubectl delete deployment web", in_cluster)
    shell(programs, function, in_cluster)
    assert "name: istio-proxy" in shell(programs, "kubectl get deployment web -o yaml", in_cluster)
    shell(programs, check, in_cluster)
    # kubectl in the place of kustomize, which does not call the function.
    (programs.bin / "kustomize").unlink()
    (programs.bin / "kustomize").write_text(
        "#!/bin/sh\nshift\nexec kubectl kustomize --enable-alpha-plugins overlays/prod\n"
    )
    (programs.bin / "kustomize").chmod(0o755)
    done = programs.run("sh", "-euc", check, env=in_cluster, status=1)
    assert "1 file would change" in done.stderr


def test_the_page_on_kustomize_has_the_command_that_is_tested() -> None:
    ((_, text),) = blocks("render-with-kustomize.md", "dockerfile")
    entry = re.search(r"ENTRYPOINT (\[.*\])", text)
    assert entry
    assert json.loads(entry[1]) == [f"/opt/injector/bin/{CONTAINER[0]}", *CONTAINER[1:]]


# What the patch of the page is for: the Deployment of Argo CD, with the parts that the plugin uses.
REPO_SERVER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-repo-server}
spec:
  selector: {matchLabels: {app: repo-server}}
  template:
    metadata: {labels: {app: repo-server}}
    spec:
      containers: [{name: argocd-repo-server, image: "argocd:3"}]
      volumes:
      - {name: var-files, emptyDir: {}}
      - {name: plugins, emptyDir: {}}
"""


def test_the_page_on_argo_cd(programs: Programs, in_cluster: dict[str, str]) -> None:
    (programs.folder / "contrib").symlink_to(REPO / "contrib")
    programs.run("kubectl", "apply", "-f", "-", stdin=REPO_SERVER, env=in_cluster)
    ((_, text),) = blocks("render-with-argocd.md")
    shell(programs, text, in_cluster)
    get = "kubectl get deployment argocd-repo-server -o yaml"
    pod = yaml.safe_load(shell(programs, get, in_cluster))["spec"]["template"]["spec"]
    containers = {each["name"]: each for each in pod["containers"]}
    assert containers.keys() == {"argocd-repo-server", "sidecar-injector"}
    mounted = {each["name"] for each in containers["sidecar-injector"]["volumeMounts"]}
    assert mounted <= {each["name"] for each in pod["volumes"]}
    data = yaml.safe_load(
        shell(programs, "kubectl get configmap sidecar-injector-plugin -o yaml", in_cluster)
    )
    assert data["data"].keys() == {"plugin.yaml", "injector.yaml"}


def test_the_page_on_flux(programs: Programs, overlay: Path) -> None:
    (programs.folder / "deploy").mkdir()
    identity = {
        f"GIT_{who}_{what}": "ci@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    shell(programs, "git init -q --bare ../remote && git init -q && git remote add origin ../remote", {})
    shell(programs, "git config push.autoSetupRemote true && git add . && git commit -qm start", identity)
    commit, check = [text for _, text in blocks("render-with-flux.md")]
    for _ in range(2):
        shell(programs, commit, identity)
    count = "git -C ../remote log --all --format=%s"
    assert shell(programs, count, {}).splitlines() == ["Render the shop with sidecars", "start"]
    assert "name: shipper" in (programs.folder / "deploy" / "shop.yaml").read_text()
    shell(programs, check, {})
    (overlay / "web.yaml").write_text(DEPLOYMENT.replace("web:1", "web:2"))
    done = programs.run("sh", "-euc", check, status=1)
    assert "+      - image: web:2" in done.stdout
    # A workload that is refused changes neither the file nor the remote.
    (overlay / "web.yaml").write_text(
        DEPLOYMENT.replace('name: web\n        image: "web:1"', "name: 1\n        image: [a]")
    )
    programs.run("sh", "-euc", commit, env=identity, status=1)
    assert "web:1" in (programs.folder / "deploy" / "shop.yaml").read_text()
    assert len(shell(programs, count, {}).splitlines()) == 2


def test_all_pages_on_pipelines_start_with_something_to_copy() -> None:
    for page in PAGES_ON_PIPELINES:
        before, fence, _ = (PAGES / page).read_text().partition("```sh\n")
        assert fence
        assert len(before.splitlines()) < 10
