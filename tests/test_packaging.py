"""The wheel, installed and used from an empty folder: the commands, the templates inside, a profile outside.

Not here: what the commands do in detail; that is tests/cli.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

REPO = Path(__file__).resolve().parents[1]
EXAMPLES = REPO / "examples"
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}

# All of it shares one wheel and one environment.
pytestmark = pytest.mark.xdist_group("packaging")


@dataclass(frozen=True)
class Installed:
    """The installed wheel, and the empty folder that its commands run in."""

    bin: Path
    folder: Path

    def run(
        self, *arguments: str | Path, stdin: str = "", status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the command `injector`."""
        command = [str(self.bin / "injector"), *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            input=stdin,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done


def environment() -> Mapping[str, str]:
    """This process's environment without what would lead Python, or the injector, elsewhere."""
    unwanted = (
        "PYTHONPATH",
        "PYTHONHOME",
        "INJECTOR_DEBUG",
        "COVERAGE_PROCESS_START",
        "COVERAGE_PROCESS_CONFIG",
    )
    return {key: value for key, value in os.environ.items() if key not in unwanted}


def python(*arguments: str | Path) -> None:
    done = subprocess.run(
        [str(a) for a in arguments], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what the repository has, so that nothing is left in it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md"):
        shutil.copy(REPO / name, source)
    for name in ("injector", "templates"):
        shutil.copytree(REPO / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "hack").mkdir()
    for name in ("__init__.py", "ahead.py", "build_hook.py"):
        shutil.copy(REPO / "hack" / name, source / "hack")
    build = ("--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    python(sys.executable, "-m", "pip", "wheel", *build, "--wheel-dir", out, source)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own.

    Dependencies are those of this environment: a .pth file names their folder. Files named .pth in
    *that* folder are not read, so that an editable install there is not seen.
    """
    home = tmp_path_factory.mktemp("environment")
    python(sys.executable, "-m", "venv", "--without-pip", home)
    scheme = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    target = ("--prefix", str(home), "--no-deps", "--no-index", "--ignore-installed", "--quiet")
    python(home / "bin" / "python", "-c", "import sys; assert sys.prefix != sys.base_prefix")
    python(sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", *target, wheel)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(home / "bin", tmp_path_factory.mktemp("empty"))


def documents(text: str) -> list[dict[str, Any]]:
    """All objects of a YAML stream, those of Lists by themselves."""
    items: list[dict[str, Any]] = []
    for document in yaml.safe_load_all(text):
        items += document["items"] if document and document["kind"] == "List" else [document]
    return [document for document in items if document]


def template_of(workload: dict[str, Any]) -> dict[str, Any]:
    spec = workload["spec"]
    template: dict[str, Any] = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]
    return template


def container_names(template: dict[str, Any]) -> list[str]:
    spec = template["spec"]
    return [c["name"] for c in [*spec.get("initContainers", []), *spec["containers"]]]


def review_of(template: dict[str, Any]) -> str:
    """The AdmissionReview for a pod of a template."""
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**pod["metadata"], "generateName": "shop-archive-6b7f9c8d5-"}
    request = {
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": pod,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})


def test_the_wheel_holds_templates_licence_and_type_marker_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith("sidecar_injector-")
    for wanted in (
        "injector/templates/istio/profile.yaml",
        "injector/templates/istio/sidecar.yaml.j2",
        "injector/pages/explain.html.j2",
        "injector/pages/explain.css",
        "injector/pages/explain.js",
        "injector/py.typed",
    ):
        assert wanted in names
    assert {Path(n).name for n in names if ".dist-info/licenses/" in n} == {"LICENSE", "NOTICE"}
    assert {n.split("/")[0].split("-")[0] for n in names} == {"injector", "sidecar_injector"}


def test_every_shipped_template_is_in_the_wheel(wheel: Path) -> None:
    shipped = {p.relative_to(REPO).as_posix() for p in (REPO / "templates").rglob("*") if p.is_file()}
    names = {
        n.removeprefix("injector/")
        for n in zipfile.ZipFile(wheel).namelist()
        if n.startswith("injector/templates/")
    }
    assert names == shipped


def test_the_installed_package_is_the_one_that_runs(installed: Installed) -> None:
    code = "import injector; print(injector.__file__)"
    done = subprocess.run(
        [installed.bin / "python", "-c", code],
        cwd=installed.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).is_relative_to(installed.bin.parent)


def test_the_version_is_that_of_the_project(installed: Installed, wheel: Path) -> None:
    assert installed.run("--version").stdout.split()[-1] == wheel.name.split("-")[1]


@pytest.mark.parametrize(
    "command", ["kube-inject", "uninject", "explain", "admit", "check", "serve", "completion"]
)
def test_every_command_has_help(installed: Installed, command: str) -> None:
    assert installed.run(command, "--help").stdout.startswith(f"Usage: injector {command} ")


def test_the_shop_is_injected_and_no_file_is_left(installed: Installed) -> None:
    # Other tests may have written to this folder before.
    before = set(installed.folder.iterdir())
    items = documents(installed.run("kube-inject", "-f", EXAMPLES / "shop").stdout)
    workloads = {
        d["metadata"]["name"]: container_names(template_of(d)) for d in items if d["kind"] in WORKLOADS
    }
    injected = {name for name, containers in workloads.items() if "istio-proxy" in containers}
    assert set(workloads) - injected == {"collector", "legacy-bridge"}
    assert injected == {"cart", "catalog-v1", "catalog-v2", "migrate", "payments", "reports", "store", "web"}
    assert set(installed.folder.iterdir()) == before


def test_the_shop_comes_back_as_it_was(installed: Installed) -> None:
    injected = installed.run("kube-inject", "-f", EXAMPLES / "shop").stdout
    before = [d for path in sorted((EXAMPLES / "shop").glob("*.yaml")) for d in documents(path.read_text())]
    assert documents(installed.run("uninject", "-f", "-", stdin=injected).stdout) == before


LOG_SHIPPER = EXAMPLES / "log-shipper"


@pytest.fixture
def outside(tmp_path: Path) -> Callable[..., list[str | Path]]:
    """The log-shipper profile in a folder outside the package, as an argument."""
    shutil.copytree(LOG_SHIPPER, tmp_path / "profile")
    return lambda *more: ["--config", tmp_path / "profile" / "injector.yaml", *more]


def test_a_profile_outside_the_package_passes_its_check(
    installed: Installed, outside: Callable[..., list[str | Path]]
) -> None:
    assert "no errors" in installed.run("check", *outside()).stdout


def test_webhook_and_command_line_inject_a_profile_outside_the_package_alike(
    installed: Installed, outside: Callable[..., list[str | Path]]
) -> None:
    written = documents((LOG_SHIPPER / "deployment.yaml").read_text())[0]["spec"]["template"]
    by_file = documents(installed.run("kube-inject", *outside("-f", LOG_SHIPPER / "deployment.yaml")).stdout)[
        0
    ]
    review = json.loads(review_of(written))
    answer = json.loads(installed.run("admit", *outside("-f", "-"), stdin=review_of(written)).stdout)[
        "response"
    ]
    assert answer["allowed"] is True
    assert answer["auditAnnotations"]["reason"] == "opted-in-by-label"
    pod = jsonpatch.apply_patch(review["request"]["object"], json.loads(base64.b64decode(answer["patch"])))
    assert container_names(pod) == ["log-shipper", "archive"]
    assert pod["spec"]["containers"][0]["args"] == [
        "--from=/var/log/archive",
        "--to=collector.observability.svc:4318",
        "--source=shop-archive",
    ]
    assert pod["spec"]["containers"][1]["volumeMounts"] == [{"name": "logs", "mountPath": "/var/log/archive"}]
    assert pod["spec"] == by_file["spec"]["template"]["spec"]


def test_a_profile_outside_the_package_is_explained(
    installed: Installed, outside: Callable[..., list[str | Path]]
) -> None:
    report = installed.run("explain", *outside("-f", LOG_SHIPPER / "deployment.yaml")).stdout
    assert "opted-in-by-label" in report
    assert "logs.example.com/folder" in report


def test_an_explanation_is_written_as_a_page(installed: Installed, tmp_path: Path) -> None:
    installed.run("explain", "-f", EXAMPLES / "shop" / "cart.yaml", "--html", tmp_path / "cart.html")
    assert "Deployment shop/cart" in (tmp_path / "cart.html").read_text()


def test_a_profile_outside_the_package_decides_by_its_own_key(
    installed: Installed, outside: Callable[..., list[str | Path]]
) -> None:
    silent = (LOG_SHIPPER / "deployment.yaml").read_text().replace('ship: "true"', 'ship: "false"')
    done = installed.run("kube-inject", *outside("-f", "-"), stdin=silent)
    assert done.stdout == silent
    assert "opted-out-by-label" in done.stderr


def test_a_profile_outside_the_package_is_taken_out_again(
    installed: Installed, outside: Callable[..., list[str | Path]]
) -> None:
    injected = installed.run("kube-inject", *outside("-f", LOG_SHIPPER / "deployment.yaml")).stdout
    again = installed.run("uninject", *outside("-f", "-"), stdin=injected).stdout
    assert documents(again) == documents((LOG_SHIPPER / "deployment.yaml").read_text())


# --- without extras -----------------------------------------------------------------------------

BASE = ("click", "jinja2", "markupsafe", "yaml", "_yaml", "jsonpatch.py", "jsonpointer.py")


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment that has its dependencies and none of its extras."""
    home, packages = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("base")
    python(sys.executable, "-m", "venv", "--without-pip", home)
    for name in BASE:
        (packages / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    install = ("install", "--no-deps", "--no-index", "--quiet", wheel)
    python(sys.executable, "-m", "pip", "--python", home / "bin" / "python", *install)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    (site / "base.pth").write_text(f"{packages}\n")
    return Installed(home / "bin", tmp_path_factory.mktemp("nothing"))


@pytest.mark.parametrize(
    ("arguments", "extra", "status"),
    [(("serve",), "serve", 2), (("explain", "deploy/web"), "cluster", 1), (("audit",), "cluster", 1)],
)
def test_a_command_without_its_extra_names_the_wheel_that_has_it(
    bare: Installed, wheel: Path, arguments: tuple[str, ...], extra: str, status: int
) -> None:
    done = bare.run(*arguments, status=status)
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert error.endswith(f"packages that are not installed (extra '{extra}')")
    assert hint == f"  hint: run: {bare.bin / 'python'} -m pip install '{wheel}[{extra}]'"


def test_commands_without_a_cluster_need_no_extra(bare: Installed) -> None:
    assert "istio-proxy" in bare.run("kube-inject", "-f", EXAMPLES / "shop").stdout


def test_the_wheel_holds_its_templates_as_code(installed: Installed) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n"
    code = (
        "import sys; from injector.cli.main import main\n"
        "status = main(['kube-inject', '-f', '-', '-o', 'out.yaml'])\n"
        "print(status, 'injector.compiled_templates' in sys.modules, 'jinja2.compiler' in sys.modules)"
    )
    done = subprocess.run(
        [installed.bin / "python", "-c", code],
        cwd=installed.folder,
        input=pod,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "0 True False\n", done.stderr
