"""Charts through the post-renderer, with the real Helm 3 and Helm 4."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector import __version__
from tests.beds.apiserver.bed import ApiServer
from tests.pipelines.conftest import DEPLOYMENT, REPO, Programs

PLUGIN = REPO / "contrib" / "helm4-plugin"
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {"helm.sh/hook": pre-install}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: "migrate:1"}]
"""
TEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: check
  annotations: {"helm.sh/hook": test}
spec:
  containers: [{name: check, image: "check:1"}]
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: batch}
spec:
  containers: [{name: batch, image: "batch:1"}]
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: pages}
data: {greeting: hello}
"""
TEMPLATES = {
    "web.yaml": DEPLOYMENT,
    "hook.yaml": HOOK,
    "tests/check.yaml": TEST,
    "pod.yaml": POD,
    "pages.yaml": CONFIG_MAP,
}
VERSIONS = ("helm3", "helm4")

Helm = Callable[..., subprocess.CompletedProcess[str]]


def chart(folder: Path, templates: dict[str, str]) -> Path:
    folder.mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    for name, text in templates.items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def helm(version: str, programs: Programs) -> Helm:
    """Helm with the post-renderer and what is passed to it."""
    if version == "helm4":
        programs.run("helm4", "plugin", "install", PLUGIN)

    def run(*command: str | Path, passed: tuple[str, ...] = (), **more: Any) -> Any:
        renderer = {"helm3": "injector-post-renderer", "helm4": "injector"}[version]
        arguments = [f"--post-renderer-args={each}" for each in passed]
        return programs.run(version, *command, "--post-renderer", renderer, *arguments, **more)

    return run


def objects(text: str) -> dict[str, Any]:
    return {item["metadata"]["name"]: item for item in yaml.safe_load_all(text) if item}


def containers(item: Any) -> list[str]:
    spec = item["spec"]["template"]["spec"] if "template" in item["spec"] else item["spec"]
    return [each["name"] for each in (*spec.get("initContainers", ()), *spec["containers"])]


def sorted_containers(text: str) -> dict[str, list[str]]:
    return {name: sorted(containers(item)) for name, item in objects(text).items() if "spec" in item}


def test_a_chart_is_injected_and_its_hooks_are_left_alone(helm: Helm, programs: Programs) -> None:
    done = helm("template", "shop", chart(programs.folder / "chart", TEMPLATES))
    assert sorted_containers(done.stdout) == {
        "web": ["shipper", "web"],
        "batch": ["batch", "shipper"],
        "migrate": ["migrate"],
        "check": ["check"],
    }
    assert "pages" in objects(done.stdout)


# Helm 3 sends no hooks to a post-renderer.
HOOKS_INJECTED = {
    "helm3": {"migrate": ["migrate"], "check": ["check"]},
    "helm4": {"migrate": ["migrate", "shipper"], "check": ["check", "shipper"]},
}


def test_a_flag_injects_the_hooks_that_helm_sends(helm: Helm, version: str, programs: Programs) -> None:
    folder = chart(programs.folder / "chart", TEMPLATES)
    done = helm("template", "shop", folder, passed=("--hooks",))
    assert sorted_containers(done.stdout).items() >= HOOKS_INJECTED[version].items()


# A chart of the test, and that of the injector, with what it needs to render.
CHARTS = {"shop": (), "injector": ("--set", "global.imageRegistry=registry.example.com")}


@pytest.mark.parametrize("name", CHARTS)
def test_all_but_the_sidecar_is_what_helm_renders_without_the_post_renderer(
    helm: Helm, version: str, programs: Programs, name: str
) -> None:
    shop = chart(programs.folder / "shop", TEMPLATES)
    folder = shop if name == "shop" else REPO / "charts" / name
    plain = programs.run(version, "template", "shop", folder, *CHARTS[name]).stdout
    rendered = helm("template", "shop", folder, *CHARTS[name]).stdout
    assert "name: shipper" in rendered
    undone = programs.run("injector", "uninject", "-f", "-", stdin=rendered).stdout
    before, after = (list(filter(None, yaml.safe_load_all(text))) for text in (plain, undone))
    assert before == after
    # Each document is from its template still, so the order of installation is the same.
    sources = [line for line in rendered.splitlines() if line.startswith("# Source:")]
    assert sources == [line for line in plain.splitlines() if line.startswith("# Source:")]


def test_helm_3_can_call_the_command_itself(programs: Programs) -> None:
    folder = chart(programs.folder / "chart", TEMPLATES)
    long = [f"--post-renderer-args={each}" for each in ("render", "--post-renderer")]
    template = ("helm3", "template", "shop", folder, "--post-renderer")
    by_command = programs.run(*template, "injector", *long).stdout
    assert by_command == programs.run(*template, "injector-post-renderer").stdout
    assert "name: shipper" in by_command


def test_nothing_of_the_pipeline_is_in_what_is_installed(helm: Helm, programs: Programs) -> None:
    done = helm("template", "shop", chart(programs.folder / "chart", TEMPLATES))
    assert "postrenderer.helm.sh" not in done.stdout


def test_comments_of_the_templates_survive(helm: Helm, programs: Programs) -> None:
    done = helm("template", "shop", chart(programs.folder / "chart", TEMPLATES))
    for comment in ("# The shop's pages.", "# its name", "# pinned"):
        assert comment in done.stdout


@pytest.mark.parametrize("templates", [{"pages.yaml": CONFIG_MAP}, {"empty.yaml": ""}], ids=["map", "none"])
def test_a_chart_without_workloads_passes(
    helm: Helm, version: str, programs: Programs, templates: dict[str, str]
) -> None:
    folder = chart(programs.folder / "chart", templates)
    plain = programs.run(version, "template", "shop", folder).stdout
    assert objects(helm("template", "shop", folder).stdout) == objects(plain)


@pytest.mark.parametrize("side", ["client", "server"])
def test_install_as_a_dry_run_shows_the_sidecar(
    helm: Helm, programs: Programs, bed: ApiServer, namespace: str, side: str
) -> None:
    folder = chart(programs.folder / "chart", TEMPLATES)
    flags = (f"--dry-run={side}", "--namespace", namespace)
    done = helm("install", "shop", folder, *flags, env={"KUBECONFIG": str(bed.kubeconfig)})
    assert done.stdout.count("name: shipper") == 2


# --- failures -----------------------------------------------------------------------------------


# The configuration, a template more, what is passed to the post-renderer, and a part of the message.
FAILURES = {
    "configuration": ("profil: istio\n", "", (), "injector.yaml:1"),
    "flag": ("profile: ./logship\n", "", ("--hoks",), "--hoks"),
    "workload": (
        "profile: ./logship\n",
        "kind: Pod\nspec: {containers: 1}\n",
        (),
        "the template is shop/templates/more.yaml",
    ),
}


@pytest.fixture(params=list(FAILURES.values()), ids=list(FAILURES))
def failure(request: pytest.FixtureRequest, programs: Programs) -> tuple[Path, tuple[str, ...], str]:
    config, template, passed, message = request.param
    (programs.folder / "injector.yaml").write_text(config)
    return chart(programs.folder / "chart", {**TEMPLATES, "more.yaml": template}), passed, message


def test_a_failure_shows_its_reason_in_helm_3(
    programs: Programs, failure: tuple[Path, tuple[str, ...], str]
) -> None:
    folder, passed, message = failure
    arguments = [f"--post-renderer-args={each}" for each in passed]
    renderer = ("--post-renderer", "injector-post-renderer", *arguments)
    done = programs.run("helm3", "template", "shop", folder, *renderer, status=1)
    assert (done.stdout, message in done.stderr) == ("", True)


@pytest.mark.parametrize("version", ["helm4"], indirect=True)
def test_a_failure_under_helm_4_shows_its_reason_in_a_file(
    helm: Helm, programs: Programs, failure: tuple[Path, tuple[str, ...], str]
) -> None:
    folder, passed, message = failure
    done = helm("template", "shop", folder, passed=passed, status=1, env={"INJECTOR_REPORT": "report.txt"})
    assert done.stdout == ""
    # What Helm 4 says is not enough.
    assert message not in done.stderr
    assert message in (programs.folder / "report.txt").read_text()


@pytest.mark.parametrize("version", ["helm4"], indirect=True)
def test_a_failure_under_helm_4_shows_its_reason_on_the_terminal(
    helm: Helm, programs: Programs, failure: tuple[Path, tuple[str, ...], str]
) -> None:
    folder, passed, message = failure
    arguments = [f"--post-renderer-args={each}" for each in passed]
    shown = on_a_terminal(
        programs, "helm4", "template", "shop", folder, "--post-renderer=injector", *arguments
    )
    assert message in shown


def test_the_report_of_a_success_is_in_the_file(helm: Helm, programs: Programs) -> None:
    folder = chart(programs.folder / "chart", TEMPLATES)
    helm("template", "shop", folder, env={"INJECTOR_REPORT": "report.txt"})
    report = (programs.folder / "report.txt").read_text()
    assert "injected  Deployment web:" in report


def on_a_terminal(programs: Programs, *command: str | Path) -> str:
    """Run a command in a session with a terminal of its own; returns what that shows."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(programs.folder)
        program = str(programs.bin / command[0])
        os.execve(program, [str(part) for part in command], dict(programs.variables))
    shown = b"".join(read_until_closed(terminal))
    os.close(terminal)
    os.waitpid(process, 0)
    return shown.decode()


