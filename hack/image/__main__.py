"""Builds the wheel and the image of the injector: `python -m hack.image`, which `make image` runs.

Here: the wheel in dist/, the choice of a container engine, and the archive where there is none. Not here:
what an engine does (Dockerfile), what the archive holds (contents.py).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hack.image import contents, oci
from hack.image.contents import REPO, ImageError
from hack.release import versions

DIST = REPO / "dist"
NAME = "sidecar-injector"
ARCHIVE = "archive"
# By a command that only succeeds where images can be built: a client of Docker without its daemon cannot.
ENGINES: Mapping[str, Sequence[str]] = {
    "docker": ("docker", "version"),
    "podman": ("podman", "info"),
    "buildah": ("buildah", "info"),
    "buildctl": ("buildctl", "debug", "workers"),
}

_REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, for its status and what it prints."""
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)


def shown(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout; a person sees its output."""
    return subprocess.run(command, cwd=REPO, text=True, check=False)


def version() -> str:
    """The version of wheel, image and chart."""
    return versions()["pyproject.toml version"]


def wheel(folder: Path) -> Path:
    """Build the wheel with the pinned backend of this environment; it fetches nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")
    with tempfile.TemporaryDirectory(prefix="wheel-") as scratch:
        done = run([sys.executable, "-m", "pip", "wheel", *flags, f"--wheel-dir={scratch}", str(REPO)])
        if done.returncode:
            raise ImageError(f"the wheel cannot be built: {(done.stderr or done.stdout).strip()[-500:]}")
        (built,) = Path(scratch).glob("*.whl")
        return Path(shutil.move(built, folder / built.name))


def engine(wanted: str, run: Run = run) -> str:
    """The container engine to use, or `archive`; a wanted one has to answer."""
    if wanted == ARCHIVE:
        return ARCHIVE
    for name, command in ENGINES.items():
        if wanted not in ("", name):
            continue
        if shutil.which(name) is None:
            problem = "is not installed"
        elif run(command).returncode:
            problem = "is installed, but does not answer"
        else:
            return name
        if wanted:
            raise ImageError(f"{name} {problem}: start it, or use ENGINE={ARCHIVE}")
    return ARCHIVE


def build_command(engine: str, image: str, arguments: Mapping[str, str], archive: Path) -> list[str]:
    """The command by which an engine builds the Dockerfile."""
    pairs = [f"{key}={value}" for key, value in arguments.items()]
    if engine == "buildctl":
        options = [f"--opt=build-arg:{pair}" for pair in pairs]
        places = ["--frontend=dockerfile.v0", "--local=context=.", "--local=dockerfile=."]
        return [engine, "build", *places, *options, f"--output=type=oci,name={image},dest={archive}"]
    return [engine, "build", f"--tag={image}", *(f"--build-arg={pair}" for pair in pairs), "."]


def archive(image: str, wheel: Path, target: Path) -> Path:
    """Write the image as an OCI archive, of files of this machine."""
    with tempfile.TemporaryDirectory(prefix="image-") as scratch:
        picked = [*contents.others(), *contents.of_wheel(wheel, Path(scratch))]
        return oci.write(contents.image(image, picked), target)


def name_of(registry: str) -> str:
    """The name of the image in a registry, which is the value image.registry of the chart."""
    if not _REGISTRY.fullmatch(registry):
        hint = "the host and path of yours, such as make image REGISTRY=registry.example.com/mesh"
        raise ImageError(f"REGISTRY is {'not set' if not registry else 'no name of a registry'}: {hint}")
    return f"{registry}/{NAME}:{version()}"


def make(registry: str, wanted: str = "", base: str = "", dist: Path = DIST) -> list[str]:
    """Build both; returns the lines that say what there is now, and what to do with it."""
    image, chosen = name_of(registry), engine(wanted)
    built = wheel(dist)
    lines = [f"wheel  {os.path.relpath(built, REPO)}", f"image  {image}"]
    target = dist / f"{NAME}-{version()}-{oci.architecture()}.tar"
    if chosen == ARCHIVE:
        archive(image, built, target)
    else:
        # An unpacked source archive has no revision.
        revision = run(["git", "rev-parse", "HEAD"]).stdout.strip() if shutil.which("git") else ""
        arguments = {"VERSION": version(), "REVISION": revision, **({"PYTHON_IMAGE": base} if base else {})}
        if shown(build_command(chosen, image, arguments, target)).returncode:
            raise ImageError(f"{chosen} failed; ENGINE={ARCHIVE} needs neither an engine nor a base image")
        if chosen != "buildctl":
            return [*lines, f"next   {chosen} push {image}"]
    place = os.path.relpath(target, REPO)
    return [
        *lines,
        f"       {oci.digest_of(target)}",
        f"       in {place}, {'by ' + chosen if chosen != ARCHIVE else 'of the Python of this machine'}",
        f"next   skopeo copy oci-archive:{place} docker://{image}",
        f"       or, for a cluster of kind: kind load image-archive {place}",
    ]


def main() -> int:
    """Build the wheel and the image, and print where they are."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__.partition("\n")[0])
    parser.add_argument("--registry", default="", help="host and path of your registry")
    parser.add_argument(
        "--engine", default="", choices=["", *ENGINES, ARCHIVE], help="default: the first that answers"
    )
    parser.add_argument("--python-image", default="", help="base image for an engine, best with its digest")
    options = parser.parse_args()
    try:
        print("\n".join(make(options.registry, options.engine, options.python_image)))
    except (ImageError, FileNotFoundError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
