"""What a release is made of: the packages in the image, the workflow, the versions.

`serve` is started with the packages of requirements/serve.txt and nothing else. Not here: the wheel
(test_packaging.py), the image (test_dockerfile.py, test_image.py).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hack import release
from hack.image import contents
from tests.beds.keys import write_server_keys

REPO = Path(__file__).resolve().parents[1]
SERVE, DEV, BUILD = (REPO / "requirements" / f"{name}.txt" for name in ("serve", "dev", "build"))
WORKFLOW = REPO / ".github" / "workflows" / "release.yml"
# Hosts that images and packages come from, and addresses of any kind.
ADDRESS = re.compile(r"[a-z]+://(?!\$)|\b(?:docker|ghcr|gcr|quay|pypi|k8s)\.(?:io|org)\b|\bpkg\.dev\b")


def pins(file: Path) -> dict[str, list[str]]:
    """Version and hashes of what a requirements file pins, by name."""
    blocks = re.findall(r"^(\S+)==(\S+).*((?:\n    --hash=.+)+)$", file.read_text(), re.MULTILINE)
    return {
        canonicalize_name(name): [version, *re.findall(r"\w{64}", rest)] for name, version, rest in blocks
    }


def test_the_image_holds_what_the_wheel_needs_in_the_versions_that_the_tests_run_with() -> None:
    pinned, tested = pins(SERVE), pins(DEV)
    assert {canonicalize_name(each.metadata["Name"]) for each in contents.needed()} <= set(pinned)
    assert pinned == {name: tested[name] for name in pinned}


def test_the_project_allows_the_versions_that_the_tests_run_with_and_one_minor_version_of_uvicorn() -> None:
    with (REPO / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"].values()
    allowed = [
        Requirement(each) for each in project["dependencies"] + [name for extra in extras for name in extra]
    ]
    tested = {name: version for name, (version, *_) in pins(DEV).items()}
    assert [str(each) for each in allowed if tested[canonicalize_name(each.name)] not in each.specifier] == []
    (uvicorn,) = (each.specifier for each in allowed if each.name == "uvicorn")
    major, minor = map(int, tested["uvicorn"].split(".")[:2])
    assert f"{major}.{minor + 1}" not in uvicorn
    assert f"{major}.{minor - 1}.99" not in uvicorn


def test_the_version_is_the_same_everywhere_and_another_tag_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (version,) = set(release.versions().values())
    release.main(f"v{version}")
    assert "the tag is" not in capsys.readouterr().err
    assert release.main("v99.0.0") == 1
    assert "Chart.yaml appVersion" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("heading", "status"),
    [
        ("## [{0}] - 2026-02-01", 0),
        ("## [{0}] - Unreleased", 1),
        ("## [{0}]", 1),
        ("## [{0}-rc.1] - 2026-02-01", 1),
    ],
)
def test_a_version_is_released_on_a_day(
    heading: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (version,) = set(release.versions().values())
    for name in ("pyproject.toml", "charts/injector/Chart.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((REPO / name).read_text())
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading.format(version)}\n")
    monkeypatch.setattr(release, "REPO", tmp_path)
    assert release.main(f"v{version}") == status


def test_the_changelog_has_one_section_for_what_comes_and_a_dated_one_for_each_release() -> None:
    first, *released = re.findall(r"^## (.+)$", (REPO / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first == "[Unreleased]"
    parts = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in released]
    assert all(parts)
    versions = [tuple(map(int, part.groups()[:3])) for part in parts if part]
    days = [part[4] for part in parts if part]
    assert versions == sorted(set(versions), reverse=True)
    assert days == sorted(days, reverse=True)


def test_nothing_is_published_before_the_tests_have_passed() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]

    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        return {
            each for need in ([needs] if isinstance(needs, str) else needs) for each in {need} | before(need)
        }

    assert all("test" in before(name) for name in set(jobs) - {"test"})
    assert all("permissions" in job and "timeout-minutes" in job for job in jobs.values())


def needed_to_build() -> set[str]:
    """The build backend of pyproject.toml, and all that it needs on this Python."""
    with (REPO / "pyproject.toml").open("rb") as file:
        waiting = [Requirement(each) for each in tomllib.load(file)["build-system"]["requires"]]
    names: set[str] = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name not in names and (one.marker is None or one.marker.evaluate({"extra": ""})):
            names.add(name)
            waiting += map(Requirement, metadata.requires(name) or ())
    return names


def test_the_build_backend_is_pinned_with_hashes_in_the_versions_that_the_tests_run_with() -> None:
    pinned, tested = pins(BUILD), pins(DEV)
    assert set(pinned) == needed_to_build()
    assert pinned == {name: tested[name] for name in pinned}
    assert all(len(hashes) > 0 for _, *hashes in pinned.values())


def test_the_wheel_is_built_with_the_pinned_backend_and_fetches_nothing() -> None:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["wheel"]["steps"]
    install, build = (step["run"].split() for step in steps if " pip " in step.get("run", ""))
    assert install[3:] == ["install", "--require-hashes", "--requirement", "requirements/build.txt"]
    assert build[3] == "wheel"
    assert {"--no-deps", "--no-build-isolation", "--no-index"} <= set(build)


def test_no_job_installs_what_has_no_hash() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    lines = [
        line for job in jobs.values() for step in job["steps"] for line in step.get("run", "").splitlines()
    ]
    installs = [
        line
        for line in lines
        if re.search(r"\b(pip|npm|go|gem|apt-get)\b.* install\b|\bcurl\b|\bwget\b", line)
    ]
    assert all("--require-hashes" in line for line in installs)


def test_the_chart_is_packed_by_the_helm_that_the_tests_run() -> None:
    tested = re.search(r"helm\.sh/helm/v3 (v\S+)", (REPO / "tests/beds/programs/helm3/go.mod").read_text())
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["chart"]["steps"]
    (used,) = (step for step in steps if "setup-helm" in step.get("uses", ""))
    assert tested is not None
    assert used["with"]["version"] == tested[1]


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore", "requirements/serve.txt", BUILD, WORKFLOW])
def test_no_address_is_written_down(name: str | Path) -> None:
    assert not ADDRESS.findall((REPO / name).read_text())


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with the packages that serve.txt names, and no other."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in pins(SERVE):
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another Python or system
        for top in {Path(str(file)).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(str(distribution.locate_file(top)))
    return folder


@pytest.fixture
def health(packages: Path, tmp_path: Path) -> Iterator[str]:
    """`serve`, ready, with these packages only; its health listener."""
    write_server_keys(tmp_path, "injector.mesh.svc")
    (tmp_path / "injector.yaml").write_text("profile: istio\nserver: {drainSeconds: 0}\n")
    command = [sys.executable, "-S", "-P", "-m", "injector.cli.main", "serve", "--config=injector.yaml"]
    command += ["--namespaces=off", "--tls-cert=tls.crt", "--tls-key=tls.key"]
    command += ["--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0"]
    environ = {**os.environ, "PYTHONPATH": f"{packages}:{REPO}"}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if '"event":"listening"' in line:
                    yield json.loads(line)["health"]
                    break
            else:
                pytest.fail("".join(said))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def test_serve_needs_no_other_packages(health: str) -> None:
    with urllib.request.urlopen(f"http://{health}/readyz", timeout=60) as answer:
        assert json.load(answer)["ready"] is True
    with urllib.request.urlopen(f"http://{health}/metrics", timeout=60) as answer:
        assert b"\ninjector_ready 1.0\n" in answer.read()