def read_until_closed(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side is closed
            return
        if not block:
            return
        yield block


# --- the plugin ---------------------------------------------------------------------------------


def test_the_plugin_has_the_version_of_the_injector() -> None:
    assert yaml.safe_load((PLUGIN / "plugin.yaml").read_text())["version"] == __version__


# A chart writes no namespace; Helm 4 has that of the release in the environment of its plugins.
NAMESPACES = {"injected": {}, "not injected": {"HELM_PLUGIN_NAME": "injector", "HELM_NAMESPACE": "quiet"}}
QUIET = """\
apiVersion: v1
kind: Namespace
metadata: {name: quiet, labels: {istio-injection: disabled}}
"""


@pytest.mark.parametrize("environment", NAMESPACES.values(), ids=NAMESPACES.keys())
def test_the_namespace_of_the_release_counts(programs: Programs, environment: dict[str, str]) -> None:
    (programs.folder / "injector.yaml").write_text("profile: istio\n")
    (programs.folder / "namespaces.yaml").write_text(QUIET)
    command = ("injector-post-renderer", "--objects", "namespaces.yaml")
    done = programs.run(*command, stdin=DEPLOYMENT, env=environment)
    assert (done.stdout == DEPLOYMENT) == bool(environment)


# --- its flag -----------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [("-f", "web.yaml"), ("web.yaml",), ("-k", "."), ("--helm", ".")])
def test_a_post_renderer_reads_nothing_but_stdin(programs: Programs, others: tuple[str, ...]) -> None:
    done = programs.run("injector", "render", "--post-renderer", *others, stdin=DEPLOYMENT, status=2)
    assert "cannot be combined" in done.stderr
    assert done.stdout == ""
