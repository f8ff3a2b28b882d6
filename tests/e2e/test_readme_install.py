"""The README's install, word by word, next to an istiod on a node of its own, with the image of `make image`.

Not here: upgrades and the end of a release (test_chart.py), what the README prints (tests/test_readme.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.image.__main__ import archive, name_of, wheel
from tests.beds.mesh import applications, images
from tests.beds.mesh import bed as meshes
from tests.beds.mesh.bed import Mesh
from tests.beds.node.bed import Cluster
from tests.beds.plugin import require, required
from tests.beds.programs import build

REPO = Path(__file__).resolve().parents[2]
REGISTRY = "sidecar.test"
COMMAND_SECONDS = 400.0


def commands() -> str:
    """The first indented block below the heading Install."""
    section = (REPO / "README.md").read_text().partition("\n## Install\n")[2]
    block = re.search(r"(?:^    .*\n)+", section, re.MULTILINE)
    assert block is not None
    return re.sub("^    ", "", block[0], flags=re.MULTILINE)


def filled_in(text: str) -> str:
    """With the names that a reader puts there."""
    names = {"REGISTRY": REGISTRY, "HUB": images.HUB, "TAG": images.TAG}
    for word, name in names.items():
        assert re.search(rf"\b{word}\b", text), word
        text = re.sub(rf"\b{word}\b", name, text)
    return text


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A node of its own, as another injector would take the same pods."""
    require(Cluster)
    required("helm", build.unavailable(["helm4"]))
    required("mesh", meshes.unavailable())
    with Cluster.running(keep=lambda: request.session.testsfailed > 0) as running:
        # Where the cluster is another, it skips: the names of the README may be taken there.
        assert running.node_ip
        yield running


@pytest.fixture(scope="module")
def mesh(cluster: Cluster) -> Iterator[Mesh]:
    """An istiod that injects nothing."""
    with meshes.mesh(cluster) as running:
        yield running


@pytest.fixture(scope="module")
def shop(cluster: Cluster, mesh: Mesh) -> str:
    """The namespace of the README with a Deployment, which runs without a sidecar."""
    del mesh  # its proxies need it
    cluster.load([applications.traffic_image()])
    cluster.make_namespace(name="shop")
    cluster.kubectl("create", "-f", "-", manifest=applications.server("web", "shop"))
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=200s")
    return "shop"


@pytest.fixture(scope="module")
def environment(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a reader has: helm and kubectl under these names, and a current context."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "helm").symlink_to(build.programs(["helm4"])["helm4"])
    (folder / "kubectl").symlink_to(build.programs(["kubectl"])["kubectl"])
    home = str(tmp_path_factory.mktemp("home"))
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": home,
        "KUBECONFIG": str(cluster.kubeconfig),
        **{f"HELM_{what}_HOME": home for what in ("CACHE", "CONFIG", "DATA")},
    }


@pytest.fixture(scope="module")
def installed(
    cluster: Cluster, shop: str, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """What the commands of the README print, each of which has to succeed."""
    del shop  # it has the namespace that they name
    folder = tmp_path_factory.mktemp("image")
    cluster.load([archive(name_of(REGISTRY), wheel(folder), folder / "image.tar")])
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-eux", "-c", filled_in(commands())],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_readme_installs_checks_labels_and_restarts() -> None:
    words = [line.split()[:2] for line in commands().replace("\\\n", " ").splitlines()]
    assert words == [["helm", "install"], ["helm", "test"], ["kubectl", "label"], ["kubectl", "rollout"]]


def test_the_check_of_the_release_succeeds(installed: str) -> None:
    assert re.search(r"^Phase:\s+Succeeded$", installed, re.MULTILINE)
    assert "development image" not in installed


def test_a_pod_of_the_labelled_namespace_is_ready_with_its_sidecar(cluster: Cluster, installed: str) -> None:
    del installed
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=200s")
    cluster.kubectl("wait", "pod", "-n", "shop", "-l", "app=web", "--for=condition=Ready", "--timeout=200s")
    pods = json.loads(cluster.kubectl("get", "pods", "-n", "shop", "-o", "json"))["items"]
    (pod,) = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    proxies = [c for c in pod["spec"].get("initContainers", ()) if c["name"] == "istio-proxy"]
    assert [proxy["image"] for proxy in proxies] == [f"{images.HUB}/proxyv2:{images.TAG}"]
    statuses = [*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]]
    assert {status["name"] for status in statuses if status["ready"]} >= {"istio-proxy", "app"}
