"""The images that the node itself needs: the pause container and CoreDNS.

Here: their content, and the cache of archives. Not here: the format (hack/image/oci.py); the images of a
mesh and of test pods, that is mesh/.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from hack.image import oci
from tests.beds.node.layout import IMAGE_PREFIX
from tests.beds.programs import build

# A tag other than latest: the pull policy is IfNotPresent, so nothing is ever asked of a registry.
PAUSE = f"{IMAGE_PREFIX}pause:1"
COREDNS = f"{IMAGE_PREFIX}coredns:1"
_PAUSE_SOURCE = Path(__file__).with_name("pause.c")


def node_archives() -> list[Path]:
    """Return the archives of the node's images, made where they are not in the cache yet."""
    return [_pause_archive(), _coredns_archive()]


def pause_is_kept() -> bool:
    """Whether the pause image is there, so that no C compiler is needed."""
    return _archive_path("pause", _PAUSE_SOURCE.read_bytes()).exists()


def _pause_archive() -> Path:
    target = _archive_path("pause", _PAUSE_SOURCE.read_bytes())
    if target.exists():
        return target
    gcc = shutil.which("gcc")
    if not gcc:
        raise build.BuildError(
            "gcc is missing, which compiles the pause image (apt-get install gcc libc6-dev)"
        )
    with tempfile.TemporaryDirectory() as scratch:
        binary = Path(scratch) / "pause"
        command = [gcc, "-static", "-O2", "-s", "-o", str(binary), str(_PAUSE_SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise build.BuildError(f"gcc cannot compile {_PAUSE_SOURCE.name}: {done.stderr.strip()[-300:]}")
        return _write(target, oci.Image(PAUSE, oci.program(binary, "/pause"), ["/pause"], user="65535:65535"))


def _coredns_archive() -> Path:
    binary = build.programs(["coredns"])["coredns"]
    target = _archive_path("coredns", str(binary).encode())
    if target.exists():
        return target
    entries = oci.program(binary, "/coredns")
    return _write(target, oci.Image(COREDNS, entries, ["/coredns"], user="65532:65532"))


def _archive_path(name: str, made_of: bytes) -> Path:
    """Return the path of an archive in the cache; what it is made of is a part of its name."""
    recipe = Path(oci.__file__).read_bytes() + Path(__file__).read_bytes() + made_of
    return build.cache_folder() / "images" / f"{name}-{hashlib.sha256(recipe).hexdigest()[:16]}.tar"


def _write(target: Path, image: oci.Image) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with build.locked(target.with_suffix(".lock"), f"makes the image {image.name}"):
        return oci.write(image, target)
