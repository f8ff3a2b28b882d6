"""The plugin of kubectl and its completion, called by the real kubectl."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.beds.apiserver.bed import ApiServer
from tests.pipelines.conftest import DEPLOYMENT, Programs
from tests.pipelines.test_helm import sorted_containers


@pytest.fixture
def web(programs: Programs) -> Path:
    path = programs.folder / "web.yaml"
    path.write_text(DEPLOYMENT)
    return path


def test_kubectl_lists_the_plugin(programs: Programs) -> None:
    done = programs.run("kubectl", "plugin", "list")
    assert str(programs.bin / "kubectl-inject") in done.stdout.split()
    assert "warning" not in done.stderr


def test_kubectl_inject_renders_files(programs: Programs, web: Path) -> None:
    done = programs.run("kubectl", "inject", "-f", web.name)
    assert sorted_containers(done.stdout) == {"web": ["shipper", "web"]}
    assert done.stdout == programs.run("injector", "render", "-f", web.name).stdout


@pytest.mark.usefixtures("web")
def test_kubectl_inject_reads_stdin_and_folders_of_kustomize(programs: Programs) -> None:
    (programs.folder / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    for arguments, stdin in ((("-f", "-"), DEPLOYMENT), (("-k", "."), "")):
        done = programs.run("kubectl", "inject", *arguments, stdin=stdin)
        assert sorted_containers(done.stdout) == {"web": ["shipper", "web"]}


def test_a_wrong_flag_is_answered_by_the_name_that_was_called(programs: Programs) -> None:
    done = programs.run("kubectl", "inject", "--dif", status=2)
    assert "see 'kubectl inject --help'" in done.stderr
    assert "Usage: kubectl inject [OPTIONS]" in programs.run("kubectl", "inject", "--help").stdout


def test_the_result_can_be_applied(programs: Programs, web: Path, bed: ApiServer, namespace: str) -> None:
    env = {"KUBECONFIG": str(bed.kubeconfig)}
    injected = programs.run("kubectl", "inject", "-f", web.name, env=env).stdout
    apply = ("kubectl", "apply", "--dry-run=server", "-f", "-", "-n", namespace)
    assert "deployment.apps/web created" in programs.run(*apply, stdin=injected, env=env).stdout


def test_the_flags_of_kubectl_name_a_cluster_whose_namespaces_count(
    programs: Programs, web: Path, bed: ApiServer, namespace: str
) -> None:
    config = yaml.safe_load(bed.kubeconfig.read_text())
    context = config["contexts"][0]["name"]
    (programs.folder / "injector.yaml").write_text("profile: istio\n")
    inject = ("kubectl", "inject", "-f", web.name, "-n", namespace)
    cluster = ("--kubeconfig", bed.kubeconfig, "--context", context)
    for word in ("enabled", "disabled"):
        label = ("kubectl", "label", "namespace", namespace, f"istio-injection={word}", "--overwrite")
        programs.run(*label, env={"KUBECONFIG": str(bed.kubeconfig)})
        done = programs.run(*inject, *cluster)
        assert ("name: istio-proxy" in done.stdout) == (word == "enabled")


# The words after `kubectl`, some of the lines, and what the shell does with them: 0 completes files,
# 4 completes none.
COMPLETIONS = {
    "flag": (("inject", "--di"), ["--diff"], 4),
    "choice": (("inject", "--fail-on", ""), ["warning", "note"], 4),
    "file": (("inject", "-f", ""), [], 0),
    "argument": (("inject", ""), [], 0),
    "context": (("inject", "--context", "be"), ["bed-one"], 4),
}
CONTEXTS = """\
apiVersion: v1
kind: Config
contexts:
- {name: bed-one, context: {cluster: one}}
- {name: other, context: {cluster: one}}
"""


@pytest.mark.parametrize(
    ("words", "expected", "directive"), list(COMPLETIONS.values()), ids=list(COMPLETIONS)
)
def test_kubectl_completes_the_plugin(
    programs: Programs, words: tuple[str, ...], expected: list[str], directive: int
) -> None:
    (programs.folder / "contexts").write_text(CONTEXTS)
    env = {"KUBECONFIG": str(programs.folder / "contexts")}
    lines = programs.run("kubectl", "__complete", *words, env=env).stdout.splitlines()
    assert [line.partition("\t")[0] for line in lines[:-1]] == expected
    assert lines[-1] == f":{directive}"


def test_completion_writes_nothing_else(programs: Programs) -> None:
    done = programs.run("kubectl_complete-inject", "--no-such-flag", "")
    assert (done.stderr, done.stdout.splitlines()[-1][:1]) == ("", ":")
