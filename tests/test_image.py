"""`make image`: the choice of the engine, the wheel, and the archive where no engine answers.

Not here: the archive format (test_oci.py), the Dockerfile (test_dockerfile.py), pods of the image
(tests/e2e).
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.image import __main__ as command
from hack.image import contents, oci
from hack.image.contents import REPO, ImageError

NAME = "registry.example.com/mesh/sidecar-injector:0.1.0"
Programs = Callable[..., Path]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins for container engines, as none is on every machine: they write down how they are called."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    calls.touch()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, status: int = 0) -> Path:
        program = folder / name
        program.write_text(f'#!{sys.executable}\nimport sys\nwith open("{calls}", "a") as file:\n')
        with program.open("a") as file:
            file.write(f'    print("{name}", *sys.argv[1:], file=file)\nsys.exit({status})\n')
        program.chmod(0o755)
        return calls

    return add


def test_the_first_engine_that_answers_is_taken(programs: Programs) -> None:
    # A client of Docker whose daemon does not run.
    programs("docker", 1)
    programs("buildah")
    programs("buildctl")
    assert command.engine("") == "buildah"


def test_where_none_answers_it_is_an_archive(programs: Programs) -> None:
    assert command.engine("") == "archive"
    programs("docker", 1)
    assert command.engine("") == "archive"


@pytest.mark.parametrize(("status", "problem"), [(None, "is not installed"), (1, "does not answer")])
def test_an_engine_that_was_named_has_to_answer(programs: Programs, status: int | None, problem: str) -> None:
    programs("docker")
    if status is not None:
        programs("podman", status)
    with pytest.raises(ImageError, match=rf"podman .*{problem}.*ENGINE=archive"):
        command.engine("podman")
    assert command.engine("archive") == "archive"


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_an_engine_builds_the_dockerfile_under_the_name_in_the_registry(
    name: str, programs: Programs, tmp_path: Path
) -> None:
    calls = programs(name)
    lines = command.make("registry.example.com/mesh", name, "base@sha256:1", tmp_path)
    build = calls.read_text().splitlines()[-1]
    assert build.startswith(f"{name} build --tag={NAME} --build-arg=VERSION=0.1.0 --build-arg=REVISION=")
    assert build.endswith("--build-arg=PYTHON_IMAGE=base@sha256:1 .")
    assert lines[-1] == f"next   {name} push {NAME}"
    assert [path.suffix for path in tmp_path.glob("sidecar*")] == [".whl"]


def test_buildctl_writes_an_archive() -> None:
    built = command.build_command("buildctl", NAME, {"VERSION": "0.1.0"}, Path("dist/x.tar"))
    assert built[:2] == ["buildctl", "build"]
    assert "--opt=build-arg:VERSION=0.1.0" in built
    assert built[-1] == f"--output=type=oci,name={NAME},dest=dist/x.tar"


def test_an_engine_that_fails_says_what_needs_none(programs: Programs, tmp_path: Path) -> None:
    programs("docker", 1)
    # It answers, and the build fails.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(command.ENGINES, "docker", (sys.executable, "-c", ""))
        with pytest.raises(ImageError, match="docker failed; ENGINE=archive"):
            command.make("registry.example.com/mesh", "docker", "", tmp_path)


@pytest.mark.parametrize(
    ("registry", "problem"),
    [
        ("", "not set"),
        ("https://registry.example.com", "no name of a registry"),
        ("registry.example.com/", "no name of a registry"),
        ("Registry.example.com", "no name of a registry"),
        ("registry.example.com/mesh:1", "no name of a registry"),
    ],
)
def test_without_the_name_of_a_registry_nothing_is_built(registry: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=f"REGISTRY is {problem}.*make image REGISTRY="):
        command.make(registry, dist=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("registry", ["registry.example.com", "localhost:5000/a", "r.example.com/a_b/c-d"])
def test_a_registry_is_a_host_with_a_path(registry: str) -> None:
    assert command.name_of(registry) == f"{registry}/sidecar-injector:0.1.0"


def test_make_gives_the_variables_of_the_person_to_the_command() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "image", "REGISTRY=r.example.com", "ENGINE=podman", "PYTHON_IMAGE=base"],
        cwd=REPO,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = '-m hack.image --registry "r.example.com" --engine "podman" --python-image "base"'
    assert wanted in done.stdout


# --- the archive ------------------------------------------------------------------------------------------


def test_two_wheels_and_two_images_of_it_are_the_same_bytes(tmp_path: Path) -> None:
    images, wheels = [], []
    for name in ("one", "two"):
        folder = tmp_path / name
        wheels.append(command.wheel(folder))
        # Without Python and the packages, which would take a minute: they are treated alike.
        picked = list(contents.of_wheel(wheels[-1], folder / "unpacked"))
        images.append(oci.write(contents.image(NAME, picked), folder / "image.tar"))
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    assert images[0].read_bytes() == images[1].read_bytes()


def test_the_archive_has_the_files_of_the_wheel_and_what_starts_them(tmp_path: Path) -> None:
    picked = list(contents.of_wheel(command.wheel(tmp_path), tmp_path / "unpacked"))
    target = oci.write(contents.image(NAME, picked), tmp_path / "image.tar")
    with tarfile.open(target) as archive:
        blobs = {name: file.read() for name in archive.getnames() if (file := archive.extractfile(name))}

    def blob(descriptor: dict[str, str]) -> bytes:
        return blobs["blobs/" + descriptor["digest"].replace(":", "/")]

    (described,) = json.loads(blobs["index.json"])["manifests"]
    assert described["annotations"]["io.containerd.image.name"] == NAME
    assert oci.digest_of(target) == described["digest"]
    manifest = json.loads(blob(described))
    config = json.loads(blob(manifest["config"]))["config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["/usr/local/bin/injector"], ["serve"])
    assert config["User"] == "65532:65532"
    with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as layer:
        names = set(layer.getnames())
    wanted = {
        "usr/local/bin/injector",
        "app/injector/cli/main.py",
        "app/injector/templates/istio/profile.yaml",
    }
    assert wanted <= names
    assert [name for name in names if name.startswith("app/injector/cli/__pycache__/main.")] != []
    assert not [name for name in names if name.startswith(("app/tests", "app/hack", "bin/"))]
